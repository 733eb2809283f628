"""Many games of one spec, stepped in lockstep over arrays: training at millions of steps per second.

`Batch` is all of it for others. It plays the ruleset `netsecgame` with one attacker a game, by the same
rules, seeds and draws as `netsiege.engine.game`: the same actions give the same states, rewards and ends.

How the two engines are kept the same. What a scenario and a task mean is compiled once, into `Tables`;
`terrain` only lays those out as arrays. Action codes, the action table's order, the detector's numbers and
the names of the random streams come from the modules that the single-game engine plays by; what the detector
suspects is tabulated by asking that very detector. The six rules and the draws are written anew, for a
compiler, and checked move by move against the others on every bundled scenario by the tests.

Needs numba (the extra `[rl]`): without it, asking for one of its names raises `ConfigError`, and the modules
beside cannot be imported; `is_available` says so beforehand.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from netsiege.errors import ConfigError

if TYPE_CHECKING:
    from netsiege.engine.batch.batch import Batch as Batch
    from netsiege.engine.batch.batch import End as End
    from netsiege.engine.batch.batch import Moved as Moved
    from netsiege.engine.batch.batch import Totals as Totals
    from netsiege.engine.batch.observe import Seen as Seen

__all__ = ["Batch", "End", "Moved", "Seen", "Totals", "is_available"]


def is_available() -> bool:
    """Whether numba is there."""
    return find_spec("numba") is not None


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not is_available():
        raise ConfigError("the batched engine needs numba: pip install 'netsiege[rl]'")
    from netsiege.engine.batch import batch  # noqa: PLC0415  # everything there needs numba

    return getattr(batch, name)
