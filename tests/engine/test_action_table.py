"""The action table against `generate_valid_actions` and against plain enumeration."""

import hashlib
import random
from collections import Counter
from itertools import product

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.action_table import ActionTable, offered
from netsiege.engine.actions import RESPONSES, ActionReader
from netsiege.engine.game import Game
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, select
from netsiege.engine.streams import Stream
from netsiege.engine.tables import compile_spec
from netsiege.errors import ProtocolError, RuleError
from netsiege.game import ActionType, AgentRole, Data, GameState, generate_valid_actions
from netsiege.game.action import PLAYED, responses_of
from netsiege.game.values import ip_to_int
from netsiege.protocol import Kind, SeatSpec
from netsiege.protocol.play import PASS, action_body, read_action
from netsiege.scenarios import load_spec, scenario_names
from netsiege.scenarios.model import RoleTask, ServiceItem, View
from tests.engine.tiny import (
    CLIENT,
    LOOT,
    NOWHERE,
    OUTSIDE,
    REMOTE,
    SERVER,
    SMB,
    Table,
    block,
    exfiltrate,
    exploit,
    find_data,
    find_services,
    make_seats,
    make_tables,
    patch,
    scan,
)

BUNDLED = {name: compile_spec(load_spec(None, name).to_bytes()) for name in scenario_names()}
SMALL = {name: tables for name, tables in BUNDLED.items() if len(tables.board.numbers) < 12}
RESPONDING = [role for role in AgentRole if responses_of(role)]


def with_responses(tables):
    """The same under a ruleset that has every action type."""
    codes = RESPONSES.stop
    return attrs.evolve(tables, codes=codes, reader=ActionReader(tables.board, codes))


def knowledge_after(tables, role, seed, moves, blocks_from):
    """What a seat knows after random valid moves; blocks come in late, since they crowd out all else."""
    game = Game(tables, 1, seed, [SeatSpec(role, 0, "a", True)], None)
    game.open()
    table, draws, player = ActionTable(tables), Stream(seed, "test"), game.episode.players[0]
    for request in range(1, moves + 1):
        if player.ended:
            break
        body = table.sample(player.knows, draws.below, include_blocks=request >= blocks_from)
        game.handle(0, Kind.STEP, request, body)
    return player.knows


def check_against_generator(tables, knows):
    table = ActionTable(tables)
    state = GameState.from_wire(knows.full(tables.board))
    for included in product((False, True), (False, True), RESPONDING):
        blocks, responses, role = included
        has_responses = responses and tables.codes > RESPONSES.start
        expected = generate_valid_actions(state, blocks, has_responses, role)
        bodies = [table.nth(knows, i, *included) for i in range(table.count(knows, *included))]
        actions = [read_action(body) for body in bodies]
        assert len(set(actions)) == len(bodies) == len(expected)
        assert set(actions) == expected
        ranks = [table.rank(body) for body in bodies]
        assert ranks == sorted(set(ranks)), "the order is that of the whole scenario"
        assert all(table.is_valid(knows, body, *included) for body in bodies)
        assert all(table.is_valid_index(knows, rank, *included) for rank in ranks)
        with pytest.raises(IndexError):
            table.nth(knows, len(bodies), *included)
        with pytest.raises(IndexError):
            table.nth(knows, -1, *included)


@pytest.mark.parametrize("name", scenario_names())
@pytest.mark.parametrize("role", ["Attacker", "Defender"])
@pytest.mark.parametrize(("seed", "moves", "blocks_from"), [(1, 0, 0), (2, 30, 99), (3, 90, 60), (4, 90, 15)])
def test_valid_actions_are_those_of_the_generator(name, role, seed, moves, blocks_from):
    tables = BUNDLED[name]
    if role in tables.roles:
        check_against_generator(tables, knowledge_after(tables, role, seed, moves, blocks_from))


