import pytest

from tests.parity.real import HOW, interpreter
from tests.parity.wire.ends import Driver, OriginalServer, OurServer
from tests.parity.wire.sessions import Session, again, check_alike


@pytest.fixture(scope="session")
def python():
    """The interpreter that has NetSecGame."""
    found = interpreter()
    if found is None:
        pytest.skip(HOW)
    return found


@pytest.fixture(scope="session")
def driver(python, tmp_path_factory):
    """NetSecGame's own agents."""
    with Driver(python, tmp_path_factory.mktemp("driver")) as running:
        yield running


@pytest.fixture
def compare(python, driver, tmp_path):
    """Plays a case on the original, says the same to our gateway, and compares the replies."""

    def both(case):
        task = tmp_path / "task.yaml"
        task.write_text(case.task)
        with OriginalServer(python, task, tmp_path, *case.kind.split()) as original:
            session = Session(driver, original.port)
            case.talk(session)
            session.close()
        assert session.replies()
        options = [*case.options, *(["--task", task] if case.options else [])]
        with OurServer(task, tmp_path, *options) as ours:
            check_alike(session.script, session.answers, again(driver, ours.port, session.script))

    return both
