"""Rights, grants, and the lines that say who has them: what a file of authorised keys holds. Pure.

A *right* says what a key may be; a *grant* is a right with a name and its limits; an *invitation* is a grant
for whoever brings a secret of which the file holds only a digest.
"""

from __future__ import annotations

import difflib
import enum
import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, Self

from attrs import field, frozen

from netsiege.errors import ConfigError
from netsiege.keys import INVITE_PREFIX, PUBLIC_PREFIX, SECRET_PREFIX, public_text, read_public
from netsiege.protocol import SessionRole, clean_name
from netsiege.protocol.declare import quoted

GAME_ROLES: Final = ("Attacker", "Defender", "Benign")
MAX_FILE_BYTES: Final = 1 << 20
MAX_LINE_CHARS: Final = 4_096
INVITED: Final = "invitation:sha256:"
_SECRETS: Final = re.compile(f"({SECRET_PREFIX}|{INVITE_PREFIX})[A-Za-z0-9_-]{{16}}")
_WORDS: Final = re.compile(r"[^ \t\r]+")

HEADER: Final = f"""\
# NetSiege: who may do what at this hub. No secret is ever in this file: only public keys, and digests of
# invitations. One line for each:
#
#   {PUBLIC_PREFIX}... NAME RIGHT [roles=Attacker,Benign] [rooms=cup-*,default] [expires=2030-12-31T00:00:00Z]
#   {INVITED}... NAME RIGHT [the same] [key_expires=2030-12-31T00:00:00Z]
#
# RIGHT is agent (plays), worker (runs engines), spectator (watches), or admin (plays, watches, runs
# tournaments). A name occurs once; with spaces it is quoted as in a shell. What is left away has no limit.
# rooms= takes shell patterns. Comments stand on lines of their own. A hub that runs notices every change.
"""


class Right(enum.StrEnum):
    """What a key may be."""

    AGENT = "agent"
    WORKER = "worker"
    SPECTATOR = "spectator"
    ADMIN = "admin"


_MAY_BE: Final[Mapping[Right, tuple[SessionRole, ...]]] = {
    Right.AGENT: (SessionRole.AGENT,),
    Right.WORKER: (),
    Right.SPECTATOR: (SessionRole.SPECTATOR,),
    Right.ADMIN: (SessionRole.AGENT, SessionRole.SPECTATOR, SessionRole.DIRECTOR),
}


def _is_aware(_instance: object, attribute: Any, value: datetime | None) -> None:
    if value is not None and value.utcoffset() is None:
        raise ValueError(f"{attribute.name} needs a time zone")


@frozen
class Grant:
    """What the bearer of a key may do, and until when. Empty `roles` and `rooms` are no limits.

    `rooms` are shell patterns, case-sensitive. `key_expires` is an invitation's only: when the key that is
    enrolled with it expires. Times have a time zone (ValueError otherwise).
    """

    name: str
    right: Right
    roles: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    expires: datetime | None = field(default=None, validator=_is_aware)
    key_expires: datetime | None = field(default=None, validator=_is_aware)

    def may_be(self, role: SessionRole) -> bool:
        """Whether a session of the key may have that role."""
        return role in _MAY_BE[self.right]

    def may_play(self, role: str) -> bool:
        """Whether the key may sit in a seat of that game role."""
        return not self.roles or role in self.roles

    def may_enter(self, room: str) -> bool:
        """Whether the key may use the room of that name."""
        return not self.rooms or any(fnmatchcase(room, pattern) for pattern in self.rooms)

    def valid_at(self, now: datetime) -> bool:
        """Whether the grant has not expired; `now` has a time zone."""
        return self.expires is None or now < self.expires


def _frozen_map(grants: Mapping[bytes, Grant]) -> Mapping[bytes, Grant]:
    return MappingProxyType(dict(grants))


