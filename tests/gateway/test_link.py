"""The gateway's session with a hub: whose answer is whose, and what one guest must not cost the others."""

import pytest

from netsiege.errors import HubUnreachable
from netsiege.hub.gateway import link as module
from netsiege.hub.gateway.guest import Guest
from netsiege.hub.gateway.link import ALONE_BYTES, Link
from netsiege.protocol import HEAD_BYTES, MAX_AGENT_FRAME_BYTES, Cause, Code, End, Kind
from tests.gateway.house import JOIN, QUIT, RESET, STEP, exfiltrate
from tests.sdk.hub_frames import delta, frame, full, heads, refusal, seated, welcome


class LooseLink(Link):
    """A link without a socket: `sent` is what the hub would get, `hears` is what it says."""

    def __init__(self):
        super().__init__("tcp://127.0.0.1:1", "default", None, lambda: None)
        self.sent, self._said = [], []
        self.session.hello()
        self.session.receive(welcome(1))

    def send(self, request):
        self.sent.append(request[1])
        return request[0]

    def _listen(self, deadline_s):
        said, self._said = self._said, []
        return [settled for each in said for settled in self.session.receive(each)]

    def hears(self, *frames):
        """Takes in what the hub says in one go; the guests that were told something."""
        self._said += frames
        return self.look()

    def asked(self):
        """What was sent since the last time, as (kind, handle, request)."""
        self.flush()
        sent, self.sent = self.sent, []
        return heads(sent)

    def extra(self):
        return {}


@pytest.fixture
def link():
    return LooseLink()


@pytest.fixture
def play(link):
    """Makes guests that have a seat."""

    def play(handle):
        guest = Guest(link, ("h", handle))
        guest.hear(JOIN)
        ((_, _, request),) = link.asked()
        assert link.hears(frame(Kind.SEATED, handle, request, seated())) == [guest]
        told(guest)
        return guest

    return play


class Clock:
    """Time that passes when the test says so."""

    now_s = 1_000.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(module, "time", Clock())
    return module.time


def told(guest):
    """The statuses of what a guest was told since the last time."""
    return [reply.decode().split("GameStatus.")[1].split('"')[0] for reply in guest.take_out()]


def end(handle, request=0):
    return frame(Kind.END, handle, request, End(Cause.FINISHED).encode())


def test_seat_that_ends_right_after_an_answer_is_taken_anew_by_the_reset_that_waits(link, play):
    guest = play(7)
    guest.hear(STEP + RESET)
    ((_, _, step),) = link.asked()
    link.hears(frame(Kind.OBS, 7, step, delta(end=True)), end(7))
    assert told(guest) == ["OK"]
    ((kind, _, join),) = link.asked()
    assert kind == Kind.JOIN
    link.hears(frame(Kind.SEATED, 8, join, seated()))
    assert told(guest) == ["RESET_DONE"]


def test_step_that_waits_for_its_turn_is_refused_when_the_seat_ends(link, play):
    guest = play(7)
    guest.hear(STEP + STEP)
    ((_, _, step),) = link.asked()
    link.hears(frame(Kind.OBS, 7, step, delta()), end(7))
    assert told(guest) == ["OK", "BAD_REQUEST"]
    assert link.asked() == []


@pytest.mark.parametrize("request_id", [0, 1])
def test_observation_that_answers_nothing_is_no_answer(link, play, request_id):
    guest = play(7)
    guest.hear(STEP)
    ((_, _, step),) = link.asked()
    link.hears(frame(Kind.OBS, 7, request_id, full(5)))
    assert told(guest) == []
    link.hears(frame(Kind.OBS, 7, step, delta()))
    assert told(guest) == ["OK"]


def test_moves_of_a_moment_are_one_message(link, play):
    for guest in [play(7), play(8), play(9)]:
        guest.hear(STEP)
    ((kind, _, request),) = link.asked()
    assert kind == Kind.STEP_MANY
    assert len(link.hears(*(frame(Kind.OBS, handle, request, delta()) for handle in (7, 8, 9)))) == 3


