"""Files that are written whole or not at all, and never readable by more than they should be."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from netsiege.errors import ConfigError


def write_new(path: Path, text: str, mode: int) -> None:
    """Writes a file that is not there yet, never readable by more than `mode` says; makes its folder, 0700.

    Raises `ConfigError` if there is a file of that name, or it cannot be written; then nothing is left of it.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        there = Path(error.filename)
        what = "is there already, and is not overwritten" if there == path else "is not a folder"
        raise ConfigError(f"{there}: {what}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    _fill(descriptor, path, text, mode, path)


def replace_file(path: Path, text: str, mode: int) -> None:
    """Writes a file anew: whoever reads it sees all of the old text or all of the new, after a crash too.

    The file keeps its owner. Raises `ConfigError` if that cannot be, and leaves the old file.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    _fill(descriptor, Path(name), text, mode, target)


def _fill(descriptor: int, made: Path, text: str, mode: int, target: Path) -> None:
    """Writes the new file `made` down to the disk and renames it `target`, or takes it away again."""
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # whatever the umask has taken away from the owner
            if made != target:
                keep_owner(descriptor, target)
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        if made != target:
            made.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            made.unlink()
        if isinstance(error, OSError):
            raise ConfigError(f"{target}: cannot be written: {error.strerror}") from None
        raise


def keep_owner(descriptor: int, target: Path) -> None:
    """Gives a new file to the owner of `target`, if that is there: an edit by root must not lock it out.

    Raises OSError for users who may not.
    """
    with contextlib.suppress(FileNotFoundError):
        owner = target.stat()
        if owner.st_uid != os.fstat(descriptor).st_uid:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
