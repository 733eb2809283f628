"""Books of its own about a hall: who waits there, what was arranged, and what came of it.

Kept from what agents and the director say, and from what the journal commits. The hub's own state is held
against them after each turn and each restart.
"""

from collections import Counter

from attrs import define

from netsiege.errors import ProtocolError
from netsiege.hub.entries import GameArranged, GameClosed, GameNews, MatchEnded, MatchMade, RoomClosed
from netsiege.hub.leasing import least_loaded
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    HUB_SEAT,
    Arrange,
    Arranged,
    Cause,
    Episode,
    Join,
    Kind,
    Watching,
)
from netsiege.protocol import Match as MatchNews
from netsiege.protocol import RoomClosed as RoomClosedWord
from tests.simulation.clock import Violation
from tests.simulation.hall_plan import HALL, can_come

ONCE = "what was arranged is played once, as it was asked for"
CALLED = "who is called plays, and nobody else"
WAITS = "joiners wait in their hall, each once"
KEPT = "what came of a match is told until it is closed"
CLOSED = "what is closed is gone"
BEGINS = "a match begins when all are there who are called to it"
HEARD = "who watches hears when a match begins"


@define(eq=False)
class Entry:
    """A match that was arranged: its number once it is made, why it ended, and what is told of that.

    `due` are the connections that have not been told yet that it has begun.
    """

    name: str
    asked: Arrange
    match: int | None = None
    cause: str | None = None
    news: list | None = None
    closed: bool = False
    due: frozenset = frozenset()


