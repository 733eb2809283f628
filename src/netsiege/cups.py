"""Cups from the command line, up to where they begin: what is played, and the folder that it is kept in.

`netsiege.cup_play` plays them: what that needs takes a while to load, in which the hub can start.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs

import netsiege
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError, JournalError
from netsiege.hub.tournament import plain
from netsiege.hub.tournament.cup import RISKS, SMALL_CUP, LoadedCup, changed, load_cup, make_cup
from netsiege.hub.tournament.entrants import name_of
from netsiege.hub.tournament.model import COMPARE, Cup
from netsiege.hub.tournament.records import PLANNED, Reader
from netsiege.hub.tournament.schedule import has_fixed_length, schedule_of
from netsiege.hub.tournament.store import Store
from netsiege.local import WATCH_S, Children, LocalHub
from netsiege.scenarios.source import Value
from netsiege.shown import file_part, shown

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
    for each in (each for each in against if each in (a, b)):
        raise ConfigError(f"tournament compare: both cannot meet {shown(each)}: it is one of them")
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


def start_hub(children: Children, store: Store, venue: Venue) -> LocalHub | None:
    """The hub that a cup is played on, if it is one of its own: it goes on from its journal."""
    if venue.hub is not None:
        return None
    journal = (store.path.parent / JOURNAL).absolute()
    _wait_for_the_last_hub(journal)
    return LocalHub(children, venue.workers, str(journal))


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


# --- folders ----------------------------------------------------------------------------------------------


def new_folder(name: str) -> Path:
    """A folder for results that is not there yet: `cups/NAME`, or with a number behind it."""
    is_plain = Path(name).name == name and not name.startswith((".", "-", "~"))
    base = Path("cups") / (name if is_plain else file_part(name))
    number = 1
    while (folder := base if number == 1 else base.with_name(f"{base.name}-{number}")).exists():
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


def replay_share(store: Reader) -> float:
    """The share of a cup's games of which replays are kept. Raises `JournalError` if its store says none."""
    said = store.notes().get(REPLAYS, "1")
    with suppress(ValueError):
        share = float(said)
        if 0 <= share <= 1:
            return share
    raise JournalError(f"{store.path}: is damaged: {shown(said)} is no share of replays")


def is_sampled(game: int, share: float) -> bool:
    """Whether a replay of a game is kept, if that share is: spread evenly over the cup."""
    return math.floor((game + 1) * share) > math.floor(game * share)


def replay_path(folder: Path, game: int) -> Path:
    """Where the replay of a game is."""
    return folder / REPLAYS / f"{game:06}.siege"
