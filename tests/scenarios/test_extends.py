"""Scenarios and tasks that extend others: what comes out, and what is said when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.errors import ConfigError
from netsiege.scenarios import bundled, check_file, load_spec, load_task_file, load_topology
from netsiege.scenarios.extends import MAX_BASES, derived
from netsiege.scenarios.model import DataItem, Host, Rule, View
from netsiege.scenarios.reading import Place, Report
from netsiege.scenarios.source import parse
from netsiege.scenarios.topology import read_topology

BASE = """
description: Two desks and two servers.
networks: {servers: 10.0.0.0/24, desks: 10.0.1.0/24, internet: 8.8.8.0/24}
hosts:
  files:
    ip: 10.0.0.2
    services:
      smb: {version: 1.0, data: [[ann, gold], {owner: ann, id: gold, type: txt}, [ben, plans]]}
      ssh: {version: "8"}
      sh: {local: true}
  mail: {ip: [10.0.0.3, 10.0.0.4], services: [{name: smtp, version: "2"}, {name: imap}]}
  desk_1: {ip: 10.0.1.2, start: true}
  desk_2: {ip: 10.0.1.3, start: true}
  lair: {ip: 8.8.8.8}
routers:
  router: {ip: [10.0.0.1, 10.0.1.1]}
firewall:
  - {from: [desk_1, desk_2], to: [files, mail]}
  - {from: 10.0.1.3, to: servers}
  - {from: desks, to: 10.0.0.2}
""".replace("1.0,", "'1.0',")
TASK = """
seats: {Attacker: 1, Defender: 1}
coordinator:
  agents:
    Attacker:
      max_steps: 40
      goal: {description: Gold, known_data: {8.8.8.8: [[ben, plans]]}}
      start_position: {controlled_hosts: [8.8.8.8, random]}
    Defender:
      start_position: {controlled_hosts: [all_local]}
      goal: {known_blocks: {8.8.8.8: all_attackers}}
env: {scenario: base.yaml, random_seed: 3, rewards: {success: 1, step: -1, fail: -2, false_positive: -3}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "task.yaml").write_text(TASK)
    return tmp_path


