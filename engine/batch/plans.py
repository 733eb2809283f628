"""Start positions and goals of a task as arrays, for `netsiege.engine.batch.beginning` to draw from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.batch.compiled import MAX_BITS
from netsiege.engine.board import Board
from netsiege.engine.episode import ATTACKER
from netsiege.engine.goals import GoalPlan
from netsiege.engine.masks import bits, mask_of
from netsiege.engine.views import Choice, Plan

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Local = Sequence[dict[int, int]]
"""Address -> number of a service on the board -> its number on the host."""


class PlanArrays(NamedTuple):
    """A `Plan`, and the rest of a `GoalPlan`. S and D: of how many hosts services and data are spoken of.

    What is said by `all` is listed already. K: words for data keys. For columns, see `columns`.
    """

    networks: np.uint64
    hosts: np.uint64
    hosts_drawn: int
    controlled: np.uint64
    controlled_drawn: int
    candidates: I64
    """Addresses that hosts are drawn from, each as often as it weighs."""
    service_hosts: I64
    """[S, 2]: address, and how many are drawn."""
    services: U64
    """[S, 2]: those listed and those drawn from, by the numbers of the host."""
    data_hosts: I64
    """[D, 2]: address, and how many are drawn."""
    data: U64
    """[D, K]."""
    item_starts: I64
    """[D + 1]: where in `item_keys` the items begin from which are drawn."""
    item_keys: I64
    name: NDArray[np.uint8]
    """Of the random stream."""
    is_drawn: bool
    """This and all that follows is of goals only."""
    is_possible: bool
    """Whether none of it lies outside of what the action table has."""
    wanted_services: int
    """Where in a game's masks the drawn services begin."""
    wanted_data: int
    block_hosts: I64
    blocks: U64
    """What each of those must be cut off from."""
    hunted: np.uint64
    """The hosts that must be cut off from all that the attacker controls."""


def start_arrays(board: Board, plan: Plan, local: Local, words: int) -> PlanArrays:
    """A start position; data are drawn from those of the host that they stand under."""
    items = [bits(board.items_at[board.node_of[choice.address]]) for choice in plan.data]
    return _arrays(board, plan, local, words, board.starts, items, "start")


def goal_arrays(board: Board, goal: GoalPlan, local: Local, words: int, wanted: int) -> PlanArrays:
    """A goal; all but services is drawn from all that there is. `wanted`: where in the masks it goes."""
    everything = list(range(len(board.items)))
    items = [everything for _ in goal.view.data]
    made = _arrays(board, goal.view, local, words, range(len(board.numbers)), items, "goal")
    blocked = [mask_of(board.index[n] for n in numbers if n in board.index) for _, numbers in goal.blocks]
    return made._replace(
        is_drawn=goal.is_drawn,
        is_possible=all(n in board.index for _, numbers in goal.blocks for n in numbers),
        wanted_services=wanted,
        wanted_data=wanted + len(made.service_hosts),
        block_hosts=np.array([board.index[host] for host, _ in goal.blocks], np.int64),
        blocks=np.array(blocked, np.uint64),
        hunted=np.uint64(mask_of(board.index[host] for host in goal.hunted)),
    )


def _arrays(
    board: Board,
    plan: Plan,
    local: Local,
    words: int,
    candidates: Sequence[int],
    items: list[list[int]],
    purpose: str,
) -> PlanArrays:
    keys = [[board.item_key[item] for item in choices] for choices in items]
    services = [(_services(board, each, local), _there(board, each, local)) for each in plan.services]
    return PlanArrays(
        networks=np.uint64(plan.networks),
        hosts=np.uint64(plan.hosts.listed),
        hosts_drawn=plan.hosts.drawn,
        controlled=np.uint64(plan.controlled.listed),
        controlled_drawn=plan.controlled.drawn,
        candidates=np.array(candidates, np.int64),
        service_hosts=_hosts(plan.services),
        services=np.array(services, np.uint64).reshape(-1, 2),
        data_hosts=_hosts(plan.data),
        data=_data(board, plan.data, keys, words),
        item_starts=np.cumsum([0, *map(len, keys)], dtype=np.int64),
        item_keys=np.array([key for choices in keys for key in choices], np.int64),
        name=np.frombuffer(f"/{purpose}/{ATTACKER}/0/".encode(), np.uint8),
        is_drawn=True,
        is_possible=True,
        wanted_services=0,
        wanted_data=0,
        block_hosts=np.zeros(0, np.int64),
        blocks=np.zeros(0, np.uint64),
        hunted=np.uint64(0),
    )


def _hosts(choices: Sequence[Choice]) -> I64:
    rows = [(choice.address, 0 if choice.every else choice.drawn) for choice in choices]
    return np.array(rows, np.int64).reshape(-1, 2)


def _there(board: Board, choice: Choice, local: Local) -> int:
    order = local[choice.address]
    return mask_of(order[service] for service in bits(board.services_at[board.node_of[choice.address]]))


def _services(board: Board, choice: Choice, local: Local) -> int:
    listed = mask_of(local[choice.address][service] for service in choice.listed)
    return listed | _there(board, choice, local) if choice.every else listed


def _data(board: Board, choices: Sequence[Choice], keys: Sequence[Sequence[int]], words: int) -> U64:
    masks = np.zeros((len(choices), words), np.uint64)
    for row, (choice, from_items) in enumerate(zip(choices, keys, strict=True)):
        listed = [board.key_index[datum[0], datum[1], datum[3]] for datum in choice.listed]
        for key in (*listed, *(from_items if choice.every else ())):
            masks[row, key // MAX_BITS] |= np.uint64(1 << key % MAX_BITS)
    return masks
