"""The records of a cup's store, and reading them: at any time, while a director writes too.

Whoever reads may have got the folder from a stranger: whatever is in the file, it is refused with an error or
taken for what it is. Nothing here writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Self

from attrs import frozen

from netsiege.errors import ConfigError, JournalError
from netsiege.hub.strangers import distrust
from netsiege.hub.tournament.collector import no_collector
from netsiege.hub.tournament.model import Cup, Game, Outcome
from netsiege.hub.tournament.plain import dump_cup, load_cup
from netsiege.hub.tournament.schedule import NOBODY
from netsiege.hub.tournament.slices import ATTACKER_NAME, DEFENDER_NAME, FORFEIT, GROUND, Played
from netsiege.shown import shown

FILE: Final = "cup.sqlite"
FORMAT: Final = 1
OPEN: Final = "open"
VOID: Final = "void"
DONE: Final = "done"
STATES: Final = (OPEN, VOID, DONE)
PLANNED: Final = "planned_games"
"""The note that says how many games the cup will have, where its schedule does not have them all yet."""
ENDED: Final = "ended"
"""The note that says how many games the cup has had, once it is over."""

MAX_VALUE_BYTES: Final = 16 << 20
"""Of one value in the file: the cup, with as many entrants as it may have, is far below."""
MAX_SEED: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63
_DIGITS: Final = 18
"""Of a number in a note, at most."""
BUSY_S: Final = 5.0

SCHEMA: Final = (
    "CREATE TABLE meta (format INTEGER NOT NULL, software TEXT NOT NULL, digest TEXT NOT NULL, "
    "cup TEXT NOT NULL)",
    "CREATE TABLE games (id INTEGER PRIMARY KEY, pair INTEGER NOT NULL, ground TEXT NOT NULL, "
    "slice INTEGER NOT NULL, seed INTEGER NOT NULL, attacker TEXT NOT NULL, defender TEXT NOT NULL, "
    "round INTEGER NOT NULL, CHECK (id >= 0))",
    "CREATE TABLE attempts (game INTEGER NOT NULL, number INTEGER NOT NULL, room TEXT NOT NULL, "
    "state TEXT NOT NULL, why TEXT NOT NULL, match INTEGER, PRIMARY KEY (game, number), "
    "CHECK (state IN ('open', 'void', 'done'))) WITHOUT ROWID",
    "CREATE TABLE verdicts (game INTEGER PRIMARY KEY, attempt INTEGER, score REAL NOT NULL, "
    "cause TEXT NOT NULL, attacker_return REAL NOT NULL, defender_return REAL NOT NULL, "
    "attacker_steps INTEGER NOT NULL, defender_steps INTEGER NOT NULL, forfeit TEXT NOT NULL, "
    "CHECK (score IN (0, 1)))",
    "CREATE TABLE benched (entrant TEXT PRIMARY KEY, game INTEGER NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE INDEX attempts_open ON attempts (game) WHERE state = 'open'",
)
_TABLES: Final = ("meta", "games", "attempts", "verdicts", "benched", "notes")
_TYPES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "games": {
        "integer": ("id", "pair", "slice", "seed", "round"),
        "text": ("ground", "attacker", "defender"),
    },
    "attempts": {"integer": ("game", "number"), "text": ("room", "state", "why")},
    "verdicts": {
        "integer": ("game", "attacker_steps", "defender_steps"),
        "real": ("score", "attacker_return", "defender_return"),
        "text": ("cause", "forfeit"),
    },
    "benched": {"integer": ("game",), "text": ("entrant", "reason")},
    "notes": {"text": ("name", "text")},
}
"""What the columns hold that files of strangers may lie about: no table of ours lets anything else in."""
_RANGES: Final = {
    "games": "id < 0",
    "attempts": "state NOT IN ('open', 'void', 'done') OR (typeof(match) != 'integer' AND match NOT NULL)",
    "verdicts": "(score != 0 AND score != 1) OR (typeof(attempt) != 'integer' AND attempt NOT NULL)",
}


@frozen
class Attempt:
    """One attempt at a game, numbered from 0. `why` says why it came to nothing, if it is void: "worker",
    "hub", "rerun", … `match` is the hub's number for it, once it has begun.
    """

    game: int
    number: int
    room: str
    state: str = OPEN
    why: str = ""
    match: int | None = None


@frozen
class Bench:
    """An entrant that plays no more, from this game on."""

    entrant: str
    game: int
    reason: str


@frozen
class Verdict:
    """What came of a game, and by which attempt; None: it was decided without one."""

    outcome: Outcome
    attempt: int | None


@frozen
class Counts:
    """A cup in numbers: its games so far, those with a verdict, attempts in flight and void, forfeits."""

    games: int
    done: int
    open: int
    void: int
    forfeits: int


class Reader:
    """A cup's store as anyone may read it; use it in a `with`. Made by `read`.

    `cup`, `software` and `digest` are what `create` was told. Reading a damaged file raises `JournalError`.
    """

    def __init__(self, folder: Path, database: sqlite3.Connection) -> None:
        self.folder = folder
        self.path = folder / FILE
        self._database = database
        try:
            _distrust(database, self.path)
            _check_values(database, self.path)
            self.software, self.digest, self.cup = _read_meta(database, self.path)
        except BaseException:
            database.close()
            raise
        self._grounds = {ground.label for ground in self.cup.grounds}
        self._entrants = {NOBODY, *(entrant.name for entrant in self.cup.entrants)}

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Reader:
        """The store in that folder. Raises `ConfigError` if there is none, or it makes no sense."""
        path = Path(folder) / FILE
        if not path.is_file():
            raise ConfigError(f"{folder}: no cup has been run there: it has no {FILE}")
        uri = f"{path.resolve().as_uri()}?mode=ro"
        # beside a file that can only be read, SQLite cannot keep what readers and writers share
        if not (os.access(folder, os.W_OK) or path.with_name(f"{FILE}-wal").exists()):
            uri += "&immutable=1"
        try:
            return Reader(Path(folder), sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None))
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"{path}: cannot be read as a cup's store: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets the file go."""
        self._database.close()

    def games(self) -> list[Game]:
        """The schedule so far, in its order."""
        return self._games("SELECT * FROM games ORDER BY id")

    def played(self) -> list[Played]:
        """What tables are made of, of all games that have a verdict, in the order of the schedule: 100,000
        take an eighth of a second.
        """
        with no_collector():
            rows = self._rows(
                "SELECT id, pair, ground, slice, attacker, defender, score, "
                "attacker_return, defender_return, cause, forfeit "
                "FROM verdicts JOIN games ON id = game ORDER BY game"
            )
        self._check_names(rows, GROUND, (ATTACKER_NAME, DEFENDER_NAME, FORFEIT))
        return rows

    def outcomes(self) -> list[Outcome]:
        """All verdicts, in the order of the schedule, each as an object: 100,000 take half a second."""
        one: dict[str, str] = {}
        same = one.setdefault  # equal words are one object: there are few of them, and they come very often
        with no_collector(), self._reading():
            rows = self._database.execute(
                "SELECT id, pair, ground, slice, seed, attacker, defender, round, score, cause, "
                "attacker_return, defender_return, attacker_steps, defender_steps, forfeit "
                "FROM verdicts JOIN games ON id = game ORDER BY game"
            ).fetchall()
            self._check_names(rows, 2, (5, 6, 14))
            return [
                Outcome(
                    Game(i, pair, same(ground, ground), s, seed & MAX_SEED, same(a, a), same(d, d), r),
                    score,
                    same(cause, cause),
                    (ra, rd),
                    (sa, sd),
                    same(lost, lost),
                )
                for i, pair, ground, s, seed, a, d, r, score, cause, ra, rd, sa, sd, lost in rows
            ]

    def unplayed(self) -> list[Game]:
        """The games of the schedule that have no verdict, in its order."""
        return self._games("SELECT * FROM games WHERE id NOT IN (SELECT game FROM verdicts) ORDER BY id")

    def attempts(self, state: str | None = None) -> list[Attempt]:
        """Every attempt, or those in that state, by game and number."""
        if state is None:
            rows = self._rows("SELECT * FROM attempts ORDER BY game, number")
        elif state == OPEN:  # there is an index of these
            rows = self._rows("SELECT * FROM attempts WHERE state = 'open' ORDER BY game, number")
        else:
            rows = self._rows("SELECT * FROM attempts WHERE state = ? ORDER BY game, number", state)
        return [Attempt(*row) for row in rows]

    def decided_by(self) -> dict[int, int | None]:
        """The attempt that each verdict came of, by game; None for those decided without one."""
        return dict(self._rows("SELECT game, attempt FROM verdicts ORDER BY game"))

    def benched(self) -> list[Bench]:
        """Who plays no more, in the order in which they went."""
        rows = self._rows("SELECT * FROM benched ORDER BY game, entrant")
        self._check_names(rows, None, (0,))
        return [Bench(*row) for row in rows]

    def notes(self) -> dict[str, str]:
        """All notes, by name."""
        return dict(self._rows("SELECT name, text FROM notes ORDER BY name"))

    def planned(self) -> int | None:
        """How many games the cup will have, if that was known before its schedule has them all."""
        return self._number(PLANNED)

    def ended(self) -> int | None:
        """How many games the cup has had; None as long as it is not over."""
        return self._number(ENDED)

    def _number(self, note: str) -> int | None:
        said = self.notes().get(note)
        if said is None:
            return None
        if not (said.isascii() and said.isdigit() and len(said) <= _DIGITS):
            raise JournalError(f"{self.path}: is damaged: its note {note} is no number")
        return int(said)

    def counts(self) -> Counts:
        """The cup in numbers, as of one moment."""
        rows = self._rows(
            "SELECT (SELECT COUNT(*) FROM games), (SELECT COUNT(*) FROM verdicts), "
            "(SELECT COUNT(*) FROM attempts WHERE state = 'open'), "
            "(SELECT COUNT(*) FROM attempts WHERE state = 'void'), "
            "(SELECT COUNT(*) FROM verdicts WHERE forfeit != '')"
        )
        return Counts(*rows[0])

    def version(self) -> int:
        """A number that is another one after a writer has committed something."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def is_running(self) -> bool:
        """Whether a director has the store open."""
        path = self.folder / f"{FILE}.running"
        if not path.is_file():
            return False
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is read within is of one moment, whatever is written meanwhile."""
        self._rows("BEGIN")
        try:
            yield
        finally:
            if self._database.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("COMMIT")

    def _games(self, query: str) -> list[Game]:
        rows = self._rows(query)
        self._check_names(rows, 2, (5, 6))
        return [game_of(row) for row in rows]

    def _check_names(self, rows: Sequence[Any], ground: int | None, entrants: Iterable[int]) -> None:
        """The names in these columns are the cup's: what goes by entrants would not end with too many."""
        strange = set(map(itemgetter(ground), rows)) - self._grounds if ground is not None else set()
        for column in entrants:
            strange |= set(map(itemgetter(column), rows)) - self._entrants
        if strange:
            raise JournalError(f"{self.path}: is damaged: the cup has no {shown(min(strange))}")

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._reading():
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise JournalError(f"{self.path}: cannot be read: {error}") from error


