"""What a cup plays next, and what the ends of its games mean."""

from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.hub.tournament.conduct import ABSENT, BENCHED, LOST_MAX, Conduct, Orders
from netsiege.hub.tournament.hypotheses import Hypotheses
from netsiege.hub.tournament.model import ATTACKER, COMPARE, DEFENDER, Cup, Entrant, Format, Ground, Player
from netsiege.hub.tournament.outcomes import outcome_of
from netsiege.hub.tournament.records import DONE, OPEN, VOID, Bench
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.protocol import Cause, Result

WON = Result(0, "Attacker", Cause.GOAL, ("Success", "Fail"), (4, 4), (96.0, -14.0), True)
LOST = Result(0, "Defender", Cause.STEPS, ("TimeoutReached", "Success"), (9, 9), (-19.0, 91.0), True)
TIMED_OUT = Result(0, "Defender", Cause.TIME, ("Fail", "Success"), (2, 5), (-12.0, 95.0), True)
VANISHED = attrs.evolve(TIMED_OUT, cause=Cause.DISCONNECT)
DEFENDER_GONE = Result(0, None, Cause.STEPS, ("TimeoutReached", "Fail"), (9, 3), (-19.0, -13.0), True)


def cup(attackers=2, defenders=2, games=3, seats=2, forfeits=3):
    entrants = [Entrant(f"a{i}", ((ATTACKER, Player("x")),), seats) for i in range(attackers)]
    entrants += [Entrant(f"d{i}", ((DEFENDER, Player("y")),), seats) for i in range(defenders)]
    return Cup("cup", tuple(entrants), (Ground("here"),), Format(games=games), 7, forfeits=forfeits)


class Played:
    """A conduct, and what has become of its orders: as a store and a hub would have it."""

    def __init__(self, of, outcomes=(), benched=(), attempts=()):
        self.conduct = Conduct(of, schedule_of(of), "t", outcomes, benched, attempts)
        self.attempts = {each.room: each for each in attempts}
        self.outcomes = {each.game.id: each for each in outcomes}
        self.benched = list(benched)
        self.follow()

    def follow(self) -> Orders:
        orders = self.conduct.take_orders()
        for attempt in orders.attempts:
            known = self.attempts.get(attempt.room)
            assert known is None or known.state == OPEN
            self.attempts[attempt.room] = attempt
        for outcome, number in orders.verdicts:
            assert self.outcomes.setdefault(outcome.game.id, outcome) == outcome
            room = f"t/{outcome.game.id}.{number}"
            if number is not None:
                self.attempts[room] = attrs.evolve(self.attempts[room], state=DONE)
        self.benched += orders.benched
        return orders

    @property
    def flying(self):
        return {flight.game.id: flight for flight in self.conduct.flights.values()}

    def begin_all(self):
        for flight in self.conduct.flights.values():
            self.conduct.began(flight.room)

    def end(self, game, result=WON, cause="finished"):
        self.conduct.ended(self.flying[game].room, result, cause, "")
        return self.follow()

    def void(self):
        return [each for each in self.attempts.values() if each.state == VOID]


def test_games_begin_in_order_as_far_as_entrants_have_seats():
    played = Played(cup(1, 2, games=5, seats=2))
    assert sorted(played.flying) == [0, 1, 2]  # the attacker has two seats, and one game ahead
    assert {flight.room for flight in played.flying.values()} == {"t/0.0", "t/1.0", "t/2.0"}
    played.end(1)
    assert sorted(played.flying) == [0, 2, 3]
    while played.flying:
        played.end(min(played.flying))
    assert played.conduct.is_over
    assert len(played.outcomes) == 10


@pytest.mark.parametrize(("seats", "ahead"), [(1, 1), (2, 1), (3, 1), (4, 2), (31, 15)])
def test_a_game_is_arranged_ahead_for_each_two_seats_and_for_an_only_one(seats, ahead):
    assert len(Played(cup(1, 1, games=60, seats=seats)).flying) == seats + ahead


def test_games_that_are_arranged_ahead_are_called_off_with_those_of_an_entrant_that_is_down():
    played = Played(cup(1, 1, games=60, seats=16))
    for flight in list(played.conduct.flights.values())[:16]:
        played.conduct.began(flight.room)
    played.conduct.crashed(("a0", ATTACKER), "boom")
    played.follow()
    assert len(played.void()) == 16 + 8  # with those that have not begun: nothing may be beside one
    while played.flying:
        played.end(min(played.flying))
    assert played.conduct.is_over


def test_outcomes_are_told_in_the_order_of_the_schedule():
    played = Played(cup(games=4))
    last = max(played.flying)
    played.end(last)
    assert played.conduct.outcomes == []
    played.end(0, LOST)
    assert [outcome.game.id for outcome in played.conduct.outcomes] == [0]
    assert played.conduct.outcomes[0].score == 0.0


