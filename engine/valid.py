"""The valid actions of a seat: counted, numbered and recognised from masks, never listed.

Exactly those of `netsiege.game.generate_valid_actions` for the same knowledge. They are numbered in the order
of their codes, then sources, then targets, then what comes third, all by their numbers on the board. Counting
and finding cost about the hosts divided by a machine word, and the hosts that were cut off; what is known of
services and data is summed up once after each change of it.

An action is four numbers here: code, source, target, third. A scan's target is a network; `third` is a
service, a data key or a blocked address, 0 where there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate

from netsiege.engine.actions import BLOCK, EXFILTRATE, EXPLOIT, FIND_DATA, FIND_SERVICES, SCAN
from netsiege.engine.board import Board
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, mask_of, select

Parts = tuple[int, int, int, int]


def count(board: Board, knows: Knowledge, include_blocks: bool) -> int:
    """How many valid actions there are."""
    return sum(_counts(board, knows, include_blocks))


def _counts(board: Board, knows: Knowledge, include_blocks: bool) -> tuple[int, ...]:
    """By code."""
    controlled = knows.controlled.bit_count()
    if not controlled:
        return (0,)
    hosts = knows.hosts.bit_count()
    scans = controlled * knows.networks.bit_count()
    _, ends = _offers(knows)
    offered = ends[-1] if ends else 0
    _, loot_ends = _loot(board, knows)
    carried = loot_ends[-1] if loot_ends else 0
    asked, exploited, rows = controlled * hosts, controlled * offered, controlled * controlled
    for _, cut in _cut_sources(board, knows):
        asked -= (knows.hosts & cut).bit_count()
        exploited -= _cut_offers(knows, cut)
        rows -= (knows.controlled & cut).bit_count()
    return (scans, asked, controlled, exploited, carried, rows * hosts if include_blocks else 0)


def locate(board: Board, knows: Knowledge, number: int, include_blocks: bool) -> Parts:
    """The valid action of that number. Raises IndexError if there is none."""
    left = number
    for code, held in enumerate(_counts(board, knows, include_blocks)):
        if 0 <= left < held:
            return _FINDERS[code](board, knows, left)
        left -= held
    raise IndexError(f"there is no valid action number {number}")


def is_valid(board: Board, knows: Knowledge, parts: Parts, include_blocks: bool) -> bool:
    """Whether an action is one of the valid ones."""
    code, source, target, third = parts
    controlled = knows.controlled
    if code == EXFILTRATE:
        reaches = source != target and controlled >> target & 1 and third in knows.data.get(source, ())
        return bool(reaches) and not _cut(board, knows, source) >> target & 1
    if not controlled >> source & 1:
        return False
    if code == SCAN:
        return bool(knows.networks >> target & 1)
    if code == FIND_DATA:
        return source == target
    if code == FIND_SERVICES:
        seen = knows.hosts >> target & 1
    elif code == EXPLOIT:
        seen = knows.services.get(target, 0) >> third & 1
    else:
        seen = include_blocks and controlled >> target & 1 and knows.hosts >> third & 1
    return bool(seen) and not _cut(board, knows, source) >> target & 1


# --- sums that are kept until what they are about changes -------------------------------------------------


def _offers(knows: Knowledge) -> tuple[list[int], list[int]]:
    """The hosts of which services are known, and how many services up to and with each."""
    offers = knows.offers
    if offers is None:
        known = sorted(knows.services.items())
        ends = list(accumulate(mask.bit_count() for _, mask in known))
        offers = knows.offers = ([address for address, _ in known], ends)
    return offers


def _loot(board: Board, knows: Knowledge) -> tuple[list[int], list[int]]:
    """The hosts of which data are known, and how many exfiltrations up to and with each."""
    loot = knows.loot
    if loot is None:
        sources = sorted(knows.data)
        weights = (len(knows.data[s]) * _havens(board, knows, s).bit_count() for s in sources)
        loot = knows.loot = (sources, list(accumulate(weights)))
    return loot


def _havens(board: Board, knows: Knowledge, source: int) -> int:
    """Where data of a host can be taken to."""
    return knows.controlled & ~(1 << source) & ~_cut(board, knows, source)


def _cuts(board: Board, knows: Knowledge) -> dict[int, int]:
    """Host -> the mask of what it is known to be cut off from, in ascending order."""
    cuts = knows.cuts
    if cuts is None:
        index = board.index
        cuts = knows.cuts = {
            index[here]: mask_of(index[there] for there in blocked if there in index)
            for here, blocked in sorted(knows.blocks.items())
            if here in index
        }
    return cuts


def _cut(board: Board, knows: Knowledge, source: int) -> int:
    return _cuts(board, knows).get(source, 0) if knows.blocks else 0


def _cut_sources(board: Board, knows: Knowledge) -> list[tuple[int, int]]:
    """The controlled hosts that are cut off from something, and from what."""
    if not knows.blocks:
        return []
    controlled = knows.controlled
    return [(source, cut) for source, cut in _cuts(board, knows).items() if controlled >> source & 1]


def _cut_offers(knows: Knowledge, cut: int) -> int:
    services = knows.services
    return sum(services.get(address, 0).bit_count() for address in bits(cut))


# --- finding one ------------------------------------------------------------------------------------------


def _scan(_board: Board, knows: Knowledge, number: int) -> Parts:
    source, network = divmod(number, knows.networks.bit_count())
    return (SCAN, select(knows.controlled, source), select(knows.networks, network), 0)


def _find_services(board: Board, knows: Knowledge, number: int) -> Parts:
    hosts = knows.hosts
    source, left = _row(board, knows, number, hosts.bit_count(), lambda cut: (hosts & cut).bit_count())
    return (FIND_SERVICES, source, select(hosts & ~_cut(board, knows, source), left), 0)


def _find_data(_board: Board, knows: Knowledge, number: int) -> Parts:
    source = select(knows.controlled, number)
    return (FIND_DATA, source, source, 0)


def _exploit(board: Board, knows: Knowledge, number: int) -> Parts:
    addresses, ends = _offers(knows)
    source, left = _row(board, knows, number, ends[-1], lambda cut: _cut_offers(knows, cut))
    left = _past_cut(knows, _cut(board, knows, source), left)
    place = bisect_right(ends, left)
    target = addresses[place]
    return (EXPLOIT, source, target, select(knows.services[target], left - (ends[place - 1] if place else 0)))


def _past_cut(knows: Knowledge, cut: int, left: int) -> int:
    """The number among all known services of what has the number `left` among those not cut off."""
    if cut:
        addresses, ends = _offers(knows)
        for place, address in enumerate(addresses):
            if cut >> address & 1:
                start = ends[place - 1] if place else 0
                if start > left:
                    break
                left += ends[place] - start
    return left


def _exfiltrate(board: Board, knows: Knowledge, number: int) -> Parts:
    sources, ends = _loot(board, knows)
    place = bisect_right(ends, number)
    source = sources[place]
    held = knows.data[source]
    target, key = divmod(number - (ends[place - 1] if place else 0), len(held))
    return (EXFILTRATE, source, select(_havens(board, knows, source), target), sorted(held)[key])


def _block(board: Board, knows: Knowledge, number: int) -> Parts:
    controlled = knows.controlled
    row, blocked = divmod(number, knows.hosts.bit_count())
    source, left = _row(board, knows, row, controlled.bit_count(), lambda cut: (controlled & cut).bit_count())
    target = select(controlled & ~_cut(board, knows, source), left)
    return (BLOCK, source, target, select(knows.hosts, blocked))


def _row(
    board: Board, knows: Knowledge, number: int, width: int, lost: Callable[[int], int]
) -> tuple[int, int]:
    """The controlled source to which a number belongs, and what is left of the number there.

    Each source has `width` numbers, less `lost(cut)` if it is cut off from something.
    """
    controlled, gone = knows.controlled, 0
    for source, cut in _cut_sources(board, knows):
        start = (controlled & ((1 << source) - 1)).bit_count() * width - gone
        if number < start:
            break
        missing = lost(cut)
        if number < start + width - missing:
            return source, number - start
        gone += missing
    row, left = divmod(number + gone, width)
    return select(controlled, row), left


_FINDERS = (_scan, _find_services, _find_data, _exploit, _exfiltrate, _block)
