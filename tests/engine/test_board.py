import attrs
import pytest

from netsiege.engine.board import LOG, build_board
from netsiege.engine.masks import bits, bytes_mask, mask_bytes, mask_of
from netsiege.engine.tables import compile_spec
from netsiege.errors import RuleError
from netsiege.game.private import is_private
from netsiege.game.values import ip_to_int
from netsiege.scenarios.model import (
    DataItem,
    Host,
    Rewards,
    RoleTask,
    Rule,
    ServiceItem,
    Spec,
    Topology,
    View,
)
from tests.engine.tiny import (
    ATTACKER,
    CLIENT,
    LOOT,
    OUTSIDE,
    ROUTER_1,
    ROUTER_2,
    SERVER,
    SMB,
    TOPOLOGY,
    make_tables,
    make_task,
)

BOARD = build_board(TOPOLOGY, [], use_firewall=True)

REACHABLE = {
    ROUTER_1: {ROUTER_1, SERVER, OUTSIDE},
    SERVER: {ROUTER_1, SERVER, OUTSIDE},
    ROUTER_2: {ROUTER_2, CLIENT, OUTSIDE},
    CLIENT: {SERVER, ROUTER_2, CLIENT, OUTSIDE},
    OUTSIDE: {OUTSIDE},
}


def names(mask: int) -> set[str]:
    return {BOARD.texts[i] for i in bits(mask)}


@pytest.mark.parametrize("members", [[], [0], [3, 64, 65], list(range(0, 300, 2)), [1000]])
def test_bits_of_a_mask_are_its_members_in_order(members):
    mask = mask_of(reversed(members))
    assert bits(mask) == members
    assert bytes_mask(mask_bytes(mask)) == mask


@pytest.mark.parametrize("source", sorted(REACHABLE))
def test_firewall_of_the_tiny_network_allows_what_its_rules_say(source):
    assert names(BOARD.reach[BOARD.index[ip_to_int(source)]]) == REACHABLE[source]


def test_firewall_switched_off_allows_everything():
    board = build_board(TOPOLOGY, [], use_firewall=False)
    assert {names(mask) for mask in map(frozenset, [])} == set()
    assert all(names(mask) == set(REACHABLE) for mask in board.reach)


def test_rule_for_prefixes_opens_every_pair_in_them():
    topology = attrs.evolve(TOPOLOGY, rules=(Rule("213.47.23.192/26", "192.168.0.0/16"),))
    board = build_board(topology, [], use_firewall=True)
    assert names(board.reach[board.index[ip_to_int(OUTSIDE)]]) == set(REACHABLE)


def test_addresses_are_numbered_in_ascending_order():
    assert list(BOARD.numbers) == sorted(BOARD.numbers)
    assert BOARD.numbers_of(mask_of(range(5))) == sorted(ip_to_int(text) for text in REACHABLE)


def test_router_is_one_node_with_two_addresses():
    first, second = (BOARD.index[ip_to_int(text)] for text in (ROUTER_1, ROUTER_2))
    assert BOARD.node_of[first] == BOARD.node_of[second]
    assert BOARD.node_addresses[BOARD.node_of[first]] == 1 << first | 1 << second


@pytest.mark.parametrize(
    ("network", "members"),
    [
        ("192.168.1.0/24", {ROUTER_1, SERVER}),
        ("192.168.1.77/24", {ROUTER_1, SERVER}),
        ("192.168.2.2/32", {CLIENT}),
        ("192.168.2.3/32", set()),
        ("192.168.0.0/16", {ROUTER_1, SERVER, ROUTER_2, CLIENT}),
        ("0.0.0.0/0", set(REACHABLE)),
        ("255.255.255.255/32", set()),
    ],
)
def test_members_of_any_prefix_are_the_addresses_in_it(network, members):
    text, _, prefix = network.partition("/")
    for _ in range(2):
        assert names(BOARD.members(ip_to_int(text), int(prefix))) == members


@pytest.mark.parametrize(
    ("text", "private"),
    [
        ("10.0.0.0", True),
        ("11.0.0.0", False),
        ("100.64.0.1", True),
        ("169.254.1.1", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.0.0.8", True),
        ("192.168.0.0", True),
        ("192.167.255.255", False),
        ("198.19.0.1", True),
        # these are special to Python's own list, but public here
        ("127.0.0.1", False),
        ("203.0.113.5", False),
        ("192.0.2.1", False),
    ],
)
def test_private_ranges_are_those_of_netsecgame(text, private):
    assert is_private(ip_to_int(text)) is private


def test_neighbouring_networks_are_known_beside_private_ones_only():
    def around(text):
        mask = BOARD.neighbours_at[BOARD.index[ip_to_int(text)]]
        return [BOARD.networks[i] for i in bits(mask)]

    assert around(SERVER) == [[ip_to_int(f"192.168.{n}.0"), 24] for n in (0, 1, 2)]
    assert around(OUTSIDE) == [[ip_to_int("213.47.23.192"), 26]]


def test_neighbour_below_the_private_range_is_not_known():
    host = Host("a", ("192.168.0.2",))
    board = build_board(Topology("t", ("192.168.0.0/24",), (host,)), [], use_firewall=True)
    assert [board.networks[i] for i in bits(board.neighbours_at[0])] == [
        [ip_to_int("192.168.0.0"), 24],
        [ip_to_int("192.168.1.0"), 24],
    ]


def test_address_in_nested_networks_belongs_to_the_smallest():
    host = Host("a", ("10.1.2.3",))
    board = build_board(Topology("t", ("10.0.0.0/8", "10.1.2.0/24"), (host,)), [], use_firewall=True)
    assert [board.networks[i] for i in bits(board.networks_at[0])] == [[ip_to_int("10.1.2.0"), 24]]


def test_services_and_data_travel_sorted_by_their_wire_forms():
    assert list(BOARD.services) == sorted(BOARD.services)
    assert list(BOARD.items) == sorted(BOARD.items)
    assert BOARD.keys[LOG] == ("system", "logfile", "log")
    assert BOARD.service_index["microsoft-ds", "passive", "10.0.19041", False] >= 0


def test_local_services_are_not_among_the_open_ones():
    server = BOARD.node_names.index("smb_server")
    names = {BOARD.services[i][0] for i in bits(BOARD.open_services_at[server])}
    assert names == {"microsoft-ds", "ms-wbt-server"}
    assert bits(BOARD.services_at[server]) > bits(BOARD.open_services_at[server])


def test_start_addresses_are_listed_as_often_as_they_weigh():
    assert [BOARD.texts[i] for i in BOARD.starts] == [CLIENT, CLIENT]


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ((Host("a", ("10.0.0.1",)), Host("b", ("10.0.0.1",))), "10.0.0.1 belongs to a and b"),
        ((Host("a", ("11.0.0.1",)),), "11.0.0.1 of a is in none of the networks"),
        ((Host("a", ()),), "a has no address"),
        ((), "no hosts"),
    ],
)
def test_topology_that_makes_no_sense_is_refused_with_its_reason(hosts, said):
    with pytest.raises(RuleError, match=said):
        build_board(Topology("t", ("10.0.0.0/8",), hosts), [], use_firewall=True)


