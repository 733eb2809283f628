"""A topology as plain text.

Vulnerabilities that the catalogue knows are shown with those that are written: they count under `siege-1`.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from netsiege.scenarios.model import DataItem, Host, Topology, Vulnerability
from netsiege.scenarios.vulnerabilities import with_known

MAX_PADDED: Final = 200
"""A column is no wider: what does not fit moves the rest of its own line only."""

_VULNERABILITIES: Final = ("SIEGE-1: SERVICE", "VERSION", "HOSTS", "VULNERABILITY", "SCORE", "EXPLOITABILITY")
_CREDENTIALS: Final = ("SIEGE-1: HOST", "CREDENTIALS", "OPEN")


def describe(topology: Topology) -> str:
    """Networks, hosts with services and data, the firewall, and what only `siege-1` makes use of.

    As tables; ends without a newline.
    """
    parts = [topology.name]
    if topology.description:
        parts[0] += f"\n{topology.description}"
    parts.append(_table(("NETWORK", "HOSTS"), _network_rows(topology)))
    parts.append(
        _table(
            ("HOST", "ADDRESS", "START", "SERVICE", "VERSION", "OWNER", "LOCAL", "DATA"), _host_rows(topology)
        )
    )
    if topology.rules:
        parts.append(_table(("FIREWALL: FROM", "TO"), _rule_rows(topology)))
    for head, rows in ((_VULNERABILITIES, _vulnerability_rows), (_CREDENTIALS, _credential_rows)):
        found = list(rows(topology))
        if found:
            parts.append(_table(head, found))
    return "\n\n".join(parts)


def _network_rows(topology: Topology) -> Iterable[Sequence[str]]:
    places = sorted(
        (int(ipaddress.IPv4Address(address)), rank)
        for rank, host in enumerate(topology.hosts)
        for address in host.addresses
    )
    numbers = [number for number, _ in places]
    for text in topology.networks:
        network = ipaddress.IPv4Network(text)
        first = bisect_left(numbers, int(network.network_address))
        last = bisect_right(numbers, int(network.broadcast_address))
        inside = sorted({rank for _, rank in places[first:last]})
        yield text, ", ".join(topology.hosts[rank].name for rank in inside)


def _host_rows(topology: Topology) -> Iterable[Sequence[str]]:
    for host in topology.hosts:
        addresses, services = list(host.addresses), list(host.services)
        for index in range(max(len(addresses), len(services))):
            first = (host.name, "router" if host.is_router else _start(host)) if index == 0 else ("", "")
            address = addresses[index] if index < len(addresses) else ""
            if index >= len(services):
                yield first[0], address, first[1], "", "", "", "", ""
                continue
            service = services[index]
            local = "yes" if service.local else ""
            data = ", ".join(_datum(item) for item in service.data)
            yield first[0], address, first[1], service.name, service.version, service.owner, local, data


def _start(host: Host) -> str:
    if host.start <= 1:
        return "yes" if host.start else ""
    return f"x{host.start}"


def _datum(item: DataItem) -> str:
    return f"{item.owner}/{item.id}" + (f" ({item.type})" if item.type else "")


def _rule_rows(topology: Topology) -> Iterable[Sequence[str]]:
    name_of = {f"{address}/32": host.name for host in topology.hosts for address in host.addresses}
    targets: dict[str, dict[str, None]] = {}
    for rule in topology.rules:
        source, target = (name_of.get(end, end) for end in (rule.source, rule.target))
        targets.setdefault(source, {})[target] = None
    sources: dict[tuple[str, ...], list[str]] = {}
    for source, reached in targets.items():
        sources.setdefault(tuple(reached), []).append(source)
    for reached_by_all, alike in sources.items():
        yield ", ".join(alike), ", ".join(reached_by_all)


def _vulnerability_rows(topology: Topology) -> Iterable[Sequence[str]]:
    """Those of each version of a service, told once for all hosts that have the same."""
    hosts: dict[tuple[str, str, tuple[Vulnerability, ...]], int] = {}
    for host in with_known(topology).hosts:
        for service in host.services:
            if service.vulnerabilities:
                key = service.name, service.version, service.vulnerabilities
                hosts[key] = hosts.get(key, 0) + 1
    for (name, version, vulnerabilities), count in hosts.items():
        first = name, version, str(count)
        for each in vulnerabilities:
            yield *first, each.cve, f"{each.cvss.base_score:.1f}", f"{each.cvss.exploitability:.1f}"
            first = "", "", ""


def _credential_rows(topology: Topology) -> Iterable[Sequence[str]]:
    for host in topology.hosts:
        for item in (item for service in host.services for item in service.data):
            if item.opens:
                yield host.name, _datum(item), ", ".join(item.opens)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, *rows]
    used = [column for column in range(len(head)) if any(line[column] for line in lines[1:]) or column < 2]
    widths = {column: min(max(len(line[column]) for line in lines), MAX_PADDED) for column in used}
    return "\n".join("  ".join(line[c].ljust(widths[c]) for c in used).rstrip() for line in lines)
