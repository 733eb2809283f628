"""`bench_load.c` in Python, for machines without a compiler: the same words, slower than what it measures.

The head of `bench_load.c` says what it is told and what it prints. It plays no crowd.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Final

import zmq

from netsiege.errors import SiegeError
from netsiege.local import end_with_parent
from netsiege.protocol import (
    AGENT_HEAD,
    EVENT_BODY_AT,
    EVENT_HEAD,
    HEAD_BYTES,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Flag,
    Kind,
    Open,
    WorkerPong,
    pack,
    unpack,
)

SETUP_S: Final = 30.0
POLL_MS: Final = 20
SNAPSHOT: Final = bytes(300)


def open_socket(context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> zmq.Socket[bytes]:
    """A socket that connects, under the keys of the environment if there are any."""
    socket = context.socket(zmq.DEALER)
    keys = bytes.fromhex(os.environ.get("CURVE", ""))
    if keys:
        socket.curve_serverkey, socket.curve_publickey = keys[:32], keys[32:64]
        socket.curve_secretkey = keys[64:]
    socket.connect(endpoint)
    return socket


class Agent:
    """One socket with its seats, and one message under way."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket
        self.seats: list[int] = []
        self.open = 0
        self.next = 0
        self.request = 1
        self.sent_s = 0.0

    def say(self, kind: Kind, seat: int, body: bytes) -> None:
        """Sends a request under the next number."""
        self.request += 1
        self.socket.send(AGENT_HEAD.pack(VERSION, kind, seat, self.request) + body)


class Load:
    """Agents that ask and listen in turn."""

    def __init__(
        self,
        mode: str,
        agents: Sequence[Agent],
        seats: int,
        join: bytes,
        moves: Sequence[bytes],
        reset: bytes,
    ) -> None:
        self._mode, self._agents, self._seats = mode, agents, seats
        self._join, self._moves, self._reset = join, moves, reset
        self._poller = zmq.Poller()
        self._of_socket = {agent.socket: agent for agent in agents}
        for agent in agents:
            self._poller.register(agent.socket, zmq.POLLIN)
        self.playing = self.measuring = False
        self.answers = 0
        self.trips_us: list[float] = []

    def listen_until(self, until_s: float, all_seated: bool = False) -> None:
        """Hears what comes until then, or until everybody is seated."""
        while time.monotonic() < until_s:
            if all_seated and all(len(agent.seats) == self._seats for agent in self._agents):
                return
            for socket, _ in self._poller.poll(POLL_MS):
                agent = self._of_socket[socket]
                frame = socket.recv()
                if self._mode == "raw":
                    self._answered(agent, 1)
                else:
                    self._hear(agent, frame)

    def move(self, agent: Agent) -> None:
        """Sends the agent's next move, or resets its seats after the last one."""
        agent.open, agent.sent_s = self._seats, time.monotonic()
        if agent.next == len(self._moves):
            agent.next = 0
            if self._reset:
                for seat in agent.seats:
                    agent.say(Kind.RESET, seat, self._reset)
                return
        body = self._moves[agent.next]
        agent.next += 1
        if self._mode == "raw":
            agent.socket.send(body)
        elif self._mode == "step":
            agent.say(Kind.STEP, agent.seats[0], body)
        else:
            agent.say(Kind.STEP_MANY, 0, pack([part for seat in agent.seats for part in (seat, body)]))

    def _hear(self, agent: Agent, frame: bytes) -> None:
        _, kind, seat, _ = AGENT_HEAD.unpack_from(frame)
        if kind == Kind.WELCOME:
            for _ in range(self._seats):
                agent.say(Kind.JOIN, 0, self._join)
        elif kind == Kind.SEATED:
            agent.seats.append(seat)
        elif kind == Kind.OBS:
            self._answered(agent, 1)
        elif kind == Kind.OBS_MANY:
            kinds = unpack(frame[HEAD_BYTES:])[1::3]
            if not set(kinds) <= {Kind.OBS, Kind.WAIT}:
                raise SiegeError(f"a step was answered otherwise: {frame[HEAD_BYTES:]!r}")
            self._answered(agent, kinds.count(Kind.OBS))
        elif kind not in (Kind.WAIT, Kind.PONG):
            raise SiegeError(f"refused, or unexpected: {kind} {frame[HEAD_BYTES:]!r}")

    def _answered(self, agent: Agent, count: int) -> None:
        agent.open -= count
        if self.measuring:
            self.answers += count
        if not agent.open:
            if self.measuring:
                self.trips_us.append((time.monotonic() - agent.sent_s) * 1e6)
            if self.playing:
                self.move(agent)


