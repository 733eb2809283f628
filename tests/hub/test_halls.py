"""Halls: joiners wait until they are called, and what came of a match is told until it was heard."""

from __future__ import annotations

from itertools import count

import attrs
import pytest

from netsiege.errors import AuthError, MatchOver, ProtocolError, WorkerLost
from netsiege.game import AgentRole
from netsiege.hub.authority import Grant, Right
from netsiege.hub.gate import OpenGate, Who
from netsiege.hub.journal import SqliteJournal
from netsiege.hub.limits import DEFAULT_LIMITS
from netsiege.protocol import (
    HUB_SEAT,
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
    Result,
    Room,
    RoomClosed,
    SessionRole,
    State,
)
from netsiege.session import Seat
from tests.hub.rig import STEP_REPLY, Rig, room

HALL, LIKE = room("cup", seats=(), spec=b"", arranged=True), room("like", seats=(), arranged=True)
WON = Result(0, "Attacker", Cause.GOAL, ("Success", "Fail"), (3, 3), (90.0, -10.0), True).encode()


def game(name="g1", attacker="red", defender="blue", seed=5, hall="cup", like="like", **keys):
    calls = (
        Call("Attacker", attacker, keys.get("red_key", "")),
        Call("Defender", defender, keys.get("blue_key", "")),
    )
    return Arrange(name, hall, like, seed, calls)


class Cup(Rig):
    """A hub with a hall, a worker and a director that watches."""

    def __init__(self, *rooms, **options):
        super().__init__(*(rooms or (HALL, LIKE)), **options)
        self.w = self.worker(b"w")
        self.director = self.watch(b"director")

    def watch(self, peer):
        director = self.agent(peer, SessionRole.DIRECTOR)
        director.ask(director.session.watch("cup"))
        director.answers()
        return director

    def ask(self, request):
        self.director.ask(request)
        return self.director.answers()

    def arrange(self, asked):
        answers = self.ask(self.director.session.arrange(asked))
        return next(each for each in answers if not (isinstance(each, Arranged) and each.match))

    def close_room(self, name):
        return self.ask(self.director.session.close_room(name))

    def red_and_blue(self):
        red, blue = (self.agents.get(peer) or self.agent(peer) for peer in (b"red", b"blue"))
        red.join(AgentRole.Attacker, "cup")
        blue.join(AgentRole.Defender, "cup")
        return red, blue

    def play_out(self, lease, opening):
        """What an engine says at the end of a match's only episode."""
        self.w.seat(lease, opening)
        self.w.out(lease, HUB_SEAT, Kind.RESULT, 0, WON)
        for i in range(len(opening.seats)):
            self.w.out(lease, i, Kind.OBS, 0, STEP_REPLY, Flag.OVER)


def news(director):
    """What has come of matches since the last call; that they begin left out."""
    return [each for each in director.answers() if not isinstance(each, Arranged)]


def told(director):
    return [(type(each), each.room) for each in news(director)]


def test_joiners_of_a_hall_wait_until_they_are_called_by_name():
    cup = Cup()
    red, blue = cup.red_and_blue()
    other = cup.agent(b"green")
    waiting = other.join(AgentRole.Attacker, "cup")
    assert other.session.held(waiting) == Held.CALL
    assert cup.w.opened() == []
    assert cup.arrange(game(attacker="green")) == Arranged("g1")
    [(lease, opening)] = cup.w.opened()
    assert [(s.role, s.name) for s in opening.seats] == [("Attacker", "green"), ("Defender", "blue")]
    assert (opening.seed, opening.episodes) == (5, 1)
    cup.w.seat(lease, opening)
    assert isinstance(other.answers()[-1], Seat)
    assert isinstance(blue.answers()[-1], Seat)
    assert red.answers()[1:] == []


def test_match_that_is_arranged_before_its_players_come_waits_for_them():
    cup = Cup()
    assert cup.arrange(game()) == Arranged("g1")
    assert cup.arrange(game("g2", attacker="late")) == Arranged("g2")
    cup.red_and_blue()
    [(_, opening)] = cup.w.opened()
    assert {seat.name for seat in opening.seats} == {"red", "blue"}
    late = cup.agent(b"late")
    late.join(AgentRole.Attacker, "cup")
    assert cup.w.opened() == []  # blue plays
    cup.agents[b"blue"].join(AgentRole.Defender, "cup")
    [(_, opening)] = cup.w.opened()
    assert {seat.name for seat in opening.seats} == {"late", "blue"}


