"""How a comparison of agents looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netsiege.shown import LINE_CHARS, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netsiege.agents.comparison_table import Section

WIDE: Final = 200
"""Columns where there is no terminal to fit into."""


def print_sections(sections: Iterable[Section]) -> None:
    """The tables, one below the other."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    for section in sections:
        title = Text(shown(section.title, LINE_CHARS), style="table.title")
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for i, heading in enumerate(section.headings):
            is_text = i < section.texts
            table.add_column(heading, justify="left" if is_text else "right", no_wrap=is_text)
        for cells in section.lines:
            table.add_row(*(Text(shown(cell)) for cell in cells))
        console.print(table)
