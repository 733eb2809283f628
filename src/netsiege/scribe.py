"""Keeps trajectories in files, in the form and under the names of NetSecGame."""

from __future__ import annotations

import json
import logging
import threading
from datetime import date
from pathlib import Path
from typing import Final

from netsiege.client import Client
from netsiege.errors import HubUnreachable, ProtocolError
from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS, Keys
from netsiege.local import from_here
from netsiege.protocol import Code, SessionRole, Trajectory
from netsiege.protocol.declare import quoted
from netsiege.protocol.play import read_trajectory
from netsiege.shown import file_part, shown

FOLDER: Final = Path("logs/trajectories")
"""Where NetSecGame keeps them: below the folder that it was started in."""

log = logging.getLogger(__name__)


def keep(folder: Path, told: Trajectory) -> Path:
    """Appends a trajectory to the file of its day, agent and role: one JSON document a line.

    Spaces in the name of the agent become `_`, as they are for shells; whatever else has no place in a file's
    name changes it (`netsiege.shown.file_part`). Each line has the name as it is. Raises OSError, and
    `ProtocolError(MALFORMED)` for what is no trajectory of an agent.
    """
    trajectory = read_trajectory(told.trajectory)
    agent, role = trajectory["agent_name"], trajectory["agent_role"]
    if not isinstance(agent, str) or role not in [each.value for each in AgentRole]:
        raise ProtocolError(Code.MALFORMED, f"a trajectory of {quoted(agent)}, {quoted(role)}")
    name = file_part(agent.replace(" ", "_"))
    path = folder / f"{date.today():%Y-%m-%d}_{name}_{AgentRole(role)!s}.jsonl"  # the user's day
    try:
        line = json.dumps(trajectory)
    except (TypeError, ValueError) as error:  # bytes, say, where a number should be
        raise ProtocolError(Code.MALFORMED, f"a trajectory that is no JSON: {error}") from None
    folder.mkdir(parents=True, exist_ok=True)
    data = line.encode() + b"\n"
    with path.open("ab", buffering=len(data) + 1) as file:  # one write: others may append to this file too
        file.write(data)
    return path


class Scribe:
    """Listens to a room from a thread of its own, and keeps its trajectories. Use as a context manager."""

    def __init__(self, hub: str, room: str, folder: Path = FOLDER, keys: Keys | str = NO_KEYS) -> None:
        self._room = room
        self._keys = keys
        self._folder = folder
        self._hub = from_here(hub)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scribe")

    def __enter__(self) -> Scribe:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with Client(self._hub, "scribe", SessionRole.DIRECTOR, keys=self._keys) as client:
                client.watch(self._room)
                while not self._done.is_set():
                    for news in client.news(0.1):
                        if isinstance(news, Trajectory):
                            self._keep(news)
        except HubUnreachable:
            pass  # the hub has ended, and with it this thread's work
        except OSError as error:
            log.error("trajectories_lost folder=%s reason=%s", self._folder, error)  # one line

    def _keep(self, told: Trajectory) -> None:
        """Keeps one. A worker that sends none of its kind loses it, and nobody else theirs."""
        try:
            keep(self._folder, told)
        except ProtocolError as error:
            log.warning("trajectory_malformed match=%d reason=%s", told.match, shown(error.text))
