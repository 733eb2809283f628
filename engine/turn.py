"""The verbs of `netsiege.game.entries.Turn` on a world: one response as it takes effect."""

from __future__ import annotations

from netsiege.engine.actions import Action
from netsiege.engine.deltas import NOTHING, Delta, joined
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.siege_world import SiegeWorld
from netsiege.game import ActionType
from netsiege.game.action import CODE_OF
from netsiege.game.action_types import NETSECGAMES
from netsiege.game.entries import Effect


def take_effect(effect: Effect, world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Delta:
    """Does what an entry says; returns what the seat learns by it.

    Source and target of the action must be hosts of the board.
    """
    turn = _Turn(world, knows, seat, action)
    effect(turn)
    return turn.learned


class _Turn:
    """The protocol says what each verb does."""

    __slots__ = ("_knows", "_node", "_seat", "_service", "_source", "_target", "_world", "learned")

    def __init__(self, world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> None:
        self._world = world
        self._knows = knows
        self._seat = seat
        self._source, self._target = action[1:3]
        self._service = action[3] if len(action) > 3 and type(action[3]) is int else None
        self._node = world.board.node_of[self._target]
        self.learned: Delta = NOTHING

    def accuse(self) -> None:
        self._world.accuse(self._seat, self._node)

    def isolate(self) -> None:
        self._world.isolate(self._seat, self._node)

    def rejoin(self) -> None:
        self._world.rejoin(self._node)

    def evict(self) -> None:
        self._world.evict(self._node)

    def renew_credentials(self) -> None:
        self._world.reset |= 1 << self._node

    def set_decoy(self) -> None:
        self._world.decoys |= 1 << self._node

    def harden(self) -> None:
        self._world.hardened |= 1 << self._node

    def patch(self) -> None:
        if self._service is not None:
            patched = self._world.patched
            patched[self._node] = patched.get(self._node, 0) | 1 << self._service

    def take_control(self) -> None:
        self.learned = joined(self.learned, _conquer(self._world, self._knows, self._seat, self._target))

    def log_as(self, kind: ActionType) -> None:
        code = CODE_OF.get(kind, NETSECGAMES)
        if code >= NETSECGAMES:
            raise ValueError(f"log_as: {kind} is not one of NetSecGame's types, the only ones in logs")
        self._world.note(self._node, self._source, code)

    def mark(self, name: str) -> None:
        self._world.marks[name] = self._world.marks.get(name, 0) | 1 << self._node

    def unmark(self, name: str) -> None:
        if self.is_marked(name):
            self._world.marks[name] &= ~(1 << self._node)

    def is_marked(self, name: str) -> bool:
        return bool(self._world.marks.get(name, 0) >> self._node & 1)


def _conquer(world: SiegeWorld, knows: Knowledge, seat: int, target: int) -> Delta:
    """A seat gets into a host, and learns what that teaches."""
    board = world.board
    networks = knows.see_networks(board, board.networks_at[target])
    learned = joined(networks, knows.take_control(board, target))
    if world.conquer(seat, target):
        learned = joined(learned, board.deltas.controlled[target])
    return learned
