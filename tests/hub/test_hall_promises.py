"""Halls: what holds when hubs, directors and keys go, and rooms close, at awkward moments."""

from __future__ import annotations

from itertools import count

import attrs
import pytest

from netsiege.game import AgentRole
from netsiege.hub.authority import Grant, Right
from netsiege.hub.gate import OpenGate, Who
from netsiege.hub.journal import SqliteJournal
from netsiege.hub.limits import DEFAULT_LIMITS
from netsiege.protocol import (
    HUB_SEAT,
    VERSION,
    WORKER_HEAD,
    Arrange,
    Arranged,
    Call,
    Cause,
    End,
    Episode,
    Flag,
    Held,
    Kind,
    Match,
    SessionRole,
)
from tests.hub.test_halls import HALL, LIKE, WON, Cup, game, told

ALONE = Arrange("alone", "cup", "like", 5, (Call("Attacker", "red"),))


class Keyed(OpenGate):
    """Keys are names; those in `revoked` are not good any more."""

    def __init__(self):
        super().__init__()
        self.revoked = set()

    @property
    def revision(self):
        return (len(self.revoked), 0)

    def grant_of(self, key):
        right = Right.ADMIN if key == b"boss" else Right.AGENT
        return Grant(key.decode(), right) if key and key not in self.revoked else None


def keyed(gate, **limits):
    names = {b"red": b"ann", b"blue": b"ben", b"director": b"boss", b"w": b"boss"}
    who = {peer: Who(key) for peer, key in names.items()}
    return Cup(gate=gate, who=who, limits=attrs.evolve(DEFAULT_LIMITS, **limits))


@pytest.fixture
def cups(tmp_path):
    """Makes a hub with the journal, after the end of the one before."""
    made, numbers = [], count(1_000, 1_000)

    def start(*rooms):
        while made:
            made.pop().close()
        made.append(SqliteJournal(tmp_path / "journal.db"))
        cup = Cup(*rooms, journal=made[-1], first_number=next(numbers))
        cup.commit()
        return cup

    yield start
    for journal in made:
        journal.close()


def snapshot(cup, lease, sequence):
    cup.w.say(WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, sequence) + b"snapshot")


def move(cup, agent):
    """The agent asks for something that the engine has not answered yet."""
    agent.answers()
    agent.ask(agent.session.step(agent.seat, None))


def has_won(cup, lease):
    cup.w.out(lease, HUB_SEAT, Kind.RESULT, 0, WON)


def is_over(cup, lease, seats=1):
    for seat in range(seats):
        cup.w.out(lease, seat, Kind.END, 0, End(Cause.FINISHED).encode(), Flag.OVER)


def told_after_watching(director):
    return [(type(e), e.room) for e in director.answers() if isinstance(e, Episode | Match)]


# --- who is called ----------------------------------------------------------------------------------------


def test_call_for_anybody_leaves_those_who_are_called_by_name_to_their_calls():
    cup = Cup()
    for peer in (b"red", b"green"):
        cup.agent(peer).join(AgentRole.Attacker, "cup")
    cup.arrange(Arrange("g1", "cup", "like", 1, (Call("Attacker"), Call("Attacker", "red"))))
    [(_, opening)] = cup.w.opened()
    assert [(seat.index, seat.name) for seat in opening.seats] == [(0, "green"), (1, "red")]


def test_joiner_whose_key_is_revoked_is_called_no_more():
    gate = Keyed()
    cup = keyed(gate)
    cup.red_and_blue()
    gate.revoked.add(b"ann")
    cup.tick(1)
    cup.tick(1)
    cup.arrange(game(attacker="", defender="", red_key="ann", blue_key="ben"))
    assert cup.w.opened() == []
    assert {role for role, _, _ in cup.arena.rooms["cup"].lines} == {"Defender"}


def test_joiner_that_waits_for_its_turn_is_sent_home_when_the_hall_closes():
    cup = keyed(Keyed(), joins_burst=1, joins_per_s=1)
    red, _ = cup.red_and_blue()
    _, last = [red.join(AgentRole.Attacker, "cup") for _ in range(2)]
    assert red.session.held(last) == Held.TURN
    red.answers()
    cup.close_room("cup")
    cup.pass_time(5)
    assert red.answers() == [End(Cause.FINISHED, "the room is closed")] * 3


