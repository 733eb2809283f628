"""What an agent asks for: an action type with its parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Self

from attrs import field, frozen

from netsiege.game.action_types import NETSECGAMES, TABLE, ActionType
from netsiege.game.entries import Entry
from netsiege.game.state import FrozenMap
from netsiege.game.values import IP, AgentInfo, AgentRole, Data, Network, Service, int_to_ip

_PARAMETER_CLASSES: dict[str, type[IP] | type[Network] | type[Service] | type[Data] | type[AgentInfo]] = {
    "source_host": IP,
    "target_host": IP,
    "blocked_host": IP,
    "target_network": Network,
    "target_service": Service,
    "data": Data,
    "agent_info": AgentInfo,
}

PLAYED: tuple[tuple[ActionType, tuple[str, ...]], ...] = tuple(
    (kind, entry.parameters) for kind, entry in TABLE
)
"""The actions of the game with their parameters, in the order of their codes on the wire."""

CODE_OF: dict[ActionType, int] = {kind: code for code, (kind, _) in enumerate(PLAYED)}

CODES: dict[str, int] = {"netsecgame": NETSECGAMES, "siege-1": len(PLAYED)}
"""Ruleset -> how many of `PLAYED` it has, from the first."""

RESPONSES = PLAYED[NETSECGAMES:]
"""What rulesets add: mostly what a defender may do about an attack."""


def responses_of(role: AgentRole) -> tuple[tuple[ActionType, Entry], ...]:
    """Those of `RESPONSES` that a role is offered, with their entries."""
    return tuple((kind, entry) for kind, entry in TABLE[NETSECGAMES:] if role in entry.roles)


_SPOKEN = tuple(kind for kind in ActionType if kind.entry is None)


def action_types(ruleset: str) -> tuple[ActionType, ...]:
    """What agents may ask for: the actions of a ruleset, then what speaks to the game.

    Of a ruleset that is not known here, all actions.
    """
    return (*(kind for kind, _ in PLAYED[: CODES.get(ruleset)]), *_SPOKEN)


def _parameters(value: Mapping[str, Any]) -> FrozenMap[str, Any]:
    # NetSecGame announces BlockIP with `blocked_ip` and reads `blocked_host`: the first is an alias here
    if "blocked_ip" in value and "blocked_host" not in value:
        value = {("blocked_host" if k == "blocked_ip" else k): v for k, v in value.items()}
    return FrozenMap(value)


@frozen(order=False, repr=False)
class Action:
    """One action. Nothing about it is checked against a state or a scenario; `to_wire` checks its form."""

    action_type: ActionType
    parameters: FrozenMap[str, Any] = field(factory=dict, converter=_parameters)

    @property
    def type(self) -> ActionType:
        """The same as `action_type`."""
        return self.action_type

    def __repr__(self) -> str:
        return f"Action <{self.action_type}|{dict(self.parameters)}>"

    __str__ = __repr__

    def _key(self) -> tuple[int, str]:
        kinds = list(ActionType)
        return (kinds.index(self.action_type), repr(sorted(self.as_dict["parameters"].items())))

    def __lt__(self, other: object) -> bool:
        return self._key() < other._key() if isinstance(other, Action) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._key() <= other._key() if isinstance(other, Action) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._key() > other._key() if isinstance(other, Action) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._key() >= other._key() if isinstance(other, Action) else NotImplemented

    @property
    def as_dict(self) -> dict[str, Any]:
        """NetSecGame's JSON form: `{"action_type": "ActionType.…", "parameters": {…}}`."""
        plain: dict[str, Any] = {}
        for name, value in self.parameters.items():
            if isinstance(value, IP | Network | Service | Data | AgentInfo):
                plain[name] = value.as_dict
            elif value is None or isinstance(value, dict | int):
                plain[name] = value
            else:
                plain[name] = str(value)
        return {"action_type": str(self.action_type), "parameters": plain}

    def to_json(self) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`; ValueError for anything else."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; ValueError for an unknown type or parameter or a bad value."""
        if not isinstance(data, Mapping) or not {"action_type", "parameters"} <= data.keys():
            raise ValueError("an action is a mapping with action_type and parameters")
        parameters: dict[str, Any] = {}
        for name, value in data["parameters"].items():
            parameters[name] = _parameter_from_dict(name, value)
        return cls(ActionType.from_string(data["action_type"]), parameters)

    def to_wire(self) -> list[Any]:
        """`[code, source, …]` with the parameters in the order of `PLAYED`.

        Raises ValueError when one is missing, unknown or of another class, or when the type is not one
        that is played (JoinGame, QuitGame and ResetGame are messages of their own on our wire).
        """
        code = CODE_OF.get(self.action_type)
        if code is None:
            raise ValueError(f"{self.action_type} is not an action that can be played in a step")
        names = PLAYED[code][1]
        given = self.parameters
        if len(given) != len(names) or any(name not in given for name in names):
            said = [f"{n} is missing" for n in names if n not in given]
            said += [f"{n} is unknown" for n in given if n not in names]
            raise ValueError(f"{self.action_type.value}: {', '.join(said)}")
        wire: list[Any] = [code]
        for name in names:
            value, wanted = given[name], _PARAMETER_CLASSES[name]
            if not isinstance(value, wanted):
                raise ValueError(
                    f"{self.action_type.value}: {name} is {value!r}, which is no {wanted.__name__}"
                )
            wire.append(value.to_wire())  # type: ignore[union-attr]  # AgentInfo is no parameter of a played one
        return wire

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """The inverse of `to_wire`; ValueError for anything else."""
        if not isinstance(wire, list) or not wire or type(wire[0]) is not int:
            raise ValueError("an action is a list that begins with its code")
        if not 0 <= wire[0] < len(PLAYED):
            raise ValueError(f"unknown action code {wire[0]}: codes go from 0 to {len(PLAYED) - 1}")
        kind, names = PLAYED[wire[0]]
        if len(wire) != len(names) + 1:
            raise ValueError(f"{kind.value} takes {', '.join(names)}; got {len(wire) - 1} parameters")
        parameters: dict[str, Any] = {}
        for name, value in zip(names, wire[1:], strict=True):
            if value is None:
                raise ValueError(f"{kind.value}: {name} is missing")
            try:
                parameters[name] = _PARAMETER_READERS[name](value)
            except ValueError as error:
                raise ValueError(f"{kind.value}: {name}: {error}") from None
        return cls(kind, parameters)


def _ip_from_wire(value: Any) -> IP:
    return IP(int_to_ip(value))


_PARAMETER_READERS: dict[str, Callable[[Any], IP | Network | Service | Data]] = {
    "source_host": _ip_from_wire,
    "target_host": _ip_from_wire,
    "blocked_host": _ip_from_wire,
    "target_network": Network.from_wire,
    "target_service": Service.from_wire,
    "data": Data.from_wire,
}


def _parameter_from_dict(name: str, value: Any) -> Any:
    if name == "blocked_ip":
        return IP.from_dict(value)
    if name in _PARAMETER_CLASSES:
        return _PARAMETER_CLASSES[name].from_dict(value)
    if name in ("request_trajectory", "randomize_topology"):
        words = {True: True, False: False, "True": True, "False": False, "true": True, "false": False}
        if isinstance(value, bool | str) and value in words:
            return words[value]
    elif name == "seed":
        if value is None or value == "None":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    raise ValueError(f"Unsupported value in {name}: {value}")
