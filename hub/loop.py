"""The hub's sockets: a poll, then both sides drained until they are empty. Decides nothing.

Two ROUTER sockets face agents and workers. Their monitors tell when a connection ends, which a ROUTER itself
never does: the descriptor that a session's first frame came from leads from the event to the session.
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
from zmq.utils.monitor import parse_monitor_message

from netsiege.errors import ConfigError
from netsiege.hub.arena import Arena, Send
from netsiege.hub.broker import Broker
from netsiege.protocol import (
    HEARTBEAT_IVL_MS,
    HEARTBEAT_TIMEOUT_MS,
    MAX_AGENT_FRAME_BYTES,
    MAX_BATCH,
    MAX_WORKER_FRAME_BYTES,
    OpenRoom,
)

log = logging.getLogger(__name__)

TICK_S: Final = 0.05
"""How often clocks are looked at when nothing happens, and at least how often when much does."""
DRAIN_MAX: Final = 1_000
"""Messages taken from one side before the other gets its turn."""
DEPARTED_S: Final = 10.0
"""How long a peer that is gone is remembered: longer than what it had sent can lie in a queue."""
AGENT_QUEUE_MAX: Final = 2 * MAX_BATCH
"""Frames that wait for one agent, who cannot have asked for more; who reads more slowly is cut off."""


class Port:
    """One ROUTER, its monitor, and which descriptor each peer came in on."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], bind: str, what: str) -> None:
        self.what = what
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 200)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_IVL_MS)
        self.socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
        self.socket.setsockopt(zmq.HEARTBEAT_TTL, HEARTBEAT_IVL_MS + HEARTBEAT_TIMEOUT_MS)
        self.socket.setsockopt(zmq.BACKLOG, 4_096)
        if what == "agents":
            self.socket.setsockopt(zmq.SNDHWM, AGENT_QUEUE_MAX)
            self.socket.setsockopt(zmq.MAXMSGSIZE, 2 * MAX_AGENT_FRAME_BYTES)
        else:
            # each seat has at most one event in flight, which bounds this queue already
            self.socket.setsockopt(zmq.SNDHWM, 0)
            self.socket.setsockopt(zmq.RCVHWM, 0)
            self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_WORKER_FRAME_BYTES)
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self.peer_of: dict[int, bytes] = {}
        self.descriptor_of: dict[bytes, int] = {}
        self.departed: dict[bytes, float] = {}
        """Peers whose end was heard, and when: what they had still said may be read only afterwards."""
        self.gone: list[bytes] = []
        try:
            self.socket.bind(bind)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(f"cannot listen for {what} at {bind}: {error.strerror}") from None
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def receive(self) -> tuple[bytes, bytes | None] | None:
        """The next message: the peer and its frame, or None for the frame if there was not exactly one.

        Returns None when nothing is there.
        """
        recv, more = self.socket.recv, zmq.RCVMORE
        try:
            peer = recv(zmq.NOBLOCK)
        except zmq.Again:
            return None
        if peer in self.descriptor_of or peer in self.departed:
            frame = recv(zmq.NOBLOCK)
        else:
            first = recv(zmq.NOBLOCK, copy=False)
            self._note_descriptor(peer, first)
            frame = first.bytes
        if not self.socket.get(more):
            return peer, frame
        while self.socket.get(more):
            recv(zmq.NOBLOCK)
        return peer, None

    def _note_descriptor(self, peer: bytes, frame: zmq.Frame) -> None:
        """Binds a new peer to its descriptor.

        The descriptor may have been another peer's a moment ago: whatever the monitor has said before
        this frame arrived is heard first. A peer whose end was heard before its first frame was read is
        bound to nothing useful; the arena's sweep finds it. `SRCFD` is marked as deprecated in libzmq; it
        is used only here.
        """
        self.hear_monitor()
        try:
            descriptor = int(frame.get(zmq.SRCFD))
        except zmq.ZMQError:
            descriptor = -1
        self.peer_of[descriptor] = peer
        self.descriptor_of[peer] = descriptor

    def hear_monitor(self) -> None:
        """Notes in `gone` whose connections have ended."""
        while True:
            try:
                event = parse_monitor_message(self.monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            peer = self.peer_of.pop(event["value"], None)
            if peer is not None and event["event"] == zmq.EVENT_DISCONNECTED:
                self._depart(peer)

    def send(self, peer: bytes, frame: bytes) -> bool:
        """Sends a frame; False if the peer is gone or reads too slowly, which ends its session."""
        try:
            self.socket.send(peer, zmq.SNDMORE | zmq.NOBLOCK)
            self.socket.send(frame, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self._depart(peer)
            return False
        return True

    def _depart(self, peer: bytes) -> None:
        self.peer_of.pop(self.descriptor_of.pop(peer, -1), None)
        self.departed[peer] = time.monotonic()
        self.gone.append(peer)

    def forget_departed(self, before_s: float) -> None:
        """Forgets the peers that have been gone since before then."""
        while self.departed and next(iter(self.departed.values())) < before_s:
            del self.departed[next(iter(self.departed))]

    def close(self) -> None:
        """Closes socket and monitor; what was sent has a moment to leave."""
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close()


class HubLoop:
    """Moves frames between two ports and a broker. Use `run`; `close` when done."""

    def __init__(self, agents_bind: str, workers_bind: str, rooms: Iterable[OpenRoom]) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        _raise_descriptor_limit()
        try:
            self._agents = Port(self._context, agents_bind, "agents")
            try:
                self._workers = Port(self._context, workers_bind, "workers")
            except ConfigError:
                self._agents.close()
                raise
        except ConfigError:
            self._context.term()
            raise
        self._arena = Arena(rooms, _draw_u64, time.monotonic())
        self._broker = Broker(self._arena)

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
        for socket in (
            self._agents.socket,
            self._workers.socket,
            self._agents.monitor,
            self._workers.monitor,
        ):
            poller.register(socket, zmq.POLLIN)
        gc.collect()
        gc.freeze()
        next_tick_s = 0.0
        while True:
            ready = dict(poller.poll(int(TICK_S * 1_000)))
            now_s = time.monotonic()
            if self._agents.socket in ready:
                self._drain_agents(now_s)
            if self._workers.socket in ready:
                self._drain_workers(now_s)
            if self._agents.monitor in ready or self._workers.monitor in ready:
                self._agents.hear_monitor()
                self._workers.hear_monitor()
            if self._agents.gone or self._workers.gone:
                self._see_off(now_s)
            if now_s >= next_tick_s:
                next_tick_s = now_s + TICK_S
                if stop():
                    break
                self._arena.tick(now_s)
                self._flush()
                for port in (self._agents, self._workers):
                    port.forget_departed(now_s - DEPARTED_S)
        self._arena.close()
        self._flush()

    def _drain_agents(self, now_s: float) -> None:
        self._drain(self._agents.receive, self._broker.from_agent, self._workers.send, now_s)

    def _drain_workers(self, now_s: float) -> None:
        self._drain(self._workers.receive, self._broker.from_worker, self._agents.send, now_s)

    def _drain(
        self,
        receive: Callable[[], tuple[bytes, bytes | None] | None],
        take: Callable[[bytes, bytes, float], Send | None],
        send: Callable[[bytes, bytes], bool],
        now_s: float,
    ) -> None:
        """Takes what one side has said; what follows from it goes to the other side, or both, at once."""
        arena = self._arena
        for _ in range(DRAIN_MAX):
            received = receive()
            if received is None:
                return
            peer, frame = received
            try:
                sent = take(peer, frame or b"", now_s)
            except Exception:  # the edge around one frame: no peer takes the hub from the others
                log.exception("frame_broke_the_hub peer=%s", peer.hex())
                continue
            if sent is not None:
                send(*sent)
            if arena.to_agents or arena.to_workers:
                self._flush()

    def _see_off(self, now_s: float) -> None:
        """Tells the arena who is gone, after what they had still said, up to a limit, has been heard."""
        self._drain_agents(now_s)
        self._drain_workers(now_s)
        while self._agents.gone or self._workers.gone:
            agents, self._agents.gone = self._agents.gone, []
            workers, self._workers.gone = self._workers.gone, []
            for peer in agents:
                self._arena.agent_gone(peer, now_s)
            for peer in workers:
                self._arena.worker_gone(peer, now_s)
            self._flush()

    def _flush(self) -> None:
        arena = self._arena
        for port, outbox in ((self._workers, arena.to_workers), (self._agents, arena.to_agents)):
            if outbox:
                sends: list[Send] = outbox[:]
                outbox.clear()
                for peer, frame in sends:
                    port.send(peer, frame)

    def close(self) -> None:
        """Frees the sockets; what was sent has a moment to leave."""
        with contextlib.suppress(zmq.ZMQError):
            self._agents.close()
            self._workers.close()
        self._context.term()


def _raise_descriptor_limit() -> None:
    """One connection takes one descriptor, and the usual soft limit of 1,024 is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _draw_u64() -> int:
    return int.from_bytes(os.urandom(8), "big") or 1