def game_row(game: Game) -> tuple[Any, ...]:
    """A game as a row: SQLite's numbers have a sign, seeds have none."""
    seed = game.seed - (1 << 64) if game.seed >= _SIGN else game.seed
    return (game.id, game.pair, game.ground, game.slice, seed, game.attacker, game.defender, game.round)


def game_of(row: tuple[Any, ...]) -> Game:
    """The game of a row."""
    number, pair, ground, slice_, seed, attacker, defender, round_ = row
    return Game(number, pair, ground, slice_, seed & MAX_SEED, attacker, defender, round_)


def verdict_row(outcome: Outcome, attempt: int | None) -> tuple[Any, ...]:
    """A verdict as a row."""
    how = (outcome.score, outcome.cause, *outcome.returns, *outcome.steps, outcome.forfeit)
    return (outcome.game.id, attempt, *how)


def verdict_of(game: Game, row: tuple[Any, ...]) -> Verdict:
    """The verdict of a row."""
    _, attempt, score, cause, attacker, defender, attacker_steps, defender_steps, forfeit = row
    steps = (attacker_steps, defender_steps)
    return Verdict(Outcome(game, score, cause, (attacker, defender), steps, forfeit), attempt)


def cup_digest(cup: Cup) -> str:
    """A cup's SHA-256, in hexadecimal digits."""
    return hashlib.sha256(dump_cup(cup).encode()).hexdigest()


