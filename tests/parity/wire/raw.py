"""The driver's part without NetSecGame: our own sockets say the script, where the original is not there."""

import json
import socket
from contextlib import suppress

END = b"EOF"
PATIENCE_S = 30.0
STILL_S = 0.4


class Line:
    """A connection as NetSecGame's agents have one."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._held = b""

    def write(self, data):
        self._socket.sendall(data)

    def read(self, within_s=PATIENCE_S):
        """The next reply; None if none comes in time. ConnectionError at the end of the connection."""
        self._socket.settimeout(within_s)
        while END not in self._held:
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("closed by the server")
            self._held += data
        reply, _, self._held = self._held.partition(END)
        return json.loads(reply)

    def close(self):
        with suppress(OSError):
            self._socket.close()


class RawDriver:
    """`driver.py` in our own process: the same commands, the same answers. Use as a context manager."""

    def __init__(self):
        self._lines, self._early = {}, {}

    def play(self, port, script):
        return [self._answer(port, **command) for command in script]

    def _answer(self, port, do, agent, role=None, action=None, text=None):
        if do == "open":
            self._lines[agent] = Line(port)
        elif do in ("send", "text"):
            said = json.dumps(action) if text is None else text
            self._lines[agent].write(said.encode(errors="surrogateescape"))
        elif do == "take":
            return self._early.pop(agent, None) or self._lines[agent].read()
        elif do == "still":
            reply = self._lines[agent].read(STILL_S)
            if reply is not None:
                self._early[agent] = reply
            return reply is None
        elif do == "close":
            self._lines.pop(agent).close()
            self._early.pop(agent, None)
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        for line in self._lines.values():
            line.close()
