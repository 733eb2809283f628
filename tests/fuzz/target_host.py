"""The worker's side: a `GameHost` and a hub that sends what it likes, with agents behind it that do the same.

Nothing is ever raised out of `GameHost.receive`; what it answers can be read; and a match of which the hub
has told nothing but events of its seats, in order, never breaks, whatever is in the events' bodies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import define

from netsiege.protocol import (
    EVENT_HEAD,
    HEAD_BYTES,
    HUB_SEAT,
    OUT_BODY_AT,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    End,
    Error,
    Fault,
    Kind,
    Open,
    Reset,
    Result,
    SeatSpec,
    Spec,
    Wait,
    WorkerPong,
    pack,
    unpack,
)
from netsiege.protocol.play import Seated, read_trajectory
from tests.fuzz import samples
from tests.fuzz.samples import frame
from tests.fuzz.seasoned import REAL_TIME, SeasonedHost, specs
from tests.fuzz.small import SmallConstants
from tests.fuzz.tape import Tape, written
from tests.fuzz.values import TEXTS, WHOLE, bent, body

MAX_BYTES: Final = 250
MAX_DEEDS: Final = 30
LEASES: Final = (1, 2, 3, (1 << 64) - 1)
FROM_SEAT: Final = (Kind.STEP, Kind.STEP, Kind.STEP, Kind.RESET, Kind.TIMEOUT, Kind.LEAVE)
SAID: Final = frozenset({Kind.OUT, Kind.OUT_MANY, Kind.SNAPSHOT, Kind.VIEWED, Kind.W_PONG, Kind.FAULT})
TOLD: Final = frozenset({Kind.SEATED, Kind.OBS, Kind.WAIT, Kind.END, Kind.ERROR})
TOLD_HUB: Final = frozenset({Kind.RESULT, Kind.TRAJECTORY})
BYTES_OF_NOTHING: Final = 1 << 17
"""What the host may say to a frame without a body."""
BYTES_FOR_ONE: Final = 64
"""And for each byte that it was told so far: a seat hears again what it has put into the world."""


@define
class Lease:
    """A match as the hub knows it. `is_clean`: nothing was said about it that a hub would not say."""

    seats: int
    events: int = 0
    is_clean: bool = True


class Play:
    """One host, and the hub."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.host = SeasonedHost()
        self.leases: dict[int, Lease] = {}
        self.snapshots = list(samples.bodies(Kind.SNAPSHOT))
        self.digest = REAL_TIME
        self.received = 0

    # --- what the hub says --------------------------------------------------------------------------------

    def lease(self) -> int:
        return self.tape.pick(LEASES)

    def spec(self) -> None:
        """One that is bent: the matches that are opened next are of it."""
        bad = bend_json(self.tape, self.tape.pick(list(specs().values())))
        self.digest = b"bad"
        self.host._specs.pop(self.digest, None)
        self.hear(frame(Kind.SPEC, body=Spec(self.digest, bad).encode()))

    def good_spec(self) -> None:
        self.digest = self.tape.pick(list(specs()))

    def seats(self) -> tuple[SeatSpec, ...]:
        roles = [self.tape.pick(samples.ROLES) for _ in range(1 + self.tape.below(4))]
        deltas = not self.tape.chance(3)
        return tuple(SeatSpec(role, roles[:i].count(role), "me", deltas) for i, role in enumerate(roles))

    def open(self) -> None:
        lease, seats = self.lease(), self.seats()
        seed, episodes = self.tape.pick((7, 8, 1 << 63)), self.tape.pick((None, None, 1, 2))
        told = Open(1, self.digest, seed, episodes, seats)
        self.leases[lease] = Lease(len(seats), is_clean=self.digest != b"bad")
        self.hear(frame(Kind.OPEN, lease, 0, told.encode()))

    def open_later(self) -> None:
        """From a snapshot, which may be bent, and with events, which may be."""
        tape, lease = self.tape, self.lease()
        snapshot = tape.pick((None, self.snapshots[-1], bent(tape, tape.pick(self.snapshots))))
        events = [EVENT_HEAD.pack(*self.head()) + self.deed() for _ in range(tape.below(4))]
        if tape.chance(4):
            events.append(tape.take(9))
        told = Open(1, self.digest, 7, None, self.seats(), snapshot, tuple(events)).encode()
        self.leases[lease] = Lease(1, is_clean=False)
        self.hear(frame(Kind.OPEN, lease, 0, bent(tape, told) if tape.chance(4) else told))

    def head(self) -> tuple[int, int, int]:
        return self.tape.below(4), self.tape.pick(FROM_SEAT), 1 + self.tape.byte()

    def deed(self) -> bytes:
        """What an agent may send as the body of a STEP, a RESET or a LEAVE."""
        tape = self.tape
        kind = tape.below(8)
        if kind < 3:
            return tape.pick(samples.actions())
        if kind == 3:
            return Reset(tape.chance(2), tape.chance(2), tape.pick((None, 1, 2))).encode()
        if kind == 4:
            return tape.pick((b"", b"\x01", b"\x02", b"\xc0"))
        return bent(tape, tape.pick(samples.actions())) if kind < 7 else body(tape)

    def record(self) -> tuple[int, int, int, int, int, bytes]:
        """The next event of a match: of a seat that it has, but for the match that has none here."""
        lease = self.lease()
        match = self.leases.get(lease)
        seat, kind, request = self.head()
        if match is None:
            return lease, 1, seat, kind, request, self.deed()
        match.events += 1
        return lease, match.events, seat % match.seats, kind, request, self.deed()

    def event(self) -> None:
        lease, sequence, *head, deed = self.record()
        self.hear(frame(Kind.EVENT, lease, sequence, EVENT_HEAD.pack(*head) + deed))

    def events(self) -> None:
        records = [self.record() for _ in range(self.tape.below(7))]
        self.hear(frame(Kind.EVENT_MANY, 0, len(records), pack([x for each in records for x in each])))

    def strange_events(self) -> None:
        """What no hub says: numbers out of their ranges, gaps, seats that are none."""
        tape = self.tape
        flat: list[Any] = []
        for _ in range(1 + tape.below(3)):
            record: list[Any] = list(self.record())
            record[tape.below(6)] = tape.pick(WHOLE)
            flat += record
        self.spoil(LEASES)  # one frame that cannot be read takes all its records with it
        said = pack(flat)
        self.hear(frame(Kind.EVENT_MANY, 0, 1, bent(tape, said) if tape.chance(4) else said))

    def strange_event(self) -> None:
        tape, lease = self.tape, self.lease()
        self.spoil([lease])
        head = EVENT_HEAD.pack(tape.whole(2), tape.byte(), tape.whole(4))
        self.hear(frame(tape.pick((Kind.EVENT, Kind.VIEW)), lease, tape.below(9), head + self.deed()))

    def repeat(self) -> None:
        """An event that came before."""
        lease = self.lease()
        match = self.leases.get(lease)
        if match is not None and match.events:
            head = EVENT_HEAD.pack(*self.head())
            self.hear(frame(Kind.EVENT, lease, 1 + self.tape.below(match.events), head + self.deed()))

    def others(self) -> None:
        kind, lease = self.tape.pick((Kind.VIEW, Kind.CLOSE, Kind.W_PING)), self.lease()
        if kind == Kind.CLOSE:
            self.leases.pop(lease, None)
        self.hear(frame(kind, lease, self.tape.below(4)))

    def scrap(self) -> None:
        """Bytes as they are: nothing is known of the matches any more."""
        said = self.tape.short()
        self.spoil(LEASES)
        kind = self.tape.pick((*range(48, 58), 255))
        self.hear(said if self.tape.chance(2) else frame(kind, self.lease(), self.tape.below(4), said))

    def spoil(self, leases: Iterable[int]) -> None:
        for lease in leases:
            if lease in self.leases:
                self.leases[lease].is_clean = False

    # --- what the host answers ----------------------------------------------------------------------------

    def hear(self, said: bytes) -> None:
        self.received += len(said)
        answers = self.host.receive(said)
        for answer in answers:
            self.check(answer)
        size = sum(map(len, answers))
        assert size <= BYTES_OF_NOTHING + BYTES_FOR_ONE * self.received, f"{size} bytes of answers"

    def check(self, answer: bytes) -> None:
        version, kind, lease, number = WORKER_HEAD.unpack_from(answer)
        assert version == VERSION
        assert kind in SAID, kind
        said = answer[HEAD_BYTES:]
        if kind == Kind.OUT:
            seat, told, _, _ = OUT_HEAD.unpack_from(answer, HEAD_BYTES)
            self.told(lease, seat, told, answer[OUT_BODY_AT:])
        elif kind == Kind.OUT_MANY:
            flat = unpack(said)
            assert len(flat) == 7 * number
            for i in range(0, len(flat), 7):
                self.told(flat[i], flat[i + 2], flat[i + 3], flat[i + 6])
        elif kind == Kind.FAULT:
            text = Fault.decode(said).text
            assert not self.is_clean(lease), f"a match breaks: {text}"
            self.leases.pop(lease, None)
        elif kind == Kind.SNAPSHOT:
            self.snapshots = [*self.snapshots[-3:], said]
        elif kind == Kind.VIEWED and self.is_clean(lease):
            Seated.decode(said)
        elif kind == Kind.W_PONG:
            WorkerPong.decode(said)

    def is_clean(self, lease: int) -> bool:
        return lease in self.leases and self.leases[lease].is_clean

    def told(self, lease: int, seat: int, kind: int, said: bytes) -> None:
        """An output: agents can read it, unless the hub has said what no hub says."""
        assert kind in (TOLD_HUB if seat == HUB_SEAT else TOLD), kind
        if self.is_clean(lease):
            _READERS[kind](said)


