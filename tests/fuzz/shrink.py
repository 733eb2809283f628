"""The least of an input that still lets the same thing out."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Final

BUDGET_S: Final = 20.0

Escape = tuple[str, str]
"""The type of what was raised, and the line that raised it."""


def escape_of(one_input: Callable[[bytes], None], data: bytes) -> Escape | None:
    """What an input lets out; None if nothing."""
    try:
        one_input(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, it has escaped
        where = traceback.extract_tb(error.__traceback__)[-1]
        return type(error).__name__, f"{where.filename}:{where.lineno}"
    return None


def shrunk(one_input: Callable[[bytes], None], data: bytes, budget_s: float = BUDGET_S) -> bytes:
    """`data` without what can be left out, and with zeros where the value does not matter.

    Stops after `budget_s`, wherever it is. What lets nothing out is returned as it is.
    """
    wanted, until_s = escape_of(one_input, data), time.monotonic() + budget_s
    if wanted is None:
        return data
    size = len(data)
    while size:
        at = 0
        while at < len(data) and time.monotonic() < until_s:
            less = data[:at] + data[at + size :]
            if escape_of(one_input, less) == wanted:
                data = less
            else:
                at += size
        size //= 2
    for at in range(len(data)):
        calm = data[:at] + b"\0" + data[at + 1 :]
        if data[at] and time.monotonic() < until_s and escape_of(one_input, calm) == wanted:
            data = calm
    return data
