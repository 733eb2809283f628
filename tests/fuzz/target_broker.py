"""The broker and hostile agents: several of them, with any key, beside two honest ones who play a match.

Nothing is raised out of the broker. Nobody hears of a seat that is not its own, of rooms that its key may not
enter, of matches that it may not watch. The arena stays consistent after every frame, forgets all about who
has gone, and the honest match comes out as if nobody else were there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import attrs

from netsiege.engine.tables import RULESETS
from netsiege.hub.gate import NOBODY, Who
from netsiege.hub.limits import Limits
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    Hello,
    Join,
    Kind,
    OpenRoom,
    Ready,
    Reset,
    SeatCount,
    SessionRole,
    Watch,
    Welcome,
    pack,
)
from netsiege.scenarios.model import REALTIME, ROUNDS
from tests.fuzz import honest, samples
from tests.fuzz.arena_checks import check, check_forgotten
from tests.fuzz.gates import GRANTS, HOSTILE, WORKER_KEY, ListGate
from tests.fuzz.hall import Hall
from tests.fuzz.honest import Heard, Pair
from tests.fuzz.seasoned import SeasonedHost
from tests.fuzz.small import SmallConstants
from tests.fuzz.tape import Tape, short, written
from tests.fuzz.values import WHOLE, bent, body, torn

MAX_BYTES: Final = 250
MAX_DEEDS: Final = 30
SAYS: Final = (*range(1, 10), 32, 34, 38, 16, 18, 50, 65, 255)
"""Kinds: an agent's, a director's, and some that none of them sends."""
ROOMS: Final = ("duel", "crowd", "closed", "honest", "new", "nowhere")
ROLES: Final = (*samples.ROLES, "attacker", "")
LIMITS: Final = Limits(
    idle_talk_per_s=40,
    seats_per_session=5,
    seats_per_key=8,
    sessions_per_key=2,
    sessions_per_address=6,
    joins_burst=2,
    joins_per_s=1.0,
    rooms=7,
)
READY: Final = Ready("worker", 1_000, b"engine", RULESETS, b"process")
"""The honest worker."""


def rooms(pacing: str) -> list[OpenRoom]:
    """One for honest agents; with and without clocks; one that few keys may enter."""
    all_roles, endless = samples.ROLES, samples.spec_bytes(REALTIME, max_steps=None, save_trajectories=True)
    attacker = (SeatCount("Attacker", 1),)
    return [
        honest.room(pacing),
        OpenRoom("duel", all_roles, attacker, 1, 3, 2, 5.0, samples.spec_bytes(), episode_s=30.0),
        OpenRoom(
            "crowd", all_roles, (), 2, 4, None, 2.0, samples.spec_bytes(ROUNDS), round_s=1.0, grace_s=0.0
        ),
        OpenRoom("closed", all_roles, (), 1, 5, None, None, endless, journal=False),
    ]


class Stranger:
    """Somebody with a key, and what it knows: its tokens and seats, and the last that it has said."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.peer = b""
        self.tokens: list[bytes] = []
        self.said = b""

    def hear(self, frame: bytes) -> None:
        if frame[1] == Kind.WELCOME:
            self.tokens = [*self.tokens[-2:], Welcome.decode(frame[HEAD_BYTES:]).token]


