"""The rulesets by name: what each makes of a spec.

A `Ruling` is one ruleset applied to one spec: a rule for each action type, by its code, and the world that
these change. All else is common to the rulesets: knowledge, goals, seats, pacing, replies, replays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from netsiege.engine import rules, siege
from netsiege.engine.board import Board
from netsiege.engine.rules import Rule
from netsiege.engine.siege_laws import compile_laws
from netsiege.engine.siege_world import SiegeWorld
from netsiege.engine.world import Participant, World
from netsiege.game import AgentRole
from netsiege.scenarios.model import NETSECGAME, SIEGE, Spec


@frozen(eq=False)
class Ruling:
    """`rules` are by code; an action of a code that is not there is refused. `tells`: whether observations
    may say more than the state (`World.tell`).
    """

    rules: tuple[Rule, ...]
    new_world: Callable[[Sequence[Participant], Callable[[], int]], World]
    """A world as an episode begins, from its players and what gives its seed."""
    tells: bool = False


def _netsecgame(_spec: Spec, board: Board) -> Ruling:
    def new_world(players: Sequence[Participant], _seed: Callable[[], int]) -> World:
        return World(board, [player.role != AgentRole.Attacker.value for player in players])

    return Ruling(rules.RULES, new_world)


def _siege(spec: Spec, board: Board) -> Ruling:
    laws = compile_laws(spec, board)

    def new_world(players: Sequence[Participant], seed: Callable[[], int]) -> World:
        return SiegeWorld(board, laws, players, seed())

    return Ruling(siege.rules_of(laws), new_world, tells=True)


RULESETS: Final[dict[str, Callable[[Spec, Board], Ruling]]] = {
    NETSECGAME: _netsecgame,
    SIEGE: _siege,
}
"""By the name that a task and a replay give."""
