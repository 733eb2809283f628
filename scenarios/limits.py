"""How large a scenario and a task may be: whatever a stranger has written down, an engine gets done with it.

Each limit bounds memory or time of what the engine, the hub or an agent makes of a spec, and lies far beyond
what people write: 30,000 hosts in 600 networks pass. Files are held to them while they are read, specs out of
replays and rooms when they are decoded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from netsiege.game import Network
from netsiege.game.values import ip_to_int
from netsiege.scenarios.model import ALL, RANDOM, RoleTask, Rule, ServiceItem, Spec, Topology, View
from netsiege.shown import shown

MAX_NETWORKS: Final = 1 << 11
LARGEST_NETWORK: Final = 8
"""Its prefix length, in a file: what is larger holds more addresses than an agent can list."""
MAX_ADDRESSES: Final = 1 << 15
"""Of all hosts and routers. The engine keeps as many bits as addresses for each of them: 128 MiB."""
MAX_SERVICES: Final = 1 << 18
"""Of all hosts."""
MAX_KINDS_OF_SERVICES: Final = 1 << 12
"""Services that differ in name, type, version or local, as many bits for each host."""
MAX_DATA: Final = 1 << 15
"""Of all hosts, as many bits for each of them."""
MAX_OF_A_HOST: Final = 1 << 10
"""Services, and data, of one host."""
MAX_VULNERABILITIES: Final = 16
"""Of one service."""
MAX_OPENED: Final = 1 << 16
"""Hosts that data open, of all data together."""
MAX_STARTS: Final = 1 << 16
"""Hosts where `random` may start, each as often as it weighs."""
MAX_RULES: Final = 100_000
"""Once lists and names are written out as pairs of addresses and networks."""
MAX_RULE_SOURCES: Final = 1 << 21
"""Source addresses of all rules together: each is a step of compiling the firewall."""
MAX_MOVES: Final = 1 << 25
"""Addresses and ends of rules, times networks: what drawing other addresses looks through."""
MAX_LISTED: Final = 1 << 16
"""Entries of one start position or goal."""
MAX_DRAWS: Final = 1_000
"""`random` in one start position or goal."""
MAX_ALL: Final = 1 << 26
"""The square of the data of a scenario, for each `all` of data in a goal."""

Excess = tuple[str, str]
"""Where in a file, and what is too much there."""


def excess(spec: Spec) -> Iterator[Excess]:
    """Everything in a spec that is over a limit. Malformed addresses and networks are left to others."""
    yield from topology_excess(spec.topology)
    data = sum(len(service.data) for host in spec.topology.hosts for service in host.services)
    for role in spec.task.roles:
        yield from role_excess(role, data)
    if spec.task.use_dynamic_addresses:
        yield from moves_excess(spec.topology)


def topology_excess(topology: Topology) -> Iterator[Excess]:
    """Everything in a topology that is over a limit."""
    hosts, services = topology.hosts, [service for host in topology.hosts for service in host.services]
    kinds = {(each.name, each.type, each.version, each.local) for each in services}
    found = [
        _over("networks", len(topology.networks), MAX_NETWORKS, "networks"),
        _over("hosts", len(hosts), MAX_ADDRESSES, "hosts"),
        _over("hosts", sum(len(host.addresses) for host in hosts), MAX_ADDRESSES, "addresses"),
        _over("hosts", len(services), MAX_SERVICES, "services"),
        _over("hosts", len(kinds), MAX_KINDS_OF_SERVICES, "different services"),
        _over("hosts", sum(len(each.data) for each in services), MAX_DATA, "data"),
        _over("hosts", _opened(services), MAX_OPENED, "hosts that data open"),
        _over("hosts", sum(max(host.start, 0) for host in hosts), MAX_STARTS, "starts, by their weight"),
        _over("firewall", len(topology.rules), MAX_RULES, "rules"),
    ]
    for host in hosts:
        data = sum(len(service.data) for service in host.services)
        if max(len(host.services), data) > MAX_OF_A_HOST:
            where = f"hosts.{shown(host.name, 64)}.services"
            found.append(_over(where, len(host.services), MAX_OF_A_HOST, "services"))
            found.append(_over(where, data, MAX_OF_A_HOST, "data"))
        most = max((len(service.vulnerabilities) for service in host.services), default=0)
        if most > MAX_VULNERABILITIES:
            where = f"hosts.{shown(host.name, 64)}.services"
            found.append(_over(where, most, MAX_VULNERABILITIES, "vulnerabilities of one service"))
    if not any(found):  # or it would take long
        found.append(_over("firewall", _sources(topology), MAX_RULE_SOURCES, "source addresses"))
    yield from filter(None, found)


def _opened(services: Iterable[ServiceItem]) -> int:
    return sum(len(item.opens) for service in services for item in service.data)


def role_excess(role: RoleTask, data: int) -> Iterator[Excess]:
    """Everything in a role's part of a task that is over a limit; `data` is how many the scenario has."""
    where = f"coordinator.agents.{shown(role.role, 64)}"
    for view, path in ((role.start, f"{where}.start_position"), (role.goal, f"{where}.goal")):
        words = list(_words(view))
        found = [
            _over(path, len(words), MAX_LISTED, "entries"),
            _over(path, words.count(RANDOM), MAX_DRAWS, f"times `{RANDOM}`"),
        ]
        yield from filter(None, found)
    draws = sum(items.count(ALL) for _, items in role.goal.known_data)
    if draws * data * data > MAX_ALL:
        yield (
            f"{where}.goal.known_data",
            f"`{ALL}` of {data} data, {draws} times, is too much to look through",
        )


