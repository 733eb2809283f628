"""The hub's sockets: a poll, then both sides drained until they are empty. Decides nothing.

The order of a turn is what makes the journal cheap and true: what agents have said goes to the workers, then
into the journal, while the workers compute, and only then what workers have said goes to the agents.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import resource
import time
from collections.abc import Callable, Iterable
from typing import Final

import zmq
from attrs import evolve

from netsiege.errors import ConfigError
from netsiege.hub import door, leasing, ledger
from netsiege.hub.arena import Arena
from netsiege.hub.broker import Broker
from netsiege.hub.gate import NOBODY, ZAP_ENDPOINT, KeyGate, Who
from netsiege.hub.journal import Journal, MemoryJournal
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.hub.lines import Bounds, Line
from netsiege.hub.port import CHOSEN_ID, EVENTS_IN_A_ROW, Port, agents_side, workers_side
from netsiege.hub.records import Send
from netsiege.protocol import Code, OpenRoom

log = logging.getLogger(__name__)

TICK_S: Final = 0.05
"""How often clocks are looked at when nothing happens, and at least how often when much does."""
DRAIN_MAX: Final = 1_000
"""Messages taken from one side before the other gets its turn."""
DRAIN_S: Final = 0.005
"""How long that may take: who says what takes long, a JOIN, has a share of the hub and not all of it."""
SERVE_S: Final = 0.005
"""How long both sides are drained before connections, keys and clocks are looked at."""
DEPARTED_S: Final = 10.0
"""How long a peer that is gone is remembered: longer than what it had sent can lie in a queue."""
COLLECT: Final = (700, 10, 10)
"""Python's own: a match that has ended is a cycle of some kilobytes, and many would be kept for a while."""
ZAP_MAX: Final = 100
"""Keys that are looked up before the others get their turn."""
CONNECTIONS_MIN: Final = 32
"""With fewer than so many a port it makes no sense to start."""
CONNECTIONS_USUAL: Final = 1_024
"""Fewer that the system allows are worth a warning."""
SPARE_DESCRIPTORS: Final = 64
"""Those that are no connections: sockets, journal, libraries."""
FORGET_EVERY_TURNS: Final = 2_000
"""How often the journal's turns are looked through for those that nobody needs any more."""


