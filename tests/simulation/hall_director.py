"""The director of a hall: arranges matches, keeps what it hears of them, and closes what it has kept.

A process dies between any two frames that it sends or things that it keeps; what the node has kept by then is
what the next process knows. It begins as a tournament's does: opens what it needs, watches, and asks for the
status, before whose answer it has heard all that there was to be told again.
"""

import attrs
from attrs import Factory, define

from netsiege.errors import HubUnreachable, SiegeError
from netsiege.protocol import (
    Arrange,
    Arranged,
    Episode,
    Match,
    Room,
    RoomClosed,
    SessionRole,
    State,
)
from netsiege.session import Interrupted, Unwatched
from tests.simulation.agent_node import AgentNode, AgentProcess
from tests.simulation.clock import Violation
from tests.simulation.hall_plan import HALL, GamePlan
from tests.simulation.rooms import AgentPlan

WANTED, ENDED, DONE = "wanted", "ended", "done"


@define(eq=False)
class Outcome:
    """What was heard of a match: its name and number, why it ended, and its result, if it had one."""

    name: str
    match: int
    cause: str
    result: bytes | None


@define(eq=False)
class KeptGame:
    """A match that is to be arranged, as the director keeps it.

    `name` is the one of its present attempt; `asked` says that the hub may have heard of that, `known` that
    it has said so. Without an outcome, a game that has ended was called off.
    """

    plan: GamePlan
    name: str
    left: int
    attempts: int = 1
    state: str = WANTED
    asked: bool = False
    known: bool = False
    outcomes: list[Outcome] = Factory(list)


class HallDirectorProcess(AgentProcess):
    """One process of the director."""

    ROLE = SessionRole.DIRECTOR

    def __init__(self, node, token=None):
        self.fuse = -1
        """After so many more frames or things kept it dies; negative: it does not."""
        self.results = {}
        """Match -> its result: heard, not kept."""
        self.arranged = set()
        """Games that this process has asked for, …"""
        self.closing = set()
        """… and rooms that it has asked to be closed."""
        self.is_ready = False
        super().__init__(node, token)

    def survives(self):
        """Whether it lives for one more operation."""
        if self.alive and self.fuse == 0:
            self.node.crash(self)
        self.fuse -= self.fuse > 0
        return self.alive

    def _send(self, frame):
        if self.survives():
            super()._send(frame)

    # --- what it hears ------------------------------------------------------------------------------------

    def _join(self):
        if self.joined:
            return
        self.joined = True
        node = self.node
        if not node.closes_hall:
            for room in node.rooms_to_open():
                self._ask(self.session.open_room(room.opened))
            self._ask(self.session.watch(HALL))
        self._ask(self.session.status())

    def _take(self, settled):
        answer, node = settled.answer, self.node
        if isinstance(answer, Interrupted | HubUnreachable):
            self._interrupted()
        elif isinstance(answer, Arranged):
            node.begins(self, answer)
        elif isinstance(answer, Episode):
            self.results[answer.match] = answer.result
            if node.is_cut_at_a_result:
                node.is_cut_at_a_result = False
                self.world.network.cut(self.socket)
        elif isinstance(answer, Match):
            node.hears(self, answer, self.results.pop(answer.match, None))
        elif isinstance(answer, RoomClosed):
            node.is_closed(self, answer.room)
        elif isinstance(answer, State):
            self._begin()
        elif isinstance(answer, Room):
            node.opened(answer.name)
        elif isinstance(answer, SiegeError) or (isinstance(answer, Unwatched) and not node.closes_hall):
            raise Violation("a director is refused nothing", f"{answer!r}")

    def _begin(self):
        self.is_ready = True
        self.node.go_on(self)

    def _finish_if_done(self):
        if self.is_ready:
            self.node.go_on(self)

    # --- what it asks -------------------------------------------------------------------------------------

    def arrange(self, game):
        self.arranged.add(game)
        asked = self.node.arrange_of(game)
        self._ask(self.session.arrange(asked))
        if game.plan.is_vain:
            self.call_off_later(game)

    def call_off_later(self, game):
        after_s = game.plan.called_off_after_s
        if after_s is not None and not self.node.hall.slams:
            self.world.clock.after(after_s, self._call_off, game, game.name)

    def _call_off(self, game, name):
        if self.alive and game.name == name and game.state == WANTED:
            self.node.call_off(self, game)

    @property
    def is_idle(self):
        return not self.session._open

    def close_room(self, name):
        """Asks for it once."""
        if name not in self.closing:
            self.closing.add(name)
            self._ask(self.session.close_room(name))


