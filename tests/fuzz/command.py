"""The command line: runs targets, says what came of it, and keeps the input that lets something out."""

from __future__ import annotations

import argparse
import base64
import binascii
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.fuzz import catalogue, guided, plain
from tests.fuzz.plain import Outcome
from tests.fuzz.shrink import shrunk
from tests.fuzz.watch import GROWTH_LIMIT_MB, quietly, watched

INPUTS: Final = 100_000
"""Of a run that says nothing else."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code: 0, or 1 if something got out or the memory grew too much."""
    options = _options(arguments)
    quietly()
    if options.again is not None:
        return _again(options.target, options.again)
    is_guided = guided.is_there() and not options.plain
    if not is_guided:
        why = "" if options.plain else ": atheris is not installed"
        _say(f"plain mutation, which does not see what it reaches{why}")
    names = list(catalogue.TARGETS) if options.all else [options.target]
    outcomes = []
    for name in names:
        share = catalogue.TARGETS[name].share if options.all else 1.0
        inputs = None if options.inputs is None else max(1, round(options.inputs * share))
        seconds = None if options.seconds is None else options.seconds / len(names)
        if is_guided:
            outcome = guided.run(name, inputs, seconds, options.seed, options.corpus)
        else:
            outcome = plain.run(name, inputs, seconds, options.seed)
        outcomes.append(outcome)
        _report(outcome, options.out, is_guided=is_guided)
    if len(outcomes) > 1:
        total = sum(outcome.inputs for outcome in outcomes)
        _say(f"all: {total:,} inputs in {sum(outcome.took_s for outcome in outcomes):,.0f} s")
    return 1 if any(outcome.failure or outcome.memory_mb > GROWTH_LIMIT_MB for outcome in outcomes) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--target", choices=list(catalogue.TARGETS))
    which.add_argument("--all", action="store_true", help="every target, each its share of the inputs")
    parser.add_argument("--inputs", type=int, help=f"how many; {INPUTS:,} without --seconds")
    parser.add_argument("--seconds", type=float, help="stop after so long; with --all, all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="without atheris, even if it is installed")
    parser.add_argument("--corpus", type=Path, help="folder that keeps what has reached new code")
    parser.add_argument(
        "--out", type=Path, default=Path(), help="folder for an input that lets something out"
    )
    parser.add_argument("--again", help="one input: a file, or its base64")
    options = parser.parse_args(arguments)
    if options.again is not None and options.target is None:
        parser.error("--again needs --target")
    if options.inputs is None and options.seconds is None:
        options.inputs = INPUTS
    return options


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _report(outcome: Outcome, out: Path, *, is_guided: bool) -> None:
    rate = outcome.inputs / outcome.took_s if outcome.took_s else 0.0
    features = "" if outcome.features is None else f", {outcome.features:,} features"
    _say(
        f"{outcome.target}: {outcome.inputs:,} inputs in {outcome.took_s:,.1f} s ({rate:,.0f} a second)"
        f"{features}, memory +{outcome.memory_mb:,.0f} MB at its peak"
    )
    if outcome.memory_mb > GROWTH_LIMIT_MB:
        _say(f"{outcome.target}: the memory has grown by more than {GROWTH_LIMIT_MB} MB")
    if outcome.failure is None:
        return
    data = outcome.failure.data
    _say(f"{outcome.failure.text}\n{outcome.target}: something got out")
    if data or not is_guided:
        data = shrunk(watched(catalogue.load(outcome.target).one_input), data)
        path = out / f"{outcome.target}-{sha256(data).hexdigest()[:12]}.input"
        path.write_bytes(data)
        _say(f"the input: {path}\nbase64: {base64.b64encode(data).decode()}")
        _say(f"again: python -m tests.fuzz --target {outcome.target} --again {path}")


def _again(name: str, which: str) -> int:
    path = Path(which)
    try:
        data = path.read_bytes() if path.is_file() else base64.b64decode(which, validate=True)
    except binascii.Error:
        _say(f"{which} is no file, and no base64")
        return 2
    outcome = Outcome(name)
    plain.take(watched(catalogue.load(name).one_input), data, outcome)
    _say(outcome.failure.text if outcome.failure is not None else f"{name}: nothing gets out of this input")
    return 1 if outcome.failure is not None else 0
