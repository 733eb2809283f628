"""Agents: real sessions, carried over one simulated connection after another, that play by `policy`.

An `AgentProcess` is what a process with the blocking client would be: it dies as a whole. An `AgentNode` is
the place where one process follows another, with the session's token.
"""

import random

from netsiege.errors import HubUnreachable, ProtocolError, SiegeError
from netsiege.game import AgentRole, Observation
from netsiege.protocol import HEAD_BYTES, End, Kind, SessionRole, unpack
from netsiege.session import Interrupted, Seat, Session, Unwanted
from tests.simulation import policy
from tests.simulation.clock import Violation
from tests.simulation.network import AGENTS, Socket
from tests.simulation.worker_node import POISON

WELCOME_WITHIN_S = 2.5
RECONNECT_S = 30.0
SILENCE_S = 5.0


class AgentProcess:
    """One process of an agent."""

    ROLE = SessionRole.AGENT

    def __init__(self, node, token=None):
        self.node, self.world, self.plan = node, node.world, node.plan
        self.rng = node.rng
        self.session = Session(self.plan.name, self.ROLE, self.plan.deltas, token)
        self.alive = True
        self.socket = None
        self.joined = node.was_seated
        self.reading_from_s = 0.0
        """It takes nothing in before then."""
        self._hello = self._ping = 0
        self._try = 0
        self._heard_s = 0.0
        self._gives_up_s = None
        self._settled = set()
        self._repeated = set()
        """Requests that were said twice: each may be refused."""
        self._thinking = set()
        self._leaving = False
        self._dial()

    # --- the connection -----------------------------------------------------------------------------------

    @property
    def unreachable_until_s(self):
        return self.node.unreachable_until_s

    def _dial(self):
        self._try += 1
        self.socket = Socket(self.world.network, self, AGENTS)
        number, frame = self.session.hello()
        self._hello = number
        self._send(frame)
        self.world.clock.after(WELCOME_WITHIN_S, self._no_welcome, self._try)

    def _no_welcome(self, number):
        if self.alive and number == self._try and not self.session.welcomed:
            self._interrupted()

    def _interrupted(self):
        """The connection is of no use: another one, a little later."""
        if not self.node.is_current(self):
            self.die()  # another process has taken the session over
            return
        now_s = self.world.clock.now_s
        if self._gives_up_s is None:
            self._gives_up_s = now_s + RECONNECT_S
        self.socket.close()
        self.session.welcomed = False
        if now_s > self._gives_up_s:
            self.world.history.note(self.plan.name, "gives up")
            self.node.over(self)
            return
        self._try += 1
        self.world.clock.after(self.rng.uniform(0.1, 1.0), self._dial_again, self._try)

    def _dial_again(self, number):
        if not self.node.is_current(self):
            self.die()
        elif self.alive and number == self._try:
            self._dial()

    def _mind_the_silence(self, number):
        """A hub that says nothing for long is asked whether it is there, and given up after that."""
        if not self.alive or number != self._try or not self.session.welcomed:
            return
        silent_s = self.world.clock.now_s - self._heard_s
        if silent_s > 2 * SILENCE_S:
            self._interrupted()
            return
        if silent_s > SILENCE_S and not self.session.is_open(self._ping):
            self._ping = self._ask(self.session.ping())
        self.world.clock.after(SILENCE_S / 2, self._mind_the_silence, number)

    def connected(self, socket):
        pass

    def disconnected(self, socket):
        """The monitor says so; the process looks there a little later."""
        self.world.clock.after(self.rng.choice((0.0, 0.0, 0.05)), self._looks, socket)

    def _looks(self, socket):
        if self.world.clock.now_s < self.reading_from_s:
            self.world.clock.at(self.reading_from_s, self._looks, socket)
        elif self.alive and socket is self.socket and not socket.closed:
            self._interrupted()

    def readable(self, socket):
        now_s = self.world.clock.now_s
        if now_s < self.reading_from_s:
            self.world.clock.at(self.reading_from_s, self._read, socket)
        else:
            self._read(socket)

    def _read(self, socket):
        if self.world.clock.now_s < self.reading_from_s:
            return
        while self.alive and socket is self.socket and not socket.closed and socket.inbox:
            self._hear(socket.inbox.popleft())

    def _send(self, frame):
        self.world.history.note(self.plan.name, "sends", b"", frame)
        self.socket.send(frame)

    def _ask(self, request):
        """A request leaves, or waits in the session until there is a connection."""
        number, frame = request
        if self.session.welcomed:
            self._send(frame)
        return number

    # --- what is heard ------------------------------------------------------------------------------------

    def _hear(self, frame):
        session = self.session
        was_welcomed = session.welcomed
        self._heard_s = self.world.clock.now_s
        self._hears_resumed = len(frame) > HEAD_BYTES and frame[1] == Kind.RESUMED
        self.world.history.note(self.plan.name, "hears", b"", frame)
        try:
            settled = session.receive(frame)
        except Exception as error:
            raise Violation("nothing raises", f"{self.plan.name}: {type(error).__name__}: {error}") from error
        for again in session.outbox:
            self._send(again)
        session.outbox.clear()
        if session.welcomed and not was_welcomed:
            self._gives_up_s = None
            self._mind_the_silence(self._try)
            self.node.token = session.token
            self._join()
        for each in settled:
            if self.alive:
                self._take(each)
        if self.alive and session.welcomed:
            for seat in session.seats.values():
                self._think(seat)
            self._finish_if_done()

    def _take(self, settled):
        answer, seat, request = settled.answer, settled.seat, settled.request
        if isinstance(answer, Interrupted):
            self._interrupted()
            return
        # a hub that starts again repeats last words, also if they, or the answer before them, were heard
        if request and not isinstance(answer, End) and (seat is None or seat.ended is None):
            self._once(request, seat, answer)
        if isinstance(answer, Unwanted):
            self._leave(answer.seat)
        elif isinstance(answer, Seat):
            self.node.seated(answer)
        elif isinstance(answer, Observation):
            self.node.observed(seat, request, answer, in_passing=self._hears_resumed)
        elif seat is not None:
            self._about_seat(seat, request, answer)
        elif isinstance(answer, SiegeError):
            self._refused(request, answer)

    def _about_seat(self, seat, request, answer):
        if seat.ended is not None:
            self.node.seat_ended(seat, answer)
        elif isinstance(answer, SiegeError):
            self.node.refused(seat, request, answer)

    def _once(self, request, seat, answer):
        key = (request, None if seat is None else seat.handle)
        if key in self._settled and not (isinstance(answer, SiegeError) and request in self._repeated):
            raise Violation("each request is answered once", f"{self.plan.name}: request {request} twice")
        self._settled.add(key)

    def _refused(self, request, error):
        """An error about no seat."""
        if request == self._hello:
            raise Violation("nothing raises", f"{self.plan.name}: HELLO: {error}")
        taken = isinstance(error, ProtocolError) and error.code == "SESSION_TAKEN"
        if taken or isinstance(error, HubUnreachable):
            self._interrupted()

    # --- what is asked ------------------------------------------------------------------------------------

    def _join(self):
        if self.joined:
            return
        self.joined = True
        for room, role in self.plan.joins:
            self.node.joins.add(self._ask(self.session.join(room, AgentRole.from_string(role))))

    def take_back_joins(self):
        """Nobody else will come: whoever waits for others gives up."""
        for number, asked in list(self.session._open.items()):
            if asked.kind == Kind.JOIN and not asked.withdrawn and self.session.welcomed:
                self._ask(self.session.withdraw(number))

    def _leave(self, seat):
        if not seat.request and seat.ended is None:
            self._note_asked(seat, Kind.LEAVE, b"", self._ask(self.session.leave(seat)))

    def _think(self, seat):
        if seat.request or seat.ended is not None or seat.handle in self._thinking or self.plan.mute:
            return
        if seat.handle in self.session.awaited:
            return  # how it stands is about to be told
        self._thinking.add(seat.handle)
        self.world.clock.after(self._pause_s(seat), self._act, seat)

    def _pause_s(self, _seat):
        """How long it thinks before it acts on a seat."""
        return self.rng.uniform(0.0, 2 * self.plan.think_s)

    def _act(self, seat):
        self._thinking.discard(seat.handle)
        if not self.alive or seat.request or seat.ended is not None:
            return
        if seat.handle in self.session.awaited:
            return
        now_s = self.world.clock.now_s
        if now_s < self.reading_from_s:
            self._thinking.add(seat.handle)
            self.world.clock.at(self.reading_from_s, self._act, seat)
            return
        if self.plan.leaves and self.rng.random() < 0.05:
            self._leave(seat)
            return
        kind, what = self.node.decide(seat)
        if self.plan.batches and kind == Kind.STEP and not isinstance(what, bytes):
            self._act_many(seat, what)
            return
        body = policy.body_of(kind, what)
        number = self._ask(self.session._ask_seat(kind, seat, body))
        self._note_asked(seat, kind, body, number)

    def _act_many(self, seat, what):
        """Moves all seats that are to move and have decided for a step, in one message."""
        moves = [(seat, what)]
        for other in self.session.seats.values():
            if other is seat or other.request or other.handle in self.session.awaited:
                continue
            kind, chosen = self.node.decide(other)
            if kind == Kind.STEP and not isinstance(chosen, bytes):
                moves.append((other, chosen))
        number = self._ask(self.session.step_many(moves))
        for moved, action in moves:
            self._note_asked(moved, Kind.STEP, policy.body_of(Kind.STEP, action), number)

    def _note_asked(self, seat, kind, body, number):
        self.node.asked(seat.handle, number, int(kind), body)

    def repeat(self):
        """Says again what is open, over the same connection; a STEP_MANY only if all of it is open."""
        for asked in list(self.session._open.values()):
            if asked.kind == Kind.STEP_MANY and len(unpack(asked.frame[HEAD_BYTES:])) != 2 * len(asked.seats):
                continue
            if asked.frame and asked.seats and self.session.welcomed:
                self.world.count("repeat")
                self._repeated |= set(self.session._open)
                self._send(asked.frame)

    def poison(self):
        """Sends what kills a worker; whether a seat was to move."""
        for seat in self.session.seats.values():
            if not seat.request and self.session.welcomed:
                number = self._ask(self.session._ask_seat(Kind.STEP, seat, POISON))
                self._note_asked(seat, Kind.STEP, POISON, number)
                return True
        return False

    # --- ends ---------------------------------------------------------------------------------------------

    def _finish_if_done(self):
        session = self.session
        if session.seats or session.awaited or self._leaving or not self.joined:
            return
        if any(asked.kind == Kind.JOIN or asked.seats for asked in session._open.values()):
            return
        if not all(asked.kind in (Kind.LEAVE, Kind.PING) for asked in session._open.values()):
            return
        self._leaving = True
        self.node.over(self, says_bye=self.plan.byes)

    def say_bye_and_close(self):
        self._send(self.session.bye()[1])
        self.alive = False
        self.socket.close()

    def die(self, hub_s=0.0):
        """The process is gone."""
        self.alive = False
        self.world.history.note(self.plan.name, "dies")
        if self.socket is not None:
            self.socket.crash(hub_s)


