"""`netsiege …` in the tests' own process: what a command says and how it ends, without starting one.

For commands that end by themselves. Signals, terminals, and what is written while the interpreter ends need
a process: see `tests.e2e.conftest.netsiege`.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from typing import NoReturn
from unittest import mock

import pytest

from netsiege.__main__ import run

LIMIT_S = 60
"""A command that takes longer fails its test, and says where it was."""


def command(*words: object, cwd: str | os.PathLike[str] | None = None) -> CompletedProcess[str]:
    """Runs `netsiege WORDS` as its process would: exit code, stdout and stderr; the latter are no terminals.

    What a command may change in a process is as before afterwards. Only for the main thread.
    """
    out, errors = io.StringIO(), io.StringIO()
    argv = ["netsiege", *map(str, words)]
    with ExitStack() as changed:
        changed.enter_context(_as_it_was(cwd))
        changed.enter_context(mock.patch.object(sys, "argv", argv))
        changed.enter_context(redirect_stdout(out))
        changed.enter_context(redirect_stderr(errors))
        changed.enter_context(_limited())
        with pytest.raises(SystemExit) as ended:
            run()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return CompletedProcess(argv, code or 0, out.getvalue(), errors.getvalue())


@contextmanager
def _as_it_was(cwd: str | os.PathLike[str] | None) -> Iterator[None]:
    """A folder to work in; then folder, environment, signal handlers and logging as they were."""
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    before = os.getcwd()
    with mock.patch.dict(os.environ):
        root.handlers.clear()
        try:
            os.chdir(before if cwd is None else cwd)
            yield
        finally:
            os.chdir(before)
            root.setLevel(level)
            root.handlers[:] = handlers
            for number, handler in signals.items():
                signal.signal(number, handler)


@contextmanager
def _limited() -> Iterator[None]:
    def give_up(_number: int, _frame: object) -> NoReturn:
        pytest.fail(f"the command did not end within {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
