"""A hub without sockets: the real broker, sessions as agents, and workers that do what the test says."""

from itertools import count

from netsiege.game import AgentRole, GameState
from netsiege.hub import leasing, ledger
from netsiege.hub.arena import Arena
from netsiege.hub.broker import Broker
from netsiege.hub.gate import NOBODY
from netsiege.hub.journal import MemoryJournal
from netsiege.hub.limits import DEFAULT_LIMITS
from netsiege.protocol import (
    EVENT_BODY_AT,
    EVENT_HEAD,
    HEAD_BYTES,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Flag,
    Kind,
    Open,
    OpenRoom,
    Ready,
    SeatCount,
    SessionRole,
    pack,
    unpack,
)
from netsiege.protocol.play import Seated, Seen, observation_body
from netsiege.session import Session

OBSERVATION = observation_body(Seen.FULL, 0, [], GameState().to_wire())
STEP_REPLY = observation_body(Seen.NONE, -1, [], [])


def room(
    name="default", seats=(("Attacker", 1),), players=1, episodes=None, move_s=None, spec=b"spec", **clocks
):
    counts = tuple(SeatCount(role, n) for role, n in seats)
    roles = ("Attacker", "Defender", "Benign")
    return OpenRoom(name, roles, counts, players, 7, episodes, move_s, spec, **clocks)


def seated_body(opening, index, observation=OBSERVATION):
    """What a seat of a match is told first, or when it comes back."""
    seat = opening.seats[index]
    return Seated(
        opening.match, seat.role, seat.index, 1, opening.episodes, 100, "g", "h", "r", observation
    ).encode()


class FakeWorker:
    """Keeps what it is sent. Answers only when told to."""

    def __init__(self, rig, peer, slots=100, engine=b"engine"):
        self.rig, self.peer, self.frames = rig, peer, []
        ready = Ready(peer.decode(), slots, engine, ("netsecgame",), peer)
        self.say(WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + ready.encode())

    def say(self, frame):
        self.rig.from_worker(self.peer, frame)

    def take(self):
        """The frames since the last call as (kind, lease, number, body)."""
        frames, self.frames = self.frames, []
        return [(Kind(f[1]), *WORKER_HEAD.unpack_from(f)[2:], f[HEAD_BYTES:]) for f in frames]

    def opened(self):
        """The matches opened since the last call of `take`, as (lease, Open)."""
        return [(lease, Open.decode(body)) for kind, lease, _, body in self.take() if kind == Kind.OPEN]

    def out(self, lease, seat, kind, request, body, flags=Flag.NONE, sequence=1):
        head = WORKER_HEAD.pack(VERSION, Kind.OUT, lease, sequence)
        self.say(head + OUT_HEAD.pack(seat, kind, flags, request) + body)

    def viewed(self, lease, seat, body):
        self.say(WORKER_HEAD.pack(VERSION, Kind.VIEWED, lease, seat) + body)

    def out_many(self, *records):
        flat = [x for record in records for x in record]
        self.say(WORKER_HEAD.pack(VERSION, Kind.OUT_MANY, 0, len(records)) + pack(flat))

    def seat_all(self):
        """Answers every OPEN with SEATED for its seats; returns the leases."""
        leases = []
        for lease, opening in self.opened():
            self.seat(lease, opening)
            leases.append(lease)
        return leases

    def seat(self, lease, opening):
        """Says SEATED for the seats of a match."""
        for i in range(len(opening.seats)):
            self.out(lease, i, Kind.SEATED, 0, seated_body(opening, i), Flag.MOVE, 0)

    def events(self):
        """The events since the last call of `take`: (lease, sequence, seat, kind, request, body)."""
        found = []
        for kind, lease, number, body in self.take():
            if kind == Kind.EVENT:
                found.append(
                    (lease, number, *EVENT_HEAD.unpack_from(body), body[EVENT_BODY_AT - HEAD_BYTES :])
                )
            elif kind == Kind.EVENT_MANY:
                flat = unpack(body)
                found += [tuple(flat[i : i + 6]) for i in range(0, len(flat), 6)]
        return found


