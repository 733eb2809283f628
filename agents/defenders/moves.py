"""The moves of defenders: a look into a host, a block on it, a response, or a look or block at random."""

from __future__ import annotations

import random

from netsiege.game import IP, Action, ActionType, GameState, Service


def look(host: IP) -> Action:
    """Looks for data on a host, its log among them."""
    return Action(ActionType.FindData, {"source_host": host, "target_host": host})


def find_services(host: IP) -> Action:
    """Asks a host for its services, from that host itself."""
    return Action(ActionType.FindServices, {"source_host": host, "target_host": host})


def block(host: IP, other: IP) -> Action:
    """Cuts another address off from a host, and the host from it."""
    return Action(ActionType.BlockIP, {"source_host": host, "target_host": host, "blocked_host": other})


def respond(kind: ActionType, host: IP) -> Action:
    """A response on a host, from that host itself; where the ruleset has responses."""
    return Action(kind, {"source_host": host, "target_host": host})


def patch(host: IP, service: Service) -> Action:
    """Mends a service of a host; where the ruleset has responses."""
    parameters = {"source_host": host, "target_host": host, "target_service": service}
    return Action(ActionType.PatchService, parameters)


def random_move(state: GameState, rng: random.Random) -> Action | None:
    """A look or a block, with equal chances, on any controlled host; a pass when there is none."""
    controlled = sorted(state.controlled_hosts)
    if not controlled:
        return None
    host = rng.choice(controlled)
    others = [other for other in sorted(state.known_hosts) if other != host]
    return look(host) if not others or rng.random() < 0.5 else block(host, rng.choice(others))
