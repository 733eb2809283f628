"""The image's entry script, with a `netsiege` that only says how it was called.

The commands that it would run are parsed by the real command line.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copy2, rmtree

import pytest

from tests.deploy.files import DEPLOY, instructions, parse

NOBODY = 65534

FAKE_NETSIEGE = """#!/bin/sh
echo "$$"
for argument in "$@"; do printf '%s\\n' "$argument"; done
"""
FAKE_ISSUE_KEYS = """#!/bin/sh
mkdir "$NETSIEGE_HOME/keys"
"""


class Container:
    """A folder in the place of /netsiege; its `netsiege` on PATH prints its process id and arguments."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.task = home / "task.yaml"
        self.pid = 0
        copy2(DEPLOY / "entrypoint.sh", home / "entrypoint.sh")
        (home / "bin").mkdir()
        for name, text in (("netsiege", FAKE_NETSIEGE), ("netsiege-issue-keys", FAKE_ISSUE_KEYS)):
            (home / "bin" / name).write_text(text)
            (home / "bin" / name).chmod(0o755)

    @property
    def default_hub(self) -> list[str]:
        """What a container without arguments becomes."""
        ports = ["--bind", "tcp://0.0.0.0:9100", "--workers-bind", "tcp://0.0.0.0:9101"]
        return ["hub", *ports, "--keys", str(self.home / "keys")]

    def run(self, *arguments: str, user: int | None = None) -> tuple[int, list[str], str]:
        """Exit code, the lines that `netsiege` printed, and what came on stderr."""
        environment = {"PATH": f"{self.home / 'bin'}:{os.defpath}", "NETSIEGE_HOME": str(self.home)}
        process = subprocess.Popen(
            ["sh", self.home / "entrypoint.sh", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=user,
        )
        out, err = process.communicate(timeout=30)
        self.pid = process.pid
        return process.returncode, out.splitlines(), err


@pytest.fixture
def container() -> Iterator[Container]:
    # not tmp_path: only its owner may enter that, and one test runs as somebody else
    home = Path(tempfile.mkdtemp(prefix="netsiege-"))
    home.chmod(0o755)
    yield Container(home)
    rmtree(home)


@pytest.mark.parametrize(
    "arguments",
    [
        ["play"],
        ["--help"],
        ["hub", "--task", "a file.yaml", ""],
        ["agent", "run", "x", "--hub", "tcp://hub:1"],
    ],
)
def test_entrypoint_with_arguments_passes_them_on_untouched(
    container: Container, arguments: list[str]
) -> None:
    container.task.touch()
    code, lines, err = container.run(*arguments)
    assert (code, lines[1:], err) == (0, arguments, "")
    assert not (container.home / "keys").exists()


def test_entrypoint_alone_serves_the_default_room_with_keys(container: Container) -> None:
    code, lines, _ = container.run()
    assert (code, lines[1:]) == (0, container.default_hub)
    assert (container.home / "keys").is_dir()


def test_entrypoint_whose_keys_cannot_be_made_does_not_start_a_hub(container: Container) -> None:
    (container.home / "keys").touch()
    code, lines, err = container.run()
    assert (code, lines) == (1, [])
    assert str(container.home / "keys") in err


def test_entrypoint_with_a_mounted_task_serves_it(container: Container) -> None:
    container.task.touch()
    code, lines, _ = container.run()
    assert (code, lines[1:]) == (0, [*container.default_hub, "--task", str(container.task)])


def test_entrypoint_default_hub_says_how_to_let_somebody_in(container: Container) -> None:
    _, _, err = container.run()
    command = shlex.split(err[err.index("netsiege keys") :])
    assert command[-1] == "NAME"
    parse(command[1:])


@pytest.mark.parametrize("arguments", [[], ["worker"]])
def test_entrypoint_becomes_netsiege_so_that_signals_reach_it(
    container: Container, arguments: list[str]
) -> None:
    _, lines, _ = container.run(*arguments)
    assert int(lines[0]) == container.pid


def test_entrypoint_with_a_folder_for_a_task_refuses_with_advice(container: Container) -> None:
    container.task.mkdir()
    code, lines, err = container.run()
    assert (code, lines) == (2, [])
    assert "is a folder" in err


def test_entrypoint_with_an_unreadable_task_refuses_with_advice(container: Container) -> None:
    container.task.touch(mode=0)
    user = NOBODY if os.geteuid() == 0 else None  # root reads everything
    code, lines, err = container.run(user=user)
    assert (code, lines) == (2, [])
    assert "may not read" in err


@pytest.mark.parametrize("mounted", [False, True])
def test_entrypoint_default_command_is_accepted_by_the_cli(container: Container, mounted: bool) -> None:
    if mounted:
        container.task.touch()
    _, lines, _ = container.run()
    parse(lines[1:])


def test_dockerfile_exposes_what_the_default_hub_binds(container: Container) -> None:
    _, lines, _ = container.run()
    bound = {line.rpartition(":")[2] for line in lines if line.startswith("tcp://")}
    assert set(instructions("EXPOSE")[0].split()) == bound
