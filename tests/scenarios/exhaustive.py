"""The fewest steps of an attack by trying everything, on the engine's own rules: slow, and sure."""

from __future__ import annotations

from netsiege.engine import rules, valid
from netsiege.engine.actions import EXFILTRATE, EXPLOIT, SCAN, Action
from netsiege.engine.board import LOG, Board
from netsiege.engine.goals import Goal
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.world import World


def fewest_steps(board: Board, start: Knowledge, goal: Goal, most: int) -> int | None:
    """Steps of the shortest attack with valid actions; None if it takes more than `most`, or there is none.

    Log files are left where they are: no goal is about one.
    """
    row, seen = [start], {_key(start)}
    for steps in range(most + 1):
        if any(goal.reached(board, knows, ()) for knows in row):
            return steps
        if steps == most:
            return None
        following = []
        for knows in row:
            for action in _actions(board, knows):
                after = knows.copy()
                rules.play(_world(board, knows), after, 0, action)
                key = _key(after)
                if key not in seen:
                    seen.add(key)
                    following.append(after)
        row = following
    return None


def reached_at_last(board: Board, start: Knowledge, goal: Goal) -> bool:
    """Whether all that can be done leads to a goal: nothing that is known is ever forgotten."""
    knows, before = start.copy(), None
    while before != _key(knows):
        before = _key(knows)
        for action in _actions(board, knows):
            rules.play(_world(board, knows), knows, 0, action)
    return goal.reached(board, knows, ())


def _actions(board: Board, knows: Knowledge) -> list[Action]:
    """All valid actions that are not about logs, as the rules take them."""
    found: list[Action] = []
    for number in range(valid.count(board, knows, False)):
        code, source, target, third = valid.locate(board, knows, number, False)
        if code == SCAN:
            address, prefix = board.networks[target]
            found.append((code, source, board.members(address, prefix)))
        elif code == EXFILTRATE:
            if third != LOG:
                found.append((code, source, target, third, knows.data[source][third]))
        elif code == EXPLOIT:
            found.append((code, source, target, third))
        else:
            found.append((code, source, target))
    return found


def _world(board: Board, knows: Knowledge) -> World:
    """The world after whatever led to that knowledge, as far as data are concerned."""
    world = World(board, [False])
    for address, held in knows.data.items():
        node = board.node_of[address]
        for key in held.keys() - {LOG}:
            if not world.items(node) & board.key_items[key]:
                first = next(n for n, items in enumerate(board.items_at) if items & board.key_items[key])
                world.copy_data(key, first, node)
    return world


def _key(knows: Knowledge) -> tuple[object, ...]:
    data = tuple((address, *sorted(held)) for address, held in sorted(knows.data.items()))
    return knows.networks, knows.hosts, knows.controlled, tuple(sorted(knows.services.items())), data
