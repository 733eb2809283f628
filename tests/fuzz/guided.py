"""Guided by coverage: atheris (libFuzzer) in a process of its own, since it never returns.

`run` starts that process and reads its figures; run as a program, this module is that process.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.fuzz.plain import Failure, Outcome
from tests.fuzz.watch import INPUT_LIMIT_S, quietly, watched

_FIGURES: Final = re.compile(r"#(\d+)\s+(\w+) +cov: (\d+) ft: (\d+) .*rss: (\d+)Mb")
_STAT: Final = re.compile(r"stat::(\w+): +(\d+)")
_SHOWN_LINES: Final = 60
_MEMORY_LIMIT_MB: Final = 2_048
"""A process that takes more has run away."""


def is_there() -> bool:
    """Whether atheris is installed: it has wheels for Linux and a few versions of Python only."""
    return importlib.util.find_spec("atheris") is not None


def run(
    name: str, inputs: int | None, seconds: float | None, seed: int, corpus: Path | None = None
) -> Outcome:
    """Runs a target until so many inputs or seconds are over; stops at the first that lets something out.

    What has reached new code is kept in the folder `corpus`, and taken up from there, if there is one.
    """
    with TemporaryDirectory(prefix="netsiege-fuzz-") as scratch:
        folder = corpus / name if corpus is not None else Path(scratch) / "corpus"
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.guided", name, str(folder)]
        command += [f"-seed={seed % ((1 << 32) - 1) + 1}", f"-artifact_prefix={scratch}/found-"]
        command += [f"-runs={inputs}"] if inputs is not None else []
        command += [f"-max_total_time={max(1, round(seconds))}"] if seconds is not None else []
        outcome, started_s = Outcome(name), time.monotonic()
        # coverage would differ from run to run with the order of sets
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as process:
            assert process.stdout is not None
            last = _read(process.stdout, outcome)
        outcome.took_s = time.monotonic() - started_s
        if process.returncode:
            found = sorted(Path(scratch).glob("found-*"))
            outcome.failure = Failure(found[0].read_bytes() if found else b"", "\n".join(last))
        return outcome


def _read(lines: Iterable[str], outcome: Outcome) -> list[str]:
    """Takes the figures in; returns the last of the other lines."""
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    before_mb = 0
    for line in lines:
        told, stat = _FIGURES.match(line), _STAT.match(line)
        if told is not None:
            outcome.inputs, outcome.features = int(told[1]), int(told[4])
            before_mb = before_mb or (int(told[5]) if told[2] == "INITED" else 0)
            outcome.memory_mb = max(outcome.memory_mb, int(told[5]) - (before_mb or int(told[5])))
        elif stat is not None and stat[1] == "number_of_executed_units":
            outcome.inputs = int(stat[2])
        elif stat is not None and stat[1] == "peak_rss_mb":
            outcome.memory_mb = max(outcome.memory_mb, int(stat[2]) - (before_mb or int(stat[2])))
        elif not line.startswith(("INFO:", "WARNING:")):
            last.append(line.rstrip())
    return list(last)


def _modules() -> list[str]:
    """All modules of the package, by name; none of them is imported."""
    spec = importlib.util.find_spec("netsiege")
    assert spec is not None
    found = []
    for place in spec.submodule_search_locations or ():
        for folder, _, files in os.walk(place, followlinks=True):
            parts = ("netsiege", *Path(folder).relative_to(place).parts)
            stems = [Path(file).stem for file in files if file.endswith(".py")]
            found += [".".join(parts if stem == "__init__" else (*parts, stem)) for stem in stems]
    return sorted(found)


def main(arguments: list[str]) -> None:
    """The process: a target's name, a folder with its corpus, and libFuzzer's own options."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415  # an extra, without types

    name, folder, *options = arguments
    quietly()
    catalogue = importlib.import_module("tests.fuzz.catalogue")
    entry = catalogue.TARGETS.get(name, catalogue.Entry(1.0, 1))
    overlooked = [module for module in _modules() if not module.startswith(entry.looks_at)]
    with atheris.instrument_imports(include=["netsiege"], exclude=overlooked):
        target = catalogue.load(name)
        seeds = target.seeds()
    for seed in seeds:
        Path(folder, sha256(seed).hexdigest()[:16]).write_bytes(seed)
    limits = [f"-max_len={target.MAX_BYTES}", f"-timeout={3 * INPUT_LIMIT_S:.0f}", "-print_final_stats=1"]
    limits += [f"-rss_limit_mb={_MEMORY_LIMIT_MB}"]
    atheris.Setup([sys.argv[0], folder, *limits, *options], watched(target.one_input))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
