"""How suites of generated networks look in a terminal."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table

from netsiege.scenarios.generate import SUITES


def print_suites() -> None:
    """All suites: how many networks they have, of which sizes, and how many of each difficulty."""
    levels = sorted({entry.steps for entries in SUITES.values() for entry in entries})
    table = Table(title="Networks of each suite, by the steps of the shortest attack", title_justify="left")
    table.add_column("suite")
    for heading in ("hosts", "all", *map(str, levels)):
        table.add_column(heading, justify="right")
    for name, entries in SUITES.items():
        sizes = [entry.hosts for entry in entries]
        counts = Counter(entry.steps for entry in entries)
        cells = (str(counts[level] or "-") for level in levels)
        table.add_row(name, f"{min(sizes):,} to {max(sizes):,}", str(len(entries)), *cells)
    Console().print(table)
