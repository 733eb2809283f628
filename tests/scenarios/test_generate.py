"""Generated networks: valid, the same every time, and won in just the steps that their solver says."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.agents import BaseAgent
from netsiege.agents.local_match import LocalMatch
from netsiege.game import Action, AgentRole, Observation, generate_valid_actions
from netsiege.protocol.frames import MAX_AGENT_FRAME_BYTES
from netsiege.scenarios import (
    Spec,
    Topology,
    check_file,
    default_task,
    load_task_file,
    load_topology,
    under,
)
from netsiege.scenarios.generate import (
    SUITES,
    generate,
    generate_entry,
    load_recipe,
    recipe_names,
    shortest_attack,
)
from netsiege.scenarios.model import SIEGE, Host, View
from netsiege.scenarios.reading import Place, Report
from netsiege.scenarios.source import parse
from netsiege.scenarios.topology import read_topology
from tests.commands import command
from tests.lengths import lasting
from tests.scenarios.recipe_documents import documents, recipe_of, small_document

GOLDEN = {
    ("office", 5, 1): "7241483b7fca279bbe2efd3e59d9b562fecbc8d6cea87aa27cc106f7e4ed1eee",
    ("office", 50, 7): "f8ed98f2cfc0b5c1020d276dfca65efe2ea6180b7c39a67edd66d7bfe13ad57b",
    ("office", 333, 18446744073709551615): "380efb4e213172409d9a17f33848bb9556a580b8a65ac58d7b2c662988a4148f",
    ("fortress", 24, 2): "467b82082927fe438ce3d5fdaf5162785095cbd31c27a39c73d74095dade1523",
    ("fortress", 1200, 3): "2a88dffaac42300c60144c43a05973e83e4196085a22d2548753c2837e41698c",
    ("plant", 31, 4): "64417882a08889e79f8e71f75367f79fe8d2f434b6fd7df6003181247d5dd426",
    ("plant", 900, 5): "3422c6782bf066834af7cf27c1af0a7da469ed718577bff7b58eb00bc05e7a9d",
}
"""SHA-256 of files that anybody may have made by now."""

SUITE_GOLDEN = {
    "unseen-100": "9a579618e4be048b74333c075438ddea43fe818734553f0bba54d376cf893e55",
    "unseen-30": "8d1dba2b6a1979f932d662e32c120ad106db329886f666ab24fb24c68342a07e",
}
"""SHA-256 of all scenario files of a suite, one after the other."""


class Follower(BaseAgent):
    """Plays the plan of its start, and wins with the last action of it, or fails."""

    plays = (AgentRole.Attacker,)
    topology: Topology
    goal: View

    def episode_started(self, observation: Observation) -> None:
        start = sorted(str(host) for host in observation.state.controlled_hosts)
        plan = shortest_attack(self.topology, start, self.goal)
        assert plan is not None
        self.rest: list[Action] = list(plan.actions)
        self.planned = len(plan)

    def choose_action(self, observation: Observation) -> Action:
        action = self.rest.pop(0)
        assert action in generate_valid_actions(observation.state)
        return action


def played(topology: Topology, seed: int) -> tuple[int, float, str | None]:
    """Plays the solver's plan on the engine: steps planned, return, and why the episode ended."""
    task = default_task(topology)
    agent = Follower(address="tcp://127.0.0.1:1")
    agent.topology, agent.goal = topology, task.roles[0].goal
    totals: list[tuple[float, str | None]] = []
    agent.episode_ended = lambda summary: totals.append((summary.total_reward, summary.end_reason))  # type: ignore[method-assign]  # nothing else is told of it
    LocalMatch(Spec(topology, task), [agent], seed).play_episode()
    return agent.planned, *totals[0]


