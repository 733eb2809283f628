"""Cups from the command line: where the director meets a hub, the engine and the agents' registry."""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import attrs

import netsiege
from netsiege.agents.registry import choose_agent
from netsiege.client import Client
from netsiege.engine.readdress import readdress
from netsiege.errors import ConfigError, SiegeError
from netsiege.files import replace_file
from netsiege.hub.tournament import plain
from netsiege.hub.tournament import results as told
from netsiege.hub.tournament.conduct import Conduct
from netsiege.hub.tournament.cup import RISKS, SMALL_CUP, LoadedCup, changed, load_cup, make_cup
from netsiege.hub.tournament.director import Director
from netsiege.hub.tournament.entrants import name_of
from netsiege.hub.tournament.grounds import spec_of, variant_of
from netsiege.hub.tournament.model import COMPARE, Cup, Game, Ground
from netsiege.hub.tournament.page import write_page
from netsiege.hub.tournament.processes import EntrantProcesses, Post
from netsiege.hub.tournament.records import Reader
from netsiege.hub.tournament.results import ENDED, Results
from netsiege.hub.tournament.results_files import write_results
from netsiege.hub.tournament.schedule import has_fixed_length, schedule_of
from netsiege.hub.tournament.store import Store
from netsiege.keys import NO_KEYS, Keys
from netsiege.local import WATCH_S, Children, LocalHub
from netsiege.protocol import OpenRoom, SessionRole
from netsiege.replays import read_journal, recorded
from netsiege.rooms import room_of
from netsiege.scenarios.model import Spec
from netsiege.scenarios.source import Value
from netsiege.show_cup import PLANNED, CupView
from netsiege.shown import shown

JOURNAL: Final = "hub.journal"
REPLAYS: Final = "replays"
LOGS: Final = "logs"
TAG: Final = "tag"
HUB: Final = "hub"
JOURNAL_AT: Final = "journal"
FILES: Final = "files"
"""Notes of a store: what its rooms are called by, where it is played, if that is not here, where that hub's
journal is, and the folder of the cup's file.
"""
PANEL: Final = {"Attacker": "random-defender", "Defender": "scripted-attacker"}
"""Whom two agents of one role are compared against, unless others are named."""
LAST_HUB_S: Final = 10.0
SHOW_S: Final = 0.5
ROLES: Final = ("Attacker", "Defender", "Benign")
TOP_SHARE: Final = 0.02
"""Of the time, at most, goes into working out the ranking while games are played."""


@attrs.frozen
class Venue:
    """Where a cup is played: a hub here with so many `workers`, or one that is there already."""

    hub: str | None = None
    keys: str | None = None
    workers: int = 2
    journal: str | None = None
    """Of a hub that is there already, if it is on this machine."""
    absent_s: float = 60.0
    """How long a remote entrant may take to come to a game that it is called to."""
    replays: float = 1.0
    """The share of the games of which replays are kept."""


def roles_of(agent: str) -> tuple[str, ...]:
    """The roles that an agent can play. Raises `ConfigError`."""
    return tuple(role.value for role in choose_agent(agent).cls.plays)


def find_cup(path: str | None, games: int | None, seed: int | None) -> LoadedCup:
    """The cup of a file, or the bundled one, with what the options change. Raises `ConfigError`."""
    if path is not None and path.endswith(".json"):
        return LoadedCup(changed(_read_cup(Path(path)), games, seed))
    loaded = load_cup(SMALL_CUP if path is None else path, roles_of)
    return attrs.evolve(loaded, cup=changed(loaded.cup, games, seed))


