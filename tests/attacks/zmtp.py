"""ZMTP 3.1 by hand, over a plain socket: what no honest client would ever send (https://rfc.zeromq.org/spec/37)."""

import contextlib
import os
import socket
import struct
import threading
from urllib.parse import urlsplit

import zmq

from netsiege.keys import KeyPair

GREETING_BYTES = 64
MORE, LARGE, COMMAND = 1, 2, 4
PATIENCE_S = 10


def greeting(mechanism=b"NULL"):
    """A client's greeting of version 3.1."""
    signature = b"\xff" + bytes(8) + b"\x7f"
    return signature + b"\x03\x01" + mechanism.ljust(20, b"\0") + bytes(32)


def framed(body, flags=0):
    """A frame around `body`."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | LARGE]) + struct.pack(">Q", len(body)) + body


def message(body):
    """A whole message of one frame."""
    return framed(body)


def command(name, body=b""):
    """A command frame."""
    return framed(bytes([len(name)]) + name + body, COMMAND)


def ping(context=b"", ttl_ds=0):
    """A heartbeat, with the time after which the other side may give up, in tenths of seconds."""
    return command(b"PING", struct.pack(">H", ttl_ds) + context)


def metadata(**properties):
    """Properties of a READY command."""
    packed = b""
    for name, value in properties.items():
        key = name.replace("_", "-").encode()
        packed += bytes([len(key)]) + key + struct.pack(">I", len(value)) + value
    return packed


def ready(identity=b"", socket_type=b"DEALER"):
    """The last word of a NULL handshake."""
    return command(b"READY", metadata(Socket_Type=socket_type, Identity=identity))


def connect(endpoint, source="127.0.0.1"):
    """A TCP connection from an address of this machine: all of 127.0.0.0/8 are."""
    parts = urlsplit(endpoint)
    return socket.create_connection((parts.hostname, parts.port), PATIENCE_S, (source, 0))


def receive(connection, n_bytes):
    """Exactly so many bytes. Raises EOFError if the connection ends before."""
    got = b""
    while len(got) < n_bytes:
        part = connection.recv(n_bytes - len(got))
        if not part:
            raise EOFError
        got += part
    return got


def receive_frame(connection):
    """The flags and the body of the next frame."""
    flags = receive(connection, 1)[0]
    size = struct.unpack(">Q", receive(connection, 8))[0] if flags & LARGE else receive(connection, 1)[0]
    return flags, receive(connection, size)


def shake_hands(connection, identity=b""):
    """A NULL handshake, from the greeting on."""
    connection.sendall(greeting() + ready(identity))
    receive(connection, GREETING_BYTES)
    return receive_frame(connection)


def has_ended(connection):
    """Whether the other side has ended the connection, without waiting. What it still says is dropped."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def recorded_hello(hub_public):
    """The first command of a CURVE handshake with a hub, which may be said again by anybody.

    It is taken down from a real client, which thinks that it has found the hub.
    """
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    own = KeyPair.new()
    dealer.curve_serverkey, dealer.curve_publickey, dealer.curve_secretkey = (
        hub_public,
        own.public,
        own.secret,
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        dealer.connect(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        with server.accept()[0] as client:
            client.settimeout(PATIENCE_S)
            as_server = bytearray(greeting(b"CURVE"))
            as_server[32] = 1
            client.sendall(as_server)
            receive(client, GREETING_BYTES)
            flags, body = receive_frame(client)
    dealer.close(0)
    context.term()
    assert body.startswith(b"\x05HELLO")
    return framed(body, flags)


class Withholding:
    """A relay to a hub that passes on what a client sends but for the end of it, and all that the hub says.

    What libzmq encrypts it sends as whole messages only: what stops in the middle of one is made here.
    `most` is how many bytes of the client's are passed on.
    """

    def __init__(self, endpoint, most):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._endpoint, self._most = endpoint, most
        self.passed = 0
        self.cut = threading.Event()
        """The hub has ended the connection."""
        self._ends = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self):
        with contextlib.suppress(OSError):
            client, _ = self._server.accept()
            hub = connect(self._endpoint)
            hub.settimeout(None)
            self._ends += [client, hub]
            back = threading.Thread(target=self._back, args=(hub, client))
            self._threads.append(back)
            back.start()
            while part := client.recv(min(1 << 16, self._most - self.passed)):
                hub.sendall(part)
                self.passed += len(part)

    def _back(self, hub, client):
        with contextlib.suppress(OSError):
            while part := hub.recv(1 << 16):
                client.sendall(part)
        self.cut.set()

    def close(self):
        for each in (self._server, *self._ends):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)


def memory_bytes(pid):
    """The resident memory of a process, as Linux counts it."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))