def test_director_is_told_who_is_called_and_does_not_wait_in_the_hall():
    cup = Cup()

    def missing(agent):
        agent.ask(agent.session.status())
        [state] = [each for each in agent.answers() if isinstance(each, State)]
        return {each.name: {call.name for call in each.missing} for each in state.rooms}["cup"]

    assert missing(cup.director) == set()
    cup.arrange(game())
    cup.arrange(game("g2", attacker="late"))
    assert missing(cup.director) == {"red", "blue", "late"}
    blue = cup.agent(b"blue")
    blue.join(AgentRole.Defender, "cup")
    assert missing(cup.director) == {"red", "late"}  # but not who waits for them
    cup.red_and_blue()
    assert missing(cup.director) == {"late"}  # blue waits once more
    assert missing(cup.agents[b"red"]) == set()  # an agent is not told who else there is
    cup.close_room("g2")
    assert missing(cup.director) == set()


def test_one_session_answers_as_many_calls_as_it_has_joined():
    cup = Cup()
    red, blue = cup.red_and_blue()
    for _ in range(2):
        red.join(AgentRole.Attacker, "cup")
    blue.join(AgentRole.Defender, "cup")
    for number in range(3):
        cup.arrange(game(f"g{number}"))
    assert len(cup.w.opened()) == 2
    blue.join(AgentRole.Defender, "cup")
    assert len(cup.w.opened()) == 1


def test_a_match_of_two_of_a_kind_never_seats_one_joiner_twice():
    cup = Cup()
    red = cup.agent(b"red")
    red.join(AgentRole.Attacker, "cup")
    twins = Arrange("g1", "cup", "like", 1, (Call("Attacker", "red"), Call("Attacker")))
    cup.arrange(twins)
    assert cup.w.opened() == []
    red.join(AgentRole.Attacker, "cup")
    [(_, opening)] = cup.w.opened()
    assert [(s.role, s.index, s.name) for s in opening.seats] == [
        ("Attacker", 0, "red"),
        ("Attacker", 1, "red"),
    ]


def test_joiner_that_goes_is_not_called():
    cup = Cup()
    cup.red_and_blue()
    cup.lose_agent(b"red")
    cup.arrange(game())
    assert cup.w.opened() == []
    cup.agent(b"red").join(AgentRole.Attacker, "cup")
    assert len(cup.w.opened()) == 1


def test_joiners_are_called_by_their_keys():
    class Keyed(OpenGate):
        def grant_of(self, key):
            right = Right.ADMIN if key == b"boss" else Right.AGENT
            return Grant(key.decode(), right) if key else None

    who = {b"red": Who(b"ann"), b"blue": Who(b"ben"), b"fake": Who(b"eve"), b"director": Who(b"boss")}
    cup = Cup(gate=Keyed(), who={**who, b"w": Who(b"boss")})
    fake = cup.agent(b"fake")
    fake.session.name = "red"
    fake.join(AgentRole.Attacker, "cup")
    cup.red_and_blue()
    cup.arrange(game(attacker="", defender="", red_key="ann", blue_key="ben"))
    [(_, opening)] = cup.w.opened()
    assert [seat.name for seat in opening.seats] == ["red", "blue"]
    assert list(fake.session.seats) == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (game(hall="nowhere"), "UNKNOWN_ROOM"),
        (game(like="nothing"), "UNKNOWN_ROOM"),
        (game(hall="default"), "BAD_REQUEST"),
        (attrs.evolve(game(), calls=()), "BAD_ROLE"),
        (attrs.evolve(game(), calls=(Call("Judge"),)), "BAD_ROLE"),
    ],
)
def test_match_that_cannot_be_arranged_is_refused(asked, code):
    cup = Cup(HALL, LIKE, room())
    refused = cup.arrange(asked)
    assert isinstance(refused, ProtocolError)
    assert refused.code == code


