"""Our own format of a topology, read into `Topology`.

::

    name: small_office              # optional: the file's name without its ending
    description: Two networks behind one router, and a host on the Internet.

    networks:                       # name: network in CIDR notation; they may not overlap
      servers: 192.168.1.0/24
      clients: 192.168.2.0/24
      internet: 213.47.23.192/26

    hosts:                          # in this order they are drawn, listed and numbered
      smb_server:
        ip: 192.168.1.2             # or a list; each in one of the networks
        services:                   # name: fields, or a list of fields that have a name each
          microsoft-ds:
            version: 10.0.19041     # default unknown
            type: passive           # or active, unknown
            owner: Local system
            data:
              - [User1, DataFromServer1]
              - {owner: User2, id: Report, type: pdf, size: 4, content: text}
              - {owner: User2, id: Password, opens: [client_1]}     # credentials for these hosts
            vulnerabilities: [CVE-2021-34527]   # [] for none; without it, those known of the version
          powershell: {version: 10.0.19041, local: true}    # seen only by whoever controls the host
      client_1:
        ip: 192.168.2.2
        start: true                 # `random` starts may fall on it; a number is its weight in the draw

    routers:
      router1:
        ip: [192.168.1.1, 192.168.2.1]

    firewall:                       # on top of what always passes: see below
      - {from: client_1, to: smb_server}
      - {from: [client_1, clients], to: [192.168.1.2, 213.47.23.192/26]}

Either end of a firewall rule is an address, a network in CIDR notation, the name of a network, host or
router, or a list of these. Without any rule, private networks are open inside, private addresses reach all
public ones, and public hosts reach only themselves. The size of data is that of its content unless given.
Vulnerabilities and credentials count under the ruleset `siege-1`; a vulnerability that is not in the bundled
catalogue (`netsiege.scenarios.vulnerabilities`) is written {cve: CVE-2021-34527, vector: "CVSS:3.1/AV:N/…"}.

How many there may be of everything, `netsiege.scenarios.limits` says. A file may extend another one and say
only what differs: see `netsiege.scenarios.extends`.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from typing import Final

from attrs import Factory, define

from netsiege.scenarios.contents import Contents, read_services
from netsiege.scenarios.limits import (
    LARGEST_NETWORK,
    MAX_ADDRESSES,
    MAX_NETWORKS,
    MAX_RULES,
    topology_excess,
)
from netsiege.scenarios.model import Host, Rule, Topology
from netsiege.scenarios.reading import Place, address_of, network_of, shown

MAX_START_WEIGHT: Final = 1000
MAX_DESCRIPTION_CHARS: Final = 2000

_TOP: Final = ("extends", "name", "description", "networks", "hosts", "routers", "firewall")
_HOST: Final = ("ip", "services", "start")
_ROUTER: Final = ("ip",)
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@define
class _Names:
    """What the firewall may refer to, and what is taken already."""

    networks: dict[str, ipaddress.IPv4Network] = Factory(dict)
    addresses: dict[str, tuple[str, ...]] = Factory(dict)
    owner_of: dict[str, str] = Factory(dict)
    has_all_networks: bool = True
    """Whether every network could be read: without one, its hosts would seem to lie nowhere."""
    contents: Contents = Factory(Contents)
    _firsts: list[int] = Factory(list)
    _spans: list[tuple[int, str]] = Factory(list)
    """First addresses, last addresses and names of networks that do not overlap, in their order."""
    _at: dict[tuple[int, int], str] = Factory(dict)
    _masks: dict[int, int] = Factory(dict)

    def add_network(self, name: str, network: ipaddress.IPv4Network) -> None:
        """One more network."""
        self.networks[name] = network
        self._masks[network.prefixlen] = int(network.netmask)
        self._at[network.prefixlen, int(network.network_address)] = name
        if self.overlapped(network) is None:
            place = bisect_left(self._firsts, int(network.network_address))
            self._firsts.insert(place, int(network.network_address))
            self._spans.insert(place, (int(network.broadcast_address), name))

    def overlapped(self, network: ipaddress.IPv4Network) -> str | None:
        """The name of the first network that has addresses in common with that one."""
        first, last = int(network.network_address), int(network.broadcast_address)
        after = bisect_left(self._firsts, first)
        if after and self._spans[after - 1][0] >= first:
            return self._spans[after - 1][1]
        there = after < len(self._firsts) and self._firsts[after] <= last
        return self._spans[after][1] if there else None

    def network_of(self, address: ipaddress.IPv4Address) -> str | None:
        """The name of the network with that address."""
        number = int(address)
        found = (self._at.get((length, number & mask)) for length, mask in self._masks.items())
        return next((name for name in found if name is not None), None)

    def __contains__(self, name: str) -> bool:
        return name in self.networks or name in self.addresses

    @property
    def all(self) -> Iterator[str]:
        """Every name."""
        yield from self.networks
        yield from self.addresses


def read_topology(root: Place, default_name: str) -> Topology | None:
    """The topology, complete if nothing was reported; None if there is nothing to build on."""
    fields = root.fields(_TOP, ("networks", "hosts"))
    name = read_name(fields["name"]) if "name" in fields else default_name
    description = ""
    if "description" in fields:
        description = " ".join((fields["description"].any_text(MAX_DESCRIPTION_CHARS) or "").split())
    if not {"networks", "hosts"} <= fields.keys():
        return None
    names = _Names()
    _read_networks(fields["networks"], names)
    hosts = _read_hosts(fields, names)
    rules = _read_firewall(fields["firewall"], names) if "firewall" in fields else ()
    networks = tuple(str(network) for network in names.networks.values())
    topology = Topology(name or default_name, networks, tuple(hosts), rules, description)
    if not root.report.problems:
        for path, text in topology_excess(topology):
            root.report.problem(path, text)
    return topology


def _read_hosts(fields: dict[str, Place], names: _Names) -> list[Host]:
    """Hosts and routers, as far as there are not too many."""
    hosts: list[Host] = []
    if fields["hosts"].value == {}:
        fields["hosts"].problem("there are none")
    for key, read in (("hosts", _read_host), ("routers", _read_router)):
        if key in fields and not fields[key].is_too_long(MAX_ADDRESSES):
            hosts += [read(place, name, names) for name, place in fields[key].entries()]
    names.contents.check_opened(dict.fromkeys(host.name for host in hosts if not host.is_router))
    return hosts


def read_name(place: Place) -> str | None:
    """The name of a scenario or task: as those of hosts and networks are."""
    name = place.text()
    return name if name is not None and _check_name(place, name) else None


def _check_name(place: Place, name: str) -> bool:
    # an address as a name would make the ends of firewall rules ambiguous
    if _NAME.fullmatch(name) and address_of(name) is None:
        return True
    place.problem(f"{shown(name)} is no name: 1 to 64 letters, digits, '_', '-' and '.', and no address")
    return False


def _claim_name(place: Place, name: str, names: _Names) -> bool:
    if name in names:
        what = "a network" if name in names.networks else "another host or router"
        place.problem(f"{what} has this name too")
        return False
    return _check_name(place, name)


def _read_networks(place: Place, names: _Names) -> None:
    if place.is_too_long(MAX_NETWORKS):
        names.has_all_networks = False
        return
    for name, entry in place.entries():
        network = entry.network()
        if network is None or not _claim_name(entry, name, names):
            names.has_all_networks = False
            continue
        if network.prefixlen < LARGEST_NETWORK:
            entry.problem(f"'{network}' is larger than a /{LARGEST_NETWORK}, more than an agent can list")
        overlapped = names.overlapped(network)
        if overlapped is not None:
            entry.problem(f"'{network}' overlaps {overlapped} ({names.networks[overlapped]})")
        names.add_network(name, network)
    if place.value == {}:
        place.problem("there are none")


def _read_host(place: Place, name: str, names: _Names) -> Host:
    known = _claim_name(place, name, names)
    fields = place.fields(_HOST, ("ip",))
    addresses = _read_addresses(fields["ip"], name, names) if "ip" in fields else ()
    if known:
        names.addresses[name] = addresses
    services = read_services(fields["services"], names.contents) if "services" in fields else ()
    start = _read_start(fields["start"]) if "start" in fields else 0
    return Host(name, addresses, services, start)


def _read_router(place: Place, name: str, names: _Names) -> Host:
    known = _claim_name(place, name, names)
    fields = place.fields(_ROUTER, ("ip",))
    addresses = _read_addresses(fields["ip"], name, names) if "ip" in fields else ()
    if known:
        names.addresses[name] = addresses
    return Host(name, addresses, is_router=True)


def _read_addresses(place: Place, host: str, names: _Names) -> tuple[str, ...]:
    if place.is_too_long(MAX_ADDRESSES, len(names.owner_of)):
        return ()
    entries = list(place.items()) if isinstance(place.value, list) else [place]
    if not entries:
        place.problem("there are none")
    found = []
    for entry in entries:
        address = entry.address()
        if address is None:
            continue
        if address in names.owner_of:
            entry.problem(f"'{address}' belongs to {names.owner_of[address]} already")
            continue
        names.owner_of[address] = host
        found.append(address)
        _check_address(entry, address, names)
    return tuple(found)


def _check_address(place: Place, address: str, names: _Names) -> None:
    number = ipaddress.IPv4Address(address)
    name = names.network_of(number)
    if name is None:
        if names.has_all_networks:
            choices = (f"{name} ({network})" for name, network in names.networks.items())
            place.problem(f"'{address}' is in none of the networks{place.nearest(address, choices)}")
        return
    network = names.networks[name]
    if network.prefixlen < 31 and number in (network.network_address, network.broadcast_address):
        place.problem(f"'{address}' is the first or last address of {name} ({network}), which no host has")


def _read_start(place: Place) -> int:
    if isinstance(place.value, bool):
        return int(place.value)
    return place.whole(0, MAX_START_WEIGHT) or 0


def _read_firewall(place: Place, names: _Names) -> tuple[Rule, ...]:
    rules: dict[Rule, None] = {}
    ends = 0
    if place.is_too_long(MAX_RULES):
        return ()
    for entry in place.items("[{from: client_1, to: smb_server}]"):
        fields = entry.fields(("from", "to"), ("from", "to"))
        sources = _read_ends(fields["from"], names) if "from" in fields else []
        targets = _read_ends(fields["to"], names) if "to" in fields else []
        ends += len(sources) + len(targets)
        if len(rules) + len(sources) * len(targets) > MAX_RULES or ends > 2 * MAX_RULES:
            entry.problem(f"more than {MAX_RULES} rules once names and lists are written out")
            break
        rules.update((Rule(source, target), None) for source in sources for target in targets)
    return tuple(rules)


def _read_ends(place: Place, names: _Names) -> list[str]:
    if place.is_too_long(MAX_RULES):
        return []
    entries = place.items() if isinstance(place.value, list) else [place]
    return [end for entry in entries for end in _read_end(entry, names)]


def _read_end(place: Place, names: _Names) -> Collection[str]:
    word = place.value
    if not isinstance(word, str):
        place.problem(f"{shown(word)} is neither an address, a network nor a name")
        return ()
    if word in names.networks:
        return (str(names.networks[word]),)
    if word in names.addresses:
        return [f"{address}/32" for address in names.addresses[word]]
    if address_of(word) is not None:
        if word not in names.owner_of:
            place.problem(f"no host or router has the address '{word}'{place.nearest(word, names.owner_of)}")
        return (f"{word}/32",)
    if network_of(word) is not None:
        network = place.network()
        if network is not None and names.overlapped(network) is None and names.has_all_networks:
            place.problem(f"'{word}' has no address in any of the networks")
        return (word,)
    place.problem(
        f"{shown(word)} is neither an address, a network nor a name{place.nearest(word, names.all)}"
    )
    return ()
