"""What the description of a goal names."""

from __future__ import annotations

import re
from typing import Final

from netsiege.game import IP

_ADDRESS: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


def addresses_in(text: str) -> frozenset[IP]:
    """The addresses that a text names."""
    return frozenset(address for found in _ADDRESS.findall(text) if (address := _read(found)) is not None)


def _read(text: str) -> IP | None:
    try:
        return IP(text)
    except ValueError:  # 300.1.1.1
        return None


def names(text: str, name: str) -> bool:
    """Whether a text has a name, and not only as a part of a longer one."""
    return bool(name) and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
