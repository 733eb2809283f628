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
from netsiege.hub.tournament.elo import ELO, logistic
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
from netsiege.hub.tournament.schedule import whole_schedule
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
        play(Path(folder) / "cup", _cup(games), games)
        for _ in range(rounds):
            yardstick.values.append(1e6 / measure_yardstick())
            began_s = time.process_time()
            with Reader.read(Path(folder) / "cup") as store:
                read_results(store, curves=False)
            tables.values.append(time.process_time() - began_s)
    return [yardstick, tables]


def _cup(games: int) -> Cup:
    """One of at least so many games."""
    roles = tuple((role, Player(agent="x")) for role in (ATTACKER, DEFENDER))
    grounds = (Ground("seen"), Ground("unseen", unseen=True))
    each = Format(games=-(-games // (ENTRANTS * (ENTRANTS - 1) * len(grounds))))
    return Cup("bench", tuple(Entrant(f"entrant-{i}", roles) for i in range(ENTRANTS)), grounds, each, 1)


def play(folder: Path, cup: Cup, size: int) -> None:
    """A store in which so many games of a cup have been played, or all: earlier entrants are stronger."""
    schedule = whole_schedule(cup)
    strengths = {entrant.name: 300 / (place + 1) for place, entrant in enumerate(cup.entrants)}
    played: list[Outcome] = []
    with Store.create(folder, cup, "netsiege") as store:
        while len(played) < size and schedule.end(played) is None:
            games = schedule.next_games(played, most=min(BATCH, size - len(played)))
            made = [_outcome_of(game, strengths) for game in games]
            rooms = [Attempt(game.id, 0, f"cup-{game.id}-0") for game in games]
            store.write(games=games, attempts=rooms, verdicts=[(outcome, 0) for outcome in made])
            played += made


def _outcome_of(game: Game, strengths: dict[str, float]) -> Outcome:
    """What the game's own chance makes of it; one in a hundred is forfeited."""
    rng = random.Random(game.id)  # noqa: S311  # of a benchmark
    p = logistic((strengths[game.attacker] - strengths[game.defender] + rng.gauss(0, 50)) / ELO)
    score, steps = float(rng.random() < p), (rng.randint(1, 100), rng.randint(1, 100))
    forfeit = "" if rng.random() < 0.99 else game.defender if score else game.attacker
    returns = (100 * score - steps[0] - rng.random(), rng.gauss(0, 30))
    return Outcome(game, score, "time" if forfeit else "goal" if score else "steps", returns, steps, forfeit)
