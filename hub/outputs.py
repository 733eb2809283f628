"""What an engine may say about a seat. Pure.

A worker that says anything else is broken, or somebody's who wants to be heard in the hub's name: an error
about a whole session would end the session's seats at other workers, too.
"""

from __future__ import annotations

from typing import Final

from netsiege.errors import ProtocolError
from netsiege.protocol import Code, End, Error, Flag, Kind, Wait

WORD_MAX_BYTES: Final = 4_096
"""The body of an END, an ERROR or a WAIT: hub and sessions keep them."""
_OVER: Final = int(Flag.OVER)
_CODES: Final = frozenset({Code.MALFORMED, Code.BAD_ACTION, Code.BAD_REQUEST, Code.BUSY, Code.MATCH_OVER})


def is_sound(answer: int, flags: int, body: bytes) -> bool:
    """Whether an output about a seat is one that an engine gives."""
    if answer in (Kind.OBS, Kind.SEATED):
        return not flags & _OVER
    if len(body) > WORD_MAX_BYTES:
        return False
    try:
        if answer == Kind.ERROR:
            return Error.decode(body).code in _CODES
        if answer == Kind.WAIT:
            return bool(Wait.decode(body)) and not flags & _OVER
        return answer == Kind.END and bool(End.decode(body))
    except ProtocolError:
        return False