@pytest.mark.parametrize(
    ("result", "score", "forfeit"),
    [(WON, 1.0, ""), (LOST, 0.0, ""), (TIMED_OUT, 0.0, "a0"), (DEFENDER_GONE, 1.0, "d0")],
)
def test_forfeit_loses_the_game_and_names_who(result, score, forfeit):
    game = Played(cup(1, 1)).flying[0].game
    outcome = outcome_of(game, result)
    assert (outcome.score, outcome.forfeit) == (score, forfeit)
    assert outcome.steps == result.steps
    assert outcome.returns == result.returns


@pytest.mark.parametrize("cause", [Cause.WORKER, Cause.HUB, Cause.FAULT])
def test_game_that_the_arena_lost_is_played_again_from_the_same_seed(cause):
    played = Played(cup(1, 1, games=2, seats=1))
    game = played.flying[0].game
    orders = played.end(0, None, cause)
    assert played.flying[0].game == game
    assert played.flying[0].room == "t/0.1"
    assert [(each.state, each.why) for each in orders.attempts][:1] == [(VOID, cause)]
    played.end(0)
    assert played.outcomes[0].score == 1.0


def test_game_that_the_arena_always_loses_ends_at_last():
    played = Played(cup(1, 1, games=1))
    for _ in range(LOST_MAX):
        played.end(0, None, Cause.FAULT)
    assert played.conduct.is_over
    assert (played.outcomes[0].cause, played.outcomes[0].forfeit) == (Cause.FAULT, "")


def test_crash_in_the_middle_of_many_games_forfeits_only_the_one_that_does_it_again():
    played = Played(cup(1, 2, games=4, seats=4))
    played.begin_all()
    assert len(played.flying) == 4 + 2
    played.conduct.crashed(("a0", ATTACKER), "boom")
    played.follow()
    assert len(played.void()) == 6
    assert list(played.flying) == [0]  # one by one, and no other beside it
    played.begin_all()
    played.end(0)
    assert list(played.flying) == [1]
    played.begin_all()
    played.conduct.crashed(("a0", ATTACKER), "boom")
    played.follow()
    assert (played.outcomes[1].forfeit, played.outcomes[1].cause) == ("a0", Cause.DISCONNECT)
    for game in (2, 3, 4, 5):
        played.begin_all()
        played.end(game)
    assert len(played.flying) > 1  # together again
    while played.flying:
        played.end(min(played.flying))
    assert [o.forfeit for o in played.conduct.outcomes] == ["", "a0", *[""] * 6]


def test_vanished_remote_player_of_many_games_plays_them_again_one_by_one():
    played = Played(cup(1, 2, games=4, seats=3))
    played.begin_all()
    played.end(1, VANISHED)
    assert len(played.void()) == 3 + 1
    assert list(played.flying) == [0]
    played.begin_all()
    played.end(0, VANISHED)
    assert played.outcomes[0].forfeit == "a0"
    assert list(played.flying) == [1]


def test_crash_between_games_costs_nothing():
    played = Played(cup(1, 1, games=2))
    played.conduct.crashed(("a0", ATTACKER), "boom")
    assert played.follow().attempts == []
    assert len(played.flying) == 2


def test_player_that_does_not_come_forfeits_what_waits_for_it_only():
    played = Played(cup(1, 2, games=1, seats=2))
    played.conduct.began(played.flying[0].room)
    played.conduct.absent(("a0", ATTACKER))
    played.follow()
    assert list(played.flying) == [0]
    assert (played.outcomes[1].forfeit, played.outcomes[1].cause) == ("a0", ABSENT)


def test_entrant_that_forfeits_again_and_again_is_benched_beyond_what_may_be_under_way():
    played = Played(cup(2, 1, games=200, seats=1, forfeits=3))
    reach = played.conduct.reach
    while not played.conduct.is_over:
        game = min(played.flying)
        played.end(game, TIMED_OUT if played.flying[game].game.attacker == "a0" else LOST)
    [bench] = played.benched
    third = [o.game.id for o in played.conduct.outcomes if o.forfeit == "a0"][2]
    assert (bench.entrant, bench.game) == ("a0", third + reach + 1)
    assert "3 in a row" in bench.reason
    for outcome in played.conduct.outcomes:
        mine = outcome.game.attacker == "a0"
        assert (outcome.cause == BENCHED) == (mine and outcome.game.id >= bench.game)
    assert len(played.conduct.outcomes) == 400


def test_nobody_is_benched_where_the_cup_says_so():
    played = Played(cup(1, 1, games=9, forfeits=0))
    while played.flying:
        played.end(min(played.flying), TIMED_OUT)
    assert played.benched == []


