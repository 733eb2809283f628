"""The agent's side: a session that asks what it likes, and a hub that says what it likes.

Whatever the hub says, `Session.receive` settles something or raises `ProtocolError`; and what the session
keeps is bounded by what it has asked and what it was promised, however long the hub goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from netsiege.errors import ProtocolError, SiegeError
from netsiege.game import Action, AgentRole, Observation
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    Code,
    End,
    Error,
    HeldSeat,
    Kind,
    LostSeat,
    Message,
    Reset,
    Resumed,
    SessionRole,
    Wait,
    Welcome,
    pack,
)
from netsiege.protocol.play import read_action
from netsiege.session import Interrupted, Seat, Session, Settled, Unwanted, Unwatched
from tests.fuzz import samples
from tests.fuzz.tape import Tape, short, written
from tests.fuzz.values import bent, body

MAX_BYTES: Final = 250
MAX_DEEDS: Final = 30
HANDLES: Final = tuple(range(101, 109))
FROM_HUB: Final = (
    Kind.WELCOME, Kind.SEATED, Kind.OBS, Kind.OBS_MANY, Kind.WAIT, Kind.END, Kind.ERROR, Kind.PONG,
    Kind.RESUMED, Kind.ROOM, Kind.WATCHING, Kind.EPISODE, Kind.MATCH, Kind.STATE, Kind.TRAJECTORY,
)  # fmt: skip  # a bag of words, not a table
ANSWERS: Final = (Observation, Seat, Message, SiegeError, Unwanted, Unwatched, Interrupted, type(None))
_OF_CLASS: Final = {
    kind: cls for kind in FROM_HUB for cls in samples.examples() if cls.__name__.upper() == kind.name
}


class Play:
    """One session and its hub; `asked` are the numbers of its requests."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.session = Session("me", tape.pick(list(SessionRole)), deltas=not tape.chance(3))
        self.asked: list[int] = []
        self.joins = 0
        self.promised: set[int] = set()
        """Handles that a WELCOME has named."""
        self.hellos = 0

    # --- what the session asks ----------------------------------------------------------------------------

    def ask(self, request: tuple[int, bytes]) -> None:
        self.asked.append(request[0])

    def seat(self) -> Seat | None:
        seats = list(self.session.seats.values())
        return self.tape.pick(seats) if seats else None

    def hello(self) -> None:
        self.hellos += 1
        self.ask(self.session.hello())

    def join(self) -> None:
        self.joins += 1
        self.ask(self.session.join("default", self.tape.pick(list(AgentRole))))

    def withdraw(self) -> None:
        joins = [number for number in self.asked if self.session.is_open(number)]
        if joins:
            self.ask(self.session.withdraw(self.tape.pick(joins)))

    def step(self) -> None:
        seat = self.seat()
        if seat is not None:
            self.ask(self.session.step(seat, self.tape.pick(_actions())))

    def step_many(self) -> None:
        action = self.tape.pick(_actions())
        self.ask(self.session.step_many([(seat, action) for seat in self.session.seats.values()]))

    def reset(self) -> None:
        seat = self.seat()
        if seat is not None:
            self.ask(self.session.reset(seat, Reset(self.tape.chance(2))))

    def leave(self) -> None:
        seat = self.seat()
        if seat is not None:
            self.ask(self.session.leave(seat))

    def others(self) -> None:
        session, kind = self.session, self.tape.below(4)
        if kind == 3:
            self.ask(session.watch("default"))
        else:
            self.ask((session.ping, session.bye, session.status)[kind]())

    # --- what the hub says --------------------------------------------------------------------------------

    def say(self, kind: int, handle: int, request: int, said: bytes) -> None:
        self.hear(AGENT_HEAD.pack(VERSION, kind, handle, request) + said)

    def number(self) -> int:
        """An open request mostly, or one that is not."""
        kind = self.tape.below(5)
        if kind == 4 or not self.asked:
            return self.tape.pick((0, 1, 7, (1 << 32) - 1))
        return self.asked[-1] if kind < 3 else self.tape.pick(self.asked)

    def handle(self) -> int:
        held = list(self.session.seats) or list(HANDLES)
        return self.tape.pick(held) if not self.tape.chance(4) else self.tape.pick((0, *HANDLES))

    def welcome(self) -> None:
        tape = self.tape
        seats = [HeldSeat(self.handle() or 1, self.number(), self.number()) for _ in range(tape.below(4))]
        lost = [LostSeat(self.handle() or 1, *self.last_words()) for _ in range(tape.below(3))]
        told = Welcome(tape.pick((b"token", b"other")), "a hub", tuple(seats), tuple(lost))
        self.say(Kind.WELCOME, 0, self.number(), told.encode())

    def last_words(self) -> tuple[int, int, bytes]:
        kind = self.tape.pick((Kind.END, Kind.ERROR, Kind.WAIT))
        return kind, self.number(), self.tape.pick((_end, _error, body))(self.tape)

    def seated(self) -> None:
        handle, number = self.tape.pick(HANDLES), self.number()
        self.say(Kind.SEATED, handle, number, self.tape.pick(samples.bodies(Kind.SEATED)))

    def seen(self) -> None:
        self.say(Kind.OBS, self.handle(), self.number(), self.tape.pick(samples.bodies(Kind.OBS)))

    def seen_many(self) -> None:
        flat: list[object] = []
        for _ in range(self.tape.below(5)):
            flat += (self.handle(), self.tape.pick((Kind.OBS, *FROM_HUB)))
            flat.append(self.tape.pick(samples.bodies(Kind.OBS)))
        self.say(Kind.OBS_MANY, 0, self.number(), pack(flat))

    def ended(self) -> None:
        kind, request, said = self.last_words()
        self.say(kind, self.handle(), request, said)

    def error(self) -> None:
        self.say(Kind.ERROR, self.handle(), self.number(), _error(self.tape))

    def resumed(self) -> None:
        refusal = _error(self.tape) if self.tape.chance(3) else None
        told = Resumed(self.number(), refusal, self.tape.pick(samples.bodies(Kind.SEATED)))
        self.say(Kind.RESUMED, self.handle(), 0, told.encode())

    def anything(self) -> None:
        """A kind with its own body, bent, or any other."""
        tape = self.tape
        kind = tape.pick(FROM_HUB)
        cls = _OF_CLASS.get(kind)
        real = samples.bodies(kind) or ((samples.examples()[cls],) if cls is not None else (b"\x90",))
        said = body(tape) if tape.chance(4) else bent(tape, tape.pick(real))
        self.say(kind, self.handle(), self.number(), said)

    def scrap(self) -> None:
        self.hear(self.tape.short())

    def hear(self, frame: bytes) -> None:
        """The session takes a frame, as whoever carries it does."""
        session = self.session
        try:
            settled = session.receive(frame)
        except ProtocolError:
            settled = []
        except SiegeError as error:  # which a request may raise, and no frame
            raise AssertionError(f"{type(error).__name__} out of a frame") from error
        for each in settled:
            self.check(each)
        assert len(session.outbox) <= len(self.asked) + 1, "what is to be said again is what was asked"
        session.outbox.clear()
        self.promised |= set(session.awaited)

    def check(self, settled: Settled) -> None:
        assert isinstance(settled.answer, ANSWERS), settled
        assert settled.seat is None or isinstance(settled.seat, Seat)
        if isinstance(settled.answer, Welcome):
            self.promised |= {seat.handle for seat in settled.answer.seats}
        if isinstance(settled.answer, Unwanted):
            self.forgive(lambda: self.ask(self.session.leave(settled.answer.seat)))

    def forgive(self, deed: Callable[[], Any]) -> None:
        """A request may raise what has ended its seat, or say that the last one is open."""
        with contextlib.suppress(SiegeError):
            deed()

    def check_size(self) -> None:
        """The session keeps no more than what it has asked for and what it was promised."""
        session = self.session
        assert len(session._open) <= len(self.asked) + self.hellos * len(HANDLES)
        assert len(session._watches) <= len(self.asked)
        assert len(session.awaited) <= len(HANDLES) + 1
        assert len(session.missed) <= 4 * self.hellos
        assert len(session.seats) <= self.joins + len(self.promised), "seats that nobody asked for"