def test_large_moves_go_by_themselves(link, play):
    big, small = play(7), play(8)
    big.hear(exfiltrate("x" * ALONE_BYTES))
    small.hear(STEP)
    assert [(kind, handle) for kind, handle, _ in link.asked()] == [(Kind.STEP, 8), (Kind.STEP, 7)]


def test_moves_of_very_many_go_in_several_messages(link, play, monkeypatch):
    monkeypatch.setattr(module, "FRAME_MOVES", 2)
    for guest in [play(handle) for handle in range(7, 12)]:
        guest.hear(STEP)
    assert [kind for kind, _, _ in link.asked()] == [Kind.STEP_MANY, Kind.STEP_MANY, Kind.STEP]


def test_largest_batch_fits_into_a_message():
    record = 2 * 9 + ALONE_BYTES
    assert HEAD_BYTES + module.FRAME_MOVES * record + 9 <= MAX_AGENT_FRAME_BYTES


def test_move_that_fits_into_no_message_is_refused(link, play, monkeypatch):
    monkeypatch.setattr(module, "MAX_AGENT_FRAME_BYTES", 50_000)
    guest = play(7)
    guest.hear(exfiltrate("x" * 50_000))
    assert told(guest) == ["BAD_REQUEST"]
    assert link.asked() == []


@pytest.mark.parametrize(("code", "out"), [(Code.OVERLOADED, True), (Code.BAD_ACTION, False)])
def test_guest_whose_moves_a_hub_has_no_room_for_is_shown_out(link, play, code, out):
    guest = play(7)
    guest.hear(exfiltrate("x" * 10_000))
    ((_, _, step),) = link.asked()
    link.hears(frame(Kind.ERROR, 7, step, refusal(code, "no")))
    assert (told(guest), guest.turned_out) == (["BAD_REQUEST"], out)


def test_seat_with_a_request_in_flight_is_left_when_it_is_answered(link, play):
    guest = play(7)
    guest.hear(STEP)
    ((_, _, step),) = link.asked()
    guest.gone()
    assert link.asked() == []
    assert link.hears(frame(Kind.OBS, 7, step, delta())) == []
    ((kind, handle, _),) = link.asked()
    assert (kind, handle) == (Kind.LEAVE, 7)


def test_move_of_a_guest_that_has_left_is_not_played(link, play):
    guest = play(7)
    guest.hear(STEP)
    guest.gone()
    ((kind, handle, _),) = link.asked()
    assert (kind, handle) == (Kind.LEAVE, 7)


def test_joins_beyond_what_may_be_talked_of_wait(link, clock, monkeypatch):
    monkeypatch.setattr(module, "TALK_PER_S", 2)
    guests = [Guest(link, ("h", number)) for number in range(4)]
    for guest in guests:
        guest.hear(JOIN)
    asked = link.asked()
    assert [kind for kind, _, _ in asked] == [Kind.JOIN, Kind.JOIN]
    guests[2].gone()
    clock.now_s += 0.5
    link.hears()
    assert [kind for kind, _, _ in link.asked()] == [Kind.JOIN]
    assert link._wishes == {}


def test_join_that_is_granted_before_it_could_be_taken_back_is_given_back(link, clock, monkeypatch):
    monkeypatch.setattr(module, "TALK_PER_S", 1)
    guest = Guest(link, ("h", 1))
    guest.hear(JOIN)
    ((_, _, join),) = link.asked()
    guest.gone()
    assert link.asked() == []
    assert link.hears(frame(Kind.SEATED, 7, join, seated())) == []
    ((kind, handle, _),) = link.asked()
    assert (kind, handle) == (Kind.LEAVE, 7)


def test_everybody_is_told_when_the_hub_is_gone(link, play):
    asking, idle, joining = play(7), play(8), Guest(link, ("h", 1))
    asking.hear(STEP)
    joining.hear(JOIN)
    assert set(link.lose_all(HubUnreachable("gone"))) == {asking, idle, joining}
    assert [told(asking), told(idle), told(joining)] == [["BAD_REQUEST"], [], ["BAD_REQUEST"]]


def test_guest_that_quits_gives_its_seat_back(link, play):
    guest = play(7)
    guest.hear(QUIT)
    assert told(guest) == ["OK"]
    ((kind, handle, _),) = link.asked()
    assert (kind, handle) == (Kind.LEAVE, 7)
