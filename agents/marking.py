"""What agents print while they play a seat, marked with the seat's match (`netsiege.marks`).

One thread plays many seats in turn. While it runs an agent's code for one of them, each line that it writes
to standard output or standard error begins with the mark of the match, whoever holds the stream since when, a
logging handler say. Other lines have no mark: those of other threads, and all that is not written by way of
the two streams. Lines go out whole, so that no seat cuts another's; one that has no end yet is kept until it
has, until its seat is given up, or the process ends in order.

What is said after an exception that the agent's code for a seat has let out is marked, too: the traceback.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterable
from functools import cache
from typing import Final, TextIO

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.client import Client
from netsiege.game import Action, Observation
from netsiege.marks import VARIABLE, mark
from netsiege.session import Seat

LONGEST_CHARS: Final = 4_096
"""A line without an end is broken then."""


class _Now(threading.local):
    """The match that the thread plays just now."""

    match: int | None = None


_now: Final = _Now()


class _Lines:
    """What is written to one stream, line by line: each goes out when it is whole, with its mark."""

    def __init__(self, stream: TextIO) -> None:
        self._put = stream.write
        self._held: dict[tuple[int, int | None], str] = {}
        """Lines without an end, by thread and match."""
        stream.write = self.write  # type: ignore[method-assign]  # who holds the stream already writes here, too

    def write(self, text: str) -> int:
        key = (threading.get_ident(), _now.match)
        whole, newline, rest = (self._held.pop(key, "") + text).rpartition("\n")
        if newline:
            self._out(whole, key[1])
        if len(rest) > LONGEST_CHARS:
            self._out(rest, key[1])
        elif rest:
            self._held[key] = rest
        return len(text)

    def _out(self, lines: str, match: int | None) -> None:
        before = "" if match is None else mark(match)
        self._put(before + lines.replace("\n", "\n" + before) + "\n")

    def end(self, match: int) -> None:
        """Lets out what this thread has begun for a match."""
        rest = self._held.pop((threading.get_ident(), match), None)
        if rest is not None:
            self._out(rest, match)

    def close(self) -> None:
        """Lets out everything that was begun."""
        while self._held:
            (_, match), rest = self._held.popitem()
            self._out(rest, match)


class Marking:
    """Marks what is written to some streams; for good."""

    def __init__(self, streams: Iterable[TextIO]) -> None:
        self._lines = [_Lines(stream) for stream in streams]

    def begin(self) -> None:
        """The thread has no seat yet, or none any more."""
        _now.match = None

    def copy_for(self, agent: BaseAgent, client: Client, seat: Seat) -> Speaker:
        """A copy of an agent, for a seat, whose words are marked."""
        _now.match = seat.match
        speaker = Speaker(agent.copy_for(client, seat), seat.match)
        _now.match = None
        return speaker

    def end(self, match: int) -> None:
        """The seat in a match was given up: nothing more is said there."""
        for each in self._lines:
            each.end(match)

    def close(self) -> None:
        """The process ends."""
        for each in self._lines:
            each.close()


class Speaker:
    """An agent on one seat, as `Players` calls it: what it says meanwhile is marked."""

    def __init__(self, agent: BaseAgent, match: int) -> None:
        self._agent, self._match = agent, match

    # an exception leaves the match where it is, for what will be said of it

    def choose_action(self, observation: Observation) -> Action | None:
        """The agent's."""
        _now.match = self._match
        action = self._agent.choose_action(observation)
        _now.match = None
        return action

    def episode_started(self, observation: Observation) -> None:
        """The agent's."""
        _now.match = self._match
        self._agent.episode_started(observation)
        _now.match = None

    def episode_ended(self, summary: EpisodeSummary) -> None:
        """The agent's."""
        _now.match = self._match
        self._agent.episode_ended(summary)
        _now.match = None


@cache
def marking() -> Marking | None:
    """The process's, if its output is read by game; None if it is not: nothing is changed then."""
    if not os.environ.get(VARIABLE):
        return None
    made = Marking({id(each): each for each in (sys.stdout, sys.stderr) if each is not None}.values())
    atexit.register(made.close)
    return made
