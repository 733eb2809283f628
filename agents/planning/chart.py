"""The known part of a network as an engine's board, with room for what may be there besides.

On the board are all known hosts and networks, and in every private network some *phantoms*: hosts that may be
there. Each host of which no services are known has one that stands for any, and each host that was not
searched holds a datum of its own, `UNKNOWN`, with its address as id.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from attrs import field, frozen

from netsiege.engine.actions import EXFILTRATE, EXPLOIT, SCAN
from netsiege.engine.board import LOG, LOG_KEY, Board
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, mask_of
from netsiege.engine.tables import Tables, compile_tables
from netsiege.game import IP, Action, AgentRole, Data, GameState, Network, Service
from netsiege.game.action import CODE_OF, PLAYED
from netsiege.game.values import int_to_ip
from netsiege.scenarios.model import DataItem, Host, RoleTask, ServiceItem, Spec, Task, Topology

PHANTOMS: Final = 2
"""In a private network."""
UNKNOWN: Final = "?"
"""The owner of data that may be somewhere, and the service of hosts of which none is known."""

Key = tuple[int, ...]
"""Of an action, in the numbers of a board: its code, source, target, and what comes third."""

Groups = tuple[tuple[int, ...], ...]

_ROLE: Final = RoleTask(AgentRole.Attacker.value)


@frozen(eq=False)
class Chart:
    """See the module. Addresses, networks, services and data have the numbers of `tables.board`."""

    tables: Tables
    knows: Knowledge
    """What is known. Not to be changed."""
    home: tuple[int, ...]
    """Address -> the narrowest network that it lies in."""
    phantoms: int
    """The mask of the addresses that are not known to exist."""
    private: int
    """The mask of the private addresses."""
    hidden: dict[int, int]
    """Address -> the key of the datum that may lie there, for those that were not searched."""
    _groups: dict[int, Groups] = field(factory=dict, repr=False)

    @property
    def board(self) -> Board:
        """The numbers."""
        return self.tables.board

    def index(self, host: IP) -> int | None:
        """The number of an address; None if it is not on the chart."""
        return self.board.index.get(host.to_wire())

    def by_network(self, hosts: int) -> Groups:
        """The hosts of a mask, those of each network together."""
        groups = self._groups.get(hosts)
        if groups is None:
            found: dict[int, list[int]] = {}
            for host in bits(hosts):
                found.setdefault(self.home[host], []).append(host)
            groups = self._groups[hosts] = tuple(map(tuple, found.values()))
        return groups

    def key_of(self, action: Action) -> Key | None:
        """An action in the numbers of the board; None for one that speaks of what is not on it."""
        given, board = action.parameters, self.board
        code = CODE_OF[action.type]
        rest: tuple[int | None, ...]
        if code == SCAN:
            network = given["target_network"]
            rest = (board.network_index.get((network.first, network.mask)),)
        else:
            rest = (self.index(given["target_host"]),)
        if code == EXPLOIT:
            rest += (board.service_index.get(tuple(given["target_service"].to_wire())),)
        elif code == EXFILTRATE:
            datum = given["data"]
            rest += (board.key_index.get((datum.owner, datum.id, datum.type)),)
        key = (code, self.index(given["source_host"]), *rest)
        return None if None in key else key

    def action_of(self, key: Key) -> Action:
        """The inverse, for actions that are about what is known."""
        board, (code, source, target) = self.board, key[:3]
        kind, names = PLAYED[code]
        said: list[Any] = [IP(board.texts[source])]
        said.append(Network.from_wire(board.networks[target]) if code == SCAN else IP(board.texts[target]))
        if code == EXPLOIT:
            said.append(Service.from_wire(board.services[key[3]]))
        elif code == EXFILTRATE:
            said.append(Data.from_wire(self.knows.data[source][key[3]]))
        return Action(kind, dict(zip(names, said, strict=True)))


def draw_chart(state: GameState, named: Iterable[IP] = ()) -> Chart:
    """A chart of what a state knows. `named` hosts are on it without being known, if a network has them."""
    networks = sorted(state.known_networks)
    known = state.known_hosts | state.controlled_hosts | state.known_services.keys() | state.known_data.keys()
    known |= {host for host in named if any(host in network for network in networks)}
    taken = {host.to_wire() for host in known}
    phantoms = [number for network in networks if network.is_private() for number in _free_in(network, taken)]
    hosts = [_host(state, host) for host in sorted(known)]
    hosts += [_host(state, IP(int_to_ip(number))) for number in phantoms]
    lonely = {Network(host.ip, 32) for host in known if not any(host in network for network in networks)}
    everything = [*networks, *sorted(lonely)]
    topology = Topology("chart", tuple(map(str, everything)), tuple(hosts))
    tables = compile_tables(Spec(topology, Task("chart", "chart", (_ROLE,))))
    board = tables.board
    return Chart(
        tables,
        _knowledge(board, state),
        tuple(_narrowest(board, mask) for mask in board.networks_at),
        mask_of(board.index[number] for number in phantoms),
        board.local,
        {
            address: board.key_index[UNKNOWN, text, ""]
            for address, text in enumerate(board.texts)
            if (UNKNOWN, text, "") in board.key_index
        },
    )


@lru_cache(maxsize=1 << 12)
def listed(mask: int) -> tuple[int, ...]:
    """The numbers in a mask; kept, because the same masks come again and again in a search."""
    return tuple(bits(mask))


def _free_in(network: Network, taken: set[int]) -> list[int]:
    """The lowest addresses that are left; the first of a network is no host's."""
    first, last = network.first + (network.mask < 31), network.last - (network.mask < 31)
    found: list[int] = []
    number = first
    while number <= last and len(found) < PHANTOMS:
        if number not in taken:
            found.append(number)
        number += 1
    taken.update(found)
    return found


