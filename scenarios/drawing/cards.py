"""A network with its hosts as a block of a picture: cards if they are few, cells if many, else counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from netsiege.scenarios.drawing.scene import CARDS, CELLS, Member, Net
from netsiege.scenarios.drawing.shapes import Box, Measure, Picture, Text, fitted

# Okabe and Ito's colours, told apart with any kind of colour vision; their tints lie under dark text.
RULE_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#3A9BD9")
INK, MUTED, CARD_EDGE = "#1a1a1a", "#5a5a5a", "#8a8a8a"
PRIVATE, PUBLIC = ("#EAF2F9", "#0072B2"), ("#FBF1E6", "#D55E00")
START, DATA, ROUTER = ("#CBEBDD", "#009E73"), ("#FFE9AE", "#B07A00"), ("#E2E2E2", "#5a5a5a")

NAME_PT, ROW_PT, DATA_PT, TAG_PT, CELL_PT, HEAD_PT = 9.0, 8.0, 7.5, 7.0, 7.0, 10.5
PAD, GAP = 7.0, 9.0
HEAD_HEIGHT: Final = 22.0
_MAX_TEXT: Final = 210.0
_ROW_HEIGHT: Final = 12.0
_NAME_HEIGHT: Final = 15.0
_TAG_HEIGHT: Final = 13.0
_MAX_TAGS: Final = 8
_CELL_HEIGHT, _CELL_GAP = 14.0, 3.0
_ASPECT: Final = 1.3
_COMMONEST: Final = 8
"""How many kinds of services a network that is shown as counts lists."""


@frozen
class Tag:
    """A small label: `fill` and `edge` are its colours."""

    text: str
    fill: str
    edge: str


@frozen
class Row:
    """A line of a card: `kind` is "service", "local", "data" or "note"."""

    kind: str
    text: str


@frozen
class Card:
    """What a host's card says."""

    member: Member
    rows: tuple[Row, ...]
    tags: tuple[Tag, ...]

    @property
    def height(self) -> float:
        """The least that shows all of it."""
        tags = _TAG_HEIGHT + 4 if self.tags else 0
        return PAD + _NAME_HEIGHT + _ROW_HEIGHT * len(self.rows) + tags + PAD / 2


@frozen
class Block:
    """The inside of a network: its least size, and what is needed to paint it."""

    net: Net
    width: float
    height: float
    columns: int = 1
    cell_width: float = 0
    cards: tuple[Card, ...] = ()
    row_heights: tuple[float, ...] = ()
    lines: tuple[str, ...] = ()


def rule_tags(leaves: Sequence[int], arrives: Sequence[int]) -> list[Tag]:
    """`1→` for rules that let a host out, `→1` for those that let others in."""
    marks = [(number, f"{number}→") for number in leaves] + [(number, f"→{number}") for number in arrives]
    tags = [Tag(text, "#ffffff", rule_colour(number)) for number, text in marks[:_MAX_TAGS]]
    if len(marks) > _MAX_TAGS:
        tags.append(Tag(f"+{len(marks) - _MAX_TAGS}", "#ffffff", MUTED))
    return tags


def rule_colour(number: int) -> str:
    """The colour of that bundle; they repeat, the numbers do not."""
    return RULE_COLOURS[(number - 1) % len(RULE_COLOURS)]


def block_of(net: Net, measure: Measure) -> Block:
    """How large that network is inside, and how its hosts are arranged."""
    if not net.members:
        return _lines_block(net, ["no hosts"], measure)
    if net.mode == CARDS:
        return _cards_block(net, measure)
    if net.mode == CELLS:
        return _cells_block(net, measure)
    return _lines_block(net, _counts(net), measure)


def paint_block(picture: Picture, block: Block, x: float, y: float, width: float, measure: Measure) -> None:
    """The hosts, with their upper left corner there, cards stretched to that width."""
    if block.cards:
        each = (width - GAP * (block.columns - 1)) / block.columns
        _paint_cards(picture, evolve(block, cell_width=each), x, y, measure)
    elif block.lines:
        for i, line in enumerate(block.lines):
            picture.add(Text(x, y + 9 + i * _ROW_HEIGHT, line, ROW_PT, MUTED))
    else:
        for i, member in enumerate(block.net.members):
            row, column = divmod(i, block.columns)
            left = x + column * (block.cell_width + _CELL_GAP)
            paint_cell(picture, member, left, y + row * (_CELL_HEIGHT + _CELL_GAP), block.cell_width, measure)


