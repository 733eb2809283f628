"""What a process says, kept in files within bounds: its first part and its last, each line with its time.

The first part is in the file that was named. What comes after that goes to the file of that name with
`.last`, which becomes `.later` when it is full: the one before that is lost, and `.lost` says how much that
has been in all. A line may begin with the mark of the match that it belongs to (`netsiege.marks`): if it is
broken, every piece of it does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from attrs import evolve, frozen

from netsiege.marks import MARK

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


def lost_of(path: Path) -> Path:
    """Where it is said how much was lost, if anything was."""
    return path.with_name(path.name + ".lost")


@frozen
class Stretch:
    """So many lines, from the time of the first one to that of the last one."""

    lines: int
    first: str
    last: str


@frozen
class Line:
    """A line, with its time, without its mark; `match` is None if it had none."""

    time: str
    match: int | None
    text: str


class Capture:
    """Writes such files anew. What it raises is OSError, of a full disk say."""

    def __init__(self, path: Path) -> None:
        self._path = path
        for old in (last_of(path), later_of(path), lost_of(path)):
            old.unlink(missing_ok=True)
        self._file: IO[bytes] = open(path, "wb", 0)  # noqa: SIM115  # closed in `close`
        self._left = FIRST_BYTES
        self._line = b""
        self._now: Stretch | None = None
        """What is in the file that is being written, …"""
        self._later: Stretch | None = None
        """… in the one before it, if that will be lost, …"""
        self._lost: Stretch | None = None
        """… and what was."""
        self._is_last = False

    def write(self, said: bytes, now: datetime) -> None:
        """Takes what was said at a time. The end of an unfinished line is waited for."""
        whole, newline, rest = (self._line + said).rpartition(b"\n")
        while len(rest) > LINE_BYTES:
            mark = MARK.match(rest)
            whole, newline = whole + newline + rest[:LINE_BYTES], b"\n"
            rest = (mark[0] if mark else b"") + rest[LINE_BYTES:]
        self._line = rest
        if newline:
            time = f"{now.astimezone(UTC).strftime(_STAMP)[:-3]}Z"
            stamp = time.encode() + b" "
            text = stamp + whole.replace(b"\n", b"\n" + stamp) + b"\n"
            self._put(text, Stretch(whole.count(b"\n") + 1, time, time))

    def _put(self, text: bytes, lines: Stretch) -> None:
        if self._left <= 0:
            self._file.close()
            self._turn_over()
            self._file = open(last_of(self._path), "wb", 0)  # noqa: SIM115  # closed in `close`
            self._left = LAST_BYTES
        self._file.write(text)
        self._left -= len(text)
        self._now = _both(self._now, lines)

    def _turn_over(self) -> None:
        """The file is full: makes place for another one."""
        if self._is_last:
            if self._later is not None:
                self._lost = _both(self._lost, self._later)
                lost = self._lost
                lost_of(self._path).write_bytes(f"{lost.lines} {lost.first} {lost.last}\n".encode())
            last_of(self._path).replace(later_of(self._path))
            self._later = self._now
        self._is_last, self._now = True, None

    def close(self) -> None:
        """Ends the last line and closes the file."""
        if self._line:
            self.write(b"\n", datetime.now(UTC))
        self._file.close()


def _both(first: Stretch | None, then: Stretch) -> Stretch:
    return then if first is None else evolve(first, lines=first.lines + then.lines, last=then.last)


def lines_of(path: Path) -> Iterator[Line]:
    """All lines that were kept, in their order; the process may be writing. Files that cannot be read have
    none.
    """
    with ExitStack() as stack:
        files: dict[int, IO[bytes]] = {}
        # the last one first: if it is turned over meanwhile, it is the same file under two names
        for part in (last_of(path), later_of(path), path):
            with suppress(OSError):
                file: IO[bytes] = stack.enter_context(part.open("rb"))
                files[os.fstat(file.fileno()).st_ino] = file
        for file in reversed(files.values()):
            for line in file:
                time, _, said = line.removesuffix(b"\n").partition(b" ")
                mark = MARK.match(said)
                text = said[mark.end() :] if mark else said
                yield Line(
                    time.decode(errors="replace"),
                    int(mark[1]) if mark else None,
                    text.decode(errors="replace"),
                )


def lost_from(path: Path) -> Stretch | None:
    """What was said between the lines that were kept, and is lost; None if nothing is."""
    try:
        count, first, last = lost_of(path).read_text(encoding="utf-8").split()
        return Stretch(int(count), first, last)
    except (OSError, ValueError):  # it is not there, or just being written for the first time
        return None


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
        lines = told.decode(errors="replace").split("\n")[:-1] + lines
    return [line.partition(" ")[2] for line in lines[-count:]]
