"""`netsiege gateway`: NetSecGame's protocol in front of a hub. A part of the composition root, like `cli`."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from netsiege.cli_types import DEFAULT_HUB, HubAddress, Keys, Parent, Task

Listen = Annotated[
    str,
    typer.Option(
        "--listen", help="Where NetSecGame's agents connect: a port, for this machine only, or HOST:PORT."
    ),
]


def gateway(
    hub: HubAddress = DEFAULT_HUB,
    listen: Listen = "127.0.0.1:9000",
    room: Annotated[str, typer.Option(help="The hub's room in which they play.")] = "default",
    keys: Keys = None,
    clients: Annotated[int, typer.Option(min=1, help="How many may be connected at once.")] = 4_096,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen for other machines, too: the protocol knows no keys.")
    ] = False,
    whitebox: Annotated[
        bool, typer.Option("--whitebox", help="Tell every agent all actions that there are, of --task.")
    ] = False,
    task: Task = None,
    parent: Parent = None,
) -> None:
    """Let NetSecGame's agents play on a hub: speaks their TCP protocol."""
    from netsiege.gateway import serve_gateway
    from netsiege.local import Stop
    from netsiege.shown import log_to_stderr

    log_to_stderr()
    with Stop(parent) as stop:
        serve_gateway(
            hub, listen, room, keys, stop, clients=clients, insecure=insecure, whitebox=whitebox, task=task
        )
    if stop.signal == signal.SIGINT:
        raise typer.Exit(128 + signal.SIGINT)
