"""What a match's result means for a game of a cup. Pure."""

from __future__ import annotations

from typing import Final

from netsiege.game import AgentStatus
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Game, Outcome
from netsiege.hub.tournament.schedule import NOBODY
from netsiege.protocol import Cause, Result

FORFEITED: Final = (Cause.TIME, Cause.DISCONNECT, Cause.PROTOCOL, Cause.LEFT)

INFRASTRUCTURE: Final = (Cause.WORKER, Cause.HUB, Cause.FAULT)
"""Ends that blame the arena."""

Place = tuple[str, str]
"""An entrant and the role in which it plays."""


def guilty_of(game: Game, result: Result) -> Place | None:
    """Who has forfeited, by the hub's verdict; None if nobody has."""
    if result.cause in FORFEITED:
        return (game.attacker, ATTACKER)
    won = result.statuses[0] == AgentStatus.Success.value
    # a defender that is there to the end has won when no attacker has
    if game.defender != NOBODY and result.winner is None and not won:
        return (game.defender, DEFENDER)
    return None


def outcome_of(game: Game, result: Result) -> Outcome:
    """What came of a game by the hub's verdict; its first seat is the attacker's, the next the defender's."""
    guilty = guilty_of(game, result)
    forfeit = guilty[0] if guilty is not None else ""
    won = result.statuses[0] == AgentStatus.Success.value and forfeit != game.attacker
    place = _defender_place(game, result)
    score = float(won or forfeit not in ("", game.attacker))
    return Outcome(
        game,
        score,
        str(result.cause),
        (float(result.returns[0]), float(result.returns[place]) if place is not None else 0.0),
        (result.steps[0], result.steps[place] if place is not None else 0),
        forfeit,
    )


def _defender_place(game: Game, result: Result) -> int | None:
    """Where the defender sits: the last seat but the users', who come after it."""
    return 1 if game.defender != NOBODY and len(result.steps) > 1 else None


def unplayed(game: Game, forfeit: str, cause: str) -> Outcome:
    """What came of a game that has no result: the attacker has won it only if another forfeits it."""
    score = float(forfeit not in ("", game.attacker))
    return Outcome(game, score, str(cause), (0.0, 0.0), (0, 0), forfeit)


def is_word_of_director(outcome: Outcome) -> bool:
    """Whether it may have been decided without a result: as a forfeit, or as lost to the arena for good."""
    names = [name for name in (outcome.game.attacker, outcome.game.defender) if name != NOBODY]
    has_reason = outcome.forfeit in names or (not outcome.forfeit and outcome.cause in INFRASTRUCTURE)
    return has_reason and outcome == unplayed(outcome.game, outcome.forfeit, outcome.cause)
