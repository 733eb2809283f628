"""Q-learning, compiled: episodes of the batched engine's rules, learned from move by move.

What `netsiege.agents.learning.learner` and `netsiege.agents.learning.campaign` do, in the same order and by
the same rule; only the draws are others. All compiled code of the learner is in this file, since machine code
that is kept is thrown away when its own file changes.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsiege.agents.learning.campaign import DATA, EXFILTRATE, EXPLOIT, MANY, SCAN, SERVICES, TRIES_MAX
from netsiege.agents.learning.kinds import LEVELS, SITUATIONS, TRIES, TYPES, KindNumbers
from netsiege.engine.batch import columns
from netsiege.engine.batch.beginning import begin
from netsiege.engine.batch.compiled import ONE, ZERO, apart, bit, compiled, entry, has, lowest, size
from netsiege.engine.batch.episode import draw_valid, play
from netsiege.engine.batch.hashing import below, derive, mixed, uniform
from netsiege.engine.batch.terrain import Games, Setup, Terrain
from netsiege.engine.batch.valid import Parts, count

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

_PLACES: Final = 2


class Memory(NamedTuple):
    """What has been tried in the episode: for each target the mask of the sources."""

    scans: U64
    """[networks]."""
    services: U64
    """[A]."""
    data: U64
    """[A]."""
    exploits: U64
    """[offers]."""
    exfiltrations: U64
    """[A, keys]."""


class Options(NamedTuple):
    """The moves that there are now, and their kinds."""

    moves: I64
    """[as many as there may be, 5]: kind, then the action's four numbers."""
    kinds: I64
    """[kinds]: those that there are, without order."""
    counts: I64
    """[kinds]: how many moves are of each."""
    totals: I64
    """[2]: how many moves and kinds there are."""


class Values(NamedTuple):
    """The table that is learned."""

    value: F64
    """[situations, kinds]."""
    visits: I64
    """[situations, kinds]."""


class Rule(NamedTuple):
    """How it is learned."""

    rate: float
    discount: float
    is_sarsa: bool
    """Whether the next situation is worth the move that is made in it, or its best."""
    episode_name: NDArray[np.uint8]
    """Of a random stream; so is the next."""
    draw_name: NDArray[np.uint8]


def make_memory(terrain: Terrain) -> Memory:
    """An empty one."""
    hosts, offers = terrain.hosts, int(terrain.offer_starts[-1])
    lengths = (terrain.networks, hosts, hosts, offers, hosts * terrain.keys)
    return Memory(*(np.zeros(length, np.uint64) for length in lengths))


def make_options(terrain: Terrain, kinds: KindNumbers) -> Options:
    """Room for all moves that there may be at a time."""
    hosts, offers = terrain.hosts, int(terrain.offer_starts[-1])
    most = _PLACES * (terrain.networks + hosts + offers) + hosts + hosts * hosts * terrain.keys
    none = np.zeros(kinds.total, np.int64)
    return Options(np.zeros((most, 5), np.int64), none, none.copy(), np.zeros(2, np.int64))


def make_values(kinds: KindNumbers) -> Values:
    """All of them 0, none of them learned."""
    shape = (SITUATIONS, kinds.total)
    return Values(np.zeros(shape, np.float64), np.zeros(shape, np.int64))


# --- what can be done -------------------------------------------------------------------------------------


@compiled
def _add(o: Options, kind: int, code: int, source: int, target: int, third: int) -> None:
    place = o.totals[0]
    o.totals[0] += 1
    o.moves[place, 0], o.moves[place, 1], o.moves[place, 2] = kind, code, source
    o.moves[place, 3], o.moves[place, 4] = target, third
    if not o.counts[kind]:
        o.kinds[o.totals[1]] = kind
        o.totals[1] += 1
    o.counts[kind] += 1


@apart
def _add_sources(
    k: KindNumbers, o: Options, machines: Any, tried: Any, what: int, code: int, target: int, third: int
) -> None:
    """The move from inside, and the one from outside, if there is a source that has not tried it."""
    tries = min(size(tried), TRIES_MAX)
    for place in range(_PLACES):
        among = machines & ~tried & (~k.inside if place else k.inside)
        if not among:
            continue
        source = 0
        for host in k.order:
            if has(among, host):
                source = host
                break
        _add(o, k.starts[code] + (what * _PLACES + place) * TRIES + tries, code, source, target, third)


