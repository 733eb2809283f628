"""The valid actions of a seat: counted, numbered and recognised from masks, never listed.

Exactly those of `netsiege.game.generate_valid_actions` for the same knowledge. They are numbered in the order
of their codes, then sources, then targets, then what comes third, all by their numbers on the board. Counting
and finding cost about the hosts divided by a machine word, and the hosts that were cut off; what is known of
services and data is summed up once after each change of it, or, for responses to the services of controlled
hosts, each time.

An action is four numbers here: code, source, target, third. A scan's target is a network; `third` is a
service, a data key or a blocked address, 0 where there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Final, NamedTuple

from netsiege.engine.actions import BLOCK, RESPONSES, SHAPES, Shape
from netsiege.engine.board import Board
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, mask_of, select
from netsiege.game.action_types import TABLE

Parts = tuple[int, int, int, int]
Codes = frozenset[int] | tuple[()]
"""Those of the responses that are included."""


def count(board: Board, knows: Knowledge, include_blocks: bool, responses: Codes = ()) -> int:
    """How many valid actions there are."""
    return sum(_counts(board, knows, include_blocks, responses))


def _counts(board: Board, knows: Knowledge, include_blocks: bool, responses: Codes) -> tuple[int, ...]:
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
    blocks = rows * hosts if include_blocks else 0
    counts = (scans, asked, controlled, exploited, carried, blocks)
    if not responses:
        return counts
    by_aim = {
        (Shape.HOST, True): rows,
        (Shape.SERVICE, True): _held_service_count(board, knows),
        (Shape.HOST, False): asked,
        (Shape.SERVICE, False): exploited,
    }
    return counts + tuple(by_aim[_AIMS[code]] if code in responses else 0 for code in RESPONSES)


def _held_service_count(board: Board, knows: Knowledge) -> int:
    """How many pairs of a controlled host and a known service that it reaches on a controlled host."""
    _, ends = _held_offers(knows)
    served = knows.controlled.bit_count() * (ends[-1] if ends else 0)
    for _, cut in _cut_sources(board, knows):
        served -= _cut_offers(knows, cut & knows.controlled)
    return served


def locate(board: Board, knows: Knowledge, number: int, include_blocks: bool, responses: Codes = ()) -> Parts:
    """The valid action of that number. Raises IndexError if there is none."""
    left = number
    for code, held in enumerate(_counts(board, knows, include_blocks, responses)):
        if 0 <= left < held:
            return (code, *_KINDS[code].find(board, knows, left))
        left -= held
    raise IndexError(f"there is no valid action number {number}")


def is_valid(
    board: Board, knows: Knowledge, parts: Parts, include_blocks: bool, responses: Codes = ()
) -> bool:
    """Whether an action is one of the valid ones."""
    code, *rest = parts
    if (code == BLOCK and not include_blocks) or (code in RESPONSES and code not in responses):
        return False
    return bool(_KINDS[code].holds(board, knows, *rest))


# --- sums that are kept until what they are about changes -------------------------------------------------


def _offers(knows: Knowledge) -> tuple[list[int], list[int]]:
    """The hosts of which services are known, and how many services up to and with each."""
    offers = knows.offers
    if offers is None:
        known = sorted(knows.services.items())
        ends = list(accumulate(mask.bit_count() for _, mask in known))
        offers = knows.offers = ([address for address, _ in known], ends)
    return offers


def _held_offers(knows: Knowledge) -> tuple[list[int], list[int]]:
    """The controlled hosts of which services are known, and how many services up to and with each."""
    held = [(a, mask) for a, mask in sorted(knows.services.items()) if knows.controlled >> a & 1]
    return [address for address, _ in held], list(accumulate(mask.bit_count() for _, mask in held))


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

Found = tuple[int, int, int]
"""Source, target, third."""


def _scan(_board: Board, knows: Knowledge, number: int) -> Found:
    source, network = divmod(number, knows.networks.bit_count())
    return select(knows.controlled, source), select(knows.networks, network), 0


def _find_services(board: Board, knows: Knowledge, number: int) -> Found:
    return (*_on_host(board, knows, knows.hosts, number), 0)


def _find_data(_board: Board, knows: Knowledge, number: int) -> Found:
    source = select(knows.controlled, number)
    return source, source, 0


def _exploit(board: Board, knows: Knowledge, number: int) -> Found:
    return _on_service(board, knows, _offers(knows), -1, number)


def _exfiltrate(board: Board, knows: Knowledge, number: int) -> Found:
    sources, ends = _loot(board, knows)
    place = bisect_right(ends, number)
    source = sources[place]
    held = knows.data[source]
    target, key = divmod(number - (ends[place - 1] if place else 0), len(held))
    return source, select(_havens(board, knows, source), target), sorted(held)[key]


def _block(board: Board, knows: Knowledge, number: int) -> Found:
    row, blocked = divmod(number, knows.hosts.bit_count())
    return (*_on_host(board, knows, knows.controlled, row), select(knows.hosts, blocked))


def _respond(board: Board, knows: Knowledge, number: int) -> Found:
    return (*_on_host(board, knows, knows.controlled, number), 0)


def _respond_to_service(board: Board, knows: Knowledge, number: int) -> Found:
    return _on_service(board, knows, _held_offers(knows), knows.controlled, number)


def _on_host(board: Board, knows: Knowledge, hosts: int, number: int) -> tuple[int, int]:
    """Source and target, which is one of the hosts of a mask."""
    source, left = _row(board, knows, number, hosts.bit_count(), lambda cut: (hosts & cut).bit_count())
    return source, select(hosts & ~_cut(board, knows, source), left)


def _on_service(
    board: Board, knows: Knowledge, offers: tuple[list[int], list[int]], hosts: int, number: int
) -> Found:
    """An action on a known service of one of the hosts of a mask, of which `offers` are the sums."""
    addresses, ends = offers
    source, left = _row(board, knows, number, ends[-1], lambda cut: _cut_offers(knows, cut & hosts))
    left = _past_cut(offers, _cut(board, knows, source), left)
    place = bisect_right(ends, left)
    target = addresses[place]
    return source, target, select(knows.services[target], left - (ends[place - 1] if place else 0))


def _past_cut(offers: tuple[list[int], list[int]], cut: int, left: int) -> int:
    """The number among all of these services of what has the number `left` among those not cut off."""
    if cut:
        addresses, ends = offers
        for place, address in enumerate(addresses):
            if cut >> address & 1:
                start = ends[place - 1] if place else 0
                if start > left:
                    break
                left += ends[place] - start
    return left


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


# --- recognising one --------------------------------------------------------------------------------------


def _is_scan(_board: Board, knows: Knowledge, source: int, target: int, _third: int) -> int:
    return knows.controlled >> source & knows.networks >> target & 1


def _is_search(board: Board, knows: Knowledge, source: int, target: int, _third: int) -> int:
    return knows.hosts >> target & _open(board, knows, source, target)


def _is_look(_board: Board, knows: Knowledge, source: int, target: int, _third: int) -> int:
    return source == target and knows.controlled >> source & 1


def _is_exploit(board: Board, knows: Knowledge, source: int, target: int, third: int) -> int:
    return knows.services.get(target, 0) >> third & _open(board, knows, source, target)


def _is_transfer(board: Board, knows: Knowledge, source: int, target: int, third: int) -> int:
    return third in knows.data.get(source, ()) and _havens(board, knows, source) >> target & 1


def _is_block(board: Board, knows: Knowledge, source: int, target: int, third: int) -> int:
    return knows.hosts >> third & _is_response(board, knows, source, target, 0)


def _is_response(board: Board, knows: Knowledge, source: int, target: int, _third: int) -> int:
    return knows.controlled >> target & _open(board, knows, source, target)


def _is_response_to_service(board: Board, knows: Knowledge, source: int, target: int, third: int) -> int:
    return knows.controlled >> target & _is_exploit(board, knows, source, target, third)


def _open(board: Board, knows: Knowledge, source: int, target: int) -> int:
    """1 if a source is controlled, and not known to be cut off from a target; else 0."""
    return knows.controlled >> source & ~(_cut(board, knows, source) >> target) & 1


class _Kind(NamedTuple):
    """One type of action: how the one of a number is found, and how one is recognised."""

    find: Callable[[Board, Knowledge, int], Found]
    holds: Callable[[Board, Knowledge, int, int, int], int]


_AIMS: Final = {code: (SHAPES[code], TABLE[code][1].on_held) for code in RESPONSES}
"""What responses are about: a host or a service there, and whether only of hosts that are controlled."""
_RESPONDING: Final = {
    (Shape.HOST, True): _Kind(_respond, _is_response),
    (Shape.SERVICE, True): _Kind(_respond_to_service, _is_response_to_service),
    (Shape.HOST, False): _Kind(_find_services, _is_search),
    (Shape.SERVICE, False): _Kind(_exploit, _is_exploit),
}
_KINDS: Final = (
    _Kind(_scan, _is_scan),
    _Kind(_find_services, _is_search),
    _Kind(_find_data, _is_look),
    _Kind(_exploit, _is_exploit),
    _Kind(_exfiltrate, _is_transfer),
    _Kind(_block, _is_block),
    *(_RESPONDING[aim] for aim in _AIMS.values()),
)
"""By code."""
