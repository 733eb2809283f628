import json

import attrs
import pytest

from netsiege.engine.actions import ActionReader
from netsiege.engine.board import build_board
from netsiege.engine.deltas import read_delta
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import mask_of
from netsiege.engine.rules import play
from netsiege.engine.world import World
from netsiege.game import IP, Data, GameState
from netsiege.game.values import ip_to_int
from netsiege.protocol.play import action_body
from netsiege.scenarios.model import DataItem
from tests.engine.tiny import (
    BASH,
    CLIENT,
    LISTENER,
    LOGIN,
    LOOT,
    NOWHERE,
    OUTSIDE,
    REMOTE,
    ROUTER_1,
    ROUTER_2,
    SERVER,
    SHELL,
    SMB,
    TOPOLOGY,
    as_data,
    as_service,
    block,
    exfiltrate,
    exploit,
    find_data,
    find_services,
    scan,
)

BOARD = build_board(TOPOLOGY, [], use_firewall=True)
NET_1 = "192.168.1.0/24"


class Field:
    """A world with an attacker (0), a defender (1) and a benign seat (2)."""

    def __init__(self, *controlled: str, board=BOARD) -> None:
        self.board = board
        self.world = World(board, (False, True, True))
        self.knows = [Knowledge() for _ in range(3)]
        for knows in self.knows:
            knows.controlled = knows.hosts = mask_of(board.index[ip_to_int(text)] for text in controlled)

    def play(self, *actions, seat=0):
        """The seat's state after the actions; checks on the way that the deltas lead there."""
        knows = self.knows[seat]
        state = self.state(seat)
        for action in actions:
            delta = play(self.world, knows, seat, ActionReader(self.board).read(action_body(action)))
            state = state.apply(read_delta(delta))
        assert state.to_wire() == knows.full(self.board)
        return state

    def state(self, seat=0) -> GameState:
        return GameState.from_wire(self.knows[seat].full(self.board))

    def log(self, text: str) -> list[tuple[str, str]]:
        """Source and type of each entry at a host."""
        content = self.world.log(BOARD.node_of[BOARD.index[ip_to_int(text)]])
        return [
            (entry["source_host"], entry["action_type"].removeprefix("ActionType."))
            for entry in json.loads(content or "[]")
        ]

    def logs(self) -> int:
        """The number of entries in the whole world."""
        return sum(len(self.log(text)) for text in (SERVER, CLIENT, OUTSIDE, ROUTER_1))


def ips(*texts):
    return frozenset(map(IP, texts))


# --- what every rule asks for -----------------------------------------------------------------------------

EVERY_ACTION = {
    "scan": lambda source, target: scan(source, f"{target}/32"),
    "find_services": find_services,
    "find_data": find_data,
    "exploit": lambda source, target: exploit(source, target, REMOTE),
    "exfiltrate": lambda source, target: exfiltrate(source, target, LOOT),
    "block": lambda source, target: block(source, target, OUTSIDE),
}


@pytest.mark.parametrize("name", sorted(EVERY_ACTION))
@pytest.mark.parametrize("source", [SERVER, NOWHERE])
def test_action_from_a_host_that_is_not_controlled_does_nothing(name, source):
    field = Field(CLIENT)
    before = field.state()
    assert field.play(EVERY_ACTION[name](source, CLIENT)) == before
    assert field.logs() == 0
    assert not field.world.blocks


@pytest.mark.parametrize("name", sorted(EVERY_ACTION))
def test_action_that_the_firewall_stops_does_nothing(name):
    field = Field(OUTSIDE, SERVER)
    before = field.state()
    assert field.play(EVERY_ACTION[name](OUTSIDE, SERVER)) == before
    assert field.logs() == 0
    assert not field.world.blocks


