"""Between a hub's journal and replays: where what a hub has kept meets the engine that can play it again."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from attrs import define

from netsiege.engine.playback import complete
from netsiege.engine.replay import Replay, Told
from netsiege.errors import ConfigError, SiegeError
from netsiege.hub.archive import MatchRecord, read_matches


def from_record(record: MatchRecord) -> Replay:
    """The replay of a finished match: plays it again for the chain and the results.

    Raises `SiegeError`, naming the match, if it is open, if this engine cannot play it, or if what comes out
    is not what the hub has taken from the match's workers.
    """
    name = f"match {record.id} of room {record.room}"
    if record.cause is None or record.outputs is None or record.chain is None:
        raise SiegeError(f"{name}: it has not ended")
    replay = Replay(
        spec=record.spec,
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
    try:
        return complete(replay)
    except SiegeError as error:
        raise SiegeError(f"{name}: {error}") from error


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


def read_journal(path: str | os.PathLike[str]) -> Iterator[MatchRecord]:
    """The matches of a journal, which a running hub may be writing. `ConfigError` if it is no journal."""
    return read_matches(path)


def extract(
    records: Iterable[MatchRecord], folder: Path, wanted: Collection[int] = ()
) -> Iterator[Extracted]:
    """Writes `room-MATCH.siege` into the folder for each finished match, or the `wanted` ones only.

    A match that does not come out as its hub told it is not written; the others are. Raises `ConfigError` if
    the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}") from None
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
                done.path = folder / f"{_file_name(record.room)}-{record.id}.siege"
                done.events, done.episodes = len(replay.events), len(replay.results)
                replay.save(done.path)
        yield done


def _file_name(room: str) -> str:
    """A room's name without what has no place in a file's."""
    return re.sub(r"[^\w.-]", "_", room).lstrip(".") or "_"
