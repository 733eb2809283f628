"""How fast the gateway is: `netsiege bench gateway`, beside NetSecGame's own server where that is installed.

The same clients play the same moves of the same task against both, in rounds that take turns;
`netsiege.figures` says what becomes of them. `cN` are N clients, each with a connection of its own and one
request under way.

`gateway` is one hub with one worker and one gateway; every client has a match of its own. `original` is as
many server processes as there are clients, with a game each: a server of NetSecGame has no more. `shared` is
one such server with all clients in its one game, which begins when all are there and ends for all at once.
Servers are NetSecGame's own command as its users start it, but that only errors are logged.

The clients are plain sockets in one process of ours (`bench_gateway_load`), which costs them little. `agent`
is the same with NetSecGame's own `BaseAgent`, a thread for each client in one process: what its users get
without changing a line. Its own work is a part of both sides then.

`wire` are the same moves over our own wire, at the same hub without its gateway, by the load of `netsiege
bench hub`; `batch64` are 8 clients with 64 games each that move all of them at once. Their baseline is what
users of NetSecGame have: one server, with all clients in its one game. Without NetSecGame, the gateway's is
our own wire.

`p50` and `p99` are what a client waits for the answer to a move. `cpu` is what all threads of the gateway run
for each, joining and leaving included, known on Linux only.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from netsiege.errors import ConfigError, SiegeError
from netsiege.figures import Row, figures_of
from netsiege.hub.bench_courses import BATCH_CLIENTS, BATCH_SEATS
from netsiege.hub.bench_courses import Course as WireLoad
from netsiege.hub.bench_gateway_load import MOVES, STEPS, WARM_UP
from netsiege.hub.bench_process import LOOPBACK, Process, Target
from netsiege.hub.bench_program import Program, build_program
from netsiege.hub.gateway.requests import Step, read_request
from netsiege.protocol import Reset
from netsiege.yardstick import measure_yardstick

ROUNDS: Final = 7
QUICK_ROUNDS: Final = 3
SECONDS: Final = 1.0
"""How long one measurement takes, after a seventh of it for warming up."""
QUICK_SECONDS: Final = 0.4
CLIENTS: Final = (1, 4, 16)
CHECK_S: Final = 60.0
"""How long it may take to import NetSecGame."""
SEED: Final = 1
YARDSTICK: Final = "gateway.yardstick"
RATIOS: Final = {"wire.c1": 4.0, "wire.c1.p50": 2.0, "wire.c16": 15.0, "wire.batch64": 200.0}
"""What is to be reached beside NetSecGame's server."""

_TASK: Final = """
name: bench
coordinator:
  agents:
    Attacker: &role
      max_steps: {steps}
      goal: {{description: "", known_networks: [], known_hosts: [], controlled_hosts: [192.168.1.1],
        known_services: {{}}, known_data: {{}}, known_blocks: {{}}}}
      start_position: {{known_networks: [], known_hosts: [], controlled_hosts: [213.47.23.195, 192.168.2.2],
        known_services: {{}}, known_data: {{}}, known_blocks: {{}}}}
    Defender: *role
env:
  scenario: two_networks
  random_seed: 1
  use_global_defender: false
  use_dynamic_addresses: false
  use_firewall: true
  save_trajectories: false
  required_players: {players}
  rewards: {{success: 100, step: -1, fail: -10, false_positive: -5}}
"""
"""Nobody ever controls the router that is the goal: episodes end with their last step."""

_SERVER: Final = """
import os, runpy, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
os.chdir(sys.argv.pop(1))
runpy.run_module("netsecgame.game.worlds.NetSecGame", run_name="__main__", alter_sys=True)
"""

_AGENTS: Final = """
import json, logging, sys, threading, time
logging.disable(logging.CRITICAL)
from netsecgame import Action, AgentRole, BaseAgent
ports, clients, seconds, seed, steps, moves = json.loads(sys.argv[1])
moves = [Action.from_dict(move) for move in moves]
agents = [BaseAgent("127.0.0.1", ports[i % len(ports)], AgentRole.Attacker) for i in range(clients)]
ready = threading.Barrier(clients + 1)
ends, waits = [0.0], [[] for _ in agents]
def play(agent, mine):
    assert agent.register() is not None
    assert agent.request_game_reset(seed=seed) is not None
    ready.wait()
    while True:
        for number in range(steps):
            sent = time.perf_counter()
            seen = agent.make_step(moves[number % len(moves)])
            now = time.perf_counter()
            if now > ends[0]:
                return
            if not seen.end:
                mine.append((now, now - sent))
        assert agent.request_game_reset(seed=seed) is not None
threads = [threading.Thread(target=play, args=each, daemon=True) for each in zip(agents, waits)]
ends[0] = time.perf_counter() + 3600
for thread in threads:
    thread.start()
ready.wait()
time.sleep(seconds / 7)
began = time.perf_counter()
time.sleep(seconds)
ended = time.perf_counter()
ends[0] = 0.0
found = sorted(took for mine in waits for at, took in list(mine) if began <= at <= ended) or [0.0]
print(json.dumps({"steps": len(found), "took_s": ended - began, "p50_us": found[len(found) // 2] * 1e6,
                  "p99_us": found[len(found) * 99 // 100] * 1e6}), flush=True)
"""


