"""Keys: pairs for CURVE, how people pass them on, and the files that hold them.

Texts are meant for a shell: a prefix that says what it is, then unpadded base64url. A keys folder may hold::

    identity.key      one's own pair: an agent's, a worker's, a person's          mode 0600
    hub.pub           the public key of the hub to connect to
    hub.key           a hub's own pair                                            mode 0600
    authorized_keys   who may do what at that hub (`netsiege.hub.authority`)      mode 0600

Messages never repeat a secret. This module knows no rights and opens no connection.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import zmq
from attrs import field, frozen
from zmq.utils import z85

from netsiege.errors import ConfigError
from netsiege.files import replace_file, write_new

KEYS_VARIABLE: Final = "NETSIEGE_KEYS"
"""The environment variable that names the keys folder."""
FROM_STDIN: Final = "-"
"""Where a folder is expected: the keys come on standard input."""
NO_KEYS: Final = ""
"""Where a folder is expected: no keys, whatever the environment says."""
KEY_BYTES: Final = 32
IDENTITY: Final = "identity.key"
HUB_KEY: Final = "hub.key"
HUB_PUBLIC: Final = "hub.pub"
AUTHORIZED_KEYS: Final = "authorized_keys"
PUBLIC_PREFIX: Final = "ns-public-"
SECRET_PREFIX: Final = "ns-secret-"  # noqa: S105  # how every secret begins, not one
INVITE_PREFIX: Final = "ns-invite-"

OTHERS_READ_OR_WRITE: Final = 0o066
OTHERS_WRITE: Final = 0o022
SECRET_MODE: Final = 0o600
PUBLIC_MODE: Final = 0o644
_KEY_FILE_MAX_BYTES: Final = 4_096

T = TypeVar("T")

_PRIME: Final = (1 << 255) - 19
_SMALL_ORDER: Final = frozenset(
    (
        0,
        1,
        _PRIME - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
)
"""Points of Curve25519 with which everybody shares the same secret (https://cr.yp.to/ecdh.html#validate)."""


# --- texts ------------------------------------------------------------------------------------------------


def public_text(key: bytes) -> str:
    """A public key as people pass it on: `ns-public-` and 43 characters."""
    return PUBLIC_PREFIX + _encode(key)


def read_public(text: str) -> bytes:
    """The inverse of `public_text`. Raises `ConfigError`, which does not repeat what may be a secret."""
    if SECRET_PREFIX in text:
        raise ConfigError(
            f"that is a secret key, which nobody else may see: the public one begins with {PUBLIC_PREFIX}"
        )
    if INVITE_PREFIX in text:
        raise ConfigError(f"that is an invitation; a public key begins with {PUBLIC_PREFIX}")
    return check_public(_decode(text, PUBLIC_PREFIX, KEY_BYTES, "a public key"))


def check_public(key: bytes) -> bytes:
    """`key` if a peer can be known by it. `ConfigError` for other lengths and points of small order."""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"a public key has {KEY_BYTES} bytes, not {len(key)}")
    number = int.from_bytes(key, "little") & ((1 << 255) - 1)
    if number % _PRIME in _SMALL_ORDER:
        raise ConfigError("that public key protects nothing: it is a point of small order")
    return key


def invitation_text(hub_public: bytes, seed: bytes) -> str:
    """An invitation as its bearer gets it; `seed` is 32 random bytes and stays secret."""
    if len(hub_public) != KEY_BYTES or len(seed) != KEY_BYTES:
        raise ValueError(f"an invitation is made of two times {KEY_BYTES} bytes")
    return INVITE_PREFIX + _encode(hub_public + seed)


