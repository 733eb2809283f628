"""Cup files: who competes, where and how, in YAML, read into `Cup`.

Three lines make a cup::

    entrants: [scripted-attacker, random-attacker, scripted-defender]
    scenarios: [two_networks_tiny]
    games: 20

All that can be said::

    name: spring                    # the default: the file's name without its ending
    entrants:
      - scripted-attacker           # a bundled agent, in all of its roles that compete
      - scripted-attacker,epsilon=0.5                 # with parameters
      - my_agents:Fox                                 # a class of one's own; its module is imported
      - {name: calm, agent: "my_agents:Calm", role: Defender}     # imported only when it plays
      - name: team                                    # one entrant, another agent in each role
        attacker: random-attacker                     # or {command: …}, {key: …}
        defender: scripted-defender
      - name: mine
        roles: [Attacker, Defender]                   # or role: Attacker
        command: python my_agent.py --fast            # any program; or a list of words
        seats: 16                   # games that it plays at once; the default is 8
        cpu_s: 600                  # limits of each of its processes; without them there are none
        memory_mb: 512
      - {key: ann, role: Attacker}  # whoever comes with the key of that name, from anywhere
    scenarios:
      - two_networks_tiny           # a bundled scenario, or the file of one, or of a task
      - scenario: two_networks      # or task: …, or both: the task on another scenario
        label: elsewhere            # in tables; the default: its name, with -readdressed if it says so
        readdressed: true           # addresses are drawn anew for each slice; the default: as the task says
        unseen: true                # has tables of its own
        benign: [office-benign]     # users that are there in every game
      - unseen-30                   # a suite of generated networks, each slice on another one; it is unseen
      - suite: unseen-100           # unless it says `unseen: false`
        count: 20                   # the first so many networks of it, again and again; the default: all
    format: round-robin             # the default: everybody meets everybody
    # format: swiss                 # rounds, in each of which everybody meets somebody about as good
    # format: {swiss: {rounds: 5}}  # the default: so many that each meets log2 of the field
    # format: {gauntlet: {hero: mine}}                # one entrant meets all others
    # format: {compare: {a: mine, b: calm}}           # is a better than b? It plays no more than that takes.
    #     They meet each other if both play both roles, otherwise all others. With elo0: 0 and elo1: 30
    #     (better by so much or less, or so much or more), alpha: 0.05 and beta: 0.05 (risks of error)
    games: 10                       # slices that a pairing plays on each scenario: a game each, or a pair;
                                    # of a comparison 5000, which is then the most
    stop: {within: 40}              # end as soon as every rating is known within 40 points of Elo, by its
                                    # 95% interval; `games` is then the most
    seed: 7                         # a whole number; the default is 0
    ruleset: siege-1                # of all games; the default: as the tasks say
    max_steps: 100                  # of each seat in a game; the default: as the tasks say
    clock:
      move_s: 10                    # seconds for a move; the default
      episode_s: 600                # for all moves of a seat in a game; without it there is no limit
    forfeits: 5                     # so many games forfeited in a row, or a quarter of all and that many,
                                    # bench an entrant; the default; 0: never

Files are looked for from the folder of the cup file. Everything that is wrong with one comes as one
ConfigError, with a line for each problem that names the file, the key, the value and what would do.

This module reads and checks; it makes no schedule and plays nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.hub.tournament.entrants import (
    MAX_ENTRANTS,
    RolesOf,
    read_clean_name,
    read_entrants,
    read_seconds,
)
from netsiege.hub.tournament.grounds import MAX_GROUNDS, Terms, misplaced, read_grounds
from netsiege.hub.tournament.hypotheses import Hypotheses
from netsiege.hub.tournament.model import (
    ATTACKER,
    COMPARE,
    DEFENDER,
    FORMATS,
    GAUNTLET,
    ROUND_ROBIN,
    SWISS,
    Cup,
    Format,
)
from netsiege.hub.tournament.schedule import comparison, fixed_legs, idle, schedule_of
from netsiege.protocol import MAX_NAME_CHARS, MAX_SEED
from netsiege.scenarios.model import RULESETS
from netsiege.scenarios.reading import Place, Report, nearest, shown
from netsiege.scenarios.source import Value, file_label, parse, read_bytes
from netsiege.scenarios.task import MAX_STEPS

SMALL_CUP: Final = Path(__file__).resolve().parent / "data" / "small.yaml"
"""The bundled cup: a handful of agents, a minute's play."""

MAX_GAMES: Final = 1_000_000
"""Of a cup."""
MAX_ROUNDS: Final = 1_000
MAX_FORFEITS: Final = 1_000_000
MAX_WITHIN: Final = 1_000.0
COMPARED_GAMES: Final = 5_000
"""Slices of a comparison on each ground, at most, unless its file says so."""

