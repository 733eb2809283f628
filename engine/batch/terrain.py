"""What never changes in a batch: the tables of a spec as arrays, for compiled code.

Masks are `uint64` over the numbers of the board, but for two kinds. The services of a host are numbered by
themselves, in the order of the action table, those that only a goal speaks of behind them. Data keys may be
more than one mask holds: they take as many words as they need; key k is bit k % 64 of word k // 64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.action_table import ActionTable, offered
from netsiege.engine.batch import columns
from netsiege.engine.batch.compiled import MAX_BITS
from netsiege.engine.batch.hashing import WORDS
from netsiege.engine.batch.plans import PlanArrays, goal_arrays, start_arrays
from netsiege.engine.batch.watch import Watch, make_watch
from netsiege.engine.board import Board
from netsiege.engine.episode import ATTACKER
from netsiege.engine.masks import bits
from netsiege.engine.rules import RULESET
from netsiege.engine.tables import Tables
from netsiege.errors import ConfigError
from netsiege.scenarios.model import Task

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


class Terrain(NamedTuple):
    """What actions are about. A, N: numbers of addresses and of nodes, K: of words for data keys."""

    hosts: int
    """A."""
    networks: int
    keys: int
    words: int
    """K."""
    services: int
    """Where in a game's masks stretches begin: known services [A], as do the next."""
    cuts: int
    """[A]: what each host is cut off from; what the attacker knows of blocks is all there are."""
    data: int
    """[A, K]: known data; key 0 is the log."""
    placed: int
    """[N, K]: where data lie, log files aside."""
    at: U64
    """[A, AT]: see `columns`."""
    members: U64
    """[networks]: the addresses in each."""
    placed_first: U64
    """[N * K]: where data lie at first."""
    node_of: I64
    """[A]."""
    offer_starts: I64
    """[A + 1]: how many services the action table has on the hosts before."""
    ends: I64
    """[codes]: behind the last index of each code in the action table."""
    widths: I64
    """[codes]: how many actions one source has."""
    include_blocks: bool


class Setup(NamedTuple):
    """Everything that a move needs to know of the spec."""

    terrain: Terrain
    start: PlanArrays
    goal: PlanArrays
    watch: Watch
    step_reward: float
    end_rewards: F64
    """By `End`."""
    max_steps: int
    """0: no limit."""
    episode_name: NDArray[np.uint8]
    """Of a random stream; so is the next."""
    sample_name: NDArray[np.uint8]


class Games(NamedTuple):
    """What changes: see `columns`. G: number of games."""

    masks: U64
    """[G, as many as there are]."""
    numbers: I64
    """[G, NUMBERS]."""
    returns: F64
    """[G]: the sum of the episode's rewards."""
    repeats: NDArray[np.uint8]
    """[G, searches for data and exploits]: how often each was played, if the detector watches; up to 255."""
    words: NDArray[np.uint32]
    """A buffer for hashing."""


def make_setup(tables: Tables, include_blocks: bool) -> Setup:
    """Lays tables out that `check_task` and `check_size` let through."""
    board, role, rewards = tables.board, tables.roles[ATTACKER], tables.rewards
    local = _local_services(tables)
    terrain = _terrain(tables, local, include_blocks)
    behind = terrain.placed + len(terrain.placed_first)
    return Setup(
        terrain=terrain,
        start=start_arrays(board, role.start, local, terrain.words),
        goal=goal_arrays(board, role.goal, local, terrain.words, behind),
        watch=make_watch(tables.has_detector),
        step_reward=float(rewards.step),
        end_rewards=np.array([0, rewards.success, rewards.fail, rewards.fail], np.float64),
        max_steps=role.max_steps,
        episode_name=np.frombuffer(b"/episode/", np.uint8),
        sample_name=np.frombuffer(b"/sample/", np.uint8),
    )


def make_games(setup: Setup, seeds: U64) -> Games:
    """Games that have not begun yet, one for each seed of a match."""
    terrain, goal, count = setup.terrain, setup.goal, len(seeds)
    masks = np.zeros((count, goal.wanted_data + len(goal.data_hosts) * terrain.words), np.uint64)
    masks[:, columns.MATCH_SEED] = seeds
    repeatable = terrain.hosts * (terrain.hosts + int(terrain.offer_starts[-1]))
    return Games(
        masks=masks,
        numbers=np.zeros((count, columns.NUMBERS), np.int64),
        returns=np.zeros(count, np.float64),
        repeats=np.zeros((count, repeatable if setup.watch.is_on else 0), np.uint8),
        words=np.zeros(WORDS, np.uint32),
    )


# --- what is not played -----------------------------------------------------------------------------------


