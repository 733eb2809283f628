"""A hub, a gateway in front of it and an engine worker behind it, all of them threads of this process."""

import logging

import pytest

from tests.attacks.conftest import rooms, start
from tests.gateway.house import House, Mistakes

__all__ = ["start"]  # a fixture: pytest looks for it here

PAIR = {"Attacker": 2}


@pytest.fixture
def mistakes():
    """What is logged as a mistake of ours: at the end there must be none but what the test took out."""
    handler = Mistakes()
    logging.getLogger().addHandler(handler)
    yield handler.found
    logging.getLogger().removeHandler(handler)
    assert handler.found == []


@pytest.fixture
def hub(start):
    return start(*rooms(), keyed=False, work=True)


@pytest.fixture
def duo(start):
    """A hub whose matches have two attackers."""
    return start(*rooms(seats=PAIR), keyed=False, work=True)


@pytest.fixture
def house(hub, mistakes):
    with House(hub.agents) as opened:
        yield opened


@pytest.fixture
def duplex(duo, mistakes):
    with House(duo.agents) as opened:
        yield opened
