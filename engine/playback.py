"""Plays replays again, and says whether what comes out is what they say."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from attrs import frozen

from netsiege.engine.game import Game
from netsiege.engine.identity import engine_digest
from netsiege.engine.recorder import Recorder
from netsiege.engine.replay import Replay
from netsiege.engine.replies import Output
from netsiege.errors import RuleError, SiegeError
from netsiege.protocol import EVENT_HEAD, Result
from netsiege.shown import LINE_CHARS, shown

_SHOWN_DIGEST = 12


class Playback:
    """A replay being played again, from its start, once. `differs` is the first event to come out otherwise.

    A replay without links can be played, but not compared. Raises `RuleError` if this engine knows no such
    spec, and for an event that it cannot play.
    """

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.recorder = _recorder(replay)
        self.differs: int | None = None

    @property
    def game(self) -> Game:
        """The match as it stands after the last event."""
        return self.recorder.game

    def turns(self) -> Iterator[tuple[int, list[Output]]]:
        """The number and the outputs of each event; the opening is event 0."""
        self._compare(0)
        yield 0, self.recorder.opening
        for number, event in enumerate(self.replay.events, 1):
            outputs = self._play(number, event)
            self._compare(number)
            yield number, outputs

    def _play(self, number: int, event: bytes) -> list[Output]:
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        try:
            return self.recorder.handle(seat, kind, request, event[EVENT_HEAD.size :])
        except SiegeError as error:
            raise RuleError(f"{self.replay.describe_event(number)}: {_said(error)}") from error
        except Exception as error:  # the edge around one match: its last event may be what ended it
            said = f"{self.replay.describe_event(number)}: breaks this engine: {_said(error)}"
            raise RuleError(said) from error

    def _compare(self, number: int) -> None:
        links = self.replay.links
        if links and self.differs is None and links[number] != self.recorder.links[number]:
            self.differs = number

    def sums_differ(self) -> str | None:
        """After the last event: how what the hub told differs from what came out, None if it does not."""
        return self.recorder.tally.difference(self.replay.cause)


def _recorder(replay: Replay) -> Recorder:
    try:
        return Recorder(replay.spec, replay.match, replay.seed, replay.seats, replay.episodes, replay.told)
    except SiegeError as error:
        raise RuleError(_said(error)) from error
    except Exception as error:  # the edge around one match: a spec may be what no task would be
        raise RuleError(f"the opening: breaks this engine: {_said(error)}") from error


def _said(error: Exception) -> str:
    """What an error says, on one line: it may quote what is in the file."""
    text = str(error) if isinstance(error, SiegeError) else f"{type(error).__name__}: {error}"
    return shown(text, LINE_CHARS)


@frozen
class Verdict:
    """What came of a replay: `event` is the first that differs (0: the opening), None if none does.

    `problems` are other things that the file says wrongly, a line each; they are looked for only if all
    events agree. `note` tells of an engine that is not the one that played: no difference by itself.
    """

    event: int | None
    problems: tuple[str, ...] = ()
    note: str | None = None
    results: tuple[Result, ...] = ()
    """What the match came to when it was played again, if all events agree."""

    @property
    def same(self) -> bool:
        """Whether everything agrees."""
        return self.event is None and not self.problems


def verify(replay: Replay) -> Verdict:
    """Plays a replay again. Raises `RuleError` for a spec or an event that this engine cannot play."""
    note = engine_note(replay)
    playback = Playback(replay)
    for _ in playback.turns():
        if playback.differs is not None:
            return Verdict(playback.differs, note=note)
    problems = []
    sums = playback.sums_differ()
    if sums is not None:
        problems.append(f"the hub told its agents otherwise than this file does: {sums}")
    recorder = playback.recorder
    if replay.ruleset not in ("", recorder.tables.ruleset):
        theirs, ours = shown(replay.ruleset), shown(recorder.tables.ruleset)
        problems.append(f"it names the ruleset {theirs!r}, its spec {ours!r}")
    if replay.ruleset and replay.results != tuple(recorder.results):
        problems.append("the results that it names are not those that come out")
    return Verdict(None, tuple(problems), note, tuple(recorder.results))


def engine_note(replay: Replay) -> str | None:
    """That the engine of a replay is not this one, for people; None if it is."""
    here = engine_digest()
    if replay.engine == here:
        return None
    theirs, ours = replay.engine.hex()[:_SHOWN_DIGEST] or "none", here.hex()[:_SHOWN_DIGEST]
    return f"played by the engine {theirs}, again by {ours}"


def complete(replay: Replay) -> Replay:
    """A replay that has no links yet, with the links, results and ruleset that come out of its events.

    Raises `SiegeError` if what its hub has told is not what comes out, and `RuleError` as `Playback` does.
    """
    playback = Playback(attrs.evolve(replay, links=()))
    for _ in playback.turns():
        pass
    sums = playback.sums_differ()
    if sums is not None:
        note = engine_note(replay)
        raise SiegeError(f"played again, {sums}" + (f" ({note})" if note else ""))
    recorder = playback.recorder
    return attrs.evolve(
        replay,
        links=tuple(recorder.links),
        results=tuple(recorder.results),
        ruleset=recorder.tables.ruleset,
    )
