"""A process that has imported everything and forks workers and agents: each a real process, there at once.

`Nursery` starts it and gives it orders. A child ends when it is done, when it is killed, when the nursery is
gone, or when the process that has the `Nursery` is: the nursery kills all of them then, stopped ones too.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import resource
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Self

from netsiege.errors import SiegeError
from netsiege.keys import environment_without_keys
from netsiege.local import end_with_parent

JOBS: Final = {"worker": "netsiege.chaos.workers", "agent": "netsiege.chaos.agents"}
"""What a child can be: the module whose `run` it calls with the order's arguments."""
ANSWER_LIMIT_S: Final = 15.0
"""How long the nursery may take to be there, and to fork."""
END_LIMIT_S: Final = 2.0
"""How long it may take to end with all its children; longer than that ever takes."""


class Nursery:
    """Children on demand. Use as a context manager: at its end there are none."""

    def __init__(self, log: Path) -> None:
        self.ended: dict[int, int] = {}
        """Children that have ended, and how: the exit code, or the signal's number below zero."""
        self.living: set[int] = set()
        self._log = log
        self._answers: queue.Queue[int | None] = queue.Queue()

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # our own interpreter and module
                [sys.executable, "-m", "netsiege.chaos.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=environment_without_keys(),
            )
        self._reader = threading.Thread(target=self._read, name="nursery", daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "code" in told:
                self.living.discard(told["pid"])
                self.ended[told["pid"]] = told["code"]
            else:
                self.living.add(told["pid"])
                self._answers.put(told["pid"])
        self._answers.put(None)

    def start(self, job: str, log: Path, **arguments: Any) -> int:
        """Forks a child that does a job; its number. Raises `SiegeError` if the nursery is gone."""
        assert self._process.stdin is not None
        order = {"job": job, "log": str(log), "arguments": arguments}
        with contextlib.suppress(BrokenPipeError):  # who is gone gives no answer
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        try:
            pid = self._answers.get(timeout=ANSWER_LIMIT_S)
        except queue.Empty:
            pid = None
        if pid is None:
            raise SiegeError(f"the nursery does not start children: {self._log.read_text()[-2_000:]}")
        return pid

    def signal(self, pid: int, number: int) -> bool:
        """Sends a child a signal; False if there is no such child any more."""
        if pid not in self.living:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    def __exit__(self, *_exception: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            for pid in list(self.living):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        self._reader.join(END_LIMIT_S)
        self._process.stdout.close()


# --- in the nursery ---------------------------------------------------------------------------------------


class _Ward:
    """The nursery's own loop: orders from stdin, children's ends from the kernel, news to stdout."""

    def __init__(self) -> None:
        self._jobs: dict[str, Callable[..., int]] = {
            job: import_module(module).run for job, module in JOBS.items()
        }
        gc.collect()
        gc.freeze()  # what is here now is looked at by no child's collector
        self._children: set[int] = set()
        self._orders = sys.stdin.fileno()
        self._wake, wakes = os.pipe()
        self._pipe = (self._wake, wakes)
        for end in self._pipe:
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)

    def run(self) -> None:
        """Until stdin ends; then kills every child."""
        said = b""
        while True:
            ready, _, _ = select.select([self._orders, self._wake], [], [])
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4_096)
                self._reap()
            if self._orders in ready:
                read = os.read(self._orders, 1 << 16)
                if not read:
                    break
                *lines, said = (said + read).split(b"\n")
                for line in lines:
                    self._fork(json.loads(line))
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._children.discard(pid)
            _tell({"pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def _fork(self, order: dict[str, Any]) -> None:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            _tell({"pid": pid})
            return
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            for end in self._pipe:
                os.close(end)
            _make_a_home(order["log"])
            end_with_parent(os.getppid())
            code = self._jobs[order["job"]](**order["arguments"])
        except BaseException:  # the edge of the process
            import traceback  # noqa: PLC0415  # only who fails needs it

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)


def _make_a_home(log: str) -> None:
    """The child's own files instead of the nursery's; no core files, which a SIGSEGV would leave."""
    nothing = os.open(os.devnull, os.O_RDWR)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, file in ((0, nothing), (1, nothing), (2, written)):
        os.dup2(file, number)
    os.close(nothing)
    os.close(written)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _tell(news: dict[str, int]) -> None:
    line = json.dumps(news).encode() + b"\n"
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more: stdin has ended too, then
        os.write(1, line)


def main() -> None:
    """The nursery's process. Its parent's end is the end of stdin, and Ctrl-C is its parent's business."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _Ward().run()


if __name__ == "__main__":
    main()
