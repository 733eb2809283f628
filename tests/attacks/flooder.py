"""A client that floods a hub, in a process of its own.

`python -m tests.attacks.flooder KIND ADDRESS FOLDER ROOM` says `ready`, floods from the first line on stdin
on, and never stops by itself. FOLDER has the keys that it may use. What it does, it does as fast as it can.
"""

import contextlib
import itertools
import os
import resource
import struct
import sys
import time

import zmq

from netsiege.keys import KeyPair, Keys
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, VERSION, Hello, Join, Kind, pack
from netsiege.protocol.play import action_body
from tests.attacks import zmtp

PASS = action_body(None)
SOURCES = 16
"""Addresses of this machine that connections come from."""
SOCKETS = 60_000
"""libzmq takes a moment to close one."""
AT_ONCE = 40
"""Connections that are opened before the first of them is closed."""


def raw(kind, handle=0, request=1, body=b""):
    return AGENT_HEAD.pack(VERSION, kind, handle, request) + body


class Flooder:
    """The sockets of a flood, and what is common to floods over one session."""

    def __init__(self, address, keys, room):
        self.address, self.keys, self.room = address, keys, room
        self.context = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, SOCKETS)
        self.seats = []
        self._numbers = itertools.count(10)

    def dial(self, keys=None):
        """A connection that is opened again at once whenever it is cut."""
        dealer = self.context.socket(zmq.DEALER)
        dealer.linger, dealer.reconnect_ivl = 0, 1
        (keys or self.keys).secure(dealer)
        dealer.connect(self.address)
        return dealer

    def number(self):
        return next(self._numbers) & 0x7FFFFFFF or 1

    def say(self, dealer, frame):
        """Sends, or waits for a moment until that is possible."""
        try:
            dealer.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            dealer.poll(5, zmq.POLLOUT)

    def hello(self, dealer):
        self.say(dealer, raw(Kind.HELLO, 0, 1, Hello("mallory").encode()))

    def hear(self, dealer):
        """Reads what is there; remembers the last seats."""
        with contextlib.suppress(zmq.Again):
            while True:
                frame = dealer.recv(zmq.NOBLOCK)
                if len(frame) >= HEAD_BYTES and frame[1] == Kind.SEATED:
                    self.seats.append(AGENT_HEAD.unpack_from(frame)[2])

    def join(self, dealer):
        self.say(dealer, raw(Kind.JOIN, 0, self.number(), Join(self.room, "Attacker").encode()))

    def repeat(self, make, each=200):
        """Says what `make` returns for ever, with a session and a seat where the hub still grants them."""
        dealer = self.dial()
        while True:
            self.hello(dealer)
            self.join(dealer)
            for _ in range(each):
                self.say(dealer, make())
            self.hear(dealer)

    def paced(self, per_s, make, connections=1):
        """Says what `make` returns so many times a second over each connection, just below a limit."""
        dealers = [self.dial() for _ in range(connections)]
        for dealer in dealers:
            self.hello(dealer)
        started_s, said = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - started_s) * per_s)
            for _ in range(due - said):
                for dealer in dealers:
                    self.say(dealer, make())
            said = due
            for dealer in dealers:
                self.hear(dealer)
            time.sleep(0.002)

    # --- kinds --------------------------------------------------------------------------------------------

    def garbage(self):
        self.repeat(lambda: b"garbage")

    def pings(self):
        self.repeat(lambda: raw(Kind.PING, 0, self.number()))

    def steps(self):
        """On its own seat, without waiting for an answer."""
        self.repeat(lambda: raw(Kind.STEP, self.seats[-1] if self.seats else 1, self.number(), PASS))

    def large(self):
        body = bytes(1 << 20)
        self.repeat(lambda: raw(Kind.STEP, 1, self.number(), body[HEAD_BYTES:]), 5)

    def too_large(self):
        body = bytes(10 << 20)
        self.repeat(lambda: body, 2)

    def many_frames(self):
        """Messages of many empty frames."""
        dealer = self.dial()
        while True:
            self.hello(dealer)
            with contextlib.suppress(zmq.Again):
                dealer.send_multipart([b""] * 10_000, zmq.NOBLOCK)
            dealer.poll(1)

    def joins(self):
        """Takes seats and gives them up."""
        self._joins(1 << 30)

    def joins_paced(self):
        """The same, as often as a session may."""
        self._joins(900)

    def _joins(self, per_s):
        dealer = self.dial()
        self.hello(dealer)
        started_s, joined = time.monotonic(), 0
        while True:
            due = min(int((time.monotonic() - started_s) * per_s), joined + 100)
            for _ in range(due - joined):
                self.join(dealer)
            joined = due
            self.hear(dealer)
            for handle in self.seats:
                self.say(dealer, raw(Kind.LEAVE, handle, self.number()))
            self.seats.clear()
            dealer.poll(2)
            if joined % 1_000 < 100:
                self.hello(dealer)

    def talk_paced(self):
        """What moves no match, as often as a key may."""
        self.paced(950, lambda: raw(Kind.STATUS, 0, self.number()), 4)

    def refused_paced(self):
        """Messages that are dear to refuse, as often as a key may."""
        body = pack([x for n in range(16_384) for x in (n, b"")])
        self.paced(6, lambda: raw(Kind.STEP_MANY, 0, self.number(), body), 4)

    def connects(self):
        """Opens sessions and drops them."""
        self._connects(lambda: self.keys)

    def strangers(self):
        """Shakes hands under keys that nobody knows."""
        self._connects(lambda: Keys(KeyPair.new(), self.keys.hub))

    def _connects(self, keys):
        crowd = []
        while True:
            crowd.append(self.dial(keys()))
            self.hello(crowd[-1])
            if len(crowd) >= AT_ONCE:
                crowd.pop(0).close(0)

    def half_open(self):
        """Begins handshakes from many addresses, and drops them."""
        words = (b"", zmtp.greeting(b"CURVE")[:11], zmtp.greeting(b"CURVE"), zmtp.greeting(b"NULL"))
        self._tcp(lambda connection, number: connection.sendall(words[number % len(words)]), 10 * AT_ONCE)

    def hang_ups(self):
        """Opens TCP connections and resets them."""
        reset = struct.pack("ii", 1, 0)
        self._tcp(
            lambda connection, _n: connection.setsockopt(
                zmtp.socket.SOL_SOCKET, zmtp.socket.SO_LINGER, reset
            ),
            0,
        )

    def one_address(self):
        """Opens TCP connections from one address, and keeps some."""
        self._tcp(lambda _connection, _n: None, AT_ONCE, 1)

    def _tcp(self, then, kept, sources=SOURCES):
        crowd = []
        for number in itertools.count():
            with contextlib.suppress(OSError):
                crowd.append(zmtp.connect(self.address, f"127.0.2.{1 + number % sources}"))
                then(crowd[-1], number)
            while len(crowd) > kept:
                crowd.pop(0).close()


KINDS = (
    "garbage",
    "pings",
    "steps",
    "large",
    "too_large",
    "many_frames",
    "joins",
    "joins_paced",
    "talk_paced",
    "refused_paced",
    "connects",
    "strangers",
    "half_open",
    "hang_ups",
    "one_address",
)


def main(kind, address, folder, room):
    flood = getattr(Flooder(address, Keys.load(folder), room), kind)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print("ready", os.getpid(), flush=True)  # noqa: T201  # to whoever has started it
    sys.stdin.readline()
    flood()


if __name__ == "__main__":
    main(*sys.argv[1:])
