"""The processes of a comparison over the wire: the original's server, our gateway, and who plays on both.

Each is killed when it has run for `LIFETIME_S`, whatever it waits for, and ends with its context.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

HERE = Path(__file__).parent
LIFETIME_S = 600
GRACE_S = 10


class Program:
    """A child whose output is read line by line. Use as a context manager."""

    end_with = signal.SIGKILL

    def __init__(self, argv, folder):
        self._errors = Path(folder, f"stderr-{os.urandom(4).hex()}").open("w+")  # noqa: SIM115  # closed below
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=folder,
            env={name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
            | {"PYTHONHASHSEED": "0"},
        )
        self._guard = threading.Timer(LIFETIME_S, self._process.kill)
        self._guard.daemon = True
        self._guard.start()

    def tell(self, line):
        with suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def line(self):
        """The next line. Fails with the last words of a process that has ended instead."""
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise AssertionError(f"{self._process.args} has ended:\n{self.last_words()}")
        return line

    def last_words(self):
        self._errors.seek(0)
        return self._errors.read()[-4000:]

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._process.send_signal(self.end_with)
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._guard.cancel()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()
        self.said = self.last_words()
        self._errors.close()


class OriginalServer(Program):
    """The real NetSecGame; its kind is one of the options that `serve.py` names, or none."""

    def __init__(self, python, task, folder, *kind):
        super().__init__([python, "-P", "-s", str(HERE / "serve.py"), str(task), *kind], folder)
        self.port = json.loads(self.line())["port"]


class OurProgram(Program):
    """A command of `netsiege` that announces where it listens, and has children to end."""

    end_with = signal.SIGTERM

    def __init__(self, folder, *words):
        super().__init__([sys.executable, "-m", "netsiege", *map(str, words)], folder)

    def address(self, word):
        while True:
            said, _, rest = self.line().partition(" ")
            if said == word:
                return rest.split()[0].rstrip(",")


class OurServer:
    """A hub with a worker, and a gateway in front of it. Use as a context manager."""

    def __init__(self, task, folder, *options):
        self._ends = ExitStack()
        with ExitStack() as ends:
            loopback = ("--bind", "tcp://127.0.0.1:0", "--workers-bind", "tcp://127.0.0.1:0")
            self.hub = ends.enter_context(OurProgram(folder, "hub", "--task", task, *loopback))
            self.hub_address = self.hub.address("agents")
            words = ("gateway", "--hub", self.hub_address, "--listen", "127.0.0.1:0", *options)
            self.gateway = ends.enter_context(OurProgram(folder, *words))
            self.port = int(self.gateway.address("clients").rsplit(":", 1)[1])
            self._ends = ends.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._ends.close()
        for program in (self.gateway, self.hub):
            assert "Traceback" not in program.said, program.said


class Driver(Program):
    """NetSecGame's agents in a process of their own: see `driver.py`."""

    def __init__(self, python, folder):
        super().__init__([python, "-P", "-s", str(HERE / "driver.py")], folder)

    def play(self, port, script):
        """The answers to the commands of a script."""
        self.tell(json.dumps({"port": port, "script": script}))
        return json.loads(self.line())
