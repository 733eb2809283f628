"""A seat in a match: who sits there, and what it waits for."""

from __future__ import annotations

from typing import Any

from netsiege.engine.actions import Action, ActionReader
from netsiege.protocol import Reset, SeatSpec
from netsiege.protocol.play import PASS


class Seat:
    """A seat in the match, and what it waits for.

    `request` is that of its STEP: one that is `submitted` for a round, or the one whose observation is
    `owed` once all have ended (0: nobody asked). `asked` is its RESET, with `asked_request`.
    """

    __slots__ = (
        "action",
        "asked",
        "asked_request",
        "body",
        "deltas",
        "gone",
        "misses",
        "owed",
        "request",
        "spec",
        "submitted",
    )

    def __init__(self, spec: SeatSpec) -> None:
        self.spec = spec
        self.deltas = spec.deltas
        self.gone = False
        self.misses = 0
        self.request = 0
        self.submitted = False
        self.action: Action | None = None
        self.body = PASS
        self.owed = False
        self.asked: Reset | None = None
        self.asked_request = 0

    @property
    def is_busy(self) -> bool:
        """Whether it waits for the answer to a request."""
        return self.submitted or self.asked is not None or (self.owed and self.request != 0)

    def to_plain(self) -> list[Any]:
        """Everything, ready for msgpack."""
        spec, asked = self.spec, self.asked
        return [
            [spec.role, spec.index, spec.name, spec.deltas],
            self.gone,
            self.misses,
            self.request,
            self.body if self.submitted else None,
            self.owed,
            asked and [asked.request_trajectory, asked.randomize_topology, asked.seed],
            self.asked_request,
        ]

    def load(self, plain: list[Any], reader: ActionReader) -> None:
        """The inverse of `to_plain`, on a fresh seat of the same spec."""
        _, self.gone, self.misses, self.request, body, self.owed, asked, self.asked_request = plain
        if body is not None:
            self.submitted, self.body, self.action = True, body, reader.read(body)
        if asked is not None:
            self.asked = Reset.read(asked)

    def leave(self) -> None:
        """Has no part in the match any more."""
        self.gone, self.submitted, self.owed, self.asked = True, False, False, None