@apart
def _add_exfiltrations(t: Terrain, k: KindNumbers, o: Options, memory: Memory, m: U64) -> None:
    machines, sources = m[columns.CONTROLLED], m[columns.LOADED] & m[columns.CONTROLLED]
    while sources:
        source = lowest(sources)
        sources &= sources - ONE
        for key in range(t.keys):
            word, datum = key >> 6, bit(key & 63)
            if k.data[key] < 0 or not m[t.data + source * t.words + word] & datum:
                continue
            goals = machines & ~bit(source)
            while goals:
                goal = lowest(goals)
                goals &= goals - ONE
                there = m[t.data + goal * t.words + word] & datum
                if there or has(memory.exfiltrations[goal * t.keys + key], source):
                    continue
                kind = k.starts[EXFILTRATE] + k.data[key] * _PLACES + int(not has(k.inside, goal))
                _add(o, kind, EXFILTRATE, source, goal, key)


@apart
def _add_hosts(t: Terrain, k: KindNumbers, o: Options, memory: Memory, m: U64, near: Any) -> int:
    """Searches for services, and exploits. Returns how many hosts have no known services."""
    machines, bare = m[columns.CONTROLLED], 0
    hosts = m[columns.HOSTS] & ~machines
    while hosts:
        host = lowest(hosts)
        hosts &= hosts - ONE
        services = m[t.services + host]
        if not services:
            bare += 1
            what = 2 * int(has(k.inside, host)) + int(has(near, host))
            _add_sources(k, o, machines, memory.services[host], what, SERVICES, host, 0)
        while services:
            service = lowest(services)
            services &= services - ONE
            offer = t.offer_starts[host] + service
            _add_sources(k, o, machines, memory.exploits[offer], k.names[offer], EXPLOIT, host, service)
    return bare


@apart
def _list_options(t: Terrain, k: KindNumbers, o: Options, memory: Memory, m: U64) -> int:
    """Writes the moves that there are; the number of the situation."""
    for i in range(o.totals[1]):
        o.counts[o.kinds[i]] = 0
    o.totals[0] = o.totals[1] = 0
    machines, near, networks = m[columns.CONTROLLED], ZERO, m[columns.NETWORKS]
    while networks:
        network = lowest(networks)
        networks &= networks - ONE
        is_held = t.members[network] & machines != ZERO
        if is_held:
            near |= t.members[network]
        what = 2 * k.is_private[network] + int(is_held)
        _add_sources(k, o, machines, memory.scans[network], what, SCAN, network, 0)
    bare = _add_hosts(t, k, o, memory, m, near)
    left = machines
    while left:
        host = lowest(left)
        left &= left - ONE
        if not memory.data[host]:
            look = k.looks[host] if m[t.services + host] else 0
            _add(o, k.starts[DATA] + look, DATA, host, host, 0)
    _add_exfiltrations(t, k, o, memory, m)
    types = 0
    for i in range(o.totals[1]):
        type_ = 0
        while type_ + 1 < TYPES and o.kinds[i] >= k.starts[type_ + 1]:
            type_ += 1
        types |= 1 << type_
    inside = min(size(machines & k.inside), MANY)
    return int((inside * LEVELS + min(bare, MANY)) << TYPES | types)


@compiled
def _note(t: Terrain, memory: Memory, parts: Parts) -> None:
    """The move is made now."""
    code, source, target, third = parts
    if code == SCAN:
        memory.scans[target] |= bit(source)
    elif code == SERVICES:
        memory.services[target] |= bit(source)
    elif code == DATA:
        memory.data[target] |= bit(source)
    elif code == EXPLOIT:
        memory.exploits[t.offer_starts[target] + third] |= bit(source)
    else:
        memory.exfiltrations[target * t.keys + third] |= bit(source)


@compiled
def _forget(memory: Memory) -> None:
    for tried in memory:
        for i in range(len(tried)):
            tried[i] = ZERO


