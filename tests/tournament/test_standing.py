import itertools
import random

import pytest
from attrs import asdict, evolve

from netsiege.hub.tournament.cycles import cycles
from netsiege.hub.tournament.model import Game, Outcome
from netsiege.hub.tournament.standing import Standing
from tests.tournament.coverage import DESIGNS, cup_of


def outcome(
    number, attacker, defender, score, *, pair=None, at=0, ground="s", returns=(0.0, 0.0), forfeit=""
):
    game = Game(number, number if pair is None else pair, ground, at, 7, attacker, defender)
    return Outcome(game, float(score), "goal", returns, (1, 1), forfeit)


def pair(number, a, b, first, second, **more):
    """a attacks b, then b attacks a; the attackers' scores."""
    return [
        outcome(number, a, b, first, **more),
        outcome(number + 1, b, a, second, pair=number, **more),
    ]


def standing_of(cup, outcomes):
    told = Standing(cup)
    told.extend(outcomes)
    return told


def round_robin(entrants, slices, seed, grounds=("s",)):
    """Pairs of all against all in each slice."""
    rng = random.Random(seed)
    number = 0
    for ground in grounds:
        for at in range(slices):
            for i, a in enumerate(entrants):
                for j, b in enumerate(entrants[:i]):
                    scores = (rng.random() < 0.5 + 0.04 * (i - j), rng.random() < 0.5 - 0.04 * (i - j))
                    returns = (rng.gauss(), rng.gauss())
                    yield from pair(number, a, b, *scores, at=at, ground=ground, returns=returns)
                    number += 2


# --- pairs ------------------------------------------------------------------------------------------------


def test_game_of_a_pair_counts_only_when_its_twin_is_there():
    told = Standing(cup_of(both="ab"))
    first, second = pair(0, "a", "b", 1, 0)
    told.extend([first])
    assert told.counted == 0
    assert told.tables().all.rows == ()
    told.extend([second])
    assert told.counted == 2
    assert [row.entrant for row in told.tables().all.rows] == ["a", "b"]


def test_half_a_pair_changes_no_table():
    cup = cup_of(both="abc")
    outcomes = list(round_robin("abc", 6, 1))
    whole, more = standing_of(cup, outcomes), standing_of(cup, outcomes)
    more.extend([outcome(10_000, "a", "b", 1, returns=(9.0, 9.0))])
    assert more.counted == whole.counted
    assert asdict(more.tables()) == asdict(whole.tables())


def test_pairs_are_told_apart_by_their_numbers_not_by_who_plays():
    """In one slice two games are a pair, in the next the same two names are halves of others."""
    whole = pair(0, "a", "b", 1, 0)
    halves = [outcome(2, "a", "b", 1, at=1), outcome(5, "b", "a", 1, pair=4, at=1)]
    told = standing_of(cup_of(both="ab"), [*whole, *halves])
    assert told.counted == 2


def test_comparison_of_one_that_plays_both_roles_counts_whole_pairs():
    """b plays both, as x does, whom it meets; the other game of their pair is that of a, which does not."""
    cup = cup_of(both="bx", attackers="a")
    first, second = outcome(0, "a", "x", 1), outcome(1, "b", "x", 0, pair=0)
    assert standing_of(cup, [first, second]).counted == 2
    assert standing_of(cup, [second]).counted == 0


def test_game_of_entrants_with_one_role_each_counts_at_once():
    told = Standing(cup_of(both="a", attackers="b", defenders="x"))
    for number, (attacker, defender) in enumerate([("b", "x"), ("a", "x"), ("b", "a"), ("a", "")]):
        told.extend([outcome(number, attacker, defender, 1)])
        assert told.counted == number + 1


def test_outcome_out_of_order_or_twice_is_refused():
    told = Standing(cup_of(attackers="a", defenders="x"))
    told.extend([outcome(4, "a", "x", 1)])
    for number in (4, 3):
        with pytest.raises(ValueError, match="by the schedule"):
            told.extend([outcome(number, "a", "x", 1)])
    assert told.counted == 1


# --- the table --------------------------------------------------------------------------------------------


