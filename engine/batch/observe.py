"""What the players of a batch know, and what they may do, as arrays of truth values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.actions import BLOCK, EXFILTRATE, EXPLOIT, FIND_DATA, FIND_SERVICES, SCAN
from netsiege.engine.batch import columns
from netsiege.engine.batch.compiled import compiled, entry, has
from netsiege.engine.batch.terrain import Terrain

U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]


class Seen(NamedTuple):
    """The knowledge of every game's attacker, in the order of the board. G games, A addresses.

    Addresses, networks, services and data are those of `Board.texts`, `networks`, `services` and `keys`.
    """

    known_networks: Bools
    """[G, networks]."""
    known_hosts: Bools
    """[G, A]."""
    controlled_hosts: Bools
    """[G, A]."""
    known_services: Bools
    """[G, offers]: in the order of `Batch.offers`, host by host."""
    known_data: Bools
    """[G, A, keys]: key 0 is the log; what is written in it is not told."""
    known_blocks: Bools
    """[G, A, A]: from which hosts each is cut off."""


def make_seen(terrain: Terrain, count: int) -> Seen:
    """Arrays for `observe` to write."""
    hosts = terrain.hosts

    def array(*shape: int) -> Bools:
        return np.zeros((count, *shape), np.bool_)

    return Seen(
        array(terrain.networks),
        array(hosts),
        array(hosts),
        array(int(terrain.offer_starts[-1])),
        array(hosts, terrain.keys),
        array(hosts, hosts),
    )


@entry
def observe(t: Terrain, masks: U64, seen: Seen) -> None:
    """Writes what every game's attacker knows."""
    for g in range(len(masks)):
        m = masks[g]
        for i in range(t.networks):
            seen.known_networks[g, i] = has(m[columns.NETWORKS], i)
        for host in range(t.hosts):
            seen.known_hosts[g, host] = has(m[columns.HOSTS], host)
            seen.controlled_hosts[g, host] = has(m[columns.CONTROLLED], host)
            start = t.offer_starts[host]
            for i in range(t.offer_starts[host + 1] - start):
                seen.known_services[g, start + i] = has(m[t.services + host], i)
            for key in range(t.keys):
                seen.known_data[g, host, key] = has(m[t.data + host * t.words + (key >> 6)], key & 63)
            for other in range(t.hosts):
                seen.known_blocks[g, host, other] = has(m[t.cuts + host], other)


@compiled
def _first(t: Terrain, code: int, source: int) -> int:
    """The index of a source's first action of a code."""
    return int(t.ends[code] - (t.hosts - source) * t.widths[code])


@compiled
def _mask_source(t: Terrain, m: U64, source: int, mask: Bools) -> None:
    """The actions from a controlled host, without exfiltrations."""
    scans, asked, exploits = (
        _first(t, SCAN, source),
        _first(t, FIND_SERVICES, source),
        _first(t, EXPLOIT, source),
    )
    for i in range(t.networks):
        mask[scans + i] = has(m[columns.NETWORKS], i)
    mask[_first(t, FIND_DATA, source) + source] = True
    for target in range(t.hosts):
        if has(m[t.cuts + source], target):
            continue
        mask[asked + target] = has(m[columns.HOSTS], target)
        start = t.offer_starts[target]
        for i in range(t.offer_starts[target + 1] - start):
            mask[exploits + start + i] = has(m[t.services + target], i)
        if t.include_blocks and has(m[columns.CONTROLLED], target):
            row = _first(t, BLOCK, source) + target * t.hosts
            for blocked in range(t.hosts):
                mask[row + blocked] = has(m[columns.HOSTS], blocked)


@compiled
def _mask_exfiltrations(t: Terrain, m: U64, source: int, mask: Bools) -> None:
    held = t.data + source * t.words
    for target in range(t.hosts):
        if target == source or has(m[t.cuts + source], target) or not has(m[columns.CONTROLLED], target):
            continue
        row = _first(t, EXFILTRATE, source) + target * t.keys
        for key in range(t.keys):
            mask[row + key] = has(m[held + (key >> 6)], key & 63)


@entry
def write_valid(t: Terrain, masks: U64, told: Bools) -> None:
    """Writes for every game which actions are valid, by their indices."""
    for g in range(len(masks)):
        m = masks[g]
        for i in range(told.shape[1]):
            told[g, i] = False
        for source in range(t.hosts):
            if has(m[columns.CONTROLLED], source):
                _mask_source(t, m, source, told[g])
            if has(m[columns.LOADED], source):
                _mask_exfiltrations(t, m, source, told[g])
