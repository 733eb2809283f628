"""What `netsiege scenario show --attack-graph` tells, of bundled, generated and hand-written scenarios."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from netsiege.engine.board import build_board
from netsiege.errors import ConfigError
from netsiege.scenarios import Spec, load_spec, scenario_names
from netsiege.scenarios.attack_export import MAX_SINGLE, document, dot, rows_of
from netsiege.scenarios.attack_graph import AttackGraph, attack_graph, step_of
from netsiege.scenarios.generate import generate, load_recipe
from netsiege.scenarios.model import RANDOM, View
from tests.commands import command

LENGTHS = {
    "one_network": 5,
    "scenario1": 5,
    "three_net_scenario": 8,
    "two_networks": 5,
    "two_networks_small": 5,
    "two_networks_tiny": 5,
}
NET = """
networks: {inside: 10.0.0.0/24, vaults: 10.0.1.0/24, internet: 8.8.8.0/24}
hosts:
  desk: {ip: 10.0.0.2, start: true}
  stray: {ip: 10.0.0.3, start: true}
  "vault": {ip: 10.0.1.2, services: {db: {version: "5", data: [[ann, "go\\"ld"]]}, sh: {local: true}}}
  apart: {ip: 10.0.1.3, services: {sh: {local: true}}}
  lair: {ip: 8.8.8.8, services: {listener: {}}}
firewall: [{from: desk, to: vault}]
"""


def graph_of(name: str) -> AttackGraph:
    return attack_graph(load_spec(scenario=name))


def with_attacker(spec: Spec, **changes: Any) -> Spec:
    roles = (attrs.evolve(spec.task.roles[0], **changes), *spec.task.roles[1:])
    return attrs.evolve(spec, task=attrs.evolve(spec.task, roles=roles))


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NET)
    return path


@pytest.mark.parametrize("name", scenario_names())
def test_bundled_scenario_tells_the_shortest_attack_and_marks_it(name: str) -> None:
    graph = graph_of(name)
    assert graph.best is not None
    assert graph.best.way.is_shortest
    steps = len(graph.best.way.actions or ())
    assert steps == LENGTHS.get(graph.scenario, steps)
    marked = {node["id"] for node in document(graph)["nodes"] if node["on_path"]}
    assert marked == set(graph.path)
    assert graph.path[-1] == "213.47.23.195"


@pytest.mark.parametrize("name", sorted(LENGTHS))
def test_edges_are_what_the_engine_lets_through(name: str) -> None:
    spec = load_spec(scenario=name)
    board = build_board(spec.topology, (), True)
    at = {text: i for i, text in enumerate(board.texts)}
    plain = document(attack_graph(spec))
    assert plain["edges"]
    for edge in plain["edges"]:
        assert board.reach[at[edge["source"]]] >> at[edge["target"]] & 1
        assert edge["kind"] == "bring" or board.open_services_at[board.node_of[at[edge["target"]]]]
    hops = {node["id"]: node["hops"] for node in plain["nodes"]}
    for address, count in hops.items():
        before = [hops[e["source"]] for e in plain["edges"] if (e["target"], e["kind"]) == (address, "take")]
        assert not count or min(before) == count - 1


@pytest.mark.parametrize(("recipe", "hosts"), [("office", 30), ("fortress", 120)])
def test_generated_network_tells_the_length_that_it_was_made_with(recipe: str, hosts: int) -> None:
    made = generate(load_recipe(recipe), hosts, 5)
    graph = attack_graph(made.spec)
    assert graph.lengths == (made.difficulty, made.difficulty)
    rows = rows_of(graph)
    assert sorted(n for row in rows for n in row.numbers) == list(range(len(graph.nodes)))
    assert len(rows) < max(len(graph.nodes), MAX_SINGLE)


def test_start_without_a_way_is_told_apart(net: Path) -> None:
    graph = attack_graph(load_spec(scenario=net))
    assert graph.best is not None
    assert graph.best.drawn == ("10.0.0.2",)
    assert [start.drawn for start in graph.lost] == [("10.0.0.3",)]
    assert graph.path == ("10.0.0.2", "10.0.1.2", "8.8.8.8")
    assert [node.host for node in graph.nodes] == ["lair", "desk", "stray", "vault"]
    steps = [step_of(action) for action in graph.best.way.actions or ()]
    assert [(step.action, step.source, step.target, step.what) for step in steps[2:]] == [
        ("ExploitService", "10.0.0.2", "10.0.1.2", "db 5"),
        ("FindData", "10.0.1.2", "10.0.1.2", ""),
        ("ExfiltrateData", "10.0.1.2", "8.8.8.8", 'ann/go"ld'),
    ]


def test_firewall_that_is_off_stops_nobody(net: Path) -> None:
    graph = attack_graph(load_spec(scenario=net, use_firewall=False))
    assert graph.lost == ()


def test_goal_that_is_drawn_or_empty_has_no_attack_but_a_graph(net: Path) -> None:
    spec = load_spec(scenario=net)
    for goal, said in (
        (View(controlled_hosts=(RANDOM,)), "another one in every episode"),
        (View(), "asks for nothing"),
    ):
        graph = attack_graph(with_attacker(spec, goal=goal))
        assert said in " ".join(graph.notes)
        assert (graph.starts, graph.best, graph.path) == ((), None, ())
        assert len(graph.nodes) == 4


def test_start_of_several_draws_is_told_for_each(net: Path) -> None:
    spec = with_attacker(load_spec(scenario=net), start=View(controlled_hosts=("8.8.8.8", RANDOM, RANDOM)))
    assert [start.drawn for start in attack_graph(spec).starts] == [("10.0.0.2", "10.0.0.3")]
    spec = with_attacker(spec, start=View(controlled_hosts=("10.0.0.2", RANDOM, RANDOM, RANDOM)))
    assert [start.drawn for start in attack_graph(spec).starts] == [("10.0.0.3",)]


def test_task_without_an_attacker_is_refused(net: Path) -> None:
    spec = load_spec(scenario=net)
    spec = attrs.evolve(spec, task=attrs.evolve(spec.task, roles=spec.task.roles[1:]))
    with pytest.raises(ConfigError, match="has no Attacker"):
        attack_graph(spec)


def test_dot_quotes_what_it_is_given(net: Path) -> None:
    lines = dot(attack_graph(load_spec(scenario=net))).splitlines()
    assert lines[0] == 'digraph "net" {'
    assert sum('has ann/go\\"ld' in line for line in lines) == 1
    assert sum("style=dashed" in line for line in lines) == 1


def test_command_shows_tables_that_mark_the_path(net: Path) -> None:
    done = command("scenario", "show", net, "--attack-graph")
    assert (done.returncode, done.stderr) == (0, "")
    assert "The shortest attack takes 5 steps" in done.stdout
    assert "it can be won from 1 of the 2 starts that may be drawn" in done.stdout
    assert "From 10.0.0.3 the goal cannot be reached" in done.stdout
    marked = [line for line in done.stdout.splitlines() if "│ > │" in line]
    assert [word in line for word, line in zip(("lair", "desk", "vault"), marked, strict=True)] == [True] * 3


def test_command_writes_one_document(net: Path) -> None:
    plain = json.loads(command("scenario", "show", net, "--attack-graph", "--json").stdout)
    assert plain["shortest_attack"]["steps"] == 5
    assert {"source": "10.0.0.2", "target": "10.0.1.2", "kind": "take", "on_path": True} in plain["edges"]
    assert {"source": "10.0.1.2", "target": "8.8.8.8", "kind": "bring", "on_path": True} in plain["edges"]
    assert command("scenario", "show", net, "--attack-graph", "--dot").stdout.startswith("digraph")


def test_command_says_that_a_goal_cannot_be_reached(net: Path) -> None:
    net.write_text(NET.replace("firewall: [{from: desk, to: vault}]", ""))
    done = command("scenario", "show", net, "--attack-graph")
    assert done.returncode == 0
    assert "The goal cannot be reached: data go" in done.stdout
    assert (
        json.loads(command("scenario", "show", net, "--attack-graph", "--json").stdout)["shortest_attack"]
        is None
    )


def test_command_shows_the_attack_of_a_task_on_a_derived_scenario(net: Path) -> None:
    other = net.with_name("other.yaml")
    other.write_text("extends: net.yaml\nhosts: {apart: {services: {ssh: {version: '8'}}}}")
    task = net.with_name("task.yaml")
    task.write_text(
        "coordinator: {agents: {Attacker: {goal: {controlled_hosts: [10.0.1.3]}, "
        "start_position: {controlled_hosts: [10.0.0.2]}}}}\nenv: {scenario: net.yaml, rewards: {success: 1, "
        "step: 0, fail: 0, false_positive: 0}}"
    )
    before = command("scenario", "show", net, "--attack-graph", "--task", task).stdout
    assert "10.0.1.3 cannot be taken" in before
    after = command("scenario", "show", other, "--attack-graph", "--task", task).stdout
    assert "The shortest attack takes 6 steps" in after


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--json",), "--json: says something about the attack graph: add --attack-graph"),
        (("--dot",), "--dot: says something about the attack graph: add --attack-graph"),
        (("--attack-graph", "--json", "--dot"), "--dot: cannot be given together with --json"),
        (("--attack-graph", "--task", "nobodys"), "there is none called 'nobodys'"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(options: tuple[str, ...], said: str) -> None:
    done = command("scenario", "show", "two_networks", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
