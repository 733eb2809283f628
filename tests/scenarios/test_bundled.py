"""The bundled scenarios are NetSecGame's: the same machines, data, starts and reachability."""

from __future__ import annotations

import ipaddress

import pytest

from netsiege.scenarios import (
    Spec,
    Topology,
    describe,
    list_scenarios,
    load_spec_with_warnings,
    load_task_file,
    load_topology,
    scenario_names,
    task_names,
)
from netsiege.scenarios.model import ServiceItem

Services = dict[str, tuple[str, bool, list[str]]]

WINDOWS, LINUX = "10.0.19041", "8.1.0"
SMB_SERVER: Services = {
    "microsoft-ds": (WINDOWS, False,
     ["User1/DataFromServer1", "User2/Data2FromServer1", "User1/Data3FromServer1"]),
    "ms-wbt-server": (WINDOWS, False, []),
    "windows login": (WINDOWS, True, []),
    "powershell": (WINDOWS, True, []),
}  # fmt: skip  # one row a service
BASH: Services = {"bash": ("5.0.0", True, [])}
SSH: Services = {"ssh": (LINUX, False, []), **BASH}
DB_SERVER: Services = {
    "ssh": (LINUX, False, []),
    "postgresql": ("14.3.0", False, ["User1/DatabaseData"]),
    **BASH,
}
WEB_SERVER: Services = {"http": ("1.4.54", False, ["User2/WebServerData"]), "ssh": (LINUX, False, []), **BASH}
AD_SERVER: Services = {
    "active-directory": (WINDOWS, False, ["admin/passwords"]),
    "windows login": (WINDOWS, True, []),
}
DESKTOP: Services = {"ms-wbt-server": (WINDOWS, False, []), "powershell": (WINDOWS, True, [])}
OUTSIDE: Services = {**BASH, "listener": ("1.0.0", False, [])}

SERVERS = {
    "smb_server": ("192.168.1.2", SMB_SERVER),
    "db_server": ("192.168.1.3", DB_SERVER),
    "web_server": ("192.168.1.4", WEB_SERVER),
    "other_server_1": ("192.168.1.5", SSH),
    "other_server_2": ("192.168.1.6", SSH),
}
CLIENTS = {
    "client_1": ("192.168.2.2", DESKTOP),
    "client_2": ("192.168.2.3", DESKTOP),
    "client_3": ("192.168.2.4", SSH),
    "client_4": ("192.168.2.5", SSH),
    "client_5": ("192.168.2.6", BASH),
}
OUTSIDE_NODE = {"outside_node": ("213.47.23.195", OUTSIDE)}
ROUTER: dict[str, tuple[str, Services]] = {"router1": ("192.168.1.1 192.168.2.1", {})}

HOSTS: dict[str, dict[str, tuple[str, Services]]] = {
    "two_networks_tiny": {
        "smb_server": SERVERS["smb_server"],
        "client_1": CLIENTS["client_1"],
        **OUTSIDE_NODE,
        **ROUTER,
    },
    "two_networks_small": {**SERVERS, "client_1": CLIENTS["client_1"], **OUTSIDE_NODE, **ROUTER},
    "two_networks": {**SERVERS, **CLIENTS, **OUTSIDE_NODE, **ROUTER},
    "one_network": {
        **SERVERS,
        **{name: (f"192.168.1.{7 + i}", services) for i, (name, (_, services)) in enumerate(CLIENTS.items())},
        **OUTSIDE_NODE,
        "router1": ("192.168.1.1", {}),
    },
    "three_net_scenario": {
        "smb_server": SERVERS["smb_server"],
        "db_server": ("192.168.3.3", DB_SERVER),
        "ad_server": ("192.168.3.2", AD_SERVER),
        "web_server": SERVERS["web_server"],
        "other_server_1": SERVERS["other_server_1"],
        **CLIENTS,
        **OUTSIDE_NODE,
        "router1": ("192.168.1.1 192.168.2.1 192.168.3.1 192.168.4.1", {}),
    },
}
PORTS = {"microsoft-ds": 445, "ms-wbt-server": 3389, "ssh": 22, "postgresql": 5432, "http": 80}
HOSTS["scenario1"] = {
    name: (
        addresses,
        {f"{PORTS[s]}/tcp, {s}" if s in PORTS else s: rest for s, rest in services.items()},
    )
    for name, (addresses, services) in HOSTS["two_networks"].items()
}