class HallBooks:
    """See the module. One a run."""

    def __init__(self, world):
        self.world = world
        self.open = {}
        """Name -> what was arranged under it and is not closed."""
        self.all = []
        self.closed_rooms = set()
        self.joins = {}
        """(Connection, request) -> (role, name) of the JOINs that wait in the hall."""
        self.watchers = set()

    # --- who waits ----------------------------------------------------------------------------------------

    def from_agent(self, peer, frame):
        """The hub is about to take a frame of an agent or a director."""
        if len(frame) < HEAD_BYTES or frame[1] != Kind.JOIN or peer not in self.world.registry.token_of:
            return
        try:
            said = Join.decode(frame[HEAD_BYTES:])
        except ProtocolError:
            return
        session = self.world.hub.arena.sessions.get(peer)
        if said.room == HALL and session is not None:
            self.joins[peer, AGENT_HEAD.unpack_from(frame)[3]] = (said.role, session.name)

    def connection_over(self, peer):
        """Nobody speaks over a connection any more: what it had asked for concerns no seat, and is void."""
        self.watchers.discard(peer)
        for key in [key for key in self.joins if key[0] == peer]:
            del self.joins[key]

    def to_agent(self, peer, kind, request, body):
        """A frame that concerns no seat leaves for an agent or a director."""
        if kind in (Kind.END, Kind.ERROR):
            self.joins.pop((peer, request), None)
        elif kind == Kind.ARRANGED:
            self._arranged_leaves(peer, Arranged.decode(body))
        elif kind == Kind.WATCHING and Watching.decode(body).room == HALL:
            self.watchers.add(peer)
        elif kind == Kind.ROOM_CLOSED:
            name = RoomClosedWord.decode(body).room
            if name in self.open or (name in self._rooms() and name not in self.closed_rooms):
                raise Violation(CLOSED, f"the hub says so of {name}, and it is not in the journal")
        elif kind == Kind.MATCH:
            self._match_leaves(MatchNews.decode(body))

    def _rooms(self):
        return {room.opened.name for room in [self.world.plan.hall.room, *self.world.plan.hall.likes]}

    def _arranged_leaves(self, peer, told):
        known = [entry for entry in self.all if entry.name == told.name]
        if not known or (told.match is not None and told.match not in [entry.match for entry in known]):
            raise Violation(ONCE, f"ARRANGED {told.name} {told.match}, which is not in the journal")
        if told.match is not None:
            known[-1].due -= {peer}

    def _match_leaves(self, told):
        entry = self.entry_of(told.match)
        if entry is not None and entry.cause != told.cause:
            raise Violation(KEPT, f"{told.room} is told as {told.cause}, it was {entry.cause}", told.match)

    # --- what is committed --------------------------------------------------------------------------------

    def committed(self, records):
        """The journal has kept these, and the reference has taken the events that came with them."""
        for record in records:
            take = _TAKE.get(type(record))
            if take is not None:
                take(self, record)
        for entry in self.all if records else ():
            if entry.closed and entry.match is not None and entry.cause is None:
                raise Violation(CLOSED, f"{entry.name} goes on", entry.match)

    def _game_arranged(self, record):
        asked, director = Arrange.decode(record.asked), self.world.hall_director
        if record.name in self.open:
            raise Violation(ONCE, f"{record.name} is arranged twice")
        if director.sent.get(record.name) != asked:
            raise Violation(ONCE, f"{record.name} was not asked for like that")
        self.open[record.name] = entry = Entry(record.name, asked)
        self.all.append(entry)

    def _match_made(self, record):
        entry = self.open.get(record.room)
        if entry is None:
            if self.world.hall_director is not None and self.world.hall_director.room(record.room):
                raise Violation(CLOSED, f"{record.room} is made nevertheless", record.id)
            return
        if entry.match is not None:
            raise Violation(ONCE, f"{entry.name} is match {entry.match} and {record.id}", record.id)
        if record.seed != entry.asked.seed:
            raise Violation(ONCE, f"{entry.name} has another seed", record.id)
        entry.match, entry.due = record.id, frozenset(self.watchers)
        seated = [(role, name) for role, _, name, _ in record.players]
        calls = entry.asked.calls
        if Counter(r for r, _ in seated) != Counter(c.role for c in calls) or not can_come(calls, seated):
            raise Violation(CALLED, f"{entry.name}: {calls} were called, {seated} sit", record.id)
        for (_, join, token, *_), who in zip(record.seats, seated, strict=True):
            peer = self.world.registry.speaker.get(token)
            if self.joins.pop((peer, join), None) != who:
                raise Violation(WAITS, f"{entry.name} seats {who}, who does not wait", record.id)

    def _match_ended(self, record):
        entry = self.entry_of(record.match)
        if entry is not None:
            entry.cause = record.cause

    def _news(self, record):
        entry = self.open.get(record.name)
        if entry is None:
            raise Violation(CLOSED, f"news are kept of {record.name}")
        entry.news = [tuple(news) for news in record.news]
        if entry.news[-1][0] == Kind.MATCH:
            self._check_news(entry)

    def _check_news(self, entry):
        """They are all that the hub has heard from the engine, and how it ended."""
        *episodes, (_, ended) = entry.news
        told = [Episode.decode(body).result for _, body in episodes]
        match = self.world.reference.matches[entry.match]
        results = [o[4] for o in match.outputs[HUB_SEAT] if o[1] == Kind.RESULT]
        cause = MatchNews.decode(ended).cause
        if told != results and not (told == [] and cause != Cause.FINISHED):
            text = f"{entry.name} ({cause}): {len(told)} results are kept of {len(results)}"
            raise Violation(KEPT, text, entry.match)

    def _game_closed(self, record):
        entry = self.open.pop(record.name, None)
        if entry is None:
            raise Violation(CLOSED, f"{record.name} is closed twice")
        entry.closed = True

    def _room_closed(self, record):
        self.closed_rooms.add(record.name)

    # --- the hub's own eyes -------------------------------------------------------------------------------

    def entry_of(self, match):
        """What was arranged and became this match; None for others."""
        return next((entry for entry in reversed(self.all) if entry.match == match), None)

    def is_called_off(self, match):
        """Whether a match was closed before it had ended by itself."""
        entry = self.entry_of(match)
        return entry is not None and entry.closed and entry.cause == Cause.LEFT

    def hub_started(self, arena):
        """A hub knows what its journal has."""
        self.joins.clear()
        self.watchers.clear()
        if self.world.plan.hall is None:
            return
        self._check_games(arena)
        for name, room in arena.rooms.items():
            entry = self.open.get(name)
            if entry is not None and (room.news or None) != entry.news:
                raise Violation(KEPT, f"{name}: a hub starts with other news than were kept", entry.match)

    def check(self, arena):
        """After each turn."""
        if self.world.plan.hall is None:
            return
        self._check_games(arena)
        self._check_waiting(arena)
        if self.joins and least_loaded(arena) is not None:
            waiting = list(self.joins.values())
            for entry in self.open.values():
                if entry.match is None and can_come(entry.asked.calls, waiting):
                    raise Violation(BEGINS, f"{entry.name}: {waiting} wait")

    def _check_games(self, arena):
        there = {name for name, room in arena.rooms.items() if room.hall is not None}
        if there != self.open.keys():
            raise Violation(CLOSED, f"the hub has {sorted(there)}, the journal {sorted(self.open)}")
        hall = arena.rooms.get(HALL)
        pending = set() if hall is None else {room.spec.name for room in hall.pending}
        games = set() if hall is None else hall.games.keys()
        unmade = {name for name, entry in self.open.items() if entry.match is None}
        if pending != unmade or games != self.open.keys():
            raise Violation(ONCE, f"{sorted(pending)} wait to be made, of the journal's {sorted(unmade)}")
        for entry in self.open.values():
            if entry.due & self.watchers:
                raise Violation(HEARD, f"{entry.name} is not told of", entry.match)

    def _check_waiting(self, arena):
        hall = arena.rooms.get(HALL)
        lines = {} if hall is None else hall.lines
        if not lines and not self.joins:
            return
        named = Counter()
        for (_, name, key), line in lines.items():
            named.update((j.session.peer, j.request) for j in line if name == j.session.name and not key)
        for key in [key for key in self.joins if key[0] not in arena.sessions]:
            del self.joins[key]  # it was shown the door
        anybody = [line for (_, name, key), line in lines.items() if not name and not key]
        found = Counter((j.session.peer, j.request) for line in anybody for j in line)
        if found != named or found != Counter(self.joins.keys()):
            raise Violation(WAITS, f"{sorted(found)} wait, {sorted(self.joins)} should")

    def check_told(self, attendees):
        """Who has been told that it waits does, when nothing is under way any more."""
        lost = [process.plan.name for process in attendees if not process.waiting <= self.joins.keys()]
        if lost:
            raise Violation(WAITS, f"{', '.join(lost)} waits for nothing")

    def check_given_up(self, name):
        """A director has heard nothing of a match, and nothing is under way any more."""
        entry = self.open.get(name)
        if entry is None or entry.cause is not None:
            raise Violation(KEPT, f"the director has not heard of {name}", entry and entry.match)


