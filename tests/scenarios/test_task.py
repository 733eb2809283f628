"""Task files: NetSecGame's own, with our keys beside theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netsiege.scenarios import LoadedTask, load_task, load_task_file
from netsiege.scenarios.model import Clock, DataItem, Rewards, RoleTask, ServiceItem, Task, View
from tests.scenarios.task_documents import GOAL, SMALL, START, changed, goal, problems_of, start, written

# what a NetSecGame user has: every key that it documents, quirks of writing included
NETSECGAME = """
coordinator:
  agents:
    Attacker:
      max_steps: 25
      goal:
        description: "Get it to 213.47.23.195"
        is_any_part_of_goal_random: True
        known_networks: []
        known_hosts: []
        controlled_hosts: []
        known_services: {}
        known_data: {213.47.23.195: [[User1,DataFromServer1]]}
        known_blocks: {}
      start_position:
        known_networks: []
        known_hosts: []
        controlled_hosts: [213.47.23.195, random]
        known_services: {}
        known_data: {}
        known_blocks: {}
    Defender:
      goal:
        description: "Block them"
        is_any_part_of_goal_random: False
        known_networks: []
        known_hosts: []
        controlled_hosts: []
        known_services: {}
        known_data: {}
        known_blocks: {213.47.23.195: 'all_attackers'}
      start_position:
        known_networks: []
        known_hosts: []
        controlled_hosts: [all_local]
        known_services: {}
        known_data: {}
        blocked_ips: {}
        known_blocks: {}
env:
  random_seed: 'random'
  scenario: 'two_networks_tiny'
  use_global_defender: True
  use_dynamic_addresses: True
  use_firewall: False
  save_trajectories: True
  required_players: 2
  rewards:
    success: 100
    step: -1
    fail: -10
    false_positive: -5
  actions:
    scan_network:
      prob_success: 1.0
