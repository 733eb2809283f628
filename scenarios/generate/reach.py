"""Who reaches whom in a topology before anyone blocks anything, as `netsecgame` has it.

Addresses are numbered in ascending order and sets of them are whole numbers, a bit for each. This is what
the engine's board computes as well; here it is for whoever has a topology and no engine.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from attrs import frozen

from netsiege.game import Network
from netsiege.game.private import is_private
from netsiege.game.values import ip_to_int
from netsiege.scenarios.model import Host, Topology


@frozen(eq=False)
class Ground:
    """The addresses of a topology: numbers, hosts and networks by index, and what is reached from each."""

    numbers: tuple[int, ...]
    hosts: tuple[Host, ...]
    homes: tuple[Network, ...]
    """The smallest network around each."""
    reach: tuple[int, ...]

    def span(self, network: Network) -> int:
        """The addresses in a network."""
        low, high = bisect_left(self.numbers, network.first), bisect_right(self.numbers, network.last)
        return (1 << high) - (1 << low)


def ground_of(topology: Topology) -> Ground:
    """The addresses of a valid topology, and their reach."""
    placed = {ip_to_int(address): host for host in topology.hosts for address in host.addresses}
    numbers = tuple(sorted(placed))
    homes = _homes(topology, numbers)
    everyone = (1 << len(numbers)) - 1
    inside: dict[Network, int] = {}
    for i, home in enumerate(homes):
        inside[home] = inside.get(home, 0) | 1 << i
    local = sum(mask for home, mask in inside.items() if is_private(ip_to_int(home.ip)))
    reach = [inside[home] | everyone & ~local if local >> i & 1 else 1 << i for i, home in enumerate(homes)]
    ground = Ground(numbers, tuple(placed[number] for number in numbers), homes, ())
    targets: dict[str, int] = {}
    for rule in topology.rules:
        targets[rule.source] = targets.get(rule.source, 0) | ground.span(Network.from_text(rule.target))
    for source, reached in targets.items():
        for i in members(ground.span(Network.from_text(source))):
            reach[i] |= reached
    return Ground(numbers, ground.hosts, homes, tuple(reach))


def _homes(topology: Topology, numbers: tuple[int, ...]) -> tuple[Network, ...]:
    homes: dict[int, Network] = {}
    # the largest first, so that smaller ones overwrite it
    for network in sorted(map(Network.from_text, topology.networks), key=lambda each: each.mask):
        for i in range(bisect_left(numbers, network.first), bisect_right(numbers, network.last)):
            homes[i] = network
    return tuple(homes[i] for i in range(len(numbers)))


def members(mask: int) -> Iterator[int]:
    """The indexes in a set, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
