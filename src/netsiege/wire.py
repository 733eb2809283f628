"""One DEALER connection to a hub, and what its monitor says about it. Knows no session.

Both clients, the blocking and the asynchronous one, stand on this; workers share the socket's settings.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Final
from urllib.parse import urlsplit

import zmq

from netsiege.errors import ConfigError, HubUnreachable, ProtocolError, SiegeError
from netsiege.greeting import mechanism_at
from netsiege.handshakes import HANDSHAKE_FAILED, Handshakes
from netsiege.keys import Keys
from netsiege.monitor import next_event
from netsiege.protocol import DEFAULT_PORT, HEARTBEAT_IVL_MS, HEARTBEAT_TIMEOUT_MS, MAX_WORKER_FRAME_BYTES

CONNECT_TIMEOUT_S: Final = 2.5
"""How long the hub may take to answer the first message, name look-up included."""
LINGER_MS: Final = 200
"""How long the last words may take to get out."""
SILENCE_S: Final = 5.0
"""How long a hub may say nothing about an open request before it is asked whether it is still there."""

_EVENTS: Final = (
    zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | HANDSHAKE_FAILED | zmq.EVENT_DISCONNECTED
)

_lock = threading.Lock()
_shared: zmq.Context[zmq.Socket[bytes]] | None = None


def shared_context() -> zmq.Context[zmq.Socket[bytes]]:
    """The process's context for clients; unlike pyzmq's default one it allows thousands of sockets."""
    global _shared  # noqa: PLW0603  # one I/O thread serves all clients of a process
    with _lock:
        if _shared is None or _shared.closed:
            _shared = zmq.Context()
            _shared.set(zmq.MAX_SOCKETS, min(65_536, _shared.get(zmq.SOCKET_LIMIT)))
        return _shared


def check_address(address: str) -> str:
    """`address` if a client can connect to it, `tcp://HOST:PORT` or `ipc://PATH`. Raises `ConfigError`.

    HOST may be an IPv6 address in brackets: `tcp://[::1]:9100`.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme == "ipc" and address != "ipc://":
        return address
    if parts.scheme != "tcp" or not parts.hostname or not port or parts.path or parts.query:
        raise ConfigError(
            f"{address!r} is no address of a hub: write tcp://HOST:PORT, such as tcp://localhost:9100"
        )
    return address


def dealer(
    context: zmq.Context[zmq.Socket[bytes]],
    heartbeat_ivl_ms: int = HEARTBEAT_IVL_MS,
    heartbeat_timeout_ms: int = HEARTBEAT_TIMEOUT_MS,
) -> zmq.Socket[bytes]:
    """A DEALER that notices a dead hub after both times together, and tries again at least once a second.

    Its queues have no limit of their own: what may be under way is limited by the protocol, one request a
    seat. Closing it drops what was not sent yet, unless LINGER says otherwise.
    """
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.HEARTBEAT_IVL, heartbeat_ivl_ms)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, heartbeat_timeout_ms)
    socket.setsockopt(zmq.HEARTBEAT_TTL, heartbeat_ivl_ms + heartbeat_timeout_ms)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_WORKER_FRAME_BYTES)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1_000)
    return socket


def connect(socket: zmq.Socket[bytes], address: str) -> None:
    """Connects to an address that `check_address` has passed, over IPv6 if it names an IPv6 address.

    With IPV6 set, libzmq looks names up as IPv6 first and tries nothing else: "localhost" would be ::1, where
    a hub at 127.0.0.1 does not listen. So names stay names of IPv4 addresses.
    """
    socket.setsockopt(zmq.IPV6, ":" in (urlsplit(address).hostname or ""))
    socket.connect(address)


class Connection:
    """A DEALER with heartbeats and a monitor. Closing it never blocks for more than a fifth of a second."""

    def __init__(self, address: str, keys: Keys | None = None) -> None:
        self.address = check_address(address)
        self._handshakes = Handshakes(keys)
        socket = self.socket = dealer(shared_context())
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        if keys is not None:
            keys.secure(socket)
        self.monitor = socket.get_monitor_socket(_EVENTS)
        connect(socket, address)

    def send(self, frame: bytes) -> None:
        """Sends a frame. What a connection that has just ended does not take is lost: its monitor says so."""
        with contextlib.suppress(zmq.Again):
            self.socket.send(frame, zmq.NOBLOCK)

    def hear_monitor(self) -> bool:
        """Takes in what the monitor has to say; True if an established connection was lost."""
        lost = False
        while (told := next_event(self.monitor)) is not None:
            event, value = told
            self._handshakes.heard(event, value)
            lost = lost or (event == zmq.EVENT_DISCONNECTED and self.established)
        return lost

    @property
    def established(self) -> bool:
        """Whether something that speaks ZeroMQ has taken the connection, as far as `hear_monitor` knows."""
        return self._handshakes.established

    @property
    def refused(self) -> bool:
        """Whether the other side will never take it, as far as `hear_monitor` knows: `diagnosis` says why."""
        return self._handshakes.refused

    @property
    def refused_key(self) -> bool:
        """Whether that is because the hub does not let the key in."""
        return self._handshakes.refused_key

    def diagnosis(self) -> SiegeError:
        """Why there was no answer, and what to do about it."""
        where = self.address
        if self._handshakes.hung_up:
            self._handshakes.greeted(mechanism_at(where))
        refusal = self._handshakes.refusal(where)
        if refusal is not None:
            return refusal
        if self.established:
            return HubUnreachable(
                f"{where}: something speaks ZeroMQ there, but it is no hub for agents. Workers' and agents' "
                f"ports differ: agents use {DEFAULT_PORT} unless the hub was told otherwise"
            )
        if self._handshakes.connected and self._handshakes.keyed:
            return HubUnreachable(
                f"{where}: something takes the connection there, but shakes no hands: a hub that is stopped "
                f"or too busy, or another program"
            )
        if self._handshakes.connected:
            return HubUnreachable(
                f"{where}: something listens there, but it does not speak this protocol. Is it another "
                f"program's port? A hub prints the address that agents use when it starts"
            )
        return HubUnreachable(
            f"{where}: nothing answers. Start a hub there with `netsiege hub`, or check host and port"
        )

    def stranger(self, error: ProtocolError) -> SiegeError:
        """What to raise when the first answer is not a hub's. (libzmq takes any bytes for old ZeroMQ.)"""
        return HubUnreachable(
            f"{self.address}: what answers there does not speak this protocol, or not this version of it "
            f"({error.text})"
        )

    def lost(self) -> HubUnreachable:
        """What to raise when an established connection has ended."""
        return HubUnreachable(f"{self.address}: the connection to the hub is lost")

    def silent(self) -> HubUnreachable:
        """What to raise when the connection stands, and nothing comes over it."""
        return HubUnreachable(f"{self.address}: the hub has stopped answering")

    def close(self) -> None:
        """Closes both sockets."""
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.monitor.close(0)
            self.socket.close()
