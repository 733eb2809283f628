"""Which agents there are, by name: entry points of the group `netsiege.agents`, or `module:Class`."""

from __future__ import annotations

import difflib
import inspect
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from attrs import frozen

from netsiege.agents.base import BaseAgent
from netsiege.agents.parameters import Parameter, settle
from netsiege.errors import ConfigError
from netsiege.game import AgentRole

GROUP = "netsiege.agents"


@frozen
class AgentEntry:
    """An agent that can be run by name."""

    name: str
    plays: tuple[AgentRole, ...]
    summary: str
    parameters: Mapping[str, Parameter] = {}


@frozen
class AgentChoice:
    """An agent as it was asked for: `NAME`, or `NAME,PARAMETER=VALUE,…`."""

    said: str
    cls: type[BaseAgent]
    parameters: Mapping[str, Any]

    def make(self, role: AgentRole | None = None, **profile: Any) -> BaseAgent:
        """The agent, for its first role if none is named. `profile` is what every agent takes."""
        return self.cls(role=role or self.cls.plays[0], **profile, **self.parameters)


def list_agents() -> tuple[AgentEntry, ...]:
    """All agents that installed packages offer, with their roles and the first line of their docstring."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(_entry(point.name, _load(point)) for point in points)


def describe_agent(name: str) -> AgentEntry:
    """One agent, by name or as `module:Class`. Raises `ConfigError` like `find_agent`."""
    return _entry(name, find_agent(name))


def _entry(name: str, cls: type[BaseAgent]) -> AgentEntry:
    return AgentEntry(name, cls.plays, (inspect.getdoc(cls) or "").split("\n")[0], cls.parameters)


def read_role(said: str | None) -> AgentRole | None:
    """A role as it was asked for. Raises `ConfigError`."""
    try:
        return None if said is None else AgentRole.from_string(said)
    except ValueError:
        roles = ", ".join(role.value for role in AgentRole)
        raise ConfigError(f"--role: {said!r} is not a role; roles: {roles}") from None


def choose_agent(said: str, role: AgentRole | None = None, **parameters: object) -> AgentChoice:
    """Reads `NAME,PARAMETER=VALUE,…`; further `parameters` win.

    Raises `ConfigError` like `find_agent`, and for parameters that the agent does not have, or bad values.
    """
    name, *settings = said.split(",")
    cls = find_agent(name, role)
    given: dict[str, object] = {}
    for setting in settings:
        parameter, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"agent {said!r}: write NAME,PARAMETER=VALUE; {setting!r} has no value")
        given[parameter.strip().replace("-", "_")] = value.strip()
    given.update(parameters)
    settle(name, cls.parameters, given)
    return AgentChoice(said, cls, given)


def find_agent(name: str, role: AgentRole | None = None) -> type[BaseAgent]:
    """The class of an agent. `random` with the role Attacker means `random-attacker`.

    Raises `ConfigError` if there is none of that name, or if it cannot take the role.
    """
    if ":" in name:
        cls = _import(name)
    else:
        points = {point.name: point for point in entry_points(group=GROUP)}
        short = f"{name}-{role.value.lower()}" if role is not None else name
        point = points.get(name) or points.get(short)
        if point is None:
            close = difflib.get_close_matches(short, points, 1) or difflib.get_close_matches(name, points, 1)
            nearest = f"; the nearest is {close[0]!r}" if close else ""
            raise ConfigError(f"there is no agent {name!r}{nearest}. Agents: {', '.join(sorted(points))}")
        cls = _load(point)
    if role is not None and role not in cls.plays:
        roles = ", ".join(r.value for r in cls.plays)
        raise ConfigError(f"agent {name!r} plays {roles}, not {role.value}")
    return cls


def _load(point: EntryPoint) -> type[BaseAgent]:
    return _checked(point.load(), point.value)


def _import(name: str) -> type[BaseAgent]:
    module, _, attribute = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` has it, so that an agent beside you is found
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # importing runs their code, which may raise anything
        raise ConfigError(f"agent {name!r}: {type(error).__name__}: {error}") from error
    return _checked(found, name)


def _checked(found: object, name: str) -> type[BaseAgent]:
    if not isinstance(found, type) or not issubclass(found, BaseAgent):
        raise ConfigError(f"agent {name!r} is no subclass of netsiege.BaseAgent")
    return found
