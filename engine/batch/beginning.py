"""How an episode begins, compiled: what `netsiege.engine.views` and `netsiege.engine.goals` draw.

The draws come from the same streams in the same order: controlled hosts, hosts, services, data. `m` and `n`
are the masks and the numbers of one game.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.batch import columns
from netsiege.engine.batch.compiled import ONE, ZERO, apart, bit, compiled, has, lowest, select, size
from netsiege.engine.batch.hashing import below, derive
from netsiege.engine.batch.plans import PlanArrays
from netsiege.engine.batch.terrain import Setup, Terrain

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]


@compiled
def _holds(keys: U64, key: int) -> bool:
    return bool(has(keys[key >> 6], key & 63))


@apart
def _draw_hosts(
    plan: PlanArrays, listed: Any, drawn: int, seed: Any, draws: int, words: U32
) -> tuple[Any, int]:
    """The mask of the hosts, and how many draws of the stream there were."""
    mask = listed
    for _ in range(drawn):
        left = 0
        for address in plan.candidates:
            left += not has(mask, address)
        if not left:
            break
        draws += 1
        number = below(derive(seed, plan.name, draws, words), left)
        for address in plan.candidates:
            if not has(mask, address):
                if not number:
                    mask |= bit(address)
                    break
                number -= 1
    return mask, draws


@apart
def _draw_services(plan: PlanArrays, row: int, seed: Any, draws: int, words: U32) -> tuple[Any, int]:
    mask = plan.services[row, columns.LISTED]
    for _ in range(plan.service_hosts[row, columns.DRAWN]):
        left = plan.services[row, columns.CHOICES] & ~mask
        if not left:
            break
        draws += 1
        mask |= bit(select(left, below(derive(seed, plan.name, draws, words), size(left))))
    return mask, draws


@apart
def _draw_data(plan: PlanArrays, row: int, keys: U64, seed: Any, draws: int, words: U32) -> int:
    """Writes the keys; how many draws of the stream there were."""
    for word in range(len(keys)):
        keys[word] = plan.data[row, word]
    items = plan.item_keys[plan.item_starts[row] : plan.item_starts[row + 1]]
    for _ in range(plan.data_hosts[row, columns.DRAWN]):
        left = 0
        for key in items:
            left += not _holds(keys, key)
        if not left:
            break
        draws += 1
        number = below(derive(seed, plan.name, draws, words), left)
        for key in items:
            if not _holds(keys, key):
                if not number:
                    keys[key >> 6] |= bit(key & 63)
                    break
                number -= 1
    return draws


@apart
def _draw_start(t: Terrain, plan: PlanArrays, m: U64, words: U32) -> None:
    seed = m[columns.EPISODE_SEED]
    controlled, draws = _draw_hosts(plan, plan.controlled, plan.controlled_drawn, seed, 0, words)
    hosts, draws = _draw_hosts(plan, plan.hosts, plan.hosts_drawn, seed, draws, words)
    networks, left = plan.networks, controlled
    while left:
        networks |= t.at[lowest(left), columns.NEIGHBOURS_AT]
        left &= left - ONE
    m[columns.CONTROLLED], m[columns.HOSTS], m[columns.NETWORKS] = controlled, hosts | controlled, networks
    for row in range(len(plan.service_hosts)):
        host = plan.service_hosts[row, columns.ADDRESS]
        services, draws = _draw_services(plan, row, seed, draws, words)
        if services:
            m[t.services + host] = services
            m[columns.SERVING] |= bit(host)
    for row in range(len(plan.data_hosts)):
        host = plan.data_hosts[row, columns.ADDRESS]
        keys = m[t.data + host * t.words : t.data + (host + 1) * t.words]
        draws = _draw_data(plan, row, keys, seed, draws, words)
        for word in keys:
            if word:
                m[columns.LOADED] |= bit(host)


@apart
def _draw_goal(t: Terrain, plan: PlanArrays, m: U64, words: U32) -> None:
    seed = m[columns.EPISODE_SEED]
    controlled, draws = _draw_hosts(plan, plan.controlled, plan.controlled_drawn, seed, 0, words)
    hosts, draws = _draw_hosts(plan, plan.hosts, plan.hosts_drawn, seed, draws, words)
    m[columns.GOAL_CONTROLLED], m[columns.GOAL_HOSTS] = controlled, hosts
    for row in range(len(plan.service_hosts)):
        m[plan.wanted_services + row], draws = _draw_services(plan, row, seed, draws, words)
    for row in range(len(plan.data_hosts)):
        keys = m[plan.wanted_data + row * t.words : plan.wanted_data + (row + 1) * t.words]
        draws = _draw_data(plan, row, keys, seed, draws, words)


@apart
def begin(c: Setup, m: U64, n: I64, repeats: NDArray[np.uint8], seed: Any, words: U32) -> None:
    """A new episode of a game from that seed. What is valid in it is still to be counted."""
    t = c.terrain
    m[columns.EPISODE_SEED] = seed
    m[columns.SERVING] = m[columns.LOADED] = m[columns.CUT] = ZERO
    # by loops: an assignment to a slice would compile to much more than this, and may allocate
    for i in range(t.services, t.placed):
        m[i] = ZERO
    for i in range(len(t.placed_first)):
        m[t.placed + i] = t.placed_first[i]
    for i in range(len(repeats)):
        repeats[i] = 0
    n[columns.STEPS] = n[columns.END] = 0
    n[columns.WINDOW] = n[columns.WATCHED] = n[columns.DETECTIONS] = 0
    _draw_start(t, c.start, m, words)
    if c.goal.is_drawn or not n[columns.HAS_GOAL]:
        _draw_goal(t, c.goal, m, words)
        n[columns.HAS_GOAL] = 1
