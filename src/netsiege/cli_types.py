"""Options that several commands have in common."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

DEFAULT_HUB = "tcp://127.0.0.1:9100"
MAX_SEED = (1 << 64) - 1
Seed = Annotated[
    Optional[int],  # typer reads Optional
    typer.Option(
        "--seed", min=0, max=MAX_SEED, help="Equal seeds give equal games. Default: the task's, or a new one."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; progress goes to stderr.")]
Parent = Annotated[Optional[int], typer.Option("--parent", hidden=True)]  # typer reads Optional
Keys = Annotated[
    Optional[str],  # typer reads Optional
    typer.Option(
        "--keys", metavar="DIR", envvar="NETSIEGE_KEYS", help="The keys folder: see `netsiege keys`."
    ),
]
HubAddress = Annotated[str, typer.Option("--hub", help="Where the hub listens for agents.")]
Scenario = Annotated[
    Optional[str],  # typer reads Optional
    typer.Option(help="A bundled scenario, or a YAML file. Default: two_networks_tiny."),
]
Ruleset = Annotated[
    Optional[str],  # typer reads Optional
    typer.Option(metavar="NAME", help="Play by netsecgame or siege-1. Default: as the task says."),
]
Task = Annotated[
    Optional[str],  # typer reads Optional
    typer.Option(help="A task: a bundled one, or a YAML file, NetSecGame's included."),
]
