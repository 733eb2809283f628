"""What the YAML reader takes, and what it refuses, before anything is known about the meaning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from netsiege.errors import ConfigError
from netsiege.scenarios.reading import Report
from netsiege.scenarios.source import MAX_DEPTH, MAX_FILE_BYTES, parse, read_mapping

TOO_MUCH = (
    "f.yaml: more than 16777216 characters once aliases are written out, and 32 are counted for each value"
)


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here runs with the parser in C and with the one for machines that lack it."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader")


def problems_of(text: str | bytes) -> tuple[str, ...]:
    report = Report("f.yaml")
    try:
        parse(text.encode() if isinstance(text, str) else text, report)
    except ConfigError as error:
        assert error.problems == tuple(report.problems), "a fatal problem comes with those found before"
    return tuple(report.problems)


def value_of(text: str) -> Any:
    report = Report("f.yaml")
    value = parse(text.encode(), report)
    assert not report.problems
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -12", {"a": -12}),
        ("a: 1.5", {"a": 1.5}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: .5", {"a": 0.5}),
        ("a: true", {"a": True}),
        ("a: Off", {"a": False}),
        ("a:", {"a": None}),
        ("a: ~", {"a": None}),
        ("a: 'true'", {"a": "true"}),
        ("a: '1'", {"a": "1"}),
        ("a: 10.0.19041", {"a": "10.0.19041"}),
        ("a: 192.168.1.2", {"a": "192.168.1.2"}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("a: 010", {"a": "010"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: .nan", {"a": ".nan"}),
        ("a: =", {"a": "="}),
        (f"a: {'9' * 31}", {"a": "9" * 31}),
        ("1: x\ntrue: y", {"1": "x", "true": "y"}),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}", {"a": {"k": 1, "l": 2}, "b": {"l": 3, "k": 1}}),
        ("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}", None),
        ("{'<<': 1}", {"<<": 1}),
        ("&k a: *k", {"a": "a"}),
        ("\ufeffa: 1", {"a": 1}),
        ("# only this\na: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
    ],
)
def test_source_ordinary_text_gives_plain_values(text: str, value: Any) -> None:
    if value is None:
        assert value_of(text)["c"] == {"k": 1, "m": 3}, "the first of several merged mappings wins"
    else:
        assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: 1\nb: 2\na: 3", ["f.yaml: a: written twice, on lines 1 and 3"]),
        ("{a: 1, a: 2}", ["f.yaml: a: written twice, on line 1"]),
        ("a:\n  b: [{c: 1,\n  c: 2}]", ["f.yaml: a.b[0].c: written twice, on lines 2 and 3"]),
        ("a: 1\na: 1\na: 1", ["f.yaml: a: written twice, on lines 1 and 2",
                              "f.yaml: a: written twice, on lines 1 and 3"]),
        ("a: !!python/object:os.system {}",
         ["f.yaml: a: line 1: tags such as '!!python/object:os.system' are refused"]),
        ("a: [!!str 1]", ["f.yaml: a[0]: line 1: tags such as '!!str' are refused"]),
        ("{!!str a: 1}", ["f.yaml: line 1: tags such as '!!str' are refused"]),
        ("!mine {a: 1}", ["f.yaml: line 1: tags such as '!mine' are refused"]),
        ("a: {<<: 1}", ["f.yaml: a.<<: 1 is not a mapping"]),
        ("a: *b", ["f.yaml: line 1, column 4: *b refers to nothing before it"]),
        ("*b", ["f.yaml: line 1, column 1: *b refers to nothing before it"]),
        ("a: &a [*a]", ["f.yaml: line 1, column 8: *a refers to nothing before it"]),
        ("&a b: 1\n*a : 2", ["f.yaml: line 2, column 1: an alias cannot be a key"]),
        ("? [a]\n: 1", ["f.yaml: line 1, column 3: a list or mapping cannot be a key"]),
        ("a: 1\n---\nb: 1", ["f.yaml: line 2, column 1: a second document begins"]),
        ("", ["f.yaml: the file is empty"]),
        ("# nothing\n", ["f.yaml: the file is empty"]),
        (b"a: 1\nb: \xff\n", ["f.yaml: line 2: byte 0xff is not UTF-8"]),
        ("a: " + "[" * MAX_DEPTH, ["f.yaml: line 1, column 35: nested more than 32 levels deep"]),
    ],
)  # fmt: skip  # one row a line reads as a table
def test_source_refused_text_gives_one_exact_line_each(text: str | bytes, problems: list[str]) -> None:
    assert list(problems_of(text)) == problems


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: [1, 2", "f.yaml: line "),
        ("a: 1\n b: 2", "f.yaml: line 2, column 3: "),
        ("a: 'x", "f.yaml: line "),
        ("a: ]", "f.yaml: line 1, column 4: "),
        ("a: \x07", "f.yaml: not valid YAML: "),
        ('a: "\\Uffffffff"', "f.yaml: "),
        ("a: %x", "f.yaml: line 1, column 4: "),
        ("- [" * 40, "f.yaml: "),
    ],
)
def test_source_broken_syntax_gives_one_line_with_its_position(text: str, start: str) -> None:
    (problem,) = problems_of(text)
    assert problem.startswith(start)
    assert "\n" not in problem


def test_source_oversized_text_is_refused_unread() -> None:
    assert problems_of("[" * (MAX_FILE_BYTES + 1)) == (f"f.yaml: larger than {MAX_FILE_BYTES} bytes",)


def test_source_alias_bomb_is_refused_and_mild_use_of_aliases_is_not() -> None:
    def bomb(levels: int) -> str:
        lines = ["l0: &l0 [" + ", ".join(["x"] * 9) + "]"]
        lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, levels)]
        return "\n".join(lines)

    assert problems_of(bomb(4)) == ()
    assert problems_of(bomb(9)) == (TOO_MUCH,)


def test_source_alias_of_long_text_counts_its_characters() -> None:
    text = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 17)}]"
    assert problems_of(text) == (TOO_MUCH,)


def test_source_syntax_error_after_a_duplicate_reports_both() -> None:
    duplicate, syntax = problems_of("a: 1\na: 2\nb: ]")
    assert duplicate == "f.yaml: a: written twice, on lines 1 and 2"
    assert syntax.startswith("f.yaml: line 3, column 4: ")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a directory, not a file"),
        (lambda path: path.write_text("[1]"), "expected a mapping, got a list"),
        (lambda path: path.write_text("word"), "expected a mapping, got 'word'"),
        (lambda path: path.write_text("a: 1\na: 2"), "a: written twice, on lines 1 and 2"),
    ],
)
def test_read_mapping_without_one_names_the_file(
    tmp_path: Path, make: Callable[[Path], object], problem: str
) -> None:
    path = tmp_path / "f.yaml"
    make(path)
    with pytest.raises(ConfigError) as caught:
        read_mapping(path)
    assert caught.value.problems == (f"{path}: {problem}",)


def test_read_mapping_of_a_mapping_returns_it(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("a: [1, {b: x}]")
    assert read_mapping(path) == {"a": [1, {"b": "x"}]}


def test_read_mapping_of_an_impossible_path_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"^'a\\x00b': cannot be read"):
        read_mapping("a\0b")
