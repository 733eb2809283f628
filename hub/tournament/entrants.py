"""Reads who competes, out of a cup file. What may be written there, `cup` says.

Which roles an agent plays is asked of a function, because to know it one has to import the agent.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from netsiege.errors import ConfigError
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, ROLES, Entrant, Player
from netsiege.protocol import MAX_NAME_CHARS, clean_name
from netsiege.scenarios.reading import MAX_TEXT_CHARS, Place, join, shown

RolesOf: TypeAlias = Callable[[str], tuple[str, ...]]
"""The roles of an agent, `NAME,PARAMETER=VALUE` or `module:Class`. Raises ConfigError with advice."""

MAX_ENTRANTS: Final = 256
MAX_ENTRANT_SEATS: Final = 4_096
MAX_WORDS: Final = 256
"""Of a command line."""
MAX_WORD_CHARS: Final = 4_096
LEAST_MEMORY_MB: Final = 32
"""With less, no interpreter starts."""
MOST_MEMORY_MB: Final = 1 << 24

_SIDES: Final = {"attacker": ATTACKER, "defender": DEFENDER}
_WAYS: Final = ("agent", "command", "key")
_LIMITS: Final = ("cpu_s", "memory_mb")
_KEYS: Final = ("name", *_WAYS, *_SIDES, "role", "roles", "seats", *_LIMITS)
_ROLE_OF: Final = {form: role for role in ROLES for form in (role.lower(), f"{role.lower()}s")}
_CLASS: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(,.*)?")
_WHO: Final = "agent, command, key, or attacker and defender"


def read_entrants(place: Place, roles_of: RolesOf) -> tuple[Entrant, ...]:
    """All entrants, complete if nothing was reported."""
    if place.is_too_long(MAX_ENTRANTS):
        return ()
    if place.value == []:
        place.problem("nobody competes; write agents such as scripted-attacker")
    found: list[Entrant] = []
    names: set[str] = set()
    owners: dict[str, str] = {}
    for item in place.items("[scripted-attacker, scripted-defender]"):
        entrant = _read_entrant(item, roles_of)
        if entrant is None:
            continue
        if entrant.name in names:
            item.problem(f"another entrant is called {shown(entrant.name)} too; give each a name of its own")
        names.add(entrant.name)
        for key in sorted({player.key for _, player in entrant.players if player.key}):
            if owners.setdefault(key, entrant.name) != entrant.name:
                item.problem(
                    f"the key {shown(key)} is that of {shown(owners[key])} already; a key is one entrant's"
                )
        found.append(entrant)
    return tuple(found)


def read_clean_name(place: Place) -> str | None:
    """A name as the hub takes it."""
    name = place.text()
    try:
        return None if name is None else clean_name(name)
    except ValueError as error:
        place.problem(str(error))
        return None


def read_agent(place: Place) -> str | None:
    """An agent, as it is written. Whether there is one is not checked."""
    agent = place.text(MAX_TEXT_CHARS)
    if agent is not None and ":" in agent.partition(",")[0] and not _CLASS.fullmatch(agent):
        place.problem(f"{shown(agent)} is not of the form module:Class")
        return None
    return agent


def roles_that_compete(place: Place, agent: str, roles_of: RolesOf) -> tuple[str, ...]:
    """The roles in which an agent competes; empty after a problem."""
    all_roles = known_roles(place, agent, roles_of)
    roles = tuple(role for role in ROLES if role in all_roles)
    if all_roles and not roles:
        place.problem(f"{shown(agent)} plays {', '.join(all_roles)}, and only {' and '.join(ROLES)} compete")
    return roles


def known_roles(place: Place, agent: str, roles_of: RolesOf) -> tuple[str, ...]:
    """All roles of an agent; empty after a problem."""
    try:
        return roles_of(agent)
    except ConfigError as error:
        for line in error.problems:
            place.problem(line)
        if " " in agent:
            place.problem("a command line is written {name: NAME, role: Attacker, command: COMMAND LINE}")
        return ()


def _read_entrant(place: Place, roles_of: RolesOf) -> Entrant | None:
    if isinstance(place.value, dict):
        return _read_mapping(place, roles_of)
    if not isinstance(place.value, str):
        place.problem(f"{shown(place.value)} is neither an agent nor a mapping with {_WHO}")
        return None
    agent = read_agent(place)
    roles = roles_that_compete(place, agent, roles_of) if agent is not None else ()
    if agent is None or not roles:
        return None
    return Entrant(name_of(agent), tuple((role, Player(agent=agent)) for role in roles))


def name_of(agent: str) -> str:
    """What an entrant is called that is given no name: its agent, without the module of a class."""
    name, comma, parameters = agent.partition(",")
    return f"{name.rpartition(':')[2]}{comma}{parameters}"[:MAX_NAME_CHARS].strip()


def _read_mapping(place: Place, roles_of: RolesOf) -> Entrant | None:
    fields = place.fields(_KEYS)
    sides, ways = [side for side in _SIDES if side in fields], [way for way in _WAYS if way in fields]
    players: tuple[tuple[str, Player], ...] = ()
    if sides:
        for key in (*ways, "role", "roles"):
            if key in fields:
                fields[key].problem("has no place beside attacker and defender, which say it all")
        players = _read_sides({side: fields[side] for side in sides}, roles_of)
        is_whole = len(players) == len(sides)
    else:
        players = _read_one_player(place, fields, roles_of)
        is_whole = bool(players)
    name = _read_name(place, fields, ways[0] if len(ways) == 1 and not sides else "")
    settings = {key: read(fields[key]) for key, read in _SETTINGS.items() if key in fields}
    if is_whole and all(player.key for _, player in players):
        for key in _LIMITS:
            if key in fields:
                fields[key].problem("has no effect: remote agents run as their owners let them")
    if name is None or not is_whole or None in settings.values():
        return None
    return Entrant(name, players, **settings)


def _read_sides(sides: Mapping[str, Place], roles_of: RolesOf) -> tuple[tuple[str, Player], ...]:
    """The players of a team, each with its role; those of whom something was reported are left out."""
    found = []
    for side, place in sides.items():
        player = _read_side(place)
        if player is not None and _can_play(place, player, (_SIDES[side],), roles_of):
            found.append((_SIDES[side], player))
    return tuple(found)


def _read_side(place: Place) -> Player | None:
    if not isinstance(place.value, dict):
        agent = read_agent(place)
        return None if agent is None else Player(agent=agent)
    fields = place.fields(_WAYS)
    return _read_way(place, fields)


def _read_one_player(
    place: Place, fields: Mapping[str, Place], roles_of: RolesOf
) -> tuple[tuple[str, Player], ...]:
    """One player, in each of its roles; none after a problem."""
    has_roles = "role" in fields or "roles" in fields
    roles = _read_roles(fields)
    player = _read_way(place, fields)
    if player is None:
        return ()
    if player.agent and not has_roles:
        roles = roles_that_compete(fields["agent"], player.agent, roles_of)
    elif not has_roles:
        place.report.problem(join(place.path, "role"), f"missing; one or both of {', '.join(ROLES)}")
    elif roles and player.agent and not _can_play(fields["agent"], player, roles, roles_of):
        return ()
    return tuple((role, player) for role in roles)


def _can_play(place: Place, player: Player, roles: tuple[str, ...], roles_of: RolesOf) -> bool:
    """Whether these roles are among those of a bundled agent, which is reported otherwise.

    A class is taken at its word: nothing is imported to look.
    """
    if not player.agent or ":" in player.agent.partition(",")[0]:
        return True
    its_roles = known_roles(place, player.agent, roles_of)
    lacking = [role for role in roles if role not in its_roles]
    if its_roles and lacking:
        place.problem(f"{shown(player.agent)} plays {', '.join(its_roles)}, not {', '.join(lacking)}")
    return not lacking


def _read_way(place: Place, fields: Mapping[str, Place]) -> Player | None:
    """The player that exactly one of agent, command and key tells of."""
    ways = [way for way in _WAYS if way in fields]
    if len(ways) != 1:
        said = f"has {' and '.join(ways)}, of which one is enough" if ways else f"nobody plays; write {_WHO}"
        place.problem(said)
        return None
    way, value = ways[0], fields[ways[0]]
    if way == "command":
        command = _read_command(value)
        return Player(command=command) if command else None
    text = read_agent(value) if way == "agent" else read_clean_name(value)
    if text is None:
        return None
    return Player(agent=text) if way == "agent" else Player(key=text)


def _read_command(place: Place) -> tuple[str, ...]:
    """The words of a command line; none after a problem."""
    if isinstance(place.value, str):
        try:
            words = shlex.split(place.any_text(MAX_WORD_CHARS) or "")
        except ValueError as error:
            place.problem(f"{shown(place.value)} is no command line: {error}")
            return ()
    else:
        if place.is_too_long(MAX_WORDS):
            return ()
        read = [item.any_text(MAX_WORD_CHARS) for item in place.items("[python, my_agent.py]")]
        if not isinstance(place.value, list) or None in read:
            return ()
        words = [word for word in read if word is not None]
    if not words or not words[0]:
        place.problem(f"{shown(place.value)} names no program to run")
        return ()
    return tuple(words)


def _read_roles(fields: Mapping[str, Place]) -> tuple[str, ...]:
    """The roles that are said, in their order; none after a problem."""
    if "role" in fields and "roles" in fields:
        fields["roles"].problem("is there beside role; write one of them")
        return ()
    place = fields.get("role") or fields.get("roles")
    if place is None:
        return ()
    items = list(place.items()) if isinstance(place.value, list) else [place]
    if not items:
        place.problem(f"names no role; roles that compete: {', '.join(ROLES)}")
    found = []
    for item in items:
        role = _ROLE_OF.get(item.value.lower()) if isinstance(item.value, str) else None
        if role is None:
            item.problem(f"{shown(item.value)} is not a role that competes{item.nearest(item.value, ROLES)}")
        found.append(role)
    return tuple(role for role in ROLES if role in found) if None not in found else ()


def _read_name(place: Place, fields: Mapping[str, Place], way: str) -> str | None:
    if "name" in fields:
        return read_clean_name(fields["name"])
    if way == "agent" and isinstance(fields[way].value, str):
        return name_of(fields[way].value)
    if way == "key" and isinstance(fields[way].value, str):
        return str(fields[way].value)
    place.report.problem(join(place.path, "name"), "missing")
    return None


def read_seconds(place: Place) -> float | None:
    """A time in seconds, more than none."""
    seconds = place.number()
    if seconds is not None and seconds <= 0:
        place.problem(f"{shown(seconds)} is not more than 0 seconds")
        return None
    return None if seconds is None else float(seconds)


_SETTINGS: Final[dict[str, Callable[[Place], Any]]] = {
    "seats": lambda place: place.whole(1, MAX_ENTRANT_SEATS),
    "cpu_s": read_seconds,
    "memory_mb": lambda place: place.whole(LEAST_MEMORY_MB, MOST_MEMORY_MB),
}
"""How what may be said of every entrant is read; None after a problem."""
