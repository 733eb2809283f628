"""How one game of a cup looks in a terminal: `netsiege tournament show DIR --game N`.

All names and lines are strangers': each is cleaned (`shown`), and rich gets it as `Text`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from attrs import asdict
from rich.console import Console
from rich.text import Text

from netsiege.hub.tournament.records import VOID, Reader
from netsiege.hub.tournament.schedule import NOBODY
from netsiege.hub.tournament.words import counted, say_ground
from netsiege.one_game import OneGame, Source, Tried, read_game
from netsiege.shown import LINE_CHARS, shown

WIDE: Final = 200
"""Columns where there is no terminal to fit into."""


def show_game(folder: Path, number: int, *, as_json: bool = False) -> None:
    """Shows a game of the cup in `folder`, while the cup runs or afterwards.

    Raises `ConfigError` if there is no cup, or no such game in it, `JournalError` if its store is damaged.
    """
    with Reader.read(folder) as store:
        told = read_game(store, number)
    if as_json:
        sys.stdout.write(json.dumps(_plain(told), indent=1) + "\n")
        return
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(width=WIDE, highlight=False)
    for line, style in _lines(told):
        console.print(Text(shown(line, LINE_CHARS), style=style), soft_wrap=True)


def _plain(told: OneGame) -> dict[str, Any]:
    """The document: the fields of `OneGame`, with those of what is in it. A line is a time and a text."""
    plain = asdict(told)
    if told.network is not None:
        plain["network"] = {"name": told.network.name, **plain["network"]}
    if told.outcome is not None:
        del plain["outcome"]["game"]
    for tried in plain["tries"]:
        tried.update(tried.pop("attempt"))
        del tried["game"]
        for said in tried["output"]:
            said["lines"] = [[line["time"], line["text"]] for line in said["lines"]]
    return plain


def _lines(told: OneGame) -> Iterator[tuple[str, str]]:
    """All there is to say, line by line, each with its style."""
    game = told.game
    against = "nobody defends" if game.defender == NOBODY else f"{game.defender} defends"
    yield f"Game {game.id} of {told.cup}: {game.attacker} attacks, {against}", "bold"
    yield f"ground   {say_ground(told.ground)}", ""
    if told.network is not None:
        yield f"network  {told.network.name}: the shortest attack takes {told.network.steps} steps", ""
    yield f"seed     {game.seed}: slice {game.slice}, round {game.round}", ""
    twins = " and ".join(f"game {each}" for each in told.twins)
    yield f"pair     {game.pair}, with {twins or 'no other game'}", ""
    for line in _verdict(told):
        yield line, ""
    yield f"replay   {told.replay or f'none: {told.no_replay}'}", ""
    for tried in told.tries:
        yield "", ""
        yield from _attempt(tried, told)
    notes = list(_notes(told))
    if notes:
        yield "", ""
    for line in notes:
        yield line, ""


def _verdict(told: OneGame) -> Iterator[str]:
    outcome = told.outcome
    if outcome is None:
        yield f"verdict  none yet; {counted(len(told.tries), 'attempt')}"
        return
    won = "the attacker has won" if outcome.score else "the attacker has not won"
    by = "without being played" if told.decided_by is None else f"by attempt {told.decided_by}"
    lost = f", forfeited by {outcome.forfeit}" if outcome.forfeit else ""
    yield f"verdict  {outcome.score:g}: {won} ({outcome.cause}{lost}), {by}"
    names = ("attacker", "defender") if told.game.defender != NOBODY else ("attacker",)
    said = (
        f"{name} {value:g} in {counted(steps, 'step')}"
        for name, value, steps in zip(names, outcome.returns, outcome.steps, strict=False)
    )
    yield f"returns  {', '.join(said)}"


def _attempt(tried: Tried, told: OneGame) -> Iterator[tuple[str, str]]:
    """An attempt, and what was said in it."""
    attempt = tried.attempt
    why = f" ({attempt.why})" if attempt.state == VOID else ""
    match = ", not begun" if attempt.match is None else f", match {attempt.match}"
    yield f"attempt {attempt.number}: {attempt.state}{why}{match}", "bold"
    for said in tried.output:
        yield f"  {said.entrant} ({said.role}), {said.file}:", ""
        for line in said.lines:
            yield f"    {line.time} {line.text}", ""
    if attempt.match is not None and not tried.output:
        yield ("  no output is kept" if any(each.lost for each in told.sources) else "  no output"), ""


def _notes(told: OneGame) -> Iterator[str]:
    """What is not shown, and why."""
    for name in told.remote:
        yield f"{name} is remote: its output is not here."
    for source in told.sources:
        yield from _missing(source)


def _missing(source: Source) -> Iterator[str]:
    if source.unmarked:
        yield f"{source.file}: {counted(source.unmarked, 'line')} of the process, not of a game."
    if source.lost is not None:
        lost = source.lost
        yield (
            f"{source.file}: {counted(lost.lines, 'line')} of all games from {lost.first} to {lost.last} "
            f"are not kept: it was too much."
        )
