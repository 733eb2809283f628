"""Books of its own about who holds what, kept from what passes by: nobody hears what is not for them.

They believe nothing that the arena says of itself: a connection speaks for the session that WELCOME named to
it last; a seat is held by the session that was granted it; a lease by the worker that OPEN went to last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from netsiege.errors import ProtocolError
from netsiege.hub.arena import Arena
from netsiege.hub.authority import Grant, Right
from netsiege.hub.records import Send, Worker
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    WORKER_HEAD,
    Code,
    End,
    Enrolled,
    Error,
    Join,
    Kind,
    LostSeat,
    Open,
    SessionRole,
    State,
    Welcome,
    unpack,
)
from netsiege.protocol.play import Seated

ABOUT_A_SEAT: Final = frozenset({Kind.SEATED, Kind.OBS, Kind.WAIT, Kind.END, Kind.ERROR, Kind.RESUMED})
ABOUT_NO_SEAT: Final = frozenset(
    {
        Kind.WELCOME, Kind.OBS_MANY, Kind.WAIT, Kind.END, Kind.ERROR, Kind.PONG, Kind.ROOM, Kind.WATCHING,
        Kind.EPISODE, Kind.MATCH, Kind.STATE, Kind.TRAJECTORY, Kind.ENROLLED,
    }
)  # fmt: skip  # a bag of words, not a table
NEWS: Final = frozenset({Kind.EPISODE, Kind.MATCH, Kind.TRAJECTORY})
ABOUT_A_SESSION: Final = frozenset(
    {Code.HUB_CLOSING, Code.HUB_PAUSED, Code.HELLO_FIRST, Code.SESSION_TAKEN, Code.UNKNOWN_SESSION}
)
"""Codes that a session takes for its own end: for the hub to say, and about no seat."""
UNDER_A_LEASE: Final = frozenset({Kind.OUT, Kind.SNAPSHOT, Kind.VIEWED, Kind.FAULT})
ERROR_BYTES: Final = HEAD_BYTES + 2_100
"""An ERROR of the hub's own: a code and 512 characters."""


@frozen(eq=False)
class Lease:
    """A match at a worker, as long as the arena knows the worker's connection under the same record."""

    peer: bytes
    match: int
    worker: Worker | None


