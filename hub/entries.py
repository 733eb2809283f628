"""The journal's entries: what is kept of the arena beside its events, as plain values. No behaviour."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from netsiege.protocol import Arrange, OpenRoom


@frozen
class RoomOpened:
    """A room, as its `OpenRoom` says."""

    name: str
    opened: bytes


@frozen
class MatchMade:
    """A match and who sits in it: handle, JOIN's request, token, key, name and deltas for each seat."""

    id: int
    ordinal: int
    room: str
    seed: int
    engine: bytes
    rulesets: tuple[str, ...]
    players: list[Any]
    specs: list[Any]
    seats: list[list[Any]]


@frozen
class Chunk:
    """The events of a match up to number `upto`, its newest snapshot if that is another one, its seats."""

    match: int
    upto: int
    events: list[bytes]
    base: int
    snapshot: bytes | None
    outputs: int
    chain: int
    seats: list[list[Any]]


@frozen
class MatchEnded:
    """A match is over. `lost` are the last words about its seats, after their sessions' token, key, name."""

    match: int
    cause: str
    text: str
    outputs: int
    chain: int
    lost: list[list[Any]]


@frozen
class RoomClosed:
    """A room is closed; its matches stay where they are."""

    name: str


@frozen
class GameArranged:
    """A match is arranged: an `Arrange`."""

    name: str
    asked: bytes


@frozen
class GameNews:
    """What was told of an arranged match that has ended: kinds and bodies."""

    name: str
    news: list[list[Any]]


@frozen
class GameClosed:
    """What came of an arranged match was heard, or it was called off."""

    name: str


Record = RoomOpened | MatchMade | Chunk | MatchEnded | RoomClosed | GameArranged | GameNews | GameClosed


@frozen
class OpenMatch:
    """A match as the journal has it: made, newest snapshot, all events after that.

    `seats` are as they stood after event `filed`, when the journal had committed `filed_turn` turns.
    """

    made: MatchMade
    base: int
    snapshot: bytes | None
    outputs: int
    chain: int
    events: list[bytes]
    filed: int
    filed_turn: int
    seats: list[list[Any]] | None


@frozen
class KeptGame:
    """An arranged match that is not closed, what was told of it, and whether it was made."""

    asked: Arrange
    news: list[tuple[int, bytes]]
    made: bool


@frozen
class Kept:
    """All that a journal holds of the arena. `rooms` come with the number of matches they have made, `closed`
    are those of which there may still be matches.
    """

    rooms: list[tuple[OpenRoom, int]]
    matches: list[OpenMatch]
    ended: list[MatchEnded]
    last_match: int
    turns: int
    closed: list[OpenRoom] = field(factory=list)
    games: list[KeptGame] = field(factory=list)