class Play:
    """A hall full of strangers, and an honest pair that comes in the middle of it."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        kind = tape.byte()
        self.keyed, self.pacing = bool(kind & 1), ROUNDS if kind & 2 else REALTIME
        self.gate = ListGate() if self.keyed else None
        self.hall = opened(self.gate, self.pacing, LIMITS)
        self.pair: Pair | None = None
        self.come_at = kind >> 2 & 7
        self.strangers = [Stranger(key) for key in HOSTILE]
        self.mine = self.strangers[0]
        self.peers = 0

    # --- who speaks ---------------------------------------------------------------------------------------

    def speak(self) -> Stranger:
        """One of the first few mostly, over the connection that it has, or a new one."""
        number = self.tape.byte()
        self.mine = self.strangers[number % (3 if number < _OFTEN else len(self.strangers))]
        if not self.mine.peer:
            self.dial()
        return self.mine

    def dial(self) -> None:
        hall, mine = self.hall, self.mine
        mine.peer = hall.new_peer()
        hall.who[mine.peer] = Who(mine.key, "192.0.2.7") if self.keyed else NOBODY
        hall.agents[mine.peer] = mine.hear
        self.peers += 1

    def say(self, frame: bytes) -> None:
        self.mine.said = frame
        if self.pair is None and len(frame) > HEAD_BYTES and frame[1] == Kind.JOIN and b"honest" in frame:
            return  # who comes before the honest pair would play with them, and may
        self.hall.from_agent(self.mine.peer, frame)
        if self.mine.peer not in self.hall.agents:
            self.mine.peer = b""

    def message(self, kind: int, handle: int, said: bytes) -> None:
        self.say(AGENT_HEAD.pack(VERSION, kind, handle, self.number()) + said)

    def number(self) -> int:
        """Few numbers, so that they come twice; seldom the least or the largest."""
        number = self.tape.byte()
        return 1 + number % 23 if number < _OFTEN else (0, (1 << 32) - 1)[number & 1]

    def handle(self) -> int:
        """A seat of its own mostly; or anybody's, as if handles were no secret."""
        session = self.hall.arena.sessions.get(self.mine.peer)
        own = list(session.seats) if session is not None else []
        if own and not self.tape.chance(4):
            return self.tape.pick(own)
        return self.tape.pick([*self.hall.arena.seats, 0, 7])

    # --- what is said -------------------------------------------------------------------------------------

    def hello(self) -> None:
        token = self.tape.pick((None, None, *self.mine.tokens, *self.others_tokens()))
        told = Hello("me", self.tape.pick(list(SessionRole)), token, not self.tape.chance(4))
        self.message(Kind.HELLO, 0, told.encode())

    def others_tokens(self) -> list[bytes]:
        """With keys, a token alone is worth nothing: everybody knows all of them."""
        known = [token for stranger in self.strangers for token in stranger.tokens]
        return [*known, *self.hall.arena.tokens] if self.keyed else [*known, bytes(16)]

    def join(self) -> None:
        self.message(Kind.JOIN, 0, Join(self.tape.pick(ROOMS), self.tape.pick(ROLES)).encode())

    def step(self) -> None:
        self.message(Kind.STEP, self.handle(), self.tape.pick(samples.actions()))

    def step_many(self) -> None:
        flat: list[object] = []
        for _ in range(self.tape.below(5)):
            flat += (self.handle(), self.tape.pick(samples.actions()))
        said = pack(flat)
        self.message(Kind.STEP_MANY, 0, bent(self.tape, said) if self.tape.chance(5) else said)

    def step_heavily(self) -> None:
        """Bodies of up to a megabyte, alone or in a batch."""
        large = bytes(self.tape.pick(_LARGE))
        if self.tape.chance(2):
            self.message(Kind.STEP, self.handle(), large)
        else:
            batch = [self.handle(), large, self.handle(), bytes(self.tape.pick(_LARGE))]
            self.message(Kind.STEP_MANY, 0, pack(batch))

    def reset(self) -> None:
        self.message(Kind.RESET, self.handle(), Reset(self.tape.chance(2), self.tape.chance(2)).encode())

    def leave(self) -> None:
        said = self.tape.pick((b"", b"\x01", b"\x02", pack(self.number())))
        self.message(Kind.LEAVE, self.handle() if self.tape.chance(2) else 0, said)

    def others(self) -> None:
        """PING, BYE, STATUS, WATCH, ENROL."""
        kind = self.tape.pick((Kind.PING, Kind.STATUS, Kind.WATCH, Kind.BYE, Kind.ENROL))
        said = {Kind.WATCH: Watch(self.tape.pick(ROOMS)).encode(), Kind.ENROL: pack([b"k" * 32])}
        self.message(kind, 0, said.get(kind, b""))

    def open_room(self) -> None:
        room, change = self.tape.pick(rooms(REALTIME)), self.tape.pick(_CHANGES)
        said = attrs.evolve(room, name=self.tape.pick(("new", "new-1", "duel")), **change).encode()
        self.message(Kind.OPEN_ROOM, 0, bent(self.tape, said) if self.tape.chance(2) else said)

    def anything(self) -> None:
        self.message(self.tape.pick(SAYS), self.handle(), body(self.tape))

    def whatever(self) -> None:
        """A head of any numbers."""
        head = AGENT_HEAD.pack(self.tape.pick((1, 1, 1, 0, 2)), self.tape.byte(), self.tape.pick(_HANDLES), 1)
        self.say(head + body(self.tape))

    def scrap(self) -> None:
        self.say(self.tape.short())

    def repeat(self) -> None:
        """What this one, or another, has said last: as it was, or torn."""
        said = self.mine.said if self.tape.chance(2) else self.tape.pick(self.strangers).said
        self.say(torn(self.tape, said) if self.tape.chance(3) else said)

    def flood(self) -> None:
        for _ in range(self.tape.below(2 * LIMITS.idle_talk_per_s)):
            if self.mine.peer:
                self.hall.from_agent(self.mine.peer, self.mine.said)

    # --- what happens -------------------------------------------------------------------------------------

    def disconnect(self) -> None:
        self.hall.lose_agent(self.mine.peer)
        self.mine.peer = b""

    def redial(self) -> None:
        """Another connection, while the old one is still there."""
        self.dial()

    def tick(self) -> None:
        seconds = self.tape.pick((0.05, 0.5, 1.1, 3.0, 16.0, 61.0))
        self.hall.tick(seconds)
        arena = self.hall.arena
        for session in arena.tokens.values() if seconds > 1 else ():
            grant = arena.gate.grant_of(session.who.key)
            assert grant is not None, "a key that was revoked plays on"
            assert grant.may_be(session.role), "a key that may do less plays on"
        for stranger in self.strangers:
            if stranger.peer not in self.hall.agents:
                stranger.peer = b""

    def revoke(self) -> None:
        if self.gate is not None:
            self.gate.change(self.tape.pick(HOSTILE[:4]), None)

    def grant_less(self) -> None:
        if self.gate is not None:
            key, less = self.tape.pick(HOSTILE[:4]), self.tape.pick((b"few", b"spectator"))
            self.gate.change(key, GRANTS[less])

    # --- the end ------------------------------------------------------------------------------------------

    def look(self) -> None:
        """After each deed."""
        check(self.hall.arena, self.peers + 3)
        assert len(self.hall.arena.tally.counts) < 40

    def finish(self) -> None:
        """The honest match comes out as it should; then everyone leaves, and is forgotten."""
        pair = self.pair if self.pair is not None else Pair(self.hall, keyed=self.keyed)
        assert pair.is_seated, "strangers keep honest agents from their match"
        assert pair.finish() == calm(self.pacing), "the honest match depends on strangers"
        pair.leave()
        for peer in list(self.hall.agents):
            self.hall.lose_agent(peer)
        for seconds in (16.0, 16.0, 62.0, 1.1):
            self.hall.tick(seconds)
        check_forgotten(self.hall.arena)


