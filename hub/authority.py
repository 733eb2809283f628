"""The file of authorised keys: read by a hub, edited by people, and by the hub when an invitation is used.

Its lines are those of `grants`. Knows no sockets.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs

from netsiege.errors import ConfigError
from netsiege.files import keep_owner, replace_file, write_new
from netsiege.hub.grants import (
    HEADER,
    INVITED,
    MAX_FILE_BYTES,
    Authorized,
    Entry,
    Grant,
    Right,
    digest_of,
    line_of,
    moment_text,
    nearest,
    read_entries,
)
from netsiege.keys import (
    INVITE_PREFIX,
    OTHERS_WRITE,
    PUBLIC_PREFIX,
    SECRET_MODE,
    SECRET_PREFIX,
    check_public,
    read_file,
    read_invitation,
)
from netsiege.protocol.declare import quoted

__all__ = ["Authorized", "AuthorizedFile", "Grant", "Right"]

LOCK_WAIT_S: Final = 5.0
"""How long an edit waits for another one to end; each takes some milliseconds."""


class AuthorizedFile:
    """The file of authorised keys: read by a hub, edited by any number of processes at once.

    Every edit holds a lock, keeps comments and all other lines, and replaces the file in one piece. Raises
    `ConfigError` for whatever cannot be done, and then changes nothing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._seen: object = "never"

    def load(self) -> Authorized:
        """What the file says. Raises `ConfigError` if it is not there, wrong, or others may write it."""
        self._seen = self._stamp()  # before reading: a change in between is noticed, if once too often
        return Authorized.read(self._text(), str(self.path))

    def changed(self) -> bool:
        """Whether the file is another one than at the last `load`, or has come or gone."""
        return self._stamp() != self._seen

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def _text(self) -> str:
        return read_file(self.path, OTHERS_WRITE, MAX_FILE_BYTES, "new --hub")

    def create(self) -> None:
        """Makes the file, with nothing but its header. Raises `ConfigError` if it is there already."""
        write_new(self.path, HEADER, SECRET_MODE)

    def add(self, key: bytes, grant: Grant) -> None:
        """Authorises a public key; makes the file if there is none."""
        self._append(Entry(check_public(key), False, grant))

    def invite(self, key: bytes, grant: Grant) -> None:
        """Authorises the invitation with that public key; makes the file if there is none."""
        self._append(Entry(digest_of(check_public(key)), True, grant))

    def _append(self, entry: Entry) -> None:
        line = line_of(entry)
        with self._locked(make=True):
            text = self._text() if self.path.exists() else HEADER
            for other in read_entries(text, str(self.path)):
                if other.key == entry.key or other.grant.name == entry.grant.name:
                    raise ConfigError(f"{self.path}: line {other.line} has {other.called} already")
            gap = "" if not text or text.endswith("\n") else "\n"
            self._write(f"{text}{gap}{line}\n")

    def revoke(self, who: str) -> list[str]:
        """Takes away what a name, a public key, or an invitation (its digest or itself) stands for.

        Returns what was taken away, for people. Raises `ConfigError`, with the nearest name, if nothing is.
        """
        wanted = _wanted(who)
        with self._locked():
            text = self._text()
            entries = read_entries(text, str(self.path))
            gone = [e for e in entries if wanted in (e.grant.name, e.first_word)]
            if not gone:
                names = nearest(who, [e.grant.name for e in entries])
                raise ConfigError(f"{self.path}: has no {quoted(wanted, 96)}{names}")
            lines = text.split("\n")
            for entry in reversed(gone):
                del lines[entry.line - 1]
            self._write("\n".join(lines))
        return [entry.called for entry in gone]

    def redeem(self, invitation_key: bytes, new_key: bytes, now: datetime) -> Grant:
        """Turns an invitation into the grant of a new key, which it returns. Of many who try one succeeds."""
        if check_public(new_key) == invitation_key:
            raise ConfigError("an invitation's own key cannot be enrolled: others may have seen it")
        with self._locked():
            text = self._text()
            entries = read_entries(text, str(self.path))
            digest = digest_of(invitation_key)
            found = next((e for e in entries if e.invites and e.key == digest), None)
            if found is None:
                raise ConfigError("the invitation is unknown, or has been used")
            grant = attrs.evolve(found.grant, expires=found.grant.key_expires, key_expires=None)
            for ends in (found.grant.expires, grant.expires):
                if ends is not None and ends <= now:
                    raise ConfigError(f"the invitation has expired: {moment_text(ends)}")
            if any(e.key == new_key and not e.invites for e in entries):
                raise ConfigError("the key is authorised already")
            lines = text.split("\n")
            lines[found.line - 1] = line_of(Entry(new_key, False, grant))
            self._write("\n".join(lines))
        return grant

    def _write(self, text: str) -> None:
        read_entries(text, str(self.path))
        replace_file(self.path, text, SECRET_MODE)

    @contextlib.contextmanager
    def _locked(self, *, make: bool = False) -> Iterator[None]:
        """Keeps every other edit waiting; ends with the process, however that ends."""
        target = Path(os.path.realpath(self.path))
        if not make and not target.exists():
            self._text()  # says what is wrong
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            lock = os.open(target.with_name(f"{target.name}.lock"), flags, SECRET_MODE)
        except OSError as error:
            raise ConfigError(f"{self.path}.lock: cannot be written: {error.strerror}") from None
        with contextlib.closing(os.fdopen(lock, "r+b", buffering=0)):
            _take(lock, target)
            yield


def _take(lock: int, target: Path) -> None:
    deadline_s = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            keep_owner(lock, target)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                raise ConfigError(
                    f"{target}: another program keeps it locked, for {LOCK_WAIT_S:g} s now"
                ) from None
            time.sleep(0.005)
        except OSError as error:
            raise ConfigError(f"{target}.lock: cannot be locked: {error.strerror}") from None


def _wanted(who: str) -> str:
    """The name or first word that `who` stands for."""
    if who.startswith(INVITE_PREFIX):
        return f"{INVITED}{digest_of(read_invitation(who).own.public).hex()}"
    if SECRET_PREFIX in who:
        raise ConfigError(f"that is a secret key; say its name, or the public key ({PUBLIC_PREFIX}…)")
    return f"invitation:{who}" if who.startswith("sha256:") else who
