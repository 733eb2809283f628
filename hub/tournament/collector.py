"""Python's collector of garbage, kept out of the way of those who make very many objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collector() -> Iterator[None]:
    """For making many objects that stay: looking for garbage among them would take as long again.

    Afterwards they count as old, so that the next look at the young ones does not go through them either.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
