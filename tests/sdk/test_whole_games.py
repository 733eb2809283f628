"""What an agent of either kind is told of the episodes that `play` plays."""

import asyncio

import pytest

from netsiege import AsyncAgent, BaseAgent, ConfigError, EpisodeSummary, generate_valid_actions
from tests.attacks.conftest import rooms, start

__all__ = ["start"]  # a fixture: pytest looks for it here


class Watcher:
    """Keeps what it hears of its episodes, and how often it has moved between."""

    moves = 0

    def episode_started(self, observation):
        self.heard = [*getattr(self, "heard", []), ("started", observation.end)]
        self.moves = 0

    def episode_ended(self, summary):
        assert summary.steps == self.moves
        self.heard = [*self.heard, summary]

    def any_of(self, observation):
        self.moves += 1
        return generate_valid_actions(observation.state).choice(self.rng)


class Blocking(Watcher, BaseAgent):
    def choose_action(self, observation):
        return self.any_of(observation)


class Asynchronous(Watcher, AsyncAgent):
    async def choose_action(self, observation):
        return self.any_of(observation)


def play_blocking(address):
    agent = Blocking(address=address)
    played = agent.play(3)
    agent.terminate_connection()
    return agent, played


def play_asynchronously(address):
    async def play():
        agent = Asynchronous(address=address)
        played = await agent.play(3)
        await agent.terminate_connection()
        return agent, played

    return asyncio.run(play())


@pytest.mark.parametrize("play", [play_blocking, play_asynchronously])
def test_agent_hears_of_the_start_and_the_end_of_each_episode(play, start):
    agent, played = play(start(*rooms(), keyed=False, work=True).agents)
    assert agent.heard[::2] == [("started", False)] * 3
    assert agent.heard[1::2] == played
    assert all(type(each) is EpisodeSummary for each in played)


def test_agent_of_many_seats_hears_of_each_episode_of_each_seat(start):
    log = {}

    class Logging(Blocking):
        def episode_started(self, observation):
            super().episode_started(observation)
            log.setdefault(self.seat.handle, []).append("started")

        def episode_ended(self, summary):
            super().episode_ended(summary)
            log[self.seat.handle].append(summary)

    agent = Logging(address=start(*rooms(), keyed=False, work=True).agents)
    played = agent.play_many(seats=4, episodes=3)
    agent.terminate_connection()
    assert sorted(heard[1].seat for heard in log.values()) == [0, 1, 2, 3]
    for heard in log.values():
        assert heard[::2] == ["started"] * 3
        assert heard[1::2] == [each for each in played if each.seat == heard[1].seat]


def test_both_kinds_of_agent_play_the_same_games_from_the_same_seed(start):
    (_, blocking), (_, asynchronous) = (
        play(start(*rooms(seed=9), keyed=False, work=True).agents)
        for play in (play_blocking, play_asynchronously)
    )
    assert blocking == asynchronous


@pytest.mark.parametrize("name", ["episode_started", "episode_ended"])
def test_class_with_a_coroutine_that_nobody_would_await_is_refused(name):
    async def method(_agent, _told):
        raise AssertionError

    with pytest.raises(ConfigError, match=f"Mine.{name} is a coroutine: define it with `def`"):
        type("Mine", (AsyncAgent,), {name: method})
