"""The load of `netsiege bench gateway`: clients that speak NetSecGame's protocol over plain sockets.

`python -m netsiege.hub.bench_gateway_load PORTS CLIENTS SECONDS SEED`, in one thread: each client has one
request under way, plays episodes of `STEPS` moves, and resets after each. PORTS are numbers with commas
between; clients take them in turn. Prints `{"steps", "took_s", "p50_us", "p99_us"}`. Resets, and the moves
that end episodes, which wait for whoever shares the game, count as no steps and have no part in the
latencies; they take their time, though.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from netsiege.errors import SiegeError
from netsiege.local import end_with_parent

STEPS: Final = 100
"""Of an episode: the task of the benchmark says the same."""
SETUP_S: Final = 60.0
WARM_UP: Final = 1 / 7
END: Final = b"EOF"


def request(kind: str, parameters: Mapping[str, object]) -> bytes:
    """A request as NetSecGame's agents write it."""
    return json.dumps({"action_type": f"ActionType.{kind}", "parameters": parameters}).encode()


JOIN: Final = request("JoinGame", {"agent_info": {"name": "bench", "role": "Attacker"}})
FOOTHOLD: Final = "192.168.2.2"
OUTSIDE: Final = "213.47.23.195"
SERVERS: Final = {
    "192.168.1.2": ("microsoft-ds", "10.0.19041"),
    "192.168.1.3": ("postgresql", "14.3.0"),
    "192.168.1.4": ("http", "1.4.54"),
}
"""What the foothold reaches of the servers of two_networks, and a service of each with its version."""
_CLIENTS: Final = ("192.168.2.3", "192.168.2.4", "192.168.2.5")


def _moves() -> Iterator[bytes]:
    """An attack as a capable agent plays it: it finds, takes and searches all that it reaches."""

    def move(kind: str, **parameters: object) -> bytes:
        return request(kind, {"source_host": {"ip": FOOTHOLD}, **parameters})

    for network in ("192.168.2.0", "192.168.1.0"):
        yield move("ScanNetwork", target_network={"ip": network, "mask": 24})
    for host in (FOOTHOLD, *_CLIENTS, *SERVERS):
        yield move("FindServices", target_host={"ip": host})
    for host, (name, version) in SERVERS.items():
        service = {"name": name, "type": "passive", "version": version, "is_local": False}
        yield move("ExploitService", target_host={"ip": host}, target_service=service)
        yield move("FindData", target_host={"ip": host})


MOVES: Final = tuple(_moves())


class Client:
    """One connection and the request that is under way."""

    def __init__(self, port: int) -> None:
        self.socket = connect(port, time.monotonic() + SETUP_S)
        self.held = b""
        self.played = 0
        """Moves of this episode that were sent; more than `STEPS` stands for the reset."""
        self.sent_s = 0.0

    def send(self, data: bytes) -> None:
        """Sends a request."""
        self.sent_s = time.perf_counter()
        self.socket.sendall(data)

    def reply(self) -> bytes | None:
        """The reply, if that was its last part. Raises `SiegeError` at the end of the connection."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise SiegeError("the server has closed a connection")
        self.held += data
        if not self.held.endswith(END):
            return None
        whole, self.held = self.held, b""
        return whole


class Load:
    """Clients that ask and listen in turn."""

    def __init__(self, ports: Sequence[int], clients: int, seed: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients = [Client(ports[i % len(ports)]) for i in range(clients)]
        parameters = {"request_trajectory": False, "randomize_topology": False, "seed": seed}
        self._reset = request("ResetGame", parameters)
        for client in self._clients:
            self._selector.register(client.socket, selectors.EVENT_READ, client)
        self._begun = False
        self.steps = 0
        self.waits_s: list[float] = []

    def join(self) -> None:
        """Waits until all have joined, in a world that is as new. Raises `SiegeError` if one is refused.

        NetSecGame's server keeps what earlier players did to it until the first reset.
        """
        self._ask_all(JOIN, b"CREATED")
        self._ask_all(self._reset, b"RESET_DONE")

    def _ask_all(self, asked: bytes, word: bytes) -> None:
        for client in self._clients:
            client.send(asked)
        waiting = set(self._clients)
        deadline_s = time.monotonic() + SETUP_S
        while waiting:
            if time.monotonic() > deadline_s:
                raise SiegeError(f"{len(waiting)} of {len(self._clients)} clients were not answered")
            for key, _ in self._selector.select(1.0):
                reply = key.data.reply()
                if reply is not None:
                    check(reply, word)
                    waiting.discard(key.data)

    def play(self, seconds: float) -> float:
        """Plays for so long, and returns how long it was. Goes on where it stopped."""
        if not self._begun:
            self._begun = True
            for client in self._clients:
                self._next(client)
        self.steps, self.waits_s = 0, []
        began_s = time.perf_counter()
        until_s = began_s + seconds
        while time.perf_counter() < until_s:
            for key, _ in self._selector.select(0.1):
                reply = key.data.reply()
                if reply is not None:
                    self._heard(key.data, reply)
        return time.perf_counter() - began_s

    def _heard(self, client: Client, reply: bytes) -> None:
        if client.played < STEPS:
            self.waits_s.append(time.perf_counter() - client.sent_s)
            self.steps += 1
        elif client.played == STEPS:
            check(reply, b'"end": true')
        else:
            check(reply, b"RESET_DONE")
            client.played = 0
        self._next(client)

    def _next(self, client: Client) -> None:
        if client.played < STEPS:
            client.send(MOVES[client.played % len(MOVES)])
        else:
            client.send(self._reset)
        client.played += 1


def connect(port: int, deadline_s: float) -> socket.socket:
    """A connection to a server that may be starting. Raises `SiegeError` if it does not in time."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), SETUP_S)
        except OSError as error:
            if time.monotonic() > deadline_s:
                raise SiegeError(f"nobody listens at port {port}: {error}") from None
            time.sleep(0.05)


def check(reply: bytes, word: bytes) -> None:
    """Raises `SiegeError` if the word is not in the reply."""
    if word not in reply:
        raise SiegeError(f"not {word.decode()} but {reply[:500].decode(errors='replace')}")


def main(ports: str, clients: str, seconds: str, seed: str) -> None:
    """Plays and prints, unless its parent is gone."""
    end_with_parent(os.getppid())
    load = Load([int(port) for port in ports.split(",")], int(clients), int(seed))
    load.join()
    load.play(float(seconds) * WARM_UP)
    took_s = load.play(float(seconds))
    waits_s = sorted(load.waits_s) or [0.0]
    print(  # noqa: T201  # what this program is for
        json.dumps(
            {
                "steps": load.steps,
                "took_s": took_s,
                "p50_us": waits_s[len(waits_s) // 2] * 1e6,
                "p99_us": waits_s[len(waits_s) * 99 // 100] * 1e6,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
