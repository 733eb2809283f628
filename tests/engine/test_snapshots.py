import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.game import SNAPSHOT_VERSION, Game
from netsiege.errors import RuleError
from netsiege.game import GameState
from netsiege.protocol import HUB_SEAT, Kind, Reset, pack, unpack
from netsiege.protocol.play import PASS, Seen, action_body, read_observation
from netsiege.scenarios.model import NETSECGAME, PACINGS, RULESETS, SIEGE, RoleTask, SiegeRules, View
from tests.engine.moves import actions, responses
from tests.engine.tiny import (
    ATTACKER,
    BENIGN,
    CLIENT,
    DEFENDER,
    LOOT,
    OUTSIDE,
    Table,
    find_data,
    make_seats,
    make_tables,
)

STEPS = st.builds(lambda action: (Kind.STEP, action_body(action)), actions | responses)
RESETS = st.builds(
    lambda *fields: (Kind.RESET, Reset(*fields).encode()),
    st.booleans(),
    st.just(False),
    st.sampled_from([None, 4]),
)
OTHERS = st.sampled_from(
    [
        (Kind.STEP, PASS),
        (Kind.STEP, b"\x90"),
        (Kind.RESET, b"\x90"),
        (Kind.TIMEOUT, b""),
        (Kind.LEAVE, b""),
        (Kind.LEAVE, b"\x01"),
    ]
)
KINDS = st.one_of(STEPS, STEPS, STEPS, STEPS, RESETS, RESETS, OTHERS)
EVENTS = st.lists(st.tuples(st.integers(0, 3), KINDS), max_size=60)
LONG_EVENTS = st.lists(st.tuples(st.integers(0, 3), KINDS), min_size=20, max_size=60)


def tables(pacing, detector, free, ruleset):
    goal = View(known_data=((OUTSIDE, (LOOT,)),)) if free else View(known_hosts=("random",))
    attacker = RoleTask("Attacker", ATTACKER.start, goal, "", 6)
    return make_tables(
        pacing=pacing,
        use_global_defender=detector,
        use_firewall=not free,
        roles=(attacker, DEFENDER, attrs.evolve(BENIGN, max_steps=9)),
        ruleset=ruleset,
        rules=SiegeRules(false_alerts=0.3) if ruleset == SIEGE else None,
    )


TABLES = {
    (pacing, wild, ruleset): tables(pacing, wild, wild, ruleset)
    for pacing in PACINGS
    for wild in (False, True)
    for ruleset in RULESETS
}
SEATS = [
    attrs.evolve(seat, deltas=i != 1)
    for i, seat in enumerate(make_seats("Attacker", "Defender", "Attacker", "Benign"))
]
kinds_of_match = st.tuples(st.sampled_from(sorted(TABLES)), st.sampled_from([None, 1, 2]))


def feed(game, numbered):
    outputs = []
    for request, (seat, (kind, body)) in numbered:
        asked = 0 if kind == Kind.TIMEOUT else request
        outputs.append(game.handle(seat, kind, asked, body))
    return outputs


@given(kinds_of_match, LONG_EVENTS, st.integers(1, 20))
def test_restored_match_goes_on_as_the_undisturbed_one(match, events, cut):
    which, episodes = match
    numbered = list(enumerate(events, 1))
    game = Game(TABLES[which], 1, 99, SEATS, episodes)
    game.open()
    feed(game, numbered[:cut])
    saved = game.snapshot()
    again = Game.restore(TABLES[which], saved)
    assert again.snapshot() == saved
    assert feed(again, numbered[cut:]) == feed(game, numbered[cut:])
    assert again.snapshot() == game.snapshot()
    assert again.over == game.over
    assert again.events == len(events)


