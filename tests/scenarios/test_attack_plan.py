"""Attacks on any goal from any start: what the engine makes of them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netsiege.engine import rules
from netsiege.engine.tables import compile_tables
from netsiege.engine.world import World
from netsiege.protocol.play import action_body
from netsiege.scenarios import Spec, Topology, default_task, load_topology
from netsiege.scenarios.attack_plan import Way, is_drawn, way_to
from netsiege.scenarios.attack_search import LOG, Terrain, position_of
from netsiege.scenarios.generate.reach import ground_of
from netsiege.scenarios.model import ALL, DataItem, Host, Rule, ServiceItem, View
from tests.scenarios.exhaustive import reached_at_last
from tests.scenarios.test_generate_solver import ADDRESSES, LOCAL, LOOT, NETWORKS, OPEN, OTHER, topologies

OUTSIDE = "213.47.0.9"


def found(topology: Topology, start: View, goal: View) -> Way:
    terrain = Terrain(ground_of(topology))
    return way_to(terrain, position_of(terrain, start), goal)


def check(topology: Topology, start: View, goal: View) -> Way:
    """The way to a goal, after the engine has gone it, or agreed that there is none."""
    way = found(topology, start, goal)
    role = attrs.evolve(default_task(topology).roles[0], start=start, goal=goal)
    tables = compile_tables(Spec(topology, attrs.evolve(default_task(topology), roles=(role,))))
    board, knows, wanted = tables.board, tables.start_of(1, role.role, 0), tables.goal_of(1, role.role, 0)
    if way.actions is None:
        assert way.missing
        if not goal.known_blocks:
            assert not reached_at_last(board, knows, wanted)
        return way
    world = World(board, [False])
    for action in way.actions:
        rules.play(world, knows, 0, tables.reader.read(action_body(action)))
    assert wanted.reached(board, knows, ()), way
    return way


@st.composite
def views(draw: st.DrawFn, topology: Topology, *, is_goal: bool) -> View:
    """A start position or a goal on a topology, without draws."""
    hosts = {address: host for host in topology.hosts for address in host.addresses}
    addresses = st.lists(st.sampled_from(sorted(hosts)), max_size=2, unique=True)

    def data(address: str) -> Any:
        # at first, trying everything takes for true that data lie where they are known
        there = topology.hosts if is_goal else [hosts[address]]
        laid = {item for host in there for service in host.services for item in service.data}
        return st.sampled_from([DataItem(*LOG), *sorted(laid, key=repr), *([ALL] if laid else [])])

    def services(address: str) -> Any:
        there = [attrs.evolve(each, data=(), owner="") for each in hosts[address].services]
        return st.lists(st.sampled_from([*there, ALL]), min_size=1, max_size=2, unique=True).map(tuple)

    parts: dict[str, Any] = {
        "known_networks": tuple(draw(st.lists(st.sampled_from(NETWORKS), max_size=1))),
        "known_hosts": tuple(draw(addresses)),
        "controlled_hosts": tuple(draw(addresses)),
        "known_services": tuple((a, draw(services(a))) for a in draw(addresses)),
        "known_data": tuple((a, (draw(data(a)),)) for a in draw(addresses)),
    }
    kept = draw(st.sets(st.sampled_from(sorted(parts)), min_size=1, max_size=2))
    chosen = {part: value for part, value in parts.items() if part in kept}
    return View(**chosen) if is_goal else View(**{**chosen, "controlled_hosts": (OUTSIDE, *draw(addresses))})


def check_any(topology: Topology, data: st.DataObject) -> None:
    """Any start and any goal."""
    start = data.draw(views(topology, is_goal=False))
    goal = data.draw(views(topology, is_goal=True))
    assume(not goal.is_empty)
    check(topology, start, goal)


@settings(max_examples=30, deadline=None)
@given(topologies(), st.data())
def test_way_to_any_goal_reaches_it_and_without_one_nothing_does(
    topology: Topology, data: st.DataObject
) -> None:
    check_any(topology, data)


@pytest.mark.soak
@settings(max_examples=200, deadline=None)
@given(topologies(), st.data())
def test_way_to_any_goal_reaches_it_in_a_long_run(topology: Topology, data: st.DataObject) -> None:
    check_any(topology, data)


def line(*rules: tuple[str, str], services: tuple[ServiceItem, ...] = (OPEN, LOCAL)) -> Topology:
    """Four hosts in a row, the loot on the last, and who reaches whom."""
    hosts = (
        Host("outside", (OUTSIDE,), (OPEN,)),
        *(Host(f"host{i}", (address,), services) for i, address in enumerate(ADDRESSES[:3])),
        Host("vault", (ADDRESSES[3],), (attrs.evolve(OPEN, data=(LOOT, OTHER)),)),
    )
    prefixes = {host.name: f"{host.addresses[0]}/32" for host in hosts}
    return Topology("line", NETWORKS, hosts, tuple(Rule(prefixes[a], prefixes[b]) for a, b in rules))


def test_data_are_brought_by_way_of_hosts_that_reach_the_place() -> None:
    topology = line()
    public = attrs.evolve(topology.hosts[0], addresses=(OUTSIDE,))
    topology = attrs.evolve(topology, hosts=(public, *topology.hosts[1:]))
    start = View(controlled_hosts=(ADDRESSES[2],))
    way = check(topology, start, View(known_data=((ADDRESSES[2], (LOOT,)),)))
    assert way.actions is not None
    assert (len(way.actions), way.is_shortest) == (5, True)
    far = check(topology, start, View(known_data=((ADDRESSES[0], (LOOT,)),)))
    assert far.actions is None
    assert "cannot be brought to 10.0.0.5" in far.missing


def test_several_parts_are_reached_without_doing_anything_twice() -> None:
    goal = View(
        controlled_hosts=(ADDRESSES[3],),
        known_data=((ADDRESSES[3], (LOOT, OTHER)),),
        known_hosts=(ADDRESSES[3],),
    )
    way = check(line(), View(controlled_hosts=(ADDRESSES[2],)), goal)
    assert way.actions is not None
    assert len(way.actions) == len(set(map(str, way.actions))) == 4


def test_services_known_at_first_are_exploited_at_once() -> None:
    start = View(controlled_hosts=(ADDRESSES[2],), known_services=((ADDRESSES[3], (OPEN,)),))
    way = check(line(), start, View(controlled_hosts=(ADDRESSES[3],)))
    assert way.actions is not None
    assert len(way.actions) == 1


def test_network_of_a_known_host_becomes_known_when_it_is_taken() -> None:
    hosts = tuple(
        Host(name, (address,), (OPEN,))
        for name, address in (("start", "10.0.0.5"), ("known", "10.0.7.5"), ("beside", "10.0.7.6"))
    )
    topology = Topology("apart", NETWORKS, hosts, (Rule("10.0.0.5/32", "10.0.7.5/32"),))
    goal = View(controlled_hosts=("10.0.7.6",), known_networks=("10.0.7.0/24",))
    way = check(topology, View(controlled_hosts=("10.0.0.5",), known_hosts=("10.0.7.5",)), goal)
    assert way.actions is not None
    assert len(way.actions) == 5
    assert check(topology, View(controlled_hosts=("10.0.0.5",)), goal).actions is None


def test_local_services_are_seen_by_whoever_has_taken_the_host() -> None:
    goal = View(known_services=((ADDRESSES[0], (LOCAL,)),))
    way = check(line(), View(controlled_hosts=(ADDRESSES[1],)), goal)
    assert way.actions is not None
    assert len(way.actions) == 4


def test_what_is_brought_to_one_address_of_a_host_is_found_at_the_other() -> None:
    hosts = (
        Host("vault", ("10.0.7.5",), (attrs.evolve(OPEN, data=(LOOT,)),)),
        Host("both", ("10.0.0.5", "10.0.1.5"), (OPEN,)),
    )
    topology = Topology("two_faces", NETWORKS, hosts, (Rule("10.0.7.5/32", "10.0.0.5/32"),))
    start = View(controlled_hosts=("10.0.7.5", "10.0.0.5", "10.0.1.5"))
    way = check(topology, start, View(known_data=(("10.0.1.5", (LOOT,)),)))
    assert way.actions is not None
    assert [action.type.name for action in way.actions] == ["FindData", "ExfiltrateData", "FindData"]


def test_blocks_are_made_at_a_host_that_can_be_taken() -> None:
    way = check(
        line(), View(controlled_hosts=(ADDRESSES[2],)), View(known_blocks=((ADDRESSES[3], (ADDRESSES[2],)),))
    )
    assert way.actions is not None
    assert len(way.actions) == 1


@pytest.mark.parametrize(
    ("goal", "missing"),
    [
        (View(controlled_hosts=("10.0.7.5",)), "10.0.7.5 cannot be taken"),
        (View(known_hosts=("10.0.7.5",)), "10.0.7.5 is never found"),
        (View(known_networks=("10.0.7.0/24",)), "network 10.0.7.0/24 never becomes known"),
        (View(known_blocks=(("10.0.7.5", ("8.8.8.8",)),)), "8.8.8.8 cannot be blocked at 10.0.7.5"),
    ],
)
def test_what_cannot_be_had_is_named(goal: View, missing: str) -> None:
    topology = line()
    topology = attrs.evolve(topology, hosts=(*topology.hosts, Host("apart", ("10.0.7.5",), (OPEN,))))
    assert check(topology, View(controlled_hosts=("10.0.0.5",)), goal).missing == missing


def test_goal_that_differs_between_episodes_is_told_apart() -> None:
    assert is_drawn(View(controlled_hosts=("random",)))
    assert is_drawn(View(known_data=(("10.0.0.5", ("random",)),)))
    assert is_drawn(View(known_blocks=(("10.0.0.5", ("all_attackers",)),)))
    assert not is_drawn(View(known_data=(("10.0.0.5", (LOOT, ALL)),), controlled_hosts=("all_local",)))


def test_bundled_topology_has_the_shortest_attack_of_its_solver() -> None:
    topology = load_topology("two_networks")
    goal = default_task(topology).roles[0].goal
    way = found(topology, View(controlled_hosts=("213.47.23.195", "192.168.2.2")), goal)
    assert way.actions is not None
    assert (len(way.actions), way.is_shortest) == (5, True)
