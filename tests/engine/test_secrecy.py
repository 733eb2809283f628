"""What a seat is told is a function of what it may know: tried on pairs of matches that differ elsewhere."""

import itertools
import random
from collections import Counter

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsiege.engine.game import Game
from netsiege.engine.host import GameHost
from netsiege.engine.tables import compile_spec
from netsiege.game import ActionType
from netsiege.protocol import HUB_SEAT, Kind, pack
from netsiege.protocol import Spec as SpecMessage
from netsiege.protocol.play import PASS, action_body
from netsiege.scenarios.model import DataItem, RoleTask, ServiceItem, View
from tests.engine.hidden import (
    ATTACK,
    CLIENT_1,
    CLIENT_2,
    CLIENT_3,
    DATABASE,
    DEFEND,
    HTTP,
    OUTSIDE,
    SHELL,
    SMB,
    SMB_SERVER,
    SQL,
    WEB,
    WORK,
    WORKSHOP,
    office,
    otherwise,
)
from tests.engine.secrecy import ATTACKERS_PLAY, ROLES, draw_pair, some_body
from tests.engine.test_host import faults, frame, opening, read
from tests.engine.tiny import (
    LOOT,
    NOWHERE,
    Table,
    block,
    exfiltrate,
    exploit,
    find_data,
    find_services,
    make_seats,
    scan,
)
from tests.lengths import lasting

NEVER_SERVED = ServiceItem("telnet", "active", "1.0")

# --- the differ -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(st.randoms(use_true_random=False))
def test_seat_hears_the_same_until_the_rules_reveal_a_difference(role, luck):
    draw_pair(luck, role).play()


@pytest.mark.soak
@pytest.mark.parametrize("role", ROLES)
def test_seat_hears_the_same_until_the_rules_reveal_a_difference_often(role):
    for seed in range(lasting(600, 2_000)):
        draw_pair(random.Random(seed), role).play()


def test_pairs_stay_alike_and_come_to_differ_often_enough_to_say_something():
    ends = Counter()
    compared = 0
    for seed in range(200):
        pair = draw_pair(random.Random(seed), ROLES[seed % 3]).play()
        left, right = [side.tables.spec for side in pair.sides]
        assert left != right
        compared += pair.compared
        ends.update(pair.revealed or ["nothing"])
    assert ends["nothing"] > 40
    assert compared > 1_500
    revealing = (ActionType.ScanNetwork, ActionType.FindServices, ActionType.FindData, ATTACKERS_PLAY)
    assert all(ends[by] for by in revealing)


# --- actions that fail ------------------------------------------------------------------------------------

HERE = RoleTask("Attacker", View(controlled_hosts=(CLIENT_1, CLIENT_2, SMB_SERVER)), ATTACK.goal, "go", 50)
GUARD = RoleTask("Defender", View(controlled_hosts=(CLIENT_1, SMB_SERVER)), View())
PREPARED = (
    find_services(CLIENT_1, SMB_SERVER),
    find_services(CLIENT_1, WEB),
    find_data(SMB_SERVER, SMB_SERVER),
    scan(CLIENT_2, "192.168.2.0/24"),
    block(CLIENT_2, CLIENT_2, NOWHERE),
)
"""What the attacker has done before."""
CUT_OFF = (block(CLIENT_1, CLIENT_1, WEB), block(SMB_SERVER, SMB_SERVER, CLIENT_1))
"""What the defender has done since: the attacker knows of neither."""

