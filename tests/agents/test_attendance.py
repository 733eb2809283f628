"""An agent in a hall: it plays what it is called to, match by match, until the hall is closed."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from netsiege.agents.attackers import RandomAttacker
from netsiege.agents.defenders import RandomDefender
from netsiege.agents.many import THINKING_S, Players
from netsiege.client import Client
from netsiege.errors import HubUnreachable, ProtocolError
from netsiege.game import AgentRole
from netsiege.hub.limits import DEFAULT_LIMITS
from netsiege.protocol import (
    AGENT_HEAD,
    Arrange,
    Call,
    Cause,
    Code,
    End,
    Held,
    Kind,
    Match,
    SessionRole,
    Wait,
    unpack,
)
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec
from netsiege.scenarios.model import Spec
from tests.attacks.conftest import PATIENCE_S, start, wait_until
from tests.commands import command
from tests.e2e.conftest import start_hub
from tests.sdk.hub_frames import body_of, delta, frame, refusal, welcomed_session
from tests.sdk.scripted_hub import scripted_hub

__all__ = ["start", "start_hub"]  # fixtures: pytest looks for them here

FINISHED = End(Cause.FINISHED, "the room is closed").encode()


def halls(max_steps=8, **clocks):
    """A hall, and a room that its matches are like."""
    spec = load_spec(scenario="two_networks_tiny", seats={"Attacker": 1, "Defender": 1})
    roles = tuple(attrs.evolve(role, max_steps=max_steps) for role in spec.task.roles)
    short = Spec(spec.topology, attrs.evolve(spec.task, roles=roles))
    like = attrs.evolve(room_of("like", short, 5), seats=(), arranged=True, **clocks)
    return attrs.evolve(like, name="hall", spec=b""), like


class Director:
    """Arranges matches in a hub's hall and hears what came of them."""

    def __init__(self, client, *opened):
        self.client = client.open(PATIENCE_S)
        for room in opened:
            client.open_room(room)
        client.watch("hall")
        self.ended = {}

    def arrange(self, count, *names, first=0):
        """Matches of their numbers as seeds, of attackers and, if two are named, defenders."""
        calls = tuple(
            Call(role, name, "") for role, name in zip(("Attacker", "Defender"), names, strict=False)
        )
        self.client.arrange(Arrange(f"g{n}", "hall", "like", n, calls) for n in range(first, first + count))

    def hear(self, count, limit_s=PATIENCE_S):
        """Waits until so many matches have ended; how, by name."""
        deadline_s = time.monotonic() + limit_s
        while len(self.ended) < count:
            assert time.monotonic() < deadline_s, f"{len(self.ended)} of {count} matches have ended"
            for told in self.client.news(0.1):
                if isinstance(told, Match):
                    self.ended[told.room] = told.cause
                    self.client.close_rooms([told.room])
        return self.ended

    def close(self):
        self.client.close_rooms(["hall"])
        self.client.close()


def directing(hub):
    return Director(hub.client(role=SessionRole.DIRECTOR))


@contextlib.contextmanager
def attending(*agents, seats):
    """Agents that attend, in threads: what they return is in the list, by the end of the block."""
    with ThreadPoolExecutor(len(agents)) as threads:
        running = [threads.submit(agent.attend, seats) for agent in agents]
        yield running