def _host(state: GameState, host: IP) -> Host:
    data = state.known_data.get(host, frozenset())
    items = [DataItem(d.owner, d.id, d.type, d.size, d.content) for d in sorted(data) if d.type != "log"]
    if not is_searched(state, host):
        items.append(DataItem(UNKNOWN, host.ip))
    known = sorted(state.known_services.get(host, ()))
    services = [ServiceItem(s.name, s.type, s.version, s.is_local) for s in known] or [ServiceItem(UNKNOWN)]
    store = ServiceItem(UNKNOWN, local=True, data=tuple(items))
    return Host(host.ip, (host.ip,), (*services, store))


def is_searched(state: GameState, host: IP) -> bool:
    """Whether data were looked for on a host: who looks finds its log at least."""
    return any(datum.type == "log" for datum in state.known_data.get(host, ()))


def _narrowest(board: Board, mask: int) -> int:
    """Of the networks in a mask."""
    numbers = [n for n in range(len(board.networks)) if mask >> n & 1]
    return max(numbers, key=lambda n: board.networks[n][1])


def _knowledge(board: Board, state: GameState) -> Knowledge:
    """A state in the numbers of a board that has all of it."""
    index, knows = board.index, Knowledge()
    knows.networks = mask_of(
        number
        for network in state.known_networks
        if (number := board.network_index.get((network.first, network.mask))) is not None
    )
    knows.hosts = mask_of(index[host.to_wire()] for host in state.known_hosts)
    knows.controlled = mask_of(index[host.to_wire()] for host in state.controlled_hosts)
    for host, services in sorted(state.known_services.items()):
        if services:
            keys = (tuple(service.to_wire()) for service in services)
            knows.services[index[host.to_wire()]] = mask_of(board.service_index[key] for key in keys)
    for host, data in sorted(state.known_data.items()):
        held = {}
        for datum in sorted(data):
            key = LOG if datum.type == LOG_KEY[2] else board.key_index[datum.owner, datum.id, datum.type]
            held[key] = datum.to_wire()
        if held:
            knows.data[index[host.to_wire()]] = held
    return knows
