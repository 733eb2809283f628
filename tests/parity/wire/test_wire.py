"""Our gateway against the real NetSecGame's server, reply by reply, as NetSecGame's own agents hear them.

`cases.py` says what is played, `sessions.plain` what is compared: all of a reply, but for the client's own
address, the configuration's hash, the order within lists, and what exactly a malformed request is told.
"""

import pytest

from tests.parity.wire.cases import DETECTION, LONG, SHORT
from tests.parity.wire.ends import OriginalServer, OurServer
from tests.parity.wire.sessions import Session, differences, plain

QUICK = ("two_networks_tiny-fw", "attacker-defender", "whitebox")
"""Some of each kind; `test_golden` has more of them without the original."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case.name in QUICK else pytest.mark.soak, id=case.name)
        for case in SHORT
    ],
)
def test_gateway_answers_as_the_original(compare, case):
    compare(case)


def test_detection_is_told_as_the_original_tells_it(python, driver, tmp_path):
    task, last = tmp_path / "task.yaml", []
    task.write_text(DETECTION.task)
    for start in (lambda: OriginalServer(python, task, tmp_path), lambda: OurServer(task, tmp_path)):
        with start() as server:
            session = Session(driver, server.port)
            DETECTION.talk(session)
            last.append(plain(session.replies()[-1]))
            session.close()
    assert not differences(*last)
    assert last[1]["observation"]["info"] == {"end_reason": "AgentStatus.Fail"}


@pytest.mark.soak
@pytest.mark.parametrize("case", LONG, ids=lambda case: case.name)
def test_gateway_answers_long_games_as_the_original(compare, case):
    compare(case)
