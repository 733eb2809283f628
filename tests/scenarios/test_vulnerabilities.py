"""The catalogue of vulnerabilities, and what a task under `siege-1` makes of a scenario with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import ConfigError
from netsiege.scenarios import (
    Spec,
    describe,
    load_spec,
    load_task_file,
    load_topology,
    scenario_names,
    under,
)
from netsiege.scenarios.generate import SUITES, generate, generate_entry, load_recipe, recipe_names
from netsiege.scenarios.limits import MAX_VULNERABILITIES, topology_excess
from netsiege.scenarios.model import DataItem, ServiceItem, Topology, Vulnerability
from netsiege.scenarios.vulnerabilities import (
    Entry,
    catalogue,
    known,
    version_of,
    vulnerabilities_of,
    with_known,
)
from tests.scenarios.task_documents import changed, written

VECTOR = "CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:N"
OWN = Vulnerability("CVE-2020-11111", VECTOR)
THEIR_OWN = ("listener",)
"""Services that only an attacker's own machine has."""


def network(**service: Any) -> dict[str, Any]:
    """A scenario of two hosts, the first with one service, ssh 9.6.1 unless said."""
    return {
        "networks": {"a": "10.0.0.0/24"},
        "hosts": {
            "first": {"ip": "10.0.0.2", "services": {"ssh": {"version": "9.6.1", **service}}},
            "other": {"ip": "10.0.0.3", "start": True},
        },
    }


def loaded(folder: Path, document: Any) -> Topology:
    path = folder / "net.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return load_topology(path)


def problems_of(folder: Path, document: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, document)
    return [line.removeprefix(f"{folder / 'net.yaml'}: ") for line in caught.value.problems]


def cves(service: ServiceItem) -> list[str]:
    return [each.cve for each in service.vulnerabilities]


# --- the catalogue ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.vulnerability.cve)
def test_entry_scores_what_was_published_and_can_be_exploited_from_afar(entry: Entry) -> None:
    vector = entry.vulnerability.cvss
    assert vector.base_score == entry.score
    assert str(vector) == entry.vulnerability.vector
    assert vector.attack_vector == "N"
    assert entry.published == f"https://nvd.nist.gov/vuln/detail/{entry.vulnerability.cve}"
    assert entry.services
    assert entry.versions
    for first, mended in entry.versions:
        assert first is None or mended is None or first < mended


def test_every_service_that_is_seen_from_outside_has_one_in_bundled_scenarios_and_recipes() -> None:
    seen = {
        (service.name, service.version)
        for name in scenario_names()
        for host in load_topology(name).hosts
        for service in host.services
        if not service.local
    }
    for name in recipe_names():
        offered = [service for service in load_recipe(name).services if not service.local]
        seen |= {(service.name, version) for service in offered for version, _ in service.versions}
    assert len(seen) > 30
    without = {name for name, version in seen if not vulnerabilities_of(name, version)}
    assert without <= set(THEIR_OWN)


@pytest.mark.parametrize(
    ("service", "version", "found"),
    [
        ("ssh", "9.3.0", ["CVE-2024-6387"]),
        ("ssh", "9.2.99", ["CVE-2023-38408", "CVE-2024-6387"]),
        ("ssh", "8.5", ["CVE-2023-38408", "CVE-2024-6387"]),
        ("ssh", "8.5.0", ["CVE-2023-38408", "CVE-2024-6387"]),
        ("ssh", "8.4.9", ["CVE-2023-38408"]),
        ("ssh", "9.8", []),
        ("22/tcp, ssh", "9.6p1 Ubuntu-3", ["CVE-2024-6387"]),
        ("SSH", "9.6", []),
        ("ssh", "unknown", []),
        ("http", "1.4.54", ["CVE-2022-22707"]),
        ("https", "1.4.54", ["CVE-2021-23017"]),
        ("microsoft-ds", "10.0.19041.1082", ["CVE-2021-34527"]),
        ("microsoft-ds", "10.0.19041.1083", []),
        ("nowhere", "1.0", []),
    ],
)
def test_catalogue_tells_versions_apart(service: str, version: str, found: list[str]) -> None:
    assert [each.cve for each in vulnerabilities_of(service, version)] == found


@given(st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=5), st.integers(0, 3))
def test_versions_are_compared_number_by_number(numbers: list[int], zeros: int) -> None:
    text = ".".join(map(str, numbers))
    assert version_of(text) == version_of(text + ".0" * zeros)
    read = version_of(text)
    assert read is not None
    later = version_of(f"{text}.1")
    assert later is not None
    assert read < later


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_service_and_version_can_be_looked_up(service: str, version: str) -> None:
    assert set(vulnerabilities_of(service, version)) <= set(known().values())


# --- what a scenario says -----------------------------------------------------------------------------------


