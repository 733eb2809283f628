"""Many games at once, for Python: `Batch`. What it does is in the modules beside, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsiege.engine.action_table import ActionTable, offered
from netsiege.engine.batch import columns, episode
from netsiege.engine.batch.columns import End
from netsiege.engine.batch.observe import Seen, make_seen, observe, write_valid
from netsiege.engine.batch.terrain import check_size, check_task, make_games, make_setup
from netsiege.engine.masks import bits
from netsiege.engine.streams import derive
from netsiege.engine.tables import compile_tables
from netsiege.errors import RuleError
from netsiege.scenarios.model import Spec

__all__ = ["Batch", "End", "Moved", "Seen", "Totals"]

MAX_SEED: Final = (1 << 64) - 1

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

_KINDS: Final[dict[Any, str]] = {np.bool_: "b", np.int64: "iu", np.uint64: "iu"}
"""The kinds of numpy's types that are taken for each."""
_NO_SEEDS: Final = np.zeros(0, np.uint64)
_NO_NUMBERS: Final = np.zeros(0, np.int64)


class Moved(NamedTuple):
    """What came of a move of every game, each an array [games] that the next move writes anew."""

    rewards: F64
    """Of the move, with that of the end if it was the last of its episode."""
    ends: I64
    """An `End`: 0 while the episode goes on. STEPS is a truncation, GOAL and DETECTED are terminations."""
    returns: F64
    """The rewards of the episode so far, the move's included; of the ended one, if it ended."""
    steps: I64
    """Likewise, the moves of the episode."""


class Totals(NamedTuple):
    """Sums over many moves of all games."""

    moves: int
    episodes: int
    """That ended, as are the next."""
    goals: int
    detections: int
    timeouts: int
    rewards: float
    """Of all moves."""


