"""The gate: which keys a hub lets in, and what each of them may do.

A hub's sockets ask it about every connection in ZeroMQ's own way (ZAP, RFC 27): the key has been proved by
then (CURVE, RFC 26). What libzmq notes about the connection, its "User-Id", is the public key, and nothing
that a peer says later can change it.
"""

from __future__ import annotations

import logging
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, Self

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.hub.authority import Authorized, AuthorizedFile, Grant, Right
from netsiege.hub.limits import Limits
from netsiege.hub.rates import Rates
from netsiege.hub.tally import Tally
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, KEY_BYTES, KeyPair, load_pair, public_text

log = logging.getLogger(__name__)

ZAP_ENDPOINT: Final = "inproc://zeromq.zap.01"
_ZAP_VERSION: Final = b"1.0"
_ZAP_FRAMES: Final = 7
"""Version, request, domain, address, routing id (the hub's), mechanism; for CURVE one credential, the key."""
TOO_OFTEN: Final = "too_often"
"""Why a key is refused that makes too many connections: the only reason that passes by itself."""
RETRY_S: Final = 5.0
"""How long a file that cannot be read is left alone, unless it changes."""
LONGER: Final = 360
"""How many times as long: an hour, unless the limit was changed."""
REDEEMED_MAX: Final = 100
"""So many used invitations are remembered, in case the answer was lost."""

ANYONE: Final = Grant("", Right.ADMIN)
"""Everybody's grant at a hub without keys. Workers are let in there as well."""


@frozen
class Who:
    """Whose connection it is: the public key (empty at a hub without keys), and where it comes from.

    `gone` says that it has ended already: what was said over it was still in a queue.
    """

    key: bytes = b""
    address: str = ""
    gone: bool = False


NOBODY: Final = Who()


class Gate(Protocol):
    """What a hub asks about a key, if it is `keyed`. `tally` is told of whom the gate refuses."""

    keyed: bool
    tally: Tally

    @property
    def revision(self) -> tuple[int, int]:
        """Another one whenever any grant may have changed or expired."""

    def grant_of(self, key: bytes) -> Grant | None:
        """What the key may do now; None if it may do nothing."""

    def is_invited(self, key: bytes) -> bool:
        """Whether the key is that of an invitation, which may be redeemed and do nothing else."""

    def redeem(self, invitation: bytes, key: bytes) -> Grant:
        """Enters `key` for an invitation, which is then used up. Raises `ConfigError`."""

    def shut_out(self, key: bytes, *, longer: bool = False) -> None:
        """Lets in no new connection of a key for a while; `longer` for what nobody does by mistake."""

    def may_work(self, key: bytes) -> bool:
        """Whether whoever has the key may run engines."""

    def counts(self, address: str) -> bool:
        """Whether the limits of an address apply to this one."""


class OpenGate:
    """The gate of a hub without keys: everybody may do everything."""

    keyed = False

    def __init__(self) -> None:
        self.tally = Tally()

    @property
    def revision(self) -> tuple[int, int]:
        """Always the same."""
        return 0, 0

    def grant_of(self, key: bytes) -> Grant | None:
        """The same for all."""
        return None if key else ANYONE

    def is_invited(self, key: bytes) -> bool:
        """Nobody needs an invitation."""
        return False

    def redeem(self, invitation: bytes, key: bytes) -> Grant:
        """Always refused."""
        raise ConfigError("this hub has no keys: nobody needs an invitation")

    def shut_out(self, key: bytes, *, longer: bool = False) -> None:
        """Nobody can be told from anybody else."""

    def may_work(self, key: bytes) -> bool:
        """Anyone."""
        return True

    def counts(self, address: str) -> bool:
        """Who is on this machine may do anything anyhow."""
        return bool(address) and not address.startswith("127.") and address != "::1"


