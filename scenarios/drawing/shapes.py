"""The few shapes that a picture is made of. One unit is a point, 1/72 inch; y grows downwards."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from attrs import Factory, define, frozen


@frozen
class Box:
    """A rectangle, with round corners if `radius` is given."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    edge: str = "none"
    line: float = 0.8
    radius: float = 0
    dashed: bool = False


@frozen
class Line:
    """A straight line in a colour, on a wider white one, so that crossings can be told from joints."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    width: float = 1.4
    dashed: bool = False
    halo: bool = True


@frozen
class Polygon:
    """A filled outline."""

    points: tuple[tuple[float, float], ...]
    fill: str


@frozen
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    fill: str


@frozen
class Text:
    """A line of text; `y` is its base line, `align` is left, center or right."""

    x: float
    y: float
    text: str
    size: float
    colour: str = "#1a1a1a"
    bold: bool = False
    italic: bool = False
    align: str = "left"


Shape: TypeAlias = Box | Line | Polygon | Dot | Text


class Measure(Protocol):
    """The width of a text of that size, in points."""

    def __call__(self, text: str, size: float, bold: bool = False) -> float:
        """See the class."""


@define
class Picture:
    """Shapes in the order in which they are painted, and how large all of it is."""

    width: float = 0
    height: float = 0
    shapes: list[Shape] = Factory(list)

    def add(self, *shapes: Shape) -> None:
        """Paint these on top of what is there."""
        self.shapes += shapes


def clean(text: str) -> str:
    """The text with what has no shape, or may not be in an SVG file, replaced."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def fitted(text: str, size: float, room: float, measure: Measure, bold: bool = False) -> str:
    """The text, cut to that width with an ellipsis if it is longer."""
    text = clean(text)
    if measure(text, size, bold) <= room:
        return text
    while text and measure(text + "…", size, bold) > room:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, size: float, room: float, measure: Measure) -> list[str]:
    """The text in lines of at most that width; a word that is longer alone is cut."""
    lines: list[str] = []
    for word in clean(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measure(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(fitted(word, size, room, measure))
    return lines
