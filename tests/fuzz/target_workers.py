"""The broker and hostile workers: they speak of matches that are theirs, that were, and that never were.

Nothing is raised out of the broker; what is said under a lease that its sender does not hold leads to
nothing; and a match that no stranger has held comes out as if there were none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from netsiege.engine.tables import RULESETS
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    HUB_SEAT,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Code,
    End,
    Error,
    Fault,
    Hello,
    Join,
    Kind,
    OpenRoom,
    Ready,
    Reset,
    SeatCount,
    Welcome,
    WorkerPong,
    pack,
)
from netsiege.scenarios.model import REALTIME, ROUNDS
from tests.fuzz import honest, samples
from tests.fuzz.arena_checks import check, check_forgotten
from tests.fuzz.hall import Hall
from tests.fuzz.honest import Heard, Pair
from tests.fuzz.samples import frame
from tests.fuzz.seasoned import SeasonedHost
from tests.fuzz.small import SmallConstants
from tests.fuzz.tape import Tape, short, written
from tests.fuzz.values import WHOLE, bent, body, torn

MAX_BYTES: Final = 250
MAX_DEEDS: Final = 30
ENGINES: Final = (b"engine", b"other engine")
SAYS: Final = (*range(64, 73), 48, 49, 1, 3, 255)
ANSWERS: Final = (
    Kind.OBS, Kind.WAIT, Kind.END, Kind.ERROR, Kind.SEATED, Kind.RESULT, Kind.TRAJECTORY, Kind.WELCOME, 0,
    255,
)  # fmt: skip  # a bag of words, not a table
FLAGS: Final = (1, 0, 2, 3, 255)


def rooms(pacing: str) -> list[OpenRoom]:
    """One for the honest pair; two whose matches anyone may get."""
    duel, crowd = samples.spec_bytes(), samples.spec_bytes(ROUNDS)
    attacker = (SeatCount("Attacker", 1),)
    return [
        honest.room(pacing),
        OpenRoom("duel", samples.ROLES, attacker, 1, 3, 2, None, duel),
        OpenRoom("crowd", samples.ROLES, (), 2, 4, None, 2.0, crowd, round_s=1.0),
    ]


class Player:
    """An agent that plays by numbers, whatever it is told; only its connection and token matter."""

    def __init__(self) -> None:
        self.peer = b""
        self.token: bytes | None = None
        self.request = 0

    def hear(self, said: bytes) -> None:
        if said[1] == Kind.WELCOME:
            self.token = Welcome.decode(said[HEAD_BYTES:]).token


class Worker:
    """A hostile worker. `host` computes as it should what it is sent; what comes of it need not be said."""

    def __init__(self) -> None:
        self.peer = b""
        self.host = SeasonedHost()
        self.answers: list[bytes] = []
        self.said = b""

    def hear(self, said: bytes) -> None:
        self.answers = [*self.answers[-40:], *self.host.receive(said)]


class Play:
    """A hall with an honest worker and two that are not, an honest pair, and players for the others."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        kind = tape.byte()
        self.pacing = ROUNDS if kind & 1 else REALTIME
        self.succeeded = not kind & 8
        self.hall = opened(self.pacing, slots=1_000)
        self.pair = Pair(self.hall, keyed=False)
        self.workers = [Worker(), Worker()]
        self.players = [Player(), Player()]
        self.mine = self.workers[0]
        self.who = self.players[0]
        self.peers = 4
        for player in self.players:
            self.who = player
            self.dial()
            if kind & 4:
                self.join()

    # --- workers ------------------------------------------------------------------------------------------

    def speak(self) -> None:
        number = self.tape.byte()
        self.mine, self.who = self.workers[number & 1], self.players[number >> 1 & 1]
        if not self.mine.peer:
            self.mine.peer = self.hall.new_peer()
            self.hall.workers[self.mine.peer] = self.mine.hear
            self.hall.books.strangers.add(self.mine.peer)
            self.peers += 1

    def say(self, said: bytes) -> None:
        self.mine.said = said
        self.hall.from_worker(self.mine.peer, said)

    def lease(self) -> int:
        """Its own mostly; or anybody's, or none."""
        arena = self.hall.arena
        worker = arena.workers.get(self.mine.peer)
        own = list(worker.leases) if worker is not None else []
        if own and not self.tape.chance(4):
            return self.tape.pick(own)
        return self.tape.pick([*self.hall.books.leases, 0, 7])

    def number(self) -> int:
        return self.tape.below(24) if not self.tape.chance(12) else self.tape.pick((0, (1 << 32) - 1))

    def request(self, lease: int) -> int:
        """What a seat waits for mostly."""
        waiting = [
            seat.request
            for match in self.hall.arena.matches.values()
            if match.lease == lease
            for seat in match.seats
            if seat.request
        ]
        return self.tape.pick([*waiting, 0, 1, (1 << 32) - 1])

    def ready(self) -> None:
        told = Ready(
            self.tape.pick(("stranger", "worker")),
            self.tape.pick((1, 3, 1 << 20)),
            self.tape.pick(ENGINES),
            RULESETS,
            self.tape.pick((b"process", b"x", b"")),
        ).encode()
        self.mine.host = SeasonedHost()
        self.say(frame(Kind.READY, 0, 0, bent(self.tape, told) if self.tape.chance(6) else told))

    def answer(self) -> None:
        """The next that its host has to say, as it is, bent, twice, or the last first."""
        answers, tape = self.mine.answers, self.tape
        if not answers:
            return
        kind = tape.below(6)
        said = answers.pop(-1 if kind == 1 else 0)
        if kind == 2:
            self.say(said)
        if kind == 3 and len(said) > HEAD_BYTES:
            said = said[:HEAD_BYTES] + bent(tape, said[HEAD_BYTES:])
        elif kind == 4:
            said = torn(tape, said)
        self.say(said)

    def answer_all(self) -> None:
        """As an honest worker would."""
        while self.mine.answers:
            self.say(self.mine.answers.pop(0))

    def words(self, answer: int) -> bytes:
        tape = self.tape
        if tape.chance(5):
            return body(tape)
        if answer == Kind.ERROR:
            return Error(tape.pick(list(Code)), "no").encode()
        if answer == Kind.END:
            return samples.examples()[End]
        return tape.pick(samples.bodies(answer) or (b"\x90",))

    def out(self) -> None:
        lease, answer = self.lease(), self.tape.pick(ANSWERS)
        seat = self.tape.pick((0, 1, 2, HUB_SEAT, 65_534))
        head = OUT_HEAD.pack(seat, answer, self.tape.pick(FLAGS), self.request(lease))
        self.say(frame(Kind.OUT, lease, self.number(), head + self.words(answer)))

    def out_many(self) -> None:
        tape = self.tape
        flat: list[Any] = []
        for _ in range(tape.below(5)):
            lease, answer = self.lease(), tape.pick(ANSWERS)
            flat += (lease, self.number(), tape.pick((0, 1, HUB_SEAT)), int(answer), tape.pick(FLAGS))
            flat += (self.request(lease), self.words(answer))
        if flat and tape.chance(3):
            flat[tape.below(len(flat))] = tape.pick(WHOLE)
        said = pack(flat)
        self.say(frame(Kind.OUT_MANY, 0, self.number(), bent(tape, said) if tape.chance(6) else said))

    def snapshot(self) -> None:
        tape = self.tape
        real = tape.pick(samples.bodies(Kind.SNAPSHOT))
        said = bent(tape, real) if tape.chance(2) else real
        self.say(frame(Kind.SNAPSHOT, self.lease(), self.number(), said))

    def others(self) -> None:
        """FAULT, VIEWED, GONE, W_PONG."""
        tape = self.tape
        kind = tape.pick((Kind.VIEWED, Kind.W_PONG, Kind.FAULT, Kind.GONE))
        said = {
            Kind.VIEWED: tape.pick(samples.bodies(Kind.SEATED)),
            Kind.W_PONG: WorkerPong(tape.pick((0, 1, 9, (1 << 64) - 1))).encode(),
            Kind.FAULT: Fault("broken").encode(),
        }.get(kind, b"")
        number = tape.pick([0, 1, self.hall.arena.pings])
        self.say(frame(kind, self.lease(), number, bent(tape, said) if tape.chance(5) else said))

    def anything(self) -> None:
        self.say(frame(self.tape.pick(SAYS), self.lease(), self.number(), body(self.tape)))

    def scrap(self) -> None:
        self.say(self.tape.short())

    def whatever(self) -> None:
        tape = self.tape
        head = WORKER_HEAD.pack(tape.pick((1, 1, 0, 2)), tape.byte(), self.lease(), tape.whole(4))
        self.say(head + body(tape))

    def repeat(self) -> None:
        self.say(self.tape.pick(self.workers).said)

    def lose(self) -> None:
        self.hall.lose_worker(self.mine.peer, blame=not self.tape.chance(3))
        self.mine.peer, self.mine.answers = b"", []

    # --- players ------------------------------------------------------------------------------------------

    def dial(self) -> None:
        """A new connection; with a token, if there is one, which takes the seats along."""
        who = self.who
        who.peer = self.hall.new_peer()
        self.hall.agents[who.peer] = who.hear
        self.peers += 1
        self.ask(Kind.HELLO, 0, Hello("player", token=who.token).encode())

    def ask(self, kind: int, handle: int, said: bytes) -> None:
        self.who.request += 1
        self.hall.from_agent(self.who.peer, AGENT_HEAD.pack(VERSION, kind, handle, self.who.request) + said)

    def join(self) -> None:
        room = self.tape.pick(("duel", "crowd"))
        self.ask(Kind.JOIN, 0, Join(room, self.tape.pick(("Attacker", "Defender"))).encode())

    def play(self) -> None:
        """Its seats: a step each, in a batch or alone; seldom something else."""
        session = self.hall.arena.sessions.get(self.who.peer)
        handles = list(session.seats) if session is not None else []
        kind = self.tape.below(6)
        if kind == 0 and handles:
            moves = [(handle, self.tape.pick(samples.actions())) for handle in handles]
            self.ask(Kind.STEP_MANY, 0, pack([x for move in moves for x in move]))
        for handle in handles if kind else ():
            if kind == 1:
                self.ask(Kind.RESET, handle, Reset().encode())
            elif kind == 2 and self.tape.chance(4):
                self.ask(Kind.LEAVE, handle, b"")
            else:
                self.ask(Kind.STEP, handle, self.tape.pick(samples.actions()))

    def disconnect(self) -> None:
        self.hall.lose_agent(self.who.peer)

    def tick(self) -> None:
        self.hall.tick(self.tape.pick((0.05, 1.1, 3.0, 16.0, 31.0)))

    def wait(self) -> None:
        """Until whoever gets nowhere is given up."""
        for _ in range(12):
            self.hall.tick(3.0)

    # --- the end ------------------------------------------------------------------------------------------

    def look(self) -> None:
        check(self.hall.arena, self.peers)

    def finish(self) -> None:
        """The honest match comes out as it should, if no stranger has had it; then all go, and are forgotten.

        What strangers leave behind is taken over by honest workers of their engines; or by nobody, and ends.
        """
        hall, pair = self.hall, self.pair
        heard = pair.finish()
        if not pair.matches() & hall.books.tainted:
            assert heard == calm(self.pacing), "the honest match depends on strangers"
        for worker in self.workers:
            if worker.peer:
                hall.lose_worker(worker.peer, blame=False)
        for kin in sorted({match.kin for match in hall.arena.matches.values()}) if self.succeeded else ():
            hall.add_host(SeasonedHost(), _ready(1_000, *kin))
        for peer in list(hall.agents):
            hall.lose_agent(peer)
        for seconds in (16.0, 16.0, 62.0, 62.0, 1.1):
            hall.tick(seconds)
        check_forgotten(hall.arena)


