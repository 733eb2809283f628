"""Whatever connections lose, and whenever: each step is played once, and its player hears the same of it."""

from collections import deque

from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from netsiege.game import AgentRole
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, Code, Hello, Kind, unpack
from netsiege.session import Session, Settled
from tests.sdk.hub_frames import TOKEN, delta, frame, full, hosts, refusal, resumed, seated, welcome

STEPS = 3
SEATS = 2
REFUSED = 2
"""The number of the step that every seat is refused the first time."""


@define(eq=False)
class HubSeat:
    """A seat in the hub: each step that is played makes one more host known."""

    handle: int
    answered: int
    pending: int = 0
    known: int = 0
    refusal: bytes | None = None
    refused: bool = False
    silent: bool = False

    def answer(self):
        """The final reply to what is pending."""
        request, self.answered, self.pending = self.pending, self.pending, 0
        if self.known + 1 == REFUSED and not self.refused:
            self.refused, self.refusal = True, refusal(Code.BAD_ACTION)
            return frame(Kind.ERROR, self.handle, request, self.refusal)
        self.known, self.refusal = self.known + 1, None
        return frame(Kind.OBS, self.handle, request, delta(self.known))

    def repeat(self):
        """The answer to what is answered, once more."""
        if self.refusal is not None:
            return frame(Kind.ERROR, self.handle, self.answered, self.refusal)
        return frame(Kind.OBS, self.handle, self.answered, self.in_full())

    def in_full(self):
        return full(*range(1, self.known + 1), reward=-1 if self.known else 0)


@define(eq=False)
class Hub:
    """As much of a hub as one session can tell from a real one."""

    down: deque = Factory(deque)
    joins: list = Factory(list)
    seats: dict = Factory(dict)
    known: bool = False
    played: int = 0

    def hear(self, sent):
        _, kind, handle, request = AGENT_HEAD.unpack_from(sent)
        if kind == Kind.HELLO:
            self._hello(request, Hello.decode(sent[HEAD_BYTES:]).token)
        elif kind == Kind.JOIN:
            if request not in self.joins:
                self.joins.append(request)
        else:
            flat = unpack(sent[HEAD_BYTES:]) if kind == Kind.STEP_MANY else [handle, None]
            for each in flat[::2]:
                self._step(self.seats[each], request)

    def _hello(self, request, token):
        if token is not None and not (self.known and self.seats):
            self.known = False
            self.down.append(frame(Kind.ERROR, 0, request, refusal(Code.UNKNOWN_SESSION)))
            return
        self.known = True
        held = [(s.handle, s.answered, s.pending) for s in self.seats.values()]
        self.down.append(welcome(request, held, token=TOKEN))
        for seat in self.seats.values():
            seat.silent = True

    def _step(self, seat, request):
        if request == seat.answered:
            if not seat.silent:
                self.down.append(seat.repeat())
        elif request != seat.pending:
            assert not seat.pending, "one request a seat"
            seat.pending = request
            self.played += 1

    def work(self, choice):
        """Something that takes time: a match is filled, a step is played, a seat looked at."""
        things = [lambda j=join: self._fill(j) for join in self.joins]
        things += [lambda s=s: self._play(s) for s in self.seats.values() if s.pending]
        things += [lambda s=s: self._view(s) for s in self.seats.values() if s.silent]
        if things:
            things[choice % len(things)]()
        return bool(things)

    def _fill(self, join):
        self.joins.remove(join)
        seat = self.seats[100 + len(self.seats)] = HubSeat(100 + len(self.seats), join)
        self.down.append(frame(Kind.SEATED, seat.handle, join, seated(full(reward=0))))

    def _play(self, seat):
        told = seat.answer()
        if not seat.silent:
            self.down.append(told)

    def _view(self, seat):
        seat.silent = False
        self.down.append(resumed(seat.handle, seat.answered, seat.in_full(), seat.refusal))

    def cut(self):
        """The connection goes: what is under way is lost, and so are waiting JOINs."""
        self.down.clear()
        self.joins.clear()


@define(eq=False)
class Player:
    """Asks for its seats and then, of every seat, for one step after the other."""

    session: Session = Factory(lambda: Session("me"))
    up: deque = Factory(deque)
    answers: dict = Factory(dict)
    asked: int = 0

    def ask(self, request):
        number, sent = request
        self.answers[number] = []
        if self.session.welcomed:
            self.up.append(sent)

    def begin(self, hub):
        self.connect()
        hub.hear(self.up.popleft())
        self.hear(hub.down.popleft())
        for _ in range(SEATS):
            self.ask(self.session.join("default", AgentRole.Attacker))

    def connect(self):
        self.up.clear()
        self.up.append(self.session.hello()[1])

    def hear(self, sent):
        for settled in self.session.receive(sent):
            self._settled(settled)
        self.up.extend(self.session.outbox)
        self.session.outbox.clear()

    def _settled(self, settled: Settled):
        if settled.request in self.answers:
            self.answers[settled.request].append(settled)

    def move(self, many):
        free = [s for s in self.session.seats.values() if not s.request and len(s.state.known_hosts) < STEPS]
        if many and len(free) > 1:
            self.asked += len(free)
            self.ask(self.session.step_many([(seat, None) for seat in free]))
        else:
            for seat in free:
                self.asked += 1
                self.ask(self.session.step(seat, None))


MOVES = st.lists(
    st.sampled_from(["up", "down", "cut", "move", "move many"])
    | st.tuples(st.just("work"), st.integers(0, 5)),
    max_size=80,
)


def turn(move, player, hub):
    match move:
        case "up" if player.up:
            hub.hear(player.up.popleft())
        case "down" if hub.down:
            player.hear(hub.down.popleft())
        case "cut":
            hub.cut()
            player.connect()
        case "move" | "move many":
            player.move(many=move == "move many")
        case ("work", choice):
            hub.work(choice)


@given(MOVES)
def test_replies_lost_at_any_time_lead_to_the_same_observations(moves):
    player, hub = Player(), Hub()
    player.begin(hub)
    for move in moves:
        turn(move, player, hub)
    for _ in range(200):
        for move in ("up", "down", "move"):
            turn(move, player, hub)
        hub.work(0)
    assert len(player.session.seats) >= SEATS
    for seat in player.session.seats.values():
        assert seat.observation.state == hosts(*range(1, STEPS + 1))
        assert not seat.request
    assert hub.played == player.asked, "each step is played once"
    seats = len(player.session.seats)
    assert player.asked == seats * (STEPS + 1), "and one of each seat is refused"
    finals = [settled for answers in player.answers.values() for settled in answers]
    assert len(finals) == seats + player.asked, "and each is answered once"
