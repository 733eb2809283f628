"""Reference defenders."""

from __future__ import annotations

from netsiege.agents.defenders.learned_defender import QLearningDefender
from netsiege.agents.defenders.random_defender import RandomDefender
from netsiege.agents.defenders.responder import Responder
from netsiege.agents.defenders.scripted_defender import ScriptedDefender
from netsiege.agents.defenders.stochastic_defender import StochasticDefender

__all__ = ["QLearningDefender", "RandomDefender", "Responder", "ScriptedDefender", "StochasticDefender"]
