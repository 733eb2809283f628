"""How fast the engine is: `netsiege bench engine`.

All times are the process's own (CPU time): what else the machine does counts as little as it can. A round
measures everything once, ours and the peers' in turn; `netsiege.figures` says what becomes of the rounds.

The worker's path is what `GameHost.receive` does with a step: decode, check, play, log, look at the goal,
encode the reply. Moves are random valid ones; a reset comes after every 100 of them or an earlier end.
`engine.reset` is a new episode: world, start and goal of one seat, a random start drawn; `engine.reset.event`
is all of a RESET in the middle of an episode: settle it, tell the result, begin anew, encode the reply.
`engine.batch` is what `netsiege.engine.bench_batch` measures, if numba is there; `engine.match.memory` what a
match takes of a worker (`netsiege.engine.bench_memory`).

Where no peer is measured, the baseline is a fixed piece of Python, `netsiege.yardstick`, in the same rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from netsiege.engine.action_table import ActionTable
from netsiege.engine.bench_load import RESET, SEATS, Load, record
from netsiege.engine.bench_memory import measure_match
from netsiege.engine.bench_peers import Peer, start_peers
from netsiege.engine.episode import Episode
from netsiege.engine.game import Game
from netsiege.engine.streams import Stream
from netsiege.engine.synthetic import synthetic_spec
from netsiege.engine.tables import Tables, compile_spec
from netsiege.engine.worker import spare_the_collector
from netsiege.errors import ConfigError
from netsiege.figures import Row, figures_of
from netsiege.protocol import Kind
from netsiege.scenarios.model import Spec
from netsiege.yardstick import measure_yardstick

if TYPE_CHECKING:
    from netsiege.engine.bench_batch import BatchLoad

SIZES: Final = (10, 100, 1_000, 10_000)
ROUNDS: Final = 5
MATCHES: Final = 64
"""Open at once, and steps in a batch."""
STEPS: Final = 100
PEER_STEPS: Final = 1_000
STATE_HOSTS: Final = 100
"""On what network resets, snapshots and restores are timed."""
STATE_STEPS: Final = 60
"""How far the episode has got that is saved and restored."""
COMPILE_HOSTS: Final = 1_000
QUICK_MAX_HOSTS: Final = 1_000
MEMORY_ROUNDS: Final = 3
MATCH_KB: Final = 20.0
"""What a match may take of a worker's memory."""

STEP: Final = int(Kind.STEP)


class _Network:
    """One network to play on, with a worker that has played before, and a load of its own for each round."""

    def __init__(self, name: str, spec: bytes, matches: int, steps: int) -> None:
        self.name = name
        self.spec = spec
        self.tables = compile_spec(spec)
        self._shape = (matches, steps)
        load = record(self.tables, *self._shape, 0)
        self._host = load.host(spec)
        for frame in load.batches:
            self._host.receive(frame)

    def measure(self, put: Callable[[str, float], None], number: int) -> None:
        load = record(self.tables, *self._shape, number)
        count, name = len(load.events), self.name
        host = self._host
        load.reopen(host)
        put(name, count / _timed(lambda: [host.receive(frame) for frame in load.batches]))
        load.reopen(host)
        put(f"{name}.single", count / _timed(lambda: [host.receive(frame) for frame in load.frames]))
        games = [Game(self.tables, i, seed, SEATS, None) for i, seed in enumerate(load.seeds)]
        put(f"{name}.handle", count / _timed(lambda: _handle(games, load)))
        put(f"{name}.sample", self._sample(load, number))

    def _sample(self, load: Load, number: int) -> float:
        """Counts and draws per second in the states of one match, each right after a step has changed it."""
        table, below = ActionTable(self.tables), Stream(number, "sample").below
        game = Game(self.tables, 1, load.seeds[0], SEATS, None)
        spent, draws = 0.0, 0
        for lease, _, _, kind, request, body in load.events:
            if lease == 1:
                game.handle(0, kind, request, body)
                knows = game.episode.players[0].knows
                spent += _timed(lambda knows=knows: table.sample(knows, below))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                draws += 1
        return draws / spent


def _handle(games: Sequence[Game], load: Load) -> None:
    for lease, _, seat, kind, request, body in load.events:
        games[lease - 1].handle(seat, kind, request, body)


