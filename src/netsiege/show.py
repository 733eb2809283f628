"""What people see: progress, tables, plain lines. Beside the other `show_…` the only module that knows rich.

Names and texts in it come from hubs, files and other people's packages: each is cleaned (`shown`), and rich
gets it as `Text`, so that no markup of theirs counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.table import Table
from rich.text import Text

from netsiege.shown import LINE_CHARS, shown

if TYPE_CHECKING:
    from rich.progress import Progress

    from netsiege.agents import EpisodeSummary
    from netsiege.agents.registry import AgentEntry
    from netsiege.hub.limits import Limits
    from netsiege.play import Report
    from netsiege.protocol import Result, State
    from netsiege.scenarios import ScenarioInfo

LINE_EVERY = 10
"""Without a terminal, progress is a plain line after so many tenths of the whole."""


class EpisodeBar:
    """A progress bar over episodes on a terminal, some plain lines elsewhere; always on stderr."""

    def __init__(self, episodes: int, what: str, done: int = 0, lines: int = LINE_EVERY) -> None:
        self._episodes = episodes
        self._what = shown(what)
        self._lines = lines
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task(self._what, total=episodes, completed=done, score="starting")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, score: str) -> None:
        """So many episodes have been played."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, score=score)
        elif done * self._lines // self._episodes > (done - 1) * self._lines // self._episodes:
            print(f"{self._what}: {done} of {self._episodes} episodes; {score}", file=sys.stderr)


def _bar() -> Progress:
    from rich.progress import (  # noqa: PLC0415  # slow to load, and only terminals have a bar
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[score]}", style="dim", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


class EpisodeProgress(EpisodeBar):
    """The progress of a match: who has won how many."""

    def __init__(self, episodes: int, what: str) -> None:
        super().__init__(episodes, what)
        self._done = 0
        self._winners: dict[str, int] = {}

    def advance(self, result: Result) -> None:
        """Counts one episode."""
        self._done += 1
        winner = shown(result.winner or "nobody")
        self._winners[winner] = self._winners.get(winner, 0) + 1
        self.show(self._done, ", ".join(f"{who} {count}" for who, count in sorted(self._winners.items())))


