"""What a seat is told when its agent comes back is what it was told last, whatever has happened."""

import collections

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.engine.game import Game
from netsiege.engine.streams import Stream
from netsiege.errors import RuleError
from netsiege.game import generate_valid_actions
from netsiege.protocol import HUB_SEAT, Cause, Kind, Reset
from netsiege.protocol.play import PASS, Seated, Seen, action_body, read_observation
from netsiege.scenarios.model import RoleTask, View
from tests.engine.moves import actions
from tests.engine.tiny import (
    ATTACKER,
    BENIGN,
    CLIENT,
    DEFENDER,
    LOOT,
    OUTSIDE,
    WINNING,
    Table,
    find_data,
    make_seats,
    make_tables,
)

IDLE = find_data(CLIENT, CLIENT)
LIMIT = 4


def tables(pacing, wild):
    goal = View(known_data=((OUTSIDE, (LOOT,)),)) if wild else View(known_hosts=("random",))
    return make_tables(
        pacing=pacing,
        use_global_defender=wild,
        use_firewall=not wild,
        use_dynamic_addresses=wild,
        roles=(
            RoleTask("Attacker", ATTACKER.start, goal, "loot {OUTSIDE}", LIMIT),
            DEFENDER,
            attrs.evolve(BENIGN, max_steps=2),
        ),
    )


TABLES = {(pacing, wild): tables(pacing, wild) for pacing in ("realtime", "rounds") for wild in (False, True)}
SEATS = [
    attrs.evolve(seat, deltas=i != 1)
    for i, seat in enumerate(make_seats("Attacker", "Attacker", "Defender", "Benign"))
]


class Ear:
    """Everything that the agents of a match have been told, compared with what they would be told again."""

    def __init__(self, which, seats, episodes, seed):
        self.tables = TABLES[which]
        self.game = Game(self.tables, 5, seed, seats, episodes)
        self.last = {}
        self.flags = {}
        self.first = {}
        self.withheld = {}
        """What a seat that waits for its outcome is shown already."""
        self.said = collections.Counter()
        """What the views were of."""
        self.over = set()
        self.hear(self.game.open())

    def hear(self, outputs):
        for seat, kind, _, _, body in outputs:
            if kind == Kind.SEATED:
                self.first[seat] = Seated.decode(body)
                self.last[seat], self.flags[seat] = read_observation(self.first[seat].observation, None)
            elif kind == Kind.OBS and seat != HUB_SEAT:
                early = self.withheld.pop(seat, None)
                self.last[seat], self.flags[seat] = read_observation(body, self.last[seat].state)
                if early is not None:
                    again, _ = read_observation(body, early)
                    assert again.state == early == self.last[seat].state, (
                        "told twice, a delta changes nothing"
                    )
            elif kind == Kind.END:
                self.over.add(seat)

    def tell(self, seat, kind, request, body):
        self.hear(self.game.handle(seat, kind, request, body))
        self.check()

    def check(self):
        saved = self.game.snapshot()
        again = Game.restore(self.tables, saved)
        for i, seat in enumerate(self.game.seats):
            if i in self.over:
                with pytest.raises(RuleError, match="nobody plays"):
                    self.game.view(i)
                continue
            view = self.game.view(i)
            assert again.view(i) == view
            self.compare(i, seat, Seated.decode(view))
        assert self.game.snapshot() == again.snapshot() == saved, "looking changes nothing"

    def compare(self, i, seat, seated):
        addressed = {"goal_description": "", "observation": b""}
        assert attrs.evolve(seated, **addressed) == attrs.evolve(self.first[i], **addressed)
        seen, flags = read_observation(seated.observation, None)
        told = self.last[i]
        assert flags == self.flags[i] | Seen.FULL
        assert (seen.reward, seen.end, seen.info) == (told.reward, told.end, told.info)
        if seat.owed:
            self.withheld[i] = seen.state
            self.said["withheld"] += 1
        else:
            assert seen.state == told.state
        self.said[flags & ~Seen.FULL] += 1
        self.said["trajectory"] += "last_trajectory" in told.info
        self.said["first"] += "message" in told.info
        self.said["moved"] += self.game.addresses is not None


STEPS = st.builds(lambda action: (Kind.STEP, action_body(action)), actions)
RESETS = st.builds(
    lambda *fields: (Kind.RESET, Reset(*fields).encode()),
    st.booleans(),
    st.just(True),
    st.sampled_from([None, None, None, 4]),
)
OTHERS = st.sampled_from(
    [
        (Kind.STEP, PASS),
        (Kind.STEP, b"\x90"),
        (Kind.RESET, b"\x90"),
        (Kind.TIMEOUT, b""),
        (Kind.TIMEOUT, b""),
        (Kind.LEAVE, b"\x02"),
    ]
)
KINDS = st.one_of(STEPS, STEPS, STEPS, STEPS, RESETS, RESETS, OTHERS)


