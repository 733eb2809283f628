"""The network as a seat knows it: networks with their hosts, how each stands, and what is new. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from attrs import frozen

from netsiege.game import IP, Data, GameState, Network, Service
from netsiege.shown import shown

CONTROLLED: Final = "◆"
KNOWN: Final = "○"
BLOCKED: Final = "✖"
NEW: Final = "+"
LEGEND: Final = f"{CONTROLLED} controlled  {KNOWN} known  {BLOCKED} blocked  {NEW} new"
ELSEWHERE: Final = "in no known network"


@frozen
class Line:
    """Something known of a host: a service, datum or block, and whether it is new."""

    text: str
    is_new: bool


@frozen
class HostView:
    """A host, how it stands, and what is known of it. `is_new` also if it was known but not controlled."""

    address: str
    is_controlled: bool
    is_blocked: bool
    is_new: bool
    lines: tuple[Line, ...]

    @property
    def marks(self) -> str:
        """One sign for known or controlled, and one more if it is blocked somewhere."""
        return (CONTROLLED if self.is_controlled else KNOWN) + (BLOCKED if self.is_blocked else "")

    @property
    def words(self) -> str:
        """The same in words."""
        return ("controlled" if self.is_controlled else "known") + (", blocked" if self.is_blocked else "")

    @property
    def has_news(self) -> bool:
        """Whether anything about the host is new."""
        return self.is_new or any(line.is_new for line in self.lines)


@frozen
class NetworkView:
    """A network and the known hosts in it, by address."""

    name: str
    is_new: bool
    hosts: tuple[HostView, ...]


def networks_of(state: GameState, before: GameState | None) -> tuple[NetworkView, ...]:
    """All that is known, network by network; what `before` did not have is new. None: nothing is.

    A host belongs to the smallest known network that holds it. Hosts of none come last.
    """
    earlier = state if before is None else before
    hosts = state.known_hosts | state.controlled_hosts
    hosts |= state.known_services.keys() | state.known_data.keys() | state.known_blocks.keys()
    blocked = frozenset().union(*state.known_blocks.values())
    networks = sorted(state.known_networks)
    members: dict[Network | None, list[HostView]] = {network: [] for network in networks}
    for host in sorted(hosts | blocked, key=IP.to_wire):
        view = _host_view(host, state, earlier, host in blocked)
        members.setdefault(_home(networks, host), []).append(view)
    strays = members.pop(None, [])
    views = [NetworkView(str(n), n not in earlier.known_networks, tuple(members[n])) for n in networks]
    if strays:
        views.append(NetworkView(ELSEWHERE, False, tuple(strays)))
    return tuple(views)


def _home(networks: list[Network], host: IP) -> Network | None:
    """The smallest of the sorted networks that holds the host: the last one that does."""
    number = host.to_wire()
    for i in range(bisect_right(networks, number, key=lambda n: n.first) - 1, -1, -1):
        if networks[i].last >= number:
            return networks[i]
    return None


def _host_view(host: IP, state: GameState, earlier: GameState, is_blocked: bool) -> HostView:
    lines: list[Line] = []
    old_services = earlier.known_services.get(host, frozenset())
    for service in sorted(state.known_services.get(host, ())):
        lines.append(Line(_said_service(service), service not in old_services))
    old_data = {_whole(datum) for datum in earlier.known_data.get(host, ())}
    for datum in sorted(state.known_data.get(host, ())):
        lines.append(Line(_said_data(datum), _whole(datum) not in old_data))
    old_blocks = earlier.known_blocks.get(host, frozenset())
    for other in sorted(state.known_blocks.get(host, ()), key=IP.to_wire):
        lines.append(Line(f"blocks {other}", other not in old_blocks))
    is_controlled = host in state.controlled_hosts
    known_before = host in earlier.known_hosts or host in earlier.controlled_hosts
    is_new = not known_before or (is_controlled and host not in earlier.controlled_hosts)
    return HostView(host.ip, is_controlled, is_blocked, is_new, tuple(lines))


def _whole(datum: Data) -> tuple[object, ...]:
    # a log that has grown equals what it was before, but it is news
    return tuple(datum.to_wire())


def _said_service(service: Service) -> str:
    local = " (local)" if service.is_local else ""
    return f"service {shown(f'{service.name} {service.version}', 80)}{local}"


def _said_data(datum: Data) -> str:
    content = f": {shown(datum.content, 120)}" if datum.content else ""
    return f"data {shown(f'{datum.owner}/{datum.id}', 80)}{content}"
