"""`netsiege bench all --floor FILE`: a ratio that falls is found, one that is as recorded is not."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from netsiege.bench import everything
from netsiege.bench.floor import fallen, read_floor, record
from netsiege.cli import app
from netsiege.errors import ConfigError

RECORDED = Path(__file__).parents[1] / "bench_floor.json"


def figure(name, ratio, baseline="yardstick"):
    return {"name": name, "value": 5.0, "unit": "us", "spread": 0.1, "baseline": baseline, "ratio": ratio}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "floor.json"
    guarded = {name: {"baseline": "yardstick", "ratio": 2.0} for name in ("a", "b")}
    path.write_text(json.dumps({"about": "", "guarded": guarded, "unguarded": {"c": "it swings"}}))
    return path


@pytest.mark.parametrize(("ratio", "falls"), [(2.5, False), (1.71, False), (1.69, True), (0.1, True)])
def test_ratio_falls_when_it_is_more_than_15_percent_below(file, ratio, falls):
    lines = fallen(read_floor(file), [figure("a", ratio), figure("b", 2.0), figure("c", 0.001)])
    lines = [each.line for each in lines]
    assert bool(lines) == falls
    if falls:
        assert lines == [
            f"a: has fallen to {ratio:.3g} times yardstick; the floor is 1.7, 15% below the recorded 2"
        ]


def test_figure_that_was_not_measured_or_beside_something_else_is_no_pass(file):
    assert [each.line for each in fallen(read_floor(file), [figure("a", 9.0, "peer")])] == [
        "a: was measured beside peer, and its floor is one beside yardstick",
        "b: was not measured; its floor is 1.7",
    ]


def test_recorded_ratios_are_the_least_of_the_runs(file):
    runs = [[figure("a", 5.0)], [figure("a", 3.14159), figure("c", 1.0)], [figure("a", 4.0)]]
    assert record(file, read_floor(file), runs) == ["b"]
    floor = read_floor(file)
    assert {guard.name: guard.ratio for guard in floor.guards} == {"a": 3.14, "b": 2.0}
    assert floor.unguarded == {"c": "it swings"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "needs `about`, `guarded` and `unguarded`"),
        ('{"about": "", "guarded": {}, "unguarded": {}}', "guarded: names no figure"),
        ('{"about": "", "guarded": {"a": 1}, "unguarded": {}}', "guarded.a: needs `baseline` and `ratio`"),
        (
            '{"about": "", "guarded": {"a": {"baseline": "b", "ratio": -1}}, "unguarded": {}}',
            "guarded.a.ratio: -1 is no number above 0",
        ),
        (
            '{"about": "", "guarded": {"a": {"baseline": "b", "ratio": NaN}}, "unguarded": {}}',
            "guarded.a.ratio: nan is no number above 0",
        ),
        (
            '{"about": "", "guarded": {"a": {"baseline": 3, "ratio": 1}}, "unguarded": {}}',
            "guarded.a.baseline: 3 is no name of a figure",
        ),
        ('{"about": "", "guarded": {"a": 1}, "unguarded": {"b": 2}}', "unguarded: write the name"),
    ],
)
def test_file_that_is_wrong_is_said_where(tmp_path, text, said):
    path = tmp_path / "floor.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"floor\.json: ") as error:
        read_floor(path)
    assert said in str(error.value)


def test_recorded_file_can_be_read_and_says_why_the_others_are_not_guarded():
    floor = read_floor(RECORDED)
    assert len(floor.guards) >= 5
    assert not {guard.name for guard in floor.guards} & set(floor.unguarded)
    assert all(floor.unguarded.values())


# --- the command ------------------------------------------------------------------------------------------


def bench(*options):
    return CliRunner().invoke(app, ["bench", "all", *options])


@pytest.fixture
def measured(monkeypatch):
    """What `all` measures without measuring: how it was asked, each time. `b` is below its floor."""
    asked = []
    monkeypatch.setattr(
        everything, "run_all", lambda *said: asked.append(said) or [figure("a", 3.0), figure("b", 1.0)]
    )
    return asked


def test_fallen_ratio_is_named_and_exit_code_is_1(measured, file):
    done = bench("--quick", "--floor", str(file), "--json")
    assert done.exit_code == 1
    assert [each["name"] for each in json.loads(done.stdout)] == ["a", "b"]
    assert "netsiege: b: has fallen to 1 times yardstick" in done.stderr
    assert "a: has fallen" not in done.stderr
    assert len(measured) == 3, "it was measured twice more"


@pytest.mark.parametrize("again", [1, 2], ids=["once", "twice"])
def test_ratio_that_fell_and_then_not_is_no_failure(monkeypatch, file, again):
    low, high = [figure("a", 3.0), figure("b", 1.0)], [figure("a", 1.0), figure("b", 2.0)]
    runs = iter([low] * again + [high])
    monkeypatch.setattr(everything, "run_all", lambda *said: next(runs))
    done = bench("--quick", "--floor", str(file))
    assert done.exit_code == 0
    assert "netsiege: b: has fallen to 1" in done.stderr
    assert done.stderr.count("measured once more") == again


def test_runs_are_as_many_as_asked_for(measured, file):
    assert bench("--quick", "--record", str(file), "--runs", "3").exit_code == 0
    assert len(measured) == 3


def test_ratios_are_recorded_and_hold_then(measured, file):
    assert bench("--quick", "--record", str(file)).exit_code == 0
    assert bench("--quick", "--floor", str(file)).exit_code == 0


def test_quick_measures_no_peers(measured, file):
    bench("--quick", "--nsg-python", "python3.12")
    [(quick, peers, _)] = measured
    assert quick
    assert peers == everything.Peers(measured=False, original=None, python=None)


def test_table_is_written_between_its_marks_with_the_machine(measured, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    assert bench("--markdown", str(page)).exit_code == 0
    lines = page.read_text().splitlines()
    assert lines[:2] == ["before", "<!-- bench -->"]
    assert lines[-2:] == ["<!-- /bench -->", "after"]
    assert "| a | 5 | us | 10% | 3x | yardstick |" in lines
    assert any(line.startswith("Measured on ") and "cores" in line for line in lines)
    assert "old" not in lines


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--quick", "--runs", "2"), "--runs: is for --record"),
        (("--floor", "FILE"), "--floor: holds for the ratios of --quick: say both"),
        (("--quick", "--floor", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--quick", "--record", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--markdown", "nowhere.md"), "nowhere.md: cannot be read"),
    ],
)
def test_mistake_is_said_before_anything_is_measured(measured, file, options, said):
    done = bench(*(str(file) if word == "FILE" else word for word in options))
    assert isinstance(done.exception, ConfigError)
    assert said in str(done.exception)
    assert not measured
