"""How an attack graph looks in a terminal: `netsiege scenario show NAME --attack-graph`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from netsiege.scenarios.attack_export import document, dot, rows_of
from netsiege.scenarios.attack_graph import AttackGraph, Start, step_of
from netsiege.shown import LINE_CHARS, shown

WIDE: Final = 200
"""Columns where there is no terminal to fit into."""

_PATH: Final = "bold red"
_LISTED: Final = 5


def show_attack_graph(graph: AttackGraph, *, as_json: bool = False, as_dot: bool = False) -> None:
    """Prints a graph: as tables, as one JSON document with a node or edge a line, or for Graphviz."""
    if as_dot:
        sys.stdout.write(f"{dot(graph)}\n")
    elif as_json:
        sys.stdout.write(_document_text(graph))
    else:
        console = Console(highlight=False)
        console = console if console.is_terminal else Console(width=WIDE, highlight=False)
        for line in _told(graph):
            console.print(Text(shown(line, LINE_CHARS)))
        if graph.best is not None and graph.best.way.actions:
            console.print(_attack_table(graph, graph.best))
        console.print(_host_table(graph))


def _document_text(graph: AttackGraph) -> str:
    whole = document(graph)
    parts = []
    for key, value in whole.items():
        text = json.dumps(value)
        if key in ("nodes", "edges", "starts") and value:
            text = "[\n    " + ",\n    ".join(map(json.dumps, value)) + "\n  ]"
        parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _told(graph: AttackGraph) -> Iterator[str]:
    """What there is to say before the tables."""
    yield f"{graph.scenario}: what the role {graph.role} of the task {graph.task} can do if nobody defends"
    if graph.goal:
        yield f"Goal: {graph.goal}"
    yield from (f"  {part}" for part in graph.wanted)
    yield from (f"Note: {note}" for note in graph.notes)
    if graph.best is None:
        yield from (f"The goal cannot be reached: {start.way.missing}" for start in graph.lost[:1])
        return
    yield _summary(graph, graph.best)
    lost = graph.lost
    if lost:
        names = ", ".join(" and ".join(start.drawn) or "the start" for start in lost[:_LISTED])
        more = f" and {len(lost) - _LISTED} draws more" if len(lost) > _LISTED else ""
        yield f"From {names}{more} the goal cannot be reached: {lost[0].way.missing}"


def _summary(graph: AttackGraph, best: Start) -> str:
    steps = len(best.way.actions or ())
    what = f"The shortest attack takes {steps} steps"
    if not best.way.is_shortest:
        what = f"This attack takes {steps} steps; whether there is a shorter one has not been worked out"
    if len(graph.starts) <= 1 or graph.lengths is None:
        return what
    least, most = graph.lengths
    spread = "" if least == most else f", in {least} to {most}"
    won, draws = len(graph.starts) - len(graph.lost), len(graph.starts)
    whence = f"each of the {draws}" if won == draws else f"{won} of the {draws}"
    return f"{what}; it can be won from {whence} starts that may be drawn{spread}"


def _attack_table(graph: AttackGraph, best: Start) -> Table:
    name_of = {node.address: f"{node.host} ({node.address})" for node in graph.nodes}
    table = _table("step", "action", "from", "to", "what")
    for number, action in enumerate(best.way.actions or (), 1):
        step = step_of(action)
        ends = (name_of.get(end, end) for end in (step.source, step.target))
        _add_row(table, str(number), step.action, *ends, step.what, style=_PATH)
    return table


def _host_table(graph: AttackGraph) -> Table:
    """Everything that can be had; `>` marks the shortest attack."""
    table = _table("", "hops", "network", "host", "is taken from", "by exploiting", "goal")
    for row in rows_of(graph):
        cells = (str(row.hops), row.network, row.hosts, row.sources or "start", row.services, row.goal)
        _add_row(table, ">" if row.is_on_path else "", *cells, style=_PATH if row.is_on_path else "")
    table.caption = Text("hops: how many hosts have to be taken to have it; >: on the shortest attack")
    table.caption_justify = "left"
    return table


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("step", "hops") else "left")
    return table


def _add_row(table: Table, *cells: str, style: str) -> None:
    table.add_row(*(Text(shown(cell, LINE_CHARS), style=style) for cell in cells))
