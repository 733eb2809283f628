"""Our topology format: what it says, and what is said about mistakes in it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from netsiege.errors import ConfigError
from netsiege.scenarios import check_topology_file, load_topology
from netsiege.scenarios import topology as format_of
from netsiege.scenarios.model import DataItem, Host, Rule, ServiceItem, Topology

GOOD = """
name: office
description: |
  Two networks
  and the Internet.
networks:
  servers: 192.168.1.0/24
  clients: 192.168.2.0/24
  internet: 213.47.23.192/26
hosts:
  smb_server:
    ip: 192.168.1.2
    services:
      smb:
        version: 10.0.1
        owner: Local system
        data:
          - [User1, Plans]
          - {owner: User2, id: Report, type: pdf, size: 7, content: text}
          - {owner: User2, id: Letter, content: four}
      shell: {local: true, type: active}
      ping:
  client_1:
    ip: [192.168.2.2, 192.168.2.3]
    start: true
    services:
      - {name: ssh, version: 8.1.0}
      - {name: ssh, version: 9.0.0}
  client_2: {ip: 192.168.2.4, start: 3}
  outside: {ip: 213.47.23.195}
routers:
  router1: {ip: [192.168.1.1, 192.168.2.1]}
firewall:
  - {from: client_1, to: smb_server}
  - {from: [client_2, clients], to: [192.168.1.2, 213.47.23.192/26]}
  - {from: 0.0.0.0/0, to: router1}
  - {from: client_1, to: smb_server}
"""


def written(tmp_path: Path, text: str, name: str = "office.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def problems_of(tmp_path: Path, text: str) -> list[str]:
    path = written(tmp_path, text)
    lines = check_topology_file(path)
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_topology_with_every_key_is_read_in_order(tmp_path: Path) -> None:
    topology = load_topology(written(tmp_path, GOOD))
    assert topology == Topology(
        name="office",
        description="Two networks and the Internet.",
        networks=("192.168.1.0/24", "192.168.2.0/24", "213.47.23.192/26"),
        hosts=(
            Host(
                "smb_server",
                ("192.168.1.2",),
                (
                    ServiceItem(
                        "smb",
                        version="10.0.1",
                        owner="Local system",
                        data=(
                            DataItem("User1", "Plans"),
                            DataItem("User2", "Report", "pdf", 7, "text"),
                            DataItem("User2", "Letter", "", 4, "four"),
                        ),
                    ),
                    ServiceItem("shell", type="active", local=True),
                    ServiceItem("ping"),
                ),
            ),
            Host(
                "client_1",
                ("192.168.2.2", "192.168.2.3"),
                (ServiceItem("ssh", version="8.1.0"), ServiceItem("ssh", version="9.0.0")),
                start=1,
            ),
            Host("client_2", ("192.168.2.4",), start=3),
            Host("outside", ("213.47.23.195",)),
            Host("router1", ("192.168.1.1", "192.168.2.1"), is_router=True),
        ),
        rules=(
            Rule("192.168.2.2/32", "192.168.1.2/32"),
            Rule("192.168.2.3/32", "192.168.1.2/32"),
            Rule("192.168.2.4/32", "192.168.1.2/32"),
            Rule("192.168.2.4/32", "213.47.23.192/26"),
            Rule("192.168.2.0/24", "192.168.1.2/32"),
            Rule("192.168.2.0/24", "213.47.23.192/26"),
            Rule("0.0.0.0/0", "192.168.1.1/32"),
            Rule("0.0.0.0/0", "192.168.2.1/32"),
        ),
    )


@pytest.mark.parametrize(
    ("file", "name"), [("lab-1.yaml", "lab-1"), ("my lab.yml", "my_lab"), (f"{'x' * 70}.yaml", "x" * 64)]
)
def test_topology_without_a_name_is_called_after_its_file(tmp_path: Path, file: str, name: str) -> None:
    text = "networks: {n: 10.0.0.0/24}\nhosts: {a: {ip: 10.0.0.1}}"
    assert load_topology(written(tmp_path, text, file)).name == name


def test_topology_with_anchors_and_merge_keys_is_read(tmp_path: Path) -> None:
    text = """
networks: {n: 10.0.0.0/24}
hosts:
  a: &linux {ip: 10.0.0.1, services: {ssh: {version: 8.1.0}}}
  b: {<<: *linux, ip: 10.0.0.2}
