"""Clients that are done for: closed, taken over, or without their hub. Both kinds, over real sockets."""

import threading

import pytest

from netsiege.errors import HubUnreachable
from netsiege.game import AgentRole
from netsiege.protocol import Cause, Code, End, Episode, Kind, Reset, SessionRole, Watching
from tests.sdk.hub_frames import delta, full
from tests.sdk.test_reconnect import (
    Asynchronous,
    Blocking,
    an_agent,
    kind_of_client,
    lost_in_a_step,
    playing,
)

__all__ = ["kind_of_client"]  # a fixture: pytest looks for it here

TAKEN = "another connection has resumed this session"


def calls(player, seat):
    """Every call of a client that asks for something, by its name; each blocks."""
    client = player.client
    told = {
        "join": lambda: client.join(AgentRole.Attacker),
        "step": lambda: client.step(seat, None),
        "step_many": lambda: client.step_many([(seat, None)]),
        "reset": lambda: client.reset(seat, Reset()),
        "leave": lambda: client.leave(seat),
        "resumed": client.resumed,
        "caught_up": lambda: client.caught_up(seat),
        "open": client.open,
    }
    if isinstance(player, Asynchronous):
        return {name: lambda call=call: player.runner.run(call()) for name, call in told.items()}
    more = {
        "status": client.status,
        "watch": lambda: client.watch("r"),
        "open_room": lambda: client.open_room(None),
        "news": lambda: list(client.news(0)),
        "pump": lambda: client.pump(0),
    }
    return told | more


def assert_done_for(player, seat, said):
    """Every call raises the same, and twice; none of them asks the session for anything."""
    assert player.client.failed
    request, last = seat.request, player.client.session._last_request
    for name, call in calls(player, seat).items():
        for _ in range(2):
            with pytest.raises(HubUnreachable, match=said):
                call()
        assert (seat.request, player.client.session._last_request) == (request, last), name


def close(player):
    player.client.close() if isinstance(player, Blocking) else player.runner.run(player.client.close())


# --- the hub is lost, or the client closed ----------------------------------------------------------------


def test_client_that_has_lost_its_hub_raises_the_same_from_every_call(kind_of_client):
    with playing(kind_of_client, lost_in_a_step, reconnect_s=0) as player:
        seat = player.join()
        with pytest.raises(HubUnreachable, match=r"is lost$"):
            player.step(seat)
        assert_done_for(player, seat, r"is lost$")
        close(player)
        assert_done_for(player, seat, r"is lost$")


