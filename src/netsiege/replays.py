"""Between a hub's journal and replays: where what a hub has kept meets the engine that can play it again."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from attrs import define

from netsiege.engine.playback import complete
from netsiege.engine.replay import Replay, Told, why_too_long
from netsiege.errors import ConfigError, SiegeError
from netsiege.hub.archive import MatchRecord, read_matches
from netsiege.protocol import EVENT_HEAD
from netsiege.scenarios.model import plain_spec
from netsiege.shown import LINE_CHARS, file_part, shown


def recorded(record: MatchRecord) -> Replay:
    """A finished match as its hub has kept it, without links: not played again, so nothing is compared.

    Raises `SiegeError`, naming the match, if it is open, or if no file can hold it.
    """
    problem = record.problem or why_too_long(record.events)
    if not problem and min(map(len, record.events), default=EVENT_HEAD.size) < EVENT_HEAD.size:
        problem = "an event is malformed"
    if problem:
        raise SiegeError(f"{_named(record)}: {shown(problem, LINE_CHARS)}")
    if record.cause is None or record.outputs is None or record.chain is None:
        raise SiegeError(f"{_named(record)}: it has not ended")
    try:
        spec = plain_spec(record.spec)
    except ValueError as error:
        raise SiegeError(f"{_named(record)}: {error}") from None
    return Replay(
        spec=spec,
        engine=record.engine,
        match=record.id,
        seed=record.seed,
        episodes=record.episodes,
        seats=tuple(record.seats),
        events=tuple(record.events),
        links=(),
        room=record.room,
        cause=record.cause,
        text=record.text,
        told=Told(record.outputs, record.chain),
    )


def from_record(record: MatchRecord) -> Replay:
    """The replay of a finished match: plays it again for the chain and the results.

    Raises `SiegeError`, naming the match, if it is open, if this engine cannot play it, if no file can hold
    it, or if what comes out is not what the hub has taken from the match's workers.
    """
    replay = recorded(record)
    try:
        whole = complete(replay)
        whole.to_bytes()
    except SiegeError as error:
        raise SiegeError(f"{_named(record)}: {shown(str(error), LINE_CHARS)}") from error
    return whole


def _named(record: MatchRecord) -> str:
    return f"match {record.id} of room {shown(record.room)}"


@define
class Extracted:
    """What came of one match of a journal: a file, or None and why not."""

    match: int
    room: str
    path: Path | None = None
    events: int = 0
    episodes: int = 0
    is_open: bool = False
    failure: str = ""


def read_journal(path: str | os.PathLike[str], only: Collection[int] | None = None) -> Iterator[MatchRecord]:
    """The matches of a journal, or the `only` ones that are asked for. A running hub may be writing it.

    `ConfigError` if it is no journal.
    """
    return read_matches(path, only)


def extract(
    records: Iterable[MatchRecord], folder: Path, wanted: Collection[int] = ()
) -> Iterator[Extracted]:
    """Writes `room-MATCH.siege` into the folder for each finished match, or the `wanted` ones only.

    Of the room's name stays what has a place in a file's (`netsiege.shown.file_part`).

    A match that does not come out as its hub told it is not written; the others are. Raises `ConfigError` if
    the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        label = shown(os.fspath(folder), LINE_CHARS)
        raise ConfigError(f"{label}: cannot be made: {getattr(error, 'strerror', None) or error}") from None
    for record in records:
        if wanted and record.id not in wanted:
            continue
        done = Extracted(record.id, record.room)
        if record.cause is None:
            done.is_open = True
        else:
            try:
                replay = from_record(record)
            except SiegeError as error:
                done.failure = str(error)
            else:
                done.path = folder / f"{file_part(record.room)}-{record.id}.siege"
                done.events, done.episodes = len(replay.events), len(replay.results)
                replay.save(done.path)
        yield done
