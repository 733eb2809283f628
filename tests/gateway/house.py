"""A gateway whose loop runs in a thread, and clients of it on plain sockets, for tests of both kinds."""

import asyncio
import contextlib
import json
import logging
import socket
import threading
import time

from netsiege.hub.gateway.link import Link
from netsiege.hub.gateway.server import Gateway, serve

END = b"EOF"
PATIENCE_S = 20.0
"""How long anything that a test expects may take; nothing waits for so long unless it is broken."""
CONNECT_S = 0.5
"""How long a hub of this process may take to answer."""
HOST = "192.168.2.2"
"""Where attackers of two_networks_tiny begin."""


def wait_until(condition, what, limit_s=PATIENCE_S):
    """Waits for something to become true; fails the test when it does not in time."""
    deadline_s = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"never came: {what}"
        time.sleep(0.005)
    return value


def written(kind, **parameters):
    """A request as NetSecGame's agents write it."""
    return json.dumps({"action_type": f"ActionType.{kind}", "parameters": parameters}).encode()


def join_as(role="Attacker", name="tester"):
    return written("JoinGame", agent_info={"name": name, "role": role})


def exfiltrate(content):
    """A move with data of any size, which nobody has."""
    data = {"owner": "u", "id": "d", "type": "t", "size": 1, "content": content}
    return written("ExfiltrateData", source_host={"ip": HOST}, target_host={"ip": HOST}, data=data)


JOIN = join_as()
STEP = written("FindData", source_host={"ip": HOST}, target_host={"ip": HOST})
RESET = written("ResetGame", request_trajectory=False, randomize_topology=False, seed=None)
QUIT = written("QuitGame")


def open_matches(hub):
    """How many matches a hub has open in its first room."""
    return hub.status().rooms[0].open_matches


def waiting(hub):
    """How many wait there for others."""
    return hub.status().rooms[0].waiting


class Player:
    """A connection as NetSecGame's agents have one."""

    def __init__(self, port, host="127.0.0.1", receive_bytes=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect((host, port))
        self._held = b""

    def write(self, data):
        self.socket.sendall(data)
        return self

    def read(self):
        """The next reply. ConnectionError at the end of the connection."""
        while END not in self._held:
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionError("closed by the gateway")
            self._held += data
        reply, _, self._held = self._held.partition(END)
        return json.loads(reply)

    def ask(self, data):
        return self.write(data).read()

    def status(self, data):
        return self.ask(data)["status"].removeprefix("GameStatus.")

    def join(self, role="Attacker"):
        told = self.ask(join_as(role))
        assert told["status"] == "GameStatus.CREATED", told
        return self

    def is_silent(self, for_s=0.3):
        """Whether nothing comes, not even the end of the connection."""
        self.socket.settimeout(for_s)
        try:
            return not self._held and self.socket.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_S)

    def is_cut_off(self):
        """Reads to the end of the connection, whatever comes before."""
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(1 << 16):
                pass
        return True

    def close(self):
        self.socket.close()

    def crash(self):
        """Ends the connection as a machine does that is switched off and on."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class House:
    """A gateway in a thread. Use as a context manager; the clients that it made are closed at its end."""

    def __init__(self, hub, room="default", clients=64, reconnect_s=None, host="127.0.0.1"):
        self.links = []
        self.port, self.failure = 0, None
        self._hub, self._room, self._host = hub, room, host
        self._reconnect_s = reconnect_s
        self._done, self._players = threading.Event(), []
        self.gateway = Gateway(self._make_link, clients, {})
        self._thread = threading.Thread(target=self._run)

    def _make_link(self, unwatch):
        link = Link(self._hub, self._room, None, unwatch)
        if self._reconnect_s is not None:
            link._reconnect_s = self._reconnect_s
        link.open(CONNECT_S)
        self.links.append(link)
        return link

    def _run(self):
        try:
            asyncio.run(serve(self.gateway, self._host, 0, self._done.is_set, self._ready))
        except Exception as error:  # the test's thread is to hear of it, whatever it is
            self.failure = error

    def _ready(self, port):
        self.port = port

    def player(self, **options):
        self._players.append(Player(self.port, self._host, **options))
        return self._players[-1]

    def door(self, player):
        """A client's connection as the gateway has it."""
        own = player.socket.getsockname()[:2]
        doors = self.gateway._doors.values()
        return next(d for d in doors if d._transport.get_extra_info("peername")[:2] == own)

    @property
    def inside(self):
        """How many clients are connected, as the gateway sees it."""
        return len(self.gateway._doors)

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.port or self.failure, "the gateway's port")
        return self

    def __exit__(self, *_exception):
        self._done.set()
        self._thread.join(PATIENCE_S)
        for player in self._players:
            player.close()
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure


class Mistakes(logging.Handler):
    """Keeps what is logged as a mistake of ours: whatever has a traceback, and what asyncio complains of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.found = []

    def emit(self, record):
        if record.exc_info or record.name.startswith("asyncio"):
            self.found.append(self.format(record))
