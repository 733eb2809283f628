"""The rules of `netsecgame`, compiled: `netsiege.engine.rules` has them in words, and in the same order.

Each plays one action of a game with the masks `m` and returns whether what its attacker knows has changed.
Nothing is checked of the numbers of an action: they come from the action table. The firewall is that of the
terrain, without the blocks: the attacker plays alone, and knows of all there are. Logs are not kept: that a
host has one is certain, and what is in it changes neither what can be done nor what counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.actions import EXFILTRATE, EXPLOIT, FIND_DATA, FIND_SERVICES, SCAN
from netsiege.engine.batch import columns
from netsiege.engine.batch.compiled import ONE, bit, compiled, has
from netsiege.engine.batch.terrain import Terrain
from netsiege.engine.board import LOG

U64 = NDArray[np.uint64]

assert LOG == 0, "the lowest bit of a host's data is the log's"


@compiled
def _reach(t: Terrain, m: U64, source: int) -> Any:
    return t.at[source, columns.REACH] & ~m[t.cuts + source]


@compiled
def _see_networks(m: U64, found: Any) -> bool:
    if not found & ~m[columns.NETWORKS]:
        return False
    m[columns.NETWORKS] |= found
    return True


@compiled
def _see_hosts(m: U64, found: Any) -> bool:
    if not found & ~m[columns.HOSTS]:
        return False
    m[columns.HOSTS] |= found
    return True


@compiled
def _scan(t: Terrain, m: U64, source: int, network: int) -> bool:
    if not has(m[columns.CONTROLLED], source):
        return False
    return bool(_see_hosts(m, t.members[network] & _reach(t, m, source)))


@compiled
def _find_services(t: Terrain, m: U64, source: int, target: int) -> bool:
    controlled = m[columns.CONTROLLED]
    if not (has(controlled, source) and has(_reach(t, m, source), target)):
        return False
    found = t.at[target, columns.SERVICES_AT if has(controlled, target) else columns.OPEN_SERVICES_AT]
    if not found:
        return False
    changed = False
    if not has(m[columns.HOSTS], target):
        _see_networks(m, t.at[target, columns.NETWORKS_AT])
        changed = _see_hosts(m, bit(target))
    if m[t.services + target] != found:
        m[t.services + target] = found
        m[columns.SERVING] |= bit(target)
        changed = True
    return changed


@compiled
def _find_data(t: Terrain, m: U64, source: int, target: int) -> bool:
    controlled = m[columns.CONTROLLED]
    if not (has(controlled, source) and has(_reach(t, m, source), target) and has(controlled, target)):
        return False
    changed = False
    held, placed = t.data + target * t.words, t.placed + t.node_of[target] * t.words
    for word in range(t.words):
        found = m[placed + word]
        if not word:
            found |= ONE  # the log
        if found & ~m[held + word]:
            m[held + word] |= found
            changed = True
    m[columns.LOADED] |= bit(target)
    return changed


@compiled
def _exploit(t: Terrain, m: U64, source: int, target: int, service: int) -> bool:
    if not (has(m[columns.CONTROLLED], source) and has(_reach(t, m, source), target)):
        return False
    if not has(m[t.services + target] & t.at[target, columns.SERVICES_AT], service):
        return False
    changed = _see_networks(m, t.at[target, columns.NETWORKS_AT])
    if not has(m[columns.CONTROLLED], target):
        m[columns.CONTROLLED] |= bit(target)
        changed = True
    return changed


@compiled
def _exfiltrate(t: Terrain, m: U64, source: int, target: int, key: int) -> bool:
    controlled = m[columns.CONTROLLED]
    if not (has(controlled, target) and has(controlled, source) and has(_reach(t, m, source), target)):
        return False
    word, datum = key >> 6, bit(key & 63)
    held = t.data + target * t.words + word
    if not m[t.data + source * t.words + word] & datum:
        return False
    if key != LOG:
        if not m[t.placed + t.node_of[source] * t.words + word] & datum:
            return False
        m[t.placed + t.node_of[target] * t.words + word] |= datum
    if m[held] & datum:
        return False
    m[held] |= datum
    m[columns.LOADED] |= bit(target)
    return True


@compiled
def _block(t: Terrain, m: U64, source: int, target: int, blocked: int) -> bool:
    controlled = m[columns.CONTROLLED]
    if not (has(controlled, target) and has(controlled, source) and has(_reach(t, m, source), target)):
        return False
    if target == blocked or has(m[t.cuts + target], blocked):
        return False
    m[t.cuts + target] |= bit(blocked)
    m[t.cuts + blocked] |= bit(target)
    m[columns.CUT] |= bit(target) | bit(blocked)
    return True


@compiled
def apply(t: Terrain, m: U64, code: int, source: int, target: int, third: int) -> bool:
    """Plays one action; whether what is known has changed."""
    # a row of comparisons becomes a jump table; a tuple of functions would be called through pointers
    if code == SCAN:
        return bool(_scan(t, m, source, target))
    if code == FIND_SERVICES:
        return bool(_find_services(t, m, source, target))
    if code == FIND_DATA:
        return bool(_find_data(t, m, source, target))
    if code == EXPLOIT:
        return bool(_exploit(t, m, source, target, third))
    if code == EXFILTRATE:
        return bool(_exfiltrate(t, m, source, target, third))
    return bool(_block(t, m, source, target, third))
