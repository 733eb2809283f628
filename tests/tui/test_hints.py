"""Advice from the reference agents: whom it is asked of, and that it leads somewhere."""

import asyncio

import pytest

from netsiege.game import ActionType, AgentRole
from netsiege.tui.hints import Adviser
from tests.tui.engine_game import EngineGame


@pytest.mark.parametrize(
    ("role", "name"),
    [(AgentRole.Attacker, "scripted"), (AgentRole.Defender, "scripted"), (AgentRole.Benign, "random")],
)
def test_adviser_is_the_scripted_agent_of_the_role_or_else_the_random_one(role, name):
    async def run():
        game = EngineGame("two_networks", role, 3)
        start = await game.register()
        adviser = Adviser(role, game.seat, start)
        assert adviser.name == name
        assert await game.make_step(adviser.advise(start))

    asyncio.run(run())


def test_attacker_who_follows_the_advice_wins():
    observation, played = asyncio.run(follow(AgentRole.Attacker))
    assert observation.info["end_reason"].endswith("Success")
    assert ActionType.ExfiltrateData in played


def test_defender_who_follows_the_advice_blocks_the_attacker():
    observation, played = asyncio.run(follow(AgentRole.Defender, 6))
    assert ActionType.BlockIP in played
    assert observation.state.known_blocks


def test_equal_seeds_get_equal_advice():
    assert asyncio.run(follow(AgentRole.Attacker))[1] == asyncio.run(follow(AgentRole.Attacker))[1]


async def follow(role, steps=100):
    """The last observation and the types of what was advised and played."""
    game = EngineGame("two_networks", role, 3)
    observation = await game.register()
    adviser = Adviser(role, game.seat, observation)
    played = []
    while not observation.end and len(played) < steps:
        action = adviser.advise(observation)
        played.append(action.type if action is not None else None)
        observation = await game.make_step(action)
    return observation, played
