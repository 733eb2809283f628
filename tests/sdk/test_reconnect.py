"""Connections that are lost, and hubs that come back or do not: both clients, over real sockets."""

import asyncio
import contextlib
import signal
import threading
import time

import pytest

from netsiege import AsyncAgent, BaseAgent
from netsiege.aio import AsyncClient
from netsiege.client import Client
from netsiege.errors import Forfeited, HubUnreachable, MatchOver, ProtocolError
from netsiege.game import AgentRole
from netsiege.protocol import Cause, Code, End, Episode, Kind, SessionRole, Watching
from netsiege.wire import SILENCE_S
from tests.sdk.hub_frames import TOKEN, delta, full, hosts, refusal, welcome
from tests.sdk.scripted_hub import scripted_hub, wait_until


class Blocking:
    """The blocking client."""

    module = "netsiege.carrier"

    def __init__(self, address, **options):
        self.client = Client(address, "me", **options)

    def open(self):
        self.client.open()
        return self

    def join(self, timeout_s=None):
        return self.client.join(AgentRole.Attacker, timeout_s=timeout_s)[0]

    def step(self, seat):
        return self.client.step(seat, None)

    def step_many(self, seats):
        return self.client.step_many([(seat, None) for seat in seats])

    def resumed(self):
        return self.client.resumed(5)

    def caught_up(self, seat):
        return self.client.caught_up(seat, 5)

    def close(self):
        self.client.close()


class Asynchronous:
    """The asynchronous client, one call at a time."""

    module = "netsiege.aio"

    def __init__(self, address, **options):
        self.client = AsyncClient(address, "me", **options)
        self.runner = asyncio.Runner()

    def open(self):
        self.runner.run(self.client.open())
        return self

    def join(self, timeout_s=None):
        async def join():
            async with asyncio.timeout(timeout_s):
                return await self.client.join(AgentRole.Attacker)

        return self.runner.run(join())

    def step(self, seat):
        return self.runner.run(self.client.step(seat, None))

    def step_many(self, seats):
        return self.runner.run(self.client.step_many([(seat, None) for seat in seats]))

    def resumed(self):
        return self.runner.run(self.client.resumed())

    def caught_up(self, seat):
        return self.runner.run(self.client.caught_up(seat))

    def close(self):
        self.runner.run(self.client.close())
        self.runner.close()


@pytest.fixture(params=[Blocking, Asynchronous], ids=["blocking", "asynchronous"])
def kind_of_client(request):
    return request.param


@contextlib.contextmanager
def playing(kind, script, *, opened=True, **options):
    """A hub that follows a script, and a client of a kind that has said HELLO there."""
    with scripted_hub(script) as hub:
        player = kind(hub.address, **options)
        try:
            yield player.open() if opened else player
        finally:
            player.close()


# --- the hub comes back -----------------------------------------------------------------------------------