@frozen
class Measured:
    """One measurement."""

    rate: float
    p50_us: float
    p99_us: float | None = None
    cpu_us: float | None = None


@frozen
class Course:
    """Who plays how many at a time against which ports."""

    name: str
    argv: Callable[[float], Sequence[str]]
    gateway: Target | None = None

    def measure(self, seconds: float) -> Measured:
        """Runs the load. Raises `SiegeError` if anything but answers came."""
        before = {} if self.gateway is None else self.gateway.times()
        with Process(self.argv(seconds), f"the load of {self.name}") as load:
            found = json.loads(load.line())
        if found["steps"] < 2:
            raise SiegeError(f"{self.name}: not one answer came in {seconds} s")
        after = {} if self.gateway is None else self.gateway.times()
        ran_s = sum(time.ran_s - before[thread].ran_s for thread, time in after.items() if thread in before)
        steps = found["steps"]
        cpu_us = ran_s / (steps * (1 + WARM_UP)) * 1e6 if after else None
        return Measured(steps / found["took_s"], found["p50_us"], found["p99_us"], cpu_us)


@frozen
class WireCourse:
    """The same over our own wire."""

    course: WireLoad
    program: Program

    @property
    def name(self) -> str:
        """What the figures are called."""
        return self.course.name

    def measure(self, seconds: float) -> Measured:
        """Runs the load. Raises `SiegeError` if anything but answers came."""
        found = self.course.measure(self.program, seconds)
        return Measured(found.rate, found.p50_us)


