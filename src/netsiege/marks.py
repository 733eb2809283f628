"""The mark at the start of a line of output that says which match the line belongs to: `[match 17] `.

A process that plays many matches at once marks its lines if `VARIABLE` is set in its environment: the line
belongs to the match of that number, which SEATED has told. What has no mark belongs to the process. A mark is
the word of whoever writes the line: it says nothing about the output of anybody else.
"""

from __future__ import annotations

import re
from typing import Final

VARIABLE: Final = "NETSIEGE_OUTPUT_BY_GAME"
"""Set, and not empty: the output is read by game."""
MARK: Final = re.compile(rb"\[match ([0-9]{1,20})\] ")
"""Where a line begins with it. What comes after the first one is text, whatever it looks like."""


def mark(match: int) -> str:
    """What is to be written before each line of a match."""
    return f"[match {match}] "
