"""A connection to a hub that is down: how long it is tried again, and how often. Reads no clock."""

from __future__ import annotations

from typing import Final, Self

from attrs import define

from netsiege.errors import HubUnreachable, SiegeError
from netsiege.wire import CONNECT_TIMEOUT_S, Connection

RECONNECT_S: Final = 30.0
"""How long a client tries to reach a hub again, unless it is told otherwise."""
CLOSED: Final = "the client was closed"
"""What a client raises, as `HubUnreachable`, once it has taken leave."""
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0


@define(eq=False)
class Outage:
    """Why a connection ended and what is done about it. All times are monotonic seconds.

    A try is a connection of its own: at `next_s` one may begin, and at `until_s` the last one has failed. A
    hub that takes the connection may be busy, and gets more time to say WELCOME than an address where nothing
    speaks ZeroMQ.
    """

    why: SiegeError
    began_s: float
    until_s: float
    next_s: float
    pause_s: float = _FIRST_PAUSE_S
    dialled_s: float = 0.0

    @classmethod
    def begin(cls, why: SiegeError, now_s: float, reconnect_s: float) -> Self:
        """The connection has just ended: it is tried again after a tenth of a second."""
        return cls(why, now_s, now_s + reconnect_s, now_s + _FIRST_PAUSE_S)

    def failed(self, now_s: float) -> None:
        """A try has failed: the next one comes after twice the pause, at most a second."""
        self.pause_s = min(2 * self.pause_s, _LONGEST_PAUSE_S)
        self.next_s = now_s + self.pause_s

    def patient_until_s(self, connection: Connection, busy_s: float) -> float:
        """When the present try is given up; a hub that has taken the connection has `busy_s`."""
        patience_s = busy_s if connection.established else CONNECT_TIMEOUT_S
        return min(self.until_s, self.dialled_s + patience_s)

    def gave_up(self, connection: Connection) -> SiegeError:
        """What to raise when the hub has not come back in time."""
        tried = f"{self.why}; it has not come back within {self.until_s - self.began_s:g} s"
        if connection.established:
            return HubUnreachable(f"{tried}: something takes the connection there, but does not answer")
        told = connection.diagnosis()
        return told if connection.refused else HubUnreachable(f"{tried}. {told}")
