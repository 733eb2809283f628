"""How seldom Python's garbage collector looks, where there is next to none."""

from __future__ import annotations

from typing import Final

SELDOM: Final = (50_000, 20, 50)
"""For `gc.set_threshold`. Loading makes ten thousands of objects that stay, matches make next to no cycles:
the collector, which by default looks through the young after every 700, takes a sixth of each start, and 4%
of a step.
"""
