"""Agents: the base classes that everybody starts from, and the reference agents.

`AsyncAgent` is imported when it is first used: it brings asyncio along, which the others start without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netsiege.agents.base import BaseAgent, EpisodeSummary

if TYPE_CHECKING:
    from netsiege.agents.asynchronous import AsyncAgent

__all__ = ["AsyncAgent", "BaseAgent", "EpisodeSummary"]


def __getattr__(name: str) -> Any:
    if name != "AsyncAgent":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("netsiege.agents.asynchronous").AsyncAgent
