"""A CYST configuration, which is how NetSecGame writes topologies, turned into a scenario file of ours.

It is read as NetSecGame reads it: nodes with interfaces, passive services and their private data; routers
with the ALLOW rules of their firewalls, whatever the chain and the service; hosts with an active service, or
with the service `can_attack_start_here`, to start from; the router called "internet" left out. What else a
configuration says has no effect on a game there, and none here; a warning for each kind of it says so.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Collection, Iterator
from types import ModuleType
from typing import Any, Final

import yaml
from attrs import Factory, define, frozen

from netsiege.game.private import is_private
from netsiege.scenarios.cyst_source import OBJECTS, load_objects
from netsiege.scenarios.reading import Place, Report, address_of, join, shown
from netsiege.scenarios.source import file_label, parse
from netsiege.scenarios.topology import read_topology

INTERNET: Final = "internet"
"""The id of a router, in any case of letters, that NetSecGame skips."""
START_MARKER: Final = "can_attack_start_here"

_LEFT_OUT: Final = {
    "connections": "who reaches whom follows from networks and firewall rules",
    "exploits": "whoever knows a service can take over its host",
    "routes": "who reaches whom follows from networks and firewall rules",
    "access": "services have no access levels, sessions or authentication in this game, and hosts no shells",
    "paths": "data have no path in this game",
    "public_data": "NetSecGame reads private data only",
    "deny_rules": "what no ALLOW rule lets through is denied anyway, and what one does, passes",
    "allow_policies": "NetSecGame takes every firewall to deny what no rule allows",
    "rule_services": "a rule lets everything through, not one service alone",
    "host_firewalls": "NetSecGame reads those of routers only",
    "traffic_services": "services that process traffic have no part in this game",
}
"""Why something that may be told about in numbers is not in the scenario."""


@frozen
class Imported:
    """A scenario file as text, and what of the configuration is not in it, a line each."""

    text: str
    warnings: tuple[str, ...]


def import_cyst(module: str) -> Imported:
    """The scenario that a Python module describes, checked. Raises ConfigError with every problem.

    `module` is a dotted name or the path of a `.py` file. Its code is run, with all that it may do.
    """
    objects, cyst = load_objects(module)
    report = Report(file_label(module))
    network = _Network(cyst, report)
    for number, item in enumerate(objects):
        network.add(item, f"{OBJECTS}[{number}]")
    network.warn_of_what_is_left_out()
    if not network.hosts and not report.problems:
        report.problem(OBJECTS, "no node with an interface is among them")
    report.check()
    text = f"# From the CYST configuration {file_label(module)}\n{_written(network.document())}"
    read_topology(Place(parse(text.encode(), report), "", report), "imported")
    report.check()
    return Imported(text, tuple(report.warnings))


@define
class _Network:
    """What has been read so far, in our words."""

    cyst: ModuleType
    report: Report
    hosts: dict[str, dict[str, Any]] = Factory(dict)
    routers: dict[str, dict[str, Any]] = Factory(dict)
    links: dict[str, list[ipaddress.IPv4Network]] = Factory(dict)
    """The networks of each host and router, in the order of its addresses."""
    rules: dict[tuple[ipaddress.IPv4Network, ipaddress.IPv4Network], str] = Factory(dict)
    """From, to, and where that is written."""
    left_out: Counter[str] = Factory(Counter)

    def add(self, item: Any, path: str) -> None:
        """Read one of the configuration's objects."""
        if isinstance(item, self.cyst.NodeConfig | self.cyst.RouterConfig):
            self._add_machine(item, path)
        elif isinstance(item, self.cyst.ConnectionConfig):
            self.left_out["connections"] += 1
        elif isinstance(item, self.cyst.ExploitConfig):
            self.left_out["exploits"] += 1
        elif isinstance(item, self.cyst.ConfigItem):
            kind = type(item).__name__
            self.report.warn(path, f"{kind}: left out: only nodes and routers of the list itself are read")
        else:
            self.report.problem(path, f"{_kind(item)} is neither a NodeConfig nor a RouterConfig")

    def warn_of_what_is_left_out(self) -> None:
        """One line for each kind of thing that has no place in a scenario."""
        for kind, why in _LEFT_OUT.items():
            if self.left_out[kind]:
                self.report.warn(kind, f"{self.left_out[kind]} left out: {why}")

    # --- hosts and routers --------------------------------------------------------------------------------

    def _add_machine(self, item: Any, path: str) -> None:
        is_router = isinstance(item, self.cyst.RouterConfig)
        if is_router and str(item.id).lower() == INTERNET:
            self.report.warn(path, f"the router {shown(item.id)} is left out: NetSecGame skips it, too")
            return
        name = self._name_of(item, path)
        if name is None:
            return
        addresses, networks = self._interfaces(item, name)
        machine: dict[str, Any] = {"ip": addresses[0] if len(addresses) == 1 else _Row(addresses)}
        if not is_router:
            self._add_services(item, name, machine)
        if not addresses:
            self.report.warn(name, "left out: it has no interface, so nobody can reach it")
            return
        self.links[name] = networks
        (self.routers if is_router else self.hosts)[name] = machine
        self._read_firewalls(item, name, is_router=is_router)
        if is_router:
            self.left_out["routes"] += len(item.routing_table or ())

    def _name_of(self, item: Any, path: str) -> str | None:
        given = item.id
        if not isinstance(given, str) or not given:
            self.report.problem(path, f"{type(item).__name__} has no id")
            return None
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", given)[:64]
        if address_of(name) is not None or not re.match(r"[A-Za-z0-9_]", name):
            name = f"host_{name}"[:64]
        if name in self.links:
            self.report.problem(path, f"another node or router has the id {shown(given)} too")
            return None
        if name != given:
            self.report.warn(path, f"the id {shown(given)} is no name here: it becomes {name}")
        return name

    def _interfaces(self, item: Any, name: str) -> tuple[list[str], list[ipaddress.IPv4Network]]:
        addresses, networks = [], []
        for path, interface in self._items(item, "interfaces", name, self.cyst.InterfaceConfig):
            address, network = address_of(str(interface.ip)), _network(interface.net)
            if address is None:
                self.report.problem(f"{path}.ip", f"{shown(str(interface.ip))} is not an IPv4 address")
            if network is None:
                self.report.problem(f"{path}.net", f"{shown(str(interface.net))} is not an IPv4 network")
            if address is None or network is None:
                continue
            if ipaddress.IPv4Address(address) not in network:
                self.report.problem(path, f"the address {address} is not in the network {network}")
            if str(network) != str(interface.net):
                self.report.warn(f"{path}.net", f"{shown(str(interface.net))} becomes {network}")
            addresses.append(address)
            networks.append(network)
        return addresses, networks

    def _items(self, owner: Any, attribute: str, path: str, kind: type) -> Iterator[tuple[str, Any]]:
        """The items of a list, each with its path, as far as they are of the right kind."""
        listed = getattr(owner, attribute, None)
        for number, item in enumerate(listed if isinstance(listed, list | tuple) else ()):
            where = f"{join(path, attribute)}[{number}]"
            if isinstance(item, kind):
                yield where, item
            elif isinstance(item, str):
                said = (
                    f"refers to {shown(item)}, which NetSecGame does not follow: put the object itself here"
                )
                self.report.problem(where, said)
            else:
                self.report.problem(where, f"{_kind(item)} is no {kind.__name__}")
        if listed is not None and not isinstance(listed, list | tuple):
            self.report.problem(join(path, attribute), f"{_kind(listed)} is no list")

    # --- services and data --------------------------------------------------------------------------------

    def _add_services(self, node: Any, name: str, machine: dict[str, Any]) -> None:
        start = 1 if node.active_services else 0
        services: list[dict[str, Any]] = []
        data: set[tuple[str, str]] = set()
        for path, service in self._items(node, "passive_services", name, self.cyst.PassiveServiceConfig):
            if service.name != START_MARKER:
                self._add_service(service, path, services, data)
                continue
            start += 1
            if len(_addresses(machine)) > 1:
                said = "NetSecGame starts at the last address of this host, here it may be any of them"
                self.report.warn(path, said)
        if start:
            machine["start"] = True if start == 1 else start
        if len({service["name"] for service in services}) < len(services):
            machine["services"] = services
        elif services:
            machine["services"] = {
                each.pop("name"): each if "data" in each else _Line(each) for each in services
            }

    def _add_service(
        self, service: Any, path: str, services: list[dict[str, Any]], taken: set[tuple[str, str]]
    ) -> None:
        fields: dict[str, Any] = {"name": str(service.name), "version": str(service.version)}
        if service.owner:
            fields["owner"] = str(service.owner)
        if service.local:
            fields["local"] = True
        data = []
        for where, datum in self._items(service, "private_data", path, self.cyst.DataConfig):
            identity = (str(datum.owner), str(datum.description))
            if identity in taken:
                self.report.warn(where, f"this host has data [{', '.join(identity)}] already")
                continue
            taken.add(identity)
            data.append(_Row(identity))
            self.left_out["paths"] += bool(datum.path)
        if data:
            fields["data"] = data
        self.left_out["public_data"] += len(getattr(service, "public_data", None) or ())
        self.left_out["access"] += 1
        same = [each for each in services if _identity(each) == _identity(fields)]
        if same:
            self.report.warn(path, f"this host has the same service {shown(service.name)} already")
            same[0].setdefault("data", []).extend(data)
        else:
            services.append(fields)

    # --- firewalls ----------------------------------------------------------------------------------------

    def _read_firewalls(self, item: Any, name: str, *, is_router: bool) -> None:
        if not is_router:
            self.left_out["host_firewalls"] += len(item.traffic_processors or ())
            return
        either = self.cyst.FirewallConfig | self.cyst.ActiveServiceConfig
        for path, firewall in self._items(item, "traffic_processors", name, either):
            if isinstance(firewall, self.cyst.ActiveServiceConfig):
                self.left_out["traffic_services"] += 1
                continue
            self._count_allowing(firewall.default_policy)
            for where, chain in self._items(firewall, "chains", path, self.cyst.FirewallChainConfig):
                self._count_allowing(chain.policy)
                for spot, rule in self._items(chain, "rules", where, self.cyst.FirewallRule):
                    self._add_rule(rule, spot)

    def _count_allowing(self, policy: object) -> None:
        self.left_out["allow_policies"] += policy == self.cyst.FirewallPolicy.ALLOW

    def _add_rule(self, rule: Any, path: str) -> None:
        if rule.policy != self.cyst.FirewallPolicy.ALLOW:
            self.left_out["deny_rules"] += 1
            return
        self.left_out["rule_services"] += rule.service != "*"
        source, target = _network(rule.src_net), _network(rule.dst_net)
        for key, end in (("src_net", source), ("dst_net", target)):
            if end is None:
                self.report.problem(f"{path}.{key}", f"{shown(str(getattr(rule, key)))} is no IPv4 network")
        if source is not None and target is not None:
            self.rules.setdefault((source, target), path)

    # --- the file -----------------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """What the scenario file says. Rules about addresses that nobody has are left out, with a warning."""
        names: dict[ipaddress.IPv4Network, str] = {}
        for name in (*self.hosts, *self.routers):
            for network in self.links[name]:
                names.setdefault(network, f"net_{network.network_address}_{network.prefixlen}")
        sections = {
            "networks": {name: str(network) for network, name in names.items()},
            "hosts": self.hosts,
            "routers": self.routers,
            "firewall": self._firewall(names),
        }
        return {key: value for key, value in sections.items() if value or key in ("networks", "hosts")}

    def _firewall(self, names: dict[ipaddress.IPv4Network, str]) -> list[dict[str, Any]]:
        """The rules, with names for whatever has one, without those for what passes anyway."""
        addresses = {name: _addresses(each) for name, each in (*self.hosts.items(), *self.routers.items())}
        home = {
            ipaddress.IPv4Address(address): network
            for name, found in addresses.items()
            for address, network in zip(found, self.links[name], strict=True)
        }
        single = {ipaddress.IPv4Network(each[0]): name for name, each in addresses.items() if len(each) == 1}
        targets: dict[str, list[str]] = {}
        for rule, path in self.rules.items():
            nobody = next((end for end in rule if not any(address in end for address in home)), None)
            if nobody is not None:
                self.report.warn(path, f"left out: nobody has an address in {nobody}")
            elif not _passes_anyway(*([home[each] for each in home if each in end] for end in rule)):
                source, target = (single.get(end) or names.get(end) or _end(end) for end in rule)
                targets.setdefault(source, []).append(target)
        sources: dict[tuple[str, ...], list[str]] = {}
        for source, reached in targets.items():
            sources.setdefault(tuple(reached), []).append(source)
        return [_Line({"from": _few(ends), "to": _few(reached)}) for reached, ends in sources.items()]


