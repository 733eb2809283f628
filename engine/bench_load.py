"""What the benchmark plays: matches of random valid moves, written down before the clock starts."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from netsiege.engine.action_table import ActionTable
from netsiege.engine.game import Game
from netsiege.engine.host import GameHost
from netsiege.engine.streams import Stream
from netsiege.engine.tables import Tables, compile_spec
from netsiege.protocol import (
    EVENT_HEAD,
    VERSION,
    WORKER_HEAD,
    Kind,
    Open,
    Reset,
    SeatSpec,
    Spec,
    pack,
)

ROLE: Final = "Attacker"
SEATS: Final = (SeatSpec(ROLE, 0, "bench", True),)
RESET: Final = Reset().encode()
DIGEST: Final = b"bench"

Event = tuple[int, int, int, int, int, bytes]
"""Lease, sequence, seat, kind, request, body."""


@frozen
class Load:
    """Some matches as a worker would hear of them: opened, then step by step, one match after the other.

    `batches` are EVENT_MANY with a step of every match, `frames` the same as single EVENTs.
    """

    seeds: tuple[int, ...]
    """Of the matches with the leases 1, 2, …"""
    opening: tuple[bytes, ...]
    events: tuple[Event, ...]
    frames: tuple[bytes, ...]
    batches: tuple[bytes, ...]

    def host(self, spec: bytes) -> GameHost:
        """A worker's host with the matches opened."""
        host = GameHost()
        host.receive(WORKER_HEAD.pack(VERSION, Kind.SPEC, 0, 0) + Spec(DIGEST, spec).encode())
        self.reopen(host)
        return host

    def reopen(self, host: GameHost) -> None:
        """The matches from their starts again."""
        for frame in self.opening:
            host.receive(frame)


def record(tables: Tables, matches: int, steps: int, seed: int) -> Load:
    """Plays `matches` matches of one attacker for `steps` moves each, episodes one after the other."""
    table, draws = ActionTable(tables), Stream(seed, "bench")
    seeds = tuple(seed << 16 | i for i in range(matches))
    games = [Game(tables, i, each, SEATS, None) for i, each in enumerate(seeds)]
    events: list[Event] = []
    batches: list[bytes] = []
    for sequence in range(1, steps + 1):
        batch: list[Event] = []
        for lease, game in enumerate(games, 1):
            player = game.episode.players[0]
            kind, body = int(Kind.RESET), RESET
            if not player.ended:
                kind, body = int(Kind.STEP), table.sample(player.knows, draws.below, include_blocks=False)
            game.handle(0, kind, sequence, body)
            batch.append((lease, sequence, 0, kind, sequence, body))
        events += batch
        flat = [part for event in batch for part in event]
        batches.append(WORKER_HEAD.pack(VERSION, Kind.EVENT_MANY, 0, matches) + pack(flat))
    return Load(
        seeds=seeds,
        opening=tuple(
            WORKER_HEAD.pack(VERSION, Kind.OPEN, i + 1, 0) + Open(i, DIGEST, each, None, SEATS).encode()
            for i, each in enumerate(seeds)
        ),
        events=tuple(events),
        frames=tuple(
            WORKER_HEAD.pack(VERSION, Kind.EVENT, lease, sequence)
            + EVENT_HEAD.pack(seat, kind, request)
            + body
            for lease, sequence, seat, kind, request, body in events
        ),
        batches=tuple(batches),
    )


def moves_of_a_game(spec: bytes, most: int = 100, seed: int = 1) -> tuple[bytes, ...]:
    """The bodies of the STEPs of one episode of random valid moves, played until its end or `most` moves.

    In another match of the same spec some of them may not be valid, where another start has been drawn.
    """
    load = record(compile_spec(spec), 1, most, seed)
    kinds = [event[3] for event in load.events]
    end = kinds.index(int(Kind.RESET)) if int(Kind.RESET) in kinds else len(kinds)
    return tuple(event[5] for event in load.events[:end])