def print_report(report: Report) -> None:
    """The table at the end of a match."""
    title = f"{shown(report.scenario)}: {report.episodes} episodes, seed {report.seed}"
    table = Table(title=Text(title, style="table.title"), title_justify="left")
    for heading, justify in (
        ("role", "left"),
        ("agent", "left"),
        ("wins", "right"),
        ("mean return", "right"),
        ("mean steps", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # rich wants a Literal here
    for seat in report.seats:
        wins = "-" if seat.role == "Benign" else str(seat.wins)
        _add_row(table, seat.role, seat.agent, wins, f"{seat.mean_return:.1f}", f"{seat.mean_steps:.1f}")
    Console().print(table)
    reasons: dict[str, int] = {}
    for result in report.results:
        reasons[result.reason] = reasons.get(result.reason, 0) + 1
    ends = ", ".join(f"{count} by {reason}" for reason, count in sorted(reasons.items()))
    _print_line(f"Episodes ended: {ends}. {report.steps_per_s:,.0f} steps/s.")


def state_dict(state: State) -> dict[str, Any]:
    """The hub in numbers, for JSON."""
    return {
        "software": state.software,
        "up_s": round(state.up_s, 3),
        "sessions": state.sessions,
        "away": state.away,
        "events": state.events,
        "unplaced_matches": state.unplaced,
        "moved_matches": state.moved,
        "rooms": [
            {
                "name": r.name,
                "waiting": r.waiting,
                "open_matches": r.open_matches,
                "ended_matches": r.ended_matches,
            }
            for r in state.rooms
        ],
        "workers": [
            {"name": w.name, "slots": w.slots, "matches": w.matches, "events": w.events}
            for w in state.workers
        ],
        "refusals": {told.reason: told.count for told in state.refusals},
    }


def print_state(state: State) -> None:
    """The hub in numbers, for people."""
    _print_line(
        f"{state.software}, up {state.up_s:.0f} s: {state.sessions} sessions, {state.events:,} events"
    )
    if state.away or state.unplaced or state.moved:
        _print_line(
            f"{state.away} sessions have lost their connection; {state.unplaced} matches wait for a worker "
            f"of their engine; {state.moved} times a match has moved to another worker"
        )
    rooms = _table("room", "waiting", "open matches", "ended matches")
    for room in state.rooms:
        _add_row(rooms, room.name, str(room.waiting), str(room.open_matches), str(room.ended_matches))
    workers = _table("worker", "matches", "slots", "events")
    for worker in state.workers:
        _add_row(workers, worker.name, str(worker.matches), str(worker.slots), f"{worker.events:,}")
    Console().print(rooms, workers)
    if state.refusals:
        refused = ", ".join(f"{told.count:,} {told.reason}" for told in state.refusals)
        _print_line(f"refused so far: {refused}")


def print_limits(limits: Limits) -> None:
    """A hub's limits, with the reason for each."""
    table = _table("limit", "value", "why", text=3)
    for name, value, why in limits.listed():
        _add_row(table, name, value, why)
    Console().print(table)


def print_agents(agents: Sequence[AgentEntry], as_json: bool) -> None:
    """The agents that can be run by name."""
    if as_json:
        listed = [
            {
                "name": a.name,
                "plays": [r.value for r in a.plays],
                "summary": a.summary,
                "parameters": {
                    name: {"default": p.default, "help": p.help} for name, p in a.parameters.items()
                },
            }
            for a in agents
        ]
        print(json.dumps(listed, indent=2))
        return
    table = _table("agent", "plays", "what it does", text=3)
    for agent in agents:
        _add_row(table, agent.name, ", ".join(role.value for role in agent.plays), agent.summary)
    table.caption = "`netsiege agent list NAME` says what can be set on an agent"
    Console().print(table)


def print_agent(agent: AgentEntry) -> None:
    """One of them, with its parameters."""
    console = Console()
    console.print(shown(f"{agent.name} ({', '.join(role.value for role in agent.plays)})"), markup=False)
    console.print(shown(agent.summary), markup=False)
    if not agent.parameters:
        return
    table = _table("parameter", "default", "range", "what it is", text=4)
    for name, each in agent.parameters.items():
        _add_row(table, name, str(each.default) or "-", each.range or "-", each.help)
    table.caption = shown(f"{agent.name},{next(iter(agent.parameters))}=… where an agent is named")
    console.print(table)


def print_scenarios(scenarios: Sequence[ScenarioInfo], as_json: bool) -> None:
    """The bundled scenarios."""
    if as_json:
        listed = [
            {
                "name": s.name,
                "description": s.description,
                "hosts": s.hosts,
                "networks": s.networks,
                "task": s.task,
            }
            for s in scenarios
        ]
        print(json.dumps(listed, indent=2))
        return
    table = Table()
    for heading in ("scenario", "hosts", "networks", "description"):
        table.add_column(heading, justify="right" if heading in ("hosts", "networks") else "left")
    for each in scenarios:
        _add_row(table, each.name, str(each.hosts), str(each.networks), each.description)
    Console().print(table)


def print_summaries(played: Sequence[EpisodeSummary], as_json: bool) -> None:
    """What an agent has played, from its own point of view. How an episode ended, its hub says."""
    if as_json:
        listed = [
            {
                "seat": p.seat,
                "episode": p.episode,
                "steps": p.steps,
                "return": p.total_reward,
                "end_reason": None if p.end_reason is None else shown(p.end_reason),
            }
            for p in played
        ]
        print(json.dumps(listed, indent=2))
        return
    table = _table("seat", "episode", "steps", "return", "end", text=0)
    for p in played:
        reason = "" if p.end_reason is None else p.end_reason
        _add_row(table, str(p.seat), str(p.episode), str(p.steps), f"{p.total_reward:g}", reason)
    Console().print(table)


def _table(*headings: str, text: int = 1) -> Table:
    """A table whose first `text` columns are text; the others are numbers."""
    table = Table()
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < text else "right")
    return table


def _add_row(table: Table, *cells: str) -> None:
    """A row of plain text, whatever it looks like."""
    table.add_row(*(Text(shown(cell, LINE_CHARS)) for cell in cells))


def _print_line(text: str) -> None:
    """A line of plain text, whatever it looks like."""
    Console().print(Text(shown(text, LINE_CHARS)), highlight=False)
