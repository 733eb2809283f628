"""Checks a cup's folder: plays its replays again, and works its tables out of what comes of them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from netsiege.cores import each
from netsiege.cup_play import Rooms
from netsiege.cups import is_sampled, replay_path, replay_share
from netsiege.engine.playback import verify
from netsiege.engine.replay import Replay
from netsiege.errors import SiegeError
from netsiege.hub.tournament import plain
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Game, Ground, Outcome
from netsiege.hub.tournament.outcomes import is_word_of_director, outcome_of
from netsiege.hub.tournament.records import Reader
from netsiege.hub.tournament.results import read_all
from netsiege.hub.tournament.results_files import dump_csv, dump_results
from netsiege.hub.tournament.schedule import schedule_of, whole_schedule
from netsiege.hub.tournament.words import counted
from netsiege.shown import LINE_CHARS, shown

RELATIVE: Final = 1e-6
ABSOLUTE: Final = 1e-5
"""By how much a figure of `results.json` may be off, of itself or as it is."""
MORE_BYTES: Final = 1 << 16
"""So much is read of a file beyond twice what it should have: the place of a difference is found in it."""
REPLAYED: Final = "replayed"
UNPLAYED: Final = "unplayed"
UNKEPT: Final = "unkept"
"""What can be looked at of a game: its replay, or why there is none."""

Decided = tuple[Outcome, str | None]
"""What came of a game, and the room of the match that has decided it."""


@frozen
class Checked:
    """What came of a check: the first difference, if there is one, and what was looked at. `is_over` says
    whether the cup has been played to its end.
    """

    difference: str
    replays: int = 0
    unplayed: int = 0
    unkept: int = 0
    is_over: bool = True

    @property
    def summary(self) -> str:
        """A line for people."""
        come = "comes" if self.replays == 1 else "come"
        said = [f"{counted(self.replays, 'replay')} {come} out as the tables say"]
        if self.unplayed:
            said.append(f"{counted(self.unplayed, 'game')} decided by the director, without a hub's result")
        if self.unkept:
            said.append(f"of {counted(self.unkept, 'game')} there is no replay here")
        if not self.is_over:
            said.append("the cup is not over")
        return "; ".join(said)


def verify_cup(folder: Path) -> Checked:
    """Looks at everything but the page; stops at the first difference. Raises `ConfigError` if there is no
    cup, and `JournalError` if its store is damaged.
    """
    with Reader.read(folder) as store:
        results, outcomes = read_all(store)
        games, decided, share = store.games(), store.decided_by(), replay_share(store)
        rooms = {(each.game, each.number): each.room for each in store.attempts()}
        ended = store.ended()
    cup = results.cup
    difference = (
        _compare_schedule(cup, games, outcomes, ended)
        or _compare_results(folder / "results.json", dump_results(results))
        or _compare_lines(folder / "results.csv", dump_csv(cup, outcomes))
        or _compare_lines(folder / "cup.json", plain.dump_cup(cup) + "\n")
    )
    if difference:
        return Checked(shown(difference, LINE_CHARS))
    looked_at: Counter[str] = Counter()
    numbers = [decided[outcome.game.id] for outcome in outcomes]
    played = [
        (outcome, None if number is None else rooms.get((outcome.game.id, number)))
        for outcome, number in zip(outcomes, numbers, strict=True)
    ]
    looked = each(partial(_checking, cup, folder, share), played, len(played))
    for outcome, (kind, found) in zip(outcomes, looked, strict=True):
        if found:
            difference = shown(f"{replay_path(folder, outcome.game.id)}: {found}", LINE_CHARS)
            break
        looked_at[kind] += 1
    return Checked(
        difference,
        looked_at[REPLAYED],
        looked_at[UNPLAYED],
        looked_at[UNKEPT],
        ended is not None,
    )


def _compare_schedule(cup: Cup, games: Sequence[Game], outcomes: Sequence[Outcome], ended: int | None) -> str:
    """The games of the store are those that the cup has, and it is over when its rule says so."""
    known = list(takewhile(lambda each: each[0] == each[1].game.id, enumerate(outcomes)))
    played = [outcome for _, outcome in known]
    try:
        scheduled = whole_schedule(cup).next_games(played, 0, len(games))
    except ValueError as error:
        return f"the store: {error}"
    for number, game in enumerate(games):
        if number >= len(scheduled):
            return f"the store has game {game.id}, which the cup does not have, as far as it was played"
        if game != scheduled[number]:
            return f"the store has {_game(game)}, where the cup has {_game(scheduled[number])}"
    if ended is not None and (len(played) < len(outcomes) or schedule_of(cup).end(played) != ended):
        return f"the cup is not over after {counted(ended, 'game')}, as its store says"
    return ""


def _game(game: Game) -> str:
    who = f"{shown(game.attacker)} against {shown(game.defender) or 'nobody'}"
    return (
        f"game {game.id}, {who} on {shown(game.ground)}, slice {game.slice}, seed {game.seed}, pair "
        f"{game.pair}, round {game.round}"
    )


def _compare_results(path: Path, made: str) -> str:
    """Their figures may differ by what Pythons and machines round differently."""
    there, problem = _read(path, made)
    if problem:
        return problem
    try:
        value = json.loads(there, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        return f"{path}: cannot be read: {error}"
    return next((f"{path}: {each}" for each in _differences(value, json.loads(made), "")), "")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of equal ones readers take the first or the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is there twice")
    return made


def _differences(there: Any, made: Any, at: str) -> Iterator[str]:
    """What one JSON value has that the other has not, in order."""
    if isinstance(made, dict) and isinstance(there, dict):
        for key in [*made, *(key for key in there if key not in made)]:
            if key in made and key in there:
                yield from _differences(there[key], made[key], f"{at}{key}.")
            else:
                yield f"{at}{shown(key)} {'is missing' if key in made else 'does not belong there'}"
    elif isinstance(made, list) and isinstance(there, list):
        for number, (one, other) in enumerate(zip(there, made, strict=False)):
            yield from _differences(one, other, f"{at}{number}.")
        if len(there) != len(made):
            yield f"{at[:-1]} has {len(there):,} entries; the games of this cup come to {len(made):,}"
    elif type(there) is not type(made) or not _is_same(there, made):
        yield f"{at[:-1] or 'it'} is {shown(repr(there))}; the games of this cup come to {shown(repr(made))}"


def _is_same(there: object, made: object) -> bool:
    if isinstance(there, float) and isinstance(made, float):
        return math.isclose(there, made, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return there == made


def _compare_lines(path: Path, made: str) -> str:
    there, problem = _read(path, made)
    if problem or there == made:
        return problem
    pairs = zip(there.splitlines(), made.splitlines(), strict=False)
    line = next(
        (n for n, (a, b) in enumerate(pairs, 1) if a != b), 1 + min(there.count("\n"), made.count("\n"))
    )
    return f"{path}: line {line} is not what the games of this cup come to"


def _read(path: Path, made: str) -> tuple[str, str]:
    """A file's text, or why there is none. No more is read than twice what it should have."""
    if not path.is_file():
        return "", f"{path}: there is no such file"
    try:
        with path.open("rb") as file:
            data = file.read(2 * len(made.encode()) + MORE_BYTES)
        return data.decode(), ""
    except (OSError, ValueError) as error:
        return "", f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"


