"""The least that ratios may be: `netsiege bench all --quick --floor FILE`, and `--record FILE` to write one.

The file is JSON: of each figure that is guarded its `baseline` and its recorded `ratio`, and of those that
are not, why. A figure falls when its ratio is more than `MARGIN` below the recorded one. Ratios that swing
more than that from run to run guard nothing: they would fail by chance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.files import replace_file
from netsiege.protocol.declare import quoted

MARGIN: Final = 0.15
MAX_BYTES: Final = 1 << 20
ABOUT: Final = (
    "Ratios of `netsiege bench all --quick`: it fails with --floor if one is more than 15% below. "
    "Written by --record, which keeps the names under `guarded` and puts the least ratios of its runs there."
)


@frozen
class Guard:
    """A ratio that is to be reached, but for `MARGIN`."""

    name: str
    baseline: str
    ratio: float

    @property
    def least(self) -> float:
        """What the ratio may be at least."""
        return self.ratio * (1 - MARGIN)


@frozen
class Floor:
    """What a file says."""

    guards: tuple[Guard, ...]
    unguarded: Mapping[str, str]
    """Figures that are not guarded, and why."""


def read_floor(path: Path) -> Floor:
    """Raises `ConfigError` that names all that is wrong."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: is larger than {MAX_BYTES} bytes: that is no such file")
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is no JSON: {error}") from None
    if type(found) is not dict or set(found) != {"about", "guarded", "unguarded"}:
        raise ConfigError(f"{path}: needs `about`, `guarded` and `unguarded`, and nothing else")
    guarded, unguarded = found["guarded"], found["unguarded"]
    if type(guarded) is not dict or not guarded:
        raise ConfigError(f"{path}: guarded: names no figure")
    if type(unguarded) is not dict or not all(type(why) is str for why in unguarded.values()):
        raise ConfigError(f"{path}: unguarded: write the name of a figure, and why it is not guarded")
    problems: list[str] = []
    guards = [_guard(f"{path}: guarded.{name}", name, said, problems) for name, said in guarded.items()]
    if problems:
        raise ConfigError(problems)
    return Floor(tuple(guard for guard in guards if guard is not None), unguarded)


def _guard(where: str, name: str, said: object, problems: list[str]) -> Guard | None:
    if not isinstance(said, dict) or set(said) != {"baseline", "ratio"}:
        problems.append(f"{where}: needs `baseline` and `ratio`, and nothing else")
        return None
    baseline, ratio = said["baseline"], said["ratio"]
    if type(ratio) not in (int, float) or not 0 < ratio < math.inf:
        problems.append(f"{where}.ratio: {quoted(ratio)} is no number above 0")
    elif type(baseline) is not str:
        problems.append(f"{where}.baseline: {quoted(baseline)} is no name of a figure")
    else:
        return Guard(name, baseline, float(ratio))
    return None


@frozen
class Fallen:
    """A guarded figure that has fallen, or that was not measured, and a line that says so."""

    name: str
    line: str


def fallen(floor: Floor, figures: Sequence[Mapping[str, Any]]) -> list[Fallen]:
    """What has fallen; nothing: all is well."""
    by_name = {figure["name"]: figure for figure in figures}
    found = []
    for guard in floor.guards:
        figure = by_name.get(guard.name)
        if figure is None or figure["ratio"] is None:
            said = f"was not measured; its floor is {guard.least:.3g}"
        elif figure["baseline"] != guard.baseline:
            said = f"was measured beside {figure['baseline']}, and its floor is one beside {guard.baseline}"
        elif figure["ratio"] < guard.least:
            said = (
                f"has fallen to {figure['ratio']:.3g} times {guard.baseline}; the floor is "
                f"{guard.least:.3g}, 15% below the recorded {guard.ratio:.3g}"
            )
        else:
            continue
        found.append(Fallen(guard.name, f"{guard.name}: {said}"))
    return found


def record(path: Path, floor: Floor, runs: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Writes the least ratios of some runs into the file; returns the names of figures that none measured.

    These keep what was recorded. Raises `ConfigError` if the file cannot be written.
    """
    guarded, missing = {}, []
    for guard in floor.guards:
        found = [each for run in runs for each in run if each["name"] == guard.name and each["ratio"]]
        if found:
            least = min(found, key=lambda each: float(each["ratio"]))
            ratio = float(f"{least['ratio']:.3g}")
            guarded[guard.name] = {"baseline": least["baseline"], "ratio": ratio}
        else:
            missing.append(guard.name)
            guarded[guard.name] = {"baseline": guard.baseline, "ratio": guard.ratio}
    said = {"about": ABOUT, "guarded": guarded, "unguarded": dict(floor.unguarded)}
    replace_file(path, json.dumps(said, indent=2) + "\n", path.stat().st_mode & 0o777)
    return missing
