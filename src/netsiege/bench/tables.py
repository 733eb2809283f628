"""How long a cup's tables take with very many games in its store: part of `netsiege bench tournament`.

`tables` is what `netsiege tournament show` does, without starting Python: reading the verdicts of a cup of
ten entrants, some of whose games are on networks nobody has seen, and working out its three tables of
ratings. It goes by processor time, beside `netsiege.yardstick` in the same round.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Final

from netsiege.figures import Row
from netsiege.hub.tournament.model import (
    ATTACKER,
    DEFENDER,
    Cup,
    Entrant,
    Format,
    Game,
    Ground,
    Outcome,
    Player,
)
from netsiege.hub.tournament.records import Attempt, Reader
from netsiege.hub.tournament.results import read_results
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.hub.tournament.store import Store
from netsiege.yardstick import measure_yardstick

GAMES: Final = 100_000
LIMIT_S: Final = 1.0
"""What is to be reached."""
ENTRANTS: Final = 10
BATCH: Final = 10_000


def measure_tables(rounds: int, games: int = GAMES) -> list[Row]:
    """The rows `tournament.tables`, in seconds, and its yardstick, so many rounds of each."""
    yardstick = Row("tournament.yardstick", "us", False)
    tables = Row("tournament.tables", "s", False, yardstick.name, limit=LIMIT_S)
    with tempfile.TemporaryDirectory(prefix="netsiege-bench-") as folder:
        _build(Path(folder) / "cup", games)
        for _ in range(rounds):
            yardstick.values.append(1e6 / measure_yardstick())
            began_s = time.process_time()
            with Reader.read(Path(folder) / "cup") as store:
                read_results(store, curves=False)
            tables.values.append(time.process_time() - began_s)
    return [yardstick, tables]


def _build(folder: Path, size: int) -> None:
    """A store in which so many games have been played, and no more are to be."""
    roles = tuple((role, Player(agent="x")) for role in (ATTACKER, DEFENDER))
    grounds = (Ground("seen"), Ground("unseen", unseen=True))
    pairs = ENTRANTS * (ENTRANTS - 1)
    each = Format(games=-(-size // (pairs * len(grounds))))
    cup = Cup("bench", tuple(Entrant(f"entrant-{i}", roles) for i in range(ENTRANTS)), grounds, each, 1)
    schedule = schedule_of(cup)
    with Store.create(folder, cup, "netsiege") as store:
        issued = 0
        while games := schedule.next_games((), issued, min(BATCH, size - issued)):
            issued += len(games)
            store.write(
                games=games,
                attempts=[Attempt(game.id, 0, f"cup-{game.id}-0") for game in games],
                verdicts=[(_outcome(game), 0) for game in games],
            )


def _outcome(game: Game) -> Outcome:
    """What the game's own chance makes of it: later names are stronger."""
    rng = random.Random(game.id)  # noqa: S311  # of a benchmark
    lead = int(game.attacker[-1]) - int(game.defender[-1])
    won = rng.random() < 0.5 + 0.04 * lead
    steps = rng.randint(1, 100), rng.randint(1, 100)
    returns = 100.0 * won - steps[0], rng.gauss()
    return Outcome(game, float(won), "goal" if won else "steps", returns, steps, "")
