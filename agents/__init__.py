"""Agents: the base class that everybody starts from, and the reference agents."""
