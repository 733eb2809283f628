"""Finding topologies and tasks by name or path, and making specs of them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netsiege.scenarios
from netsiege.errors import ConfigError
from netsiege.scenarios import (
    Spec,
    check_file,
    check_topology_file,
    default_task,
    load_spec,
    load_spec_with_warnings,
    load_task,
    load_task_file,
    load_topology,
)
from netsiege.scenarios.model import Clock, DataItem, RoleTask, View

LAB = """
networks: {inside: 10.0.0.0/24, outside: 198.18.0.0/24, internet: 8.8.8.0/24}
hosts:
  desk: {ip: 10.0.0.2, start: true}
  vault: {ip: 10.0.0.3, services: {db: {data: [{owner: U, id: Gold, type: table}]}}}
  lair: {ip: 8.8.8.8}
"""
TASK = """
coordinator:
  agents:
    Attacker:
      goal: {controlled_hosts: [192.168.1.2]}
      start_position: {controlled_hosts: [random]}
env: {scenario: two_networks_tiny, rewards: {success: 1, step: 0, fail: 0, false_positive: 0}}
"""


def written(folder: Path, text: str, name: str = "lab.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problems_of(action: Callable[[], object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        action()
    return list(caught.value.problems)


def test_load_spec_without_arguments_is_the_tiny_scenario() -> None:
    assert load_spec() == load_spec(scenario="two_networks_tiny")
    assert load_spec().topology.name == "two_networks_tiny"


def test_load_spec_of_a_bundled_scenario_takes_its_bundled_task() -> None:
    spec = load_spec(scenario="three_net_scenario")
    assert spec == Spec(load_topology("three_net_scenario"), load_task("three_net_scenario"))


def test_load_spec_of_a_task_takes_the_scenario_that_it_names(tmp_path: Path) -> None:
    path = written(tmp_path, TASK)
    spec = load_spec(task=path)
    assert spec.topology == load_topology("two_networks_tiny")
    assert spec.task == load_task(path)
    assert load_spec(task="three_net_scenario") == load_spec(scenario="three_net_scenario")


def test_load_spec_of_task_and_scenario_plays_the_task_there(tmp_path: Path) -> None:
    path = written(tmp_path, TASK.replace("scenario: two_networks_tiny", "scenario: nowhere"))
    spec = load_spec(str(path), "two_networks")
    assert (spec.topology.name, spec.task.scenario) == ("two_networks", "two_networks")
    assert problems_of(lambda: load_spec("three_net_scenario", "two_networks_tiny")) == [
        "three_net_scenario.yaml: coordinator.agents.Attacker.goal.known_data.213.47.23.195[0]: "
        "two_networks_tiny has no data [admin, passwords]; known: [system, logfile, log], "
        "[User1, DataFromServer1], [User2, Data2FromServer1], [User1, Data3FromServer1]"
    ]


def test_load_spec_overrides_replace_settings() -> None:
    spec = load_spec(
        seats={"defender": 1, "Attacker": 2},
        pacing="rounds",
        clock={"move_s": 10},
        seed=7,
        required_players=3,
        rewards={"success": 5, "step": 0, "fail": 0, "false_positive": 0},
        use_firewall=False,
        use_global_defender=True,
        use_dynamic_addresses=True,
        save_trajectories=True,
        ruleset="netsecgame",
        name="other",
    )
    task = spec.task
    assert task.seats == (("Attacker", 2), ("Defender", 1))
    assert (task.pacing, task.clock, task.seed, task.required_players) == ("rounds", Clock(10), 7, 3)
    assert (task.rewards.success, task.name, task.use_firewall) == (5, "other", False)
    assert task.use_global_defender
    assert task.use_dynamic_addresses
    assert task.save_trajectories
    assert load_spec(seats=(("Attacker", 1),), clock=Clock(1)).task.clock == Clock(1)


def test_load_spec_override_of_none_replaces_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, TASK.replace("env: {", "env: {random_seed: 5, "))
    assert load_spec(path, pacing=None, seed=None).task.seed == 5
    assert load_spec(path, seed="random").task.seed is None


def test_load_spec_with_bad_overrides_reports_all() -> None:
    overrides: dict[str, Any] = {
        "pacing": "fast",
        "pacin": "rounds",
        "zzz": 1,
        "seed": -1,
        "use_firewall": "on",
        "seats": {"Attacker": 1, "Red": 1},
    }
    assert problems_of(lambda: load_spec(**overrides)) == [
        "options: pacing: 'fast' is not one of realtime, rounds",
        "options: pacin: unknown setting; nearest: pacing",
        "options: zzz: unknown setting",
        "options: seed: -1 is not a whole number from 0 to 18446744073709551615",
        "options: use_firewall: 'on' is not true or false",
        "options: seats.Red: there is no role 'Red'; known: Attacker, Defender, Benign",
    ]


def test_load_spec_with_seats_of_a_role_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    path = written(tmp_path, TASK)
    assert problems_of(lambda: load_spec(path, seats={"Defender": 1})) == [
        "options: seats.Defender: the task has no such role; it has Attacker, Benign"
    ]


def test_load_spec_logs_what_load_spec_with_warnings_returns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, TASK.replace("env: {", "env: {goal_reward: 5, "))
    _, warnings = load_spec_with_warnings(path)
    assert warnings == (f"{path}: env.goal_reward: has no effect: write env.rewards.success",)
    assert caplog.records == []
    with caplog.at_level(logging.WARNING, logger="netsiege.scenarios.load"):
        load_spec(path)
    assert [record.getMessage() for record in caplog.records] == [f"odd_task {warnings[0]}"]


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (lambda: load_topology("two_netwroks"),
         "scenario: there is none called 'two_netwroks'; nearest: two_networks"),
        (lambda: load_spec(scenario="TINY"), "scenario: there is none called 'TINY'"),
        (lambda: load_task("one_netwrk"), "task: there is none called 'one_netwrk'; nearest: one_network"),
        (lambda: load_topology(""), "scenario: there is none called ''"),
        (lambda: load_topology("a\nb"), "scenario: there is none called 'a\\nb'"),
        (lambda: load_topology("no/such.yaml"), "no/such.yaml: no such file"),
        (lambda: load_topology("./two_networks"), "./two_networks: no such file"),
        (lambda: load_task("none.yml"), "none.yml: no such file"),
        (lambda: load_spec(scenario="/"), "/: is a directory, not a file"),
        (lambda: load_topology("a\0b.yaml"), "'a\\x00b.yaml': cannot be read: embedded null byte"),
        (lambda: load_topology("x" * 300 + ".yaml"), f"{'x' * 300}.yaml: cannot be read: File name too long"),
    ],
)  # fmt: skip  # one case a row
def test_load_of_what_is_not_there_gives_one_clear_line(action: Callable[[], object], line: str) -> None:
    (problem,) = problems_of(action)
    assert problem.startswith(line)
    assert "\n" not in problem


def test_load_of_a_task_as_scenario_or_the_reverse_says_so(tmp_path: Path) -> None:
    task, net = written(tmp_path, TASK, "task.yaml"), written(tmp_path, LAB, "net.yaml")
    assert problems_of(lambda: load_topology(task)) == [f"{task}: is a task, not a scenario"]
    assert problems_of(lambda: load_spec(task=net)) == [f"{net}: is a scenario, not a task"]


def test_load_by_name_ignores_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, LAB, "two_networks")
    monkeypatch.chdir(tmp_path)
    assert load_topology("two_networks").name == "two_networks"
    assert load_topology("./two_networks").hosts[0].name == "desk"


def test_check_topology_file_returns_the_lines_that_load_topology_raises(tmp_path: Path) -> None:
    path = written(tmp_path, LAB.replace("10.0.0.3", "10.0.0.300"))
    assert check_topology_file(path) == problems_of(lambda: load_topology(path))
    assert check_topology_file(path) == [f"{path}: hosts.vault.ip: '10.0.0.300' is not an IPv4 address"]


def test_check_file_tells_tasks_from_topologies_and_reports_all_of_either(tmp_path: Path) -> None:
    net = written(tmp_path, f"{LAB}x: 1\nx: 1\n", "net.yaml")
    assert check_file(net) == (
        [
            f"{net}: x: written twice, on lines 7 and 8",
            f"{net}: x: unknown key; known: extends, name, description, networks, hosts, routers, firewall",
        ],
        (),
    )
    odd = TASK.replace("env: {", "env: {goal_reward: 5, ")
    task = written(tmp_path, odd, "task.yaml")
    assert check_file(task) == ([], (f"{task}: env.goal_reward: has no effect: write env.rewards.success",))
    task = written(tmp_path, f"{odd}pacing: x\nclock: {{a: 1, a: 1}}\n", "task.yaml")
    assert check_file(task) == (
        [
            f"{task}: clock.a: written twice, on line 9",
            f"{task}: pacing: 'x' is not one of realtime, rounds",
            f"{task}: clock.a: unknown key; known: move_s, episode_s, round_s, grace_s",
        ],
        (),
    )
    assert check_file(written(tmp_path, LAB)) == ([], ())
    assert check_file("two_networks") == ([], ())
    assert check_file("nowhere.yaml") == (["nowhere.yaml: no such file"], ())


def test_default_task_of_a_topology_file_steals_the_first_datum(tmp_path: Path) -> None:
    spec = load_spec(scenario=written(tmp_path, LAB))
    task = spec.task
    assert (task.name, task.scenario, task.required_players, task.seats) == ("lab", "lab", 1, ())
    assert (task.rewards.success, task.rewards.step, task.rewards.fail) == (100, -1, -10)
    assert task.roles == (
        RoleTask(
            "Attacker",
            View(controlled_hosts=("8.8.8.8", "random")),
            View(known_data=(("8.8.8.8", (DataItem("U", "Gold", "table"),)),)),
            "Bring data Gold of U to 8.8.8.8",
            100,
        ),
        RoleTask(
            "Defender",
            View(controlled_hosts=("all_local",)),
            View(known_blocks=(("8.8.8.8", ("all_attackers",)),)),
            "Block all attackers at 8.8.8.8",
        ),
        RoleTask("Benign", View(controlled_hosts=("random",) * 3)),
    )
    assert Spec.from_bytes(spec.to_bytes()) == spec


@pytest.mark.parametrize(
    ("right", "wrong", "start", "goal"),
    [
        ("  lair: {ip: 8.8.8.8}\n", "", ("random",),
         View(known_data=(("10.0.0.3", (DataItem("U", "Gold", "table"),)),))),
        (", start: true", "", ("8.8.8.8", "10.0.0.2"),
         View(known_data=(("8.8.8.8", (DataItem("U", "Gold", "table"),)),))),
        (", services: {db: {data: [{owner: U, id: Gold, type: table}]}}}\n  lair: {ip: 8.8.8.8}\n",
         "}\n", ("random",), View(controlled_hosts=("10.0.0.3",))),
    ],
)  # fmt: skip  # one case a row
def test_default_task_without_internet_starts_or_data_still_has_a_point(
    tmp_path: Path, right: str, wrong: str, start: tuple[str, ...], goal: View
) -> None:
    assert right in LAB
    attacker = load_spec(scenario=written(tmp_path, LAB.replace(right, wrong))).task.role("Attacker")
    assert attacker is not None
    assert (attacker.start.controlled_hosts, attacker.goal) == (start, goal)


def test_default_task_without_internet_has_a_defender_without_a_goal(tmp_path: Path) -> None:
    path = written(tmp_path, LAB.replace("  lair: {ip: 8.8.8.8}\n", ""))
    assert load_spec(scenario=path).task.role("Defender") == RoleTask(
        "Defender", View(controlled_hosts=("all_local",))
    )


def test_default_task_of_a_lone_host_is_a_problem(tmp_path: Path) -> None:
    path = written(tmp_path, "networks: {n: 10.0.0.0/24}\nhosts: {a: {ip: 10.0.0.1}}", "lone.yaml")
    assert problems_of(lambda: load_spec(scenario=path)) == [
        f"{path}: has no data to steal and no host to take over: write a task for it"
    ]


@pytest.mark.parametrize("name", ["two_networks", "one_network", "two_networks_tiny"])
def test_default_task_of_a_bundled_topology_agrees_with_its_bundled_task(name: str) -> None:
    usual, bundled = default_task(load_topology(name)), load_task(name)
    for ours, theirs in zip(usual.roles, bundled.roles, strict=True):
        assert (ours.role, ours.start, ours.goal, ours.max_steps) == (
            theirs.role,
            theirs.start,
            theirs.goal,
            theirs.max_steps,
        )
    assert usual.rewards == bundled.rewards


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: 5,
        lambda spec: [],
        lambda spec: spec | {"more": 1},
        lambda spec: {"task": spec["task"]},
        lambda spec: spec | {"task": spec["task"] | {"seed": "5"}},
        lambda spec: spec | {"task": spec["task"] | {"use_firewall": "yes"}},
        lambda spec: spec | {"task": spec["task"] | {"rewards": {"step": "1"}}},
        lambda spec: spec | {"topology": spec["topology"] | {"name": 5}},
    ],
)
def test_spec_from_other_bytes_is_a_value_error(change: Callable[[Any], object]) -> None:
    plain = json.loads(load_spec().to_bytes())
    with pytest.raises(ValueError, match=r"^not a spec: "):
        Spec.from_bytes(json.dumps(change(plain)).encode())


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000, b"nul"])
def test_spec_from_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a spec: "):
        Spec.from_bytes(text)


def test_spec_error_names_the_field() -> None:
    text = load_spec().to_bytes().replace(b'"name":"smb_server"', b'"name":5')
    with pytest.raises(ValueError, match=r"expected str @ \$\.topology\.hosts\[0\]\.name"):
        Spec.from_bytes(text)


def test_package_offers_every_public_name() -> None:
    for name in netsiege.scenarios.__all__:
        assert getattr(netsiege.scenarios, name) is not None
    assert set(netsiege.scenarios.__all__) <= set(dir(netsiege.scenarios))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = netsiege.scenarios.nothing


def test_package_imports_no_yaml_before_something_is_loaded() -> None:
    code = (
        "import sys, netsiege.scenarios, netsiege.scenarios.model\n"
        "from netsiege.scenarios import Spec, default_task, describe, scenario_names\n"
        "assert scenario_names() and 'yaml' not in sys.modules\n"
        "netsiege.scenarios.load_topology('two_networks')\n"
        "assert 'yaml' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_load_spec_gives_the_same_bytes_under_any_hash_seed() -> None:
    code = "from netsiege.scenarios import load_spec; print(load_spec(scenario='three_net_scenario').digest)"

    def digest(seed: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            timeout=60,
            capture_output=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout

    assert digest("1") == digest("2") == f"{load_spec(scenario='three_net_scenario').digest}\n".encode()


def test_load_task_file_gives_task_topology_and_warnings(tmp_path: Path) -> None:
    loaded = load_task_file(written(tmp_path, TASK))
    assert loaded.task.name == "lab"
    assert loaded.topology.name == "two_networks_tiny"
    assert loaded.warnings == ()