def test_service_may_name_vulnerabilities_of_the_catalogue_or_write_its_own(tmp_path: Path) -> None:
    listed = ["CVE-2020-0796", {"cve": OWN.cve, "vector": OWN.vector}]
    topology = loaded(tmp_path, network(vulnerabilities=listed))
    (service,) = topology.hosts[0].services
    assert service.vulnerabilities == (known()["CVE-2020-0796"], OWN)
    assert with_known(topology) == topology


def test_service_that_says_it_has_none_gets_none(tmp_path: Path) -> None:
    silent = loaded(tmp_path, network())
    patched = loaded(tmp_path, network(vulnerabilities=[]))
    assert cves(with_known(silent).hosts[0].services[0]) == ["CVE-2024-6387"]
    assert with_known(patched) == patched
    assert cves(patched.hosts[0].services[0]) == []


def test_data_may_open_hosts_that_come_later(tmp_path: Path) -> None:
    data = [{"owner": "ann", "id": "key", "opens": ["other", "first", "other"]}, ["ann", "letter"]]
    topology = loaded(tmp_path, network(data=data))
    assert topology.hosts[0].services[0].data == (
        DataItem("ann", "key", opens=("other", "first")),
        DataItem("ann", "letter"),
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"vulnerabilities": ["CVE-2020-0797"]},
         "vulnerabilities[0]: 'CVE-2020-0797' is not in the catalogue: write its vector as well; "
         "nearest: CVE-2020-0796"),
        ({"vulnerabilities": "CVE-2020-0796"},
         "vulnerabilities: expected a list such as [CVE-2021-34527], got 'CVE-2020-0796'"),
        ({"vulnerabilities": ["CVE-2020-0796", "CVE-2020-0796"]},
         "vulnerabilities[1]: CVE-2020-0796 is there already"),
        ({"vulnerabilities": [5]}, "vulnerabilities[0]: 5 is not text: put it in quotes"),
        ({"vulnerabilities": [{"cve": "CVE-2020-1", "vector": VECTOR}]},
         "vulnerabilities[0].cve: 'CVE-2020-1' is no CVE id such as CVE-2021-34527"),
        ({"vulnerabilities": [{"cve": OWN.cve}]}, "vulnerabilities[0].vector: missing"),
        ({"vulnerabilities": [{"cve": OWN.cve, "vector": VECTOR + "/E:P"}]},
         "vulnerabilities[0].vector: no CVSS v3.1 base vector: 'E:P' is none of the base metrics "
         "AV, AC, PR, UI, S, C, I, A"),
        ({"vulnerabilities": [{"cve": f"CVE-2020-{1000 + i}", "vector": VECTOR} for i in range(17)]},
         "vulnerabilities: 17 entries are more than 16"),
        ({"data": [{"owner": "a", "id": "b", "opens": ["othr"]}]},
         "data[0].opens[0]: there is no host 'othr'; nearest: other"),
        ({"data": [{"owner": "a", "id": "b", "opens": "other"}]},
         "data[0].opens: expected a list such as [client_1], got 'other'"),
        ({"vulnerabilitys": []}, "vulnerabilitys: unknown key; nearest: vulnerabilities"),
    ],
)  # fmt: skip
def test_mistake_is_named_with_its_place_and_the_nearest(
    tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    assert problems_of(tmp_path, network(**fields)) == [f"hosts.first.services.ssh.{said}"]


def test_credentials_for_a_router_or_a_network_are_refused(tmp_path: Path) -> None:
    document = network(data=[{"owner": "a", "id": "b", "opens": ["way", "a"]}])
    document["routers"] = {"way": {"ip": "10.0.0.1"}}
    assert problems_of(tmp_path, document) == [
        "hosts.first.services.ssh.data[0].opens[0]: there is no host 'way'; known: first, other",
        "hosts.first.services.ssh.data[0].opens[1]: there is no host 'a'; known: first, other",
    ]


def test_too_much_of_it_in_a_spec_is_refused() -> None:
    spec = load_spec(ruleset="siege-1")
    host = spec.topology.hosts[0]
    many = tuple(Vulnerability(f"CVE-2020-{1000 + i}", VECTOR) for i in range(MAX_VULNERABILITIES + 1))
    service = attrs.evolve(host.services[0], vulnerabilities=many)
    topology = attrs.evolve(spec.topology, hosts=(attrs.evolve(host, services=(service,)),))
    assert [said for _, said in topology_excess(topology)] == [
        "17 vulnerabilities of one service are more than 16"
    ]
    datum = DataItem("a", "b", opens=("smb_server",) * ((1 << 16) + 1))
    service = attrs.evolve(host.services[0], data=(datum,))
    topology = attrs.evolve(spec.topology, hosts=(attrs.evolve(host, services=(service,)),))
    assert [said for _, said in topology_excess(topology)] == [
        "65537 hosts that data open are more than 65536"
    ]


@pytest.mark.parametrize(
    ("cve", "vector"), [("CVE-1", VECTOR), (OWN.cve, "CVSS:3.1"), (OWN.cve, VECTOR + "/")]
)
def test_vulnerability_of_another_form_cannot_be_made_or_read(cve: str, vector: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Vulnerability(cve, vector)
    spec = load_spec(ruleset="siege-1")
    first = spec.topology.hosts[0].services[0].vulnerabilities[0]
    text = (
        spec.to_bytes()
        .replace(first.cve.encode(), cve.encode())
        .replace(first.vector.encode(), vector.encode())
    )
    with pytest.raises(ValueError, match="not a spec"):
        Spec.from_bytes(text)


# --- what a spec has of it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", scenario_names())
def test_spec_of_siege_carries_what_is_known_of_every_service(name: str) -> None:
    theirs, ours = load_spec(scenario=name), load_spec(scenario=name, ruleset="siege-1")
    assert theirs.topology == load_topology(name)
    assert ours.topology == with_known(load_topology(name))
    for host in ours.topology.hosts:
        for service in host.services:
            assert service.local or service.name in THEIR_OWN or service.vulnerabilities
    assert Spec.from_bytes(ours.to_bytes()) == ours
    assert b"vulnerabilities" not in theirs.to_bytes()


def test_task_file_of_siege_gives_the_same_spec_however_it_is_loaded(tmp_path: Path) -> None:
    path = written(tmp_path, changed(ruleset="siege-1"))
    task = load_task_file(path)
    assert Spec(task.topology, task.task) == load_spec(path)
    assert task.topology == with_known(load_topology("two_networks_tiny"))


def test_task_of_siege_that_is_played_by_netsecgame_has_nothing_of_it(tmp_path: Path) -> None:
    siege = written(tmp_path, changed(ruleset="siege-1", rules={"sensor": False}), "task.yaml")
    plain = written(tmp_path, changed(), "other.yaml")
    assert load_spec(siege, ruleset="netsecgame", name="x") == load_spec(plain, name="x")


def test_scenario_derived_from_another_may_mend_a_service(tmp_path: Path) -> None:
    document = {
        "extends": "two_networks_tiny",
        "hosts": {"smb_server": {"services": {"microsoft-ds": {"vulnerabilities": []}}}},
    }
    derived = with_known(loaded(tmp_path, document))
    base = with_known(load_topology("two_networks_tiny"))
    assert cves(base.hosts[0].services[0]) == ["CVE-2021-34527"]
    assert cves(derived.hosts[0].services[0]) == []
    assert derived.hosts[1:] == base.hosts[1:]


# --- what is shown ------------------------------------------------------------------------------------------


def test_description_tells_vulnerabilities_and_credentials(tmp_path: Path) -> None:
    document = network(data=[{"owner": "ann", "id": "key", "type": "pem", "opens": ["other", "first"]}])
    lines = describe(loaded(tmp_path, document)).splitlines()
    assert lines[-5:] == [
        "SIEGE-1: SERVICE  VERSION  HOSTS  VULNERABILITY  SCORE  EXPLOITABILITY",
        "ssh               9.6.1    1      CVE-2024-6387  8.1    2.2",
        "",
        "SIEGE-1: HOST  CREDENTIALS    OPEN",
        "first          ann/key (pem)  other, first",
    ]
    silent = describe(loaded(tmp_path, network(vulnerabilities=[])))
    assert "SIEGE-1" not in silent


# --- generated networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", recipe_names())
def test_generated_network_has_credentials_and_a_way_under_siege(recipe: str) -> None:
    made = generate(load_recipe(recipe), 50, 11)
    spec = under(made.spec, "siege-1")
    assert (spec.task.ruleset, under(made.spec, "netsecgame")) == ("siege-1", made.spec)
    hosts = {host.name: host for host in spec.topology.hosts}
    opened = [
        (host.name, name)
        for host in hosts.values()
        for service in host.services
        for item in service.data
        for name in item.opens
    ]
    assert opened
    assert all(name in hosts and name != owner for owner, name in opened)
    taken = {str(action.parameters["target_host"]) for plan in made.plans for action in plan.actions[:-2]
             if "target_host" in action.parameters}  # fmt: skip
    on_the_way = [host for host in hosts.values() if taken & {*host.addresses}]
    assert on_the_way
    for host in on_the_way:
        assert all(service.local or service.vulnerabilities for service in host.services)


def test_credentials_of_a_large_network_are_of_use_on_the_way() -> None:
    made = generate_entry(SUITES["unseen-30"][0])
    way = {name.rpartition("-")[0] for name in _hosts_of_the_way(made.topology, made)}
    opened = {
        name.rpartition("-")[0]
        for host in made.topology.hosts
        if host.name.rpartition("-")[0] in way
        for service in host.services
        for item in service.data
        for name in item.opens
    }
    assert opened
    assert opened <= way


def _hosts_of_the_way(topology: Topology, made: Any) -> set[str]:
    at = {address: host.name for host in topology.hosts for address in host.addresses}
    taken = {str(action.parameters[key]) for plan in made.plans for action in plan.actions
             for key in ("source_host", "target_host") if key in action.parameters}  # fmt: skip
    outside = made.task.roles[0].start.controlled_hosts[0]
    return {at[address] for address in taken if address != outside}