def _ready(slots: int, engine: bytes = ENGINES[0], rulesets: tuple[str, ...] = RULESETS) -> Ready:
    return Ready("worker", slots, engine, rulesets, b"process")


DEEDS: Final[tuple[Callable[[Play], None], ...]] = (
    Play.answer, Play.ready, Play.answer_all, Play.play, Play.play, Play.out, Play.out_many, Play.snapshot,
    Play.others, Play.anything, Play.scrap, Play.whatever, Play.repeat, Play.lose, Play.dial, Play.join,
    Play.disconnect, Play.tick, Play.answer_all, Play.wait,
)  # fmt: skip  # a bag of words, not a table


def opened(pacing: str, slots: int) -> Hall:
    """A hall with one honest worker."""
    hall = Hall(rooms(pacing))
    hall.add_host(SeasonedHost(), _ready(slots))
    return hall


@cache
def calm(pacing: str) -> list[list[Heard]]:
    """What an honest pair hears that nobody disturbs."""
    return Pair(opened(pacing, 1_000), keyed=False).finish()


def one_input(data: bytes) -> None:
    """A tape of what strangers do."""
    with SmallConstants():
        play = Play(Tape(data))
        for _ in range(MAX_DEEDS):
            if play.tape.is_over:
                break
            play.speak()
            play.tape.pick(DEEDS)(play)
            play.look()
            play.pair.move()
        play.finish()


