"""The processes of the benchmark, and what Linux says about the time that their threads take.

Each ends with the context that it was started in; whatever else happens, it ends with this process.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

from attrs import frozen

from netsiege.errors import SiegeError
from netsiege.keys import environment_without_keys

GRACE_S: Final = 3.0
"""How long a process may take to end after SIGTERM before it is killed."""
LOOPBACK: Final = "tcp://127.0.0.1:0"

_PROXY: Final = """
import os, sys, threading, zmq
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
context = zmq.Context()
front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
for what, socket in ("agents", front), ("workers", back):
    socket.bind(sys.argv[1])
    print(what, socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip(chr(0)), flush=True)
zmq.proxy(front, back)
"""


@frozen
class ThreadTime:
    """Seconds that a thread has run, and has waited for a core to run on."""

    ran_s: float
    waited_s: float


class Process:
    """A child whose stdout is read line by line. Use as a context manager.

    `environment` is what it finds there beside ours.
    """

    def __init__(self, argv: Sequence[str], what: str, environment: Mapping[str, str] | None = None) -> None:
        self._what = what
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in __exit__
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and programs
            argv,
            stdin=subprocess.PIPE,  # its end tells the proxy that we are gone
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            text=True,
            env={**environment_without_keys(), **(environment or {})},
        )

    def line(self) -> str:
        """The next line. Raises `SiegeError` with what it complained of if it has ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise SiegeError(f"{self._what} ended with code {code}: {self._last_words()}")
        return line.strip()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-4_000:].decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-6:]) or "it said nothing"

    def wait(self, patience_s: float = GRACE_S) -> None:
        """Waits for the end. Raises `SiegeError` if it was not a good one, or did not come."""
        try:
            code = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise SiegeError(f"{self._what} has not ended within {patience_s:g} s") from None
        if code:
            raise SiegeError(f"{self._what} ended with code {code}: {self._last_words()}")

    def times(self) -> dict[int, ThreadTime]:
        """Of each thread by its number, the main one's being `pid`; empty where the system does not tell."""
        times = {}
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                with contextlib.suppress(OSError, ValueError):  # it may end while we look
                    ran, waited, _ = map(int, (task / "schedstat").read_text().split())
                    times[int(task.name)] = ThreadTime(ran / 1e9, waited / 1e9)
        return times

    def memory_bytes(self) -> int | None:
        """What it keeps in memory; None where the system does not tell."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return None
        found = re.search(r"^VmRSS:\s*([0-9]+) kB$", status, re.M)
        return int(found[1]) * 1_024 if found else None

    @property
    def pid(self) -> int:
        """The number of the process, and of its main thread."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._errors.close()


class Target(Process):
    """What is measured: a process in the middle that says where agents and workers connect."""

    def __init__(self, argv: Sequence[str], what: str) -> None:
        super().__init__(argv, what)
        self._addresses: dict[str, str] = {}

    def address(self, side: str) -> str:
        """Where `agents` or `workers` connect."""
        while side not in self._addresses:
            said, _, where = self.line().partition(" ")
            self._addresses[said] = where.strip()
        return self._addresses[side]


def start_hub(*options: str) -> Target:
    """A hub with its room `default`: one attacker a match."""
    command = [sys.executable, "-m", "netsiege", "hub", "--bind", LOOPBACK, "--workers-bind", LOOPBACK]
    return Target([*command, "--seed", "1", "--parent", str(os.getpid()), *options], "the hub")


def start_proxy() -> Target:
    """ZeroMQ's own proxy, in C, between a ROUTER and a DEALER."""
    return Target([sys.executable, "-c", _PROXY, LOOPBACK], "the proxy")