def tags_width(tags: Sequence[Tag], measure: Measure) -> float:
    """How much room they take side by side."""
    return sum(measure(tag.text, TAG_PT, True) + 11 for tag in tags)


def paint_tags(picture: Picture, tags: Sequence[Tag], x: float, y: float, measure: Measure) -> None:
    """Side by side, with their upper left corner there."""
    for tag in tags:
        width = measure(tag.text, TAG_PT, True) + 8
        picture.add(Box(x, y, width, 11, tag.fill, tag.edge, 1, 3))
        picture.add(Text(x + width / 2, y + 8, tag.text, TAG_PT, INK, bold=True, align="center"))
        x += width + 3


def card_of(member: Member) -> Card:
    """What to say about a host."""
    host, rows = member.host, []
    if member.elsewhere:
        rows.append(Row("note", f"also {', '.join(member.elsewhere)}"))
    if member.is_home:
        for service in host.services:
            rows.append(Row("local" if service.local else "service", service.name))
            rows += [Row("data", f"{item.owner}/{item.id}") for item in service.data]
    tags = [Tag("start" if host.start == 1 else f"start x{host.start}", *START)] if host.start else []
    if host.is_router:
        tags.append(Tag("router", *ROUTER))
    return Card(member, tuple(rows), (*tags, *rule_tags(member.leaves, member.arrives)))


def _columns(count: int, width: float, height: float, gap: float) -> int:
    """So many that the whole comes closest to a pleasant rectangle."""

    def misfit(columns: int) -> float:
        rows = math.ceil(count / columns)
        ratio = (columns * (width + gap) - gap) / (rows * (height + gap) - gap)
        return abs(math.log(ratio / _ASPECT))

    return min(range(1, count + 1), key=misfit)


def _cards_block(net: Net, measure: Measure) -> Block:
    cards = tuple(map(card_of, net.members))
    width = max(_card_width(card, measure) for card in cards)
    usual = sum(card.height for card in cards) / len(cards)
    columns = _columns(len(cards), width, usual, GAP)
    rows = [cards[i : i + columns] for i in range(0, len(cards), columns)]
    heights = tuple(max(card.height for card in row) for row in rows)
    return Block(
        net,
        width=columns * (width + GAP) - GAP,
        height=sum(heights) + GAP * (len(rows) - 1),
        columns=columns,
        cell_width=width,
        cards=cards,
        row_heights=heights,
    )


def _card_width(card: Card, measure: Measure) -> float:
    head = measure(card.member.host.name, NAME_PT, True) + 10 + measure(card.member.addresses, ROW_PT)
    rows = (measure(row.text, *_style(row)) + _indent(row) for row in card.rows)
    return min(max(head, tags_width(card.tags, measure) - 3, *rows, 60), _MAX_TEXT) + 2 * PAD + 3


def _style(row: Row) -> tuple[float]:
    return (DATA_PT if row.kind == "data" else ROW_PT,)


def _indent(row: Row) -> float:
    return {"service": 11, "local": 11, "data": 20, "note": 0}[row.kind]


def _paint_cards(picture: Picture, block: Block, x: float, y: float, measure: Measure) -> None:
    for i, card in enumerate(block.cards):
        row, column = divmod(i, block.columns)
        if column == 0 and row:
            y += block.row_heights[row - 1] + GAP
        left = x + column * (block.cell_width + GAP)
        paint_card(picture, card, left, y, block.cell_width, block.row_heights[row], measure)


