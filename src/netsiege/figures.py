"""What the benchmarks say: figures over rounds, each beside what it is compared with in the same rounds.

Every figure is the median over rounds. `spread` is the distance from the lowest to the highest round, as a
share of the median. A `ratio` is the median of the rounds' own ratios to the `baseline`: 2.0 is twice as
good, whether more is better or less.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import Factory, define


@define
class Row:
    """One figure, round by round."""

    name: str
    unit: str
    is_rate: bool
    """Whether more is better."""
    baseline: str | None = None
    """The row to compare with."""
    values: list[float] = Factory(list)
    note: str = ""
    """What limits the figure, if something does that it is not about."""

    def figure(self, rows: dict[str, Row]) -> dict[str, Any]:
        """The row as `figures_of` gives it, with its ratio to one of `rows`."""
        value = statistics.median(self.values)
        other = rows.get(self.baseline or "")
        if other is not None and not other.values:
            other = None
        ratio = None
        if other is not None:
            pairs = zip(self.values, other.values, strict=True)
            ratio = statistics.median(a / b if self.is_rate else b / a for a, b in pairs)
        figure = {
            "name": self.name,
            "value": value,
            "unit": self.unit,
            "spread": (max(self.values) - min(self.values)) / value if value else 0.0,
            "baseline": None if other is None else other.name,
            "ratio": ratio,
        }
        return figure | {"note": self.note} if self.note else figure


def figures_of(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Each row that has been measured as `{"name", "value", "unit", "spread", "baseline", "ratio"}`.

    `baseline` and `ratio` are None where nothing is compared. A figure that is limited by something else
    has a `"note"` that says so.
    """
    by_name = {row.name: row for row in rows}
    return [row.figure(by_name) for row in by_name.values() if row.values]


def format_table(figures: Sequence[dict[str, Any]]) -> str:
    """Figures as a plain text table. Ends without a newline."""
    lines = [("FIGURE", "MEDIAN", "UNIT", "SPREAD", "RATIO", "TO")]
    for figure in figures:
        value, ratio = figure["value"], figure["ratio"]
        lines.append(
            (
                figure["name"],
                f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}",
                figure["unit"],
                f"{figure['spread']:.0%}",
                "" if ratio is None else f"{ratio:.3g}x",
                figure["baseline"] or "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        "  ".join(
            cell.rjust(width) if place in (1, 3, 4) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    notes = [f"{figure['name']}: {figure['note']}" for figure in figures if "note" in figure]
    return "\n".join([*table, *notes])
