"""What is at the other end of an address may be anything: the client says what, within three seconds."""

import asyncio
import contextlib
import socket
import threading
import time

import pytest
import zmq

from netsiege import AuthError, BaseAgent, ConfigError, HubUnreachable
from netsiege.aio import AsyncClient
from netsiege.client import Client
from netsiege.game import AgentRole
from netsiege.greeting import mechanism_at
from netsiege.protocol import AGENT_HEAD, VERSION, Kind, Welcome
from netsiege.wire import Connection, check_address
from tests.attacks import zmtp

GREETING = zmtp.greeting(b"CURVE")


@contextlib.contextmanager
def listener(talk):
    """A TCP server that does `talk` with each connection, and holds it to the end unless that closes it."""
    server = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                held.append(connection)
                talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in held:
            connection.close()


def tcp_listener(greeting):
    """Says `greeting` to whoever connects (None: says nothing)."""
    return listener(lambda connection: connection.sendall(greeting or b""))


def hasty_listener():
    """What a hub with keys may look like from here: who names another mechanism is cut off without a word."""

    def talk(connection):
        with connection:
            connection.settimeout(0.2)
            connection.sendall(GREETING[:11])
            try:
                heard = b""
                while len(heard) <= 12 and (piece := connection.recv(64)):
                    heard += piece
            except TimeoutError:  # it waits for the mechanism
                connection.sendall(GREETING[11:])

    return listener(talk)


@contextlib.contextmanager
def zmq_listener(kind):
    context = zmq.Context()
    server = context.socket(kind)
    server.linger = 0
    port = server.bind_to_random_port("tcp://127.0.0.1")
    try:
        yield port
    finally:
        server.close()
        context.term()


@contextlib.contextmanager
def nothing():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield port


