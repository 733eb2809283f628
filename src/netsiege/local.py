"""Processes on this machine: started with us, ended with us, never left behind.

A child gets a session of its own, so that Ctrl-C reaches only the parent, which then ends its children in
order. A child that is told its parent's number also ends by itself when the parent is gone, however it went.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Self

from netsiege.errors import SiegeError
from netsiege.keys import FROM_STDIN, Keys, environment_without_keys

GRACE_S = 3.0
"""How long a child may take to end after SIGTERM before it is killed."""
RESTART_AFTER_S = (0.0, 0.5, 2.0, 5.0)
"""Pauses before a worker that has died is started again: the n-th time in a row, then always the last."""
WATCH_S = 0.2
"""How often a child that is busy with something else looks whether its parent is still there."""
RESTARTS_MAX = 20
"""So often a hub that has died is started again."""
STEADY_S = 30.0
"""A worker that has lived so long starts its next pauses from the first."""


class Child:
    """A `netsiege …` command in a process of its own. What it says on stderr is kept for its obituary.

    It has the keys that its arguments name, if any, not those of whoever started us. `told` is what it finds
    on standard input.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        stdout: int | None = subprocess.DEVNULL,
        told: str | None = None,
    ) -> None:
        self.arguments = tuple(arguments)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in wait()
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter and commands
            [sys.executable, "-m", "netsiege", *arguments],
            stdin=subprocess.DEVNULL if told is None else subprocess.PIPE,
            stdout=stdout,
            stderr=self._errors,
            start_new_session=True,
            env=environment_without_keys(),
        )
        if told is not None:
            assert self.process.stdin is not None
            with contextlib.suppress(BrokenPipeError), self.process.stdin as pipe:
                pipe.write(told.encode())
        self.started_s = time.monotonic()

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self.process.poll()

    def last_words(self) -> str:
        """The last lines that it wrote to stderr, or its exit code if it wrote none."""
        self._errors.seek(0)
        lines = self._errors.read()[-4_000:].decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-12:]) if lines else f"it ended with code {self.code} and said nothing"

    def terminate(self) -> None:
        """Asks it to end."""
        if self.code is None:
            self.process.terminate()

    def wait(self, timeout_s: float) -> None:
        """Waits for the end; kills it when it takes too long."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()


class Children:
    """Several children that end together: use as a context manager."""

    def __init__(self) -> None:
        self.all: list[Child] = []

    def start(
        self, *arguments: str, stdout: int | None = subprocess.DEVNULL, told: str | None = None
    ) -> Child:
        """Starts `netsiege ARGUMENTS`, with a text on standard input if it is `told` one."""
        child = Child(arguments, stdout=stdout, told=told)
        self.all.append(child)
        return child

    def end(self) -> None:
        """Ends all of them, the last started first."""
        for child in reversed(self.all):
            child.terminate()
        deadline_s = time.monotonic() + GRACE_S
        for child in reversed(self.all):
            child.wait(max(0.1, deadline_s - time.monotonic()))
        self.all.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()


class Keeper:
    """Keeps a number of children alive: one that dies is started again, after growing pauses.

    Each runs `netsiege COMMAND ARGUMENTS`, with `keys` if there are any. With a `stdout` of None what they
    print is seen where ours is.
    """

    def __init__(
        self,
        count: int,
        command: str,
        arguments: Sequence[str],
        warn: Callable[[str], None],
        keys: Keys | None = None,
        stdout: int | None = subprocess.DEVNULL,
    ) -> None:
        self._command = command
        self._arguments = [command, *arguments, "--parent", str(os.getpid())]
        self._told = None if keys is None else keys.text()
        self._arguments += [] if keys is None else ["--keys", FROM_STDIN]
        self._children = Children()
        self._warn = warn
        self._stdout = stdout
        self._kept = [self._start() for _ in range(count)]
        self._deaths = [0] * count
        self._due_s: list[float | None] = [None] * count

    def look_after(self) -> None:
        """Starts again what has died and is due: call it often."""
        now_s = time.monotonic()
        for i, child in enumerate(self._kept):
            due_s = self._due_s[i]
            if due_s is not None:
                if now_s >= due_s:
                    self._start_again(i, now_s)
            elif child.code is not None:
                steady = now_s - child.started_s > STEADY_S
                self._deaths[i] = 0 if steady else self._deaths[i]
                pause_s = RESTART_AFTER_S[min(self._deaths[i], len(RESTART_AFTER_S) - 1)]
                self._deaths[i] += 1
                self._due_s[i] = now_s + pause_s
                self._warn(f"{self._name(i)} has died ({child.last_words()}); starting another")
                child.wait(0)
                self._children.all.remove(child)

    def _start_again(self, i: int, now_s: float) -> None:
        try:
            self._kept[i] = self._start()
            self._due_s[i] = None
        except OSError as error:
            self._due_s[i] = now_s + RESTART_AFTER_S[-1]
            self._warn(f"{self._name(i)} cannot be started: {error.strerror}; trying again later")

    def end(self) -> None:
        """Ends all of them."""
        self._children.end()

    def _start(self) -> Child:
        return self._children.start(*self._arguments, stdout=self._stdout, told=self._told)

    def _name(self, i: int) -> str:
        return f"{self._command} {i + 1}"


class Stop:
    """Becomes true at SIGTERM or SIGINT, or when the parent process is gone. Use as a context manager."""

    def __init__(self, parent: int | None = None) -> None:
        self._parent = parent
        self.signal: int | None = None
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: object) -> None:
        self.signal = number

    def __call__(self) -> bool:
        """Whether it is time to end."""
        return self.signal is not None or (self._parent is not None and os.getppid() != self._parent)


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Turns SIGTERM into an ordinary exit with code 143, so that what was begun is ended in order."""

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end_with_parent(parent: int | None) -> None:
    """Ends this process when the process `parent` is gone, whatever else it is doing. None: never."""
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def from_here(address: str) -> str:
    """Where a hub of this machine is reached from here that listens at an address, at all of them say."""
    return re.sub(r"^tcp://(0\.0\.0\.0|\*|\[::\]):", "tcp://127.0.0.1:", address)


