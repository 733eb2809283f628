"""The turns of a journal: what each turn of the hub's loop has brought, appended to files, one write a turn.

A row of SQLite for each turn would cost four times as much. A write survives the end of the process; `sync`
brings it to the disk. A record is its length, a checksum, the turn's number and the events; what a killed
process has left of its last one is cut off. Files are named after the journal and their first turn, and go as
a whole.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from netsiege.errors import JournalError

HEAD: Final = struct.Struct(">IIQ")
"""Length of the events, CRC-32 of turn and events, number of the turn."""
FILE_BYTES: Final = 16 << 20
"""A file that is larger gets no more turns."""


class TurnLog:
    """The turns of the journal `name`, beside its file `path`. Raises OSError for what the system refuses."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._files = _files(path, name)
        self._leaving: list[tuple[int, Path]] = []
        """The files that nobody needed when it was last asked."""
        self._descriptor = -1
        self._size = 0
        self.last = max((turn for turn, _ in self.read()), default=0)
        """The number of the last turn; 0 if there is none."""
        if self._files:
            file = self._files[-1][1]
            self._open(file, max((end for _, _, end in _records(file.read_bytes())), default=0))

    def _open(self, file: Path, size: int) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._descriptor, size)
        self._size = size

    def write(self, turn: int, events: bytes) -> None:
        """Keeps a turn, as a whole or not at all."""
        if self._descriptor < 0 or self._size > FILE_BYTES:
            self._begin_file(turn)
        record = HEAD.pack(len(events), zlib.crc32(events, turn & 0xFFFFFFFF), turn) + events
        if os.write(self._descriptor, record) != len(record):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(record)
        self.last = turn

    def _begin_file(self, turn: int) -> None:
        self.sync()  # nobody syncs this file again
        self.close()
        file = self._path.with_name(f"{_prefix(self._path, self._name)}{turn:012}")
        self._open(file, 0)
        self._files.append((turn, file))

    def read(self) -> Iterator[tuple[int, bytes]]:
        """All turns that are there, in order: their numbers and events."""
        return read_turns(self._path, self._name)

    def forget(self, oldest: int) -> None:
        """Turns up to `oldest` are needed no more; their files go when this is said the next time."""
        for each in self._leaving:
            each[1].unlink(missing_ok=True)
            self._files.remove(each)
        pairs = zip(self._files, self._files[1:], strict=False)
        self._leaving = [each for each, after in pairs if after[0] <= oldest + 1]

    def sync(self) -> None:
        """Brings what was written to the disk."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Lets the file go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_turns(path: Path, name: str, most_bytes: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The turns of the journal `name` at `path`, in order: their numbers and events.

    Raises OSError, and JournalError if the files have more than `most_bytes` together.
    """
    left = most_bytes
    for _, file in _files(path, name):
        try:
            with file.open("rb") as stream:
                text = stream.read() if left is None else stream.read(left + 1)
        except FileNotFoundError:
            continue  # what was in it is filed
        if left is not None:
            left -= len(text)
            if left < 0:
                raise JournalError(f"its turns take more than {most_bytes} bytes")
        for turn, start, end in _records(text):
            yield turn, text[start:end]


def _records(text: bytes) -> Iterator[tuple[int, int, int]]:
    """Turn, start and end of the events of each record, up to the first that is not whole."""
    at = 0
    while at + HEAD.size <= len(text):
        length, checksum, turn = HEAD.unpack_from(text, at)
        start, end = at + HEAD.size, at + HEAD.size + length
        if not length or end > len(text) or zlib.crc32(text[start:end], turn & 0xFFFFFFFF) != checksum:
            return
        yield turn, start, end
        at = end


def _prefix(path: Path, name: str) -> str:
    return f"{path.name}-turns-{name}-"


def _files(path: Path, name: str) -> list[tuple[int, Path]]:
    """The files, by their first turn. What an editor or a backup has left beside them is none."""
    prefix = _prefix(path, name)
    found = [file for file in path.parent.iterdir() if re.fullmatch(f"{re.escape(prefix)}[0-9]+", file.name)]
    return sorted((int(file.name[len(prefix) :]), file) for file in found)