@cache
def _actions() -> tuple[Action | None, ...]:
    return tuple(map(read_action, samples.actions()))


@cache
def _refusals() -> tuple[bytes, ...]:
    return tuple(Error(code, "no").encode() for code in Code)


def _error(tape: Tape) -> bytes:
    return tape.pick(_refusals())


def _end(tape: Tape) -> bytes:
    return tape.pick([samples.examples()[End], samples.examples()[Wait]])


DEEDS: Final[tuple[Callable[[Play], None], ...]] = (
    Play.hello, Play.join, Play.withdraw, Play.step, Play.step_many, Play.reset, Play.leave, Play.others,
    Play.welcome, Play.seated, Play.seen, Play.seen_many, Play.ended, Play.error, Play.resumed,
    Play.anything, Play.scrap, Play.welcome, Play.seen,
)  # fmt: skip  # a bag of words, not a table
_NUMBER_OF: Final = {deed.__name__: number for number, deed in reversed(list(enumerate(DEEDS)))}


def one_input(data: bytes) -> None:
    """A tape of deeds of a session and its hub."""
    play = Play(Tape(data))
    for _ in range(MAX_DEEDS):
        if play.tape.is_over:
            break
        deed = play.tape.pick(DEEDS)
        play.forgive(lambda deed=deed: deed(play))  # type: ignore[misc]  # bound at once
    play.check_size()


def seeds() -> list[bytes]:
    """Sessions that live: welcome, seats, steps, a new connection with all that can be told of a seat."""
    n = _NUMBER_OF
    role, last = written(0, 0), written(0)
    start = role + written(n["hello"], n["welcome"], 0, 0, 0) + last
    seat = written(n["join"], 0, n["seated"], 0) + last + written(0)
    step = written(n["step"], 0, 1, n["seen"], 0, 0) + last + written(0)
    again = written(n["hello"], n["welcome"], 1, 0, 0, 4, 0, 4, 0, 0, 0) + last
    resumed = written(n["resumed"], 0, 4, 0, 0, 0, 0, 0)
    found = [
        start,
        start + seat,
        start + seat + step * 3,
        start + seat + written(n["reset"], 0, 1, n["ended"], 2) + last,
        start + seat + seat + written(n["step_many"], 0, n["seen_many"], 2, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        start + seat + step + again + resumed + step,
        start + seat + written(n["join"], 0) + again + resumed,
        start + seat + written(n["step"], 0, 1) + again + resumed + written(n["ended"], 0),
    ]
    told = samples.run().told[:40]
    heard = [
        written(n["scrap"], short(AGENT_HEAD.pack(VERSION, kind, HANDLES[0], request) + said))
        for seat_number, kind, request, said in told
        if seat_number == 0 and HEAD_BYTES + len(said) < 256
    ]
    return [*found, start + seat + b"".join(heard)[:MAX_BYTES]]