def _deed(deed: Callable[[Play], None], *parts: int | bytes, who: int = 0) -> bytes:
    return written(who, DEEDS.index(deed), *parts)


def seeds() -> list[bytes]:
    """Workers of this engine and another that play, lie, leave and come back."""
    found = []
    pong = _deed(Play.others, 1, 0, 1, 2, 0, 0, 0)
    for kind in (0, 1, 4, 5, 8, 9, 12, 13):
        for engine in (0, 1):
            ready = written(kind, 0, 0, 0, 0) + _deed(Play.ready, 0, 2, engine, 0, 0)
            lost, again = _deed(Play.lose, 0), _deed(Play.ready, 0, 2, engine, 0, 0)
            plays = ready + _deed(Play.join, 0, 0) + _deed(Play.answer_all) + _deed(Play.play, 4, 1)
            found += [
                plays + _deed(Play.answer_all) + _deed(Play.play, 0, 1, 2) + _deed(Play.answer_all),
                plays + _deed(Play.answer, 3, 0, 1) + _deed(Play.answer, 4, 0, 1) + _deed(Play.answer_all),
                plays + _deed(Play.out, 0, 0, 0, 0, 1, 0, 0, 5, 0) * 3,
                plays + _deed(Play.out_many, 3, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 0),
                plays + _deed(Play.lose, 0) + _deed(Play.ready, 0, 2, engine, 0, 0, who=1),
                plays + _deed(Play.answer_all) + _deed(Play.snapshot, 0, 0, 1, 0) + _deed(Play.lose, 0),
                plays + _deed(Play.dial) + _deed(Play.others, 0, 0, 0, 0, 0) + _deed(Play.answer_all),
                plays + _deed(Play.others, 1, 3, 2, 0, 0) + _deed(Play.others, 2, 0, 0, 0, 0),
                plays + _deed(Play.tick, 2) + _deed(Play.tick, 4) + _deed(Play.answer_all),
                plays + _deed(Play.wait) + _deed(Play.answer_all) + _deed(Play.play, 3, 1),
                plays + (lost + again) * 2 + pong * 3 + lost + again,
                plays + (lost + again) * 2 + pong + _deed(Play.answer_all) + _deed(Play.play, 3, 1) + pong,
                plays + _deed(Play.scrap, short(frame(Kind.FAULT, 1, 1, Fault("x").encode()))),
            ]
    return found
