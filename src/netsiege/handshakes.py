"""Shaking hands with a hub, as a client's monitor tells of it: what went wrong, and what to do. Pure.

libzmq sends no word about a key that was refused, and tries some failures again for ever.
"""

from __future__ import annotations

from typing import Final

import zmq

from netsiege.errors import AuthError
from netsiege.keys import Keys, public_text

HANDSHAKE_FAILED: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
HANG_UPS: Final = 2
"""A hub with another key hangs up each time; once may be a hub that ends."""


class Handshakes:
    """What the monitor of a socket with these keys, or none, has said."""

    def __init__(self, keys: Keys | None) -> None:
        self._keys = keys
        self._seen: set[int] = set()
        self._other_mechanism = False
        self._hung_up = 0

    def heard(self, event: int, value: int) -> None:
        """Takes in an event of the monitor."""
        self._seen.add(event)
        self._hung_up += event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._other_mechanism |= value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH

    def greeted(self, mechanism: str | None) -> None:
        """Takes in the mechanism of security that the other side's greeting names; None: it sends none."""
        mine = "CURVE" if self.keyed else "NULL"
        self._other_mechanism |= mechanism not in (None, mine)

    @property
    def keyed(self) -> bool:
        """Whether there are keys."""
        return self._keys is not None

    @property
    def hung_up(self) -> bool:
        """Whether the other side has hung up before hands were shaken, and no reason has come through.

        A hub with another mechanism hangs up while its greeting is under way, which is mostly lost then.
        """
        return self._hung_up > 0 and not self.established and not self.refused

    @property
    def connected(self) -> bool:
        """Whether anything has taken the connection."""
        return zmq.EVENT_CONNECTED in self._seen

    @property
    def established(self) -> bool:
        """Whether something that speaks ZeroMQ has taken it."""
        return zmq.EVENT_HANDSHAKE_SUCCEEDED in self._seen

    @property
    def refused(self) -> bool:
        """Whether it is certain that trying again leads nowhere."""
        return self.refused_key or self._other_mechanism

    @property
    def refused_key(self) -> bool:
        """Whether the hub has said that it does not let this key in."""
        return zmq.EVENT_HANDSHAKE_FAILED_AUTH in self._seen

    def refusal(self, where: str) -> AuthError | None:
        """Why there is no connection to `where`, and what to do about it, if keys are the reason."""
        if self.refused_key:
            key = public_text(self._keys.own.public) if self._keys is not None else "PUBLIC_KEY"
            return AuthError(
                f"{where}: the hub refused this key: it does not know it (any more), keeps it out for a "
                f"while after a flood, or lets it in at another port only. Who runs the hub can see which "
                f"with `netsiege keys list`, and let it in with `netsiege keys authorize {key} NAME`"
            )
        if self._other_mechanism and self._keys is None:
            return AuthError(
                f"{where}: this hub asks for a key. With an invitation from who runs it, "
                f"`netsiege keys accept INVITATION --hub ADDRESS` makes one; then say where it is: --keys "
                f"FOLDER, or keys=FOLDER in Python"
            )
        if self._other_mechanism:
            return AuthError(
                f"{where}: this hub has no keys, so that anybody could be it: nothing was sent. To speak to "
                f"it all the same, leave --keys away and NETSIEGE_KEYS unset"
            )
        if self._keys is not None and self._hung_up >= HANG_UPS and not self.established:
            return AuthError(
                f"{where}: what is there hangs up in the middle of shaking hands. It is not the hub whose "
                f"key is {public_text(self._keys.hub)}, or it takes no more connections from here for a "
                f"while. Ask who runs it: `netsiege keys show` prints its key there, `netsiege keys trust` "
                f"takes another one here"
            )
        return None