@pytest.mark.parametrize("name", sorted(EVERY_ACTION))
def test_action_against_an_address_that_does_not_exist_does_nothing(name):
    field = Field(CLIENT)
    before = field.state()
    assert field.play(EVERY_ACTION[name](CLIENT, NOWHERE)) == before
    assert field.logs() == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("scan", "ScanNetwork"),
        ("find_services", "FindServices"),
        ("find_data", "FindData"),
        ("exploit", "ExploitService"),
        ("block", "BlockIP"),
    ],
)
def test_allowed_action_leaves_one_entry_at_its_target(name, kind):
    field = Field(CLIENT)
    field.play(EVERY_ACTION[name](CLIENT, CLIENT))
    assert field.log(CLIENT) == [(CLIENT, kind)]
    assert field.logs() == 1


# --- scan -------------------------------------------------------------------------------------------------


def test_scan_finds_every_address_that_the_source_may_reach():
    state = Field(CLIENT).play(scan(CLIENT, "192.168.0.0/16"))
    assert state.known_hosts == ips(CLIENT, ROUTER_2, SERVER)
    assert state.controlled_hosts == ips(CLIENT)
    assert not state.known_networks


def test_scan_of_both_addresses_of_a_router_leaves_two_entries():
    field = Field(CLIENT)
    field.world.reach = [mask_of(range(5))] * 5
    field.play(scan(CLIENT, "0.0.0.0/0"))
    assert field.log(ROUTER_1) == [(CLIENT, "ScanNetwork")] * 2
    assert field.log(SERVER) == [(CLIENT, "ScanNetwork")]


def test_scan_of_an_empty_network_finds_nothing():
    field = Field(CLIENT)
    assert field.play(scan(CLIENT, "192.168.77.0/24")) == field.state()
    assert field.logs() == 0


# --- services ---------------------------------------------------------------------------------------------


def test_services_of_a_foreign_host_are_the_open_ones():
    state = Field(CLIENT).play(find_services(CLIENT, SERVER))
    assert state.known_services == {IP(SERVER): {as_service(SMB), as_service(REMOTE)}}
    assert state.known_hosts == ips(CLIENT, SERVER)
    assert [str(n) for n in state.known_networks] == [NET_1]


def test_services_of_a_controlled_host_include_local_ones():
    state = Field(CLIENT, SERVER).play(find_services(CLIENT, SERVER))
    assert state.known_services[IP(SERVER)] == {as_service(s) for s in (SMB, REMOTE, LOGIN, SHELL)}
    assert not state.known_networks, "the host was known before"


def test_services_of_a_host_without_any_are_not_found():
    field = Field(CLIENT)
    state = field.play(find_services(CLIENT, ROUTER_2))
    assert state.known_hosts == ips(CLIENT)
    assert not state.known_services
    assert field.log(ROUTER_2) == [(CLIENT, "FindServices")]


def test_services_found_again_replace_those_known_before():
    field = Field(CLIENT, OUTSIDE)
    field.play(find_services(CLIENT, OUTSIDE))
    assert field.state().known_services[IP(OUTSIDE)] == {as_service(BASH), as_service(LISTENER)}
    field.knows[0].controlled &= ~(1 << BOARD.index[ip_to_int(OUTSIDE)])
    assert field.play(find_services(CLIENT, OUTSIDE)).known_services[IP(OUTSIDE)] == {as_service(LISTENER)}


# --- exploit ----------------------------------------------------------------------------------------------


def test_exploit_of_a_known_service_takes_the_host():
    state = Field(CLIENT).play(find_services(CLIENT, SERVER), exploit(CLIENT, SERVER, SMB))
    assert state.controlled_hosts == ips(CLIENT, SERVER)
    assert [str(n) for n in state.known_networks] == [NET_1]


def test_exploit_does_not_make_the_host_known():
    field = Field(CLIENT)
    field.play(find_services(CLIENT, SERVER))
    field.knows[0].hosts = 0
    state = field.play(exploit(CLIENT, SERVER, SMB))
    assert state.controlled_hosts == ips(CLIENT, SERVER)
    assert not state.known_hosts


@pytest.mark.parametrize("service", [LOGIN, SHELL, LISTENER, BASH])
def test_exploit_of_a_service_that_is_not_known_there_fails(service):
    field = Field(CLIENT)
    field.play(find_services(CLIENT, SERVER))
    before = field.state()
    assert field.play(exploit(CLIENT, SERVER, service)) == before
    assert field.log(SERVER)[-1] == (CLIENT, "ExploitService")