def check_task(task: Task) -> None:
    """Raises ConfigError, naming all that it finds, for a task that the batched engine does not play."""
    name = task.name
    problems: list[str] = []
    if task.ruleset != RULESET:
        problems.append(f"{name}: ruleset: the batched engine plays {RULESET!r} only, not {task.ruleset!r}")
    if task.role(ATTACKER) is None:
        problems.append(f"{name}: coordinator.agents: the batched engine plays {ATTACKER}, who has no part")
    seats = dict(task.seats) if task.seats else {ATTACKER: task.required_players}
    if seats != {ATTACKER: 1}:
        said = ", ".join(f"{role}: {count}" for role, count in seats.items())
        key = "seats" if task.seats else "env.required_players"
        problems.append(f"{name}: {key}: the batched engine plays one {ATTACKER} a match, not {said}")
    if task.save_trajectories:
        problems.append(f"{name}: env.save_trajectories: the batched engine keeps none; set it to false")
    if problems:
        raise ConfigError(problems)


def check_size(tables: Tables) -> None:
    """Raises ConfigError for a topology that is too large for one mask."""
    board, name = tables.board, tables.spec.topology.name
    found = {
        "addresses": len(board.numbers),
        "networks": len(board.networks),
        "services on one host": max(map(len, _local_services(tables))),
    }
    problems = [
        f"{name}: the batched engine takes up to {MAX_BITS} {what}, not {count}"
        for what, count in found.items()
        if count > MAX_BITS
    ]
    if problems:
        raise ConfigError(problems)


# --- laying out -------------------------------------------------------------------------------------------


def _terrain(tables: Tables, local: Sequence[dict[int, int]], include_blocks: bool) -> Terrain:
    board = tables.board
    hosts, words = len(board.numbers), -(-len(board.keys) // MAX_BITS)
    at = np.zeros((hosts, columns.AT), np.uint64)
    at[:, columns.REACH] = board.reach
    at[:, columns.NETWORKS_AT] = board.networks_at
    at[:, columns.NEIGHBOURS_AT] = board.neighbours_at
    at[:, columns.SERVICES_AT] = _services_at(board, board.services_at, local)
    at[:, columns.OPEN_SERVICES_AT] = _services_at(board, board.open_services_at, local)
    placed = [word for items in board.items_at for word in _key_words(board, items, words)]
    widths, ends, starts = _layout(tables)
    return Terrain(
        hosts=hosts,
        networks=len(board.networks),
        keys=len(board.keys),
        words=words,
        services=columns.MASKS,
        cuts=columns.MASKS + hosts,
        data=columns.MASKS + 2 * hosts,
        placed=columns.MASKS + (2 + words) * hosts,
        at=at,
        members=np.array([board.members(*network) for network in board.networks], np.uint64),
        placed_first=np.array(placed, np.uint64),
        node_of=np.array(board.node_of, np.int64),
        offer_starts=starts,
        ends=ends,
        widths=widths,
        include_blocks=include_blocks,
    )


def _local_services(tables: Tables) -> list[dict[int, int]]:
    """Address -> number of a service on the board -> its number on the host."""
    wanted = {choice.address: choice.listed for choice in tables.roles[ATTACKER].goal.view.services}
    return [_order(mask, wanted.get(a, ())) for a, mask in enumerate(offered(tables))]


def _order(mask: int, wanted: Sequence[Any]) -> dict[int, int]:
    here = bits(mask)
    more = sorted(set(wanted) - set(here))
    return {service: i for i, service in enumerate((*here, *more))}


def _services_at(board: Board, at_nodes: Sequence[int], local: Sequence[dict[int, int]]) -> U64:
    masks = [
        sum(1 << order[service] for service in bits(at_nodes[node]))
        for node, order in zip(board.node_of, local, strict=True)
    ]
    return np.array(masks, np.uint64)


def _key_words(board: Board, items: int, count: int) -> Iterable[int]:
    words = [0] * count
    for item in bits(items):
        key = board.item_key[item]
        words[key // MAX_BITS] |= 1 << key % MAX_BITS
    return words


def _layout(tables: Tables) -> tuple[I64, I64, I64]:
    """Actions of one source by code, the ends of the codes, and the services before each host."""
    table = ActionTable(tables)
    offers = [mask.bit_count() for mask in offered(tables)]
    starts = np.cumsum([0, *offers], dtype=np.int64)
    hosts, keys = len(tables.board.numbers), len(tables.board.keys)
    of_source = [len(tables.board.networks), hosts, hosts, int(starts[-1]), hosts * keys, hosts * hosts]
    widths = np.array(of_source, np.int64)
    ends = np.cumsum(hosts * widths, dtype=np.int64)
    assert ends[-1] == table.size, "the action table is laid out in another way"
    return widths, ends, starts