@frozen
class Authorized:
    """What a file of authorised keys says: grants by public key, and by SHA-256 digest of an invitation's."""

    keys: Mapping[bytes, Grant] = field(factory=dict, converter=_frozen_map)
    invitations: Mapping[bytes, Grant] = field(factory=dict, converter=_frozen_map)

    @classmethod
    def read(cls, text: str, where: str) -> Self:
        """From the text of a file. Raises `ConfigError` with every problem, each as `where: line 7: …`."""
        entries = read_entries(text, where)
        return cls(
            {e.key: e.grant for e in entries if not e.invites}, {e.key: e.grant for e in entries if e.invites}
        )

    def grant_of(self, key: bytes, now: datetime) -> Grant | None:
        """The grant of a public key, unless it has expired."""
        return _valid(self.keys.get(key), now)

    def invitation_of(self, key: bytes, now: datetime) -> Grant | None:
        """The grant of the invitation with that public key, unless it has expired."""
        return _valid(self.invitations.get(digest_of(key)), now)


def _valid(grant: Grant | None, now: datetime) -> Grant | None:
    return grant if grant is not None and grant.valid_at(now) else None


def digest_of(invitation_key: bytes) -> bytes:
    """What the file holds of an invitation: the SHA-256 of its public key."""
    return hashlib.sha256(invitation_key).digest()


# --- lines ------------------------------------------------------------------------------------------------


@frozen
class Entry:
    """One line that is no comment. `key` is a public key, or an invitation's digest; lines count from 1."""

    key: bytes
    invites: bool
    grant: Grant
    line: int = 0

    @property
    def text(self) -> str:
        """The entry as a line; `line_of` checks that it reads back."""
        grant = self.grant
        words = [self.first_word, shlex.quote(grant.name), grant.right.value]
        lists = (("roles", grant.roles), ("rooms", grant.rooms))
        words += [f"{option}={shlex.quote(','.join(values))}" for option, values in lists if values]
        moments = (("expires", grant.expires), ("key_expires", grant.key_expires))
        words += [f"{option}={moment_text(at)}" for option, at in moments if at is not None]
        return " ".join(words)

    @property
    def first_word(self) -> str:
        """The public key, or the invitation's digest, as the file has it."""
        return f"{INVITED}{self.key.hex()}" if self.invites else public_text(self.key)

    @property
    def called(self) -> str:
        """The entry for people."""
        what = "the invitation" if self.invites else "the key"
        return f"{what} {self.first_word.removeprefix('invitation:')} of {self.grant.name}"


