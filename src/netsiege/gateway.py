"""Runs a gateway in the foreground: NetSecGame's protocol on one side, a hub on the other."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
from collections.abc import Callable

from netsiege.errors import ConfigError
from netsiege.hub.gateway.link import Link
from netsiege.hub.gateway.server import Gateway, serve


def read_listen(listen: str, insecure: bool) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises `ConfigError` for anything else, and for an address that others
    can reach, unless it is said to be `insecure`: NetSecGame's protocol knows no keys.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError(f"{listen!r} is no address to listen at: write HOST:PORT, such as 127.0.0.1:9000")
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

    gateway = Gateway(make_link, clients, extra)

    def ready(port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        print(f"clients  {shown}:{port}, for room {room} of {hub}")
        sys.stdout.flush()

    asyncio.run(serve(gateway, host, port, stop, ready))


def _all_actions(task: str | None) -> str:
    """All actions that there are on the task's topology, as JSON."""
    from netsiege.hub.gateway.whitebox import all_actions  # noqa: PLC0415  # only where it is asked for
    from netsiege.options import hub_spec  # noqa: PLC0415

    spec, _ = hub_spec(task)
    return json.dumps([action.as_dict for action in all_actions(spec.topology)])
