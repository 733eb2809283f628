"""What a scenario and a task are, once loaded: frozen, checked, free of YAML and of files.

A *topology* is a network with hosts, services and data. A *task* says who plays on it, from where, for
what and by which rules. A *spec* is both, resolved, in one piece: all that an engine needs, and what replays
carry.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from typing import Any, Final, Self

import attrs
import cattrs
from attrs import field, frozen
from attrs.validators import and_, ge, le, matches_re
from cattrs.gen import make_dict_unstructure_fn, override

from netsiege.scenarios.cvss import Vector
from netsiege.shown import shown

RANDOM: Final = "random"
ALL: Final = "all"
ALL_LOCAL: Final = "all_local"
ALL_ATTACKERS: Final = "all_attackers"

MAX_SPEC_BYTES: Final = 1 << 24
"""Of a spec as it travels. `netsiege.scenarios.limits` has the limits of what is in it."""

_PLAIN_BYTES: Final = 1 << 16
_ZLIB: Final = b"\x78"
"""What compressed specs begin with, and JSON does not."""

_MAX_BRACKETS: Final = 1 << 20
"""Each may become a list or a mapping, which take 30 times as much memory as their text."""
_MAX_DIGITS: Final = 20
_EXPLAINED_BYTES: Final = 1 << 16
"""Of smaller specs the first mistakes are named with their places, of larger ones one, without."""
_EXPLAINED: Final = 8

REALTIME: Final = "realtime"
ROUNDS: Final = "rounds"
PACINGS: Final = (REALTIME, ROUNDS)

NETSECGAME: Final = "netsecgame"
SIEGE: Final = "siege-1"
RULESETS: Final = (NETSECGAME, SIEGE)
"""The rules that a task may name."""

CVE_ID: Final = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")


@frozen
class DataItem:
    """A piece of data. Log files are not listed: every host gets one.

    Whoever knows it has credentials for the hosts that it `opens`, by name (only under `siege-1`).
    """

    owner: str
    id: str
    type: str = ""
    size: int = 0
    content: str = ""
    opens: tuple[str, ...] = ()


@frozen
class Vulnerability:
    """A published weakness of a service: its CVE id, and its CVSS v3.1 base vector. ValueError for others."""

    cve: str = field(validator=matches_re(CVE_ID))
    vector: str = field()

    @vector.validator
    def _(self, _attribute: object, text: str) -> None:
        Vector.from_text(text)

    @property
    def cvss(self) -> Vector:
        """The vector, with its scores."""
        return Vector.from_text(self.vector)


@frozen
class ServiceItem:
    """A service of a host. `local` ones are seen only by whoever controls the host.

    `patched` says that there are no vulnerabilities; otherwise, without any, those that are known of its
    version count, as soon as a spec under `siege-1` is made of it.
    """

    name: str
    type: str = "passive"
    version: str = "unknown"
    local: bool = False
    owner: str = ""
    data: tuple[DataItem, ...] = ()
    vulnerabilities: tuple[Vulnerability, ...] = ()
    patched: bool = False


@frozen
class Host:
    """A machine with at least one address. `start` is its weight in the draw of `random` starts."""

    name: str
    addresses: tuple[str, ...]
    services: tuple[ServiceItem, ...] = ()
    start: int = 0
    is_router: bool = False


@frozen
class Rule:
    """Lets every address in `source` reach every address in `target` (both in CIDR notation)."""

    source: str
    target: str


@frozen
class Topology:
    """Networks in CIDR notation, hosts (routers last) and firewall rules, in the order they were written."""

    name: str
    networks: tuple[str, ...]
    hosts: tuple[Host, ...]
    rules: tuple[Rule, ...] = ()
    description: str = ""


@frozen
class View:
    """A start position or a goal: what is known, or must be.

    Hosts are addresses or the words `random` and `all_local`; networks are in CIDR notation. Services are
    `(address, items)` with items a `ServiceItem`, `random` or `all`; data likewise with `DataItem`. Blocks
    are `(address, addresses)`, the addresses possibly the one word `all_attackers`.
    """

    known_networks: tuple[str, ...] = ()
    known_hosts: tuple[str, ...] = ()
    controlled_hosts: tuple[str, ...] = ()
    known_services: tuple[tuple[str, tuple[ServiceItem | str, ...]], ...] = ()
    known_data: tuple[tuple[str, tuple[DataItem | str, ...]], ...] = ()
    known_blocks: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is asked for."""
        return self == View()