class Seen(RandomAttacker):
    """Keeps the seeds of the seats that it was given, and what it holds at once."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seeds, self.open, self.most = [], set(), []

    def episode_started(self, observation):
        self.seeds.append(self.seat.seed)
        self.open.add(self.seat.match)
        self.most.append(len(self.open))

    def episode_ended(self, summary):
        self.open.discard(self.seat.match)


def play_a_hall(start, seats, matches, limit_s):
    hub = start(*halls(), keyed=False, work=True)
    director = directing(hub)
    red = Seen(address=hub.agents, room="hall", name="red")
    blue = RandomDefender(address=hub.agents, room="hall", name="blue", role=AgentRole.Defender)
    with attending(red, blue, seats=seats) as running:
        director.arrange(matches, "red", "blue")
        assert set(director.hear(matches, limit_s).values()) == {Cause.FINISHED}
        director.close()
        attacks, defences = (each.result(PATIENCE_S) for each in running)
    assert (
        sorted(each.seat for each in attacks)
        == sorted(each.seat for each in defences)
        == list(range(matches))
    )
    assert len(set(red.seeds)) == matches
    assert max(red.most) == seats
    assert all(1 <= each.steps <= 8 for each in attacks)
    for agent in (red, blue):
        agent.terminate_connection()
    return hub


def test_agents_in_a_hall_play_every_match_that_they_are_called_to(start):
    play_a_hall(start, 8, 40, PATIENCE_S)


@pytest.mark.soak
def test_agents_of_many_seats_in_a_hall_play_hundreds_of_matches(start):
    play_a_hall(start, 64, 640, 120)


def test_agent_in_a_hall_hands_over_its_episodes_one_by_one(start):
    hub = start(*halls(), keyed=False, work=True)
    director, told = directing(hub), []
    agent = RandomAttacker(address=hub.agents, room="hall", name="red")
    thread = threading.Thread(target=lambda: told.append(agent.attend(2, told.append)))
    thread.start()
    director.arrange(3, "red")
    director.hear(3)
    wait_until(lambda: len(told) == 3, "the episodes, before the hall is closed")
    director.close()
    thread.join(PATIENCE_S)
    assert sorted(each.seat for each in told[:3]) == [0, 1, 2]
    assert told[3] == []
    agent.terminate_connection()


def test_agent_whose_seats_are_forfeited_by_the_clock_plays_the_matches_after_them(start):
    slept = []

    class Sleepy(RandomAttacker):
        def choose_action(self, observation):
            if not slept:
                slept.append(self.seat.seed)
                time.sleep(1.2)
            return super().choose_action(observation)

    hub = start(*halls(move_s=0.2), keyed=False, work=True)
    director = directing(hub)
    agent = Sleepy(address=hub.agents, room="hall", name="red")
    with attending(agent, seats=2) as (running,):
        director.arrange(1, "red")
        director.hear(1)
        director.arrange(6, "red", first=1)
        director.hear(7)
        director.close()
        played = running.result(PATIENCE_S)
    assert sorted(each.seat for each in played) == [1, 2, 3, 4, 5, 6]
    agent.terminate_connection()


def test_agent_in_an_ordinary_room_plays_all_episodes_of_match_after_match_until_it_is_closed(start):
    spec = load_spec(scenario="two_networks_tiny", seats={"Attacker": 1})
    hub = start(room_of("default", spec, 5, 2), keyed=False, work=True)
    director, told = hub.client(role=SessionRole.DIRECTOR).open(PATIENCE_S), []
    agent = RandomAttacker(address=hub.agents)
    thread = threading.Thread(target=agent.attend, args=(3, told.append))
    thread.start()
    wait_until(lambda: len(told) > 20, "more matches than there are seats")
    director.close_rooms(["default"])
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    for match in {each.seat for each in told}:
        assert [each.episode for each in told if each.seat == match] == [0, 1]
    agent.terminate_connection()
    director.close()


def test_agent_whose_hub_is_gone_for_too_long_raises_and_lets_go(start):
    hub = start(*halls(), keyed=False, work=True)
    agent = RandomAttacker(address=hub.agents, room="hall", name="red", reconnect_s=0.3)
    with attending(agent, seats=2) as (running,):
        wait_until(lambda: hub.status().rooms[0].waiting == 2, "two that wait")
        hub.close()
        with pytest.raises(HubUnreachable):
            running.result(PATIENCE_S)
    assert agent.session_token is None


def test_agent_whose_own_code_fails_gives_its_waiting_seats_up_too(start):
    class Clueless(RandomAttacker):
        def choose_action(self, observation):
            raise LookupError("no idea")

    hub = start(*halls(), keyed=False, work=True)
    director = directing(hub)
    agent = Clueless(address=hub.agents, room="hall", name="red")
    with attending(agent, seats=4) as (running,):
        director.arrange(1, "red")
        with pytest.raises(LookupError):
            running.result(PATIENCE_S)
    wait_until(lambda: not hub.status().rooms[0].waiting, "nobody waits")
    assert director.hear(1)
    director.close()


def test_agent_that_attends_no_room_says_so(start):
    hub = start(*halls(), keyed=False)
    agent = RandomAttacker(address=hub.agents, room="hell", name="red")
    with pytest.raises(ProtocolError, match="hell"):
        agent.attend()


def test_agent_that_asks_for_more_seats_than_the_hub_gives_says_so(start):
    hub = start(*halls(), keyed=False, limits=attrs.evolve(DEFAULT_LIMITS, seats_per_session=3))
    agent = RandomAttacker(address=hub.agents, room="hall", name="red")
    with pytest.raises(ProtocolError):
        agent.attend(4)


# --- what a hub says at bad times -------------------------------------------------------------------------


def attend(script):
    """What an agent has played in a hall of a scripted hub."""
    with scripted_hub(script) as hub:
        agent = RandomAttacker(address=hub.address, room="hall", name="red", reconnect_s=5)
        try:
            return agent.attend(2)
        finally:
            agent.terminate_connection()


def wait_in_the_hall(hub):
    joins = [hub.hear(Kind.JOIN), hub.hear(Kind.JOIN)]
    for join in joins:
        hub.say(join, Kind.WAIT, Wait(Held.PLAYERS).encode())
    return joins


def test_agent_that_waits_in_a_hall_is_sent_home_when_it_is_closed():
    def script(hub):
        hub.welcome()
        for join in wait_in_the_hall(hub):
            hub.say(join, Kind.END, FINISHED)
        hub.hear(Kind.BYE)

    assert attend(script) == []


def test_agent_that_waits_while_the_hub_is_away_waits_again_afterwards():
    def script(hub):
        hub.welcome()
        before = wait_in_the_hall(hub)
        hub.drop()
        hub.welcome_back()
        after = wait_in_the_hall(hub)
        assert [join.request for join in after] == [join.request for join in before]
        for join in after:
            hub.say(join, Kind.END, FINISHED)
        hub.hear(Kind.BYE)

    assert attend(script) == []


def test_agent_whose_session_the_hub_has_forgotten_waits_in_another_one():
    def script(hub):
        hub.welcome()
        wait_in_the_hall(hub)
        hub.drop()
        hub.refuse(hub.hear(Kind.HELLO), Code.UNKNOWN_SESSION)
        hub.welcome()
        for join in wait_in_the_hall(hub):
            hub.say(join, Kind.END, FINISHED)
        hub.hear(Kind.BYE)

    assert attend(script) == []


def test_agent_whose_hall_was_closed_while_the_hub_was_away_goes_home():
    def script(hub):
        hub.welcome()
        wait_in_the_hall(hub)
        hub.drop()
        hub.welcome_back()
        for _ in range(2):
            hub.refuse(hub.hear(Kind.JOIN), Code.UNKNOWN_ROOM)
        hub.hear(Kind.BYE)

    assert attend(script) == []


def test_agent_whose_match_was_over_before_it_heard_of_it_waits_for_another():
    def script(hub):
        hub.welcome()
        first, second = wait_in_the_hall(hub)
        hub.drop()
        forfeited = End(Cause.DISCONNECT, "gone for too long").encode()
        hub.welcome_back(lost=[(9, Kind.END, first.request, forfeited)])
        joins = wait_in_the_hall(hub)
        assert second.request in {join.request for join in joins}
        assert first.request not in {join.request for join in joins}
        for join in joins:
            hub.say(join, Kind.END, FINISHED)
        hub.hear(Kind.BYE)

    assert attend(script) == []


class Wire:
    """A session of two seats whose frames go nowhere: `sent` has them, by kind and body."""

    def __init__(self):
        self.session, self.seats = welcomed_session(7, 8)
        self.sent = []

    def send(self, request):
        _, kind, _, number = AGENT_HEAD.unpack_from(request[1])
        self.sent.append((Kind(kind), unpack(body) if (body := body_of(request[1])) else None))
        return number

    def play(self, agent, told):
        players = Players(self, told.append)
        for number, seat in enumerate(self.seats):
            players.sit(agent, number, seat, 1)
        return players


def test_moves_that_cross_the_end_of_a_match_are_made_again_without_that_one():
    chosen = []

    class Choosing(RandomAttacker):
        def choose_action(self, observation):
            chosen.append(self.seat.handle)
            return super().choose_action(observation)

    told, wire = [], Wire()
    players = wire.play(Choosing(), told)
    players.move()
    ((kind, moves),) = wire.sent
    assert (kind, moves[::2]) == (Kind.STEP_MANY, [7, 8])
    request = wire.session.seats[8].request
    settled = wire.session.receive(frame(Kind.END, 7, 0, End(Cause.TIME, "too late").encode()))
    settled += wire.session.receive(frame(Kind.ERROR, 0, request, refusal(Code.UNKNOWN_SEAT)))
    assert [over.seat.handle for over in players.hear(settled)] == [7]
    players.move()
    assert wire.sent[1:] == [(Kind.STEP_MANY, moves[2:])]
    assert chosen == [7, 8]
    request = wire.session.seats[8].request
    assert players.hear(wire.session.receive(frame(Kind.OBS, 8, request, delta(1, end=True)))) == []
    assert [(each.seat, each.steps) for each in told] == [(1, 1)]
    assert wire.sent[2:] == [(Kind.LEAVE, None)]


def test_moves_that_are_refused_for_a_seat_that_has_not_ended_raise():
    wire = Wire()
    players = wire.play(RandomAttacker(), [])
    players.move()
    request = wire.session.seats[8].request
    with pytest.raises(ProtocolError, match="no"):
        players.hear(wire.session.receive(frame(Kind.ERROR, 0, request, refusal(Code.UNKNOWN_SEAT))))


def test_last_observation_of_a_match_counts_when_its_end_has_come_with_it():
    told, wire = [], Wire()
    players = wire.play(RandomAttacker(), told)
    players.move()
    request = wire.session.seats[8].request
    settled = wire.session.receive(frame(Kind.OBS, 8, request, delta(1, end=True)))
    settled += wire.session.receive(frame(Kind.END, 8, 0, End(Cause.FINISHED).encode()))
    assert [over.seat.handle for over in players.hear(settled)] == [8]
    assert [each.seat for each in told] == [1]
    assert len(wire.sent) == 1


def test_agent_that_thinks_for_long_sends_what_it_has_chosen_before_it_thinks_on():
    class Slow(RandomAttacker):
        def choose_action(self, observation):
            time.sleep(THINKING_S + 0.01)
            return super().choose_action(observation)

    wire = Wire()
    wire.play(Slow(), []).move()
    assert [(kind, moves[::2]) for kind, moves in wire.sent] == [(Kind.STEP_MANY, [7]), (Kind.STEP_MANY, [8])]


# --- the command ------------------------------------------------------------------------------------------


NAMED = {"red": "random-attacker", "blue": "random-defender"}


def run(address, *options, agent="random-attacker"):
    words = ["agent", "run", agent, "--attend", "--hub", address, "--room", "hall", *options]
    return subprocess.Popen(
        [sys.executable, "-m", "netsiege", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_command_attends_a_hall_under_a_name_until_it_is_closed(start):
    hub = start(*halls(), keyed=False, work=True)
    director = directing(hub)
    with run(hub.agents, "--name", "red", "--seats", "3", "--json") as process:
        director.arrange(5, "red")
        director.hear(5, 30)
        director.close()
        said, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    told = json.loads(said)
    assert (told["matches"], told["episodes"]) == (5, 5)
    assert sum(told["end_reasons"].values()) == 5


@pytest.mark.soak
def test_commands_that_attend_go_on_when_the_hub_is_killed_and_started_again(start_hub, tmp_path):
    journal = ("--journal", str(tmp_path / "journal"), "--no-default-room", "--workers", "1")
    hub = start_hub(*journal)
    director = Director(Client(hub.address, "director", SessionRole.DIRECTOR), *halls(60))
    players = [run(hub.address, "--name", name, agent=agent) for name, agent in NAMED.items()]
    director.arrange(400, *NAMED)
    for heard in (50, 150, 250):
        director.hear(heard, 60)
        hub.process.kill()
        hub.process.wait()
        hub = start_hub(*journal, "--bind", hub.address, "--workers-bind", hub.workers_address)
    assert set(director.hear(400, 120).values()) == {Cause.FINISHED}
    director.close()
    for player in players:
        with player:
            said, errors = player.communicate(timeout=30)
        assert (player.returncode, errors) == (0, "")
        assert "matches" in said


def test_command_that_is_interrupted_leaves_the_hall(start):
    hub = start(*halls(), keyed=False, work=True)
    with run(hub.agents) as process:
        wait_until(lambda: hub.status().rooms[0].waiting == 8, "eight that wait", 30)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in errors
    wait_until(lambda: hub.status().rooms[0].waiting == 0, "nobody waits")


def test_command_that_attends_takes_no_number_of_episodes():
    ended = command("agent", "run", "random-attacker", "--attend", "--episodes", "3")
    assert ended.returncode == 2
    assert "--episodes does not go with --attend" in ended.stderr
