"""From the command's options to a game and an app that plays it."""

from __future__ import annotations

import secrets
from contextlib import ExitStack

from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS, Keys
from netsiege.local import ending_on_sigterm
from netsiege.protocol import DEFAULT_ROOM
from netsiege.tui.app import SiegeApp
from netsiege.tui.game import HumanAgent
from netsiege.tui.local_game import ROOM, LocalGame, local_game
from netsiege.wire import check_address

NAME = "person"


def launch(
    hub: str | None,
    role: str | None,
    room: str | None,
    scenario: str | None,
    task: str | None,
    seed: int | None,
    keys: str | None,
) -> None:
    """See `netsiege.tui.run_tui`."""
    wanted = _checked_role(role)
    with ExitStack() as stack:
        stack.enter_context(ending_on_sigterm())
        if hub is None:
            _only_elsewhere(room=room, keys=keys)
            drawn = secrets.randbits(64) if seed is None else seed
            local = stack.enter_context(local_game(scenario, task, wanted, drawn))
            app = _app(local.address, wanted, ROOM, NO_KEYS, local)
        else:
            _only_here(scenario=scenario, task=task, seed=seed)
            app = _app(check_address(hub), wanted, room or DEFAULT_ROOM, keys, None)
        app.run()
    if app.failure is not None:
        raise app.failure


def _app(
    address: str, role: AgentRole, room: str, keys: Keys | str | None, local: LocalGame | None
) -> SiegeApp:
    agent = HumanAgent(address=address, role=role, room=room, name=NAME, keys=keys)
    if local is None:
        return SiegeApp(agent, f"{room} at {address.partition('://')[2]}")
    against = f" vs {', '.join(local.opponents)}" if local.opponents else ""
    return SiegeApp(
        agent,
        f"{local.scenario}{against}",
        move_limit_s=local.move_limit_s,
        warnings=local.warnings,
    )


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