def read_invitation(text: str) -> Keys:
    """What an invitation connects with: the pair of its seed, and the hub. Raises `ConfigError`."""
    raw = _decode(text.strip(), INVITE_PREFIX, 2 * KEY_BYTES, "an invitation")
    return Keys(KeyPair.from_secret(raw[KEY_BYTES:]), check_public(raw[:KEY_BYTES]))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str, prefix: str, n_bytes: int, what: str) -> bytes:
    """The bytes behind the prefix. Only what was to be public, and is too short for a key, is ever quoted."""
    n_chars = (n_bytes * 8 + 5) // 6
    if not text.startswith(prefix):
        harmless = prefix == PUBLIC_PREFIX and len(text) <= n_chars // 2
        shown = f"{text!r} is not {what}" if harmless else f"that is not {what}"
        raise ConfigError(f"{shown}, which begins with {prefix}")
    body = text.removeprefix(prefix)
    if len(body) != n_chars:
        raise ConfigError(f"{what} has {n_chars} characters after {prefix}, not {len(body)}")
    try:
        raw = base64.b64decode(body + "=" * (-n_chars % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if _encode(raw) != body:  # every key has one text, so that texts can be compared
        raise ConfigError(f"{what} is misspelt: not the base64url of {n_bytes} bytes")
    return raw


# --- pairs ------------------------------------------------------------------------------------------------


def _is_key(_instance: object, _attribute: object, value: bytes) -> None:
    if not isinstance(value, bytes) or len(value) != KEY_BYTES:
        raise ValueError(f"a key is {KEY_BYTES} bytes")  # which are not shown: they may be secret


@frozen
class KeyPair:
    """A CURVE key pair, both halves as 32 raw bytes. Only the public half shows in its `repr`."""

    public: bytes = field(validator=_is_key)
    secret: bytes = field(validator=_is_key, repr=False)

    @classmethod
    def new(cls) -> Self:
        """A new pair from the system's random numbers. Raises `ConfigError` if libzmq cannot encrypt."""
        public, secret = _curve(zmq.curve_keypair)
        return cls(z85.decode(public), z85.decode(secret))

    @classmethod
    def from_secret(cls, secret: bytes) -> Self:
        """The pair of a secret key, which may be any 32 bytes. Raises ValueError for another length."""
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a secret key is {KEY_BYTES} bytes")
        return cls(z85.decode(_curve(zmq.curve_public, z85.encode(secret))), secret)


def _curve(function: Callable[..., Any], *arguments: bytes) -> Any:
    try:
        return function(*arguments)
    except zmq.ZMQError as error:
        raise ConfigError(f"this libzmq cannot encrypt ({error}): install pyzmq's own wheel") from None


@frozen
class Keys:
    """What a client needs to reach a hub that has keys: its own pair, and the hub's public key."""

    own: KeyPair
    hub: bytes = field(validator=_is_key)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """From `identity.key` and `hub.pub`. Raises `ConfigError` that names all that is missing or wrong."""
        where = Path(folder).expanduser()
        problems: list[str] = []
        own = _or_problem(load_pair, where / IDENTITY, problems)
        hub = _or_problem(load_hub_public, where / HUB_PUBLIC, problems)
        if own is None or hub is None:
            raise ConfigError(problems)
        return cls(own, hub)

    def text(self) -> str:
        """For `read`. It has the secret: for a pipe to a process of our own."""
        return f"secret {SECRET_PREFIX}{_encode(self.own.secret)}\nhub {public_text(self.hub)}\n"

    @classmethod
    def read(cls, text: str) -> Self:
        """The inverse of `text`. Raises `ConfigError`."""
        words = dict(zip(*[iter(text.split())] * 2, strict=False))
        if set(words) != {"secret", "hub"}:
            raise ConfigError("standard input has no keys: expected `secret …` and `hub …`")
        secret = _decode(words["secret"], SECRET_PREFIX, KEY_BYTES, "a secret key")
        return cls(KeyPair.from_secret(secret), read_public(words["hub"]))

    def secure(self, socket: zmq.Socket[Any]) -> None:
        """Makes a socket that is not connected yet speak only to that hub, under the own key."""
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.hub)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.own.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.own.secret)


def keys_from(keys: Keys | str | os.PathLike[str] | None) -> Keys | None:
    """Keys as they are, or of a folder; None stands for the folder in NETSIEGE_KEYS, or for no keys at all.

    "-" reads what `Keys.text` has written from standard input. Raises `ConfigError` as `Keys.load` does.
    """
    if isinstance(keys, Keys):
        return keys
    if keys == FROM_STDIN:
        return Keys.read(sys.stdin.read(_KEY_FILE_MAX_BYTES))
    folder = os.environ.get(KEYS_VARIABLE) if keys is None else keys
    return Keys.load(folder) if folder else None


def environment_without_keys() -> dict[str, str]:
    """The environment for a process of our own that has other keys than we, or none."""
    return {name: value for name, value in os.environ.items() if name != KEYS_VARIABLE}


def default_folder() -> Path:
    """The keys folder when none is named: NETSIEGE_KEYS, else `.netsiege` in the home folder."""
    try:
        return Path(os.environ.get(KEYS_VARIABLE) or "~/.netsiege").expanduser()
    except RuntimeError:
        raise ConfigError(f"there is no home folder: name the keys folder in {KEYS_VARIABLE}") from None


