"""Addresses, networks, services, data, and the enumerations of the game."""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

from attrs import field, frozen


def ip_to_int(text: str) -> int:
    """The 32-bit number of a dotted IPv4 address. Raises ValueError for anything else."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not an IPv4 address")
    return _number_of(text)


def int_to_ip(number: int) -> str:
    """The dotted form of a 32-bit number. Raises ValueError for anything else."""
    if type(number) is not int or not 0 <= number < 1 << 32:
        raise ValueError(f"{number!r:.40} is not an IPv4 address as a number")
    return _text_of(number)


@lru_cache(maxsize=1 << 16)
def _number_of(text: str) -> int:
    try:
        return int(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text!r:.80} is not an IPv4 address") from None


@lru_cache(maxsize=1 << 16)
def _text_of(number: int) -> str:
    return str(ipaddress.IPv4Address(number))


@lru_cache(maxsize=1 << 16)
def _is_private(text: str, mask: int) -> bool:
    return ipaddress.IPv4Network((text, mask), strict=False).is_private


@lru_cache(maxsize=1 << 16)
def _bounds(text: str, mask: int) -> tuple[int, int]:
    first = _number_of(text) >> (32 - mask) << (32 - mask)
    return first, first | ((1 << (32 - mask)) - 1)


def fields_of(
    data: Mapping[str, Any], cls: type, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, Any]:
    """The entries of a dict form, checked: each required key once, no unknown key (ValueError)."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{cls.__name__}: expected a mapping, got {data!r}")
    unknown = [key for key in data if key not in required and key not in optional]
    missing = [key for key in required if key not in data]
    if unknown or missing:
        said = [f"unknown {k!r}" for k in unknown] + [f"missing {k!r}" for k in missing]
        raise ValueError(f"{cls.__name__}: {', '.join(said)}")
    return dict(data)


def _is_ipv4(_instance: object, _attribute: object, value: str) -> None:
    ip_to_int(value)


@frozen(order=True, repr=False, hash=False)
class IP:
    """An IPv4 address. Ordered as text, like NetSecGame's. Raises ValueError for anything else."""

    ip: str = field(validator=_is_ipv4)

    def __str__(self) -> str:
        return self.ip

    __repr__ = __str__

    def __hash__(self) -> int:
        return hash(self.ip)

    def is_private(self) -> bool:
        """Whether the address belongs to a range that is not routed on the Internet."""
        return _is_private(self.ip, 32)

    @property
    def as_dict(self) -> dict[str, Any]:
        """`{"ip": "192.168.1.2"}`."""
        return {"ip": self.ip}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; ValueError for anything else."""
        return cls(**fields_of(data, cls, ("ip",), ()))

    def to_wire(self) -> int:
        """The address as a 32-bit number."""
        return ip_to_int(self.ip)

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """The inverse of `to_wire`; ValueError for anything else."""
        return cls(int_to_ip(wire))


def _is_prefix_length(_instance: object, _attribute: object, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 32:
        said = repr(value)[:40] if isinstance(value, int | float | str) else f"a {type(value).__name__}"
        raise ValueError(f"{said} is not a prefix length (0 to 32)")


@frozen(order=False, repr=False)
class Network:
    """An IPv4 network in CIDR notation. Ordered by first address, then larger networks first."""

    ip: str = field(validator=_is_ipv4)
    mask: int = field(validator=_is_prefix_length)

    def __str__(self) -> str:
        return f"{self.ip}/{self.mask}"

    __repr__ = __str__

    @property
    def first(self) -> int:
        """The lowest address of the network, as a number."""
        return _bounds(self.ip, self.mask)[0]

    @property
    def last(self) -> int:
        """The highest address of the network, as a number."""
        return _bounds(self.ip, self.mask)[1]

    def _key(self) -> tuple[int, int, int]:
        return (self.first, self.mask, ip_to_int(self.ip))

    def __lt__(self, other: object) -> bool:
        return self._key() < other._key() if isinstance(other, Network) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._key() <= other._key() if isinstance(other, Network) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._key() > other._key() if isinstance(other, Network) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._key() >= other._key() if isinstance(other, Network) else NotImplemented

    def __contains__(self, address: IP) -> bool:
        first, last = _bounds(self.ip, self.mask)
        return first <= _number_of(address.ip) <= last

    def is_private(self) -> bool:
        """Whether the whole network lies in ranges that are not routed on the Internet."""
        return _is_private(self.ip, self.mask)

    @property
    def as_dict(self) -> dict[str, Any]:
        """`{"ip": "192.168.1.0", "mask": 24}`."""
        return {"ip": self.ip, "mask": self.mask}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; ValueError for anything else."""
        return cls(**fields_of(data, cls, ("ip", "mask"), ()))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From `192.168.1.0/24`; ValueError for anything else."""
        address, slash, mask = text.partition("/")
        if not slash or not mask.isdecimal():
            raise ValueError(f"{text!r} is not a network such as 192.168.1.0/24")
        return cls(address, int(mask))

    def to_wire(self) -> list[int]:
        """`[address, mask]`, the address as a 32-bit number."""
        return [ip_to_int(self.ip), self.mask]

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """The inverse of `to_wire`; ValueError for anything else."""
        address, mask = fixed_list(wire, 2, "network")
        return cls(int_to_ip(address), mask)


def fixed_list(wire: Any, length: int, what: str) -> list[Any]:
    """`wire` itself if it is a list of that length; ValueError otherwise."""
    if not isinstance(wire, list) or len(wire) != length:
        raise ValueError(f"{what}: expected a list of {length}")
    return wire


def _typed(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{what}: expected {kind.__name__}, got {value!r:.40}")
    return value


@frozen(order=True)
class Service:
    """A service on a host. `is_local` ones are seen only by whoever controls the host."""

    name: str
    type: str = "unknown"
    version: str = "unknown"
    is_local: bool = True

    @property
    def as_dict(self) -> dict[str, Any]:
        """A dict of all four fields."""
        return {"name": self.name, "type": self.type, "version": self.version, "is_local": self.is_local}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; ValueError for anything else."""
        return cls(**fields_of(data, cls, ("name",), ("type", "version", "is_local")))

    def to_wire(self) -> list[Any]:
        """`[name, type, version, is_local]`."""
        return [self.name, self.type, self.version, self.is_local]

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """The inverse of `to_wire`; ValueError for anything else."""
        name, kind, version, is_local = fixed_list(wire, 4, "service")
        return cls(
            _typed(name, str, "service name"),
            _typed(kind, str, "service type"),
            _typed(version, str, "service version"),
            _typed(is_local, bool, "service is_local"),
        )


