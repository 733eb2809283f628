"""Agents that let a language model choose, over any endpoint with chat completions and tool calls.

Needs the extra `[llm]`: `pip install 'netsiege[llm]'`. Importing this package does not; making an agent does.
"""

from __future__ import annotations

from netsiege.agents.llm.agent import LLMAgent, LLMAttacker, LLMDefender

__all__ = ["LLMAgent", "LLMAttacker", "LLMDefender"]
