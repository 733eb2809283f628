"""What differs from NetSecGame on purpose, where no hub is needed: see `netsiege.compat.netsecgame`."""

import random

from netsiege.compat.netsecgame import IP, Data, GameState, Network, Service

HOSTS = [IP(f"10.0.0.{number}") for number in range(1, 9)]
SERVICE = Service("ssh", "passive", "1", False)


def test_service_on_two_hosts_is_two_nodes_of_the_graph():
    one, other = HOSTS[:2]
    state = GameState(
        controlled_hosts={one},
        known_hosts={one, other},
        known_services={one: {SERVICE}, other: {SERVICE}},
        known_data={one: {Data("U", "D")}},
        known_networks={Network("10.0.0.0", 24)},
    )
    kinds, controlled, edges, nodes = state.as_graph
    assert (kinds, controlled) == ([0, 1, 1, 2, 2, 3], [0, 1, 0, 0, 0, 0])
    assert list(nodes.values()) == [Network("10.0.0.0", 24), one, other, SERVICE, SERVICE, Data("U", "D")]
    assert edges[::2] == [(0, 1), (0, 2), (1, 3), (2, 4), (1, 5)]
    assert edges[1::2] == [(b, a) for a, b in edges[::2]]


def test_data_on_an_unknown_host_has_no_edge_and_stops_nothing():
    here, there = HOSTS[:2]
    data = {there: {Data("U", "D")}, here: {Data("U", "E")}}
    kinds, _, edges, nodes = GameState({here}, {here}, known_data=data).as_graph
    assert kinds == [1, 3, 3]
    assert [{str(nodes[a]), nodes[b]} for a, b in edges[::2]] == [{str(here), Data("U", "E")}]


def test_equal_states_are_written_alike_whatever_their_order():
    shuffled = random.Random(1).sample(HOSTS, len(HOSTS))
    states = [
        GameState(set(hosts), set(hosts), {host: {SERVICE} for host in hosts}, known_networks=set())
        for hosts in (HOSTS, shuffled)
    ]
    assert states[0] == states[1]
    assert states[0].as_json() == states[1].as_json()
    assert states[0].as_graph == states[1].as_graph
