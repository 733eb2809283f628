"""Redeeming an invitation: the one thing that can be done with its key."""

from __future__ import annotations

import contextlib
import time
from typing import Final

import zmq

from netsiege.book import error_of
from netsiege.errors import AuthError, ProtocolError
from netsiege.keys import Keys
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, VERSION, Enrol, Enrolled, Error, Kind, message
from netsiege.wire import CONNECT_TIMEOUT_S, Connection

_REQUEST: Final = 1
_SPENT: Final = (
    "the hub does not know this invitation: it was used, taken back, or has expired; then ask for another. "
    "Or this is the port of workers: every invitation, a worker's too, is accepted at that of agents"
)


def enrol(address: str, invitation: Keys, new_key: bytes, timeout_s: float = CONNECT_TIMEOUT_S) -> Enrolled:
    """Has the hub at `address` let the public key `new_key` in, for an invitation that is used up by that.

    Returns the name and the right that the key has from now on. Raises `AuthError` if the hub is another one
    or does not know the invitation (any more), and `HubUnreachable`.
    """
    connection = Connection(address, invitation)
    try:
        with contextlib.suppress(zmq.Again):  # refused already: the monitor says why
            connection.socket.send(message(Kind.ENROL, 0, _REQUEST, Enrol(new_key).encode()), zmq.NOBLOCK)
        return _answer(connection, time.monotonic() + timeout_s)
    finally:
        connection.close()


def _answer(connection: Connection, deadline_s: float) -> Enrolled:
    poller = zmq.Poller()
    poller.register(connection.socket, zmq.POLLIN)
    poller.register(connection.monitor, zmq.POLLIN)
    while True:
        left_s = deadline_s - time.monotonic()
        ready = dict(poller.poll(max(0, int(left_s * 1_000))))
        connection.hear_monitor()
        if connection.socket in ready:
            with contextlib.suppress(zmq.Again):
                return _read(connection, connection.socket.recv(zmq.NOBLOCK))
        if connection.refused or left_s <= 0:
            told = connection.diagnosis()
            if connection.refused_key:
                told = AuthError(f"{connection.address}: {_SPENT}")
            raise told


def _read(connection: Connection, frame: bytes) -> Enrolled:
    try:
        if len(frame) >= HEAD_BYTES:
            version, kind, _, _ = AGENT_HEAD.unpack_from(frame)
            if (version, kind) == (VERSION, Kind.ENROLLED):
                return Enrolled.decode(frame[HEAD_BYTES:])
            if (version, kind) == (VERSION, Kind.ERROR):
                raise error_of(Error.decode(frame[HEAD_BYTES:]))
        raise ProtocolError("MALFORMED", "no answer to ENROL")
    except ProtocolError as error:
        raise connection.stranger(error) from None
