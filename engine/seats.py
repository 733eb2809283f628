"""The seats of a match: who sits there, what each waits for, and whom they wait for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from netsiege.engine.actions import Action, ActionReader
from netsiege.engine.episode import Player
from netsiege.errors import ProtocolError
from netsiege.game import AgentRole
from netsiege.protocol import Code, Reset, SeatSpec
from netsiege.protocol.play import PASS

_ORDER: Final = (AgentRole.Attacker.value, AgentRole.Benign.value, AgentRole.Defender.value)


class Seat:
    """A seat in the match, and what it waits for.

    `request` is that of its STEP: one that is `submitted` for a round, or the one whose observation is
    `owed` once all have ended (0: nobody asked). `asked` is its RESET, with `asked_request`.

    `told` are the flags of an end (`Seen`) in the last observation that it was told, `trajectory` what came
    with the first one of the episode.
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
        "told",
        "trajectory",
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
        self.told = 0
        self.trajectory: bytes | None = None

    @property
    def is_busy(self) -> bool:
        """Whether it waits for the answer to a request."""
        return self.submitted or self.asked is not None or (self.owed and self.request != 0)

    def knows_moves(self, player: Player) -> bool:
        """Whether it has been told of a move of its player in this episode."""
        return player.steps > self.owed

    def to_plain(self, player: Player) -> list[Any]:
        """Everything, ready for msgpack; the trajectory only while it is in the last observation told."""
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
            self.told,
            None if self.knows_moves(player) else self.trajectory,
        ]

    def load(self, plain: list[Any], reader: ActionReader) -> None:
        """The inverse of `to_plain`, on a fresh seat of the same spec."""
        _, self.gone, self.misses, self.request, body, self.owed, asked, self.asked_request = plain[:8]
        self.told, self.trajectory = plain[8:]
        if body is not None:
            self.submitted, self.body, self.action = True, body, reader.read(body)
        if asked is not None:
            self.asked = Reset.read(asked)

    def leave(self) -> None:
        """Has no part in the match any more."""
        self.gone, self.submitted, self.owed, self.asked, self.trajectory = True, False, False, None, None


def turn_order(specs: Sequence[SeatSpec]) -> list[int]:
    """In which order the moves of a round apply: attackers, benign users, defenders, each by index."""
    return sorted(range(len(specs)), key=lambda i: (_ORDER.index(specs[i].role), specs[i].index, i))


def round_is_complete(seats: Sequence[Seat], players: Sequence[Player]) -> bool:
    """Whether everyone who plays on has moved, and somebody does."""
    waiting = [
        seat.submitted
        for seat, player in zip(seats, players, strict=True)
        if not (seat.gone or seat.asked is not None or player.ended)
    ]
    return bool(waiting) and all(waiting)


def all_ended(seats: Sequence[Seat], players: Sequence[Player]) -> bool:
    """Whether nobody plays on."""
    for seat, player in zip(seats, players, strict=True):
        if not (player.ended or seat.gone or seat.asked is not None):
            return False
    return True


def check_agreement(wanted: Reset, seats: Sequence[Seat]) -> None:
    """Raises `ProtocolError(BAD_REQUEST)` if a seat has asked for another kind of new episode."""
    for other in seats:
        asked = other.asked
        if asked is None:
            continue
        if asked.seed is not None and wanted.seed is not None and asked.seed != wanted.seed:
            raise ProtocolError(
                Code.BAD_REQUEST, f"another seat has asked for seed {asked.seed}, not {wanted.seed}"
            )
        if asked.randomize_topology != wanted.randomize_topology:
            raise ProtocolError(
                Code.BAD_REQUEST,
                f"another seat has asked with randomize_topology {asked.randomize_topology}",
            )
