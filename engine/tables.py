"""A spec compiled once: the board of its topology, and what its task means on it. Shared by all matches."""

from __future__ import annotations

from typing import Final

import attrs
from attrs import field, frozen

from netsiege.engine.actions import ActionReader
from netsiege.engine.board import Board, build_board
from netsiege.engine.deltas import Memo
from netsiege.engine.goals import Goal, GoalPlan, compile_goal, draw_goal
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.readdress import readdress
from netsiege.engine.rulesets import RULESETS as RULINGS
from netsiege.engine.rulesets import Ruling
from netsiege.engine.streams import Stream, derive
from netsiege.engine.views import Plan, compile_view, draw_rest, draw_start, settled_part, single_starts
from netsiege.errors import RuleError
from netsiege.game import AgentRole
from netsiege.protocol import pack
from netsiege.scenarios.model import MAX_AMOUNT, PACINGS, ROUNDS, Rewards, RoleTask, Spec

RULESETS: Final = tuple(RULINGS)
"""What this engine plays by."""

_MAX_FIRST_BYTES: Final = 1 << 14
_MAX_TEXT: Final = 4096
"""The longest goal description that SEATED carries."""
_MAX_STEPS: Final = 1 << 31
"""The largest limit of steps that SEATED carries."""


@frozen(eq=False)
class RoleTables:
    """One role's part of the task. `max_steps` 0 means no limit."""

    start: Plan
    settled: Knowledge | None
    """What all starts have in common, if all that is drawn are controlled hosts. Not to be changed."""
    goal: GoalPlan
    only_goal: Goal | None
    """The goal, if nothing of it is drawn."""
    goal_description: str
    max_steps: int
    first_states: Memo[tuple[int, int, int]] = field(init=False)
    """Networks, hosts, controlled -> the packed full state, where `settled` says all the rest."""
    is_drawn: bool = field(init=False)
    """Whether starts or goals differ from episode to episode."""
    starts: dict[int, Knowledge] = field(init=False, factory=dict, repr=False)
    """Controlled hosts -> a start that was drawn before. Not to be changed."""
    _board: Board = field(repr=False)
    singles: tuple[Knowledge, ...] = field(init=False, repr=False)
    """The starts by the outcome of their only draw, if that is how they are drawn. Not to be changed."""

    @singles.default
    def _(self) -> tuple[Knowledge, ...]:
        return single_starts(self._board, self.start, self.settled) if self.settled is not None else ()

    @first_states.default
    def _(self) -> Memo[tuple[int, int, int]]:
        def packed(key: tuple[int, int, int]) -> bytes:
            assert self.settled is not None
            knows = self.settled.copy()
            knows.networks, knows.hosts, knows.controlled = key
            return pack(knows.full(self._board))

        return Memo(packed, max_bytes=_MAX_FIRST_BYTES)

    @is_drawn.default
    def _(self) -> bool:
        return self.settled is None or bool(self.start.controlled.drawn) or self.only_goal is None

    def first_state(self, knows: Knowledge) -> bytes:
        """The full state of a start, packed."""
        if self.settled is None:
            return pack(knows.full(self._board))
        return self.first_states[knows.networks, knows.hosts, knows.controlled]


