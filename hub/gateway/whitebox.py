"""All actions that there are on a topology, as NetSecGame's whitebox server tells every agent. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from netsiege.game import IP, Action, ActionType, Data, Network, Service
from netsiege.scenarios.model import Topology

LOG: Final = Data("system", "logfile", 0, "log", "")
"""What every host and router has."""


def all_actions(topology: Topology) -> Iterator[Action]:
    """Every scan, search, exploit, transfer and block between a topology's addresses, sensible or not."""
    addresses = sorted(IP(address) for host in topology.hosts for address in host.addresses)
    networks = sorted(Network(*_split(network)) for network in topology.networks)
    services = {
        IP(address): [Service(s.name, s.type, s.version, s.local) for s in host.services]
        for host in topology.hosts
        for address in host.addresses
        if host.services
    }
    data = sorted(
        {
            Data(d.owner, d.id, d.size, d.type, d.content)
            for host in topology.hosts
            for service in host.services
            for d in service.data
        }
        | {LOG}
    )
    pairs = list(product(addresses, addresses))
    for source, network in product(addresses, networks):
        yield Action(ActionType.ScanNetwork, {"source_host": source, "target_network": network})
    for source, target in pairs:
        yield Action(ActionType.FindServices, {"source_host": source, "target_host": target})
    for source, target in product(addresses, sorted(services)):
        for service in services[target]:
            yield Action(
                ActionType.ExploitService,
                {"source_host": source, "target_host": target, "target_service": service},
            )
    for source, target in pairs:
        yield Action(ActionType.FindData, {"source_host": source, "target_host": target})
    for (source, target), datum in product(pairs, data):
        yield Action(ActionType.ExfiltrateData, {"source_host": source, "target_host": target, "data": datum})
    for (source, target), blocked in product(pairs, addresses):
        yield Action(
            ActionType.BlockIP, {"source_host": source, "target_host": target, "blocked_host": blocked}
        )


def _split(network: str) -> tuple[str, int]:
    address, _, mask = network.partition("/")
    return address, int(mask)
