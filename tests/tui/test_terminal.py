"""`netsiege tui` in a terminal of its own: it is left in order, whenever and however, and the hub may go."""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("textual")

from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS
from netsiege.tui import local_game as local_module
from netsiege.tui.app import SiegeApp
from netsiege.tui.game import HumanAgent
from netsiege.tui.local_game import ROOM, local_game
from tests.lengths import lasting
from tests.tui.games import playing, screen

DEADLINE_S = 30.0
ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
"""To the terminal's other screen, and back."""
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"
"""The cursor."""
PROCESSES = Path("/proc")
needs_proc = pytest.mark.skipif(not PROCESSES.exists(), reason="finds what is left running in /proc")


class Terminal:
    """A terminal of 80 by 24 and the command that runs in it. `said` is all that was written to it."""

    def __init__(self, *options):
        self.mark = f"{uuid.uuid4()}"
        self._ours, self._its = pty.openpty()
        termios.tcsetwinsize(self._its, (24, 80))
        self.before = termios.tcgetattr(self._its)
        self.said = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netsiege", "tui", *options],
            stdin=self._its,
            stdout=self._its,
            stderr=self._its,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "NETSIEGE_TEST_MARK": self.mark},
        )

    def read(self, wait_s):
        while select.select([self._ours], [], [], wait_s)[0]:
            self.said += os.read(self._ours, 65_536)

    def until(self, is_so):
        deadline_s = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline_s, f"it did not come to that: {self.said[-2_000:]!r}"
            self.read(0.02)

    def until_shown(self, words):
        self.until(lambda: words in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.said))

    def press(self, keys):
        os.write(self._ours, keys)

    def running(self):
        """The processes that it has started and that are still there, and itself."""
        return [pid for pid in map(_number, PROCESSES.iterdir()) if pid and _has(pid, self.mark.encode())]

    def check_left_in_order(self, code):
        self.until(lambda: self.process.poll() is not None)
        self.read(0)
        assert self.process.returncode == code, self.said[-2_000:]
        for word in (b"Traceback", b"Exception ignored", b"Error"):
            assert word not in self.said
        assert self.said.count(ENTERED) == self.said.count(LEFT)
        assert self.said.rfind(HIDDEN) <= self.said.rfind(SHOWN)
        assert termios.tcgetattr(self._its) == self.before
        if PROCESSES.exists():
            self.until(lambda: not self.running())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._its)


def _number(path):
    return int(path.name) if path.name.isdigit() else 0


def _has(pid, mark):
    try:
        is_dead = (PROCESSES / f"{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return not is_dead and mark in (PROCESSES / f"{pid}/environ").read_bytes()
    except OSError:
        return False


@contextmanager
def terminal(*options):
    opened = Terminal(*options)
    try:
        yield opened
    finally:
        opened.close()


def test_sigterm_while_the_screen_is_drawn_for_the_first_time_ends_in_order():
    with terminal("--seed", "7") as shown:
        shown.until(lambda: ENTERED in shown.said)
        shown.process.send_signal(signal.SIGTERM)
        shown.check_left_in_order(143)


@needs_proc
def test_sigterm_while_the_hub_starts_ends_in_order():
    with terminal("--seed", "7") as shown:
        shown.until(lambda: len(shown.running()) > 1)
        shown.process.send_signal(signal.SIGTERM)
        shown.check_left_in_order(143)
        assert ENTERED not in shown.said


def test_hub_elsewhere_is_joined_and_ctrl_c_leaves_it():
    with (
        local_game("two_networks_tiny", None, AgentRole.Attacker, 7) as game,
        terminal("--hub", game.address, "--room", ROOM) as shown,
    ):
        shown.until_shown(b"Your move")
        shown.press(b"\x03")
        shown.check_left_in_order(130)


@pytest.mark.soak
@needs_proc
@pytest.mark.parametrize("after_s", [n / 10 for n in range(0, 31, lasting(6, 3))])
def test_sigterm_at_any_moment_ends_in_order(after_s):
    with terminal("--seed", "7") as shown:
        begun_s = time.monotonic()
        shown.until(lambda: time.monotonic() - begun_s >= after_s)
        shown.process.send_signal(signal.SIGTERM)
        # a command that is still loading is ended by the signal itself
        shown.until(lambda: shown.process.poll() is not None)
        shown.check_left_in_order(shown.process.returncode)
        assert shown.process.returncode in (143, -signal.SIGTERM)


class TestHubThatDies:
    def test_move_says_so_and_the_screen_stays(self, monkeypatch):
        asyncio.run(self._play(monkeypatch, self._pass, 0.5))

    def test_it_is_said_while_the_player_thinks(self, monkeypatch):
        asyncio.run(self._play(monkeypatch, self._think, 0.5))

    def test_hub_that_may_come_back_is_waited_for_and_q_leaves_all_the_same(self, monkeypatch):
        asyncio.run(self._play(monkeypatch, self._wait, 3_600.0))

    async def _play(self, monkeypatch, go_on, reconnect_s):
        hubs = []
        start = local_module.LocalHub
        monkeypatch.setattr(local_module, "LocalHub", lambda *a, **o: hubs.append(start(*a, **o)) or hubs[0])
        with local_game("two_networks_tiny", None, AgentRole.Attacker, 7) as game:
            agent = HumanAgent(
                address=game.address,
                role=AgentRole.Attacker,
                room=ROOM,
                name="person",
                keys=NO_KEYS,
                reconnect_s=reconnect_s,
            )
            app = SiegeApp(agent, "two_networks_tiny")
            async with playing(app) as pilot:
                hubs[0].child.process.kill()
                await go_on(app, pilot)
                assert "Traceback" not in screen(app)
                await pilot.press("q")
                async with asyncio.timeout(DEADLINE_S):
                    while app.return_code is None:
                        await asyncio.sleep(0.01)
        assert app.return_code == 0

    async def _pass(self, app, pilot):
        await pilot.type("slash", *"pass", "enter")
        self._check_said(app)

    async def _think(self, app, pilot):
        await self._until_told(app, pilot, "Error")
        self._check_said(app)

    async def _wait(self, app, pilot):
        await pilot.press("slash", *"pass", "enter")
        await self._until_told(app, pilot, "Waiting for the hub, which has gone")

    async def _until_told(self, app, pilot, words):
        async with asyncio.timeout(DEADLINE_S):
            while words not in app.notice:
                await pilot.pause(0.05)

    def _check_said(self, app):
        said = " ".join(screen(app).split())
        assert "the connection to the hub is lost" in said
        assert "r takes a new seat, q leaves" in said
