"""Plays cups: where the director meets a hub, the engine and the agents' registry."""

from __future__ import annotations

import hashlib
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import attrs

import netsiege
from netsiege.client import Client
from netsiege.cups import (
    FILES,
    JOURNAL,
    JOURNAL_AT,
    LOGS,
    REPLAYS,
    TAG,
    Venue,
    is_sampled,
    replay_path,
    replay_share,
)
from netsiege.engine.playback import verify
from netsiege.engine.readdress import readdress
from netsiege.engine.replay import Replay
from netsiege.errors import SiegeError
from netsiege.files import replace_file
from netsiege.hub.tournament import plain
from netsiege.hub.tournament import results as told
from netsiege.hub.tournament.conduct import Conduct
from netsiege.hub.tournament.director import Director
from netsiege.hub.tournament.grounds import spec_of, variant_of
from netsiege.hub.tournament.model import Cup, Game, Ground, Outcome
from netsiege.hub.tournament.outcomes import is_word_of_director, outcome_of
from netsiege.hub.tournament.page import write_page
from netsiege.hub.tournament.processes import EntrantProcesses, Post
from netsiege.hub.tournament.records import ENDED, Reader
from netsiege.hub.tournament.results import Results
from netsiege.hub.tournament.results_files import write_results
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.hub.tournament.store import Store
from netsiege.keys import NO_KEYS
from netsiege.local import WATCH_S, LocalHub
from netsiege.protocol import OpenRoom, SessionRole
from netsiege.replays import read_journal, recorded
from netsiege.rooms import room_of
from netsiege.scenarios.model import Spec
from netsiege.show_cup import CupView

REPLAYS_S: Final = 1.0
"""How often replays are written while games are played, …"""
REPLAYS_AT_ONCE: Final = 200
"""… and how many: a tenth of a second's work, in which the director does nothing else."""
ROLES: Final = ("Attacker", "Defender", "Benign")
TOP_SHARE: Final = 0.02
"""Of the time, at most, goes into working out the ranking while games are played."""


def run_cup(store: Store, venue: Venue, hub: LocalHub | None, stop: Callable[[], bool]) -> bool:
    """Plays what is left of a cup, with a view of how far it is; False if it was stopped before its end.

    `hub` is that of a venue here; it is told to end when the games are over. Raises `SiegeError`.
    """
    began_s = time.monotonic()
    with EntrantProcesses(store.path.parent / LOGS) as processes:
        over = _play(store, venue, hub, processes, stop)
        if hub is not None:
            hub.child.terminate()  # entrants and it end while the rest is written
        finish(store, time.monotonic() - began_s)
    return over


def _play(
    store: Store, venue: Venue, hub: LocalHub | None, processes: EntrantProcesses, stop: Callable[[], bool]
) -> bool:
    address = venue.hub or (hub.address if hub is not None else "")
    keys = NO_KEYS if hub is not None or venue.keys is None else venue.keys
    notes = store.notes()
    tag = notes[TAG]
    schedule = schedule_of(store.cup)
    conduct = Conduct(store.cup, schedule, tag, store.outcomes(), store.benched(), store.attempts())
    with ExitStack() as stack:
        watch_over = stack.enter_context(_looked_after(hub))
        client = stack.enter_context(Client(address, "director", SessionRole.DIRECTOR, keys=keys))
        view = stack.enter_context(CupView(store.cup.name, store.planned()))
        director = Director(
            store.cup,
            store,
            client,
            conduct,
            Rooms(store.cup, tag),
            store.cup.name,
            tag,
            processes,
            Post(address, store.cup.name, Path(notes.get(FILES, ".")), venue.keys),
            venue.absent_s,
            _both(_Shown(store, view), _Replays(store)),
            watch_over,
        )
        over = director.run(stop)
        if over:
            store.write(notes={ENDED: str(schedule.end(conduct.outcomes))})
            director.close()
    return over


