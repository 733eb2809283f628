"""Cup files: what they may say, and what is said about mistakes in them."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netsiege.agents.registry import choose_agent
from netsiege.cups import new_folder
from netsiege.errors import ConfigError
from netsiege.hub.tournament import cup as cup_module
from netsiege.hub.tournament.cup import (
    MAX_GAMES,
    SMALL_CUP,
    LoadedCup,
    changed,
    inconsistencies,
    load_cup,
    make_cup,
)
from netsiege.hub.tournament.grounds import spec_of
from netsiege.hub.tournament.model import (
    ATTACKER,
    DEFENDER,
    GAUNTLET,
    ROUND_ROBIN,
    SWISS,
    Cup,
    Entrant,
    Format,
    Ground,
    Player,
)
from netsiege.hub.tournament.plain import cup_from_plain, cup_to_plain
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.scenarios import load_topology
from netsiege.scenarios.bundled import topology_file
from netsiege.scenarios.model import Clock
from tests.scenarios.task_documents import SMALL as SMALL_TASK
from tests.scenarios.task_documents import changed as changed_task
from tests.tournament.small_cups import cup_of

THREE = """
entrants: [scripted-attacker, random-attacker, scripted-defender]
scenarios: [two_networks_tiny]
games: 20
"""
AGENTS = {
    "scripted-attacker": (ATTACKER,),
    "random-attacker": (ATTACKER,),
    "scripted-defender": (DEFENDER,),
    "office-benign": ("Benign",),
    "my_agents:Fox": (ATTACKER, DEFENDER),
}


def roles_of(agent: str) -> tuple[str, ...]:
    """What a command line would know of agents."""
    name = agent.partition(",")[0]
    if name not in AGENTS:
        raise ConfigError(f"there is no agent {name!r}")
    return AGENTS[name]


def document(**changes: Any) -> dict[str, Any]:
    """The three lines with changes; `...` removes."""
    plain = {**yaml.safe_load(THREE), **changes}
    return {key: value for key, value in plain.items() if value is not ...}


def loaded(folder: Path, content: object, name: str = "spring.yaml") -> LoadedCup:
    path = folder / name
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return load_cup(path, roles_of)


def problems_of(folder: Path, content: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, content)
    assert all("\n" not in line for line in caught.value.problems)
    return [line.removeprefix(f"{folder / 'spring.yaml'}: ") for line in caught.value.problems]


def entrants_of(folder: Path, *entrants: object) -> tuple[Entrant, ...]:
    return loaded(folder, document(entrants=["random-attacker", *entrants])).cup.entrants[1:]


def bundled(agent: str, *roles: str) -> Entrant:
    return Entrant(agent, tuple((role, Player(agent=agent)) for role in roles))


# -- what may be said


def test_three_lines_make_a_cup(tmp_path: Path) -> None:
    assert loaded(tmp_path, THREE) == LoadedCup(
        Cup(
            name="spring",
            entrants=(
                bundled("scripted-attacker", ATTACKER),
                bundled("random-attacker", ATTACKER),
                bundled("scripted-defender", DEFENDER),
            ),
            grounds=(Ground("two_networks_tiny", scenario="two_networks_tiny"),),
            format=Format(ROUND_ROBIN, 20),
            seed=0,
        )
    )


def test_all_that_the_documentation_says_can_be_said(tmp_path: Path) -> None:
    assert cup_module.__doc__ is not None
    text = cup_module.__doc__.partition("All that can be said::\n")[2].partition("\nFiles are")[0]
    cup = loaded(tmp_path, textwrap.dedent(text)).cup
    python = ("python", "my_agent.py", "--fast")
    both = (ATTACKER, DEFENDER)
    assert cup == Cup(
        name="spring",
        entrants=(
            bundled("scripted-attacker", ATTACKER),
            bundled("scripted-attacker,epsilon=0.5", ATTACKER),
            Entrant("Fox", tuple((role, Player(agent="my_agents:Fox")) for role in both)),
            Entrant("calm", ((DEFENDER, Player(agent="my_agents:Calm")),)),
            Entrant(
                "team",
                ((ATTACKER, Player(agent="random-attacker")), (DEFENDER, Player(agent="scripted-defender"))),
            ),
            Entrant("mine", tuple((role, Player(command=python)) for role in both), 16, 600.0, 512),
            Entrant("ann", ((ATTACKER, Player(key="ann")),)),
        ),
        grounds=(
            Ground("two_networks_tiny", scenario="two_networks_tiny"),
            Ground("elsewhere", "two_networks", None, True, True, ("office-benign",)),
            Ground("unseen-30", unseen=True, suite="unseen-30", count=30),
            Ground("unseen-100", unseen=True, suite="unseen-100", count=20),
        ),
        format=Format(ROUND_ROBIN, 10),
        seed=7,
        ruleset="siege-1",
        max_steps=100,
        move_s=10.0,
        episode_s=600.0,
        forfeits=5,
        within=40,
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("round-robin", Format()),
        ({"round-robin": None}, Format()),
        ("swiss", Format(SWISS)),
        ({"swiss": None}, Format(SWISS)),
        ({"swiss": {"rounds": 5}}, Format(SWISS, rounds=5)),
        ({"gauntlet": {"hero": "random-attacker"}}, Format(GAUNTLET, hero="random-attacker")),
        (None, Format()),
    ],
)
def test_formats_are_words_or_have_options(tmp_path: Path, said: object, expected: Format) -> None:
    content = document(entrants=["random-attacker", "scripted-defender"], games=..., format=said)
    assert loaded(tmp_path, content).cup.format == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"agent": "my_agents:Fox,speed=2"}, None),
        ({"agent": "scripted-defender"}, bundled("scripted-defender", DEFENDER)),
        ({"agent": "my_agents:Fox", "role": "attackers"},
         Entrant("Fox", ((ATTACKER, Player(agent="my_agents:Fox")),))),
        ({"agent": "not.there:Cat", "roles": ["defender", "Attacker"]},
         Entrant("Cat", tuple((role, Player(agent="not.there:Cat")) for role in (ATTACKER, DEFENDER)))),
        ({"name": "x", "defender": "not.there:Cat"},
         Entrant("x", ((DEFENDER, Player(agent="not.there:Cat")),))),
        ({"name": "x", "attacker": {"key": "ann"}, "defender": {"command": ["./it", "a b"]}, "cpu_s": 1},
         Entrant("x", ((ATTACKER, Player(key="ann")), (DEFENDER, Player(command=("./it", "a b")))), 8, 1.0)),
        ({"name": "x", "role": "Defender", "command": "python 'my agent.py' -v"},
         Entrant("x", ((DEFENDER, Player(command=("python", "my agent.py", "-v"))),))),
        ({"name": "Ann of York", "role": "Attacker", "key": "ann", "seats": 2},
         Entrant("Ann of York", ((ATTACKER, Player(key="ann")),), 2)),
    ],
)  # fmt: skip
def test_entrants_are_written_in_many_ways(tmp_path: Path, said: object, expected: Entrant | None) -> None:
    expected = expected or Entrant(
        "Fox,speed=2",
        tuple((role, Player(agent="my_agents:Fox,speed=2")) for role in (ATTACKER, DEFENDER)),
    )
    assert entrants_of(tmp_path, "scripted-defender,epsilon=0.5", said)[1:] == (expected,)


def test_classes_whose_role_is_said_are_not_asked_for(tmp_path: Path) -> None:
    asked: list[str] = []

    def asking(agent: str) -> tuple[str, ...]:
        asked.append(agent)
        return roles_of(agent)

    path = tmp_path / "cup.yaml"
    scenarios = [{"scenario": "two_networks", "benign": ["a:B"]}]
    entrants = [
        {"agent": "a:B", "role": "Attacker"},
        {"name": "c", "attacker": "a:C", "defender": "a:D"},
        "my_agents:Fox",
    ]
    path.write_text(yaml.safe_dump(document(entrants=entrants, scenarios=scenarios)))
    load_cup(path, asking)
    assert asked == ["my_agents:Fox"]


def test_files_are_found_from_the_folder_of_the_cup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets").mkdir()
    source = topology_file("two_networks_tiny")
    assert source is not None
    (tmp_path / "nets" / "my net.yaml").write_bytes(source.read_bytes())
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(SMALL_TASK))
    content = document(
        entrants=["random-attacker"],
        scenarios=[
            "nets/my net.yaml",
            "task.yaml",
            {"task": "task.yaml", "scenario": "nets/my net.yaml", "label": "both", "readdressed": True},
        ],
        max_steps=50,
    )
    loaded(tmp_path, content)
    monkeypatch.chdir(tmp_path.parent)
    cup = load_cup(os.path.join(tmp_path.name, "spring.yaml"), roles_of).cup
    net, task = str(tmp_path / "nets" / "my net.yaml"), str(tmp_path / "task.yaml")
    assert cup.grounds == (
        Ground("my_net", scenario=net),
        Ground("task", task=task),
        Ground("both", scenario=net, task=task, readdressed=True),
    )
    monkeypatch.chdir("/")
    for ground in cup.grounds:
        assert spec_of(cup, ground).topology.networks == load_topology("two_networks_tiny").networks


def test_tasks_have_the_other_names_of_scenarios_too(tmp_path: Path) -> None:
    (ground,) = loaded(tmp_path, document(scenarios=[{"task": "scenario1_tiny"}])).cup.grounds
    assert ground == Ground("scenario1_tiny", task="scenario1_tiny")


def test_one_key_may_play_both_roles_of_an_entrant(tmp_path: Path) -> None:
    team = {"name": "team", "attacker": {"key": "ann"}, "defender": {"key": "ann"}}
    (entrant,) = entrants_of(tmp_path, team)
    assert entrant.players == ((ATTACKER, Player(key="ann")), (DEFENDER, Player(key="ann")))


def test_addresses_are_drawn_anew_where_the_task_or_the_cup_says_so(tmp_path: Path) -> None:
    task = changed_task(env__use_dynamic_addresses=True)
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(task))
    grounds = loaded(
        tmp_path,
        document(
            entrants=["random-attacker"],
            max_steps=50,
            scenarios=[
                "task.yaml",
                {"task": "task.yaml", "readdressed": False, "label": "fixed"},
                "two_networks",
                {"scenario": "two_networks", "readdressed": True},
            ],
        ),
    ).cup.grounds
    assert [(ground.label, ground.readdressed) for ground in grounds] == [
        ("task", True), ("fixed", False), ("two_networks", False), ("two_networks-readdressed", True),
    ]  # fmt: skip


def test_what_is_odd_about_a_task_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(changed_task(env__max_steps=5)))
    scenarios = ["task.yaml", {"task": "task.yaml", "label": "again"}]
    result = loaded(tmp_path, document(entrants=["random-attacker"], scenarios=scenarios, max_steps=9))
    assert [line for line in result.warnings if "env.max_steps" in line] == [
        f"{tmp_path / 'task.yaml'}: env.max_steps: has no effect: write coordinator.agents.<role>.max_steps"
    ]


def test_specs_of_games_have_the_seats_pace_and_limits_of_the_cup() -> None:
    scenarios: list[Any] = [
        {"scenario": "two_networks", "readdressed": True, "benign": ["office-benign"] * 2}
    ]
    clock = {"move_s": 3, "episode_s": 60}
    plain = document(scenarios=scenarios, clock=clock, max_steps=40)
    cup = make_cup(plain, roles_of).cup
    task = spec_of(cup, cup.grounds[0]).task
    assert dict(task.seats) == {ATTACKER: 1, DEFENDER: 1, "Benign": 2}
    assert (task.pacing, task.use_dynamic_addresses) == ("rounds", True)
    assert task.clock == Clock(move_s=3.0, episode_s=60.0)
    assert {role.max_steps for role in task.roles} == {40}


def test_specs_of_games_without_defenders_seat_the_attacker_alone() -> None:
    cup = make_cup(document(entrants=["random-attacker"]), roles_of).cup
    task = spec_of(cup, cup.grounds[0]).task
    assert dict(task.seats) == {ATTACKER: 1}
    attacker = task.role(ATTACKER)
    assert attacker is not None
    assert attacker.max_steps == 100


def test_bundled_cup_is_of_bundled_agents_and_small() -> None:
    cup, warnings = (
        (
            result := load_cup(SMALL_CUP, lambda said: tuple(r.value for r in choose_agent(said).cls.plays))
        ).cup,
        result.warnings,
    )
    assert not warnings
    assert {role for entrant in cup.entrants for role, _ in entrant.players} == {ATTACKER, DEFENDER}
    assert any(ground.unseen and ground.readdressed for ground in cup.grounds)
    assert not all(ground.unseen for ground in cup.grounds)
    expected = schedule_of(cup).expected
    assert expected is not None
    assert 100 <= expected <= 2_000


# -- mistakes

WHO = "agent, command, key, or attacker and defender"
TEAM = {"name": "t", "attacker": "random-attacker", "defender": "scripted-defender"}
PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"entrants": ...}, "entrants: missing"),
    ({"scenarios": ...}, "scenarios: missing"),
    ({"entrants": []}, "entrants: nobody competes; write agents such as scripted-attacker"),
    ({"scenarios": []}, "scenarios: nowhere to play; write scenarios such as one_network"),
    ({"entrants": "random-attacker"},
     "entrants: expected a list such as [scripted-attacker, scripted-defender], got 'random-attacker'"),
    ({"scenarios": "two_networks"},
     "scenarios: expected a list such as [two_networks_tiny, two_networks], got 'two_networks'"),
    ({"game": 3}, "game: unknown key; nearest: games"),
    ({"games": 0}, f"games: 0 is not a whole number from 1 to {MAX_GAMES}"),
    ({"games": 600_000}, f"games: 600000 make a cup of 1200000 games, more than {MAX_GAMES}"),
    ({"seed": -1}, f"seed: -1 is not a whole number from 0 to {2**64 - 1}"),
    ({"max_steps": 0}, f"max_steps: 0 is not a whole number from 1 to {1 << 31}"),
    ({"forfeits": 1.5}, "forfeits: 1.5 is not a whole number from 0 to 1000000"),
    ({"name": "a\tb"}, "name: 'a\\tb' is not one line of printable text"),
    ({"name": " a"}, "name: a name has printable characters only, not ' a'"),
    ({"clock": 10}, "clock: expected a mapping, got 10"),
    ({"clock": {"move": 10}}, "clock.move: unknown key; nearest: move_s"),
    ({"clock": {"move_s": 0}}, "clock.move_s: 0 is not more than 0 seconds"),
    ({"clock": {"episode_s": "60s"}}, "clock.episode_s: '60s' is not a number"),
    ({"format": "swis"}, "format: 'swis' is no format; nearest: swiss"),
    ({"format": 5}, "format: 5 is no format; known: round-robin, swiss, gauntlet, compare"),
    ({"format": {"swiss": {}, "gauntlet": {}}},
     "format: names 2 formats; one of round-robin, swiss, gauntlet, compare"),
    ({"format": {"swiss": {"round": 3}}}, "format.swiss.round: unknown key; nearest: rounds"),
    ({"format": {"swiss": {"rounds": 0}}}, "format.swiss.rounds: 0 is not a whole number from 1 to 1000"),
    ({"format": {"round-robin": {"games": 5}}}, "format.round-robin.games: unknown key"),
    ({"format": "gauntlet"},
     "format: a gauntlet has a hero, who meets all others: write {gauntlet: {hero: NAME}}"),
    ({"format": {"gauntlet": {"hero": "random-atacker"}}},
     "format.gauntlet.hero: no entrant is called 'random-atacker'; nearest: random-attacker"),
    ({"format": {"gauntlet": {"hero": "random-attacker"}}},
     "entrants: 'scripted-attacker' has no game with the hero, 'random-attacker': "
     "nobody in it plays the other role"),
    ({"format": "swiss", "entrants": ["random-attacker", "scripted-attacker"]},
     "format: swiss: nobody defends, so that nobody meets; write round-robin"),
    ({"entrants": ["scripted-defender"]}, "entrants: nobody attacks; there is no game without an attacker"),
    ({"entrants": [TEAM]}, "entrants: 't' has no game: nobody in it plays the other role"),
    ({"entrants": ["random-atacker"]}, "entrants[0]: there is no agent 'random-atacker'"),
    ({"entrants": ["random-attacker"] * 2},
     "entrants[1]: another entrant is called 'random-attacker' too; give each a name of its own"),
    ({"entrants": ["office-benign"]},
     "entrants[0]: 'office-benign' plays Benign, and only Attacker and Defender compete"),
    ({"entrants": ["my agents:Fox"]}, "entrants[0]: 'my agents:Fox' is not of the form module:Class"),
    ({"entrants": [5]}, f"entrants[0]: 5 is neither an agent nor a mapping with {WHO}"),
    ({"entrants": [{"name": "x"}]}, f"entrants[0]: nobody plays; write {WHO}"),
    ({"entrants": [{"name": "x", "agent": "random-attacker", "key": "x"}]},
     "entrants[0]: has agent and key, of which one is enough"),
    ({"entrants": [{"nam": "x", "agent": "random-attacker"}]}, "entrants[0].nam: unknown key; nearest: name"),
    ({"entrants": [{"agent": "random-attacker", "role": "Defender"}]},
     "entrants[0].agent: 'random-attacker' plays Attacker, not Defender"),
    ({"entrants": [{"agent": "random-attacker", "role": "Atacker"}]},
     "entrants[0].role: 'Atacker' is not a role that competes; nearest: Attacker"),
    ({"entrants": [{"agent": "random-attacker", "roles": ["Attacker", "Benign"]}]},
     "entrants[0].roles[1]: 'Benign' is not a role that competes; known: Attacker, Defender"),
    ({"entrants": [{"agent": "random-attacker", "roles": []}]},
     "entrants[0].roles: names no role; roles that compete: Attacker, Defender"),
    ({"entrants": [{"agent": "random-attacker", "role": "Attacker", "roles": ["Attacker"]}]},
     "entrants[0].roles: is there beside role; write one of them"),
    ({"entrants": [{**TEAM, "role": "Attacker"}]},
     "entrants[0].role: has no place beside attacker and defender, which say it all"),
    ({"entrants": [{**TEAM, "command": "x"}]},
     "entrants[0].command: has no place beside attacker and defender, which say it all"),
    ({"entrants": [{**TEAM, "attacker": "scripted-defender"}]},
     "entrants[0].attacker: 'scripted-defender' plays Defender, not Attacker"),
    ({"entrants": [{**TEAM, "defender": {}}]}, f"entrants[0].defender: nobody plays; write {WHO}"),
    ({"entrants": [{**TEAM, "defender": {"agent": "scripted-defendr"}}]},
     "entrants[0].defender: there is no agent 'scripted-defendr'"),
    ({"entrants": [{"attacker": "random-attacker"}]}, "entrants[0].name: missing"),
    ({"entrants": [{"role": "Attacker", "command": "x"}]}, "entrants[0].name: missing"),
    ({"entrants": [{"name": "x", "command": "x"}]},
     "entrants[0].role: missing; one or both of Attacker, Defender"),
    ({"entrants": [{"key": "ann"}]}, "entrants[0].role: missing; one or both of Attacker, Defender"),
    ({"entrants": [{"name": "x", "role": "Attacker", "command": "python 'x"}]},
     "entrants[0].command: \"python 'x\" is no command line: No closing quotation"),
    ({"entrants": [{"name": "x", "role": "Attacker", "command": " "}]},
     "entrants[0].command: ' ' names no program to run"),
    ({"entrants": [{"name": "x", "role": "Attacker", "command": []}]},
     "entrants[0].command: a list names no program to run"),
    ({"entrants": [{"name": "x", "role": "Attacker", "command": ["sleep", 5]}]},
     "entrants[0].command[1]: 5 is not text: put it in quotes"),
    ({"entrants": [{"name": "x", "role": "Attacker", "command": {"a": "b"}}]},
     "entrants[0].command: expected a list such as [python, my_agent.py], got a mapping"),
    ({"ruleset": "siege1"}, "ruleset: 'siege1' is not one of netsecgame, siege-1"),
    ({"ruleset": 1}, "ruleset: 1 is not one of netsecgame, siege-1"),
    ({"stop": 5}, "stop: expected a mapping, got 5"),
    ({"stop": {}}, "stop.within: missing"),
    ({"stop": {"within": 0}}, "stop.within: 0 is not above 0 and at most 1000"),
    ({"stop": {"within": "40"}}, "stop.within: '40' is not a number"),
    ({"stop": {"whitin": 40}}, "stop.whitin: unknown key; nearest: within"),
    ({"format": "compare"},
     "format: a comparison is one of two entrants: write {compare: {a: NAME, b: NAME}}"),
    ({"format": {"compare": {"a": "scripted-attacker", "b": "random-atacker"}}},
     "format.compare.b: no entrant is called 'random-atacker'; nearest: random-attacker"),
    ({"format": {"compare": {"a": "scripted-attacker", "b": "scripted-attacker"}}},
     "format.compare: 'scripted-attacker' is compared with itself; name two entrants"),
    ({"format": {"compare": {"a": "scripted-attacker", "b": "scripted-defender"}}},
     "format.compare: 'scripted-attacker' plays Attacker only, 'scripted-defender' Defender only: "
     "they share no role"),
    ({"format": {"compare": {"a": "scripted-attacker", "b": "random-attacker", "elo1": -3}}},
     "format.compare.elo1: -3 is not at least 0.1 above elo0, 0"),
    ({"format": {"compare": {"a": "scripted-attacker", "b": "random-attacker", "alpha": "x"}}},
     "format.compare.alpha: 'x' is not a number"),
    ({"format": {"compare": {"a": "scripted-attacker", "b": "random-attacker"}}, "stop": {"within": 9}},
     "stop: a comparison stops by its own test"),
    ({"format": {"compare": {"a": "scripted-attacker", "b": "random-attacker"}},
      "entrants": ["scripted-attacker", "random-attacker", "scripted-defender",
                   "scripted-attacker,epsilon=1"]},
     "entrants: 'scripted-attacker,epsilon=1' has no game: it is not one whom 'scripted-attacker' and "
     "'random-attacker' can be compared against"),
    ({"entrants": [{"key": "ann", "role": "Attacker", "cpu_s": 5}]},
     "entrants[0].cpu_s: has no effect: remote agents run as their owners let them"),
    ({"entrants": [{"key": "ann", "role": "Attacker"}, {"name": "b", "key": "ann", "role": "Defender"}]},
     "entrants[1]: the key 'ann' is that of 'ann' already; a key is one entrant's"),
    ({"entrants": [{"agent": "random-attacker", "seats": 0}]},
     "entrants[0].seats: 0 is not a whole number from 1 to 4096"),
    ({"entrants": [{"agent": "random-attacker", "memory_mb": 1}]},
     "entrants[0].memory_mb: 1 is not a whole number from 32 to 16777216"),
    ({"entrants": [{"agent": "random-attacker", "cpu_s": -1}]},
     "entrants[0].cpu_s: -1 is not more than 0 seconds"),
    ({"entrants": [f"random-attacker,a={i}" for i in range(257)]},
     "entrants: 257 entries are more than 256"),
    ({"scenarios": ["two_netwroks"]},
     "scenarios[0]: there is no scenario called 'two_netwroks'; nearest: two_networks"),
    ({"scenarios": [{"task": "two_netwroks"}]},
     "scenarios[0].task: there is no task called 'two_netwroks'; nearest: two_networks"),
    ({"scenarios": [3]}, "scenarios[0]: 3 is neither a scenario nor a mapping with scenario, task or suite"),
    ({"scenarios": [{"label": "x"}]},
     "scenarios[0]: has neither scenario, task nor suite; known: one_network, scenario1, scenario1_small, "
     "scenario1_tiny, three_net_scenario, two_networks, two_networks_small, two_networks_tiny"),
    ({"scenarios": [{"suite": "unsen-100"}]},
     "scenarios[0].suite: there is no suite called 'unsen-100'; nearest: unseen-100"),
    ({"scenarios": [{"suite": 100}]}, "scenarios[0].suite: 100 is not text: put it in quotes"),
    ({"scenarios": [{"suite": "unseen-30", "count": 31}]},
     "scenarios[0].count: 31 is not a whole number from 1 to 30"),
    ({"scenarios": [{"suite": "unseen-30", "scenario": "two_networks"}]},
     "scenarios[0].scenario: there is a suite too, which has scenarios and tasks of its own: write one"),
    ({"scenarios": [{"scenario": "two_networks", "count": 3}]},
     "scenarios[0].count: counts the networks of a suite, and there is none here"),
    ({"scenarios": ["two_networks", "two_networks"]},
     "scenarios[1]: another scenario has the label 'two_networks' too; give each its own label"),
    ({"scenarios": [{"scenario": "two_networks", "readdresed": True}]},
     "scenarios[0].readdresed: unknown key; nearest: readdressed"),
    ({"scenarios": [{"scenario": "two_networks", "unseen": "maybe"}]},
     "scenarios[0].unseen: 'maybe' is not true or false"),
    ({"scenarios": [{"scenario": "two_networks", "label": ""}]},
     "scenarios[0].label: '' is not one line of printable text"),
    ({"scenarios": [{"scenario": "two_networks", "benign": ["random-attacker"]}]},
     "scenarios[0].benign[0]: 'random-attacker' plays Attacker, not Benign"),
    ({"scenarios": [{"scenario": "two_networks", "benign": ["office-bening"]}]},
     "scenarios[0].benign[0]: there is no agent 'office-bening'"),
    ({"scenarios": ["nets/none.yaml"]}, "scenarios[0]: 'nets/none.yaml': no such file"),
    ({"scenarios": ["./"]}, "scenarios[0]: './': is a directory, not a file"),
    ({"scenarios": ["./pipe"]}, "scenarios[0]: './pipe': is no file"),
    ({"scenarios": ["./" + "x" * 300]}, "scenarios[0]: './" + "x" * 53 + "...': no such file"),
    ({"scenarios": ["task.yaml"]}, "scenarios[0]: its task has no Defender: nobody can play that role there"),
    ({"scenarios": ["task.yaml"], "entrants": ["random-attacker"]},
     "scenarios[0]: its task lets attackers play on without end; write max_steps in the cup"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), PROBLEMS)
def test_mistakes_are_told_with_their_place(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(SMALL_TASK))
    os.mkfifo(tmp_path / "pipe")
    assert said in problems_of(tmp_path, document(**changes))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    content = document(
        entrants=["nobody", {"agent": "random-attacker", "role": "Defender"}, {"key": "ann", "seats": 0}],
        scenarios=["nowhere", {"scenario": "two_networks", "benign": "nobody"}],
        games="many",
        format={"swiss": {"rounds": -1}},
        clock={"move_s": -1},
        colour="red",
    )
    assert [line.split(": ")[0] for line in problems_of(tmp_path, content)] == [
        "colour", "entrants[0]", "entrants[1].agent", "entrants[2].role", "entrants[2].seats", "scenarios[0]",
        "scenarios[1].benign", "clock.move_s", "format.swiss.rounds", "games",
    ]  # fmt: skip


def test_command_line_in_the_place_of_an_agent_gets_advice(tmp_path: Path) -> None:
    assert problems_of(tmp_path, document(entrants=["python my_agent.py"])) == [
        "entrants[0]: there is no agent 'python my_agent.py'",
        "entrants[0]: a command line is written {name: NAME, role: Attacker, command: COMMAND LINE}",
    ]


def test_mistakes_in_a_scenario_are_told_with_the_file_and_the_place_in_the_cup(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("networks: {a: 192.168.1.0/33}\nhosts: {}\n")
    lines = problems_of(tmp_path, document(scenarios=["bad.yaml"]))
    assert lines
    assert all(line.startswith(f"scenarios[0]: {bad}: ") for line in lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("- a", "expected a mapping, got a list"),
        (THREE + "games: 3\n", "games: written twice, on lines 4 and 5"),
        (THREE + "seed: !!int 3\n", "seed: line 5: tags such as '!!int' are refused"),
    ],
)
def test_what_is_no_cup_at_all_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in problems_of(tmp_path, text)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: no such file"):
        load_cup(tmp_path / "none.yaml", roles_of)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
        | st.sampled_from(["two_networks", "random-attacker", "my_agents:Fox", "swiss", "a.yaml", "a/b"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["entrants", "scenarios", "scenario", "task", "name", "agent", "attacker", "role",
                             "command", "key", "format", "swiss", "gauntlet", "hero", "clock", "move_s",
                             "benign", "label", "games", "seats"]),
            inner, max_size=4,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_whatever_a_file_holds_is_a_cup_or_an_error_of_configuration(value: Any) -> None:
    try:
        cup = make_cup(value, roles_of).cup
    except ConfigError as error:
        assert error.problems
    else:
        assert not list(inconsistencies(cup))


# -- options


def test_options_replace_games_and_seed() -> None:
    cup = make_cup(document(), roles_of).cup
    other = changed(cup, games=3, seed=9)
    assert (other.format.games, other.seed) == (3, 9)
    assert changed(cup) == cup


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"games": 0}, f"options: games: 0 is not a whole number from 1 to {MAX_GAMES}"),
        ({"seed": 2**64}, f"options: seed: {2**64} is not a whole number from 0 to {2**64 - 1}"),
        ({"games": 600_000}, f"options: games: 600000 make a cup of 1200000 games, more than {MAX_GAMES}"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        changed(make_cup(document(), roles_of).cup, **options)
    assert str(caught.value) == said


# -- JSON

words = st.text(max_size=8)
players = (
    st.builds(Player, agent=words)
    | st.builds(Player, command=st.lists(words, min_size=1, max_size=3).map(tuple))
    | st.builds(Player, key=words)
)
roles = st.sampled_from([(ATTACKER,), (DEFENDER,), (ATTACKER, DEFENDER)])
entrants = st.builds(
    lambda name, roles_, player, seats, cpu_s, memory_mb: Entrant(
        name, tuple((role, player) for role in roles_), seats, cpu_s, memory_mb
    ),
    words,
    roles,
    players,
    st.integers(1, 4096),
    st.none() | st.floats(0.1, 1e6),
    st.none() | st.integers(32, 4096),
)
grounds = st.builds(
    Ground,
    words,
    st.none() | words,
    st.none() | words,
    st.booleans(),
    st.booleans(),
    st.lists(words, max_size=2).map(tuple),
)
cups = st.builds(
    Cup,
    words,
    st.lists(entrants, min_size=1, max_size=4).map(tuple),
    st.lists(grounds, min_size=1, max_size=2).map(tuple),
    st.builds(Format, st.sampled_from([ROUND_ROBIN, SWISS]), st.integers(1, 50), rounds=st.integers(0, 5)),
    st.integers(0, 2**64 - 1),
    st.none() | st.integers(1, 1000),
    st.floats(0.1, 100),
    st.none() | st.floats(0.1, 100),
    st.integers(0, 10),
    st.none() | st.floats(0.1, 1000),
).filter(lambda cup: not list(inconsistencies(cup)))


@given(cups)
def test_cup_comes_back_from_json(cup: Cup) -> None:
    assert cup_from_plain(json.loads(json.dumps(cup_to_plain(cup)))) == cup


def plain_with(**changes: Any) -> dict[str, Any]:
    return {**cup_to_plain(make_cup(document(), roles_of).cup), **changes}


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ([], "cup.json: is no cup"),
        ("x", "cup.json: is no cup"),
        ({}, "cup.json: is no cup"),
        (plain_with(colour="red"), "colour"),
        (plain_with(seed="7"), "'7' is no int"),
        (plain_with(seed=True), "True is no int"),
        (plain_with(seed=2**64), "cup.json: seed: "),
        (plain_with(entrants=[]), "cup.json: entrants: nobody attacks"),
        (plain_with(format={"kind": "knockout", "games": 3, "hero": "", "rounds": 0}),
         "cup.json: format: 'knockout' is no format"),
        (plain_with(format={"kind": GAUNTLET, "games": 3, "hero": "", "rounds": 0}),
         "cup.json: format.gauntlet.hero: missing"),
        (plain_with(format={"kind": SWISS, "games": 3, "hero": "", "rounds": -1}), "cup.json: format"),
        (plain_with(within=-1.0), "cup.json: stop.within: -1 is not above 0"),
        (plain_with(format={"kind": "compare", "games": 3, "a": "scripted-attacker"}),
         "cup.json: format.compare.b: missing"),
        (plain_with(grounds=[]), "cup.json: scenarios: nowhere to play"),
        (plain_with(grounds=plain_with()["grounds"] * 2), "cup.json: scenarios: two have the same label"),
        (plain_with(entrants=plain_with()["entrants"] * 2), "cup.json: entrants: two have the same name"),
    ],
)  # fmt: skip
def test_json_that_is_no_cup_is_refused(plain: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cup_from_plain(plain, "cup.json")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", ".hidden", "-rf", "a/b", "..", "."])
def test_folder_of_a_cup_is_in_cups_whatever_its_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = new_folder(name)
    assert folder.parent == Path("cups")
    assert folder.name[0].isalnum() or folder.name[0] == "_"
    folder.mkdir(parents=True)
    assert new_folder(name).name == f"{folder.name}-2"


def test_cup_in_a_store_is_no_larger_than_one_in_a_file():
    """Each limit of a list is asked of a cup that comes from elsewhere, before its schedule is worked out."""
    cup = cup_of("B" * 257)
    assert ("entrants", "there are 257 of them, more than 256") in list(inconsistencies(cup))
    cup = cup_of("BB", grounds=65)
    assert ("scenarios", "there are 65 of them, more than 64") in list(inconsistencies(cup))
