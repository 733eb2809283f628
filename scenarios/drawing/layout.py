"""Where everything is in a picture of a topology.

Networks stand in rows. Between the first and the second row, the third and the fourth, and so on, runs a
channel: every router and every bundle of firewall rules has a horizontal line of its own in it, with a tap to
each network that it concerns. Lines never cross a network, and thus no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import Factory, define, frozen

from netsiege.scenarios.drawing.cards import (
    HEAD_HEIGHT,
    HEAD_PT,
    INK,
    MUTED,
    PAD,
    PRIVATE,
    PUBLIC,
    ROUTER,
    ROW_PT,
    Block,
    block_of,
    paint_block,
    paint_tags,
    rule_colour,
    rule_tags,
    tags_width,
)
from netsiege.scenarios.drawing.legend import paint_legend
from netsiege.scenarios.drawing.scene import Link, Net, Scene
from netsiege.scenarios.drawing.shapes import Box, Dot, Line, Measure, Picture, Polygon, Text, fitted, wrapped

MARGIN: Final = 18.0
_BETWEEN: Final = 20.0
_TRACK: Final = 18.0
_CLEAR: Final = 14.0
"""Between a network and the nearest line of its channel."""
_SLOT: Final = 16.0
_STRIP: Final = 14.0
"""The edge of a network where the taps end, with their names."""
_PORT_PT: Final = 7.0
_LANE: Final = 9.0
_LABEL_PT: Final = 8.0
_MAX_LABEL: Final = 130.0
_MIN_WIDTH: Final = 620.0
_ASPECT: Final = 1.5


@define
class _Frame:
    """A network's box. `is_above`: it stands above its channel, its taps leave at the bottom."""

    end: int
    """The index of its network."""
    block: Block
    taps: list[tuple[int, bool]]
    """(index of the link, whether it has an arrow head)"""
    slots: list[float]
    width: float
    height: float
    x: float = 0
    y: float = 0
    row: int = 0

    @property
    def is_above(self) -> bool:
        return self.row % 2 == 0

    @property
    def edge(self) -> float:
        """The y of the edge where the taps are."""
        return self.y + self.height if self.is_above else self.y

    def tap_xs(self) -> Iterator[float]:
        """One for each tap. Those from above and from below a channel never share one."""
        left = self.x + (self.width - sum(self.slots)) / 2
        phase = 0.0 if self.is_above else _SLOT / 2
        first = math.ceil((left - phase) / _SLOT) * _SLOT + phase
        for slot in self.slots:
            yield first + (slot - _SLOT) / 2
            first += slot


@frozen
class _Grid:
    """The rows, and the size of all of them."""

    rows: Sequence[Sequence[_Frame]]
    width: float
    height: float


@define
class _Channel:
    """The lines between two rows: link -> y."""

    tracks: dict[int, float] = Factory(dict)
    right: dict[int, float] = Factory(dict)
    """Link -> how far to the right it goes."""


def lay_out(scene: Scene, measure: Measure) -> Picture:
    """The whole picture."""
    frames = _frames(scene, measure)
    label = max((_label_width(link, measure) for link in scene.links), default=0)
    grid = _best_grid(frames, len(scene.links))
    spread = _spread(grid)
    lanes = {
        index: rank for rank, index in enumerate(i for i, channels in spread.items() if len(channels) > 1)
    }
    left = MARGIN + (label + 12 + _LANE * len(lanes) + 8 if spread else 0)
    picture = Picture(width=max(left + grid.width + MARGIN, _MIN_WIDTH))
    y = _paint_title(picture, scene, measure)
    channels, y = _place(grid, spread, left, y)
    _paint_links(picture, scene, grid, channels, lanes, MARGIN + label, measure)
    for frame in (frame for row in grid.rows for frame in row):
        _paint_frame(picture, frame, scene.links, measure)
    picture.height = paint_legend(picture, scene, MARGIN, y + _BETWEEN, measure) + MARGIN
    return picture


def _frames(scene: Scene, measure: Measure) -> list[_Frame]:
    taps: list[list[tuple[int, bool]]] = [[] for _ in scene.nets]
    for index, link in enumerate(scene.links):
        for end, has_head in link.ends:
            taps[end].append((index, has_head))
    frames = []
    for i, net in enumerate(scene.nets):
        block = block_of(net, measure)
        slots = [_slot(scene.links[index], i, measure) for index, _ in taps[i]]
        inside = max(block.width, _head_width(net, measure), sum(slots) + _SLOT)
        height = HEAD_HEIGHT + block.height + PAD + (_STRIP if slots else 0)
        frames.append(_Frame(i, block, taps[i], slots, inside + 2 * PAD, height))
    return frames


