"""Reads a lock: exact requirements with the hashes of their files, as `deploy/lock/renew` writes them.

Refuses whatever pip's `--require-hashes` would refuse, and a little more: ranges, addresses, options, hashes
other than SHA-256.
"""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from netsiege.errors import ConfigError

LOCKS = Path(__file__).parents[1] / "lock"
HASH = re.compile(r"sha256:[0-9a-f]{64}")


@frozen
class Pin:
    """One version of one package. `marker` says where it is meant to be installed; empty: everywhere."""

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str = ""

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def applies_here(self) -> bool:
        """Whether this interpreter on this system is one that the pin is meant for."""
        return not self.marker or Marker(self.marker).evaluate()


def read_lock(path: Path) -> tuple[Pin, ...]:
    """The pins of a lock, in its order. A package may be pinned twice, to different versions, with markers
    that exclude one another; that they do is not checked.

    Raises `ConfigError` with a line for each requirement that is not exact or not hashed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    pins, problems = [], []
    for line in filter(str.strip, kept.replace("\\\n", " ").splitlines()):
        try:
            pins.append(_pin(line))
        except ValueError as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(pins)


def read_locks(folder: Path = LOCKS) -> dict[str, tuple[Pin, ...]]:
    """All locks of a folder by their names without the ending, sorted. Raises `ConfigError`."""
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise ConfigError(f"{folder}: no lock here")
    return {path.stem: read_lock(path) for path in paths}


def _pin(line: str) -> Pin:
    """Raises `ValueError` for a line that is not an exact requirement with hashes."""
    text, *hashes = (part.strip() for part in line.split("--hash="))
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise ValueError(f"{text!r} is no requirement") from None
    specifiers = list(requirement.specifier)
    if requirement.url or len(specifiers) != 1 or specifiers[0].operator != "==" or "*" in text:
        raise ValueError(f"{text!r} does not name one exact version")
    if not hashes or not all(HASH.fullmatch(item) for item in hashes):
        raise ValueError(f"{text!r} needs SHA-256 hashes, and only those")
    marker = str(requirement.marker) if requirement.marker else ""
    return Pin(canonicalize_name(requirement.name), specifiers[0].version, tuple(hashes), marker)
