"""One record for each session, seat, match, room and worker that the broker knows. No behaviour."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

from attrs import Factory, define

from netsiege.hub.calls import Calls
from netsiege.protocol import MAX_BATCH, Arrange, LostSeat, OpenRoom, Player, SeatSpec, SessionRole

if TYPE_CHECKING:
    from netsiege.hub.authority import Grant
    from netsiege.hub.gate import Who

NEVER: Final = float("inf")
LOST_MAX: Final = MAX_BATCH
"""The last words about so many seats are kept for a session, in case it did not hear them."""

ASKED: Final = b""
LOST_CONNECTION: Final = b"\x01"
MISBEHAVED: Final = b"\x02"
"""The bodies of a LEAVE: why a seat is given up."""

Send = tuple[bytes, bytes]
"""A peer and a frame for it."""

Kin = tuple[bytes, tuple[str, ...]]
"""What a worker runs: the digest of its engine, and its rulesets. Leases move between equals only."""


@define(eq=False)
class Session:
    """Someone who has said HELLO. `joins` and `watches` are its open requests that concern no seat.

    `peer` is its connection; empty while it is away, since `away_s`. `lost` are the last words about seats
    that it no longer holds. `rtt_s` is what its connection adds to the time for a move at least.

    `who` opened it, and `grant` is what that key may do; None once it may do nothing.
    """

    peer: bytes
    role: SessionRole
    name: str
    deltas: bool
    token: bytes
    who: Who
    grant: Grant | None
    seats: dict[int, Seat] = Factory(dict)
    joins: dict[int, Joiner] = Factory(dict)
    watches: dict[str, int] = Factory(dict)
    lost: deque[LostSeat] = Factory(lambda: deque(maxlen=LOST_MAX))
    away_s: float = NEVER
    rtt_s: float = 0.0


@define(eq=False)
class Joiner:
    """A request for a seat that no match has taken up yet: `name` will sit there. `key` is the name of its
    session's key.
    """

    session: Session
    request: int
    room: Room
    role: str
    key: str
    name: str


@define(eq=False)
class Seat:
    """A place in a match. `session` is None once its player has left for good.

    `peer` is where its messages go and may come from: empty while nobody is there, and until a session that
    has come back knows how the seat stands (`view`). `join` is the request that it came from, `request` the
    one that is pending (0: none), and `answered` the last one that is not; `refusal` is its answer, if that
    was an ERROR. `batched` says that the pending request came in a STEP_MANY, so that its answer leaves in an
    OBS_MANY, and `resets` that it is a RESET; `unsure`, after a restart of the hub, that it may have been
    answered before. `lost` are the last words about the seat, once it is over.

    The clock: the seat could move at `asked_s`, did at `moved_s`, must have at `due_s` (which does not count
    while a request is pending), and has thought for `used_s` in this episode.
    """

    handle: int
    session: Session | None
    match: Match
    index: int
    join: int
    peer: bytes
    request: int
    answered: int = 0
    refusal: bytes | None = None
    batched: bool = False
    leaving: bool = False
    over: bool = False
    view: bool = False
    unsure: bool = False
    resets: bool = False
    due_s: float = NEVER
    asked_s: float = NEVER
    moved_s: float = 0.0
    used_s: float = 0.0
    lost: list[LostSeat] = Factory(list)


@define(eq=False)
class Match:
    """A match, on a worker or between two. `alive` counts the seats that are not over.

    `sequence` numbers its events; `kept` are those since `snapshot`, which holds everything up to event
    `base`, and `heavy` is what the large ones among them take, in bytes. `outputs` and `chain` say what its
    agents have been told, and `base_outputs` and `base_chain` where the snapshot stands in that. After a new
    lease the first `behind` outputs are repetitions, and `check` is their chain. `replied` is the last event
    that something was heard about.

    `deaths` counts the workers in a row that died with an event of it undone, `blamed` being its last event
    when it was counted last; `excused` says that one of them turned out to be alive, and `tried_by` is the
    worker that has it on trial. `deserted_s` is when, without a worker, it had players last. `filed` is the
    last event that the journal has filed under the match, in its turn number `filed_turn`.
    """

    id: int
    ordinal: int
    room: Room
    seed: int
    players: tuple[Player, ...]
    specs: tuple[SeatSpec, ...]
    kin: Kin
    journaled: bool
    clocked: bool
    lease: int = 0
    worker: Worker | None = None
    seats: list[Seat] = Factory(list)
    alive: int = 0
    sequence: int = 0
    kept: list[bytes] = Factory(list)
    heavy: int = 0
    snapshot: bytes | None = None
    base: int = 0
    outputs: int = 0
    chain: int = 0
    base_outputs: int = 0
    base_chain: int = 0
    behind: int = 0
    check: int = 0
    replied: int = -1
    deaths: int = 0
    blamed: int = 0
    excused: bool = False
    tried_by: Worker | None = None
    deserted_s: float = NEVER
    filed: int = 0
    filed_turn: int = 0
    held: list[HeldReply] | None = None
    round_due_s: float = 0.0


@define(eq=False)
class HeldReply:
    """A reply that leaves at the end of its round. `moves`: the seat's clock starts then."""

    seat: Seat
    answer: int
    request: int
    body: bytes
    moves: bool


@define(eq=False)
class Room:
    """A template of matches, and the joiners that wait for one, by role (under "" if any role will do).

    In a hall they wait in `lines`, by role, name and key, each of the latter two also under "". `games` are
    the rooms of the hall's matches that are not closed, `pending` those of them that are not made, and
    `numbered` is how many there have been.

    The room of an arranged match has a `hall`, a `number` there, what it was `arranged` as, and `news`: what
    was told of it.
    """

    spec: OpenRoom
    digest: bytes
    waiting: dict[str, dict[Joiner, None]] = Factory(lambda: defaultdict(dict))
    watchers: dict[Session, int] = Factory(dict)
    made: int = 0
    open: int = 0
    ended: int = 0
    closed: bool = False
    lines: dict[tuple[str, str, str], dict[Joiner, None]] = Factory(lambda: defaultdict(dict))
    games: dict[str, Room] = Factory(dict)
    pending: Calls = Factory(Calls)
    numbered: int = 0
    hall: Room | None = None
    number: int = 0
    arranged: Arrange | None = None
    news: list[tuple[int, bytes]] = Factory(list)

    @property
    def place(self) -> Room:
        """Where its players have asked for a seat, and where it is watched."""
        return self if self.hall is None else self.hall


@define(eq=False)
class Worker:
    """An engine worker. Between them, `sent` and `done` (events) say whether it gets anywhere.

    `instance` is its process, by a number it has drawn, and `key` whose it is. `trial` is the one match that
    it has to itself: leased when the worker has said `trial_pong`, and acquitted when it has said the next.
    `checks` are leases, by the number of the ping before whose answer everything must have been repeated.
    """

    peer: bytes
    name: str
    slots: int
    kin: Kin
    leases: dict[int, Match] = Factory(dict)
    specs: set[bytes] = Factory(set)
    sent: int = 0
    done: int = 0
    progress_s: float = 0.0
    instance: bytes = b""
    key: bytes = b""
    trial: Match | None = None
    trial_pong: int = 0
    checks: dict[int, int] = Factory(dict)


@define(eq=False)
class Suspects:
    """The matches that were under way at a worker that went away, `since_s`."""

    since_s: float
    matches: list[Match] = Factory(list)