class LocalHub:
    """A hub with its workers, as a child, on ports that nobody else uses: it starts while we go on.

    With a `journal` it loses nothing when it dies, and `look_after` starts it again where it was.
    """

    def __init__(self, children: Children, workers: int, journal: str | None = None) -> None:
        self._children, self._journal = children, journal
        self._arguments = ["--no-default-room", "--workers", str(workers), "--parent", str(os.getpid())]
        self._arguments += [] if journal is None else ["--journal", journal]
        self._address = ""
        self.restarts = 0
        self._start("tcp://127.0.0.1:0")

    def _start(self, bind: str) -> None:
        arguments = ["hub", "--bind", bind, "--workers-bind", "tcp://127.0.0.1:0", *self._arguments]
        self.child = self._children.start(*arguments, stdout=subprocess.PIPE)

    @property
    def address(self) -> str:
        """Where agents go; waits until the hub is there. Raises `SiegeError` if it does not start."""
        if not self._address:
            self._address = self._read_address()
        return self._address

    def look_after(self) -> None:
        """Starts a hub that has died again, at the same address: call it often. Raises `SiegeError`."""
        if self.child.code is None or self._journal is None:
            return
        said, address = self.child.last_words(), self.address
        self.child.wait(0)
        self._children.all.remove(self.child)
        self.restarts += 1
        if self.restarts > RESTARTS_MAX:
            raise SiegeError(f"the hub has died {self.restarts} times, and is not started again:\n{said}")
        self._start(address)
        self._read_address()

    def _read_address(self) -> str:
        assert self.child.process.stdout is not None
        for line in self.child.process.stdout:
            what, _, where = line.decode().strip().partition(" ")
            if what == "agents":
                return where.strip()
        self.child.process.wait()
        raise SiegeError(f"the hub did not start: {self.child.last_words()}")