@frozen
class RoleTask:
    """What one role starts with and plays for. `max_steps` None means no limit."""

    role: str
    start: View = View()
    goal: View = View()
    goal_description: str = ""
    max_steps: int | None = None


MAX_AMOUNT: Final = 1 << 53
"""Of a reward or a cost, either way: up to here whole numbers and floats are the same."""


@frozen
class Rewards:
    """Given with every step, and once more at the end of an episode."""

    step: float = 0
    success: float = 0
    fail: float = 0
    false_positive: float = 0


@frozen
class Clock:
    """How long things may take, in seconds; what is None has no limit, but for `grace_s`.

    `move_s`: one move of a seat. `episode_s`: all moves of a seat in one episode. `round_s`: how long each
    round lasts, whether the seats move sooner or not (only where a match plays in rounds). `grace_s`: how
    long a seat waits for its agent to reconnect; None: as long as a hub lets it by default.
    """

    move_s: float | None = None
    episode_s: float | None = None
    round_s: float | None = None
    grace_s: float | None = None


_chance = and_(ge(0.0), le(1.0))


@frozen
class SiegeRules:
    """Which rules of `siege-1` are on, and their numbers. ValueError for numbers that make no sense.

    `success`: actions may fail, and then teach nothing. `vulnerabilities`: an exploit needs one.
    `credentials`: data may open hosts. `sensor`: a defender gets alerts instead of all logs. `responses`: it
    can do more than block. `users`: what benign users cannot do costs it. `scores`: the last observation has
    them.
    """

    success: bool = True
    vulnerabilities: bool = True
    credentials: bool = True
    sensor: bool = True
    responses: bool = True
    users: bool = True
    scores: bool = True
    chances: tuple[tuple[str, float], ...] = field(default=())
    """Of success, by the name of an action type, where it is another one than the ruleset's; 0 to 1."""
    false_alerts: float = field(default=0.01, validator=_chance)
    """The chance that the sensor reports what did not happen; 0 to 1."""
    disruption: float = field(default=-1.0, validator=le(0.0))
    """What a defender is given for each thing that a user cannot do; at most 0."""

    @chances.validator
    def _(self, attribute: attrs.Attribute[Any], pairs: tuple[tuple[str, float], ...]) -> None:
        for _, chance in pairs:
            _chance(self, attribute, chance)


@frozen
class Task:
    """Who plays, from where, for what, and how.

    `seats` fixes the number of seats of each role in a match; if it is empty, the first `required_players`
    of any role in `roles` make one. `seed` None means a new one at every start. `rules` are there under
    `siege-1`, and None under any other ruleset.
    """

    name: str
    scenario: str
    roles: tuple[RoleTask, ...]
    rewards: Rewards = Rewards()
    seats: tuple[tuple[str, int], ...] = ()
    required_players: int = 1
    pacing: str = REALTIME
    clock: Clock = Clock()
    ruleset: str = NETSECGAME
    seed: int | None = None
    use_firewall: bool = True
    use_global_defender: bool = False
    use_dynamic_addresses: bool = False
    save_trajectories: bool = False
    rules: SiegeRules | None = None

    def role(self, name: str) -> RoleTask | None:
        """The part of that role, or None if the task has none."""
        return next((r for r in self.roles if r.role == name), None)


