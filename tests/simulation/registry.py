"""Books of its own about who may speak for whom and who holds which lease, kept from what passes by.

It believes nothing that the hub says of itself: a session's connection is the one that WELCOME went to last,
a lease is held by the worker that OPEN went to last, until it is closed, says READY anew, or is gone.
"""

import contextlib

from netsiege.errors import ProtocolError
from netsiege.protocol import HEAD_BYTES, WORKER_HEAD, Kind, Ready, Welcome, unpack
from tests.simulation.clock import Violation
from tests.simulation.network import AGENTS, WORKERS
from tests.simulation.worker_node import Viewed

_ABOUT_SEATS = {Kind.STEP, Kind.RESET, Kind.LEAVE, Kind.STEP_MANY}
_ABOUT_A_LEASE = {Kind.OUT, Kind.SNAPSHOT, Kind.VIEWED, Kind.FAULT}


class Registry:
    """See the module. One a run; what concerns a hub's life begins anew with it."""

    def __init__(self, world):
        self.world = world
        self.arena = None
        self.token_of = {}
        """Connection -> the token of the session it speaks for."""
        self.speaker = {}
        """Token -> the connection that speaks for it now."""
        self.away_since_s = {}
        """Token -> when the hub heard that nobody speaks for it, by the hub's clock."""
        self.holder = {}
        """Match -> (worker's connection, lease)."""
        self.lease_of = {}
        """Lease -> (worker's connection, match), also of those that were given up, and of earlier hubs."""
        self.engine_of = {}
        """Worker's connection -> its engine."""
        self.played_by = {}
        """Match -> the engine that was given it first."""
        self.deaths_of = {}
        """Match -> workers that ended while they held it."""

    # --- lives --------------------------------------------------------------------------------------------

    def hub_started(self, arena):
        self.arena = arena
        self.token_of.clear()
        self.speaker.clear()
        self.holder.clear()
        self.engine_of.clear()
        self.played_by = {match: engine for match, engine in self.played_by.items() if match in arena.matches}
        self.away_since_s = dict.fromkeys(arena.away, self.world.hub.now_s)
        self.world.books.hub_started(arena)

    def hub_died(self):
        self.away_since_s.clear()

    def connection_gone(self, side, peer):
        if side == AGENTS:
            self.world.books.connection_over(peer)
            token = self.token_of.pop(peer, None)
            if token is not None and self.speaker.get(token) == peer:
                del self.speaker[token]
                self.away_since_s[token] = self.world.hub.now_s
        else:
            self._drop_worker(peer)

    def not_sent(self, side, peer, frame):
        """The hub has said something to who is gone, and goes by it nevertheless."""
        if side == WORKERS:
            if frame[1] == Kind.OPEN:
                self.world.reference.leased(unpack(frame[HEAD_BYTES:])[0], frame)
            self._drop_worker(peer)
        elif frame[1] == Kind.WELCOME:
            self.welcomed(peer, frame[HEAD_BYTES:])

    def _drop_worker(self, peer):
        """Nothing that the hub says reaches this worker any more: it holds nothing."""
        for match, (holder, _) in list(self.holder.items()):
            if holder == peer:
                del self.holder[match]
                self.deaths_of[match] = self.deaths_of.get(match, 0) + 1

    # --- agents -------------------------------------------------------------------------------------------

    def welcomed(self, peer, body):
        """The hub says WELCOME over a connection."""
        token = Welcome.decode(body).token
        before = self.speaker.get(token)
        if before is not None and before != peer:
            self.token_of.pop(before, None)
            self.world.books.connection_over(before)
        self.speaker[token], self.token_of[peer] = peer, token
        self.away_since_s.pop(token, None)

    def agent_frame(self, peer, frame):
        """Only who speaks for a session moves its seats."""
        self.world.books.from_agent(peer, frame)
        if len(frame) < HEAD_BYTES or frame[1] not in _ABOUT_SEATS:
            return None
        if self.token_of.get(peer) is not None:
            return None
        arena = self.arena
        before = arena.events

        def after(_sent):
            if arena.events != before:
                raise Violation("a connection that was taken over is not heard", Kind(frame[1]).name)

        return after

    # --- workers ------------------------------------------------------------------------------------------

    def to_worker(self, peer, frame):
        """A frame leaves for a worker: who holds what."""
        kind = frame[1]
        if kind == Kind.OPEN:
            lease, match = WORKER_HEAD.unpack_from(frame)[2], unpack(frame[HEAD_BYTES:])[0]
            held = self.holder.get(match)
            if held is not None:
                if held[0] in self.arena.workers:
                    text = f"match {match} goes to {peer.hex()}, and {held[0].hex()} still has it"
                    raise Violation("no lease is held twice", text, match)
                self.deaths_of[match] = self.deaths_of.get(match, 0) + 1  # it was given up: too slow
            if self.played_by.setdefault(match, self.engine_of[peer]) != self.engine_of[peer]:
                raise Violation("matches move between equal engines", f"match {match}", match)
            self.holder[match] = (peer, lease)
            self.lease_of[lease] = (peer, match)
            self.world.reference.leased(match, frame)
        elif kind == Kind.CLOSE:
            lease = WORKER_HEAD.unpack_from(frame)[2]
            _, match = self.lease_of.get(lease, (None, None))
            if self.holder.get(match) == (peer, lease):
                del self.holder[match]
        elif kind == Kind.EVENT:
            self._check_event(peer, frame, WORKER_HEAD.unpack_from(frame)[2])
        elif kind == Kind.EVENT_MANY:
            for lease in unpack(frame[HEAD_BYTES:])[::6]:
                self._check_event(peer, frame, lease)
            self.world.reference.events_leave(frame)
        if kind == Kind.EVENT:
            self.world.reference.events_leave(frame)

    def _check_event(self, peer, _frame, lease):
        holder, match = self.lease_of.get(lease, (None, None))
        if holder != peer or self.holder.get(match) != (peer, lease):
            raise Violation("events go to the holder of the lease", f"match {match}", match)

    def _begins_anew(self, peer, body):
        with contextlib.suppress(ProtocolError):
            self.engine_of[peer] = Ready.decode(body).engine
        for match, (holder, _) in list(self.holder.items()):
            if holder == peer:
                del self.holder[match]

    def is_current(self, peer, lease):
        _, match = self.lease_of.get(lease, (None, None))
        return match is not None and self.holder.get(match) == (peer, lease)

    def worker_frame(self, peer, frame):
        """What comes under a lease that its sender does not hold leads to nothing; VIEWED to RESUMED."""
        kind = frame[1] if len(frame) >= HEAD_BYTES else 0
        if kind in (Kind.READY, Kind.GONE):
            self._begins_anew(peer, frame[HEAD_BYTES:])
            return None
        arena = self.arena
        if kind == Kind.VIEWED and isinstance(frame, Viewed):
            self._note_view(peer, frame)
        if kind in _ABOUT_A_LEASE:
            leases = [WORKER_HEAD.unpack_from(frame)[2]]
        elif kind == Kind.OUT_MANY:
            leases = _leases_of(frame[HEAD_BYTES:])
        else:
            return None
        if any(self.is_current(peer, lease) for lease in leases):
            return None
        self.world.count("fenced frames")
        # what is held for the end of a round may leave on the occasion
        waiting = float("inf") if arena.holding else len(arena.to_agents)
        before = self._standing(leases)

        def after(sent):
            if sent is not None or len(arena.to_agents) > waiting or self._standing(leases) != before:
                raise Violation("a late worker is fenced", Kind(kind).name)

        return after

    def _standing(self, leases):
        """How far the hub thinks that the matches of these leases are."""
        numbers = {self.lease_of[lease][1] for lease in leases if lease in self.lease_of}
        matches = [self.arena.matches.get(number) for number in sorted(numbers)]
        return [m and (m.outputs, m.behind, m.base, m.replied) for m in matches]

    def _note_view(self, peer, frame):
        _, _, lease, seat = WORKER_HEAD.unpack_from(frame)
        if self.is_current(peer, lease):
            match = self.lease_of[lease][1]
            self.world.reference.viewed(match, seat, frame.events, frame[HEAD_BYTES:])

    # --- the hub's own eyes -------------------------------------------------------------------------------

    def check(self, arena):
        """After each turn: every match is on exactly one worker, or on none and known to be."""
        self.world.books.check(arena)
        leases = 0
        for match in arena.matches.values():
            worker = match.worker
            if worker is None:
                if match.id not in arena.homeless:
                    raise Violation("no match is forgotten", f"match {match.id} has no worker", match.id)
                continue
            leases += 1
            if worker.leases.get(match.lease) is not match or arena.workers.get(worker.peer) is not worker:
                raise Violation("no lease is held twice", f"match {match.id} and its worker differ", match.id)
        if leases != sum(len(worker.leases) for worker in arena.workers.values()):
            raise Violation("no lease is held twice", "workers hold more leases than there are matches")
        if arena.batches or arena.to_agents or arena.to_workers:
            raise Violation("a turn leaves nothing behind", f"{arena.batches} {arena.to_agents}")

    def numbers_of(self, match):
        """The leases of a match."""
        return {lease for lease, (_, number) in self.lease_of.items() if number == match}


def _leases_of(body):
    """The leases of an OUT_MANY, whoever has made it."""
    try:
        return [lease for lease in unpack(body)[::7] if type(lease) is int]
    except (ProtocolError, TypeError):
        return []
