"""Runs a gateway in the foreground: NetSecGame's protocol on one side, a hub on the other."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import logging
import resource
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from netsiege.errors import ConfigError
from netsiege.hub.gateway.link import Link
from netsiege.hub.gateway.server import Gateway, serve

LOOPBACK: Final = "127.0.0.1"
SPARE_DESCRIPTORS: Final = 64
"""For all but clients."""

FREE_WITHIN_S: Final = 1.0

log = logging.getLogger(__name__)


def read_listen(listen: str, insecure: bool) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, or of a port of this machine. Raises `ConfigError` for anything else, and
    for an address that others can reach, unless it is said to be `insecure`: NetSecGame's protocol knows no
    keys.
    """
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]") if colon else LOOPBACK
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ConfigError(
            f"{listen!r} is no address to listen at: write a port, or HOST:PORT, such as 127.0.0.1:9000"
        )
    try:
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise ConfigError(f"{listen!r}: {host!r} is no address of this machine, nor localhost") from None
    if not (here or insecure):
        raise ConfigError(
            f"{listen} can be reached from other machines, and NetSecGame's protocol knows no keys: anyone "
            f"could play. Say --insecure if the network is yours alone"
        )
    return host, int(port)


def check_free(host: str, port: int) -> None:
    """Raises `ConfigError` if an address cannot be listened at, and does not become free in a second: that of
    a gateway whose hub has died does.
    """
    deadline_s = time.monotonic() + FREE_WITHIN_S
    while True:
        try:
            with socket.create_server((host, port), family=_family(host)):
                return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline_s:
                raise ConfigError(f"{host}:{port}: cannot be listened at: {error.strerror}") from None
            time.sleep(0.05)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def serve_gateway(
    hub: str,
    listen: str,
    room: str,
    keys: str | None,
    stop: Callable[[], bool],
    *,
    clients: int,
    insecure: bool,
    whitebox: bool,
    task: str | None,
) -> None:
    """Serves until `stop()`. Prints where clients connect.

    Raises `ConfigError`, and `HubUnreachable` or `AuthError` if there is no hub that lets it in at the start;
    one that goes later is waited for.
    """
    host, port = read_listen(listen, insecure)
    extra = {}
    if whitebox:
        extra["all_actions"] = _all_actions(task)

    def make_link(unwatch: Callable[[], None]) -> Link:
        link = Link(hub, room, keys, unwatch)
        link.open()
        return link

    gateway = Gateway(make_link, _within_descriptors(clients), extra)

    def ready(port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        with contextlib.suppress(BrokenPipeError):  # whoever started this may not want to know
            print(f"clients  {shown}:{port}, for room {room} of {hub}")
            sys.stdout.flush()

    asyncio.run(serve(gateway, host, port, stop, ready))


def _within_descriptors(clients: int) -> int:
    """Raises the limit of descriptors, as each client takes one; how many clients that allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    most = soft - SPARE_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or clients <= most:
        return clients
    if most < 1:
        raise ConfigError(
            f"a gateway needs {SPARE_DESCRIPTORS + 1} descriptors, and may have {soft}: see ulimit -n"
        )
    log.warning("clients_capped most=%d: ulimit -n is %d", most, soft)
    return most


def _all_actions(task: str | None) -> str:
    """All actions that there are on the task's topology, as JSON."""
    from netsiege.hub.gateway.whitebox import all_actions  # noqa: PLC0415  # only where it is asked for
    from netsiege.options import hub_spec  # noqa: PLC0415

    spec, _ = hub_spec(task)
    return json.dumps([action.as_dict for action in all_actions(spec.topology)])