def moment_text(moment: datetime) -> str:
    """A moment as the file has it: in UTC, such as 2026-12-31T00:00:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_moment(text: str) -> datetime:
    """The inverse of `moment_text`; other zones and a date alone, its first moment in UTC, will do too.

    Raises ValueError.
    """
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        text += "T00:00:00Z"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{quoted(text)} is no moment such as 2026-12-31T00:00:00Z") from None


def nearest(word: str, choices: Iterable[str]) -> str:
    """The end of a message: `; nearest: X`, or nothing if nothing is near."""
    lowered = {choice.lower(): choice for choice in sorted(choices)}
    found = difflib.get_close_matches(word[:80].lower(), lowered, n=1)
    return f"; nearest: {lowered[found[0]]}" if found else ""


def read_entries(text: str, where: str) -> list[Entry]:
    """The entries of a file's text. Raises `ConfigError` as `Authorized.read` does."""
    if len(text.encode(errors="replace")) > MAX_FILE_BYTES:
        raise ConfigError(f"{where}: is larger than {MAX_FILE_BYTES:,} bytes")
    entries: list[Entry] = []
    problems: list[str] = []
    names: dict[str, int] = {}
    keys: dict[bytes, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        found: list[str] = []
        entry = _read_line(line, number, found)
        if entry is not None:
            if entry.grant.name in names:
                found.append(f"the name {entry.grant.name!r} is that of line {names[entry.grant.name]} too")
            if entry.key in keys:
                found.append(f"the key is that of line {keys[entry.key]} too")
            names.setdefault(entry.grant.name, number)
            keys.setdefault(entry.key, number)
            entries.append(entry)
        problems += [f"{where}: line {number}: {problem}" for problem in found]
    if problems:
        raise ConfigError(problems)
    return entries


def _read_line(line: str, number: int, problems: list[str]) -> Entry | None:
    """The entry of a line, or None and what is wrong with it, if it is no comment."""
    secret = _SECRETS.search(line)
    if secret:
        what = "a secret key" if secret[1] == SECRET_PREFIX else "an invitation's secret"
        problems.append(f"holds {what}: take it out and make a new one, others may have read it")
        return None
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    try:
        words = _split(line)
        if len(words) < 3:
            raise ValueError("expected a public key, a name and a right")
    except ValueError as error:
        problems.append(str(error))
        return None
    key, invites = _read_key(words[0], problems)
    name = _read_name(words[1], problems)
    right = _read_right(words[2], problems)
    options = _read_options(words[3:], right, invites, problems)
    if problems or key is None or name is None or right is None:
        return None
    return Entry(key, invites, Grant(name, right, **options), number)


def _split(line: str) -> list[str]:
    """The words of a line, quoted as in a shell."""
    if len(line) > MAX_LINE_CHARS:
        raise ValueError(f"is longer than {MAX_LINE_CHARS} characters")
    if not any(c in line for c in "'\"\\"):
        return _WORDS.findall(line)  # as shlex does, forty times as fast
    try:
        return shlex.split(line)
    except ValueError:
        raise ValueError("a quotation does not end") from None


def _read_key(word: str, problems: list[str]) -> tuple[bytes | None, bool]:
    if word.startswith("invitation:"):
        if re.fullmatch(INVITED + "[0-9a-f]{64}", word):
            return bytes.fromhex(word.removeprefix(INVITED)), True
        problems.append(f"an invitation is {INVITED} and 64 lower-case hexadecimal digits")
        return None, True
    try:
        return read_public(word), False
    except ConfigError as error:
        problems.extend(error.problems)
        return None, False


def _read_name(word: str, problems: list[str]) -> str | None:
    try:
        name = clean_name(word)
    except ValueError as error:
        problems.append(str(error))
        return None
    if name.startswith((PUBLIC_PREFIX, SECRET_PREFIX, INVITE_PREFIX, "invitation:", "sha256:")):
        problems.append(f"the name {quoted(name)} looks like a key")
        return None
    return name


def _read_right(word: str, problems: list[str]) -> Right | None:
    try:
        return Right(word)
    except ValueError:
        problems.append(f"{quoted(word)} is no right: {', '.join(Right)}{nearest(word, Right)}")
        return None


def _read_options(
    words: list[str], right: Right | None, invites: bool, problems: list[str]
) -> dict[str, Any]:
    """The fields of a grant that the options of a line say."""
    readers = {"roles": _read_roles, "rooms": _read_rooms, "expires": read_moment}
    if invites:
        readers["key_expires"] = read_moment
    refused = {Right.WORKER: ("roles", "rooms"), Right.SPECTATOR: ("roles",)}.get(right or Right.ADMIN, ())
    options: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("#"):
            problems.append("a comment stands on a line of its own")
            break
        if not equals or name not in readers:
            problems.append(f"{quoted(word)} is no option: {', '.join(readers)}{nearest(name, readers)}")
        elif name in options:
            problems.append(f"{name}= stands there twice")
        elif name in refused:
            problems.append(f"{name}= says nothing of a {right}")
        else:
            try:
                options[name] = readers[name](value)
            except ValueError as error:
                options[name] = None
                problems.append(f"{name}=: {error}")
    return options


def _read_roles(value: str) -> tuple[str, ...]:
    roles = value.split(",")
    for role in roles:
        if role not in GAME_ROLES:
            raise ValueError(
                f"{quoted(role)} is no game role: {', '.join(GAME_ROLES)}{nearest(role, GAME_ROLES)}"
            )
    return tuple(roles)


def _read_rooms(value: str) -> tuple[str, ...]:
    return tuple(clean_name(pattern) for pattern in value.split(","))


def line_of(entry: Entry) -> str:
    """The line of an entry, which reads back as the same. Raises `ConfigError` if none does."""
    problems: list[str] = []
    read = _read_line(entry.text, 0, problems)
    if problems:
        raise ConfigError(problems)
    if read != entry:
        raise ConfigError("a pattern of rooms cannot have a comma: a ? stands for any character")
    return entry.text