def _read_meta(database: sqlite3.Connection, path: Path) -> tuple[str, str, Cup]:
    row = database.execute("SELECT format, software, digest, cup FROM meta").fetchone()
    if row is None:
        raise ConfigError(f"{path}: does not say what cup it is of")
    if row[0] != FORMAT:
        raise ConfigError(f"{path}: a cup's store of format {row[0]}; this version reads {FORMAT}")
    try:
        return str(row[1]), str(row[2]), load_cup(str(row[3]), "the cup in it")
    except ConfigError as error:
        raise ConfigError(f"{path}: {'; '.join(error.problems)}"[:1_000]) from None


def _distrust(database: sqlite3.Connection, path: Path) -> None:
    try:
        distrust(database, _TABLES, MAX_VALUE_BYTES)
    except JournalError as error:
        raise ConfigError(f"{path}: is no cup's store: {error}") from None


def _check_values(database: sqlite3.Connection, path: Path) -> None:
    """Goes through every table once: a tenth of a second for a cup of 100,000 games."""
    for table, types in _TYPES.items():
        wrong = [f"typeof({name}) != '{kind}'" for kind, names in types.items() for name in names]
        wrong += [_RANGES[table]] if table in _RANGES else []
        query = f"SELECT 1 FROM {table} WHERE {' OR '.join(wrong)} LIMIT 1"  # noqa: S608  # words of our own
        if database.execute(query).fetchone() is not None:
            raise ConfigError(f"{path}: is damaged: a row of {table} has values that it cannot have")
