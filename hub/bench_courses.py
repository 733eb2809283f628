"""What a round of `netsiege bench hub` consists of: the loads, and the hubs that they go through.

`bench` says what the figures mean.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from netsiege.errors import SiegeError
from netsiege.hub.authority import AuthorizedFile
from netsiege.hub.bench_process import Process, Target, start_hub, start_proxy
from netsiege.hub.bench_program import Program
from netsiege.hub.grants import Grant, Right
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, HUB_PUBLIC, KeyPair, save_hub_public, save_pair
from netsiege.protocol import (
    AGENT_HEAD,
    DEFAULT_ROOM,
    HEAD_BYTES,
    VERSION,
    WORKER_HEAD,
    Cause,
    End,
    Hello,
    Join,
    Kind,
    Ready,
    Reset,
)

FRAME_BYTES: Final = 60
CLIENTS: Final = 64
CROWD: Final = 5_000
BATCH_CLIENTS: Final = 8
BATCH_SEATS: Final = 64
SNAPSHOT_EVERY: Final = 128
"""Events of a match after which a worker saves it, so that the hub may forget them."""
ROLE: Final = "Attacker"

STEP: Final = (bytes(FRAME_BYTES - HEAD_BYTES),)
HELLO: Final = AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 1) + Hello("bench").encode()
JOIN: Final = Join(DEFAULT_ROOM, ROLE).encode()
READY: Final = WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + Ready("echo", 1 << 16, b"echo", ()).encode()
SEATED: Final = bytes(90)
"""Of the usual length; nobody opens it."""
CURVE: Final = "CURVE"
"""The environment variable in which the load finds its keys."""


@frozen
class Measured:
    """One measurement. The last four are None where the system does not tell.

    `main_us` is what the main thread has run for each answer, `all_us` what all threads have, `agent_kb`
    by how much the memory has grown for each agent.
    """

    rate: float
    p50_us: float
    busy: float | None
    main_us: float | None
    all_us: float | None = None
    agent_kb: float | None = None


@frozen
class Course:
    """A way for a load: which, how wide, and through what."""

    name: str
    target: Target
    mode: str
    clients: int
    seats: int = 1
    moves: tuple[bytes, ...] = STEP
    reset: bytes = b""
    environment: Mapping[str, str] = field(factory=dict, repr=False)

    def measure(self, program: Program, seconds: float) -> Measured:
        """Runs the load. Raises `SiegeError` if anything but answers came."""
        texts = [HELLO.hex(), JOIN.hex(), ",".join(move.hex() for move in self.moves), self.reset.hex()]
        where, target = self.target.address("agents"), self.target
        argv = [*program.argv, self.mode, where, str(self.clients), str(self.seats), str(seconds), *texts]
        small = target.memory_bytes()
        with Process(argv, f"the load of {self.name}", self.environment) as load:
            load.line()
            before, began_s = target.times(), time.monotonic()
            _, count, took_s, p50_us = load.line().split()
            wall_s, after = time.monotonic() - began_s, target.times()
            large = target.memory_bytes()
            load.wait()
        if not int(count):
            raise SiegeError(f"{self.name}: not one answer came in {seconds} s")
        ran_s = {n: t.ran_s - before[n].ran_s for n, t in after.items() if n in before}
        wanted_s = [t.waited_s - before[n].waited_s + ran_s[n] for n, t in after.items() if n in before]
        return Measured(
            rate=int(count) / float(took_s),
            p50_us=float(p50_us),
            busy=min(1.0, max(wanted_s) / wall_s) if wanted_s else None,
            main_us=ran_s[target.pid] / int(count) * 1e6 if target.pid in ran_s else None,
            all_us=sum(ran_s.values()) / int(count) * 1e6 if ran_s else None,
            agent_kb=None if small is None or large is None else (large - small) / self.clients / 1_024,
        )


@frozen
class CrowdCourse:
    """Thousands of agents, all of them playing, at a hub of their own: what it takes for them is new."""

    name: str
    agents: int = CROWD

    def measure(self, program: Program, seconds: float) -> Measured:
        """Runs the load. Raises `SiegeError` if anything but answers came."""
        with ExitStack() as stack:
            hub = stack.enter_context(start_hub("--workers", "0", *_room_for(self.agents)))
            start_worker(stack, program, hub)
            return Course(self.name, hub, "crowd", self.agents).measure(program, seconds)


def _room_for(agents: int) -> Iterator[str]:
    """Options of a hub that lets so many in at once, from one address."""
    names = ("connections_burst", "sessions_per_address", "connections_per_address", "joins_burst")
    for name in names:
        yield from ("--limit", f"{name}={2 * agents}")


def courses_of(stack: ExitStack, program: Program, directory: Path, moves: tuple[bytes, ...]) -> list[Course]:
    """Starts everything, all at once, and says what a round consists of.

    `moves` are for a real worker: there is none without.
    """
    proxy = stack.enter_context(start_proxy())
    hub = stack.enter_context(start_hub("--workers", "0"))
    journal = stack.enter_context(start_hub("--workers", "0", "--journal", str(directory / "journal")))
    secret = _new_keys(directory / "keys")
    curve = stack.enter_context(start_hub("--workers", "0", "--keys", str(directory / "keys")))
    real = stack.enter_context(start_hub("--workers", "1")) if moves else None
    stack.enter_context(Process([*program.argv, "echo", proxy.address("workers")], "the echo"))
    start_worker(stack, program, hub)
    start_worker(stack, program, journal)
    start_worker(stack, program, curve, secret["worker"])
    batch = Course("hub.batch64", hub, "many", BATCH_CLIENTS, BATCH_SEATS)
    courses = [
        Course("proxy.c1", proxy, "raw", 1),
        Course("hub.c1", hub, "step", 1),
        Course("proxy.c64", proxy, "raw", CLIENTS),
        Course("hub.c64", hub, "step", CLIENTS),
        Course("hub.c64.journal", journal, "step", CLIENTS),
        Course("hub.curve.c64", curve, "step", CLIENTS, environment=secret["agent"]),
        batch,
    ]
    if real is not None:
        reset = Reset().encode()
        courses.append(evolve(batch, name="hub.batch64.engine", target=real, moves=moves, reset=reset))
    return courses


def start_worker(
    stack: ExitStack, program: Program, hub: Target, environment: Mapping[str, str] | None = None
) -> None:
    """Starts the worker whose games go nowhere."""
    texts = [READY.hex(), SEATED.hex(), End(Cause.LEFT).encode().hex(), str(SNAPSHOT_EVERY)]
    argv = [*program.argv, "worker", hub.address("workers"), *texts]
    stack.enter_context(Process(argv, "the worker", environment))


def _new_keys(folder: Path) -> dict[str, dict[str, str]]:
    """Makes the keys of a hub, an agent and a worker; returns the environments of the latter two."""
    hub = KeyPair.new()
    save_pair(folder / HUB_KEY, hub, "the key pair of a hub")
    save_hub_public(folder / HUB_PUBLIC, hub.public)
    listed = AuthorizedFile(folder / AUTHORIZED_KEYS)
    environments = {}
    for right in (Right.AGENT, Right.WORKER):
        own = KeyPair.new()
        listed.add(own.public, Grant(right.value, right))
        environments[right.value] = {CURVE: (hub.public + own.public + own.secret).hex()}
    return environments
