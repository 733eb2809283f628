"""What the marks of a picture mean, and what its numbered lines stand for."""

from __future__ import annotations

from typing import Final

from netsiege.scenarios.drawing.cards import (
    CARD_EDGE,
    DATA,
    INK,
    MUTED,
    PRIVATE,
    PUBLIC,
    ROUTER,
    START,
    TAG_PT,
    Tag,
    paint_service_mark,
    paint_tags,
    rule_colour,
)
from netsiege.scenarios.drawing.rules import Bundle
from netsiege.scenarios.drawing.scene import CARDS, CELLS, Scene
from netsiege.scenarios.drawing.shapes import Box, Line, Measure, Picture, Polygon, Text, wrapped

_PT: Final = 8.0
_LINE: Final = 16.0
_SAMPLE: Final = 30.0


def paint_legend(picture: Picture, scene: Scene, x: float, y: float, measure: Measure) -> float:
    """From there to the right edge. Returns where it ends."""
    right = picture.width - x
    picture.add(Line(x, y - 8, right, y - 8, CARD_EDGE, 0.6, halo=False))
    left, y = x, y + 6
    for kind, text in _entries(scene):
        width = _SAMPLE + measure(text, _PT) + 18
        if x + width > right and x > left:
            x, y = left, y + _LINE
        _paint_sample(picture, kind, x, y, measure)
        picture.add(Text(x + _SAMPLE, y + 3, text, _PT))
        x += width
    y += 6
    for line in wrapped(_policy(scene), _PT, right - left, measure):
        y += _LINE - 3
        picture.add(Text(left, y + 3, line, _PT, MUTED))
    for bundle in scene.bundles or ():
        y = _paint_bundle(picture, bundle, left, y + _LINE, right, measure)
    return y + 4


def _entries(scene: Scene) -> list[tuple[str, str]]:
    """(sample, meaning), for the kinds of networks, hosts and lines in this picture."""
    modes = {net.mode for net in scene.nets if net.members}
    kinds = {link.kind for link in scene.links}
    entries = [("private", "private network")] if any(net.is_private for net in scene.nets) else []
    entries += [("public", "public network")] if any(not net.is_private for net in scene.nets) else []
    if CARDS in modes:
        entries += [
            ("start", "start host (x2: drawn twice as often)"),
            ("service", "service"),
            ("local", "local service, seen only from its host"),
            ("data", "data: owner/id"),
        ]
    if CELLS in modes:
        entries += [] if CARDS in modes else [("start-cell", "start host")]
        entries.append(("data-cell", "host with data"))
    entries += [("router", "router and its networks")] if "router" in kinds else []
    entries += [("open", "always open, one way")] if "open" in kinds else []
    if "rule" in kinds:
        entries.append(("rule", "firewall rule, by number"))
        entries += [("tags", "1→ source, →1 target of rule 1")] if CARDS in modes else []
    return entries


def _paint_sample(picture: Picture, kind: str, x: float, y: float, measure: Measure) -> None:
    """Its middle is at that height."""
    if kind in ("private", "public"):
        fill, edge = PRIVATE if kind == "private" else PUBLIC
        picture.add(Box(x, y - 5.5, 24, 11, fill, edge, 1.2, 3, kind == "public"))
    elif kind in ("service", "local"):
        paint_service_mark(picture, x + 12, y + 3, kind == "local")
    elif kind == "data":
        picture.add(Box(x + 4, y - 5, 20, 10, *DATA, 0.7, 2))
    elif kind == "router":
        picture.add(Line(x, y, x + 24, y, ROUTER[1], 2.6, halo=False))
    elif kind == "tags":
        paint_tags(picture, [Tag("1→", "#ffffff", rule_colour(1))], x + 4, y - 5.5, measure)
    elif kind in ("open", "rule"):
        colour = MUTED if kind == "open" else rule_colour(1)
        picture.add(Line(x, y, x + 18, y, colour, 1.4, kind == "open", halo=False))
        picture.add(Polygon(((x + 25, y), (x + 17, y - 4), (x + 17, y + 4)), colour))
    else:
        picture.add(Box(x + 2, y - 6, 22, 12, "#ffffff", CARD_EDGE, 0.7))
        if kind == "data-cell":
            picture.add(Box(x + 15, y - 3, 6, 6, *DATA, 0.8))
        else:
            picture.add(Box(x + 2, y - 6, 4, 12, START[1]))


def _policy(scene: Scene) -> str:
    """What passes without a rule, and, if rules are not drawn, how many there are."""
    text = (
        "With the firewall in use, hosts of a private network reach one another and every public network, "
        "and public hosts reach nobody."
    )
    if scene.bundles is None:
        return f"{text} {len(scene.topology.rules):,} rules add to this: too many to draw."
    if not scene.bundles:
        return f"{text} No rules add to this."
    inexact = any(not bundle.exact for bundle in scene.bundles)
    return f"{text} Rules add to this{', here gathered by networks' if inexact else ''}:"


def _paint_bundle(
    picture: Picture, bundle: Bundle, x: float, y: float, right: float, measure: Measure
) -> float:
    tag = Tag(str(bundle.number), "#ffffff", rule_colour(bundle.number))
    paint_tags(picture, [tag], x, y - 5.5, measure)
    text = f"{bundle.source.label or 'nobody'} → {bundle.target.label or 'nobody'}"
    if not bundle.exact:
        text += f" ({bundle.rules:,} rule{'' if bundle.rules == 1 else 's'})"
    indent = x + max(22, measure(tag.text, TAG_PT, True) + 14)
    for i, line in enumerate(wrapped(text, _PT, right - indent, measure)):
        y += (_LINE - 4) if i else 0
        picture.add(Text(indent, y + 3, line, _PT, INK))
    return y
