"""Which addresses the game takes for private: those that NetSecGame's address library does."""

from __future__ import annotations

from typing import Final

from netsiege.game.values import Network

PRIVATE_RANGES: Final = tuple(
    (network.first, network.last)
    for network in map(
        Network.from_text,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "239.0.0.0/8",
        ),
    )
)
"""What NetSecGame takes for private. Python's own list differs, and differs between its patch releases."""


def is_private(number: int) -> bool:
    """Whether an address belongs to a range that NetSecGame takes for private."""
    return any(first <= number <= last for first, last in PRIVATE_RANGES)
