"""Checks a cup's folder: plays its replays again, and works its tables out of what comes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from netsiege.cores import each
from netsiege.cup_play import Rooms
from netsiege.cups import is_sampled, replay_path, replay_share
from netsiege.engine.playback import verify
from netsiege.engine.replay import Replay
from netsiege.errors import SiegeError
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Ground, Outcome
from netsiege.hub.tournament.outcomes import outcome_of
from netsiege.hub.tournament.records import Reader
from netsiege.hub.tournament.results import ENDED, read_all
from netsiege.hub.tournament.results_files import dump_csv, dump_results
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.shown import LINE_CHARS, shown

RELATIVE: Final = 1e-6
ABSOLUTE: Final = 1e-5
"""By how much a figure of `results.json` may be off, of itself or as it is."""

Played = tuple[Outcome, str | None]
"""A game, and the room of the match that has decided it."""


@frozen
class Checked:
    """What came of a check: the first difference, if there is one, and what was looked at."""

    difference: str
    replays: int = 0
    unplayed: int = 0
    unkept: int = 0

    @property
    def summary(self) -> str:
        """A line for people."""
        said = [f"{self.replays:,} replays come out as the tables say"]
        if self.unplayed:
            said.append(f"{self.unplayed:,} games were forfeited without a result of the hub's")
        if self.unkept:
            said.append(f"of {self.unkept:,} games there is no replay here")
        return "; ".join(said)


def verify_cup(folder: Path) -> Checked:
    """Looks at everything; stops at the first difference. Raises `ConfigError` if there is no cup."""
    with Reader.read(folder) as store:
        results, outcomes = read_all(store)
        decided, share = store.decided_by(), replay_share(store)
        rooms = {(each.game, each.number): each.room for each in store.attempts()}
        ended = store.notes().get(ENDED)
    difference = _compare_results(folder / "results.json", dump_results(results)) or _compare_lines(
        folder / "results.csv", dump_csv(store.cup, outcomes)
    )
    if difference:
        return Checked(shown(difference, LINE_CHARS))
    if ended is not None and schedule_of(store.cup).end(outcomes) != len(outcomes):
        return Checked(f"{folder}: the cup is not over after {len(outcomes):,} games, as its store says")
    counts = {"replays": 0, "unplayed": 0, "unkept": 0}
    numbers = [decided[outcome.game.id] for outcome in outcomes]
    played = [
        (outcome, None if number is None else rooms[outcome.game.id, number])
        for outcome, number in zip(outcomes, numbers, strict=True)
    ]
    looked = each(partial(_checking, store.cup, folder, share), played, len(played))
    for outcome, (kind, difference) in zip(outcomes, looked, strict=True):
        if difference:
            label = replay_path(folder, outcome.game.id)
            return Checked(shown(f"{label}: {difference}", LINE_CHARS), **counts)
        counts[kind] += 1
    return Checked("", **counts)


def _compare_results(path: Path, made: str) -> str:
    """Their figures may differ by what Pythons and machines round differently."""
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
    return next((f"{path}: {each}" for each in _differences(there, json.loads(made), "")), "")


def _differences(there: Any, made: Any, at: str) -> Iterator[str]:
    """What one JSON value has that the other has not, in order."""
    if isinstance(made, dict) and isinstance(there, dict):
        for key in [*made, *(key for key in there if key not in made)]:
            if key in made and key in there:
                yield from _differences(there[key], made[key], f"{at}{key}.")
            else:
                yield f"{at}{key} {'is missing' if key in made else 'does not belong there'}"
    elif isinstance(made, list) and isinstance(there, list):
        for number, (one, other) in enumerate(zip(there, made, strict=False)):
            yield from _differences(one, other, f"{at}{number}.")
        if len(there) != len(made):
            yield f"{at[:-1]} has {len(there):,} entries; the games of this cup come to {len(made):,}"
    elif type(there) is not type(made) or not _is_same(there, made):
        yield f"{at[:-1] or 'it'} is {there!r}; the games of this cup come to {made!r}"


def _is_same(there: object, made: object) -> bool:
    if isinstance(there, float) and isinstance(made, float):
        return math.isclose(there, made, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return there == made


def _compare_lines(path: Path, made: str) -> str:
    try:
        there = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        return f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
    if there == made:
        return ""
    pairs = zip(there.splitlines(), made.splitlines(), strict=False)
    line = next(
        (n for n, (a, b) in enumerate(pairs, 1) if a != b), 1 + min(there.count("\n"), made.count("\n"))
    )
    return f"{path}: line {line} is not what the games of this cup come to"


def _checking(cup: Cup, folder: Path, share: float) -> Callable[[Played], tuple[str, str]]:
    return _Check(cup, folder, share).game


class _Check:
    """Of one cup's games."""

    def __init__(self, cup: Cup, folder: Path, share: float) -> None:
        self._cup, self._folder = cup, folder
        self._rooms = Rooms(cup, "")
        self._grounds: dict[str, Ground] = {ground.label: ground for ground in cup.grounds}
        self._entrants = {entrant.name: entrant for entrant in cup.entrants}
        self._share = share

    def game(self, played: Played) -> tuple[str, str]:
        """What was looked at, and what differs, if anything does."""
        outcome, room = played
        if outcome.forfeit and not any(outcome.steps):
            return "unplayed", ""  # it is the director's word, and there is nothing to play
        path = replay_path(self._folder, outcome.game.id)
        if not path.exists():
            return "unkept", "there is no such file" if is_sampled(outcome.game.id, self._share) else ""
        try:
            replay = Replay.load(path)
            return "replays", next(self._differences(replay, outcome, room), "")
        except SiegeError as error:
            return "replays", str(error).removeprefix(f"{path}: ")  # which is said of all differences

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
