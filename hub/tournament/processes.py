"""Managed entrants: each plays in a process of its own, with limits, and is never imported.

Every process has a keeper (`netsiege.hub.tournament.keeper`) between it and the director, that ends it with
all that comes from it, also when the director is gone. It works in a new folder that is removed at the end,
has limits on CPU time and memory that hold for all processes that come from it together, and what it says
goes to files of less than a megabyte. Control groups, which would do more, are not used: they ask for rights
that a user seldom has. What is run may do what its user may: this is no prison.

A command line is told in its environment what a bundled agent is told in its options:

======================= ================================================================
NETSIEGE_HUB            where the hub listens for agents, such as `tcp://127.0.0.1:9100`
NETSIEGE_ROOM           the room to JOIN, again and again, until a JOIN is answered with END
NETSIEGE_ROLE           the role to play: Attacker or Defender
NETSIEGE_NAME           what to call itself in HELLO: it is called to its games by that name
NETSIEGE_SEATS          how many games it is called to at once: as many JOINs are to wait
NETSIEGE_KEYS           the folder with its keys; not there for a hub without keys
NETSIEGE_OUTPUT_BY_GAME set: a line of output that begins with `[match 17] ` is kept as one about the
                        match that SEATED has numbered so; in Python, `attend` begins lines so
======================= ================================================================

Words of it that name a file, as seen from the cup's folder, become the file's full path.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, Self

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.hub.tournament import keeper, tree
from netsiege.hub.tournament.captured import last_lines
from netsiege.hub.tournament.model import Entrant, Player
from netsiege.keys import environment_without_keys
from netsiege.marks import VARIABLE
from netsiege.shown import file_part, shown

GRACE_S: Final = 3.0
"""How long a process and all that comes from it may take to end after SIGTERM."""
END_S: Final = GRACE_S + 5.0
"""When a keeper that was told to end is killed: a machine with much to do needs more than the grace."""
HUB_WAIT_S: Final = 10.0
"""How long an agent waits for the hub to answer its first message."""
TOLD_LINES: Final = 12
_MARK: Final = "NETSIEGE_KEPT"
_NO_MEMORY: Final = ("memoryerror", "bad_alloc", "cannot allocate memory", "out of memory")


@frozen
class Post:
    """Where an entrant plays: the hub's address, its hall there, its keys' folder (None: a hub without keys).

    `folder` is where its files are: modules, and what a command line names.
    """

    hub: str
    hall: str
    folder: Path
    keys: str | None = None


@frozen
class Ending:
    """How a process ended. `code` is its exit code, negative for a signal, None if it never ran.

    `limit` is the one that it exceeded: cpu, memory, processes, or none (""). `asked`: it was told to end.
    CPU time and memory are of all that came from it together, as far as they are known; `text` tells it all.
    """

    text: str
    code: int | None = None
    limit: str = ""
    asked: bool = False
    cpu_s: float = 0.0
    peak_bytes: int = 0


class EntrantProcess:
    """One process of an entrant, for one role. `poll` often. `output` is the file of what it says.

    Raises `ConfigError` if there is nothing to be run for the role, or the keeper cannot be.
    """

    def __init__(
        self, entrant: Entrant, role: str, post: Post, output: Path, *, seats: int | None = None
    ) -> None:
        player = entrant.player(role)
        if player is None or not is_managed(player):
            raise ConfigError(f"entrants.{entrant.name}: nothing is run here for the role {role}")
        self.entrant, self.role, self.output = entrant, role, output
        self.ending: Ending | None = None
        self.pid: int | None = None
        """The process's number, once it has started."""
        self.started_s = time.monotonic()
        self._folder: str | None = None
        self._said = b""
        self._told: dict[str, Any] = {}
        self._asked = False
        self._mark = f"{_MARK}={os.getpid()}-{os.urandom(8).hex()}"
        seats = entrant.seats if seats is None else seats
        self._begin(self._order(player, post, seats))

    def _order(self, player: Player, post: Post, seats: int) -> dict[str, Any]:
        """What the keeper is told."""
        facts = {"HUB": post.hub, "ROOM": post.hall, "ROLE": self.role, "NAME": self.entrant.name}
        facts |= {"SEATS": str(seats)} | ({} if post.keys is None else {"KEYS": os.path.abspath(post.keys)})
        paths = [str(post.folder.absolute()), os.environ.get("PYTHONPATH", "")]
        environment = environment_without_keys() | {f"NETSIEGE_{name}": said for name, said in facts.items()}
        environment |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1"}
        environment |= {VARIABLE: "1", _MARK: self._mark.partition("=")[2]}
        memory_mb = self.entrant.memory_mb
        return {
            "words": agent_words(player.agent, post, facts) if player.agent else _words(player.command, post),
            "environment": environment,
            "parent_is_told": bool(player.agent),
            "cpu_s": self.entrant.cpu_s,
            "memory_bytes": None if memory_mb is None else memory_mb << 20,
            "grace_s": GRACE_S,
            "output": str(self.output.absolute()),
        }

    def _begin(self, order: dict[str, Any]) -> None:
        try:
            self._keeper = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                [sys.executable, "-m", keeper.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                env=environment_without_keys(),
            )
        except OSError as error:
            raise ConfigError(f"entrants.{self.entrant.name}: cannot be run: {error.strerror}") from None
        assert self._keeper.stdout is not None
        os.set_blocking(self._keeper.stdout.fileno(), False)
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write(json.dumps(order).encode() + b"\n")
            self._keeper.stdin.flush()

    # --- while it runs ------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """What becomes readable when `poll` has news, for a poller; not after the end."""
        assert self._keeper.stdout is not None
        return self._keeper.stdout.fileno()

    def poll(self) -> Ending | None:
        """How the process ended, once nothing is left of it; None before that. Waits for nothing."""
        while self.ending is None:
            try:
                said = os.read(self.fileno(), 1 << 16)
            except BlockingIOError:
                break
            self._said += said
            *lines, self._said = self._said.split(b"\n")
            for line in lines:
                self._hear(line)
            if not said:
                self._end()
        return self.ending

    def _hear(self, line: bytes) -> None:
        told = json.loads(line)
        self.pid = told.get("pid", self.pid)
        self._folder = told.get("folder", self._folder)
        self._told |= told

    def last_lines(self, count: int = TOLD_LINES) -> list[str]:
        """The last lines that the process has said."""
        return [shown(line) for line in last_lines(self.output, count)]

    # --- the end ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Tells it to end. It is killed, with all that comes from it, if it does not in three seconds."""
        self._asked = True
        self._close_orders()

    def _close_orders(self) -> None:
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.close()

    def wait(self, timeout_s: float = END_S) -> Ending:
        """Waits for the end; kills what has not ended by then."""
        try:
            self._keeper.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        ending = self.poll()
        assert ending is not None
        return ending

    def _end(self) -> None:
        """The keeper is gone. If it could not do its work to the end, that is done here."""
        self._close_orders()
        self._keeper.wait()
        assert self._keeper.stdout is not None
        self._keeper.stdout.close()
        if "code" not in self._told and "failed" not in self._told:
            self._kill_marked()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
        self.ending = self._told_ending()

    def _kill_marked(self) -> None:
        """Kills what the keeper has left. Of what cannot be killed, by a full second's trying, nothing is."""
        for _ in range(50):
            left = tree.marked(self._mark)
            if not left:
                return
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(keeper.KILL_AGAIN_S)

    def _told_ending(self) -> Ending:
        told = self._told
        if "failed" in told:
            return Ending(told["failed"])
        if "code" not in told:
            return Ending("its keeper is gone", asked=self._asked)
        code, limit, lines = told["code"], told["limit"], self.last_lines()
        if not limit and code and self.entrant.memory_mb is not None:
            limit = (
                keeper.MEMORY if any(word in line.lower() for line in lines for word in _NO_MEMORY) else ""
            )
        text = self._in_words(code, limit, told["asked"])
        return Ending(text, code, limit, told["asked"], told["cpu_s"], told["peak_bytes"])

    def _in_words(self, code: int | None, limit: str, asked: bool) -> str:
        if limit:
            limits = {
                keeper.CPU: f"it used up its {self.entrant.cpu_s} s of CPU time",
                keeper.MEMORY: f"it took more than its {self.entrant.memory_mb} MB of memory",
                keeper.CROWD: f"it had more than {keeper.PROCESSES} processes",
            }
            return limits[limit]
        if asked:
            return "it was told to end"
        if code is None:
            return "it is gone, and nobody knows how"
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            why = ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
            return f"it was ended by {name}{why}"
        player = self.entrant.player(self.role)
        if code == os.EX_CONFIG and player is not None and player.agent:
            return "the agent cannot be made"
        return f"it ended with exit code {code}"


