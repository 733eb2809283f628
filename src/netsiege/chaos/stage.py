"""The processes of a run on this machine: a hub as users start it, workers, agents, and their rooms."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import attrs
from attrs import define, frozen

from netsiege.chaos.agents import generations
from netsiege.chaos.nursery import Nursery
from netsiege.client import Client
from netsiege.errors import HubUnreachable, SiegeError
from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS, environment_without_keys
from netsiege.protocol import OpenRoom, SessionRole, State
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec
from netsiege.scenarios.model import REALTIME, ROUNDS

EPISODES: Final = 3
GRACE_S: Final = 60.0
"""How long the rooms wait for an agent's return: what is to be seen is how long it takes, not a forfeit."""
START_LIMIT_S: Final = 20.0
TERM_LIMIT_S: Final = 3.0
LONG_TIME: Final = 1 << 20
"""Episodes of a match that ends when its agent stops."""


@frozen
class Table:
    """A room, and the clients that make its matches: one for each role, or several alone.

    Each client has `seats` seats in as many matches at a time.
    """

    room: str
    roles: tuple[AgentRole, ...]
    seats: int
    clients: int = 1
    episodes: int = EPISODES

    @property
    def matches(self) -> int:
        """How many matches of it are open at a time."""
        return self.seats * self.clients

    def opening(self, seed: int) -> OpenRoom:
        """The room: in real time for one role, in rounds for several; no clocks."""
        pacing = ROUNDS if len(self.roles) > 1 else REALTIME
        seats = {role.value: 1 for role in self.roles}
        scenario = "two_networks_small" if AgentRole.Benign in self.roles else "two_networks_tiny"
        spec = load_spec(scenario=scenario, seats=seats, pacing=pacing)
        return attrs.evolve(room_of(self.room, spec, seed, self.episodes), move_s=None, grace_s=GRACE_S)


@define
class Player:
    """A running agent."""

    pid: int
    name: str
    table: Table
    notes: Path
    log: Path


@define
class Worker:
    """A running worker; `stopped_until_s` while it is stopped."""

    pid: int
    name: str
    stopped_until_s: float | None = None


