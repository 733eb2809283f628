"""The kinds of moves and the situations of `netsiege.agents.learning.campaign` as numbers, for one scenario.

Only of the abstraction with names, and only where nothing is known of services at the start: then all that is
ever known of a host's services is what can be seen from outside, or all, and a host has one look at most.
"""

from __future__ import annotations

from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsiege.agents.learning.campaign import (
    DATA,
    EXFILTRATE,
    EXPLOIT,
    MANY,
    SCAN,
    SERVICES,
    TRIES_MAX,
    is_inside,
)
from netsiege.agents.learning.table import Kind, Situation
from netsiege.engine.action_table import offered
from netsiege.engine.masks import bits, mask_of
from netsiege.engine.tables import Tables
from netsiege.game import IP, Network
from netsiege.game.values import int_to_ip

I64 = NDArray[np.int64]

PLACES: Final = ("in", "out")
TYPES: Final = 5
TRIES: Final = TRIES_MAX + 1
LEVELS: Final = MANY + 1
"""Of what is counted in a situation."""
SITUATIONS: Final = LEVELS * LEVELS << TYPES


class KindNumbers(NamedTuple):
    """What compiled code needs to number moves. A: number of addresses.

    The kinds of one type of scans, searches for services and exploits are numbered by what is known of the
    target, then the place of the source, then the tries.
    """

    inside: np.uint64
    """The mask of the private addresses."""
    order: I64
    """[A]: the addresses in the order of their texts."""
    is_private: I64
    """[networks]."""
    looks: I64
    """[A]: the number of what the host looks like once its services are known; 0: without any."""
    names: I64
    """[offers of the action table]: the number of look and service name."""
    data: I64
    """[keys]: the number of owner and name; -1 of what is a log."""
    starts: I64
    """[types]: the number of the first kind of each."""
    total: int
    """Of all kinds."""


def make_kinds(tables: Tables) -> tuple[KindNumbers, list[Kind]]:
    """The numbers, and the kinds by number."""
    board = tables.board
    looks = ["", *(_look(tables, board.open_services_at[node]) for node in board.node_of)]
    look_names = sorted(set(looks))
    services = [
        (looks[1 + a], str(board.services[i][0]))
        for a, mask in enumerate(offered(tables))
        for i in bits(mask)
    ]
    service_names = sorted(set(services))
    data = [(owner, name) for owner, name, kind in board.keys if kind != "log"]
    data_names = sorted(set(data))
    kinds = _kinds(look_names, service_names, data_names)
    numbers = KindNumbers(
        inside=np.uint64(mask_of(i for i, text in enumerate(board.texts) if is_inside(IP(text)))),
        order=np.argsort(np.array(board.texts), kind="stable").astype(np.int64),
        is_private=np.array(
            [Network(int_to_ip(number), prefix).is_private() for number, prefix in board.networks], np.int64
        ),
        looks=np.array([look_names.index(look) for look in looks[1:]], np.int64),
        names=np.array([service_names.index(service) for service in services], np.int64),
        data=np.array(
            [-1 if kind == "log" else data_names.index((owner, name)) for owner, name, kind in board.keys],
            np.int64,
        ),
        starts=np.array([[kind[0] for kind in kinds].index(type_) for type_ in _present(kinds)], np.int64),
        total=len(kinds),
    )
    return numbers, kinds


def _present(kinds: list[Kind]) -> list[int | str]:
    return sorted({kind[0] for kind in kinds})


def _look(tables: Tables, services: int) -> str:
    seen = [tables.board.services[i] for i in bits(services)]
    return ",".join(sorted(str(service[0]) for service in seen if not service[3]))


def _kinds(looks: list[str], services: list[tuple[str, str]], data: list[tuple[str, str]]) -> list[Kind]:
    flags = list(product((0, 1), repeat=2))
    told: dict[int, list[tuple[int | str, ...]]] = {SCAN: [*flags], SERVICES: [*flags], EXPLOIT: [*services]}
    of_type: dict[int, list[Kind]] = {
        type_: [(type_, place, tries, *what) for what, place, tries in product(whats, PLACES, range(TRIES))]
        for type_, whats in told.items()
    }
    of_type[DATA] = [(DATA, look) for look in looks]
    of_type[EXFILTRATE] = [(EXFILTRATE, place, *named) for named, place in product(data, PLACES)]
    return [kind for type_ in range(TYPES) for kind in of_type[type_]]


def situation_of(number: int) -> Situation:
    """The situation of a number: machines inside, hosts without known services, types of moves."""
    counts, types = number >> TYPES, number & ((1 << TYPES) - 1)
    return (counts // LEVELS, counts % LEVELS, types)


def number_of(situation: Situation) -> int:
    """The inverse of `situation_of`."""
    inside, bare, types = situation
    return (inside * LEVELS + bare) << TYPES | types