"""
    a, b = load_topology(written(tmp_path, text)).hosts
    assert a.services == b.services == (ServiceItem("ssh", version="8.1.0"),)
    assert b.addresses == ("10.0.0.2",)


MISTAKES = [
    ("name: office", "name: 10.0.0.1",
     "name: '10.0.0.1' is no name: 1 to 64 letters, digits, '_', '-' and '.', and no address"),
    ("name: office", "name: 5", "name: 5 is not text: put it in quotes"),
    ("name: office", "nmae: office", "nmae: unknown key; nearest: name"),
    ("name: office", f"{'z' * 70}: office",
     f"'{'z' * 55}...': unknown key; known: extends, name, description, networks, hosts, routers, firewall"),
    ("name: office", "zzzz: office",
     "zzzz: unknown key; known: extends, name, description, networks, hosts, routers, firewall"),
    ("servers: 192.168.1.0/24", "servers: 192.168.1.5/24",
     "networks.servers: '192.168.1.5/24' has host bits set; nearest: 192.168.1.0/24"),
    ("servers: 192.168.1.0/24", "servers: 192.168.1.0",
     "networks.servers: '192.168.1.0' is not a network such as 192.168.1.0/24"),
    ("servers: 192.168.1.0/24", "servers: 192.168.1.0/33",
     "networks.servers: '192.168.1.0/33' is not a network such as 192.168.1.0/24"),
    ("servers: 192.168.1.0/24", "servers: 192.168.1.0/+24",
     "networks.servers: '192.168.1.0/+24' is not a network such as 192.168.1.0/24"),
    ("servers: 192.168.1.0/24", "servers: [a]",
     "networks.servers: a list is not a network such as 192.168.1.0/24"),
    ("clients: 192.168.2.0/24", "clients: 192.168.0.0/16",
     "networks.clients: '192.168.0.0/16' overlaps servers (192.168.1.0/24)"),
    ("ip: 192.168.1.2", "ip: 192.168.1.300", "hosts.smb_server.ip: '192.168.1.300' is not an IPv4 address"),
    ("ip: 192.168.1.2", f"ip: {'x' * 70}", f"hosts.smb_server.ip: '{'x' * 55}...' is not an IPv4 address"),
    ("ip: 192.168.1.2", "ip: 5", "hosts.smb_server.ip: 5 is not an IPv4 address"),
    ("ip: 192.168.1.2", "ip: '::1'", "hosts.smb_server.ip: '::1' is not an IPv4 address"),
    ("ip: 192.168.1.2", "ip: 192.168.1.02", "hosts.smb_server.ip: '192.168.1.02' is not an IPv4 address"),
    ("ip: 192.168.1.2", "ip: 10.9.9.9",
     "hosts.smb_server.ip: '10.9.9.9' is in none of the networks; "
     "known: servers (192.168.1.0/24), clients (192.168.2.0/24), internet (213.47.23.192/26)"),
    ("ip: 192.168.1.2", "ip: 192.168.1.255",
     "hosts.smb_server.ip: '192.168.1.255' is the first or last address of servers (192.168.1.0/24), "
     "which no host has"),
    ("ip: 192.168.2.4", "ip: 192.168.1.2", "hosts.client_2.ip: '192.168.1.2' belongs to smb_server already"),
    ("[192.168.2.2, 192.168.2.3]", "[]", "hosts.client_1.ip: there are none"),
    ("[192.168.2.2, 192.168.2.3]", "[192.168.2.2, x]", "hosts.client_1.ip[1]: 'x' is not an IPv4 address"),
    ("{ip: 213.47.23.195}", "{}", "hosts.outside.ip: missing"),
    ("{ip: 213.47.23.195}", "", "hosts.outside: expected a mapping, got nothing"),
    ("{ip: 213.47.23.195}", "{ipp: 213.47.23.195}", "hosts.outside.ipp: unknown key; nearest: ip"),
    ("  outside:", "  out side:",
     "hosts.out side: 'out side' is no name: 1 to 64 letters, digits, '_', '-' and '.', and no address"),
    ("  outside:", "  10.0.0.1:",
     "hosts.10.0.0.1: '10.0.0.1' is no name: 1 to 64 letters, digits, '_', '-' and '.', and no address"),
    ("  outside:", "  clients:", "hosts.clients: a network has this name too"),
    ("  router1: {ip", "  client_2: {ip", "routers.client_2: another host or router has this name too"),
    ("{ip: [192.168.1.1, 192.168.2.1]}", "{}", "routers.router1.ip: missing"),
    ("start: 3", "start: many", "hosts.client_2.start: 'many' is not a whole number from 0 to 1000"),
    ("start: 3", "start: -1", "hosts.client_2.start: -1 is not a whole number from 0 to 1000"),
    ("start: 3", "start: 1.5", "hosts.client_2.start: 1.5 is not a whole number from 0 to 1000"),
    ("version: 10.0.1", "version: 10.1",
     "hosts.smb_server.services.smb.version: 10.1 is not text: put it in quotes"),
    ("version: 10.0.1",
     "verison: 10.0.1", "hosts.smb_server.services.smb.verison: unknown key; nearest: version"),
    ("version: 10.0.1", "type: pasive",
     "hosts.smb_server.services.smb.type: 'pasive' is not one of passive, active, unknown"),
    ("local: true", "local: maybe", "hosts.smb_server.services.shell.local: 'maybe' is not true or false"),
    ("owner: Local system", "owner: ''",
     "hosts.smb_server.services.smb.owner: '' is not one line of printable text"),
    ("owner: Local system", 'owner: "a\\u202eb"',
     "hosts.smb_server.services.smb.owner: 'a\\u202eb' has characters that cannot be printed"),
    ("owner: Local system", f"owner: {'x' * 201}",
     "hosts.smb_server.services.smb.owner: longer than 200 characters"),
    ("      ping:", "      can_attack_start_here:",
     "hosts.smb_server.services.can_attack_start_here: NetSecGame's marker is no service here: "
     "write `start: true` at the host"),
    ("{name: ssh, version: 9.0.0}", "{name: ssh, version: 8.1.0}",
     "hosts.client_1.services[1]: the same name, type, version and local as another service of this host"),
    ("{name: ssh, version: 9.0.0}", "{version: 9.0.0}", "hosts.client_1.services[1].name: missing"),
    ("{name: ssh, version: 9.0.0}", "ssh", "hosts.client_1.services[1]: expected a mapping, got 'ssh'"),
    ("[User1, Plans]",
     "[User1]", "hosts.smb_server.services.smb.data[0]: expected [owner, id], got a list of 1"),
    ("[User1, Plans]",
     "Plans", "hosts.smb_server.services.smb.data[0]: expected [owner, id] or a mapping, got 'Plans'"),
    ("[User1, Plans]",
     "[User1, 5]", "hosts.smb_server.services.smb.data[0][1]: 5 is not text: put it in quotes"),
    ("[User1, Plans]", "[User2, Letter]",
     "hosts.smb_server.services.smb.data[2]: the same owner, id and type as other data of this host"),
    ("[User1, Plans]", "{owner: system, id: logfile, type: log}",
     "hosts.smb_server.services.smb.data[0]: log files are not written down: every host has one"),
    ("size: 7", "size: -7",
     "hosts.smb_server.services.smb.data[1].size: -7 is not a whole number from 0 to 9223372036854775807"),
    ("id: Report", "idd: Report", "hosts.smb_server.services.smb.data[1].idd: unknown key; nearest: id"),
    ("{from: client_1, to: smb_server}\n  - {from: [", "{from: clent_1, to: smb_server}\n  - {from: [",
     "firewall[0].from: 'clent_1' is neither an address, a network nor a name; nearest: client_1"),
    ("[client_2, clients]", "[client_2, 192.168.2.99]",
     "firewall[1].from[1]: no host or router has the address '192.168.2.99'; nearest: 192.168.2.4"),
    ("0.0.0.0/0", "10.0.0.0/8", "firewall[2].from: '10.0.0.0/8' has no address in any of the networks"),
    ("0.0.0.0/0", "10.0.0.1/8", "firewall[2].from: '10.0.0.1/8' has host bits set; nearest: 10.0.0.0/8"),
    ("0.0.0.0/0", "7", "firewall[2].from: 7 is neither an address, a network nor a name"),
    ("{from: 0.0.0.0/0, to: router1}", "{from: 0.0.0.0/0}", "firewall[2].to: missing"),
    ("{from: 0.0.0.0/0, to: router1}", "[a, b]", "firewall[2]: expected a mapping, got a list"),
    ("firewall:\n", "firewall: all\nx:\n",
     "firewall: expected a list such as [{from: client_1, to: smb_server}], got 'all'"),
]  # fmt: skip  # one row a mistake


@pytest.mark.parametrize(("right", "wrong", "line"), MISTAKES, ids=[line[:60] for _, _, line in MISTAKES])
def test_topology_with_a_mistake_names_path_value_and_what_would_do(
    tmp_path: Path, right: str, wrong: str, line: str
) -> None:
    assert right in GOOD
    problems = problems_of(tmp_path, GOOD.replace(right, wrong, 1))
    assert line in problems
    assert len(problems) <= 2, "the mistake, and at most one thing that no longer fits because of it"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("name: x", ["networks: missing", "hosts: missing"]),
        ("networks: {}\nhosts: {}", ["networks: there are none", "hosts: there are none"]),
        ("networks: [1]\nhosts: 5",
         ["networks: expected a mapping, got a list", "hosts: expected a mapping, got 5"]),
        ("- a", ["expected a mapping, got a list"]),
        ("networks: {n: 10.0.0.0/24}\nhosts: {? '' : {ip: 10.0.0.1}}",
         ["hosts.'': '' is no name: 1 to 64 letters, digits, '_', '-' and '.', and no address"]),
        ('networks: {n: 10.0.0.0/24}\nhosts: {"a\\nb": {ip: 10.0.0.1}}',
         ["hosts.'a\\nb': 'a\\nb' is no name: 1 to 64 letters, digits, '_', '-' and '.', and no address"]),
    ],
)  # fmt: skip  # one row a mistake
def test_topology_of_the_wrong_shape_gives_exactly_these_lines(
    tmp_path: Path, text: str, lines: list[str]
) -> None:
    assert problems_of(tmp_path, text) == lines


def test_topology_with_a_bad_network_does_not_blame_its_hosts(tmp_path: Path) -> None:
    assert problems_of(tmp_path, GOOD.replace("192.168.2.0/24", "192.168.2.0/99")) == [
        "networks.clients: '192.168.2.0/99' is not a network such as 192.168.1.0/24",
        "firewall[1].from[1]: 'clients' is neither an address, a network nor a name; nearest: client_2",
    ]


def test_topology_with_many_mistakes_reports_all_at_once(tmp_path: Path) -> None:
    text = GOOD
    for right, wrong in (("name: office", "nam: office"), ("start: 3", "start: x"), ("0.0.0.0/0", "nowhere")):
        text = text.replace(right, wrong, 1)
    path = written(tmp_path, text + "firewall: []\n")
    with pytest.raises(ConfigError) as caught:
        load_topology(path)
    assert caught.value.problems == (
        f"{path}: firewall: written twice, on lines 33 and 38",
        f"{path}: nam: unknown key; nearest: name",
        f"{path}: hosts.client_2.start: 'x' is not a whole number from 0 to 1000",
        f"{path}: firewall[2].from: 'nowhere' is neither an address, a network nor a name; known: "
        "servers, clients, internet, smb_server, client_1, client_2, outside, router1",
    )


def test_topology_with_endless_mistakes_reports_the_first_and_counts_the_rest(tmp_path: Path) -> None:
    hosts = "".join(f"  h{i}: {{}}\n" for i in range(250))
    lines = problems_of(tmp_path, f"networks: {{n: 10.0.0.0/24}}\nhosts:\n{hosts}")
    assert len(lines) == 101
    assert lines[0] == "hosts.h0.ip: missing"
    assert lines[-1] == "and 150 problems more"


def test_topology_with_rules_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    hosts = {f"h{i}": {"ip": f"10.0.{i // 250}.{i % 250 + 1}"} for i in range(400)}
    text = yaml.safe_dump(
        {
            "networks": {"n": "10.0.0.0/8"},
            "hosts": hosts,
            "firewall": [{"from": list(hosts), "to": list(hosts)}],
        }
    )
    assert problems_of(tmp_path, text) == [
        "firewall[0]: more than 100000 rules once names and lists are written out"
    ]


def test_check_topology_file_of_a_good_one_finds_nothing(tmp_path: Path) -> None:
    assert check_topology_file(written(tmp_path, GOOD)) == []
    assert check_topology_file("two_networks") == []


def test_topology_in_the_module_docstring_loads(tmp_path: Path) -> None:
    assert format_of.__doc__ is not None
    example = format_of.__doc__.partition("::\n")[2].partition("\nEither end")[0]
    topology = load_topology(written(tmp_path, dedent(example)))
    assert (topology.name, len(topology.hosts), len(topology.rules)) == ("small_office", 3, 4)
