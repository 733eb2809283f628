"""How likely things are under `siege-1` when nobody defends: actions, exploits, whole attacks.

The chance of an exploit follows from its vulnerability (see `netsiege.scenarios.cvss`); the others are chosen
for a game that either side can win, not measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Final

from netsiege.game import IP, Action, ActionType
from netsiege.game.action_types import TABLE
from netsiege.scenarios.model import ServiceItem, Topology
from netsiege.scenarios.vulnerabilities import with_known

CHANCES: Final = {kind.value: entry.chance for kind, entry in TABLE if entry.chance is not None}
"""How often an action succeeds that may fail by chance. An exploit's is multiplied by its vulnerability's."""


def chance_of_attack(topology: Topology, actions: Iterable[Action]) -> float:
    """The chance that all of these actions succeed, each tried once, without credentials.

    An exploit goes by the host's weakest remote service, whichever it names.
    """
    weakest = {
        IP(address): max(map(_weakness, host.services), default=0.0)
        for host in with_known(topology).hosts
        for address in host.addresses
    }
    return prod(
        CHANCES[action.type.value]
        * (weakest[action.parameters["target_host"]] if action.type is ActionType.ExploitService else 1.0)
        for action in actions
    )


def _weakness(service: ServiceItem) -> float:
    """The chance of the worst vulnerability that can be exploited from another host."""
    return 0.0 if service.local else max((each.cvss.success for each in service.vulnerabilities), default=0.0)
