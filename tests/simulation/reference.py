"""Every match a second time, in one process, from what the journal has committed.

What agents are told is compared with it on its way. A message about a seat must be the next thing that this
second match says to the seat: so it depends on nothing that is not committed, comes once and in order, and
was computed as it should be. What a seat has missed while its session was away, a RESUMED makes up for.
"""

from collections import Counter, defaultdict

from attrs import Factory, define

from netsiege.engine.game import Game
from netsiege.engine.tables import Tables
from netsiege.hub.entries import MatchEnded, MatchMade
from netsiege.protocol import (
    AGENT_HEAD,
    EVENT_HEAD,
    HEAD_BYTES,
    HUB_SEAT,
    WORKER_HEAD,
    Code,
    Error,
    Flag,
    Held,
    Kind,
    Open,
    Resumed,
    SeatSpec,
    Wait,
    Welcome,
    unpack,
)
from netsiege.protocol import Episode as EpisodeNews
from netsiege.protocol import Match as MatchNews
from netsiege.protocol import Trajectory as TrajectoryNews
from netsiege.protocol.play import Seated
from tests.simulation.clock import Violation
from tests.simulation.specs import compiled

IN_ORDER = "agents are told what the journal's match says, once and in order"
COMMITTED = "nothing is told before it is committed"

_HUBS_OWN_CODES = {
    Code.BUSY,
    Code.MALFORMED,
    Code.UNKNOWN_SEAT,
    Code.HELLO_FIRST,
    Code.OVERLOADED,
    Code.ENGINE_FAULT,
    Code.NOT_ALLOWED,
    Code.TOO_LARGE,
    Code.VERSION,
}
_HUBS_OWN_WAITS = {Wait(Held.WORKER).encode(), Wait(Held.PLAYERS).encode()}


@define(eq=False)
class Line:
    """What one seat has been told, over the connection `peer`: `next` of its outputs."""

    match: "Second"
    index: int
    token: bytes
    peer: bytes = b""
    next: int = 0


@define(eq=False)
class Second:
    """The second match. `outputs` are (event, kind, flags, request, body), by seat and in order."""

    id: int
    room: str
    ordinal: int
    game: Game
    tables: Tables
    seats: tuple[SeatSpec, ...]
    seed: int
    episodes: int | None
    journaled: bool
    events: list[bytes] = Factory(list)
    outputs: dict[int, list[tuple[int, int, int, int, bytes]]] = Factory(lambda: defaultdict(list))
    steps: Counter = Factory(Counter)
    ended: MatchEnded | None = None
    views: list[tuple[int, int, bytes]] = Factory(list)
    """(event, seat, body) of each VIEWED that the hub took."""
    known: list[tuple[int, int, object]] = Factory(list)
    """(seat, request, observation) as agents knew them."""
    lost: bool = False

    @property
    def is_over(self):
        """Whether every seat has been told that its part is over."""
        return self.game.over

    def start(self):
        self._keep(0, self.game.open())

    def take(self, event):
        self.events.append(event)
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        if kind == Kind.STEP:
            self.steps[seat] += 1
        self._keep(len(self.events), self.game.handle(seat, kind, request, event[EVENT_HEAD.size :]))

    def _keep(self, number, outputs):
        for seat, kind, flags, request, body in outputs:
            self.outputs[seat].append((number, int(kind), int(flags), request, body))


