"""The engine's and the hub's constants, made so small that what they are about happens within a few deeds."""

from __future__ import annotations

from types import ModuleType, TracebackType
from typing import Any, Final

from netsiege.engine import host
from netsiege.hub import ledger, pending

_CHANGES: Final[tuple[tuple[ModuleType, str, Any], ...]] = (
    (host, "SNAPSHOT_EVENTS", 5),
    (host, "SNAPSHOT_BYTES_PER_EVENT", 1 << 20),
    (ledger, "FILE_AFTER_TURNS", 10),
    (ledger, "FILE_AT_ONCE", 2),
    (pending, "MAX_HEAVY_BYTES", 2_500),
)
for _module, _name, _ in _CHANGES:
    assert hasattr(_module, _name), f"{_module.__name__} has no {_name} any more"


class SmallConstants:
    """Within it, they are. Entered for each input: it costs a microsecond."""

    def __enter__(self) -> None:
        self._before = [(module, name, getattr(module, name)) for module, name, _ in _CHANGES]
        for module, name, value in _CHANGES:
            setattr(module, name, value)

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for module, name, value in self._before:
            setattr(module, name, value)