def test_exploit_without_having_looked_fails():
    field = Field(CLIENT)
    assert field.play(exploit(CLIENT, SERVER, SMB)).controlled_hosts == ips(CLIENT)


def test_exploit_of_a_service_that_is_known_but_not_there_fails():
    field = Field(CLIENT)
    server = BOARD.index[ip_to_int(SERVER)]
    field.knows[0].services[server] = mask_of(range(len(BOARD.services)))
    assert field.play(exploit(CLIENT, SERVER, LISTENER)).controlled_hosts == ips(CLIENT)
    assert field.play(exploit(CLIENT, SERVER, SMB)).controlled_hosts == ips(CLIENT, SERVER)


# --- data -------------------------------------------------------------------------------------------------


def test_data_of_a_controlled_host_are_found_with_the_log_of_the_search():
    state = Field(SERVER).play(find_data(SERVER, SERVER))
    found = {data.id: data for data in state.known_data[IP(SERVER)]}
    assert sorted(found) == ["Data2FromServer1", "Data3FromServer1", "DataFromServer1", "logfile"]
    assert found["DataFromServer1"].content == "five!"
    log = found["logfile"]
    assert log.content == f'[{{"source_host": "{SERVER}", "action_type": "ActionType.FindData"}}]'
    assert log.size == len(log.content)
    assert (log.owner, log.type) == ("system", "log")


def test_data_of_a_host_that_is_not_controlled_are_not_found():
    field = Field(CLIENT)
    assert not field.play(find_data(CLIENT, SERVER)).known_data
    assert field.log(SERVER) == [(CLIENT, "FindData")]


def test_known_log_keeps_the_content_of_its_first_sight():
    field = Field(SERVER)
    first = field.play(find_data(SERVER, SERVER)).known_data
    again = field.play(find_data(SERVER, SERVER), find_data(SERVER, SERVER)).known_data
    assert [d.content for d in sorted(again[IP(SERVER)])] == [d.content for d in sorted(first[IP(SERVER)])]
    assert len(field.log(SERVER)) == 3


def test_log_of_a_router_is_one_for_both_addresses():
    field = Field(ROUTER_1, ROUTER_2)
    field.play(find_data(ROUTER_1, ROUTER_1))
    state = field.play(find_data(ROUTER_2, ROUTER_2))
    (log,) = state.known_data[IP(ROUTER_2)]
    assert [e["source_host"] for e in json.loads(log.content)] == [ROUTER_1, ROUTER_2]


def test_entries_of_scans_and_others_keep_their_order():
    field = Field(CLIENT)
    field.play(
        find_services(CLIENT, SERVER),
        scan(CLIENT, NET_1),
        find_data(CLIENT, SERVER),
        scan(CLIENT, f"{SERVER}/32"),
    )
    assert [kind for _, kind in field.log(SERVER)] == [
        "FindServices",
        "ScanNetwork",
        "FindData",
        "ScanNetwork",
    ]


def test_data_can_be_brought_to_another_controlled_host():
    field = Field(SERVER, OUTSIDE)
    state = field.play(find_data(SERVER, SERVER), exfiltrate(SERVER, OUTSIDE, LOOT))
    assert state.known_data[IP(OUTSIDE)] == {as_data(LOOT)}
    assert field.log(OUTSIDE) == [(SERVER, "ExfiltrateData")]
    found = field.play(find_data(OUTSIDE, OUTSIDE), seat=1).known_data[IP(OUTSIDE)]
    assert as_data(LOOT) in found


def test_forged_content_stays_with_its_forger():
    field = Field(SERVER, OUTSIDE)
    forged = Data("User1", "DataFromServer1", 4, "", "fake")
    state = field.play(find_data(SERVER, SERVER), exfiltrate(SERVER, OUTSIDE, forged))
    assert [d.content for d in state.known_data[IP(OUTSIDE)]] == ["fake"]
    found = field.play(find_data(OUTSIDE, OUTSIDE), seat=1).known_data[IP(OUTSIDE)]
    assert {d.content for d in found if d.id == "DataFromServer1"} == {"five!"}
    # and the forger keeps what it saw first
    again = field.play(find_data(OUTSIDE, OUTSIDE)).known_data[IP(OUTSIDE)]
    assert {d.content for d in again if d.id == "DataFromServer1"} == {"fake"}


