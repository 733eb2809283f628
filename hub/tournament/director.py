"""The director of a cup: has the hub play what the conduct wants, and keeps what comes of it.

A client of the hub like any other. What it does about an event is in the store before the hub is told, and
the hub tells again what was not closed: whichever of the two is killed, nothing is lost or counted twice.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from attrs import define, field

from netsiege.client import Client
from netsiege.errors import ConfigError, ProtocolError
from netsiege.hub.tournament.conduct import Conduct, Flight
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Entrant, Game, Ground, Player
from netsiege.hub.tournament.outcomes import Place
from netsiege.hub.tournament.processes import Ending, EntrantProcess, EntrantProcesses, Post, is_managed
from netsiege.hub.tournament.schedule import NOBODY
from netsiege.hub.tournament.store import Store
from netsiege.protocol import (
    MAX_NAME_CHARS,
    Arrange,
    Arranged,
    Call,
    Code,
    Episode,
    Match,
    OpenRoom,
    Result,
    Trajectory,
)
from netsiege.shown import LINE_CHARS, shown

START_PAUSES_S: Final = (0.0, 0.5, 2.0, 5.0)
"""Pauses before a process that has ended is started again: the n-th time in a row, then always the last."""
STARTS_MAX: Final = 4
"""A process that ends so often in a row without having begun a game is not there."""
LISTEN_S: Final = 0.2
GATHER_S: Final = 0.1
"""What comes in so short a time is written, and answered, together: seats do not wait for it, since games are
arranged ahead."""
LOOK_S: Final = 0.1
"""How often it is looked who has ended or does not come: what that takes grows with the games under way."""
UNUSED_ROOMS: Final = 256
"""So many stay open, since the next games may be like them."""
BENIGN: Final = "Benign"
USER_SEATS: Final = 256
"""Games that one user is in at once: it waits for nobody's thoughts."""

Templates = Callable[[Ground, Game], OpenRoom]
"""The room whose matches a game is like; equal rooms have equal names, others have others."""


@define(eq=False)
class _Post:
    """An entrant's place, and the process that plays there."""

    place: Place
    process: EntrantProcess | None = None
    due_s: float = 0.0
    failures: int = 0
    """Processes in a row that have ended before they began a game."""
    waits_since_s: float | None = None
    """Since when it has been called to a game and has not come to any."""
    was_told: bool = False
    """Whether it has been told why a process has ended: once is enough."""


def _write_warning(text: str) -> None:
    sys.stderr.write(f"netsiege: warning: {text}\n")