OTHERS = [
    pytest.param(nothing, "nothing answers", id="nothing"),
    pytest.param(lambda: tcp_listener(None), "does not speak this protocol", id="silent"),
    pytest.param(lambda: tcp_listener(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak this protocol", id="ssh"),
    pytest.param(
        lambda: tcp_listener(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9), "does not speak this", id="http"
    ),
    pytest.param(lambda: zmq_listener(zmq.ROUTER), "no hub for agents", id="router"),
    pytest.param(lambda: zmq_listener(zmq.PUB), "does not speak this protocol|no hub", id="pub"),
]


@pytest.mark.parametrize(("other", "said"), OTHERS)
def test_client_is_told_within_three_seconds_what_is_wrong(other, said):
    with other() as port:
        started_s = time.monotonic()
        with pytest.raises(HubUnreachable, match=said):
            Client(f"tcp://127.0.0.1:{port}", "me").open(1.0)
        assert time.monotonic() - started_s < 3


def test_agent_is_told_within_three_seconds_what_is_wrong():
    with nothing() as port:
        agent = BaseAgent("127.0.0.1", port)
        started_s = time.monotonic()
        with pytest.raises(HubUnreachable, match="netsiege hub"):
            agent.register()
        assert time.monotonic() - started_s < 3
        agent.terminate_connection()


@pytest.mark.parametrize(("other", "said"), OTHERS[:2])
def test_async_client_is_told_within_three_seconds_what_is_wrong(other, said):
    async def connect(port):
        with pytest.raises(HubUnreachable, match=said):
            await AsyncClient(f"tcp://127.0.0.1:{port}", "me").open(1.0)

    with other() as port:
        started_s = time.monotonic()
        asyncio.run(connect(port))
        assert time.monotonic() - started_s < 3


def test_client_without_a_key_is_told_that_it_needs_one_however_hastily_the_hub_hangs_up():
    with hasty_listener() as port, pytest.raises(AuthError, match="asks for a key"):
        Client(f"tcp://127.0.0.1:{port}", "me").open(1.0)


def test_async_client_without_a_key_is_told_that_it_needs_one_however_hastily_the_hub_hangs_up():
    async def connect(port):
        with pytest.raises(AuthError, match="asks for a key"):
            await AsyncClient(f"tcp://127.0.0.1:{port}", "me").open(1.0)

    with hasty_listener() as port:
        asyncio.run(connect(port))


def test_mechanism_is_read_from_the_greeting():
    with zmq_listener(zmq.ROUTER) as port:
        assert mechanism_at(f"tcp://127.0.0.1:{port}") == "NULL"
    with hasty_listener() as port:
        assert mechanism_at(f"tcp://127.0.0.1:{port}") == "CURVE"


@pytest.mark.parametrize("said", [None, b"SSH-2.0-OpenSSH_9.2\r\n" * 9, GREETING[:40]])
def test_no_mechanism_is_read_from_what_sends_no_greeting(said):
    with tcp_listener(said) as port:
        started_s = time.monotonic()
        assert mechanism_at(f"tcp://127.0.0.1:{port}", 0.2) is None
        assert time.monotonic() - started_s < 2
    with nothing() as port:
        assert mechanism_at(f"tcp://127.0.0.1:{port}") is None


@pytest.mark.parametrize(
    "address",
    ["", "localhost:9100", "tcp://localhost", "tcp://:9100", "tcp://a:b", "http://a:1", "tcp://a:99999"],
)
def test_address_that_is_none_is_refused_at_once(address):
    with pytest.raises(ConfigError, match="is no address of a hub"):
        Client(address, "me")


@pytest.mark.parametrize("host", ["[::1]", "[fe80::1%eth0]", "127.0.0.1", "localhost", "hub.example"])
def test_address_of_either_family_or_a_name_is_taken(host):
    assert check_address(f"tcp://{host}:9100") == f"tcp://{host}:9100"


@pytest.mark.parametrize("address", ["tcp://::1:9100", "tcp://[::1]", "tcp://[::1:9100"])
def test_address_of_the_sixth_version_that_is_written_wrong_is_refused(address):
    with pytest.raises(ConfigError, match="is no address of a hub"):
        check_address(address)


@pytest.mark.parametrize(
    ("address", "over_ipv6"),
    [("tcp://[::1]:9", 1), ("tcp://127.0.0.1:9", 0), ("tcp://localhost:9", 0), ("ipc:///tmp/a:b", 0)],
)
def test_names_are_never_looked_up_as_addresses_of_the_sixth_version(address, over_ipv6):
    """A hub at 127.0.0.1 would not be found under the name "localhost", where that means ::1 first."""
    connection = Connection(address)
    assert connection.socket.getsockopt(zmq.IPV6) == over_ipv6
    connection.close()


def needs_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no ::1: {error}")


def test_client_reaches_a_hub_over_ipv6():
    needs_ipv6()
    with mute_hub("[::1]") as port, Client(f"tcp://[::1]:{port}", "me") as client:
        assert client.session.welcomed


@contextlib.contextmanager
def mute_hub(host="127.0.0.1"):
    """A hub that welcomes everyone and then says nothing any more."""
    context = zmq.Context()
    server = context.socket(zmq.ROUTER)
    server.linger = 0
    server.ipv6 = ":" in host
    port = server.bind_to_random_port(f"tcp://{host}")

    def serve():
        while server.poll(1_500):
            peer, frame = server.recv_multipart()
            if frame[1] == Kind.HELLO:
                head = AGENT_HEAD.pack(VERSION, Kind.WELCOME, 0, AGENT_HEAD.unpack_from(frame)[3])
                server.send_multipart([peer, head + Welcome(b"t", "mute").encode()])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield port
    finally:
        thread.join()
        server.close()
        context.term()


def test_hub_that_falls_silent_is_noticed_by_the_client(monkeypatch):
    monkeypatch.setattr("netsiege.carrier.SILENCE_S", 0.2)
    with mute_hub() as port, Client(f"tcp://127.0.0.1:{port}", "me", reconnect_s=0) as client:
        started_s = time.monotonic()
        with pytest.raises(HubUnreachable, match="stopped answering"):
            client.join(AgentRole.Attacker, timeout_s=20)
        assert time.monotonic() - started_s < 3


def test_hub_that_falls_silent_is_noticed_by_the_async_client(monkeypatch):
    monkeypatch.setattr("netsiege.aio.SILENCE_S", 0.2)

    async def join(port):
        async with AsyncClient(f"tcp://127.0.0.1:{port}", "me", reconnect_s=0) as client:
            with pytest.raises(HubUnreachable, match="stopped answering"):
                await asyncio.wait_for(client.join(AgentRole.Attacker), 3)

    with mute_hub() as port:
        asyncio.run(join(port))


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_agent_of_a_name_that_cannot_be_shown_is_refused_before_it_connects(name):
    with pytest.raises(ConfigError, match="a name has"):
        BaseAgent(name=name or "\t")