def test_equal_data_at_the_target_stay_as_they_are():
    own = DataItem("User1", "DataFromServer1", size=6, content="of old")
    hosts = [
        attrs.evolve(host, services=(attrs.evolve(BASH, data=(own,)),))
        if host.name == "outside_node"
        else host
        for host in TOPOLOGY.hosts
    ]
    board = build_board(attrs.evolve(TOPOLOGY, hosts=tuple(hosts)), [], use_firewall=True)
    field = Field(SERVER, OUTSIDE, board=board)
    state = field.play(
        find_data(SERVER, SERVER), exfiltrate(SERVER, OUTSIDE, LOOT), find_data(OUTSIDE, OUTSIDE)
    )
    assert {d.content for d in state.known_data[IP(OUTSIDE)] if d.type != "log"} == {""}, "as it was carried"
    found = field.play(find_data(OUTSIDE, OUTSIDE), seat=1).known_data[IP(OUTSIDE)]
    assert [d.content for d in found if d.type != "log"] == ["of old"]


def test_exfiltrated_log_does_not_replace_the_log_of_the_target():
    field = Field(SERVER, OUTSIDE)
    found = field.play(find_data(SERVER, SERVER)).known_data[IP(SERVER)]
    (log,) = [d for d in found if d.type == "log"]
    state = field.play(exfiltrate(SERVER, OUTSIDE, log))
    assert [d.content for d in state.known_data[IP(OUTSIDE)]] == [log.content]
    seen = field.play(find_data(OUTSIDE, OUTSIDE), seat=1).known_data[IP(OUTSIDE)]
    assert [json.loads(d.content)[0]["action_type"] for d in seen if d.type == "log"] == [
        "ActionType.ExfiltrateData"
    ]


def test_data_that_the_seat_has_not_found_cannot_be_brought_away():
    field = Field(SERVER, OUTSIDE)
    assert not field.play(exfiltrate(SERVER, OUTSIDE, LOOT)).known_data
    assert field.logs() == 0, "such an attempt is not even logged"


def test_data_that_are_not_at_the_source_cannot_be_brought_away():
    field = Field(SERVER, OUTSIDE)
    key = BOARD.key_index["User1", "DataFromServer1", ""]
    outside = BOARD.index[ip_to_int(OUTSIDE)]
    field.knows[0].data[outside] = {key: ["User1", "DataFromServer1", 0, "", ""]}
    state = field.play(exfiltrate(OUTSIDE, OUTSIDE, LOOT))
    assert list(state.known_data) == [IP(OUTSIDE)]
    assert field.log(OUTSIDE) == [(OUTSIDE, "ExfiltrateData")]


def test_data_cannot_be_brought_to_a_host_that_is_not_controlled():
    field = Field(SERVER)
    before = field.play(find_data(SERVER, SERVER))
    assert field.play(exfiltrate(SERVER, OUTSIDE, LOOT)) == before
    assert field.log(OUTSIDE) == []


# --- blocks -----------------------------------------------------------------------------------------------


def test_block_cuts_both_directions_and_is_known_on_both_sides():
    field = Field(CLIENT, SERVER)
    state = field.play(block(CLIENT, CLIENT, SERVER))
    assert state.known_blocks == {IP(CLIENT): ips(SERVER), IP(SERVER): ips(CLIENT)}
    assert field.log(CLIENT) == [(CLIENT, "BlockIP")]
    firewall = field.world.firewall()
    assert SERVER not in firewall[CLIENT]
    assert CLIENT not in firewall[SERVER]
    assert BOARD.reach != tuple(field.world.reach), "and the board itself is as before"


def test_block_made_again_tells_nothing_new():
    field = Field(CLIENT, SERVER)
    field.play(block(CLIENT, CLIENT, NOWHERE))
    again = ActionReader(BOARD).read(action_body(block(CLIENT, CLIENT, NOWHERE)))
    assert not play(field.world, field.knows[0], 0, again)
    assert field.log(CLIENT) == [(CLIENT, "BlockIP")] * 2


