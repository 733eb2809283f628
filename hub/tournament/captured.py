"""What a process says, kept in files within bounds: its first part and its last, each line with its time.

The first part is in the file that was named. What comes after that goes to the file of that name with
`.last`, which becomes `.later` when it is full: the one before that is lost.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

FIRST_BYTES: Final = 1 << 18
LAST_BYTES: Final = 1 << 18
"""Of the first part, and of each file of the last one; a line may exceed it."""
LINE_BYTES: Final = 4_096
"""Longer lines are broken."""
_STAMP: Final = "%Y-%m-%dT%H:%M:%S.%f"


def later_of(path: Path) -> Path:
    """Where the last but one file of the output is, if there is so much."""
    return path.with_name(path.name + ".later")


def last_of(path: Path) -> Path:
    """Where the last file of the output is, if there is so much."""
    return path.with_name(path.name + ".last")


class Capture:
    """Writes such files anew. What it raises is OSError, of a full disk say."""

    def __init__(self, path: Path) -> None:
        self._path = path
        for old in (last_of(path), later_of(path)):
            old.unlink(missing_ok=True)
        self._file: IO[bytes] = open(path, "wb", 0)  # noqa: SIM115  # closed in `close`
        self._left = FIRST_BYTES
        self._line = b""

    def write(self, said: bytes, now: datetime) -> None:
        """Takes what was said at a time. The end of an unfinished line is waited for."""
        whole, newline, rest = (self._line + said).rpartition(b"\n")
        while len(rest) > LINE_BYTES:
            whole, newline, rest = whole + newline + rest[:LINE_BYTES], b"\n", rest[LINE_BYTES:]
        self._line = rest
        if newline:
            stamp = f"{now.astimezone(UTC).strftime(_STAMP)[:-3]}Z ".encode()
            self._put(stamp + whole.replace(b"\n", b"\n" + stamp) + b"\n")

    def _put(self, text: bytes) -> None:
        if self._left <= 0:
            self._file.close()
            last = last_of(self._path)
            if last.exists():
                last.replace(later_of(self._path))
            self._file = open(last, "wb", 0)  # noqa: SIM115  # closed in `close`
            self._left = LAST_BYTES
        self._file.write(text)
        self._left -= len(text)

    def close(self) -> None:
        """Ends the last line and closes the file."""
        if self._line:
            self.write(b"\n", datetime.now(UTC))
        self._file.close()


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines that were said, without their times; fewer if there are no more that can be read."""
    lines: list[str] = []
    for part in (last_of(path), later_of(path), path):
        if len(lines) >= count:
            break
        try:
            told = part.read_bytes()
        except OSError:
            continue
        lines = told.decode(errors="replace").splitlines() + lines
    return [line.partition(" ")[2] for line in lines[-count:]]
