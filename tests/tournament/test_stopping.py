"""Cups that stop early: when, and that nothing but the outcomes in their order has a say in it."""

from __future__ import annotations

import random

import attrs
import pytest

from netsiege.hub.tournament.model import COMPARE, SWISS, Format, Outcome
from netsiege.hub.tournament.records import ENDED
from netsiege.hub.tournament.results import read_all
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.hub.tournament.standing import Standing
from netsiege.hub.tournament.stopping import SLICES_MIN
from netsiege.hub.tournament.store import Store
from netsiege.hub.tournament.words import say_comparison, say_cup
from tests.tournament.coverage import coverage
from tests.tournament.small_cups import cup_of, outcome_of, played, results_of

STRENGTH = {"A0": 0.75, "A1": 0.5, "D2": 0.0, "D3": 0.1}


def luck(game):
    """A score that is the game's own, and depends on who plays."""
    chance = STRENGTH[game.attacker] - STRENGTH.get(game.defender, 0.0)
    return float(random.Random(f"{game.seed} {game.id}").random() < chance)


def precise(within, games=400, **settings):
    return attrs.evolve(cup_of("AADD", games=games, **settings), within=within)


def half_widths(cup, outcomes):
    standing = Standing(cup)
    standing.extend(outcomes)
    parts = [part for row in standing.tables().all.rows for part in (row.attack, row.defence) if part]
    return [max(p.rating.high - p.rating.value, p.rating.value - p.rating.low) for p in parts]


@pytest.mark.parametrize("settings", [{}, {"grounds": 2}, {"kind": SWISS, "rounds": 60}])
def test_cup_ends_with_the_first_slices_after_which_all_ratings_are_known_well_enough(settings):
    cup = precise(90.0, 12 if "kind" in settings else 400, **settings)
    outcomes = played(schedule_of(cup), luck)
    assert len(outcomes) < schedule_of(cup).expected
    assert max(half_widths(cup, outcomes)) <= 90
    # it ends with a whole slice, and no earlier look would have been enough
    following = schedule_of(attrs.evolve(cup, within=None)).next_games(outcomes, most=1)
    assert following[0].slice == outcomes[-1].game.slice + 1
    looser = played(schedule_of(attrs.evolve(cup, within=180.0)), luck)
    assert len(looser) < len(outcomes)
    assert outcomes[: len(looser)] == looser


def test_few_slices_are_not_believed_however_narrow_the_intervals():
    outcomes = played(schedule_of(precise(1_000.0)), luck)
    assert len({outcome.game.slice for outcome in outcomes}) == SLICES_MIN


def test_cup_whose_ratings_stay_wide_plays_all_games():
    cup = precise(1.0, games=30)
    assert len(played(schedule_of(cup), luck)) == schedule_of(cup).expected


def test_end_is_the_same_however_many_outcomes_come_at_once():
    cup = precise(120.0)
    whole = played(schedule_of(cup), luck)
    games = schedule_of(attrs.evolve(cup, within=None)).next_games([], most=len(whole) + 50)
    longer = [outcome_of(game, luck(game)) for game in games]
    assert schedule_of(cup).end(longer) == len(whole)
    one_by_one = schedule_of(cup)
    ends = {one_by_one.end(longer[:upto]) for upto in range(len(longer) + 1)}
    assert ends == {None, len(whole)}


def store_of(folder, cup, outcomes):
    with Store.create(folder, cup, "netsiege") as store:
        store.write(games=[o.game for o in outcomes], verdicts=[(o, None) for o in outcomes])
        store.write(notes={ENDED: str(schedule_of(cup).end(outcomes))})
        return read_all(store)


def test_games_that_were_over_beside_the_last_one_are_in_no_table(tmp_path):
    cup = precise(120.0)
    whole = played(schedule_of(cup), luck)
    beyond = schedule_of(attrs.evolve(cup, within=None)).next_games(whole, most=7)
    late = [Outcome(game, 1.0, "goal", (9.0, 9.0), (1, 1)) for game in beyond[::2]]
    told, outcomes = store_of(tmp_path / "late", cup, [*whole, *late])
    assert outcomes == whole
    assert (told.games, told.scheduled, told.stopped) == (len(whole), len(whole), True)
    assert told == store_of(tmp_path / "not", cup, whole)[0]
    assert "once all ratings are known within 120 points of Elo" in " ".join(say_cup(cup))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("A0", "A1", "A0 is better than A1: H1 is accepted."),
        ("A1", "A0", "A1 is not better than A0 by what was asked: H0 is accepted."),
    ],
)
def test_comparison_tells_what_it_has_come_to(one, other, said):
    cup = attrs.evolve(cup_of("AADD"), format=Format(COMPARE, 2_000, a=one, b=other))
    outcomes = played(schedule_of(cup), luck)
    told = results_of(cup, outcomes).comparison
    assert told is not None
    assert next(say_comparison(told)) == said
    assert told.games == len(outcomes)
    assert told.slices == told.better + told.as_good + told.worse == len(outcomes) / 4
    undecided = results_of(cup, outcomes[:-1]).comparison
    assert undecided is not None
    assert undecided.state == "continue"
    assert results_of(cup_of("AADD"), []).comparison is None


def test_comparison_with_a_gap_is_read_up_to_it():
    cup = attrs.evolve(cup_of("AADD"), format=Format(COMPARE, 2_000, a="A0", b="A1"))
    outcomes = played(schedule_of(cup), luck)
    told = results_of(cup, outcomes[:9] + outcomes[10:]).comparison
    assert told is not None
    assert told.slices == 2


@pytest.mark.soak
def test_intervals_of_cups_that_stop_by_them_cover_as_often_as_they_say():
    figures = coverage(100, 1, map, width=0.05, designs=["stopped within 70 points, at most 200 slices"])
    assert [str(figure) for figure in figures if not figure.good] == []
