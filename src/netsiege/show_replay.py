"""Replays as people see them: a head, the events in words, how the seats stand. Plain where it is piped.

A file may be a stranger's: every line is cleaned (`shown`) before it is broken, and rich gets it as `Text`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from netsiege.engine.identity import engine_digest
from netsiege.engine.narrate import Event, Narrator, Said, describe_knowledge, describe_seat, say_result
from netsiege.engine.playback import Playback
from netsiege.engine.replay import Replay
from netsiege.engine.words import count
from netsiege.game import GameState
from netsiege.protocol import HUB_SEAT
from netsiege.scenarios.model import Spec
from netsiege.shown import shown

WIDTH = 110
"""Where lines are broken if the terminal is not narrower."""
MAX_CHARS = 1_000_000
"""Of one line before it is broken: all the hosts of a large network, say."""
_LABEL = 10
_STYLES = {"ERROR": "red", "END": "red", "RESULT": "bold green", "WAIT": "dim", "TRAJECTORY": "dim"}


class ReplayPrinter:
    """Prints to stdout, in colour if that is a terminal."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._console = Console(highlight=False)
        terminal = self._console.is_terminal
        self._width = max(min(self._console.width, WIDTH), 40) if terminal else WIDTH
        self._seat = max([len("hub"), *(len(self._name(seat)) for seat in range(len(replay.seats)))])

    def _name(self, seat: int) -> str:
        return "hub" if seat == HUB_SEAT else self._replay.seat_name(seat)

    def _print(self, head: str, text: str, style: str = "", head_style: str = "bold") -> None:
        """A line, broken under its text rather than its head."""
        head = shown(head)
        width = max(self._width - len(head), 20)
        lines = textwrap.wrap(shown(text, MAX_CHARS), width, break_on_hyphens=False) or [""]
        for i, line in enumerate(lines):
            before = head if i == 0 else " " * len(head)
            self._console.print(Text.assemble((before, head_style), (line, style)), soft_wrap=True)

    def _fact(self, label: str, text: str, style: str = "") -> None:
        self._print(f"{label:<{_LABEL}}", text, style)

    def line(self, text: str, style: str = "") -> None:
        """A line of its own."""
        self._print("", text, style)

    def head(self, spec: Spec) -> None:
        """Whose match it was, by which rules, and how it ended."""
        replay = self._replay
        where = f" in the room {shown(replay.room)}" if replay.room else ""
        self._fact("match", f"{replay.match}{where}, {count(len(replay.events), 'event')}")
        names = (shown(spec.topology.name), shown(spec.task.name))
        self._fact("scenario", f"{names[0]}, task {names[1]}, {spec.task.pacing}")
        self._fact("ruleset", replay.ruleset or f"{spec.task.ruleset} (by its spec)")
        self._fact("engine", replay.engine.hex())
        here = engine_digest()
        if here != replay.engine:
            self._fact("", f"{here.hex()} plays it here, which is another", "yellow")
        self._fact("seed", str(replay.seed))
        for i, seat in enumerate(replay.seats):
            self._fact("seats" if i == 0 else "", f"{i}: {self._name(i):<{self._seat}}  {shown(seat.name)}")
        self._results()
        self.line("")

    def _results(self) -> None:
        replay = self._replay
        names = [self._name(seat) for seat in range(len(replay.seats))]
        said = [say_result(result, names) for result in replay.results]
        if not said:
            said = ["no episode was settled" if replay.ruleset else "files of version 1 do not say"]
        for i, text in enumerate(said):
            self._fact("result" if i == 0 else "", text, "green")
        if replay.cause is not None:
            self._fact("ended by", replay.cause + (f": {replay.text}" if replay.text else ""))
        elif replay.ruleset:
            self._fact("ended by", "nothing: the recording stops before the end")

    def event(self, event: Event, told: Sequence[Said]) -> None:
        """One event, and as much of what was told as is wanted."""
        who = "" if event.seat == HUB_SEAT else f"{self._name(event.seat)}  "
        self._print(f"{event.number:>6}  ", f"{who}{event.text}", "bold", "cyan")
        for said in told:
            head = f"        {self._name(said.seat):<{self._seat}}  {said.kind:<6}  "
            self._print(head, said.text, _STYLES.get(said.kind, ""), "dim")

    def seats(self, playback: Playback, narrator: Narrator, only: int | None) -> None:
        """How the seats stand, and all that they know."""
        game = playback.game
        self.line("")
        self.line(f"After this event, in episode {game.number}:")
        for i, seat in enumerate(self._replay.seats):
            if only is not None and i != only:
                continue
            stands, state = describe_seat(game, i)
            self.line("")
            self._print(f"{self._name(i)}  ", f"{shown(seat.name)}: {stands}")
            if _differ(state, narrator.told_state(i)) and not game.seats[i].gone:
                self._print("  ", "(it has not been told all of this yet)", "dim")
            for heading, text in describe_knowledge(state):
                self._print(f"  {heading:<{_LABEL}}", text, "", "dim")


def _differ(state: GameState, told: GameState) -> bool:
    return state.to_wire() != told.to_wire()
