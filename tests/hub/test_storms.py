"""Who may open connections how fast, and who gets seats in which order. No sockets."""

import attrs
import pytest

from netsiege.hub.authority import Grant, Right
from netsiege.hub.gate import Who
from netsiege.hub.limits import DEFAULT_LIMITS
from netsiege.hub.sieve import ADDRESSES_MAX, program
from netsiege.hub.storms import STORM, Storms
from netsiege.hub.turnstile import AT_ONCE
from netsiege.protocol import Flag, Held, Kind
from tests.hub.rig import STEP_REPLY, Rig
from tests.hub.test_gate import ANN, BOB, RACK, Keyed

LIMITS = attrs.evolve(
    DEFAULT_LIMITS, connections_burst=100, connections_per_s=10, stranger_cost=20, storm_s=5
)
NOISY, CALM = "192.0.2.1", "192.0.2.2"


def watched(limits=LIMITS):
    storms = Storms(limits)
    assert storms.begun(0.0) == []
    return storms


def connect(storms, address, times, now_s=0.0):
    return sum(storms.may_connect(address, now_s) for _ in range(times))


def test_address_that_goes_on_when_it_is_turned_away_is_outside_for_a_while():
    storms = watched()
    assert connect(storms, NOISY, 100 + STORM - 1) == 100
    assert storms.begun(0.0) == []
    assert connect(storms, NOISY, 1) == 0
    assert storms.begun(0.05) == [NOISY]
    assert storms.begun(0.10) == []
    assert storms.outside(0.10) == storms.outside(5.04) == [NOISY]
    assert storms.outside(5.06) == []
    assert connect(storms, CALM, 100) == 100


def test_address_that_is_turned_away_now_and_then_is_heard():
    storms = watched()
    connect(storms, NOISY, 100)
    for second in range(10):
        storms.begun(float(second))
        refilled = 10 if second else 0
        assert connect(storms, NOISY, refilled + STORM - 1, float(second)) == refilled
        assert storms.begun(float(second)) == []


def test_strangers_use_an_address_up_sooner_and_are_forgiven():
    storms = watched()
    for _ in range(5):
        assert connect(storms, NOISY, 1) == 1
        storms.was_stranger(NOISY, 0.0)
    assert connect(storms, NOISY, 1) == 0
    storms.was_stranger(NOISY, 0.0)
    assert connect(storms, NOISY, 1, 0.1) == 1, "nobody owes more than there is"
    assert connect(storms, CALM, 100) == 100


def test_storm_without_a_name_is_named_by_those_who_hang_up():
    storms = watched()
    for _ in range(STORM):
        assert not storms.is_nameless()
        storms.was_nobody()
    assert storms.is_nameless()
    assert storms.begun(0.5) == []
    storms.have_hung_up([NOISY] * STORM + [CALM] * (STORM - 1))
    assert storms.begun(0.6) == [NOISY]
    storms.begun(1.7)
    assert not storms.is_nameless(), "a second later it is over"


def test_storms_can_be_left_alone():
    storms = watched(attrs.evolve(LIMITS, storm_s=0))
    assert connect(storms, NOISY, 1_000) == 100
    assert storms.begun(0.0) == []
    assert storms.outside(0.0) == []


def test_program_fits_into_a_kernel_whoever_is_outside():
    instructions_max = 4_096
    fours = [f"10.0.{n // 256}.{n % 256}" for n in range(ADDRESSES_MAX)]
    sixes = [f"2001:db8:{n:x}::/64" for n in range(ADDRESSES_MAX)]
    for addresses in ([], fours, sixes, fours[:100] + sixes[:200]):
        assert len(program(addresses)) <= 8 * instructions_max


# --- seats ------------------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path):
    """A hub where two keys are known, a worker, and an agent of each."""
    keyed = Keyed(tmp_path)
    keyed.file.add(BOB, Grant("bob", Right.AGENT))
    keyed.gate.reload()
    who = {b"a": Who(ANN, "192.0.2.1"), b"b": Who(BOB, "192.0.2.2"), b"w": Who(RACK, "192.0.2.3")}
    rig = Rig(
        gate=keyed.gate,
        who=who,
        limits=attrs.evolve(DEFAULT_LIMITS, joins_burst=3, joins_per_s=8),
    )
    return rig, rig.worker(b"w", slots=10_000), rig.agent(b"a"), rig.agent(b"b")


def waiting(agent, requests):
    return [number for number in requests if agent.session.held(number) == Held.TURN]


def move(rig, worker, agent, lease):
    """One move of an agent, and its answer."""
    number = agent.ask(agent.session.step(agent.seat, None))
    worker.out(lease, 0, Kind.OBS, number, STEP_REPLY, Flag.MOVE)
    rig.flush()


def test_who_asks_for_many_seats_while_another_plays_gets_them_in_turn(two):
    rig, worker, ann, bob = two
    bob.join()
    [lease] = worker.seat_all()
    asked = [ann.join() for _ in range(10)]
    assert waiting(ann, asked) == asked[3:]
    assert len(worker.seat_all()) == 3
    for left in range(7, 0, -1):
        assert waiting(ann, asked) == asked[-left:]
        rig.tick(0.125)
        move(rig, worker, bob, lease)
        assert len(worker.seat_all()) == 1
    assert waiting(ann, asked) == []


def test_who_is_alone_has_all_seats_at_once(two):
    _, worker, ann, _ = two
    asked = [ann.join() for _ in range(50)]
    assert waiting(ann, asked) == []
    assert len(worker.seat_all()) == 50


def test_who_waits_for_its_turn_has_it_when_nobody_plays_any_more(two):
    rig, worker, ann, bob = two
    bob.join()
    asked = [ann.join() for _ in range(AT_ONCE + 100)]
    assert len(waiting(ann, asked)) > AT_ONCE
    worker.seat_all()
    rig.tick(2)  # nobody has moved since
    assert len(worker.seat_all()) == AT_ONCE
    rig.tick(0.05)
    worker.seat_all()
    assert waiting(ann, asked) == []


def test_turn_can_be_given_up_and_ends_with_its_session(two):
    rig, worker, ann, bob = two
    bob.join()
    asked = [ann.join() for _ in range(6)]
    assert waiting(ann, asked) == asked[3:]
    ann.ask(ann.session.withdraw(asked[3]))
    assert not ann.session.is_open(asked[3])
    ann.ask(ann.session.bye())
    for _ in range(3):
        rig.tick(1)
    assert len(worker.seat_all()) == 4
    assert rig.arena.turnstile.next_ones(rig.now_s) == []


def test_turn_of_a_connection_that_is_lost_is_nobodys(two):
    rig, worker, ann, bob = two
    bob.join()
    asked = [ann.join() for _ in range(6)]
    assert waiting(ann, asked) == asked[3:]
    rig.lose_agent(b"a")
    for _ in range(3):
        rig.tick(1)
    assert len(worker.seat_all()) == 4
