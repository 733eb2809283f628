"""Shapes into the bytes of a file, by matplotlib, which nothing else here imports.

What is `Any` here is what matplotlib's own types say differently from release to release.
"""

from __future__ import annotations

import io
import math
import warnings
from functools import cache
from typing import Any, Final

import matplotlib
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch, Patch, Rectangle
from matplotlib.patches import Polygon as PolygonPatch
from matplotlib.text import Text as TextArtist

from netsiege.scenarios.drawing.shapes import Box, Dot, Line, Picture, Polygon, Shape, Text

_FONT: Final = "DejaVu Sans"
_POINTS_PER_INCH: Final = 72
_PNG_DPI: Final = 160
_MAX_PIXELS: Final = 40_000_000
_MAX_SIDE: Final = 30_000
"""Agg takes fewer than 65,536 pixels a side; programs that show pictures often fewer still."""
_EM_UNITS: Final = 100
_SETTINGS: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": [_FONT],
    "svg.fonttype": "none",
    "svg.hashsalt": "netsiege",
    "path.simplify": False,
}


def measure(text: str, size: float, bold: bool = False) -> float:
    """The width of the text in DejaVu Sans, in points."""
    return sum(_advance(character, bold) for character in text) * size


@cache
def _font(bold: bool) -> Any:
    wanted = font_manager.FontProperties(family=_FONT, weight="bold" if bold else "normal")
    font = font_manager.get_font(font_manager.findfont(wanted))
    font.set_size(_EM_UNITS, _POINTS_PER_INCH)
    return font


@cache
def _advance(character: str, bold: bool) -> float:
    """In ems. What the font lacks is taken to be as wide as high."""
    font = _font(bold)
    if font.get_char_index(ord(character)) == 0:
        return 1.0
    return float(font.load_char(ord(character)).linearHoriAdvance) / 65536 / _EM_UNITS


def rendered(picture: Picture, kind: str, title: str) -> bytes:
    """The picture as a file of that kind, "svg" or "png"."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # a script that the font lacks is shown by the viewer's fonts in SVG, and as boxes in PNG
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        figure = Figure(
            figsize=(picture.width / _POINTS_PER_INCH, picture.height / _POINTS_PER_INCH), facecolor="white"
        )
        FigureCanvasAgg(figure)
        axes: Any = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, picture.width)
        axes.set_ylim(picture.height, 0)
        for order, shape in enumerate(picture.shapes):
            for artist in _artists(shape):
                artist.set_zorder(order + 1)
                artist.set_clip_on(False)
                axes.add_artist(artist)
        file = io.BytesIO()
        if kind == "svg":
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": "NetSiege", "Title": title})
        else:
            figure.savefig(file, format="png", dpi=_dpi(picture), metadata={"Title": title})
        return file.getvalue()


def _dpi(picture: Picture) -> float:
    side = _MAX_SIDE * _POINTS_PER_INCH / max(picture.width, picture.height)
    area = _POINTS_PER_INCH * math.sqrt(_MAX_PIXELS / (picture.width * picture.height))
    return min(_PNG_DPI, side, area)


def _artists(shape: Shape) -> list[Any]:
    if isinstance(shape, Text):
        return [_text(shape)]
    if isinstance(shape, Line):
        return _lines(shape)
    return [_patch(shape)]


def _text(shape: Text) -> TextArtist:
    align: Any = shape.align
    return TextArtist(
        shape.x,
        shape.y,
        shape.text,
        fontsize=shape.size,
        color=shape.colour,
        fontweight="bold" if shape.bold else "normal",
        fontstyle="italic" if shape.italic else "normal",
        horizontalalignment=align,
        verticalalignment="baseline",
        parse_math=False,
    )


def _lines(shape: Line) -> list[Line2D]:
    xs, ys = (shape.x1, shape.x2), (shape.y1, shape.y2)
    style: Any = (0, (4, 2.5)) if shape.dashed else "-"
    line = Line2D(xs, ys, color=shape.colour, linewidth=shape.width, linestyle=style, solid_capstyle="butt")
    if not shape.halo:
        return [line]
    return [Line2D(xs, ys, color="white", linewidth=shape.width + 3, solid_capstyle="butt"), line]


def _patch(shape: Box | Polygon | Dot) -> Patch:
    if isinstance(shape, Dot):
        return Circle((shape.x, shape.y), shape.radius, facecolor=shape.fill, edgecolor="none")
    if isinstance(shape, Polygon):
        return PolygonPatch(shape.points, closed=True, facecolor=shape.fill, edgecolor="none")
    look: dict[str, Any] = {
        "facecolor": shape.fill,
        "edgecolor": shape.edge,
        "linewidth": shape.line if shape.edge != "none" else 0,
        "linestyle": (0, (4, 2)) if shape.dashed else "-",
    }
    corner = (shape.x, shape.y)
    if shape.radius:
        style = f"round,pad=0,rounding_size={shape.radius}"
        return FancyBboxPatch(corner, shape.width, shape.height, boxstyle=style, **look)
    return Rectangle(corner, shape.width, shape.height, **look)