def run(
    quick: bool = False,
    *,
    peers: bool = True,
    nsg_python: str | None = None,
    peers_python: str | None = None,
    sizes: Sequence[int] = SIZES,
    rounds: int | None = None,
    steps: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Measures; each figure as `{"name", "value", "unit", "spread", "baseline", "ratio"}`.

    `quick` takes smaller networks and fewer steps. With `peers`, NASim and CartPole are measured under
    `peers_python` (None: this interpreter) if they are installed there, NetSecGame under `nsg_python`.
    `progress` hears of each round as it begins.
    """
    if quick:
        sizes = [size for size in sizes if size <= QUICK_MAX_HOSTS]
    rounds = rounds or ROUNDS
    steps = steps or (STEPS // 4 if quick else STEPS)
    networks = _networks(sizes, steps)
    batch = _batch(progress)
    threshold = gc.get_threshold()
    running = start_peers(nsg_python, peers_python) if peers else []
    names = [_peer_row(peer.name) for peer in running]
    rows = _rows([network.name for network in networks], names)
    try:
        if peers:
            _tell_missing(names, nsg_python, peers_python, progress)
        spare_the_collector()  # as a worker does
        for number in range(1, rounds + 1):
            progress(f"round {number} of {rounds}")
            _measure_round(networks, running, rows, number, steps * PEER_STEPS // STEPS)
            rows["engine.batch"].values += [] if batch is None else [batch.measure(steps)]
            if number <= (1 if quick else MEMORY_ROUNDS):
                rows["engine.match.memory"].values += measure_match(_bundled("two_networks"))
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        for peer in running:
            peer.__exit__()
    return figures_of(rows.values())


def _networks(sizes: Sequence[int], steps: int) -> list[_Network]:
    shape = (MATCHES if steps >= STEPS // 4 else 4, steps)
    networks = [_Network(f"engine.h{size}", synthetic_spec(size).to_bytes(), *shape) for size in sizes]
    return [*networks, _Network("engine.two_networks", _bundled("two_networks"), *shape)]


def _measure_round(
    networks: Iterable[_Network], peers: Iterable[Peer], rows: dict[str, Row], number: int, peer_steps: int
) -> None:
    def put(name: str, value: float) -> None:
        rows[name].values.append(value)

    rate = measure_yardstick()
    put("yardstick", rate)
    put("yardstick.time", 1e6 / rate)
    for peer in peers:
        put(_peer_row(peer.name), peer.measure(max(peer_steps, 10)) or 0.0)
    for network in networks:
        network.measure(put, number)
    _measure_state(put, number)
    text = synthetic_spec(COMPILE_HOSTS).to_bytes()
    put("engine.compile", _timed(lambda: compile_spec(text)))


def _measure_state(put: Callable[[str, float], None], number: int) -> None:
    tables = compile_spec(synthetic_spec(STATE_HOSTS).to_bytes())
    game = Game(tables, 1, number, SEATS, None)
    put("engine.reset", _episodes(tables, number, 500))
    put("engine.reset.event", _each(lambda: game.handle(0, int(Kind.RESET), 1, RESET), 500))
    _advance(tables, game, number)
    put("engine.snapshot", _each(game.snapshot, 200))
    saved = game.snapshot()
    put("engine.restore", _each(lambda: Game.restore(tables, saved), 200))


def _episodes(tables: Tables, seed: int, times: int) -> float:
    """Microseconds for a new episode, the old ones being thrown away as in a match."""
    start = time.process_time()
    for number in range(times):
        Episode(tables, (seed, f"episode/{number}"), SEATS, ())
    return (time.process_time() - start) / times * 1e6


def _advance(tables: Tables, game: Game, number: int) -> None:
    """Plays a while, but never to an end."""
    table, draws = ActionTable(tables), Stream(number, "state")
    player = game.episode.players[0]
    for request in range(1, STATE_STEPS + 1):
        if player.ended:
            return
        game.handle(0, STEP, request, table.sample(player.knows, draws.below, include_blocks=False))


def _rows(networks: Iterable[str], running: Sequence[str]) -> dict[str, Row]:
    def beside(peer: str) -> str:
        return peer if peer in running else "yardstick"

    rows = [Row("yardstick", "turns/s", True), Row("yardstick.time", "us", False)]
    for name in networks:
        baseline = beside(_PEERS.get(name, ""))
        rows += [
            Row(name, "steps/s", True, baseline),
            Row(f"{name}.single", "steps/s", True, baseline),
            Row(f"{name}.handle", "steps/s", True, beside("peer.cartpole")),
            Row(f"{name}.sample", "draws/s", True, "yardstick"),
        ]
    parts = ("reset", "reset.event", "snapshot", "restore")
    rows += [Row(f"engine.{part}", "us", False, "yardstick.time") for part in parts]
    rows.append(Row("engine.compile", "s", False, "yardstick.time"))
    rows.append(Row("engine.batch", "steps/s", True, "yardstick"))
    rows.append(Row("engine.match.memory", "KB", False, limit=MATCH_KB))
    rows += [Row(peer, "steps/s", True) for peer in running]
    return {row.name: row for row in rows}


_PEERS: Final = {
    "engine.h10": "peer.nasim.10",
    "engine.h100": "peer.nasim.100",
    "engine.two_networks": "peer.netsecgame.two_networks",
}


def _peer_row(name: str) -> str:
    return f"peer.{name.replace(' ', '.')}"


def _tell_missing(
    running: Sequence[str], nsg_python: str | None, peers_python: str | None, progress: Callable[[str], None]
) -> None:
    """Says which peers do not run; of NetSecGame only if its Python was named."""
    python = peers_python or "this Python"
    places = {"peer.nasim.10": python, "peer.nasim.100": python, "peer.cartpole": python}
    if nsg_python is not None:
        places["peer.netsecgame.two_networks"] = nsg_python
    for name, place in places.items():
        if name not in running:
            progress(f"{name} is left out: it does not run under {place}")


def _batch(progress: Callable[[str], None]) -> BatchLoad | None:
    """The load of the batched engine; None, which is told, if that cannot run here."""
    try:
        from netsiege.engine.bench_batch import BatchLoad  # noqa: PLC0415  # an extra
    except ConfigError as missing:
        progress(f"engine.batch is left out: {missing}")
        return None
    return BatchLoad(Spec.from_bytes(_bundled("two_networks")))


def _bundled(name: str) -> bytes:
    from netsiege.scenarios import load_spec  # noqa: PLC0415  # a YAML parser is the benchmark's need only

    return load_spec(None, name).to_bytes()


def _timed(work: Callable[[], object]) -> float:
    """Seconds of CPU time that it takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _each(work: Callable[[], object], times: int) -> float:
    """Microseconds that each of so many calls takes."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times * 1e6