@frozen
class Spec:
    """A topology and a task, resolved: everything that decides what happens but seeds and players."""

    topology: Topology
    task: Task

    def to_bytes(self) -> bytes:
        """Sorted compact JSON: equal specs give equal bytes, on any machine."""
        plain = _converter.unstructure(self)
        return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()

    def to_wire(self) -> bytes:
        """`to_bytes`, compressed if that is large: a network of thousands of hosts fits into a message."""
        text = self.to_bytes()
        return zlib.compress(text) if len(text) > _PLAIN_BYTES else text

    @classmethod
    def from_bytes(cls, text: bytes) -> Self:
        """The inverse of `to_bytes` and of `to_wire`. ValueError for anything else, and for a spec that is
        over a limit.
        """
        from netsiege.scenarios.limits import excess  # noqa: PLC0415  # the limits are about what is defined here

        text = plain_spec(text)
        if len(text) > MAX_SPEC_BYTES or text.count(b"[") + text.count(b"{") > _MAX_BRACKETS:
            raise ValueError(f"not a spec: larger than {MAX_SPEC_BYTES} bytes, or {_MAX_BRACKETS} values")
        converter = _converter if len(text) <= _EXPLAINED_BYTES else _terse_converter
        try:
            spec = converter.structure(_parse(text), cls)
        except cattrs.BaseValidationError as error:
            lines = cattrs.transform_error(error)
            more = [f"and {len(lines) - _EXPLAINED} more"] if len(lines) > _EXPLAINED else []
            said = "; ".join([*(shown(line) for line in lines[:_EXPLAINED]), *more])
            raise ValueError(f"not a spec: {said}") from error
        except Exception as error:  # what cattrs raises for the first mistake is of a dozen kinds
            raise ValueError(f"not a spec: {shown(str(error))}") from error
        for path, said in excess(spec):
            raise ValueError(f"not a spec that can be played: {path}: {said}")
        return spec

    @property
    def digest(self) -> str:
        """SHA-256 of `to_bytes`, in hex: NetSecGame's `configuration_hash`, but the same in every process."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def plain_spec(text: bytes) -> bytes:
    """A spec as `to_bytes` gives it, from that or from `to_wire`. ValueError if it cannot be decompressed, or
    is too large then.
    """
    if text[:1] != _ZLIB:
        return text
    try:
        opened = zlib.decompressobj()
        plain = opened.decompress(text, MAX_SPEC_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"not a spec: {error}") from None
    if len(plain) > MAX_SPEC_BYTES or not opened.eof or opened.unused_data:
        raise ValueError(f"not a spec: larger than {MAX_SPEC_BYTES} bytes, or not whole")
    return plain


def _parse(text: bytes) -> Any:
    """JSON in UTF-8, of numbers that can travel: finite, and in 64 bits."""
    return json.loads(text.decode(), parse_int=_whole, parse_float=_finite, parse_constant=_finite)


def _whole(digits: str) -> int:
    number = int(digits) if len(digits) <= _MAX_DIGITS else 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError(f"the number {digits:.24} takes more than 64 bits")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits:.24} is no finite number")
    return number


def _make_converter(*, explaining: bool) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=explaining)
    for item in (ServiceItem, DataItem):

        def word_or_item(value: Any, _wanted: Any, item: type[attrs.AttrsInstance] = item) -> Any:
            return value if isinstance(value, str) else converter.structure(value, item)

        converter.register_structure_hook(item | str, word_or_item)
    for kind, accepted in ((str, (str,)), (int, (int,)), (bool, (bool,)), (float, (int, float))):

        def as_it_is(value: Any, _wanted: Any, accepted: tuple[type, ...] = accepted) -> Any:
            # nothing is converted: the number of a reward stays -1, not -1.0, and the bytes stay the same
            if type(value) not in accepted:
                raise TypeError(f"{value!r:.40} is no {accepted[-1].__name__}")
            if type(value) is str:
                value.encode()  # half a character is none
            return value

        converter.register_structure_hook(kind, as_it_is)
    younger = override(omit_if_default=True)
    for cls, names in _YOUNGER.items():
        left_out: dict[str, Any] = dict.fromkeys(names, younger)
        converter.register_unstructure_hook(cls, make_dict_unstructure_fn(cls, converter, **left_out))
    return converter


_YOUNGER: Final[dict[type[attrs.AttrsInstance], tuple[str, ...]]] = {
    DataItem: ("opens",),
    ServiceItem: ("vulnerabilities", "patched"),
    Clock: ("episode_s", "round_s", "grace_s"),
    SiegeRules: tuple(each.name for each in attrs.fields(SiegeRules)),
    Task: ("rules",),
}
"""Left out while they are as by default: specs that do without keep the bytes, and digests, of before.

What contains others comes after them: its writing looks up theirs when it is made.
"""


_converter = _make_converter(explaining=True)
_terse_converter = _make_converter(explaining=False)
"""Stops at the first mistake: a list of all takes a thousand times as much memory as a hostile text."""
