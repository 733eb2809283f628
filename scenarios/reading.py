"""Values with a place in a file: read as a type, or reported with the path, the value and what would do.

A `Report` collects everything that is wrong with one file; a `Place` is a value, its key path and the report.
The readers return None (or nothing) after reporting, so that one mistake never hides the next.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.scenarios.model import MAX_AMOUNT
from netsiege.shown import LINE_CHARS
from netsiege.shown import shown as cleaned

MAX_PROBLEMS: Final = 100
"""Lines about one file; who has more will not read them."""

MAX_TEXT_CHARS: Final = 200
"""Of a name, version, owner and the like."""

_SHOWN_CHARS: Final = 60
_LISTED: Final = 8
SEARCHED: Final = 1_500_000
"""Characters of words times those of choices, in one report: some 10,000 addresses, or half a second."""


class Report:
    """What is wrong with one file, and what is merely odd, as lines that begin with its name."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._left_out = 0
        self._to_search = SEARCHED

    @property
    def is_full(self) -> bool:
        """Whether further problems are only counted."""
        return len(self.problems) >= MAX_PROBLEMS

    def problem(self, path: str, text: str) -> None:
        """Something to mend before the file can be used."""
        if self.is_full:
            self._left_out += 1
        else:
            self.problems.append(self._line(path, text))

    def warn(self, path: str, text: str) -> None:
        """Something that has no effect, or another one than it seems to have."""
        if len(self.warnings) < MAX_PROBLEMS:
            self.warnings.append(self._line(path, text))

    def _line(self, path: str, text: str) -> str:
        line = f"{self.file}: {path}: {text}" if path else f"{self.file}: {text}"
        return cleaned(line, LINE_CHARS)

    def nearest(self, word: object, choices: Iterable[str]) -> str:
        """The same as `nearest`, as long as there is not too much to look through."""
        if self.is_full:
            return ""
        known: list[str] = []
        cost = 0
        for choice in choices:
            known.append(choice)
            cost += len(str(word)) * len(choice)
            if cost > self._to_search and len(known) > _LISTED:
                return ""
        if cost > self._to_search:
            return _listed(known)
        self._to_search -= cost
        return nearest(word, known)

    @property
    def lines(self) -> tuple[str, ...]:
        """Every problem, and how many were left out."""
        more = [f"{self.file}: and {self._left_out} problems more"] if self._left_out else []
        return (*self.problems, *more)

    def check(self) -> None:
        """Raise ConfigError if there are problems."""
        if self.problems:
            raise ConfigError(self.lines)


