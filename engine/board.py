"""A topology as frozen tables: everything that has a name in a scenario gets a small number here.

*Addresses* are numbered in ascending order of their 32-bit values, so the members of any prefix are
neighbours and a mask read from its lowest bit is sorted. A *node* is a machine: it may have several
addresses, and has one log, one set of services and one set of data. *Networks*, *services* and data *keys*
(owner, id, type: what makes two pieces of data the same) are numbered over all that the topology and the
views of the task mention. An *item* is a key with its size and content, as it lies on some node.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import field, frozen

from netsiege.engine.deltas import Deltas
from netsiege.engine.masks import bits, mask_of
from netsiege.errors import RuleError
from netsiege.game import Network
from netsiege.game.action import PLAYED
from netsiege.game.private import is_private
from netsiege.game.values import int_to_ip, ip_to_int
from netsiege.scenarios.model import DataItem, ServiceItem, Topology, View

LOG: Final = 0
"""The key of log files."""
LOG_KEY: Final = ("system", "logfile", "log")

MAX_ADDRESSES: Final = 1 << 20
"""A log entry keeps its source in 20 bits."""
_MEMO_LIMIT: Final = 1 << 14

Key = tuple[str, str, str]
Wire = list[Any]


@frozen(eq=False)
class Board:
    """See the module. Tuples are indexed by the numbers; a name in `…_at` is indexed by node or address."""

    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    index: dict[int, int]
    """32-bit number of an address -> its index."""
    node_of: tuple[int, ...]
    node_names: tuple[str, ...]
    node_addresses: tuple[int, ...]
    """Node -> mask of its addresses."""
    reach: tuple[int, ...]
    """Address -> mask of the addresses that it may reach before anyone blocks anything."""
    local: int
    """The mask of all private addresses."""
    starts: tuple[int, ...]
    """Addresses where a random start may be, each as often as it weighs."""
    start_mask: int
    networks: tuple[Wire, ...]
    network_index: dict[tuple[int, int], int]
    networks_at: tuple[int, ...]
    """Address -> mask of its networks."""
    neighbours_at: tuple[int, ...]
    """Address -> mask of its networks and, of private ones, the neighbours whose existence is known."""
    services: tuple[Wire, ...]
    service_index: dict[tuple[Any, ...], int]
    services_at: tuple[int, ...]
    open_services_at: tuple[int, ...]
    """Node -> mask of the services that are seen without controlling it."""
    keys: tuple[Key, ...]
    key_index: dict[Key, int]
    items: tuple[Wire, ...]
    item_key: tuple[int, ...]
    key_items: tuple[int, ...]
    """Key -> mask of the items that have it."""
    items_at: tuple[int, ...]
    """Node -> mask of the items that lie there at first."""
    deltas: Deltas
    _members: dict[tuple[int, int], int] = field(factory=dict, repr=False)
    _lines: dict[int, str] = field(factory=dict, repr=False)

    def members(self, number: int, prefix: int) -> int:
        """The mask of the addresses in a network; `number` may be any address of it."""
        memo = self._members
        mask = memo.get((number, prefix))
        if mask is None:
            first = number >> (32 - prefix) << (32 - prefix)
            last = first | ((1 << (32 - prefix)) - 1)
            low, high = bisect_left(self.numbers, first), bisect_right(self.numbers, last)
            mask = (1 << high) - (1 << low)
            if len(memo) >= _MEMO_LIMIT:
                memo.clear()
            memo[number, prefix] = mask
        return mask

    def numbers_of(self, mask: int) -> list[int]:
        """The addresses of a mask as they travel: sorted 32-bit numbers."""
        numbers = self.numbers
        return [numbers[i] for i in bits(mask)]

    def line(self, stamp: int) -> str:
        """The text of a log entry from the low 24 bits of its number (see `netsiege.engine.world`)."""
        text = self._lines.get(stamp)
        if text is None:
            kind = PLAYED[stamp & 7][0]
            text = f'{{"source_host": "{self.texts[stamp >> 3]}", "action_type": "{kind}"}}'
            self._lines[stamp] = text
        return text


def build_board(topology: Topology, views: Iterable[View], use_firewall: bool) -> Board:
    """Compiles a topology. `views` only widen the numbering by what they mention.

    Raises RuleError, naming all it finds wrong, for a topology without addresses, with an address twice or
    outside all networks, or with a log file among its data.
    """
    views = list(views)
    places = _place_addresses(topology)
    network_index, around = _number_networks(topology, views, places.home)
    services, services_at = _number_services(topology, views)
    keys, items, items_at = _number_data(topology, views)
    key_index = {key: i for i, key in enumerate(keys)}
    item_key = tuple(key_index[item[0], item[1], item[3]] for item in items)
    networks = tuple(list(key) for key in sorted(network_index))
    served = tuple(list(service) for service in services)
    starts = tuple(i for i, node in enumerate(places.node_of) for _ in range(topology.hosts[node].start))
    return Board(
        numbers=places.numbers,
        texts=tuple(int_to_ip(number) for number in places.numbers),
        index=places.index,
        node_of=places.node_of,
        node_names=tuple(host.name for host in topology.hosts),
        node_addresses=_grouped(places.node_of, len(topology.hosts)),
        reach=_firewall(topology, places) if use_firewall else _open_world(len(places.numbers)),
        local=places.local,
        starts=starts,
        start_mask=mask_of(starts),
        networks=networks,
        network_index=network_index,
        networks_at=tuple(1 << network_index[_key(network)] for network in places.home),
        neighbours_at=tuple(mask_of(network_index[key] for key in near) for near in around),
        services=served,
        service_index={service: i for i, service in enumerate(services)},
        services_at=services_at,
        open_services_at=tuple(mask_of(i for i in bits(mask) if not services[i][3]) for mask in services_at),
        keys=keys,
        key_index=key_index,
        items=items,
        item_key=item_key,
        key_items=_grouped(item_key, len(keys)),
        items_at=items_at,
        deltas=Deltas(places.numbers, networks, served),
    )


def service_key(item: ServiceItem) -> tuple[Any, ...]:
    """A service as a hashable wire form."""
    return (item.name, item.type, item.version, item.local)


def data_wire(item: DataItem) -> Wire:
    """A datum as it travels."""
    return [item.owner, item.id, item.size, item.type, item.content]


def data_key(item: DataItem) -> Key:
    """What makes two pieces of data the same."""
    return (item.owner, item.id, item.type)


def _grouped(owners: Sequence[int], count: int) -> tuple[int, ...]:
    """For each of `count` owners, the mask of what it owns."""
    masks = [0] * count
    for i, owner in enumerate(owners):
        masks[owner] |= 1 << i
    return tuple(masks)


def _key(network: Network) -> tuple[int, int]:
    return (ip_to_int(network.ip), network.mask)


def _neighbours(network: Network) -> list[tuple[int, int]]:
    """The networks 256 addresses further and nearer, as far as they are private, of a private one."""
    number = ip_to_int(network.ip)
    if not is_private(number):
        return []
    return [(n, network.mask) for n in (number + 256, number - 256) if is_private(n)]


@frozen
class _Places:
    """The addresses of a topology in their order, and where each belongs."""

    numbers: tuple[int, ...]
    index: dict[int, int]
    node_of: tuple[int, ...]
    home: tuple[Network, ...]
    """Address -> the smallest network that it is in."""
    local: int


def _place_addresses(topology: Topology) -> _Places:
    problems: list[str] = []
    placed: dict[int, tuple[int, Network]] = {}
    networks = [Network.from_text(text) for text in topology.networks]
    # the smallest network first: that is the one an address belongs to
    spans = sorted(((n.first, n.last, n) for n in networks), key=lambda span: -span[2].mask)
    for node, host in enumerate(topology.hosts):
        if not host.addresses:
            problems.append(f"{host.name} has no address")
        for text in host.addresses:
            number = ip_to_int(text)
            around = next((n for first, last, n in spans if first <= number <= last), None)
            if number in placed:
                problems.append(f"{text} belongs to {topology.hosts[placed[number][0]].name} and {host.name}")
            elif around is None:
                problems.append(f"{text} of {host.name} is in none of the networks")
            else:
                placed[number] = (node, around)
    if not topology.hosts:
        problems.append("there are no hosts")
    if len(placed) > MAX_ADDRESSES:
        problems.append(f"{len(placed)} addresses are more than {MAX_ADDRESSES}")
    if problems:
        raise RuleError(f"topology {topology.name!r}: {'; '.join(problems)}")
    numbers = tuple(sorted(placed))
    home = tuple(placed[number][1] for number in numbers)
    return _Places(
        numbers=numbers,
        index={number: i for i, number in enumerate(numbers)},
        node_of=tuple(placed[number][0] for number in numbers),
        home=home,
        local=mask_of(i for i, network in enumerate(home) if is_private(ip_to_int(network.ip))),
    )


def _number_networks(
    topology: Topology, views: Iterable[View], home: Iterable[Network]
) -> tuple[dict[tuple[int, int], int], list[list[tuple[int, int]]]]:
    """All networks in the order in which they travel; for each address its own and the neighbours."""
    around = [sorted([_key(network), *_neighbours(network)]) for network in home]
    texts = [*topology.networks, *(text for view in views for text in view.known_networks)]
    keys = {_key(Network.from_text(text)) for text in texts}
    return {key: i for i, key in enumerate(sorted(keys.union(*around)))}, around


def _open_world(count: int) -> tuple[int, ...]:
    return ((1 << count) - 1,) * count


def _firewall(topology: Topology, places: _Places) -> tuple[int, ...]:
    """Within a private network all; private to public all; public to itself; then every rule."""
    numbers, home, local = places.numbers, places.home, places.local
    count = len(numbers)
    public = ((1 << count) - 1) & ~local
    inside: dict[Network, int] = {}
    for i, network in enumerate(home):
        inside[network] = inside.get(network, 0) | 1 << i
    reach = [inside[home[i]] | public if local >> i & 1 else 1 << i for i in range(count)]
    for rule in topology.rules:
        low, high = _stretch(numbers, rule.target)
        allowed = (1 << high) - (1 << low)
        for i in range(*_stretch(numbers, rule.source)):
            reach[i] |= allowed
    return tuple(reach)


def _stretch(numbers: Sequence[int], prefix: str) -> tuple[int, int]:
    """The first of the addresses in a prefix and the first behind them, by their numbers."""
    network = Network.from_text(prefix)
    return bisect_left(numbers, network.first), bisect_right(numbers, network.last)


def _number_services(
    topology: Topology, views: Iterable[View]
) -> tuple[list[tuple[Any, ...]], tuple[int, ...]]:
    """All services in the order in which they travel, and the mask of each node's own."""
    at_nodes = [{service_key(item) for item in host.services} for host in topology.hosts]
    seen = {
        service_key(item)
        for view in views
        for _, items in view.known_services
        for item in items
        if isinstance(item, ServiceItem)
    }
    services = sorted(seen.union(*at_nodes))
    index = {service: i for i, service in enumerate(services)}
    return services, tuple(mask_of(index[service] for service in sorted(own)) for own in at_nodes)


def _number_data(
    topology: Topology, views: Iterable[View]
) -> tuple[tuple[Key, ...], tuple[Wire, ...], tuple[int, ...]]:
    """All keys, the log's first; all items; the mask of each node's items."""
    at_nodes: list[dict[Key, tuple[Any, ...]]] = []
    for host in topology.hosts:
        own: dict[Key, tuple[Any, ...]] = {}
        for service in host.services:
            for item in service.data:
                if data_key(item) == LOG_KEY:
                    raise RuleError(f"topology {topology.name!r}: every host has its log file: {host.name}")
                own.setdefault(data_key(item), tuple(data_wire(item)))
        at_nodes.append(own)
    seen = {
        data_key(item)
        for view in views
        for _, items in view.known_data
        for item in items
        if isinstance(item, DataItem)
    }
    keys = (LOG_KEY, *sorted(seen.union(*at_nodes) - {LOG_KEY}))
    items = sorted({item for own in at_nodes for item in own.values()})
    index = {item: i for i, item in enumerate(items)}
    masks = tuple(mask_of(index[item] for item in own.values()) for own in at_nodes)
    return keys, tuple(list(item) for item in items), masks