_READERS: Final[dict[int, Callable[[bytes], Any]]] = {
    Kind.SEATED: Seated.decode,
    Kind.WAIT: Wait.decode,
    Kind.END: End.decode,
    Kind.ERROR: Error.decode,
    Kind.RESULT: Result.decode,
    Kind.TRAJECTORY: read_trajectory,
    Kind.OBS: unpack,
}


def bend_json(tape: Tape, text: bytes) -> bytes:
    """JSON with something else in one place, or torn."""
    if tape.chance(6):
        at = tape.whole(2) % len(text)
        return text[:at] + tape.take(tape.below(5)) + text[at + tape.below(5) :]
    document = json.loads(text)
    for _ in range(1 + tape.below(2)):
        parent, key = document, tape.pick(sorted(document))
        while isinstance(parent[key], dict | list) and parent[key] and not tape.chance(5):
            parent = parent[key]
            key = tape.pick(sorted(parent)) if isinstance(parent, dict) else tape.below(len(parent))
        parent[key] = _json_value(tape, parent[key])
    return json.dumps(document).encode()


def _json_value(tape: Tape, before: Any) -> Any:
    kind = tape.below(7)
    if kind == 0 and isinstance(before, list):
        return before * (1 + tape.below(4))
    if kind == 0 and isinstance(before, str):
        return before + tape.pick(TEXTS)
    if kind == 1:
        return tape.pick((*WHOLE, 1_000, 10**30))
    if kind == 2:
        return [before, before]
    return tape.pick(_JSON) if kind < 5 else tape.pick(TEXTS)