class Books:
    """See the module. What is wrong raises `AssertionError`."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.token_of: dict[bytes, bytes] = {}
        """Connection -> the session that it speaks for."""
        self.holder: dict[int, bytes] = {}
        """Seat handle -> the session that holds, or held, it."""
        self._joins: dict[tuple[bytes, int], list[tuple[str, str]]] = {}
        """Connection and request -> rooms and roles that it has asked for, and might have."""
        self._watches: set[tuple[bytes, int]] = set()
        self._role_of: dict[bytes, SessionRole] = {}
        self._said: tuple[bytes, int, int] = (b"", 0, 0)
        """Who has said the frame that is being answered, about which seat, under which number."""
        self.leases: dict[int, Lease] = {}
        """Those that were given, until they are closed or their worker is gone."""
        self.tainted: set[int] = set()
        """Matches that one of the `strangers` has ever held."""
        self.strangers: set[bytes] = set()
        """Workers that are not honest."""

    # --- agents -------------------------------------------------------------------------------------------

    def agent_says(self, peer: bytes, frame: bytes) -> None:
        """Before the broker takes a frame."""
        if len(frame) < HEAD_BYTES:
            self._said = (peer, 0, 0)
            return
        _, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        self._said = (peer, handle, request)
        if kind == Kind.JOIN:
            try:
                told = Join.decode(frame[HEAD_BYTES:])
            except ProtocolError:
                return
            grant = self._grant_of(peer)
            if grant is not None and grant.may_enter(told.room) and grant.may_play(told.role):
                self._joins.setdefault((peer, request), []).append((told.room, told.role))
        elif kind == Kind.WATCH:
            self._watches.add((peer, request))

    def answered(self) -> None:
        """The frame has had its answer."""
        self._said = (b"", 0, 0)

    def agent_gone(self, peer: bytes) -> None:
        """The connection has ended."""
        self.token_of.pop(peer, None)
        self._joins = {key: asked for key, asked in self._joins.items() if key[0] != peer}
        self._watches = {key for key in self._watches if key[0] != peer}

    def to_agent(self, peer: bytes, frame: bytes) -> None:
        """Before an agent hears a frame."""
        version, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        assert version == VERSION
        body = frame[HEAD_BYTES:]
        if handle == 0:
            assert kind in ABOUT_NO_SEAT, kind
            self._about_no_seat(peer, kind, request, body)
            return
        assert kind in ABOUT_A_SEAT, f"{kind} about a seat"
        if kind == Kind.ERROR and (peer, handle, request) == self._said:
            assert len(frame) <= ERROR_BYTES, len(frame)
            return  # what the peer itself has said about a seat that need not exist
        if kind == Kind.ERROR:
            assert Error.decode(body).code not in ABOUT_A_SESSION, "a worker speaks of the whole session"
        elif kind == Kind.END:
            End.decode(body)
        elif kind == Kind.SEATED and not (handle in self.holder and self.tainted):
            self._granted(peer, handle, request, body)
        if kind == Kind.ERROR and handle not in self.holder and (peer, request) in self._joins:
            self.holder[handle] = self.token_of[peer]  # its match has ended before it could begin
        self._held(peer, handle)

    def _held(self, peer: bytes, handle: int) -> None:
        token = self.token_of.get(peer)
        assert token is not None, f"{peer.hex()} hears of seat {handle}, and has no session"
        if handle not in self.holder and self.tainted:
            # a stranger speaks of the seat, or ends it, before it has said SEATED
            asked = any(who == peer for who, _ in self._joins)
            assert asked, f"{peer.hex()} hears of seat {handle}, and asked for none"
            self.holder[handle] = token
        assert self.holder.get(handle) == token, f"{peer.hex()} hears of seat {handle}, which is not its own"

    def _granted(self, peer: bytes, handle: int, request: int, body: bytes) -> None:
        asked = self._joins.get((peer, request), [])
        assert handle not in self.holder, f"seat {handle} is granted twice"
        self.holder[handle] = self.token_of[peer]
        seat = self._arena.seats.get(handle)
        room = seat.match.room.spec.name if seat is not None else None
        role = None if self.tainted else Seated.decode(body).role
        assert any(room in (None, r) and role in (None, p) for r, p in asked), (
            f"{peer.hex()} is seated as {role} in {room}, and has asked for {asked}, or may do no more"
        )

    def _grant_of(self, peer: bytes) -> Grant | None:
        """What a peer may do, as the arena has looked at it last: it does so once a second."""
        session = self._arena.sessions.get(peer)
        return None if session is None else session.grant

    def _about_no_seat(self, peer: bytes, kind: int, request: int, body: bytes) -> None:
        if kind == Kind.WELCOME:
            self._welcomed(peer, Welcome.decode(body))
        elif kind == Kind.OBS_MANY:
            flat = unpack(body)
            assert flat
            for handle in flat[::3]:
                self._held(peer, handle)
        elif kind in NEWS or kind == Kind.WATCHING:
            assert (peer, request) in self._watches, f"{peer.hex()} hears news, and has not asked for any"
            assert self._role_of[self.token_of[peer]] != SessionRole.AGENT
            director = self._role_of[self.token_of[peer]] == SessionRole.DIRECTOR
            assert director or kind != Kind.TRAJECTORY
        elif kind == Kind.ROOM:
            grant = self._grant_of(peer)
            assert grant is not None
            assert grant.right == Right.ADMIN, f"{grant} opens a room"
        elif kind == Kind.STATE:
            grant, told = self._grant_of(peer), State.decode(body)
            assert grant is not None
            assert all(grant.may_enter(room.name) for room in told.rooms)
        elif kind == Kind.ENROLLED:
            Enrolled.decode(body)
        elif kind == Kind.ERROR:
            Error.decode(body)

    def _welcomed(self, peer: bytes, told: Welcome) -> None:
        token = told.token
        for before in [each for each, held in self.token_of.items() if held == token and each != peer]:
            del self.token_of[before]
        before = self.token_of.get(peer, token)
        assert before == token or before not in self._arena.tokens, "a connection changes its session"
        self.token_of[peer] = token
        session = self._arena.tokens[token]
        assert self._role_of.setdefault(token, session.role) == session.role
        assert session.who.key == self._arena.who(peer).key, "a session goes on under another key"
        named: list[int] = [seat.handle for seat in told.seats]
        named += [lost.handle for lost in told.lost if isinstance(lost, LostSeat)]
        for handle in named:
            assert self.holder.setdefault(handle, token) == token, f"WELCOME names another's seat {handle}"

    # --- workers ------------------------------------------------------------------------------------------

    def to_worker(self, peer: bytes, frame: bytes) -> None:
        """Before a worker hears a frame: who holds what."""
        kind, lease = frame[1], WORKER_HEAD.unpack_from(frame)[2]
        if kind == Kind.OPEN:
            match = Open.decode(frame[HEAD_BYTES:]).match
            assert lease not in self.leases, "a lease is given twice"
            held = [each for each in self.leases.values() if each.match == match and self._stands(each)]
            assert not held, f"match {match} is leased twice"
            self.leases[lease] = Lease(peer, match, self._arena.workers.get(peer))
            if peer in self.strangers:
                self.tainted.add(match)
        elif kind == Kind.CLOSE:
            assert self.leases.pop(lease).peer == peer, "somebody else's lease is closed"
        elif kind in (Kind.EVENT, Kind.VIEW):
            assert self.leases[lease].peer == peer, "an event goes to another worker"
        elif kind == Kind.EVENT_MANY:
            for each in unpack(frame[HEAD_BYTES:])[::6]:
                assert self.leases[each].peer == peer, "an event goes to another worker"

    def _stands(self, lease: Lease) -> bool:
        return lease.worker is not None and self._arena.workers.get(lease.peer) is lease.worker

    def worker_gone(self, peer: bytes) -> None:
        """A worker holds nothing any more."""
        self.leases = {number: lease for number, lease in self.leases.items() if lease.peer != peer}

    def worker_says(self, peer: bytes, frame: bytes) -> Callable[[Send | None], None]:
        """Before the broker takes a frame of a worker; returns what is to be called after."""
        if len(frame) < HEAD_BYTES:
            return _nothing_sent
        version, kind, number, _ = WORKER_HEAD.unpack_from(frame)
        if version != VERSION:
            return _nothing_sent
        lease = self.leases.get(number)
        if kind in UNDER_A_LEASE and (lease is None or lease.peer != peer or not self._stands(lease)):
            return self._fenced()
        return _anything

    def _fenced(self) -> Callable[[Send | None], None]:
        """Nothing comes of what is said under a lease that its sender does not hold."""
        arena = self._arena
        waiting, before = len(arena.to_agents), self._standing()
        is_holding = bool(arena.holding)  # what is held for the end of a round may leave on the occasion

        def after(sent: Send | None) -> None:
            assert is_holding or (sent is None and len(arena.to_agents) == waiting), "a stranger is heard"
            assert self._standing() == before or is_holding, "a stranger moves a match"

        return after

    def _standing(self) -> list[tuple[int, ...]]:
        matches = self._arena.matches.values()
        return [(m.id, m.outputs, m.behind, m.base, m.replied, m.chain, m.alive) for m in matches]


def _nothing_sent(sent: Send | None) -> None:
    assert sent is None


def _anything(_sent: Send | None) -> None:
    pass
