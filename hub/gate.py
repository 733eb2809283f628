"""The gate: which keys a hub lets in, and what each of them may do.

A hub's sockets ask it about every connection in ZeroMQ's own way (ZAP, RFC 27): the key has been proved by
then (CURVE, RFC 26). What libzmq notes about the connection, its "User-Id", is the public key, and nothing
that a peer says later can change it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, Self

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.hub.authority import Authorized, AuthorizedFile, Grant, Right
from netsiege.hub.tally import Tally
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, KEY_BYTES, KeyPair, load_pair, public_text

ZAP_ENDPOINT: Final = "inproc://zeromq.zap.01"
_ZAP_VERSION: Final = b"1.0"
_ZAP_FRAMES: Final = 7
"""Version, request, domain, address, routing id, mechanism, and for CURVE one credential: the key."""

ANYONE: Final = Grant("", Right.ADMIN)
"""Everybody's grant at a hub without keys. Workers are let in there as well."""


@frozen
class Who:
    """Whose connection it is: the public key (empty at a hub without keys), and where it comes from."""

    key: bytes = b""
    address: str = ""


NOBODY: Final = Who()


class Gate(Protocol):
    """What the arena asks about a key."""

    def grant_of(self, key: bytes) -> Grant | None:
        """What the key may do now; None if it may do nothing."""

    def is_invited(self, key: bytes) -> bool:
        """Whether the key is that of an invitation, which may be redeemed and do nothing else."""

    def redeem(self, invitation: bytes, key: bytes) -> Grant:
        """Enters `key` for an invitation, which is then used up. Raises `ConfigError`."""

    def shut_out(self, key: bytes) -> None:
        """Lets in no new connection of a key for a while."""

    def may_work(self, key: bytes) -> bool:
        """Whether whoever has the key may run engines."""

    def counts(self, address: str) -> bool:
        """Whether the limits of an address apply to this one."""


class OpenGate:
    """The gate of a hub without keys: everybody may do everything."""

    def grant_of(self, key: bytes) -> Grant | None:
        """The same for all."""
        return None if key else ANYONE

    def is_invited(self, key: bytes) -> bool:
        """Nobody needs an invitation."""
        return False

    def redeem(self, invitation: bytes, key: bytes) -> Grant:
        """Always refused."""
        raise ConfigError("this hub has no keys: nobody needs an invitation")

    def shut_out(self, key: bytes) -> None:
        """Nobody can be told from anybody else."""

    def may_work(self, key: bytes) -> bool:
        """Anyone."""
        return True

    def counts(self, address: str) -> bool:
        """Who is on this machine may do anything anyhow."""
        return bool(address) and not address.startswith("127.") and address != "::1"


class KeyGate:
    """The gate of a hub with keys. `pair` is the hub's own; `clock` tells the time, with its zone.

    `tally` is told of whom the gate refuses.
    """

    def __init__(
        self, pair: KeyPair, file: AuthorizedFile, clock: Callable[[], datetime], shut_out_s: float
    ) -> None:
        self.pair = pair
        self.tally = Tally()
        self._file = file
        self._clock = clock
        self._shut_out_s = shut_out_s
        self._lent: dict[bytes, Grant] = {}
        self._shut_out: dict[bytes, float] = {}
        self._authorized: Authorized = file.load()

    @classmethod
    def open(cls, folder: str | os.PathLike[str], shut_out_s: float) -> Self:
        """The gate of a keys folder. Raises `ConfigError` that names what is missing in it."""
        where = Path(folder).expanduser()
        pair = load_pair(where / HUB_KEY)
        return cls(pair, AuthorizedFile(where / AUTHORIZED_KEYS), lambda: datetime.now(UTC), shut_out_s)

    @property
    def size(self) -> str:
        """How many keys and invitations the file has, for people."""
        keys, invitations = len(self._authorized.keys), len(self._authorized.invitations)
        return f"{keys} key{'s' * (keys != 1)}, {invitations} invitation{'s' * (invitations != 1)}"

    def lend(self, name: str, right: Right) -> KeyPair:
        """A new key for a part of the hub itself, which no file holds."""
        pair = KeyPair.new()
        self._lent[pair.public] = Grant(name, right)
        return pair

    def reload(self) -> None:
        """Reads the file again if it has changed. One that cannot be read changes nothing, and is told of."""
        if not self._file.changed():
            return
        try:
            self._authorized = self._file.load()
        except (ConfigError, OSError) as error:
            text = "; ".join(error.problems) if isinstance(error, ConfigError) else str(error)
            self.tally.note("keys_unreadable", text, "the keys from before are kept")

    def grant_of(self, key: bytes) -> Grant | None:
        """What the file says, or None once that has expired."""
        return self._lent.get(key) or self._authorized.grant_of(key, self._clock())

    def is_invited(self, key: bytes) -> bool:
        """Whether the file has an invitation with this key's digest that has not expired."""
        return self._authorized.invitation_of(key, self._clock()) is not None

    def redeem(self, invitation: bytes, key: bytes) -> Grant:
        """In the file first, then here."""
        grant = self._file.redeem(invitation, key, self._clock())
        self._authorized = self._file.load()
        return grant

    def shut_out(self, key: bytes) -> None:
        """Those of the hub itself are never shut out."""
        if key not in self._lent:
            self._shut_out[key] = self._clock().timestamp() + self._shut_out_s

    def may_work(self, key: bytes) -> bool:
        """Whether the key's right is a worker's."""
        grant = self.grant_of(key)
        return grant is not None and grant.right == Right.WORKER

    def counts(self, address: str) -> bool:
        """All that is TCP."""
        return bool(address)

    def answer(self, request: Sequence[bytes]) -> list[bytes]:
        """The answer to a ZAP request: 200 and the key, or 400, which the peer's libzmq tells its owner."""
        number = request[1] if len(request) > 1 else b""
        reason, key = self._against(request)
        if reason:
            return [_ZAP_VERSION, number, b"400", reason.encode(), b"", b""]
        return [_ZAP_VERSION, number, b"200", b"", key.hex().encode(), b""]

    def _against(self, request: Sequence[bytes]) -> tuple[str, bytes]:
        """What speaks against a connection, if anything, and its key."""
        if len(request) != _ZAP_FRAMES or request[0] != _ZAP_VERSION:
            return "no request of this version", b""
        domain, address, mechanism, key = (
            request[2],
            request[3].decode(errors="replace"),
            request[5],
            request[6],
        )
        if mechanism != b"CURVE" or len(key) != KEY_BYTES:
            return "no CURVE", b""
        reason = self._against_key(domain, key)
        if reason:
            self.tally.note(
                "key_refused", public_text(key), f"port={domain.decode()} address={address} {reason}"
            )
        return reason, key

    def _against_key(self, domain: bytes, key: bytes) -> str:
        until_s = self._shut_out.get(key)
        if until_s is not None:
            if self._clock().timestamp() < until_s:
                return "shut_out"
            del self._shut_out[key]
        if domain == b"workers":
            return "" if self.may_work(key) else "no_worker"
        return "" if self.grant_of(key) is not None or self.is_invited(key) else "not_authorized"
