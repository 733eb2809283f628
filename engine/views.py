"""Start positions: a task's view compiled against a board, and what a seat draws from it.

Keywords draw from named streams, from sorted sequences: `random` hosts of a start are distinct draws from
the board's weighted start addresses (as many as there are), `all_local` is every private address, `random`
and `all` of services and data are those of the host they stand under. Controlled hosts are known, and so
are their networks and the private networks next to those. Blocks in a start position are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from netsiege.engine.board import Board, Wire, data_wire, service_key
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, mask_of
from netsiege.engine.streams import Stream
from netsiege.errors import RuleError
from netsiege.game import Network
from netsiege.game.values import ip_to_int
from netsiege.scenarios.model import ALL, ALL_LOCAL, RANDOM, DataItem, ServiceItem, View


@frozen(eq=False)
class Hosts:
    """Hosts of a view: a mask, and so many random ones beside it."""

    listed: int
    drawn: int


@frozen(eq=False)
class Choice:
    """Services or data of a host: those listed, so many random ones beside them, or all."""

    address: int
    listed: tuple[Any, ...]
    drawn: int
    every: bool


@frozen(eq=False)
class Plan:
    """A view in the numbers of a board, with its keywords still open."""

    networks: int
    hosts: Hosts
    controlled: Hosts
    services: tuple[Choice, ...]
    """`listed` are numbers of services."""
    data: tuple[Choice, ...]
    """`listed` are data as they travel."""


def compile_view(board: Board, view: View, candidates: Sequence[int], what: str) -> Plan:
    """Compiles a view; the board must have been built with it. Random hosts come from `candidates`.

    Raises RuleError naming `what` for an address that the topology does not have, a word that is none of
    the keywords, and a `random` with nothing to draw from.
    """
    if not candidates and RANDOM in view.known_hosts + view.controlled_hosts:
        raise RuleError(f"{what}: there is no host to draw; no host of the topology is a start")
    return Plan(
        networks=mask_of(
            board.network_index[ip_to_int(network.ip), network.mask]
            for network in map(Network.from_text, view.known_networks)
        ),
        hosts=_hosts(board, view.known_hosts, f"{what}.known_hosts"),
        controlled=_hosts(board, view.controlled_hosts, f"{what}.controlled_hosts"),
        services=tuple(
            _choice(
                board,
                address,
                [_service(board, i) for i in items],
                f"{what}.known_services",
                board.services_at,
            )
            for address, items in view.known_services
        ),
        data=tuple(
            _choice(board, address, [_datum(i) for i in items], f"{what}.known_data", None)
            for address, items in view.known_data
        ),
    )


MAX_SEEN: Final = 1 << 12
"""Starts of a role that are kept to be copied."""


def draw_start(board: Board, plan: Plan, stream: Stream) -> Knowledge:
    """What a seat knows at first."""
    knows = Knowledge()
    knows.controlled = draw_hosts(plan.controlled, board.starts, board.start_mask, stream)
    knows.hosts = draw_hosts(plan.hosts, board.starts, board.start_mask, stream) | knows.controlled
    knows.networks = plan.networks
    for address in bits(knows.controlled):
        knows.networks |= board.neighbours_at[address]
    for choice in plan.services:
        mask = draw_services(board, choice, stream)
        if mask:
            knows.services[choice.address] = mask
    for choice in plan.data:
        at_host = board.items_at[board.node_of[choice.address]]
        held = draw_data(board, choice, bits(at_host), stream)
        if held:
            knows.data[choice.address] = held
    return knows


def settled_part(board: Board, plan: Plan) -> Knowledge | None:
    """What every start of a plan knows, if only controlled hosts are drawn; else None."""
    if plan.hosts.drawn or any(choice.drawn for choice in (*plan.services, *plan.data)):
        return None
    settled = Plan(plan.networks, plan.hosts, Hosts(plan.controlled.listed, 0), plan.services, plan.data)
    return draw_start(board, settled, Stream(0, ""))


def draw_rest(
    board: Board, plan: Plan, settled: Knowledge, seen: dict[int, Knowledge], stream: Stream
) -> Knowledge:
    """The same start as `draw_start`, from what `settled_part` gave for the plan.

    `seen` keeps the starts that have been drawn before, by the hosts that they control: there are seldom more
    than there are hosts, and no more than `MAX_SEEN` are kept.
    """
    if not plan.controlled.drawn:
        return settled.copy()
    controlled = draw_hosts(plan.controlled, board.starts, board.start_mask, stream)
    known = seen.get(controlled)
    if known is None:
        known = _start_with(board, settled, controlled)
        if len(seen) < MAX_SEEN:
            seen[controlled] = known
    return known.copy()


def single_starts(board: Board, plan: Plan, settled: Knowledge) -> tuple[Knowledge, ...]:
    """If a start draws one host and nothing else: what it is for each outcome of that draw; else nothing."""
    hosts = plan.controlled
    if hosts.drawn != 1:
        return ()
    left = [address for address in board.starts if not hosts.listed >> address & 1]
    return tuple(_start_with(board, settled, hosts.listed | 1 << address) for address in left)


def _start_with(board: Board, settled: Knowledge, controlled: int) -> Knowledge:
    known = settled.copy()
    known.controlled = controlled
    known.hosts |= controlled
    for address in bits(controlled & ~settled.controlled):
        known.networks |= board.neighbours_at[address]
    return known


def draw_hosts(hosts: Hosts, candidates: Sequence[int], all_of_them: int, stream: Stream) -> int:
    """The mask of the hosts; `candidates` are addresses, a repeated one being drawn more often."""
    mask = hosts.listed
    for _ in range(hosts.drawn):
        left = candidates
        if mask & all_of_them:
            left = [address for address in candidates if not mask >> address & 1]
        if not left:
            break
        mask |= 1 << left[stream.below(len(left))]
    return mask


def draw_services(board: Board, choice: Choice, stream: Stream) -> int:
    """The mask of the services of a choice."""
    mask = mask_of(choice.listed)
    there = board.services_at[board.node_of[choice.address]]
    if choice.every:
        return mask | there
    for _ in range(choice.drawn):
        left = bits(there & ~mask)
        if not left:
            break
        mask |= 1 << left[stream.below(len(left))]
    return mask


def draw_data(board: Board, choice: Choice, items: Sequence[int], stream: Stream) -> dict[int, Wire]:
    """The data of a choice by key, with keywords meaning those of `items`. Never a log, unless listed."""
    held: dict[int, Wire] = {}
    for datum in choice.listed:
        held.setdefault(board.key_index[datum[0], datum[1], datum[3]], datum)
    for _ in range(len(items) if choice.every else choice.drawn):
        left = [item for item in items if board.item_key[item] not in held]
        if not left:
            break
        item = left[0] if choice.every else left[stream.below(len(left))]
        held[board.item_key[item]] = board.items[item]
    return held


def address_of(board: Board, text: str, what: str) -> int:
    """The number of an address of the topology. Raises RuleError naming `what` for any other."""
    try:
        return board.index[ip_to_int(text)]
    except (KeyError, ValueError):
        raise RuleError(f"{what}: {text!r} is no address of the topology") from None


def _hosts(board: Board, words: Sequence[str], what: str) -> Hosts:
    listed, drawn = 0, 0
    for word in words:
        if word == RANDOM:
            drawn += 1
        elif word == ALL_LOCAL:
            listed |= board.local
        else:
            listed |= 1 << address_of(board, word, what)
    return Hosts(listed, drawn)


def _choice(
    board: Board, text: str, items: list[Any], what: str, services_at: Sequence[int] | None
) -> Choice:
    address = address_of(board, text, what)
    node = board.node_of[address]
    listed = tuple(item for item in items if item not in (RANDOM, ALL))
    drawn, every = items.count(RANDOM), ALL in items
    for item in listed:
        if isinstance(item, str):
            raise RuleError(f"{what}: {item!r} is neither {RANDOM!r} nor {ALL!r}")
    if services_at is not None and drawn and not services_at[node]:
        raise RuleError(f"{what}: there is no service on {text} to draw")
    return Choice(address, listed, drawn, every)


def _service(board: Board, item: ServiceItem | str) -> int | str:
    return item if isinstance(item, str) else board.service_index[service_key(item)]


def _datum(item: DataItem | str) -> Wire | str:
    return item if isinstance(item, str) else data_wire(item)
