"""Firewall rules as few bundles: what one numbered line of a picture stands for.

A bundle says that all of its sources reach all of its targets. Where exact bundles would be too many to
follow, rules are gathered by the networks that they join, and the bundle only says that some of one reach
some of the other.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final

from attrs import Factory, define, evolve, field, frozen

from netsiege.errors import ConfigError
from netsiege.scenarios.model import Rule, Topology

MAX_EXACT: Final = 12
MAX_GATHERED: Final = 16
_NAMES_SHOWN: Final = 12


@frozen
class End:
    """What one end of a rule, or of a bundle, covers.

    `touched` and `whole` are indices of networks: of those it has an address in, and of those it has all of.
    `addresses` are the single ones, where it has only a part of a network.
    """

    label: str
    touched: frozenset[int]
    whole: frozenset[int] = frozenset()
    addresses: frozenset[str] = frozenset()


@frozen
class Bundle:
    """Numbered from 1. `rules` counts the pairs of source and target; `exact` as the module says."""

    number: int
    source: End
    target: End
    rules: int
    exact: bool


@define
class Places:
    """Which network an address is in, and whose it is."""

    topology: Topology
    networks: tuple[ipaddress.IPv4Network, ...] = field(init=False)
    owner_of: dict[str, str] = field(init=False)
    inside: list[list[str]] = field(init=False)
    """Network -> its addresses, in the order of the hosts."""
    index: dict[str, int] = field(init=False)
    _at: dict[tuple[int, int], int] = Factory(dict)
    _ends: dict[str, End] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        self.networks = tuple(ipaddress.IPv4Network(text) for text in self.topology.networks)
        self._at = {(each.prefixlen, int(each.network_address)): i for i, each in enumerate(self.networks)}
        self.owner_of = {address: host.name for host in self.topology.hosts for address in host.addresses}
        self.inside = [[] for _ in self.networks]
        self.index = {}
        masks = sorted({each.prefixlen: int(each.netmask) for each in self.networks}.items(), reverse=True)
        for address, name in self.owner_of.items():
            number = int(ipaddress.IPv4Address(address))
            found = (self._at.get((length, number & mask)) for length, mask in masks)
            home = next((i for i in found if i is not None), None)
            if home is None:
                raise ConfigError(f"{self.topology.name}: '{address}' of {name} is in none of the networks")
            self.index[address] = home
            self.inside[home].append(address)

    def end(self, text: str) -> End:
        """What an end of a rule, in CIDR notation, covers."""
        known = self._ends.get(text)
        if known is None:
            known = self._ends[text] = self._end(ipaddress.IPv4Network(text))
        return known

    def _end(self, range_: ipaddress.IPv4Network) -> End:
        if range_.prefixlen == 32:
            address = str(range_.network_address)
            if address not in self.index:
                return End(address, frozenset())
            return End(
                self.owner_of[address], frozenset({self.index[address]}), addresses=frozenset({address})
            )
        label = str(range_) if range_.prefixlen else "anywhere"
        whole = frozenset(i for i, each in enumerate(self.networks) if each.subnet_of(range_))
        parts = [i for i, each in enumerate(self.networks) if i not in whole and each.overlaps(range_)]
        own = [a for i in parts for a in self.inside[i] if ipaddress.IPv4Address(a) in range_]
        return End(label, whole | {self.index[address] for address in own}, whole, frozenset(own))


def bundles(places: Places) -> tuple[Bundle, ...] | None:
    """The rules as at most `MAX_GATHERED` bundles, in the order in which they were written.

    None if even the networks that they leave are more than that.
    """
    rules = places.topology.rules
    exact = _alike(rules)
    if len(exact) <= MAX_EXACT:
        return tuple(
            Bundle(i, _union(places, sources), _union(places, targets), len(sources) * len(targets), True)
            for i, (targets, sources) in enumerate(exact.items(), 1)
        )
    pairs = _gathered(rules, lambda rule: (places.end(rule.source).touched, places.end(rule.target).touched))
    if len(pairs) > MAX_GATHERED:
        pairs = _gathered(rules, lambda rule: places.end(rule.source).touched)
    if len(pairs) > MAX_GATHERED:
        return None
    return tuple(_inexact(places, i, group) for i, group in enumerate(pairs, 1))


def _alike(rules: Iterable[Rule]) -> Mapping[tuple[str, ...], Sequence[str]]:
    """Targets -> the sources that reach just these."""
    reached: dict[str, dict[str, None]] = {}
    for rule in rules:
        reached.setdefault(rule.source, {})[rule.target] = None
    found: dict[frozenset[str], tuple[tuple[str, ...], list[str]]] = {}
    for source, targets in reached.items():
        found.setdefault(frozenset(targets), (tuple(targets), []))[1].append(source)
    return dict(found.values())


def _gathered(rules: Iterable[Rule], key: Callable[[Rule], Hashable]) -> list[list[Rule]]:
    groups: dict[Hashable, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(key(rule), []).append(rule)
    return list(groups.values())


def _inexact(places: Places, number: int, rules: Sequence[Rule]) -> Bundle:
    source = _union(places, dict.fromkeys(rule.source for rule in rules))
    target = _union(places, dict.fromkeys(rule.target for rule in rules))
    source, target = (evolve(end, label=_some(places, end)) for end in (source, target))
    return Bundle(number, source, target, len(rules), False)


def _union(places: Places, texts: Iterable[str]) -> End:
    ends = [places.end(text) for text in texts]
    labels = list(dict.fromkeys(end.label for end in ends))
    return End(
        _listed(labels),
        frozenset().union(*(end.touched for end in ends)),
        frozenset().union(*(end.whole for end in ends)),
        frozenset().union(*(end.addresses for end in ends)),
    )


def _some(places: Places, end: End) -> str:
    texts = places.topology.networks
    listed = _listed([texts[i] for i in sorted(end.touched)])
    return listed if end.touched == end.whole else f"some of {listed}"


def _listed(labels: Sequence[str]) -> str:
    left = len(labels) - _NAMES_SHOWN
    shown = ", ".join(labels[:_NAMES_SHOWN])
    return f"{shown} and {left} more" if left > 0 else shown
