"""Agents: the base classes that everybody starts from, and the reference agents."""

from __future__ import annotations

from netsiege.agents.asynchronous import AsyncAgent
from netsiege.agents.base import BaseAgent, EpisodeSummary

__all__ = ["AsyncAgent", "BaseAgent", "EpisodeSummary"]
