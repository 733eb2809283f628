"""What defenders read: the log files among the data that a seat knows."""

from __future__ import annotations

import json

from attrs import frozen

from netsiege.game import IP, ActionType, Data, GameState


@frozen
class Entry:
    """One line of a log: who did what to the host that the log belongs to."""

    host: IP
    source: IP
    kind: ActionType


def log_of(state: GameState, host: IP) -> Data | None:
    """The log file of a host, if it has been read. It stays as it was when it was first read."""
    return next((datum for datum in state.known_data.get(host, ()) if datum.type == "log"), None)


def entries_of(state: GameState, host: IP) -> tuple[Entry, ...]:
    """The known log of a host, oldest entry first; lines and logs that cannot be read are left out.

    A log that was copied to the host cannot be told from its own.
    """
    log = log_of(state, host)
    try:
        lines = json.loads(log.content) if log is not None and log.content else []
    except (ValueError, RecursionError):
        return ()
    return tuple(e for e in (_entry(host, line) for line in lines) if e) if isinstance(lines, list) else ()


def _entry(host: IP, line: object) -> Entry | None:
    if not isinstance(line, dict):
        return None
    try:
        return Entry(host, IP(line["source_host"]), ActionType.from_string(line["action_type"]))
    except (KeyError, ValueError):
        return None
