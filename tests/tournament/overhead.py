"""What a cup costs beside its matches: `python -m tests.tournament.overhead`.

Plays the same number of short games twice a round: as a cup, from its command to its last line, and bare, by
the same two agents with as many seats in an ordinary room of a hub with the same workers and a journal, from
the hub's start to the last game's end. Says the wall time of both and the median of their ratios.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

from netsiege.agents.runner import make_agent
from tests.e2e.conftest import RunningHub
from tests.tournament.running import run

AGENTS = {"Attacker": "random-attacker", "Defender": "random-defender"}
DUEL = Path(__file__).parents[2] / "deploy" / "task.yaml"
"""The task of a cup's games on two_networks_tiny, but for the limit of steps."""


class _Enough(Exception):
    """All games are played."""


def attend(role: str, hub: str, seats: int, games: int) -> None:
    """Plays so many games in the hub's room, one after the other on each seat."""
    agent = make_agent(AGENTS[role], hub, role, room="default", wait_s=10)
    left = iter(range(games - 1))

    def count(_summary: object) -> None:
        if next(left, None) is None:
            raise _Enough

    try:
        agent.attend(seats, count)
    except _Enough:
        agent.terminate_connection()


def bare(folder: Path, chosen: argparse.Namespace) -> float:
    """Plays the games without a director; how many seconds it took."""
    begun_s = time.monotonic()
    workers = ("--workers", str(chosen.workers))
    hub = RunningHub("--task", str(folder / "task.yaml"), "--journal", str(folder / "hub.journal"), *workers)
    words = (hub.address, str(chosen.seats), str(chosen.games))
    command = [sys.executable, "-m", "tests.tournament.overhead", "--attend"]
    defender = subprocess.Popen([*command, "Defender", *words], stderr=subprocess.DEVNULL)
    try:
        subprocess.run([*command, "Attacker", *words], check=True, timeout=600)
        return time.monotonic() - begun_s
    finally:
        defender.kill()
        defender.wait()
        hub.stop()


def cup(folder: Path, chosen: argparse.Namespace) -> float:
    """Plays the games as a cup; how many seconds it took."""
    begun_s = time.monotonic()
    options = ("--workers", chosen.workers, "--replays", chosen.replays)
    done = run("run", "cup.yaml", "--out", "out", *options, cwd=folder, timeout=600)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - begun_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seats", type=int, default=32)
    parser.add_argument("--steps", type=int, default=30, help="of each agent in a game, at most")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--replays", type=float, default=1.0, help="the share of games that keep one")
    parser.add_argument(
        "--attend", nargs=4, metavar=("ROLE", "HUB", "SEATS", "GAMES"), help=argparse.SUPPRESS
    )
    chosen = parser.parse_args()
    if chosen.attend:
        role, hub, seats, games = chosen.attend
        attend(role, hub, int(seats), int(games))
        return
    ratios = []
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "task.yaml").write_text(yaml.safe_dump(_task(chosen)))
            (folder / "cup.yaml").write_text(yaml.safe_dump(_cup(chosen)))
            began_s = _processor_s()
            bare_s = bare(folder, chosen)
            between_s = _processor_s()
            cup_s = cup(folder, chosen)
            spent_s = between_s - began_s, _processor_s() - between_s
        ratios.append(cup_s / bare_s)
        spent = f"of the processors {spent_s[0]:.1f} and {spent_s[1]:.1f} s: {spent_s[1] / spent_s[0]:.3f}"
        _say(f"bare {bare_s:.1f} s, cup {cup_s:.1f} s: {ratios[-1]:.3f}; {spent}")
    _say(f"the median of {len(ratios)}: {median(ratios):.3f}")


def _processor_s() -> float:
    """What all processes have taken that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _task(chosen: argparse.Namespace) -> dict[str, object]:
    task = yaml.safe_load(DUEL.read_text())
    for role in task["coordinator"]["agents"].values():
        role["max_steps"] = chosen.steps
    return task


def _cup(chosen: argparse.Namespace) -> dict[str, object]:
    entrants = [{"agent": name, "role": role, "seats": chosen.seats} for role, name in AGENTS.items()]
    return {
        "entrants": entrants,
        "scenarios": ["two_networks_tiny"],
        "games": chosen.games,
        "max_steps": chosen.steps,
    }


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
