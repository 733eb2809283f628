"""How a cup is conducted: which game is played next, and what its end means. Pure.

Games are played as entrants have seats for them, but never further ahead of the first one without a verdict
than `reach`: who is benched for its forfeits is so from beyond that on, so that it makes no difference which
games happened to be over by then.

A game that was lost to a worker or to the hub is played again from the same seed. An entrant whose process
ends, or whose connection is lost, in the middle of several games may have been brought down by any of them:
they are played again, one after the other and none beside them, and only what brings it down then is
forfeited. Everything else that an entrant does to a game forfeits that game.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs
from attrs import define, field

from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Game, Outcome
from netsiege.hub.tournament.outcomes import INFRASTRUCTURE, Place, guilty_of, outcome_of, unplayed
from netsiege.hub.tournament.records import OPEN, VOID, Attempt, Bench
from netsiege.hub.tournament.schedule import NOBODY, Schedule, forfeiter
from netsiege.protocol import Cause, Result

REACH_SEATS: Final = 4
"""Games ahead of the first without verdict, for each seat of all entrants, …"""
REACH_MIN: Final = 64
"""… but so many at least."""
LOST_MAX: Final = 5
"""A game that was lost to the arena so often has a bug of the arena to show: the attacker has not won it."""
VANISHED: Final = (Cause.DISCONNECT, Cause.LEFT)
"""Ends by which a player's whole process may be gone: an agent that breaks may still have taken its leave."""
BENCHED: Final = "benched"
ABSENT: Final = "absent"
"""Causes of a director's own: a game that was not played at all, since its entrant plays no more, or has not
come."""
AHEAD_SEATS: Final = 2
"""For so many seats of an entrant, and for an only one, a game is arranged ahead: it begins as soon as there
are seats for it, and they do not wait for the director."""
BENCH_SHARE: Final = 0.25


@define(eq=False)
class Flight:
    """An attempt at a game that is under way. `began`: all of its players have come."""

    game: Game
    number: int
    room: str
    began: bool = False

    def places(self) -> Iterator[Place]:
        """Who takes part."""
        return _places(self.game)


@define(eq=False)
class Orders:
    """What is to be done: first kept, then told to the hub."""

    games: list[Game] = field(factory=list)
    attempts: list[Attempt] = field(factory=list)
    verdicts: list[tuple[Outcome, int | None]] = field(factory=list)
    benched: list[Bench] = field(factory=list)
    arrange: list[Flight] = field(factory=list)
    close: list[str] = field(factory=list)


