"""Manual play in a terminal: `run_tui` is the whole of it for others.

What is shown is made by plain modules that know no terminal: `moves` (the menu), `hosts` (the network and
what is new in it), `record` (the episode, to step back through) and `table` (all of it together). `app` and
`widgets` put it on the screen and need textual, the extra `[tui]`; `game` and `local_game` find a hub.
"""

from __future__ import annotations

from importlib.util import find_spec

from netsiege.errors import ConfigError


def run_tui(
    hub: str | None,
    role: str | None,
    room: str | None,
    scenario: str | None,
    task: str | None,
    seed: int | None,
    keys: str | None,
) -> None:
    """Lets a person play until they leave. Without `hub`, in a match of their own on this machine.

    `scenario`, `task` and `seed` say what is played there, `room` and `keys` belong to a hub elsewhere.
    Raises `ConfigError` for options that are wrong or do not go together, and without textual; and whatever
    kept the person from ever getting a seat, after it has been shown.
    """
    if find_spec("textual") is None:
        raise ConfigError("playing in a terminal needs textual: pip install 'netsiege[tui]'")
    from netsiege.tui.launch import launch  # noqa: PLC0415  # everything there needs textual

    launch(hub, role, room, scenario, task, seed, keys)