def test_block_of_an_address_that_does_not_exist_is_accepted():
    field = Field(CLIENT)
    state = field.play(block(CLIENT, CLIENT, NOWHERE))
    assert state.known_blocks == {IP(CLIENT): ips(NOWHERE), IP(NOWHERE): ips(CLIENT)}
    assert field.world.blocked() == {CLIENT: [NOWHERE], NOWHERE: [CLIENT]}


def test_block_of_the_target_itself_is_only_logged():
    field = Field(CLIENT)
    assert not field.play(block(CLIENT, CLIENT, CLIENT)).known_blocks
    assert field.log(CLIENT) == [(CLIENT, "BlockIP")]


def test_block_needs_control_of_the_target():
    field = Field(CLIENT)
    assert not field.play(block(CLIENT, SERVER, OUTSIDE)).known_blocks
    assert field.logs() == 0


def test_blocks_show_to_whoever_looks_for_data_there():
    field = Field(CLIENT, SERVER, OUTSIDE)
    field.play(block(CLIENT, CLIENT, OUTSIDE), seat=1)
    assert not field.state(0).known_blocks
    assert field.play(find_data(CLIENT, CLIENT)).known_blocks == {IP(CLIENT): ips(OUTSIDE)}
    assert field.play(find_data(OUTSIDE, OUTSIDE)).known_blocks[IP(OUTSIDE)] == ips(CLIENT)


def test_blocks_seen_later_do_not_change_what_was_seen_before():
    field = Field(CLIENT, SERVER)
    field.play(block(CLIENT, CLIENT, OUTSIDE), seat=1)
    field.play(find_data(CLIENT, CLIENT))
    field.play(block(CLIENT, CLIENT, SERVER), seat=1)
    assert field.state().known_blocks == {IP(CLIENT): ips(OUTSIDE)}


# --- false positives --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seat", "paid"), [(0, [0, 0, 0]), (1, [0, 1, 0]), (2, [0, 1, 0])], ids=["attacker", "own", "benign"]
)
def test_running_into_a_block_costs_its_author_unless_an_attacker_did(seat, paid):
    field = Field(CLIENT, SERVER)
    field.play(block(CLIENT, CLIENT, SERVER), seat=1)
    field.play(find_services(CLIENT, SERVER), seat=seat)
    assert field.world.false_positives == paid


def test_every_author_of_a_block_pays_for_it():
    field = Field(CLIENT, SERVER)
    field.play(block(CLIENT, CLIENT, SERVER), seat=1)
    field.play(block(SERVER, SERVER, CLIENT), seat=0)
    field.play(find_data(SERVER, CLIENT), seat=2)
    assert field.world.false_positives == [1, 1, 0]


def test_the_firewall_itself_is_nobodys_false_positive():
    field = Field(CLIENT, SERVER, OUTSIDE)
    field.play(block(CLIENT, CLIENT, OUTSIDE), seat=1)
    field.play(find_services(OUTSIDE, SERVER), seat=2)
    assert field.world.false_positives == [0, 0, 0]


def test_blocked_address_that_does_not_exist_costs_its_author_too():
    field = Field(CLIENT)
    field.play(block(CLIENT, CLIENT, NOWHERE), seat=1)
    field.play(find_services(CLIENT, NOWHERE), seat=2)
    assert field.world.false_positives == [0, 1, 0]
    # an exploit looks first whether there is such a host, a scan at existing addresses only
    field.play(exploit(CLIENT, NOWHERE, SMB), scan(CLIENT, "10.0.0.0/8"), seat=2)
    assert field.world.false_positives == [0, 1, 0]


def test_scan_counts_every_blocked_address_in_the_network():
    field = Field(CLIENT, ROUTER_2)
    field.play(block(CLIENT, CLIENT, SERVER), block(CLIENT, CLIENT, ROUTER_2), seat=1)
    field.play(scan(CLIENT, "192.168.0.0/16"), seat=2)
    assert field.world.false_positives == [0, 2, 0]
    assert field.state(2).known_hosts == ips(CLIENT, ROUTER_2)
