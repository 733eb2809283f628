"""How a hub is broken on purpose: one function of it is another one for as long as a context lasts."""

import contextlib
from functools import wraps

MUTANTS = {}
"""Name -> a context manager within which the hub is broken."""
NEEDS = {}
"""Name -> the kinds of faults without which it behaves like the real one."""


def mutant(*needs):
    """Makes a generator function, which yields once, a mutant of its name."""

    def register(make):
        MUTANTS[make.__name__] = contextlib.contextmanager(make)
        NEEDS[make.__name__] = frozenset(needs)
        return MUTANTS[make.__name__]

    return register


@contextlib.contextmanager
def replaced(owner, name, make):
    """`owner.name` is what `make` makes of it. Raises `AttributeError` if there is no such thing any more."""
    original = getattr(owner, name)
    setattr(owner, name, wraps(original)(make(original)))
    try:
        yield
    finally:
        setattr(owner, name, original)