def paint_card(
    picture: Picture, card: Card, x: float, y: float, width: float, height: float, measure: Measure
) -> None:
    """A card of that size, with its upper left corner there."""
    member = card.member
    picture.add(Box(x, y, width, height, "#ffffff", CARD_EDGE, 0.8, 3))
    if member.host.start:
        picture.add(Box(x, y, 4, height, START[1]))
    left, right, base = x + PAD + 3, x + width - PAD, y + PAD + 7
    addresses = fitted(member.addresses, ROW_PT, (right - left) / 2, measure)
    room = right - left - measure(addresses, ROW_PT) - 8
    name = fitted(member.host.name, NAME_PT, room, measure, bold=True)
    picture.add(Text(left, base, name, NAME_PT, INK, bold=True))
    picture.add(Text(right, base, addresses, ROW_PT, MUTED, align="right"))
    for i, row in enumerate(card.rows):
        _paint_row(picture, row, left, base + _NAME_HEIGHT + i * _ROW_HEIGHT - 1, right - left, measure)
    if card.tags:
        paint_tags(picture, card.tags, left, y + height - _TAG_HEIGHT - 2, measure)


def _paint_row(picture: Picture, row: Row, x: float, base: float, room: float, measure: Measure) -> None:
    indent = _indent(row)
    text = fitted(row.text, *_style(row), room - indent, measure)
    if row.kind == "data":
        width = measure(text, DATA_PT) + 8
        picture.add(Box(x + indent - 5, base - 8, width, 10.5, *DATA, 0.7, 2))
    elif row.kind != "note":
        paint_service_mark(picture, x, base, row.kind == "local")
    colour = INK if row.kind in ("service", "data") else MUTED
    picture.add(Text(x + indent, base, text, *_style(row), colour, italic=row.kind == "local"))


def paint_service_mark(picture: Picture, x: float, base: float, local: bool) -> None:
    """The bullet before a service: hollow if only whoever controls the host sees it."""
    picture.add(Box(x + 1, base - 5.5, 5, 5, "#ffffff" if local else INK, MUTED if local else INK, 0.9))


def _cells_block(net: Net, measure: Measure) -> Block:
    widest = max(measure(member.host.name, CELL_PT) for member in net.members)
    width = min(widest, _MAX_TEXT / 2) + 20
    columns = _columns(len(net.members), width, _CELL_HEIGHT, _CELL_GAP)
    rows = math.ceil(len(net.members) / columns)
    return Block(
        net,
        width=columns * (width + _CELL_GAP) - _CELL_GAP,
        height=rows * (_CELL_HEIGHT + _CELL_GAP) - _CELL_GAP,
        columns=columns,
        cell_width=width,
    )


def paint_cell(picture: Picture, member: Member, x: float, y: float, width: float, measure: Measure) -> None:
    """A host as a name, with a bar if games may start there and a corner if it holds data."""
    host = member.host
    fill = ROUTER[0] if host.is_router else "#ffffff"
    picture.add(Box(x, y, width, _CELL_HEIGHT, fill, CARD_EDGE, 0.6))
    if host.start:
        picture.add(Box(x, y, 4, _CELL_HEIGHT, START[1]))
    if member.is_home and any(service.data for service in host.services):
        picture.add(Box(x + width - 9, y + _CELL_HEIGHT / 2 - 3, 6, 6, *DATA, 0.8))
    name = fitted(host.name, CELL_PT, width - 18, measure)
    picture.add(Text(x + 7, y + 9.7, name, CELL_PT))


def _counts(net: Net) -> list[str]:
    hosts = [member.host for member in net.members]
    starts = sum(host.start > 0 for host in hosts)
    holding = sum(any(service.data for service in host.services) for host in hosts)
    items = sum(len(service.data) for host in hosts for service in host.services)
    services = Counter(service.name for host in hosts for service in host.services)
    lines = [f"{starts:,} start hosts", f"{items:,} pieces of data on {holding:,} hosts"]
    common = sorted(services.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"{count:,} x {name}" for name, count in common[:_COMMONEST]]
    if len(common) > _COMMONEST:
        lines.append(f"and {len(common) - _COMMONEST:,} other services")
    return lines


def _lines_block(net: Net, lines: list[str], measure: Measure) -> Block:
    shown = tuple(fitted(line, ROW_PT, _MAX_TEXT, measure) for line in lines)
    width = max(measure(line, ROW_PT) for line in shown)
    return Block(net, max(width, 90), _ROW_HEIGHT * len(shown), lines=shown)