def run_load(
    mode: str, endpoint: str, sockets: int, seats: int, seconds: float, texts: Sequence[str]
) -> None:
    """Plays for so long and prints how it went."""
    hello, join, moves, reset = (*texts, "")[:4]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    agents = [Agent(open_socket(context, endpoint)) for _ in range(sockets)]
    bodies = [bytes.fromhex(move) for move in moves.split(",")]
    load = Load(
        mode, agents, seats, b"" if mode == "raw" else bytes.fromhex(join), bodies, bytes.fromhex(reset)
    )
    if mode != "raw":
        for agent in agents:
            agent.socket.send(bytes.fromhex(hello))
        load.listen_until(time.monotonic() + SETUP_S, all_seated=True)
        if any(len(agent.seats) < seats for agent in agents):
            raise SiegeError("not all were seated")
    load.playing = True
    for agent in agents:
        load.move(agent)
    load.listen_until(time.monotonic() + 0.15 * seconds)
    load.measuring = True
    print("begin", flush=True)  # noqa: T201  # the parent reads what it prints
    began_s = time.monotonic()
    load.listen_until(began_s + seconds)
    took_s = time.monotonic() - began_s
    load.measuring = load.playing = False
    print("end", load.answers, took_s, statistics.median(load.trips_us or [0.0]), flush=True)  # noqa: T201  # likewise
    for agent in agents:
        if mode != "raw":
            agent.say(Kind.BYE, 0, b"")
        agent.socket.close(1_000)
    context.term()


class Worker:
    """An engine whose games go nowhere: a step is answered with itself."""

    def __init__(self, seated: bytes, end: bytes, every: int) -> None:
        self._seated, self._end, self._every = seated, end, every
        self._done = 0

    def receive(self, frame: bytes) -> list[bytes]:
        """The answers to a frame of the hub."""
        _, kind, lease, sequence = WORKER_HEAD.unpack_from(frame)
        if kind == Kind.EVENT:
            index, asked, request = EVENT_HEAD.unpack_from(frame, HEAD_BYTES)
            answer, flag, body = Kind.OBS, Flag.MOVE, frame[EVENT_BODY_AT:]
            if asked == Kind.LEAVE:
                answer, flag, body = Kind.END, Flag.OVER, self._end
            self._done += 1
            return [_out(lease, sequence, index, answer, flag, request, body), *self._save(lease, sequence)]
        if kind == Kind.EVENT_MANY:
            return self._play_many(unpack(frame[HEAD_BYTES:]))
        if kind == Kind.OPEN:
            if Open.decode(frame[HEAD_BYTES:]).events:
                raise SiegeError("a match was moved here; there is nothing to take it up")
            self._done += 1
            return [_out(lease, 0, 0, Kind.SEATED, Flag.MOVE, 0, self._seated)]
        if kind == Kind.W_PING:
            return [WORKER_HEAD.pack(VERSION, Kind.W_PONG, 0, 0) + WorkerPong(self._done).encode()]
        if kind not in (Kind.SPEC, Kind.CLOSE):
            raise SiegeError(f"the hub says what was not expected: {kind} {frame[HEAD_BYTES:]!r}")
        return []

    def _play_many(self, flat: list[object]) -> list[bytes]:
        answers: list[object] = []
        saved: list[bytes] = []
        for i in range(0, len(flat), 6):
            lease, sequence, index, _, request, body = flat[i : i + 6]
            answers += (lease, sequence, index, Kind.OBS, Flag.MOVE, request, body)
            assert isinstance(lease, int)
            assert isinstance(sequence, int)
            saved += self._save(lease, sequence)
        self._done += len(flat) // 6
        return [WORKER_HEAD.pack(VERSION, Kind.OUT_MANY, 0, len(flat) // 6) + pack(answers), *saved]

    def _save(self, lease: int, sequence: int) -> list[bytes]:
        if not self._every or sequence % self._every:
            return []
        return [WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, sequence) + SNAPSHOT]


def _out(lease: int, sequence: int, index: int, answer: int, flag: int, request: int, body: bytes) -> bytes:
    head = WORKER_HEAD.pack(VERSION, Kind.OUT, lease, sequence)
    return head + OUT_HEAD.pack(index, answer, flag, request) + body


def run_server(endpoint: str, ready: bytes, worker: Worker | None) -> None:
    """Serves until its parent is gone: as a worker, or by sending back whatever comes."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = open_socket(context, endpoint)
    if worker is not None:
        socket.send(ready)
    parent = os.getppid()
    while os.getppid() == parent:
        if not socket.poll(500):
            continue
        parts = socket.recv_multipart()
        if worker is None:
            socket.send_multipart(parts)
        else:
            for answer in worker.receive(parts[0]):
                socket.send(answer)


def main(mode: str, endpoint: str, *more: str) -> None:
    """Does what the command line says, until its parent is gone."""
    end_with_parent(os.getppid())
    if mode == "echo":
        run_server(endpoint, b"", None)
    elif mode == "worker":
        ready, seated, end = map(bytes.fromhex, more[:3])
        run_server(endpoint, ready, Worker(seated, end, int(more[3])))
    else:
        run_load(mode, endpoint, int(more[0]), int(more[1]), float(more[2]), more[3:])


if __name__ == "__main__":
    main(*sys.argv[1:])
