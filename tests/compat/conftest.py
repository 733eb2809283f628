import pytest

from tests.compat.original import Original
from tests.e2e.conftest import RunningHub
from tests.parity.real import HOW, interpreter


@pytest.fixture(scope="session")
def original():
    """The real NetSecGame, if there is one."""
    python = interpreter()
    if python is None:
        pytest.skip(HOW)
    real = Original(python)
    yield real
    real.close()


@pytest.fixture(scope="module")
def hub():
    """A hub with a worker: any number of matches of one attacker."""
    running = RunningHub("--workers", "1", "--seed", "4")
    yield running
    assert "Traceback" not in running.stop()
