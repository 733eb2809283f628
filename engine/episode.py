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
from netsiege.engine.detector import Detector
from netsiege.engine.goals import Goal
from netsiege.engine.knowledge import Delta, Knowledge
from netsiege.engine.rules import play
from netsiege.engine.tables import Tables
from netsiege.engine.world import World
from netsiege.game import AgentRole, AgentStatus
from netsiege.protocol import Cause, Result, SeatSpec

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


class Player:
    """A seat in one episode.

    `trace` is flat: body of the STEP, reward, delta, for each step. `reward` is what the last step gave,
    with the reward of the end once the episode is settled; `returns` is the sum. An `absent` player left
    the match before this episode and has no part in it.
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
        "limit",
        "returns",
        "reward",
        "role",
        "status",
        "steps",
        "still",
        "trace",
    )

    def __init__(
        self, role: str, index: int, knows: Knowledge, goal: Goal, limit: int, detector: Detector | None
    ) -> None:
        self.role = role
        self.index = index
        self.knows = knows
        self.goal = goal
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
        self.trace: list[Any] = []
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
            self.trace,
        ]

    def load(self, plain: list[Any]) -> None:
        """The inverse of `to_plain`, on a fresh player of the same seed."""
        knows, detector, self.absent, self.status, self.cause, self.ended, self.forfeited = plain[:7]
        self.steps, self.reward, self.returns, self.trace = plain[7:]
        self.knows = Knowledge.from_plain(knows)
        if self.detector:
            self.detector.load(detector)


class Episode:
    """The players, in the order of the match's seats, and their world."""

    __slots__ = ("hunters", "players", "seed", "settled", "tables", "world")

    def __init__(self, tables: Tables, seed: int, seats: Sequence[SeatSpec], absent: Iterable[int]) -> None:
        self.tables = tables
        self.seed = seed
        self.players = [self._player(seat) for seat in seats]
        for seat in absent:
            player = self.players[seat]
            player.absent, player.status = True, FAIL
        self.world = World(tables.board, [player.role != ATTACKER for player in self.players])
        self.settled = False
        self.hunters = 0
        """How many attackers play."""
        self._count_hunters()

    def _player(self, seat: SeatSpec) -> Player:
        tables, role, index = self.tables, seat.role, seat.index
        return Player(
            role,
            index,
            tables.start_of(self.seed, role, index),
            tables.goal_of(self.seed, role, index),
            tables.roles[role].max_steps,
            Detector(self.seed, f"detector/{role}/{index}") if tables.has_detector else None,
        )

    def _count_hunters(self) -> None:
        self.hunters = sum(player.status == HUNTING for player in self.players)

    # --- moves --------------------------------------------------------------------------------------------

    def play(self, seat: int, action: Action | None, body: bytes) -> Delta:
        """Plays an action (None passes) of a seat that has not ended; returns what it learns by it."""
        player = self.players[seat]
        delta = play(self.world, player.knows, seat, action) if action is not None else ()
        step = self.tables.rewards.step
        player.steps += 1
        player.reward = step
        player.returns += step
        player.trace += (body, step, delta)
        if delta:
            player.still = None
        if self._reached(player, delta):
            self._end(player, SUCCESS, Cause.GOAL)
        elif player.detector is not None and action is not None and self._detected(player.detector, action):
            self._end(player, FAIL, Cause.DETECTED)
        elif player.limit and player.steps >= player.limit:
            self._end(player, TIMEOUT, Cause.STEPS)
        elif not self.hunters:
            self._end(player, player.status, Cause.FINISHED)
        return delta

    def _reached(self, player: Player, delta: Delta) -> bool:
        goal = player.goal
        if not goal.hunted:
            # what was not reached before can only be if something has changed since
            return bool(delta or player.steps == 1) and goal.reached(self.tables.board, player.knows, ())
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
        if all(p.status not in (HUNTING, RESIGNED) for p in self.players if p.role == ATTACKER):
            self._end(player, player.status, Cause.FINISHED)
        else:
            player.status, player.cause = RESIGNED, Cause.LEFT
            self._count_hunters()

    # --- the end ------------------------------------------------------------------------------------------

    def settle(self, number: int, is_last: bool) -> Result:
        """Gives everyone the reward of the end; how the episode ended. Abandoned if everyone resigned."""
        self.settled = True
        present = [player for player in self.players if not player.absent]
        attackers = [player for player in present if player.role == ATTACKER]
        abandoned = bool(present) and all(player.status == RESIGNED for player in present)
        succeeded = any(player.status == SUCCESS for player in attackers)
        defended = any(p.role == DEFENDER and not p.forfeited and p.status != RESIGNED for p in present)
        if not abandoned:
            self._reward(succeeded)
        winner = ATTACKER if succeeded else DEFENDER if defended and not abandoned else None
        causes = {player.cause for player in attackers or present}
        worst = next((cause for cause in WORST_FIRST if cause in causes), Cause.FINISHED)
        return Result(
            episode=number,
            winner=winner,
            cause=Cause.GOAL if succeeded else worst,
            statuses=tuple(player.status for player in self.players),
            steps=tuple(player.steps for player in self.players),
            returns=tuple(player.returns for player in self.players),
            last=is_last,
        )

    def _reward(self, succeeded: bool) -> None:
        rewards = self.tables.rewards
        for player, false_positives in zip(self.players, self.world.false_positives, strict=True):
            gave_up = player.forfeited or player.status == RESIGNED
            if player.absent:
                continue
            if player.role == ATTACKER:
                gained = rewards.success if player.status == SUCCESS else rewards.fail
            elif player.role == DEFENDER:
                won = not (succeeded or gave_up)
                gained = rewards.success if won else rewards.fail
                gained += false_positives * rewards.false_positive
                if not gave_up:
                    player.status = SUCCESS if won else FAIL
            else:
                continue
            player.reward += gained
            player.returns += gained
            if player.ended and player.trace:
                player.trace[-2] = player.reward

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