def test_row_has_games_wins_forfeits_and_returns_of_both_roles():
    games = []
    for at in range(4):
        games += pair(2 * at, "a", "b", 1, at == 3, at=at, returns=(10.0 + at, -5.0))
    games[7] = evolve(games[7], forfeit="a")
    table = standing_of(cup_of(both="ab"), games).tables().all
    a = next(row for row in table.rows if row.entrant == "a")
    assert (a.games, a.attack.games, a.attack.wins, a.defence.games, a.defence.wins) == (8, 4, 4, 4, 3)
    assert (a.attack.forfeits, a.defence.forfeits, a.forfeits) == (0, 1, 1)
    assert (a.attack.mean_return.value, a.defence.mean_return.value) == (11.5, -5.0)
    # of 10, 11, 12, 13: t(3) * 1.2910 / 2
    assert a.attack.mean_return.high - 11.5 == pytest.approx(3.182446 * 1.290994 / 2, abs=1e-5)
    assert (a.defence.mean_return.low, a.defence.mean_return.high) == (-5.0, -5.0)
    assert (table.games, table.slices) == (8, 4)


def test_games_of_one_pairing_in_one_slice_add_up():
    games = [
        outcome(2 * at + i, "a", "x", score, at=at, returns=(10.0 * i, -1.0 * i), forfeit=lost)
        for at in range(3)
        for i, (score, lost) in enumerate([(1, "x"), (0, "a")])
    ]
    table = standing_of(cup_of(attackers="a", defenders="x"), games).tables().all
    attack, defence = table.rows[0].attack, table.rows[1].defence
    assert (attack.games, attack.wins, attack.forfeits, attack.mean_return.value) == (6, 3, 3, 5.0)
    assert (defence.games, defence.wins, defence.forfeits, defence.mean_return.value) == (6, 3, 3, -0.5)
    assert (table.games, table.slices) == (6, 3)


def test_games_of_one_seed_count_as_one_for_the_interval_of_the_return():
    games = [
        outcome(3 * at + i, "a", "xyz"[i], 1, at=at, returns=(float(at), 0.0))
        for at in range(4)
        for i in range(3)
    ]
    table = standing_of(cup_of(attackers="a", defenders="xyz"), games).tables().all
    told = table.rows[0].attack.mean_return
    assert told.value == 1.5
    assert told.high - 1.5 == pytest.approx(3.182446 * 1.290994 / 2, abs=1e-5)


def test_table_is_ordered_by_overall_rating_then_by_role():
    games = [g for at in range(5) for g in pair(10 * at, "b", "a", 1, at % 2, at=at)]
    games += [outcome(100 + at, "weak", "a", 0, at=at) for at in range(5)]
    games += [outcome(200 + at, "strong", "a", 1, at=at) for at in range(5)]
    games += [outcome(300 + at, "a", "wall", at % 2, at=at) for at in range(5)]
    cup = cup_of(both="ab", attackers=("strong", "weak"), defenders=("wall",))
    rows = standing_of(cup, games).tables().all.rows
    assert [row.entrant for row in rows] == ["b", "a", "strong", "weak", "wall"]
    assert [row.overall is None for row in rows] == [False, False, True, True, True]
    assert rows[4].attack is None
    assert rows[2].defence is None


def test_superiority_is_over_the_next_of_the_ranking():
    table = standing_of(cup_of(both="abcd"), round_robin("abcd", 15, 3)).tables().all
    scale = table.ratings.scales["Overall"]
    for row, after in zip(table.rows, table.rows[1:], strict=False):
        assert row.superiority == scale.superiority(row.entrant, after.entrant)
        assert 0.5 <= row.superiority <= 1
    assert table.rows[-1].superiority is None


def test_meetings_have_both_directions_and_roles():
    games = [*pair(0, "a", "b", 1, 0), *pair(2, "a", "b", 1, 1, at=1), outcome(9, "a", "", 1)]
    met = standing_of(cup_of(both="ab"), games).tables().all.meetings
    assert sorted(met) == [("a", "b"), ("b", "a")]
    there, back = met["a", "b"], met["b", "a"]
    assert (there.games, there.score, there.attack_games, there.attack_score) == (4, 3, 2, 2)
    assert (back.games, back.score, back.attack_games, back.attack_score) == (4, 1, 2, 1)


def test_tables_before_the_first_game_are_empty():
    told = Standing(cup_of(both="ab")).tables()
    assert (told.all.rows, told.all.ratings, told.seen, told.unseen) == ((), None, None, None)


# --- seen and unseen --------------------------------------------------------------------------------------


def test_unseen_grounds_have_a_table_of_their_own():
    cup = cup_of(both="abc", grounds=["s"], unseen=["new"])
    games = list(round_robin("abc", 8, 5, grounds=("s", "new")))
    told = standing_of(cup, games).tables()
    for label, table in (("s", told.seen), ("new", told.unseen)):
        alone = standing_of(cup, [g for g in games if g.game.ground == label]).tables()
        assert alone.seen is None
        assert asdict(alone.all) == asdict(table)
    assert told.all.games == told.seen.games + told.unseen.games


