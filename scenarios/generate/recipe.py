"""What a recipe for networks says, and reading it.

::

    name: office                    # optional: the file's name without its ending
    description: A company with three floors.

    users: [ann, ben, cleo]         # who owns data; beyond these come ann2, ben2, ...
    hosts_per_user: 2               # optional: one user for so many hosts (default 1)

    services:                       # the catalogue
      ssh:
        versions: {8.1.0: 3, 9.6.1: 1}      # with their weights
        owner: root                 # optional, and so are `type` and `local`: see netsiege.scenarios.topology
      bash: {versions: {5.0.0: 1}, local: true}

    roles:                          # what subnets are for; of one role there may be many
      internet:
        public: true                # exactly one role is; the attacker's own machine is its first host
        share: 1                    # of the hosts, by weight
        services: {ssh: 1}
      office:
        share: 6
        size: 40                    # optional: most hosts of a subnet (default 100)
        services: {ssh: 3, bash: 1} # from the catalogue, with weights; at least one that is not local
        per_host: [1, 3]            # optional: how many services a host has; a number, or from and to
      servers: {share: 3, services: {ssh: 1}}

    firewall:                       # on top of what always passes; a role, or a list of roles, at either end
      - {from: office, to: servers, percent: 30}    # only so many hosts of each subnet, and at least one
      - {from: servers, from_percent: 10, to: office}           # likewise; see below

    data:
      ledger:                       # becomes ledger_1, ledger_2, ...
        in: [servers]               # roles
        percent: 50                 # optional: of the hosts of these that have some (default 100)
        per_host: [1, 2]            # optional: a number, or from and to (default 1)
        size: [1000, 20000]         # optional, likewise; in bytes
        type: xlsx                  # optional
        opens: [servers]            # optional: credentials, each for one host of these roles (under siege-1)

    start: {in: office, hosts: 2}   # hosts of one subnet on which the attacker may have its foothold
    goal: {in: servers, data: ledger}       # what it has to bring to its own machine: one such datum

An attacker learns of the network of its foothold and of the two beside it, and of no other. So the goal lies
in one of these, and the firewall must let the start's role reach the goal's, directly or by way of one other
role, which is then on the other side. All else is there to be searched in vain, or not to be found.

Where only some hosts of a subnet may reach others, footholds are none of these: the attacker has to go by way
of one that is. (In a subnet of nothing but footholds, all of them are.) So the way from each is as long.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.scenarios.contents import MAX_DATA_SIZE, SERVICE_TYPES
from netsiege.scenarios.reading import Place, Report, nearest, shown
from netsiege.scenarios.source import file_label, parse, read_bytes
from netsiege.scenarios.topology import MAX_DESCRIPTION_CHARS, read_name

DEFAULT_RECIPE: Final = "office"
MAX_WEIGHT: Final = 1_000_000
MAX_SUBNET: Final = 250
"""Hosts: subnets are /24, and the router has an address in each."""
MAX_PER_HOST: Final = 100
MAX_WORDS: Final = 1_000
"""Users, services, roles, rules and kinds of data, of each."""

_DATA: Final = Path(__file__).resolve().parent.parent / "data" / "recipes"
_ROLE: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
_TOP: Final = (
    "name",
    "description",
    "users",
    "hosts_per_user",
    "services",
    "roles",
    "firewall",
    "data",
    "start",
    "goal",
)
_REQUIRED: Final = ("users", "services", "roles", "firewall", "data", "start", "goal")

Span = tuple[int, int]
"""From and to, both included."""


@frozen
class Service:
    """An entry of the catalogue; `versions` with their weights."""

    name: str
    versions: tuple[tuple[str, int], ...]
    owner: str = ""
    type: str = "passive"
    local: bool = False


@frozen
class Role:
    """What a kind of subnet is like; `services` are names with their weights."""

    name: str
    share: int
    services: tuple[tuple[str, int], ...]
    size: int = 100
    per_host: Span = (1, 1)
    public: bool = False


@frozen
class Policy:
    """Lets so many percent of the hosts of some roles reach so many of the hosts of others."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    percent: int = 100
    from_percent: int = 100


@frozen
class Kind:
    """A kind of data, and on which hosts it lies."""

    name: str
    roles: tuple[str, ...]
    percent: int = 100
    per_host: Span = (1, 1)
    size: Span = (0, 0)
    type: str = ""
    opens: tuple[str, ...] = ()
    """Roles: each such datum has credentials for a host of one of them."""


@frozen
class Recipe:
    """A recipe that was checked: `way` has the roles from start to goal, both included."""

    name: str
    description: str
    users: tuple[str, ...]
    hosts_per_user: int
    services: tuple[Service, ...]
    roles: tuple[Role, ...]
    policies: tuple[Policy, ...]
    kinds: tuple[Kind, ...]
    start_hosts: int
    goal: str
    way: tuple[str, ...]

    def role(self, name: str) -> Role:
        """The role of that name."""
        return next(role for role in self.roles if role.name == name)


