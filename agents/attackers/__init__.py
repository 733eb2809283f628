"""Reference attackers, each imported when it is first used: some bring more along than the others need."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsiege.agents.attackers.belief_planner import BeliefPlanner
    from netsiege.agents.attackers.random_attacker import RandomAttacker
    from netsiege.agents.attackers.scripted_attacker import ScriptedAttacker
    from netsiege.agents.attackers.tabular_attacker import (
        ConceptualAttacker,
        QLearningAttacker,
        SarsaAttacker,
    )

_MODULES = {
    "BeliefPlanner": "belief_planner",
    "ConceptualAttacker": "tabular_attacker",
    "QLearningAttacker": "tabular_attacker",
    "RandomAttacker": "random_attacker",
    "SarsaAttacker": "tabular_attacker",
    "ScriptedAttacker": "scripted_attacker",
}

__all__ = [
    "BeliefPlanner",
    "ConceptualAttacker",
    "QLearningAttacker",
    "RandomAttacker",
    "SarsaAttacker",
    "ScriptedAttacker",
]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