TWO_NETWORKS = {"192.168.1.0/24", "192.168.2.0/24", "213.47.23.192/26"}
NETWORKS = {
    "two_networks_tiny": TWO_NETWORKS,
    "two_networks_small": TWO_NETWORKS,
    "two_networks": TWO_NETWORKS,
    "scenario1": TWO_NETWORKS,
    "one_network": {"192.168.1.0/24", "213.47.23.192/26"},
    "three_net_scenario": {*TWO_NETWORKS, "192.168.3.0/24", "192.168.4.0/24"},
}
ONE_START = {"client_1": 2}
FIVE_STARTS = {"client_1": 2, "client_2": 1, "client_3": 1, "client_4": 1, "client_5": 1}
STARTS = {
    "two_networks_tiny": ONE_START,
    "two_networks_small": ONE_START,
    "two_networks": FIVE_STARTS,
    "scenario1": FIVE_STARTS,
    "one_network": FIVE_STARTS,
    "three_net_scenario": FIVE_STARTS,
}
INTERNET = "213.47.23.195"
# with the firewall on: from whom, to whom; `a-b` counts the last part of the address up
REACH = {
    "two_networks_tiny": {
        "192.168.1.1-2": f"192.168.1.1-2 {INTERNET}",
        "192.168.2.1": f"192.168.2.1-2 {INTERNET}",
        "192.168.2.2": f"192.168.1.2 192.168.2.1-2 {INTERNET}",
    },
    "two_networks_small": {
        "192.168.1.1-6": f"192.168.1.1-6 {INTERNET}",
        "192.168.2.1": f"192.168.2.1-2 {INTERNET}",
        "192.168.2.2": f"192.168.1.2-4 192.168.2.1-2 {INTERNET}",
    },
    "two_networks": {
        "192.168.1.1-6": f"192.168.1.1-6 {INTERNET}",
        "192.168.2.1": f"192.168.2.1-6 {INTERNET}",
        "192.168.2.2-6": f"192.168.1.2-4 192.168.2.1-6 {INTERNET}",
    },
    "one_network": {"192.168.1.1-11": f"192.168.1.1-11 {INTERNET}"},
    "three_net_scenario": {
        "192.168.1.1": f"192.168.1.1-2 192.168.1.4-5 {INTERNET}",
        "192.168.1.5": f"192.168.1.1-2 192.168.1.4-5 {INTERNET}",
        "192.168.1.2": f"192.168.1.1-2 192.168.1.4-5 192.168.3.2-3 {INTERNET}",
        "192.168.1.4": f"192.168.1.1-2 192.168.1.4-5 192.168.3.2-3 {INTERNET}",
        "192.168.2.1": f"192.168.2.1-6 {INTERNET}",
        "192.168.2.2-6": f"192.168.1.2 192.168.1.4-5 192.168.2.1-6 {INTERNET}",
        "192.168.3.1": f"192.168.3.1-3 {INTERNET}",
        "192.168.3.2": f"192.168.1.1-2 192.168.1.4-5 192.168.2.1-6 192.168.3.1-3 {INTERNET}",
        "192.168.3.3": f"192.168.2.1-6 192.168.3.1-3 {INTERNET}",
        "192.168.4.1": f"192.168.4.1 {INTERNET}",
    },
}
REACH["scenario1"] = REACH["two_networks"]
GOALS = dict.fromkeys(REACH, "User1/DataFromServer1") | {"three_net_scenario": "admin/passwords"}
ALIASES = {"scenario1_small": "two_networks_small", "scenario1_tiny": "two_networks_tiny"}


