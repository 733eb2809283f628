"""What a cup's page is put together from: words of strangers made harmless, numbers, drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import log
from typing import Final

from netsiege.hub.tournament.results import Curve
from netsiege.hub.tournament.student import Estimate
from netsiege.shown import LINE_CHARS, shown

MINUS: Final = "\N{MINUS SIGN}"
DASH: Final = "\N{EN DASH}"
_WIDTH: Final = 240
_HEIGHT: Final = 84
_LEFT: Final = 38
_BOTTOM: Final = 14
_PLOT_EDGE: Final = 4.0
"""In percent: where the scale of a ranking's plot begins and ends."""


def text_html(text: str) -> str:
    """Anybody's text as text."""
    return escape(shown(text, LINE_CHARS))


def name_html(name: str) -> str:
    """A name, which may be written from right to left, on its own."""
    return f"<bdi>{escape(shown(name))}</bdi>"


def signed(value: float) -> str:
    """A rating, with its sign."""
    rounded = round(value)
    return f"+{rounded}" if rounded > 0 else f"{MINUS}{-rounded}" if rounded < 0 else "0"


def percent(share: float) -> str:
    """A share in percent; only what is certain is 0 or 100."""
    whole = round(100 * share)
    if whole == 100 and share < 1:
        whole = 99
    return f"{1 if whole == 0 and share > 0 else whole}"


def interval_html(figure: Estimate, form: str = "") -> str:
    """An interval: of a rating, or of numbers of that form."""
    if figure.low is None or figure.high is None:
        return '<span class="none">too few seeds</span>'
    low, high = (signed(end) if not form else number(end, form) for end in (figure.low, figure.high))
    return f'<span class="soft">[{low}, {high}]</span>'


def number(value: float, form: str) -> str:
    """A number with a real minus, and none before zero."""
    text = f"{value:{form}}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def scale_of(figures: Sequence[Estimate]) -> tuple[float, float]:
    """From where to where a plot goes: all intervals, and zero."""
    ends = [0.0, *(end for each in figures for end in (each.value, each.low, each.high) if end is not None)]
    low, high = min(ends), max(ends)
    return (low, high) if high - low >= 1.0 else (low - 50.0, high + 50.0)


def error_bar(figure: Estimate, low: float, high: float) -> str:
    """An error bar, in percent of the width that the table gives it."""

    def at(value: float) -> str:
        share = (value - low) / (high - low)
        return f"{_PLOT_EDGE + (100 - 2 * _PLOT_EDGE) * share:.1f}%"

    zero, dot = at(0.0), at(figure.value)
    bar = ""
    if figure.low is not None and figure.high is not None:
        bar = f'<line class=i x1="{at(figure.low)}" x2="{at(figure.high)}" y1=11 y2=11 />'
    return (
        f'<svg aria-hidden=true><line class=z x1="{zero}" x2="{zero}" y1=0 y2=22 />{bar}'
        f'<circle class=d cx="{dot}" cy=11 r=5 /></svg>'
    )


def curve_scale(curves: Iterable[Curve]) -> tuple[float, float]:
    """One scale for all of a role: what the last intervals need and as much again, so that a wild beginning
    does not flatten the rest.
    """
    told = [curve.points for curve in curves]
    low, high = scale_of([points[-1][1] for points in told])
    lowest, highest = scale_of([figure for points in told for _, figure in points])
    room = (high - low) / 2
    return max(low - room, lowest), min(high + room, highest)


def curve_html(curve: Curve, low: float, high: float) -> str:
    """A rating over games as a line in a band, on a scale from `low` to `high`."""
    first, last = (max(curve.points[i][0], 1) for i in (0, -1))
    spread = log(last / first) or 1.0

    def x(games: int) -> str:
        return f"{_LEFT + (_WIDTH - _LEFT - 4) * log(max(games, 1) / first) / spread:.0f}"

    def y(value: float) -> str:
        share = (min(max(value, low), high) - low) / (high - low)
        return f"{4 + (_HEIGHT - _BOTTOM - 4) * (1 - share):.1f}"

    line = " ".join(f"{x(games)},{y(figure.value)}" for games, figure in curve.points)
    known = [(n, f.low, f.high) for n, f in curve.points if f.low is not None and f.high is not None]
    band = [f"{x(n)},{y(top)}" for n, _, top in known] + [f"{x(n)},{y(end)}" for n, end, _ in reversed(known)]
    final = curve.points[-1][1]
    right, floor = _WIDTH - 4, _HEIGHT - 3
    return (
        f"<figure><figcaption><b>{name_html(curve.entrant)}</b>"
        f"<span>{signed(final.value)} {interval_html(final)}</span></figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role=img aria-label="rating over games">'
        f'<polygon class=band points="{" ".join(band)}" />'
        f"<line class=z x1={_LEFT} x2={right} y1={y(0.0)} y2={y(0.0)} />"
        f'<polyline points="{line}" />'
        f"<text x={_LEFT - 4} y=11 text-anchor=end>{signed(high)}</text>"
        f"<text x={_LEFT - 4} y={_HEIGHT - _BOTTOM} text-anchor=end>{signed(low)}</text>"
        f"<text x={_LEFT} y={floor}>{first:,}</text>"
        f"<text x={right} y={floor} text-anchor=end>{last:,} games</text></svg></figure>"
    )
