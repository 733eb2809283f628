"""What task files and options say about the rules of `siege-1`."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import ConfigError
from netsiege.game.action import PLAYED
from netsiege.scenarios import RULESETS, Spec, load_spec, load_task
from netsiege.scenarios.model import SiegeRules
from tests.scenarios.task_documents import changed, problems_of, warnings_of, written

ACTIONS = [kind.value for kind, _ in PLAYED]
SWITCHES = ("success", "vulnerabilities", "credentials", "sensor", "responses", "users", "scores")
NO_MEANING = "rules: has no meaning with ruleset: netsecgame; write ruleset: siege-1"


def siege(rules: Any = ..., **at: Any) -> dict[str, Any]:
    return changed(ruleset="siege-1", **({} if rules is ... else {"rules": rules}), **at)


def rules_of(folder: Path, document: Any) -> SiegeRules | None:
    return load_task(written(folder, document)).rules


# --- switches and numbers -----------------------------------------------------------------------------------


def test_task_of_siege_has_all_rules_on_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert rules_of(tmp_path, siege()) == SiegeRules()
    assert rules_of(tmp_path, siege({})) == SiegeRules()
    assert rules_of(tmp_path, changed()) is None
    assert rules_of(tmp_path, changed(ruleset="netsecgame")) is None


def test_every_rule_can_be_switched_off_alone_and_with_others(tmp_path: Path) -> None:
    assert tuple(each.name for each in attrs.fields(SiegeRules))[: len(SWITCHES)] == SWITCHES
    for count in (1, 2, len(SWITCHES)):
        for off in itertools.combinations(SWITCHES, count):
            spec = load_spec(ruleset="siege-1", rules=dict.fromkeys(off, False))
            assert spec.task.rules == SiegeRules(**dict.fromkeys(off, False))
    assert rules_of(tmp_path, siege(dict.fromkeys(SWITCHES, True))) == SiegeRules()


def test_rules_may_have_numbers(tmp_path: Path) -> None:
    rules = {
        "success": {"ResetCredentials": 0, "ExploitService": 0.5, "ScanNetwork": 1},
        "sensor": {"false_alerts": 0.25},
        "users": {"disruption": -2},
    }
    assert rules_of(tmp_path, siege(rules)) == SiegeRules(
        chances=(("ScanNetwork", 1.0), ("ExploitService", 0.5), ("ResetCredentials", 0.0)),
        false_alerts=0.25,
        disruption=-2,
    )
    assert rules_of(tmp_path, siege({"success": {}, "sensor": {}, "users": {}})) == SiegeRules()


@given(st.dictionaries(st.sampled_from(ACTIONS), st.floats(0, 1)), st.floats(0, 1), st.floats(-1e6, 0))
def test_any_rules_travel_in_a_spec_and_equal_ones_as_equal_bytes(
    chances: dict[str, float], false_alerts: float, disruption: float
) -> None:
    rules = {
        "success": chances,
        "sensor": {"false_alerts": false_alerts},
        "users": {"disruption": disruption},
    }
    spec = load_spec(ruleset="siege-1", rules=rules)
    assert spec.task.rules is not None
    assert dict(spec.task.rules.chances) == chances
    assert Spec.from_bytes(spec.to_bytes()) == spec
    backwards = {"success": dict(reversed(chances.items()))}
    assert load_spec(ruleset="siege-1", rules=rules | backwards).to_bytes() == spec.to_bytes()


def test_rules_take_no_bytes_where_they_are_as_by_default() -> None:
    plain = json.loads(load_spec(ruleset="siege-1", rules={"scores": False}).to_bytes())["task"]
    assert plain["rules"] == {"scores": False}
    assert json.loads(load_spec(ruleset="siege-1").to_bytes())["task"]["rules"] == {}
    assert "rules" not in json.loads(load_spec().to_bytes())["task"]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (True, "rules: expected a mapping, got True"),
        ({"sensors": False}, "rules.sensors: unknown key; nearest: sensor"),
        ({"chances": []}, "rules.chances: unknown key; known: " + ", ".join(SWITCHES)),
        ({"scores": 1}, "rules.scores: 1 is not true or false"),
        ({"scores": {}}, "rules.scores: a mapping is not true or false"),
        ({"sensor": 0.5}, "rules.sensor: 0.5 is not true, false or a mapping"),
        ({"success": {"ExploitServices": 1}},
         "rules.success.ExploitServices: unknown key; nearest: ExploitService"),
        ({"success": {"JoinGame": 1}}, "rules.success.JoinGame: unknown key"),
        ({"success": {"BlockIP": 1.5}}, "rules.success.BlockIP: 1.5 is not a probability from 0 to 1"),
        ({"success": {"BlockIP": "often"}}, "rules.success.BlockIP: 'often' is not a number"),
        ({"success": {"BlockIP": True}}, "rules.success.BlockIP: True is not a number"),
        ({"sensor": {"false_alerts": -1}},
         "rules.sensor.false_alerts: -1 is not a probability from 0 to 1"),
        ({"sensor": {"rate": 1}}, "rules.sensor.rate: unknown key; known: false_alerts"),
        ({"users": {"disruption": 1}},
         "rules.users.disruption: 1 is more than 0: it is a cost, and would be a reward"),
        ({"users": {"disruption": -1e308}},
         f"rules.users.disruption: -1e+308 is not between -{1 << 53} and {1 << 53}"),
        ({"users": {"disruptions": 1}}, "rules.users.disruptions: unknown key; nearest: disruption"),
    ],
)  # fmt: skip
def test_mistake_in_the_rules_is_named(tmp_path: Path, rules: Any, said: str) -> None:
    assert problems_of(tmp_path, siege(rules)) == [said]


def test_mistakes_in_the_rules_are_all_named_with_the_others(tmp_path: Path) -> None:
    document = siege({"success": {"X": 1}, "sensor": {"false_alerts": 2}}, pacing="fast")
    assert problems_of(tmp_path, document) == [
        "pacing: 'fast' is not one of realtime, rounds",
        "rules.success.X: unknown key",
        "rules.sensor.false_alerts: 2 is not a probability from 0 to 1",
    ]


def test_rules_without_the_ruleset_are_a_problem(tmp_path: Path) -> None:
    assert problems_of(tmp_path, changed(rules={"sensor": False})) == [NO_MEANING]
    assert problems_of(tmp_path, changed(rules={}, ruleset="netsecgame")) == [NO_MEANING]
    assert problems_of(tmp_path, changed(rules={}, ruleset="siege")) == [
        f"ruleset: 'siege' is not one of {', '.join(RULESETS)}"
    ]


def test_numbers_that_make_no_sense_cannot_be_in_rules() -> None:
    for wrong in ({"false_alerts": 1.1}, {"disruption": 0.1}, {"chances": (("BlockIP", -0.1),)}):
        with pytest.raises(ValueError, match=r"."):
            SiegeRules(**wrong)  # type: ignore[arg-type]  # mypy takes all values for one type


# --- NetSecGame's probabilities -----------------------------------------------------------------------------


def probabilities(**by_action: Any) -> dict[str, Any]:
    return {action: {"prob_success": value} for action, value in by_action.items()}


def test_probabilities_of_netsecgame_are_chances_under_siege(tmp_path: Path) -> None:
    actions = probabilities(
        scan_network=0.9,
        find_services=1,
        exploit_service=0.5,
        find_data=0.25,
        exfiltrate_data=0,
        block_ip=1.0,
    )
    document = siege(env__actions=actions)
    assert rules_of(tmp_path, document) == SiegeRules(
        chances=(
            ("ScanNetwork", 0.9),
            ("FindServices", 1.0),
            ("FindData", 0.25),
            ("ExploitService", 0.5),
            ("ExfiltrateData", 0.0),
            ("BlockIP", 1.0),
        )
    )
    assert warnings_of(tmp_path, document) == []
    plural = siege(env__actions=probabilities(exploit_services=0.5))
    assert rules_of(tmp_path, plural) == SiegeRules(chances=(("ExploitService", 0.5),))


def test_rules_count_before_probabilities_of_netsecgame(tmp_path: Path) -> None:
    document = siege(
        {"success": {"ExploitService": 0.4}},
        env__actions=probabilities(exploit_service=0.5, block_ip=0.6),
    )
    rules = rules_of(tmp_path, document)
    assert rules == SiegeRules(chances=(("ExploitService", 0.4), ("BlockIP", 0.6)))


def test_what_is_odd_about_probabilities_of_netsecgame_is_said(tmp_path: Path) -> None:
    actions = {
        **probabilities(find_dta=0.5, block_ip=1),
        "scan_network": {"prob_success": 1, "prob_detection": 1},
        "find_data": 1,
    }
    assert warnings_of(tmp_path, siege(env__actions=actions)) == [
        "env.actions.find_dta.prob_success: no such action, has no effect; nearest: find_data",
        "env.actions.scan_network.prob_detection: has no effect",
        "env.actions.find_data: has no effect",
    ]
    assert problems_of(tmp_path, siege(env__actions=probabilities(find_data=7, block_ip="x"))) == [
        "env.actions.find_data.prob_success: 7 is not a probability from 0 to 1",
        "env.actions.block_ip.prob_success: 'x' is not a number",
    ]


# --- rulesets by option -------------------------------------------------------------------------------------


def test_ruleset_by_option_takes_what_the_file_says_as_far_as_it_counts(tmp_path: Path) -> None:
    plain = written(tmp_path, changed(env__actions=probabilities(block_ip=0.5)), "plain.yaml")
    assert load_spec(plain, ruleset="siege-1").task.rules == SiegeRules(chances=(("BlockIP", 0.5),))
    assert load_spec(plain).task.rules is None
    other = written(tmp_path, siege({"sensor": False}), "siege.yaml")
    assert load_spec(other).task.rules == load_spec(other, ruleset="siege-1").task.rules
    assert load_spec(other, rules={"users": False}).task.rules == SiegeRules(users=False)
    assert load_spec(other, ruleset="netsecgame").task.rules is None


def test_rules_by_option_are_checked_against_the_ruleset_that_results(tmp_path: Path) -> None:
    def said(**options: Any) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            load_spec(**options)
        return caught.value.problems

    assert said(rules={"sensor": False}) == (f"options: {NO_MEANING}",)
    path = written(tmp_path, siege())
    assert said(task=path, ruleset="netsecgame", rules={}) == (f"options: {NO_MEANING}",)
    assert said(ruleset="siege") == ("options: ruleset: 'siege' is not one of netsecgame, siege-1",)
    assert said(ruleset="siege-1", rules={"sensor": 5}) == (
        "options: rules.sensor: 5 is not true, false or a mapping",
    )


def test_scenario_without_a_task_can_be_played_by_siege(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "networks: {a: 10.0.0.0/24}\n"
        "hosts:\n"
        "  first: {ip: 10.0.0.2, start: true}\n"
        "  other: {ip: 10.0.0.3, services: {ssh: {version: 8.1.0, data: [[ann, letter]]}}}\n"
    )
    spec = load_spec(scenario=str(path), ruleset="siege-1")
    assert spec.task.rules == SiegeRules()
    assert [each.cve for each in spec.topology.hosts[1].services[0].vulnerabilities] == ["CVE-2023-38408"]


def test_task_that_extends_one_of_siege_changes_single_rules(tmp_path: Path) -> None:
    written(tmp_path, siege({"sensor": False, "success": {"BlockIP": 0.5}}), "base.yaml")
    document = {"extends": "base.yaml", "rules": {"sensor": None, "success": {"FindData": 0.1}}}
    rules = load_task(written(tmp_path, document)).rules
    assert rules == SiegeRules(chances=(("FindData", 0.1), ("BlockIP", 0.5)))
