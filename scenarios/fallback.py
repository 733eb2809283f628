"""The task of a topology that comes without one."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.scenarios.model import (
    ALL_ATTACKERS,
    ALL_LOCAL,
    RANDOM,
    DataItem,
    Host,
    Rewards,
    RoleTask,
    Task,
    Topology,
    View,
)
from netsiege.scenarios.task import BENIGN_STARTS

MAX_STEPS: Final = 100
REWARDS: Final = Rewards(step=-1, success=100, fail=-10, false_positive=-5)


def default_task(topology: Topology, label: str | None = None) -> Task:
    """The usual game on any topology: an attacker steals the first datum, a defender keeps it out.

    The attacker starts on the first public host, if there is one, and on a random start host (without
    start hosts: on the first private one), and has to bring the datum that is written first to the public
    host, or to find it where it lies if there is none. Without data it has to take over the last host on
    which it cannot start. The defender starts on all private addresses and has to block every attacker at
    the public host. One seat of any role, 100 steps, rewards as in the bundled tasks.

    Raises ConfigError, about `label` or the topology's name, if the attacker would have nothing to do.
    """
    hosts = [host for host in topology.hosts if not host.is_router and host.addresses]
    outside = next((a for host in hosts for a in host.addresses if not _is_private(a)), None)
    has_starts = any(host.start for host in hosts)
    foothold = RANDOM if has_starts else _first_private(hosts)
    start = tuple(each for each in (outside, foothold) if each is not None)
    goal, description = _goal(label or topology.name, hosts, outside, start)
    roles = [
        RoleTask(
            AgentRole.Attacker.value, View(controlled_hosts=start), goal, description, max_steps=MAX_STEPS
        )
    ]
    if _first_private(topology.hosts) is not None:
        roles.append(_defender(outside))
    if has_starts:
        roles.append(RoleTask(AgentRole.Benign.value, View(controlled_hosts=(RANDOM,) * BENIGN_STARTS)))
    return Task(topology.name, topology.name, tuple(roles), REWARDS)


def _is_private(address: str) -> bool:
    return ipaddress.IPv4Address(address).is_private


def _first_private(hosts: Sequence[Host]) -> str | None:
    return next((a for host in hosts for a in host.addresses if _is_private(a)), None)


def _goal(label: str, hosts: Sequence[Host], outside: str | None, start: Sequence[str]) -> tuple[View, str]:
    for host in hosts:
        item = next((item for service in host.services for item in service.data), None)
        if item is None or (outside is not None and outside in host.addresses):
            continue
        place = outside or host.addresses[0]
        goal = View(known_data=((place, (DataItem(item.owner, item.id, item.type),)),))
        what = f"data {item.id} of {item.owner}"
        return goal, f"Bring {what} to {outside}" if outside else f"Find {what} on {place}"
    targets = [host.addresses[0] for host in hosts if not host.start and not {*start} & {*host.addresses}]
    if not targets:
        raise ConfigError(f"{label}: has no data to steal and no host to take over: write a task for it")
    return View(controlled_hosts=(targets[-1],)), f"Take over {targets[-1]}"


def _defender(outside: str | None) -> RoleTask:
    start = View(controlled_hosts=(ALL_LOCAL,))
    if outside is None:
        return RoleTask(AgentRole.Defender.value, start)
    goal = View(known_blocks=((outside, (ALL_ATTACKERS,)),))
    return RoleTask(AgentRole.Defender.value, start, goal, f"Block all attackers at {outside}")
