"""How cups look in a terminal: the ranking at the end, and how far a running one has come.

Names are strangers': each is cleaned (`shown`), and rich gets it as `Text`.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from netsiege.hub.tournament import results as told
from netsiege.hub.tournament.levels import columns_of, rows_of
from netsiege.hub.tournament.records import Counts, Reader
from netsiege.hub.tournament.results_files import dump_results
from netsiege.hub.tournament.words import counted, say_comparison, say_cup
from netsiege.shown import LINE_CHARS, shown

if TYPE_CHECKING:
    from netsiege.hub.tournament.levels import Level
    from netsiege.hub.tournament.results import Results, Row
    from netsiege.hub.tournament.student import Estimate

WIDE: Final = 200
"""Columns where there is no terminal to fit into."""
ROOMY: Final = 104
"""Columns that a table with everything in it needs."""
NAME_WIDTH: Final = 8
TOP: Final = 8
"""Entrants that the view of a running cup shows."""
LOOK_S: Final = 1.0
"""How often a running cup is looked at."""
SHOW_S: Final = 0.5
"""How often a terminal is drawn anew at most by whoever runs the cup."""
LINE_S: Final = 10.0
"""Without a terminal, there is a line so often at most."""
RANK_SHARE: Final = 0.1
"""Of the time, at most, goes into working out a running cup's ranking."""
PACE_S: Final = 60.0
"""The time that is left goes by the pace of so many seconds."""

_HEADINGS: Final = {told.OVERALL: "overall", told.ATTACK: "attack", told.DEFENCE: "defence"}


def show_cup(folder: Path, *, follow: bool = False, as_json: bool = False) -> None:
    """Shows the cup in `folder` as it stands; with `follow` until it is over, or its director is gone.

    JSON, which is that of `results.json`, comes at the end only. Raises `ConfigError` if there is no cup, and
    `JournalError` if its store is damaged.
    """
    with Reader.read(folder) as store:
        if follow:
            follow_cup(store)
        results = told.read_results(store, curves=as_json)
        running, over = store.is_running(), store.ended() is not None
    if as_json:
        sys.stdout.write(dump_results(results))
        return
    print_results(results)
    if running:
        _line("It is running.")
    elif not over:
        _line(f"It was interrupted: `netsiege tournament resume {folder}` goes on with it.")


# --- a cup that has been played ---------------------------------------------------------------------------


def print_results(results: Results) -> None:
    """The rankings with their intervals, and what else there is to know of a cup."""
    console = _console()
    console.print(Text(shown(results.cup.name), style="bold"))
    console.print(Text(shown(say_cup(results.cup)[0], LINE_CHARS)))
    for grounds in ("all", "seen", "unseen"):
        for role in (told.OVERALL, told.ATTACK, told.DEFENCE):
            table = results.table(role, grounds)
            if table is not None:
                title = _HEADINGS[role] + ("" if grounds == "all" else f", {grounds} networks")
                console.print(_ranking(title, table.rows, console.width))
    for ground in dict.fromkeys(level.ground for level in results.levels):
        console.print(_by_difficulty(ground, results.levels))
    if results.comparison is not None:
        for line in say_comparison(results.comparison):
            console.print(Text(shown(line, LINE_CHARS)))
    for line in result_lines(results):
        console.print(Text(shown(line, LINE_CHARS)))


def result_lines(results: Results) -> Iterator[str]:
    """What is to be said beside the tables, a line each."""
    said = f"{counted(results.games, 'game')} played, {results.counted:,} counted"
    if results.stopped:
        said += ", as many as it took"
    elif results.games < results.scheduled:
        said += f", {results.scheduled - results.games:,} of the schedule to come"
    yield f"{said}. Ratings in Elo points, each table's centred on zero, with 95% intervals."
    for cycle in results.cycles:
        yield f"Cycle: {cycle}."
    for each in results.forfeits:
        causes = ", ".join(f"{cause} ({count:,})" for cause, count in each.causes)
        yield f"{each.entrant} forfeited {each.forfeits:,} of {counted(each.games, 'game')}: {causes}."
    for bench in results.benched:
        yield f"{bench.entrant} was benched from game {bench.game:,} on: {bench.reason}."


def _ranking(title: str, rows: tuple[Row, ...], width: int) -> Table:
    """A ranking for so many columns; where they are few, mean returns come without their intervals."""
    table = Table(title=Text(title, style="table.title"), title_justify="left", box=box.SIMPLE_HEAD)
    headings = ["#", "entrant", "rating", "95% interval", "games", "won", "better\nthan next"]
    if any(row.mean_return for row in rows):
        headings.append("mean\nreturn")
    for heading in headings:
        if heading == "entrant":
            table.add_column(heading, overflow="fold", min_width=NAME_WIDTH)
        else:
            table.add_column(heading, justify="left" if "interval" in heading else "right", no_wrap=True)
    for row in rows:
        cells = [
            str(row.rank),
            shown(row.entrant),
            f"{round(row.rating.value):+d}",
            _interval(row.rating, 0),
            f"{row.games:,}",
            f"{row.score:.1%}",
            "" if row.over_next is None else f"{row.over_next:.1%}",
        ]
        if row.mean_return is not None:
            known = row.mean_return.low is not None and width >= ROOMY
            interval = f" {_interval(row.mean_return, 1)}" if known else ""
            cells.append(f"{_rounded(row.mean_return.value):.1f}{interval}")
        table.add_row(*map(Text, cells))
    return table