def shown(value: Any) -> str:
    """A value as it appears in a message: short, on one line, free of control characters."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    text = repr(value)
    if len(text) <= _SHOWN_CHARS:
        return text
    return f"{text[: _SHOWN_CHARS - 4]}...{text[-1] if isinstance(value, str) else ''}"


def join(path: str, key: str) -> str:
    """The path of what stands under `key`."""
    part = key if key and key.isprintable() and len(key) <= _SHOWN_CHARS else shown(key)
    return f"{path}.{part}" if path else part


def nearest(word: object, choices: Iterable[str]) -> str:
    """The end of a message: the nearest choice, or all of them if they are few; empty otherwise."""
    known = list(choices)
    lowered = {choice.lower(): choice for choice in reversed(known)}
    found = difflib.get_close_matches(str(word)[:MAX_TEXT_CHARS].lower(), list(lowered), n=1)
    return f"; nearest: {lowered[found[0]]}" if found else _listed(known)


def _listed(known: Collection[str]) -> str:
    return f"; known: {', '.join(known)}" if 0 < len(known) <= _LISTED else ""


def address_of(value: Any) -> str | None:
    """The value if it is an IPv4 address in its usual form, else None."""
    try:
        return str(ipaddress.IPv4Address(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def network_of(value: Any) -> ipaddress.IPv4Network | None:
    """The IPv4 network that `value` writes in CIDR notation, its host bits cleared, else None."""
    if not isinstance(value, str):
        return None
    address, slash, mask = value.partition("/")
    if not slash or not (mask.isascii() and mask.isdecimal()):
        return None
    try:
        return ipaddress.IPv4Network((address, int(mask)), strict=False)
    except ValueError:
        return None


class Spliced(list[Any]):
    """A list whose items come from different places: `paths` has the key path of each."""

    def __init__(self, items: Iterable[Any], paths: Iterable[str]) -> None:
        super().__init__(items)
        self.paths = list(paths)


@frozen
class Place:
    """A value, its key path, and the report that takes what is wrong with it."""

    value: Any
    path: str
    report: Report

    def problem(self, text: str) -> None:
        """Report that this value has to be mended."""
        self.report.problem(self.path, text)

    def nearest(self, word: object, choices: Iterable[str]) -> str:
        """The end of a message about it: see `Report.nearest`."""
        return self.report.nearest(word, choices)

    def is_too_long(self, limit: int, before: int = 0) -> bool:
        """Whether a list or mapping, and `before` of its kind, are more than `limit`, which is reported."""
        if not isinstance(self.value, list | dict) or before + len(self.value) <= limit:
            return False
        those = f", after {before} before them," if before else ""
        self.problem(f"{len(self.value)} entries{those} are more than {limit}")
        return True

    def warn(self, text: str) -> None:
        """Report that this value has no effect, or not the one it seems to have."""
        self.report.warn(self.path, text)

    def fields(
        self, known: Collection[str], required: Collection[str] = (), *, unknown_is_problem: bool = True
    ) -> dict[str, Place]:
        """The entries of a mapping with the keys `known`; an entry without a value counts as absent.

        Any other key is a problem or a warning, a missing one of `required` a problem.
        """
        found: dict[str, Place] = {}
        for key, place in self.entries():
            if key in known:
                if place.value is not None:
                    found[key] = place
                continue
            if unknown_is_problem:
                place.problem(f"unknown key{self.nearest(key, known)}")
            else:
                place.warn(f"unknown key, has no effect{self.nearest(key, known)}")
        if isinstance(self.value, dict):
            for key in required:
                if key not in found:
                    self.report.problem(join(self.path, key), "missing")
        return found

    def entries(self) -> Iterator[tuple[str, Place]]:
        """The entries of a mapping, in order."""
        if not isinstance(self.value, dict):
            self.problem(f"expected a mapping, got {shown(self.value)}")
            return
        for key, value in self.value.items():
            yield key, Place(value, join(self.path, key), self.report)

    def items(self, such_as: str = "") -> Iterator[Place]:
        """The items of a list, in order."""
        if not isinstance(self.value, list):
            example = f" such as {such_as}" if such_as else ""
            self.problem(f"expected a list{example}, got {shown(self.value)}")
            return
        paths = self.value.paths if isinstance(self.value, Spliced) else None
        for index, value in enumerate(self.value):
            yield Place(value, paths[index] if paths else f"{self.path}[{index}]", self.report)

    def text(self, limit: int = MAX_TEXT_CHARS) -> str | None:
        """Printable text of one line, not empty."""
        text = self.any_text(limit)
        if text is None:
            return None
        if not text or not text.isprintable():
            self.problem(f"{shown(text)} is not one line of printable text")
            return None
        return text

    def any_text(self, limit: int) -> str | None:
        """Text of at most `limit` characters, on any number of lines."""
        if not isinstance(self.value, str):
            hint = ": put it in quotes" if isinstance(self.value, int | float) else ""
            self.problem(f"{shown(self.value)} is not text{hint}")
            return None
        if len(self.value) > limit:
            self.problem(f"longer than {limit} characters")
            return None
        if not all(c.isprintable() or c in "\n\t" for c in self.value):
            self.problem(f"{shown(self.value)} has characters that cannot be printed")
            return None
        return self.value

    def choice(self, choices: Collection[str]) -> str | None:
        """One of a few words."""
        if isinstance(self.value, str) and self.value in choices:
            return self.value
        self.problem(f"{shown(self.value)} is not one of {', '.join(choices)}")
        return None

    def whole(self, least: int, most: int) -> int | None:
        """A whole number from `least` to `most`; text of digits counts, as it does for NetSecGame."""
        value = self.value
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(most)):
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            self.problem(f"{shown(self.value)} is not a whole number from {least} to {most}")
            return None
        return value

    def number(self) -> float | None:
        """A finite number; a whole one stays an int."""
        if type(self.value) not in (int, float) or not math.isfinite(self.value):
            self.problem(f"{shown(self.value)} is not a number")
            return None
        value: float = self.value
        return value

    def amount(self) -> float | None:
        """A number of which an episode's worth can be added up."""
        value = self.number()
        if value is not None and abs(value) > MAX_AMOUNT:
            self.problem(f"{shown(value)} is not between -{MAX_AMOUNT} and {MAX_AMOUNT}")
            return None
        return value

    def flag(self) -> bool | None:
        """True or false."""
        if not isinstance(self.value, bool):
            self.problem(f"{shown(self.value)} is not true or false")
            return None
        return self.value

    def address(self) -> str | None:
        """An IPv4 address."""
        address = address_of(self.value)
        if address is None:
            self.problem(f"{shown(self.value)} is not an IPv4 address")
        return address

    def network(self) -> ipaddress.IPv4Network | None:
        """An IPv4 network in CIDR notation, without host bits."""
        network = network_of(self.value)
        if network is None:
            self.problem(f"{shown(self.value)} is not a network such as 192.168.1.0/24")
            return None
        if str(network) != self.value:
            self.problem(f"{shown(self.value)} has host bits set; nearest: {network}")
            return None
        return network
