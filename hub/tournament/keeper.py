"""`python -m netsiege.hub.tournament.keeper`: stands between a director and one process of an entrant.

It owns the process's limits and its folder, keeps what it says, and ends it with all that comes from it: when
the director says so, when a limit is exceeded, when the process itself has ended, and when the director is
gone, however it went. All it is told comes as a line of JSON on standard input, whose end is the order to
end; on standard output it says, in lines of JSON, that the process has started, and how it ended.

On Linux every process that comes from the entrant's stays below the keeper, whatever sessions and groups it
makes, and none outlives it; if the keeper is killed, the kernel kills the process itself, and the director
what came from it. Elsewhere only the process's own group is found, and no limit on memory holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from netsiege.hub.tournament import tree
from netsiege.hub.tournament.captured import Capture

TICK_S: Final = 0.5
"""How often it is seen what the processes use together."""
KILL_AGAIN_S: Final = 0.02
READ_BYTES: Final = 1 << 16
TICK_BYTES: Final = 1 << 20
"""What is taken of the output in a tick; who says more has to wait."""
FILES: Final = 4_096
"""What a process may have open."""
PROCESSES: Final = 256
"""How many processes may come from one; more are a mistake, or worse."""
CPU, MEMORY, CROWD = "cpu", "memory", "processes"
"""The limits that end a process."""


class Keeper:
    """One process and all that comes from it. `told` is what `processes` has written."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._words: list[str] = told["words"]
        self._environment: dict[str, str] = told["environment"]
        self._parent_is_told: bool = told["parent_is_told"]
        self._cpu_s: float | None = told["cpu_s"]
        self._memory_bytes: int | None = told["memory_bytes"]
        self._capture: Capture | None = Capture(Path(told["output"]))
        self._grace_s: float = told["grace_s"]
        self._folder = tempfile.mkdtemp(prefix="netsiege-")
        self._own_pid = os.getpid()
        self._family = tree.Family(self._own_pid)
        self._selector = selectors.DefaultSelector()
        self._pid = 0
        self._status: int | None = None
        self._output = -1
        self._taken = 0
        self._limit = ""
        self._asked = False
        self._killed_from_s = float("inf")
        self._childless = False
        self._peak_bytes = 0
        self._used_s = 0.0

    # --- the beginning ------------------------------------------------------------------------------------

    def run(self) -> None:
        """From the start of the process until nothing is left of it."""
        try:
            try:
                self._start()
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                why = (error.strerror if isinstance(error, OSError) else None) or str(error)
                say({"failed": f"{self._words[0]!r} cannot be started: {why}"})
                return
            say({"pid": self._pid, "folder": self._folder})
            self._keep()
        finally:
            _remove(self._folder)
        say(self._ending())

    def _start(self) -> None:
        words = [*self._words, "--parent", str(self._own_pid)] if self._parent_is_told else self._words
        wakes, wake = os.pipe()
        for end in (wakes, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        tree.adopt_orphans()
        process = subprocess.Popen(  # noqa: S603  # that is what a keeper is for
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env={**self._environment, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder)},
            start_new_session=True,
            preexec_fn=self._confine,  # noqa: PLW1509  # a keeper has one thread
        )
        assert process.stdout is not None
        # kept, since one that is dropped waits for its process, whose status would be lost
        self._process, self._pid = process, process.pid
        self._output = os.dup(process.stdout.fileno())
        process.stdout.close()
        for descriptor in (wakes, self._output, sys.stdin.fileno()):
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ)
        self._wakes = wakes

    def _confine(self) -> None:
        """What the process does before it is the entrant's."""
        tree.end_with_parent_by(signal.SIGKILL)
        if os.getppid() != self._own_pid:
            os._exit(1)
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_NOFILE, FILES)
        if self._cpu_s is not None:
            whole_s = max(1, int(self._cpu_s + 0.999))
            _lower(resource.RLIMIT_CPU, whole_s, whole_s + 1)
        if self._memory_bytes is not None:
            # address space is no measure: many runtimes reserve far more than they ever use
            _lower(resource.RLIMIT_DATA, self._memory_bytes)

    def _signalled(self, number: int, _frame: object) -> None:
        self._asked = self._asked or number != signal.SIGCHLD

    # --- while it runs ------------------------------------------------------------------------------------

    def _keep(self) -> None:
        tick_s = time.monotonic() + TICK_S
        while not self._childless:
            ending = self._killed_from_s < float("inf")
            wait_s = min(tick_s, self._killed_from_s) - time.monotonic()
            for key, _ in self._selector.select(wait_s if wait_s > 0 else KILL_AGAIN_S):
                self._hear(key.fd)
            now_s = time.monotonic()
            if now_s >= tick_s:
                tick_s = now_s + TICK_S
                self._tick()
            self._reap()
            if not ending and (self._asked or self._limit or self._status is not None):
                self._signal_all(signal.SIGTERM)
                self._killed_from_s = now_s + (0.0 if self._limit else self._grace_s)
            if now_s >= self._killed_from_s:
                self._signal_all(signal.SIGKILL)
        if not tree.IS_LINUX:
            with contextlib.suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)
        while self._output >= 0 and self._take_output():
            pass
        if self._capture is not None:
            with contextlib.suppress(OSError):
                self._capture.close()

    def _hear(self, descriptor: int) -> None:
        if descriptor == self._output:
            self._take_output()
            if self._taken >= TICK_BYTES and self._output >= 0:
                self._selector.unregister(self._output)  # until the next tick
        elif not os.read(descriptor, READ_BYTES) and descriptor != self._wakes:
            self._selector.unregister(descriptor)
            self._asked = True

    def _take_output(self) -> bool:
        """Takes some of what was said; False if there is no more for now, or ever."""
        try:
            said = os.read(self._output, READ_BYTES)
        except BlockingIOError:
            return False
        if not said:
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._output)
            os.close(self._output)
            self._output = -1
            return False
        self._taken += len(said)
        if self._capture is not None:
            try:
                self._capture.write(said, datetime.now(UTC))
            except OSError:  # the disk is full, say: the game goes on
                self._capture = None
        return True

    def _tick(self) -> None:
        if self._taken >= TICK_BYTES and self._output >= 0:
            self._selector.register(self._output, selectors.EVENT_READ)
        self._taken = 0
        if tree.IS_LINUX:
            self._measure()

    def _measure(self) -> None:
        """Sees what the processes have used together, and whether that is too much."""
        pids = self._family.members()
        self._used_s = max(self._used_s, _waited_for_s() + tree.cpu_s(pids))
        if self._cpu_s is not None and self._used_s >= self._cpu_s:
            self._limit = self._limit or CPU
        if len(pids) > PROCESSES:
            self._limit = self._limit or CROWD
        resident = tree.resident_bytes(pids)
        if self._memory_bytes is not None and resident > self._memory_bytes:
            resident = tree.own_bytes(pids)
            if resident > self._memory_bytes:
                self._limit = self._limit or MEMORY
        self._peak_bytes = max(self._peak_bytes, resident)

    def _reap(self) -> None:
        """Buries all that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._childless = True
                return
            if not pid:
                return
            if pid == self._pid:
                self._status = status

    def _signal_all(self, number: int) -> None:
        if self._status is None:
            with contextlib.suppress(OSError):
                os.killpg(self._pid, number)
        for pid in self._family.members(anew=True):
            with contextlib.suppress(OSError):
                os.kill(pid, number)

    def _ending(self) -> dict[str, Any]:
        """How it ended, once it has."""
        used_s = max(self._used_s, _waited_for_s())
        code = None if self._status is None else os.waitstatus_to_exitcode(self._status)
        if self._cpu_s is not None and code is not None and not self._asked:
            # the kernel's limit goes by its clock's ticks, which are not quite what it tells of the time used
            by_kernel = code == -signal.SIGXCPU
            if by_kernel or (code == -signal.SIGKILL and used_s >= self._cpu_s):
                self._limit = self._limit or CPU
        return {
            "code": code,
            "limit": self._limit,
            "asked": self._asked,
            "cpu_s": used_s,
            "peak_bytes": max(self._peak_bytes, _largest_bytes()),
        }


def _waited_for_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _largest_bytes() -> int:
    """What the largest of those that were waited for had in memory at most."""
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return largest << 10 if tree.IS_LINUX else largest


def _lower(kind: int, soft: int, hard: int | None = None) -> None:
    """Sets a limit; one that is lower already stays."""
    _, most = resource.getrlimit(kind)
    if most == resource.RLIM_INFINITY:
        most = max(soft, soft if hard is None else hard)
    with contextlib.suppress(ValueError, OSError):  # macOS knows limits that cannot be set
        resource.setrlimit(kind, (min(soft, most), min(soft if hard is None else hard, most)))


def _remove(folder: str) -> None:
    """Removes a folder with all that is in it, also what its owner has been forbidden to enter."""
    try:
        shutil.rmtree(folder)
    except OSError:
        os.chmod(folder, 0o700)
        for inner, folders, _ in os.walk(folder):
            for each in folders:
                path = os.path.join(inner, each)
                with contextlib.suppress(OSError):
                    if not os.path.islink(path):
                        os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def say(message: dict[str, Any]) -> None:
    """Tells the director something, if it is still there."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(message).encode() + b"\n")


def _read_order() -> dict[str, Any] | None:
    """The line with the order; None if the director was gone before it had written it."""
    said = b""
    while not said.endswith(b"\n"):
        more = os.read(sys.stdin.fileno(), READ_BYTES)
        if not more:
            return None
        said += more
    order: dict[str, Any] = json.loads(said)
    return order


def main() -> None:
    """Keeps one process until its end."""
    order = _read_order()
    if order is None:
        return
    try:
        kept = Keeper(order)
    except OSError as error:
        say({"failed": f"{error.filename}: cannot be written: {error.strerror}"})
    else:
        kept.run()


if __name__ == "__main__":
    main()