class EntrantProcesses:
    """The processes of all entrants, which end together: use as a context manager.

    `folder` is where what they say is kept, in a file for each start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.running: list[EntrantProcess] = []

    def start(self, entrant: Entrant, role: str, post: Post, *, seats: int | None = None) -> EntrantProcess:
        """Starts another process for an entrant's role. Raises `ConfigError` like `EntrantProcess`."""
        process = EntrantProcess(entrant, role, post, self._output(entrant.name, role), seats=seats)
        self.running.append(process)
        return process

    def _output(self, name: str, role: str) -> Path:
        """A file that was not there yet, and is now. Raises `ConfigError` if it cannot be made."""
        number = 1
        while True:
            path = _output(self._folder, name, role, number)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                path.touch(exist_ok=False)
            except FileExistsError:
                number += 1
            except OSError as error:
                raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
            else:
                return path

    def ended(self) -> list[EntrantProcess]:
        """Those that have ended since the last time. Never blocks."""
        ended = [process for process in self.running if process.poll() is not None]
        self.running = [process for process in self.running if process.ending is None]
        return ended

    def end(self) -> None:
        """Ends all of them."""
        for process in self.running:
            process.stop()
        deadline_s = time.monotonic() + END_S
        for process in self.running:
            process.wait(max(0.1, deadline_s - time.monotonic()))
        self.running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()