# --- what is chosen and learned ---------------------------------------------------------------------------


@compiled
def _best(o: Options, values: F64) -> tuple[float, int]:
    """The highest value of the kinds that there are, and how many have it."""
    most, ties = -np.inf, 0
    for i in range(o.totals[1]):
        value = values[o.kinds[i]]
        if value > most:
            most, ties = value, 1
        elif value == most:
            ties += 1
    return most, ties


@compiled
def _choose(o: Options, values: F64, epsilon: float, seed: Any, draws: int) -> int:
    """A kind: one of the best, or, in so many cases, any. Takes the next two of the draws."""
    if uniform(mixed(seed, draws + 1)) < epsilon:
        return int(o.kinds[below(mixed(seed, draws + 2), o.totals[1])])
    most, ties = _best(o, values)
    number = below(mixed(seed, draws + 2), ties)
    for i in range(o.totals[1]):
        if values[o.kinds[i]] == most:
            if not number:
                return int(o.kinds[i])
            number -= 1
    return -1


@compiled
def _move_of(o: Options, kind: int, draw: Any) -> Parts:
    """Any move of a kind."""
    number = below(draw, o.counts[kind])
    place = 0
    while o.moves[place, 0] != kind or number:
        number -= o.moves[place, 0] == kind
        place += 1
    return o.moves[place, 1], o.moves[place, 2], o.moves[place, 3], o.moves[place, 4]


@compiled
def _learn(values: Values, situation: int, kind: int, target: float, rate: float) -> None:
    """As `netsiege.agents.learning.table.Table.learn`."""
    values.visits[situation, kind] += 1
    step = max(rate, 1.0 / values.visits[situation, kind])
    values.value[situation, kind] += step * (target - values.value[situation, kind])


@apart
def _episode(
    c: Setup, s: Games, k: KindNumbers, memory: Memory, o: Options, values: Values, rule: Rule, epsilon: float
) -> float:
    """Plays and learns from an episode that has begun; its return."""
    m, n, repeats, t = s.masks[0], s.numbers[0], s.repeats[0], c.terrain
    seed = derive(m[columns.EPISODE_SEED], rule.draw_name, 0, s.words)
    situation, kind, draws = 0, -1, 0
    reward = total = 0.0
    _forget(memory)
    while not n[columns.END]:
        before, last = situation, kind
        situation, kind = _list_options(t, k, o, memory, m), -1
        worth = 0.0
        if o.totals[1]:
            kind = _choose(o, values.value[situation], epsilon, seed, draws)
            worth = values.value[situation, kind] if rule.is_sarsa else _best(o, values.value[situation])[0]
        if last >= 0:
            _learn(values, before, last, reward + rule.discount * worth, rule.rate)
        if kind >= 0:
            parts = _move_of(o, kind, mixed(seed, draws + 3))
            _note(t, memory, parts)
        else:
            parts = draw_valid(t, m, n)
        draws += 3
        reward = play(c, m, n, repeats, parts, s.words)
        total += reward
    if kind >= 0:
        _learn(values, situation, kind, reward, rule.rate)
    return total


@entry
def learn(
    c: Setup,
    s: Games,
    k: KindNumbers,
    memory: Memory,
    o: Options,
    values: Values,
    rule: Rule,
    first: int,
    epsilons: F64,
    ends: I64,
    returns: F64,
    steps: I64,
) -> None:
    """Learns from so many episodes as there are shares of explorations, from number `first` on.

    Writes how each ended, its return and its moves. The seed of all is the one game's match seed.
    """
    m, n = s.masks[0], s.numbers[0]
    for i in range(len(epsilons)):
        seed = derive(m[columns.MATCH_SEED], rule.episode_name, first + i, s.words)
        m[columns.SAMPLE_SEED] = seed
        n[columns.SAMPLED] = 0
        begin(c, m, n, s.repeats[0], seed, s.words)
        count(c.terrain, m, n)
        returns[i] = _episode(c, s, k, memory, o, values, rule, epsilons[i])
        ends[i], steps[i] = n[columns.END], n[columns.STEPS]