@given(st.integers(0, 1 << 32), st.integers(0, 60), st.integers(0, 60))
def test_valid_actions_of_any_reachable_state_are_those_of_the_generator(seed, moves, blocks_from):
    tables = make_tables(use_firewall=seed % 2 == 0)
    role = ("Attacker", "Defender", "Benign")[seed % 3]
    knows = knowledge_after(tables, role, seed, moves, blocks_from)
    check_against_generator(tables, knows)
    check_against_generator(with_responses(tables), knows)


@given(st.data())
def test_valid_actions_of_any_knowledge_are_those_of_the_generator(data):
    """Also of what no game leads to: data of hosts not controlled, blocks of what does not exist."""
    tables = make_tables()
    board = tables.board
    hosts, knows = st.integers(0, len(board.numbers) - 1), Knowledge()
    for mask in ("networks", "hosts", "controlled"):
        limit = len(board.networks) if mask == "networks" else len(board.numbers)
        setattr(knows, mask, data.draw(st.integers(0, (1 << limit) - 1)))
    knows.services = data.draw(st.dictionaries(hosts, st.integers(1, (1 << len(board.services)) - 1)))
    for address in data.draw(st.sets(hosts)):
        keys = data.draw(st.sets(st.integers(0, len(board.keys) - 1), min_size=1))
        knows.data[address] = {key: [*board.keys[key][:2], 3, board.keys[key][2], "x"] for key in keys}
    numbers = st.sampled_from([*board.numbers, 1])
    for number in data.draw(st.sets(numbers)):
        knows.blocks[number] = data.draw(st.sets(numbers, min_size=1))
    table, state = ActionTable(with_responses(tables)), GameState.from_wire(knows.full(board))
    indices = data.draw(st.lists(st.integers(0, table.size - 1), min_size=8, max_size=8))
    for included in product((False, True), (False, True), RESPONDING):
        expected = set(generate_valid_actions(state, *included))
        count = table.count(knows, *included)
        assert {read_action(table.nth(knows, i, *included)) for i in range(count)} == expected
        assert count == len(expected)
        for index in indices:
            valid = read_action(table.action(index)) in expected
            assert table.is_valid_index(knows, index, *included) == valid


def test_nothing_is_valid_without_a_host_and_the_draw_is_a_pass():
    table = ActionTable(make_tables())
    knows = Knowledge()
    knows.networks = knows.hosts = 1
    assert table.count(knows) == 0
    assert table.sample(knows, random.Random(1).randrange) == PASS


def test_draws_are_equally_likely():
    tables = make_tables()
    knows = knowledge_after(tables, "Attacker", 5, 40, 99)
    table, rng = ActionTable(tables), random.Random(7)
    count = table.count(knows, False)
    drawn = Counter(table.sample(knows, rng.randrange, False) for _ in range(200 * count))
    assert len(drawn) == count
    assert min(drawn.values()) > 100
    assert max(drawn.values()) < 300


# --- the whole scenario -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("ruleset_of", [lambda tables: tables, with_responses], ids=["six", "all"])
def test_index_and_action_are_inverse_over_the_whole_scenario(name, ruleset_of):
    table = ActionTable(ruleset_of(SMALL[name]))
    bodies = [table.action(i) for i in range(table.size)]
    assert len(set(bodies)) == table.size
    assert [table.rank(body) for body in bodies] == list(range(table.size))


@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.parametrize("seed", [1, 2])
def test_valid_indices_are_exactly_the_valid_actions(name, seed):
    tables = SMALL[name]
    table, knows = ActionTable(with_responses(tables)), knowledge_after(tables, "Attacker", seed, 60, 40)
    for included in product((False, True), repeat=2):
        valid = [i for i in range(table.size) if table.is_valid_index(knows, i, *included)]
        assert valid == [
            table.rank(table.nth(knows, n, *included)) for n in range(table.count(knows, *included))
        ]