def _passes_anyway(
    sources: Collection[ipaddress.IPv4Network], targets: Collection[ipaddress.IPv4Network]
) -> bool:
    """Whether no rule is needed between hosts of these networks: see `netsiege.scenarios.topology`."""

    def is_local(network: ipaddress.IPv4Network) -> bool:
        return is_private(int(network.network_address))

    return all(
        is_local(source) and (source == target or not is_local(target))
        for source in set(sources)
        for target in set(targets)
    )


def _kind(item: object) -> str:
    return f"something of type {type(item).__name__}" if item is not None else "nothing"


def _network(value: object) -> ipaddress.IPv4Network | None:
    """The IPv4 network that something of CYST prints as, its host bits cleared."""
    try:
        return ipaddress.IPv4Network(str(value), strict=False)
    except ValueError:
        return None


def _identity(service: dict[str, Any]) -> tuple[object, ...]:
    return service["name"], service["version"], service.get("local", False)


def _addresses(machine: dict[str, Any]) -> list[str]:
    return list(machine["ip"]) if isinstance(machine["ip"], list) else [machine["ip"]]


def _end(network: ipaddress.IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def _few(ends: list[str] | tuple[str, ...]) -> str | list[str]:
    return ends[0] if len(ends) == 1 else _Row(ends)


# --- YAML as a person would write it ------------------------------------------------------------------------


class _Row(list[str]):
    """A list on one line."""


class _Line(dict[str, Any]):
    """A mapping on one line."""


class _Dumper(yaml.SafeDumper):
    """Knows what goes on one line, and never writes an alias."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


_Dumper.add_representer(
    _Row, lambda dumper, row: dumper.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)
)
_Dumper.add_representer(
    _Line, lambda dumper, line: dumper.represent_mapping("tag:yaml.org,2002:map", line, flow_style=True)
)


def _written(document: dict[str, Any]) -> str:
    """The document with an empty line before each of its sections."""
    return "".join(
        f"\n{yaml.dump({key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)}"
        for key, value in document.items()
    )