def test_worker_of_a_match_that_is_called_off_takes_the_next_one():
    cup = Cup()
    cup.lose_worker(b"w")
    cup.w = cup.worker(b"small", slots=1)
    cup.red_and_blue()
    cup.agent(b"green").join(AgentRole.Attacker, "cup")
    cup.arrange(game())
    cup.arrange(attrs.evolve(ALONE, calls=(Call("Attacker", "green"),)))
    assert len(cup.w.opened()) == 1
    cup.close_room("g1")
    [(_, opening)] = cup.w.opened()
    assert [seat.name for seat in opening.seats] == ["green"]


def test_to_ask_again_for_a_match_changes_nothing_after_the_room_that_it_is_like_was_closed():
    cup = Cup()
    cup.arrange(game())
    cup.close_room("like")
    assert cup.arrange(game()) == Arranged("g1")
    assert cup.arrange(game("g2")).code == "UNKNOWN_ROOM"


# --- what came of it --------------------------------------------------------------------------------------


def test_who_watches_between_the_result_and_the_end_of_a_match_hears_both():
    cup = Cup()
    cup.red_and_blue()
    cup.arrange(ALONE)
    [(lease, opening)] = cup.w.opened()
    cup.w.seat(lease, opening)
    has_won(cup, lease)
    second = cup.agent(b"second", SessionRole.DIRECTOR)
    second.ask(second.session.watch("cup"))
    is_over(cup, lease)
    assert told_after_watching(second) == [(Episode, "alone"), (Match, "alone")]


@pytest.mark.parametrize("told_before", [False, True], ids=["snapshot after the result", "and before it"])
def test_restarted_hub_tells_a_result_that_came_before_the_last_snapshot(cups, told_before):
    cup = cups()
    cup.red_and_blue()
    cup.arrange(ALONE)
    [(lease, opening)] = cup.w.opened()
    cup.w.seat(lease, opening)
    move(cup, cup.agents[b"red"])
    has_won(cup, lease)
    if told_before:  # a second worker plays it again, and is not as far as the first one was
        cup.lose_worker(b"w")
        cup.w = cup.worker(b"second")
        [(lease, opening)] = cup.w.opened()
        cup.w.seat(lease, opening)
    snapshot(cup, lease, 1)

    cup = cups()
    [(lease, _)] = cup.w.opened()
    if told_before:
        has_won(cup, lease)
    is_over(cup, lease)
    again = cup.agent(b"again", SessionRole.DIRECTOR)
    again.ask(again.session.watch("cup"))
    assert told_after_watching(again) == [(Episode, "alone"), (Match, "alone")]


def test_restarted_hub_plays_a_match_whose_name_was_that_of_an_earlier_one(cups):
    cup = cups()
    cup.arrange(ALONE)
    cup.red_and_blue()
    [(lease, opening)] = cup.w.opened()
    cup.w.seat(lease, opening)
    has_won(cup, lease)
    is_over(cup, lease)
    cup.close_room("alone")
    cup.arrange(ALONE)

    cup = cups()
    assert told(cup.director) == []
    cup.red_and_blue()
    assert len(cup.w.opened()) == 1


def test_hall_that_is_not_in_the_journal_takes_its_matches_with_it(cups):
    cup = cups(LIKE)
    director = cup.agent(b"boss", SessionRole.DIRECTOR)
    director.ask(director.session.open_room(attrs.evolve(HALL, journal=False)))
    director.ask(director.session.arrange(game()))
    cup.red_and_blue()
    assert len(cup.w.opened()) == 1

    cup = cups(LIKE)
    assert list(cup.arena.rooms) == ["like"]
    assert cup.w.opened() == []


@pytest.mark.parametrize("began", [False, True], ids=["before the match began", "and after"])
def test_restarted_hub_has_clocks_for_matches_that_are_like_a_closed_room(cups, began):
    timed = attrs.evolve(LIKE, name="timed", move_s=1.0)
    cup = cups()
    cup.ask(cup.director.session.open_room(timed))
    cup.arrange(attrs.evolve(ALONE, like="timed"))
    if began:
        cup.red_and_blue()
        cup.w.seat(*cup.w.opened()[0])
    cup.close_room("timed")

    cup = cups()
    if not began:
        cup.red_and_blue()
    [(lease, opening)] = cup.w.opened()
    cup.w.seat(lease, opening)
    cup.pass_time(3)
    assert [kind for *_, kind, _, _ in cup.w.events()] == [Kind.TIMEOUT]
