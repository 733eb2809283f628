"""NetSecGame's words. Those that behave like ours are ours; the others are here.

`Network` takes any text for an address: agents that think in concepts name networks as they like. `Action`,
`GameState` and `Observation` hold plain dicts and sets, as given: their owner may change them.
"""

from __future__ import annotations

import enum
import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, NamedTuple, Self

from attrs import Factory, frozen

from netsiege import game
from netsiege.game import IP, AgentInfo, AgentRole, AgentStatus, Data, GameStatus, Service
from netsiege.game.values import Word, ip_to_int

__all__ = [
    "IP",
    "Action",
    "ActionType",
    "AgentInfo",
    "AgentRole",
    "AgentStatus",
    "Data",
    "GameState",
    "GameStatus",
    "Network",
    "Observation",
    "ProtocolConfig",
    "Service",
]


@enum.unique
class ActionType(Word):
    """NetSecGame's action types. Equal to ours of the same names, which are more."""

    ScanNetwork = "ScanNetwork"
    FindServices = "FindServices"
    FindData = "FindData"
    ExploitService = "ExploitService"
    ExfiltrateData = "ExfiltrateData"
    BlockIP = "BlockIP"
    JoinGame = "JoinGame"
    QuitGame = "QuitGame"
    ResetGame = "ResetGame"

    __hash__ = Word.__hash__


def _place(each: Network | IP) -> tuple[int, int, int] | None:
    """Where an address or a network stands among them; None for a name."""
    try:
        mask = each.mask if isinstance(each, Network) else 32
        network = game.Network(each.ip, mask)
    except ValueError:
        return None
    return network.first, mask, ip_to_int(each.ip)


@frozen(order=False, repr=False)
class Network(game.Network):
    """A network, or a name for one. Names are ordered as text, networks (and IPs) by their first address."""

    ip: str
    mask: int

    def _beside(self, other: Network | IP) -> tuple[Any, Any]:
        """What the order of the two is the order of."""
        mine, others = _place(self), _place(other)
        return (self.ip, other.ip) if mine is None or others is None else (mine, others)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Network | IP):
            return NotImplemented
        mine, others = self._beside(other)
        return bool(mine < others)

    def __le__(self, other: object) -> bool:
        if not isinstance(other, Network | IP):
            return NotImplemented
        mine, others = self._beside(other)
        return bool(mine <= others)

    def __gt__(self, other: object) -> bool:
        if not isinstance(other, Network | IP):
            return NotImplemented
        mine, others = self._beside(other)
        return bool(mine > others)

    def __ge__(self, other: object) -> bool:
        if not isinstance(other, Network | IP):
            return NotImplemented
        mine, others = self._beside(other)
        return bool(mine >= others)

    def is_private(self) -> bool:
        """Whether the whole network is not routed on the Internet. Names are taken for private."""
        try:
            return ipaddress.IPv4Network(f"{self.ip}/{self.mask}", strict=False).is_private
        except ipaddress.AddressValueError:
            return True


_PLAIN: Final = (IP, Network, Service, Data, AgentInfo)


