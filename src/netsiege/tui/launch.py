"""From the command's options to a game and an app that plays it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS
from netsiege.local import Stop, ending_on_sigterm
from netsiege.protocol import DEFAULT_ROOM
from netsiege.tui.app import SiegeApp
from netsiege.tui.game import HumanAgent
from netsiege.tui.local_game import ROOM, LocalGame, local_game
from netsiege.wire import check_address

NAME: Final = "person"
LOCAL_RECONNECT_S: Final = 5.0
"""How long a hub of one's own that is lost is tried again: nobody starts it anew."""


def launch(
    hub: str | None,
    role: str | None,
    room: str | None,
    scenario: str | None,
    task: str | None,
    seed: int | None,
    keys: str | None,
) -> None:
    """See `netsiege.tui.run_tui`.

    SIGTERM leaves in order, with `SystemExit` 143: while there is a screen, the screen is asked to.
    """
    wanted = _checked_role(role)
    with ExitStack() as stack:
        stack.enter_context(ending_on_sigterm())
        if hub is None:
            _only_elsewhere(room=room, keys=keys)
            drawn = secrets.randbits(64) if seed is None else seed
            local = stack.enter_context(local_game(scenario, task, wanted, drawn))
            stop = stack.enter_context(Stop())
            app = _local_app(local, wanted, stop)
        else:
            _only_here(scenario=scenario, task=task, seed=seed)
            stop = stack.enter_context(Stop())
            app = _app_elsewhere(check_address(hub), wanted, room or DEFAULT_ROOM, keys, stop)
        app.run()
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)
    if app.return_code:
        raise SystemExit(app.return_code)
    if app.failure is not None:
        raise app.failure


def _local_app(local: LocalGame, role: AgentRole, stop: Callable[[], bool]) -> SiegeApp:
    agent = HumanAgent(
        address=local.address,
        role=role,
        room=ROOM,
        name=NAME,
        keys=NO_KEYS,
        reconnect_s=LOCAL_RECONNECT_S,
    )
    against = f" vs {', '.join(local.opponents)}" if local.opponents else ""
    return SiegeApp(
        agent,
        f"{local.scenario}{against}",
        move_limit_s=local.move_limit_s,
        warnings=local.warnings,
        stop=stop,
    )


def _app_elsewhere(
    address: str, role: AgentRole, room: str, keys: str | None, stop: Callable[[], bool]
) -> SiegeApp:
    agent = HumanAgent(address=address, role=role, room=room, name=NAME, keys=keys)
    return SiegeApp(agent, f"{room} at {address.partition('://')[2]}", stop=stop)


def _checked_role(role: str | None) -> AgentRole:
    try:
        return AgentRole.Attacker if role is None else AgentRole.from_string(role)
    except ValueError:
        roles = ", ".join(r.value for r in AgentRole)
        raise ConfigError(f"--role: {role!r} is not a role; roles: {roles}") from None


def _only_elsewhere(*, room: str | None, keys: str | None) -> None:
    # keys may come from the environment: they are for other hubs and no mistake here
    del keys
    if room is not None:
        raise ConfigError("--room is a room of a hub: say --hub ADDRESS as well")


def _only_here(**said: object) -> None:
    given = [f"--{name}" for name, value in said.items() if value is not None]
    if given:
        raise ConfigError(
            f"{', '.join(given)}: the hub's room decides that; leave it out, or leave out --hub"
        )
