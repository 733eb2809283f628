"""Schedules: who meets whom, how often, from which seeds, whatever the order in which games end."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations
from random import Random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import ConfigError
from netsiege.hub.tournament.blocks import slice_seed
from netsiege.hub.tournament.matching import FREE, Matching
from netsiege.hub.tournament.model import COMPARE, GAUNTLET, SWISS, Cup, Format, Game, Outcome
from netsiege.hub.tournament.schedule import comparison, forfeiter, schedule_of
from netsiege.hub.tournament.swiss import Record, Swiss
from tests.tournament.small_cups import (
    chance,
    cup_of,
    fields,
    fixed_cups,
    games_of,
    outcome_of,
    played,
    seeds,
    swiss_cups,
)

cups = fixed_cups | swiss_cups
Edge = tuple[int, int]


def told(games: Iterable[Game]) -> list[str]:
    return [f"{game.attacker}-{game.defender} {game.ground}.{game.slice}" for game in games]


def can_meet(one: str, other: str) -> bool:
    """Whether one attacks and the other defends; the first letter of a name says what it plays."""
    return one[0] != other[0] or one[0] == "B"


# -- round robins and gauntlets


def test_round_robin_of_one_role_each_lets_every_attacker_meet_every_defender() -> None:
    outcomes = played(schedule_of(cup_of("AADD", grounds=2, games=2)))
    assert told(games_of(outcomes))[:9] == [
        "A0-D2 g0.0", "A0-D3 g0.0", "A1-D2 g0.0", "A1-D3 g0.0",
        "A0-D2 g1.0", "A0-D3 g1.0", "A1-D2 g1.0", "A1-D3 g1.0",
        "A0-D2 g0.1",
    ]  # fmt: skip
    assert len(outcomes) == 16


def test_entrants_of_both_roles_meet_in_pairs_on_one_slice() -> None:
    games = games_of(played(schedule_of(cup_of("BBA"))))
    assert told(games) == ["B0-B1 g0.0", "B1-B0 g0.0", "A2-B0 g0.0", "A2-B1 g0.0"]
    assert [game.pair for game in games] == [0, 0, 2, 3]


def test_attackers_without_any_defender_play_alone_on_the_same_slices() -> None:
    games = games_of(played(schedule_of(cup_of("AA", games=2))))
    assert told(games) == ["A0- g0.0", "A1- g0.0", "A0- g0.1", "A1- g0.1"]
    assert games[0].seed == games[1].seed != games[2].seed


def test_gauntlet_is_the_heros_games_alone_wherever_it_stands() -> None:
    games = games_of(played(schedule_of(cup_of("BAD", kind=GAUNTLET, hero=2))))
    assert told(games) == ["B0-D2 g0.0", "A1-D2 g0.0"]
    games = games_of(played(schedule_of(cup_of("BADB", kind=GAUNTLET))))
    assert told(games) == ["A1-B0 g0.0", "B0-D2 g0.0", "B0-B3 g0.0", "B3-B0 g0.0"]


@given(fixed_cups)
def test_each_pairing_plays_the_same_games_on_every_slice(cup: Cup) -> None:
    games = games_of(played(schedule_of(cup)))
    names = [entrant.name for entrant in cup.entrants]
    if all(name[0] == "A" for name in names):
        return
    wanted = {
        (one, other)
        for one in names
        for other in names
        if one != other and one[0] in "AB" and other[0] in "DB"
        and (cup.format.kind != GAUNTLET or cup.format.hero in (one, other))
    }  # fmt: skip
    slices = [(ground.label, number) for ground in cup.grounds for number in range(cup.format.games)]
    assert Counter((g.attacker, g.defender, g.ground, g.slice) for g in games) == Counter(
        (*pairing, *each) for pairing in wanted for each in slices
    )


# -- all formats


@given(cups)
def test_games_are_numbered_and_nobody_meets_itself(cup: Cup) -> None:
    games = games_of(played(schedule_of(cup)))
    assert [game.id for game in games] == list(range(len(games)))
    assert all(game.attacker != game.defender for game in games)


@given(cups)
def test_pairs_are_whole_and_swap_roles_on_one_slice(cup: Cup) -> None:
    games = games_of(played(schedule_of(cup)))
    pairs: defaultdict[int, list[Game]] = defaultdict(list)
    for game in games:
        pairs[game.pair].append(game)
    for first, pair in pairs.items():
        assert [game.id for game in pair] == list(range(first, first + len(pair)))
        both = pair[0].attacker[0] == pair[0].defender[:1] == "B"
        assert len(pair) == (2 if both else 1)
        if both:
            one, other = pair
            assert (one.attacker, one.defender) == (other.defender, other.attacker)
            assert (one.ground, one.slice, one.seed) == (other.ground, other.slice, other.seed)


@given(cups)
def test_a_slice_has_one_seed_and_no_two_slices_share_it(cup: Cup) -> None:
    seed_of: dict[tuple[str, int], set[int]] = defaultdict(set)
    for game in games_of(played(schedule_of(cup))):
        seed_of[game.ground, game.slice].add(game.seed)
    assert all(len(seeds_) == 1 for seeds_ in seed_of.values())
    assert len(set().union(*seed_of.values())) == len(seed_of)
    for ground in cup.grounds:
        numbers = [number for label, number in seed_of if label == ground.label]
        assert numbers == list(range(len(numbers)))


@given(cups, seeds)
def test_the_order_in_which_games_end_changes_no_game(cup: Cup, luck: int) -> None:
    expected = played(schedule_of(cup))
    schedule, random = schedule_of(cup), Random(luck)
    ended: dict[int, Outcome] = {}
    waiting: dict[int, Game] = {}
    outcomes: list[Outcome] = []
    while schedule.end(outcomes) is None:
        first = max([len(outcomes) - 1, *waiting, *ended]) + 1
        games = schedule.next_games(outcomes, first, random.randint(1, 5))
        assert [game.id for game in games] == list(range(first, first + len(games)))
        waiting.update({game.id: game for game in games})
        done = waiting.pop(random.choice(sorted(waiting)))
        ended[done.id] = outcome_of(done, chance(done))
        while len(outcomes) in ended:
            outcomes.append(ended[len(outcomes)])
    assert outcomes == expected


@given(cups, st.data())
def test_a_cup_that_is_taken_up_again_goes_on_with_the_same_games(cup: Cup, data: st.DataObject) -> None:
    outcomes = played(schedule_of(cup))
    known = data.draw(st.integers(0, len(outcomes)))
    again = schedule_of(cup)
    following = again.next_games(outcomes[:known])
    assert following == games_of(outcomes)[known : known + len(following)]
    assert again.end(outcomes[:known]) == (len(outcomes) if known == len(outcomes) else None)
    assert bool(following) == (known < len(outcomes))


@given(cups)
def test_expected_games_are_those_that_are_played(cup: Cup) -> None:
    count, expected = len(played(schedule_of(cup))), schedule_of(cup).expected
    assert expected is not None
    kinds = [entrant.name[0] for entrant in cup.entrants]
    is_mixed = kinds.count("B") >= 2 and len(set(kinds)) > 1
    assert count <= expected if cup.format.kind == SWISS and is_mixed else count == expected


# -- seeds


def test_seed_of_a_slice_is_the_digest_of_cup_number_and_ground() -> None:
    text = b"netsiege slice\0" + bytes(7) + b"\x05" + bytes(7) + b"\x02" + b"g0"
    assert slice_seed(5, "g0", 2) == int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def test_a_ground_that_is_added_leaves_the_seeds_of_others() -> None:
    few, more = (games_of(played(schedule_of(cup_of("AD", grounds=n, games=3)))) for n in (1, 2))
    assert [game.seed for game in few] == [game.seed for game in more if game.ground == "g0"]


def test_ten_thousand_slices_have_ten_thousand_seeds() -> None:
    found = {slice_seed(cup, ground, n) for cup in (0, 1) for ground in ("a", "a1") for n in range(2_500)}
    assert len(found) == 10_000


# -- benches


@pytest.mark.parametrize(
    ("bench", "who"),
    [
        ({}, ""),
        ({"A0": 5}, ""),
        ({"A0": 4}, "A0"),
        ({"D1": 0}, "D1"),
        ({"A0": 3, "D1": 2}, "D1"),
        ({"A0": 2, "D1": 2}, "A0"),
        ({"A0": 5, "D1": 4}, "D1"),
        ({"other": 0}, ""),
    ],
)
def test_whoever_is_benched_forfeits_from_that_game_on(bench: dict[str, int], who: str) -> None:
    assert forfeiter(Game(4, 4, "g0", 0, 0, "A0", "D1"), bench) == who


# -- swiss


def meetings(games: Iterable[Game]) -> list[list[frozenset[str]]]:
    """Who meets whom, round by round."""
    rounds: defaultdict[int, dict[frozenset[str], None]] = defaultdict(dict)
    for game in games:
        rounds[game.round][frozenset((game.attacker, game.defender))] = None
    return [list(rounds[number]) for number in range(len(rounds))]


def all_matchings(edges: list[Edge], size: int) -> list[tuple[Edge, ...]]:
    """All ways to pick `size` edges that share no vertex."""
    return [
        chosen
        for chosen in combinations(edges, size)
        if len({vertex for edge in chosen for vertex in edge}) == 2 * size
    ]


@given(swiss_cups.filter(lambda cup: len(cup.entrants) <= 6))
def test_swiss_rounds_are_full_repeat_nothing_needlessly_and_spare_whom_they_should(cup: Cup) -> None:
    names = [entrant.name for entrant in cup.entrants]
    pairs = [(i, j) for i, j in combinations(range(len(names)), 2) if can_meet(names[i], names[j])]
    size = next(n for n in range(len(names) // 2, -1, -1) if all_matchings(pairs, n))
    possible = all_matchings(pairs, size)
    met: Counter[Edge] = Counter()
    sat_out = Counter(dict.fromkeys(range(len(names)), 0))
    for drawn in meetings(games_of(played(schedule_of(cup)))):
        chosen = [tuple(sorted(names.index(name) for name in meeting)) for meeting in drawn]
        assert len(chosen) == size
        least = min(max(met[edge] for edge in each) for each in possible)
        assert max(met[(i, j)] for i, j in chosen) == least
        fair = min(
            sorted((sat_out[v] for v in sat_out if all(v not in edge for edge in each)), reverse=True)
            for each in possible
            if max(met[edge] for edge in each) == least
        )
        spared = [v for v in sat_out if all(v not in edge for edge in chosen)]
        assert sorted((sat_out[v] for v in spared), reverse=True) == fair
        met.update((i, j) for i, j in chosen)
        sat_out.update(spared)


@given(st.integers(2, 16), st.integers(1, 8), seeds)
def test_swiss_of_entrants_with_both_roles_is_balanced(field: int, rounds: int, seed: int) -> None:
    rounds = min(rounds, max(field // 2, 1))
    games = games_of(played(schedule_of(cup_of("B" * field, kind=SWISS, rounds=rounds, seed=seed))))
    drawn = meetings(games)
    assert len(drawn) == rounds
    assert max(Counter(meeting for each in drawn for meeting in each).values()) == 1
    attacks, defences = Counter(g.attacker for g in games), Counter(g.defender for g in games)
    assert attacks == defences
    assert max(attacks.values()) - min(attacks[f"B{i}"] for i in range(field)) <= field % 2


def test_swiss_of_many_attackers_and_few_defenders_lets_all_play_equally_often() -> None:
    games = games_of(played(schedule_of(cup_of("AAAAAADD", kind=SWISS))))
    assert {len(each) for each in meetings(games)} == {2}
    assert set(Counter(game.attacker for game in games).values()) == {2}
    assert set(Counter(game.defender for game in games).values()) == {6}


def test_swiss_lets_winners_meet_winners_and_losers_losers() -> None:
    def by_number(game: Game) -> float:
        """The higher number wins in either role."""
        return float(game.attacker[1:] > game.defender[1:])

    for seed in range(20):
        first, second = meetings(
            games_of(played(schedule_of(cup_of("BBBB", kind=SWISS, rounds=2, seed=seed)), by_number))
        )
        winners = frozenset(max(meeting) for meeting in first)
        assert winners in second


def test_swiss_spares_one_who_has_done_badly() -> None:
    everybody = {f"B{index}" for index in range(5)}
    for seed in range(20):
        schedule = schedule_of(cup_of("BBBBB", kind=SWISS, rounds=2, seed=seed))
        first, second = meetings(games_of(played(schedule, lambda g: float(g.attacker > g.defender))))
        (spared,) = everybody.difference(*second)
        assert spared in {min(meeting) for meeting in first}


def test_swiss_standings_are_means_above_the_average_of_the_role() -> None:
    cup = cup_of("ADBB", kind=SWISS)

    def game(attacker: str, defender: str, score: float) -> Outcome:
        return outcome_of(Game(0, 0, "g0", 0, 0, attacker, defender), score)

    record = Record(cup)
    assert set(record.standings().values()) == {0}
    record.add([game("A0", "D1", 1), game("A0", "D1", 1), game("B2", "D1", 1), game("B2", "B3", 0)])
    # attackers score 3/4 on average, defenders 1/4
    assert record.standings() == {
        "A0": Fraction(1, 4),
        "D1": Fraction(-1, 4),
        "B2": Fraction(1, 2) - Fraction(3, 4),
        "B3": Fraction(3, 4),
    }
    record.add([game("B3", "B2", 1)])
    assert record.standings()["B3"] == (Fraction(1) - Fraction(4, 5) + 1 - Fraction(1, 5)) / 2


def test_swiss_rounds_wait_for_the_last_game_of_the_round_before() -> None:
    schedule = schedule_of(cup_of("BBBB", kind=SWISS, rounds=2, games=2))
    games = schedule.next_games([])
    assert len(games) == 8
    outcomes = [outcome_of(game, chance(game)) for game in games]
    assert schedule.next_games(outcomes[:7]) == games[7:]
    assert [game.id for game in schedule.next_games(outcomes)] == list(range(8, 16))
    assert {game.slice for game in schedule.next_games(outcomes)} == {2, 3}


def test_swiss_lots_depend_on_the_seed() -> None:
    drawn = {
        frozenset(meetings(schedule_of(cup_of("BBBB", kind=SWISS, seed=seed)).next_games([]))[0])
        for seed in range(40)
    }
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("kinds", "rounds"),
    [("BB", 1), ("BBBB", 2), ("BBBBB", 4), ("B" * 64, 6), ("AADD", 2), ("AAAADDDD", 3), ("AD", 1),
     ("AAAAAAAAAADD", 10), ("AAAD", 3)],
)  # fmt: skip
def test_swiss_plays_as_many_rounds_as_the_field_takes(kinds: str, rounds: int) -> None:
    assert Swiss(cup_of(kinds, kind=SWISS)).rounds == rounds


def test_swiss_refuses_outcomes_of_other_games() -> None:
    cup = cup_of("BBBB", kind=SWISS, rounds=2)
    outcomes = played(schedule_of(cup))[:4]
    outcomes[1] = outcomes[2]
    with pytest.raises(ValueError, match="place 1 is of another game"):
        schedule_of(cup).next_games(outcomes)


# -- pairing


edges_of_a_graph = st.integers(2, 8).flatmap(
    lambda n: st.tuples(st.just(n), st.sets(st.sampled_from(list(combinations(range(n), 2)))))
)


def matching_of(vertices: int, edges: Iterable[Edge]) -> Matching:
    neighbours: list[list[int]] = [[] for _ in range(vertices)]
    for one, other in sorted(edges):
        neighbours[one].append(other)
        neighbours[other].append(one)
    matching = Matching(neighbours)
    matching.fill()
    return matching


def largest(edges: list[Edge]) -> int:
    """The size of the largest matching, the slow way."""
    if not edges:
        return 0
    (one, other), *rest = edges
    apart = [edge for edge in rest if one not in edge and other not in edge]
    return max(largest(rest), 1 + largest(apart))


@given(edges_of_a_graph)
def test_matchings_are_valid_and_as_large_as_can_be(graph: tuple[int, set[Edge]]) -> None:
    vertices, edges = graph
    matching = matching_of(vertices, edges)
    for vertex, mate in enumerate(matching.mate):
        assert mate == FREE or (matching.mate[mate] == vertex and tuple(sorted((vertex, mate))) in edges)
    assert matching.size == largest(sorted(edges))


@given(edges_of_a_graph, st.permutations(range(28)))
def test_a_pair_is_fixed_exactly_if_all_others_keep_partners(
    graph: tuple[int, set[Edge]], luck: list[int]
) -> None:
    vertices = graph[0] // 2 * 2
    edges = {edge for edge in graph[1] if max(edge) < vertices} | {(v, v + 1) for v in range(0, vertices, 2)}
    matching = matching_of(vertices, edges)
    left = set(range(vertices))
    for _, (one, other) in sorted(zip(luck, sorted(edges), strict=False)):
        if not {one, other} <= left:
            continue
        rest = [edge for edge in sorted(edges) if set(edge) <= left - {one, other}]
        before = list(matching.mate)
        is_possible = 2 * largest(rest) == len(left) - 2
        assert matching.fix(one, other) == is_possible
        if is_possible:
            left -= {one, other}
            assert matching.mate[one] == other
            assert FREE not in matching.mate
        else:
            assert matching.mate == before
    assert not left


def test_a_pair_that_cannot_be_fixed_stays_free_for_others() -> None:
    around = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)]
    matching = matching_of(6, [*around, (0, 2)])
    assert matching.mate == [1, 0, 3, 2, 5, 4]
    assert not matching.fix(0, 2)  # it would leave 1 alone
    assert matching.fix(3, 4)
    assert matching.mate[0] == 5


# -- comparisons


def compared(kinds: str, one: str, other: str, games: int = 50, grounds: int = 1, seed: int = 0) -> Cup:
    cup = cup_of(kinds, grounds=grounds, seed=seed)
    return attrs.evolve(cup, format=Format(COMPARE, games, a=one, b=other))


def test_comparison_of_two_with_both_roles_is_pairs() -> None:
    schedule = comparison(compared("BB", "B0", "B1", 600_000, grounds=2))
    assert told(schedule.next_games([], most=5)) == [
        "B0-B1 g0.0", "B1-B0 g0.0", "B0-B1 g1.0", "B1-B0 g1.0", "B0-B1 g0.1",
    ]  # fmt: skip
    (far,) = schedule.next_games([], 1_000_001, 1)
    assert (far.id, far.pair, far.attacker) == (1_000_001, 1_000_000, "B1")
    assert schedule.expected == 2_400_000


@pytest.mark.parametrize(
    ("kinds", "one", "other", "expected"),
    [
        ("AADB", "A0", "A1", ["A0-D2", "A1-D2", "A0-B3", "A1-B3"]),
        ("DDAB", "D0", "D1", ["A2-D0", "A2-D1", "B3-D0", "B3-D1"]),
        ("BADD", "B0", "A1", ["B0-D2", "A1-D2", "B0-D3", "A1-D3"]),
        ("DBA", "D0", "B1", ["A2-D0", "A2-B1"]),
        ("AA", "A1", "A0", ["A1-", "A0-"]),
    ],
)
def test_comparison_in_one_role_is_against_the_same_panel(
    kinds: str, one: str, other: str, expected: list[str]
) -> None:
    schedule = comparison(compared(kinds, one, other, 2))
    games = schedule.next_games([])
    assert [f"{game.attacker}-{game.defender}" for game in games] == expected * 2
    assert [game.pair for game in games] == [game.id - game.id % 2 for game in games]
    assert len({game.seed for game in games}) == 2
    outcomes = [outcome_of(game, 1) for game in games]
    assert schedule.end(outcomes[:-1]) is None
    assert schedule.end(outcomes) == len(outcomes)


@given(fields, st.integers(0, 50), seeds)
def test_comparison_is_the_same_however_it_is_asked_for(kinds: str, known: int, seed: int) -> None:
    names = [entrant.name for entrant in cup_of(kinds + "BB").entrants]
    cup = compared(kinds + "BB", names[-2], names[-1], seed=seed, grounds=2)
    schedule = comparison(cup)
    games = schedule.next_games([], most=100)
    outcomes = [outcome_of(game, chance(game)) for game in games]
    assert comparison(cup).next_games(outcomes[:known], most=100 - known) == games[known:]
    assert schedule.end(outcomes) is None


@pytest.mark.parametrize(
    ("kinds", "one", "other", "said"),
    [
        ("AAD", "A0", "A9", "there is no entrant 'A9'; known: A0, A1, D2"),
        ("AAD", "A0", "A0", "'A0' is compared with itself; name two entrants"),
        ("AAD", "A0", "D2", "'A0' plays Attacker only, 'D2' Defender only: they share no role"),
        ("DDD", "D0", "D1",
         "two defenders need at least one attacker beside them, to face both"),
    ],
)  # fmt: skip
def test_comparisons_that_make_no_sense_are_refused(kinds: str, one: str, other: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        comparison(compared(kinds, one, other))
    assert str(caught.value) == said
