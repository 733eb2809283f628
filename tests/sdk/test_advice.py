"""What `agents/GUIDE.md` says about failures: each is raised over a real hub, and what it advises helps."""

import asyncio
import inspect
import signal
import socket
import threading

import attrs
import pytest

from netsiege import (
    Action,
    ActionType,
    AgentRole,
    AsyncAgent,
    AuthError,
    Forfeited,
    HubUnreachable,
    MatchOver,
    ProtocolError,
    WorkerLost,
    generate_valid_actions,
)
from netsiege.agents.attackers import RandomAttacker
from netsiege.engine.game import Game
from netsiege.keys import HUB_PUBLIC, IDENTITY, KEYS_VARIABLE, save_hub_public, save_pair
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec
from tests.attacks.conftest import start
from tests.e2e.conftest import start_hub, wait_until

__all__ = ["start", "start_hub"]  # fixtures: pytest looks for them here


class Anything(AsyncAgent):
    """The random attacker, asynchronous."""

    async def choose_action(self, observation):
        return generate_valid_actions(observation.state).choice(self.rng)


class Driven:
    """An agent of either kind, whose coroutines are run to their end when they are called."""

    def __init__(self, agent, run):
        self.agent = agent
        self._run = run

    def __getattr__(self, name):
        value = getattr(self.agent, name)
        if not callable(value):
            return value

        def call(*arguments, **options):
            answer = value(*arguments, **options)
            return self._run(answer) if inspect.iscoroutine(answer) else answer

        return call

    def goes_on(self):
        """Registers again, for a seat of its own in which it can play."""
        observation = self.register(timeout_s=10)
        assert not observation.end
        action = generate_valid_actions(observation.state)[0]
        assert self.make_step(action).reward < 0
        return True


@pytest.fixture(params=[RandomAttacker, Anything], ids=["blocking", "asynchronous"])
def make(request):
    made = []
    with asyncio.Runner() as runner:

        def make(address, **options):
            made.append(Driven(request.param(address=address, **options), runner.run))
            return made[-1]

        yield make
        for agent in made:
            agent.terminate_connection()


def a_room(name="default", *, seats=1, episodes=None, **changes):
    """A room of so many attackers a match."""
    spec = load_spec(scenario="two_networks_tiny", seats={"Attacker": seats})
    room = room_of(name, spec, 5, episodes)
    return attrs.evolve(room, **changes)


# --- HubUnreachable ---------------------------------------------------------------------------------------


def test_agent_without_a_hub_registers_again_where_there_is_one(make, start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    agent = make(address, connect_timeout_s=0.3)
    with pytest.raises(HubUnreachable):
        agent.register()
    agent.agent.address = start(a_room(), keyed=False, work=True).agents
    assert agent.goes_on()


@pytest.mark.parametrize("again", [Driven.goes_on, lambda agent: len(agent.play(1)) == 1])
def test_agent_whose_hub_has_closed_takes_a_new_seat_of_another(make, start, again):
    hub, other = (start(a_room(), keyed=False, work=True) for _ in range(2))
    agent = make(hub.agents, reconnect_s=0.3)
    agent.register()
    hub.close()
    with pytest.raises(HubUnreachable):
        agent.make_step(None)
    agent.agent.address = other.agents
    assert again(agent)


@pytest.mark.soak
def test_agent_whose_hub_was_killed_takes_a_new_seat_of_the_next_one(make, start_hub):
    hub = start_hub()
    agent = make(hub.address, reconnect_s=0.3)
    agent.register()
    hub.stop(signal.SIGKILL)
    with pytest.raises(HubUnreachable):
        agent.make_step(None)
    start_hub("--bind", hub.address)
    assert agent.goes_on()


def test_agent_whose_seat_was_taken_over_is_told_and_takes_another(make, start):
    hub = start(a_room(), keyed=False, work=True)
    agent = make(hub.agents)
    seen = agent.register()
    other = make(hub.agents, session_token=agent.session_token)
    assert other.register().state == seen.state
    with pytest.raises(HubUnreachable):
        agent.make_step(None)
    assert agent.goes_on()
    assert not other.make_step(None).end


# --- TimeoutError -----------------------------------------------------------------------------------------


def test_agent_that_has_waited_in_vain_for_other_players_registers_again(make, start):
    hub = start(a_room(seats=2), keyed=False, work=True)
    agent = make(hub.agents)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="players"):
            agent.register(timeout_s=1)  # in which the hub says that it waits
    wait_until(lambda: not hub.status().rooms[0].waiting, "nobody who waits")
    other = RandomAttacker(address=hub.agents)
    thread = threading.Thread(target=other.register)
    thread.start()
    assert not agent.register(timeout_s=10).end
    thread.join()
    other.terminate_connection()


# --- Forfeited, WorkerLost --------------------------------------------------------------------------------


def test_agent_that_was_too_slow_registers_again(make, start):
    hub = start(a_room(move_s=0.1), keyed=False, work=True)
    agent = make(hub.agents)
    agent.register()
    wait_until(lambda: hub.status().rooms[0].ended_matches, "the end of a match in which nobody moves")
    with pytest.raises(Forfeited, match="too late"):
        agent.make_step(None)
    assert agent.goes_on()