def test_step_cut_off_before_its_answer_is_answered_after_a_pause(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        hub.drop()
        hello = hub.welcome_back((7, step.request - 1, step.request))
        hub.resume(hello, 7, step.request - 1, full(reward=0))
        hub.say(hello, Kind.OBS, delta(1), handle=7, request=step.request)
        hub.say(hub.hear(Kind.STEP), Kind.OBS, delta(2))  # to the new connection
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        seat = player.join()
        assert player.step(seat).state == hosts(1)
        assert player.step(seat).state == hosts(1, 2)


def test_step_whose_answer_was_lost_is_answered_by_resumed(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        hub.drop()
        hello = hub.welcome_back((7, step.request, 0))
        hub.resume(hello, 7, step.request, full(1))
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        assert player.step(player.join()).state == hosts(1)


def test_step_that_was_lost_on_its_way_is_sent_again(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        lost = hub.hear(Kind.STEP)
        hub.drop()
        hello = hub.welcome_back((7, lost.request - 1, 0))
        hub.resume(hello, 7, lost.request - 1, full(reward=0))
        again = hub.hear(Kind.STEP)
        assert (again.handle, again.request, again.body) == (7, lost.request, lost.body)
        hub.say(again, Kind.OBS, delta(1))
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        assert player.step(player.join()).state == hosts(1)


def test_step_many_with_a_seat_that_ended_meanwhile_is_settled_in_parts(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat(7)
        hub.seat(8)
        many = hub.hear(Kind.STEP_MANY)
        hub.drop()
        end = End(Cause.DISCONNECT, "away").encode()
        hello = hub.welcome_back((8, many.request, 0), lost=[(7, Kind.END, many.request, end)])
        hub.resume(hello, 8, many.request, full(1))
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        seats = [player.join(), player.join()]
        answers = {settled.seat.handle: settled.answer for settled in player.step_many(seats)}
        assert answers[7] == End(Cause.DISCONNECT, "away")
        assert answers[8].state == hosts(1)
        with pytest.raises(Forfeited, match="away"):
            player.step(seats[0])


@pytest.mark.parametrize("code", [Code.HELLO_FIRST, Code.HUB_PAUSED])
def test_hub_that_was_restarted_or_pauses_is_resumed_over_another_connection(kind_of_client, code):
    def script(hub):
        first = hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        hub.refuse(step, code, request=step.request if code == Code.HELLO_FIRST else 0)
        hello = hub.welcome_back((7, step.request, 0))
        assert hello.peer != first.peer
        hub.resume(hello, 7, step.request, full(1))
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        assert player.step(player.join()).state == hosts(1)


def test_hub_that_falls_silent_is_resumed_over_another_connection(kind_of_client, monkeypatch):
    monkeypatch.setattr(f"{kind_of_client.module}.SILENCE_S", 0.1)

    def script(hub):
        hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        hub.hear(Kind.PING)  # and there is no PONG
        hello = hub.welcome_back((7, step.request, 0))
        hub.resume(hello, 7, step.request, full(1))
        while hub.hear(Kind.PING, Kind.BYE).kind != Kind.BYE:
            pass

    with playing(kind_of_client, script) as player:
        assert player.step(player.join()).state == hosts(1)


def test_hub_that_takes_its_time_is_tried_again_and_again(kind_of_client, monkeypatch):
    monkeypatch.setattr("netsiege.outage.CONNECT_TIMEOUT_S", 0.1)
    monkeypatch.setattr(f"{kind_of_client.module}.SILENCE_S", 0.05)

    def script(hub):
        hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        hub.down()
        wait_until(lambda: tries and tries[0] > 1)
        hub.up()
        hub.hear(Kind.HELLO)  # and there is no WELCOME
        hello = hub.welcome_back((7, step.request, 0))
        hub.resume(hello, 7, step.request, full(1))
        while hub.hear(Kind.PING, Kind.BYE).kind != Kind.BYE:
            pass

    tries = [0]
    dial = Client._dial if kind_of_client is Blocking else AsyncClient._dial

    def counted(self):
        tries[0] += self.session.welcomed or self.session.token is not None
        return dial(self)

    monkeypatch.setattr(Client if kind_of_client is Blocking else AsyncClient, "_dial", counted)
    with playing(kind_of_client, script) as player:
        assert player.step(player.join()).state == hosts(1)


def test_join_that_waits_for_players_outlives_its_connection(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.hear(Kind.JOIN)
        hub.drop()
        hello = hub.hear(Kind.HELLO)
        hub.refuse(hello, Code.UNKNOWN_SESSION)  # it has no seats
        hub.welcome()
        hub.seat()
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        assert player.join().handle == 7


def test_news_of_a_room_outlive_the_connection():
    def script(hub):
        hub.welcome()
        watch = hub.hear(Kind.WATCH)
        hub.say(watch, Kind.WATCHING, Watching("r").encode())
        hub.drop()
        hub.refuse(hub.hear(Kind.HELLO), Code.UNKNOWN_SESSION)
        hub.welcome()
        again = hub.hear(Kind.WATCH)
        assert again.request == watch.request
        hub.say(again, Kind.WATCHING, Watching("r").encode())
        hub.say(again, Kind.EPISODE, Episode("r", 1, (), b"result").encode())
        hub.refuse(again, Code.UNKNOWN_ROOM)
        hub.hear(Kind.BYE)

    with playing(Blocking, script, role=SessionRole.SPECTATOR) as player:
        player.client.watch("r")
        told = []
        with pytest.raises(ProtocolError, match="UNKNOWN_ROOM"):
            wait_until(lambda: told.extend(player.client.news(0.1)))
        assert told == [Episode("r", 1, (), b"result")]


def test_steps_of_many_seats_side_by_side_are_answered_without_a_pause():
    def script(hub):
        hub.welcome()
        for handle in range(1, 1 + seats):
            hub.seat(handle)
        for _ in range(seats * steps):
            hub.say(hub.hear(Kind.STEP), Kind.OBS, delta())
        hub.hear(Kind.BYE)

    async def play(client, seat):
        for _ in range(steps):
            await client.step(seat, None)

    async def play_all(client):
        taken = [await client.join(AgentRole.Attacker) for _ in range(seats)]
        await asyncio.gather(*(play(client, seat) for seat in taken))

    seats, steps = 50, 40
    with playing(Asynchronous, script) as player:
        started_s = time.monotonic()
        player.runner.run(play_all(player.client))
        assert time.monotonic() - started_s < SILENCE_S, "what has arrived was left lying for a while"


def test_seats_that_nothing_has_happened_to_are_resumed(kind_of_client):
    def script(hub):
        hub.welcome()
        join = hub.seat()
        hub.hear(Kind.STEP)
        hub.drop()
        hello = hub.welcome_back((7, join.request, 0))
        step = hub.hear(Kind.STEP)
        hub.say(step, Kind.ERROR, refusal(Code.BAD_ACTION))
        asked.wait(10)
        hub.resume(hello, 7, join.request, full(reward=0))
        hub.hear(Kind.BYE)

    asked = threading.Event()
    with playing(kind_of_client, script) as player:
        seat = player.join()
        with pytest.raises(ProtocolError, match="BAD_ACTION"):
            player.step(seat)
        asked.set()
        assert player.resumed() == [seat]


# --- it does not ------------------------------------------------------------------------------------------


def test_hub_that_knows_the_session_no_longer_ends_its_seats_but_takes_new_ones(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat(7)
        hub.hear(Kind.STEP)
        hub.drop()
        hub.refuse(hub.hear(Kind.HELLO), Code.UNKNOWN_SESSION)
        hub.welcome()
        hub.seat(8)
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script) as player:
        seat = player.join()
        with pytest.raises(HubUnreachable, match="does not know this session"):
            player.step(seat)
        assert player.join().handle == 8


def lost_in_a_step(hub):
    hub.welcome()
    hub.seat()
    hub.hear(Kind.STEP)
    hub.down()


def test_client_that_is_not_to_reconnect_raises_at_once(kind_of_client):
    with playing(kind_of_client, lost_in_a_step, reconnect_s=0) as player:
        seat = player.join()
        started_s = time.monotonic()
        with pytest.raises(HubUnreachable, match=r"connection to the hub is lost$"):
            player.step(seat)
        assert player.client.failed
        assert time.monotonic() - started_s < 2


def test_hub_that_does_not_come_back_in_time_is_given_up_with_advice(kind_of_client):
    with playing(kind_of_client, lost_in_a_step, reconnect_s=0.5) as player:
        seat = player.join()
        started_s = time.monotonic()
        with pytest.raises(HubUnreachable, match=r"is lost; it has not come back within 0.5 s.*netsiege hub"):
            player.step(seat)
        assert 0.4 < time.monotonic() - started_s < 3
        assert player.client.failed
        with pytest.raises(HubUnreachable, match="not come back"):
            player.join()


def test_hub_that_says_welcome_and_nothing_else_is_given_up(kind_of_client, monkeypatch):
    monkeypatch.setattr(f"{kind_of_client.module}.SILENCE_S", 0.05)

    def script(hub):
        hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        while not done.is_set():
            if hub._router.poll(20):
                heard = hub.hear(Kind.PING, Kind.HELLO, Kind.STEP)
                if heard.kind == Kind.HELLO:
                    hub.send(heard, welcome(heard.request, [(7, step.request - 1, step.request)]))

    done = threading.Event()
    with playing(kind_of_client, script, reconnect_s=1) as player:
        seat = player.join()
        try:
            with pytest.raises(HubUnreachable, match=r"stopped answering; it has not come back"):
                player.step(seat)
        finally:
            done.set()


def test_hub_that_closes_for_good_is_not_waited_for(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        hub.refuse(hub.hear(Kind.STEP), Code.HUB_CLOSING, "the hub closes", request=0)

    with playing(kind_of_client, script) as player:
        seat = player.join()
        with pytest.raises(HubUnreachable, match=r"^the hub closes$"):
            player.step(seat)


def test_hub_that_refuses_the_token_is_not_asked_again(kind_of_client):
    def script(hub):
        lost_in_a_step(hub)
        hub.up()
        hub.refuse(hub.hear(Kind.HELLO), Code.NOT_ALLOWED, "no tokens here")

    with playing(kind_of_client, script) as player:
        seat = player.join()
        with pytest.raises(Exception, match="no tokens here"):
            player.step(seat)
        assert player.client.failed


# --- while it is away -------------------------------------------------------------------------------------


def test_time_limit_of_a_call_holds_while_the_hub_is_away(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.hear(Kind.JOIN)
        hub.down()
        timed_out.wait(10)
        hub.up()
        hub.refuse(hub.hear(Kind.HELLO), Code.UNKNOWN_SESSION)
        hub.welcome()
        hub.seat(8)  # the JOIN that was taken back is not asked again
        hub.hear(Kind.BYE)

    timed_out = threading.Event()
    with playing(kind_of_client, script) as player:
        try:
            with pytest.raises(TimeoutError):
                player.join(timeout_s=0.3)
        finally:
            timed_out.set()
        assert player.join().handle == 8


def test_client_says_that_the_hub_is_away_when_time_is_up():
    def script(hub):
        hub.welcome()
        hub.hear(Kind.JOIN)
        hub.down()

    with playing(Blocking, script) as player, pytest.raises(TimeoutError, match=r"is lost; it is still"):
        player.join(timeout_s=0.5)


def test_client_is_closed_at_once_while_the_hub_is_away(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.hear(Kind.JOIN)
        hub.down()

    with playing(kind_of_client, script) as player:
        with pytest.raises(TimeoutError):
            player.join(timeout_s=0.3)
        started_s = time.monotonic()
        player.client.close() if kind_of_client is Blocking else player.runner.run(player.client.close())
        assert time.monotonic() - started_s < 1


def test_interrupt_from_the_keyboard_ends_the_wait_for_a_hub_that_is_away():
    def script(hub):
        lost_in_a_step(hub)
        wait_until(lambda: players[0].client._outage is not None)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    players = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with scripted_hub(script) as hub:
            players.append(Blocking(hub.address))
            seat = players[0].open().join()
            started_s = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                players[0].step(seat)
            players[0].close()
            assert time.monotonic() - started_s < 5
    finally:
        signal.signal(signal.SIGINT, before)


# --- another process --------------------------------------------------------------------------------------


def test_seat_is_resumed_by_another_process_that_has_the_token(kind_of_client):
    def script(hub):
        hello = hub.welcome_back((7, 20, 21), (8, 30, 0))
        hub.resume(hello, 8, 30, full(8))
        hub.resume(hello, 7, 20, full(1))
        hub.say(hello, Kind.OBS, delta(2), handle=7, request=21)
        hub.say(hub.hear(Kind.STEP), Kind.OBS, delta(3))
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script, token=TOKEN) as player:
        seats = player.resumed()
        assert [seat.handle for seat in seats] == [7, 8]
        assert player.caught_up(seats[0]).state == hosts(1, 2)
        assert player.caught_up(seats[1]).state == hosts(8)
        assert player.step(seats[0]).state == hosts(1, 2, 3)


def test_token_that_the_hub_knows_no_longer_begins_a_session_anew(kind_of_client):
    def script(hub):
        hub.refuse(hub.hear(Kind.HELLO), Code.UNKNOWN_SESSION)
        hub.welcome()
        hub.seat()
        hub.hear(Kind.BYE)

    with playing(kind_of_client, script, token=b"old") as player:
        assert player.resumed() == []
        assert player.join().handle == 7


@contextlib.contextmanager
def an_agent(kind, script, **options):
    """An agent of the blocking or the asynchronous kind, and what makes its calls block in either case."""
    with scripted_hub(script) as hub, asyncio.Runner() as runner:
        blocks = kind is Blocking
        agent = (BaseAgent if blocks else AsyncAgent)("127.0.0.1", hub.port, name="me", **options)
        agent.choose_action = passing if blocks else passing_later
        call = (lambda answer: answer) if blocks else runner.run
        try:
            yield agent, call
        finally:
            call(agent.terminate_connection())


def test_agent_continues_the_seat_of_another_one(kind_of_client):
    def script(hub):
        hello = hub.welcome_back((7, 20, 21))
        hub.resume(hello, 7, 20, full(1))
        hub.say(hello, Kind.OBS, delta(2), handle=7, request=21)
        hub.say(hub.hear(Kind.STEP), Kind.OBS, delta(3, end=True))
        hub.hear(Kind.BYE)

    with an_agent(kind_of_client, script, role=AgentRole.Defender, session_token=TOKEN) as (agent, call):
        assert agent.session_token == TOKEN
        assert call(agent.register()).state == hosts(1, 2)
        assert (agent.role, agent.seat.seed) == (AgentRole.Attacker, 5)
        [summary] = call(agent.play())
        assert (summary.steps, summary.total_reward) == (1, -1)
        call(agent.terminate_connection())
        assert agent.session_token is None


def passing(_observation):
    return None


async def passing_later(_observation):
    return None


def test_agent_tells_the_token_with_which_it_may_be_continued(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        hub.hear(Kind.BYE)

    with an_agent(kind_of_client, script) as (agent, call):
        assert agent.session_token is None
        call(agent.register())
        assert agent.session_token == TOKEN


def test_agent_whose_token_is_unknown_says_so_and_then_takes_a_new_seat(kind_of_client):
    def script(hub):
        hub.refuse(hub.hear(Kind.HELLO), Code.UNKNOWN_SESSION)
        hub.welcome()
        hub.hear(Kind.BYE)
        hub.welcome()
        hub.seat()
        hub.hear(Kind.BYE)

    with an_agent(kind_of_client, script, session_token=b"old") as (agent, call):
        with pytest.raises(HubUnreachable, match="does not know the session of this token"):
            call(agent.register())
        assert call(agent.register()).state == hosts()


def test_agent_whose_seat_ended_meanwhile_is_told_how(kind_of_client):
    def script(hub):
        hub.welcome_back(lost=[(7, Kind.END, 0, End(Cause.FINISHED, "played").encode())])
        hub.hear(Kind.BYE)

    with (
        an_agent(kind_of_client, script, session_token=TOKEN) as (agent, call),
        pytest.raises(MatchOver, match="played"),
    ):
        call(agent.register())


def test_agent_plays_on_after_its_connection_was_lost(kind_of_client):
    def script(hub):
        hub.welcome()
        hub.seat()
        step = hub.hear(Kind.STEP)
        hub.drop()
        hello = hub.welcome_back((7, step.request, 0))
        hub.resume(hello, 7, step.request, full(1, end=True))
        hub.hear(Kind.BYE)

    with an_agent(kind_of_client, script) as (agent, call):
        [summary] = call(agent.play())
        assert summary.steps == 1


def test_agents_of_many_seats_play_on_after_their_connection_was_lost():
    def script(hub):
        hub.welcome()
        hub.seat(7)
        hub.seat(8)
        many = hub.hear(Kind.STEP_MANY)
        hub.drop()
        hello = hub.welcome_back((7, many.request, 0), (8, many.request - 1, many.request))
        hub.resume(hello, 7, many.request, full(1, end=True))
        hub.resume(hello, 8, many.request - 1, full(reward=0))
        hub.say(hello, Kind.OBS, delta(2, end=True), handle=8, request=many.request)
        for _ in range(2):
            leave = hub.hear(Kind.LEAVE)
            hub.say(leave, Kind.END, End(Cause.LEFT).encode())
        hub.hear(Kind.BYE)

    with an_agent(Blocking, script) as (agent, _):
        played = agent.play_many(2)
        assert sorted(summary.seat for summary in played) == [0, 1]


def test_agents_of_many_seats_hear_that_one_was_forfeited():
    def script(hub):
        hub.welcome()
        hub.seat(7)
        many = hub.hear(Kind.STEP_MANY)
        hub.drop()
        end = End(Cause.DISCONNECT, "away too long").encode()
        hub.welcome_back(lost=[(7, Kind.END, many.request, end)])
        hub.hear(Kind.BYE)

    with an_agent(Blocking, script) as (agent, _), pytest.raises(Forfeited, match="away too long"):
        agent.play_many(1)