@contextmanager
def _looked_after(hub: LocalHub | None) -> Iterator[Callable[[], None]]:
    """Starts a hub again whenever it has died, from a thread: the director may be waiting for it just then.

    What is yielded raises what keeps it from that. None is one that others look after.
    """
    if hub is None:
        yield lambda: None
        return
    stop = threading.Event()
    failures: list[SiegeError] = []

    def look_after() -> None:
        try:
            while not stop.wait(WATCH_S):
                hub.look_after()
        except SiegeError as error:
            failures.append(error)

    def check() -> None:
        if failures:
            raise failures[0]

    thread = threading.Thread(target=look_after, name="hub-watch", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()


class Rooms:
    """The rooms after which games are arranged: one for each ground, or for each variant of it."""

    def __init__(self, cup: Cup, tag: str) -> None:
        self._cup, self._tag = cup, tag
        self._specs: dict[tuple[str, int], Spec] = {}
        self._rooms: dict[tuple[str, int], OpenRoom] = {}

    def __call__(self, ground: Ground, game: Game) -> OpenRoom:
        """The room of a game on that ground."""
        key = (ground.label, variant_of(ground, game.slice))
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = self._room(ground, game)
        return room

    def _room(self, ground: Ground, game: Game) -> OpenRoom:
        spec = self.spec(ground, game)
        name = f"{self._tag}/{hashlib.sha256(spec.to_bytes()).hexdigest()[:16]}"
        room = room_of(name, spec, 0, 1)
        roles = tuple(role for role in ROLES if role in room.roles)
        return attrs.evolve(room, roles=roles, seats=(), arranged=True)

    def spec(self, ground: Ground, game: Game) -> Spec:
        """What a game is played on."""
        key = (ground.label, game.slice % ground.count)
        if key not in self._specs:
            self._specs[key] = spec_of(self._cup, ground, game.slice)
        spec = self._specs[key]
        return readdress(spec, game.seed) if ground.readdressed else spec


def _both(*parts: Callable[[Director], None]) -> Callable[[Director], None]:
    def each(director: Director) -> None:
        for part in parts:
            part(director)

    return each


class _Replays:
    """Writes the replays of games that are decided, now and then: nobody is to wait for all at the end."""

    def __init__(self, store: Store) -> None:
        self._folder, self._share = store.path.parent, replay_share(store)
        self._journal = _journal_of(store)
        self._due_s = 0.0

    def __call__(self, director: Director) -> None:
        if time.monotonic() < self._due_s:
            return
        decided = director.decided[:REPLAYS_AT_ONCE]
        del director.decided[:REPLAYS_AT_ONCE]
        wanted = {match: game for game, match in decided if is_sampled(game, self._share)}
        if wanted and self._journal.exists():
            with suppress(SiegeError, OSError):  # at the end it is tried once more, and told
                _write_replays(self._journal, self._folder, wanted, {})
        self._due_s = time.monotonic() + REPLAYS_S


class _Shown:
    """Shows now and then how far a cup is."""

    def __init__(self, store: Store, view: CupView) -> None:
        self._store, self._view = store, view
        self._due_s = self._ranked_s = 0.0
        self._took_s = 0.0
        self._top: Results | None = None

    def __call__(self, _director: Director) -> None:
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        if now_s - self._ranked_s > self._took_s / TOP_SHARE:
            self._top = told.read_results(self._store, curves=False)
            self._ranked_s = time.monotonic()
            self._took_s = self._ranked_s - now_s
        began_s = time.monotonic()
        self._view.show(self._store.counts(), self._top, now_s)
        shown_s = time.monotonic()
        self._due_s = shown_s + max(self._view.every_s, (shown_s - began_s) / TOP_SHARE)


# --- afterwards -------------------------------------------------------------------------------------------


def finish(store: Store, took_s: float) -> Results:
    """Writes what a cup has come to: tables, page, replays of the games that are over."""
    folder = store.path.parent
    results, outcomes = told.read_all(store)
    run = {
        "software": netsiege.__version__,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "seconds": round(took_s, 1),
        "again": "netsiege tournament verify DIR; netsiege tournament run cup.json",
    }
    write_results(folder, results, outcomes, run)
    replace_file(folder / "cup.json", plain.dump_cup(store.cup) + "\n", 0o600)
    write_page(folder, results)
    words = {each.game.id: each for each in outcomes if is_word_of_director(each)}
    write_replays(store, folder, words)
    return results


def write_replays(store: Reader, folder: Path, words: Mapping[int, Outcome]) -> None:
    """Writes the replay of each game that a match has decided, and that has none yet, as far as the hub's
    journal is at hand. `words` are the outcomes that the director may have decided without a match's result:
    a match that comes to something else was called off, and is no replay of the game.
    """
    journal = _journal_of(store)
    if not journal.exists():
        return
    decided, share = store.decided_by(), replay_share(store)
    missing = [
        attempt
        for attempt in store.attempts()
        if decided.get(attempt.game) == attempt.number
        and is_sampled(attempt.game, share)
        and not replay_path(folder, attempt.game).exists()
    ]
    wanted = {attempt.match: attempt.game for attempt in missing if attempt.match is not None}
    if len(wanted) < len(missing):  # a director that was killed has not heard their numbers
        games = {attempt.room: attempt.game for attempt in missing}
        wanted = {each.id: games[each.room] for each in read_journal(journal) if each.room in games}
    for game, error in _write_replays(journal, folder, wanted, words):
        print(f"netsiege: warning: game {game} has no replay: {error}", file=sys.stderr)


def _write_replays(
    journal: Path, folder: Path, wanted: Mapping[int, int], words: Mapping[int, Outcome]
) -> list[tuple[int, SiegeError]]:
    """Writes the replays of games, by the match of each; returns those of which none could be written, which
    `verify` finds to be missing, and why. Raises `ConfigError` if the journal cannot be read.
    """
    failures = []
    (folder / REPLAYS).mkdir(exist_ok=True)
    for record in read_journal(journal, wanted) if wanted else ():
        game = wanted[record.id]
        if record.cause is None:
            continue  # it was forfeited, and called off
        try:
            replay = recorded(record)
            if game not in words or _comes_to(replay, words[game]):
                replay.save(replay_path(folder, game))
        except SiegeError as error:
            failures.append((game, error))
    return failures


def _comes_to(replay: Replay, outcome: Outcome) -> bool:
    results = verify(replay).results
    return len(results) == 1 and outcome_of(outcome.game, results[0]) == outcome


def _journal_of(store: Reader) -> Path:
    """Where the journal of a cup's hub is, if it is on this machine."""
    return Path(store.notes().get(JOURNAL_AT) or store.path.parent / JOURNAL)
