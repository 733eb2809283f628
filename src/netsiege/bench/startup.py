"""How long it takes until something happens: `netsiege bench startup`.

`help` is all of `netsiege --help`. `play` is from the start of `netsiege play` until its attacker has the
answer to its first step: a hub, a worker and two agents have started by then. `worker` is from the start of
`netsiege worker` until its hub hears that it is ready. `python` is Python alone, with the library of the
command line, and the baseline of all three. `cpu` is what the processes have run: the figure that other work
on the machine disturbs least.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import zmq

from netsiege.bench.first_step import VARIABLE, FirstStep
from netsiege.errors import SiegeError
from netsiege.figures import Row, figures_of
from netsiege.keys import environment_without_keys
from netsiege.local import Children
from netsiege.protocol import Kind

ROUNDS: Final = 9
QUICK_ROUNDS: Final = 3
LIMITS_S: Final = {"startup.help": 0.25, "startup.play": 1.5, "startup.worker": 0.5}
"""What is to be reached."""
PATIENCE_S: Final = 60.0
PYTHON: Final = "import typer, typer.main"
_SELF: Final = (sys.executable, "-m", "netsiege")


def run(
    quick: bool = False, *, rounds: int | None = None, progress: Callable[[str], None] = lambda line: None
) -> list[dict[str, Any]]:
    """Measures; each figure as `netsiege.figures` has it. `quick` takes fewer rounds.

    `progress` hears of each round as it begins. Raises `SiegeError` if a command fails.
    """
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    rows = _rows()
    with tempfile.TemporaryDirectory(prefix="netsiege-bench-") as folder:
        measures: dict[str, Callable[[], float]] = {
            "startup.python": lambda: _whole((sys.executable, "-c", PYTHON)),
            "startup.help": lambda: _whole((*_SELF, "--help")),
            "startup.play": lambda: _play(Path(folder) / "first_step"),
            "startup.worker": _worker,
        }
        for number in range(rounds + 1):
            if number:
                progress(f"round {number} of {rounds}")
            for name, measure in measures.items():
                spent_s = _children_s()
                took_s = measure()
                if number == 0 and name == "startup.help":  # by now all that is read is in the cache
                    break
                if number:
                    rows[name].values.append(took_s)
                    rows[f"{name}.cpu"].values.append(_children_s() - spent_s)
    return figures_of(rows.values())


def _rows() -> dict[str, Row]:
    rows = []
    for name in ("startup.python", *LIMITS_S):
        for part in ("", ".cpu"):
            baseline = None if name == "startup.python" else f"startup.python{part}"
            limit = None if part else LIMITS_S.get(name)
            rows.append(Row(f"{name}{part}", "s", False, baseline, limit=limit))
    return {row.name: row for row in rows}


def _children_s() -> float:
    """What all processes have run that have ended, and theirs."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _whole(argv: Sequence[str], **environment: str) -> float:
    """Seconds from the start to the end. Raises `SiegeError` if it is not a good one."""
    began_s = time.monotonic()
    try:
        ended = subprocess.run(  # noqa: S603  # our own commands
            argv,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env={**environment_without_keys(), **environment},
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise SiegeError(f"{' '.join(argv[:4])} has not ended within {PATIENCE_S:g} s") from None
    if ended.returncode:
        raise SiegeError(f"{' '.join(argv[:4])} ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
    return time.monotonic() - began_s


def _play(note: Path) -> float:
    note.unlink(missing_ok=True)
    agent = f"{FirstStep.__module__}:{FirstStep.__name__}"
    began_s = time.monotonic()
    _whole((*_SELF, "play", "--attacker", agent, "--episodes", "1", "--seed", "1"), **{VARIABLE: str(note)})
    return float(note.read_text()) - began_s


def _worker() -> float:
    """The hub is a socket here, which waits for the first word."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.ROUTER) as hub, Children() as children:
            port = hub.bind_to_random_port("tcp://127.0.0.1")
            began_s = time.monotonic()
            address = f"tcp://127.0.0.1:{port}"
            worker = children.start("worker", "--hub", address, "--parent", str(os.getpid()))
            while not hub.poll(200):
                if worker.code is not None or time.monotonic() - began_s > PATIENCE_S:
                    raise SiegeError(f"the worker does not get ready: {worker.last_words()}")
            frame = hub.recv_multipart()[-1]
            if frame[1] != Kind.READY:
                raise SiegeError(f"the worker's first word is {frame[:40]!r}")
            return time.monotonic() - began_s
    finally:
        context.destroy(0)