def expanded(text: str) -> list[str]:
    found = []
    for part in text.split():
        base, _, last = part.rpartition(".")
        first, _, end = last.partition("-")
        found += [f"{base}.{number}" for number in range(int(first), int(end or first) + 1)]
    return found


def reachable(topology: Topology, source: str) -> set[str]:
    """NetSecGame's rule: private networks are open inside, private reaches public, and then the rules."""
    networks = [ipaddress.IPv4Network(network) for network in topology.networks]
    rules = [(ipaddress.IPv4Network(r.source), ipaddress.IPv4Network(r.target)) for r in topology.rules]
    start = ipaddress.IPv4Address(source)

    def open_to(target: ipaddress.IPv4Address) -> bool:
        return (
            start == target
            or any(start in network and target in network and network.is_private for network in networks)
            or (start.is_private and not target.is_private)
            or any(start in one and target in other for one, other in rules)
        )

    addresses = [address for host in topology.hosts for address in host.addresses]
    return {address for address in addresses if open_to(ipaddress.IPv4Address(address))}


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_bundled_topology_has_the_hosts_services_and_data_of_netsecgame(name: str) -> None:
    topology = load_topology(name)
    assert topology.name == name
    found = {
        host.name: (
            " ".join(host.addresses),
            {
                service.name: (
                    service.version,
                    service.local,
                    [f"{item.owner}/{item.id}" for item in service.data],
                )
                for service in host.services
            },
        )
        for host in topology.hosts
    }
    assert found == HOSTS[name]
    assert [*found] == [*HOSTS[name]], "their order decides draws"
    assert {service.type for host in topology.hosts for service in host.services} == {"passive"}
    assert [host.name for host in topology.hosts if host.is_router] == ["router1"]


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_bundled_topology_has_the_networks_and_starts_of_netsecgame(name: str) -> None:
    topology = load_topology(name)
    assert set(topology.networks) == NETWORKS[name]
    assert {host.name: host.start for host in topology.hosts if host.start} == STARTS[name]


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_bundled_topology_lets_through_what_netsecgame_does(name: str) -> None:
    topology = load_topology(name)
    found = {a: reachable(topology, a) for host in topology.hosts for a in host.addresses}
    table = {**REACH[name], INTERNET: INTERNET}
    wanted = {
        source: {*expanded(targets)} for sources, targets in table.items() for source in expanded(sources)
    }
    assert found == wanted


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_bundled_task_is_the_exfiltration_game(name: str) -> None:
    loaded = load_task_file(name)
    assert loaded.warnings == ()
    assert loaded.topology == load_topology(name)
    task = loaded.task
    attacker, defender, benign = (task.role(role) for role in ("Attacker", "Defender", "Benign"))
    assert attacker is not None
    assert defender is not None
    assert benign is not None
    ((place, (item,)),) = attacker.goal.known_data
    assert not isinstance(item, str)
    assert (place, f"{item.owner}/{item.id}") == (INTERNET, GOALS[name])
    assert item.id in attacker.goal_description
    assert attacker.start.controlled_hosts == (INTERNET, "random")
    assert (attacker.max_steps, defender.max_steps, benign.max_steps) == (100, None, None)
    assert defender.start.controlled_hosts == ("all_local",)
    assert defender.goal.known_blocks == ((INTERNET, ("all_attackers",)),)
    assert benign.start.controlled_hosts == ("random",) * 3
    assert benign.goal.is_empty
    rewards = task.rewards
    assert (rewards.success, rewards.step, rewards.fail, rewards.false_positive) == (100, -1, -10, -5)
    assert (task.required_players, task.seats, task.seed) == (1, (), None)
    assert (task.use_firewall, task.use_global_defender, task.use_dynamic_addresses) == (True, False, False)


def test_bundled_names_are_those_of_netsecgames_registry() -> None:
    assert scenario_names() == tuple(sorted({*HOSTS, *ALIASES}))
    assert task_names() == tuple(sorted(HOSTS))


