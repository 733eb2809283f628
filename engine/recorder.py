"""Plays a match and keeps what a replay needs: the events, the chain, the results, and the hub's own sums."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from netsiege.engine.game import Game
from netsiege.engine.identity import engine_digest
from netsiege.engine.replay import LINK_BYTES, Replay, Told
from netsiege.engine.replies import Output
from netsiege.engine.tables import Tables, compile_spec
from netsiege.protocol import EVENT_HEAD, HUB_SEAT, OUT_HEAD, Cause, Flag, Kind, Result, SeatSpec, link

_LENGTH: Final = struct.Struct(">I")
_ARENA: Final = (Cause.WORKER, Cause.HUB, Cause.FAULT)
"""Ends that come from outside of the match, so that some of its outputs may never have been taken."""


@lru_cache(maxsize=4)
def _compiled(spec: bytes) -> Tables:
    """Matches of one spec are often played again in a row; compiling it takes as long as some of them do."""
    return compile_spec(spec)


class Chain:
    """A SHA-256 over everything a match says, in order."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def link(self, outputs: Iterable[Output]) -> bytes:
        """Adds the outputs of one event; the first bytes of the chain up to here."""
        sha = self._sha
        for seat, kind, flags, request, body in outputs:
            sha.update(OUT_HEAD.pack(seat, kind, flags, request) + _LENGTH.pack(len(body)) + body)
        sha.update(b".")
        return sha.digest()[:LINK_BYTES]


class Tally:
    """Counts and links outputs as a hub does, and notes how the sums stood where a hub's `told` ends."""

    def __init__(self, seats: int, told: Told | None) -> None:
        self.outputs = 0
        self.chain = 0
        self._told = told
        self._then = 0 if told is not None and not told.outputs else None
        """The chain over as many outputs as the hub has told."""
        self._playing = set(range(seats))
        self._over_after: int | None = None
        """Outputs up to the one with which the last seat was over."""

    def add(self, outputs: Iterable[Output]) -> None:
        """Takes the outputs of one event."""
        for seat, kind, flags, request, body in outputs:
            self.outputs += 1
            self.chain = link(self.chain, seat, kind, flags, request, body)
            if self._told is not None and self.outputs == self._told.outputs:
                self._then = self.chain
            if flags & Flag.OVER and self._playing:
                self._playing.discard(seat)
                if not self._playing:
                    self._over_after = self.outputs

    def difference(self, cause: str | None) -> str | None:
        """How the sums of the hub, given at the start, differ from these; None if they agree.

        A hub takes nothing more once all seats are over, nor when it ends a match itself.
        """
        told = self._told
        if told is None:
            return None
        if self._then is not None and self._then != told.chain:
            return (
                f"the chain over the first {told.outputs} outputs is {self._then:08x}, "
                f"the hub's is {told.chain:08x}"
            )
        closed = self._over_after is not None and told.outputs >= self._over_after
        if self._then is None or (told.outputs < self.outputs and not closed and cause not in _ARENA):
            return f"there are {self.outputs} outputs, the hub took {told.outputs}"
        return None


class Recorder:
    """Plays a match and keeps what a replay needs. `handle` is `Game.handle`.

    Raises `RuleError` for a spec or seats that this engine cannot play.
    """

    def __init__(
        self,
        spec: bytes,
        match: int,
        seed: int,
        seats: Sequence[SeatSpec],
        episodes: int | None,
        told: Told | None = None,
    ) -> None:
        self._spec = spec
        self._seats = tuple(seats)
        self.tables: Tables = _compiled(spec)
        self.game = Game(self.tables, match, seed, seats, episodes)
        self.tally = Tally(len(self._seats), told)
        self.results: list[Result] = []
        self.links: list[bytes] = []
        self._chain = Chain()
        self._events: list[bytes] = []
        self.opening = self.game.open()
        self._keep(self.opening)

    def handle(self, seat: int, kind: int, request: int, body: bytes) -> list[Output]:
        """Passes one event on."""
        outputs = self.game.handle(seat, kind, request, body)
        self._events.append(EVENT_HEAD.pack(seat, kind, request) + body)
        self._keep(outputs)
        return outputs

    def _keep(self, outputs: list[Output]) -> None:
        self.links.append(self._chain.link(outputs))
        self.tally.add(outputs)
        for seat, kind, _, _, body in outputs:
            if seat == HUB_SEAT and kind == Kind.RESULT:
                self.results.append(Result.decode(body))

    def replay(self) -> Replay:
        """The match so far, as one that no hub has run."""
        game = self.game
        return Replay(
            self._spec,
            engine_digest(),
            game.match,
            game.seed,
            game.episodes,
            self._seats,
            tuple(self._events),
            tuple(self.links),
            ruleset=self.tables.ruleset,
            results=tuple(self.results),
            cause=Cause.FINISHED if game.over else None,
        )
