"""What a seat has asked for and has no answer to: one request at a time, each played once. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netsiege.errors import ProtocolError
from netsiege.hub import door, resume
from netsiege.hub.records import Match, Seat
from netsiege.protocol import HEAD_BYTES, MAX_WORKER_FRAME_BYTES, Code

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

SMALL_EVENT_BYTES: Final = 1_024
"""As large as an action is, but for the rarest: larger ones are weighed."""
SMALL_FRAME_BYTES: Final = HEAD_BYTES + SMALL_EVENT_BYTES
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


def weigh(moves: list[tuple[Seat, int]]) -> None:
    """Counts events by their bytes, all of them or none.

    Raises `ProtocolError(OVERLOADED)` if a match has too many large ones to be kept.
    """
    heavy: dict[Match, int] = {}
    for seat, n_bytes in moves:
        if n_bytes > SMALL_EVENT_BYTES:
            heavy[seat.match] = heavy.get(seat.match, seat.match.heavy) + n_bytes
    if any(n_bytes > MAX_HEAVY_BYTES for n_bytes in heavy.values()):
        raise ProtocolError(Code.OVERLOADED, "the match has too many large requests; wait, and try again")
    for match, n_bytes in heavy.items():
        match.heavy = n_bytes


def repeat(arena: Arena, seats: list[Seat], request: int) -> None:
    """A request that was taken before: answered again if it has an answer, played by no means."""
    session = seats[0].session
    if session is not None and door.is_idle_talk(arena, session.peer):
        for seat in seats:
            if request == seat.answered and not seat.view:
                resume.ask_view(arena, seat)
