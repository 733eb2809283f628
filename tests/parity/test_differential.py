"""Our rules against the real NetSecGame, move by move, in random games.

After every step are compared: the acting agent's state with the content of its data and logs, everyone
else's, whether its goal is reached, everyone's false positives, and the world (data, logs, firewall, blocks
and who made them). See `original.py` for the two habits of the original that are mended there, so that no
comparison has to stop early.
"""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.lengths import lasting
from tests.parity.sequences import SCENARIOS, compare, differs, games, shortened

WORLDS = [(scenario, firewall) for scenario in SCENARIOS for firewall in (True, False)]
NAMES = [f"{scenario}-{'fw' if firewall else 'nofw'}" for scenario, firewall in WORLDS]
LAX = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
}


@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_short_random_games_come_out_as_in_the_original(original, world):
    @settings(max_examples=6, phases=(Phase.generate, Phase.shrink), **LAX)
    @given(games(*world, 40, 60))
    def each(game):
        compare(original, *game)

    each()


@pytest.mark.soak
@pytest.mark.parametrize("world", WORLDS, ids=NAMES)
def test_long_random_games_come_out_as_in_the_original(original, world):
    @settings(max_examples=lasting(12, 30), phases=(Phase.generate,), **LAX)
    @given(games(*world, 80, 160))
    def each(game):
        if differs(original, *game):
            setup, moves = game
            compare(original, setup, shortened(original, setup, moves))
            pytest.fail("a game came out differently once, and not again")

    each()
