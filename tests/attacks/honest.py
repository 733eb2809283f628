"""Honest agents in a process of their own: `python -m tests.attacks.honest AGENTS ADDRESS FOLDER`.

Each has a connection, a session and a seat, and plays the same moves over and over, always waiting for the
answer. It says `ready` once all are seated; a line on stdin is answered with one of JSON: how many steps were
answered so far, how many refused, and digests of what each agent was told. The empty line ends it.
"""

import hashlib
import json
import os
import sys

import zmq

from netsiege.game import IP, Action, ActionType, Network
from netsiege.keys import Keys
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, VERSION, Hello, Join, Kind, Reset
from netsiege.protocol.play import Seen, action_body

FLAGS_AT = HEAD_BYTES + 1
"""Where an OBS has its flags: its body is a short list that begins with them."""
MARK_EVERY = 50
"""After so many answers each agent notes a digest of all that it was told."""


def raw(kind, handle=0, request=1, body=b""):
    return AGENT_HEAD.pack(VERSION, kind, handle, request) + body


def moves():
    """Something for the engine to do: scans and searches, most of them in vain."""
    home = IP("192.168.2.2")
    scan = Action(ActionType.ScanNetwork, {"source_host": home, "target_network": Network("192.168.1.0", 24)})
    find = [
        Action(ActionType.FindServices, {"source_host": home, "target_host": IP(f"192.168.1.{n}")})
        for n in range(2, 6)
    ]
    return [action_body(action) for action in (scan, *find)]


class Player:
    """One agent. `answers` counts what it was told, `marks` digests it."""

    def __init__(self, context, address, keys, number):
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        keys.secure(self.socket)
        self.socket.connect(address)
        self.answers, self.refusals, self.marks = 0, 0, []
        self._told = hashlib.sha256()
        self._request, self._handle = 2, 0
        self._moves = moves()
        self.socket.send(raw(Kind.HELLO, 0, 1, Hello(f"agent-{number}").encode()))
        assert self._next(Kind.WELCOME)

    def join(self):
        self.socket.send(raw(Kind.JOIN, 0, 2, Join("default", "Attacker").encode()))
        self._handle = AGENT_HEAD.unpack_from(self._next(Kind.SEATED))[2]
        self._ask(Kind.STEP, self._moves[0])

    def _next(self, kind):
        while (frame := self.socket.recv())[1] != kind:
            assert frame[1] in (Kind.WAIT, Kind.PONG), frame
        return frame

    def hear(self):
        """Takes an answer in, and asks for the next thing."""
        frame = self.socket.recv(zmq.NOBLOCK)
        kind = frame[1]
        self.refusals += kind in (Kind.ERROR, Kind.END)
        if kind != Kind.OBS:
            return
        self.answers += 1
        self._told.update(frame[HEAD_BYTES:])
        if self.answers % MARK_EVERY == 0:
            self.marks.append(self._told.hexdigest()[:16])
        if frame[FLAGS_AT] & Seen.END:
            self._ask(Kind.RESET, Reset().encode())
        else:
            self._ask(Kind.STEP, self._moves[self.answers % len(self._moves)])

    def _ask(self, kind, body):
        self._request += 1
        self.socket.send(raw(kind, self._handle, self._request, body))


def main(agents, address, folder):
    context, keys = zmq.Context(), Keys.load(folder)
    players = [Player(context, address, keys, number) for number in range(int(agents))]
    poller, by_socket = zmq.Poller(), {player.socket: player for player in players}
    for player in players:  # one after the other: whose match is which is always the same
        player.join()
        poller.register(player.socket, zmq.POLLIN)
    poller.register(sys.stdin.fileno(), zmq.POLLIN)
    print("ready", os.getpid(), flush=True)  # noqa: T201  # to whoever has started it
    while True:
        for socket, _ in poller.poll():
            if socket != sys.stdin.fileno():
                by_socket[socket].hear()
                continue
            if not sys.stdin.readline().strip():
                return
            told = [
                sum(p.answers for p in players),
                sum(p.refusals for p in players),
                [p.marks for p in players],
            ]
            print(json.dumps(told), flush=True)  # noqa: T201  # likewise


if __name__ == "__main__":
    main(*sys.argv[1:])