def _checking(cup: Cup, folder: Path, share: float) -> Callable[[Decided], tuple[str, str]]:
    return _Check(cup, folder, share).game


class _Check:
    """Of one cup's games."""

    def __init__(self, cup: Cup, folder: Path, share: float) -> None:
        self._cup, self._folder = cup, folder
        self._rooms = Rooms(cup, "")
        self._grounds: dict[str, Ground] = {ground.label: ground for ground in cup.grounds}
        self._entrants = {entrant.name: entrant for entrant in cup.entrants}
        self._share = share

    def game(self, played: Decided) -> tuple[str, str]:
        """What was looked at, and what differs, if anything does."""
        outcome, room = played
        path = replay_path(self._folder, outcome.game.id)
        if not path.is_file():
            if is_word_of_director(outcome):
                return UNPLAYED, ""  # there is nothing to play
            return UNKEPT, "there is no such file" if is_sampled(outcome.game.id, self._share) else ""
        try:
            replay = Replay.load(path)
            return REPLAYED, next(self._differences(replay, outcome, room), "")
        except SiegeError as error:
            return REPLAYED, str(error).removeprefix(f"{path}: ")  # which is said of all differences

    def _differences(self, replay: Replay, outcome: Outcome, room: str | None) -> Iterator[str]:
        game = outcome.game
        if replay.spec != self._rooms.spec(self._grounds[game.ground], game).to_bytes():
            yield f"it was played on another scenario than {game.ground!r} from seed {game.seed}"
        if replay.seed != game.seed:
            yield f"it was played from seed {replay.seed}, not {game.seed}"
        if room is None or replay.room != room:
            yield f"it is of the room {replay.room!r}, not {room!r}"
        for role, name in ((ATTACKER, game.attacker), (DEFENDER, game.defender)):
            seated = [seat.name for seat in replay.seats if seat.role == role]
            if seated != [name] * bool(name) and not self._comes_by_key(name, role):
                yield f"its {role} is {', '.join(seated) or 'nobody'}, not {name}"
        verdict = verify(replay)
        if verdict.event is not None:
            yield f"comes out otherwise from {replay.describe_event(verdict.event)}"
        yield from verdict.problems
        if len(verdict.results) != 1:
            yield f"it has {len(verdict.results)} results, not 1"
        elif (told := outcome_of(game, verdict.results[0])) != outcome:
            yield f"it comes to {_said(told)}; the tables have {_said(outcome)}"

    def _comes_by_key(self, name: str, role: str) -> bool:
        entrant = self._entrants.get(name)
        player = entrant.player(role) if entrant is not None else None
        return player is not None and bool(player.key)


def _said(outcome: Outcome) -> str:
    forfeit = f", forfeited by {outcome.forfeit}" if outcome.forfeit else ""
    what = f"a score of {outcome.score:g} by {outcome.cause}{forfeit}"
    return f"{what}, returns {outcome.returns}, steps {outcome.steps}"