def written(folder: Path, text: str, name: str = "other.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problems_of(path: Path) -> list[str]:
    """Without the folder."""
    return [line.replace(f"{path.parent}/", "") for line in check_file(path)[0]]


def hosts_of(path: Path) -> dict[str, Host]:
    return {host.name: host for host in load_topology(path).hosts}


def test_file_that_only_extends_is_its_base_under_its_own_name(folder: Path) -> None:
    base = load_topology(folder / "base.yaml")
    assert load_topology(written(folder, "extends: base.yaml")) == attrs.evolve(base, name="other")
    named = written(folder, "extends: base.yaml\nname: mine\ndescription: Mine.")
    assert load_topology(named) == attrs.evolve(base, name="mine", description="Mine.")


@pytest.mark.parametrize("name", bundled.scenario_names())
def test_bundled_scenario_can_be_extended_by_name(tmp_path: Path, name: str) -> None:
    base = load_topology(name)
    assert load_topology(written(tmp_path, f"extends: {name}")) == attrs.evolve(base, name="other")


def test_mappings_are_merged_and_other_values_replaced(folder: Path) -> None:
    path = written(
        folder,
        """
        extends: base.yaml
        networks: {lab: 10.0.2.0/24}
        hosts:
          files:
            start: 3
            services: {ssh: {version: "9"}, sh: null, dns: {}}
          mail: {ip: 10.0.0.9, services: {smtp: {version: "3"}, imap: null, pop: {}}}
          desk_2: {services: [{name: vnc}, {name: vnc, version: "2"}]}
          bench: {ip: 10.0.2.2}
        routers: {router: {ip: {add: [10.0.2.1]}}}
        """,
    )
    before, now = hosts_of(folder / "base.yaml"), hosts_of(path)
    assert list(now) == ["files", "mail", "desk_1", "desk_2", "lair", "bench", "router"]
    assert [(s.name, s.version) for s in now["files"].services] == [
        ("smb", "1.0"),
        ("ssh", "9"),
        ("dns", "unknown"),
    ]
    assert now["files"].services[0].data == before["files"].services[0].data
    assert (now["files"].start, now["mail"].addresses) == (3, ("10.0.0.9",))
    assert [(s.name, s.version) for s in now["mail"].services] == [("smtp", "3"), ("pop", "unknown")]
    assert [(s.name, s.version) for s in now["desk_2"].services] == [("vnc", "unknown"), ("vnc", "2")]
    assert now["router"].addresses == ("10.0.0.1", "10.0.1.1", "10.0.2.1")
    assert load_topology(path).networks[-1] == "10.0.2.0/24"


def test_data_are_added_and_removed(folder: Path) -> None:
    change = "{add: [[eve, note]], remove: [[ann, gold, txt], {owner: ben, id: plans}]}"
    path = written(folder, f"extends: base.yaml\nhosts: {{files: {{services: {{smb: {{data: {change}}}}}}}}}")
    data = hosts_of(path)["files"].services[0].data
    assert data == (DataItem("ann", "gold"), DataItem("eve", "note"))
    path = written(
        folder, path.read_text().replace("[ann, gold, txt], {owner: ben, id: plans}", "[ann, gold]")
    )
    assert [item.id for item in hosts_of(path)["files"].services[0].data] == ["plans", "note"]


def test_vulnerabilities_are_added_and_removed_by_their_ids() -> None:
    listed = [{"cve": "CVE-2021-0001", "vector": "any"}, "CVE-2021-0002", "CVE-2021-0003"]
    base = {"hosts": {"a": {"services": {"db": {"vulnerabilities": listed}}}}}
    change = {"remove": ["CVE-2021-0001", {"cve": "CVE-2021-0003"}], "add": ["CVE-2021-0004"]}
    said = {"hosts": {"a": {"services": {"db": {"vulnerabilities": change}}}}}
    report = Report("file")
    document = derived(Place(said, "", report), base, "base")
    report.check()
    service = document["hosts"]["a"]["services"]["db"]
    assert service == {"vulnerabilities": ["CVE-2021-0002", "CVE-2021-0004"]}


def test_removed_host_is_gone_from_the_rules_of_the_base(folder: Path) -> None:
    path = written(folder, "extends: base.yaml\nhosts: {desk_2: null, mail: null}")
    topology = load_topology(path)
    assert topology.rules == (
        Rule("10.0.1.2/32", "10.0.0.2/32"),
        Rule("10.0.1.0/24", "10.0.0.2/32"),
    )


def test_removed_network_is_gone_from_the_rules_of_the_base(folder: Path) -> None:
    text = "extends: base.yaml\nnetworks: {desks: null}\nhosts: {desk_1: null, desk_2: null}\n"
    path = written(folder, f"{text}routers: {{router: {{ip: 10.0.0.1}}}}")
    assert load_topology(path).rules == ()


@pytest.mark.parametrize("removed", ["{from: desk_1, to: files}", "{from: 10.0.1.2, to: [10.0.0.2/32]}"])
def test_rule_is_removed_pair_by_pair_by_name_or_address(folder: Path, removed: str) -> None:
    base, added = load_topology(folder / "base.yaml"), Rule("8.8.8.8/32", "10.0.0.2/32")
    path = written(
        folder,
        f"extends: base.yaml\nfirewall: {{add: [{{from: lair, to: files}}], remove: [{removed}]}}",
    )
    gone = Rule("10.0.1.2/32", "10.0.0.2/32")
    assert load_topology(path).rules == (*(rule for rule in base.rules if rule != gone), added)


def test_part_of_a_host_is_removed_from_a_rule_that_names_it(folder: Path) -> None:
    path = written(folder, "extends: base.yaml\nfirewall: {remove: [{from: [desk_1, desk_2], to: 10.0.0.4}]}")
    rules = load_topology(path).rules
    assert Rule("10.0.1.2/32", "10.0.0.3/32") in rules
    assert not [rule for rule in rules if rule.target == "10.0.0.4/32"]


def test_firewall_is_replaced_by_a_list_and_removed_by_null(folder: Path) -> None:
    path = written(folder, "extends: base.yaml\nfirewall: [{from: lair, to: files}]")
    assert load_topology(path).rules == (Rule("8.8.8.8/32", "10.0.0.2/32"),)
    assert load_topology(written(folder, "extends: base.yaml\nfirewall: null")).rules == ()


def test_rules_follow_a_host_whose_address_changes(folder: Path) -> None:
    path = written(folder, "extends: base.yaml\nhosts: {desk_1: {ip: 10.0.1.7}}")
    assert Rule("10.0.1.7/32", "10.0.0.2/32") in load_topology(path).rules


def test_files_extend_one_another_in_a_row(folder: Path) -> None:
    (folder / "below").mkdir()
    written(folder, "hosts: {desk_1: null}\nextends: base.yaml", "first.yaml")
    second = written(
        folder, "extends: first.yaml\nfirewall: {add: [{from: desk_2, to: lair}]}", "second.yaml"
    )
    third = written(
        folder, "extends: second.yaml\nfirewall: {remove: [{from: desk_2, to: lair}]}", "third.yaml"
    )
    rules = load_topology(folder / "first.yaml").rules
    assert load_topology(second).rules == (*rules, Rule("10.0.1.3/32", "8.8.8.8/32"))
    assert load_topology(third).rules == rules


def test_spec_of_a_derived_scenario_is_that_of_the_same_written_out(folder: Path) -> None:
    path = written(folder, "extends: base.yaml\nhosts: {desk_2: null}")
    whole = yaml.safe_load(BASE)
    del whole["hosts"]["desk_2"], whole["firewall"][1]
    whole["firewall"][0]["from"] = ["desk_1"]
    (folder / "flat").mkdir()
    flat = written(folder / "flat", yaml.safe_dump(whole, sort_keys=False))
    spec = load_spec(scenario=path)
    assert spec == load_spec(scenario=flat)
    assert b"extends" not in spec.to_bytes()
    assert b"base.yaml" not in spec.to_bytes()


MISTAKES: list[tuple[str, list[str]]] = [
    ("extends: bsae.yaml", ["bsae.yaml: no such file"]),
    (
        "extends: two_network",
        ["other.yaml: extends: there is no scenario called 'two_network'; nearest: two_networks"],
    ),
    (
        "extends: ../base.yaml",
        ["other.yaml: extends: '../base.yaml' lies outside of the folder of the scenario"],
    ),
    ("extends: 3", ["other.yaml: extends: 3 is not text: put it in quotes"]),
    ("extends: null", ["other.yaml: extends: nothing is not text"]),
    ("extends: task.yaml", ["task.yaml: is a task, not a scenario"]),
    ("extends: other.yaml", ["other.yaml: extends: goes round in a circle: other.yaml, other.yaml"]),
    (
        "extends: base.yaml\nhosts: {desk_3: null, fiels: {start: true}}",
        [
            "other.yaml: hosts.desk_3: base.yaml has nothing here to remove; nearest: desk_2",
            "other.yaml: hosts.fiels: base.yaml has no such entry, and a new one needs an ip; nearest: files",
        ],
    ),
    (
        "extends: base.yaml\nfirewall: {remove: [{from: desk_1, to: lair}], ad: []}",
        [
            "other.yaml: firewall.remove[0]: base.yaml has no rule from '10.0.1.2' to '8.8.8.8'",
            "other.yaml: firewall.ad: unknown key; nearest: add",
        ],
    ),
    (
        "extends: base.yaml\nfirewall: {add: [{from: desk_1, to: lair}, {from: desk_1, to: files_}]}",
        [
            "other.yaml: firewall.add[1].to: 'files_' is neither an address, a network nor a name; "
            "nearest: files"
        ],
    ),
    (
        "extends: base.yaml\nhosts: {files: {services: {smb: {data: {remove: [[ann, silver]]}}}}}",
        ["other.yaml: hosts.files.services.smb.data.remove[0]: base.yaml has nothing like it here to remove"],
    ),
    (
        "extends: base.yaml\nnetworks: {desks: 10.0.7.0/24}\nrouters: null",
        [
            f"other.yaml: hosts.desk_{i}.ip: '10.0.1.{i + 1}' is in none of the networks; known: servers "
            "(10.0.0.0/24), desks (10.0.7.0/24), internet (8.8.8.0/24) (from base.yaml)"
            for i in (1, 2)
        ],
    ),
    (
        "extends: base.yaml\nhosts: {desk_2: {ip: 10.0.1.9}}",
        [
            "other.yaml: firewall[1].from: no host or router has the address '10.0.1.3'; "
            "nearest: 10.0.1.9 (from base.yaml)"
        ],
    ),
    ("extend: base.yaml", ["other.yaml: extend: unknown key; nearest: extends"]),
]


@pytest.mark.parametrize(("text", "problems"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_mistake_is_named_with_file_and_place(folder: Path, text: str, problems: list[str]) -> None:
    told = problems_of(written(folder, text))
    assert told[: len(problems)] == problems
    assert len(told) == len(problems) or text.startswith("extend:")


def test_mistake_in_a_base_names_the_file_of_the_base(folder: Path) -> None:
    written(folder, "extends: base.yaml\nhosts: {files: {start: -1}}", "middle.yaml")
    path = written(folder, "extends: middle.yaml\nhosts: {files: {start: -2}}")
    assert problems_of(path) == ["middle.yaml: hosts.files.start: -1 is not a whole number from 0 to 1000"]


def test_files_that_extend_each_other_are_refused(folder: Path) -> None:
    written(folder, "extends: other.yaml", "middle.yaml")
    path = written(folder, "extends: middle.yaml")
    assert problems_of(path) == [
        "middle.yaml: extends: goes round in a circle: other.yaml, middle.yaml, other.yaml"
    ]


def test_too_many_files_in_a_row_are_refused(folder: Path) -> None:
    before = "base.yaml"
    for i in range(MAX_BASES):
        path = written(folder, f"extends: {before}", f"level_{i}.yaml")
        before = path.name
    assert problems_of(path) == []
    path = written(folder, f"extends: {before}")
    assert problems_of(path) == [f"level_0.yaml: extends: more than {MAX_BASES} files extend one another"]


def test_services_of_one_name_in_a_list_cannot_be_changed_by_name(folder: Path) -> None:
    written(folder, BASE.replace("{name: imap}", "{name: smtp}"), "base.yaml")
    path = written(folder, "extends: base.yaml\nhosts: {mail: {services: {smtp: {local: true}}}}")
    assert problems_of(path) == [
        "other.yaml: hosts.mail.services: base.yaml has several services of one name here: "
        "write them all as a list"
    ]


def test_task_that_extends_another_changes_what_it_says(folder: Path) -> None:
    path = written(
        folder,
        """
        extends: task.yaml
        seats: {Defender: null, Attacker: 2}
        pacing: rounds
        coordinator:
          agents: {Attacker: {max_steps: 9, goal: {controlled_hosts: [10.0.0.2]}}, Defender: null}
        env: {rewards: {success: 5}}
        """,
    )
    base, task = load_task_file(folder / "task.yaml").task, load_task_file(path).task
    attacker, before = task.role("Attacker"), base.role("Attacker")
    assert attacker is not None
    assert before is not None
    assert (attacker.max_steps, attacker.start) == (9, before.start)
    assert (attacker.goal, attacker.goal_description) == (View(controlled_hosts=("10.0.0.2",)), "")
    assert task.role("Defender") is None
    assert (task.seats, task.pacing, task.seed) == ((("Attacker", 2),), "rounds", 3)
    assert task.rewards == attrs.evolve(base.rewards, success=5)
    assert (task.name, check_file(path)) == ("other", ([], ()))


def test_task_extends_a_bundled_one_on_another_scenario(folder: Path) -> None:
    agents = "{agents: {Attacker: {goal: {controlled_hosts: [10.0.0.2]}, "
    agents += "start_position: {controlled_hosts: [random]}}, Defender: null}}"
    path = written(folder, f"extends: two_networks\ncoordinator: {agents}\nenv: {{scenario: base.yaml}}")
    loaded = load_task_file(path)
    assert (loaded.topology.name, loaded.task.scenario) == ("base", "base")
    assert problems_of(written(folder, "extends: two_networks\npacing: fast")) == [
        "other.yaml: pacing: 'fast' is not one of realtime, rounds"
    ]


def test_scenario_of_a_base_task_is_sought_where_the_base_lies(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    written(tmp_path / "below", BASE, "base.yaml")
    written(tmp_path / "below", TASK, "task.yaml")
    path = written(tmp_path, "extends: below/task.yaml\npacing: rounds")
    assert load_task_file(path).topology.name == "base"


def test_warning_of_what_a_base_task_says_names_it(folder: Path) -> None:
    written(folder, TASK.replace("random_seed: 3", "max_steps: 3"), "task.yaml")
    _, warnings = check_file(written(folder, "extends: task.yaml\npacing: rounds"))
    assert [line.replace(f"{folder}/", "") for line in warnings] == [
        "other.yaml: env.max_steps: has no effect: write coordinator.agents.<role>.max_steps (from task.yaml)"
    ]


def documents() -> list[dict[str, Any]]:
    texts = [BASE, *((bundled.topology_file(n) or Path()).read_text() for n in bundled.topology_names())]
    return [parse(text.encode(), Report("base")) for text in texts]  # type: ignore[misc]  # all are mappings


DOCUMENTS = documents()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(DOCUMENTS), st.data())
def test_any_hosts_can_be_removed_and_leave_rules_that_can_be_read(
    base: dict[str, Any], data: st.DataObject
) -> None:
    hosts = list(base["hosts"])
    gone = data.draw(st.sets(st.sampled_from(hosts), max_size=len(hosts) - 1))
    before = read_topology(Place(base, "", Report("base")), "any")
    report = Report("file")
    document = derived(Place({"hosts": dict.fromkeys(gone)}, "", report), base, "base")
    now = read_topology(Place(document, "", report), "any")
    report.check()
    assert before is not None
    assert now is not None
    assert now.hosts == tuple(host for host in before.hosts if host.name not in gone)
    lost = {f"{address}/32" for host in before.hosts if host.name in gone for address in host.addresses}
    assert now.rules == tuple(rule for rule in before.rules if not lost & {rule.source, rule.target})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([each for each in DOCUMENTS if each.get("firewall")]), st.data())
def test_any_rules_can_be_removed_and_added_again(base: dict[str, Any], data: st.DataObject) -> None:
    before = read_topology(Place(base, "", Report("base")), "any")
    assert before is not None
    chosen = data.draw(st.lists(st.sampled_from(before.rules), unique=True))
    written_out = [{"from": rule.source, "to": rule.target} for rule in chosen]
    report = Report("file")
    document = derived(Place({"firewall": {"remove": written_out}}, "", report), base, "base")
    now = read_topology(Place(document, "", report), "any")
    again = derived(Place({"firewall": {"add": written_out}}, "", report), document, "base")
    restored = read_topology(Place(again, "", report), "any")
    report.check()
    assert now is not None
    assert restored is not None
    assert now.rules == tuple(rule for rule in before.rules if rule not in chosen)
    assert restored.rules == (*now.rules, *chosen)


WORDS = st.sampled_from([
    "hosts", "files", "services", "smb", "data", "firewall", "add", "remove", "from", "to", "ip", "networks",
    "desks", "router", "routers", "mail", "10.0.0.2", "10.0.1.0/24", "ann", "gold", "extends", "name",
])  # fmt: skip  # a bag of words, not a table
VALUES = st.recursive(
    st.none() | st.integers(-1, 5) | st.booleans() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(WORDS, VALUES, max_size=4), VALUES, VALUES)
def test_whatever_extends_a_base_is_read_or_reported(said: dict[str, Any], deep: Any, rules: Any) -> None:
    hosts = {"files": {"services": {"smb": {"data": deep}}}, "router": deep}
    for document in (said, {"hosts": hosts, "firewall": {"remove": rules, "add": deep}}):
        report = Report("file")
        whole = derived(Place(document, "", report), DOCUMENTS[0], "base")
        topology = read_topology(Place(whole, "", report), "any")
        assert topology is not None or report.problems


def test_merging_leaves_both_documents_as_they_are() -> None:
    base = yaml.safe_load(BASE)
    said = {"hosts": {"files": {"services": {"smb": {"data": {"add": [["a", "b"]]}}}}, "mail": None}}
    derived(Place(said, "", Report("file")), base, "base")
    assert base == yaml.safe_load(BASE)
    assert said["hosts"]["mail"] is None


def test_bad_base_is_a_mistake_of_the_user_not_an_error(folder: Path) -> None:
    written(folder, "[", "base.yaml")
    with pytest.raises(ConfigError, match=r"base\.yaml: line \d"):
        load_topology(written(folder, "extends: base.yaml"))