def test_arranging_again_changes_nothing_and_otherwise_is_refused():
    cup = Cup()
    assert [cup.arrange(game()) for _ in range(2)] == [Arranged("g1")] * 2
    cup.red_and_blue()
    assert len(cup.w.opened()) == 1
    assert cup.arrange(game()) == Arranged("g1")
    assert cup.w.opened() == []
    assert cup.arrange(game(seed=6)).code == "BAD_REQUEST"
    assert cup.arrange(game("cup")).code == "BAD_REQUEST"


def test_only_directors_arrange_and_close():
    cup = Cup()
    agent = cup.agent(b"a")
    agent.ask(agent.session.arrange(game()))
    agent.ask(agent.session.close_room("cup"))
    assert [type(answer) for answer in agent.answers()[1:]] == [AuthError] * 2
    assert list(cup.arena.rooms) == ["cup", "like"]


def test_a_hall_holds_so_many_matches_that_nobody_has_closed():
    cup = Cup(limits=attrs.evolve(DEFAULT_LIMITS, arranged=2))
    cup.arrange(game("g1"))
    cup.arrange(game("g2"))
    assert cup.arrange(game("g3")).code == "OVERLOADED"
    cup.close_room("g1")
    assert cup.arrange(game("g3")) == Arranged("g3")


def test_nobody_enters_or_watches_the_room_of_an_arranged_match():
    cup = Cup()
    cup.arrange(game())
    agent = cup.agent(b"a")
    agent.join(AgentRole.Attacker, "g1")
    assert agent.answers()[-1].code == "UNKNOWN_ROOM"
    assert cup.ask(cup.director.session.watch("g1"))[0].code == "UNKNOWN_ROOM"
    [state] = cup.ask(cup.director.session.status())
    assert [r.name for r in state.rooms] == ["cup", "like"]


# --- what came of it --------------------------------------------------------------------------------------


def test_what_came_of_a_match_is_told_until_it_is_closed():
    cup = Cup()
    cup.arrange(game())
    cup.red_and_blue()
    cup.play_out(*cup.w.opened()[0])
    heard = news(cup.director)
    assert [type(each) for each in heard] == [Episode, Match]
    assert {each.room for each in heard} == {"g1"}
    assert [(p.role, p.name) for p in heard[0].players] == [("Attacker", "red"), ("Defender", "blue")]
    second = cup.agent(b"second", SessionRole.DIRECTOR)
    second.ask(second.session.watch("cup"))
    assert second.answers()[2:] == heard
    assert cup.close_room("g1") == [RoomClosed("g1")]
    assert cup.close_room("g1") == [RoomClosed("g1")]
    third = cup.agent(b"third", SessionRole.DIRECTOR)
    third.ask(third.session.watch("cup"))
    assert third.answers()[2:] == []


def test_a_match_that_runs_is_not_told_to_who_comes_later_before_it_ends():
    cup = Cup()
    cup.arrange(game())
    cup.red_and_blue()
    second = cup.watch(b"second")
    assert second.answers() == []
    cup.play_out(*cup.w.opened()[0])
    assert told(second) == [(Episode, "g1"), (Match, "g1")]


def test_who_watches_is_told_when_a_match_begins():
    cup = Cup()
    cup.arrange(game())
    assert cup.director.answers() == []
    cup.red_and_blue()
    assert cup.director.answers() == [Arranged("g1", 1)]


def test_match_that_a_worker_breaks_is_told_as_such():
    cup = Cup()
    cup.arrange(game())
    red, _ = cup.red_and_blue()
    [(lease, opening)] = cup.w.opened()
    cup.w.seat(lease, opening)
    red.answers()
    cup.arena.abandon(next(iter(cup.arena.matches.values())), "ENGINE_FAULT", Cause.FAULT, "broken")
    cup.flush()
    [ended] = news(cup.director)
    assert (ended.room, ended.cause, ended.text) == ("g1", Cause.FAULT, "broken")
    assert isinstance(red.answers()[-1], WorkerLost)


