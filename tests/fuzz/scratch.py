"""A folder in memory for the files that targets make: one a process, gone with it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = Path("/dev/shm")


@cache
def folder() -> Path:
    """The folder. A disk would make most of the time that an input takes."""
    where = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="netsiege-fuzz-", dir=where))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