def _or_problem(load: Callable[[Path], T], path: Path, problems: list[str]) -> T | None:
    try:
        return load(path)
    except ConfigError as error:
        problems.extend(error.problems)
        return None


# --- files ------------------------------------------------------------------------------------------------


def command(words: str, folder: Path) -> str:
    """The command `netsiege keys …` for a keys folder, as it can be typed."""
    where = "" if folder == default_folder() else f" --keys {shlex.quote(str(folder))}"
    return f"netsiege keys {words}{where}"


def save_pair(path: Path, pair: KeyPair, what: str) -> None:
    """Writes a pair into a new file that nobody else can read, in a folder that is made if need be.

    `what` says in one line whose pair it is. Raises `ConfigError` if there is a file already.
    """
    text = (
        f"# NetSiege: {what}. Whoever has this file is its owner to a hub: nobody else may have it.\n"
        f"public {public_text(pair.public)}\n"
        f"secret {SECRET_PREFIX}{_encode(pair.secret)}\n"
    )
    write_new(path, text, SECRET_MODE)


def load_pair(path: Path) -> KeyPair:
    """The pair in a file. Raises `ConfigError` if others can read or write it, or it holds anything else."""
    words = "new --hub" if path.name == HUB_KEY else "new"
    text = read_file(path, OTHERS_READ_OR_WRITE, _KEY_FILE_MAX_BYTES, words)
    halves: dict[str, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        word, _, value = line.strip().partition(" ")
        where = f"{path}: line {number}"
        if word not in ("public", "secret") or word in halves:
            raise ConfigError(f"{where}: expected one line `public {PUBLIC_PREFIX}…` and one `secret …`")
        with naming(where):
            prefix = PUBLIC_PREFIX if word == "public" else SECRET_PREFIX
            halves[word] = _decode(value.strip(), prefix, KEY_BYTES, f"a {word} key")
    missing = [word for word in ("public", "secret") if word not in halves]
    if missing:
        raise ConfigError(f"{path}: has no line `{missing[0]} …`; move it away, then: {_make(path, words)}")
    pair = KeyPair.from_secret(halves["secret"])
    if pair.public != halves["public"]:
        raise ConfigError(f"{path}: the public key is not that of the secret key")
    return pair


def save_hub_public(path: Path, key: bytes, *, replace: bool = False) -> None:
    """Writes the public key of the hub to trust. Raises `ConfigError` if there is a file and no `replace`."""
    text = f"# NetSiege: the public key of the hub. Clients talk to no other.\n{public_text(key)}\n"
    if replace:
        replace_file(path, text, PUBLIC_MODE)
    else:
        write_new(path, text, PUBLIC_MODE)


def load_hub_public(path: Path) -> bytes:
    """The hub's public key in a file. `ConfigError` if others can write it, or it holds no such key."""
    text = read_file(path, OTHERS_WRITE, _KEY_FILE_MAX_BYTES, "trust HUB_PUBLIC_KEY")
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1:
        raise ConfigError(f"{path}: expected one public key on a line of its own, found {len(keys)} lines")
    with naming(str(path)):
        return read_public(keys[0])


def read_file(path: Path, forbidden: int, max_bytes: int, words: str) -> str:
    """The text of a file that others on the machine may not use in the ways that `forbidden` mode bits say.

    `words` make the command that creates it: `netsiege keys` and those. Raises `ConfigError` with a remedy.
    """
    try:
        # a pipe in its place must not keep anyone waiting
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(max_bytes + 1) if stat.S_ISREG(status.st_mode) else None
    except FileNotFoundError:
        raise ConfigError(f"{path}: is not there; type: {_make(path, words)}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if raw is None:
        raise ConfigError(f"{path}: is not a file")
    if status.st_mode & forbidden:
        ways, mode = ("write", "go-w") if forbidden == OTHERS_WRITE else ("read or write", "600")
        raise ConfigError(f"{path}: others may {ways} it; type: chmod {mode} {shlex.quote(str(path))}")
    if len(raw) > max_bytes:
        raise ConfigError(f"{path}: is larger than {max_bytes:,} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not text in UTF-8") from None


def _make(path: Path, words: str) -> str:
    return command(words, path.parent)


@contextlib.contextmanager
def naming(where: str) -> Iterator[None]:
    """Puts where it is wrong before what is wrong, in a `ConfigError`."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError([f"{where}: {problem}" for problem in error.problems]) from None