"""
BENIGN = RoleTask("Benign", View(controlled_hosts=("random", "random", "random")))


def loaded(folder: Path, document: object) -> LoadedTask:
    return load_task_file(written(folder, document))


def attacker_of(folder: Path, document: object) -> RoleTask:
    role = loaded(folder, document).task.role("Attacker")
    assert role is not None
    return role


def test_task_of_netsecgame_loads_unchanged(tmp_path: Path) -> None:
    result = loaded(tmp_path, NETSECGAME)
    assert result.task == Task(
        name="task",
        scenario="two_networks_tiny",
        roles=(
            RoleTask(
                "Attacker",
                View(controlled_hosts=("213.47.23.195", "random")),
                View(known_data=(("213.47.23.195", (DataItem("User1", "DataFromServer1"),)),)),
                "Get it to 213.47.23.195",
                25,
            ),
            RoleTask(
                "Defender",
                View(controlled_hosts=("all_local",)),
                View(known_blocks=(("213.47.23.195", ("all_attackers",)),)),
                "Block them",
            ),
            BENIGN,
        ),
        rewards=Rewards(-1, 100, -10, -5),
        required_players=2,
        use_firewall=False,
        use_global_defender=True,
        use_dynamic_addresses=True,
        save_trajectories=True,
    )
    has_no_effect = "is_any_part_of_goal_random: has no effect: random parts are drawn for every episode"
    path = tmp_path / "task.yaml"
    assert result.warnings == (
        f"{path}: coordinator.agents.Attacker.goal.{has_no_effect}",
        f"{path}: coordinator.agents.Defender.goal.{has_no_effect}",
    )


def test_task_with_least_keys_takes_netsecgames_defaults(tmp_path: Path) -> None:
    task = loaded(tmp_path, SMALL).task
    assert (task.required_players, task.use_firewall, task.seed) == (1, True, None)
    assert (task.use_global_defender, task.use_dynamic_addresses, task.save_trajectories) == (False,) * 3
    assert [(role.role, role.max_steps) for role in task.roles] == [("Attacker", None), ("Benign", None)]
    assert task.role("Benign") == BENIGN


def test_task_with_empty_keys_takes_the_same_defaults(tmp_path: Path) -> None:
    keys = ("random_seed", "use_firewall", "use_global_defender", "required_players", "save_trajectories")
    empty = changed(**{f"env__{key}": None for key in keys}, seats=None, pacing=None, clock=None, name=None)
    assert loaded(tmp_path, empty).task == loaded(tmp_path, SMALL).task


def test_task_with_our_keys_carries_them(tmp_path: Path) -> None:
    document = changed(
        name="duel",
        seats={"benign": 2, "Attacker": 1, "Defender": 0},
        pacing="rounds",
        clock={"move_s": 2.5},
        ruleset="netsecgame",
        env__random_seed=42,
    )
    task = loaded(tmp_path, document).task
    assert (task.name, task.pacing, task.clock, task.seed) == ("duel", "rounds", Clock(2.5), 42)
    assert task.seats == (("Attacker", 1), ("Benign", 2)), "in the order of the roles, without empty ones"


@pytest.mark.parametrize("name", ["Attacker", "attacker", "ATTACKER", "attackers", "Attackers"])
def test_task_role_in_any_case_or_old_plural_is_understood(tmp_path: Path, name: str) -> None:
    document = changed()
    agents = document["coordinator"]["agents"]
    agents[name] = agents.pop("Attacker")
    assert loaded(tmp_path, document).task.role("Attacker") is not None


def test_task_benign_section_replaces_only_what_it_gives(tmp_path: Path) -> None:
    document = changed(coordinator__agents__Benign={"max_steps": 7})
    assert loaded(tmp_path, document).task.role("Benign") == RoleTask("Benign", BENIGN.start, max_steps=7)
    document = changed(coordinator__agents__Benign={"start_position": {"controlled_hosts": ["192.168.2.2"]}})
    assert loaded(tmp_path, document).task.role("Benign") == RoleTask(
        "Benign", View(controlled_hosts=("192.168.2.2",))
    )
    assert loaded(tmp_path, changed(coordinator__agents__Benign=None)).task.role("Benign") == BENIGN


SMB = ServiceItem("microsoft-ds", "passive", "10.0.19041", False)


@pytest.mark.parametrize(
    ("parts", "view"),
    [
        ({"known_networks": ["192.168.1.0/24"]}, View(known_networks=("192.168.1.0/24",))),
        ({"known_hosts": ["random", "ALL_LOCAL", "192.168.1.2"]},
         View(known_hosts=("random", "all_local", "192.168.1.2"))),
        ({"controlled_hosts": ["Random", "random"]}, View(controlled_hosts=("random", "random"))),
        ({"known_services": {"192.168.1.2": [["microsoft-ds",
         "passive", "10.0.19041", False], "RANDOM", "all"]}},
         View(known_services=(("192.168.1.2", (SMB, "random", "all")),))),
        ({"known_data": {"213.47.23.195": ["random", ["User1", "DataFromServer1"], "All"]}},
         View(known_data=(("213.47.23.195", ("random", DataItem("User1", "DataFromServer1"), "all")),))),
        ({"known_data": {"192.168.1.2": [["system", "logfile"]]}},
         View(known_data=(("192.168.1.2", (DataItem("system", "logfile", "log"),)),))),
        ({"known_blocks": {"192.168.1.2": ["192.168.2.2"]}},
         View(known_blocks=(("192.168.1.2", ("192.168.2.2",)),))),
        ({"known_blocks": {"192.168.1.2": ["all_attackers"], "192.168.2.2": "ALL_ATTACKERS"}},
         View(known_blocks=(("192.168.1.2", ("all_attackers",)), ("192.168.2.2", ("all_attackers",))))),
        ({"known_hosts": None, "known_data": None, "controlled_hosts": ["192.168.1.2"]},
         View(controlled_hosts=("192.168.1.2",))),
    ],
)  # fmt: skip  # one case a row
def test_task_goal_words_and_items_are_understood(tmp_path: Path, parts: dict[str, Any], view: View) -> None:
    assert attacker_of(tmp_path, goal(**parts)).goal == view


def test_task_goal_data_takes_its_type_from_the_topology(tmp_path: Path) -> None:
    written(
        tmp_path,
        "networks: {n: 192.168.1.0/24}\n"
        "hosts:\n"
        "  a: {ip: 192.168.1.2, start: true, services: {s: {data: [{owner: U, id: D, type: db},"
        " {owner: U, id: E, type: x}, {owner: U, id: E, type: y}]}}}\n",
        "net.yaml",
    )

    def asks(*data: list[str]) -> dict[str, Any]:
        document = goal(known_data={"192.168.1.2": [*data]})
        document["env"]["scenario"] = "net.yaml"
        return document

    items = attacker_of(tmp_path, asks(["U", "D"], ["U", "E", "y"])).goal.known_data[0][1]
    assert items == (DataItem("U", "D", "db"), DataItem("U", "E", "y"))
    where = f"{GOAL}.known_data.192.168.1.2[0]"
    assert problems_of(tmp_path, asks(["U", "E"])) == [
        f"{where}: there are several of this owner and id: add the type, one of x, y"
    ]
    assert problems_of(tmp_path, asks(["U", "D", "bd"])) == [
        f"{where}: net has no data [U, D, bd]; nearest: [U, D, db]"
    ]


def test_task_start_may_know_more_than_it_controls(tmp_path: Path) -> None:
    document = start(
        known_networks=["192.168.2.0/24"],
        known_hosts=["192.168.1.2"],
        known_services={"192.168.1.2": ["all"]},
        known_data={"192.168.1.2": ["random"]},
    )
    assert attacker_of(tmp_path, document).start == View(
        ("192.168.2.0/24",),
        ("192.168.1.2",),
        ("random",),
        (("192.168.1.2", ("all",)),),
        (("192.168.1.2", ("random",)),),
    )


@pytest.mark.parametrize(("written_as", "value"), [("100", 100), (100, 100), (None, None)])
def test_task_max_steps_as_text_or_null_is_read_as_netsecgame_does(
    tmp_path: Path, written_as: object, value: int | None
) -> None:
    document = changed(coordinator__agents__Attacker__max_steps=written_as)
    assert attacker_of(tmp_path, document).max_steps == value


@pytest.mark.parametrize("zero", [0, "0"])
def test_task_max_steps_of_zero_is_no_limit_as_in_netsecgame(tmp_path: Path, zero: object) -> None:
    document = changed(coordinator__agents__Attacker__max_steps=zero)
    assert attacker_of(tmp_path, document).max_steps is None


@pytest.mark.parametrize(
    "switch", ["use_firewall", "use_global_defender", "use_dynamic_addresses", "save_trajectories"]
)
@pytest.mark.parametrize("value", [True, False, 1, 0])
def test_task_switch_may_be_one_or_zero(tmp_path: Path, switch: str, value: object) -> None:
    assert getattr(loaded(tmp_path, changed(**{f"env__{switch}": value})).task, switch) is bool(value)


@pytest.mark.parametrize("section", [None, {}])
def test_task_role_with_an_empty_section_cannot_be_played(tmp_path: Path, section: object) -> None:
    document = changed(coordinator__agents__Defender=section)
    assert loaded(tmp_path, document).task.role("Defender") is None


def test_task_random_networks_of_a_start_are_left_out_as_netsecgame_does(tmp_path: Path) -> None:
    document = start(known_networks=["random", "192.168.2.0/24"])
    assert attacker_of(tmp_path, document).start.known_networks == ("192.168.2.0/24",)


@pytest.mark.parametrize("value", [-1, 0.5, 100])
def test_task_reward_keeps_its_kind_of_number(tmp_path: Path, value: float) -> None:
    step = loaded(tmp_path, changed(env__rewards__step=value)).task.rewards.step
    assert (step, type(step)) == (value, type(value))


def test_task_random_start_without_start_hosts_is_a_problem(tmp_path: Path) -> None:
    written(tmp_path, "networks: {n: 10.0.0.0/24}\nhosts: {a: {ip: 10.0.0.1}}", "net.yaml")
    document = changed(env__scenario="net.yaml")
    document["coordinator"]["agents"]["Attacker"]["goal"] = {"controlled_hosts": ["10.0.0.1"]}
    assert problems_of(tmp_path, document) == [
        f"{START}.controlled_hosts: asks for a random host, but no host of net says `start: true`"
    ]
    document["coordinator"]["agents"]["Attacker"]["start_position"] = {"controlled_hosts": ["10.0.0.1"]}
    roles = loaded(tmp_path, document).task.roles
    assert [role.role for role in roles] == ["Attacker"], "benign seats would have nowhere to start"


def test_task_may_name_a_scenario_file_below_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    written(
        tmp_path / "nets", "networks: {n: 10.0.0.0/24}\nhosts: {a: {ip: 10.0.0.1, start: true}}", "lab.yaml"
    )
    document = changed(env__scenario="nets/lab.yaml")
    document["coordinator"]["agents"]["Attacker"]["goal"] = {"controlled_hosts": ["10.0.0.1"]}
    result = loaded(tmp_path, document)
    assert (result.topology.name, result.task.scenario) == ("lab", "lab")


def test_load_task_gives_the_task_alone(tmp_path: Path) -> None:
    path = written(tmp_path, SMALL)
    assert load_task(path) == load_task_file(path).task