class Batch:
    """`count` matches of one attacker on a spec, one episode after the other, stepped in lockstep.

    Match i plays by the seed `seeds[i]`; without `seeds`, by what `derive(seed, f"batch/{i}")` gives. Its
    episodes have the seeds that `Game` gives them, and go as they would there. Actions are indices of the
    `ActionTable`, -1 is a pass. With `restart`, whoever has ended begins its next episode in the same call;
    else it waits for `reset`, and until then only gets its last reward again. Addresses stay those of the
    spec, also where a task lets seats ask for others.

    Raises ConfigError for a task that is not of the ruleset `netsecgame`, or not for one attacker, or keeps
    trajectories, and for more than 64 addresses or networks; RuleError as `compile_tables` does.

    One thread at a time may use it; calls let go of the interpreter's lock, so several batches in as many
    threads use as many cores.
    """

    def __init__(
        self,
        spec: Spec,
        count: int,
        seed: int = 0,
        *,
        seeds: Sequence[int] | None = None,
        include_blocks: bool = True,
        restart: bool = True,
    ) -> None:
        check_task(spec.task)
        self.tables = compile_tables(spec)
        check_size(self.tables)
        self.table = ActionTable(self.tables)
        if count < 1 or (seeds is not None and len(seeds) != count):
            raise RuleError(f"a batch has at least one game, and a seed for each, not {count}")
        drawn = [derive(seed, f"batch/{i}") for i in range(count)] if seeds is None else seeds
        if not all(0 <= each <= MAX_SEED for each in drawn):
            raise RuleError(f"a seed is a whole number from 0 to {MAX_SEED}")
        self.count = count
        self.restart = restart
        self._setup = make_setup(self.tables, include_blocks)
        self._games = make_games(self._setup, np.array(drawn, np.uint64))
        self._actions = np.zeros(count, np.int64)
        self._moved = Moved(
            np.zeros(count), np.zeros(count, np.int64), np.zeros(count), np.zeros(count, np.int64)
        )
        self._seen: Seen | None = None
        self._masks: Bools | None = None
        episode.restart(self._setup, self._games, np.ones(count, np.bool_), _NO_SEEDS, True)

    # --- what it is about ---------------------------------------------------------------------------------

    @property
    def actions(self) -> int:
        """How many actions the table has."""
        return self.table.size

    @property
    def offers(self) -> list[tuple[str, list[Any]]]:
        """What `Seen.known_services` is about: addresses with services as they travel."""
        board = self.tables.board
        masks = offered(self.tables)
        return [(board.texts[a], board.services[i]) for a, mask in enumerate(masks) for i in bits(mask)]

    @property
    def episodes(self) -> I64:
        """[games]: the numbers of the present episodes in their matches, from 0; not to be changed."""
        return self._games.numbers[:, columns.EPISODE]

    @property
    def episode_seeds(self) -> U64:
        """[games]: their seeds; not to be changed."""
        return self._games.masks[:, columns.EPISODE_SEED]

    # --- play ---------------------------------------------------------------------------------------------

    def reset(self, chosen: ArrayLike | None = None, seeds: ArrayLike | None = None) -> None:
        """Begins the next episode of all games, or of those that `chosen`, `bool[games]`, says.

        With `seeds`, `uint64[games]`, from those; else from the seeds that the matches give them. Raises
        RuleError, before anything begins, for arrays of another kind.
        """
        games = np.ones(self.count, np.bool_) if chosen is None else self._array(chosen, np.bool_)
        own = _NO_SEEDS if seeds is None else self._array(seeds, np.uint64)
        episode.restart(self._setup, self._games, games, own, False)

    def step(self, actions: ArrayLike) -> Moved:
        """A move of every game: `int64[games]`. Whatever is not valid changes nothing, and costs a step.

        Raises RuleError, before anybody moves, if one is no index of the table, nor -1.
        """
        chosen = self._array(actions, np.int64)
        if chosen.min() < episode.PASS or chosen.max() >= self.table.size:
            raise RuleError(f"an action is a number from -1, a pass, to {self.table.size - 1}")
        episode.step(self._setup, self._games, chosen, self.restart, *self._moved)
        return self._moved

    def sample(self) -> I64:
        """[games]: an action of each game that is valid, each equally likely; -1 if there is none.

        They come from the seeds of the matches, and from how many were drawn in them. The array is written
        anew by the next call.
        """
        return self._choose(_NO_NUMBERS, self._actions)

    def play_randomly(self, moves: int) -> Totals:
        """What so many calls of `sample` and `step` would do, at the full speed; games always restart."""
        ends, rewards = np.zeros(len(End), np.int64), np.zeros(1)
        episode.play_randomly(self._setup, self._games, moves, ends, rewards)
        goals, detections, timeouts = (int(ends[end]) for end in (End.GOAL, End.DETECTED, End.STEPS))
        return Totals(moves * self.count, int(ends.sum()), goals, detections, timeouts, float(rewards[0]))

    # --- what can be done, and what is known --------------------------------------------------------------

    def masks(self) -> Bools:
        """[games, actions]: which actions are valid. The array is written anew by the next call."""
        if self._masks is None:
            self._masks = np.zeros((self.count, self.table.size), np.bool_)
        write_valid(self._setup.terrain, self._games.masks, self._masks)
        return self._masks

    def valid_counts(self) -> I64:
        """[games]: how many actions are valid."""
        return self._games.numbers[:, columns.COUNTS :].sum(axis=1)  # type: ignore[no-any-return]  # numpy says Any

    def nth(self, numbers: ArrayLike) -> I64:
        """[games]: the valid action of that number of each, numbered as by `ActionTable.nth`; or -1."""
        return self._choose(self._array(numbers, np.int64), np.zeros(self.count, np.int64))

    def _choose(self, wanted: I64, actions: I64) -> I64:
        episode.choose(self._setup.terrain, self._games.masks, self._games.numbers, wanted, actions)
        return actions

    def observe(self) -> Seen:
        """What is known in every game. The arrays are written anew by the next call."""
        if self._seen is None:
            self._seen = make_seen(self._setup.terrain, self.count)
        observe(self._setup.terrain, self._games.masks, self._seen)
        return self._seen

    def _array(self, values: ArrayLike, kind: Any) -> NDArray[Any]:
        # numpy would cut numbers off, turn them around, and take every one but 0 for true
        given = values if isinstance(values, np.ndarray) else np.array(values, object)
        if given.shape != (self.count,):
            raise RuleError(f"there are {self.count} games, and values of the shape {given.shape}")
        wanted = bool if kind is np.bool_ else int
        if given.dtype.kind not in _KINDS[kind] and {type(value) for value in given.tolist()} != {wanted}:
            raise RuleError(f"values are to be {wanted.__name__}, not {given.dtype}: {given[:4].tolist()}, …")
        if kind is np.uint64 and (given.min() < 0 or given.max() > MAX_SEED):
            raise RuleError(f"a seed is a whole number from 0 to {MAX_SEED}")
        try:
            return np.ascontiguousarray(given, kind)
        except OverflowError:
            raise RuleError(f"values are to have 64 bits: {given[:4].tolist()}, …") from None
