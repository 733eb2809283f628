"""Who gets which key under compose: the script that makes them, and the volumes that hand them out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from netsiege.hub.authority import Authorized, AuthorizedFile, Right
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, IDENTITY, Keys, load_pair
from tests.deploy.files import DEPLOY, SERVICES, instructions

SCRIPT = DEPLOY / "issue-keys.sh"
WANTED: list[str] = SERVICES["keys"]["command"]


class Home:
    """A folder in the place of /netsiege."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub = folder / "keys"

    def issue(self, *wanted: str, netsiege: str | None = None) -> tuple[int, str]:
        """Runs the script with these arguments; exit code and stderr. `netsiege` is a script in its place."""
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        command = netsiege or f'exec "{sys.executable}" -m netsiege "$@"'
        (programs / "netsiege").write_text(f"#!/bin/sh\n{command}\n")
        (programs / "netsiege").chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{programs}:{os.defpath}",
            "NETSIEGE_HOME": str(self.folder),
            "NETSIEGE_KEYS": str(self.hub),
        }
        done = subprocess.run(
            ["sh", SCRIPT, *wanted], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout == ""
        return done.returncode, done.stderr

    def keys(self, name: str) -> Keys:
        """What a container of that name loads."""
        return Keys.load(self.folder / "issued" / name)

    @property
    def authorized(self) -> Authorized:
        return AuthorizedFile(self.hub / AUTHORIZED_KEYS).load()

    @property
    def files(self) -> dict[str, bytes]:
        kept = (self.hub, self.folder / "issued")
        return {str(f): f.read_bytes() for folder in kept for f in folder.rglob("*") if f.is_file()}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """After the first start of the compose file."""
    home = Home(tmp_path_factory.mktemp("home"))
    assert home.issue(*WANTED)[0] == 0
    return home


@pytest.fixture
def home(first: Home, tmp_path: Path) -> Home:
    """A copy of it."""
    copytree(first.folder, tmp_path / "home")
    return Home(tmp_path / "home")


# -- the script -------------------------------------------------------------------------------------------


def test_issue_keys_first_gives_everyone_a_key_with_their_right(first: Home) -> None:
    hub = load_pair(first.hub / HUB_KEY)
    granted = {grant.name: (key, grant) for key, grant in first.authorized.keys.items()}
    assert set(granted) == {"operator", "worker", "attacker", "defender"}
    for name, right, roles in (
        ("worker", Right.WORKER, ()),
        ("attacker", Right.AGENT, ("Attacker",)),
        ("defender", Right.AGENT, ("Defender",)),
    ):
        keys = first.keys(name)
        key, grant = granted[name]
        assert (keys.own.public, keys.hub) == (key, hub.public)
        assert (grant.right, grant.roles) == (right, roles)
    assert Keys.load(first.hub).own.public == granted["operator"][0]


def test_issue_keys_leaves_in_a_folder_nothing_but_its_own_key(first: Home) -> None:
    for name in ("worker", "attacker", "defender"):
        assert sorted(os.listdir(first.folder / "issued" / name)) == ["hub.pub", "identity.key"]
    secret = load_pair(first.hub / HUB_KEY).secret
    assert len({first.keys(name).own.secret for name in ("worker", "attacker", "defender")} | {secret}) == 4


def test_issue_keys_again_changes_nothing_and_starts_nothing(home: Home) -> None:
    before = home.files
    assert home.issue(*WANTED, netsiege="exit 70") == (0, "")
    assert home.files == before


def test_issue_keys_after_a_revocation_does_not_let_the_key_in_again(home: Home) -> None:
    AuthorizedFile(home.hub / AUTHORIZED_KEYS).revoke("worker")
    before = home.files
    assert home.issue(*WANTED)[0] == 0
    assert home.files == before


def test_issue_keys_for_an_emptied_folder_replaces_the_key(home: Home) -> None:
    old, others = home.keys("worker"), home.keys("attacker")
    rmtree(home.folder / "issued" / "worker")
    assert home.issue(*WANTED)[0] == 0
    new = home.keys("worker")
    assert (new.hub, home.keys("attacker")) == (old.hub, others)
    assert home.authorized.keys[new.own.public].right is Right.WORKER
    assert old.own.public not in home.authorized.keys


@pytest.mark.soak
def test_issue_keys_for_a_new_hub_gives_everyone_a_new_key(home: Home) -> None:
    old = {name: home.keys(name) for name in ("worker", "attacker")}
    rmtree(home.hub)
    assert home.issue("worker:worker", "attacker:agent:Attacker")[0] == 0
    hub = load_pair(home.hub / HUB_KEY).public
    for name, keys in old.items():
        assert home.keys(name).hub == hub != keys.hub
        assert home.keys(name).own != keys.own
        assert home.keys(name).own.public in home.authorized.keys


@pytest.mark.soak
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_issue_keys_broken_off_anywhere_is_mended_by_the_next_run(home: Home, calls: int) -> None:
    """The calls for a key are new, revoke (of the one before) and authorize."""
    rmtree(home.folder / "issued" / "worker")
    counted = f'echo >> {home.folder}/calls; [ "$(wc -l < {home.folder}/calls)" -lt {calls} ] || exit 3\n'
    code, _ = home.issue("worker:worker", netsiege=f'{counted}exec "{sys.executable}" -m netsiege "$@"')
    assert code != 0
    assert home.issue("worker:worker")[0] == 0
    grant = home.authorized.keys[home.keys("worker").own.public]
    assert (grant.name, grant.right) == ("worker", Right.WORKER)
    assert sorted(os.listdir(home.folder / "issued" / "worker")) == ["hub.pub", "identity.key"]


@pytest.mark.parametrize("wanted", ["worker:agent:wizard", "wizard"])
def test_issue_keys_for_what_there_is_not_fails_and_says_why(home: Home, wanted: str) -> None:
    rmtree(home.folder / "issued" / "worker")
    code, err = home.issue(wanted)
    assert code == 2
    assert "wizard" in err
    assert not (home.folder / "issued" / "worker" / IDENTITY).exists()


# -- the volumes ------------------------------------------------------------------------------------------


def mounts(service: str) -> dict[str, tuple[str, bool]]:
    """Named key volumes of a service: where each is, and whether it can be written."""
    found = {}
    for volume in SERVICES[service].get("volumes", []):
        name, where, *mode = volume.split(":")
        if name.endswith("-keys"):
            found[name] = (where, mode != ["ro"])
    return found


@pytest.mark.parametrize("service", ["worker", "attacker", "defender"])
def test_compose_service_sees_its_own_key_alone_and_cannot_change_it(service: str) -> None:
    assert mounts(service) == {f"{service}-keys": ("/netsiege/keys", False)}
    command: list[str] = SERVICES[service]["command"]
    assert command[command.index("--keys") + 1] == "/netsiege/keys"


def test_compose_hub_sees_no_key_of_others() -> None:
    assert mounts("hub") == {"hub-keys": ("/netsiege/keys", True)}
    assert SERVICES["hub"]["command"][-2:] == ["--keys", "/netsiege/keys"]


def test_compose_keys_are_made_where_the_others_look_for_them() -> None:
    made = {
        f"{name}-keys": f"/netsiege/issued/{name}" for name in (item.partition(":")[0] for item in WANTED)
    }
    assert {name: where for name, (where, _) in mounts("keys").items()} == {
        "hub-keys": "/netsiege/keys",
        **made,
    }
    assert SERVICES["keys"]["entrypoint"] == ["netsiege-issue-keys"]
    assert any(
        line.endswith("issue-keys.sh /usr/local/bin/netsiege-issue-keys") for line in instructions("COPY")
    )


def test_compose_key_volumes_are_mounted_on_folders_of_the_image_that_its_user_owns() -> None:
    made = " ".join(line for line in instructions("RUN") if "install -d" in line)
    private = made[made.index("-m 0700") :].split()
    assert {where for name in ("keys", "hub") for where, _ in mounts(name).values()} <= set(private)


@pytest.mark.parametrize("service", ["hub", "worker"])
def test_compose_starts_nobody_before_the_keys_are_there(service: str) -> None:
    assert SERVICES[service]["depends_on"] == {"keys": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("service", ["attacker", "defender"])
def test_compose_agents_start_when_the_hub_answers(service: str) -> None:
    assert SERVICES[service]["depends_on"] == {"hub": {"condition": "service_healthy"}}


# -- all of it, without containers ------------------------------------------------------------------------


class Processes:
    """Commands of the services as they run without containers, at a hub with other ports and folders."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.started: list[subprocess.Popen[str]] = []
        hub = ["hub", "--bind", "tcp://127.0.0.1:0", "--workers-bind", "tcp://127.0.0.1:0", "--workers", "0"]
        started = self.start([*hub, "--task", str(DEPLOY / "task.yaml"), "--keys", str(home.hub)])
        assert started.stdout is not None
        said = (line.split() for line in started.stdout)
        found = {words[0]: words[1] for words in (next(said), next(said), next(said))}
        self.places = {"tcp://hub:9100": found["agents"], "tcp://hub:9101": found["workers"]}
        self.places["tcp://127.0.0.1:9100"] = found["agents"]

    def start(self, words: list[str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "netsiege", *words]
        self.started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return self.started[-1]

    def outside(self, words: list[str], keys: Path, **changes: str) -> list[str]:
        """A command of the compose file, with these keys and without its containers."""
        places = {**self.places, "/netsiege/keys": str(keys), **changes}
        return [places.get(word, word) for word in words]

    def serve(self, service: str) -> subprocess.Popen[str]:
        keys = self.home.folder / "issued" / service
        words = self.outside(SERVICES[service]["command"], keys)
        if "--episodes" in words:
            words[words.index("--episodes") + 1] = "2"
        return self.start(words)

    def end(self) -> None:
        for process in reversed(self.started):
            process.terminate()
            process.communicate(timeout=15)


@pytest.fixture
def processes(first: Home) -> Iterator[Processes]:
    running = Processes(first)
    yield running
    running.end()


def test_compose_commands_with_the_keys_that_were_issued_play_a_match(processes: Processes) -> None:
    processes.serve("worker")
    processes.serve("worker")
    agents = [processes.serve("attacker"), processes.serve("defender")]
    assert [agent.wait(60) for agent in agents] == [0, 0]
    check = SERVICES["hub"]["healthcheck"]["test"][2:]
    asked = processes.start(processes.outside(check, processes.home.hub))
    state, _ = asked.communicate(timeout=30)
    assert asked.returncode == 0
    assert "default" in state
    assert "refused" not in state