@frozen(order=False, repr=False)
class Action:
    """One action; nothing about it is checked before it is played. The order of parameters has no say."""

    action_type: ActionType
    parameters: dict[str, Any] = Factory(dict)

    def __hash__(self) -> int:
        return hash((self.action_type, frozenset(self.parameters.items())))

    def __repr__(self) -> str:
        return f"Action <{self.action_type}|{self.parameters}>"

    __str__ = __repr__

    @property
    def type(self) -> ActionType:
        """The same as `action_type`."""
        return self.action_type

    @property
    def as_dict(self) -> dict[str, Any]:
        """`{"action_type": "ActionType.…", "parameters": {…}}`, ready for JSON."""
        plain: dict[str, Any] = {}
        for name, value in self.parameters.items():
            if isinstance(value, _PLAIN):
                plain[name] = value.as_dict
            elif value is None or isinstance(value, dict | int):
                plain[name] = value
            else:
                plain[name] = str(value)
        return {"action_type": str(self.action_type), "parameters": plain}

    def to_json(self) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict)

    @classmethod
    def from_dict(cls, data_dict: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`. Raises ValueError for an unknown parameter or a bad value."""
        kind = ActionType.from_string(data_dict["action_type"])
        return cls(kind, {name: _parameter(name, value) for name, value in data_dict["parameters"].items()})

    @classmethod
    def from_json(cls, json_string: str) -> Self:
        """The inverse of `to_json`."""
        return cls.from_dict(json.loads(json_string))


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "source_host": IP.from_dict,
    "target_host": IP.from_dict,
    "blocked_host": IP.from_dict,
    "blocked_ip": IP.from_dict,
    "target_network": Network.from_dict,
    "target_service": Service.from_dict,
    "data": Data.from_dict,
    "agent_info": AgentInfo.from_dict,
}
_TRUTHS: Final = {"True": True, "False": False}


def _parameter(name: str, value: Any) -> Any:
    reader = _READERS.get(name)
    if reader is not None:
        return reader(value)
    if name in ("request_trajectory", "randomize_topology"):
        if isinstance(value, bool):
            return value
        if value in _TRUTHS:
            return _TRUTHS[value]
    if name == "seed":
        if value is None or value == "None":
            return None
        if isinstance(value, int):
            return value
    raise ValueError(f"{name}: {value!r:.40} is no parameter of an action")


@frozen(order=False)
class GameState:
    """What an agent knows: sets and dicts of sets, kept as given."""

    controlled_hosts: set[IP] = Factory(set)
    known_hosts: set[IP] = Factory(set)
    known_services: dict[IP, set[Service]] = Factory(dict)
    known_data: dict[IP, set[Data]] = Factory(dict)
    known_networks: set[Network] = Factory(set)
    known_blocks: dict[IP, set[IP]] = Factory(dict)

    @classmethod
    def copy_of(cls, state: game.GameState) -> Self:
        """A state of ours in NetSecGame's form, to keep and to change."""
        return cls(
            set(state.controlled_hosts),
            set(state.known_hosts),
            {ip: set(found) for ip, found in state.known_services.items()},
            {ip: set(found) for ip, found in state.known_data.items()},
            {Network(network.ip, network.mask) for network in state.known_networks},
            {ip: set(blocked) for ip, blocked in state.known_blocks.items()},
        )

    def __str__(self) -> str:
        return (
            f"State<nets:{self.known_networks}; known:{self.known_hosts}; owned:{self.controlled_hosts}; "
            f"services:{self.known_services}; data:{self.known_data}; blocks:{self.known_blocks}>"
        )

    @property
    def as_graph(self) -> tuple[list[int], list[int], list[tuple[int, int]], dict[int, Any]]:
        """Kinds of nodes, which of them are controlled hosts, edges in both directions, and the nodes.

        Kinds: 0 network, 1 host, 2 service, 3 datum. Hosts are next to the networks that they are in,
        services and data to their hosts. Blocks are left out.
        """
        kinds: list[int] = []
        controlled: list[int] = []
        nodes: dict[int, Any] = {}
        edges: list[tuple[int, int]] = []

        def add(node: Any, kind: int, neighbours: Iterable[int]) -> int:
            number = len(kinds)
            kinds.append(kind)
            controlled.append(int(node in self.controlled_hosts))
            nodes[number] = node
            for neighbour in neighbours:
                edges.extend([(neighbour, number), (number, neighbour)])
            return number

        networks = {network: add(network, 0, ()) for network in sorted(self.known_networks)}
        hosts: dict[IP, int] = {}
        for host in sorted(self.known_hosts):
            hosts[host] = add(host, 1, [at for network, at in networks.items() if host in network])
        held: tuple[dict[IP, set[Any]], ...] = (self.known_services, self.known_data)
        for kind, on_hosts in enumerate(held, 2):
            for host in sorted(on_hosts):
                for item in sorted(on_hosts[host]):
                    add(item, kind, [hosts[host]] if host in hosts else ())
        return kinds, controlled, edges, nodes

    @property
    def as_dict(self) -> dict[str, Any]:
        """Lists of dicts, ready for JSON; sorted, so that equal states give equal text."""
        return {
            "known_networks": _plain(self.known_networks),
            "known_hosts": _plain(self.known_hosts),
            "controlled_hosts": _plain(self.controlled_hosts),
            "known_services": {
                str(ip): _plain(self.known_services[ip]) for ip in sorted(self.known_services)
            },
            "known_data": {str(ip): _plain(self.known_data[ip]) for ip in sorted(self.known_data)},
            "known_blocks": {str(ip): _plain(self.known_blocks[ip]) for ip in sorted(self.known_blocks)},
        }

    def as_json(self) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict)

    @classmethod
    def from_dict(cls, data_dict: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; `known_blocks` may be absent. Raises KeyError or ValueError otherwise."""
        blocks = data_dict.get("known_blocks", {})
        return cls(
            known_networks={Network.from_dict(each) for each in data_dict["known_networks"]},
            known_hosts={IP.from_dict(each) for each in data_dict["known_hosts"]},
            controlled_hosts={IP.from_dict(each) for each in data_dict["controlled_hosts"]},
            known_services={
                IP(ip): {Service.from_dict(each) for each in found}
                for ip, found in data_dict["known_services"].items()
            },
            known_data={
                IP(ip): {Data.from_dict(each) for each in found}
                for ip, found in data_dict["known_data"].items()
            },
            known_blocks={IP(ip): {IP.from_dict(each) for each in blocked} for ip, blocked in blocks.items()},
        )

    @classmethod
    def from_json(cls, json_string: str) -> Self:
        """The inverse of `as_json`."""
        return cls.from_dict(json.loads(json_string))


def _plain(items: Iterable[Any]) -> list[dict[str, Any]]:
    return [item.as_dict for item in sorted(items)]


class Observation(NamedTuple):
    """What an agent is told: after a step why it has ended, if so; after joining or a reset all about it."""

    state: GameState
    reward: float
    end: bool
    info: dict[str, Any]


@frozen
class ProtocolConfig:
    """How NetSecGame's own wire ends a reply, and how much it reads at once, in bytes. Ours does neither."""

    END_OF_MESSAGE: ClassVar[bytes] = b"EOF"
    BUFFER_SIZE: ClassVar[int] = 8192