_KEYS: Final = (
    "name",
    "entrants",
    "scenarios",
    "format",
    "games",
    "stop",
    "seed",
    "ruleset",
    "max_steps",
    "clock",
    "forfeits",
)
RISKS: Final = tuple(field.name for field in attrs.fields(Hypotheses))
"""What can be said of the test of a comparison."""
_OPTIONS_OF: Final = {ROUND_ROBIN: (), SWISS: ("rounds",), GAUNTLET: ("hero",), COMPARE: ("a", "b", *RISKS)}


@frozen
class LoadedCup:
    """A cup, and what is odd about its scenarios, a line each."""

    cup: Cup
    warnings: tuple[str, ...] = ()


def load_cup(path: str | os.PathLike[str], roles_of: RolesOf) -> LoadedCup:
    """The cup in that file. `roles_of` tells the roles of an agent. Raises ConfigError."""
    report = Report(file_label(path))
    value = parse(read_bytes(path, report.file), report)
    return _loaded(value, report, Path(path).parent, roles_of, Path(path).stem)


def make_cup(value: Value, roles_of: RolesOf, file: str = "options", name: str = "cup") -> LoadedCup:
    """The cup that a file with this content would have, called `file` in messages. Raises ConfigError."""
    return _loaded(value, Report(file), Path(), roles_of, name)


def changed(cup: Cup, games: int | None = None, seed: int | None = None) -> Cup:
    """The cup with another number of games for each pairing, or another seed. Raises ConfigError."""
    if games is not None:
        cup = attrs.evolve(cup, format=attrs.evolve(cup.format, games=games))
    if seed is not None:
        cup = attrs.evolve(cup, seed=seed)
    report = Report("options")
    for path, text in inconsistencies(cup):
        report.problem(path, text)
    report.check()
    return cup


def inconsistencies(cup: Cup) -> Iterator[tuple[str, str]]:
    """What keeps a cup from being played, though each part of it may be right: key path, and what is wrong.

    What follows from an earlier mistake is left out.
    """
    format_, names = cup.format, [entrant.name for entrant in cup.entrants]
    numbers = {
        "games": (format_.games, 1, MAX_GAMES),
        "seed": (cup.seed, 0, MAX_SEED),
        f"format.{SWISS}.rounds": (format_.rounds, 0, MAX_ROUNDS),  # 0: as many as the field takes
    }
    wrong = [
        (key, f"{shown(number)} is not a whole number from {least} to {most}")
        for key, (number, least, most) in numbers.items()
        if not least <= number <= most
    ]
    if format_.kind not in FORMATS:
        wrong.append(("format", f"{shown(format_.kind)} is no format{nearest(format_.kind, FORMATS)}"))
    for key, there, most in (
        ("entrants", len(cup.entrants), MAX_ENTRANTS),
        ("scenarios", len(cup.grounds), MAX_GROUNDS),
    ):
        if there > most:
            wrong.append((key, f"there are {there:,} of them, more than {most}"))
    if len(set(names)) < len(names):
        wrong.append(("entrants", "two have the same name"))
    if len({ground.label for ground in cup.grounds}) < len(cup.grounds):
        wrong.append(("scenarios", "two have the same label"))
    if not cup.grounds:
        wrong.append(("scenarios", "nowhere to play"))
    if not any(entrant.player(ATTACKER) for entrant in cup.entrants):
        wrong.append(("entrants", "nobody attacks; there is no game without an attacker"))
    elif format_.kind == SWISS and not any(entrant.player(DEFENDER) for entrant in cup.entrants):
        wrong.append(("format", f"swiss: nobody defends, so that nobody meets; write {ROUND_ROBIN}"))
    if format_.kind == GAUNTLET and format_.hero not in names:
        wrong.append((f"format.{GAUNTLET}.hero", _unknown(format_.hero, names)))
    if format_.kind == COMPARE:
        wrong += _incomparable(cup, names)
    if cup.ruleset is not None and cup.ruleset not in RULESETS:
        wrong.append(("ruleset", f"{shown(cup.ruleset)} is no ruleset{nearest(cup.ruleset, RULESETS)}"))
    wrong += [("scenarios", text) for text in misplaced(cup)]
    if cup.within is not None and not 0 < cup.within <= MAX_WITHIN:
        wrong.append(("stop.within", f"{cup.within:g} is not above 0 and at most {MAX_WITHIN:g}"))
    yield from wrong or _unplayed(cup)


def _unknown(name: str, names: list[str]) -> str:
    return f"no entrant is called {shown(name)}{nearest(name, names)}" if name else "missing"


def _incomparable(cup: Cup, names: list[str]) -> Iterator[tuple[str, str]]:
    """What keeps a comparison from being one."""
    path = f"format.{COMPARE}"
    strangers = [(key, name) for key, name in (("a", cup.format.a), ("b", cup.format.b)) if name not in names]
    for key, name in strangers:
        yield f"{path}.{key}", _unknown(name, names)
    for key, text in cup.format.hypotheses.problems():
        yield f"{path}.{key}", text
    if cup.within is not None:
        yield "stop", "a comparison stops by its own test"
    if not strangers:
        try:
            comparison(cup)
        except ConfigError as error:
            yield path, str(error)


