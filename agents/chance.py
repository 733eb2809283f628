"""How often an action is worth a try: more than once where actions fail by chance."""

from __future__ import annotations

from typing import Final

from netsiege.scenarios.model import NETSECGAME
from netsiege.session import Seat

PATIENCE: Final = 3
"""With chances as those of `siege-1`, what has failed so often will most likely never succeed."""


def patience_of(seat: Seat | None) -> int:
    """How often an action may teach nothing until it is given up, in the ruleset of a seat."""
    return 1 if seat is None or seat.ruleset in ("", NETSECGAME) else PATIENCE