def test_all_problems_of_a_topology_are_named_at_once():
    hosts = (Host("a", ()), Host("b", ("11.0.0.1",)))
    with pytest.raises(RuleError, match=r"a has no address; 11\.0\.0\.1 of b"):
        build_board(Topology("t", ("10.0.0.0/8",), hosts), [], use_firewall=True)


def test_log_file_listed_as_data_is_refused():
    service = ServiceItem("s", data=(DataItem("system", "logfile", "log"),))
    topology = Topology("t", ("10.0.0.0/8",), (Host("a", ("10.0.0.1",), (service,)),))
    with pytest.raises(RuleError, match="log file"):
        build_board(topology, [], use_firewall=True)


# --- specs ------------------------------------------------------------------------------------------------


def test_spec_compiles_to_tables_that_know_its_digest():
    spec = Spec(TOPOLOGY, make_task(use_global_defender=True, pacing="rounds"))
    tables = compile_spec(spec.to_bytes())
    assert tables.digest == spec.digest
    assert tables.in_rounds
    assert tables.has_detector
    assert tables.rewards == Rewards(-1, 100, -10, -5)
    assert tables.roles["Attacker"].max_steps == 20
    assert tables.roles["Defender"].max_steps == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ruleset": "chess"}, "ruleset 'chess'"),
        ({"pacing": "hurried"}, "pacing 'hurried'"),
        ({"roles": (RoleTask("Spectator"),)}, "role 'Spectator'"),
        ({"roles": (RoleTask("Attacker", start=View(controlled_hosts=("10.1.1.1",))),)}, "10.1.1.1"),
        ({"roles": (RoleTask("Attacker", start=View(controlled_hosts=("rnadom",))),)}, "rnadom"),
        ({"roles": (RoleTask("Attacker", goal=View(known_hosts=("10.1.1.1",))),)}, "goal.known_hosts"),
        ({"roles": (RoleTask("Attacker", goal=View(known_data=((OUTSIDE, ("every",)),))),)}, "'every'"),
        ({"roles": (RoleTask("Attacker", goal=View(known_blocks=((SERVER, ("no",)),))),)}, "'no'"),
        ({"roles": (RoleTask("Attacker", start=View(known_services=((ROUTER_1, ("random",)),))),)}, "draw"),
        ({"roles": (RoleTask("Attacker", goal_description="x" * 5000),)}, "characters"),
        ({"roles": (ATTACKER, ATTACKER)}, "twice"),
        ({"roles": (RoleTask("Attacker", max_steps=-1),)}, "no limit of steps"),
        ({"roles": (RoleTask("Attacker", max_steps=1 << 40),)}, "no limit of steps"),
        ({"rewards": Rewards(step=1 << 60)}, "a reward"),
        ({"rewards": Rewards(step=1 << 70)}, "64 bits"),
        ({"rewards": Rewards(fail=float("nan"))}, "NaN"),
    ],
)
def test_spec_that_cannot_be_played_is_refused_with_its_reason(changes, said):
    with pytest.raises(RuleError, match=said):
        make_tables(**changes)


def test_random_start_without_any_start_host_is_refused():
    hosts = tuple(attrs.evolve(host, start=0) for host in TOPOLOGY.hosts)
    with pytest.raises(RuleError, match="no host of the topology is a start"):
        make_tables(attrs.evolve(TOPOLOGY, hosts=hosts))


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"\xff", b'{"topology":1,"task":2}'])
def test_bytes_that_are_no_spec_are_refused(text):
    with pytest.raises(RuleError, match="not a spec"):
        compile_spec(text)


def test_data_of_a_view_gets_a_key_though_no_host_has_it():
    view = View(known_data=((OUTSIDE, (LOOT, DataItem("nobody", "nothing"))),))
    board = build_board(TOPOLOGY, [view], use_firewall=True)
    assert board.key_items[board.key_index["nobody", "nothing", ""]] == 0
    assert board.key_items[board.key_index["User1", "DataFromServer1", ""]] != 0
    assert SMB.data[0].content == "five!"