class Stage:
    """A hub on fixed ports and a nursery. Use as a context manager: at its end nothing is left running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = folder / "journal"
        self.nursery = Nursery(folder / "nursery.log")
        self.workers: dict[int, Worker] = {}
        """Those that are to be there: whoever ends one takes it out first."""
        self.players: list[Player] = []
        self.hub_started_s = 0.0
        self._hub: subprocess.Popen[bytes] | None = None
        self._made = 0
        agents, workers = _two_free_ports()
        self.address, self._workers_address = f"tcp://127.0.0.1:{agents}", f"tcp://127.0.0.1:{workers}"

    def __enter__(self) -> Self:
        self.nursery.__enter__()
        try:
            self.start_hub()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.nursery.__exit__()
        if self._hub is not None:
            self._hub.kill()
            self._hub.wait()

    # --- the hub ------------------------------------------------------------------------------------------

    def start_hub(self) -> None:
        """Starts the hub on the journal; does not wait for it."""
        options = ["--bind", self.address, "--workers-bind", self._workers_address, "--workers", "0"]
        options += ["--no-default-room", "--journal", str(self.journal), "--parent", str(os.getpid())]
        self.hub_started_s = time.monotonic()
        with (self.folder / "hub.log").open("ab") as log:
            self._hub = subprocess.Popen(  # noqa: S603  # our own interpreter and command
                [sys.executable, "-m", "netsiege", "hub", *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                env=environment_without_keys(),
            )

    def kill_hub(self) -> None:
        """Ends the hub as a power cut would; `start_hub` brings it back."""
        assert self._hub is not None
        self._hub.kill()
        self._hub.wait()

    def director(self) -> Client:
        """A director's connection, as soon as the hub is there."""
        deadline_s = time.monotonic() + START_LIMIT_S
        while True:
            client = Client(self.address, "bench", SessionRole.DIRECTOR, keys=NO_KEYS)
            try:
                return client.open()
            except HubUnreachable:
                self.check()
                if time.monotonic() > deadline_s:
                    raise

    def open_rooms(self, tables: Sequence[Table], seed: int) -> None:
        """Opens the tables' rooms; equal seeds give equal matches."""
        with self.director() as director:
            for number, table in enumerate(tables):
                director.open_room(table.opening(seed + number))

    def status(self) -> State:
        """What the hub says of itself."""
        with self.director() as director:
            return director.status()

    # --- workers and agents -------------------------------------------------------------------------------

    def start_worker(self, *, sleep_s: float = 0.0, busy_s: float = 0.0) -> Worker:
        """A new worker."""
        self._made += 1
        name = f"worker-{self._made}"
        pid = self.nursery.start(
            "worker",
            self.folder / "workers.log",
            hub=self._workers_address,
            name=name,
            leases=str(self.folder / f"{name}.leases"),
            sleep_s=sleep_s,
            busy_s=busy_s,
        )
        self.workers[pid] = Worker(pid, name)
        return self.workers[pid]

    def start_players(self, tables: Sequence[Table], think_s: float) -> None:
        """The clients of all tables."""
        for table in tables:
            for role in table.roles:
                for number in range(table.clients):
                    self._start_player(table, role, f"{table.room}-{role.value}-{number}", think_s)

    def _start_player(self, table: Table, role: AgentRole, name: str, think_s: float) -> None:
        notes, log = self.folder / f"{name}.notes", self.folder / f"{name}.log"
        pid = self.nursery.start(
            "agent",
            log,
            hub=self.address,
            name=name,
            role=role.value,
            room=table.room,
            seats=table.seats,
            think_s=think_s,
            notes=str(notes),
            limit=str(self._limit(table)),
            agent="random",
        )
        self.players.append(Player(pid, name, table, notes, log))

    def _limit(self, table: Table) -> Path:
        return self.folder / f"{table.room}.limit"

    def let_them_finish(self) -> dict[str, int]:
        """Lets the players of each room end after equally many matches; how many times all seats of it.

        One more than anybody has begun by now: who sits with others must not find them gone.
        """
        limits: dict[str, int] = {}
        for player in self.players:
            begun = generations(player.notes) + 1
            limits[player.table.room] = max(begun, limits.get(player.table.room, 0))
        self.set_limits(limits)
        return limits

    def set_limits(self, limits: dict[str, int]) -> None:
        """How many times the players of each room are to play: before they start, or soon enough."""
        for room, limit in limits.items():
            path = self.folder / f"{room}.limit"
            path.with_suffix(".new").write_text(str(limit))
            path.with_suffix(".new").replace(path)

    def stop_players(self) -> None:
        """Makes all players stop where they are."""
        for player in self.players:
            self.nursery.signal(player.pid, signal.SIGTERM)

    @property
    def playing(self) -> bool:
        """Whether any player has not ended yet."""
        return any(player.pid not in self.nursery.ended for player in self.players)

    def check(self) -> None:
        """Raises `SiegeError`, with last words, if the hub, a worker or a player has failed."""
        if self._hub is not None and self._hub.poll() is not None:
            raise SiegeError(
                f"the hub ended with code {self._hub.returncode}: {_end_of(self.folder / 'hub.log')}"
            )
        for worker in self.workers.values():
            if worker.pid in self.nursery.ended:
                told = _end_of(self.folder / "workers.log")
                raise SiegeError(f"{worker.name} ended with code {self.nursery.ended[worker.pid]}: {told}")
        for player in self.players:
            code = self.nursery.ended.get(player.pid, 0)
            if code:
                raise SiegeError(f"the agent {player.name} ended with code {code}: {_end_of(player.log)}")

    def wait(self, until_s: float, what: str) -> None:
        """Waits for the players' ends. Raises `SiegeError` when one fails, or at `until_s`."""
        while self.playing:
            self.check()
            if time.monotonic() > until_s:
                names = [p.name for p in self.players if p.pid not in self.nursery.ended]
                raise SiegeError(f"{what}: these agents have not ended in time: {', '.join(names)}")
            time.sleep(0.05)
        self.check()

    def end_hub(self) -> None:
        """Ends the hub in order, so that its journal is complete."""
        assert self._hub is not None
        self._hub.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._hub.wait(TERM_LIMIT_S)


def _two_free_ports() -> tuple[int, int]:
    """Two ports that nobody listens at now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return "\n".join(lines[-12:]) or "it said nothing"
