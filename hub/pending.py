"""What a seat has asked for and has no answer to: one request at a time, each played once. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netsiege.errors import ProtocolError
from netsiege.hub import door, resume
from netsiege.hub.records import Seat
from netsiege.protocol import MAX_WORKER_FRAME_BYTES, Code

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

SMALL_FRAME_BYTES: Final = 4_096
"""As large as a STEP is, but for the rarest: larger ones are weighed."""
MAX_HEAVY_BYTES: Final = MAX_WORKER_FRAME_BYTES // 4
"""What the large events of a match since its last snapshot may take together: they must fit into one OPEN."""


def is_busy(seat: Seat) -> bool:
    """Whether the seat's last request has no answer yet, as far as the hub knows."""
    return bool(seat.request) and not seat.unsure


def settle_unheard(seat: Seat) -> None:
    """An agent that asks for more has heard the last answer, even if the hub does not know that."""
    if seat.unsure:
        if seat.request:
            seat.answered, seat.refusal = seat.request, None
        seat.unsure = False


def weigh(seat: Seat, size: int) -> None:
    """Counts a large event. Raises `ProtocolError(OVERLOADED)` if there are too many to be kept."""
    if size > SMALL_FRAME_BYTES // 4:
        if seat.match.heavy + size > MAX_HEAVY_BYTES:
            raise ProtocolError(Code.OVERLOADED, "the match has too many large requests; wait, and try again")
        seat.match.heavy += size


def repeat(arena: Arena, seats: list[Seat], request: int) -> None:
    """A request that was taken before: answered again if it has an answer, played by no means."""
    session = seats[0].session
    if session is not None and door.is_idle_talk(arena, session.peer):
        for seat in seats:
            if request == seat.answered and not seat.view:
                resume.ask_view(arena, seat)
