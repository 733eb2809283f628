"""Where everything is in the rows of a batch: which column of which array has what.

A game is one row of masks and one of numbers: what a move touches lies together, and the compiler has few
arrays to pass around. The columns of masks below are followed by stretches as long as the network needs:
services and cuts by address, data by address and word, placed data by node and word, the goal's services
and data. `Terrain` says where those begin.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from netsiege.engine.actions import BLOCK

CODES: Final = BLOCK + 1
"""Kinds of actions."""


class End(IntEnum):
    """How an episode ended, if it did."""

    NONE = 0
    GOAL = 1
    DETECTED = 2
    STEPS = 3


# --- of a game's masks ------------------------------------------------------------------------------------

MATCH_SEED: Final = 0
"""What the seeds of the episodes and of the samples come from. This and the next two are no masks."""
EPISODE_SEED: Final = 1
SAMPLE_SEED: Final = 2
NETWORKS: Final = 3
"""Known; hosts likewise."""
HOSTS: Final = 4
CONTROLLED: Final = 5
SERVING: Final = 6
"""The hosts of which services are known; follows from the stretch of services."""
LOADED: Final = 7
"""The hosts of which data are known; follows from the stretch of data."""
CUT: Final = 8
"""The hosts that are cut off from something; follows from the stretch of cuts."""
GOAL_CONTROLLED: Final = 9
"""What the goal asks for; hosts likewise."""
GOAL_HOSTS: Final = 10
MASKS: Final = 11
"""How many there are before the stretches."""

# --- of a game's numbers ----------------------------------------------------------------------------------

EPISODE: Final = 0
"""Its number in the match, from 0."""
STEPS: Final = 1
"""In the episode."""
END: Final = 2
"""An `End`."""
HAS_GOAL: Final = 3
"""Whether a goal was made: where it is the same in all episodes, that is done once."""
SAMPLED: Final = 4
"""How many valid actions were drawn in the match."""
OFFERS: Final = 5
"""How many services are known."""
WINDOW: Final = 6
"""The detector's: the codes of the last actions, the last one in the lowest bits."""
WATCHED: Final = 7
"""How many actions it has noted."""
DETECTIONS: Final = 8
"""Draws of its stream."""
COUNTS: Final = 9
"""The first of so many columns as there are codes: how many actions of each are valid."""
NUMBERS: Final = COUNTS + CODES
"""How many there are."""

# --- of an address in the terrain -------------------------------------------------------------------------

REACH: Final = 0
"""What it reaches before anything is blocked."""
NETWORKS_AT: Final = 1
NEIGHBOURS_AT: Final = 2
SERVICES_AT: Final = 3
"""What can be exploited there."""
OPEN_SERVICES_AT: Final = 4
"""What is seen without controlling it."""
AT: Final = 5
"""How many there are."""

# --- of a host in a plan ----------------------------------------------------------------------------------

ADDRESS: Final = 0
DRAWN: Final = 1
"""How much is drawn there."""
LISTED: Final = 0
"""Services that are there in any case."""
CHOICES: Final = 1
"""Services that are drawn from."""
