"""Runs a hub in the foreground, with local workers beside it."""

from __future__ import annotations

import ipaddress
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

import netsiege
from netsiege.errors import ConfigError
from netsiege.hub.journal import Journal, MemoryJournal, SqliteJournal
from netsiege.hub.ledger import ON_THE_TASK, Insist
from netsiege.hub.loop import HubLoop
from netsiege.local import Stop, WorkerKeeper
from netsiege.protocol import OpenRoom
from netsiege.scribe import Scribe

log = logging.getLogger(__name__)


def check_bind(address: str, insecure: bool) -> None:
    """Raises `ConfigError` if others can reach the address and nobody has said that they may."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme == "ipc":
        return
    if parts.scheme != "tcp" or not parts.hostname or port is None:
        raise ConfigError(
            f"{address!r} is no address to listen at: write tcp://HOST:PORT, like tcp://127.0.0.1:9100"
        )
    if insecure or parts.hostname == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            f"{address} can be reached from other machines, and this hub has no keys: anyone could play, "
            f"watch and run engines. Listen at tcp://127.0.0.1:{port} instead, or say --insecure if the "
            f"network is yours alone"
        )


def serve_hub(
    bind: str,
    workers_bind: str,
    rooms: Sequence[OpenRoom],
    *,
    workers: int,
    insecure: bool,
    kept: Sequence[str] = (),
    parent: int | None = None,
    journal: str | None = None,
    insist: Insist = ON_THE_TASK,
) -> int | None:
    """Serves until SIGINT or SIGTERM, or until the process `parent` is gone; returns the signal, if any.

    The trajectories of the rooms named in `kept` go to files below `logs/trajectories`. With the path of a
    `journal`, what that holds goes on, and everything is kept in it; a room of the same name is served as it
    is there, unless one is to `insist` on `rooms`.

    Prints where agents and workers connect. Raises `ConfigError` if an address is taken or refused, or the
    journal is another hub's or holds the same room with another task; `JournalError` when the journal cannot
    be read or written.
    """
    check_bind(bind, insecure)
    check_bind(workers_bind, insecure)
    record: Journal = SqliteJournal(journal) if journal is not None else MemoryJournal()
    try:
        loop = HubLoop(bind, workers_bind, rooms, record, insist)
    except BaseException:
        record.close()
        raise
    keeper = None
    try:
        with Stop(parent) as stop, ExitStack() as scribes:
            _announce(loop, journal, insecure)
            keeper = WorkerKeeper(workers, loop.workers_endpoint, _warn)

            def look_around() -> bool:
                keeper.look_after()
                return stop()

            for room in kept:
                scribes.enter_context(Scribe(loop.agents_endpoint, room))
            loop.run(look_around)
            return stop.signal
    finally:
        if keeper is not None:
            keeper.end()
        loop.close()
        record.close()


def _announce(loop: HubLoop, journal: str | None, insecure: bool) -> None:
    print(f"netsiege {netsiege.__version__} hub")
    print(f"agents   {loop.agents_endpoint}")
    print(f"workers  {loop.workers_endpoint}")
    for room in loop.rooms:
        seats = ", ".join(f"{s.count} {s.role}" for s in room.seats) or f"any {room.players}"
        print(f"room     {room.name}: {seats} a match")
    if journal is not None:
        print(f"journal  {journal}, open matches: {loop.open_matches}")
    sys.stdout.flush()
    if insecure:
        _warn("no keys: whoever reaches these addresses may play, watch and run engines")


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)