def test_agent_whose_match_breaks_the_engine_registers_again(make, start, breakable):
    hub = start(a_room(), keyed=False, work=True)
    agent = make(hub.agents)
    agent.register()
    breakable.set()
    with pytest.raises(WorkerLost):
        agent.make_step(None)
    assert agent.goes_on()


@pytest.fixture
def breakable(monkeypatch):
    """An event after which the next move, whosever it is, breaks the engine."""
    event = threading.Event()
    handle = Game.handle

    def broken(game, *arguments):
        if event.is_set():
            event.clear()
            raise RuntimeError("a bug of the engine")
        return handle(game, *arguments)

    monkeypatch.setattr(Game, "handle", broken)
    return event


def test_agent_of_many_seats_gives_all_of_them_up_when_one_is_lost(start, breakable):
    harmless = threading.Event()

    class Breaking(RandomAttacker):
        def choose_action(self, observation):
            if not harmless.is_set():
                breakable.set()
            return super().choose_action(observation)

    hub = start(a_room(), keyed=False, work=True)
    agent = Breaking(address=hub.agents)
    with pytest.raises(WorkerLost):
        agent.play_many(4)
    wait_until(lambda: not hub.status().rooms[0].open_matches, "no match of seats that nobody plays")
    harmless.set()
    assert len(agent.play_many(4)) == 4
    agent.terminate_connection()


def test_agent_of_many_seats_whose_own_code_fails_gives_all_of_them_up(start):
    class Clueless(RandomAttacker):
        def choose_action(self, observation):
            raise LookupError("no idea")

    hub = start(a_room(), keyed=False, work=True)
    agent = Clueless(address=hub.agents)
    with pytest.raises(LookupError):
        agent.play_many(4)
    wait_until(lambda: not hub.status().rooms[0].open_matches, "no match of seats that nobody plays")


# --- MatchOver --------------------------------------------------------------------------------------------


def test_agent_whose_match_has_played_its_episodes_registers_again(make, start):
    hub = start(a_room(episodes=2), keyed=False, work=True)
    agent = make(hub.agents)
    assert len(agent.play(None)) == 2
    with pytest.raises(MatchOver):
        agent.request_game_reset()
    assert agent.goes_on()


# --- ProtocolError ----------------------------------------------------------------------------------------


def test_agent_with_an_action_that_is_none_plays_another(make, start):
    hub = start(a_room(), keyed=False, work=True)
    agent = make(hub.agents)
    observation = agent.register()
    for action in ("garbage", Action(ActionType.ScanNetwork, {})):
        with pytest.raises(ProtocolError) as refused:
            agent.make_step(action)
        assert refused.value.code == "BAD_ACTION"
    assert not agent.make_step(generate_valid_actions(observation.state)[0]).end


def test_agent_in_a_room_that_is_none_goes_to_another(make, start):
    hub = start(a_room(), keyed=False, work=True)
    agent = make(hub.agents, room="nowhere")
    with pytest.raises(ProtocolError, match="default") as refused:
        agent.register()
    assert refused.value.code == "UNKNOWN_ROOM"
    agent.agent.room = "default"
    assert agent.goes_on()


def test_agent_in_a_role_that_has_no_seat_takes_another(make, start):
    hub = start(a_room(), keyed=False, work=True)
    with pytest.raises(ProtocolError) as refused:
        make(hub.agents, role=AgentRole.Defender).register()
    assert refused.value.code == "BAD_ROLE"
    assert make(hub.agents, role=AgentRole.Attacker).goes_on()


# --- AuthError --------------------------------------------------------------------------------------------


def test_agent_without_a_key_registers_with_one(make, start, tmp_path):
    hub = start(a_room(), work=True)
    agent = make(hub.agents)
    with pytest.raises(AuthError):
        agent.register()
    agent.agent.keys = folder_of(hub, tmp_path)
    assert agent.goes_on()


def test_agent_with_a_key_that_the_hub_does_not_know_registers_with_another(make, start, tmp_path):
    hub = start(a_room(), work=True)
    agent = make(hub.agents, keys=hub.stranger())
    with pytest.raises(AuthError):
        agent.register()
    agent.agent.keys = str(folder_of(hub, tmp_path))
    assert agent.goes_on()


def test_agent_without_a_key_takes_it_from_the_environment(make, start, tmp_path, monkeypatch):
    hub = start(a_room(), work=True)
    agent = make(hub.agents)
    with pytest.raises(AuthError):
        agent.register()
    monkeypatch.setenv(KEYS_VARIABLE, str(folder_of(hub, tmp_path)))
    assert agent.goes_on()


def folder_of(hub, tmp_path):
    """A folder with a key that the hub knows, as `netsiege keys` makes it."""
    keys = hub.issue("ann")
    folder = tmp_path / "ann"
    folder.mkdir(mode=0o700)
    save_pair(folder / IDENTITY, keys.own, "a test's agent")
    save_hub_public(folder / HUB_PUBLIC, keys.hub)
    return folder