@pytest.mark.parametrize(("alias", "name"), sorted(ALIASES.items()))
def test_bundled_alias_is_the_same_scenario_and_task(alias: str, name: str) -> None:
    assert load_topology(alias) == load_topology(name)
    assert load_spec_with_warnings(scenario=alias) == load_spec_with_warnings(scenario=name)


@pytest.mark.parametrize("name", scenario_names())
def test_bundled_spec_survives_the_way_through_bytes(name: str) -> None:
    spec, warnings = load_spec_with_warnings(scenario=name)
    assert warnings == ()
    again = Spec.from_bytes(spec.to_bytes())
    assert again == spec
    assert again.to_bytes() == spec.to_bytes()
    assert type(again.task.rewards.step) is int


def test_bundled_specs_have_digests_of_their_own() -> None:
    digests = {load_spec_with_warnings(scenario=name)[0].digest for name in HOSTS}
    assert len(digests) == len(HOSTS)


def test_list_scenarios_counts_hosts_and_names_aliases() -> None:
    infos = {info.name: info for info in list_scenarios()}
    assert tuple(infos) == scenario_names()
    small = infos["scenario1_small"]
    assert (small.alias_of, small.task, small.hosts, small.networks) == (
        "two_networks_small",
        "two_networks_small",
        7,
        3,
    )
    three = infos["three_net_scenario"]
    assert (three.alias_of, three.task, three.hosts, three.networks) == (None, "three_net_scenario", 11, 5)
    assert all(info.description for info in infos.values())


def test_describe_shows_all_there_is_to_a_topology() -> None:
    assert describe(load_topology("two_networks_tiny")).splitlines() == [
        "two_networks_tiny",
        "One server and one client in two networks behind a router, and the attacker's machine outside.",
        "",
        "NETWORK           HOSTS",
        "192.168.1.0/24    smb_server, router1",
        "192.168.2.0/24    client_1, router1",
        "213.47.23.192/26  outside_node",
        "",
        "HOST          ADDRESS        START   SERVICE        VERSION     OWNER          LOCAL  DATA",
        "smb_server    192.168.1.2            microsoft-ds   10.0.19041  Local system          "
        "User1/DataFromServer1, User2/Data2FromServer1, User1/Data3FromServer1",
        "                                     ms-wbt-server  10.0.19041  Local system",
        "                                     windows login  10.0.19041  Administrator  yes",
        "                                     powershell     10.0.19041  Local system   yes",
        "client_1      192.168.2.2    x2      ms-wbt-server  10.0.19041  Local system",
        "                                     powershell     10.0.19041  Local system   yes",
        "outside_node  213.47.23.195          bash           5.0.0       root           yes",
        "                                     listener       1.0.0       attacker",
        "router1       192.168.1.1    router",
        "              192.168.2.1",
        "",
        "FIREWALL: FROM  TO",
        "client_1        smb_server",
        "",
        "SIEGE-1: SERVICE  VERSION     HOSTS  VULNERABILITY   SCORE  EXPLOITABILITY",
        "microsoft-ds      10.0.19041  1      CVE-2021-34527  8.8    2.8",
        "ms-wbt-server     10.0.19041  2      CVE-2020-16896  7.5    3.9",
    ]


@pytest.mark.parametrize("name", scenario_names())
def test_describe_mentions_every_host_address_service_and_datum(name: str) -> None:
    topology = load_topology(name)
    text = describe(topology)
    services: list[ServiceItem] = [service for host in topology.hosts for service in host.services]
    wanted = [host.name for host in topology.hosts]
    wanted += [address for host in topology.hosts for address in host.addresses]
    wanted += [service.name for service in services]
    wanted += [f"{item.owner}/{item.id}" for service in services for item in service.data]
    assert [word for word in wanted if word not in text] == []
    assert ("FIREWALL" in text) == bool(topology.rules)
