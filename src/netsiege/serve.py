"""Runs a hub in the foreground, with local workers beside it."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

import netsiege
from netsiege.errors import ConfigError
from netsiege.hub.authority import Right
from netsiege.hub.gate import KeyGate
from netsiege.hub.journal import Journal, MemoryJournal, SqliteJournal
from netsiege.hub.ledger import ON_THE_TASK, Insist
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.hub.loop import HubLoop
from netsiege.keys import KEYS_VARIABLE, NO_KEYS, Keys, public_text
from netsiege.local import Keeper, Stop, from_here
from netsiege.protocol import OpenRoom
from netsiege.shown import shown_lines

log = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
_WAYS_OUT: Final = (
    "Make keys with `netsiege keys new --hub` and say --keys ~/.netsiege; or listen at "
    "tcp://127.0.0.1:{port} instead"
)


def check_bind(address: str, guarded: bool, workers: bool = False) -> None:
    """Raises `ConfigError` if others can reach the address, and it is neither `guarded` by keys nor said that
    it need not be. At an address for `workers` the latter does not count: say `guarded` for keys only.
    """
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
    if guarded or parts.hostname == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        loopback = False
    if loopback:
        return
    if workers:
        raise ConfigError(
            f"{address} can be reached from other machines, and this hub has no keys: anyone could run "
            f"engines, and decide every match. {_WAYS_OUT.format(port=port)}"
        )
    raise ConfigError(
        f"{address} can be reached from other machines, and this hub has no keys: anyone could play, watch "
        f"and open rooms. {_WAYS_OUT.format(port=port)}; or say --insecure if the network is yours alone"
    )


@frozen
class Gateway:
    """A gateway beside a hub: the port for NetSecGame's agents, on the hub's host if it is `insecure` anyway
    and on this machine only otherwise. In a `whitebox` they are told all actions of the room's `task`.
    """

    port: int
    whitebox: bool = False
    task: str | None = None

    def listen(self, bind: str, insecure: bool) -> str:
        """Where it listens, beside a hub that listens at `bind`."""
        host = (urlsplit(bind).hostname or LOOPBACK) if insecure else LOOPBACK
        return f"{'0.0.0.0' if host == '*' else host}:{self.port}"  # noqa: S104  # as the hub was told

    def arguments(self, hub: str, listen: str) -> list[str]:
        """Of `netsiege gateway`."""
        told = ["--hub", hub, "--listen", listen, "--insecure"]
        told += ["--whitebox"] if self.whitebox else []
        return told if self.task is None else [*told, "--task", self.task]


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
    keys: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    beside: Gateway | None = None,
) -> int | None:
    """Serves until SIGINT or SIGTERM, or until the process `parent` is gone; returns the signal, if any.

    The trajectories of the rooms named in `kept` go to files below `logs/trajectories`. With the path of a
    `journal`, what that holds goes on, and everything is kept in it; a room of the same name is served as it
    is there, unless one is to `insist` on `rooms`. With a folder of `keys` only those are let in that its
    `authorized_keys` names.

    Prints where agents and workers connect; a gateway `beside` it prints where its clients do. Raises
    `ConfigError` if an address is taken or refused, a key is missing, or the journal is another hub's or
    holds the same room with another task; `JournalError` when the journal cannot be read or written.
    """
    check_bind(bind, guarded=insecure or bool(keys))
    check_bind(workers_bind, guarded=bool(keys), workers=True)
    if beside is not None:
        from netsiege.gateway import check_free, read_listen  # noqa: PLC0415  # most hubs have none

        check_free(*read_listen(beside.listen(bind, insecure), insecure=True))
    try:
        gate = KeyGate.open(keys, limits) if keys else None
    except ConfigError as error:
        if keys != os.environ.get(KEYS_VARIABLE):
            raise
        hint = f"the folder comes from {KEYS_VARIABLE}; for a hub without keys say --keys ''"
        raise ConfigError([*error.problems, hint]) from None
    record: Journal = SqliteJournal(journal) if journal is not None else MemoryJournal()
    try:
        loop = HubLoop(bind, workers_bind, rooms, record, insist, gate=gate, limits=limits)
    except BaseException:
        record.close()
        raise
    with ExitStack() as ends:
        ends.callback(record.close)
        ends.callback(loop.close)
        stop = ends.enter_context(Stop(parent))
        _announce(loop, journal, gate, insecure)
        kept_alive = [
            Keeper(
                workers,
                "worker",
                ["--hub", loop.workers_endpoint],
                _warn,
                _lent(gate, "local worker", Right.WORKER),
            )
        ]
        ends.callback(kept_alive[0].end)
        if beside is not None:
            arguments = beside.arguments(from_here(loop.agents_endpoint), beside.listen(bind, insecure))
            lent = _lent(gate, "gateway", Right.AGENT)
            kept_alive.append(Keeper(1, "gateway", arguments, _warn, lent, stdout=None))
            ends.callback(kept_alive[1].end)

        def look_around() -> bool:
            for keeper in kept_alive:
                keeper.look_after()
            return stop()

        with ExitStack() as scribes:
            if kept:
                from netsiege.scribe import Scribe  # noqa: PLC0415  # most hubs have none

                scribe_keys = _lent(gate, "scribe", Right.ADMIN) or NO_KEYS
                for room in kept:
                    scribes.enter_context(Scribe(loop.agents_endpoint, room, keys=scribe_keys))
            loop.run(look_around)
        return stop.signal


def _lent(gate: KeyGate | None, name: str, right: Right) -> Keys | None:
    """Keys for a part of the hub itself, which are in no file."""
    return Keys(gate.lend(name, right), gate.pair.public) if gate is not None else None


def _announce(loop: HubLoop, journal: str | None, gate: KeyGate | None, insecure: bool) -> None:
    print(f"netsiege {netsiege.__version__} hub")
    print(f"agents   {loop.agents_endpoint}")
    print(f"workers  {loop.workers_endpoint}")
    for room in loop.rooms:
        seats = ", ".join(f"{s.count} {s.role}" for s in room.seats) or f"any {room.players}"
        print(f"room     {room.name}: {seats} a match")
    if journal is not None:
        print(f"journal  {journal}, open matches: {loop.open_matches}")
    if gate is not None:
        print(f"key      {public_text(gate.pair.public)}, lets in: {gate.size}")
    sys.stdout.flush()
    if insecure and gate is None:
        _warn("no keys: whoever reaches these addresses may play, watch and open rooms")


def _warn(text: str) -> None:
    for line in shown_lines(f"warning: {text}"):
        print(line, file=sys.stderr, flush=True)
