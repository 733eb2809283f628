"""All actions of a scenario, numbered once and for good, and a seat's valid ones, without ever listing them.

An action's *index* counts over the whole scenario, by code, then source, then target, then what comes
third: it depends on the scenario and its task alone, and not on what anyone knows. (Under other addresses,
`Tables.readdressed`, it is another scenario.) A seat's *valid* actions are numbered apart, in the same order.

An action here is the body of a STEP. An exfiltration's index tells data apart by owner, id and type, as the
game does; its body carries the size and content that the seat knows, or those of the topology.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, product
from typing import Any, Final

from netsiege.engine import valid
from netsiege.engine.actions import BLOCK, EXFILTRATE, EXPLOIT, SCAN
from netsiege.engine.board import Wire
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, mask_of, select
from netsiege.engine.tables import Tables
from netsiege.engine.valid import Parts
from netsiege.errors import ProtocolError, RuleError
from netsiege.game import IP, Action, Data, Network, Service
from netsiege.game.action import PLAYED
from netsiege.protocol import pack, unpack
from netsiege.protocol.play import PASS

Below = Callable[[int], int]
"""Draws a whole number from 0 to its argument less 1: `Stream.below`, `random.Random.randrange`."""

_HEADS: Final = tuple(bytes([0x90 + 1 + len(names), code]) for code, (_, names) in enumerate(PLAYED))
"""What the body of an action of each code begins with: a msgpack list, its first element the code."""


class ActionTable:
    """See the module. Made from compiled tables in time proportional to the hosts."""

    __slots__ = (
        "_addresses",
        "_ends",
        "_keys",
        "_networks",
        "_offer_ends",
        "_offers",
        "_services",
        "_tables",
        "_widths",
        "size",
    )

    def __init__(self, tables: Tables) -> None:
        board = tables.board
        self._tables = tables
        self._addresses = tuple(pack(number) for number in board.numbers)
        self._networks = tuple(pack(network) for network in board.networks)
        self._services = tuple(pack(service) for service in board.services)
        self._keys = tuple(pack(datum) for datum in _usual_data(tables))
        self._offers = _offered(tables)
        self._offer_ends = tuple(accumulate(mask.bit_count() for mask in self._offers))
        hosts, keys = len(board.numbers), len(board.keys)
        # code -> actions of one source
        self._widths = (
            len(board.networks),
            hosts,
            hosts,
            self._offer_ends[-1],
            hosts * keys,
            hosts * hosts,
        )
        self._ends = tuple(accumulate(hosts * width for width in self._widths))
        self.size = self._ends[-1]
        """How many actions the scenario has."""

    # --- over the whole scenario --------------------------------------------------------------------------

    def action(self, index: int) -> bytes:
        """The action of that index. Raises IndexError if there is none."""
        return self._body(self._parts(index), None)

    def rank(self, body: bytes) -> int:
        """The index of an action.

        Raises `ProtocolError(BAD_ACTION)` for what is no action, RuleError for a pass and for an action on
        what the scenario does not have.
        """
        code, source, target, third = self._read(body)
        width = self._widths[code]
        if code == EXPLOIT:
            before = self._offer_ends[target - 1] if target else 0
            place = before + (self._offers[target] & ((1 << third) - 1)).bit_count()
        elif code == EXFILTRATE:
            place = target * len(self._keys) + third
        elif code == BLOCK:
            place = target * len(self._addresses) + third
        else:
            place = target
        return (self._ends[code - 1] if code else 0) + source * width + place

    def all_actions(self, include_blocks: bool = False) -> Iterator[Action]:
        """What NetSecGame's white box lists, in its order: every combination that the topology has."""
        tables, board = self._tables, self._tables.board
        hosts = [IP(text) for text in sorted(board.texts)]
        networks = sorted(Network.from_text(text) for text in tables.spec.topology.networks)
        place = {text: i for i, text in enumerate(board.texts)}
        services = [
            (host, Service(*board.services[i]))
            for host in hosts
            for i in bits(board.services_at[board.node_of[place[host.ip]]])
        ]
        data = sorted(
            Data(*datum)
            for key, datum in enumerate(_usual_data(tables))
            if key == 0 or board.key_items[key]  # views may speak of more
        )
        pairs = ((source, (target,)) for source, target in product(hosts, hosts))
        yield from _listed(0, product(hosts, ((network,) for network in networks)))
        yield from _listed(1, pairs)
        yield from _listed(3, product(hosts, services))
        yield from _listed(2, product(hosts, ((target,) for target in hosts)))
        yield from _listed(4, product(hosts, product(hosts, data)))
        if include_blocks:
            yield from _listed(5, product(hosts, product(hosts, hosts)))

    # --- as far as a seat knows ---------------------------------------------------------------------------

    def count(self, knows: Knowledge, include_blocks: bool = True) -> int:
        """How many actions are valid for a seat."""
        return valid.count(self._tables.board, knows, include_blocks)

    def nth(self, knows: Knowledge, number: int, include_blocks: bool = True) -> bytes:
        """The valid action of that number, counted from 0. Raises IndexError if there is none."""
        return self._body(valid.locate(self._tables.board, knows, number, include_blocks), knows)

    def sample(self, knows: Knowledge, below: Below, include_blocks: bool = True) -> bytes:
        """One of the valid actions, each equally likely; a pass if there is none."""
        board = self._tables.board
        count = valid.count(board, knows, include_blocks)
        if not count:
            return PASS
        return self._body(valid.locate(board, knows, below(count), include_blocks), knows)

    def is_valid(self, knows: Knowledge, body: bytes, include_blocks: bool = True) -> bool:
        """Whether an action is one of the seat's valid ones. Never raises."""
        try:
            parts = self._read(body)
        except (ProtocolError, RuleError):
            return False
        return valid.is_valid(self._tables.board, knows, parts, include_blocks)

    def is_valid_index(self, knows: Knowledge, index: int, include_blocks: bool = True) -> bool:
        """The same for an index. Raises IndexError if there is none such."""
        return valid.is_valid(self._tables.board, knows, self._parts(index), include_blocks)

    # --- between numbers and bodies -----------------------------------------------------------------------

    def _parts(self, index: int) -> Parts:
        if not 0 <= index < self.size:
            raise IndexError(f"the scenario has {self.size} actions; there is no number {index}")
        code = bisect_right(self._ends, index)
        source, place = divmod(index - (self._ends[code - 1] if code else 0), self._widths[code])
        if code == EXPLOIT:
            target = bisect_right(self._offer_ends, place)
            before = self._offer_ends[target - 1] if target else 0
            return (code, source, target, select(self._offers[target], place - before))
        if code == EXFILTRATE:
            return (code, source, *divmod(place, len(self._keys)))
        if code == BLOCK:
            return (code, source, *divmod(place, len(self._addresses)))
        return (code, source, place, 0)

    def _body(self, parts: Parts, knows: Knowledge | None) -> bytes:
        code, source, target, third = parts
        addresses = self._addresses
        start = _HEADS[code] + addresses[source]
        if code == SCAN:
            return start + self._networks[target]
        start += addresses[target]
        if code == EXPLOIT:
            return start + self._services[third]
        if code == BLOCK:
            return start + addresses[third]
        if code == EXFILTRATE:
            return start + (self._keys[third] if knows is None else pack(knows.data[source][third]))
        return start

    def _read(self, body: bytes) -> Parts:
        action = self._tables.reader.read(body)
        if action is None:
            raise RuleError("a pass is no action")
        code, source, target, *more = action
        board = self._tables.board
        if code == SCAN:
            number, prefix = unpack(body)[2]
            target = board.network_index.get((number, prefix), -1)
        third = more[0] if more else 0
        if code == BLOCK:
            third = board.index.get(third, -1)
        elif code == EXPLOIT and (
            type(third) is not int or target < 0 or not self._offers[target] >> third & 1
        ):
            third = -1
        if source < 0 or target < 0 or third < 0:
            raise RuleError("the scenario does not have all that the action speaks of")
        return (code, source, target, third)


def _offered(tables: Tables) -> tuple[int, ...]:
    """Address -> mask of the services that the topology or a start position puts there."""
    board = tables.board
    offered = [board.services_at[node] for node in board.node_of]
    for role in tables.roles.values():
        for choice in role.start.services:
            offered[choice.address] |= mask_of(choice.listed)
    return tuple(offered)


def _usual_data(tables: Tables) -> list[Wire]:
    """For each key a datum as it lies somewhere; an empty one of a log, or of what lies nowhere."""
    board = tables.board
    usual: list[Wire] = []
    for (owner, name, kind), items in zip(board.keys, board.key_items, strict=True):
        usual.append(board.items[select(items, 0)] if items else [owner, name, 0, kind, ""])
    return usual


def _listed(code: int, choices: Iterator[tuple[Any, Any]]) -> Iterator[Action]:
    kind, names = PLAYED[code]
    for source, others in choices:
        yield Action(kind, dict(zip(names, (source, *others), strict=True)))
