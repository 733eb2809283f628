"""What a process says, in files within bounds: by match, with its times, and with what was lost."""

from datetime import UTC, datetime, timedelta

import pytest

from netsiege.hub.tournament import captured
from netsiege.hub.tournament.captured import Capture, Line, Stretch, last_of, lines_of, lost_from
from netsiege.marks import mark

BEGAN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(second):
    return (BEGAN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.log"


@pytest.fixture
def small(monkeypatch):
    for name in ("FIRST_BYTES", "LAST_BYTES"):
        monkeypatch.setattr(captured, name, 400)


def written(path, *said):
    """A capture that was told a text a second."""
    capture = Capture(path)
    for second, text in enumerate(said):
        capture.write(text.encode(), BEGAN + timedelta(seconds=second))
    return capture


def test_lines_say_their_match_and_their_time(path):
    written(path, f"{mark(3)}one\nnobody's\n{mark(4)}tw", f"o\n{mark(3)}\n").close()
    assert list(lines_of(path)) == [
        Line(at(0), 3, "one"),
        Line(at(0), None, "nobody's"),
        Line(at(1), 4, "two"),
        Line(at(1), 3, ""),
    ]


@pytest.mark.parametrize(
    "said",
    [" [match 3] x", "[match 3]x", "[match x] x", "[match -3] x", "[match 3", f"[match {'9' * 21}] x", "[]"],
)
def test_what_is_no_mark_is_text(path, said):
    written(path, f"{said}\n").close()
    assert [(line.match, line.text) for line in lines_of(path)] == [(None, said)]


def test_only_newlines_end_a_line_and_only_the_first_mark_counts(path):
    written(path, f"{mark(3)}a\r{mark(4)}b\x0b\u2028{mark(5)}c\n").close()
    assert list(lines_of(path)) == [Line(at(0), 3, f"a\r{mark(4)}b\x0b\u2028{mark(5)}c")]
    assert captured.last_lines(path, 5) == [f"{mark(3)}a\r{mark(4)}b\x0b\u2028{mark(5)}c"]


def test_every_piece_of_a_broken_line_has_its_mark(path):
    written(path, mark(3) + "x" * 10_000, "\n" + "y" * 5_000, "\n").close()
    lines = list(lines_of(path))
    assert [line.match for line in lines] == [3, 3, 3, None, None]
    assert "".join(line.text for line in lines[:3]) == "x" * 10_000


def test_flood_of_one_match_says_that_lines_of_others_may_be_lost(path, small):
    said = [f"{mark(2 if second == 30 else 1)}{second:03}{'x' * 50}\n" for second in range(60)]
    written(path, *said).close()
    kept = [int(line.text[:3]) for line in lines_of(path)]
    missing = sorted(set(range(60)) - set(kept))
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (0, 59)
    assert 30 in missing
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert lost_from(path) == Stretch(len(missing), at(missing[0]), at(missing[-1]))


def test_nothing_is_lost_as_long_as_three_files_hold_it(path, small):
    written(path, *(f"{second:03}{'x' * 50}\n" for second in range(14))).close()
    assert last_of(path).exists()
    assert len(list(lines_of(path))) == 14
    assert lost_from(path) is None


def test_files_of_an_earlier_process_are_none_of_this_one(path, small):
    written(path, *(["x" * 100 + "\n"] * 30)).close()
    assert lost_from(path) is not None
    written(path, "new\n").close()
    assert [line.text for line in lines_of(path)] == ["new"]
    assert lost_from(path) is None


def test_reader_goes_on_when_files_are_turned_over_meanwhile(path, small):
    capture = written(path, *(f"{second:03}{'x' * 50}\n" for second in range(14)))
    reader = lines_of(path)
    seen = [next(reader)]
    for second in range(14, 40):
        capture.write(f"{second:03}\n".encode(), BEGAN)
    seen += reader
    capture.close()
    numbers = [int(line.text[:3]) for line in seen]
    assert numbers[:14] == list(range(14))
    assert numbers == sorted(set(numbers))


def test_output_that_is_not_there_has_no_lines(path):
    assert list(lines_of(path)) == []
    assert lost_from(path) is None
