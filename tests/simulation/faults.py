"""What goes wrong, when, and to whom. Each kind draws from a stream of its own."""

from netsiege.protocol import AGENT_HEAD, OUT_HEAD, VERSION, WORKER_HEAD, Hello, Kind, pack
from tests.simulation.network import AGENTS, NOTICE_S, WORKERS, Socket
from tests.simulation.plan import FAULTS_UNTIL_S

QUIET = b"\x94\x00\xff\x90\x90"
"""An observation in which nothing happens."""


def schedule(world):
    """Puts all faults of the plan on the clock."""
    for kind in sorted(world.plan.faults):
        rng = world.streams[f"fault/{kind}"]
        if kind == "delay":
            world.network.delays = rng.choice((0.1, 0.5, 1.0))
            world.count(kind)
            continue
        if kind == "mute":
            _mute(world, rng)
            continue
        for _ in range(1 if kind in ("poison", "garbage") else rng.randint(1, 4)):
            world.clock.at(rng.uniform(0.1, FAULTS_UNTIL_S), _inject, world, kind, rng)


def _inject(world, kind, rng):
    if FAULTS[kind](world, rng) and kind != "poison":
        world.count(kind)


def _mute(world, rng):
    """An agent that never moves, where a clock sees to it that the others need not wait for ever."""
    able = [
        agent
        for agent in world.plan.agents
        if all(world.plan.room(room).opened.move_s is not None for room, _ in agent.joins)
    ]
    if able:
        rng.choice(able).mute = True
        world.count("mute")


def _pick(things, rng):
    return rng.choice(things) if things else None


def _agent(world, rng):
    return _pick([node for node in world.agents if node.process is not None], rng)


def _worker(world, rng):
    return _pick([node for node in world.workers if node.alive], rng)


def _anyone(world, rng):
    """A node and its socket."""
    node = _worker(world, rng) if rng.random() < 0.4 else _agent(world, rng)
    if node is None:
        return None, None
    return node, node.socket if node in world.workers else node.process.socket


# --- connections ------------------------------------------------------------------------------------------


def _cut(world, rng):
    _, socket = _anyone(world, rng)
    if socket is not None:
        world.network.cut(socket)
    return socket is not None


def _half_open(world, rng):
    _, socket = _anyone(world, rng)
    if socket is not None:
        world.network.cut(socket, late=0.8)
    return socket is not None


def _zombie(world, rng):
    _, socket = _anyone(world, rng)
    if socket is not None:
        world.network.haunt(socket)
    return socket is not None


def _partition(world, rng):
    length_s = rng.uniform(0.1, 5.0)
    for _ in range(rng.randint(1, 4)):
        node, socket = _anyone(world, rng)
        if node is not None:
            world.network.part(node, socket, length_s)
    return True


# --- workers ----------------------------------------------------------------------------------------------


def _worker_crash(world, rng):
    node = _worker(world, rng)
    if node is None:
        return False
    if rng.random() < 0.7:
        node.fuse = rng.randint(0, 6)
    else:
        node.die(late=rng.random() < 0.5)
    return True


def _worker_stall(world, rng):
    """Computes nothing for a while; if the whole process is stopped, its heartbeat stops too."""
    node = _worker(world, rng)
    if node is None:
        return False
    length_s = rng.uniform(0.3, 9.0)
    node.stalled_until_s = world.clock.now_s + length_s
    if rng.random() < 0.5 and length_s > NOTICE_S[WORKERS] and node.socket.wire is not None:
        node.socket.wire.snap(length_s, NOTICE_S[WORKERS])
    return True


def _worker_gone(world, rng):
    node = _worker(world, rng)
    if node is not None:
        node.leave()
    return node is not None


def _liar(world, rng):
    """From now on it says false things of the matches that it takes over from others."""
    node = _worker(world, rng)
    if node is not None:
        node.lies = True
    return node is not None


def _worker_anew(world, rng):
    """It begins anew over the connection that it has: READY says that it holds nothing."""
    node = _worker(world, rng)
    if node is None or not node.worker._connected:
        return False
    node.begin_anew()
    return True


def _worker_join(world, rng):
    """One more comes, now and then one with another engine."""
    slots, engine = world.plan.workers[0]
    world.add_worker(slots, b"another engine" if rng.random() < 0.2 else engine)
    return True


# --- the hub ----------------------------------------------------------------------------------------------


def _hub_crash(world, rng):
    if not world.hub.alive:
        return False
    if rng.random() < 0.8:
        world.hub.fuse = rng.randint(0, 40)
    else:
        world.hub.die(late=rng.random() < 0.5)
    return True


def _hub_pause(world, _rng):
    if not world.hub.alive:
        return False
    world.hub.pause()
    return True


def _hub_stall(world, rng):
    """The hub's process is stopped for a while; it finds out only by the clock, the others by heartbeats."""
    if not world.hub.alive:
        return False
    world.hub.stall(rng.uniform(0.2, 6.0))
    return True


def _clock_jump(world, rng):
    world.hub.skew_s += rng.uniform(0.5, 8.0)
    return True


# --- agents -----------------------------------------------------------------------------------------------


def _agent_crash(world, rng):
    """A process dies; another one of the same agent comes, and knows the token."""
    node = _agent(world, rng)
    if node is None:
        return False
    node.process.die(rng.choice((0.0, 0.01, 2.0)))
    world.clock.after(rng.uniform(0.02, 6.0), _comes_back, node)
    return True


def _comes_back(node):
    if node.process is None and not node.done:
        node.start(node.token)


def _agent_quit(world, rng):
    node = _agent(world, rng)
    if node is None:
        return False
    node.done = True
    node.process.die(rng.choice((0.0, 2.0)))
    return True


