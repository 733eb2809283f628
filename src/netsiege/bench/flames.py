"""Flame graphs: `netsiege bench --profile OUT.svg BENCHMARK`, by py-spy.

The benchmark runs as a child of py-spy, which may look into its descendants everywhere: into the benchmark,
and into every Python process that it starts. The graph has a column for each. Figures of such a run are
slower.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from netsiege.errors import ConfigError, SiegeError

OPTION: Final = "--profile"
RATE_HZ: Final = 50
"""More would take more of the machine than there is beside a hub at work."""
FAILED: Final = 1
BESIDE: Final = str(Path(sys.executable).parent)
"""Where programs of this environment are, on the path or not."""
GRACE_S: Final = 20.0
"""How long it may take to end in order, and to write what there is."""

_BENCHMARK: Final = """
import contextlib, os, sys
os.dup2(int(sys.argv.pop(1)), 1)
tells = int(sys.argv.pop(1))
from netsiege.__main__ import run
try:
    run()
except SystemExit as ended:
    with contextlib.suppress(BrokenPipeError):
        os.write(tells, str(ended.code or 0).encode())
    raise
"""
"""`netsiege`, but for where it prints, and that it tells its exit code: the profiler keeps that to itself."""


def write_flames(out: Path, argv: Sequence[str]) -> int:
    """Runs the command line `argv`, without its `--profile`, under py-spy; returns the exit code.

    Raises `ConfigError` if py-spy is missing or the file cannot be written, `SiegeError` if there is none
    after all.
    """
    program = _find()
    _check(out)
    options = ["--subprocesses", "--nonblocking", "--rate", str(RATE_HZ), "--output", str(out)]
    before = out.stat().st_mtime_ns if out.exists() else None
    hears, tells = os.pipe()
    with _own_stdout() as stdout, open(hears, "rb") as heard:
        words = [str(stdout), str(tells), *without_option(argv[1:])]
        benchmark = [sys.executable, "-c", _BENCHMARK, *words]
        child = subprocess.Popen(  # noqa: S603  # a profiler, and our own command
            [program, "record", *options, "--", *benchmark],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=(stdout, tells),
        )
        os.close(tells)
        try:
            code = child.wait()
        except BaseException:
            _interrupt(child)
            raise
        code = int(heard.read() or code or FAILED)
    if not out.exists() or out.stat().st_mtime_ns == before:
        raise SiegeError(f"py-spy has written no {out}: it says why above")
    print(f"netsiege: the flame graph is in {out}", file=sys.stderr)  # noqa: T201  # a command's last word
    return code


@contextlib.contextmanager
def _own_stdout() -> Iterator[int]:
    """Where the benchmark prints: the profiler's own words are not to be among its figures."""
    copy = os.dup(1)
    try:
        yield copy
    finally:
        os.close(copy)


def without_option(argv: Sequence[str]) -> list[str]:
    """The words without `--profile FILE` and `--profile=FILE`."""
    words, left = [], iter(argv)
    for word in left:
        if word == OPTION:
            next(left, None)
        elif not word.startswith(f"{OPTION}="):
            words.append(word)
    return words


def _find() -> str:
    program = shutil.which("py-spy", path=BESIDE) or shutil.which("py-spy")
    if program is None:
        raise ConfigError(f"{OPTION}: needs py-spy, which is not installed: pip install 'netsiege[bench]'")
    return program


def _check(out: Path) -> None:
    folder = out.resolve().parent
    if out.suffix != ".svg":
        raise ConfigError(f"{OPTION}: {out}: a flame graph is written as .svg")
    if out.is_dir() or not folder.is_dir() or not os.access(out if out.exists() else folder, os.W_OK):
        raise ConfigError(f"{OPTION}: {out}: cannot be written")


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    """Ends profiler and benchmark as Ctrl-C does: the latter ends what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
