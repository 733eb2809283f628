"""Connections: streams of messages that keep their order and lose nothing, until they break.

A `Socket` is a client's end, which connects again by itself, as ZeroMQ does; a `Wire` is one connection of
it, under a routing id that no other ever has; a `Lane` is one direction of that.
"""

from collections import deque

LATENCY_S = 0.0005
AGENTS, WORKERS = "agents", "workers"
NOTICE_S = {AGENTS: 3.0, WORKERS: 1.7}
"""After how long a heartbeat finds out that nobody answers."""


class Lane:
    """One direction of a connection."""

    def __init__(self, network, deliver):
        self.network, self.deliver = network, deliver
        self.queue = deque()
        self.last_s = 0.0
        self.stalled_until_s = 0.0

    def send(self, frame):
        clock = self.network.clock
        self.last_s = max(self.last_s, clock.now_s + self.network.delay_s())
        self.queue.append(frame)
        clock.at(self.last_s, self._arrive)

    def _arrive(self):
        if not self.queue:
            return
        clock = self.network.clock
        if clock.now_s < self.stalled_until_s:
            clock.at(self.stalled_until_s, self._arrive)
        else:
            self.deliver(self.queue.popleft())

    def lose(self, kept):
        """Only the first `kept` of what is under way arrive."""
        while len(self.queue) > kept:
            self.queue.pop()


class Wire:
    """One connection, from when both ends have it."""

    def __init__(self, network, peer, socket, port):
        self.network, self.peer, self.socket, self.port = network, peer, socket, port
        self.up = Lane(network, self._arrived_at_hub)
        self.down = Lane(network, self._arrived_at_client)
        self.broken = False
        """Nothing more enters, whether or not the ends know."""

    def _arrived_at_hub(self, frame):
        self.port.arrived(self.peer, frame)

    def _arrived_at_client(self, frame):
        if self.socket.wire is self:
            self.socket.arrived(frame)

    def send_up(self, frame):
        if not self.broken:
            self.up.send(frame)

    def send_down(self, frame):
        if not self.broken:
            self.down.send(frame)

    def stall(self, until_s):
        self.up.stalled_until_s = self.down.stalled_until_s = until_s

    def snap(self, client_s, hub_s, *, keep_up=None, keep_down=None):
        """Breaks: what is under way is lost from a random point on; each end notices after a while.

        An end hears what has still arrived before it notices, nearly always at the hub.
        """
        if self.broken:
            return
        self.broken = True
        rng, clock = self.network.rng, self.network.clock
        for lane, kept in ((self.up, keep_up), (self.down, keep_down)):
            lane.lose(rng.randint(0, len(lane.queue)) if kept is None else kept)
        heard_s = max(self.up.last_s, self.up.stalled_until_s) if self.up.queue else 0.0
        early = rng.random() < 0.1
        clock.at(clock.now_s + hub_s if early else max(clock.now_s + hub_s, heard_s), self._tell_hub)
        heard_s = max(self.down.last_s, self.down.stalled_until_s) if self.down.queue else 0.0
        clock.at(max(clock.now_s + client_s, heard_s), self._tell_client)

    def _tell_hub(self):
        self.port.connection_ended(self.peer)

    def _tell_client(self):
        self.socket.wire_lost(self)


class Socket:
    """A client's end. `node` has `readable`, `connected` and `disconnected`, and may be unreachable."""

    def __init__(self, network, node, side):
        self.network, self.node, self.side = network, node, side
        self.wire = None
        self.inbox = deque()
        self.closed = False
        self._backlog = deque()
        self._tries = 0
        network.clock.after(LATENCY_S, self._attach)

    def _attach(self):
        if self.closed or self.wire is not None:
            return
        network, node = self.network, self.node
        port = network.hub.port(self.side)
        if port is None or network.clock.now_s < node.unreachable_until_s:
            self._try_again()
            return
        self._tries = 0
        self.wire = Wire(network, network.new_peer(), self, port)
        port.accepted(self.wire)
        while self._backlog:
            self.wire.send_up(self._backlog.popleft())
        network.clock.after(LATENCY_S, node.connected, self)

    def _try_again(self):
        self._tries += 1
        pause_s = min(0.1 * 2**self._tries, 1.0)
        self.network.clock.after(self.network.rng.uniform(0.1, pause_s), self._attach)

    def send(self, frame):
        if self.wire is None:
            self._backlog.append(frame)
        else:
            self.wire.send_up(frame)

    def unread(self):
        """How many frames wait for the process."""
        return len(self.inbox)

    def arrived(self, frame):
        self.inbox.append(frame)
        self.node.readable(self)

    def wire_lost(self, wire):
        if self.wire is not wire or self.closed:
            return
        self.wire = None
        self.node.disconnected(self)
        self._try_again()

    def close(self):
        """What was sent still arrives; nothing more is heard."""
        self._end(None if self.wire is None else len(self.wire.up.queue), 0.0)

    def crash(self, hub_s=0.0):
        """The process is gone, and perhaps the end of what it had sent; the hub notices after a while."""
        self._end(None, hub_s)

    def _end(self, keep_up, hub_s):
        self.closed = True
        if self.wire is not None:
            self.wire.snap(0.0, hub_s, keep_up=keep_up, keep_down=0)
            self.wire = None


class Network:
    """All connections, how long messages take, and what breaks them."""

    def __init__(self, clock, rng, delays):
        self.clock, self.rng, self.delays = clock, rng, delays
        self.hub = None
        self._peers = 0

    def new_peer(self):
        self._peers += 1
        return b"\0" + self._peers.to_bytes(4, "big")

    def delay_s(self):
        if self.delays and self.rng.random() < self.delays:
            return self.rng.uniform(0.0, 0.2)
        return LATENCY_S * (1 + self.rng.random())

    def cut(self, socket, late=0.0):
        """A connection breaks; with probability `late` an end notices only by its heartbeat, or later."""
        if socket.wire is None:
            return
        slow_s = NOTICE_S[socket.side]
        client_s, hub_s = (
            self.rng.uniform(0.0, 1.5 * slow_s) if self.rng.random() < late else self.rng.uniform(0.0, 0.02)
            for _ in range(2)
        )
        socket.wire.snap(client_s, hub_s)

    def haunt(self, socket):
        """The client's end breaks and comes back at once, while the old connection lives on at the hub.

        What was under way over it arrives there after seconds, or when the client has long come back.
        """
        wire = socket.wire
        if wire is None:
            return
        lag_s = self.rng.uniform(0.1, NOTICE_S[socket.side])
        wire.up.stalled_until_s = self.clock.now_s + lag_s
        kept = self.rng.randint(len(wire.up.queue) // 2, len(wire.up.queue))
        wire.snap(self.rng.uniform(0.0, 0.01), lag_s + self.rng.uniform(0.0, 1.0), keep_up=kept)

    def part(self, node, socket, length_s):
        """A node reaches nobody for a while: messages wait, and connections break if it takes too long."""
        until_s = self.clock.now_s + length_s
        node.unreachable_until_s = until_s
        wire = socket.wire if socket is not None else None
        if wire is None:
            return
        wire.stall(until_s)
        slow_s = NOTICE_S[socket.side]
        if length_s > slow_s:
            self.clock.after(self.rng.uniform(0.6, 1.0) * slow_s, self._give_up, wire)

    def _give_up(self, wire):
        wire.snap(self.rng.uniform(0.0, 0.5), self.rng.uniform(0.0, 0.5), keep_up=0, keep_down=0)
