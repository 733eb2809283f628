"""What a cup keeps in its folder: who plays whom, every attempt at it, and what came of it.

An SQLite database in WAL mode, so that one director writes and anyone reads meanwhile. Each write is one
transaction, on the disk when it returns (`synchronous = FULL`): pairings and early stops are decided on
verdicts and people have been shown them, so that not even the end of the machine may take one back. A batch
costs one sync, however much is in it.

Nothing is ever deleted. An attempt that came to nothing stays, with the reason; of verdicts a game has one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from attrs import evolve

from netsiege.errors import ConfigError, JournalError
from netsiege.hub.tournament.model import Cup, Game, Outcome
from netsiege.hub.tournament.plain import dump_cup
from netsiege.hub.tournament.records import (
    DONE,
    FILE,
    FORMAT,
    OPEN,
    SCHEMA,
    Attempt,
    Bench,
    Reader,
    Verdict,
    cup_digest,
    game_of,
    game_row,
    verdict_of,
    verdict_row,
)
from netsiege.protocol.declare import quoted

BUSY_MS: Final = 5_000
"""How long another program may keep the file locked."""

_ADD_GAME: Final = "INSERT OR IGNORE INTO games VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_VERDICT: Final = "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_NOTE: Final = "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text"


class Store(Reader):
    """A cup's store, open for its director: the only one that writes. Made by `create` or `resume`.

    All that it takes can be said twice: after a crash the director says again what it is not sure of.
    """

    def __init__(self, folder: Path, lock: _Lock) -> None:
        self._lock = lock
        super().__init__(folder, _connect(folder / FILE))

    @classmethod
    def create(cls, folder: str | os.PathLike[str], cup: Cup, software: str, digest: str = "") -> Store:
        """A new store, in a folder that is made if need be. `digest` says what the cup is played with; "":
        that of the cup itself. Raises `ConfigError` if there is a cup already, or nothing can be written.
        """
        where = Path(folder)
        try:
            where.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{error.filename}: no folder can be made of it: {error.strerror}") from None
        with _opened(where) as lock:
            _begin(where / FILE, (FORMAT, software, digest or cup_digest(cup), dump_cup(cup)))
            return cls(where, lock)

    @classmethod
    def resume(cls, folder: str | os.PathLike[str]) -> Store:
        """The store that is there. Raises `ConfigError` if there is none, it is damaged, or another director
        has it.
        """
        where = Path(folder)
        if not (where / FILE).is_file():
            raise ConfigError(f"{where}: no cup has been run there: it has no {FILE}")
        with _opened(where) as lock:
            _check(where / FILE)
            return cls(where, lock)

    def record(self, outcome: Outcome, attempt: int | None) -> None:
        """Keeps what came of a game, and that this attempt at it is done: durable when it returns.

        The same verdict may come again. `attempt` is None for a game that was decided without being played.
        Raises `JournalError` for another verdict on the same game, which says both, for a game or an attempt
        that the store does not have, and if it cannot be written; then nothing has changed.
        """
        self.write(verdicts=((outcome, attempt),))

    def write(
        self,
        *,
        games: Sequence[Game] = (),
        attempts: Iterable[Attempt] = (),
        verdicts: Iterable[tuple[Outcome, int | None]] = (),
        benched: Iterable[Bench] = (),
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Keeps all of it in one transaction, in this order, or nothing of it. Raises as `record` does.

        A game that is there must be the same; an attempt may begin its match, and go from open to how it
        ended, and no further;
        who is benched stays so, for the first reason; a note replaces the one of its name.
        """
        with self._transaction():
            self._add_games(games)
            for attempt in attempts:
                self._add_attempt(attempt)
            for outcome, number in verdicts:
                self._add_verdict(outcome, number)
            rows = [(each.entrant, each.game, each.reason) for each in benched]
            self._database.executemany("INSERT OR IGNORE INTO benched VALUES (?, ?, ?)", rows)
            self._database.executemany(_ADD_NOTE, (notes or {}).items())

    def close(self) -> None:
        """Lets the store go. What was written stays written without it."""
        super().close()
        self._lock.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:
            locked = "locked" in str(error)
            why = "another program has locked it" if locked else f"{error} (is the disk full?)"
            raise JournalError(
                f"{self.path}: cannot be written: {why}. Nothing that was acknowledged is lost: mend it, and "
                f"resume the cup"
            ) from error
        finally:
            if self._database.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # what is not committed is not there either way
                    self._database.execute("ROLLBACK")

    def _add_games(self, games: Sequence[Game]) -> None:
        before = self._database.total_changes
        self._database.executemany(_ADD_GAME, map(game_row, games))
        if self._database.total_changes - before == len(games):
            return
        for game in games:
            if (known := self._game(game.id)) != game:
                raise JournalError(
                    f"{self.path}: game {game.id} is {_said_game(known)}; that it be {_said_game(game)} is "
                    f"refused"
                )

    def _add_attempt(self, new: Attempt) -> None:
        known = self._attempt(new.game, new.number)
        if known is None:
            self._game(new.game)
            row = (new.game, new.number, new.room, new.state, new.why, new.match)
            self._database.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?)", row)
            return
        if new.match is None:
            new = evolve(new, match=known.match)
        if known != new:
            if known.state != OPEN or known.room != new.room:
                said = f"{_said_attempt(known)}; that it be {_said_attempt(new)} is refused"
                raise JournalError(f"{self.path}: game {new.game}: attempt {new.number} is {said}")
            update = "UPDATE attempts SET state = ?, why = ?, match = ? WHERE game = ? AND number = ?"
            self._database.execute(update, (new.state, new.why, new.match, new.game, new.number))

    def _add_verdict(self, outcome: Outcome, number: int | None) -> None:
        game = self._game(outcome.game.id)
        if game != outcome.game:
            said = f"{_said_game(game)}, not {_said_game(outcome.game)}"
            raise JournalError(f"{self.path}: game {game.id} is {said}")
        known = self._verdict(game)
        if known is not None and known.outcome != outcome:
            raise JournalError(
                f"{self.path}: game {game.id} has a verdict: {_said_outcome(known.outcome)}; another one is "
                f"refused: {_said_outcome(outcome)}"
            )
        if number is not None:
            attempt = self._attempt(game.id, number)
            if attempt is None:
                raise JournalError(f"{self.path}: game {game.id} has no attempt {number}")
            self._add_attempt(evolve(attempt, state=DONE))
        if known is None:
            self._database.execute(_ADD_VERDICT, verdict_row(outcome, number))

    def _game(self, number: int) -> Game:
        row = self._database.execute("SELECT * FROM games WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise JournalError(f"{self.path}: there is no game {number}")
        return game_of(row)

    def _attempt(self, game: int, number: int) -> Attempt | None:
        query = "SELECT * FROM attempts WHERE game = ? AND number = ?"
        row = self._database.execute(query, (game, number)).fetchone()
        return None if row is None else Attempt(*row)

    def _verdict(self, game: Game) -> Verdict | None:
        row = self._database.execute("SELECT * FROM verdicts WHERE game = ?", (game.id,)).fetchone()
        return None if row is None else verdict_of(game, row)


class _Lock:
    """What only one director has, until its process ends, however it ends; and whether anyone has it.

    Two files: in the first a second director finds out that it is the second. The other one is what readers
    try for a moment, to see whether it is held; a director that comes just then waits that moment.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / f"{FILE}.lock"
        self._files: list[IO[bytes]] = []
        try:
            self._files.append(path.open("ab"))
            self._files.append((folder / f"{FILE}.running").open("ab"))
        except OSError as error:
            self.close()
            raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._files[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise ConfigError(
                f"{folder}: another director is running this cup; `netsiege tournament show --follow` tells "
                f"how far it has come"
            ) from None
        fcntl.flock(self._files[1], fcntl.LOCK_EX)

    def close(self) -> None:
        for file in self._files:
            file.close()


@contextmanager
def _opened(folder: Path) -> Iterator[_Lock]:
    """The lock, let go again if the store cannot be opened."""
    lock = _Lock(folder)
    try:
        yield lock
    except (sqlite3.Error, OSError) as error:
        lock.close()
        raise ConfigError(f"{folder / FILE}: cannot be opened as a cup's store: {error}") from None
    except BaseException:
        lock.close()
        raise


def _connect(path: Path) -> sqlite3.Connection:
    # command lines may have secrets in them; what SQLite puts beside the file gets the same mode
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, timeout=BUSY_MS / 1_000, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _check(path: Path) -> None:
    """Looks at every page, so that nothing is written into a damaged file."""
    with contextlib.closing(_connect(path)) as database:
        found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise ConfigError(f"{path}: is damaged: {quoted(found, 200)}")


def _begin(path: Path, meta: tuple[Any, ...]) -> None:
    """Makes the tables and says what cup they are for, all at once: a store without that was never one."""
    with contextlib.closing(_connect(path)) as database:
        database.execute("BEGIN IMMEDIATE")
        if database.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
            raise ConfigError(
                f"{path.parent}: there is a cup already: `netsiege tournament resume` goes on with it"
            )
        for statement in SCHEMA:
            database.execute(statement)
        database.execute("INSERT INTO meta VALUES (?, ?, ?, ?)", meta)
        database.execute("COMMIT")


def _said_game(game: Game) -> str:
    return (
        f"{quoted(game.attacker, 80)} against {quoted(game.defender, 80)} on {quoted(game.ground)}, slice "
        f"{game.slice}, seed {game.seed}, pair {game.pair}, round {game.round}"
    )


def _said_attempt(attempt: Attempt) -> str:
    why = f" ({attempt.why})" if attempt.why else ""
    return f"{attempt.state}{why} in the room {quoted(attempt.room, 80)}"


def _said_outcome(outcome: Outcome) -> str:
    forfeit = f", forfeited by {quoted(outcome.forfeit, 80)}" if outcome.forfeit else ""
    return (
        f"score {outcome.score:g} by {quoted(outcome.cause)}, returns {outcome.returns}, steps "
        f"{outcome.steps}{forfeit}"
    )