def _read_cup(path: Path) -> Cup:
    """A cup as a results folder has it, in `cup.json`. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return plain.load_cup(text, str(path))


def find_comparison(
    a: str, b: str, scenarios: Sequence[str], against: Sequence[str], settings: Mapping[str, Value]
) -> LoadedCup:
    """The cup in which two agents are compared. `settings` are the cup's others, and those of its format.

    Raises `ConfigError`.
    """
    if a == b:
        raise ConfigError(f"tournament compare: {shown(a)} is compared with itself; name two agents")
    roles = set(roles_of(a)) & set(roles_of(b))
    panel = against or ([] if len(roles) > 1 else [PANEL[role] for role in roles if role in PANEL])
    one, other = (name_of(a), name_of(b)) if name_of(a) != name_of(b) else (a, b)
    value: dict[str, Value] = {
        "entrants": [
            {"name": one, "agent": a},
            {"name": other, "agent": b},
            *(each for each in panel if each not in (a, b)),
        ],
        "scenarios": list(scenarios),
        "format": {COMPARE: {"a": one, "b": other, **{key: settings[key] for key in RISKS}}},
        **{key: told for key, told in settings.items() if key not in RISKS},
    }
    return make_cup(value, roles_of, "tournament compare", "comparison")


def begin(cup: Cup, folder: Path, venue: Venue, files: Path) -> Store:
    """A store for a cup that is to be played. Raises `ConfigError` if there is one in the folder."""
    store = Store.create(folder, cup, f"netsiege {netsiege.__version__}")
    notes = {TAG: f"cup-{os.urandom(4).hex()}", HUB: venue.hub or "", FILES: str(files.absolute())}
    notes[REPLAYS] = repr(venue.replays)
    notes |= {JOURNAL_AT: str(Path(venue.journal).absolute())} if venue.journal is not None else {}
    notes |= {PLANNED: str(schedule_of(cup).expected)} if has_fixed_length(cup) else {}
    store.write(notes=notes)
    return store


def run_cup(store: Store, venue: Venue, stop: Callable[[], bool]) -> bool:
    """Plays what is left of a cup, with a view of how far it is; False if it was stopped before its end.

    Raises `SiegeError`.
    """
    began_s = time.monotonic()
    with ExitStack() as stack:
        address, watch_over, keys = _venue(stack, store, venue)
        client = stack.enter_context(
            Client(address, "director", SessionRole.DIRECTOR, keys=NO_KEYS if keys is None else keys)
        )
        view = stack.enter_context(CupView(store.cup.name, _planned(store)))
        processes = stack.enter_context(EntrantProcesses(store.path.parent / LOGS))
        notes = store.notes()
        tag = notes[TAG]
        schedule = schedule_of(store.cup)
        conduct = Conduct(store.cup, schedule, tag, store.outcomes(), store.benched(), store.attempts())
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
            _Shown(store, view),
            watch_over,
        )
        over = director.run(stop)
        if over:
            store.write(notes={ENDED: str(schedule.end(conduct.outcomes))})
            director.close()
    finish(store, time.monotonic() - began_s)
    return over


def _venue(stack: ExitStack, store: Store, venue: Venue) -> tuple[str, Callable[[], None], Keys | str | None]:
    """Where to play, what to look after there, and with which keys."""
    if venue.hub is not None:
        return venue.hub, lambda: None, venue.keys
    _wait_for_the_last_hub(store.path.parent / JOURNAL)
    children = stack.enter_context(Children())
    hub = LocalHub(children, venue.workers, str((store.path.parent / JOURNAL).absolute()))
    return hub.address, stack.enter_context(_looked_after(hub)), None


@contextmanager
def _looked_after(hub: LocalHub) -> Iterator[Callable[[], None]]:
    """Starts a hub again whenever it has died, from a thread: the director may be waiting for it just then.

    What is yielded raises what keeps it from that.
    """
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


def _wait_for_the_last_hub(journal: Path) -> None:
    """The hub of a director that was killed ends by itself, but it may still be at it."""
    deadline_s = time.monotonic() + LAST_HUB_S
    lock = journal.with_name(journal.name + ".lock")
    while lock.exists() and time.monotonic() < deadline_s:
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                time.sleep(WATCH_S / 2)


def _planned(store: Reader) -> int | None:
    planned = store.notes().get(PLANNED, "")
    return int(planned) if planned.isdecimal() else None


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
            self._top = told.read_results(self._store, curves=False)[0]
            self._ranked_s = time.monotonic()
            self._took_s = self._ranked_s - now_s
        began_s = time.monotonic()
        self._view.show(self._store.counts(), self._top, now_s)
        shown_s = time.monotonic()
        self._due_s = shown_s + max(SHOW_S, (shown_s - began_s) / TOP_SHARE)


# --- afterwards -------------------------------------------------------------------------------------------


def finish(store: Store, took_s: float) -> Results:
    """Writes what a cup has come to: tables, page, replays of the games that are over."""
    folder = store.path.parent
    results, outcomes = told.read_results(store)
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
    write_replays(store, folder)
    return results


def write_replays(store: Reader, folder: Path) -> int:
    """Writes a replay of each game that a match has decided, as far as the hub's journal is at hand."""
    journal = Path(store.notes().get(JOURNAL_AT) or folder / JOURNAL)
    if not journal.exists():
        return 0
    decided, share = store.decided_by(), replay_share(store)
    rooms = {
        attempt.room: attempt.game
        for attempt in store.attempts()
        if decided.get(attempt.game) == attempt.number and is_sampled(attempt.game, share)
    }
    (folder / REPLAYS).mkdir(exist_ok=True)
    wanted = (
        (rooms[record.room], replay_path(folder, rooms[record.room]), record)
        for record in (read_journal(journal) if rooms else ())
        if record.room in rooms and record.cause is not None
    )
    missing = ((game, path, record) for game, path, record in wanted if not path.exists())
    written = 0
    for game, path, record in missing:
        try:
            recorded(record).save(path)
            written += 1
        except SiegeError as error:  # `verify` finds out that it is missing
            print(f"netsiege: warning: game {game} has no replay: {error}", file=sys.stderr)
    return written


def replay_share(store: Reader) -> float:
    """The share of a cup's games of which replays are kept."""
    return float(store.notes().get(REPLAYS, "1"))


def is_sampled(game: int, share: float) -> bool:
    """Whether a replay of a game is kept, if that share is: spread evenly over the cup."""
    return math.floor((game + 1) * share) > math.floor(game * share)


def replay_path(folder: Path, game: int) -> Path:
    """Where the replay of a game is."""
    return folder / REPLAYS / f"{game:06}.siege"


# --- folders ----------------------------------------------------------------------------------------------


def new_folder(name: str) -> Path:
    """A folder for results that is not there yet: `cups/NAME`, or with a number behind it."""
    base = Path("cups") / name
    number = 1
    while (folder := base if number == 1 else base.with_name(f"{name}-{number}")).exists():
        number += 1
    return folder


def resume(folder: Path) -> Store:
    """The store of a cup that is to go on. Raises `ConfigError`."""
    return Store.resume(folder)


def venue_of(store: Reader, asked: Venue) -> Venue:
    """Where a cup goes on: where it was begun. Raises `ConfigError` if something else is asked for."""
    hub = store.notes().get(HUB) or None
    if asked.hub is not None and asked.hub != hub:
        where = hub or "a hub of its own"
        raise ConfigError(f"this cup was begun on {where}: it can go on there only, not on {asked.hub}")
    return attrs.evolve(asked, hub=hub)
