"""Names and texts of strangers on terminals, in logs and in files' names."""

import io
import logging
import os
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from netsiege import cli, show
from netsiege.agents import EpisodeSummary
from netsiege.agents.registry import AgentEntry
from netsiege.errors import ConfigError, ProtocolError, SiegeError
from netsiege.game import AgentRole
from netsiege.play import EpisodeRecord, Report, SeatRecord
from netsiege.protocol import MAX_NAME_CHARS, Result, State, Trajectory
from netsiege.protocol.messages import RoomState, WorkerState
from netsiege.protocol.play import trajectory_body
from netsiege.scribe import keep
from netsiege.shown import LINES, PART_BYTES, CleanFormatter, file_part, shown, shown_lines

ACUTE = "\u0301"
EVIL = "[red]a[/red][link=file:///x]b\x1b]0;t\x07\u202e\nc"


def is_clean(text):
    """Whether a terminal shows each character of it, one after the other."""
    marks = 4
    for c in text:
        marks = marks + 1 if unicodedata.category(c)[0] == "M" else 0
        if not c.isprintable() or marks > 4:
            return False
    return True


# --- texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("", ""),
        ("Žižka 攻撃 🤖", "Žižka 攻撃 🤖"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x85\x9b31m\x7f", r"\x85\x9b31m\x7f"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\u202aa\u202e\u2066\u2069\u200e\u200f\u061c", r"\u202aa\u202e\u2066\u2069\u200e\u200f\u061c"),
        ("a\u200bb\u2060c\ufeffd\u00ade", r"a\u200bb\u2060c\ufeffd\xade"),
        ("\ud800 \ue000 \U0010ffff \u0378", r"\ud800 \ue000 \U0010ffff \u0378"),
        ("a\u3164b\u2800c\ufe0f", r"a\u3164b\u2800c\ufe0f"),
        (f"e{ACUTE}", f"e{ACUTE}"),
        (f"{ACUTE}e", r"\u0301e"),
        (f"e{ACUTE * 6}", f"e{ACUTE * 4}" + r"\u0301\u0301"),
        (b"\x1b[31m", r"b'\x1b[31m'"),
        (["a"] * 9, "a list of 9"),
        (None, "None"),
        (7, "7"),
    ],
)
def test_shown_text_has_nothing_that_acts_or_hides(text, seen):
    assert shown(text) == seen


@pytest.mark.parametrize(
    ("text", "limit", "seen"),
    [
        ("x" * 10, 10, "x" * 10),
        ("x" * 11, 10, "x" * 7 + "..."),
        ("\x1b" * 3, 12, r"\x1b\x1b\x1b"),
        ("\x1b" * 4, 12, r"\x1b\x1b..."),
        ("é" * 11, 10, "é" * 7 + "..."),
        ("x" * 10**7, 5, "xx..."),
    ],
)
def test_shown_text_that_is_too_long_ends_with_dots_and_never_in_an_escape(text, limit, seen):
    assert shown(text, limit) == seen


@given(st.text(alphabet=st.characters(), max_size=60), st.integers(4, 80))
def test_shown_text_is_clean_short_and_stays_the_same(text, limit):
    once = shown(text, limit)
    assert is_clean(once)
    assert len(once) <= limit
    assert shown(once, limit) == once
    once.encode()


def test_shown_lines_begin_at_newlines_only():
    assert shown_lines("a\nb\r\n\x1bc\u2028d\x0be\n") == ["a", "b", r"\x1bc\u2028d\x0be"]
    assert shown_lines("") == []
    assert shown_lines("x\n" * 1_000)[-1] == f"and {1_000 - LINES} lines more"
    assert len(shown_lines("x\n" * 1_000)) == LINES + 1
    assert shown_lines("x" * 9_999, 50) == ["x" * 47 + "..."]


# --- files' names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a", "two_networks", "Žižka-2.x", "攻撃", "a..b", "x" * PART_BYTES])
def test_file_part_of_a_plain_name_is_that_name(text):
    assert file_part(text) == text


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("", "_~"), (".", "_~"), ("..", "__~"), (".bashrc", "_bashrc~"), ("-rf", "_rf~"), ("a.", "a_~"),
        ("../../etc/passwd", "_._.._etc_passwd~"), ("a/b", "a_b~"), ("a\\b", "a_b~"), ("a b", "a_b~"),
        ("a\0b", "a_b~"), ("a\nb", "a_b~"), ("a\u202eb", "a_b~"), ("\ud800", "_~"), ("a~b", "a_b~"),
        ("a\u3164b", "a_b~"), ("CON", "CON~"), ("nul.txt", "nul.txt~"), ("lpt1", "lpt1~"), ("e\u0301", "e_~"),
        ("\u212b", "\u00c5~"), ("C:", "C_~"), ("*?<>|\"'", "_______~"),
    ],
)  # fmt: skip  # a table
def test_file_part_of_any_other_name_is_one_and_says_of_which(text, begins):
    part = file_part(text)
    assert part.startswith(begins)
    assert len(part) == len(begins) + 16


