"""The other end of `original.py`: the real NetSecGame, asked from our tests."""

import json
import os
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

VARIABLE = "NETSIEGE_NSG_PYTHON"
HOW = f"needs the real NetSecGame: set {VARIABLE} to a Python 3.12 that has netsecgame[server]==0.2.0"
PATIENCE_S = 600


def interpreter():
    """The interpreter that can import `netsecgame`, or None."""
    return os.environ.get(VARIABLE) or None


class Original:
    """A process running `original.py`."""

    def __init__(self, python):
        self._folder = tempfile.TemporaryDirectory()
        self._errors = Path(self._folder.name, "stderr").open("w+")  # noqa: SIM115  # closed by `close`
        self._process = subprocess.Popen(
            [python, "-I", str(Path(__file__).with_name("original.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=self._folder.name,
        )

    def ask(self, *commands):
        """The answers to the commands. Fails with the process's last words if it gives none."""
        guard = threading.Timer(PATIENCE_S, self._process.kill)
        guard.start()
        try:
            self._process.stdin.write(json.dumps(commands) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            guard.cancel()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise AssertionError(f"the real NetSecGame has stopped:\n{self._errors.read()[-4000:]}")
        return json.loads(line)

    def close(self):
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()
        self._errors.close()
        self._folder.cleanup()
