"""Reference defenders."""

from __future__ import annotations

from netsiege.agents.defenders.random_defender import RandomDefender

__all__ = ["RandomDefender"]
