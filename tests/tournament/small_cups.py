"""Cups for tests, built from what entrants play: `A` attacks, `D` defends, `B` does both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hypothesis import strategies as st

from netsiege.hub.tournament.model import (
    ATTACKER,
    DEFENDER,
    GAUNTLET,
    ROUND_ROBIN,
    SWISS,
    Cup,
    Entrant,
    Format,
    Game,
    Ground,
    Outcome,
    Player,
)
from netsiege.hub.tournament.records import Bench
from netsiege.hub.tournament.results import Results
from netsiege.hub.tournament.results import results_of as results_of_rows
from netsiege.hub.tournament.schedule import Schedule
from netsiege.hub.tournament.slices import Group, SliceKey, Slices, row_of

ROLES_OF_KIND = {"A": (ATTACKER,), "D": (DEFENDER,), "B": (ATTACKER, DEFENDER)}


def cup_of(
    kinds: str,
    *,
    grounds: int = 1,
    games: int = 1,
    kind: str = ROUND_ROBIN,
    rounds: int = 0,
    seed: int = 0,
    hero: int = 0,
) -> Cup:
    """Entrants are called `A0`, `B1` …, grounds `g0`, `g1` …; a gauntlet's hero is said by index."""
    entrants = tuple(
        Entrant(f"{what}{index}", tuple((role, Player(agent="x")) for role in ROLES_OF_KIND[what]))
        for index, what in enumerate(kinds)
    )
    places = tuple(Ground(f"g{index}", scenario="two_networks_tiny") for index in range(grounds))
    return Cup(
        "test",
        entrants,
        places,
        Format(kind, games, entrants[hero % len(kinds)].name if kind == GAUNTLET else "", rounds),
        seed,
    )


def _has_meeting(kinds: str) -> bool:
    pairs = [{one, other} for i, one in enumerate(kinds) for other in kinds[i + 1 :]]
    return any(pair not in ({"A"}, {"D"}) for pair in pairs)


fields = st.text("ADB", min_size=2, max_size=9).filter(_has_meeting)
seeds = st.integers(0, 2**64 - 1)
swiss_cups = st.builds(
    cup_of,
    fields,
    grounds=st.integers(1, 2),
    games=st.integers(1, 2),
    kind=st.just(SWISS),
    rounds=st.integers(0, 10),
    seed=seeds,
)
fixed_cups = st.builds(
    cup_of,
    fields,
    grounds=st.integers(1, 3),
    games=st.integers(1, 4),
    kind=st.sampled_from([ROUND_ROBIN, GAUNTLET]),
    seed=seeds,
    hero=st.integers(0, 8),
)


def outcome_of(game: Game, score: float) -> Outcome:
    """The attacker has scored that."""
    return Outcome(game, score, "goal" if score else "steps", (score, 1 - score), (1, 1))


def chance(game: Game) -> float:
    """A score that looks like chance, and is the game's own."""
    return float(game.seed >> game.id % 48 & 1)


def played(schedule: Schedule, score: Callable[[Game], float] = chance) -> list[Outcome]:
    """All games of a schedule, one after the other."""
    outcomes: list[Outcome] = []
    while schedule.end(outcomes) is None:
        games = schedule.next_games(outcomes)
        assert games, "a schedule that is not over goes on"
        outcomes += [outcome_of(game, score(game)) for game in games]
    assert schedule.next_games(outcomes) == []
    return outcomes[: schedule.end(outcomes)]


def games_of(outcomes: Sequence[Outcome]) -> list[Game]:
    return [outcome.game for outcome in outcomes]


def groups_of(slices: Iterable[tuple[SliceKey, Sequence[tuple[str, str, float]]]]) -> list[Group]:
    """What ratings are made of, from the games of slices: attacker, defender and the attacker's score."""
    told = Slices(())
    number = 0
    for (ground, at), games in slices:
        rows = [
            (number + i, number + i, ground, at, attacker, defender, score, 0.0, 0.0, "goal", "")
            for i, (attacker, defender, score) in enumerate(games)
        ]
        told.add(rows)
        number += len(rows)
    return told.groups()


def results_of(
    cup: Cup, outcomes: Iterable[Outcome], benched: Sequence[Bench] = (), scheduled: int | None = None
) -> Results:
    """The results of these outcomes, which are in the order of the schedule."""
    return results_of_rows(cup, [row_of(outcome) for outcome in outcomes], benched, scheduled)