@settings(deadline=None)  # every event is followed by a restored game and a view of every seat
@given(
    st.sampled_from(sorted(TABLES)),
    st.lists(st.sampled_from(range(4)), min_size=1, unique=True),
    st.sampled_from([None, 1, 3]),
    st.lists(st.tuples(st.integers(0, 3), KINDS), max_size=40),
)
def test_view_is_what_the_seat_was_told_last_after_every_event(which, seated, episodes, events):
    ear = Ear(which, [SEATS[i] for i in seated], episodes, 3)
    ear.check()
    for request, (seat, (kind, body)) in enumerate(events, 1):
        ear.tell(seat % len(seated), kind, 0 if kind == Kind.TIMEOUT else request, body)


@pytest.mark.soak
@pytest.mark.parametrize("which", sorted(TABLES), ids=str)
def test_views_of_long_matches_cover_everything_that_a_seat_can_be_told(which):
    """Players who know what they may do, so that episodes are won, lost, given up and begun anew."""
    draws, said = Stream(1, f"views/{which}"), collections.Counter()
    for seats in (SEATS[:1], SEATS[1:2], SEATS[:2], SEATS):
        ear = Ear(which, seats, None, draws.below(1 << 20))
        for number in range(1, 400):
            seat = draws.below(len(seats))
            kind, body = _event(ear.last[seat], draws)
            ear.tell(seat, kind, 0 if kind == Kind.TIMEOUT else number, body)
        said += ear.said
    for what in (Seen.NONE, Seen.END, Seen.END | Seen.FORBIDDEN, "withheld", "trajectory", "first"):
        assert said[what] > 5, (what, said)
    assert (said["moved"] > 10) == which[1]


def _event(told, draws):
    luck = draws.below(40)
    if luck == 1:
        return Kind.TIMEOUT, b""
    if luck == 0 or (told.end and luck % 5):
        return Kind.RESET, Reset(luck % 2 == 0, True, luck if luck > 30 else None).encode()
    if luck == 2:
        return Kind.STEP, b"\x90"
    valid = generate_valid_actions(told.state, include_blocks=luck < 10)
    return Kind.STEP, action_body(valid[draws.below(len(valid))] if valid else None)


def test_view_while_the_outcome_is_held_back_has_the_reward_of_the_move_before():
    table = Table(TABLES["rounds", True], SEATS[:2], None)
    for action in WINNING[:LIMIT]:
        for seat in (0, 1):
            table.step(seat, action)
    before = [table.game.view(seat) for seat in (0, 1)]
    assert all(Seated.decode(view).observation[1] & Seen.END for view in before), "the last move ended both"
    for seat in (0, 1):
        table.reset(seat)
    table.step(0, IDLE)
    observation, seen = read_observation(Seated.decode(table.game.view(0)).observation, None)
    assert seen == Seen.FULL, "its move waits for the round"
    assert observation.info["message"] == "Resetting Game and starting again."
    table.step(1, IDLE)
    observation, _ = read_observation(Seated.decode(table.game.view(0)).observation, None)
    assert (observation.reward, observation.info) == (-1, {})


def test_view_after_a_deadline_missed_after_the_end_is_of_the_step_that_was_not_played():
    table = Table(TABLES["realtime", False], SEATS[:1], None)
    for _ in range(LIMIT):
        table.step(0, IDLE)
    (told,) = table.timeout(0)
    observation, seen = read_observation(Seated.decode(table.game.view(0)).observation, None)
    assert seen == Seen.END | Seen.FORBIDDEN | Seen.FULL
    assert observation == told.obs


def test_trajectory_is_kept_in_snapshots_only_while_it_was_told_last():
    table = Table(TABLES["realtime", False], SEATS[:1], None)
    for _ in range(LIMIT):
        table.step(0, IDLE)
    table.reset(0, request_trajectory=True, randomize_topology=True)
    assert b"TimeoutReached" in table.game.snapshot()
    table.step(0, IDLE)
    assert b"TimeoutReached" not in table.game.snapshot()


def test_view_of_a_seat_that_misbehaved_is_refused_and_the_result_blames_the_protocol():
    table = Table(TABLES["realtime", False], SEATS[:1], None)
    result, over = table.tell(0, Kind.LEAVE, b"\x02", 0)
    assert (result.result.cause, over.end) == (Cause.PROTOCOL, Cause.PROTOCOL)
    for seat in (0, 1, -1):
        with pytest.raises(RuleError, match="nobody plays"):
            table.game.view(seat)