@given(st.text(alphabet=st.characters(), max_size=MAX_NAME_CHARS))
def test_file_part_is_a_file_of_its_own_in_the_folder(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("parts")
    part = file_part(text)
    assert len(part.encode()) <= PART_BYTES
    assert is_clean(part)
    (folder / part).write_text("")
    assert [path.name for path in folder.iterdir()] == [part]


@given(st.lists(st.text(alphabet="ab_ ./~-\u00e9e\u0301", max_size=8), unique=True, max_size=40))
def test_file_parts_of_different_texts_differ(texts):
    assert len({file_part(text) for text in texts}) == len(texts)


def test_file_part_of_the_part_of_another_text_is_another():
    part = file_part("a b")
    assert file_part(part) != part


@pytest.mark.parametrize("character", ["x", "é", "攻", "𐍈"])
def test_file_part_of_a_long_name_is_cut_at_a_character(character):
    one, other = (file_part(character * 200 + end) for end in "ab")
    assert one != other
    assert len(one.encode()) <= PART_BYTES
    assert one.partition("~")[0].strip(character) == ""


def test_trajectories_of_agents_of_any_name_lie_in_the_folder(tmp_path):
    start = [[], [], [], [], [], []]
    for name in ("../../evil", "a/b", "a\\b", ".x", "Random Attacker", "a\u202eb"):
        body = trajectory_body(start, [], None, "Attacker", name)
        path = keep(tmp_path / "kept", Trajectory("r", 1, body))
        assert path.parent == tmp_path / "kept"
    assert "_Random_Attacker_AgentRole.Attacker.jsonl" in " ".join(os.listdir(tmp_path / "kept"))
    assert len(os.listdir(tmp_path / "kept")) == 6
    assert os.listdir(tmp_path) == ["kept"]


@pytest.mark.parametrize(
    ("role", "name", "reason"),
    [("Attacker", 7, None), ("Nobody", "a", None), (["Attacker"], "a", None), ("Attacker", "a", b"bytes")],
)
def test_trajectory_of_no_agent_is_refused_and_leaves_no_file(tmp_path, role, name, reason):
    body = trajectory_body([[], [], [], [], [], []], [], reason, role, name)
    with pytest.raises(ProtocolError, match="a trajectory"):
        keep(tmp_path, Trajectory("r", 1, body))
    assert os.listdir(tmp_path) == []


# --- terminals --------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["piped", "terminal"])
def printed(request, monkeypatch):
    """What a command prints; on a terminal with the colours that are ours, and no others."""

    class Screen(io.StringIO):
        def isatty(self):
            return request.param

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(
        show, "Console", lambda: Console(file=screen, width=300, force_terminal=request.param)
    )
    return screen.getvalue


def assert_tame(text):
    assert "]0;t" in text, "nothing was left out"
    assert "[red]a[/red][link=file:///x]b" in text.replace("\n", ""), "markup is text"
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "c\n" not in [line[:2] for line in text.splitlines(keepends=True)]


def test_status_of_a_hub_with_hostile_names_prints_them_tamely(printed):
    state = State(EVIL, 1.0, 1, 1, (RoomState(EVIL, 0, 0, 0),), (WorkerState(EVIL, 1, 1, 1),))
    show.print_state(state)
    assert_tame(printed())
    assert printed().count("[red]a") == 3


def test_summaries_with_hostile_ends_print_them_tamely(printed):
    show.print_summaries([EpisodeSummary(0, 0, 1, 1.0, EVIL)], as_json=False)
    assert_tame(printed())
    show.print_summaries([EpisodeSummary(0, 0, 1, 1.0, end) for end in (b"\x1b", ["a"], 7)], as_json=False)
    show.print_summaries([EpisodeSummary(0, 0, 1, 1.0, end) for end in (b"\x1b", ["a"], None)], as_json=True)
    assert "\x1b]" not in printed()


def test_report_of_hostile_agents_prints_them_tamely(printed):
    seat = SeatRecord(EVIL, EVIL, 0, 0.0, 0.0)
    show.print_report(Report(1, 1, EVIL, (seat,), (EpisodeRecord(0, EVIL, EVIL, 1, (0.0,)),), 1.0))
    assert_tame(printed())


def test_list_of_agents_prints_their_docstrings_as_they_are(printed):
    show.print_agents(
        [AgentEntry("a", (AgentRole.Attacker,), f"Needs the extra [rl]. {EVIL}")], as_json=False
    )
    assert_tame(printed())
    assert "the extra [rl]." in printed()


def test_progress_with_hostile_winners_is_a_line_a_time(capsys):
    progress = show.EpisodeProgress(1, EVIL)
    progress.advance(Result(0, EVIL, "goal", (), (), (), True))
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert is_clean(err.removesuffix("\n"))


@pytest.mark.parametrize("error", [ProtocolError("BUSY", EVIL), SiegeError(EVIL), ConfigError([EVIL, "two"])])
def test_error_with_a_hostile_text_is_said_tamely(monkeypatch, capsys, error):
    def fail():
        raise error

    monkeypatch.setattr("netsiege.agents.registry.list_agents", fail)
    monkeypatch.setattr("sys.argv", ["netsiege", "agent", "list"])
    with pytest.raises(SystemExit):
        cli.main()
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.startswith("netsiege: ") and is_clean(line) for line in lines)
    assert r"\x1b]0;t\x07\u202e" in lines[0]


# --- logs -------------------------------------------------------------------------------------------------


def test_log_record_with_a_hostile_argument_is_one_line_and_its_traceback_lines_of_their_own():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(CleanFormatter("%(levelname)s %(message)s"))
    log = logging.Logger("test")
    log.addHandler(handler)
    log.error("refused text=%s", EVIL)
    try:
        raise ValueError(EVIL)
    except ValueError:
        log.exception("broke peer=%s", "ab")
    first, second, *rest = stream.getvalue().splitlines()
    assert first == r"ERROR refused text=[red]a[/red][link=file:///x]b\x1b]0;t\x07\u202e\nc"
    assert second == "ERROR broke peer=ab"
    assert rest[0].startswith("Traceback")
    assert all(map(is_clean, rest))