def moves_excess(topology: Topology) -> Iterator[Excess]:
    """What is too much for addresses that are drawn anew."""
    networks, rules = len(topology.networks), topology.rules
    addresses = sum(len(host.addresses) for host in topology.hosts)
    if networks * (addresses + 2 * len(rules)) > MAX_MOVES:
        said = f"{networks} networks times {addresses} addresses and {len(rules)} rules are too many to draw"
        yield "env.use_dynamic_addresses", said
        return
    written_out = _written_out(topology)
    if written_out > MAX_RULES:
        said = f"the firewall's rules, network by network, are {written_out}: more than {MAX_RULES}"
        yield "env.use_dynamic_addresses", said


def _over(path: str, count: int, limit: int, what: str) -> Excess | None:
    return (path, f"{count} {what} are more than {limit}") if count > limit else None


def _words(view: View) -> Iterator[object]:
    """All that a view lists."""
    yield from (*view.known_networks, *view.known_hosts, *view.controlled_hosts)
    for by_host in (view.known_services, view.known_data, view.known_blocks):
        for host, items in by_host:
            yield host
            yield from items


def _sources(topology: Topology) -> int:
    """The source addresses of all rules."""
    numbers = sorted(n for host in topology.hosts for n in map(_number, host.addresses) if n is not None)
    spans = (_span(numbers, numbers, rule.source) for rule in topology.rules)
    return sum(high - low for low, high in spans)


def _written_out(topology: Topology) -> int:
    """How many rules there are once each is told for every network that it covers."""
    networks = [network for network in map(_network, topology.networks) if network is not None]
    firsts, lasts = sorted(n.first for n in networks), sorted(n.last for n in networks)

    def pieces(rule: Rule) -> int:
        (a, b), (c, d) = (_span(firsts, lasts, end) for end in (rule.source, rule.target))
        return max(b - a, 1) * max(d - c, 1)

    return sum(map(pieces, topology.rules))


def _span(firsts: Sequence[int], lasts: Sequence[int], prefix: str) -> tuple[int, int]:
    """From the first stretch that begins in a prefix to behind the last one that ends in it."""
    network = _network(prefix)
    if network is None:
        return 0, 0
    return bisect_left(firsts, network.first), bisect_right(lasts, network.last)


def _network(text: str) -> Network | None:
    try:
        return Network.from_text(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    try:
        return ip_to_int(text)
    except ValueError:
        return None