@pytest.mark.parametrize(
    ("name", "size", "digest"),
    [
        ("two_networks_tiny", 340, "fdc4c96668bbada9"),
        ("one_network", 3228, "402bd0e635c23975"),
        ("two_networks", 3939, "cd5d12f9e5c1397a"),
        ("three_net_scenario", 5880, "8c7effd9c54be1ac"),
    ],
)
def test_numbering_of_the_bundled_scenarios_is_that_of_models_trained_before(name, size, digest):
    """Another one would make every stored table of values useless."""
    table = ActionTable(BUNDLED[name])
    bodies = [table.action(i) for i in range(table.size)]
    assert (table.size, hashlib.sha256(b"".join(bodies)).hexdigest()[:16]) == (size, digest)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_responses_are_numbered_after_all_else(name):
    tables = SMALL[name]
    six, every = ActionTable(tables), ActionTable(with_responses(tables))
    assert [every.action(i) for i in range(six.size)] == [six.action(i) for i in range(six.size)]
    codes = {every.action(i)[1] for i in range(six.size, every.size)}
    assert codes == set(RESPONSES)
    hosts, services = len(tables.board.numbers), sum(map(int.bit_count, offered(tables)))
    assert every.size - six.size == hosts * sum(
        services if "target_service" in names else hosts for _, names in PLAYED[6:]
    )


def test_responses_are_not_among_the_actions_of_a_ruleset_without_them():
    tables = make_tables()
    knows = knowledge_after(tables, "Defender", 1, 40, 99)
    table, every = ActionTable(tables), ActionTable(with_responses(tables))
    assert table.count(knows, True, True) == table.count(knows, True, False)
    for number in range(table.count(knows), every.count(knows, True, True)):
        body = every.nth(knows, number, True, True)
        assert every.is_valid(knows, body, True, True)
        assert not every.is_valid(knows, body, True, False)
        assert not table.is_valid(knows, body, True, True)
        with pytest.raises(ProtocolError):
            table.rank(body)


def test_services_of_hosts_that_others_control_are_exploited_and_not_patched():
    tables = with_responses(make_tables())
    board, table, knows = tables.board, ActionTable(tables), Knowledge()
    client, server = (board.index[ip_to_int(text)] for text in (CLIENT, SERVER))
    knows.hosts, knows.controlled = 1 << client | 1 << server, 1 << client
    knows.services = {host: board.services_at[board.node_of[host]] for host in (client, server)}
    for target, service, is_held in ((SERVER, SMB, False), (CLIENT, REMOTE, True)):
        assert table.is_valid(knows, action_body(exploit(CLIENT, target, service)), True, True)
        assert table.is_valid(knows, action_body(patch(CLIENT, target, service)), True, True) == is_held


def test_draws_among_all_actions_are_equally_likely():
    tables = with_responses(make_tables())
    knows = knowledge_after(make_tables(), "Defender", 3, 12, 99)
    table, rng = ActionTable(tables), random.Random(7)
    count = table.count(knows, False, True)
    drawn = Counter(table.sample(knows, rng.randrange, False, True) for _ in range(100 * count))
    assert len(drawn) == count
    assert min(drawn.values()) > 40
    assert max(drawn.values()) < 180


def test_numbering_is_the_same_for_equal_specs():
    one, other = (ActionTable(make_tables()) for _ in range(2))
    assert [one.action(i) for i in range(one.size)] == [other.action(i) for i in range(other.size)]


@pytest.mark.parametrize("index", [-1, None])
def test_index_that_does_not_exist_is_refused(index):
    table = ActionTable(make_tables())
    with pytest.raises(IndexError, match="no number"):
        table.action(table.size if index is None else index)