_TAKE = {
    GameArranged: HallBooks._game_arranged,
    MatchMade: HallBooks._match_made,
    MatchEnded: HallBooks._match_ended,
    GameNews: HallBooks._news,
    GameClosed: HallBooks._game_closed,
    RoomClosed: HallBooks._room_closed,
}


# --- at the end -------------------------------------------------------------------------------------------


def check_hall(world):
    """Everything that was arranged is closed, and what the director has kept is what was played."""
    books, director = world.books, world.hall_director
    if director is None:
        return
    if books.open or not books.closed_rooms >= books._rooms():
        raise Violation(CLOSED, f"{sorted(books.open)} are open, closed rooms: {sorted(books.closed_rooms)}")
    left = [row for row in world.disk.ask("SELECT name, news, closed FROM games") if row[1:] != (None, 1)]
    left += [
        row
        for row in world.disk.ask("SELECT name, closed FROM rooms")
        if row[0] in books._rooms() and not row[1]
    ]
    if left:
        raise Violation(CLOSED, f"the journal still has {left}")
    played = Counter(match.id for match in world.reference.all if not match.lost)
    if any(played[entry.match] != 1 for entry in books.all if entry.match is not None):
        raise Violation(ONCE, "a match that was arranged is not the reference's")
    matches = {match.id: match for match in world.reference.all if not match.lost}
    heard = Counter()
    for game in director.games:
        for outcome in game.outcomes:
            heard[outcome.match] += 1
            _check_outcome(world, matches, outcome)
        if len(game.outcomes) > game.plan.times:
            raise Violation(ONCE, f"{game.plan.name} has {len(game.outcomes)} outcomes")
    if any(count > 1 for count in heard.values()):
        raise Violation(ONCE, f"one match is kept twice: {heard}")


def _check_outcome(world, matches, outcome):
    match, entry = matches.get(outcome.match), world.books.entry_of(outcome.match)
    if match is None or entry is None or match.room != outcome.name or entry.cause != outcome.cause:
        raise Violation(ONCE, f"{outcome.name}: {outcome.cause}, which is not what was played", outcome.match)
    results = [o[4] for o in match.outputs[HUB_SEAT] if o[1] == Kind.RESULT]
    if outcome.result is None and outcome.cause == Cause.FINISHED:
        raise Violation(KEPT, f"{outcome.name} is over, and its result was not told", match.id)
    if outcome.result is not None and [outcome.result] != results:
        raise Violation(KEPT, f"{outcome.name} has another result than was played", match.id)
