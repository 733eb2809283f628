"""The hub's limits on those who connect to it: one table, with the reason for each. Pure.

`netsiege hub --limit NAME=VALUE` changes one. What both sides of the wire have to agree on is no limit of the
hub's but part of the protocol: one frame a message, names of 64 characters, bodies of the declared shapes
(which nest five deep at most), 16,384 steps in a batch.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any, Final

import attrs
from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.protocol import MAX_AGENT_FRAME_BYTES, MAX_BATCH, MAX_WORKER_FRAME_BYTES


def _limit(default: float, why: str, low: float = 1) -> Any:
    return attrs.field(default=default, metadata={"why": why, "low": low})


@frozen
class Limits:
    """What one peer, key or address may take up. Names end in their unit where it is not a count."""

    agent_frame_bytes: int = _limit(
        MAX_AGENT_FRAME_BYTES,
        "An exfiltrated log of 10,000 entries, or 16,000 batched steps. The SDK refuses more before it "
        "sends; twice as much ends the connection.",
        1_024,
    )
    worker_frame_bytes: int = _limit(
        MAX_WORKER_FRAME_BYTES,
        "A batch of full observations of large networks; more ends the connection.",
        1_024,
    )
    agent_unread_bytes: int = _limit(
        8 << 20,
        "What an agent has sent that makes no message yet, or waits to be read. A message that never ends "
        "grows a hub unseen: who sends one is cut off.",
        65_536,
    )
    worker_unread_bytes: int = _limit(
        4 * MAX_WORKER_FRAME_BYTES, "The same for a worker, which may send several large batches.", 65_536
    )
    all_unread_bytes: int = _limit(
        128 << 20,
        "The same for all connections of a port together, but at least what one may have: the one with the "
        "most is cut off. Made of the smallest messages, a byte of them takes 30 in memory.",
        65_536,
    )
    stuck_bytes: int = _limit(
        32 << 20,
        "The beginnings of messages that do not end, of all connections of a port together, but at least one "
        "large frame; the largest is cut off. Made of empty frames, a byte of them takes 32 in memory.",
        65_536,
    )
    unsent_bytes: int = _limit(
        128 << 20, "What waits for an agent that does not read: ten of the largest batches.", 65_536
    )
    all_unsent_bytes: int = _limit(
        1 << 30, "The same for all connections of a port together: the one with the most is cut off.", 65_536
    )
    handshake_s: float = _limit(
        5.0, "A connection that has not shaken hands by then holds a descriptor for nothing.", 0.1
    )
    hello_s: float = _limit(10.0, "Nor does one without a session, or a worker that is not ready.", 0.1)
    connections: int = _limit(
        16_384,
        "All connections of a port: each takes a descriptor and some 30 KB. Capped by the system's limit.",
    )
    connections_per_address: int = _limit(
        8_192, "So that one machine cannot take all of them. An IPv6 address counts by its /64."
    )
    connections_per_s: float = _limit(
        200, "New connections of an address: a handshake costs the hub about 0.2 ms.", 0.1
    )
    connections_burst: int = _limit(
        2_000, "New connections of an address at once: a cluster's agents start together."
    )
    stranger_cost: float = _limit(
        40,
        "A connection that ends before anything was said over it counts as so many new ones: half a "
        "handshake, an unknown key, a refused one.",
    )
    storm_s: float = _limit(
        5.0,
        "Who goes on when it is turned away (25 times a second) is not even heard for so long: the kernel "
        "drops its attempts to connect (Linux). What is connected goes on. 0 hears everybody.",
        0,
    )
    connections_per_key_s: float = _limit(
        10, "New connections of a key, after as many at once as it may have sessions.", 0.1
    )
    sessions_per_key: int = _limit(256, "One session holds thousands of seats; a key needs few of them.")
    sessions_per_address: int = _limit(4_096, "Agents behind one address are a cluster, or a crowd of one.")
    seats_per_session: int = _limit(MAX_BATCH, "As many as one batched message can move.")
    seats_per_key: int = _limit(
        MAX_BATCH, "Each takes up to 20 KB of a worker, but 1 MB if all its moves are as large as can be."
    )
    joins_burst: int = _limit(
        128,
        "JOINs of a key at once while others play, since a match is as dear as ten moves: more of them wait.",
    )
    joins_per_s: float = _limit(100, "So many of those who wait get their seats.", 0.1)
    idle_talk_per_s: int = _limit(
        1_000,
        "Messages that move no match: pings, repetitions, refusals. Each 2 KB of a message counts as one "
        "more, and each seat held allows for one more.",
    )
    rooms: int = _limit(4_096, "Rooms stay open, with their specs.")
    arranged: int = _limit(
        16_384, "Matches that a director has arranged in a hall and not closed: what came of them is kept."
    )
    shut_out_s: float = _limit(
        10.0, "Who was shown the door for a flood may come back with the same key only then.", 0
    )

    def with_changes(self, said: Iterable[str]) -> Limits:
        """These limits with some of them as in `NAME=VALUE`. Raises `ConfigError` with all problems."""
        changes: dict[str, Any] = {}
        problems: list[str] = []
        for each in said:
            try:
                name, value = _read(each)
                changes[name] = value
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        return attrs.evolve(self, **changes)

    def listed(self) -> list[tuple[str, str, str]]:
        """Name, value and reason of each."""
        fields = attrs.fields(Limits)
        return [(field.name, f"{getattr(self, field.name):,}", field.metadata["why"]) for field in fields]


DEFAULT_LIMITS: Final = Limits()


def _read(said: str) -> tuple[str, float]:
    name, equals, text = said.partition("=")
    fields = attrs.fields_dict(Limits)
    name = name.strip().replace("-", "_")
    field = fields.get(name)
    if field is None or not equals:
        near = difflib.get_close_matches(name, fields, 1)
        hint = f"; did you mean {near[0]}?" if near and not field else ""
        raise ConfigError(
            f"--limit {said!r}: write NAME=VALUE, with one of the names {', '.join(fields)}{hint}"
        )
    whole = isinstance(field.default, int) and not name.endswith("_s")
    try:
        value = int(text.replace("_", "")) if whole else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < field.metadata["low"]:
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"--limit {name}: {text!r} is not {kind} of at least {field.metadata['low']:g}")
    return name, value
