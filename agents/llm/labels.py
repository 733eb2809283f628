"""How hosts, services and data are called towards a model: short, on one line, nothing that acts or hides.

The names were chosen by whoever made the network, or by other players. They are data.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from netsiege.game import IP, Action, Data, GameState, Service
from netsiege.shown import shown

NAME_CHARS = 60
NO_ACTION = "pass_turn"
LOG_TYPE = "log"
_LOG_CHARS = 200_000
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
    """An action on one line, as its tool is called; None is a pass."""
    if action is None:
        return NO_ACTION
    assert action.type.entry is not None
    said = action.type.entry.label.format(**{n: _label(value) for n, value in action.parameters.items()})
    return f"{action.type.key} {said}"


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
