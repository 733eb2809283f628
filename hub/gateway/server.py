"""The gateway's loop: clients over TCP on one side, the hub on the other.

A client that writes nothing more (a half-closed connection) has left, as in NetSecGame: from here it looks
like one that has died, whose seat others may be waiting for. What it waits for is not answered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from netsiege.errors import ConfigError, SiegeError
from netsiege.game import AgentRole
from netsiege.hub.gateway.guest import Guest
from netsiege.hub.gateway.link import Link
from netsiege.protocol import Reset
from netsiege.session import Seat

TICK_S: Final = 0.1
"""How often it is looked after what makes no event."""
STALLED_S: Final = 2.0
"""A request that has begun and does not go on for so long is answered as it is."""
AGAIN_S: Final = 1.0
"""How often a hub that is gone for good is tried."""
BUFFERED_BYTES: Final = 1 << 20
"""What a client that does not read may leave unsent; then nothing more is read from it, nor asked for it."""
DEAD_AFTER_S: Final = 60
"""A client whose machine is gone, or that does not read for so long while its buffers are full, has left."""

ALL_HELD_BYTES: Final = 256 << 20
"""What all clients together may leave unfinished, unanswered or unread; then who has most is cut off."""
COMPLAIN_S: Final = 10.0
"""How often it is said what clients do wrong: otherwise they could fill a disk."""

log = logging.getLogger(__name__)


class Door(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._full = self._stuck = False
        self.heard_s = 0.0
        self.guest: Guest | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Lets the client in, or closes the door."""
        assert isinstance(transport, asyncio.Transport)
        if not self._gateway.has_room:
            self._gateway.complain("turned_away", f"there are {self._gateway.clients} clients already")
            transport.abort()
            return
        _notice_death(transport.get_extra_info("socket"))
        transport.set_write_buffer_limits(BUFFERED_BYTES)
        self._transport = transport
        self.heard_s = time.monotonic()
        host, port = transport.get_extra_info("peername")[:2]
        self.guest = self._gateway.let_in(self, (host, port))

    def data_received(self, data: bytes) -> None:
        """The client has written something."""
        assert self.guest is not None
        self.heard_s = time.monotonic()
        self.guest.hear(data)
        self._gateway.follow_up(self.guest)

    def eof_received(self) -> bool:
        """The client writes nothing more: it has left."""
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        """The client has hung up, or its line is dead."""
        if self.guest is not None:
            self._gateway.gone(self.guest)

    def pause_writing(self) -> None:
        """The client does not read."""
        self._stick(True)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stick(False)

    def tell(self) -> None:
        """Writes what the client is to be told. One that is turned out has no seat from now on."""
        guest, transport = self.guest, self._transport
        assert guest is not None
        assert transport is not None
        if transport.is_closing():
            return
        for reply in guest.take_out():
            transport.write(reply)
        if guest.turned_out:
            self._gateway.complain("turned_out", "what it writes makes no sense, or is far too much")
            transport.close()
            self._gateway.gone(guest)
        elif guest.is_full != self._full:
            self._full = guest.is_full
            self._hold()

    def close(self) -> None:
        """Hangs up."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_stalled(self) -> bool:
        """Whether the client has begun something long ago, and was listened to ever since."""
        stalled = self.guest is not None and self.guest.is_speaking and not (self._full or self._stuck)
        return stalled and time.monotonic() - self.heard_s > STALLED_S

    @property
    def held_bytes(self) -> int:
        """How much memory the client takes for what is unfinished, unanswered or unread."""
        assert self.guest is not None
        assert self._transport is not None
        return self.guest.held_bytes + self._transport.get_write_buffer_size()

    def _stick(self, stuck: bool) -> None:
        assert self._transport is not None
        assert self.guest is not None
        self._stuck = stuck
        if self._transport.is_closing():
            return
        self.guest.hold(stuck)
        self._hold()
        if not stuck:
            self._gateway.follow_up(self.guest)

    def _hold(self) -> None:
        """Reads from the client, or not."""
        assert self._transport is not None
        if self._full or self._stuck:
            self._transport.pause_reading()
        else:
            self.heard_s = time.monotonic()
            self._transport.resume_reading()


class Gateway:
    """Serves clients until it is told to stop: see `serve`. To its guests it is what is `Behind`."""

    def __init__(
        self, make_link: Callable[[Callable[[], None]], Link], clients: int, extra: Mapping[str, object]
    ) -> None:
        """`make_link` makes a link that is open, or raises; it may take its time."""
        self.clients = clients
        self._extra = extra
        self._make_link = make_link
        self._link: Link | None = make_link(self._unwatch)
        self._gone = ""
        """Why there is no link."""
        self._doors: dict[Guest, Door] = {}
        self._watched: tuple[int, ...] = ()
        self._flushes = False
        self._search: asyncio.Task[None] | None = None
        self._complaints: Counter[tuple[str, str]] = Counter()
        self._complained_s = float("-inf")

    # --- clients ------------------------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Whether another client may come in."""
        return len(self._doors) < self.clients

    def let_in(self, door: Door, peer: tuple[str, int]) -> Guest:
        """A new client."""
        guest = Guest(self, peer)
        self._doors[guest] = door
        return guest

    def follow_up(self, guest: Guest) -> None:
        """Tells a client what there is to tell, and the hub what it has asked."""
        door = self._doors.get(guest)
        if door is not None:
            door.tell()
        if self._link is not None and self._link.has_moves:
            self._flush_soon()

    def gone(self, guest: Guest) -> None:
        """A client has hung up."""
        if self._doors.pop(guest, None) is not None:
            with self._losing():
                guest.gone()

    def complain(self, event: str, why: str) -> None:
        """Logs what a client does wrong, or counts it until it may be said."""
        self._complaints[event, why] += 1
        now_s = time.monotonic()
        if now_s - self._complained_s > COMPLAIN_S:
            self._complained_s = now_s
            for (each, text), count in self._complaints.items():
                log.warning("%s clients=%d: %s", each, count, text)
            self._complaints.clear()

    # --- what guests ask ----------------------------------------------------------------------------------

    def join(self, guest: Guest, name: str, role: AgentRole) -> None:
        """See `guest.Behind`."""
        if self._link is None:
            guest.refused(self._gone)
            return
        with self._losing():
            self._link.join(guest, name, role)
            self._flush_soon()

    def step(self, guest: Guest, seat: Seat, body: bytes) -> None:
        """See `guest.Behind`."""
        assert self._link is not None, "without it nobody has a seat"
        self._link.step(guest, seat, body)

    def reset(self, guest: Guest, seat: Seat, asked: Reset) -> None:
        """See `guest.Behind`."""
        assert self._link is not None, "without it nobody has a seat"
        with self._losing():
            self._link.reset(guest, seat, asked)
            self._flush_soon()

    def leave(self, guest: Guest, seat: Seat | None) -> None:
        """See `guest.Behind`."""
        if self._link is not None:
            with self._losing():
                self._link.leave(guest, seat)
                self._flush_soon()

    def extra(self) -> Mapping[str, object]:
        """See `guest.Behind`."""
        return self._extra

    # --- the hub ------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._flushes:
            self._flushes = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushes = False
        if self._link is not None:
            with self._losing():
                self._link.flush()
                if self._link.has_more:  # sending may have swallowed the one signal that it is there
                    self._look()

    def _look(self) -> None:
        """Takes in what the hub has said."""
        link = self._link
        if link is None:
            return
        with self._losing():
            while True:
                for guest in link.look():
                    self.follow_up(guest)
                if not link.has_more:
                    break
        self._watch()

    @contextmanager
    def _losing(self) -> Iterator[None]:
        """What the link ends with ends all seats, and another one is tried."""
        try:
            yield
        except SiegeError as error:
            link, self._link, self._gone = self._link, None, str(error)
            if link is None:
                return
            log.warning("hub_lost: %s; trying until it is there", error)
            self._unwatch()
            guests = link.lose_all(error)
            link.close()
            for guest in guests:
                self.follow_up(guest)

    def _watch(self) -> None:
        """Watches the link's descriptors, if they are not watched."""
        if self._watched or self._link is None:
            return
        self._watched = self._link.descriptors
        for descriptor in self._watched:
            asyncio.get_running_loop().add_reader(descriptor, self._look)

    def _unwatch(self) -> None:
        for descriptor in self._watched:
            asyncio.get_running_loop().remove_reader(descriptor)
        self._watched = ()

    async def run(self, stop: Callable[[], bool]) -> None:
        """Looks after everything that makes no event, until it is time to stop."""
        try:
            while not stop():
                self._search_hub()
                self._look()
                for guest, door in list(self._doors.items()):
                    if door.is_stalled:
                        guest.give_up_waiting()
                        self.follow_up(guest)
                self._bound()
                await asyncio.sleep(TICK_S)
        finally:
            self.close()

    def _bound(self) -> None:
        """Cuts off those who hold the most, while all of them hold too much."""
        held = {door: door.held_bytes for door in self._doors.values()}
        total = sum(held.values())
        for door in sorted(held, key=held.__getitem__, reverse=True) if total > ALL_HELD_BYTES else ():
            self.complain("too_much_held", "it does not end what it writes, or does not read")
            door.close()
            total -= held[door]
            if total <= ALL_HELD_BYTES:
                break

    def close(self) -> None:
        """Hangs up on everybody, and gives all seats back."""
        self._unwatch()
        for door in self._doors.values():
            door.close()
        link, self._link, self._gone = self._link, None, "the gateway ends"
        if link is not None:
            link.close()
        if self._search is not None:
            self._search.cancel()

    def _search_hub(self) -> None:
        """Sees to it that a hub that is gone for good is tried again, beside everything else."""
        if self._search is not None and self._search.done():
            self._search.result()  # raises what is no hub's fault
            self._search = None
        if self._link is None and self._search is None:
            self._search = asyncio.create_task(self._find_hub())

    async def _find_hub(self) -> None:
        """Tries once whether the hub is there again."""
        try:
            self._link = await asyncio.to_thread(self._make_link, self._unwatch)
            log.warning("hub_found")
        except SiegeError as error:
            self._gone = str(error)
            await asyncio.sleep(AGAIN_S)


async def serve(
    gateway: Gateway, host: str, port: int, stop: Callable[[], bool], ready: Callable[[int], None]
) -> None:
    """Serves at an address until `stop()`, asked ten times a second; `ready` is told the port.

    Raises `ConfigError` if the address cannot be had.
    """
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: Door(gateway), host, port, backlog=1_024)
    except OSError as error:
        gateway.close()
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise ConfigError(f"{host}:{port}: cannot be listened at: {why}") from None
    async with server:
        ready(server.sockets[0].getsockname()[1])
        await gateway.run(stop)


def _notice_death(connection: socket.socket) -> None:
    """Sends at once, and finds out about a peer that is gone without a word."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {
        "TCP_KEEPIDLE": 30,
        "TCP_KEEPINTVL": 10,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": DEAD_AFTER_S * 1_000,
    }
    for name, value in options.items():
        if hasattr(socket, name):  # Linux has all of them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