@given(kinds_of_match, EVENTS)
def test_random_matches_keep_their_promises(match, events):
    """Whatever comes: states rebuild, answers name open requests, seats that are over stay so."""
    which, episodes = match
    table = Table(TABLES[which], SEATS, episodes, seed=3)
    open_requests = {i: set() for i in range(4)}
    over, results = set(), []
    for request, (seat, (kind, body)) in enumerate(events, 1):
        asked = 0 if kind == Kind.TIMEOUT else request
        if asked:
            open_requests[seat].add(asked)
        outputs = table.game.handle(seat, kind, asked, body)
        assert [o[1] for o in outputs].count(Kind.RESULT) <= 1
        for output in outputs:
            _check(table, output, open_requests, over, results)
        waiting = [seat.gone or seat.is_busy or seat.owed for seat in table.game.seats]
        assert table.game.over or not all(waiting), "everybody waits for somebody else"
        for i, player in enumerate(table.game.episode.players):
            if not table.game.seats[i].submitted and not table.game.seats[i].owed and i not in over:
                assert table.states[i].to_wire() == player.knows.full(table.tables.board)
    assert [r.episode for r in results] == list(range(len(results)))
    assert table.game.over == (len(over) == 4)


def _check(table, output, open_requests, over, results):
    (told,) = table.read([output])
    if told.seat == HUB_SEAT:
        results.append(told.result)
        assert len(told.result.statuses) == len(told.result.returns) == len(told.result.steps) == 4
        return
    assert told.seat not in over or told.kind == Kind.ERROR
    if told.request:
        assert told.request in open_requests[told.seat]
        if told.kind != Kind.WAIT:
            open_requests[told.seat].discard(told.request)
    if told.kind == Kind.OBS and told.seen & Seen.END:
        assert table.game.episode.settled
    if told.kind == Kind.END:
        over.add(told.seat)


@given(EVENTS)
def test_seats_that_only_miss_their_deadlines_get_to_the_end(events):
    table = Table(TABLES["rounds", False, NETSECGAME], SEATS, 2, seed=5)
    for request, (seat, (kind, body)) in enumerate(events, 1):
        table.tell(seat, kind, body, 0 if kind == Kind.TIMEOUT else request)
    for turn in range(40):
        table.timeout(turn % 4)
    assert table.game.over


@given(EVENTS)
def test_same_events_give_the_same_bytes(events):
    def run():
        game = Game(TABLES["realtime", True, NETSECGAME], 1, 5, SEATS, None)
        return game.open(), feed(game, list(enumerate(events, 1))), game.snapshot()

    assert run() == run()


def test_restored_round_still_has_the_moves_that_were_made():
    table = Table(TABLES["rounds", False, NETSECGAME], SEATS[:2], None)
    table.step(0, find_data(CLIENT, CLIENT))
    again = Game.restore(table.tables, table.game.snapshot())
    outputs = again.handle(1, Kind.STEP, 2, PASS)
    assert outputs == table.game.handle(1, Kind.STEP, 2, PASS)
    assert sorted((output[0], output[3]) for output in outputs) == [(0, 1), (1, 2)]


def test_snapshot_of_another_spec_is_refused():
    saved = Game(TABLES["realtime", True, NETSECGAME], 1, 5, SEATS, None).snapshot()
    with pytest.raises(RuleError, match="another spec"):
        Game.restore(TABLES["rounds", True, NETSECGAME], saved)


@pytest.mark.parametrize(
    "text", [b"", b"\x90", pack([1]), pack(7), pack([1, TABLES["rounds", True, NETSECGAME].digest, 3])]
)
def test_bytes_that_are_no_snapshot_are_refused(text):
    with pytest.raises(RuleError, match="snapshot"):
        Game.restore(TABLES["rounds", True, NETSECGAME], text)


def test_snapshot_of_another_version_is_refused():
    saved = unpack(Game(TABLES["rounds", True, NETSECGAME], 1, 5, SEATS, None).snapshot())
    for version in (SNAPSHOT_VERSION - 1, SNAPSHOT_VERSION + 1):
        with pytest.raises(RuleError, match="another version"):
            Game.restore(TABLES["rounds", True, NETSECGAME], pack([version, *saved[1:]]))


def test_snapshot_of_a_start_is_small():
    game = Game(make_tables(), 1, 5, make_seats("Attacker"), None)
    assert len(game.snapshot()) < 400


def test_restored_seat_reads_its_deltas_on():
    table = Table(TABLES["realtime", True, NETSECGAME], SEATS, None)
    table.step(0, None)
    game = Game.restore(table.tables, table.game.snapshot())
    ((_, _, _, _, body),) = game.handle(0, Kind.STEP, 9, PASS)
    observation, _ = read_observation(body, table.states[0])
    assert isinstance(observation.state, GameState)
    assert observation.state == table.states[0]