def test_client_that_was_closed_raises_so_from_every_call(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        seat = player.join()
        close(player)
        assert_done_for(player, seat, r"^the client was closed$")


def test_client_that_was_closed_while_its_hub_was_away_does_not_dial_again(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        hub.hear(Kind.JOIN)
        hub.down()
        closed.wait(10)
        hub.up()
        assert not hub._router.poll(300), "a client that was closed says HELLO"

    closed = threading.Event()
    with playing(kind_of_client, script) as player:
        seat = player.join()
        try:
            with pytest.raises(TimeoutError):
                player.join(timeout_s=0.5)
            close(player)
            assert_done_for(player, seat, r"^the client was closed$")
        finally:
            closed.set()


def test_client_that_was_refused_when_it_opened_raises_the_same_afterwards(kind_of_client):
    def script(hub):
        hub.refuse(hub.hear(Kind.HELLO), Code.HUB_CLOSING, "the hub closes", request=0)

    with playing(kind_of_client, script, opened=False) as player:
        for _ in range(2):
            with pytest.raises(HubUnreachable, match="the hub closes"):
                player.open()
        with pytest.raises(HubUnreachable, match="the hub closes"):
            player.join()


def test_news_that_came_before_the_hub_was_lost_are_told_first():
    def script(hub):
        hub.welcome()
        watch = hub.hear(Kind.WATCH)
        hub.say(watch, Kind.WATCHING, Watching("r").encode())
        status = hub.hear(Kind.STATUS)
        hub.say(watch, Kind.EPISODE, Episode("r", 1, (), b"result").encode())
        hub.refuse(status, Code.HUB_CLOSING, "the hub closes", request=0)

    with playing(Blocking, script, role=SessionRole.SPECTATOR) as player:
        player.client.watch("r")
        with pytest.raises(HubUnreachable, match="the hub closes"):
            player.client.status()
        assert list(player.client.news(0)) == [Episode("r", 1, (), b"result")]
        with pytest.raises(HubUnreachable, match="the hub closes"):
            list(player.client.news(0))


# --- another process has the session ----------------------------------------------------------------------


@pytest.mark.parametrize("told", ["at once", "when it asks"])
def test_client_whose_session_was_taken_over_fails_for_good_and_says_no_more(kind_of_client, told):
    def script(hub):
        hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        hub.refuse(step, Code.SESSION_TAKEN, TAKEN, request=0 if told == "at once" else step.request)
        failed.wait(10)
        assert not hub._router.poll(300), "it has been told to leave the session alone"

    failed = threading.Event()
    with playing(kind_of_client, script) as player:
        seat = player.join()
        try:
            with pytest.raises(HubUnreachable, match=f"^{TAKEN}$"):
                player.step(seat)
            assert isinstance(seat.ended, HubUnreachable)
            assert_done_for(player, seat, f"^{TAKEN}$")
            close(player)
        finally:
            failed.set()


def test_client_that_comes_back_to_a_session_that_was_taken_over_fails_for_good(kind_of_client):
    def script(hub):
        lost_in_a_step(hub)
        hub.up()
        hub.refuse(hub.hear(Kind.HELLO), Code.SESSION_TAKEN, TAKEN, request=0)
        failed.wait(10)
        assert not hub._router.poll(300)

    failed = threading.Event()
    with playing(kind_of_client, script) as player:
        seat = player.join()
        try:
            with pytest.raises(HubUnreachable, match=f"^{TAKEN}$"):
                player.step(seat)
            assert player.client.failed
        finally:
            failed.set()


def test_agent_whose_session_was_taken_over_raises_and_then_registers_anew(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        hub.refuse(hub.hear(Kind.STEP), Code.SESSION_TAKEN, TAKEN, request=0)
        hub.welcome(token=None)  # the old session belongs to somebody else
        hub.seat(8)
        hub.hear(Kind.BYE)

    with an_agent(kind_of_client, script) as (agent, call):
        with pytest.raises(HubUnreachable, match=TAKEN):
            call(agent.play())
        call(agent.register())
        assert agent.seat.handle == 8


def test_agents_of_many_seats_whose_session_was_taken_over_raise_and_then_connect_anew():
    def script(hub):
        hub.welcome()
        hub.seat(7)
        hub.seat(8)
        hub.refuse(hub.hear(Kind.STEP_MANY), Code.SESSION_TAKEN, TAKEN, request=0)
        hub.welcome()
        hub.seat(9)
        many = hub.hear(Kind.STEP_MANY)
        hub.say(many, Kind.OBS, delta(1, end=True), handle=9)
        hub.say(hub.hear(Kind.LEAVE), Kind.END, End(Cause.LEFT).encode())
        hub.hear(Kind.BYE)

    with an_agent(Blocking, script) as (agent, _):
        with pytest.raises(HubUnreachable, match=TAKEN):
            agent.play_many(2)
        assert [summary.steps for summary in agent.play_many(1)] == [1]


# --- a seat that the hub does not know any more -----------------------------------------------------------

UNNAMED = "does not know this seat any more"


@pytest.mark.parametrize("asked", [Kind.STEP, Kind.RESET])
def test_agent_whose_seat_the_hub_names_no_more_raises_instead_of_ending_its_game(kind_of_client, asked):
    def script(hub):
        hub.welcome()
        hub.seat()
        heard = hub.hear(Kind.STEP)
        if asked == Kind.RESET:
            hub.say(heard, Kind.OBS, delta(1, end=True))
            hub.hear(Kind.RESET)
        hub.drop()
        hub.welcome_back()
        hub.hear(Kind.BYE)

    with an_agent(kind_of_client, script) as (agent, call), pytest.raises(HubUnreachable, match=UNNAMED):
        call(agent.play(None))


def test_agents_of_many_seats_raise_when_the_hub_names_one_no_more():
    def script(hub):
        hub.welcome()
        hub.seat(7)
        hub.seat(8)
        many = hub.hear(Kind.STEP_MANY)
        hub.drop()
        hello = hub.welcome_back((8, many.request, 0))
        hub.resume(hello, 8, many.request, full(1))
        while hub.hear(Kind.STEP_MANY, Kind.BYE).kind != Kind.BYE:
            pass

    with an_agent(Blocking, script) as (agent, _), pytest.raises(HubUnreachable, match=UNNAMED):
        agent.play_many(2)


def test_agents_of_many_seats_raise_when_a_seat_that_rests_is_named_no_more():
    def script(hub):
        hub.welcome()
        hub.seat(7)
        hub.seat(8)
        many = hub.hear(Kind.STEP_MANY)
        hub.say(many, Kind.OBS, delta(1, end=True), handle=7)
        hub.hear(Kind.RESET)
        hub.drop()
        hub.welcome_back((8, many.request - 1, many.request))
        hub.hear(Kind.BYE)

    with an_agent(Blocking, script) as (agent, _), pytest.raises(HubUnreachable, match=UNNAMED):
        agent.play_many(2, 2)
