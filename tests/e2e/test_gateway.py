"""NetSecGame's clients at a gateway, all of it real processes: what is killed, stopped, or told nonsense."""

import os
import resource
import signal
import socket
import subprocess
import sys

import pytest

from netsiege.client import Client
from netsiege.protocol import SessionRole
from tests.commands import command
from tests.e2e.conftest import children_of, wait_until
from tests.gateway.house import JOIN, RESET, STEP, Player


class RunningGateway:
    """`netsiege gateway …` as a child, at a port of its own."""

    def __init__(self, hub, *arguments):
        told = ("--hub", hub, "--listen", "0", *arguments)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netsiege", "gateway", *told],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors, self.port = None, 0

    def stop(self, number=signal.SIGTERM):
        """Ends it; returns its exit code."""
        if self.errors is None:
            self.process.send_signal(number)
            _, self.errors = self.process.communicate(timeout=15)
        return self.process.returncode

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def memory_mb(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def port_of(process):
    """The port that a gateway says on stdout, its own or its hub's."""
    for line in process.stdout:
        if line.startswith("clients"):
            return int(line.split()[1].rstrip(",").rsplit(":", 1)[1])
    raise AssertionError(f"no gateway has started: {process.stderr.read()}")


@pytest.fixture
def start_gateway():
    gateways = []

    def start(hub, *arguments):
        gateways.append(RunningGateway(hub, *arguments))
        gateways[-1].port = port_of(gateways[-1].process)
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.stop()
        assert "Traceback" not in gateway.errors, gateway.errors


@pytest.fixture
def connect():
    players = []

    def connect(port):
        players.append(Player(port))
        return players[-1]

    yield connect
    for player in players:
        player.close()


def is_running(pid):
    """Whether a process is there, and not just its exit code that nobody has asked for."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return bool(file.read())
    except OSError:
        return False


def room_of(hub):
    with Client(hub.address, "status", SessionRole.SPECTATOR) as client:
        return client.status().rooms[0]


# --- starting and ending ----------------------------------------------------------------------------------


def test_hub_with_a_gateway_serves_clients_and_ends_it(start_hub, connect):
    hub = start_hub("--nsg-port", "0")
    player = connect(port_of(hub.process)).join()
    assert player.status(STEP) == "OK"
    (gateway,) = children_of(hub.process.pid, "gateway")
    assert hub.stop() == ""
    assert hub.process.returncode == 0
    assert player.is_cut_off()
    assert not is_running(gateway)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_gateway_that_is_told_to_end_hangs_up_and_says_nothing(hub, start_gateway, connect, number, code):
    gateway = start_gateway(hub.address)
    player = connect(gateway.port).join()
    assert gateway.stop(number) == code
    assert gateway.errors == ""
    assert player.is_cut_off()
    wait_until(lambda: room_of(hub).open_matches == 0, "the end of the match")


def test_gateway_whose_hub_is_killed_ends(start_hub, connect):
    hub = start_hub("--nsg-port", "0")
    player = connect(port_of(hub.process)).join()
    (gateway,) = children_of(hub.process.pid, "gateway")
    hub.process.kill()
    assert player.is_cut_off()
    wait_until(lambda: not is_running(gateway), "the end of the gateway")


def test_gateway_that_is_killed_is_started_again_at_its_port(start_hub, connect):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hub = start_hub("--nsg-port", str(port))
    player = connect(port_of(hub.process)).join()
    (gateway,) = children_of(hub.process.pid, "gateway")
    os.kill(gateway, signal.SIGKILL)
    assert player.is_cut_off()
    assert port_of(hub.process) == port
    assert connect(port).join().status(STEP) == "OK"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "0.0.0.0:9000"], "--insecure"),
        (["--listen", "nonsense"], "HOST:PORT"),
        (["--listen", "127.0.0.1:70000"], "HOST:PORT"),
        (["--listen", "70000"], "HOST:PORT"),
        (["--listen", ":9000"], "HOST:PORT"),
        (["--hub", "nonsense"], "no address of a hub"),
        pytest.param(["--hub", "tcp://127.0.0.1:1"], "nothing answers", marks=pytest.mark.soak),
        (["--keys", "/nonexistent"], "/nonexistent"),
    ],
)
def test_gateway_that_cannot_start_says_why(arguments, said):
    ended = command("gateway", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert all(line.startswith("netsiege: ") for line in ended.stderr.splitlines())


def test_port_that_is_taken_is_said_by_gateway_and_hub(hub):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        alone = command("gateway", "--hub", hub.address, "--listen", f"127.0.0.1:{port}")
        short = command("gateway", "--hub", hub.address, "--listen", port)
        anywhere = "tcp://127.0.0.1:0"
        beside = command("hub", "--bind", anywhere, "--workers-bind", anywhere, "--nsg-port", port)
    for ended in (alone, short, beside):
        assert (ended.returncode, ended.stdout) == (2, "")
        assert f"127.0.0.1:{port}: cannot be listened at" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_hub_with_keys_lets_in_its_own_gateway_and_those_with_a_key(
    start_hub, start_gateway, connect, tmp_path
):
    here, there = tmp_path / "hub", tmp_path / "gateway"
    assert command("keys", "new", "--hub", "--keys", here).returncode == 0
    token = command("keys", "invite", "gateway", "--keys", here).stdout.strip()
    hub = start_hub("--keys", str(here), "--nsg-port", "0")
    assert connect(port_of(hub.process)).join().status(STEP) == "OK"
    without = command("gateway", "--hub", hub.address, "--listen", "127.0.0.1:0")
    assert without.returncode == 2
    assert "--keys" in without.stderr
    accepted = command("keys", "accept", token, "--hub", hub.address, "--keys", there)
    assert accepted.returncode == 0, accepted.stderr
    gateway = start_gateway(hub.address, "--keys", str(there))
    assert connect(gateway.port).join().status(STEP) == "OK"


# --- what fails beneath -----------------------------------------------------------------------------------


def test_worker_that_is_killed_is_a_pause(start_hub, start_gateway, connect):
    hub = start_hub("--workers", "2")
    gateway = start_gateway(hub.address)
    players = [connect(gateway.port).join() for _ in range(4)]
    for _ in range(2):
        os.kill(hub.workers()[0], signal.SIGKILL)
        for player in players:
            assert player.status(STEP) == "OK"


@pytest.mark.soak
def test_hub_with_a_journal_that_is_killed_is_a_pause(start_hub, start_gateway, connect, tmp_path):
    journal = ("--journal", str(tmp_path / "journal"))
    hub = start_hub(*journal)
    gateway = start_gateway(hub.address)
    players = [connect(gateway.port).join() for _ in range(4)]
    for _ in range(3):
        for player in players:
            player.write(STEP)
        hub.stop(signal.SIGKILL)
        hub = again(start_hub, hub, *journal)
        for player in players:
            assert player.read()["status"] == "GameStatus.OK"
            assert player.status(STEP) == "OK"
    assert room_of(hub).open_matches == 4


@pytest.mark.soak
def test_hub_without_a_journal_that_is_killed_costs_the_match(start_hub, start_gateway, connect):
    hub = start_hub()
    gateway = start_gateway(hub.address)
    asking, idle = connect(gateway.port).join(), connect(gateway.port).join()
    hub.stop(signal.SIGKILL)
    asking.write(STEP)
    hub = again(start_hub, hub)
    told = asking.read()
    assert told["status"] == "GameStatus.BAD_REQUEST"
    assert "ask for a reset" in told["message"]["message"]
    for player in (asking, idle):
        assert player.status(RESET) == "RESET_DONE"
        assert player.status(STEP) == "OK"


def again(start_hub, hub, *arguments):
    """A hub at the address of one that was killed."""
    return start_hub(*arguments, "--bind", hub.address, "--workers-bind", hub.workers_address)


@pytest.mark.soak
def test_hub_that_stands_still_is_a_pause(start_hub, start_gateway, connect):
    hub = start_hub()
    gateway = start_gateway(hub.address)
    player, waiting = connect(gateway.port).join(), connect(gateway.port)
    os.kill(hub.process.pid, signal.SIGSTOP)
    try:
        player.write(STEP)
        waiting.write(JOIN)
        # its silence is what is tried here, and that takes its time
        assert player.is_silent(for_s=10)
    finally:
        os.kill(hub.process.pid, signal.SIGCONT)
    assert player.read()["status"] == "GameStatus.OK"
    assert waiting.read()["status"] == "GameStatus.CREATED"
    assert player.status(STEP) == "OK"


@pytest.mark.soak
def test_a_thousand_clients_at_once_all_play(start_hub, start_gateway, connect):
    hub = start_hub("--workers", "1")
    gateway = start_gateway(hub.address)
    players = [connect(gateway.port) for _ in range(1_000)]
    for player in players:
        player.socket.settimeout(60)
        player.write(JOIN)
    for player in players:
        assert player.read()["status"] == "GameStatus.CREATED"
    for _ in range(3):
        for player in players:
            player.write(STEP)
        for player in players:
            assert player.read()["status"] == "GameStatus.OK"
    assert room_of(hub).open_matches == 1_000
    for player in players:
        player.crash()
    wait_until(lambda: room_of(hub).open_matches == 0, "the end of all matches", 30)


@pytest.mark.soak
def test_five_thousand_who_come_and_go_leave_nothing_behind(start_hub, start_gateway, connect):
    hub = start_hub()
    gateway = start_gateway(hub.address)
    steady = connect(gateway.port).join()

    def come_and_go(times):
        for number in range(times):
            player = Player(gateway.port)
            if number % 3:
                player.write(JOIN)
                if number % 9 == 1:
                    player.read()
                    player.write(STEP)
            (player.close if number % 2 else player.crash)()
        wait_until(lambda: room_of(hub).open_matches == 1, "the end of the others' matches", 60)
        assert room_of(hub).waiting == 0

    come_and_go(1_000)
    descriptors, memory_mb = gateway.descriptors, gateway.memory_mb
    come_and_go(4_000)
    wait_until(lambda: gateway.descriptors <= descriptors, "as many descriptors as before")
    assert gateway.memory_mb < memory_mb + 10
    assert steady.status(STEP) in ("OK", "FORBIDDEN")
