"""How long do a cup's tables take, with very many games in its store?

Builds a store of each kind and reads it as `netsiege tournament show` does, and, with curves, as the end of a
cup does: each time in a process that has read nothing before.

    python -m tests.tournament.speed [--games 100000] [--rounds 3] [--only KIND] [--keep FOLDER]

Times are seconds of the processor, the least of the rounds; starting Python and importing are not in them.
Exits with 1 if tables without curves take longer than they should (`MOST_S`, for 100,000 games).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from attrs import evolve

from netsiege.bench.tables import play
from netsiege.hub.tournament.model import COMPARE, GAUNTLET, SWISS, Cup
from netsiege.hub.tournament.records import Reader
from netsiege.hub.tournament.results import read_results
from netsiege.hub.tournament.results_files import dump_results
from tests.tournament.small_cups import cup_of

MOST_S: Final = 1.0
MOST_IF_MANY_S: Final = 2.0
"""With a hundred entrants: fitting them takes a while, however few the games are."""


def _unseen(cup: Cup) -> Cup:
    """With its last ground unseen."""
    return evolve(cup, grounds=(*cup.grounds[:-1], evolve(cup.grounds[-1], unseen=True)))


def _compared(cup: Cup) -> Cup:
    """Of its first two entrants."""
    one, other = (entrant.name for entrant in cup.entrants[:2])
    return evolve(cup, format=evolve(cup.format, kind=COMPARE, a=one, b=other))


CUPS: Final = {
    "8": cup_of("B" * 8, grounds=2, games=900),
    "10-unseen": _unseen(cup_of("B" * 10, grounds=2, games=560)),
    "6-against-6": cup_of("A" * 6 + "D" * 6, grounds=3, games=930),
    "100": cup_of("B" * 100, games=11),
    "100-gauntlet": cup_of("B" * 100, games=510, kind=GAUNTLET),
    "100-swiss": cup_of("B" * 100, games=100, kind=SWISS, rounds=10),
    "comparison": _compared(cup_of("BB", grounds=2, games=25_000)),
    "comparison-4": _compared(cup_of("AADDDD", grounds=2, games=6_250)),
}
"""By kind: how many entrants, and what is special."""


def measure(folder: Path, results: Path | None) -> dict[str, float]:
    """Seconds for the store's tables and, if there is a file for the results, for all of them."""
    begun_s = time.process_time()
    with Reader.read(folder) as store:
        opened_s = time.process_time()
        told = read_results(store, curves=results is not None)
    spent = {"opening": opened_s - begun_s, "whole": time.process_time() - begun_s, "games": told.games}
    if results is not None:
        results.write_text(dump_results(told))
    return spent


def least(folder: Path, rounds: int, *what: str) -> dict[str, float]:
    """The least of each figure, each round in a process of its own."""
    command = [sys.executable, "-m", "tests.tournament.speed", "--measure", str(folder), *what]
    told = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(rounds)
    ]
    return {key: min(each[key] for each in told) for key in told[0]}


def report(where: Path, kinds: list[str], size: int, rounds: int) -> bool:
    """Measures and prints each kind; whether all are fast enough. A store that is there stays as it is."""
    fine = True
    _say(f"{'cup':<16}{'games':>8}{'opening':>9}{'tables':>9}{'curves':>9}")
    for kind in kinds:
        folder = where / kind
        if not folder.exists():
            play(folder, CUPS[kind], size)
        plain = least(folder, rounds)
        curves = least(folder, rounds, "--results", str(folder / "results.json"))
        most_s = MOST_S if len(CUPS[kind].entrants) < 100 else MOST_IF_MANY_S
        fine &= plain["whole"] <= most_s * max(1.0, plain["games"] / 100_000)
        figures = "".join(f"{figure:>9.3f}" for figure in (plain["opening"], plain["whole"], curves["whole"]))
        _say(f"{kind:<16}{plain['games']:>8,}{figures}")
    return fine


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--games", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=CUPS, action="append")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="has the stores, with their results")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure is not None:
        _say(json.dumps(measure(asked.measure, asked.results)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        fine = report(asked.keep or Path(scratch), asked.only or list(CUPS), asked.games, asked.rounds)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