_JSON: Final[tuple[Any, ...]] = (
    None, True, [], {}, 0.5, 1e308, -1e308, "\ud800", "10.0.0.0/1", "0.0.0.0/0", "random", "all",
    "192.168.1.2",
)  # fmt: skip  # a bag of words, not a table
DEEDS: Final[tuple[Callable[[Play], None], ...]] = (
    Play.event, Play.events, Play.event, Play.event, Play.event, Play.open, Play.others, Play.repeat,
    Play.open_later, Play.spec, Play.good_spec, Play.strange_events, Play.strange_event, Play.scrap,
)  # fmt: skip  # a bag of words, not a table
_NUMBER_OF: Final = {deed.__name__: number for number, deed in reversed(list(enumerate(DEEDS)))}


def one_input(data: bytes) -> None:
    """A tape of what a hub says."""
    with SmallConstants():
        play = Play(Tape(data))
        for _ in range(MAX_DEEDS):
            if play.tape.is_over:
                break
            play.tape.pick(DEEDS)(play)
        assert len(play.host.leases) <= len(LEASES)


def seeds() -> list[bytes]:
    """Matches of every spec that are opened, played with real actions, seen, moved and closed."""
    n, found = _NUMBER_OF, []
    for spec in range(len(specs())):
        begin = written(n["good_spec"], spec, n["open"], 0, 2, 0, 1, 2, 0, 0, 0)
        moves = b"".join(
            written(n["event"], 0, seat, kind, 1 + i, 0 if kind < 3 else 3, i, 0, 0)
            for i, (seat, kind) in enumerate([(0, 0), (1, 0), (2, 0)] * 4 + [(0, 3), (1, 3), (2, 4), (0, 5)])
        )
        found += [begin, begin + moves, begin + moves + written(n["others"], 0, 0, 1)]
        found.append(begin + moves + written(n["open_later"], 1, 1, 0, 0, 0, 0, 0, 0) + moves)
        found.append(written(n["spec"], spec, 0, 1, 2, 0, 4, 1, 2, 3) + begin[2:] + moves)
        found.append(begin + written(n["events"], 6) + moves * 2)
        found.append(begin + moves + written(n["strange_events"], 1) + moves)
    return found