class HallDirectorNode(AgentNode):
    """Where the director's processes run, and what they have kept."""

    def __init__(self, world, hall, opened):
        super().__init__(world, AgentPlan("hall-director", []))
        self.hall, self.opened = hall, opened
        self.games = [KeptGame(game, game.name, game.times) for game in hall.games]
        self.void = []
        """Names of attempts that were given up by a later process, and are not closed yet."""
        self.closed_likes = set()
        self.closes_hall = False
        self.is_hasty = False
        """Whether it is time to come to an end."""
        self.sent = {}
        """Name -> what was arranged, or may have been, under it."""
        self._begins_anew = False
        self.is_cut_at_a_result = False
        """Whether its connection breaks when it hears the next result."""

    def start(self, token=None):
        self._begins_anew = self.hall.anew and bool(self.processes)
        self.processes.append(HallDirectorProcess(self, token))

    def be_calm(self):
        """Nothing happens to it any more."""
        self.is_cut_at_a_result = False
        if self.process is not None:
            self.process.fuse = -1

    def crash(self, process):
        """The process is gone; another one comes, and knows what was kept."""
        process.die(self.rng.choice((0.0, 0.01, 2.0)))
        self.world.clock.after(self.rng.uniform(0.02, 3.0), self._come_back)

    def _come_back(self):
        if self.process is None and not self.done:
            self.start()

    # --- rooms --------------------------------------------------------------------------------------------

    def rooms_to_open(self):
        likes = [like for like in self.hall.likes if like.opened.name not in self.closed_likes]
        return [self.hall.room, *likes]

    def room(self, name):
        """The room of an arranged match; None if there is none of that name."""
        asked = self.sent.get(name)
        if asked is None:
            return None
        like = self.world.plan.room(asked.like)
        opened = attrs.evolve(like.opened, name=name, seats=(), seed=asked.seed, episodes=1, arranged=False)
        return attrs.evolve(like, opened=opened)

    def arrange_of(self, game):
        plan = game.plan
        asked = self.sent[game.name] = Arrange(game.name, HALL, plan.like, plan.seed, plan.calls)
        return asked

    # --- what comes of it ---------------------------------------------------------------------------------

    def _game(self, name):
        return next((game for game in self.games if game.name == name), None)

    def begins(self, process, told):
        game = self._game(told.name)
        if game is not None and not game.known and process.survives():
            game.known = True
        if game is not None and told.match is not None:
            process.call_off_later(game)

    def hears(self, process, told, result):
        """Keeps what came of a match, then has it closed; closes what it knows nothing of."""
        game = self._game(told.room)
        if not process.survives():
            return
        if game is not None and game.state == WANTED and game.asked:
            game.outcomes.append(Outcome(game.name, told.match, told.cause, result))
            game.state = ENDED
            self.world.count("arranged matches heard of")
        process.close_room(told.room)

    def call_off(self, process, game):
        if process.survives():
            game.state = ENDED
            self.world.count("arranged matches called off")
            process.close_room(game.name)

    def is_closed(self, process, name):
        process.closing.discard(name)
        if not process.survives():
            return
        if name == HALL:
            self.over(process, says_bye=True)
        elif name in self.void:
            self.void.remove(name)
        else:
            self._is_over(self._game(name))

    def _is_over(self, game):
        """A match is closed: it is played once more under its name, or done."""
        if game is None or game.state != ENDED:
            return
        game.left -= 1
        game.state = WANTED if game.left and not self.is_hasty else DONE
        game.asked = game.known = False
        self.process.arranged.discard(game)

    @property
    def is_heard(self):
        """Whether it has a process whose requests have all been answered, and nothing is on the way to it."""
        process = self.process
        if process is None or not (process.is_ready and process.session.welcomed and process.is_idle):
            return False
        wire = process.socket.wire
        return wire is not None and not wire.broken and not wire.down.queue

    def give_up_the_rest(self):
        """Nobody plays any more: whoever is still called will not come."""
        self.is_hasty = True
        for game in self.games:
            if game.state == WANTED and game in self.process.arranged:
                self.world.books.check_given_up(game.name)
                self.call_off(self.process, game)

    # --- what is next -------------------------------------------------------------------------------------

    def go_on(self, process):
        """Asks for all that is due: called whenever something was heard."""
        if self._begins_anew:
            self._give_up_what_was_asked(process)
        for name in [*self.void, *(game.name for game in self.games if game.state == ENDED)]:
            process.close_room(name)
        if self.closes_hall or (all(map(self._needs_no_more, self.games)) and not self.void):
            self._close_hall(process)
            return
        for game in self.games:
            if game.state == WANTED and game not in process.arranged and self._may_ask(game):
                self._arrange(process, game)
        if self.hall.closes:
            self._close_likes(process)

    def _needs_no_more(self, game):
        """Whether it is done, or is called off with the hall."""
        slammed = self.hall.slams and game.plan.called_off_after_s is not None
        return game.state == DONE or (slammed and game.known)

    def _give_up_what_was_asked(self, process):
        for game in self.games:
            if game.state == WANTED and game.asked and process.survives():
                self.void.append(game.name)
                game.attempts += 1
                game.name = f"{game.plan.name}.{game.attempts}"
                game.asked = game.known = False
        self._begins_anew = not process.alive

    def _may_ask(self, game):
        under_way = sum(other.state == WANTED and other.asked for other in self.games)
        return game.asked or self.is_hasty or under_way < self.hall.window

    def _arrange(self, process, game):
        if process.survives():
            self.world.count("matches arranged" if not game.asked else "matches arranged again")
            game.asked = True
            process.arrange(game)

    def _close_likes(self, process):
        """Those that no match will be like any more that the hub has not said it knows."""
        for like in self.hall.likes:
            name = like.opened.name
            games = [game for game in self.games if game.plan.like == name and game.state != DONE]
            needed = any(game.left > 1 or (game.state == WANTED and not game.known) for game in games)
            if not needed and name not in self.closed_likes and process.survives():
                self.closed_likes.add(name)
                process.close_room(name)

    def _close_hall(self, process):
        if not process.survives():
            return
        self.closes_hall = True
        for room in [*self.hall.likes, self.hall.room]:
            process.close_room(room.opened.name)
