from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.board import build_board
from netsiege.engine.game import Game
from netsiege.engine.masks import bits
from netsiege.engine.readdress import readdress
from netsiege.errors import RuleError
from netsiege.game import Action, Network
from netsiege.game.private import is_private
from netsiege.game.values import ip_to_int
from netsiege.protocol import Kind
from netsiege.protocol.play import PASS
from netsiege.scenarios.model import Host, RoleTask, Rule, Spec, Topology, View
from tests.engine.tiny import (
    ATTACKER,
    CLIENT,
    LOOT,
    NOWHERE,
    OUTSIDE,
    SERVER,
    SMB,
    TOPOLOGY,
    WINNING,
    Table,
    make_seats,
    make_tables,
    make_task,
)

PART = RoleTask(
    "Attacker",
    start=View(
        controlled_hosts=(OUTSIDE, "random"),
        known_hosts=("all_local",),
        known_networks=("192.168.2.0/24", "192.168.3.0/24"),
        known_services=((SERVER, (SMB,)),),
    ),
    goal=View(known_data=((OUTSIDE, (LOOT,)),), known_blocks=((SERVER, (CLIENT, NOWHERE, "all_attackers")),)),
    goal_description=f"From {SERVER} (in 192.168.1.0/24) to {OUTSIDE}; not 1.2.3.4, 192.168.1.2.3, 999.1.1.1",
)
SPEC = Spec(TOPOLOGY, make_task(roles=(PART,), use_dynamic_addresses=True))
seeds = st.integers(0, 1 << 64)


def relation(topology, use_firewall=True):
    """Who reaches whom, by host and number of the address in it."""
    board = build_board(topology, [], use_firewall)
    place = {ip_to_int(a): (h.name, i) for h in topology.hosts for i, a in enumerate(h.addresses)}
    numbers = board.numbers
    return {(place[numbers[i]], place[numbers[j]]) for i, mask in enumerate(board.reach) for j in bits(mask)}


@given(seeds)
def test_new_addresses_change_nothing_about_who_reaches_whom(seed):
    assert relation(readdress(SPEC, seed).topology) == relation(TOPOLOGY)


@given(seeds)
def test_private_networks_keep_their_distances_and_hosts_their_offsets(seed):
    moved = readdress(SPEC, seed).topology
    before, after = (
        [Network.from_text(text) for text in topology.networks] for topology in (TOPOLOGY, moved)
    )
    assert [n.mask for n in after] == [n.mask for n in before]
    assert after[1].first - after[0].first == before[1].first - before[0].first
    assert [is_private(n.first) and is_private(n.last) for n in after] == [True, True, False]
    for old, new in zip(TOPOLOGY.hosts, moved.hosts, strict=True):
        assert (new.name, new.services, new.start) == (old.name, old.services, old.start)
        for text, told in zip(old.addresses, new.addresses, strict=True):
            (home,) = [i for i, n in enumerate(before) if n.first <= ip_to_int(text) <= n.last]
            assert ip_to_int(told) - after[home].first == ip_to_int(text) - before[home].first


def test_equal_seeds_give_equal_addresses_and_others_other_ones():
    assert readdress(SPEC, 7) == readdress(SPEC, 7)
    assert len({readdress(SPEC, seed).topology.hosts[0].addresses for seed in range(50)}) > 45


def test_views_and_descriptions_speak_of_the_new_addresses():
    moved = readdress(SPEC, 7)
    part = moved.task.roles[0]
    server, client, outside = (host.addresses[0] for host in moved.topology.hosts[:3])
    assert server != SERVER
    assert part.start.controlled_hosts == (outside, "random")
    assert part.start.known_hosts == ("all_local",)
    assert part.start.known_networks[0] == moved.topology.networks[1]
    gap = Network.from_text(part.start.known_networks[1]).first
    assert gap - Network.from_text(part.start.known_networks[0]).first == 256
    assert part.start.known_services == ((server, (SMB,)),)
    assert part.goal.known_data == ((outside, (LOOT,)),)
    assert part.goal.known_blocks == ((server, (client, NOWHERE, "all_attackers")),)
    assert part.goal_description == (
        f"From {server} (in {moved.topology.networks[0]}) to {outside}; not 1.2.3.4, 192.168.1.2.3, 999.1.1.1"
    )


RULES = (
    Rule("213.47.23.192/26", "192.168.0.0/16"),
    Rule("192.168.1.0/25", "192.168.2.1/32"),
    Rule("0.0.0.0/0", "192.168.1.1/32"),
)


@given(seeds, st.sets(st.sampled_from(RULES)))
def test_rules_of_any_width_cover_what_they_covered(seed, rules):
    topology = attrs.evolve(TOPOLOGY, rules=tuple(sorted(rules, key=str)))
    assert relation(readdress(Spec(topology, SPEC.task), seed).topology) == relation(topology)