@frozen(eq=False)
class Tables:
    """Everything a match needs to know of its spec. `digest` is the spec's, in hex."""

    spec: Spec
    digest: str
    board: Board
    reader: ActionReader
    roles: dict[str, RoleTables]
    rewards: Rewards
    in_rounds: bool
    has_detector: bool
    ruleset: str
    is_dynamic: bool
    """Whether seats may ask for other addresses."""
    ruling: Ruling
    """What the ruleset makes of the spec."""
    codes: int
    """How many action types there are."""

    def start_of(self, episode_seed: int, role: str, index: int) -> Knowledge:
        """What that seat knows at the start of an episode. Equal seeds give equal starts."""
        told = self.roles[role]
        if told.singles:
            # the first draw of the stream below, without making it
            draw = derive(episode_seed, f"start/{role}/{index}/1")
            return told.singles[draw * len(told.singles) >> 64].copy()
        stream = Stream(episode_seed, f"start/{role}/{index}")
        if told.settled is None:
            return draw_start(self.board, told.start, stream)
        return draw_rest(self.board, told.start, told.settled, told.starts, stream)

    def goal_of(self, episode_seed: int, role: str, index: int) -> Goal:
        """What that seat plays for in an episode."""
        told = self.roles[role]
        if told.only_goal is not None:
            return told.only_goal
        return draw_goal(self.board, told.goal, Stream(episode_seed, f"goal/{role}/{index}"))

    def readdressed(self, seed: int) -> Tables:
        """The same under addresses drawn from a seed; for agents it stays the same configuration."""
        return attrs.evolve(compile_tables(readdress(self.spec, seed)), digest=self.digest)


def compile_spec(text: bytes) -> Tables:
    """Compiles a spec as `Spec.to_bytes` gives it.

    Raises RuleError for anything else, for a ruleset that this engine does not play by, and for a topology
    or a task that makes no sense.
    """
    try:
        spec = Spec.from_bytes(text)
        return compile_tables(spec)
    except ValueError as error:
        raise RuleError(str(error)) from error


def compile_tables(spec: Spec) -> Tables:
    """Compiles a spec; raises like `compile_spec`, and ValueError for a malformed address or network."""
    task = spec.task
    if task.ruleset not in RULESETS:
        raise RuleError(f"ruleset {task.ruleset!r} is not one that this engine knows: {', '.join(RULESETS)}")
    if task.pacing not in PACINGS:
        raise RuleError(f"pacing {task.pacing!r} is none of {', '.join(PACINGS)}")
    if task.use_dynamic_addresses:
        readdress(spec, 0)  # raises now rather than in the middle of a match
    names = [role.role for role in task.roles]
    if len(set(names)) < len(names):
        raise RuleError(f"a role is listed twice: {', '.join(names)}")
    if any(not abs(reward) <= MAX_AMOUNT for reward in attrs.astuple(task.rewards)):
        raise RuleError(f"a reward is not a number from -{MAX_AMOUNT} to {MAX_AMOUNT}")
    views = [view for role in task.roles for view in (role.start, role.goal)]
    board = build_board(spec.topology, views, task.use_firewall)
    ruling = RULINGS[task.ruleset](spec, board)
    return Tables(
        spec=spec,
        digest=spec.digest,
        board=board,
        reader=ActionReader(board, len(ruling.rules)),
        roles={role.role: _compile_role(board, role) for role in task.roles},
        rewards=task.rewards,
        in_rounds=task.pacing == ROUNDS,
        has_detector=task.use_global_defender,
        ruleset=task.ruleset,
        is_dynamic=task.use_dynamic_addresses,
        ruling=ruling,
        codes=len(ruling.rules),
    )


def _compile_role(board: Board, task: RoleTask) -> RoleTables:
    name = task.role
    if name not in [role.value for role in AgentRole]:
        raise RuleError(f"there is no role {name!r}: {', '.join(role.value for role in AgentRole)}")
    if len(task.goal_description) > _MAX_TEXT:
        raise RuleError(f"{name}: the goal description has over {_MAX_TEXT} characters")
    if not 0 <= (task.max_steps or 0) <= _MAX_STEPS:
        raise RuleError(f"{name}: {task.max_steps} is no limit of steps: 0 to {_MAX_STEPS}")
    start = compile_view(board, task.start, board.starts, f"{name}.start")
    goal = compile_goal(board, task.goal, f"{name}.goal")
    return RoleTables(
        start=start,
        settled=settled_part(board, start),
        goal=goal,
        only_goal=None if goal.is_drawn else draw_goal(board, goal, Stream(0, "")),
        goal_description=task.goal_description,
        max_steps=task.max_steps or 0,
        board=board,
    )