def test_match_that_is_called_off_frees_its_players():
    cup = Cup()
    cup.arrange(game())
    red, blue = cup.red_and_blue()
    [(lease, opening)] = cup.w.opened()
    cup.w.seat(lease, opening)
    red.answers()
    seat = red.seat
    cup.close_room("g1")
    assert isinstance(seat.ended, MatchOver)
    assert cup.arena.matches == {}
    red.join(AgentRole.Attacker, "cup")
    blue.join(AgentRole.Defender, "cup")
    cup.arrange(game("g2"))
    assert len(cup.w.opened()) == 1


def test_match_that_is_called_off_before_it_began_is_never_played():
    cup = Cup()
    cup.arrange(game())
    cup.close_room("g1")
    cup.red_and_blue()
    assert cup.w.opened() == []


def test_hall_that_closes_sends_everybody_home():
    cup = Cup()
    red, _ = cup.red_and_blue()
    cup.arrange(game("g1", attacker="late"))
    assert cup.close_room("cup") == [RoomClosed("cup")]
    assert red.answers()[-1] == End(Cause.FINISHED, "the room is closed")
    assert list(cup.arena.rooms) == ["like"]
    red.join(AgentRole.Attacker, "cup")
    assert red.answers()[-1].code == "UNKNOWN_ROOM"


def test_room_that_makes_its_own_matches_can_be_closed_and_they_go_on():
    cup = Cup(HALL, LIKE, room())
    red = cup.agent(b"red")
    red.join(AgentRole.Attacker)
    [(lease, opening)] = cup.w.opened()
    cup.w.seat(lease, opening)
    red.answers()
    cup.close_room("default")
    assert red.seat.ended is None
    assert len(cup.arena.matches) == 1
    assert isinstance(cup.ask(cup.director.session.open_room(room()))[0], Room)


# --- with a journal ---------------------------------------------------------------------------------------


@pytest.fixture
def cups(tmp_path):
    """Makes a hub with the journal, after the end of the one before."""
    made = []
    numbers = count(1_000, 1_000)

    def start():
        while made:
            made.pop().close()
        made.append(SqliteJournal(tmp_path / "journal.db"))
        cup = Cup(journal=made[-1], first_number=next(numbers))
        cup.commit()
        return cup

    yield start
    for journal in made:
        journal.close()


def test_restarted_hub_plays_what_was_arranged_and_tells_what_came_of_the_rest(cups):
    cup = cups()
    for name in ("pending", "running", "ended", "heard"):
        cup.arrange(game(name, attacker=name))
    openings = {}
    for name in ("running", "ended", "heard"):
        cup.agent(name.encode()).join(AgentRole.Attacker, "cup")
        cup.red_and_blue()
        [openings[name]] = cup.w.opened()
    cup.w.seat(*openings["running"])
    for name in ("ended", "heard"):
        cup.play_out(*openings[name])
    cup.close_room("heard")

    cup = cups()
    assert told(cup.director) == []  # `watch` has taken them
    again = cup.agent(b"again", SessionRole.DIRECTOR)
    again.ask(again.session.watch("cup"))
    assert [(type(n), n.room) for n in news(again)[2:]] == [(Episode, "ended"), (Match, "ended")]
    [(lease, opening)] = cup.w.opened()  # the one that ran goes on
    assert opening.seed == 5
    cup.play_out(lease, opening)
    assert told(cup.director)[-1] == (Match, "running")
    cup.agent(b"pending").join(AgentRole.Attacker, "cup")
    cup.agent(b"blue").join(AgentRole.Defender, "cup")
    [(_, opening)] = cup.w.opened()
    assert [seat.name for seat in opening.seats] == ["pending", "blue"]
    assert cup.arrange(game("ended", attacker="ended")) == Arranged("ended")
    assert cup.w.opened() == []


def test_restarted_hub_goes_on_with_matches_of_closed_rooms(cups):
    cup = cups()
    cup.arrange(game())
    cup.red_and_blue()
    cup.w.seat(*cup.w.opened()[0])
    cup.close_room("like")
    cup = cups()
    [(_, opening)] = cup.w.opened()
    assert opening.seed == 5


def test_restarted_hub_knows_nothing_of_a_closed_hall(cups, tmp_path):
    cup = cups()
    cup.arrange(game())
    cup.close_room("cup")
    cup = cups()
    assert cup.arena.rooms["cup"].games == {}
