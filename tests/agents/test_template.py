"""A new agent's package: its name, its files, and that it runs, with the tests that come with it."""

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from pathlib import Path

import pytest

from netsiege.agents import BaseAgent, template
from netsiege.agents.registry import GROUP
from netsiege.agents.template import MAX_NAME_CHARS, check_package_name, class_name, make_package
from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from tests.agents.blocks import SILENT
from tests.e2e.conftest import RunningHub, netsiege
from tests.e2e.test_hub import _tiny_task

ROLES = [role.value for role in AgentRole]
MYPY = f"[mypy]\nstrict = True\nmypy_path = src:{Path(__file__).parents[2] / 'src'}\n{SILENT}"
LONGEST = "an_agent_whose_name_is_very_long"


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": "src"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why", "nearest"),
    [
        ("", "letter first", "my_agent"),
        ("class", "keyword", "my_class"),
        ("random", "module of Python's own", "my_random"),
        ("sys", "module of Python's own", "my_sys"),
        ("deep/agent", "path", "agent"),
        ("deep\\agent", "path", "agent"),
        ("..", "path", "my_agent"),
        ("été", "lower-case letters", "ete"),
        ("日本", "lower-case letters", "my_agent"),
        ("2fast", "letter first", "my_2fast"),
        ("MyAgent", "lower-case letters", "my_agent"),
        ("my agent", "lower-case letters", "my_agent"),
        ("agent_", "no underscore last", "agent"),
        ("agent\n", "lower-case letters", "agent"),
        ("x" * 33, "more than 32", "x" * 32),
        ("tests", "pytest", "my_tests"),
        ("base-agent", "BaseAgent", "my_base_agent"),
        ("yaml", "PyYAML has it", "my_yaml"),
        ("netsiege", "netsiege has it", "my_netsiege"),
        ("random-defender", "'random-defender' already", "my_random_defender"),
    ],
)
def test_name_that_cannot_be_a_package_is_refused_with_the_nearest_that_can(name, why, nearest, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be the name") as refused:
        make_package(name, tmp_path)
    assert why in str(refused.value)
    assert str(refused.value).endswith(f"try {nearest!r}")
    assert check_package_name(nearest) == nearest
    assert files_below(tmp_path) == []


def test_dashes_become_underscores_and_the_user_is_told(tmp_path):
    made = make_package("my-agent", tmp_path)
    assert (made.package, made.agent, made.cls) == ("my_agent", "my-agent", "MyAgent")
    assert made.folder == tmp_path / "my_agent"
    assert "'my-agent' is made as 'my_agent'" in made.notes[0]
    assert make_package("other_agent", tmp_path).notes == ()


def test_unknown_role_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="roles: Attacker"):
        make_package("my_agent", tmp_path, "Spectator")
    assert files_below(tmp_path) == []


# --- files ------------------------------------------------------------------------------------------------


def test_folder_that_is_not_empty_is_left_as_it_is(tmp_path):
    (tmp_path / "my_agent").mkdir()
    (tmp_path / "my_agent" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        make_package("my_agent", tmp_path)
    assert files_below(tmp_path) == ["my_agent", "my_agent/mine.txt"]


def test_file_or_link_of_that_name_is_left_as_it_is(tmp_path):
    (tmp_path / "a_file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a_link").symlink_to("empty")
    for name in ("a_file", "a_link"):
        with pytest.raises(ConfigError, match="not overwritten"):
            make_package(name, tmp_path)
    assert files_below(tmp_path) == ["a_file", "a_link", "empty"]


def test_empty_folder_is_used_and_missing_ones_are_made(tmp_path):
    (tmp_path / "my_agent").mkdir()
    assert make_package("my_agent", tmp_path).folder.is_dir()
    made = make_package("my_agent", tmp_path / "deep" / "down")
    assert sorted(str(f) for f in made.files) == [f for f in files_below(made.folder) if "." in f]
    assert files_below(tmp_path)[:3] == ["deep", "deep/down", "deep/down/my_agent"]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_package_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch, failure):
    write = Path.write_text

    def full(path, *arguments, **options):
        if path.name == "README.md":
            raise failure
        return write(path, *arguments, **options)

    monkeypatch.setattr(template.Path, "write_text", full)
    with pytest.raises((ConfigError, KeyboardInterrupt)) as raised:
        make_package("my_agent", tmp_path / "deep")
    assert isinstance(failure, KeyboardInterrupt) or "No space left" in str(raised.value)
    assert files_below(tmp_path) == []