def _slot(link: Link, end: int, measure: Measure) -> float:
    # an odd multiple, so that its middle stays on the grid of taps
    wanted = measure(_port(link, end), _PORT_PT) + 3
    return _SLOT * (2 * max(0, math.ceil((wanted / _SLOT - 1) / 2)) + 1)


def _port(link: Link, end: int) -> str:
    """What stands where the tap of a link meets that network."""
    if link.kind == "rule":
        return str(link.number)
    return link.ports.get(end, "")


def _best_grid(frames: Sequence[_Frame], links: int) -> _Grid:
    """Rows of about the same width, in the order given, so that the whole is a pleasant rectangle."""
    wanted = max(frame.width for frame in frames)
    longest = sum(frame.width + _BETWEEN for frame in frames)
    grids = []
    while True:
        grids.append(_grid(frames, wanted, links))
        if wanted > longest:
            break
        wanted *= 1.12
    return min(grids, key=lambda grid: abs(math.log(grid.width / grid.height / _ASPECT)))


def _grid(frames: Sequence[_Frame], wanted: float, links: int) -> _Grid:
    rows: list[list[_Frame]] = []
    used = math.inf
    for frame in frames:
        if used + frame.width > wanted:
            rows.append([])
            used = 0
        rows[-1].append(frame)
        used += frame.width + _BETWEEN
    width = max(sum(frame.width + _BETWEEN for frame in row) - _BETWEEN for row in rows)
    channels = (len(rows) + 1) // 2
    height = sum(max(frame.height for frame in row) + _BETWEEN for row in rows)
    return _Grid(rows, width, height + channels * (links * _TRACK + 2 * _CLEAR))


