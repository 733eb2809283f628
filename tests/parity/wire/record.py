"""Records `golden.json.gz`: `python -m tests.parity.wire.record`, with the real NetSecGame.

What its server answered to some of the cases, so that the gateway is checked where the original is not.
Replies are kept as they are compared.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

from tests.parity.real import HOW, interpreter
from tests.parity.wire.cases import SHORT
from tests.parity.wire.ends import Driver, OriginalServer
from tests.parity.wire.sessions import Session, plain

GOLDEN = Path(__file__).with_name("golden.json.gz")
KEPT = (
    "two_networks_tiny-fw",
    "attacker-defender-benign",
    "false-positives",
    "patience",
    "last-step",
    "manners",
)


def recorded(python, case, folder):
    """A case's task, script and answers."""
    task = Path(folder, "task.yaml")
    task.write_text(case.task)
    with OriginalServer(python, task, folder, *case.kind.split()) as server, Driver(python, folder) as driver:
        session = Session(driver, server.port)
        case.talk(session)
        session.close()
    answers = [plain(answer) for answer in session.answers]
    return {"name": case.name, "task": case.task, "script": session.script, "answers": answers}


def main():
    python = interpreter()
    if python is None:
        sys.exit(HOW)
    with tempfile.TemporaryDirectory() as folder:
        found = [recorded(python, case, folder) for case in SHORT if case.name in KEPT]
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    with gzip.GzipFile(GOLDEN, "wb", mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
