"""The valid actions of a game, compiled: counted and numbered from masks.

Exactly those of `netsiege.engine.valid`, numbered in the same order. An action is four numbers here, too:
code, source, target, third. `m` and `n` are the masks and the numbers of one game. Counting is done after
each change of what is known; most actions change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.actions import BLOCK, EXFILTRATE, EXPLOIT, FIND_DATA, FIND_SERVICES, SCAN
from netsiege.engine.batch import columns
from netsiege.engine.batch.compiled import ONE, apart, bit, compiled, lowest, select, size
from netsiege.engine.batch.terrain import Terrain

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Parts = tuple[int, int, int, int]


# --- counting ---------------------------------------------------------------------------------------------


@compiled
def _offers_among(t: Terrain, m: U64, hosts: Any) -> int:
    """How many services are known on some hosts."""
    total, left = 0, hosts & m[columns.SERVING]
    while left:
        total += size(m[t.services + lowest(left)])
        left &= left - ONE
    return total


@compiled
def _havens(t: Terrain, m: U64, source: int) -> Any:
    """Where data of a host can be taken to."""
    return m[columns.CONTROLLED] & ~bit(source) & ~m[t.cuts + source]


@compiled
def _keys_known(t: Terrain, m: U64, host: int) -> int:
    total = 0
    for word in range(t.words):
        total += size(m[t.data + host * t.words + word])
    return total


@apart
def count(t: Terrain, m: U64, n: I64) -> None:
    """Sums up how many actions of each code are valid."""
    controlled, hosts = m[columns.CONTROLLED], m[columns.HOSTS]
    sources, known = size(controlled), size(hosts)
    offers = _offers_among(t, m, m[columns.SERVING])
    asked, exploited, rows = sources * known, sources * offers, sources * sources
    left = controlled & m[columns.CUT]
    while left:
        cut = m[t.cuts + lowest(left)]
        asked -= size(hosts & cut)
        exploited -= _offers_among(t, m, cut)
        rows -= size(controlled & cut)
        left &= left - ONE
    carried, loaded = 0, m[columns.LOADED]
    while loaded:
        source = lowest(loaded)
        carried += _keys_known(t, m, source) * size(_havens(t, m, source))
        loaded &= loaded - ONE
    n[columns.OFFERS] = offers
    n[columns.COUNTS + SCAN] = sources * size(m[columns.NETWORKS])
    n[columns.COUNTS + FIND_SERVICES] = asked
    n[columns.COUNTS + FIND_DATA] = sources
    n[columns.COUNTS + EXPLOIT] = exploited
    n[columns.COUNTS + EXFILTRATE] = carried
    n[columns.COUNTS + BLOCK] = rows * known if t.include_blocks else 0


@compiled
def total(n: I64) -> int:
    """How many actions are valid."""
    number = 0
    for code in range(columns.CODES):
        number += n[columns.COUNTS + code]
    return number


# --- finding one by its number ----------------------------------------------------------------------------


@compiled
def _split(number: int, width: int) -> tuple[int, int]:
    """Row and column: a division of 32 bits, which takes half as long as one of 64."""
    row = int(np.int64(np.uint32(number) // np.uint32(width)))
    return row, number - row * width


@compiled
def _row(t: Terrain, m: U64, among: Any, number: int) -> tuple[int, int]:
    """The source to which a number belongs if each has the members of `among` that it is not cut off from."""
    left = m[columns.CONTROLLED]
    if not m[columns.CUT] & left:
        row, column = _split(number, size(among))
        return select(left, row), column
    source, here = lowest(left), size(among & ~m[t.cuts + lowest(left)])
    while number >= here:
        number -= here
        left &= left - ONE
        source = lowest(left)
        here = size(among & ~m[t.cuts + source])
    return source, number


@compiled
def _exploit_source(t: Terrain, m: U64, n: I64, number: int) -> tuple[int, int]:
    """The source of the exploit of a number, and its number among those of the source."""
    left = m[columns.CONTROLLED]
    if not m[columns.CUT] & left:
        row, column = _split(number, n[columns.OFFERS])
        return select(left, row), column
    source = lowest(left)
    here = n[columns.OFFERS] - _offers_among(t, m, m[t.cuts + source])
    while number >= here:
        number -= here
        left &= left - ONE
        source = lowest(left)
        here = n[columns.OFFERS] - _offers_among(t, m, m[t.cuts + source])
    return source, number


@compiled
def _find_exploit(t: Terrain, m: U64, n: I64, number: int) -> Parts:
    source, place = _exploit_source(t, m, n, number)
    hosts = m[columns.SERVING] & ~m[t.cuts + source]
    target = lowest(hosts)
    while place >= size(m[t.services + target]):
        place -= size(m[t.services + target])
        hosts &= hosts - ONE
        target = lowest(hosts)
    return EXPLOIT, source, target, select(m[t.services + target], place)


@apart
def _find_exfiltration(t: Terrain, m: U64, number: int) -> Parts:
    left, place = m[columns.LOADED], number
    source = lowest(left)
    here = _keys_known(t, m, source) * size(_havens(t, m, source))
    while place >= here:
        place -= here
        left &= left - ONE
        source = lowest(left)
        here = _keys_known(t, m, source) * size(_havens(t, m, source))
    row, column = _split(place, _keys_known(t, m, source))
    first = t.data + source * t.words
    word = 0
    while column >= size(m[first + word]):
        column -= size(m[first + word])
        word += 1
    return EXFILTRATE, source, select(_havens(t, m, source), row), 64 * word + select(m[first + word], column)


@compiled
def locate(t: Terrain, m: U64, n: I64, number: int) -> Parts:
    """The valid action of that number, which must be one."""
    code, place = 0, number
    while place >= n[columns.COUNTS + code]:
        place -= n[columns.COUNTS + code]
        code += 1
    controlled, hosts = m[columns.CONTROLLED], m[columns.HOSTS]
    # as in `rules.apply`
    if code == SCAN:
        row, column = _split(place, size(m[columns.NETWORKS]))
        return SCAN, select(controlled, row), select(m[columns.NETWORKS], column), 0
    if code == FIND_SERVICES:
        source, column = _row(t, m, hosts, place)
        return FIND_SERVICES, source, select(hosts & ~m[t.cuts + source], column), 0
    if code == FIND_DATA:
        source = select(controlled, place)
        return FIND_DATA, source, source, 0
    if code == EXPLOIT:
        return _find_exploit(t, m, n, place)
    if code == EXFILTRATE:
        return _find_exfiltration(t, m, place)
    row, column = _split(place, size(hosts))
    source, among = _row(t, m, controlled, row)
    return BLOCK, source, select(controlled & ~m[t.cuts + source], among), select(hosts, column)


# --- indices of the action table --------------------------------------------------------------------------


@compiled
def index_of(t: Terrain, parts: Parts) -> int:
    """The index of an action in the action table."""
    code, source, target, third = parts
    place = target
    if code == EXPLOIT:
        place = t.offer_starts[target] + third
    elif code == EXFILTRATE:
        place = target * t.keys + third
    elif code == BLOCK:
        place = target * t.hosts + third
    return int(t.ends[code] - t.hosts * t.widths[code] + source * t.widths[code] + place)


@compiled
def parts_of(t: Terrain, index: int) -> Parts:
    """The action of an index, which must be one."""
    code = 0
    while index >= t.ends[code]:
        code += 1
    # 32 bits are enough: the most there are of are 64 ** 3 blocks, and 64 ** 2 exfiltrations of each datum
    source, place = _split(index - (t.ends[code] - t.hosts * t.widths[code]), t.widths[code])
    if code == EXPLOIT:
        target = 0
        while place >= t.offer_starts[target + 1]:
            target += 1
        return code, source, target, place - t.offer_starts[target]
    if code == EXFILTRATE:
        target, third = _split(place, t.keys)
        return code, source, target, third
    if code == BLOCK:
        target, third = _split(place, t.hosts)
        return code, source, target, third
    return code, source, place, 0