def recipe_names() -> tuple[str, ...]:
    """The bundled recipes, sorted."""
    return tuple(sorted(path.stem for path in _DATA.glob("*.yaml")))


def load_recipe(name_or_path: str) -> Recipe:
    """The bundled recipe of that name, or the one in that file. Raises ConfigError with every problem."""
    if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        path, file = Path(name_or_path), file_label(name_or_path)
    elif name_or_path in recipe_names():
        path = _DATA / f"{name_or_path}.yaml"
        file = path.name
    else:
        known = nearest(name_or_path, recipe_names())
        raise ConfigError(f"recipe: there is none called {shown(name_or_path)}{known}")
    report = Report(file)
    default_name = re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem)[:64]
    recipe = read_recipe(Place(parse(read_bytes(path, file), report), "", report), default_name)
    report.check()
    assert recipe is not None, "a recipe that cannot be read is reported"
    return recipe


def read_recipe(root: Place, default_name: str) -> Recipe | None:
    """The recipe, or None after something was reported."""
    fields = root.fields(_TOP, _REQUIRED)
    name = read_name(fields["name"]) if "name" in fields else default_name
    description = fields["description"].any_text(MAX_DESCRIPTION_CHARS) if "description" in fields else ""
    if not fields.keys() >= set(_REQUIRED):
        return None
    services = _read_services(fields["services"])
    roles = _read_roles(fields["roles"], services)
    policies = _read_policies(fields["firewall"], roles)
    kinds = _read_kinds(fields["data"], roles)
    start = fields["start"].fields(("in", "hosts"), ("in",))
    per_user = fields["hosts_per_user"].whole(1, MAX_WEIGHT) if "hosts_per_user" in fields else 1
    recipe = Recipe(
        name or default_name,
        " ".join((description or "").split()),
        _read_users(fields["users"]),
        per_user or 1,
        tuple(services.values()),
        tuple(roles.values()),
        policies,
        tuple(kinds.values()),
        (start["hosts"].whole(1, MAX_SUBNET) if "hosts" in start else 1) or 1,
        *_read_goal(fields["goal"], start.get("in"), roles, policies, kinds),
    )
    return None if root.report.problems else recipe


def _read_goal(
    place: Place,
    start: Place | None,
    roles: dict[str, Role],
    policies: Collection[Policy],
    kinds: dict[str, Kind],
) -> tuple[str, tuple[str, ...]]:
    """The data that the attacker is after, and the roles from its start to where they lie."""
    inside = [role.name for role in roles.values() if not role.public]
    fields = place.fields(("in", "data"), ("in", "data"))
    first = _word(start, inside) if start is not None else None
    last = _word(fields["in"], inside) if "in" in fields else None
    wanted = _word(fields["data"], kinds) if "data" in fields else None
    if first is None or last is None or wanted is None or place.report.problems:
        return "", ()
    way = _way(policies, first, last, inside)
    if first == last:
        fields["in"].problem("is where the attacker starts: name another role")
    elif not way:
        fields["in"].problem(
            f"the firewall lets nobody get there from {first}, directly or by one other role"
        )
    elif last not in kinds[wanted].roles:
        there = fields["data"].nearest("", kinds[wanted].roles)
        fields["data"].problem(f"{wanted} does not lie in {last}{there}")
    return wanted, way


def _way(policies: Collection[Policy], first: str, last: str, inside: Collection[str]) -> tuple[str, ...]:
    """The shortest way between two roles, by way of at most one other; empty if there is none."""
    edges = {(source, target) for each in policies for source in each.sources for target in each.targets}
    if (first, last) in edges:
        return first, last
    through = [role for role in inside if (first, role) in edges and (role, last) in edges]
    return (first, through[0], last) if through else ()


def _read_users(place: Place) -> tuple[str, ...]:
    if place.value == []:
        place.problem("there are none")
    if place.is_too_long(MAX_WORDS):
        return ()
    return tuple(name for entry in place.items("[ann, ben]") if (name := entry.text()) is not None)


def _read_services(place: Place) -> dict[str, Service]:
    found: dict[str, Service] = {}
    for name, entry in _some(place):
        _check_text(entry, name)
        fields = entry.fields(("versions", "owner", "type", "local"), ("versions",))
        found[name] = Service(
            name,
            _read_weights(fields["versions"]) if "versions" in fields else (),
            (fields["owner"].text() if "owner" in fields else None) or "",
            (fields["type"].choice(SERVICE_TYPES) if "type" in fields else None) or "passive",
            (fields["local"].flag() if "local" in fields else None) or False,
        )
    return found


