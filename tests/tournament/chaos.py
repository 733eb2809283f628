"""A cup of a size that people run, under kills: `python -m tests.tournament.chaos`.

Plays a cup of eight entrants twice, once undisturbed and once while engine workers are killed all the time
and hub and director once each, and says what differs. Then it bends a result and a replay, and wants both
found out. It takes minutes; the soak run has a smaller one.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.tournament.running import children, hub_of, netsiege, run, verdicts

CUP = """
name: mixed
entrants:
  - scripted-attacker
  - scripted-attacker,epsilon=0.4
  - scripted-attacker,epsilon=0.8
  - random-attacker
  - scripted-defender
  - scripted-defender,epsilon=0.5
  - scripted-defender,briefed=no
  - random-defender
scenarios: [two_networks_tiny, two_networks_small]
games: {games}
"""
GAMES_OF_A_CUP = 4 * 4 * 2
"""Games of the whole cup for each `games` a pairing."""
TABLES = ("results.csv", "results.json")


def play_under_kills(folder, rng, *, hub_after, director_after, kills_per_s=2.0, limit_s=200.0):
    """Plays the cup.yaml there into `rough`; hub and director die after so many verdicts: who was killed.

    A worker dies only when a game has ended since the last one did: a slow machine gets to the end, too.
    """
    argv, cwd = netsiege("run", "cup.yaml", "--out", "rough", cwd=folder)
    again, _ = netsiege("resume", "rough", cwd=folder)
    kills, spared = {"worker": 0, "hub": 0, "director": 0}, -1
    rough, said = folder / "rough", folder / "said.txt"
    deadline_s = time.monotonic() + limit_s
    with said.open("wb") as log:
        process = subprocess.Popen(argv, cwd=cwd, stdout=log, stderr=log)
        try:
            while process.poll() is None:
                if time.monotonic() > deadline_s:
                    raise AssertionError(f"the cup has not ended: {kills}, {verdicts(rough)} verdicts")
                time.sleep(rng.expovariate(kills_per_s))
                done, hub = verdicts(rough), hub_of(rough)
                if hub is not None and done > hub_after and not kills["hub"]:
                    os.kill(hub, signal.SIGKILL)
                    kills["hub"] += 1
                elif done > director_after and not kills["director"]:
                    process.kill()
                    process.wait()
                    kills["director"] += 1
                    process = subprocess.Popen(again, cwd=cwd, stdout=log, stderr=log)
                elif hub is not None and done > spared and (workers := children(hub, b"worker")):
                    os.kill(rng.choice(workers), signal.SIGKILL)
                    kills["worker"] += 1
                    spared = done
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0, said.read_text()
    return kills


def differences(folder):
    """What the disturbed run tells otherwise than the calm one, byte by byte."""
    return [
        name
        for name in TABLES
        if (folder / "rough" / name).read_bytes() != (folder / "calm" / name).read_bytes()
    ]


def verified(folder):
    """Whether `tournament verify` agrees with the disturbed run, and the end of what it says."""
    told = run("verify", "rough", cwd=folder, timeout=1_800)
    return told.returncode == 0, (told.stdout + told.stderr).strip().splitlines()[-1]


def _bend(path, change):
    kept = path.read_bytes()
    path.write_bytes(change(kept))
    return kept


def _bent(folder):
    """What `verify` says of one bent digit in the tables, and of one bent bit of a replay."""
    replay = sorted((folder / "rough" / "replays").glob("*.siege"))[-1]
    middle = replay.stat().st_size // 2
    changes = {
        folder / "rough" / "results.csv": lambda data: data.replace(b"1", b"2", 1),
        replay: lambda data: data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
    }
    for path, change in changes.items():
        kept = _bend(path, change)
        yield path.name, verified(folder)
        path.write_bytes(kept)


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=200, help="of a pairing (default: %(default)s)")
    parser.add_argument("--kills-per-s", type=float, default=0.25, help="of workers (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    whole = GAMES_OF_A_CUP * chosen.games
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "cup.yaml").write_text(CUP.format(games=chosen.games))
        begun_s = time.monotonic()
        calm = run("run", "cup.yaml", "--out", "calm", cwd=folder, timeout=1_800)
        assert calm.returncode == 0, calm.stderr
        say(f"undisturbed: {whole} games in {time.monotonic() - begun_s:.0f} s")
        begun_s = time.monotonic()
        kills = play_under_kills(
            folder,
            random.Random(chosen.seed),
            hub_after=whole // 4,
            director_after=whole // 2,
            kills_per_s=chosen.kills_per_s,
            limit_s=1_800,
        )
        say(f"disturbed: {time.monotonic() - begun_s:.0f} s, killed {kills}")
        wrong = differences(folder)
        say("tables that differ:", wrong or "none")
        fine, said = verified(folder)
        say("verify:", said)
        for name, (unseen, told) in _bent(folder):
            wrong += [name] if unseen else []
            say(f"verify with {name} bent:", told)
    return 0 if fine and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