def test_director_that_comes_back_takes_what_ended_cleanly_and_calls_the_rest_off():
    before = Played(cup(1, 1, games=6, seats=2))
    before.begin_all()
    before.end(0)
    rooms = {game: flight.room for game, flight in before.flying.items()}
    after = Played.__new__(Played)
    after.attempts, after.outcomes = dict(before.attempts), dict(before.outcomes)
    after.benched = []
    of = before.conduct.cup
    after.conduct = Conduct(
        of, schedule_of(of), "t", tuple(before.outcomes.values()), (), before.attempts.values()
    )
    assert after.conduct.adopt(rooms[1], LOST, "finished")
    assert not after.conduct.adopt(rooms[2], VANISHED, "finished")  # the director took its players along
    after.conduct.give_up_the_rest()
    orders = after.follow()
    assert set(orders.close) == {rooms[1], rooms[2], rooms[3]}
    assert after.outcomes[1].score == 0.0
    assert {after.attempts[rooms[game]].why for game in (2, 3)} == {"director"}
    assert {game: flight.number for game, flight in after.flying.items()} == {2: 1, 3: 1, 4: 0}
    while after.flying:
        after.end(min(after.flying))
    assert after.conduct.is_over


def test_news_of_a_match_that_is_not_under_way_are_only_closed():
    played = Played(cup(1, 1))
    played.conduct.ended("t/0.9", WON, "finished", "")
    assert played.follow().close == ["t/0.9"]
    assert played.outcomes == {}


def play_out(of, seed, trouble):
    """A cup with random arrivals and troubles: outcomes and benches, which must not depend on these."""
    rng = random.Random(seed)
    played = Played(of)
    for _ in range(10_000):
        if played.conduct.is_over:
            break
        flights = list(played.conduct.flights.values())
        for flight in flights:
            if rng.random() < 0.7:
                played.conduct.began(flight.room)
        flight = rng.choice(flights)
        fate = rng.random()
        if fate < trouble:
            played.conduct.ended(flight.room, None, rng.choice([Cause.WORKER, Cause.HUB]), "")
        elif fate < 2 * trouble and sum(f.began for f in flights) > 2:
            place = rng.choice(list(flight.places()))
            began = [f for f in flights if f.began and place in f.places()]
            if len(began) > 1:
                played.conduct.crashed(place, "boom")
        elif fate < 3 * trouble:
            played = restarted(played)
        elif flight.began:
            # what comes of a game follows from the game
            result = random.Random(flight.game.seed + flight.game.id).choice([WON, LOST, TIMED_OUT])
            played.conduct.ended(flight.room, result, "finished", "")
        played.follow()
    assert played.conduct.is_over
    counted = len(played.conduct.outcomes)
    assert played.conduct.outcomes == [played.outcomes[number] for number in range(counted)]
    return played.conduct.outcomes, played.benched


def restarted(played):
    """The director was killed, and another one has come."""
    again = Played.__new__(Played)
    again.attempts, again.outcomes = dict(played.attempts), dict(played.outcomes)
    again.benched = list(dict.fromkeys(played.benched))
    of = played.conduct.cup
    again.conduct = Conduct(
        of, schedule_of(of), "t", tuple(played.outcomes.values()), again.benched, played.attempts.values()
    )
    again.conduct.give_up_the_rest()
    again.follow()
    return again


FIELD = cup(2, 2, games=30, seats=3, forfeits=6)
COMPARISON = Format(COMPARE, 200, a="a0", b="a1", hypotheses=Hypotheses(-100, 100))
STOPPING = {
    "precise": attrs.evolve(FIELD, format=Format(games=200), within=150.0, forfeits=0),
    "compared": attrs.evolve(FIELD, format=COMPARISON, forfeits=0),
    "compared and benched": attrs.evolve(FIELD, format=COMPARISON, forfeits=3),
}
CUPS = {"whole": FIELD, **STOPPING}


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(CUPS)), st.integers(0, 2**32))
def test_arrivals_and_troubles_change_nothing(kind, seed):
    of = CUPS[kind]
    calm, benched = play_out(of, 0, 0.0)
    rough, benched_too = play_out(of, seed, 0.04)
    assert rough == calm
    assert set(benched_too) == set(benched)
    assert {type(each) for each in benched} <= {Bench}


@pytest.mark.parametrize("kind", sorted(STOPPING))
def test_cup_that_may_stop_does_before_its_last_game(kind):
    of = STOPPING[kind]
    outcomes, _ = play_out(of, 1, 0.0)
    assert 0 < len(outcomes) < schedule_of(of).expected
    assert schedule_of(of).end(outcomes) == len(outcomes)
    assert schedule_of(of).end(outcomes[:-1]) is None
