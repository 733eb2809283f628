"""How hosts, services and data are called towards a model: short, on one line, nothing that acts or hides.

The names were chosen by whoever made the network, or by other players. They are data.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from netsiege.game import IP, Action, ActionType, Data, GameState, Service
from netsiege.shown import shown

NAME_CHARS = 60
NO_ACTION = "pass_turn"
LOG_TYPE = "log"
_LOG_CHARS = 200_000
_SAID: Final = {
    ActionType.ScanNetwork: "scan_network {target_network} from {source_host}",
    ActionType.FindServices: "find_services of {target_host} from {source_host}",
    ActionType.FindData: "find_data on {target_host}",
    ActionType.ExploitService: "exploit_service {target_service} of {target_host} from {source_host}",
    ActionType.ExfiltrateData: "exfiltrate_data {data} from {source_host} to {target_host}",
    ActionType.BlockIP: "block_ip {blocked_host} at {target_host}",
    ActionType.IsolateHost: "isolate_host {target_host}",
    ActionType.RestoreHost: "restore_host {target_host}",
    ActionType.ResetCredentials: "reset_credentials of {target_host}",
    ActionType.DeployDecoy: "deploy_decoy on {target_host}",
    ActionType.HardenHost: "harden_host {target_host}",
    ActionType.PatchService: "patch_service {target_service} of {target_host}",
}
"""As the tools are called."""
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)")


def by_address(hosts: Iterable[IP]) -> list[IP]:
    """The hosts in the order of their addresses as numbers."""
    return sorted(hosts, key=IP.to_wire)


def service_label(service: Service) -> str:
    """Name and version."""
    return f"{shown(service.name, NAME_CHARS)} {shown(service.version, NAME_CHARS)}"


def data_label(data: Data) -> str:
    """Owner and id."""
    return f"{shown(data.owner, NAME_CHARS)}/{shown(data.id, NAME_CHARS)}"


def is_log(data: Data) -> bool:
    """Whether the datum is the log of its host."""
    return data.type == LOG_TYPE


def action_label(action: Action | None) -> str:
    """An action on one line; None is a pass."""
    if action is None:
        return NO_ACTION
    return _SAID[action.type].format(**{name: _label(value) for name, value in action.parameters.items()})


def _label(value: Any) -> str:
    if isinstance(value, Service):
        return service_label(value)
    return data_label(value) if isinstance(value, Data) else str(value)


def addresses_in(text: str) -> list[IP]:
    """The IPv4 addresses that a text names, each once, in order."""
    found: dict[str, IP] = {}
    for said in _ADDRESS.findall(text[:_LOG_CHARS]):
        try:
            found.setdefault(said, IP(said))
        except ValueError:
            continue
    return list(found.values())


def log_entries(data: Data) -> Counter[tuple[str, str]]:
    """How often which source did what, as a log has it; what is no such log is empty."""
    try:
        lines = json.loads(data.content) if 0 < len(data.content) <= _LOG_CHARS else []
    except (ValueError, RecursionError):
        lines = []
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, dict):
            kind = shown(str(line.get("action_type", "?")).removeprefix("ActionType."), NAME_CHARS)
            counts[shown(str(line.get("source_host", "?")), NAME_CHARS), kind] += 1
    return counts


def logged_sources(state: GameState) -> Counter[IP]:
    """The addresses that the known logs name, with how often each scanned, searched or attacked."""
    counts: Counter[IP] = Counter()
    for host in by_address(state.known_data):
        for data in sorted(state.known_data[host]):
            if is_log(data):
                for (source, _), times in sorted(log_entries(data).items()):
                    for address in addresses_in(source):
                        counts[address] += times
    return counts
