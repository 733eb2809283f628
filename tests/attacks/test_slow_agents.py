"""Agents that think while something happens to their key: they hear what it was, and nothing of ZeroMQ."""

import asyncio

import pytest

from netsiege.aio import AsyncClient
from netsiege.errors import AuthError
from netsiege.game import AgentRole


def is_refused_meanwhile(hub, keys):
    """The key is taken away, and libzmq's own attempt to connect again is refused, unheard by the client."""
    hub.regrant(keys, "ann", None)
    hub.is_refused("key_refused")


def test_agent_whose_key_is_revoked_while_it_thinks_is_told_at_its_next_step(start):
    hub = start(work=True)
    keys = hub.issue("ann")
    with hub.client(keys, reconnect_s=30) as client:
        [seat] = client.join(AgentRole.Attacker)
        is_refused_meanwhile(hub, keys)
        with pytest.raises(AuthError, match="key"):
            client.step(seat, None)
        assert client.failed


def test_asynchronous_agent_whose_key_is_revoked_while_it_thinks_is_told_at_its_next_step(start):
    hub = start(work=True)
    keys = hub.issue("ann")

    async def play():
        async with AsyncClient(hub.agents, "slow", keys=keys) as client:
            seat = await client.join(AgentRole.Attacker)
            is_refused_meanwhile(hub, keys)  # the loop does not run: nothing is heard
            with pytest.raises(AuthError, match="key"):
                await client.step(seat, None)

    asyncio.run(play())


def test_client_is_opened_as_long_after_it_was_made_as_one_likes(start):
    hub = start()
    client = hub.client(hub.issue("ann"))
    assert hub.connections == 0
    with client:
        assert client.status().sessions == 1