@define(eq=False)
class Director:
    """Runs a cup to its end, or until it is told to stop: `run`. `progress` is called now and then."""

    cup: Cup
    store: Store
    client: Client
    conduct: Conduct
    templates: Templates
    hall: str
    tag: str
    """What only this cup has: a hall of the same name, but another tag, is another cup's."""
    processes: EntrantProcesses
    post: Post
    absent_s: float
    """How long a remote entrant may take to come to a game that it is called to."""
    progress: Callable[[Director], None] = lambda _director: None
    watch_over: Callable[[], None] = lambda: None
    """Called now and then; raises what ends the cup from beside the director."""
    warn: Callable[[str], None] = _write_warning
    """Told what an entrant's first process to end had to say."""
    decided: list[tuple[int, int]] = field(factory=list)
    """Games, and the hub's matches that have decided them, since somebody has emptied this."""
    _results: dict[str, Result] = field(factory=dict)
    _like: dict[str, str] = field(factory=dict)
    """Room of a match that is arranged -> the room that it is like, …"""
    _rooms: Counter[str] = field(factory=Counter)
    """… and how many are like each of those."""
    _unused: dict[str, None] = field(factory=dict)
    """Those that none is like."""
    _look_s: float = 0.0
    _posts: dict[Place, _Post] = field(factory=dict)
    _grounds: dict[str, Ground] = field(factory=dict)
    _entrants: dict[str, Entrant] = field(factory=dict)
    _users: dict[str, Entrant] = field(factory=dict)

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Plays what is left to play; False if it was stopped before the end. Raises `SiegeError`."""
        self._grounds = {ground.label: ground for ground in self.cup.grounds}
        self._open_hall()
        self.client.watch(self.hall)
        self._adopt()
        self._entrants = {entrant.name: entrant for entrant in self.cup.entrants}
        self._users = {user: _user(user) for ground in self.cup.grounds for user in ground.benign}
        self._posts = {
            (entrant.name, role): _Post((entrant.name, role))
            for entrant in (*self.cup.entrants, *self._users.values())
            for role, player in entrant.players
            if is_managed(player)
        }
        self._follow_orders()
        while not self.conduct.is_over and not stop():
            self._look_after_entrants()
            self.watch_over()
            if self._listen(LISTEN_S):
                time.sleep(GATHER_S)
                self._listen(0.0)
            self._follow_orders()
            self.progress(self)
        self._follow_orders()
        return self.conduct.is_over

    def _open_hall(self) -> None:
        try:
            self.client.open_room(_hall(self.hall, self.tag))
        except ProtocolError as error:
            if error.code != Code.BAD_REQUEST:
                raise
            said = f"the hub has a room {shown(self.hall)!r} already, of another cup perhaps"
            raise ConfigError(f"{said}: give this one another name") from None

    def close(self) -> None:
        """Sends everybody home: the cup is over."""
        self.client.close_rooms([self.hall, *self._rooms])

    # --- what the hub says --------------------------------------------------------------------------------

    def _adopt(self) -> None:
        """Hears what came of the attempts of an earlier director, and calls the others off."""
        ended: list[Match] = []
        self.client.status()  # what was there to be told has been told before the answer to this
        for news in self.client.news(0.0):
            if isinstance(news, Match):
                ended.append(news)
            elif isinstance(news, Episode):
                self._results[news.room] = Result.decode(news.result)
        for match in ended:
            self.conduct.adopt(match.room, self._results.pop(match.room, None), match.cause)
        self.conduct.give_up_the_rest()

    def _listen(self, timeout_s: float) -> bool:
        """Hears what there is, after the first of it; False if there was nothing."""
        heard = False
        for news in self.client.news(timeout_s):
            self._hear(news)
            heard = True
        return heard

    def _hear(self, news: Episode | Match | Trajectory | Arranged) -> None:
        if isinstance(news, Arranged):
            self._began(news.name, news.match)
        elif isinstance(news, Episode):
            self._results[news.room] = Result.decode(news.result)
        elif isinstance(news, Match):
            result = self._results.pop(news.room, None)
            game = self.conduct.ended(news.room, result, news.cause, news.text)
            if game is not None:
                self.decided.append((game, news.match))

    def _began(self, room: str, match: int | None) -> None:
        self.conduct.began(room, match)
        flight = self.conduct.flights.get(room)
        for place in flight.places() if flight is not None else ():
            post = self._posts.get(place)
            if post is not None:
                post.failures, post.waits_since_s = 0, None

    # --- what it tells the hub ----------------------------------------------------------------------------

    def _follow_orders(self) -> None:
        while True:
            orders = self.conduct.take_orders()
            if not (orders.games or orders.attempts or orders.verdicts or orders.benched or orders.close):
                return
            self.store.write(
                games=orders.games,
                attempts=orders.attempts,
                verdicts=orders.verdicts,
                benched=orders.benched,
            )
            self._arrange(orders.arrange, orders.close)
            self._close_unused(orders.close)

    def _arrange(self, flights: Iterable[Flight], ended: Iterable[str]) -> None:
        asked = []
        for flight in flights:
            game = flight.game
            like = self.templates(self._grounds[game.ground], game)
            if like.name not in self._rooms:
                with _refusals_explained():
                    self.client.open_room(like)
            self._rooms[like.name] += 1
            self._unused.pop(like.name, None)
            self._like[flight.room] = like.name
            asked.append(Arrange(flight.room, self.hall, like.name, game.seed, self._calls(game)))
        with _refusals_explained():
            self.client.arrange(asked, ended)

    def _close_unused(self, ended: Iterable[str]) -> None:
        """Closes rooms that nothing is like any more, if there are many: each slice may have its own."""
        for room in ended:
            like = self._like.pop(room, None)
            if like is not None:
                self._rooms[like] -= 1
                if not self._rooms[like]:
                    self._unused[like] = None
        if len(self._unused) > UNUSED_ROOMS:
            self.client.close_rooms(self._unused)
            for like in self._unused:
                del self._rooms[like]
            self._unused.clear()

    def _calls(self, game: Game) -> tuple[Call, ...]:
        calls = [self._call(game.attacker, ATTACKER)]
        if game.defender != NOBODY:
            calls.append(self._call(game.defender, DEFENDER))
        calls += [Call(BENIGN, self._users[user].name) for user in self._grounds[game.ground].benign]
        return tuple(calls)

    def _call(self, name: str, role: str) -> Call:
        """A remote entrant is called by its key, whatever it calls itself; others are by their names."""
        player = self._entrants[name].player(role)
        assert player is not None
        return Call(role, "", player.key) if player.key else Call(role, name)

    # --- entrants -----------------------------------------------------------------------------------------

    def _look_after_entrants(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._look_after_processes(now_s)
            self._look_after_absent(now_s)

    def _look_after_processes(self, now_s: float) -> None:
        for process in self.processes.ended():
            post = next(post for post in self._posts.values() if post.process is process)
            self._ended(post, process, now_s)
        for post in self._posts.values():
            if post.process is None and now_s >= post.due_s and self._is_wanted(post.place):
                name, role = post.place
                entrant = self._users[name] if role == BENIGN else self._entrants[name]
                post.process = self.processes.start(entrant, role, self.post)

    def _is_wanted(self, place: Place) -> bool:
        """Whether an entrant is called to anything; users are wherever something is played."""
        name, role = place
        if role == BENIGN:
            return any(name in self._grounds[f.game.ground].benign for f in self.conduct.flights.values())
        return self.conduct.is_called(place)

    def _ended(self, post: _Post, process: EntrantProcess, now_s: float) -> None:
        assert process.ending is not None
        why = _why(process, process.ending)
        post.process = None
        began = any(f.began and post.place in f.places() for f in self.conduct.flights.values())
        self.conduct.crashed(post.place, why)
        post.failures = 0 if began else post.failures + 1
        post.due_s = now_s + START_PAUSES_S[min(post.failures, len(START_PAUSES_S) - 1)]
        name, role = post.place
        self.store.write(notes={f"process of {name} ({role})": why})
        if not post.was_told:
            post.was_told = True
            self.warn(shown(f"a process of {name} ({role}) has ended: {why}", LINE_CHARS))
        if post.failures >= STARTS_MAX:
            self.conduct.absent(post.place)

    def _look_after_absent(self, now_s: float) -> None:
        """Forfeits what a remote entrant does not come to, while others have come to theirs."""
        remote = [(e.name, role) for e in self.cup.entrants for role, player in e.players if player.key]
        if not remote:
            return
        waiting = {place for flight in self.conduct.waiting_for() for place in flight.places()}
        playing = {p for f in self.conduct.flights.values() if f.began for p in f.places()}
        for place in remote:
            post = self._posts.setdefault(place, _Post(place, due_s=float("inf")))
            if place not in waiting or place in playing:
                post.waits_since_s = None
            elif post.waits_since_s is None:
                post.waits_since_s = now_s
            elif now_s - post.waits_since_s > self.absent_s:
                post.waits_since_s = None
                if self._is_missing(place):
                    self.store.write(notes={f"{place[0]} ({place[1]})": "it has not come to its games"})
                    self.conduct.absent(place)

    def _is_missing(self, place: Place) -> bool:
        """Whether it is this one that a game waits for, rather than another that is called to it."""
        halls = (room for room in self.client.status().rooms if room.name == self.hall)
        return any(self._call(*place) in hall.missing for hall in halls)


@contextmanager
def _refusals_explained() -> Iterator[None]:
    """What a hub refuses because of its limits ends a cup, with what to do about it."""
    try:
        yield
    except ProtocolError as error:
        if error.code != Code.OVERLOADED:
            raise
        raise ConfigError(
            f"the hub takes no more games: {error.text}. Give the entrants fewer seats, or play at a hub "
            f"of your own, with --hub, that has a larger one: `netsiege hub --limit NAME=VALUE`"
        ) from None


def _why(process: EntrantProcess, ending: Ending) -> str:
    """How a process has ended, and what it said last, if that may tell more."""
    said = process.last_lines(1) if ending.code and not ending.limit and not ending.asked else []
    return f"{ending.text}: {said[0]}" if said else ending.text


def _user(agent: str) -> Entrant:
    """A user that is there in games: a process like an entrant's, that wins nothing."""
    return Entrant(agent[:MAX_NAME_CHARS], ((BENIGN, Player(agent)),), USER_SEATS)


def _hall(name: str, tag: str) -> OpenRoom:
    return OpenRoom(name, (ATTACKER, DEFENDER, BENIGN), (), 1, 0, None, None, tag.encode(), arranged=True)
