"""A table of values: what kinds of moves are worth in which situations. Learned, saved, loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from netsiege.errors import ConfigError
from netsiege.files import replace_file

FILE: Final = "model.json"
FORMAT: Final = 1
MAX_BYTES: Final = 64 << 20
Kind = tuple[int | str, ...]
"""What moves that are worth the same have in common."""
Situation = tuple[int, ...]
_Key = tuple[Situation, Kind]


class Table:
    """Values of 0 at first, and how often each was learned."""

    def __init__(self) -> None:
        self._values: dict[_Key, float] = {}
        self._visits: dict[_Key, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    def value(self, situation: Situation, kind: Kind) -> float:
        """What the kind is thought to be worth."""
        return self._values.get((situation, kind), 0.0)

    def best(self, situation: Situation, kinds: Iterable[Kind]) -> list[Kind]:
        """The kinds of the highest value, in their order; several if they are worth the same."""
        found: list[Kind] = []
        most = -float("inf")
        for kind in kinds:
            value = self.value(situation, kind)
            if value > most:
                found, most = [kind], value
            elif value == most:
                found.append(kind)
        return found

    def learn(self, situation: Situation, kind: Kind, target: float, rate: float) -> None:
        """Moves a value a part of the way to `target`: `rate`, and more at its first visits (1, 1/2, …)."""
        key = (situation, kind)
        visits = self._visits[key] = self._visits.get(key, 0) + 1
        old = self._values.get(key, 0.0)
        self._values[key] = old + max(rate, 1.0 / visits) * (target - old)

    def rows(self) -> Iterator[tuple[Situation, Kind, float, int]]:
        """All values, and how often each was learned."""
        for (situation, kind), value in self._values.items():
            yield situation, kind, value, self._visits[situation, kind]

    def put(self, situation: Situation, kind: Kind, value: float, visits: int) -> None:
        """A value that was learned elsewhere, so often."""
        self._values[situation, kind], self._visits[situation, kind] = value, visits

    def save(self, folder: Path, about: dict[str, Any]) -> Path:
        """Writes `model.json` anew, as a whole or not at all. Equal tables give equal files."""
        rows = sorted(
            ([list(s), list(k), self._values[s, k], self._visits[s, k]] for s, k in self._values),
            key=repr,
        )
        path = folder / FILE
        head = json.dumps({"format": FORMAT, **about}, sort_keys=True)[1:-1]
        lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        replace_file(path, f'{{{head}, "table": [\n{lines}\n]}}\n', 0o644)
        return path

    @classmethod
    def load(cls, folder: Path) -> tuple[Table, dict[str, Any]]:
        """What `save` wrote. Raises `ConfigError` that names the file for anything else."""
        path = folder / FILE if folder.is_dir() or not folder.suffix else folder
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ConfigError(f"{path}: a model has at most {MAX_BYTES >> 20} MB")
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["format"] != FORMAT:
                raise ConfigError(f"{path}: a model of format {told['format']!r}, not {FORMAT}")
            table = cls()
            for situation, kind, value, visits in told.pop("table"):
                key = (tuple(map(int, situation)), tuple(map(_part, kind)))
                table._values[key], table._visits[key] = float(value), int(visits)
        except FileNotFoundError:
            raise ConfigError(f"{path}: there is no model: `netsiege train` makes one") from None
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
            raise ConfigError(f"{path}: this is no model of `netsiege train`") from None
        return table, told


def _part(value: object) -> int | str:
    if type(value) not in (int, str):
        raise ValueError
    return value  # type: ignore[return-value]  # one of the two