_CHANGES: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"roles": ()},
    {"roles": ("Attacker", "Attacker")},
    {"seats": (SeatCount("Nobody", 1),)},
    {"seats": (SeatCount("Attacker", 65_534), SeatCount("Defender", 65_534))},
    {"seats": (), "players": 65_534},
    {"move_s": -1.0},
    {"grace_s": -1},
    {"round_s": 0.0},
    {"spec": b"junk"},
)
"""What is odd about a room that is asked for."""
_LARGE: Final = (1_100, 1_025, 2_400, (1 << 20) - 40)
_OFTEN: Final = 196
"""A byte below says what is usual; it is a multiple of the number of strangers."""
_ADMIN, _INVITED, _SPECTATOR = _OFTEN + 3, _OFTEN + 5, 2
"""Bytes that make these strangers speak."""
_HANDLES: Final = (0, 1, *(number for number in WHOLE if 0 <= number < 1 << 64))
DEEDS: Final[tuple[Callable[[Play], None], ...]] = (
    Play.step, Play.hello, Play.join, Play.join, Play.step, Play.step_many, Play.reset, Play.leave,
    Play.others, Play.open_room, Play.anything, Play.scrap, Play.repeat, Play.flood, Play.disconnect,
    Play.redial, Play.tick, Play.whatever, Play.step_heavily, Play.revoke, Play.grant_less,
)  # fmt: skip  # a bag of words, not a table


def opened(gate: ListGate | None, pacing: str, limits: Limits) -> Hall:
    """A hall with a worker."""
    hall = Hall(rooms(pacing), gate=gate, limits=limits)
    hall.add_host(SeasonedHost(), READY, Who(WORKER_KEY) if gate is not None else NOBODY)
    return hall


@cache
def calm(pacing: str) -> list[list[Heard]]:
    """What an honest pair hears that nobody disturbs."""
    return Pair(opened(None, pacing, LIMITS), keyed=False).finish()


