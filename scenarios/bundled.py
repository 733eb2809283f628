"""The scenarios and tasks that come with NetSiege: their names, and where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ALIASES: Final = {"scenario1_small": "two_networks_small", "scenario1_tiny": "two_networks_tiny"}
"""Names under which NetSecGame lists a scenario a second time."""

DEFAULT_SCENARIO: Final = "two_networks_tiny"

_DATA: Final = Path(__file__).resolve().parent / "data"


def topology_names() -> tuple[str, ...]:
    """The bundled topologies without aliases, sorted."""
    return _names("topologies")


def task_names() -> tuple[str, ...]:
    """The bundled tasks without aliases, sorted. Every bundled topology has the one of its name."""
    return _names("tasks")


def scenario_names() -> tuple[str, ...]:
    """Every name under which a bundled scenario can be loaded, sorted."""
    return tuple(sorted({*topology_names(), *ALIASES}))


def topology_file(name: str) -> Path | None:
    """The file of a bundled topology or alias; None for any other name."""
    return _file("topologies", name)


def task_file(name: str) -> Path | None:
    """The file of a bundled task or alias; None for any other name."""
    return _file("tasks", name)


def _names(kind: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (_DATA / kind).glob("*.yaml")))


def _file(kind: str, name: str) -> Path | None:
    real = ALIASES.get(name, name)
    return _DATA / kind / f"{real}.yaml" if real in _names(kind) else None