# --- what is generated --------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(documents(), st.integers(6, 40), st.integers(0, (1 << 64) - 1))
def test_any_recipe_gives_a_valid_network_that_is_won_as_planned(
    document: dict[str, Any], hosts: int, seed: int
) -> None:
    recipe = recipe_of(document)
    made = generate(recipe, hosts, seed)
    report = Report("generated")
    read = read_topology(Place(parse(made.text.encode(), report), "", report), "generated")
    report.check()
    assert read == made.topology
    assert sum(not host.is_router for host in made.topology.hosts) == hosts
    assert generate(recipe, hosts, seed) == made
    planned, total, reason = played(made.topology, seed)
    assert {len(plan) for plan in made.plans} == {planned} == {made.difficulty}
    assert (total, reason) == (100 - planned, "AgentStatus.Success")


@pytest.mark.parametrize(("recipe", "hosts", "seed"), GOLDEN)
def test_published_network_never_changes(recipe: str, hosts: int, seed: int) -> None:
    text = generate(load_recipe(recipe), hosts, seed).text
    assert hashlib.sha256(text.encode()).hexdigest() == GOLDEN[recipe, hosts, seed]


def test_other_seed_gives_another_network() -> None:
    recipe = load_recipe("office")
    assert generate(recipe, 30, 1).topology.networks != generate(recipe, 30, 2).topology.networks


