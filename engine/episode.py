"""One episode of a match: a world, the players in it, how each stands, and how it all ends.

A player ends by reaching its goal, by being detected or by its step limit, in this precedence; or at its
own next step once no attacker is playing any more (with no attacker in the match: at its first). Apart from
that it may *forfeit* (too slow, gone) or *resign* (ask for a new episode before its end). The episode is
over when nobody plays on; then it is settled: rewards for all, a winner, a cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from netsiege.engine.actions import Action
from netsiege.engine.deltas import NOTHING, ONE_FIELD, QUIET, Delta
from netsiege.engine.detector import Detector
from netsiege.engine.goals import Goal
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.streams import Named, derive
from netsiege.engine.tables import Tables
from netsiege.game import AgentRole, AgentStatus
from netsiege.protocol import Cause, SeatSpec

ATTACKER: Final = AgentRole.Attacker.value
DEFENDER: Final = AgentRole.Defender.value

PLAYING: Final = AgentStatus.Playing.value
HUNTING: Final = AgentStatus.PlayingWithTimeout.value
"""The status of an attacker that plays."""
SUCCESS: Final = AgentStatus.Success.value
FAIL: Final = AgentStatus.Fail.value
TIMEOUT: Final = AgentStatus.TimeoutReached.value
RESIGNED: Final = AgentStatus.ResetRequested.value

WORST_FIRST: Final = (
    Cause.PROTOCOL,
    Cause.DISCONNECT,
    Cause.TIME,
    Cause.LEFT,
    Cause.DETECTED,
    Cause.STEPS,
    Cause.FINISHED,
)
"""When no attacker succeeded, an episode is said to have ended by the first of these that befell one."""


TRACE_MAX_BYTES: Final = 1 << 20
"""A trajectory ends here, after some 10,000 usual steps: one seat must not fill a worker."""


class Player:
    """A seat in one episode.

    `trace` is one msgpack value after the other: the body of the STEP, the delta, for each step until it has
    `TRACE_MAX_BYTES`; what comes after is in the events of the match only. `reward` is
    what the last step gave, with the reward of the end once the episode is settled; `returns` is the sum.
    An `absent` player left the match before this episode and has no part in it.
    """

    __slots__ = (
        "absent",
        "cause",
        "detector",
        "ended",
        "forfeited",
        "goal",
        "index",
        "knows",
        "last",
        "limit",
        "returns",
        "reward",
        "role",
        "status",
        "steps",
        "still",
        "trace",
        "watched",
    )

    def __init__(
        self, role: str, index: int, knows: Knowledge, goal: Goal, limit: int, detector: Detector | None
    ) -> None:
        self.role = role
        self.index = index
        self.knows = knows
        self.goal = goal
        self.watched = goal.fields
        self.limit = limit
        self.detector = detector
        self.absent = False
        self.status = HUNTING if role == ATTACKER else PLAYING
        self.cause = ""
        self.ended = False
        self.forfeited = False
        self.steps = 0
        self.reward: float = 0
        self.returns: float = 0
        self.trace = bytearray()
        self.last = NOTHING
        """The delta of the last step."""
        self.still: bytes | None = None
        """The last observation's body, kept while the knowledge does not change."""

    @property
    def end_reason(self) -> str | None:
        """The status as agents are told it, once it is one of an end."""
        return None if self.status in (PLAYING, HUNTING) else f"AgentStatus.{self.status}"

    def to_plain(self) -> list[Any]:
        """All that the seed does not say, ready for msgpack."""
        return [
            self.knows.to_plain(),
            self.detector.to_plain() if self.detector else None,
            self.absent,
            self.status,
            self.cause,
            self.ended,
            self.forfeited,
            self.steps,
            self.reward,
            self.returns,
            bytes(self.trace),
            self.last,
        ]

    def load(self, plain: list[Any]) -> None:
        """The inverse of `to_plain`, on a fresh player of the same seed."""
        knows, detector, self.absent, self.status, self.cause, self.ended, self.forfeited = plain[:7]
        self.steps, self.reward, self.returns, trace, self.last = plain[7:]
        self.trace += trace
        self.knows = Knowledge.from_plain(knows)
        if self.detector:
            self.detector.load(detector)