FAILING = {
    "scan": {
        "firewall": scan(CLIENT_1, "192.168.7.0/24"),
        "no such network": scan(CLIENT_1, "10.9.8.0/24"),
        "source not controlled": scan(WEB, "192.168.1.0/24"),
        "no such source": scan(NOWHERE, "192.168.1.0/24"),
    },
    "find services": {
        "firewall": find_services(CLIENT_1, WORKSHOP),
        "no such host": find_services(CLIENT_1, NOWHERE),
        "nothing shows": find_services(CLIENT_1, CLIENT_3),
        "cut off by an agent": find_services(CLIENT_1, WEB),
        "source not controlled": find_services(WEB, WEB),
    },
    "find data": {
        "firewall": find_data(CLIENT_1, WORKSHOP),
        "no such host": find_data(CLIENT_1, NOWHERE),
        "not controlled": find_data(SMB_SERVER, WEB),
        "cut off by an agent": find_data(CLIENT_1, SMB_SERVER),
        "source not controlled": find_data(WEB, CLIENT_1),
    },
    "exploit": {
        "firewall": exploit(CLIENT_2, WEB, HTTP),
        "firewall, service not there": exploit(CLIENT_1, WORKSHOP, SQL),
        "no such host": exploit(CLIENT_1, NOWHERE, HTTP),
        "no such service": exploit(SMB_SERVER, WEB, SQL),
        "no such service anywhere": exploit(SMB_SERVER, WEB, NEVER_SERVED),
        "not found yet": exploit(SMB_SERVER, WORKSHOP, HTTP),
        "local": exploit(CLIENT_2, CLIENT_3, SHELL),
        "cut off by an agent": exploit(CLIENT_1, WEB, HTTP),
    },
    "exfiltrate": {
        "target not controlled": exfiltrate(SMB_SERVER, WEB, LOOT),
        "no such target": exfiltrate(SMB_SERVER, NOWHERE, LOOT),
        "data not known": exfiltrate(CLIENT_2, CLIENT_1, SHELL.data[0]),
        "no such data": exfiltrate(SMB_SERVER, SMB_SERVER, DataItem("nobody", "nothing")),
        "firewall": exfiltrate(SMB_SERVER, CLIENT_2, LOOT),
        "cut off by an agent": exfiltrate(SMB_SERVER, CLIENT_1, LOOT),
    },
    "block": {
        "target not controlled": block(SMB_SERVER, WEB, NOWHERE),
        "no such target": block(SMB_SERVER, NOWHERE, NOWHERE),
        "firewall": block(SMB_SERVER, CLIENT_2, OUTSIDE),
        "cut off by an agent": block(SMB_SERVER, CLIENT_1, OUTSIDE),
        "source not controlled": block(WEB, CLIENT_1, NOWHERE),
    },
}
AFTERWARDS = (scan(CLIENT_2, "192.168.0.0/16"), find_services(SMB_SERVER, DATABASE))


def replies_to(action, *, deltas, pacing, seed=7, watched=False):
    """What the attacker is told from an action on, as its agent gets it."""
    spec = office(roles=(HERE, GUARD), pacing=pacing, use_global_defender=watched)
    seats = [attrs.evolve(seat, deltas=deltas) for seat in make_seats("Attacker", "Defender")]
    game, heard = Game(compile_spec(spec.to_bytes()), 1, seed, seats, None), []

    def both(request, attacks, defends):
        for seat, body in ((0, attacks), (1, defends)):
            told = game.handle(seat, Kind.STEP, request, body)
            heard.extend(output for output in told if output[0] == 0)

    for number, prepared in enumerate(PREPARED, 1):
        both(number, action_body(prepared), PASS)
    for number, cut in enumerate(CUT_OFF, 10):
        both(number, PASS, action_body(cut))
    heard.clear()
    for number, each in enumerate((action, *AFTERWARDS), 20):
        both(number, action_body(each), PASS)
    return heard


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
@pytest.mark.parametrize("deltas", [True, False], ids=["deltas", "full"])
@pytest.mark.parametrize("kind", FAILING)
def test_action_that_fails_looks_the_same_whatever_it_fails_for(kind, deltas, pacing):
    replies = {why: replies_to(action, deltas=deltas, pacing=pacing) for why, action in FAILING[kind].items()}
    first = next(iter(replies.values()))
    assert [output[:4] for output in first] == [(0, Kind.OBS, 1, number) for number in (20, 21, 22)]
    assert {why for why, told in replies.items() if told != first} == set()
    passed = replies_to(None, deltas=deltas, pacing=pacing)
    assert first == passed, "nor does it look different from a pass"


@pytest.mark.parametrize("kind", FAILING)
def test_global_defender_sees_no_difference_between_actions_that_fail(kind):
    """It looks at what was tried, not at what came of it: the same dice fall in the same way."""
    detected = 0
    for seed in range(40):
        replies = [
            replies_to(action, deltas=True, pacing="realtime", seed=seed, watched=True)
            for action in FAILING[kind].values()
        ]
        assert all(told == replies[0] for told in replies)
        detected += any(output[1] == Kind.WAIT for output in replies[0])
    assert 0 < detected < 40