def test_network_does_not_depend_on_how_strings_hash() -> None:
    code = (
        "from netsiege.scenarios.generate import generate, load_recipe; import hashlib;"
        "print(hashlib.sha256(generate(load_recipe('office'), 60, 5).text.encode()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_another_service_for_one_role_moves_nothing_else() -> None:
    document = small_document()
    before = generate(recipe_of(document), 30, 3).topology
    document["services"]["dns"] = {"versions": {"9.1": 1}}
    document["roles"]["servers"]["services"]["dns"] = 50
    after = generate(recipe_of(document), 30, 3).topology
    addresses = [{host.name: host.addresses for host in each.hosts} for each in (before, after)]
    assert addresses[0] == addresses[1]
    assert (before.networks, before.rules) == (after.networks, after.rules)
    changed = {one.name for one, other in zip(before.hosts, after.hosts, strict=True) if one != other}
    assert changed
    assert all(name.startswith("servers_") for name in changed)


def test_recipe_decides_shares_sizes_and_starts() -> None:
    made = generate(recipe_of(small_document()), 63, 9)
    names = [host.name for host in made.topology.hosts if not host.is_router]
    of = {role: sum(name.startswith(role) for name in names) for role in ("internet", "office", "servers")}
    assert of == {"internet": 11, "office": 31, "servers": 21}
    subnets = {name.rpartition("-")[0] for name in names if name.startswith("office")}
    assert len(subnets) == 8
    starts = [host.name.rpartition("-")[0] for host in made.topology.hosts if host.start]
    assert len(starts) == 2
    assert len(set(starts)) == 1
    data = [item for host in made.topology.hosts for service in host.services for item in service.data]
    assert all(10 <= item.size <= 20 and item.owner.startswith(("ann", "ben")) for item in data)
    assert len({item.id for item in data}) == len(data)


@pytest.mark.parametrize("name", recipe_names())
def test_bundled_recipe_makes_networks_of_every_size(name: str) -> None:
    recipe = load_recipe(name)
    for hosts in (5, 6, 47, 700):
        made = generate(recipe, hosts, hosts)
        assert f"{hosts} hosts, seed {hosts}. The shortest attack takes " in made.topology.description


def test_harder_recipes_are_harder() -> None:
    easy, hard, hardest = (
        [generate(load_recipe(name), 60, s).difficulty for s in range(10)]
        for name in ("office", "fortress", "plant")
    )
    assert (min(easy), max(hardest)) == (5, 17)
    assert max(easy) < max(hard) < max(hardest)
    assert sum(easy) < sum(hard) < sum(hardest)


@pytest.mark.parametrize(("size", "steps"), [(4, 8), (2, 5)])
def test_footholds_do_not_get_on_where_only_some_hosts_do(size: int, steps: int) -> None:
    document = small_document()
    document["firewall"] = [{"from": "office", "from_percent": 50, "to": "servers"}]
    document["roles"]["office"]["size"] = size
    made = generate(recipe_of(document), 63, 9)
    subnets: dict[str, list[Host]] = {}
    for host in made.topology.hosts:
        subnets.setdefault(host.name.rpartition("-")[0], []).append(host)
    sources = {rule.source for rule in made.topology.rules}
    for name, hosts in subnets.items():
        if not name.startswith("office"):
            continue
        starts = {host.name for host in hosts if host.start}
        getting_on = {host.name for host in hosts if f"{host.addresses[0]}/32" in sources}
        if len(starts) == len(hosts):
            assert getting_on == starts
        else:
            assert len(getting_on) == -(-len(hosts) // 2)
            assert not getting_on & starts
    assert made.difficulty == steps


# --- the command --------------------------------------------------------------------------------------------


def test_command_writes_scenario_and_task_that_can_be_played(tmp_path: Path) -> None:
    words = ("scenario", "generate", "fortress", "--hosts", 120, "--seed", 4)
    shown = command(*words)
    made = command(*words, "--out", "net.yaml", "--task-out", "task.yaml", cwd=tmp_path)
    assert (shown.returncode, made.returncode) == (0, 0)
    assert made.stdout == "net.yaml\ntask.yaml\n"
    assert (tmp_path / "net.yaml").read_text() == shown.stdout
    assert "fortress-120-4: the shortest attack takes " in made.stderr
    assert [check_file(tmp_path / name) for name in ("net.yaml", "task.yaml")] == [([], ()), ([], ())]
    topology = load_topology(tmp_path / "net.yaml")
    loaded = load_task_file(tmp_path / "task.yaml")
    usual = default_task(topology)
    attacker = loaded.task.roles[0]
    assert loaded.topology == topology
    assert attacker.max_steps is not None
    assert attacker.max_steps > 100
    assert attrs.evolve(attacker, max_steps=100) == usual.roles[0]
    assert attrs.evolve(loaded.task, roles=usual.roles, scenario=usual.scenario) == usual
    assert command("scenario", "validate", tmp_path / "net.yaml", tmp_path / "task.yaml").returncode == 0


def test_command_reads_a_recipe_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(small_document(), sort_keys=False))
    done = command("scenario", "generate", "mine.yaml", "--seed", 1, cwd=tmp_path)
    assert "name: mine-50-1\n" in done.stdout
    assert done.stdout == generate(load_recipe(str(tmp_path / "mine.yaml")), 50, 1).text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("offce",), "recipe: there is none called 'offce'; "),
        (("nowhere.yaml",), "nowhere.yaml: no such file"),
        (("--hosts", 4), "range 5<=x<=5000"),
        (("--hosts", 5_001), "range 5<=x<=5000"),
        (("--task-out", "task.yaml"), "--task-out: needs the scenario in a file"),
        (("--out", "a.yaml", "--task-out", "b/task.yaml"), "--task-out: must be another file in the folder"),
        (("--out", "a.yaml", "--task-out", "a.yaml"), "--task-out: must be another file in the folder"),
        (("--out", "a.txt", "--task-out", "b.yaml"), "--task-out: the scenario's file must end in .yaml"),
        (("--out", "there.yaml"), "there.yaml: is there already"),
        (("--suite", "unseen-100"), "--suite: needs a folder"),
        (("--suite", "unseen-10", "--out", "x"), "suite: there is none called 'unseen-10'; "),
        (("--suite", "unseen-100", "--seed", 1, "--out", "x"), "--suite: says what to generate"),
        (("--list", "--suite", "unseen-10"), "suite: there is none called 'unseen-10'; "),
        (("--list", "--hosts", 9), "--list: lists suites"),
        (("--list", "--suite", "unseen-100", "--out", "x"), "--list: lists suites"),
    ],
)
def test_mistake_on_the_command_line_is_told(tmp_path: Path, words: tuple[object, ...], said: str) -> None:
    (tmp_path / "there.yaml").write_text("mine")
    done = command("scenario", "generate", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there.yaml"]
    assert (tmp_path / "there.yaml").read_text() == "mine"


# --- suites -------------------------------------------------------------------------------------------------


def suite_digest(folder: Path) -> str:
    scenarios = sorted(path for path in folder.glob("*.yaml") if not path.stem.endswith("-task"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in scenarios)).hexdigest()


@pytest.mark.parametrize("name", ["unseen-100", pytest.param("unseen-30", marks=pytest.mark.soak)])
def test_suite_is_written_and_never_changes(tmp_path: Path, name: str) -> None:
    done = command("scenario", "generate", "--suite", name, "--out", tmp_path / "suite")
    folder = tmp_path / "suite"
    assert done.stdout == f"{folder / 'difficulty.csv'}\n"
    with (folder / "difficulty.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(SUITES[name]) == int(name.partition("-")[2])
    for row, entry in zip(rows, SUITES[name], strict=True):
        assert tuple(row.values()) == (entry.name, *map(str, attrs.astuple(entry)))
        text = (folder / f"{entry.name}.yaml").read_text()
        assert f"The shortest attack takes {entry.steps} steps;" in text
        assert (folder / f"{entry.name}-task.yaml").is_file()
    last = folder / f"{rows[-1]['scenario']}-task.yaml"
    assert load_task_file(last).topology.name == rows[-1]["scenario"]
    assert suite_digest(folder) == SUITE_GOLDEN[name]


@pytest.mark.parametrize("name", SUITES)
def test_suite_is_spread_over_difficulties(name: str) -> None:
    levels = Counter(entry.steps for entry in SUITES[name])
    assert set(levels) == {5, 8, 11, 14, 17}
    assert max(levels.values()) <= len(SUITES[name]) * 2 // 5


def test_suites_are_listed_with_their_difficulties() -> None:
    told = command("scenario", "generate", "--list").stdout
    assert all(f"{name} " in told and f" {len(entries)} " in told for name, entries in SUITES.items())
    rows = list(
        csv.DictReader(command("scenario", "generate", "--suite", "unseen-30", "--list").stdout.splitlines())
    )
    assert [(row["scenario"], int(row["steps"])) for row in rows] == [
        (entry.name, entry.steps) for entry in SUITES["unseen-30"]
    ]


@pytest.mark.soak
def test_networks_of_a_suite_fit_into_a_message_to_a_hub() -> None:
    largest = sorted(SUITES["unseen-30"], key=lambda entry: entry.hosts)[-lasting(6, 30) :]
    specs = [under(generate_entry(entry).spec, SIEGE) for entry in largest]
    assert max(len(spec.to_bytes()) for spec in specs) > MAX_AGENT_FRAME_BYTES
    assert max(len(spec.to_wire()) for spec in specs) < MAX_AGENT_FRAME_BYTES // 4
    assert [Spec.from_bytes(spec.to_wire()) for spec in specs] == specs


def test_spec_of_a_generated_network_is_what_its_files_say(tmp_path: Path) -> None:
    made = generate_entry(SUITES["unseen-100"][4])
    (tmp_path / "net.yaml").write_text(made.text)
    (tmp_path / "task.yaml").write_text(made.task_file("net.yaml"))
    loaded = load_task_file(tmp_path / "task.yaml")
    spec = made.spec
    assert loaded.topology == spec.topology
    assert attrs.evolve(loaded.task, scenario=spec.task.scenario) == spec.task


def test_suites_have_no_network_in_common() -> None:
    entries = [entry for suite in SUITES.values() for entry in suite]
    assert len({entry.name for entry in entries}) == len(entries)