class HubLoop:
    """Moves frames between two ports, a broker and a journal. Use `run`; `close` when done."""

    def __init__(
        self,
        agents_bind: str,
        workers_bind: str,
        rooms: Iterable[OpenRoom],
        journal: Journal | None = None,
        insist: ledger.Insist = ledger.ON_THE_TASK,
        *,
        gate: KeyGate | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._journal = journal if journal is not None else MemoryJournal()
        self._gate = gate
        self._arena = Arena(
            (),
            _draw_u64,
            time.monotonic(),
            journaling=self._journal.lasting,
            round_trip_s=self._round_trip_s,
            who=lambda peer: _who(self._agents.line_of(peer)),
            whose_worker=lambda peer: _who(self._workers.line_of(peer)),
            gate=gate,
            limits=_within_descriptors(limits),
        )
        ledger.restore(self._arena, self._journal.load(), tuple(rooms), insist)
        self._broker = Broker(self._arena)
        self._to_cut: list[bytes] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._open_ports(agents_bind, workers_bind)
        except BaseException:
            self._context.destroy(0)
            raise

    def _open_ports(self, agents_bind: str, workers_bind: str) -> None:
        limits, keys = self._arena.limits, None
        if self._gate is not None:
            keys = self._gate.pair
            self._zap = self._context.socket(zmq.REP)
            self._zap.setsockopt(zmq.LINGER, 0)
            self._zap.bind(ZAP_ENDPOINT)  # before a port is: nobody is let in unasked
        counts = self._arena.gate.counts
        agents = agents_side(
            Bounds(limits, limits.agent_frame_bytes, limits.agent_unread_bytes, counts, self._turned_away)
        )
        workers = workers_side(
            Bounds(limits, limits.worker_frame_bytes, limits.worker_unread_bytes, counts, self._turned_away)
        )
        self._agents = Port(self._context, agents_bind, agents, keys)
        self._workers = Port(self._context, workers_bind, workers, keys)

    def _round_trip_s(self, peer: bytes) -> float:
        return self._agents.round_trip_s(peer)

    def _turned_away(self, reason: str, line: Line) -> None:
        arena, who = self._arena, _who(line)
        arena.tally.note(reason, door.name_of(arena, who), "cut off")
        if reason == CHOSEN_ID:
            arena.gate.shut_out(who.key, longer=True)

    @property
    def rooms(self) -> list[OpenRoom]:
        """The rooms that are open, those from the journal included."""
        return [room.spec for room in self._arena.rooms.values()]

    @property
    def open_matches(self) -> int:
        """How many matches are under way: after the start, those that go on from the journal."""
        return len(self._arena.matches)

    @property
    def agents_endpoint(self) -> str:
        """Where agents connect, with the port that was chosen if 0 was asked for."""
        return self._agents.endpoint

    @property
    def workers_endpoint(self) -> str:
        """Where workers connect."""
        return self._workers.endpoint

    def run(self, stop: Callable[[], bool]) -> None:
        """Serves until `stop()` is true, which is asked about 20 times a second."""
        poller = zmq.Poller()
        for port in (self._agents, self._workers):
            poller.register(port.socket, zmq.POLLIN)
            poller.register(port.monitor, zmq.POLLIN)
        if self._gate is not None:
            poller.register(self._zap, zmq.POLLIN)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT)
        next_tick_s = 0.0
        while True:
            ready = dict(poller.poll(int(TICK_S * 1_000)))
            now_s = time.monotonic()
            if self._agents.socket in ready or self._workers.socket in ready:
                now_s = self._serve(now_s)
            if self._gate is not None and self._zap in ready:
                self._answer_zap(self._gate)
            if self._agents.monitor in ready or self._workers.monitor in ready:
                self._agents.hear_monitor(EVENTS_IN_A_ROW)
                self._workers.hear_monitor(EVENTS_IN_A_ROW)
            if self._agents.gone or self._workers.gone:
                self._see_off(now_s)
            if now_s >= next_tick_s:
                next_tick_s = now_s + TICK_S
                if stop():
                    break
                self._tick(now_s)
        self._arena.close(paused=self._journal.lasting)
        self._flush()

    def _answer_zap(self, gate: KeyGate) -> None:
        """Says to libzmq which connections are let in; their keys have been proved by now."""
        for _ in range(ZAP_MAX):
            try:
                request = self._zap.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._zap.send_multipart(gate.answer(request), zmq.NOBLOCK)

    def _serve(self, now_s: float) -> float:
        """Both sides in turn, until there is nothing more or something else is due; returns what time it is.

        To ask whether there is more takes several times as long as to find out.
        """
        until_s = now_s + SERVE_S
        while True:
            taken = self._drain_agents(now_s) + self._drain_workers(now_s)
            now_s = time.monotonic()
            if not taken or now_s > until_s:
                return now_s

    def _drain_agents(self, now_s: float) -> int:
        """What agents say goes on to the workers at once; they hear nothing before it is committed.

        Returns how many frames there were, like `_drain_workers`.
        """
        arena, receive, take = self._arena, self._agents.receive, self._broker.from_agent
        until_s = time.monotonic() + DRAIN_S
        taken = 0
        while taken < DRAIN_MAX and (taken & 15 or time.monotonic() <= until_s):
            received = receive()
            if received is None:
                break
            taken += 1
            peer, frame = received
            if frame is None:
                door.turn_out(arena, peer, 0, Code.MALFORMED, "a message is one frame", shut_out=True)
                continue
            try:
                sent = take(peer, frame, now_s)
            except Exception:  # the edge around one frame: no peer takes the hub from the others
                log.exception("agent_frame_broke_the_hub peer=%s", peer.hex())
                continue
            if sent is not None:
                self._workers.send(*sent)
            if arena.to_workers:
                self._send_all(self._workers, arena.to_workers)
        self._flush()
        return taken

    def _drain_workers(self, now_s: float) -> int:
        """What workers say is about events that are committed, so it goes on to the agents at once."""
        arena, receive, take = self._arena, self._workers.receive, self._broker.from_worker
        taken = 0
        while taken < DRAIN_MAX and (received := receive()) is not None:
            taken += 1
            peer, frame = received
            if frame is None:
                arena.tally.note("malformed", door.name_of(arena, arena.whose_worker(peer)), "many frames")
                arena.workers_to_cut.append(peer)
                continue
            try:
                sent = take(peer, frame, now_s)
            except Exception:  # the edge around one frame: no peer takes the hub from the others
                log.exception("worker_frame_broke_the_hub peer=%s", peer.hex())
                continue
            if sent is not None:
                self._agents.send(*sent)
            if arena.to_agents or arena.to_workers or arena.records:
                self._flush()
        return taken

    def _see_off(self, now_s: float) -> None:
        """Tells the arena who is gone, after what they had still said, up to a limit, has been heard."""
        self._drain_agents(now_s)
        self._drain_workers(now_s)
        while self._agents.gone or self._workers.gone:
            agents, self._agents.gone = self._agents.gone, []
            workers, self._workers.gone = self._workers.gone, []
            self._arena.now_s = now_s
            for peer in agents:
                self._arena.agent_gone(peer, now_s)
            leasing.workers_gone(self._arena, workers, blame=True)
            self._flush()

    def _tick(self, now_s: float) -> None:
        arena = self._arena
        arena.tick(now_s)
        self._flush()
        # who is to go has had the time since the last tick to hear why
        for peer in self._to_cut:
            self._agents.cut(peer)
        self._to_cut, arena.to_cut = arena.to_cut, []
        for peer in arena.workers_to_cut:
            self._workers.cut(peer)
        arena.workers_to_cut.clear()
        for port, proven in ((self._agents, arena.sessions), (self._workers, arena.workers)):
            port.lines.look(now_s, proven.__contains__)
            port.forget_departed(now_s - DEPARTED_S)
        if self._gate is not None:
            self._gate.reload()
        for told in arena.tally.lines(now_s):
            log.warning(told)

    def _flush(self) -> None:
        """Workers first, who have to compute; then the journal; agents hear of nothing that is not in it."""
        arena = self._arena
        if arena.to_workers:
            self._send_all(self._workers, arena.to_workers)
        if arena.turn or arena.records:
            self._commit()
        if arena.to_agents:
            self._send_all(self._agents, arena.to_agents)

    def _commit(self) -> None:
        arena = self._arena
        oldest = ledger.oldest_turn(arena) if arena.turns % FORGET_EVERY_TURNS == 0 else 0
        arena.turns += 1
        self._journal.commit(arena.turns, arena.turn, arena.records, oldest)
        arena.turn.clear()
        arena.records.clear()

    @staticmethod
    def _send_all(port: Port, outbox: list[Send]) -> None:
        sends = outbox[:]
        outbox.clear()
        for peer, frame in sends:
            port.send(peer, frame)

    def close(self) -> None:
        """Frees the sockets; what was sent has a moment to leave."""
        with contextlib.suppress(zmq.ZMQError):
            self._agents.close()
            self._workers.close()
        if self._gate is not None:
            self._zap.close()
        self._context.term()


def _who(line: Line | None) -> Who:
    if line is None:
        return NOBODY
    return Who(bytes.fromhex(line.user), line.address, line.descriptor < 0)


def _within_descriptors(limits: Limits) -> Limits:
    """Raises the limit of descriptors, as each connection takes one; keeps the connections below it.

    A libzmq that cannot take a connection for want of a descriptor tries again for ever, at full speed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = (soft - SPARE_DESCRIPTORS) // 2
    if most < CONNECTIONS_MIN:
        least = 2 * CONNECTIONS_MIN + SPARE_DESCRIPTORS
        raise ConfigError(f"a hub needs {least} descriptors at least, and may have {soft}: see ulimit -n")
    asked = limits.connections != DEFAULT_LIMITS.connections
    if most < (limits.connections if asked else CONNECTIONS_USUAL):
        log.warning("connections_capped most=%d: ulimit -n is %d", most, soft)
    return evolve(limits, connections=min(limits.connections, most))


def _draw_u64() -> int:
    return int.from_bytes(os.urandom(8), "big") or 1
