"""Reference attackers."""

from __future__ import annotations

from netsiege.agents.attackers.random_attacker import RandomAttacker
from netsiege.agents.attackers.scripted_attacker import ScriptedAttacker
from netsiege.agents.attackers.tabular_attacker import ConceptualAttacker, QLearningAttacker, SarsaAttacker

__all__ = [
    "ConceptualAttacker",
    "QLearningAttacker",
    "RandomAttacker",
    "SarsaAttacker",
    "ScriptedAttacker",
]
