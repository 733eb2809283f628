"""What an agent prints is marked with the match of the seat that it plays, line by line."""

import io
import logging
import os
import subprocess
import sys
import threading
import traceback

import pytest

from netsiege.agents import many
from netsiege.agents.attackers import RandomAttacker
from netsiege.agents.many import Players
from netsiege.agents.marking import LONGEST_CHARS, Marking, Speaker
from netsiege.marks import MARK, VARIABLE, mark
from netsiege.protocol import Cause, End, Kind
from tests.agents.test_attendance import Wire
from tests.sdk.hub_frames import delta, frame


class Saying(RandomAttacker):
    """Says what it is told to, wherever its code is run for a seat."""

    out = sys.stdout

    def say(self, what, **more):
        print(what, file=self.out, **more)

    def seated(self, seat):
        super().seated(seat)
        self.say("is made")

    def episode_started(self, observation):
        self.say("has begun,", end=" ")

    def choose_action(self, observation):
        self.say(f"moves\nfor {self.seat.handle}")

    def episode_ended(self, summary):
        self.say("is done", end="")


class Breaking(Saying):
    def choose_action(self, observation):
        raise RuntimeError("broken")


@pytest.fixture
def played(monkeypatch):
    """Players of two seats, of matches 1 and 2, whose agent prints to a stream of its own."""
    out = io.StringIO()
    wire = Wire()
    for match, seat in enumerate(wire.seats, 1):
        seat.match = match
    marked = Marking([out])
    monkeypatch.setattr(many, "marking", lambda: marked)
    monkeypatch.setattr(Saying, "out", out)
    return wire, marked, out


def test_lines_of_two_seats_in_turn_are_whole_and_each_is_told_its_own(played):
    wire, _, out = played
    players = wire.play(Saying(), [])
    print("between turns", file=out)
    players.move()
    request = wire.session.seats[8].request
    players.hear(wire.session.receive(frame(Kind.OBS, 8, request, delta(1, end=True))))
    assert out.getvalue().splitlines() == [
        "[match 1] is made",
        "[match 2] is made",
        "between turns",
        "[match 1] has begun, moves",
        "[match 1] for 7",
        "[match 2] has begun, moves",
        "[match 2] for 8",
        "[match 2] is done",
    ]


def test_line_without_end_goes_out_when_its_seat_is_lost(played):
    wire, _, out = played
    players = wire.play(Saying(), [])
    assert "has begun" not in out.getvalue()
    players.hear(wire.session.receive(frame(Kind.END, 7, 0, End(Cause.TIME, "too late").encode())))
    assert out.getvalue().splitlines()[-1] == "[match 1] has begun, "


def test_lines_without_end_go_out_when_the_process_ends(played):
    wire, marked, out = played
    wire.play(Saying(), [])
    print("nobody's", end="", file=out)
    marked.close()
    assert sorted(out.getvalue().splitlines()[2:]) == [
        "[match 1] has begun, ",
        "[match 2] has begun, ",
        "nobody's",
    ]


def test_exception_of_a_seat_is_its_own_until_other_seats_are_taken(played):
    wire, marked, out = played
    players = wire.play(Breaking(), [])
    try:
        players.move()
    except RuntimeError:
        traceback.print_exc(file=out)
    lines = out.getvalue().splitlines()[2:]
    assert lines[0] == "[match 1] has begun, Traceback (most recent call last):"
    assert lines[-1] == "[match 1] RuntimeError: broken"
    assert all(line.startswith("[match 1] ") for line in lines)
    Players(wire, [].append)
    print("later", file=out)
    assert out.getvalue().splitlines()[-1] == "later"
    marked.close()


def test_other_threads_have_no_mark_and_are_not_cut(played):
    wire, _, out = played

    class Asking(Saying):
        def choose_action(self, observation):
            self.say("asks", end=" ")
            thread = threading.Thread(target=self.say, args=("from beside",))
            thread.start()
            thread.join()
            self.say("and hears")

    wire.play(Asking(), []).move()
    assert out.getvalue().splitlines()[2:] == [
        "from beside",
        "[match 1] has begun, asks and hears",
        "from beside",
        "[match 2] has begun, asks and hears",
    ]


def test_who_has_held_the_stream_before_is_heard(monkeypatch):
    out = io.StringIO()
    logger = logging.Logger("early")
    logger.addHandler(logging.StreamHandler(out))
    marking = Marking([out])

    class Logging(RandomAttacker):
        def choose_action(self, observation):
            logger.warning("so and so")

    Speaker(Logging(), 7).choose_action(None)
    logger.warning("outside")
    assert out.getvalue() == "[match 7] so and so\noutside\n"
    marking.close()


def test_line_that_never_ends_takes_no_memory_and_keeps_its_mark():
    out = io.StringIO()
    marking = Marking([out])

    class Endless(RandomAttacker):
        def choose_action(self, observation):
            for _ in range(3 * LONGEST_CHARS):
                out.write("x")

    Speaker(Endless(), 7).choose_action(None)
    assert [len(line) for line in out.getvalue().splitlines()] == [len(mark(7)) + LONGEST_CHARS + 1] * 2
    marking.close()
    assert out.getvalue().count("x") == 3 * LONGEST_CHARS
    assert all(line.startswith(mark(7)) for line in out.getvalue().splitlines())


def test_mark_that_an_agent_prints_itself_is_text(played):
    wire, _, out = played

    class Forging(Saying):
        def choose_action(self, observation):
            self.say(f"x\n{mark(2)}not mine")

    wire.play(Forging(), []).move()
    said = [line for line in out.getvalue().encode().splitlines() if b"not mine" in line]
    assert [MARK.match(line)[1] for line in said] == [b"1", b"2"]


PLAYS_NOTHING = """
import sys
from netsiege.agents.many import Players
before = sys.stdout.write
players = Players(None, [].append)
print(sys.stdout.write == before, players._marking is None)
sys.stdout.write("no end")
"""


@pytest.mark.parametrize(("said", "told"), [("", "True True"), ("1", "False False")])
def test_streams_are_left_alone_unless_the_variable_is_set(said, told):
    done = subprocess.run(
        [sys.executable, "-c", PLAYS_NOTHING],
        env=os.environ | {VARIABLE: said},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == [told, "no end"]
    assert done.stderr == ""