def outputs_of(folder: Path, name: str, role: str) -> list[Path]:
    """The files of what an entrant's processes for a role have said, in the order of their starts."""
    paths = (_output(folder, name, role, number) for number in itertools.count(1))
    return list(itertools.takewhile(Path.is_file, paths))


def _output(folder: Path, name: str, role: str, number: int) -> Path:
    return folder / f"{file_part(name)}-{role.lower()}-{number}.log"


def is_managed(player: Player) -> bool:
    """Whether a process is run for a player, instead of waiting for a remote one."""
    return bool(player.agent or player.command)


def agent_words(agent: str, post: Post, facts: dict[str, str]) -> list[str]:
    """The command line of an agent that `netsiege agent run` knows."""
    name, *settings = agent.split(",")
    settings = ["=".join(_path(part, post) for part in each.split("=", 1)) for each in settings]
    words = [sys.executable, "-m", "netsiege", "agent", "run", ",".join([name, *settings])]
    words += [f"--{option.lower()}={said}" for option, said in facts.items()]
    return [*words, "--attend", f"--wait={HUB_WAIT_S:g}"]


def _words(command: tuple[str, ...], post: Post) -> list[str]:
    return [_path(word, post) for word in command]


def _path(word: str, post: Post) -> str:
    """A word that names a file (or has a slash, and names anything) as its full path; others as they are."""
    try:
        path = post.folder / word
        named = path.is_file() or ("/" in word and path.exists())
    except (OSError, ValueError):  # too long for a name, say: no file then
        return word
    return str(path.absolute()) if named else word