def _takeover(world, rng):
    """A second process takes the session over while the first goes on."""
    node = _agent(world, rng)
    if node is None or node.token is None or not node.was_seated:
        return False
    before = node.process
    node.start(node.token)
    if not before.session.welcomed:
        before.die()  # two that say HELLO at the same time would take it from each other for ever
    return True


def _repeat(world, rng):
    """Says again what is open; now and then so often that the hub has had enough."""
    node = _agent(world, rng)
    if node is not None:
        for _ in range(100 if rng.random() < 0.15 else 1):
            node.process.repeat()
    return node is not None


def _deaf(world, rng):
    node = _agent(world, rng)
    if node is not None:
        node.process.reading_from_s = world.clock.now_s + rng.uniform(0.2, 6.0)
    return node is not None


def _poison(world, rng, tries=40):
    """Somebody who is to move sends what kills workers; if nobody is, a little later."""
    able = [node for node in world.agents if node.process is not None]
    rng.shuffle(able)
    for node in able:
        if node.process.poison():
            world.count("poisoned")
            return True
    if tries:
        world.clock.after(0.02, _poison, world, rng, tries - 1)
    return False


# --- directors of halls -----------------------------------------------------------------------------------


def _director(world):
    return None if world.hall_director is None else world.hall_director.process


def _director_crash(world, rng):
    process = _director(world)
    if process is None:
        return False
    if rng.random() < 0.8:
        process.fuse = rng.randint(0, 8)
    else:
        world.hall_director.crash(process)
    return True


def _director_cut(world, rng):
    process = _director(world)
    if process is None:
        return False
    luck = rng.random()
    if luck < 0.2:
        world.network.cut(process.socket, late=0.5)
    elif luck < 0.4:
        world.hall_director.is_cut_at_a_result = True
    elif luck < 0.7:
        world.network.haunt(process.socket)
    else:
        world.network.part(world.hall_director, process.socket, rng.uniform(0.1, 5.0))
    return True


# --- strangers --------------------------------------------------------------------------------------------


def _garbage(world, rng):
    (Vandal if rng.random() < 0.7 else Impostor)(world, rng)
    return True


class Vandal:
    """Sends what no session sends, reads nothing, and goes."""

    SIDE = AGENTS

    def __init__(self, world, rng):
        self.world, self.rng = world, rng
        self.unreachable_until_s = 0.0
        self.socket = Socket(world.network, self, self.SIDE)
        if rng.random() < 0.6 and self.SIDE == AGENTS:
            said = Hello("vandal", deltas=True, software="")
            self.socket.send(AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 1) + said.encode())
        count, length_s = rng.choice(((20, 1.0), (120, 0.5), (300, 0.2)))
        for _ in range(count):
            world.clock.after(rng.uniform(0.0, length_s), self._send)
        world.clock.after(length_s + rng.uniform(0.0, 1.0), self.socket.crash, rng.choice((0.0, 3.0)))

    def _send(self):
        if not self.socket.closed:
            self.socket.send(self._frame())

    def _frame(self):
        rng = self.rng
        luck = rng.random()
        if luck < 0.02:
            return None  # a message of more than one frame
        if luck < 0.1:
            return rng.randbytes(rng.randint(0, 13))
        handles = sorted(self.world.reference.lines) or [0]
        handle = rng.choice((0, 1, rng.choice(handles), rng.choice(handles)))
        kind = rng.choice((rng.randint(0, 255), *range(1, 9), Kind.STEP, Kind.STEP_MANY, Kind.LEAVE))
        body = rng.choice((b"", b"\xc0", b"\x91\x07", rng.randbytes(9), pack([handle, b"\xc0"])))
        if kind == Kind.HELLO and luck > 0.5:
            body = Hello("vandal", token=rng.randbytes(16)).encode()
        version = VERSION if rng.random() < 0.9 else 9
        return AGENT_HEAD.pack(version, kind, handle, rng.choice((0, 1, 2, rng.randint(1, 60)))) + body

    def readable(self, _socket):
        pass

    def connected(self, _socket):
        pass

    def disconnected(self, socket):
        socket.close()


class Impostor(Vandal):
    """Speaks on the workers' side, under the leases of others, without ever having said READY."""

    SIDE = WORKERS

    def _frame(self):
        rng = self.rng
        leases = sorted(self.world.registry.lease_of) or [1]
        kind = rng.choice((Kind.OUT, Kind.OUT_MANY, Kind.SNAPSHOT, Kind.VIEWED, Kind.FAULT, Kind.READY, 200))
        body = rng.choice((b"", b"\xc0", OUT_HEAD.pack(0, Kind.OBS, 1, 3) + QUIET, rng.randbytes(9)))
        if kind == Kind.OUT_MANY and rng.random() < 0.5:
            body = pack([rng.choice(leases), 1, 0, int(Kind.OBS), 1, 3, QUIET])
        return WORKER_HEAD.pack(VERSION, kind, rng.choice(leases), rng.randint(0, 20)) + body


FAULTS = {
    "cut": _cut,
    "half_open": _half_open,
    "zombie": _zombie,
    "partition": _partition,
    "worker_crash": _worker_crash,
    "worker_stall": _worker_stall,
    "worker_gone": _worker_gone,
    "worker_join": _worker_join,
    "worker_anew": _worker_anew,
    "hub_crash": _hub_crash,
    "hub_pause": _hub_pause,
    "hub_stall": _hub_stall,
    "clock_jump": _clock_jump,
    "agent_crash": _agent_crash,
    "agent_quit": _agent_quit,
    "takeover": _takeover,
    "garbage": _garbage,
    "repeat": _repeat,
    "deaf": _deaf,
    "poison": _poison,
    "liar": _liar,
    "director_crash": _director_crash,
    "director_cut": _director_cut,
}