def _spread(grid: _Grid) -> dict[int, list[int]]:
    """Link -> the channels that it is in, for links that are in any; in the order of the links."""
    found: dict[int, list[int]] = {}
    for number, row in enumerate(grid.rows):
        for frame in row:
            frame.row = number
            for index, _ in frame.taps:
                channels = found.setdefault(index, [])
                if number // 2 not in channels:
                    channels.append(number // 2)
    return dict(sorted(found.items()))


def _place(grid: _Grid, spread: dict[int, list[int]], left: float, y: float) -> tuple[list[_Channel], float]:
    """Gives every frame its place; also the channels, and where the last row ends."""
    channels: list[_Channel] = []
    for number, row in enumerate(grid.rows):
        tallest = max(frame.height for frame in row)
        x = left
        for frame in row:
            # next to the channel, so that taps are short
            frame.x, frame.y = x, y + (tallest - frame.height if number % 2 == 0 else 0)
            x += frame.width + _BETWEEN
        y += tallest
        if number % 2 == 0:
            channel = _Channel()
            channels.append(channel)
            here = [index for index, places in spread.items() if number // 2 in places]
            y += _CLEAR
            for index in here:
                channel.tracks[index] = y + _TRACK / 2
                y += _TRACK
            y += _CLEAR if here or number + 1 < len(grid.rows) else 0
        elif number + 1 < len(grid.rows):
            y += _BETWEEN
    for frame in (frame for row in grid.rows for frame in row):
        right = channels[frame.row // 2].right
        for (index, _), tap in zip(frame.taps, frame.tap_xs(), strict=True):
            right[index] = max(tap, right.get(index, 0))
    return channels, y


def _look(link: Link) -> tuple[str, float, bool]:
    """Colour, width, and whether it is dashed."""
    if link.kind == "router":
        return ROUTER[1], 2.6, False
    if link.kind == "open":
        return MUTED, 1.2, True
    return rule_colour(link.number), 1.5, False


def _paint_links(
    picture: Picture,
    scene: Scene,
    grid: _Grid,
    channels: Sequence[_Channel],
    lanes: dict[int, int],
    label_end: float,
    measure: Measure,
) -> None:
    for channel in channels:
        for index, y in channel.tracks.items():
            colour, width, dashed = _look(scene.links[index])
            picture.add(Line(label_end, y, channel.right[index], y, colour, width, dashed))
            _paint_label(picture, scene.links[index], label_end, y, measure)
    for index, rank in lanes.items():
        colour, width, dashed = _look(scene.links[index])
        x = label_end + 12 + rank * _LANE
        ys = [channel.tracks[index] for channel in channels if index in channel.tracks]
        picture.add(Line(x, ys[0], x, ys[-1], colour, width, dashed))
        picture.add(*(Dot(x, y, 2.4, colour) for y in ys))
    for frame in (frame for row in grid.rows for frame in row):
        tracks = channels[frame.row // 2].tracks
        for (index, has_head), x in zip(frame.taps, frame.tap_xs(), strict=True):
            _paint_tap(picture, scene.links[index], x, frame.edge, tracks[index], has_head)


def _paint_tap(picture: Picture, link: Link, x: float, edge: float, track: float, has_head: bool) -> None:
    colour, width, dashed = _look(link)
    away = 1 if track > edge else -1
    start = edge + away * 6 if has_head else edge
    picture.add(Line(x, start, x, track, colour, width, dashed), Dot(x, track, 2.6, colour))
    if has_head:
        base = edge + away * 8
        picture.add(Polygon(((x, edge), (x - 4, base), (x + 4, base)), colour))


def _label_width(link: Link, measure: Measure) -> float:
    return min(measure(_label(link), _LABEL_PT, True), _MAX_LABEL) + 14


def _label(link: Link) -> str:
    return f"rule {link.number}" if link.kind == "rule" else link.label


def _paint_label(picture: Picture, link: Link, right: float, y: float, measure: Measure) -> None:
    colour = _look(link)[0]
    width = _label_width(link, measure)
    fill = ROUTER[0] if link.kind == "router" else "#ffffff"
    box = Box(right - width, y - 7.5, width, 15, fill, colour, 1.2, 2 if link.kind == "router" else 7)
    text = fitted(_label(link), _LABEL_PT, _MAX_LABEL, measure, bold=True)
    picture.add(box, Text(right - width / 2, y + 3, text, _LABEL_PT, INK, bold=True, align="center"))


def _head_texts(net: Net) -> tuple[str, str]:
    count = sum(not member.host.is_router for member in net.members)
    kind = "private" if net.is_private else "public"
    return net.cidr, f"{kind}, {count:,} host{'' if count == 1 else 's'}"


def _head_width(net: Net, measure: Measure) -> float:
    cidr, kind = _head_texts(net)
    tags = tags_width(rule_tags(net.leaves, net.arrives), measure)
    return measure(cidr, HEAD_PT, True) + 8 + measure(kind, ROW_PT) + 10 + tags


def _paint_frame(picture: Picture, frame: _Frame, links: Sequence[Link], measure: Measure) -> None:
    net = frame.block.net
    fill, edge = PRIVATE if net.is_private else PUBLIC
    picture.add(Box(frame.x, frame.y, frame.width, frame.height, fill, edge, 1.4, 6, not net.is_private))
    strip = _STRIP if frame.taps else 0
    top = frame.y if frame.is_above else frame.y + strip
    cidr, kind = _head_texts(net)
    x, base = frame.x + PAD, top + 15
    picture.add(Text(x, base, cidr, HEAD_PT, INK, bold=True))
    x += measure(cidr, HEAD_PT, True) + 8
    picture.add(Text(x, base, kind, ROW_PT, MUTED))
    paint_tags(picture, rule_tags(net.leaves, net.arrives), x + measure(kind, ROW_PT) + 10, base - 9, measure)
    paint_block(picture, frame.block, frame.x + PAD, top + HEAD_HEIGHT, frame.width - 2 * PAD, measure)
    base = frame.y + frame.height - 3.5 if frame.is_above else frame.y + 10
    for (index, _), at in zip(frame.taps, frame.tap_xs(), strict=True):
        port = _port(links[index], frame.end)
        if port:
            picture.add(Text(at, base, port, _PORT_PT, INK, align="center"))


def _paint_title(picture: Picture, scene: Scene, measure: Measure) -> float:
    room = picture.width - 2 * MARGIN
    y = MARGIN + 14
    picture.add(
        Text(MARGIN, y, fitted(scene.topology.name, 15, room, measure, bold=True), 15, INK, bold=True)
    )
    if scene.topology.description:
        for line in wrapped(scene.topology.description, 9, room, measure):
            y += 14
            picture.add(Text(MARGIN, y, line, 9, MUTED))
    return y + 16
