"""Why an action is not valid in a state, in words for whoever chose it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

from netsiege.game import IP, Action, ActionType, GameState
from netsiege.game.action_types import NETSECGAMES, TABLE

_Problems = Iterator[str]


def why_not(action: Action, state: GameState, blockable: Container[IP]) -> str | None:
    """Why an action cannot be expected to do anything in a state; None if it can.

    The actions of `generate_valid_actions` pass, but for exfiltration from hosts that are not controlled and
    blocks that are there already or shut a host out from itself; hosts of `blockable` may be blocked.
    """
    source = action.parameters["source_host"]
    if source not in state.controlled_hosts:
        return f"you do not control {source}"
    target = action.parameters.get("target_host")
    if target is not None and target in state.known_blocks.get(source, ()):
        return f"{source} cannot reach {target}: it is blocked"
    if action.type is ActionType.BlockIP:
        return next(_block(action, state, blockable), None)
    return next(_CHECKS[action.type](action, state), None)


def _scan(action: Action, state: GameState) -> _Problems:
    network = action.parameters["target_network"]
    if network not in state.known_networks:
        yield f"you do not know the network {network}"


def _find_services(action: Action, state: GameState) -> _Problems:
    target = action.parameters["target_host"]
    if target not in state.known_hosts:
        yield f"you do not know the host {target}"


def _find_data(action: Action, state: GameState) -> _Problems:
    if action.parameters["target_host"] != action.parameters["source_host"]:
        yield "data are searched on the host itself"


def _exploit(action: Action, state: GameState) -> _Problems:
    target = action.parameters["target_host"]
    if action.parameters["target_service"] not in state.known_services.get(target, ()):
        yield f"you do not know that service of {target}"


def _respond(action: Action, state: GameState) -> _Problems:
    target = action.parameters["target_host"]
    if target not in state.controlled_hosts:
        yield f"you do not control {target}"


def _patch(action: Action, state: GameState) -> _Problems:
    yield from _respond(action, state)
    yield from _exploit(action, state)


def _exfiltrate(action: Action, state: GameState) -> _Problems:
    source, target = action.parameters["source_host"], action.parameters["target_host"]
    if target not in state.controlled_hosts:
        yield f"you do not control {target}"
    if target == source:
        yield "the data are on that host already: choose another target_host"
    if action.parameters["data"] not in state.known_data.get(source, ()):
        yield f"that data is not on {source}"


def _block(action: Action, state: GameState, blockable: Container[IP]) -> _Problems:
    target, blocked = action.parameters["target_host"], action.parameters["blocked_host"]
    if target not in state.controlled_hosts:
        yield f"you do not control {target}"
    if blocked == target:
        yield "a host cannot be shut out from itself"
    if blocked in state.known_blocks.get(target, ()):
        yield f"{blocked} is blocked at {target} already"
    if blocked not in blockable:
        yield f"you do not know the host {blocked}"


_RESPONDING: dict[tuple[bool, bool], Callable[[Action, GameState], _Problems]] = {
    (False, True): _respond,
    (True, True): _patch,
    (False, False): _find_services,
    (True, False): _exploit,
}
"""By whether a response is to a service, and whether only on hosts that are controlled."""
_CHECKS: dict[ActionType, Callable[[Action, GameState], _Problems]] = {
    ActionType.ScanNetwork: _scan,
    ActionType.FindServices: _find_services,
    ActionType.FindData: _find_data,
    ActionType.ExploitService: _exploit,
    ActionType.ExfiltrateData: _exfiltrate,
    **{kind: _RESPONDING["target_service" in e.parameters, e.on_held] for kind, e in TABLE[NETSECGAMES:]},
}
