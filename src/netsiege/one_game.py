"""All that is known of one game of a cup: gathered from its store and its entrants' output.

A line of output belongs to a game if its mark says so (`netsiege.marks`), which has the number of the match.
That number is in the store as soon as the match has begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from netsiege.cups import LOGS, is_sampled, replay_path, replay_share
from netsiege.errors import ConfigError
from netsiege.hub.tournament.captured import Line, Stretch, lines_of, lost_from
from netsiege.hub.tournament.grounds import network_of
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Game, Ground, Outcome
from netsiege.hub.tournament.processes import is_managed, outputs_of
from netsiege.hub.tournament.records import Attempt, Reader
from netsiege.hub.tournament.schedule import NOBODY
from netsiege.protocol import MAX_NAME_CHARS
from netsiege.scenarios.generate import Entry

BENIGN: Final = "Benign"


@frozen
class Said:
    """What an entrant has said in an attempt, by the file of one of its processes."""

    entrant: str
    role: str
    file: str
    lines: tuple[Line, ...]


@frozen
class Tried:
    """An attempt, and what was said in it."""

    attempt: Attempt
    output: tuple[Said, ...]


@frozen
class Source:
    """A file of output. `unmarked` lines belong to no match, but to the process; `lost` is what it lacks."""

    entrant: str
    role: str
    file: str
    lines: int
    unmarked: int
    lost: Stretch | None


@frozen
class OneGame:
    """A game of a cup. `outcome` is None as long as it has no verdict, `decided_by` is the attempt that it
    came of, None if it came of none. `twins` are the other games of its pair.

    `replay` is the file, or None, and `no_replay` says why.
    """

    cup: str
    game: Game
    ground: Ground
    network: Entry | None
    """That of a suite."""
    twins: tuple[int, ...]
    outcome: Outcome | None
    decided_by: int | None
    tries: tuple[Tried, ...]
    replay: str | None
    no_replay: str
    remote: tuple[str, ...]
    """Entrants whose output is not here."""
    sources: tuple[Source, ...]


def read_game(store: Reader, number: int) -> OneGame:
    """The game of that number. Raises `ConfigError` if there is none, `JournalError` for a damaged store."""
    with store.at_once():
        games = store.games()
        game = next((each for each in games if each.id == number), None)
        if game is None:
            raise ConfigError(f"{store.folder}: {_range(number, games)}")
        outcome = next((each for each in store.outcomes() if each.game.id == number), None)
        decided_by = store.decided_by().get(number)
        attempts = [each for each in store.attempts() if each.game == number]
    ground = next((each for each in store.cup.grounds if each.label == game.ground), None)
    if ground is None:
        raise ConfigError(f"{store.path}: game {number} is on a ground that the cup does not have")
    matches = {each.match for each in attempts if each.match is not None}
    sources, said = _output(store.folder, _places(store.cup, game, ground), matches)
    replay, why = _replay(
        store, number, outcome, next((each for each in attempts if each.number == decided_by), None)
    )
    return OneGame(
        store.cup.name,
        game,
        ground,
        network_of(ground, game.slice),
        tuple(each.id for each in games if each.pair == game.pair and each is not game),
        outcome,
        decided_by,
        tuple(Tried(each, tuple(said.get(each.match, ()))) for each in attempts),
        replay,
        why,
        tuple(name for name, role in _roles(game) if not _is_here(store.cup, name, role)),
        tuple(sources),
    )


def _range(number: int, games: list[Game]) -> str:
    """What games there are, instead of one that there is not."""
    if not games:
        return f"there is no game {number}: the cup has none yet"
    return f"there is no game {number}: the cup has games {games[0].id} to {games[-1].id}"


def _roles(game: Game) -> list[tuple[str, str]]:
    """Who plays what."""
    return [(game.attacker, ATTACKER), *([(game.defender, DEFENDER)] if game.defender != NOBODY else [])]


def _is_here(cup: Cup, name: str, role: str) -> bool:
    players = [each.player(role) for each in cup.entrants if each.name == name]
    return any(player is not None and is_managed(player) for player in players)


def _places(cup: Cup, game: Game, ground: Ground) -> Iterator[tuple[str, str]]:
    """Whose output is here: entrants, and users."""
    yield from ((name, role) for name, role in _roles(game) if _is_here(cup, name, role))
    yield from ((user[:MAX_NAME_CHARS], BENIGN) for user in ground.benign)


def _output(
    folder: Path, places: Iterator[tuple[str, str]], matches: set[int]
) -> tuple[list[Source], dict[int | None, list[Said]]]:
    """The files of output, and what is in them of each of the matches."""
    sources: list[Source] = []
    said: dict[int | None, list[Said]] = {}
    for name, role in places:
        for path in outputs_of(folder / LOGS, name, role):
            file = str(path.relative_to(folder))
            count = unmarked = 0
            mine: dict[int, list[Line]] = {}
            for line in lines_of(path):
                count, unmarked = count + 1, unmarked + (line.match is None)
                if line.match in matches:
                    mine.setdefault(line.match, []).append(line)
            for match, lines in mine.items():
                said.setdefault(match, []).append(Said(name, role, file, tuple(lines)))
            sources.append(Source(name, role, file, count, unmarked, lost_from(path)))
    return sources, said


def _replay(
    store: Reader, number: int, outcome: Outcome | None, attempt: Attempt | None
) -> tuple[str | None, str]:
    """Where the game's replay is; if it is not, why."""
    path = replay_path(store.folder, number)
    if path.is_file():
        return str(path), ""
    if outcome is None:
        return None, "it has no verdict yet"
    if attempt is None or attempt.match is None:
        return None, "it was decided without being played"
    share = replay_share(store)
    if not is_sampled(number, share):
        return None, f"of {share:.0%} of the games only"
    return None, "they are written when the cup stops or ends, of matches that the hub's journal has whole"