class Reference:
    """All matches of a run, and what their seats have been told."""

    def __init__(self, world):
        self.world = world
        self.arena = None
        self.matches = {}
        """Those that are open, or were last, by id."""
        self.all = []
        """All that there were."""
        self.lines = {}
        """Handle -> what its seat has been told."""
        self._last_view = None
        self._news = set()

    def handles_of(self, number):
        """The handles of a match's seats."""
        return {handle for handle, line in self.lines.items() if line.match.id == number}

    # --- the hub's life -----------------------------------------------------------------------------------

    def hub_started(self, arena):
        self.arena = arena
        self._news.clear()

    def hub_died(self):
        """What is not in the journal is gone, and its numbers may come again."""
        for number, match in list(self.matches.items()):
            if not match.journaled:
                match.lost = True
                del self.matches[number]

    # --- what is committed --------------------------------------------------------------------------------

    def committed(self, events, records):
        for record in records:
            if isinstance(record, MatchMade):
                self._made(record)
        flat = iter(events)
        for number, sequence, event in zip(flat, flat, flat, strict=True):
            match = self.matches[number]
            if sequence != len(match.events) + 1:
                text = f"event {sequence} of match {number} is committed after {len(match.events)}"
                raise Violation("the journal has every event once", text, number)
            match.take(event)
            self.world.events += 1
            self._check_leave(match, event)
        for record in records:
            if isinstance(record, MatchEnded):
                self.matches[record.match].ended = record
        self.world.books.committed(records)

    def _made(self, record):
        seats = tuple(SeatSpec.read(spec) for spec in record.specs)
        match = self._second(record.id, record.room, record.ordinal, record.seed, seats, journaled=True)
        for index, (handle, _, token, *_) in enumerate(record.seats):
            self.lines[handle] = Line(match, index, token)

    def _second(self, number, room, ordinal, seed, seats, journaled):
        opened = self.world.room(room).opened
        tables = compiled(opened.spec)
        game = Game(tables, number, seed, seats, opened.episodes)
        made = Second(number, room, ordinal, game, tables, seats, seed, opened.episodes, journaled)
        made.start()
        self.matches[number] = made
        self.all.append(made)
        return made

    def _check_leave(self, match, event):
        """The hub gives a seat up only when its session has been away for as long as the room waits."""
        index, kind, _ = EVENT_HEAD.unpack_from(event)
        if kind != Kind.LEAVE or event[EVENT_HEAD.size :] != b"\x01":
            return
        seat = self.arena.matches[match.id].seats[index] if match.id in self.arena.matches else None
        token = seat.session.token if seat is not None and seat.session is not None else None
        since_s = self.world.registry.away_since_s.get(token)
        grace_s = self.world.room(match.room).opened.grace_s
        if since_s is None or self.world.hub.now_s - since_s < grace_s - 1e-6:
            text = f"seat {index} of match {match.id} is given up, away since {since_s}, grace {grace_s} s"
            raise Violation("a seat waits for its session for the grace period", text, match.id)

    # --- matches that are not in the journal --------------------------------------------------------------

    def leased(self, number, frame):
        """An OPEN leaves. What is in it counts as committed, for a match that nobody commits."""
        if number in self.matches and self.matches[number].journaled:
            return
        live = self.arena.matches[number]
        if live.journaled:
            return
        told = Open.decode(frame[HEAD_BYTES:])
        match = self.matches.get(number)
        if match is None:
            room = live.room.spec.name
            match = self._second(number, room, live.ordinal, told.seed, told.seats, journaled=False)
            for index, seat in enumerate(live.seats):
                self.lines[seat.handle] = Line(match, index, seat.session.token)
        for event in told.events[len(match.events) - live.base :]:
            match.take(event)
            self.world.events += 1

    def events_leave(self, frame):
        """An EVENT or EVENT_MANY leaves."""
        if frame[1] == Kind.EVENT:
            _, _, lease, sequence = WORKER_HEAD.unpack_from(frame)
            self._event_leaves(lease, sequence, frame[HEAD_BYTES:])
            return
        flat = unpack(frame[HEAD_BYTES:])
        for i in range(0, len(flat), 6):
            lease, sequence, index, kind, request, body = flat[i : i + 6]
            self._event_leaves(lease, sequence, EVENT_HEAD.pack(index, kind, request) + body)

    def _event_leaves(self, lease, sequence, event):
        number = self.world.registry.lease_of[lease][1]
        match = self.matches.get(number)
        if match is not None and not match.journaled and sequence == len(match.events) + 1:
            match.take(event)
            self.world.events += 1

    # --- what agents are told -----------------------------------------------------------------------------

    def to_agent(self, peer, frame):
        """A frame leaves for an agent or a director."""
        _, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        body = frame[HEAD_BYTES:]
        if kind == Kind.OBS_MANY:
            flat = unpack(body)
            for i in range(0, len(flat), 3):
                self._told(peer, flat[i], flat[i + 1], request, flat[i + 2])
        elif kind == Kind.WELCOME:
            self.world.registry.welcomed(peer, body)
            self._welcomed(Welcome.decode(body))
        elif kind == Kind.RESUMED:
            self._resumed(peer, handle, Resumed.decode(body))
        elif kind in (Kind.EPISODE, Kind.MATCH, Kind.TRAJECTORY):
            self._news_leave(peer, kind, body)
        elif handle:
            self._told(peer, handle, kind, request, body)
        if not handle:
            self.world.books.to_agent(peer, kind, request, body)

    def _told(self, peer, handle, kind, request, body):
        """Something is said about a seat: what its match says next, or a word of the hub's own."""
        line = self.lines.get(handle)
        if line is None or self.world.registry.token_of.get(peer) != line.token:
            if kind != Kind.ERROR:  # one that answers a seat's number in the wrong mouth
                text = f"{Kind(kind).name} about a seat that is not this session's, or not committed"
                raise Violation(COMMITTED, text)
            return
        if not self._is_next(line, peer, kind, request, body) and not self._is_the_hubs_own(
            line, handle, kind, body
        ):
            self._not_said(line, kind, request, line.match.outputs[line.index])

    def _is_next(self, line, peer, kind, request, body):
        """Whether it is the next output of the seat; if so, it has been told now."""
        if kind == Kind.SEATED:
            line.peer = peer
        outputs = line.match.outputs[line.index]
        for place in range(line.next, len(outputs)):
            each = outputs[place]
            _, said, _, asked, text = each
            if (said, text) == (kind, body) and (asked == request or said == Kind.SEATED or _ends(each)):
                line.next = place + 1
                return True
            if line.peer == peer or kind not in (Kind.END, Kind.ERROR):
                return False  # only last words come to a seat that does not know yet what it has missed
        return False

    def _is_the_hubs_own(self, line, handle, kind, body):
        """Whether the hub may say this of its own accord."""
        if kind == Kind.WAIT:
            return body in _HUBS_OWN_WAITS
        outputs = line.match.outputs[line.index]
        if line.next and _ends(outputs[line.next - 1]) and outputs[line.next - 1][4] == body:
            return True  # the last word, said to each request that was open
        if kind == Kind.ERROR:
            return self._may_be_said(line.match, Error.decode(body).code)
        # the answer to what was open at a BYE
        return kind == Kind.END and not any(map(_ends, outputs)) and handle not in self.arena.seats

    def _may_be_said(self, match, code):
        """Whether an ERROR may be of the hub's own accord."""
        return code in _HUBS_OWN_CODES or (
            code == Code.MATCH_OVER and self.world.books.is_called_off(match.id)
        )

    def _not_said(self, line, kind, request, outputs):
        what = f"{Kind(kind).name} to request {request} of seat {line.index} of match {line.match.id}"
        if line.next >= len(outputs):
            raise Violation(COMMITTED, what, line.match.id)
        due = outputs[line.next]
        text = f"{what}; it was to hear {Kind(due[1]).name} to request {due[3]}, of event {due[0]}"
        raise Violation(IN_ORDER, text, line.match.id)

    def _welcomed(self, told):
        for held in told.seats:
            if held.handle not in self.lines:
                raise Violation(COMMITTED, "WELCOME names a seat of no match that is committed")
        for lost in told.lost:
            line = self.lines.get(lost.handle)
            said = [] if line is None else line.match.outputs[line.index]
            if not any(_ends(each) and each[4] == lost.body for each in said) and not (
                lost.kind == Kind.ERROR
                and (
                    Error.decode(lost.body).code == Code.ENGINE_FAULT
                    or (line is not None and self.world.books.is_called_off(line.match.id))
                )
            ):
                raise Violation(COMMITTED, f"WELCOME says a seat is lost that is not: {lost}")

    def viewed(self, number, seat, event, body):
        """The hub has taken a VIEWED that was said after an event."""
        match = self.matches.get(number)
        if match is not None:
            match.views.append((event, seat, body))
            self._last_view = (match, seat, event, body)

    def _resumed(self, peer, handle, told):
        line = self.lines.get(handle)
        if line is None:
            raise Violation(COMMITTED, "RESUMED about a seat of no match that is committed")
        match, seat, event, body = self._last_view
        if match is not line.match or seat != line.index or body != told.seated:
            raise Violation("RESUMED says how the seat stands", f"another seat's, or an old one: {told}")
        if event > len(match.events):
            raise Violation(COMMITTED, f"RESUMED tells of event {event}", match.id)
        Seated.decode(told.seated)
        self._check_answered(line, told, event)
        line.peer = peer
        live = self.arena.matches[match.id]
        held = sum(reply.seat is live.seats[seat] for reply in live.held or ())
        seen = sum(each[0] <= event for each in match.outputs[seat])
        line.next = seen - held  # what is held for the end of a round is in the view already, and comes yet

    def _check_answered(self, line, told, event):
        """`answered` has its final reply by that event, which is `refusal` if it was one."""
        match, outputs = line.match, line.match.outputs[line.index]
        finals = {each[3]: each for each in outputs if each[0] <= event and each[3] and each[1] != Kind.WAIT}
        last = next(reversed(finals), 0)
        asked = {head[2] for head in map(EVENT_HEAD.unpack_from, match.events) if head[0] == line.index}
        # who has asked for more has heard what came before: a hub that starts again goes by that
        is_idle = not self.arena.matches[match.id].seats[line.index].request
        holds = self.world.room(match.room).opened.round_s is not None
        final = finals.get(told.answered)
        refusal = final[4] if final is not None and final[1] == Kind.ERROR else None
        wrong = None
        if told.answered and told.answered in asked and final is None:
            wrong = f"{told.answered} has no reply yet"
        elif is_idle and last not in (0, told.answered) and not holds:
            wrong = f"{told.answered} is not the last one that was answered, {last} is"
        elif is_idle and told.refusal != refusal:
            wrong = f"{told.answered} was answered otherwise"
        if wrong is not None:
            text = f"seat {line.index} of match {match.id}: {wrong}"
            raise Violation("RESUMED says how the seat stands", text, match.id)

    # --- news ---------------------------------------------------------------------------------------------

    def _news_leave(self, peer, kind, body):
        if kind == Kind.MATCH:
            told = MatchNews.decode(body)
            self._news_once(peer, kind, told.match, b"")
            return
        if kind == Kind.EPISODE:
            told = EpisodeNews.decode(body)
            said, what = told.result, Kind.RESULT
        else:
            told = TrajectoryNews.decode(body)
            said, what = told.trajectory, Kind.TRAJECTORY
        match = self.matches.get(told.match)
        outputs = [] if match is None else match.outputs[HUB_SEAT]
        if not any(o[1] == what and o[4] == said for o in outputs):
            raise Violation(COMMITTED, f"{Kind(kind).name} of match {told.match}", told.match)
        self._news_once(peer, kind, told.match, said)

    def _news_once(self, peer, kind, match, said):
        if (peer, kind, match, said) in self._news and kind != Kind.TRAJECTORY:
            raise Violation(IN_ORDER, f"{Kind(kind).name} of match {match} comes twice", match)
        self._news.add((peer, kind, match, said))


def _ends(output):
    """Whether an output is the last one of its seat."""
    return bool(output[2] & Flag.OVER)