def _by_difficulty(ground: str, levels: Sequence[Level]) -> Table:
    """How attackers fared on the networks of a suite: what they won, by the steps of the shortest attack."""
    title = Text(f"attack by difficulty, {shown(ground)}", style="table.title")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("entrant", overflow="fold", min_width=NAME_WIDTH)
    for steps in columns_of(levels, ground):
        table.add_column(str(steps), justify="right", no_wrap=True)
    for attacker, cells in rows_of(levels, ground):
        told = (f"{each.score:.0%} of {each.games:,}" if each is not None else "-" for each in cells)
        table.add_row(*map(Text, (shown(attacker), *told)))
    return table


def _interval(figure: Estimate, digits: int) -> str:
    if figure.low is None or figure.high is None:
        return "too few seeds"
    if digits == 0:
        return f"[{round(figure.low):+d}, {round(figure.high):+d}]"
    return f"[{_rounded(figure.low):.1f}, {_rounded(figure.high):.1f}]"


def _rounded(value: float) -> float:
    """To one digit, and never to -0."""
    return round(value, 1) + 0.0


# --- a cup that is running --------------------------------------------------------------------------------


class CupProgress:
    """How far a cup has come: fed with its numbers and the time, which it works the rest out from."""

    def __init__(self, planned: int | None = None) -> None:
        self.counts = Counts(0, 0, 0, 0, 0)
        self._planned = planned
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, counts: Counts, now_s: float) -> None:
        """The cup's numbers as of now."""
        self.counts = counts
        self._seen.append((now_s, counts.done))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - PACE_S:
            self._seen.popleft()

    @property
    def total(self) -> int:
        """The games that the cup has, as far as anyone knows by now."""
        return max(self._planned or 0, self.counts.games)

    @property
    def pace(self) -> float | None:
        """Games a second lately; None as long as nothing has come in."""
        (start_s, before), (end_s, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end_s - start_s) if after > before else None

    def line(self) -> str:
        """All of it on one line."""
        counts = self.counts
        said = [f"{counts.done:,} of {counted(self.total, 'game')}", f"{counts.open:,} in flight"]
        said.append(counted(counts.forfeits, "forfeit"))
        if counts.void:
            said.append(f"{counted(counts.void, 'attempt')} void")
        if self._seen and (pace := self.pace) is not None:
            said.append(f"{pace:,.1f} games/s")
            if counts.done < self.total:
                said.append(f"{say_time((self.total - counts.done) / pace)} left")
        return ", ".join(said)


def say_time(seconds: float) -> str:
    """A time to wait, no more exactly than it is known."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class CupView:
    """Progress and the current top: redrawn in place on a terminal, a line now and then elsewhere; on stderr.

    Use it in a `with`. `show` is for whoever runs or watches the cup to call, as often as there is news.
    """

    def __init__(self, name: str, planned: int | None = None) -> None:
        self._name = shown(name)
        self._progress = CupProgress(planned)
        self._console = Console(stderr=True)
        self._live = None
        self._said_s: float | None = None
        self._last = ""
        if self._console.is_terminal:
            from rich.live import Live  # noqa: PLC0415  # slow to load, and only terminals have one

            self._live = Live(console=self._console, transient=True, auto_refresh=False)

    @property
    def every_s(self) -> float:
        """How often it has something new to show, at most."""
        return LINE_S if self._live is None else SHOW_S

    def __enter__(self) -> CupView:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, counts: Counts, top: Results | None, now_s: float, *, last: bool = False) -> None:
        """The cup's numbers as of now, and its ranking if anyone has worked it out. The `last` call is shown
        wherever it comes.
        """
        self._progress.update(counts, now_s)
        line = f"{self._name}: {self._progress.line()}"
        if self._live is not None:
            self._live.update(Group(Text(line), *_tops(top, self._console.width)), refresh=True)
        elif last or self._said_s is None or now_s - self._said_s >= LINE_S:
            line += _first(top)
            if line != self._last:
                self._console.print(Text(line), soft_wrap=True, highlight=False)
            self._said_s, self._last = now_s, line


def _tops(results: Results | None, width: int) -> Iterator[Table]:
    """The best in each role, as a terminal has room for."""
    if results is None:
        return
    for role in (told.OVERALL, told.ATTACK, told.DEFENCE):
        table = results.table(role)
        if table is not None:
            title = _HEADINGS[role]
            if len(table.rows) > TOP:
                title += f", the first {TOP} of {len(table.rows)}"
            yield _ranking(title, table.rows[:TOP], width)


def _first(results: Results | None) -> str:
    """Who is in front, in words."""
    if results is None:
        return ""
    said = []
    for role in (told.OVERALL, told.ATTACK, told.DEFENCE):
        table = results.table(role)
        if table is not None and table.rows:
            said.append(f"{shown(table.rows[0].entrant)} {table.rows[0].rating.value:+.0f} {_HEADINGS[role]}")
    return f"; first: {', '.join(said)}" if said else ""


def follow_cup(
    store: Reader,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Shows a cup that another process runs, until its director is gone. Nothing is read as long as nothing
    has been written.
    """
    with CupView(store.cup.name, store.planned()) as view:
        version, ranked_s, took_s = -1, float("-inf"), 0.0
        top: Results | None = None
        while True:
            running = store.is_running()  # before its numbers are read, so that none are missed
            now_s = clock()
            if running and store.version() != version and now_s - ranked_s >= took_s / RANK_SHARE:
                version = store.version()
                top = told.read_results(store, curves=False)
                ranked_s, took_s = clock(), clock() - now_s
            view.show(store.counts(), top, now_s, last=not running)
            if not running:
                return
            sleep(LOOK_S)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=WIDE, highlight=False)


def _line(text: str) -> None:
    _console().print(Text(shown(text, LINE_CHARS)))