def _unplayed(cup: Cup) -> Iterator[tuple[str, str]]:
    """Entrants without a game, and games beyond all limits, of a cup that has a schedule."""
    alone = idle(cup, fixed_legs(cup))
    for name in alone:
        yield "entrants", f"{shown(name)} has no game{_why_none(cup)}"
    expected = 0 if alone else schedule_of(cup).expected
    if expected > MAX_GAMES:
        yield "games", f"{cup.format.games} make a cup of {expected} games, more than {MAX_GAMES}"


def _why_none(cup: Cup) -> str:
    format_ = cup.format
    if format_.kind == COMPARE:
        return f": it is not one whom {shown(format_.a)} and {shown(format_.b)} can be compared against"
    hero = f" with the hero, {shown(format_.hero)}" if format_.kind == GAUNTLET else ""
    return f"{hero}: nobody in it plays the other role"


def _loaded(value: Value, report: Report, folder: Path, roles_of: RolesOf, stem: str) -> LoadedCup:
    root = Place(value, "", report)
    fields = root.fields(_KEYS, ("entrants", "scenarios"))
    entrants = read_entrants(fields["entrants"], roles_of) if "entrants" in fields else ()
    roles = frozenset(role for entrant in entrants for role, _ in entrant.players)
    ruleset = fields["ruleset"].choice(RULESETS) if "ruleset" in fields else None
    terms = Terms(folder, roles_of, roles, "max_steps" in fields, ruleset)
    grounds, warnings = read_grounds(fields["scenarios"], terms) if "scenarios" in fields else ((), ())
    settings = _read_settings(fields)
    report.check()
    settings.setdefault("name", re.sub(r"[^A-Za-z0-9_.-]", "_", stem)[:MAX_NAME_CHARS] or "cup")
    cup = Cup(entrants=entrants, grounds=grounds, ruleset=ruleset, **{"seed": 0, **settings})
    for path, text in inconsistencies(cup):
        report.problem(path, text)
    report.check()
    return LoadedCup(cup, warnings)


def _read_settings(fields: dict[str, Place]) -> dict[str, Any]:
    """All but entrants, scenarios and the ruleset; what is absent, or was reported, is left out."""
    readers: dict[str, Callable[[Place], Any]] = {
        "name": read_clean_name,
        "seed": lambda place: place.whole(0, MAX_SEED),
        "max_steps": lambda place: place.whole(1, MAX_STEPS),
        "forfeits": lambda place: place.whole(0, MAX_FORFEITS),
    }
    read: dict[str, Any] = {key: reader(fields[key]) for key, reader in readers.items() if key in fields}
    if "clock" in fields:
        clock = fields["clock"].fields(("move_s", "episode_s"))
        read.update({key: read_seconds(place) for key, place in clock.items()})
    if "stop" in fields:
        rule = fields["stop"].fields(("within",), ("within",))
        read.update({key: place.number() for key, place in rule.items()})
    format_ = _read_format(fields["format"]) if "format" in fields else Format()
    games = fields["games"].whole(1, MAX_GAMES) if "games" in fields else None
    read["format"] = attrs.evolve(format_, games=format_.games if games is None else games)
    return {key: value for key, value in read.items() if value is not None}


def _read_format(place: Place) -> Format:
    """The format, without games; a round robin after a problem."""
    if isinstance(place.value, dict):
        if len(place.value) != 1:
            place.problem(f"names {len(place.value)} formats; one of {', '.join(FORMATS)}")
            return Format()
        key, options = next(place.entries())
    else:
        key, options = place.value, Place(None, place.path, place.report)
    if not isinstance(key, str) or key not in FORMATS:
        place.problem(f"{shown(key)} is no format{place.nearest(key, FORMATS)}")
        return Format()
    if key == COMPARE:
        return _read_comparison(options)
    fields = options.fields(_OPTIONS_OF[key]) if options.value is not None else {}
    rounds = fields["rounds"].whole(1, MAX_ROUNDS) if "rounds" in fields else None
    hero = fields["hero"].text() if "hero" in fields else None
    if key == GAUNTLET and "hero" not in fields:
        place.problem("a gauntlet has a hero, who meets all others: write {gauntlet: {hero: NAME}}")
    return Format(key, hero=hero or "", rounds=rounds or 0)


def _read_comparison(place: Place) -> Format:
    if place.value is None:
        place.problem("a comparison is one of two entrants: write {compare: {a: NAME, b: NAME}}")
        return Format()
    fields = place.fields(_OPTIONS_OF[COMPARE], ("a", "b"))
    names = {key: fields[key].text() or "" for key in ("a", "b") if key in fields}
    risks = {key: fields[key].number() for key in RISKS if key in fields}
    hypotheses = Hypotheses(**{key: float(value) for key, value in risks.items() if value is not None})
    return Format(COMPARE, COMPARED_GAMES, a=names.get("a", ""), b=names.get("b", ""), hypotheses=hypotheses)
