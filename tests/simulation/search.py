"""Runs many seeds; says of one that fails how to see it again, and what is the least that it takes."""

import argparse
import multiprocessing
import sys
import time
import traceback
from collections import Counter

from tests.simulation.world import run_seed

SHOWN = 60
"""Lines of history in a report."""
PROGRESS_EVERY_S = 5.0


def main(arguments=None):
    """The command line. Returns the exit code: 0, or 1 if a promise was broken."""
    options = _options(arguments)
    return _many(options) if options.seed is None else _one(options)


def _options(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first one")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--faults", help="these kinds of faults at most, comma-separated; '' for none")
    parser.add_argument("--verbose", action="store_true", help="say what happens as it happens")
    parser.add_argument("--all", action="store_true", help="go on after a seed that fails")
    return parser.parse_args(arguments)


def _say(text, where=None):
    where = where or sys.stdout
    where.write(text + "\n")
    where.flush()


def _one(options):
    kinds = None if options.faults is None else frozenset(filter(None, options.faults.split(",")))
    outcome = run_seed(options.seed, kinds, listen=_say if options.verbose else None)
    if outcome.violation is None:
        _say(f"seed {options.seed}: every promise was kept. {say_counts(outcome.counts)}")
        return 0
    _say(report(outcome))
    return 1


def _many(options):
    started_s = shown_s = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    counts, matches, events, done, failed, broken = Counter(), 0, 0, 0, [], False
    for seed, violation, broken, counted, played, moved in _run_all(seeds, options.jobs):
        done, matches, events = done + 1, matches + played, events + moved
        counts.update(counted)
        if violation is not None:
            failed.append(seed)
            _say(f"seed {seed}: {violation}")
            if broken or not options.all:
                break
        if time.monotonic() - shown_s > PROGRESS_EVERY_S:
            shown_s = time.monotonic()
            _say(f"{done} of {len(seeds)} seeds", sys.stderr)
    took_s = time.monotonic() - started_s
    rate = f"{done / took_s:.1f} a second"
    _say(f"{done} seeds in {took_s:.1f} s ({rate}): {matches} matches, {events} events")
    _say(f"injected: {say_counts(counts)}")
    if failed:
        _say(f"{len(failed)} failed: {sorted(failed)[:20]}")
        if not broken:
            _say(report(run_seed(min(failed))))
    return 1 if failed else 0


def _run_all(seeds, jobs):
    if jobs <= 1:
        yield from map(_run, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(_run, seeds, chunksize=8)


def _run(seed):
    try:
        outcome = run_seed(seed)
    except Exception:  # a mistake in the simulator itself, to be told from a promise that is broken
        return seed, f"the simulator broke:\n{traceback.format_exc()}", True, Counter(), 0, 0
    violation = None if outcome.violation is None else str(outcome.violation)
    return seed, violation, False, outcome.counts, outcome.matches, outcome.events


def say_counts(counts):
    """The counts as text."""
    return ", ".join(f"{what} {count}" for what, count in sorted(counts.items())) or "nothing"


def report(outcome):
    """All that one wants to know of a run that failed."""
    violation = outcome.violation
    fewest = sorted(shrink(outcome.seed, outcome.faults, violation.rule))
    kinds = ",".join(fewest) or "''"
    world = outcome.world
    lines = [
        f"seed {outcome.seed}: {violation}",
        f"  faults: {', '.join(sorted(outcome.faults)) or 'none'}",
        f"  the fewest that still break this promise: {', '.join(fewest) or 'none'}",
        f"  again: python -m tests.simulation --seed {outcome.seed} --faults {kinds}",
        f"  at {outcome.virtual_s:.3f} s; the last of what happened:",
        *("    " + line for line in world.history.last(SHOWN)),
    ]
    if violation.match is not None:
        numbers = world.registry.numbers_of(violation.match) | world.reference.handles_of(violation.match)
        lines.append(f"  match {violation.match}:")
        lines += ["    " + line for line in world.history.last(SHOWN, numbers)]
    return "\n".join(lines)


def shrink(seed, kinds, rule):
    """The kinds of faults that it takes to break the same promise: none of them can be left out alone."""
    fewest = frozenset(kinds)
    for kind in sorted(kinds):
        without = fewest - {kind}
        outcome = run_seed(seed, without)
        if outcome.violation is not None and outcome.violation.rule == rule:
            fewest = without
    return fewest
