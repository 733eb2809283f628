"""The image, its entry script and the compose file: what can be known about them without a container engine.

Every command that they or their README name is parsed by the real command line.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns, rmtree
from typing import Any

import pytest
import typer.main
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NOBODY = 65534

FAKE_NETSIEGE = """#!/bin/sh
echo "$$"
for argument in "$@"; do printf '%s\\n' "$argument"; done
"""


# -- reading the files ------------------------------------------------------------------------------------


def with_defaults(value: Any) -> Any:
    """Compose's `${NAME:-default}`, as it reads in an environment without NAME."""
    if isinstance(value, str):
        return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
    if isinstance(value, list):
        return [with_defaults(item) for item in value]
    if isinstance(value, dict):
        return {key: with_defaults(item) for key, item in value.items()}
    return value


COMPOSE: dict[str, Any] = with_defaults(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))
SERVICES: dict[str, Any] = COMPOSE["services"]


def option(service: str, name: str) -> str:
    words: list[str] = SERVICES[service]["command"]
    return words[words.index(name) + 1]


def joined_lines(text: str) -> list[str]:
    """Lines without comments and with those that end in a backslash made one."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line.strip() for line in kept.replace("\\\n", " ").splitlines() if line.strip()]


def instructions(name: str) -> list[str]:
    """The rest of each line of the Dockerfile that starts with the instruction `name`."""
    lines = joined_lines((DEPLOY / "Dockerfile").read_text())
    return [line.split(maxsplit=1)[1] for line in lines if line.split()[0] == name]


def copied_sources() -> list[str]:
    """What the Dockerfile copies from the build context, relative to its root."""
    found = []
    for words in map(str.split, instructions("COPY")):
        if not any(word.startswith("--from=") for word in words):
            found += [word for word in words if not word.startswith("--")][:-1]
    return found


def setup_cfg() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser()
    parsed.read(ROOT / "setup.cfg")
    return parsed


def pairs(text: str) -> dict[str, str]:
    """The `key = value` lines of one option of setup.cfg."""
    split = (line.partition("=") for line in text.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, _, value in split}


def readme_blocks() -> str:
    """All shell examples of the README."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", (DEPLOY / "README.md").read_text(), flags=re.DOTALL))


def readme_container_arguments() -> list[list[str]]:
    """What the README's `docker run` lines hand to the entry script."""
    runs = [shlex.split(line) for line in joined_lines(readme_blocks()) if line.startswith("docker run")]
    return [words[words.index("netsiege") + 1 :] for words in runs]


def parse(arguments: Sequence[str]) -> None:
    """Let the real command line parse these arguments of `netsiege`; it raises for what it does not know."""
    from netsiege import cli  # noqa: PLC0415 - the other tests here need no command line

    command: Any = typer.main.get_command(cli.app)
    words, name = list(arguments), "netsiege"
    while hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"no command {name!r} among {sorted(command.commands)}"
        command = command.commands[name]
    command.make_context(name, words)


# -- the entry script -------------------------------------------------------------------------------------


