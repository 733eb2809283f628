"""What can be set on an agent: its parameters, by name, in code and on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from netsiege.errors import ConfigError


@frozen
class Parameter:
    """One of them. Its value is of the default's type; a number lies between `low` and `high`, if given."""

    default: float | int | str | bool
    help: str
    low: float | None = None
    high: float | None = None

    @property
    def range(self) -> str:
        """The range of a number, in words; empty if any will do."""
        return "" if self.low is None and self.high is None else _range(self.low, self.high)

    def checked(self, where: str, value: Any) -> Any:
        """The value as the agent gets it; a text is read. Raises `ConfigError` that names `where`."""
        kind = type(self.default)
        try:
            if isinstance(value, str) and kind is bool:
                read: Any = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                    value.lower()
                ]
            elif isinstance(value, bool) and kind is not bool:
                raise ValueError
            else:
                read = kind(value)
        except (ValueError, TypeError, KeyError):
            raise ConfigError(f"{where}: {value!r} is not {_KINDS[kind]}") from None
        outside = kind in (int, float) and not (
            (self.low is None or read >= self.low) and (self.high is None or read <= self.high)
        )
        if outside or read != read:  # noqa: PLR0124  # not a number
            raise ConfigError(f"{where}: {value} is not {_range(self.low, self.high)}")
        return read


_KINDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"


def settle(agent: str, declared: Mapping[str, Parameter], given: Mapping[str, object]) -> dict[str, Any]:
    """The values of all parameters of an agent. Raises `ConfigError` for a name or a value that is wrong."""
    for name in given:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, 1)
            known = ", ".join(declared) or "none"
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {known}"
            raise ConfigError(f"{agent} has no parameter {name!r}{hint}")
    return {
        name: each.checked(f"{agent}, {name}", given.get(name, each.default))
        for name, each in declared.items()
    }