class AgentNode:
    """Where an agent's processes run, and what is known of it all in all."""

    def __init__(self, world, plan):
        self.world, self.plan = world, plan
        self.rng = random.Random(f"{world.plan.seed}/{plan.name}")
        self.unreachable_until_s = 0.0
        self.token = None
        self.done = False
        self.joins = set()
        self.asked_of = {}
        """(Handle, request) -> what was asked under it: one thing, or more if it was lost before."""
        self.processes = []
        self.was_seated = False
        self.known = []
        """(Handle, request, observation): some of what was seen."""
        self.last_known = {}
        """Handle -> (request, observation) that came last."""
        self.answered = set()
        """(Handle, request) that an observation has settled."""
        self.refusals = []
        self.ends = []
        self._observations = 0

    def start(self, token=None):
        self.processes.append(AgentProcess(self, token))

    @property
    def process(self):
        """The one that runs now; None if none does."""
        return self.processes[-1] if self.processes and self.processes[-1].alive else None

    def is_current(self, process):
        return process is self.processes[-1]

    def over(self, process, says_bye=False):
        """The process has nothing more to do."""
        if process.alive and says_bye:
            process.say_bye_and_close()
        elif process.alive:
            process.die()
        if self.is_current(process):
            self.done = True

    # --- what the processes say ---------------------------------------------------------------------------

    def decide(self, seat):
        line = self.world.reference.lines[seat.handle]
        return policy.decide(seat.seed, line.match.steps[line.index], seat.observation)

    def asked(self, handle, number, kind, body):
        self.asked_of.setdefault((handle, number), []).append((kind, body))

    def seated(self, _seat):
        self.was_seated = True

    def observed(self, seat, request, observation, in_passing):
        """What the seat knows now: some of it is compared at the end.

        `in_passing`: from a RESUMED, which may tell of passes that came after the move it answers.
        """
        self.last_known[seat.handle] = (0 if in_passing else request, observation)
        self._observations += 1
        if request and self._observations % 8 == 0 and not in_passing:
            self.known.append((seat.handle, request, observation))
        if request:
            self.answered.add((seat.handle, request))

    def refused(self, seat, request, error):
        self.refusals.append((seat.handle, request, error))

    def seat_ended(self, seat, answer):
        self.ends.append((seat.handle, answer))