class Container:
    """A folder in the place of /netsiege; its `netsiege` on PATH prints its process id and arguments."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.task = home / "task.yaml"
        self.pid = 0
        copy2(DEPLOY / "entrypoint.sh", home / "entrypoint.sh")
        fake = home / "bin" / "netsiege"
        fake.parent.mkdir()
        fake.write_text(FAKE_NETSIEGE)
        fake.chmod(0o755)

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


OPEN_HUB = ["hub", "--bind", "tcp://0.0.0.0:9100", "--workers-bind", "tcp://0.0.0.0:9101", "--insecure"]


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


def test_entrypoint_alone_serves_the_default_room(container: Container) -> None:
    code, lines, _ = container.run()
    assert (code, lines[1:]) == (0, OPEN_HUB)


def test_entrypoint_with_a_mounted_task_serves_it(container: Container) -> None:
    container.task.touch()
    code, lines, _ = container.run()
    assert (code, lines[1:]) == (0, [*OPEN_HUB, "--task", str(container.task)])


def test_entrypoint_default_hub_says_that_it_has_no_keys(container: Container) -> None:
    _, _, err = container.run()
    assert "without keys" in err
    assert "127.0.0.1:9100:9100" in err


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


# -- the compose file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_compose_command_is_accepted_by_the_cli(service: str) -> None:
    parse(SERVICES[service]["command"])


@pytest.mark.parametrize("service", ["attacker", "defender"])
def test_compose_agents_are_registered_ones(service: str) -> None:
    registered = pairs(setup_cfg()["options.entry_points"]["netsiege.agents"])
    assert SERVICES[service]["command"][2] in registered


@pytest.mark.parametrize(
    ("service", "bound"), [("worker", "--workers-bind"), ("attacker", "--bind"), ("defender", "--bind")]
)
def test_compose_service_finds_the_hub_where_it_listens(service: str, bound: str) -> None:
    port = option("hub", bound).rpartition(":")[2]
    assert option(service, "--hub") == f"tcp://hub:{port}"
    assert SERVICES[service]["depends_on"] == ["hub"]
    assert set(SERVICES[service]["networks"]) & set(SERVICES["hub"]["networks"])


def test_compose_publishes_only_to_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_compose_workers_port_is_not_published() -> None:
    workers_port = option("hub", "--workers-bind").rpartition(":")[2]
    assert not [port for port in SERVICES["hub"]["ports"] if port.endswith(f":{workers_port}")]


def test_compose_networks_let_only_the_hub_out() -> None:
    internal = {name for name, network in COMPOSE["networks"].items() if (network or {}).get("internal")}
    assert {name for name, service in SERVICES.items() if set(service["networks"]) - internal} == {"hub"}


def test_compose_worker_can_be_scaled() -> None:
    assert not {"container_name", "hostname", "ports"} & set(SERVICES["worker"])


@pytest.mark.parametrize("service", SERVICES)
def test_compose_image_is_built_from_this_tree(service: str) -> None:
    assert SERVICES[service]["pull_policy"] == "build"
    build = SERVICES[service]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


# -- the image --------------------------------------------------------------------------------------------


def test_dockerfile_sources_exist_and_enter_the_context() -> None:
    ignore = joined_lines((DEPLOY / "Dockerfile.dockerignore").read_text())
    sources = copied_sources()
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert ignore[0] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == set(sources)


def test_dockerfile_copies_the_folder_of_every_package() -> None:
    folders = {folder.split("/")[0] for folder in pairs(setup_cfg()["options"]["package_dir"]).values()}
    assert folders <= set(copied_sources())


def test_dockerfile_ends_as_a_fixed_user_without_rights() -> None:
    user = instructions("USER")[-1]
    number = user.partition(":")[0]
    assert int(number) > 0
    assert f"--uid {number} " in " ".join(instructions("RUN"))


def test_dockerfile_exposes_what_the_default_hub_binds(container: Container) -> None:
    _, lines, _ = container.run()
    bound = {line.rpartition(":")[2] for line in lines if line.startswith("tcp://")}
    assert set(instructions("EXPOSE")[0].split()) == bound


def package_files(packages: Sequence[str]) -> list[Path]:
    """Modules and data of the packages in the tree, as paths in a folder of installed packages."""
    folders = [ROOT / "src" / package.replace(".", "/") for package in packages]
    found = {file for folder in folders for kind in ("*.py", "*.yaml") for file in folder.rglob(kind)}
    return sorted(file.relative_to(ROOT / "src") for file in found)


@pytest.mark.soak
def test_wheel_of_the_copied_sources_is_complete(tmp_path: Path) -> None:
    """The steps of the image's first stage; what pip needs to build comes from the package index."""
    source, wheels, site, empty = (tmp_path / name for name in ("source", "wheels", "site", "empty"))
    for folder in (source, empty):
        folder.mkdir()
    for name in copied_sources():
        if (ROOT / name).is_dir():
            copytree(ROOT / name, source / name, symlinks=True, ignore=ignore_patterns("__pycache__"))
        else:
            (source / name).parent.mkdir(exist_ok=True)
            copy2(ROOT / name, source / name)

    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--wheel-dir", wheels, "."], cwd=source, check=True)
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", site, *wheels.iterdir()], check=True)

    packages = setup_cfg()["options"]["packages"].split()
    script = f"import {', '.join(packages)}, netsiege.cli; print(netsiege.__file__)"
    # the dependencies are this interpreter's; PYTHONPATH comes before its own netsiege
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, cwd=empty, env=environment, check=True, capture_output=True, text=True)
    assert Path(run.stdout.strip()) == site / "netsiege" / "__init__.py"
    assert [file for file in package_files(packages) if not (site / file).is_file()] == []


# -- the README -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", readme_container_arguments(), ids=" ".join)
def test_readme_docker_run_is_accepted_by_the_cli(arguments: list[str]) -> None:
    if arguments:
        parse(arguments)


def test_readme_publishes_only_to_loopback() -> None:
    published = re.findall(r"(?:-p|--publish) (\S+)", readme_blocks())
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
