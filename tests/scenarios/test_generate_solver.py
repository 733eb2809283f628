"""The solver of attacks gives what trying everything on the engine gives."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.engine import rules
from netsiege.engine.board import build_board
from netsiege.engine.tables import compile_tables
from netsiege.engine.world import World
from netsiege.errors import ConfigError
from netsiege.protocol.play import action_body
from netsiege.scenarios import Spec, Topology, default_task, load_topology, scenario_names
from netsiege.scenarios.generate import Generated, Plan, generate, load_recipe, shortest_attack
from netsiege.scenarios.generate.reach import ground_of
from netsiege.scenarios.model import DataItem, Host, Rule, ServiceItem, View
from tests.scenarios.exhaustive import fewest_steps, reached_at_last

ADDRESSES = ("10.0.0.5", "10.0.0.6", "10.0.1.5", "10.0.1.6", "10.0.7.5", "213.47.0.5", "213.47.0.6")
NETWORKS = ("10.0.0.0/24", "10.0.1.0/24", "10.0.7.0/24", "213.47.0.0/24")
OPEN, LOCAL = ServiceItem("ssh", version="8"), ServiceItem("bash", version="5", local=True)
LOOT, OTHER = DataItem("ann", "loot"), DataItem("ann", "other", "txt", 5)


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """An outside machine and up to five hosts, with anything anywhere: much that no recipe makes."""
    addresses = draw(st.lists(st.sampled_from(ADDRESSES), min_size=3, max_size=5, unique=True))
    cut = draw(st.integers(2, len(addresses)))
    groups = [*((each,) for each in addresses[:cut]), *((tuple(addresses[cut:]),) if addresses[cut:] else ())]
    loot = st.sampled_from([(), (), (LOOT,), (OTHER, LOOT)])
    offers = st.sampled_from([(OPEN,), (OPEN, LOCAL), (LOCAL, OPEN), (LOCAL,)])
    hosts = []
    for i, group in enumerate(groups):
        first, *others = draw(offers)
        hosts.append(Host(f"host{i}", group, (attrs.evolve(first, data=draw(loot)), *others)))
    ends = st.sampled_from([*(f"{each}/32" for each in addresses), *NETWORKS])
    rules = draw(st.lists(st.builds(Rule, ends, ends), min_size=2, max_size=5, unique=True))
    return Topology("any", NETWORKS, (Host("outside", ("213.47.0.9",), (OPEN,)), *hosts), tuple(rules))


SEARCHED = 7
"""Steps: trying everything for longer takes long."""


def check(topology: Topology, start: tuple[str, ...], goal: View, plan: Plan | None) -> None:
    """A plan wins and, as far as everything can be tried, no shorter one does; without one, nothing does."""
    task = default_task(topology)
    role = attrs.evolve(task.roles[0], start=View(controlled_hosts=start), goal=goal)
    tables = compile_tables(Spec(topology, attrs.evolve(task, roles=(role,))))
    board, knows, wanted = tables.board, tables.start_of(1, role.role, 0), tables.goal_of(1, role.role, 0)
    assert reached_at_last(board, knows, wanted) is (plan is not None)
    if plan is None:
        return
    assert fewest_steps(board, knows, wanted, min(len(plan) - 1, SEARCHED)) is None
    world = World(board, [False])
    for action in plan.actions:
        assert not wanted.reached(board, knows, ())
        rules.play(world, knows, 0, tables.reader.read(action_body(action)))
    assert wanted.reached(board, knows, ())


def starts_of(made: Generated) -> list[tuple[str, ...]]:
    outside = made.topology.hosts[0].addresses[0]
    return [(outside, *host.addresses) for host in made.topology.hosts if host.start]


@pytest.mark.parametrize("name", scenario_names())
def test_reach_is_that_of_the_engine_for_a_bundled_scenario(name: str) -> None:
    topology = load_topology(name)
    board, ground = build_board(topology, (), True), ground_of(topology)
    assert (ground.numbers, ground.reach) == (board.numbers, board.reach)


@settings(max_examples=50, deadline=None)
@given(topologies())
def test_reach_is_that_of_the_engine_for_any_topology(topology: Topology) -> None:
    assert ground_of(topology).reach == build_board(topology, (), True).reach


@pytest.mark.parametrize(("name", "seed"), [("office", 1), ("office", 2), ("fortress", 3)])
def test_nothing_is_shorter_than_the_plan_for_a_generated_network(name: str, seed: int) -> None:
    made = generate(load_recipe(name), 5, seed)
    (start,) = starts_of(made)
    (plan,) = made.plans
    assert len(plan) <= SEARCHED + 1
    check(made.topology, start, made.task.roles[0].goal, plan)


@settings(max_examples=300, deadline=None)
@given(topologies(), st.data())
def test_solver_agrees_with_trying_everything(topology: Topology, data: st.DataObject) -> None:
    addresses = [address for host in topology.hosts[1:] for address in host.addresses]
    start = ("213.47.0.9", data.draw(st.sampled_from(addresses)))
    has_loot = any(LOOT in service.data for host in topology.hosts for service in host.services)
    wants_data = has_loot and data.draw(st.sampled_from([True, True, False]))
    outside = ["213.47.0.9"] * 4 if wants_data else []
    place = data.draw(st.sampled_from([*outside, *(each for each in addresses if each != start[1])]))
    goal = View(known_data=((place, (LOOT,)),)) if wants_data else View(controlled_hosts=(place,))
    try:
        plan = shortest_attack(topology, start, goal)
    except ConfigError as error:
        assert "not worked out" in str(error)
        return
    check(topology, start, goal, plan)


def test_shorter_of_two_ways_is_taken() -> None:
    names = {
        "near": "10.0.0.5",
        "far": "10.0.0.6",
        "start": "10.0.1.5",
        "beside": "10.0.2.5",
        "end": "10.0.2.6",
    }
    hosts = tuple(Host(name, (address,), (OPEN,)) for name, address in names.items())
    allowed = [("start", "near"), ("far", "end"), ("start", "beside")]
    rules = tuple(Rule(f"{names[source]}/32", f"{names[target]}/32") for source, target in allowed)
    topology = Topology("two_ways", ("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"), hosts, rules)
    goal = View(controlled_hosts=(names["end"],))
    plan = shortest_attack(topology, (names["start"],), goal)
    assert plan is not None
    assert len(plan) == 6
    check(topology, (names["start"],), goal, plan)


@pytest.mark.parametrize(
    "goal",
    [
        View(),
        View(controlled_hosts=("213.47.0.9", "10.0.0.5")),
        View(known_data=(("213.47.0.9", (LOOT, OTHER)),)),
        View(known_data=(("213.47.0.9", ("random",)),)),
        View(known_networks=("10.0.0.0/24",), controlled_hosts=("10.0.0.5",)),
    ],
)
def test_goal_that_the_solver_does_not_know_is_refused(goal: View) -> None:
    hosts = (Host("outside", ("213.47.0.9",)), Host("inside", ("10.0.0.5",), (OPEN,)))
    with pytest.raises(ConfigError, match="not for such a goal"):
        shortest_attack(Topology("any", NETWORKS, hosts), ("213.47.0.9",), goal)
