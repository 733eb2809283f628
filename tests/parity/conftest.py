import pytest

from tests.parity.real import HOW, Original, interpreter


@pytest.fixture(scope="session")
def original():
    """The real NetSecGame, if there is one."""
    python = interpreter()
    if python is None:
        pytest.skip(HOW)
    real = Original(python)
    yield real
    real.close()