def test_action_that_could_not_be_read_is_refused_in_the_same_words_on_every_network():
    bodies = [
        action_body(scan(CLIENT_1, "192.168.7.0/24"))[:-1],
        b"\x93\x01\xce\xc0\xa8\x02\x02\xa17",
        b"\x93\x01\xce\xc0\xa8\x02\x02",
        b"\x95\x03\xce\xc0\xa8\x02\x02\xce\xc0\xa8\x01\x02\x93\xa3smb",
        b"\x92\x06\x01",
    ]
    said = []
    for seed in range(20):
        spec = otherwise(office(), "Attacker", random.Random(seed))
        game = Game(compile_spec(spec.to_bytes()), 1, 7, make_seats("Attacker", "Defender"), None)
        said.append([game.handle(0, Kind.STEP, 1, body) for body in bodies])
    assert all(each == said[0] for each in said)
    assert {output[1] for [output] in said[0]} == {Kind.ERROR}


@pytest.mark.parametrize("deltas", [True, False], ids=["deltas", "full"])
def test_what_a_seat_has_seen_stays_as_it_was_whatever_others_do(deltas):
    """Blocks, data and logs are values: they change in the world, not in a state that has them."""
    attacker = attrs.evolve(HERE, start=View(controlled_hosts=(CLIENT_1, CLIENT_2, SMB_SERVER, OUTSIDE)))
    tables = compile_spec(office(roles=(attacker, GUARD)).to_bytes())
    seen = (
        find_data(SMB_SERVER, SMB_SERVER),
        find_data(CLIENT_1, CLIENT_1),
        find_services(CLIENT_1, WEB),
        find_services(CLIENT_1, SMB_SERVER),
    )
    again = (
        find_services(SMB_SERVER, WEB),
        find_data(SMB_SERVER, SMB_SERVER),
        find_services(CLIENT_1, SMB_SERVER),
    )
    others = (
        block(CLIENT_1, CLIENT_1, OUTSIDE),
        exfiltrate(SMB_SERVER, CLIENT_1, LOOT),
        scan(SMB_SERVER, "192.168.0.0/16"),
        find_services(CLIENT_1, SMB_SERVER),
    )
    heard = []
    for does in (others, ()):
        table = Table(
            tables, [attrs.evolve(seat, deltas=deltas) for seat in make_seats("Attacker", "Defender")]
        )
        table.step(1, find_data(SMB_SERVER, SMB_SERVER))
        table.step(1, block(CLIENT_1, CLIENT_1, WORKSHOP))
        for action in seen:
            table.step(0, action)
        for action in does:
            table.step(1, action)
        told = [(reply.kind, reply.flags, reply.body) for action in again for reply in table.step(0, action)]
        heard.append([*told, table.game.view(0)])
    assert heard[0] == heard[1]


# --- the end of an episode --------------------------------------------------------------------------------

WINNING = (
    scan(CLIENT_1, "192.168.1.0/24"),
    find_services(CLIENT_1, SMB_SERVER),
    exploit(CLIENT_1, SMB_SERVER, SMB),
    find_data(SMB_SERVER, SMB_SERVER),
    exfiltrate(SMB_SERVER, OUTSIDE, LOOT),
)
IDLE = [None] * len(WINNING)
PAYS = block(CLIENT_1, CLIENT_1, WEB)
STUMBLES = find_services(CLIENT_1, WEB)


def told_to(watched, attacks, works):
    """What a seat is told while an attacker and a benign user do this; the other attacker idles."""
    attacker = attrs.evolve(ATTACK, start=View(controlled_hosts=(CLIENT_1, OUTSIDE)), max_steps=len(WINNING))
    benign = RoleTask("Benign", View(controlled_hosts=(CLIENT_1,)), View(), "", len(WINNING))
    tables = compile_spec(office(roles=(attacker, DEFEND, benign)).to_bytes())
    table, heard = Table(tables, make_seats("Attacker", "Defender", "Benign", "Attacker")), []
    for moves in zip([PAYS, *IDLE[1:]], attacks, works, IDLE, strict=True):
        for seat, action in zip((1, 0, 2, 3), moves, strict=True):
            heard += [told for told in table.step(seat, action) if told.seat == watched]
    return heard + [told for told in table.step(1, None) if told.seat == watched]


