"""The real NetSecGame as a process that answers questions: see `questions.py`."""

import json
import subprocess
from pathlib import Path


class Original:
    """Started with an interpreter that has `netsecgame`. What it says on stderr is the caller's."""

    def __init__(self, python):
        self._process = subprocess.Popen(
            [python, "-I", str(Path(__file__).with_name("questions.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *asked):
        """The answers to pairs of a question and what it is about."""
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the real NetSecGame has stopped"
        return json.loads(line)

    def close(self):
        self._process.communicate()
