"""Cups by another ruleset than that of their tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from netsiege.agents.registry import describe_agent
from netsiege.errors import ConfigError
from netsiege.hub.tournament.cup import load_cup as read_cup
from netsiege.hub.tournament.grounds import spec_of
from netsiege.hub.tournament.model import Cup
from netsiege.hub.tournament.plain import cup_from_plain, cup_to_plain, dump_cup, load_cup
from netsiege.hub.tournament.words import say_cup
from netsiege.scenarios.model import NETSECGAME, SIEGE, SiegeRules
from tests.commands import command
from tests.tournament.running import run

CUP = """
entrants: [scripted-attacker, random-attacker, responder, scripted-defender]
scenarios: [two_networks_tiny, {suite: unseen-100, count: 2, benign: [office-benign]}]
ruleset: siege-1
games: 3
max_steps: 40
"""


def roles_of(agent: str) -> tuple[str, ...]:
    return tuple(role.value for role in describe_agent(agent).plays)


def cup_of(folder: Path, text: str = CUP) -> Cup:
    path = folder / "cup.yaml"
    path.write_text(text)
    return read_cup(path, roles_of).cup


def test_all_grounds_of_a_cup_are_played_by_its_ruleset(tmp_path: Path) -> None:
    cup = cup_of(tmp_path)
    for number, ground in enumerate(cup.grounds):
        spec = spec_of(cup, ground, number)
        assert (spec.task.ruleset, spec.task.rules) == (SIEGE, SiegeRules())
        assert any(service.vulnerabilities for host in spec.topology.hosts for service in host.services)
        usual = spec_of(evolve(cup, ruleset=None), ground, number)
        assert (usual.task.ruleset, usual.task.rules) == (NETSECGAME, None)


def test_task_keeps_its_own_ruleset_and_rules_unless_the_cup_has_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: two_networks_tiny\nruleset: siege-1\nrules: {users: false}\n"
    )
    text = CUP.replace("two_networks_tiny", "{task: mine.yaml}")
    kept = cup_of(tmp_path, text.replace("ruleset: siege-1\n", ""))
    assert spec_of(kept, kept.grounds[0]).task.rules == SiegeRules(users=False)
    other = cup_of(tmp_path, text.replace("siege-1", "netsecgame"))
    assert spec_of(other, other.grounds[0]).task.rules is None


def test_kept_cup_has_its_ruleset_and_an_older_one_has_none(tmp_path: Path) -> None:
    cup = cup_of(tmp_path)
    assert load_cup(dump_cup(cup)) == cup
    plain = cup_to_plain(cup)
    del plain["ruleset"]
    assert cup_from_plain(plain) == evolve(cup, ruleset=None)
    with pytest.raises(ConfigError, match="cup: ruleset: 'siege-2' is no ruleset; nearest: siege-1"):
        cup_from_plain(plain | {"ruleset": "siege-2"})


def test_ruleset_that_is_none_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        cup_of(tmp_path, CUP.replace("siege-1", "seige-1"))
    [problem] = caught.value.problems
    assert problem.endswith("cup.yaml: ruleset: 'seige-1' is not one of netsecgame, siege-1")


def test_page_and_terminal_tell_the_ruleset(tmp_path: Path) -> None:
    cup = cup_of(tmp_path)
    assert any(said.startswith("By the ruleset siege-1. A move may take") for said in say_cup(cup))
    assert not any("ruleset" in said for said in say_cup(evolve(cup, ruleset=None)))


@pytest.mark.soak
def test_cup_by_another_ruleset_is_played_verified_and_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "cup.yaml").write_text(CUP)
    done = run("run", "cup.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    games = len((out / "results.csv").read_text().splitlines()) - 1
    assert command("tournament", "verify", out).stdout == f"{games} replays come out as the tables say\n"
    assert json.loads((out / "cup.json").read_text())["ruleset"] == SIEGE
    again = run("run", out / "cup.json", "--out", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / "results.csv").read_bytes() == (out / "results.csv").read_bytes()
    # what was played by one ruleset does not come out by another
    store = out / "cup.json"
    store.write_text(store.read_text().replace('"ruleset":"siege-1"', '"ruleset":null'))
    other = run("run", store, "--out", "other", cwd=tmp_path)
    assert other.returncode == 0, other.stderr
    assert (tmp_path / "other" / "results.csv").read_bytes() != (out / "results.csv").read_bytes()