def _read_roles(place: Place, services: dict[str, Service]) -> dict[str, Role]:
    found: dict[str, Role] = {}
    for name, entry in _some(place):
        if not _ROLE.fullmatch(name) or name == "router":
            entry.problem(f"{shown(name)} is no name of a role: small letters, digits and '_'; not `router`")
        known = ("public", "share", "size", "services", "per_host")
        fields = entry.fields(known, ("share", "services"))
        drawn = _read_weights(fields["services"], services or None) if "services" in fields else ()
        known_ones = [services[each] for each, _ in drawn if each in services]
        if known_ones and all(service.local for service in known_ones):
            fields["services"].problem("all of them are local: nobody could get into such a host")
        found[name] = Role(
            name,
            (fields["share"].whole(1, MAX_WEIGHT) if "share" in fields else None) or 1,
            drawn,
            (fields["size"].whole(1, MAX_SUBNET) if "size" in fields else None) or 100,
            _read_span(fields["per_host"], 1, MAX_PER_HOST) if "per_host" in fields else (1, 1),
            (fields["public"].flag() if "public" in fields else None) or False,
        )
    if found and sum(role.public for role in found.values()) != 1:
        place.problem("exactly one role must be `public: true`: the attacker's own machine is there")
    return found


def _read_policies(place: Place, roles: dict[str, Role]) -> tuple[Policy, ...]:
    found = []
    if place.is_too_long(MAX_WORDS):
        return ()
    for entry in place.items("[{from: office, to: servers}]"):
        fields = entry.fields(("from", "from_percent", "to", "percent"), ("from", "to"))
        ends = [_words(fields[end], roles) if end in fields else () for end in ("from", "to")]
        shares = [_read_percent(fields, key) for key in ("percent", "from_percent")]
        found.append(Policy(ends[0], ends[1], *shares))
    return tuple(found)


def _read_percent(fields: dict[str, Place], key: str) -> int:
    return (fields[key].whole(1, 100) if key in fields else None) or 100


def _read_kinds(place: Place, roles: dict[str, Role]) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for name, entry in _some(place):
        _check_text(entry, name)
        fields = entry.fields(("in", "percent", "per_host", "size", "type", "opens"), ("in",))
        found[name] = Kind(
            name,
            _words(fields["in"], roles) if "in" in fields else (),
            _read_percent(fields, "percent"),
            _read_span(fields["per_host"], 1, MAX_PER_HOST) if "per_host" in fields else (1, 1),
            _read_span(fields["size"], 0, MAX_DATA_SIZE >> 11) if "size" in fields else (0, 0),
            (fields["type"].text() if "type" in fields else None) or "",
            _words(fields["opens"], roles) if "opens" in fields else (),
        )
    return found


def _some(place: Place) -> list[tuple[str, Place]]:
    """The entries of a mapping that may be neither empty nor huge."""
    if place.value == {}:
        place.problem("there are none")
    return [] if place.is_too_long(MAX_WORDS) else list(place.entries())


def _check_text(place: Place, name: str) -> None:
    if not name or len(name) > 100 or not name.isprintable():
        place.problem(f"{shown(name)} is not 1 to 100 characters of printable text")


def _read_weights(place: Place, known: Collection[str] | None = None) -> tuple[tuple[str, int], ...]:
    """Words with a weight each; if any are known, only these."""
    found = []
    for name, entry in _some(place):
        if known is not None and name not in known:
            entry.problem(f"is none of the services{place.nearest(name, known)}")
        else:
            _check_text(entry, name)
        found.append((name, entry.whole(1, MAX_WEIGHT) or 1))
    return tuple(found)


def _read_span(place: Place, least: int, most: int) -> Span:
    """A whole number, or a list of from and to."""
    if not isinstance(place.value, list):
        number = place.whole(least, most)
        return (number, number) if number is not None else (least, least)
    ends = [entry.whole(least, most) for entry in place.items()]
    if len(ends) != 2:
        place.problem(f"expected a number or [from, to], got a list of {len(ends)}")
        return least, least
    low, high = ends
    if low is None or high is None:
        return least, least
    if low > high:
        place.problem(f"{low} is more than {high}")
    return low, high


def _words(place: Place, known: Collection[str]) -> tuple[str, ...]:
    """One of the known words, or a list of some."""
    if place.value == []:
        place.problem("there are none")
    if place.is_too_long(MAX_WORDS):
        return ()
    entries = place.items() if isinstance(place.value, list) else [place]
    return tuple(dict.fromkeys(word for entry in entries if (word := _word(entry, known)) is not None))


def _word(place: Place, known: Collection[str]) -> str | None:
    if isinstance(place.value, str) and place.value in known:
        return place.value
    place.problem(f"there is no {shown(place.value)} here{place.nearest(place.value, known)}")
    return None
