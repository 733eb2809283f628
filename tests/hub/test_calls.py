"""Halls with many matches that wait: which one is made, and what it takes to find it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.game import AgentRole
from netsiege.hub import halls
from tests.hub.test_halls import Cup, game

RED, BLUE = ("red", "green"), ("blue", "grey")


class Narrow(Cup):
    """A hub whose workers run one match at once."""

    def worker(self, peer, slots=1, engine=b"engine"):
        return super().worker(peer, slots, engine)


def made(cup):
    """The matches that were made, in their order."""
    rooms = sorted(
        (match.id, match.room.spec.name)
        for match in cup.arena.matches.values()
        if match.room.hall is not None
    )
    return [name for _, name in rooms]


@pytest.mark.parametrize("waiting", [3, 300])
def test_many_matches_that_wait_are_not_looked_at_one_by_one(waiting, monkeypatch):
    cup = Cup()
    looked_at = []
    call = halls.call
    monkeypatch.setattr(halls, "call", lambda room: looked_at.append(room.spec.name) or call(room))
    for number in range(waiting):
        cup.arrange(game(f"g{number}"))
    assert len(looked_at) == waiting
    looked_at.clear()
    red = cup.agent(b"red")
    for _ in range(3):
        red.join(AgentRole.Attacker, "cup")
    cup.agent(b"blue").join(AgentRole.Defender, "cup")
    assert looked_at == ["g0"] * 4
    assert made(cup) == ["g0"]


def test_end_of_a_match_leaves_the_others_alone(monkeypatch):
    cup = Cup()
    cup.arrange(game("g0"))
    for number in range(1, 50):
        cup.arrange(game(f"g{number}", attacker="late"))
    cup.red_and_blue()
    [(lease, opening)] = cup.w.opened()
    monkeypatch.setattr(halls, "call", lambda room: pytest.fail(f"{room.spec.name} was looked at"))
    cup.play_out(lease, opening)


def test_matches_wait_for_a_worker_in_the_order_in_which_they_were_arranged():
    cup = Narrow()
    red, blue = cup.red_and_blue()
    green = cup.agent(b"green")
    for number, name in enumerate(("red", "green", "red")):
        cup.arrange(game(f"g{number}", attacker=name))
    green.join(AgentRole.Attacker, "cup")
    red.join(AgentRole.Attacker, "cup")
    for _ in range(2):
        blue.join(AgentRole.Defender, "cup")
    for number in range(3):
        assert made(cup) == [f"g{number}"]
        [(lease, opening)] = cup.w.opened()
        cup.play_out(lease, opening)
    assert made(cup) == []


def test_worker_that_comes_gets_as_many_of_a_kind_as_it_has_slots():
    cup = Narrow()
    red, blue = cup.red_and_blue()
    for number in range(5):
        red.join(AgentRole.Attacker, "cup")
        blue.join(AgentRole.Defender, "cup")
        cup.arrange(game(f"g{number}"))
    cup.worker(b"large", slots=3)
    assert made(cup) == ["g0", "g1", "g2", "g3"]


def test_match_that_is_called_off_lets_the_next_one_of_its_kind_go_first():
    cup = Cup()
    for number in range(3):
        cup.arrange(game(f"g{number}"))
    cup.close_room("g0")
    cup.red_and_blue()
    assert made(cup) == ["g1"]


events = st.lists(
    st.one_of(
        st.tuples(st.just("arrange"), st.sampled_from(RED), st.sampled_from(BLUE)),
        st.tuples(st.just("join"), st.sampled_from(RED + BLUE), st.none()),
        st.tuples(st.just("worker"), st.none(), st.none()),
        st.tuples(st.just("end"), st.none(), st.none()),
        st.tuples(st.just("off"), st.none(), st.none()),
    ),
    min_size=30,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(events, st.randoms(use_true_random=False))
def test_the_first_match_that_can_be_made_is_made_whatever_has_happened(happened, rng):
    """Against going through all that wait, in their order, after each event."""
    cup, model = Narrow(), Model()
    agents = {name: cup.agent(name.encode()) for name in RED + BLUE}
    workers = [cup.w]
    for number, (what, one, other) in enumerate(happened):
        if what == "arrange":
            cup.arrange(game(f"g{number}", attacker=one, defender=other))
            model.waiting.append((f"g{number}", one, other))
        elif what == "join":
            role = AgentRole.Attacker if one in RED else AgentRole.Defender
            agents[one].join(role, "cup")
            model.there[one] += 1
        elif what == "worker":
            workers.append(cup.worker(f"w{number}".encode(), slots=2))
            model.free += 2
        elif what == "end" and model.playing:
            _end(cup, workers, model.end(rng))
        elif what == "off" and model.waiting:
            cup.close_room(model.waiting.pop(rng.randrange(len(model.waiting)))[0])
        model.make()
        assert sorted(made(cup)) == sorted(model.playing)


def _end(cup, workers, name):
    for worker in workers:
        for lease, match in list(cup.arena.workers[worker.peer].leases.items()):
            if match.room.spec.name == name:
                cup.w = worker
                cup.play_out(lease, Seats(match.specs, match.id))


class Seats:
    """What an engine has to know of a match's opening to play it out."""

    def __init__(self, seats, match):
        self.seats, self.match, self.episodes = seats, match, 1


class Model:
    """Who waits, by the simplest means."""

    def __init__(self):
        self.waiting, self.playing, self.free = [], [], 1
        self.there = dict.fromkeys(RED + BLUE, 0)

    def make(self):
        for each in list(self.waiting):
            name, attacker, defender = each
            if self.free and self.there[attacker] and self.there[defender]:
                self.there[attacker] -= 1
                self.there[defender] -= 1
                self.free -= 1
                self.waiting.remove(each)
                self.playing.append(name)

    def end(self, rng: random.Random):
        self.free += 1
        return self.playing.pop(rng.randrange(len(self.playing)))