def test_cup_without_unseen_grounds_has_one_table():
    told = standing_of(cup_of(both="abc", grounds="st"), round_robin("abc", 4, 5, grounds="st")).tables()
    assert (told.seen, told.unseen) == (None, None)


# --- cycles -----------------------------------------------------------------------------------------------


def beats(*pairs, score=0.75):
    return {p: s for a, b in pairs for p, s in (((a, b), score), ((b, a), 1 - score))}


def test_cycle_of_three_is_found_once_and_named_from_the_first():
    found = cycles(beats("cb", "ac", "ba", "ad"))
    assert [cycle.entrants for cycle in found] == [("a", "c", "b")]
    assert str(found[0]) == "a beats c beats b beats a"


def test_cycle_says_by_how_little_it_holds():
    found = cycles(beats("ab", "bc", score=0.9) | beats("ca", score=0.55))
    assert [cycle.margin for cycle in found] == [0.55]


@pytest.mark.parametrize("seed", range(5))
def test_all_cycles_of_three_are_told_and_each_once(seed):
    rng = random.Random(seed)
    names = "abcdefghij"
    scores = beats(*(rng.choice((a + b, b + a)) for i, a in enumerate(names) for b in names[:i]))
    expected = {
        (a, b, c)
        for a, b, c in itertools.permutations(names, 3)
        if a == min(a, b, c) and all(scores[pair] > 0.5 for pair in ((a, b), (b, c), (c, a)))
    }
    found = [cycle.entrants for cycle in cycles(scores, 10_000) if len(cycle.entrants) == 3]
    assert len(found) == len(expected)
    assert set(found) == expected


def test_longer_cycle_is_told_only_where_no_cycle_of_three_is():
    assert [c.entrants for c in cycles(beats("ab", "bc", "cd", "da"))] == [("a", "b", "c", "d")]
    found = cycles(beats("ab", "bc", "cd", "da", "ca"))
    assert [cycle.entrants for cycle in found] == [("a", "b", "c"), ("a", "b", "c", "d")]


@pytest.mark.parametrize("pairs", [(), ("ab",), ("ab", "bc", "ac"), ("ab", "ac", "bd", "cd")])
def test_order_without_a_cycle_has_none(pairs):
    assert cycles(beats(*pairs)) == ()


def test_ties_beat_nobody():
    assert cycles(beats("ab", "bc", "ca", score=0.5)) == ()


def test_of_very_many_cycles_the_clearest_are_told():
    rng = random.Random(1)
    names = [f"n{i:02}" for i in range(30)]
    scores = {}
    for i, a in enumerate(names):
        for b in names[:i]:
            scores[a, b] = rng.random()
            scores[b, a] = 1 - scores[a, b]
    found = cycles(scores, 7)
    assert len(found) == 7
    assert [c.margin for c in found] == sorted((c.margin for c in found), reverse=True)
    assert found == cycles(dict(reversed(scores.items())), 7)


def test_cycle_of_a_cup_is_in_its_table():
    games = []
    for at in range(3):
        for k, (a, b) in enumerate(("ab", "bc", "ca")):
            games += pair(100 * at + 2 * k, a, b, 1, 0, at=at)
    table = standing_of(cup_of(both="abc"), games).tables().all
    assert [str(cycle) for cycle in table.cycles] == ["a beats b beats c beats a"]


def test_attackers_and_defenders_of_one_role_make_no_cycle():
    games = [outcome(i, a, d, 1, at=i) for i, (a, d) in enumerate([("a", "x"), ("b", "x"), ("a", "y")])]
    assert standing_of(cup_of(attackers="ab", defenders="xy"), games).tables().all.cycles == ()


# --- scale ------------------------------------------------------------------------------------------------


def test_hundred_thousand_outcomes_are_all_in_their_tables():
    names = [f"entrant-{i:02}" for i in range(12)]
    cup = cup_of(both=names, grounds="st", unseen="u")
    outcomes = list(round_robin(names, 253, 1, grounds="stu"))
    assert len(outcomes) > 100_000
    tables = standing_of(cup, outcomes).tables()
    assert (tables.all.games, len(tables.all.rows)) == (len(outcomes), 12)
    assert tables.seen.games == 2 * tables.unseen.games == 2 * len(outcomes) // 3


def test_drawn_cup_comes_out_as_it_was_drawn():
    """The best of a wide field is the best of the table."""
    design = DESIGNS["wide field, 40 slices"]
    cup = cup_of(both=design.both)
    rows = standing_of(cup, design.outcomes(random.Random(4))).tables().all.rows
    assert [row.entrant for row in rows] == ["a", "c", "b", "d"]