@pytest.mark.parametrize(
    ("attacks", "works", "reward"),
    [(WINNING, IDLE, -11), (IDLE, [STUMBLES, *IDLE[1:]], 94), (IDLE, [*IDLE[1:], STUMBLES], 94)],
    ids=["attacker wins", "false positive, early", "false positive, late"],
)
def test_defender_is_told_what_others_achieved_by_its_last_reward_alone(attacks, works, reward):
    *usual, usual_end = told_to(1, IDLE, IDLE)
    *before, end = told_to(1, attacks, works)
    assert [told.body for told in before] == [told.body for told in usual]
    assert (usual_end.obs.reward, end.obs.reward) == (99, reward)
    assert (end.obs.state, end.obs.info.keys()) == (usual_end.obs.state, usual_end.obs.info.keys())


@pytest.mark.parametrize(
    ("watched", "attacks", "works"),
    [(2, WINNING, IDLE), (3, WINNING, IDLE), (0, IDLE, [STUMBLES, *IDLE[1:]])],
    ids=["a benign user", "another attacker", "an attacker"],
)
def test_who_does_not_defend_is_not_told_what_others_achieved(watched, attacks, works):
    usual, other = [
        [(told.kind, told.flags, told.body) for told in told_to(watched, *moves)]
        for moves in ((IDLE, IDLE), (attacks, works))
    ]
    assert usual == other


# --- rounds, and other matches ----------------------------------------------------------------------------


def test_replies_of_a_round_do_not_tell_who_moved_first():
    """Whoever moves last, all hear at once, in the same order, and nobody hears anything before."""
    roles = ("Attacker", "Attacker", "Defender", "Benign")
    moves = (
        (
            scan(CLIENT_1, "192.168.1.0/24"),
            scan(CLIENT_2, "192.168.7.0/24"),
            block(CLIENT_1, CLIENT_1, WEB),
            None,
        ),
        (find_services(CLIENT_1, WEB), exploit(CLIENT_2, WEB, HTTP), find_data(CLIENT_1, CLIENT_1), None),
    )
    attacker = attrs.evolve(HERE, max_steps=2)
    tables = compile_spec(office(roles=(attacker, DEFEND, WORK), pacing="rounds").to_bytes())
    said = set()
    for orders in itertools.product(itertools.permutations(range(4)), repeat=2):
        game = Game(tables, 1, 7, make_seats(*roles), None)
        outputs = []
        for request, (order, actions) in enumerate(zip(orders, moves, strict=True), 1):
            for seat in order[:-1]:
                assert game.handle(seat, Kind.STEP, request, action_body(actions[seat])) == []
            outputs += game.handle(order[-1], Kind.STEP, request, action_body(actions[order[-1]]))
        said.add(tuple(outputs))
    assert len(said) == 1
    heard = [output[0] for output in said.pop() if output[0] != HUB_SEAT]
    assert heard == [0, 1, 3, 2, 1, 3, 2, 0], "the order turns with every round"


def test_other_matches_on_a_worker_do_not_show():
    """Matches of the same spec share tables and memos, and come in the same frames."""
    spec = office(roles=(HERE, DEFEND)).to_bytes()
    luck = random.Random(3)
    table = Table(compile_spec(spec), make_seats("Attacker", "Defender"))
    bodies = []
    for number in range(60):
        bodies.append((number % 2, some_body(luck, table.states[number % 2])))
        table.tell(number % 2, Kind.STEP, bodies[-1][1])

    def outputs_of(lease, others):
        host = GameHost()
        host.receive(frame(Kind.SPEC, body=SpecMessage(b"d", spec).encode()))
        frames = []
        for each in (*others, lease):
            frames += host.receive(frame(Kind.OPEN, each, 0, opening("Attacker", "Defender", seed=7 + each)))
        for sequence, (seat, body) in enumerate(bodies, 1):
            records = [(lease, sequence, seat, int(Kind.STEP), sequence, body)]
            for each in others:
                mine = PASS if luck.random() < 0.1 else luck.choice(bodies)[1]
                kind = (
                    99 if (each, sequence) == (others[0], 30) else int(Kind.STEP)
                )  # it breaks in the middle
                records.insert(luck.randrange(2), (each, sequence, 1 - seat, kind, sequence, mine))
            flat = [field for record in records for field in record]
            frames += host.receive(frame(Kind.EVENT_MANY, 0, len(records), pack(flat)))
        assert len(faults(frames)) == (1 if others else 0)
        outs = [each for each in frames if each[1] in (Kind.OUT, Kind.OUT_MANY)]
        return [record[1:] for record in read(outs) if record[0] == lease]

    alone = outputs_of(17, [])
    assert len(alone) > 60
    assert outputs_of(17, [1, 2, 3]) == alone
