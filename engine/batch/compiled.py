"""How functions become machine code here, and the few operations on masks that numba does not have.

`compiled` is for functions that other compiled functions call, `entry` for those that Python calls: their
code is kept on disk, since compiling takes many seconds. It is kept under `NUMBA_CACHE_DIR`, or else under
the user's cache folder, in a folder named after the digest of this package's sources: numba itself looks at
the file of the called function only, and would go on with old code after a change in another. Where nothing
can be written, functions are compiled anew in every process, which is logged. Where code is kept decides
nothing about what it computes.

Masks are `uint64`, bit i for the member i; all else is `int64`. The two must never meet in one operation:
numba would make a float of them.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numpy as np

numba: Final[Any] = import_module("numba")  # not by a statement: it has no types, and may not be there
_extending: Final[Any] = import_module("numba.extending")

F = TypeVar("F", bound=Callable[..., Any])

MAX_BITS: Final = 64
"""Of one mask."""
ZERO: Final = np.uint64(0)
ONE: Final = np.uint64(1)

_log = logging.getLogger(__name__)


def _digest() -> str:
    text = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text.update(path.read_bytes())
    return text.hexdigest()[:16]


def _cache_folder() -> Path | None:
    """A folder that exists and may be written, or None."""
    base = numba.config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "netsiege" / f"batch-{_digest()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("compiled_code_not_kept folder=%s error=%s", folder, error.strerror)
        return None
    return folder if os.access(folder, os.W_OK) else None


_FOLDER: Final = _cache_folder()

# nothing here makes an array or keeps one, so that they need not be counted (`_nrt`); nothing divides by zero
_ALL: Final = {"error_model": "numpy", "_nrt": False}
_INNER: Final = {**_ALL, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def compiled(function: F) -> F:
    """For functions that are called from compiled ones, at every move: they become a part of their callers.

    To pass arrays from function to function would take longer than what most of these do.
    """
    return cast("F", numba.njit(forceinline=True, **_INNER)(function))


def apart(function: F) -> F:
    """For larger functions that are called now and then; not kept on disk by themselves either."""
    return cast("F", numba.njit(**_INNER)(function))


def entry(function: F) -> F:
    """For functions that Python calls. They let go of the interpreter's lock while they run."""
    if _FOLDER is None:
        return cast("F", numba.njit(nogil=True, **_ALL)(function))
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(_FOLDER)
    try:
        return cast("F", numba.njit(nogil=True, cache=True, **_ALL)(function))
    finally:
        numba.config.CACHE_DIR = before


def _operation(emit: Callable[[Any, Any], Any]) -> Any:
    """An operation on a mask that gives an `int64`, by what it emits into LLVM's code."""

    def typed(_context: Any, _mask: Any) -> Any:
        signature = numba.types.int64(numba.types.uint64)
        return signature, lambda _target, builder, _signature, arguments: emit(builder, arguments[0])

    return _extending.intrinsic(typed)


size: Final = _operation(lambda builder, mask: builder.ctpop(mask))
"""How many members a mask has."""
lowest: Final = _operation(
    lambda builder, mask: builder.cttz(mask, import_module("llvmlite.ir").Constant(mask.type.__class__(1), 0))
)
"""The smallest member of a mask; 64 of an empty one."""


@compiled
def bit(i: int) -> Any:
    """The mask of one member."""
    return ONE << np.uint64(i)


@compiled
def has(mask: Any, i: int) -> bool:
    """Whether i is a member."""
    return bool((mask >> np.uint64(i)) & ONE)


@compiled
def select(mask: Any, number: int) -> int:
    """The member with `number` smaller ones; there must be so many."""
    for _ in range(number):
        mask &= mask - ONE
    return int(lowest(mask))
