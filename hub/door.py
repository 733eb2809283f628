"""The door: refusals, and who is shown out for needing too many. Pure.

A ROUTER cannot hang up on a peer. Who is out is not listened to any more, which takes no time, and the loop
cuts the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netsiege.hub.records import MISBEHAVED
from netsiege.protocol import Code, Error, Kind, message

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

IDLE_TALK_MAX: Final = 1_000
"""Messages of one peer within a second that move no match before it is shown the door: refused ones, repeated
ones, pings. Each seat that it holds, or has lost lately, allows for one more."""
REMEMBER_S: Final = 60.0
"""How long such a peer is remembered, and one whose session goes on elsewhere."""


def refuse(arena: Arena, peer: bytes, handle: int, request: int, code: str, text: str) -> None:
    """Says ERROR; counts as idle talk."""
    if is_idle_talk(arena, peer):
        body = Error(code, text[:512]).encode()
        arena.to_agents.append((peer, message(Kind.ERROR, handle, request, body)))


def is_idle_talk(arena: Arena, peer: bytes) -> bool:
    """Counts a message that moves no match; whether it may be answered.

    Who says too many within a second is not listened to any more, and loses its seats.
    """
    count = arena.idle_talk[peer] = arena.idle_talk.get(peer, 0) + 1
    session = arena.sessions.get(peer)
    if count <= IDLE_TALK_MAX + (0 if session is None else len(session.seats) + len(session.lost)):
        return True
    if peer not in arena.shut_out:
        arena.shut_out[peer] = arena.now_s
        arena.to_cut.append(peer)
        if session is not None:
            arena.end_session(session, MISBEHAVED)
        text = f"over {IDLE_TALK_MAX} messages within a second that move no match: the hub hangs up"
        body = Error(Code.OVERLOADED, text).encode()
        arena.to_agents.append((peer, message(Kind.ERROR, 0, 0, body)))
    return False


def tick(arena: Arena) -> None:
    """A second is over; in the end it is forgotten who was shown out."""
    if arena.now_s < arena.next_second_s:
        return
    arena.next_second_s = arena.now_s + 1.0
    arena.idle_talk.clear()
    for remembered in (arena.shut_out, arena.taken_over):
        for peer in [peer for peer, since_s in remembered.items() if arena.now_s - since_s > REMEMBER_S]:
            del remembered[peer]
