"""The door: refusals, who is shown out for needing too many, and whose key opens it no longer. Pure.

A ROUTER cannot hang up on a peer. Who is out is not listened to any more, which takes no time, and the loop
cuts the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netsiege.hub import leasing
from netsiege.hub.records import MISBEHAVED, Session
from netsiege.keys import public_text
from netsiege.protocol import Code, Error, Kind, message

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena
    from netsiege.hub.gate import Who

REMEMBER_S: Final = 60.0
"""How long a peer that was shown out is remembered, and one whose session goes on elsewhere."""
HEAVY_BYTES: Final = 2_048
"""Each so many bytes of a message that moves no match count as another one: they had to be read."""
TALKERS: Final = 2
"""All connections of a key together may say what so many of them may."""
TALKED_OF: Final = frozenset(
    {Code.MALFORMED, Code.VERSION, Code.TOO_LARGE, Code.NOT_ALLOWED, Code.OVERLOADED}
)
"""Refusals that an operator should hear of. The others happen to everybody."""


def refuse(
    arena: Arena, peer: bytes, handle: int, request: int, code: str, text: str, n_bytes: int = 0
) -> None:
    """Says ERROR about a message of so many bytes; counts as idle talk."""
    note(arena, peer, code, text)
    if is_idle_talk(arena, peer, n_bytes):
        body = Error(code, text[:512]).encode()
        arena.to_agents.append((peer, message(Kind.ERROR, handle, request, body)))


def turn_out(
    arena: Arena, peer: bytes, request: int, code: Code, text: str, *, shut_out: bool = False, name: str = ""
) -> None:
    """Says ERROR, and listens no more: there is nothing that this peer could do here, or, if its key is
    `shut_out`, that it should be let do for a while. `name`: what an operator knows it by, if no key says.
    """
    if peer in arena.shut_out:
        return
    session = arena.sessions.get(peer)
    if shut_out:
        arena.gate.shut_out(arena.who(peer).key)
        if session is not None:
            arena.end_session(session, MISBEHAVED)
    note(arena, peer, code, text, name)
    body = Error(code, text[:512]).encode()
    arena.to_agents.append((peer, message(Kind.ERROR, 0, request, body)))
    _shut(arena, peer)


def note(arena: Arena, peer: bytes, code: str, text: str, name: str = "") -> None:
    """Counts a refusal, and has it told of, if an operator should hear."""
    if code in TALKED_OF:
        arena.tally.note(str(code).lower(), name or name_of(arena, arena.who(peer)), text)
    else:
        arena.tally.counts[str(code).lower()] += 1


def name_of(arena: Arena, who: Who) -> str:
    """Whom to name to an operator: the name of a key, the key itself, or an address."""
    grant = arena.gate.grant_of(who.key) if who.key else None
    return (grant.name if grant is not None else "") or (public_text(who.key) if who.key else who.address)


def is_idle_talk(arena: Arena, peer: bytes, n_bytes: int = 0) -> bool:
    """Counts a message of so many bytes that moves no match; whether it may be answered.

    Who says too many within a second is not listened to any more, and loses its seats.
    """
    weight = 1 + n_bytes // HEAVY_BYTES
    session = arena.sessions.get(peer)
    most = arena.limits.idle_talk_per_s
    count = arena.idle_talk[peer] = arena.idle_talk.get(peer, 0) + weight
    if count <= most + _held(session) and _may_key_talk(arena, peer, session, weight):
        return True
    if peer not in arena.shut_out:
        text = f"over {most} messages within a second that move no match: the hub hangs up"
        note(arena, peer, Code.OVERLOADED, text)
        arena.gate.shut_out(arena.who(peer).key)
        _shut(arena, peer)
        if session is not None:
            arena.end_session(session, MISBEHAVED)
        body = Error(Code.OVERLOADED, text).encode()
        arena.to_agents.append((peer, message(Kind.ERROR, 0, 0, body)))
    return False


def _held(session: Session | None) -> int:
    """How many seats a session may ask about once more."""
    return 0 if session is None else len(session.seats) + len(session.lost)


def _may_key_talk(arena: Arena, peer: bytes, session: Session | None, weight: int) -> bool:
    """Counts a message for its key, which may have many connections; whether it may be answered."""
    key = arena.who(peer).key if session is None else session.who.key
    if not key:
        return True
    count = arena.idle_talk[key] = arena.idle_talk.get(key, 0) + weight
    most = TALKERS * arena.limits.idle_talk_per_s
    return count <= most or count <= most + sum(map(_held, arena.roll.of_key.get(key, ())))


def _shut(arena: Arena, peer: bytes) -> None:
    arena.shut_out[peer] = arena.now_s
    arena.to_cut.append(peer)


def tick(arena: Arena) -> None:
    """A second is over: whose key has lost its rights goes; in the end it is forgotten who was shown out."""
    if arena.now_s < arena.next_second_s:
        return
    arena.next_second_s = arena.now_s + 1.0
    arena.idle_talk.clear()
    arena.turnstile.look(arena.seats.values(), arena.now_s)
    for remembered in (arena.shut_out, arena.taken_over):
        for peer in [peer for peer, since_s in remembered.items() if arena.now_s - since_s > REMEMBER_S]:
            del remembered[peer]
    revision = arena.gate.revision
    if revision == arena.reviewed:
        return
    arena.reviewed = revision
    for session in list(arena.tokens.values()):
        _review(arena, session)
    gone = [w.peer for w in arena.workers.values() if not arena.gate.may_work(w.key)]
    if gone:
        arena.workers_to_cut += gone
        leasing.workers_gone(arena, gone, blame=False)


def _review(arena: Arena, session: Session) -> None:
    """Ends a session whose key is not good for it any more, or for something that it holds or waits for."""
    grant = arena.gate.grant_of(session.who.key)
    if grant is not None and grant is session.grant:
        return
    name = session.grant.name if session.grant is not None else ""
    session.grant = grant
    if grant is not None and grant.may_be(session.role):
        held = [(seat.match.room, seat.match.players[seat.index].role) for seat in session.seats.values()]
        held += [(joiner.room, joiner.role) for joiner in session.joins.values()]
        if all(grant.may_enter(room.place.spec.name) and grant.may_play(role) for room, role in held) and all(
            map(grant.may_enter, session.watches)
        ):
            return
    peer = session.peer
    arena.end_session(session, MISBEHAVED)
    if peer:
        text = "this key was revoked, has expired or may do less than before"
        turn_out(arena, peer, 0, Code.NOT_ALLOWED, text, name=name)
