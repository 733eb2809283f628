"""What happened between an agent and its model: one record for each request and each fallback."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from netsiege.errors import ConfigError

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class Record:
    """One request, or one move that the fallback chose. What is absent is None; times are in seconds.

    `attempt` numbers the requests of a move. `tool` and `arguments` are the call that decided, as the model
    wrote it; `problem` says why it was not played, `error` what was wrong with the endpoint, `fallback` why
    another policy chose the move. `tokens_estimated` says that the endpoint did not count them.
    """

    episode: int
    move: int
    model: str
    attempt: int | None = None
    prompt_chars: int = 0
    tools_chars: int = 0
    reply: str = ""
    tool: str | None = None
    arguments: str | None = None
    notes: tuple[str, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_estimated: bool = False
    latency_s: float = 0.0
    error: str | None = None
    problem: str | None = None
    fallback: str | None = None
    action: str | None = None


def redacted_record(record: Record, redacted: Callable[[str], str]) -> Record:
    """The record with every text in it passed through `redacted`."""
    fields: dict[str, Any] = {}
    for name, value in asdict(record, recurse=False).items():
        if isinstance(value, str):
            fields[name] = redacted(value)
        elif isinstance(value, tuple):
            fields[name] = tuple(redacted(each) for each in value)
        else:
            fields[name] = value
    return Record(**fields)


class RecordLog:
    """A file that gets each record as a line of JSON, at its end. Without a path, nothing is written."""

    def __init__(self, path: str) -> None:
        """Raises `ConfigError` if the file cannot be written."""
        self._path = Path(path) if path else None
        self._write("")

    def append(self, record: Record) -> None:
        """Writes one line. A file that fails later is reported once and given up: the match goes on."""
        try:
            self._write(json.dumps(asdict(record), ensure_ascii=True) + "\n")
        except ConfigError as error:
            logger.warning("llm log given up: %s", error)
            self._path = None

    def _write(self, text: str) -> None:
        if self._path is not None:
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                raise ConfigError(f"log {str(self._path)!r} cannot be written: {error.strerror}") from None
