"""What NetSecGame's rules let a seat learn from an action, told from the world as it stands.

This is read off the world and what the seat controls, and not taken from the code of the rules: the differ in
`tests.engine.secrecy` holds the one against the other. An action that fails teaches `NOTHING`, whatever the
reason: a firewall, an agent's block, a host or service that does not exist or does not show.
"""

from __future__ import annotations

from typing import Any

from netsiege.engine.deltas import BLOCKS, CONTROLLED, DATA, HOSTS, NETWORKS, SERVICES
from netsiege.engine.episode import Episode
from netsiege.game import IP, Action, ActionType

NOTHING = ()
TEACHES = {
    ActionType.ScanNetwork: {HOSTS},
    ActionType.FindServices: {NETWORKS, HOSTS, SERVICES},
    ActionType.FindData: {DATA, BLOCKS},
    ActionType.ExploitService: {NETWORKS, CONTROLLED},
    ActionType.ExfiltrateData: {DATA},
    ActionType.BlockIP: {BLOCKS},
}
"""The fields of a state that each action is there for."""

_LOG = ("system", "logfile", "log")


class Truth:
    """How things stand in an episode, in addresses: numbers of a board mean nothing on another."""

    def __init__(self, episode: Episode, seat: int) -> None:
        self.world, self.board = episode.world, episode.tables.board
        self.knows = episode.players[seat].knows

    def _at(self, address: IP) -> int | None:
        return self.board.index.get(address.to_wire())

    def controls(self, address: IP) -> bool:
        place = self._at(address)
        return place is not None and bool(self.knows.controlled >> place & 1)

    def reaches(self, source: IP, target: IP) -> bool:
        here, there = self._at(source), self._at(target)
        return here is not None and there is not None and bool(self.world.reach[here] >> there & 1)

    def hosts(self) -> list[IP]:
        return [IP(text) for text in self.board.texts]

    def services(self, address: IP) -> list[Any]:
        """Those that show: local ones only to whoever controls the host."""
        mask = self.board.services_at[self.board.node_of[self._at(address)]]
        served = [service for i, service in enumerate(self.board.services) if mask >> i & 1]
        return [service for service in served if not service[3] or self.controls(address)]

    def knows_service(self, address: IP, service: Any) -> bool:
        """Whether the seat knows of a service on a host that is there."""
        there = self.board.services_at[self.board.node_of[self._at(address)]]
        known = self.knows.services.get(self._at(address), 0) & there
        return any(known >> i & 1 for i, each in enumerate(self.board.services) if each == service)

    def networks(self, address: IP) -> list[Any]:
        mask = self.board.networks_at[self._at(address)]
        return [network for i, network in enumerate(self.board.networks) if mask >> i & 1]

    def data(self, address: IP) -> list[Any]:
        mask = self.world.items(self.board.node_of[self._at(address)])
        return [item for i, item in enumerate(self.board.items) if mask >> i & 1]

    def known_data(self, address: IP) -> list[Any]:
        return [_key(datum) for datum in self.knows.data.get(self._at(address), {}).values()]

    def log(self, address: IP) -> list[Any]:
        """The entries that the host's log has by now, unless the seat knows the log already."""
        if _LOG in self.known_data(address):
            return []
        node, scans, entries = self.board.node_of[self._at(address)], iter(self.world._scans), []
        for entry in self.world.entries:
            place, source, action = entry >> 24, entry >> 3 & (1 << 21) - 1, entry & 7
            times = 1 if place == node else 0
            if place == 1 << 21:  # a scan, at all the addresses that it found
                times = (next(scans) & self.board.node_addresses[node]).bit_count()
            entries += [(self.board.texts[source], action)] * times
        return entries

    def blocks(self, address: IP) -> list[int]:
        return sorted(self.world.blocks.get(address.to_wire(), ()))


def _key(datum: list[Any]) -> tuple[str, str, str]:
    return (datum[0], datum[1], datum[3])


def revealed(truth: Truth, action: Action) -> Any:
    """What the rules let the seat learn from an action; `NOTHING` if it fails, whatever the reason."""
    asked, kind = action.parameters, action.action_type
    source = asked["source_host"]
    if not truth.controls(source):
        return NOTHING
    if kind == ActionType.ScanNetwork:
        inside = [host for host in truth.hosts() if host in asked["target_network"]]
        return [host.ip for host in inside if truth.reaches(source, host)] or NOTHING
    target = asked["target_host"]
    if not truth.reaches(source, target):
        return NOTHING
    if kind == ActionType.FindServices:
        served = truth.services(target)
        return [served, truth.networks(target)] if served else NOTHING
    if kind == ActionType.ExploitService:
        known = truth.knows_service(target, asked["target_service"].to_wire())
        return [truth.networks(target)] if known else NOTHING
    return _at_home(truth, action, source, target) if truth.controls(target) else NOTHING


def _at_home(truth: Truth, action: Action, source: IP, target: IP) -> Any:
    """What actions on a host of one's own teach."""
    if action.action_type == ActionType.FindData:
        return [truth.data(target), truth.log(target), truth.blocks(target)]
    if action.action_type == ActionType.ExfiltrateData:
        key = _key(action.parameters["data"].to_wire())
        there = key == _LOG or key in map(_key, truth.data(source))
        return [True] if there and key in truth.known_data(source) else NOTHING
    return [True]