class KeyGate:
    """The gate of a hub with keys. `pair` is the hub's own; `clock` tells the time, with its zone."""

    keyed = True

    def __init__(
        self, pair: KeyPair, file: AuthorizedFile, clock: Callable[[], datetime], limits: Limits
    ) -> None:
        self.pair = pair
        self.tally = Tally()
        self._file = file
        self._clock = clock
        self._limits = limits
        self._rates = Rates(limits.sessions_per_key, limits.connections_per_key_s)
        self._lent: dict[bytes, Grant] = {}
        self._shut_out: dict[bytes, float] = {}
        self._redeemed: dict[bytes, tuple[bytes, Grant]] = {}
        """The last invitations that were used, with the key that was entered for each."""
        self._readings = 0
        self._use(file.load())
        self._retry_s = 0.0
        self._unread = ""
        """Why the file cannot be read, if that is so."""

    @classmethod
    def open(cls, folder: str | os.PathLike[str], limits: Limits) -> Self:
        """The gate of a keys folder. Raises `ConfigError` that names what is missing in it."""
        where = Path(folder).expanduser()
        pair = load_pair(where / HUB_KEY)
        return cls(pair, AuthorizedFile(where / AUTHORIZED_KEYS), lambda: datetime.now(UTC), limits)

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
        """Reads the file again if it has changed. One that cannot be read changes nothing; it is tried again.

        Its editor is told of the outcome in the log.
        """
        now_s = self._clock().timestamp()
        if not self._file.changed() and not (self._unread and now_s >= self._retry_s):
            return
        self._retry_s = now_s + RETRY_S
        try:
            self._use(self._file.load())
        except (ConfigError, OSError) as error:
            text = "; ".join(error.problems) if isinstance(error, ConfigError) else str(error)
            if text != self._unread:
                log.warning("keys_unreadable: %s; those from before are kept", text)
            self._unread = text
        else:
            self._unread = ""
            log.warning("keys_read: %s", self.size)

    def _use(self, authorized: Authorized) -> None:
        self._authorized = authorized
        self._readings += 1
        ends = (grant.expires for grant in authorized.keys.values())
        self._expiries = sorted(end for end in ends if end is not None)

    @property
    def revision(self) -> tuple[int, int]:
        """Another one whenever any grant may have changed or expired."""
        return self._readings, bisect_right(self._expiries, self._clock())

    def grant_of(self, key: bytes) -> Grant | None:
        """What the file says, or None once that has expired."""
        return self._lent.get(key) or self._authorized.grant_of(key, self._clock())

    def is_invited(self, key: bytes) -> bool:
        """Whether the file has an invitation with this key's digest, or had it a moment ago."""
        return key in self._redeemed or self._authorized.invitation_of(key, self._clock()) is not None

    def redeem(self, invitation: bytes, key: bytes) -> Grant:
        """In the file first, then here. Who asks again for the same key has not heard the answer."""
        entered, grant = self._redeemed.get(invitation, (b"", ANYONE))
        if entered != key or key not in self._authorized.keys:
            grant = self._file.redeem(invitation, key, self._clock())
            self._use(self._file.load())
            while len(self._redeemed) >= REDEEMED_MAX:
                del self._redeemed[next(iter(self._redeemed))]
            self._redeemed[invitation] = key, grant
        return grant

    def shut_out(self, key: bytes, *, longer: bool = False) -> None:
        """Those of the hub itself are never shut out."""
        if key not in self._lent:
            length_s = self._limits.shut_out_s * (LONGER if longer else 1)
            until_s = self._clock().timestamp() + length_s
            self._shut_out[key] = max(until_s, self._shut_out.get(key, 0.0))

    def may_work(self, key: bytes) -> bool:
        """Whether the key's right is a worker's."""
        grant = self.grant_of(key)
        return grant is not None and grant.right == Right.WORKER

    def counts(self, address: str) -> bool:
        """All that is TCP."""
        return bool(address)

    def answer(self, request: Sequence[bytes]) -> list[bytes]:
        """The answer to a ZAP request: 200 and the key; 400, which its owner hears of; 300 for not now."""
        number = request[1] if len(request) > 1 else b""
        reason, key = self._against(request)
        if reason:
            status = b"300" if reason == TOO_OFTEN else b"400"
            return [_ZAP_VERSION, number, status, reason.encode(), b"", b""]
        return [_ZAP_VERSION, number, b"200", b"", key.hex().encode(), b""]

    def _against(self, request: Sequence[bytes]) -> tuple[str, bytes]:
        """What speaks against a connection, if anything, and its key."""
        if len(request) != _ZAP_FRAMES or request[0] != _ZAP_VERSION:
            return "no_request_of_this_version", b""
        domain, address, mechanism, key = request[2], request[3], request[5], request[6]
        if mechanism != b"CURVE" or len(key) != KEY_BYTES:
            return "no_key", b""
        reason = self._against_key(domain, key)
        if reason:
            where = f"port={domain.decode()} address={address.decode(errors='replace')}"
            self.tally.note("key_refused", public_text(key), f"{where} {reason}")
        return reason, key

    def _against_key(self, domain: bytes, key: bytes) -> str:
        now_s = self._clock().timestamp()
        if now_s < self._shut_out.get(key, 0.0):
            return "shut_out"
        self._shut_out.pop(key, None)
        if domain == b"workers":
            reason = "" if self.may_work(key) else "no_worker"
        else:
            reason = "" if self.grant_of(key) is not None or self.is_invited(key) else "not_authorized"
        if not reason and key not in self._lent and not self._rates.take(key, now_s):
            return TOO_OFTEN
        return reason
