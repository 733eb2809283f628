"""What this engine is: a digest of the code that decides how a match goes.

Matches move between workers of equal digests only, since only those are sure to replay them to the byte.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DECIDING: Final = ("netsiege.engine", "netsiege.game", "netsiege.protocol", "netsiege.scenarios.model")
"""Packages and modules whose source is the engine's."""
BYSTANDERS: Final = (
    "bench",
    "doctor",
    "export",
    "narrate",
    "parity",
    "playback",
    "recorder",
    "replay",
    "selfplay",
    "synthetic",
    "words",
)
"""How the names of modules begin that decide nothing."""


def engine_digest(names: Sequence[str] = DECIDING) -> bytes:
    """SHA-256 over the names and bytes of the source files, in the order of their names."""
    digest = hashlib.sha256()
    for name in names:
        for file in _sources(name):
            digest.update(f"{name}/{file.name}\0{file.stat().st_size}\0".encode())
            digest.update(file.read_bytes())
    return digest.digest()


def _sources(name: str) -> list[Path]:
    found = importlib.import_module(name).__file__
    assert found is not None, f"{name} has no source file"
    file = Path(found)
    if file.name != "__init__.py":
        return [file]
    return sorted(f for f in file.parent.glob("*.py") if not f.name.startswith(BYSTANDERS))
