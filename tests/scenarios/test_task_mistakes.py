"""What is said about mistakes and oddities in task files."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsiege.errors import ConfigError
from netsiege.scenarios import load_task_file, scenario_names
from tests.scenarios.task_documents import (
    GOAL,
    START,
    changed,
    goal,
    problems_of,
    start,
    warnings_of,
    written,
)

IS_NO_HOST = "no host of two_networks_tiny has the address"
PROBLEMS = [
    (goal(known_networks=["192.168.9.0/24"]),
     f"{GOAL}.known_networks[0]: '192.168.9.0/24' is no network of two_networks_tiny; "
     "nearest: 192.168.2.0/24"),
    (goal(known_networks=["192.168.1.7/24"]),
     f"{GOAL}.known_networks[0]: '192.168.1.7/24' has host bits set; nearest: 192.168.1.0/24"),
    (goal(known_networks=["random"]),
     f"{GOAL}.known_networks[0]: 'random' is not a network such as 192.168.1.0/24"),
    (goal(known_hosts=["192.168.1.22"]),
     f"{GOAL}.known_hosts[0]: {IS_NO_HOST} '192.168.1.22'; nearest: 192.168.1.2"),
    (goal(known_hosts=["192.168.1.300"]),
     f"{GOAL}.known_hosts[0]: '192.168.1.300' is neither an IPv4 address nor one of random, all_local"),
    (goal(controlled_hosts=["all"]),
     f"{GOAL}.controlled_hosts[0]: 'all' is neither an IPv4 address nor one of random, all_local"),
    (goal(controlled_hosts="all_local"),
     f"{GOAL}.controlled_hosts: expected a list such as [192.168.1.2, random], got 'all_local'"),
    (goal(known_services={"192.168.1.2": [["microsoft-ds", "passive", "10.0.19042", False]]}),
     f"{GOAL}.known_services.192.168.1.2[0]: '192.168.1.2' has no such service; "
     "nearest: [microsoft-ds, passive, 10.0.19041, False]"),
    (goal(known_services={"192.168.1.2": ["Local system"]}),
     f"{GOAL}.known_services.192.168.1.2[0]: 'Local system' is neither [name, type, version, is_local] "
     "nor one of random, all"),
    (goal(known_services={"192.168.1.2": [["ssh", "passive", 8.1, False]]}),
     f"{GOAL}.known_services.192.168.1.2[0][2]: 8.1 is not text: put it in quotes"),
    (goal(known_services={"192.168.1.1": ["random"]}),
     f"{GOAL}.known_services.192.168.1.1[0]: '192.168.1.1' has no services to draw from"),
    (goal(known_services={"192.168.9.9": ["random"]}),
     f"{GOAL}.known_services.192.168.9.9: {IS_NO_HOST} '192.168.9.9'; nearest: 192.168.2.2"),
    (goal(known_data={"213.47.23.195": [["User1", "DataFromServer2"]]}),
     f"{GOAL}.known_data.213.47.23.195[0]: two_networks_tiny has no data [User1, DataFromServer2]; "
     "nearest: [User1, DataFromServer1]"),
    (goal(known_data={"213.47.23.195": ["User1"]}),
     f"{GOAL}.known_data.213.47.23.195[0]: 'User1' is neither [owner, id] nor one of random, all"),
    (goal(known_data={"213.47.23.195": [["User1"]]}),
     f"{GOAL}.known_data.213.47.23.195[0]: a list is neither [owner, id] nor one of random, all"),
    (goal(known_data={"213.47.23.195": [["User1", "DataFromServer1", "x", "y"]]}),
     f"{GOAL}.known_data.213.47.23.195[0]: a list is neither [owner, id] nor one of random, all"),
    (goal(known_data={"213.47.23.195": [["User1", 5]]}),
     f"{GOAL}.known_data.213.47.23.195[0][1]: 5 is not text: put it in quotes"),
    (goal(known_data={"213.47.23.195": "random"}),
     f"{GOAL}.known_data.213.47.23.195: expected a list such as [[User1, DataFromServer1]], got 'random'"),
    (goal(known_data={"random": ["random"]}), f"{GOAL}.known_data.random: 'random' is not an IPv4 address"),
    (goal(known_data=["random"]), f"{GOAL}.known_data: expected a mapping, got a list"),
    (start(known_data={"192.168.2.2": ["random"]}),
     f"{START}.known_data.192.168.2.2[0]: 192.168.2.2 has no data to draw from"),
    (goal(known_blocks={"192.168.1.2": "all_routers"}),
     f"{GOAL}.known_blocks.192.168.1.2: 'all_routers' is neither a list of addresses nor all_attackers"),
    (goal(known_blocks={"192.168.2.2": {"192.168.1.2": None}}),
     f"{GOAL}.known_blocks.192.168.2.2: a mapping is neither a list of addresses nor all_attackers"),
    (goal(known_blocks={"192.168.2.2": ["192.168.1.99"]}),
     f"{GOAL}.known_blocks.192.168.2.2[0]: {IS_NO_HOST} '192.168.1.99'; nearest: 192.168.1.2"),
    (goal(known_blocks={"192.168.2.99": "all_attackers"}),
     f"{GOAL}.known_blocks.192.168.2.99: {IS_NO_HOST} '192.168.2.99'; nearest: 192.168.2.2"),
    (goal(description=5), f"{GOAL}.description: 5 is not text: put it in quotes"),
    (goal(description="x" * 4097), f"{GOAL}.description: longer than 4096 characters"),
    (changed(coordinator__agents__Attacker__goal=[]), f"{GOAL}: expected a mapping, got a list"),
    (changed(coordinator__agents__Attacker__start_position=...), f"{START}: missing"),
    (changed(coordinator__agents__Attacker=[]),
     "coordinator.agents.Attacker: expected a mapping, got a list"),
    (changed(coordinator__agents__Attacker__max_steps=False),
     "coordinator.agents.Attacker.max_steps: False is not a whole number from 1 to 2147483648"),
    (changed(coordinator__agents__Attacker__max_steps=-5),
     "coordinator.agents.Attacker.max_steps: -5 is not a whole number from 1 to 2147483648"),
    (changed(coordinator__agents__Attacker__max_steps="many"),
     "coordinator.agents.Attacker.max_steps: 'many' is not a whole number from 1 to 2147483648"),
    (changed(coordinator__agents__Attacker__max_steps="9" * 5000),
     f"coordinator.agents.Attacker.max_steps: '{'9' * 55}...' is not a whole number from 1 to 2147483648"),
    (changed(coordinator__agents__Attacker__max_steps="\u0663"),
     "coordinator.agents.Attacker.max_steps: '\u0663' is not a whole number from 1 to 2147483648"),
    (changed(coordinator__agents__Attacker__max_steps=True),
     "coordinator.agents.Attacker.max_steps: True is not a whole number from 1 to 2147483648"),
    (changed(coordinator__agents__attackers={}),
     "coordinator.agents.attackers: Attacker has a section already: 'Attacker'"),
    (changed(coordinator__agents=...), "coordinator.agents: missing"),
    (changed(coordinator=...), "coordinator: missing"),
    (changed(coordinator=[]), "coordinator: expected a mapping, got a list"),
    (changed(env=...), "env: missing"),
    (changed(env="two_networks"), "env: expected a mapping, got 'two_networks'"),
    (changed(env__scenario="two_nets_tiny"),
     "env.scenario: there is no scenario called 'two_nets_tiny'; nearest: two_networks_tiny"),
    (changed(env__scenario="three_nets"),
     "env.scenario: there is no scenario called 'three_nets'; nearest: three_net_scenario"),
    (changed(env__scenario=5), "env.scenario: 5 is not text: put it in quotes"),
    (changed(env__scenario="/etc/net.yaml"),
     "env.scenario: '/etc/net.yaml' lies outside of the folder of the task"),
    (changed(env__scenario="../net.yaml"),
     "env.scenario: '../net.yaml' lies outside of the folder of the task"),
    (changed(env__scenario="a/../../net.yaml"),
     "env.scenario: 'a/../../net.yaml' lies outside of the folder of the task"),
    (changed(env__scenario=...),
     f"env.scenario: missing; known: {', '.join(scenario_names())}"),
    (changed(env__random_seed="abc"),
     "env.random_seed: 'abc' is not a whole number from 0 to 18446744073709551615"),
    (changed(env__random_seed=-1),
     "env.random_seed: -1 is not a whole number from 0 to 18446744073709551615"),
    (changed(env__use_firewall="False"), "env.use_firewall: 'False' is not true or false"),
    (changed(env__use_global_defender=2), "env.use_global_defender: 2 is not true or false"),
    (changed(env__required_players=-1), "env.required_players: -1 is not a whole number from 1 to 65534"),
    (changed(env__required_players=0), "env.required_players: 0 is not a whole number from 1 to 65534"),
    (
        changed(env__rewards__step=-1e308),
        f"env.rewards.step: -1e+308 is not between -{1 << 53} and {1 << 53}",
    ),
    (changed(env__rewards__step="free"), "env.rewards.step: 'free' is not a number"),
    (changed(env__rewards__step=True), "env.rewards.step: True is not a number"),
    (changed(env__rewards__step=float("nan")), "env.rewards.step: '.nan' is not a number"),
    (changed(env__rewards=[1]), "env.rewards: expected a mapping, got a list"),
    (changed(pacing="fast"), "pacing: 'fast' is not one of realtime, rounds"),
    (changed(pacng="rounds"), "pacng: unknown key; nearest: pacing"),
    (changed(seat={"Attacker": 1}), "seat: unknown key; nearest: seats"),
    (changed(ruleset="siege-9"), "ruleset: 'siege-9' is not one of netsecgame, siege-1"),
    (changed(name="my task"),
     "name: 'my task' is no name: 1 to 64 letters, digits, '_', '-' and '.', and no address"),
    (changed(clock={"move": 3}), "clock.move: unknown key; nearest: move_s"),
    (changed(clock={"move_s": "x"}), "clock.move_s: 'x' is not a number"),
    (changed(clock={"move_s": 0}), "clock.move_s: 0 is not more than 0 seconds"),
    (changed(clock=60), "clock: expected a mapping, got 60"),
    (changed(clock={"episode_s": -3}), "clock.episode_s: -3 is not more than 0 seconds"),
    (changed(clock={"grace_s": -0.5}), "clock.grace_s: -0.5 is less than 0 seconds"),
    (changed(clock={"grace_s": "long"}), "clock.grace_s: 'long' is not a number"),
    (changed(clock={"grace": 1}), "clock.grace: unknown key; nearest: grace_s"),
    (changed(clock={"episode_s": float("inf")}), "clock.episode_s: '.inf' is not a number"),
    (changed(clock={"round_s": 0}, pacing="rounds"), "clock.round_s: 0 is not more than 0 seconds"),
    (changed(clock={"round_s": 5}),
     "clock.round_s: 5 has no meaning with pacing: realtime; write pacing: rounds"),
    (changed(clock={"round_s": 5}, pacing="realtime"),
     "clock.round_s: 5 has no meaning with pacing: realtime; write pacing: rounds"),
    (changed(clock={"round_s": 5}, pacing="roundz"), "pacing: 'roundz' is not one of realtime, rounds"),
    (changed(clock={"round_s": 5, "move_s": 5.5}, pacing="rounds"),
     "clock.move_s: 5.5 is more than round_s, 5: the round is over by then"),
    (changed(seats={"Atacker": 1}), "seats.Atacker: there is no role 'Atacker'; nearest: Attacker"),
    (changed(seats={"Attacker": -1}), "seats.Attacker: -1 is not a whole number from 0 to 65534"),
    (changed(seats={"Attacker": 0}), "seats: a match has 1 to 65534 seats, not 0"),
    (changed(seats={"Attacker": 65534, "Benign": 1}), "seats: a match has 1 to 65534 seats, not 65535"),
    (changed(seats={"Attacker": 1, "attackers": 1}), "seats.attackers: Attacker is there already"),
    (changed(seats={"Attacker": 1, "Defender": 1}),
     "seats.Defender: the task has no such role; it has Attacker, Benign"),
    (changed(seats=2), "seats: expected a mapping, got 2"),
]  # fmt: skip  # one row a mistake


@pytest.mark.parametrize(("document", "line"), PROBLEMS, ids=[line[:80] for _, line in PROBLEMS])
def test_task_with_a_mistake_names_path_value_and_what_would_do(
    tmp_path: Path, document: object, line: str
) -> None:
    problems = problems_of(tmp_path, document)
    assert set(problems) == {line}, "the mistake alone, if more than once"


NO_EFFECT = "unknown key, has no effect"
WARNINGS = [
    (changed(extra=1), [f"extra: {NO_EFFECT}; known: coordinator, env"]),
    (changed(coordinator__extra=1), [f"coordinator.extra: {NO_EFFECT}; known: agents, random_seed"]),
    (changed(env__required_players=2, seats={"Attacker": 1}),
     ["env.required_players: has no effect: seats say that 1 make a match"]),
    (changed(env__required_players=2, seats={"Attacker": 1, "Benign": 1}), []),
    (changed(coordinator__random_seed=5), ["coordinator.random_seed: has no effect: write env.random_seed"]),
    (changed(env__use_firewal=True), [f"env.use_firewal: {NO_EFFECT}; nearest: use_firewall"]),
    (changed(env__max_steps=50), ["env.max_steps: has no effect: write coordinator.agents.<role>.max_steps"]),
    (changed(env__goal_reward=50), ["env.goal_reward: has no effect: write env.rewards.success"]),
    (changed(env__store_replay_buffer=True),
     ["env.store_replay_buffer: has no effect: write env.save_trajectories"]),
    (changed(env__rewards=...), ["env.rewards: missing: every reward is 0"]),
    (changed(env__rewards={"success": 1,
     "fail": 0, "step": 0}), ["env.rewards.false_positive: missing: 0 is used"]),
    (changed(env__rewards__sucess=1), [f"env.rewards.sucess: {NO_EFFECT}; nearest: success"]),
    (changed(env__rewards__fail=1), ["env.rewards.fail: 1 rewards the opposite of what it seems to"]),
    (changed(env__rewards__success=-1), ["env.rewards.success: -1 rewards the opposite of what it seems to"]),
    (changed(env__rewards__false_positive=5),
     ["env.rewards.false_positive: 5 rewards the opposite of what it seems to"]),
    (changed(env__use_firewall=None),
     ["env.use_firewall: is empty: true is meant here, but false in NetSecGame; write one of them"]),
    (changed(env__actions={"scan_network": {"prob_success": 0.9}, "find_data": {"prob_success": 1}}),
     ["env.actions.scan_network.prob_success: 0.9 has no effect: what the rules allow always succeeds"]),
    (changed(env__actions={"capture": {"discovery_probability": 0.1}}),
     ["env.actions.capture.discovery_probability: has no effect"]),
    (changed(env__actions={"capture": 1}), ["env.actions.capture: has no effect"]),
    (changed(env__actions=[1]), ["env.actions: has no effect"]),
    (changed(coordinator__agents__Atacker={}),
     ["coordinator.agents.Atacker: no such role, has no effect; nearest: Attacker"]),
    (changed(coordinator__agents__defenders={"type": "NoDefender"}),
     [f"coordinator.agents.defenders.type: {NO_EFFECT}; known: max_steps, goal, start_position",
      "coordinator.agents.defenders: has neither start_position nor goal: nobody can play this role"]),
    (changed(coordinator__agents__Defender=None),
     ["coordinator.agents.Defender: has neither start_position nor goal: nobody can play this role"]),
    (changed(coordinator__agents__Benign={"max_steps": 5, "goal": {"known_hosts": ["random"]},
                                          "start_position": {"controlled_hosts": ["random"]}}),
     ["coordinator.agents.Benign.goal: counts here; NetSecGame ignores it: there, benign agents"
      " play for nothing",
      "coordinator.agents.Benign.start_position: counts here; NetSecGame ignores it: there, benign agents"
      " start on three random hosts"]),
    (changed(coordinator__agents__Attacker__max_steps=0),
     ["coordinator.agents.Attacker.max_steps: 0 is no limit, as in NetSecGame: leave it out to say that"]),
    (changed(coordinator__agents__Attacker__goal=...),
     ["coordinator.agents.Attacker: has no goal: nothing that it does wins"]),
    (goal(), [f"{GOAL}: asks for nothing: it is never reached"]),
    (goal(known_host=[], controlled_hosts=["random"]),
     [f"{GOAL}.known_host: {NO_EFFECT}; nearest: known_hosts"]),
    (start(known_blocks={"192.168.1.2": ["192.168.2.2"]}),
     [f"{START}.known_blocks: has no effect: nothing is blocked at the start"]),
    (start(blocked_ips={"192.168.1.2": 1}),
     [f"{START}.blocked_ips: has no effect: nothing is blocked at the start"]),
    (start(known_blocks={}, blocked_ips={}), []),
    (start(known_networks=["random", "All_Local"]),
     [f"{START}.known_networks[{i}]: '{word}' has no effect, as in NetSecGame: name the networks"
      for i, word in enumerate(("random", "All_Local"))]),
    (start(controlled_hosts=[]), [f"{START}.controlled_hosts: empty: this role can do nothing"]),
    (start(controlled_hosts=["random", "random"]),
     [f"{START}.controlled_hosts: asks for 2 random hosts, but two_networks_tiny has 1 to start from"]),
]  # fmt: skip  # one row an oddity


@pytest.mark.parametrize(("document", "lines"), WARNINGS)
def test_task_with_keys_that_do_nothing_loads_with_a_warning(
    tmp_path: Path, document: object, lines: list[str]
) -> None:
    assert warnings_of(tmp_path, document) == lines


def test_task_and_its_scenario_file_report_their_problems_together(tmp_path: Path) -> None:
    net = written(tmp_path, "networks: {n: 10.0.0.0/24}\nhosts: {a: {}}", "net.yaml")
    path = written(tmp_path, changed(env__scenario="net.yaml", pacing="fast"))
    with pytest.raises(ConfigError) as caught:
        load_task_file(path)
    assert caught.value.problems == (
        f"{path}: pacing: 'fast' is not one of realtime, rounds",
        f"{net}: hosts.a.ip: missing",
    )


def test_task_with_many_mistakes_reports_all_at_once(tmp_path: Path) -> None:
    document = changed(
        pacing="fast",
        ruleset="x",
        env__required_players=0,
        env__scenario="nowhere",
        coordinator__agents__Attacker__max_steps=-1,
        coordinator__agents__Attacker__goal={
            "known_hosts": ["1.2.3", "random"],
            "known_networks": ["10.0.0.0/8"],
            "known_services": {"10.0.0.1": [["ssh", "passive", "8.1.0", False], "random"]},
            "known_data": {"10.0.0.1": [["nobody", "nothing"], "random"]},
        },
    )
    assert problems_of(tmp_path, document) == [
        f"env.scenario: there is no scenario called 'nowhere'; known: {', '.join(scenario_names())}",
        f"{GOAL}.known_hosts[0]: '1.2.3' is neither an IPv4 address nor one of random, all_local",
        "coordinator.agents.Attacker.max_steps: -1 is not a whole number from 1 to 2147483648",
        "env.required_players: 0 is not a whole number from 1 to 65534",
        "pacing: 'fast' is not one of realtime, rounds",
        "ruleset: 'x' is not one of netsecgame, siege-1",
    ]


def test_task_with_endless_oddities_warns_of_the_first_hundred(tmp_path: Path) -> None:
    document = changed(**{f"env__q{i}": 1 for i in range(150)})
    lines = warnings_of(tmp_path, document)
    assert len(lines) == 100
    assert lines[0].startswith("env.q0: unknown key")


def test_task_that_is_no_mapping_is_one_problem(tmp_path: Path) -> None:
    assert problems_of(tmp_path, "- a") == ["expected a mapping, got a list"]
