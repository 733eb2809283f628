"""Reads a YAML file into plain values, and refuses what a configuration file has no business to hold.

Values are what pyyaml's safe loader gives for the same text, with these differences, each of which hides a
mistake or opens a door: a key that is written twice is a problem, not the last one's victory; tags are
refused; aliases may not grow the file beyond a limit; one document only, and next to no directives; keys are
always text; dates, octal and sexagesimal numbers stay text. Merge keys (`<<`) work.

Files may come from strangers: what is too large, too deep or too much is refused in about a second.

Nothing here knows what the values mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from attrs import Factory, define

from netsiege.errors import ConfigError
from netsiege.scenarios.reading import Report, join, shown

MAX_FILE_BYTES: Final = 4 << 20
MAX_DEPTH: Final = 32
MAX_EXPANDED_CHARS: Final = 16 << 20
"""Of all keys and values together once aliases are written out, each counted with `VALUE_COST` on top."""
VALUE_COST: Final = 32
"""So that there are no more than half a million of them."""
MAX_DIRECTIVES: Final = 16
"""Lines that begin with `%`: the parser compares each with all others."""

_MAX_DIGITS: Final = 30

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_WHOLE: Final = re.compile(rf"[-+]?(0|[1-9][0-9]{{0,{_MAX_DIGITS - 1}}})")
_DIRECTIVE: Final = re.compile(r"(?:^|[\n\r\x85\u2028\u2029])%")
_NUMBER: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?")


class _Unreadable(Exception):
    """The text cannot be understood from here on."""


def read_bytes(path: str | os.PathLike[str], file: str) -> bytes:
    """The content of a file. ConfigError if there is none, it cannot be read, or it is too large."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file") from None
    except IsADirectoryError:
        raise ConfigError(f"{file}: is a directory, not a file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(f"{file}: cannot be read: {reason}") from None
    return data


def parse(data: bytes, report: Report) -> Value:
    """The one document in `data`.

    Duplicate keys and tags go into the report, and reading goes on; whatever makes the rest meaningless
    (syntax, limits, encoding) raises ConfigError with all that was found so far.
    """
    try:
        value = _Composer(report).compose(_decode(data))
    except _Unreadable as error:
        report.problem("", str(error))
    else:
        if value is not None:
            return value
        report.problem("", "the file is empty")
    raise ConfigError(report.problems)


def read_mapping(path: str | os.PathLike[str]) -> dict[str, Value]:
    """The mapping that a file holds, its keys and values unchecked. Raises ConfigError."""
    report = Report(file_label(path))
    value = parse(read_bytes(path, report.file), report)
    if not isinstance(value, dict):
        report.problem("", f"expected a mapping, got {shown(value)}")
    report.check()
    assert isinstance(value, dict), "anything else is reported"
    return value


def file_label(path: str | os.PathLike[str]) -> str:
    """How messages call a file."""
    text = os.fspath(path)
    return text if text.isprintable() else shown(text)


def _decode(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise _Unreadable(f"larger than {MAX_FILE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Unreadable(f"line {line}: byte 0x{data[error.start]:02x} is not UTF-8") from None
    if len(_DIRECTIVE.findall(text)) > MAX_DIRECTIVES:
        raise _Unreadable(f"more than {MAX_DIRECTIVES} lines begin with '%'")
    return text


def _plain(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


@define
class _Open:
    """A list or mapping whose end has not come yet. `cost` is what an alias to it costs again."""

    value: list[Value] | dict[str, Value]
    path: str
    anchor: str | None
    cost: int = VALUE_COST
    key: str | None = None
    is_merge: bool = False
    lines: dict[str, int] = Factory(dict)
    """Where each key was written first."""
    merged: list[dict[str, Value]] = Factory(list)

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    @property
    def next_path(self) -> str:
        """The path of the value that comes next."""
        return f"{self.path}[{len(self.value)}]" if self.key is None else join(self.path, self.key)


class _Composer:
    """Builds values from pyyaml's events without recursion: hostile nesting costs nothing."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._result: Value = None
        self._cost = 0
        self._documents = 0

    def compose(self, text: str) -> Value:
        """The value of the only document; None if there is none. Raises `_Unreadable`."""
        handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._document,
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
        }
        try:
            for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                handle = handlers.get(type(event))
                if handle is not None:
                    handle(event)
        except yaml.YAMLError as error:
            raise _Unreadable(_explain(error)) from None
        except (ValueError, OverflowError) as error:
            # the scanner written in Python lets these out for escapes such as "\Uffffffff"
            raise _Unreadable(f"not valid YAML: {error}") from None
        return self._result

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _Unreadable(f"{_at(event)}: a second document begins")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None:
            self._refuse_tag(event)
        frame = self._open[-1] if self._open else None
        if frame is not None and frame.wants_key:
            self._take_key(frame, event)
            return
        value = _plain(event.value) if event.implicit[0] else event.value
        cost = VALUE_COST + len(event.value)
        self._spend(cost)
        self._keep(value, cost, event.anchor)

    def _take_key(self, frame: _Open, event: yaml.ScalarEvent) -> None:
        key, line = event.value, _line(event)
        frame.key, frame.is_merge = key, key == "<<" and bool(event.implicit[0])
        if event.anchor is not None:
            self._anchors[event.anchor] = (key, VALUE_COST + len(key))
        first = frame.lines.get(key)
        if first is not None:
            where = f"on line {line}" if first == line else f"on lines {first} and {line}"
            self._report.problem(join(frame.path, key), f"written twice, {where}")
        else:
            frame.lines[key] = line
        self._spend(VALUE_COST + len(key))

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self._open and self._open[-1].wants_key:
            raise _Unreadable(f"{_at(event)}: an alias cannot be a key")
        if event.anchor not in self._anchors:
            raise _Unreadable(f"{_at(event)}: *{shown(event.anchor)[1:-1]} refers to nothing before it")
        value, cost = self._anchors[event.anchor]
        self._spend(cost)
        self._keep(value, cost, None)

    def _start(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        if event.tag is not None:
            self._refuse_tag(event)
        if len(self._open) >= MAX_DEPTH:
            raise _Unreadable(f"{_at(event)}: nested more than {MAX_DEPTH} levels deep")
        if self._open and self._open[-1].wants_key:
            raise _Unreadable(f"{_at(event)}: a list or mapping cannot be a key")
        self._spend(VALUE_COST)
        value: list[Value] | dict[str, Value] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._open[-1].next_path if self._open else ""
        self._open.append(_Open(value, path, event.anchor))

    def _end(self, _event: yaml.CollectionEndEvent) -> None:
        frame = self._open.pop()
        if isinstance(frame.value, dict):
            for other in frame.merged:
                for key, value in other.items():
                    frame.value.setdefault(key, value)
        self._keep(frame.value, frame.cost, frame.anchor)

    def _keep(self, value: Value, cost: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, cost)
        if not self._open:
            self._result = value
            return
        frame = self._open[-1]
        frame.cost += cost
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.is_merge:
            self._merge(frame, value)
        elif frame.key is not None:
            frame.value.setdefault(frame.key, value)
        frame.key, frame.is_merge = None, False

    def _merge(self, frame: _Open, value: Value) -> None:
        for other in value if isinstance(value, list) else [value]:
            if isinstance(other, dict):
                frame.merged.append(other)
            else:
                self._report.problem(join(frame.path, "<<"), f"{shown(other)} is not a mapping")

    def _spend(self, cost: int) -> None:
        self._cost += cost
        if self._cost > MAX_EXPANDED_CHARS:
            said = f"{MAX_EXPANDED_CHARS} characters once aliases are written out"
            raise _Unreadable(f"more than {said}, and {VALUE_COST} are counted for each value")

    def _refuse_tag(self, event: Any) -> None:
        path = self._open[-1].next_path if self._open and not self._open[-1].wants_key else ""
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self._report.problem(path, f"line {_line(event)}: tags such as {shown(tag)} are refused")


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None, "events that were parsed have one"
    return event.start_mark.line + 1


def _at(event: yaml.Event) -> str:
    assert event.start_mark is not None, "events that were parsed have one"
    return f"line {_line(event)}, column {event.start_mark.column + 1}"


def _explain(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"not valid YAML: {getattr(error, 'reason', None) or str(error).splitlines()[0]}"
    why = " ".join(str(part) for part in (getattr(error, "context", None), error.problem) if part)  # type: ignore[attr-defined]  # every marked error has it
    return f"line {mark.line + 1}, column {mark.column + 1}: {why}"
