import os
import signal
from functools import partial

import pytest

from netsiege import cores
from netsiege.cores import CHUNK, each
from netsiege.errors import ConfigError, SiegeError


@pytest.fixture(autouse=True)
def _many_cores(monkeypatch):
    monkeypatch.setattr(cores, "WORTH_IT", 10)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1, 2})


def _times(factor, item):
    return os.getpid(), factor * item


def _make(factor):
    return partial(_times, factor)


def _refusing():
    return _refuse


def _refuse(item):
    if item == 40:
        raise ConfigError("not this one")
    return item


def _dying():
    return _die


def _die(_item):
    os.kill(os.getpid(), signal.SIGKILL)


def _interrupted():
    return _interrupt


def _interrupt(item):
    os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does to all processes of a terminal
    return item


def test_items_come_out_in_order_from_other_processes():
    done = list(each(partial(_make, 3), range(200), 200))
    assert [value for _, value in done] == list(range(0, 600, 3))
    processes = {process for process, _ in done}
    assert len(processes) <= 3
    assert os.getpid() not in processes


@pytest.mark.parametrize("total", [0, 1, 19])
def test_few_items_stay_here(total):
    done = list(each(partial(_make, 3), range(total), total))
    assert {process for process, _ in done} <= {os.getpid()}
    assert len(done) == total


def test_no_more_is_taken_than_is_needed():
    taken = []
    items = (taken.append(i) or i for i in range(100_000))
    looked = each(partial(_make, 1), items, 100_000)
    assert next(looked)[1] == 0
    assert len(taken) <= 10 * CHUNK
    looked.close()


def test_what_the_function_raises_is_raised_here():
    looked = each(_refusing, range(200), 200)
    assert [next(looked) for _ in range(CHUNK)] == list(range(CHUNK))
    with pytest.raises(ConfigError, match="not this one"):
        list(looked)


def test_process_that_is_killed_is_no_hang():
    with pytest.raises(SiegeError, match="has been killed"):
        list(each(_dying, range(200), 200))


def test_helpers_leave_an_interrupt_to_whom_they_help():
    assert list(each(_interrupted, range(100), 100)) == list(range(100))