def run(
    quick: bool = False,
    *,
    original: str | None = None,
    clients: Sequence[int] = CLIENTS,
    rounds: int | None = None,
    seconds: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Measures; each figure as `netsiege.figures` has it. `quick` takes fewer and shorter rounds.

    `original` is a Python that can import netsecgame; None leaves NetSecGame out. `progress` hears of each
    round as it begins. Raises `ConfigError` if that Python does not do, `SiegeError` if a server does not.
    """
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    seconds = seconds or (QUICK_SECONDS if quick else SECONDS)
    measured: dict[str, list[Measured]] = {}
    yardstick: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netsiege-bench-")))
        courses = _courses(stack, folder, original, clients)
        for number in range(1, rounds + 1):
            progress(f"round {number} of {rounds}")
            yardstick.append(1e6 / measure_yardstick())
            for course in courses:
                measured.setdefault(course.name, []).append(course.measure(seconds))
    return figures_of(rows_of(measured, yardstick))


def rows_of(measured: dict[str, list[Measured]], yardstick: Sequence[float] = ()) -> list[Row]:
    """The figures of all rounds, each beside what the head of this module says. `yardstick` has its times."""
    rows = [Row(YARDSTICK, "us", False, None, list(yardstick))]
    for name, rounds in measured.items():
        baseline = next((other for other in _baselines(name, measured) if other in measured), None)
        wanted = RATIOS if baseline and not baseline.startswith("wire") else {}
        p50, p99 = (baseline and f"{baseline}.{part}" for part in ("p50", "p99"))
        p50_name = f"{name}.p50"
        rows += [
            Row(name, "steps/s", True, baseline, [m.rate for m in rounds], ratio=wanted.get(name)),
            Row(p50_name, "us", False, p50, [m.p50_us for m in rounds], ratio=wanted.get(p50_name)),
            Row(f"{name}.p99", "us", False, p99, _known(m.p99_us for m in rounds)),
            Row(f"{name}.cpu", "us", False, YARDSTICK, _known(m.cpu_us for m in rounds)),
        ]
    return rows


def _baselines(name: str, measured: Iterable[str]) -> Iterator[str]:
    """What a row is compared with, the best first."""
    kind, _, many = name.rpartition(".")
    if kind == "wire":
        shared = [other for other in measured if other.startswith("shared.")]
        yield from [f"shared.{many}", f"original.{many}", *shared[-1:]]
    elif kind == "shared":
        yield f"gateway.{many}"
    elif kind.endswith("gateway"):
        yield name.replace("gateway", "original")
        yield f"wire.{many}"


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


# --- what a round consists of -----------------------------------------------------------------------------


def _courses(
    stack: ExitStack, folder: Path, original: str | None, clients: Sequence[int]
) -> list[Course | WireCourse]:
    """Starts everything."""
    if original is not None:
        _check_original(original)
    task = _write_task(folder, 1)
    hub = _start_hub(stack, task)
    gateway = _start_gateway(stack, hub)
    port = [int(gateway.address("clients").partition(",")[0].rpartition(":")[2])]
    wire = _wire_courses(hub, build_program(folder), clients)
    courses: list[Course | WireCourse] = []
    servers = [_start_original(stack, original, folder, task) for _ in range(max(clients)) if original]
    for count in clients:
        if original is not None:
            courses.append(_sockets(f"original.c{count}", servers[:count], count))
        courses.append(evolve(_sockets(f"gateway.c{count}", port, count), gateway=gateway))
        if original is not None and count > 1:
            shared = _start_original(stack, original, folder, _write_task(folder, count))
            courses.append(_sockets(f"shared.c{count}", [shared], count))
    courses += wire
    for count in clients if original is not None else ():
        courses.append(_agents(f"agent.original.c{count}", str(original), servers[:count], count))
        courses.append(_agents(f"agent.gateway.c{count}", str(original), port, count))
    return courses


def _wire_courses(hub: Target, program: Program, clients: Sequence[int]) -> list[WireCourse]:
    """The moves of a whole episode, but for the one that ends it, and a reset."""
    steps = [read_request(MOVES[number % len(MOVES)]) for number in range(STEPS - 1)]
    moves = tuple(step.body for step in steps if isinstance(step, Step))
    one = WireLoad("wire.c1", hub, "step", 1, moves=moves, reset=Reset().encode())
    loads = [evolve(one, name=f"wire.c{count}", clients=count) for count in clients]
    loads.append(evolve(one, name="wire.batch64", mode="many", clients=BATCH_CLIENTS, seats=BATCH_SEATS))
    return [WireCourse(load, program) for load in loads]


def task_text(players: int) -> str:
    """The task of all games, which begin when so many are there."""
    return _TASK.format(steps=STEPS, players=players)


def _write_task(folder: Path, players: int) -> Path:
    path = folder / f"task{players}.yaml"
    path.write_text(task_text(players))
    return path


def _sockets(name: str, ports: Sequence[int], count: int) -> Course:
    program = [sys.executable, "-m", "netsiege.hub.bench_gateway_load", ",".join(map(str, ports)), str(count)]
    return Course(name, lambda seconds: [*program, str(seconds), str(SEED)])


def _agents(name: str, python: str, ports: Sequence[int], count: int) -> Course:
    moves = [json.loads(move) for move in MOVES]
    return Course(
        name,
        lambda seconds: [
            *(python, "-I", "-c", _AGENTS),
            json.dumps([list(ports), count, seconds, SEED, STEPS, moves]),
        ],
    )


def _check_original(python: str) -> None:
    argv = [python, "-I", "-c", "import netsecgame.game.worlds.NetSecGame"]
    try:
        ended = subprocess.run(  # noqa: S603  # an interpreter that the user named
            argv, capture_output=True, text=True, timeout=CHECK_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{python}: {error}") from None
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ConfigError(
            f"{python} cannot import NetSecGame's server: {last}. Name a Python 3.12 that has "
            f"netsecgame[server]==0.2.0"
        )


def _start_hub(stack: ExitStack, task: Path) -> Target:
    ports = ("--bind", LOOPBACK, "--workers-bind", LOOPBACK, "--parent", str(os.getpid()))
    argv = [sys.executable, "-m", "netsiege", "hub", *ports, "--task", str(task)]
    return stack.enter_context(Target(argv, "the hub"))


def _start_gateway(stack: ExitStack, hub: Target) -> Target:
    words = ("--hub", hub.address("agents"), "--listen", "127.0.0.1:0", "--parent", str(os.getpid()))
    argv = [sys.executable, "-m", "netsiege", "gateway", *words]
    return stack.enter_context(Target(argv, "the gateway"))


class _Server(Process):
    """A server of NetSecGame, which takes its time to end unless it is killed."""

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        super().__exit__(*exception)


def _start_original(stack: ExitStack, python: str, folder: Path, task: Path) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    home = folder / f"server{port}"
    home.mkdir()
    options = ["-gp", str(port), "-c", str(task), "-l", "ERROR", "-s", str(SEED)]
    argv = [python, "-I", "-c", _SERVER, str(home), *options]
    stack.enter_context(_Server(argv, "NetSecGame"))
    return port
