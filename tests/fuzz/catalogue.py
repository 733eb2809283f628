"""The targets by name. Importing this imports none of them: `guided` must be there first."""

from __future__ import annotations

from importlib import import_module
from typing import Final, Protocol, cast

from attrs import frozen


class Target(Protocol):
    """What the module of a target offers."""

    MAX_BYTES: int
    """Longer inputs bring nothing new."""

    @staticmethod
    def one_input(data: bytes) -> None:
        """Takes the input; what escapes from it is a mistake in what is looked at."""

    @staticmethod
    def seeds() -> list[bytes]:
        """Inputs to begin with, from real runs."""


@frozen
class Entry:
    """What a target gets of a run over all of them, and of the tests that always run."""

    share: float
    """Of the inputs; all shares together are 1. The slow ones get few."""
    examples: int
    """As many as take about half a second."""
    looks_at: tuple[str, ...] = ("netsiege",)
    """Packages and modules whose coverage guides the search: the others run at their full speed."""


_SESSION: Final = ("netsiege.session", "netsiege.book", "netsiege.resume", "netsiege.protocol")
_HUB: Final = ("netsiege.hub", "netsiege.protocol")

TARGETS: Final = {
    "protocol": Entry(0.62, 500),
    "session": Entry(0.12, 300, _SESSION),
    "host": Entry(0.03, 80, ("netsiege.engine", "netsiege.protocol")),
    "broker": Entry(0.015, 30, _HUB),
    "workers": Entry(0.01, 50, _HUB),
    "journal": Entry(0.01, 25, _HUB),
    "keys": Entry(0.14, 200, ("netsiege.hub", "netsiege.keys")),
    "replays": Entry(0.04, 150, ("netsiege.engine", "netsiege.protocol")),
    "scenarios": Entry(0.015, 25, ("netsiege.scenarios", "netsiege.engine")),
}


def load(name: str) -> Target:
    """The target of that name: the module `target_NAME`."""
    return cast(Target, import_module(f"tests.fuzz.target_{name}"))
