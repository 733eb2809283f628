"""The program that makes the benchmark's load: `bench_load.c`, compiled on the spot, else `bench_load.py`.

It is linked with the libzmq that pyzmq brings along (or was built with), so that both ends of a connection
are the same library, and nothing need be installed but a compiler.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import zmq
from attrs import frozen

SOURCE: Final = Path(__file__).with_name("bench_load.c")
COMPILERS: Final = ("cc", "gcc", "clang")
COMPILE_S: Final = 60.0
"""How long a compiler may take: it usually needs less than a second."""


@frozen
class Program:
    """How the program is called: `argv`, then what `bench_load.c` says at its head.

    `why_slow` says why it is not the compiled one, "" if it is.
    """

    argv: tuple[str, ...]
    why_slow: str = ""


def build_program(directory: Path, use_compiler: bool = True) -> Program:
    """Compiles the load into `directory`, or falls back to Python, whose figures are those of the load."""
    python = (sys.executable, "-m", "netsiege.hub.bench_load")
    if not use_compiler:
        return Program(python, "the load is in Python")
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        return Program(python, "there is no C compiler, so the load is in Python")
    program = directory / "bench_load"
    for link in _links():
        command = [compiler, "-O2", "-o", str(program), str(SOURCE), *link]
        if _succeeds(command) and _succeeds([str(program), "check"]):
            return Program((str(program),))
    return Program(python, "bench_load.c does not compile here, so the load is in Python")


def _links() -> Iterator[list[str]]:
    """What tells the linker where libzmq is: the bundled ones first, then what the system has."""
    package = Path(zmq.__file__).parent
    places = [package.parent / "pyzmq.libs", package / ".dylibs", package, package / "backend" / "cython"]
    places += map(Path, zmq.get_library_dirs())
    for place in dict.fromkeys(places):
        libraries = [*place.glob("libzmq*.so*"), *place.glob("libzmq*.dylib")]
        for library in sorted(libraries):
            yield [str(library), f"-Wl,-rpath,{place}"]
    yield ["-lzmq"]


def _succeeds(command: list[str]) -> bool:
    try:
        return not subprocess.run(  # noqa: S603  # our own compiler call, and what it made
            command, capture_output=True, timeout=COMPILE_S, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False
