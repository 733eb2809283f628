"""What a picture of a topology shows, before anyone knows where: networks, their members, lines between."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

from netsiege.game.private import is_private
from netsiege.scenarios.drawing.rules import Bundle, End, Places, bundles
from netsiege.scenarios.model import Host, Topology

CARDS, CELLS, COUNTS = "cards", "cells", "counts"

MAX_CARDS: Final = 30
"""In one network; more become cells."""
MAX_CARDS_IN_ALL: Final = 300
MAX_CELLS_IN_ALL: Final = 4000
MAX_ROUTER_LINES: Final = 10
"""More routers than that are shown as members of their networks."""


@frozen
class Member:
    """A host in a network: `addresses` are shortened; `elsewhere` are its addresses in other networks.

    `leaves` and `arrives` are the numbers of the bundles that name it; `is_home` is true in the first of its
    networks, where its services are shown.
    """

    host: Host
    addresses: str
    elsewhere: tuple[str, ...]
    is_home: bool
    leaves: tuple[int, ...]
    arrives: tuple[int, ...]


@frozen
class Net:
    """A network; `mode` is how its members are shown; `leaves` and `arrives`: bundles that name all of it."""

    cidr: str
    is_private: bool
    members: tuple[Member, ...]
    mode: str
    leaves: tuple[int, ...]
    arrives: tuple[int, ...]


@frozen
class Link:
    """A line that joins networks, by their indices. It has a tap at each, for targets with an arrow head.

    `kind` is "router", "open" (from private to public networks, always) or "rule". `ports` are the texts at
    the taps of a router: its addresses.
    """

    kind: str
    label: str
    number: int = 0
    plain: tuple[int, ...] = ()
    sources: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    ports: dict[int, str] = field(factory=dict, eq=False)

    @property
    def ends(self) -> list[tuple[int, bool]]:
        """(network, whether it gets an arrow head) of each tap."""
        return [(i, False) for i in (*self.plain, *self.sources)] + [(i, True) for i in self.targets]


@frozen
class Scene:
    """Everything to see. `bundles` None means that the rules are too many to draw."""

    topology: Topology
    nets: tuple[Net, ...]
    links: tuple[Link, ...]
    bundles: tuple[Bundle, ...] | None


def scene_of(topology: Topology) -> Scene:
    """What to draw. ConfigError if an address is in none of the networks."""
    places = Places(topology)
    found = bundles(places)
    drawn = found or ()
    routers = [host for host in topology.hosts if host.is_router]
    lines = routers if len(routers) <= MAX_ROUTER_LINES else []
    inside = _members(places, drawn, {host.name for host in lines})
    modes = _modes([len(members) for members in inside])
    nets = tuple(
        Net(
            cidr=str(network),
            is_private=is_private(int(network.network_address)),
            members=tuple(inside[i]),
            mode=modes[i],
            leaves=tuple(b.number for b in drawn if i in b.source.whole),
            arrives=tuple(b.number for b in drawn if i in b.target.whole),
        )
        for i, network in enumerate(places.networks)
    )
    links = [*(_router(host, places) for host in lines), *_always_open(nets), *map(_rule, drawn)]
    return Scene(topology, nets, tuple(links), found)


def _members(places: Places, drawn: Iterable[Bundle], hidden: set[str]) -> list[list[Member]]:
    inside: list[list[Member]] = [[] for _ in places.networks]
    leaves = _numbers((b.number, b.source) for b in drawn)
    arrives = _numbers((b.number, b.target) for b in drawn)
    for host in places.topology.hosts:
        if host.name in hidden and host.is_router:
            continue
        homes: dict[int, list[str]] = {}
        for address in host.addresses:
            homes.setdefault(places.index[address], []).append(address)
        for rank, (i, own) in enumerate(homes.items()):
            inside[i].append(
                Member(
                    host=host,
                    addresses=", ".join(short(address, places.networks[i]) for address in own),
                    elsewhere=tuple(a for a in host.addresses if a not in own),
                    is_home=rank == 0,
                    leaves=_of(own, leaves),
                    arrives=_of(own, arrives),
                )
            )
    return inside


def _numbers(ends: Iterable[tuple[int, End]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, end in ends:
        for address in end.addresses:
            found.setdefault(address, []).append(number)
    return found


def _of(addresses: Iterable[str], numbers: dict[str, list[int]]) -> tuple[int, ...]:
    return tuple(sorted({number for address in addresses for number in numbers.get(address, ())}))


def _modes(sizes: list[int]) -> list[str]:
    """How to show each network: the smallest ones get cards as long as there is room for them."""
    modes = [CELLS if sum(sizes) <= MAX_CELLS_IN_ALL else COUNTS] * len(sizes)
    room = MAX_CARDS_IN_ALL
    for size, i in sorted((size, i) for i, size in enumerate(sizes)):
        if size <= min(room, MAX_CARDS):
            modes[i] = CARDS
            room -= size
    return modes


def short(address: str, network: ipaddress.IPv4Network) -> str:
    """The part of an address that its network leaves open, in whole numbers: `.5` in a /24."""
    kept = network.prefixlen // 8
    return "." + ".".join(address.split(".")[min(kept, 3) :])


def _router(host: Host, places: Places) -> Link:
    own: dict[int, list[str]] = {}
    for address in host.addresses:
        i = places.index[address]
        own.setdefault(i, []).append(short(address, places.networks[i]))
    ports = {i: _few(texts) for i, texts in own.items()}
    return Link("router", host.name, plain=tuple(ports), ports=ports)


def _few(texts: list[str]) -> str:
    return ", ".join(texts) if len(texts) < 3 else f"{texts[0]} +{len(texts) - 1}"


def _always_open(nets: tuple[Net, ...]) -> list[Link]:
    private = tuple(i for i, net in enumerate(nets) if net.members and net.is_private)
    public = tuple(i for i, net in enumerate(nets) if net.members and not net.is_private)
    return [Link("open", "always open", sources=private, targets=public)] if private and public else []


def _rule(bundle: Bundle) -> Link:
    sources, targets = tuple(sorted(bundle.source.touched)), tuple(sorted(bundle.target.touched))
    return Link("rule", "rule", number=bundle.number, sources=sources, targets=targets)