class Episode:
    """The players, in the order of the match's seats, and their world."""

    __slots__ = ("_rules", "_seed", "hunters", "players", "settled", "step_reward", "tables", "world")

    def __init__(
        self, tables: Tables, seed: int | Named, seats: Sequence[SeatSpec], absent: Iterable[int]
    ) -> None:
        self.tables = tables
        self._seed = seed
        self.players = players = [self._player(seat) for seat in seats]
        for seat in absent:
            players[seat].absent, players[seat].status = True, FAIL
        self._rules = tables.ruling.rules
        self.world = tables.ruling.new_world(players, lambda: self.seed)
        self.step_reward = tables.rewards.step
        self.settled = False
        self.hunters = [player.status for player in players].count(HUNTING)
        """How many attackers play."""

    @property
    def seed(self) -> int:
        """What all that is drawn in the episode comes from."""
        seed = self._seed
        if not isinstance(seed, int):
            self._seed = seed = derive(*seed)
        return seed

    def _player(self, seat: SeatSpec) -> Player:
        tables, role, index = self.tables, seat.role, seat.index
        told = tables.roles[role]
        if not (told.is_drawn or tables.has_detector):
            assert told.settled is not None
            assert told.only_goal is not None
            return Player(role, index, told.settled.copy(), told.only_goal, told.max_steps, None)
        seed = self.seed
        return Player(
            role,
            index,
            tables.start_of(seed, role, index),
            tables.goal_of(seed, role, index),
            told.max_steps,
            Detector(seed, f"detector/{role}/{index}") if tables.has_detector else None,
        )

    def _count_hunters(self) -> None:
        self.hunters = [player.status for player in self.players].count(HUNTING)

    # --- moves --------------------------------------------------------------------------------------------

    def play(self, player: Player, seat: int, action: Action | None, body: bytes) -> Delta:
        """Plays an action (None passes) of a seat's player that has not ended; returns what it learns."""
        world, knows = self.world, player.knows
        delta = world.idle(seat) if action is None else self._rules[action[0]](world, knows, seat, action)
        player.steps = steps = player.steps + 1
        player.reward = reward = self.step_reward
        player.returns += reward
        player.last = delta
        trace = player.trace
        if len(trace) < TRACE_MAX_BYTES:
            trace += body
            trace += delta or QUIET
        if delta:
            player.still = None
        watched = player.watched
        # what was not reached before can only be if something that it needs has changed since
        news = delta and (delta[0] != ONE_FIELD or watched >> delta[1] & 1)
        if (news or steps == 1 or watched < 0) and self._reached(player, seat):
            self._end(player, SUCCESS, Cause.GOAL)
            world.reached_goal(seat)
        elif player.detector is not None and action is not None and self._detected(player.detector, action):
            self._end(player, FAIL, Cause.DETECTED)
        elif steps >= player.limit > 0:
            self._end(player, TIMEOUT, Cause.STEPS)
        elif not self.hunters:
            self._end(player, player.status, Cause.FINISHED)
        return delta

    def _reached(self, player: Player, seat: int) -> bool:
        goal = player.goal
        if not self.world.holds(seat, goal.controlled):
            return False
        if not goal.hunted:
            return goal.reached(self.tables.board, player.knows, ())
        attackers = [p.knows for p in self.players if p.role == ATTACKER and not (p.absent or p.forfeited)]
        return goal.reached(self.tables.board, player.knows, attackers)

    @staticmethod
    def _detected(detector: Detector, action: Action) -> bool:
        return detector.watch(action) and detector.detects(action[0])

    def _end(self, player: Player, status: str, cause: Cause) -> None:
        player.status, player.cause, player.ended = status, cause, True
        self._count_hunters()

    def forfeit(self, seat: int, cause: Cause) -> None:
        """The seat plays no more, and fails, unless it has already ended."""
        player = self.players[seat]
        if not (player.ended or player.absent or self.settled):
            player.status, player.cause, player.forfeited = FAIL, cause, True
            self._count_hunters()

    def resign(self, seat: int) -> None:
        """The seat gives this episode up for a new one.

        If there is no attacker left to wait for, its next step would have ended it, so it ends by this.
        """
        player = self.players[seat]
        if player.ended or self.settled:
            return
        hunting = [p for p in self.players if p.role == ATTACKER and p.status in (HUNTING, RESIGNED)]
        if not hunting:
            self._end(player, player.status, Cause.FINISHED)
        else:
            player.status, player.cause = RESIGNED, Cause.LEFT
            self._count_hunters()

    # --- the end ------------------------------------------------------------------------------------------

    def settle(self, number: int, is_last: bool) -> tuple[Any, ...]:
        """Gives everyone the reward of the end; the fields of a `Result`. Abandoned if everyone resigned."""
        self.settled = True
        present = [player for player in self.players if not player.absent]
        attackers = [player for player in present if player.role == ATTACKER]
        abandoned = bool(present) and [player.status for player in present].count(RESIGNED) == len(present)
        succeeded = SUCCESS in [player.status for player in attackers]
        defended = any(p.role == DEFENDER and not p.forfeited and p.status != RESIGNED for p in present)
        winner = ATTACKER if succeeded else DEFENDER if defended and not abandoned else None
        if not abandoned:
            self._reward(succeeded)
        causes = [player.cause for player in attackers or present]
        worst = Cause.FINISHED
        for cause in WORST_FIRST:
            if cause in causes:
                worst = cause
                break
        return (
            number,
            winner,
            Cause.GOAL if succeeded else worst,
            [player.status for player in self.players],
            [player.steps for player in self.players],
            [player.returns for player in self.players],
            is_last,
        )

    def _reward(self, succeeded: bool) -> None:
        rewards = self.tables.rewards
        for seat, player in enumerate(self.players):
            gave_up = player.forfeited or player.status == RESIGNED
            if player.absent:
                continue
            if player.role == ATTACKER:
                gained = rewards.success if player.status == SUCCESS else rewards.fail
            elif player.role == DEFENDER:
                won = not (succeeded or gave_up)
                gained = rewards.success if won else rewards.fail
                gained += self.world.settlement(seat, rewards)
                if not gave_up:
                    player.status = SUCCESS if won else FAIL
            else:
                continue
            player.reward += gained
            player.returns += gained

    # --- snapshots ----------------------------------------------------------------------------------------

    def to_plain(self) -> list[Any]:
        """All that the seed does not say, ready for msgpack."""
        return [self.settled, self.world.to_plain(), [player.to_plain() for player in self.players]]

    def load(self, plain: list[Any]) -> None:
        """The inverse of `to_plain`, on a fresh episode of the same seed."""
        self.settled, world, players = plain
        self.world.load(world)
        for player, told in zip(self.players, players, strict=True):
            player.load(told)
        self._count_hunters()
