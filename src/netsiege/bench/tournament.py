"""What a cup costs beside its games: `netsiege bench tournament`.

A round plays the same number of games twice: as a cup, from its command to its last line, and bare, by
the same two agents with as many seats in an ordinary room of a hub with the same workers and a journal, from
the hub's start to the last game's end. `cpu` is what all processes have run for it: the figure that other
work on the machine disturbs least. What tables take is in `netsiege.bench.tables`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import frozen

from netsiege.bench.tables import GAMES as GAMES_OF_TABLES
from netsiege.bench.tables import measure_tables
from netsiege.errors import SiegeError
from netsiege.figures import Row, figures_of
from netsiege.hub.bench_process import LOOPBACK, Process, Target
from netsiege.keys import environment_without_keys

ROUNDS: Final = 5
QUICK_ROUNDS: Final = 1
ROUNDS_OF_TABLES: Final = 3
GAMES: Final = 1_000
QUICK_GAMES: Final = 100
SEATS: Final = 32
STEPS: Final = 100
"""Of each agent in a game, at most: as in NetSecGame's tasks. Random agents use them up."""
WORKERS: Final = 2
PATIENCE_S: Final = 600.0
AGENTS: Final = {"Attacker": "random-attacker", "Defender": "random-defender"}

_TASK: Final = """
name: bench
seats: {{Attacker: 1, Defender: 1}}
pacing: rounds
clock: {{move_s: 60}}
coordinator:
  agents:
    Attacker:
      max_steps: {steps}
      goal: {{description: "", known_networks: [], known_hosts: [], controlled_hosts: [],
        known_services: {{}}, known_data: {{213.47.23.195: [[User1, DataFromServer1]]}}, known_blocks: {{}}}}
      start_position: {{known_networks: [], known_hosts: [], controlled_hosts: [213.47.23.195, random],
        known_services: {{}}, known_data: {{}}}}
    Defender:
      max_steps: {steps}
      goal: {{description: "", known_networks: [], known_hosts: [], controlled_hosts: [],
        known_services: {{}}, known_data: {{}}, known_blocks: {{213.47.23.195: all_attackers}}}}
      start_position: {{known_networks: [], known_hosts: [], controlled_hosts: [all_local],
        known_services: {{}}, known_data: {{}}}}
env:
  scenario: two_networks_tiny
  use_global_defender: false
  use_dynamic_addresses: false
  use_firewall: true
  save_trajectories: false
  rewards: {{success: 100, step: -1, fail: -10, false_positive: -5}}
"""


@frozen
class Took:
    """Seconds of the clock, and of all processes on all cores."""

    wall_s: float
    cpu_s: float


def run(
    quick: bool = False,
    *,
    games: int | None = None,
    steps: int = STEPS,
    rounds: int | None = None,
    games_of_tables: int = GAMES_OF_TABLES,
    progress: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Measures; each figure as `netsiege.figures` has it. `quick` plays few games, once.

    `steps` is the limit of each agent in a game: what a cup costs beside a game is the same for all.

    `progress` hears of each round as it begins. Raises `SiegeError` if games are not played to their end.
    """
    games = games or (QUICK_GAMES if quick else GAMES)
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    progress("tables")
    tables = measure_tables(max(rounds, ROUNDS_OF_TABLES), games_of_tables)
    rows = [
        Row("tournament.bare", "games/s", True),
        Row("tournament.bare.cpu", "ms", False),
        Row("tournament.cup", "games/s", True, "tournament.bare"),
        Row("tournament.cup.cpu", "ms", False, "tournament.bare.cpu"),
    ]
    for number in range(1, rounds + 1):
        progress(f"round {number} of {rounds}")
        with tempfile.TemporaryDirectory(prefix="netsiege-bench-") as place:
            folder = Path(place)
            (folder / "task.yaml").write_text(_TASK.format(steps=steps))
            (folder / "cup.yaml").write_text(yaml.safe_dump(_cup(games)))
            plays = (_play_bare, _play_cup)
            # now the one first, now the other: a machine that others share changes its pace meanwhile
            order = plays if number % 2 else plays[::-1]
            timed = {play: _timed(play, folder, games) for play in order}
            took = [timed[play] for play in plays]
        for i, each in enumerate(took):
            rows[2 * i].values.append(games / each.wall_s)
            rows[2 * i + 1].values.append(each.cpu_s / games * 1e3)
    return figures_of([*rows, *tables])


def _timed(play: Callable[[Path, int], None], folder: Path, games: int) -> Took:
    spent_s, began_s = _children_s(), time.monotonic()
    play(folder, games)
    return Took(time.monotonic() - began_s, _children_s() - spent_s)


def _children_s() -> float:
    """What all processes have run that have ended, and theirs."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _cup(games: int) -> dict[str, object]:
    entrants = [{"agent": name, "role": role, "seats": SEATS} for role, name in AGENTS.items()]
    return {"entrants": entrants, "scenarios": [{"task": "task.yaml"}], "games": games}


def _play_bare(folder: Path, games: int) -> None:
    """Without a director."""
    words = ("--task", str(folder / "task.yaml"), "--journal", str(folder / "hub.journal"))
    ports = ("--bind", LOOPBACK, "--workers-bind", LOOPBACK, "--parent", str(os.getpid()))
    argv = [sys.executable, "-m", "netsiege", "hub", *ports, "--workers", str(WORKERS), *words]
    with Target(argv, "the hub") as hub:
        argvs = {
            role: [sys.executable, "-m", "netsiege.bench.attend", name, role, hub.address("agents")]
            for role, name in AGENTS.items()
        }
        many = [str(SEATS), str(games)]
        with (
            Process([*argvs["Defender"], *many], "the defender"),
            Process([*argvs["Attacker"], *many], "the attacker") as attacker,
        ):
            attacker.wait(PATIENCE_S)


def _play_cup(folder: Path, _games: int) -> None:
    words = ("tournament", "run", "cup.yaml", "--out", "out", "--workers", str(WORKERS))
    argv = [sys.executable, "-m", "netsiege", *words]
    cup = subprocess.Popen(  # noqa: S603  # our own command
        argv,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment_without_keys(),
        start_new_session=True,
    )
    try:
        said, _ = cup.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise SiegeError(f"the cup has not ended within {PATIENCE_S:g} s") from None
    finally:
        _end(cup)
    if cup.returncode:
        raise SiegeError(f"the cup ended with code {cup.returncode}: {said.strip()[-500:]}")


def _end(cup: subprocess.Popen[str]) -> None:
    """It ends what it has started."""
    if cup.poll() is None:
        cup.terminate()
        try:
            cup.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            cup.kill()
            cup.communicate()