class Conduct:
    """See the module. Everything that happens is told to it, and `take_orders` says what follows."""

    def __init__(
        self,
        cup: Cup,
        schedule: Schedule,
        tag: str,
        outcomes: Sequence[Outcome] = (),
        benched: Iterable[Bench] = (),
        attempts: Iterable[Attempt] = (),
    ) -> None:
        """`tag` begins the names of all rooms. The rest is what a store has of a cup that was begun; attempts
        that are open are given up: see `adopt` for those that have ended meanwhile.
        """
        self.cup, self.schedule, self._tag = cup, schedule, tag
        self.seats = {(e.name, role): e.seats for e in cup.entrants for role, _ in e.players}
        self.reach = max(REACH_MIN, REACH_SEATS * sum(entrant.seats for entrant in cup.entrants))
        self.outcomes: list[Outcome] = []
        """Those of the first games, without a gap."""
        self.flights: dict[str, Flight] = {}
        self.bench = {each.entrant: each.game for each in benched}
        self._early: dict[int, Outcome] = {}
        """Those of other games."""
        self._tries: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        self._lines: dict[tuple[str, str], deque[Game]] = {}
        self._alone: dict[Place, deque[Game]] = {}
        self._busy: Counter[Place] = Counter()
        self._issued = 0
        self._forfeits: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()
        self._played: Counter[str] = Counter()
        self._orders = Orders()
        self._open: dict[str, Attempt] = {}
        for attempt in attempts:
            self._tries[attempt.game] = max(self._tries[attempt.game], attempt.number + 1)
            if attempt.state == OPEN:
                self._open[attempt.room] = attempt
        for outcome in outcomes:
            self._early[outcome.game.id] = outcome
        self._advance()
        self._issued = len(self.outcomes)
        self._issue()

    # --- what happens -------------------------------------------------------------------------------------

    def began(self, room: str, match: int | None = None) -> None:
        """All players of a game have come; it is the hub's match of that number."""
        flight = self.flights.get(room)
        if flight is not None:
            flight.began = True
            self._orders.attempts.append(Attempt(flight.game.id, flight.number, room, match=match))

    def ended(self, room: str, result: Result | None, cause: str, text: str) -> int | None:
        """A match is over, with its result, if there is one. Of others than are under way nothing follows.

        Returns the game that it has decided, if any.
        """
        flight = self.flights.get(room)
        if flight is None:
            self._orders.close.append(room)
            return None
        if result is None or cause in INFRASTRUCTURE:
            self._lose(flight, cause)
            return None
        guilty = guilty_of(flight.game, result)
        if guilty is not None and result.cause in VANISHED and self._may_be_another(flight, guilty):
            self._isolate(guilty, f"{guilty[0]} has vanished")
            return None
        self._decide(flight, outcome_of(flight.game, result))
        return flight.game.id

    def adopt(self, room: str, result: Result | None, cause: str) -> bool:
        """Takes what came of an attempt of an earlier director, if nobody is to blame for anything.

        A director that dies takes its players with it: what they did not finish says nothing about them.
        """
        attempt = self._open.get(room)
        game = self._waiting_game(attempt.game) if attempt is not None else None
        if attempt is None or game is None or result is None or cause in INFRASTRUCTURE:
            return False
        if guilty_of(game, result) is not None:
            return False
        del self._open[room]
        self._lines[game.attacker, game.defender].remove(game)
        self._orders.verdicts.append((outcome := outcome_of(game, result), attempt.number))
        self._orders.close.append(room)
        self._settle(outcome)
        return True

    def give_up_the_rest(self) -> None:
        """Gives up what an earlier director has left open, and was not adopted."""
        for room, attempt in self._open.items():
            self._orders.attempts.append(attrs.evolve(attempt, state=VOID, why="director"))
            self._orders.close.append(room)
        self._open.clear()

    def crashed(self, place: Place, why: str) -> None:
        """A process of an entrant has ended in the middle of its games, and plays none of them any more."""
        mine = [flight for flight in self.flights.values() if flight.began and place in flight.places()]
        if len(mine) > 1:
            self._isolate(place, why)
        for flight in mine if len(mine) == 1 else ():
            self._forfeit(flight, place[0], Cause.DISCONNECT)

    def absent(self, place: Place) -> None:
        """An entrant does not come to its games: those that wait for it are forfeited."""
        for flight in list(self.flights.values()):
            if not flight.began and place in flight.places():
                self._forfeit(flight, place[0], ABSENT)

    # --- what follows -------------------------------------------------------------------------------------

    def take_orders(self) -> Orders:
        """What is to be done about all that has happened since the last time."""
        if self.is_over:
            for flight in list(self.flights.values()):
                self._void(flight, "decided")
        else:
            self._issue()
            self._launch()
        orders, self._orders = self._orders, Orders()
        return orders

    @property
    def is_over(self) -> bool:
        """Whether every game has its verdict, or no more are needed."""
        return self.schedule.end(self.outcomes) is not None

    def waiting_for(self) -> list[Flight]:
        """The attempts whose players have not all come."""
        return [flight for flight in self.flights.values() if not flight.began]

    def _issue(self) -> None:
        """Takes up the games that may be played by now."""
        limit = len(self.outcomes) + self.reach
        while self._issued < limit:
            games = self.schedule.next_games(self.outcomes, self._issued, limit - self._issued)
            if not games:
                return
            self._orders.games += games
            for game in games:
                self._issued = game.id + 1
                if game.id in self._early:
                    continue
                if forfeiter(game, self.bench):
                    self._verdict(unplayed(game, forfeiter(game, self.bench), BENCHED), None)
                else:
                    self._lines.setdefault((game.attacker, game.defender), deque()).append(game)
            limit = len(self.outcomes) + self.reach

    def _launch(self) -> None:
        """Begins what has seats, the first games first."""
        for place, games in list(self._alone.items()):
            if games and self._may_begin(games[0], alone=True):
                self._begin(games[0])
            if not games and not self._busy[place]:
                del self._alone[place]
        # seats are only taken meanwhile: a line that has to wait does so to the end
        lines = [(line[0].id, line) for line in self._lines_with_seats()]
        heapq.heapify(lines)
        while lines:
            _, line = heapq.heappop(lines)
            if not self._may_begin(line[0]):
                continue
            self._begin(game := line.popleft())
            if line:
                heapq.heappush(lines, (line[0].id, line))
            else:
                del self._lines[game.attacker, game.defender]

    def _lines_with_seats(self) -> Iterator[deque[Game]]:
        """The lines that may go on: few, where most seats are taken, however many lines there are."""
        free = [place for place in self.seats if self._has_seat(place)]
        attackers = [name for name, role in free if role == ATTACKER]
        defenders = [NOBODY, *(name for name, role in free if role == DEFENDER)]
        if len(attackers) * len(defenders) > len(self._lines):
            return filter(None, self._lines.values())
        pairs = itertools.product(attackers, defenders)
        return (line for pair in pairs if (line := self._lines.get(pair)))

    def _may_begin(self, game: Game, alone: bool = False) -> bool:
        """Whether there are seats for a game; `alone`: for one that is played again, with no other beside."""
        return all(self._has_seat(place, alone) for place in _places(game))

    def _has_seat(self, place: Place, alone: bool = False) -> bool:
        if place in self._alone:
            return self._busy[place] < alone
        seats = self.seats[place]
        return self._busy[place] < seats + max(1, seats // AHEAD_SEATS)

    def is_called(self, place: Place) -> bool:
        """Whether an entrant is called to any game."""
        return self._busy[place] > 0

    def _begin(self, game: Game) -> None:
        number = self._tries[game.id]
        self._tries[game.id] += 1
        flight = Flight(game, number, f"{self._tag}/{game.id}.{number}")
        for place in flight.places():
            self._busy[place] += 1
            queue = self._alone.get(place)
            if queue is not None and game in queue:
                queue.remove(game)
        self.flights[flight.room] = flight
        self._orders.attempts.append(Attempt(game.id, number, flight.room))
        self._orders.arrange.append(flight)

    # --- ends ---------------------------------------------------------------------------------------------

    def _land(self, flight: Flight) -> None:
        del self.flights[flight.room]
        for place in flight.places():
            self._busy[place] -= 1
        self._orders.close.append(flight.room)

    def _void(self, flight: Flight, why: str) -> None:
        self._land(flight)
        self._orders.attempts.append(Attempt(flight.game.id, flight.number, flight.room, VOID, why))

    def _lose(self, flight: Flight, cause: str) -> None:
        """The arena has lost a game: it is played again."""
        self._lost[flight.game.id] += 1
        if self._lost[flight.game.id] >= LOST_MAX:
            self._decide(flight, unplayed(flight.game, "", cause))
            return
        self._void(flight, cause)
        self._lines.setdefault((flight.game.attacker, flight.game.defender), deque()).appendleft(flight.game)

    def _may_be_another(self, flight: Flight, place: Place) -> bool:
        """Whether what brought a player down may have been another game than this."""
        others = (each for each in self.flights.values() if each.began and each is not flight)
        return place not in self._alone and any(place in each.places() for each in others)

    def _isolate(self, place: Place, why: str) -> None:
        """Plays the games of an entrant that are under way again, one by one."""
        mine = [flight for flight in self.flights.values() if place in flight.places()]
        queue = self._alone.setdefault(place, deque())
        for flight in sorted(mine, key=lambda flight: flight.game.id):
            self._void(flight, f"rerun: {why}"[:200])
            queue.append(flight.game)

    def _forfeit(self, flight: Flight, guilty: str, cause: str) -> None:
        self._decide(flight, unplayed(flight.game, guilty, cause))

    def _decide(self, flight: Flight, outcome: Outcome) -> None:
        self._land(flight)
        self._verdict(outcome, flight.number)

    def _verdict(self, outcome: Outcome, attempt: int | None) -> None:
        self._orders.verdicts.append((outcome, attempt))
        self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        self._early[outcome.game.id] = outcome
        self._advance()

    def _advance(self) -> None:
        """Counts the outcomes in the order of the schedule, and benches who has forfeited too much."""
        while not self.is_over and (outcome := self._early.pop(len(self.outcomes), None)) is not None:
            self.outcomes.append(outcome)
            game = outcome.game
            for name in {game.attacker, game.defender} - {NOBODY}:
                self._played[name] += 1
                if outcome.forfeit == name:
                    self._forfeits[name] += 1
                    self._in_a_row[name] += 1
                    self._consider(name, game)
                else:
                    self._in_a_row[name] = 0

    def _consider(self, name: str, game: Game) -> None:
        most, forfeits, row = self.cup.forfeits, self._forfeits[name], self._in_a_row[name]
        if not most or name in self.bench or forfeits < most:
            return
        share = forfeits / self._played[name]
        if row < most and share < BENCH_SHARE:
            return
        which = f"{row} in a row" if row >= most else f"{forfeits} of {self._played[name]}"
        bench = Bench(name, game.id + self.reach + 1, f"it has forfeited {which} of its games")
        self.bench[name] = bench.game
        self._orders.benched.append(bench)

    def _waiting_game(self, number: int) -> Game | None:
        """A game that waits to be played."""
        return next((g for line in self._lines.values() for g in line if g.id == number), None)


def _places(game: Game) -> Iterator[Place]:
    yield (game.attacker, ATTACKER)
    if game.defender != NOBODY:
        yield (game.defender, DEFENDER)
