"""The gateway's loop: clients over TCP on one side, the hub on the other."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
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
"""What a client that does not read may leave unsent; then nothing more is read from it."""

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
            log.warning("turned_away: there are %d clients already", self._gateway.clients)
            transport.abort()
            return
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
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
        self._stuck = True
        self._hold()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stuck = False
        self._hold()

    def tell(self) -> None:
        """Writes what the client is to be told."""
        guest, transport = self.guest, self._transport
        assert guest is not None
        assert transport is not None
        if transport.is_closing():
            return
        for reply in guest.take_out():
            transport.write(reply)
        if guest.turned_out:
            transport.close()
        elif guest.is_full != self._full:
            self._full = guest.is_full
            self._hold()

    def close(self) -> None:
        """Hangs up."""
        if self._transport is not None:
            self._transport.abort()

    def _hold(self) -> None:
        """Reads from the client, or not."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if self._full or self._stuck:
            self._transport.pause_reading()
        else:
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
        if not self._flushes and self._link is not None and self._link.has_moves:
            self._flushes = True
            asyncio.get_running_loop().call_soon(self._flush)

    def gone(self, guest: Guest) -> None:
        """A client has hung up."""
        if self._doors.pop(guest, None) is not None:
            with self._losing():
                guest.gone()

    # --- what guests ask ----------------------------------------------------------------------------------

    def join(self, guest: Guest, name: str, role: AgentRole) -> None:
        """See `guest.Behind`."""
        if self._link is None:
            guest.refused(self._gone)
            return
        with self._losing():
            self._link.join(guest, name, role)

    def step(self, guest: Guest, seat: Seat, body: bytes) -> None:
        """See `guest.Behind`."""
        assert self._link is not None, "without it nobody has a seat"
        self._link.step(guest, seat, body)

    def reset(self, guest: Guest, seat: Seat, asked: Reset) -> None:
        """See `guest.Behind`."""
        assert self._link is not None, "without it nobody has a seat"
        with self._losing():
            self._link.reset(guest, seat, asked)

    def leave(self, guest: Guest, seat: Seat | None) -> None:
        """See `guest.Behind`."""
        if self._link is not None:
            with self._losing():
                self._link.leave(guest, seat)

    def extra(self) -> Mapping[str, object]:
        """See `guest.Behind`."""
        return self._extra

    # --- the hub ------------------------------------------------------------------------------------------

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
                if self._link is None:
                    await self._find_hub()
                self._look()
                now_s = time.monotonic()
                for guest, door in list(self._doors.items()):
                    if guest.is_speaking and now_s - door.heard_s > STALLED_S:
                        guest.give_up_waiting()
                        self.follow_up(guest)
                await asyncio.sleep(TICK_S)
        finally:
            self._unwatch()
            for door in self._doors.values():
                door.close()
            if self._link is not None:
                self._link.close()

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
    except (OSError, OverflowError) as error:
        raise ConfigError(f"{host}:{port}: cannot be listened at: {error}") from None
    async with server:
        ready(server.sockets[0].getsockname()[1])
        await gateway.run(stop)
