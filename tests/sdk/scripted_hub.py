"""A hub on a real socket that says what the test has written down, in a thread of its own."""

import contextlib
import threading
import time

import zmq

from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, Hello, Kind
from tests.sdk.hub_frames import TOKEN, frame, full, refusal, resumed, seated, welcome

PATIENCE_S = 10
"""How long anything that a test expects may take; nothing waits for so long unless it is broken."""


def wait_until(condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "this has not come about"
        time.sleep(0.002)


class Heard:
    """A message that a client has sent."""

    def __init__(self, peer, sent):
        _, kind, self.handle, self.request = AGENT_HEAD.unpack_from(sent)
        self.peer, self.kind, self.body = peer, Kind(kind), sent[HEAD_BYTES:]


class ScriptedHub:
    """What a script may do: hear, say, and cut everyone off."""

    def __init__(self):
        self._context = zmq.Context()
        self.port = 0
        self.up()

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.port}"

    def up(self):
        """Listens, at the port that it has had before."""
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 200
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._router.bind(f"tcp://127.0.0.1:{self.port or '*'}")
                break
            except zmq.ZMQError:  # the last socket's thread has not let go of the port yet
                assert time.monotonic() < deadline_s
                time.sleep(0.005)
        self.port = int(self._router.last_endpoint.rsplit(b":", 1)[1])

    def down(self):
        """Ends every connection, and takes no more."""
        self._router.close(200)

    def hear(self, *kinds):
        """The next message, which must be one of some kinds."""
        assert self._router.poll(PATIENCE_S * 1_000), f"expected {kinds}, heard nothing"
        heard = Heard(*self._router.recv_multipart())
        assert heard.kind in kinds, f"expected {kinds}, heard {heard.kind!r}"
        return heard

    def say(self, heard, kind, body=b"", *, handle=None, request=None):
        """Answers a message, or says something else to whoever sent it."""
        handle = heard.handle if handle is None else handle
        request = heard.request if request is None else request
        self.send(heard, frame(kind, handle, request, body))

    def send(self, heard, sent):
        self._router.send_multipart([heard.peer, sent])

    # --- what most scripts begin with ---------------------------------------------------------------------

    def welcome(self, seats=(), lost=(), token=None):
        """Hears a HELLO with `token` and says WELCOME."""
        hello = self.hear(Kind.HELLO)
        assert Hello.decode(hello.body).token == token
        self.send(hello, welcome(hello.request, seats, lost))
        return hello

    def welcome_back(self, *seats, lost=()):
        return self.welcome(seats, lost, TOKEN)

    def seat(self, handle=7):
        """Hears a JOIN and grants it."""
        join = self.hear(Kind.JOIN)
        self.say(join, Kind.SEATED, seated(full(reward=0)), handle=handle)
        return join

    def resume(self, hello, handle, answered, observation):
        self.send(hello, resumed(handle, answered, observation))

    def refuse(self, heard, code, text="no", request=None):
        self.say(heard, Kind.ERROR, refusal(code, text), request=request)

    def drop(self):
        """Cuts everyone off, once."""
        self.down()
        self.up()


@contextlib.contextmanager
def scripted_hub(script):
    """Runs `script(hub)` beside the test; what fails there fails the test."""
    hub = ScriptedHub()
    failures = []

    def run():
        try:
            script(hub)
        except BaseException as error:  # the test's thread is to hear of it, whatever it is
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield hub
    finally:
        thread.join(2 * PATIENCE_S)
        hub.down()
        hub._context.term()
        if failures:
            raise failures[0]
