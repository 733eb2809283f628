"""Scenario and task files: one that loads makes a spec that an engine takes or refuses; no other loads."""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

from netsiege.engine.tables import compile_spec
from netsiege.errors import ConfigError, RuleError
from netsiege.scenarios import Spec, bundled, describe, load_spec
from tests.fuzz import scratch
from tests.fuzz.tape import Tape, written
from tests.fuzz.values import FLOATS, TEXTS, WHOLE, torn

MAX_BYTES: Final = 400
AS_IT_IS: Final = 0x80
"""Added to the first byte of an input whose rest is the file."""
WORDS: Final = (
    *TEXTS, "192.168.1.300", "10.0.0.0/1", "<<", "two_networks", "servers", "client_1", "\ud7ff", "1e400",
    "0x1f", "2026-01-01", "&a", "*a", "!!python/object", "- ", ": ",
)  # fmt: skip  # a bag of words, not a table
KEYS: Final = (
    "coordinator", "agents", "Attacker", "Defender", "goal", "start_position", "controlled_hosts", "env",
    "scenario", "rewards", "networks", "hosts", "firewall", "ip", "services", "start", "data", "name",
    "seats", "clock", "move_s", "seed", "pacing",
)  # fmt: skip  # a bag of words, not a table


@cache
def texts(*, as_task: bool) -> tuple[bytes, ...]:
    """The bundled files, the shortest first."""
    names = bundled.task_names() if as_task else bundled.topology_names()
    find = bundled.task_file if as_task else bundled.topology_file
    found = [(find(name) or Path()).read_bytes() for name in names]
    return tuple(sorted(found, key=len))


@cache
def documents(*, as_task: bool) -> tuple[str, ...]:
    """The same as JSON, which is YAML too, and faster to write."""
    return tuple(json.dumps(yaml.safe_load(text)) for text in texts(as_task=as_task)[:4])


def _value(tape: Tape, depth: int = 2) -> Any:
    kind = tape.below(8 if depth else 5)
    if kind == 0:
        return tape.pick((None, True, False))
    if kind == 1:
        return tape.pick((*WHOLE, 10**30))
    if kind == 2:
        return tape.pick(FLOATS)
    if kind < 5:
        return tape.pick(WORDS)
    if kind == 5:
        return [_value(tape, depth - 1) for _ in range(tape.below(4))]
    return {tape.pick(KEYS): _value(tape, depth - 1) for _ in range(tape.below(4))}


def _bent(tape: Tape, text: str) -> bytes:
    """A document with something else in a place or two, as JSON or as YAML."""
    document = json.loads(text)
    for _ in range(1 + tape.below(2)):
        parent, key = document, tape.pick(list(document))
        while isinstance(parent[key], dict | list) and parent[key] and not tape.chance(6):
            parent = parent[key]
            key = tape.pick(list(parent)) if isinstance(parent, dict) else tape.below(len(parent))
        kind = tape.below(6)
        if kind == 0 and isinstance(parent, dict):
            parent[tape.pick(KEYS)] = parent.pop(key)
        elif kind == 1:
            del parent[key]
        elif kind == 2 and isinstance(parent[key], list):
            parent[key] = parent[key] * 2
        else:
            parent[key] = _value(tape)
        if not document:
            break
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def one_input(data: bytes) -> None:
    """Whether it is a task, and a file, or a tape that makes one."""
    tape = Tape(data)
    first = tape.byte()
    as_task = bool(first & 1)
    if first & AS_IT_IS:
        text = tape.rest()
    elif tape.chance(4):
        text = torn(tape, tape.pick(texts(as_task=as_task)[:4]))
    else:
        text = _bent(tape, tape.pick(documents(as_task=as_task)))
    path = scratch.folder() / "file.yaml"
    path.write_bytes(text)
    try:
        spec = load_spec(task=path) if as_task else load_spec(scenario=path)
    except ConfigError as error:
        assert error.problems
        for line in error.problems:
            assert line.isprintable(), line
            assert line.startswith(f"{path.parent}/"), line  # a task may name a file beside it
        return
    _loaded(spec)


def _loaded(spec: Spec) -> None:
    text = spec.to_bytes()
    assert Spec.from_bytes(text) == spec
    assert describe(spec.topology).replace("\n", "").isprintable()
    try:
        compile_spec(text)
    except RuleError:
        return


def seeds() -> list[bytes]:
    """Bundled files, and tapes that bend them."""
    found = [bytes([AS_IT_IS | task]) + texts(as_task=bool(task))[0][: MAX_BYTES - 1] for task in (0, 1)]
    for task, which, place in product((0, 1), (0, 1), range(9)):
        found.append(written(task, 0, which, 0, place, place, 3, 3))
    return [*found, written(AS_IT_IS, b"a: &a [1]\nb: *a\n"), written(AS_IT_IS, b"{a: !!set {b}}\n")]
