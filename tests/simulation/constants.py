"""The hub's and engine's constants, made so small that what they are about happens within seconds."""

import contextlib
import gc
import importlib
import logging

from tests.simulation.specs import compiled

FORGET_EVERY_TURNS = 25
FILE_AFTER_TURNS = 60
FILE_AT_ONCE = 2


def _changes(plan):
    return {
        "netsiege.engine.host": {
            "SNAPSHOT_EVENTS": plan.snapshot_events,
            "SNAPSHOT_BYTES_PER_EVENT": 1 << 20,
            # compiled specs are shared by all, which changes nothing but the time it takes
            "compile_spec": compiled,
        },
        "netsiege.hub.leasing": {"PROGRESS_LIMIT_S": 4.0, "SLEPT_S": 1.0, "SUSPICION_S": 10.0},
        "netsiege.hub.ledger": {"FILE_AFTER_TURNS": FILE_AFTER_TURNS, "FILE_AT_ONCE": FILE_AT_ONCE},
        "netsiege.hub.loop": {
            "FORGET_EVERY_TURNS": FORGET_EVERY_TURNS,
            "DRAIN_MAX": plan.drain_max,
            "DRAIN_S": float("inf"),
        },
        "netsiege.hub.turns": {"FILE_BYTES": 256},
        "netsiege.hub.door": {"REMEMBER_S": 5.0},
    }


@contextlib.contextmanager
def small(plan):
    """Within it, they are. Raises `AttributeError` for one that is not where it was."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    collects = gc.isenabled()
    gc.disable()  # a run is over before there is anything to collect: a fifth of its time
    with contextlib.ExitStack() as undo:
        undo.callback(logging.disable, disabled)
        if collects:
            undo.callback(gc.enable)
        for where, constants in _changes(plan).items():
            module = importlib.import_module(where)
            for name, value in constants.items():
                undo.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, value)
        yield
