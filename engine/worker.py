"""The loop around a `GameHost`: a DEALER socket to the hub, and nothing that decides a game."""

from __future__ import annotations

import gc
import logging
import os
import platform
from collections.abc import Callable
from typing import Final

import zmq

from netsiege.collecting import SELDOM
from netsiege.engine.host import GameHost
from netsiege.engine.identity import engine_digest
from netsiege.engine.tables import RULESETS
from netsiege.errors import AuthError, ProtocolError
from netsiege.handshakes import HANDSHAKE_FAILED, Handshakes
from netsiege.keys import Keys
from netsiege.monitor import next_event
from netsiege.protocol import (
    HEAD_BYTES,
    MAX_NAME_CHARS,
    VERSION,
    WORKER_HEAD,
    WORKER_HEARTBEAT_IVL_MS,
    WORKER_HEARTBEAT_TIMEOUT_MS,
    Code,
    Error,
    Kind,
    Ready,
)
from netsiege.wire import LINGER_MS, connect, dealer

POLL_MS: Final = 100
"""How long an idle worker sleeps before it looks whether it should stop."""
MONITORED: Final = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | HANDSHAKE_FAILED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CONNECT_RETRIED
)
MAX_DRAIN_BYTES: Final = 1 << 16
"""About how much is taken in a row before it looks: a few milliseconds' work, but for the last frame."""

_log = logging.getLogger(__name__)


def run_worker(
    hub: str,
    slots: int,
    name: str | None,
    stop: Callable[[], bool],
    keys: Keys | None = None,
) -> None:
    """Runs matches for the hub at the address `hub` until `stop()` is true, asked about ten times a second.

    Then it takes its leave, so that its matches can go on elsewhere: what it has taken in is answered first.
    Takes up to `slots` matches at a time. A hub that is not there, or goes away, is waited for; when it is
    back, this worker begins anew without matches. Raises `AuthError` if the hub does not let the worker's
    `keys` in, or only one of the two has keys.
    """
    said = name or f"{platform.node() or 'worker'}-{os.getpid()}"[-MAX_NAME_CHARS:]
    ready = Ready(said, slots, engine_digest(), RULESETS, os.urandom(8))
    with zmq.Context() as context:
        worker = _Worker(context, hub, ready, keys)
        spare_the_collector()
        try:
            while not stop():
                worker.turn()
        finally:
            worker.close()
    _log.info("worker_gone name=%s", said)


def spare_the_collector() -> None:
    """Makes the garbage collector look seldom: matches make next to no cycles.

    What is there now is never looked at again, and the young seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


class _Worker:
    """One connection to the hub after the other, and the matches of the present one."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        hub: str,
        ready: Ready,
        keys: Keys | None,
    ) -> None:
        self._context = context
        self._hub = hub
        self._ready = WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + ready.encode()
        self._name = ready.name
        self._keys = keys
        self._host = GameHost()
        self._warned = ""
        self._handshakes = Handshakes(keys)
        self._connect()

    def _connect(self) -> None:
        """A new socket: what the old one still had to say belongs to leases that are gone."""
        self._connected = False
        socket = dealer(self._context, WORKER_HEARTBEAT_IVL_MS, WORKER_HEARTBEAT_TIMEOUT_MS)
        self._socket = socket
        if self._keys is not None:
            self._keys.secure(socket)
        self._handshakes = Handshakes(self._keys)
        self._monitor = socket.get_monitor_socket(MONITORED)
        connect(socket, self._hub)
        self._poller = zmq.Poller()
        self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def _disconnect(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()

    def turn(self) -> None:
        """Waits a moment for something to do, and does it."""
        waiting = {socket for socket, _ in self._poller.poll(POLL_MS)}
        if self._socket in waiting:
            self._drain()
        if self._monitor in waiting:
            while (told := next_event(self._monitor)) is not None:
                self._handshakes.heard(*told)
                self._look(told[0])

    def _look(self, event: int) -> None:
        refusal = self._handshakes.refusal(self._hub)
        if refusal is not None and self._handshakes.refused:
            raise refusal
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._connected, self._warned = True, ""
            self._say_ready()
        elif event == zmq.EVENT_DISCONNECTED and self._connected:
            _log.warning("hub_lost hub=%s matches_dropped=%d", self._hub, len(self._host.leases))
            self._host = GameHost()
            self._disconnect()
            self._connect()
        elif event == zmq.EVENT_CONNECT_RETRIED:
            self._warn(str(refusal or "trying until it is there"))

    def _warn(self, why: str) -> None:
        """Says once why there is no hub, and again when it turns out otherwise."""
        if why != self._warned:
            self._warned = why
            _log.warning("hub_unreachable hub=%s: %s", self._hub, why)

    def _say_ready(self) -> None:
        """Whoever is ready has no matches."""
        self._host = GameHost()
        self._socket.send(self._ready)
        _log.info("worker_ready hub=%s name=%s", self._hub, self._name)

    def _drain(self) -> None:
        receive, send, take = self._socket.recv, self._socket.send, self._host.receive
        taken = 0
        while taken < MAX_DRAIN_BYTES:
            try:
                frame = receive(zmq.NOBLOCK)
            except zmq.Again:
                return
            taken += len(frame)
            if len(frame) >= HEAD_BYTES and frame[1] in (Kind.UNKNOWN, Kind.ERROR):
                self._hear(frame)
                take = self._host.receive
                continue
            for answer in take(frame):
                send(answer)

    def _hear(self, frame: bytes) -> None:
        """What is about this worker, not about a match."""
        if frame[1] == Kind.UNKNOWN:
            _log.warning("hub_forgot_worker hub=%s matches_dropped=%d", self._hub, len(self._host.leases))
            self._say_ready()
            return
        try:
            error = Error.decode(frame[HEAD_BYTES:])
            if error.code == Code.NOT_ALLOWED:
                raise AuthError(f"{self._hub}: {error.text}")
            _log.error("hub_refused code=%s text=%s", error.code, error.text)
        except ProtocolError as problem:
            _log.error("hub_refused text=%s", problem.text)

    def close(self) -> None:
        """Takes leave of the hub."""
        if self._connected:
            self._socket.setsockopt(zmq.LINGER, LINGER_MS)
            self._socket.send(WORKER_HEAD.pack(VERSION, Kind.GONE, 0, 0), zmq.NOBLOCK)
        self._disconnect()