@frozen(order=True)
class Data:
    """A piece of data on a host. Equality, order and hash look at owner, id and type only."""

    owner: str
    id: str
    size: int = field(default=0, eq=False, order=False, hash=False)
    type: str = ""
    content: str = field(default="", eq=False, order=False, hash=False, repr=False)

    @property
    def as_dict(self) -> dict[str, Any]:
        """A dict of all five fields."""
        return {
            "owner": self.owner,
            "id": self.id,
            "size": self.size,
            "type": self.type,
            "content": self.content,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; ValueError for anything else."""
        return cls(**fields_of(data, cls, ("owner", "id"), ("size", "type", "content")))

    def to_wire(self) -> list[Any]:
        """`[owner, id, size, type, content]`."""
        return [self.owner, self.id, self.size, self.type, self.content]

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """The inverse of `to_wire`; ValueError for anything else."""
        owner, name, size, kind, content = fixed_list(wire, 5, "data")
        return cls(
            _typed(owner, str, "data owner"),
            _typed(name, str, "data id"),
            _typed(size, int, "data size"),
            _typed(kind, str, "data type"),
            _typed(content, str, "data content"),
        )


class Word(enum.Enum):
    """An enumeration whose members equal their own names in text, with or without the class in front.

    So do members of the same name of another enumeration of the same name.
    """

    def to_string(self) -> str:
        """The bare name."""
        return str(self.value)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Word):
            return bool(self.value == other.value and type(self).__name__ == type(other).__name__)
        if isinstance(other, str):
            return bool(self.value == other.removeprefix(f"{type(self).__name__}."))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)

    @classmethod
    def from_string(cls, name: str) -> Self:
        """From `"Name"` or `"Class.Name"`; ValueError for anything else."""
        bare = str(name).removeprefix(f"{cls.__name__}.")
        try:
            return cls[bare]
        except KeyError:
            raise ValueError(f"Invalid {cls.__name__}: {bare}") from None


@enum.unique
class AgentStatus(Word):
    """Where a seat stands in its episode."""

    Playing = "Playing"
    PlayingWithTimeout = "PlayingWithTimeout"
    TimeoutReached = "TimeoutReached"
    ResetRequested = "ResetRequested"
    Success = "Success"
    Fail = "Fail"

    __hash__ = Word.__hash__


@enum.unique
class AgentRole(str, enum.Enum):  # noqa: UP042  # str() must give AgentRole.Attacker, not Attacker
    """Which side an agent plays on. Equal to its name in any case."""

    Attacker = "Attacker"
    Defender = "Defender"
    Benign = "Benign"

    def __repr__(self) -> str:
        return self.value

    def to_string(self) -> str:
        """The bare name."""
        return self.value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AgentRole):
            return self.value == other.value
        if isinstance(other, str):
            return self.value.lower() == other.lower().removeprefix("agentrole.")
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)

    @classmethod
    def from_string(cls, name: str) -> Self:
        """From the name in any case, with or without a prefix; ValueError for anything else."""
        bare = str(name).rsplit(".", 1)[-1]
        for role in cls:
            if role.value.lower() == bare.lower():
                return role
        raise ValueError(f"Invalid AgentRole: {bare}")


class GameStatus(enum.Enum):
    """How NetSecGame's server answers; ours keeps it in `Observation.info` and at the gateway."""

    OK = 200
    CREATED = 201
    RESET_DONE = 202
    BAD_REQUEST = 400
    FORBIDDEN = 403

    @classmethod
    def from_string(cls, string: str) -> Self:
        """From `"GameStatus.OK"`; ValueError for anything else."""
        prefix, _, name = string.partition(".")
        if prefix != "GameStatus" or name not in cls.__members__:
            raise ValueError(f"Invalid GameStatus string: {string}")
        return cls[name]

    def __repr__(self) -> str:
        return str(self)


@frozen(order=True, repr=False)
class AgentInfo:
    """Who an agent says it is when it joins."""

    name: str
    role: AgentRole | str

    def __repr__(self) -> str:
        return f"{self.name}({self.role})"

    @property
    def as_dict(self) -> dict[str, Any]:
        """`{"name": …, "role": "Attacker"}`."""
        return {"name": self.name, "role": self.role.value if isinstance(self.role, AgentRole) else self.role}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`, the role in any case; ValueError for anything else."""
        checked = fields_of(data, cls, ("name", "role"), ())
        return cls(checked["name"], AgentRole.from_string(checked["role"]))