def one_input(data: bytes) -> None:
    """A tape of what strangers do."""
    with SmallConstants():
        play = Play(Tape(data))
        for number in range(MAX_DEEDS):
            if play.tape.is_over:
                break
            if number == play.come_at:
                play.pair = Pair(play.hall, keyed=play.keyed)
            play.speak()
            play.tape.pick(DEEDS)(play)
            play.look()
            if play.pair is not None:
                play.pair.move()
        play.finish()


def _deed(deed: Callable[[Play], None], *parts: int | bytes, who: int = 0) -> bytes:
    return written(who, DEEDS.index(deed), *parts)


def _hello(role: int = 0, *, who: int = 0, token: int = 0, number: int = 1) -> bytes:
    return _deed(Play.hello, token, role, 0, number, who=who)


def _join(room: int, number: int, role: int = 0, *, who: int = 0) -> bytes:
    return _deed(Play.join, room, role, number, who=who)


def _steps(first: int, count: int = 5, *, who: int = 0) -> bytes:
    return b"".join(_deed(Play.step, 0, 0, i, first + i, who=who) for i in range(count))


def _heavy(number: int) -> bytes:
    """A large step on the second seat."""
    return _deed(Play.step_heavily, 0, 1, 0, 1, number)


def seeds() -> list[bytes]:
    """Strangers who play, come back, take over, watch, direct and flood, in every kind of hall."""
    found = []
    director = _hello(1, who=_ADMIN, number=2) + _deed(Play.others, 2, 0, 3, who=_ADMIN)
    rooms = b"".join(_deed(Play.open_room, 1, i, i % 2, 0, 4 + i, who=_ADMIN) for i in range(len(_CHANGES)))
    watches = _hello(2, who=_SPECTATOR, number=2) + _deed(Play.others, 2, 0, 3, who=_SPECTATOR)
    watches += _deed(Play.others, 1, 0, 4, who=_SPECTATOR)
    ends = _steps(6, 9) + _deed(Play.leave, 0, 1, 0, 0, 18)

    for kind in (0, 1, 2, 3, 13):
        duel = written(kind) + _hello() + _join(0, 5)
        crowd = written(kind) + _hello() + _hello(who=1) + _join(1, 5) + _join(1, 6, 1)
        away = _deed(Play.disconnect) + _hello(token=2, number=2)
        found += [
            duel + _steps(6),
            duel + _steps(6, 2) + away + _steps(8) + _deed(Play.repeat, 0, 0),
            duel + _join(0, 6) + _deed(Play.step_many, 3, 0, 0, 1, 0, 1, 2, 7, 0) + _steps(8, 2) + away,
            duel + _deed(Play.redial) + _hello(token=2, number=2) + _steps(6),
            duel + _deed(Play.leave, 0, 1, 0, 0, 9) + _steps(10, 1),
            duel + _deed(Play.reset, 0, 0, 1, 1, 6) + _deed(Play.others, 3, 0, 9) + _steps(8, 2),
            duel + _deed(Play.tick, 3) * 4 + _steps(6),
            crowd + _steps(7, 2) + _deed(Play.tick, 1) * 3 + _steps(9, 2) + _deed(Play.tick, 4),
            crowd + _steps(7, 1) + _deed(Play.disconnect) + _deed(Play.tick, 2) + _steps(9, 3),
            written(kind) + director + rooms + _hello() + _join(4, 4),
            written(kind) + director + _hello() + _join(0, 5) + ends,
            written(kind) + watches + _hello() + _join(0, 5) + ends + _deed(Play.others, 3, 0, 9),
            written(kind) + (_hello() + _deed(Play.redial)) * 4 + _join(0, 5) * 9,
            duel + _deed(Play.flood, 79) * 3 + _deed(Play.tick, 5) + _hello(number=3),
            duel + _join(0, 6) + _heavy(7) + _heavy(8) + _deed(Play.step_heavily, 0, 0, 0, 0, 0, 1, 0, 9),
            duel + _deed(Play.revoke, 0) + _deed(Play.tick, 2) + _steps(6),
            duel + _deed(Play.grant_less, 0, 1) + _deed(Play.tick, 2) + _steps(6),
            duel + _deed(Play.scrap, short(AGENT_HEAD.pack(VERSION, Kind.LEAVE, 0, 9) + pack(5))),
            written(kind)
            + _deed(Play.others, 4, 0, 2, who=_INVITED) * 2
            + _deed(Play.whatever, 0, 9, 1, 0, 4),
        ]
    return found
