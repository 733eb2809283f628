"""Real processes: a hub as users start it, on ports of its own, and what belongs to it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest


class RunningHub:
    """`netsiege hub …` as a child; `address` for agents, `workers_address` for workers."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "netsiege", "hub"),
                *("--bind", "tcp://127.0.0.1:0", "--workers-bind", "tcp://127.0.0.1:0", *arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors = None
        self.address = self._line("agents")
        self.workers_address = self._line("workers")

    def _line(self, word):
        for line in self.process.stdout:
            if line.startswith(word):
                return line.split()[1]
        raise AssertionError(f"the hub did not start: {self.process.stderr.read()}")

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def workers(self):
        """The process numbers of its local workers."""
        return children_of(self.process.pid, "worker")

    def stop(self, number=signal.SIGTERM):
        """Ends the hub; returns what it said on stderr."""
        if self.errors is None:
            self.process.send_signal(number)
            try:
                _, self.errors = self.process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                _, self.errors = self.process.communicate()
                raise
        return self.errors


def children_of(parent, word):
    """Processes below `parent` whose command line has `word` as a `netsiege` command."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError, IndexError, ValueError):
                with open(f"/proc/{name}/stat") as file:
                    ppid = int(file.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{name}/cmdline") as file:
                    command = file.read().split("\0")
                if ppid == parent and command[command.index("netsiege") + 1] == word:
                    found.append(int(name))
    return sorted(found)


MARK = "NETSIEGE_TEST_MARK"


class Household:
    """Everything that is started with the mark of one test in its environment, children's children too."""

    def __init__(self, mark):
        self._entry = f"{MARK}={mark}".encode()

    def processes(self):
        found = []
        for name in os.listdir("/proc"):
            if name.isdecimal() and int(name) != os.getpid():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                    if self._entry in file.read().split(b"\0"):
                        found.append(int(name))
        return found


@pytest.fixture
def household(monkeypatch):
    """What a test starts is told apart from everyone else's by a mark in the environment."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    return Household(mark)


def wait_until(condition, what, limit_s=10.0):
    """Waits for something to become true; fails the test when it does not in time."""
    deadline_s = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"never came: {what}"
        time.sleep(0.01)
    return value


@pytest.fixture
def start_hub():
    hubs = []

    def start(*arguments):
        hubs.append(RunningHub(*arguments))
        return hubs[-1]

    yield start
    for hub in hubs:
        errors = hub.stop()
        assert "Traceback" not in errors


@pytest.fixture(scope="module")
def hub():
    """A hub with a worker, for tests that leave it as it was."""
    running = RunningHub("--workers", "1")
    yield running
    assert "Traceback" not in running.stop()


@pytest.fixture
def start_worker():
    workers = []

    def start(hub, *arguments):
        command = [sys.executable, "-m", "netsiege", "worker", "--hub", hub, *arguments]
        workers.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        _, errors = worker.communicate()
        assert "Traceback" not in errors


def netsiege(*arguments, **options):
    """Runs a `netsiege` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "netsiege", *arguments],
        capture_output=True,
        text=True,
        timeout=options.pop("timeout", 60),
        check=False,
        **options,
    )
