"""Keeps trajectories in files, in the form and under the names of NetSecGame."""

from __future__ import annotations

import json
import logging
import re
import threading
from datetime import date
from pathlib import Path
from typing import Final

from netsiege.client import Client
from netsiege.errors import HubUnreachable
from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS, Keys
from netsiege.protocol import SessionRole, Trajectory
from netsiege.protocol.play import read_trajectory

FOLDER: Final = Path("logs/trajectories")
"""Where NetSecGame keeps them: below the folder that it was started in."""

log = logging.getLogger(__name__)


def keep(folder: Path, told: Trajectory) -> Path:
    """Appends a trajectory to the file of its day, agent and role: one JSON document a line.

    The name of the agent loses what has no place in a file name. Raises OSError.
    """
    trajectory = read_trajectory(told.trajectory)
    name = re.sub(r"[^\w.-]", "_", trajectory["agent_name"]).lstrip(".") or "_"
    role = AgentRole.from_string(trajectory["agent_role"])
    path = folder / f"{date.today():%Y-%m-%d}_{name}_{role!s}.jsonl"  # the user's day
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(trajectory) + "\n")
    return path


class Scribe:
    """Listens to a room from a thread of its own, and keeps its trajectories. Use as a context manager."""

    def __init__(self, hub: str, room: str, folder: Path = FOLDER, keys: Keys | str = NO_KEYS) -> None:
        self._room = room
        self._keys = keys
        self._folder = folder
        self._hub = re.sub(r"^tcp://(0\.0\.0\.0|\*|\[::\]):", "tcp://127.0.0.1:", hub)
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
                            keep(self._folder, news)
        except HubUnreachable:
            pass  # the hub has ended, and with it this thread's work
        except OSError as error:
            log.error("trajectories_lost folder=%s reason=%s", self._folder, error)  # one line
