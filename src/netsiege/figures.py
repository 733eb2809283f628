"""What the benchmarks say: figures over rounds, each beside what it is compared with in the same rounds.

Every figure is the median over rounds. `spread` is the distance from the lowest to the highest round, as a
share of the median. A `ratio` is the median of the rounds' own ratios to the `baseline`: 2.0 is twice as
good, whether more is better or less.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import Factory, define, field


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
    """One a round; NaN for a round in which it was not measured."""
    note: str = ""
    """What limits the figure, if something does that it is not about."""
    ratio: float | None = field(default=None, kw_only=True)
    """What the ratio is to be at least: where it is less, the note says so."""
    limit: float | None = field(default=None, kw_only=True)
    """What the value is to be at most."""

    def figure(self, rows: dict[str, Row]) -> dict[str, Any]:
        """The row as `figures_of` gives it, with its ratio to one of `rows`."""
        known = [value for value in self.values if not math.isnan(value)]
        value = statistics.median(known)
        other = rows.get(self.baseline or "")
        ratio = None if other is None else self._ratio(other)
        figure = {
            "name": self.name,
            "value": value,
            "unit": self.unit,
            "spread": (max(known) - min(known)) / value if value else 0.0,
            "baseline": None if other is None or ratio is None else other.name,
            "ratio": ratio,
        }
        notes = [self.note] if self.note else []
        if self.limit is not None and value > self.limit:
            notes.append(f"above the target of {self.limit:g} {self.unit}")
        if self.ratio is not None and ratio is not None and ratio < self.ratio:
            notes.append(f"below the target of {self.ratio:g} times {figure['baseline']}")
        return figure | {"note": "; ".join(notes)} if notes else figure

    def _ratio(self, other: Row) -> float | None:
        """The median of the rounds' own, of those in which both were measured; None if there is none."""
        if not other.values:
            return None
        pairs = [
            (b / a, a / b)[self.is_rate]
            for a, b in zip(self.values, other.values, strict=True)
            if a and b and not math.isnan(a + b)
        ]
        return statistics.median(pairs) if pairs else None


def figures_of(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Each row that has been measured as `{"name", "value", "unit", "spread", "baseline", "ratio"}`.

    `baseline` and `ratio` are None where nothing is compared. A figure that is limited by something else
    has a `"note"` that says so.
    """
    by_name = {row.name: row for row in rows}
    return [row.figure(by_name) for row in by_name.values() if not all(map(math.isnan, row.values))]


def format_table(figures: Sequence[dict[str, Any]]) -> str:
    """Figures as a plain text table. Ends without a newline."""
    lines = [("FIGURE", "MEDIAN", "UNIT", "SPREAD", "RATIO", "TO"), *map(_cells, figures)]
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


def format_markdown(figures: Sequence[dict[str, Any]]) -> str:
    """Figures as a table in Markdown, with their notes below it. Ends without a newline."""
    lines = [
        "| figure | median | unit | spread | ratio | to |",
        "| --- | --: | --- | --: | --: | --- |",
        *(
            "|".join(["", *(f" {cell} " if cell else " " for cell in _cells(figure)), ""])
            for figure in figures
        ),
    ]
    notes = [f"- {figure['name']}: {figure['note']}" for figure in figures if "note" in figure]
    return "\n".join([*lines, "", *notes]).rstrip()


def _cells(figure: dict[str, Any]) -> tuple[str, ...]:
    value, ratio = figure["value"], figure["ratio"]
    return (
        figure["name"],
        f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}",
        figure["unit"],
        f"{figure['spread']:.0%}",
        "" if ratio is None else f"{ratio:.3g}x",
        figure["baseline"] or "",
    )