class FakeAgent:
    """A real session whose frames go straight to the broker."""

    def __init__(self, rig, peer, role=SessionRole.AGENT):
        self.rig, self.peer = rig, peer
        self.session = Session(peer.decode(), role)
        self.settled, self.frames = [], []
        self.ask(self.session.hello())

    def ask(self, request):
        number, frame = request
        self.rig.from_agent(self.peer, frame)
        return number

    def join(self, role=AgentRole.Attacker, room="default"):
        return self.ask(self.session.join(room, role))

    def hear(self, frame):
        self.frames.append(frame)
        self.settled += self.session.receive(frame)

    def answers(self):
        settled, self.settled = self.settled, []
        return [s.answer for s in settled]

    @property
    def seat(self):
        return next(iter(self.session.seats.values()))


class Mute:
    """A connection whose frames are kept, and nothing else."""

    def __init__(self):
        self.frames = []

    def hear(self, frame):
        self.frames.append(frame)


class Rig:
    """Broker, agents and workers by peer. Peers that are nobody collect their frames in `nobody`."""

    def __init__(self, *rooms, journal=None, first_number=1_000, gate=None, who=None, limits=DEFAULT_LIMITS):
        numbers = count(first_number)
        self.now_s, self.journal = 0.0, journal
        self.who = {} if who is None else who
        self.arena = Arena(
            (),
            lambda: next(numbers),
            journaling=journal is not None,
            who=lambda peer: self.who.get(peer, NOBODY),
            whose_worker=lambda peer: self.who.get(peer, NOBODY),
            gate=gate,
            limits=limits,
        )
        kept = journal.load() if journal is not None else MemoryJournal().load()
        ledger.restore(self.arena, kept, rooms or (room(),))
        self.broker = Broker(self.arena)
        self.agents, self.workers, self.nobody = {}, {}, []

    def agent(self, peer, role=SessionRole.AGENT):
        self.agents[peer] = None
        agent = FakeAgent.__new__(FakeAgent)
        self.agents[peer] = agent
        agent.__init__(self, peer, role)
        return agent

    def mute(self, peer):
        self.agents[peer] = mute = Mute()
        return mute

    def worker(self, peer, slots=100, engine=b"engine"):
        worker = FakeWorker.__new__(FakeWorker)
        self.workers[peer] = worker
        worker.__init__(self, peer, slots, engine)
        return worker

    def from_agent(self, peer, frame):
        self._pass_on(self.broker.from_agent(peer, frame, self.now_s), self._to_worker)

    def from_worker(self, peer, frame):
        self._pass_on(self.broker.from_worker(peer, frame, self.now_s), self._to_agent)

    def lose_worker(self, peer, blame=True):
        """The worker's connection ends."""
        leasing.workers_gone(self.arena, [peer], blame=blame)
        self.flush()

    def lose_agent(self, peer):
        """The agent's connection ends."""
        self.arena.agent_gone(peer, self.now_s)
        self.flush()

    def tick(self, seconds):
        self.now_s += seconds
        self.arena.tick(self.now_s)
        self.flush()

    def pass_time(self, seconds):
        """Ticks once a second."""
        for _ in range(int(seconds)):
            self.tick(1)

    def flush(self):
        self._pass_on(None, self._to_agent)

    def _pass_on(self, sent, deliver):
        if sent is not None:
            deliver(*sent)
        self.commit()
        for outbox, to in ((self.arena.to_workers, self._to_worker), (self.arena.to_agents, self._to_agent)):
            frames = outbox[:]
            outbox.clear()
            for peer, frame in frames:
                to(peer, frame)

    def commit(self, oldest=0):
        """Keeps what has happened, as the hub's loop does."""
        arena = self.arena
        if self.journal is not None and (arena.turn or arena.records):
            arena.turns += 1
            self.journal.commit(arena.turns, arena.turn, arena.records, oldest)
            arena.turn.clear()
            arena.records.clear()

    def _to_worker(self, peer, frame):
        if peer in self.workers:
            self.workers[peer].frames.append(frame)
        else:
            self.nobody.append((peer, frame))

    def _to_agent(self, peer, frame):
        if self.agents.get(peer) is not None:
            self.agents[peer].hear(frame)
        else:
            self.nobody.append((peer, frame))
