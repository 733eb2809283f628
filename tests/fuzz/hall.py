"""A hub in one process without sockets: the real arena and broker, real game hosts, peers of any kind.

The order of things is the hub loop's: what an agent says goes to the workers, is committed, and only then
does anybody hear of it; then what workers say goes to the agents. Whatever passes is looked at by `books`,
and by whoever hears it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

import attrs

from netsiege.engine.host import GameHost
from netsiege.hub import leasing, ledger
from netsiege.hub.arena import Arena
from netsiege.hub.broker import Broker
from netsiege.hub.gate import NOBODY, Gate, Who
from netsiege.hub.journal import Journal
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.hub.records import Send
from netsiege.protocol import VERSION, WORKER_HEAD, Kind, OpenRoom, Ready, pack
from tests.fuzz.books import Books

Hearer = Callable[[bytes], object]
"""Takes a frame of the hub."""

FIRST_NUMBER = 1 << 40
"""Of the handles, leases and halves of tokens, which are numbered here instead of drawn."""


LOOK_EVERY_TURNS = 8
"""Turns between two looks for those that nobody needs any more."""


class Hall:
    """See the module. `who` says whose a connection is, at a hub with keys; `journal` is given all turns."""

    def __init__(
        self,
        rooms: list[OpenRoom],
        *,
        gate: Gate | None = None,
        limits: Limits = DEFAULT_LIMITS,
        journal: Journal | None = None,
    ) -> None:
        self._journal = journal
        numbers = count(FIRST_NUMBER)
        self.who: dict[bytes, Who] = {}
        self.now_s = 1_000.0
        self.arena = Arena(
            rooms,
            lambda: next(numbers),
            self.now_s,
            journaling=True,
            who=lambda peer: self.who.get(peer, NOBODY),
            whose_worker=lambda peer: self.who.get(peer, NOBODY),
            gate=gate,
            limits=limits,
        )
        self.broker = Broker(self.arena)
        self.books = Books(self.arena)
        self.agents: dict[bytes, Hearer] = {}
        self.workers: dict[bytes, Hearer] = {}
        self._from_workers: deque[Send] = deque()
        self._committed: dict[int, int] = {}
        """Match -> its last event in the journal."""
        self._peers = count()

    def new_peer(self) -> bytes:
        """A routing id as libzmq makes them: never one that somebody had."""
        return b"\0" + next(self._peers).to_bytes(4, "big")

    # --- who is there -------------------------------------------------------------------------------------

    def add_host(self, host: GameHost, ready: Ready, who: Who = NOBODY) -> bytes:
        """An honest worker."""
        peer = self.new_peer()
        self.who[peer] = who
        say = self._from_workers.append
        self.workers[peer] = lambda frame: [say((peer, out)) for out in host.receive(frame)]
        self.from_worker(peer, WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + ready.encode())
        return peer

    def lose_agent(self, peer: bytes) -> None:
        """The connection of an agent ends."""
        self.agents.pop(peer, None)
        self.arena.agent_gone(peer, self.now_s)
        self.books.agent_gone(peer)
        self.flush()

    def lose_worker(self, peer: bytes, *, blame: bool = True) -> None:
        """The connection of a worker ends."""
        self.workers.pop(peer, None)
        self.books.worker_gone(peer)
        leasing.workers_gone(self.arena, [peer], blame=blame)
        self.flush()

    def tick(self, seconds: float) -> None:
        """Time passes; who is to be cut off is."""
        self.now_s += seconds
        arena = self.arena
        arena.tick(self.now_s)
        self.flush()
        gone, arena.to_cut = arena.to_cut, []
        workers, arena.workers_to_cut = arena.workers_to_cut, []
        for peer in gone:
            self.lose_agent(peer)
        for peer in workers:
            self.lose_worker(peer)

    # --- frames -------------------------------------------------------------------------------------------

    def from_agent(self, peer: bytes, frame: bytes) -> None:
        """An agent says something; returns when nobody has anything more to say."""
        self.books.agent_says(peer, frame)
        sent = self.broker.from_agent(peer, frame, self.now_s)
        if sent is not None:
            self._to_worker(*sent)
        self.flush()
        self.books.answered()

    def from_worker(self, peer: bytes, frame: bytes) -> None:
        """A worker says something; returns when nobody has anything more to say."""
        self._from_worker(peer, frame)
        self.flush()

    def _from_worker(self, peer: bytes, frame: bytes) -> None:
        check = self.books.worker_says(peer, frame)
        sent = self.broker.from_worker(peer, frame, self.now_s)
        check(sent)
        if sent is not None:
            self._to_agent(*sent)

    def flush(self) -> None:
        """Workers, journal, agents; and again, until it is quiet."""
        arena = self.arena
        while True:
            to_workers, arena.to_workers = arena.to_workers, []
            for peer, frame in to_workers:
                self._to_worker(peer, frame)
            self._commit()
            to_agents, arena.to_agents = arena.to_agents, []
            for peer, frame in to_agents:
                self._to_agent(peer, frame)
            assert not arena.batches, "answers to a batch are left behind"
            if not self._from_workers:
                if not arena.to_workers and not arena.to_agents:
                    return
                continue
            self._from_worker(*self._from_workers.popleft())

    def _to_worker(self, peer: bytes, frame: bytes) -> None:
        self.books.to_worker(peer, frame)
        hear = self.workers.get(peer)
        if hear is not None:
            hear(frame)

    def _to_agent(self, peer: bytes, frame: bytes) -> None:
        self.books.to_agent(peer, frame)
        hear = self.agents.get(peer)
        if hear is not None:
            hear(frame)

    def _commit(self) -> None:
        """What a journal is given: each event of a match once, in order, and all of it can be packed."""
        arena = self.arena
        if not (arena.turn or arena.records):
            return
        flat = iter(arena.turn)
        for match, sequence, event in zip(flat, flat, flat, strict=True):
            assert isinstance(match, int), match
            assert sequence == self._committed.get(match, 0) + 1, f"event {sequence} of match {match}"
            assert isinstance(event, bytes), event
            self._committed[match] = sequence
        pack(arena.turn)
        for record in arena.records:
            pack([getattr(record, field.name) for field in attrs.fields(type(record))])
        if arena.turns % LOOK_EVERY_TURNS == 0:
            assert ledger.oldest_turn(arena) <= arena.turns
        arena.turns += 1
        if self._journal is not None:
            self._journal.commit(arena.turns, arena.turn, arena.records, 0)
        arena.turn.clear()
        arena.records.clear()