# --- what is made -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_package_offers_its_agent_and_passes_its_own_tests(role, tmp_path, monkeypatch):
    made = make_package(f"fresh_{role.lower()}", tmp_path, role)
    project = tomllib.loads((made.folder / "pyproject.toml").read_text())["project"]
    [(name, value)] = project["entry-points"][GROUP].items()
    monkeypatch.syspath_prepend(made.folder / "src")
    cls = EntryPoint(name, value, GROUP).load()
    assert issubclass(cls, BaseAgent)
    assert cls.plays == (AgentRole(role),)
    assert name == made.agent
    done = run(made.folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_package_whose_agent_repeats_itself_fails_its_own_tests(tmp_path):
    made = make_package("my_agent", tmp_path)
    module = made.folder / "src" / "my_agent" / "__init__.py"
    module.write_text(module.read_text().replace("self.tried |= {action}", "pass"))
    done = run(made.folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 1
    assert "test_attacker_plays_valid_actions_and_none_twice" in done.stdout


def test_agent_plays_over_a_hub_without_being_installed(tmp_path):
    made = make_package("my_agent", tmp_path)
    hub = RunningHub("--workers", "1")
    try:
        done = netsiege(
            *("agent", "run", "my_agent:MyAgent", "--hub", hub.address, "--seats", "2", "--json"),
            cwd=made.folder / "src",
        )
    finally:
        errors = hub.stop()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("AgentStatus.Success") == 2
    assert "Traceback" not in errors


@pytest.mark.soak
def test_packages_that_are_installed_are_listed_and_play_together_over_a_hub(tmp_path):
    needs_what_builds_packages()
    made = [make_package(f"fresh_{role.lower()}", tmp_path, role) for role in ROLES]
    python = environment(tmp_path / "environment")
    for each in made:
        # no index: nothing is fetched, so that this holds without a network too
        done = run_by(python, "pip", "install", "-q", "--no-index", "--no-deps", *PIP, "-e", each.folder)
        assert done.returncode == 0, done.stderr
    listed = json.loads(run_by(python, "netsiege", "agent", "list", "--json").stdout)
    assert {each["name"]: each["plays"] for each in listed if each["name"].startswith("fresh-")} == {
        each.agent: [each.role.value] for each in made
    }
    names = ("--attacker", made[0].agent, "--defender", made[1].agent)
    done = run_by(python, "netsiege", "play", *names, "--episodes", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert [each["agent"] for each in json.loads(done.stdout)["seats"][:2]] == [
        each.agent for each in made[:2]
    ]
    task = tmp_path / "together.yaml"
    seats = ", ".join(f"{role}: 1" for role in ROLES)
    task.write_text(f"name: together\nseats: {{{seats}}}\n{_tiny_task()}")
    hub = RunningHub("--task", str(task))
    try:
        options = ("--hub", hub.address, "--seats", "2", "--episodes", "2", "--json")
        playing = [
            subprocess.Popen(
                [python, "-m", "netsiege", "agent", "run", each.agent, *options], stdout=subprocess.PIPE
            )
            for each in made
        ]
        told = [json.loads(each.communicate(timeout=60)[0]) for each in playing]
    finally:
        errors = hub.stop()
    assert [each.returncode for each in playing] == [0, 0, 0]
    assert [len(each) for each in told] == [4, 4, 4]
    assert "Traceback" not in errors


PIP = ("--no-build-isolation", "--disable-pip-version-check")


def needs_what_builds_packages():
    for name, least in (
        ("pip", 1),
        ("setuptools", 77),
    ):  # looked at from outside: both patch what imports them
        try:
            found = int(version(name).split(".")[0])
        except PackageNotFoundError:
            found = 0
        if found < least:
            pytest.skip(f"no {name} of version {least} or newer is installed here")


def environment(folder):
    """A virtual environment with all that is installed where the tests run; its Python."""
    venv.create(folder)
    python = folder / "bin" / "python"
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    its_own = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    lines = "".join(f"import site; site.addsitedir({each!r})\n" for each in sorted(shared))
    (Path(its_own) / "shared.pth").write_text(lines)
    return python


def run_by(python, *words):
    return subprocess.run(
        [python, "-m", *words],
        cwd=Path(python).parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["me", LONGEST])
@pytest.mark.parametrize("role", ROLES)
def test_package_is_laid_out_as_ruff_does_it(role, name, tmp_path):
    pytest.importorskip("ruff")
    assert len(LONGEST) == MAX_NAME_CHARS
    folder = make_package(name, tmp_path, role).folder
    for command in (["check"], ["format", "--check"]):
        done = run(folder, "ruff", *command, "--isolated", "--no-cache", ".")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.soak
@pytest.mark.parametrize("role", ROLES)
def test_package_is_typed(role, tmp_path):
    pytest.importorskip("mypy")
    made = make_package("my_agent", tmp_path, role)
    (made.folder / "mypy.ini").write_text(MYPY)
    done = run(made.folder, "mypy", "src", "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_class_name_is_the_package_in_capitals():
    assert class_name("my_2_agents") == "My2Agents"
