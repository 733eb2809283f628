"""A comparison as tables: a section for each role, as cells, as markdown, and in a file between two marks."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from netsiege.agents.comparison import (
    IDLE_ATTACKER,
    REFERENCE_ATTACKER,
    REFERENCE_USER,
    ROLES,
    Comparison,
    Row,
)
from netsiege.agents.evaluation import Figure
from netsiege.errors import ConfigError
from netsiege.files import replace_file
from netsiege.game import AgentRole
from netsiege.shown import shown

BEGIN: Final = "<!-- agents -->"
END: Final = "<!-- /agents -->"
MARKS: Final = (BEGIN, END)
NOTHING: Final = "–"  # noqa: RUF001  # a dash where there is no figure
TEXTS: Final = 2
"""How many columns are text; the others are numbers."""


@frozen
class Section:
    """One table, such as the agents of a role. The first `texts` columns are text."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    texts: int = TEXTS


def percent(figure: Figure) -> str:
    """A share and its interval."""
    return f"{100 * figure.value:.1f}% [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _number(figure: Figure) -> str:
    # adding 0.0 makes 0.0 of -0.0
    value, low, high = (round(each, 1) + 0.0 for each in (figure.value, figure.low, figure.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _maybe(figure: Figure | None) -> str:
    return NOTHING if figure is None else _number(figure)


def sections(comparison: Comparison) -> tuple[Section, ...]:
    """The tables, each with a row for every agent and scenario; an agent is named in its first row."""
    made = []
    for role in ROLES:
        rows = [row for row in comparison.rows if row.role is role]
        if rows:
            lines = [_cells(row) for row in rows]
            for i in range(len(rows) - 1, 0, -1):
                if rows[i].agent == rows[i - 1].agent:
                    lines[i] = ("", *lines[i][1:])
            made.append(Section(_title(role, comparison), _headings(role), tuple(lines)))
    return tuple(made)


def _headings(role: AgentRole) -> tuple[str, ...]:
    ends = {AgentRole.Attacker: "wins", AgentRole.Defender: "wins", AgentRole.Benign: "actions"}
    more = ("false positives",) if role is AgentRole.Defender else ()
    return (role.value.lower(), "scenario", ends[role], "return", "steps", *more, "episodes")


def _cells(row: Row) -> tuple[str, ...]:
    if row.told is None:
        rest = len(_headings(row.role)) - 3
        return (row.agent, NOTHING, row.note or NOTHING, *[NOTHING] * rest)
    told = row.told
    achieved = _maybe(row.actions) if row.role is AgentRole.Benign else percent(told.win_rate)
    more = (_maybe(row.false_positives),) if row.role is AgentRole.Defender else ()
    figures = (achieved, _number(told.mean_return), _number(told.mean_steps), *more)
    return (row.agent, told.scenario, *figures, f"{told.episodes:,}")


def _title(role: AgentRole, comparison: Comparison) -> str:
    """What agents of a role have to do, and how often those that learn have done it before."""
    rows = [row for row in comparison.rows if row.role is role]
    ruleset = comparison.conditions.ruleset
    title = "Attackers, alone"
    if role is AgentRole.Defender:
        lone = any(row.told and REFERENCE_USER not in row.opponents for row in rows)
        title = f"Defenders, against {REFERENCE_ATTACKER}, beside {REFERENCE_USER}"
        title += " where the task knows users" if lone else ""
    elif role is AgentRole.Benign:
        title = f"Benign users, beside {IDLE_ATTACKER}; they have nothing to win"
    title += f"; ruleset {ruleset}" if ruleset is not None else ""
    trained = [row for row in rows if row.trained]
    if trained:
        names = ", ".join(dict.fromkeys(row.agent for row in trained))
        title += f"; trained before, for {trained[0].trained:,} episodes: {names}"
    return title


def markdown(comparison: Comparison) -> str:
    """The tables for a file, the same from equal comparisons. Ends with a newline."""
    blocks = [markdown_of(section) for section in sections(comparison)]
    wrongs = any(row.role is AgentRole.Defender for row in comparison.rows)
    what = " False positives are per 100 actions of the user." if wrongs else ""
    blocks.append(f"In brackets: 95% intervals.{what} Seed {comparison.conditions.seed}.")
    return "\n\n".join(blocks) + "\n"


def markdown_of(section: Section) -> str:
    """One table for a file, with its title before it."""
    rule = ["---"] * section.texts + ["--:"] * (len(section.headings) - section.texts)
    lines = [_line(cells) for cells in (section.headings, rule, *section.lines)]
    return "\n".join([f"{_plain(section.title)}.", "", *lines])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Text that means nothing in markdown but itself, as far as names of agents and files may."""
    return re.sub(r"([\\|`*<])", r"\\\1", shown(text))


def check_marks(path: Path, marks: tuple[str, str] = MARKS) -> None:
    """Looks whether tables can be put into a file. Raises `ConfigError` if not."""
    _split(path, marks)
    if not os.access(path.resolve().parent, os.W_OK):
        raise ConfigError(f"{path}: cannot be written: its folder is closed to you")


def put_between_marks(path: Path, text: str, marks: tuple[str, str] = MARKS) -> None:
    """Replaces what stands between two lines of a file, `BEGIN` and `END`, as a whole or not at all.

    Raises `ConfigError` if it has not both of them once, or cannot be read or written.
    """
    before, after = _split(path, marks)
    replace_file(path, f"{before}{text}{after}", path.stat().st_mode & 0o777)


def _split(path: Path, marks: tuple[str, str]) -> tuple[str, str]:
    """A file up to the first mark and from the second on, both included."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is no text in UTF-8") from None
    places = [[match.span() for match in re.finditer(rf"^{mark}$\n?", text, re.M)] for mark in marks]
    for mark, found in zip(marks, places, strict=True):
        if len(found) != 1:
            times = "has no" if not found else f"has {len(found)} times the"
            raise ConfigError(
                f"{path}: {times} line {mark!r}: the tables go between {marks[0]!r} and {marks[1]!r}"
            )
    (_, begin), (end, _) = places[0][0], places[1][0]
    if end < begin:
        raise ConfigError(f"{path}: the line {marks[1]!r} stands before {marks[0]!r}")
    return text[:begin], text[end:]
