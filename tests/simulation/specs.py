"""The tasks that are played: the smallest bundled scenario, with few steps, each compiled once for all."""

from functools import cache

import attrs

from netsiege.engine.tables import compile_spec
from netsiege.scenarios import load_spec
from netsiege.scenarios.model import REALTIME, ROUNDS

ROLES = ("Attacker", "Defender", "Benign")

compiled = cache(compile_spec)


@cache
def spec_of(rounds, max_steps, *, firewall=True, trajectories=False):
    """A spec, as bytes."""
    spec = load_spec(
        None,
        "two_networks_tiny",
        pacing=ROUNDS if rounds else REALTIME,
        use_firewall=firewall,
        use_global_defender=firewall,
    )
    roles = tuple(attrs.evolve(role, max_steps=max_steps) for role in spec.task.roles)
    task = attrs.evolve(spec.task, roles=roles, save_trajectories=trajectories)
    return attrs.evolve(spec, task=task).to_bytes()