@given(seeds)
def test_networks_of_different_private_ranges_do_not_meet(seed):
    hosts = tuple(
        Host(f"h{i}", (a,)) for i, a in enumerate(["10.0.0.5", "192.168.1.5", "8.8.8.8", "9.9.9.9"])
    )
    networks = ("10.0.0.0/16", "192.168.1.0/24", "8.8.8.0/24", "9.9.9.0/24", "10.0.3.0/24")
    topology = Topology("mixed", networks, hosts)
    moved = readdress(Spec(topology, make_task(roles=())), seed).topology
    assert relation(moved) == relation(topology)
    spans = sorted((Network.from_text(t).first, Network.from_text(t).last) for t in moved.networks[:4])
    assert all(last < first for (_, last), (first, _) in pairwise(spans))


def test_network_that_fits_nowhere_else_is_refused_when_compiled():
    topology = Topology("all", ("0.0.0.0/0",), (Host("a", ("1.2.3.4",)),))
    with pytest.raises(RuleError, match="no other place"):
        make_tables(topology, roles=(), use_dynamic_addresses=True)
    assert make_tables(topology, roles=())


# --- in a match -------------------------------------------------------------------------------------------


def table(*roles, **changes):
    return Table(make_tables(**{"use_dynamic_addresses": True, **changes}), make_seats(*roles))


def homes(state):
    return sorted(host.ip for host in state.controlled_hosts)


def test_match_moves_when_everyone_asks_with_a_seed():
    played = table("Attacker", "Attacker")
    before = homes(played.states[0])
    played.reset(0, randomize_topology=True, seed=7)
    granted = played.reset(1, randomize_topology=True)
    moved = homes(played.states[0])
    assert not set(moved) & set(before)
    told = granted[-1].obs.info
    assert told["configuration_hash"] == played.seated[0].configuration_hash
    for _ in range(2):
        played.reset(0, randomize_topology=True, seed=7)
        played.reset(1, randomize_topology=True, seed=7)
        assert homes(played.states[0]) == moved, "the same seed, the same addresses"


def test_match_keeps_its_new_addresses_until_it_moves_again():
    played = table("Attacker")
    played.reset(0, randomize_topology=True, seed=7)
    moved = homes(played.states[0])
    played.reset(0, seed=8)
    assert homes(played.states[0]) == moved
    played.reset(0, randomize_topology=True)
    assert homes(played.states[0]) == moved, "without a seed nothing moves"
    played.reset(0, randomize_topology=True, seed=9)
    assert homes(played.states[0]) != moved


def test_match_whose_task_is_not_dynamic_never_moves():
    played = table("Attacker", use_dynamic_addresses=False)
    before = homes(played.states[0])
    played.reset(0, randomize_topology=True, seed=7)
    assert homes(played.states[0]) == before


def test_match_is_won_at_its_new_addresses_only():
    played = table("Attacker", roles=(attrs.evolve(ATTACKER, max_steps=None),))
    played.reset(0, randomize_topology=True, seed=7)
    assert not any(played.step(0, action)[-1].obs.end for action in WINNING)
    hosts = readdress(Spec(TOPOLOGY, make_task()), 7).topology.hosts
    new = {old.addresses[0]: host.addresses[0] for old, host in zip(TOPOLOGY.hosts, hosts, strict=True)}
    new["192.168.1.0"] = new[SERVER].rsplit(".", 1)[0] + ".0"
    for action in WINNING:
        text = action.to_json()
        for old, told in new.items():
            text = text.replace(f'"{old}"', f'"{told}"')
        replies = played.step(0, Action.from_json(text))
    assert replies[-1].obs.info["end_reason"] == "AgentStatus.Success"


def test_restored_match_stays_where_it_was():
    played = table("Attacker")
    played.reset(0, randomize_topology=True, seed=7)
    again = Game.restore(played.tables, played.game.snapshot())
    assert again.snapshot() == played.game.snapshot()
    assert again.handle(0, Kind.STEP, 5, PASS) == played.game.handle(0, Kind.STEP, 5, PASS)
    assert again.tables.board.numbers == played.game.tables.board.numbers != played.tables.board.numbers


def test_last_trajectory_is_told_in_the_addresses_it_was_played_at():
    played = table("Attacker")
    played.step(0, WINNING[0])
    reply = played.reset(0, request_trajectory=True, randomize_topology=True, seed=7)[-1]
    states = reply.obs.info["last_trajectory"]["trajectory"]["states"]
    assert {host["ip"] for host in states[-1]["known_hosts"]} == {SERVER, CLIENT, OUTSIDE}