@pytest.mark.parametrize(
    "action",
    [
        scan(NOWHERE, "192.168.1.0/24"),
        scan(CLIENT, "10.1.0.0/16"),
        scan(CLIENT, "192.168.1.7/24"),
        find_services(CLIENT, NOWHERE),
        find_data(NOWHERE, CLIENT),
        exploit(CLIENT, SERVER, ServiceItem("ghost")),
        exploit(CLIENT, NOWHERE, SMB),
        exploit(SERVER, CLIENT, SMB),
        exfiltrate(CLIENT, OUTSIDE, Data("nobody", "nothing")),
        block(CLIENT, CLIENT, NOWHERE),
    ],
)
def test_action_on_what_the_scenario_does_not_have_has_no_index_and_is_never_valid(action):
    tables = make_tables()
    table, body = ActionTable(tables), action_body(action)
    with pytest.raises(RuleError):
        table.rank(body)
    assert not table.is_valid(knowledge_after(tables, "Defender", 1, 50, 99), body)


def test_pass_has_no_index_and_what_is_no_action_is_refused():
    table = ActionTable(make_tables())
    with pytest.raises(RuleError, match="pass"):
        table.rank(PASS)
    with pytest.raises(ProtocolError):
        table.rank(b"\x91\x07")
    assert not table.is_valid(Knowledge(), b"\x91\x07")


def test_index_of_an_exfiltration_does_not_depend_on_size_or_content():
    table = ActionTable(make_tables())
    bodies = [
        action_body(exfiltrate(SERVER, OUTSIDE, Data(LOOT.owner, LOOT.id, size, LOOT.type, content)))
        for size, content in ((0, ""), (7, "seven"))
    ]
    assert table.rank(bodies[0]) == table.rank(bodies[1])
    assert read_action(table.action(table.rank(bodies[0]))).parameters["data"].size == 5


def test_data_taken_along_with_made_up_content_are_valid_as_they_are_known():
    table = Table(make_tables(), make_seats("Attacker"))
    for action in (
        scan(CLIENT, "192.168.1.0/24"),
        find_services(CLIENT, SERVER),
        exploit(CLIENT, SERVER, SMB),
        find_data(SERVER, SERVER),
        exfiltrate(SERVER, OUTSIDE, Data(LOOT.owner, LOOT.id, 99, LOOT.type, "made up")),
    ):
        table.step(0, action)
    knows, tables = table.game.episode.players[0].knows, table.tables
    check_against_generator(tables, knows)
    actions = ActionTable(tables)
    made_up = [
        each
        for i in range(actions.count(knows, False))
        if (each := read_action(actions.nth(knows, i, False))).type == ActionType.ExfiltrateData
        and each.parameters["data"].content == "made up"
    ]
    assert {str(each.parameters["source_host"]) for each in made_up} == {OUTSIDE}


def test_services_of_a_start_position_are_actions_of_the_scenario():
    ghost = ServiceItem("ghost", "passive", "1")
    start = View(controlled_hosts=(CLIENT,), known_services=((SERVER, (ghost,)),))
    tables = make_tables(roles=(RoleTask("Attacker", start),))
    check_against_generator(tables, tables.start_of(1, "Attacker", 0))


def test_all_actions_are_every_combination_that_the_topology_has():
    tables = make_tables()
    listed = list(ActionTable(tables).all_actions(include_blocks=True))
    hosts, networks, data, services = 5, 3, 4, 4 + 2 + 2
    counts = Counter(action.type for action in listed)
    assert counts == {
        ActionType.ScanNetwork: hosts * networks,
        ActionType.FindServices: hosts * hosts,
        ActionType.ExploitService: hosts * services,
        ActionType.FindData: hosts * hosts,
        ActionType.ExfiltrateData: hosts * hosts * data,
        ActionType.BlockIP: hosts**3,
    }
    assert len(set(listed)) == len(listed)
    assert [a for a in listed if a.type != ActionType.BlockIP] == list(ActionTable(tables).all_actions())
    table = ActionTable(tables)
    assert all(0 <= table.rank(action_body(action)) < table.size for action in listed)


@given(st.integers(0, 1 << 300))
def test_select_finds_each_member_of_a_mask(mask):
    members = bits(mask)
    assert [select(mask, i) for i in range(len(members))] == members
    with pytest.raises(IndexError):
        select(mask, len(members))
