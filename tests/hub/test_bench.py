"""The benchmark of the hub runs and says what it promises. How fast anything is, no test asserts."""

import re
import shutil

import pytest

from netsiege.errors import SiegeError
from netsiege.figures import format_table
from netsiege.hub import bench, bench_courses
from netsiege.hub.bench import rows_of
from netsiege.hub.bench_courses import Course, Measured
from netsiege.hub.bench_process import Process
from netsiege.hub.bench_program import SOURCE, build_program
from netsiege.keys import KeyPair
from netsiege.protocol import (
    AGENT_HEAD,
    EVENT_HEAD,
    HEAD_BYTES,
    OUT_HEAD,
    VERSION,
    Flag,
    Join,
    Kind,
    pack,
)

FIELDS = {"name", "value", "unit", "spread", "baseline", "ratio"}
ALWAYS = {
    *("hub.c1", "hub.c1.p50", "hub.c64", "hub.c64.p50", "hub.c64.cpu", "hub.c64.cpu.all"),
    *("hub.c64.journal", "hub.curve.c64", "hub.batch64"),
}
NOTHING = pack(None)

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def check(figures, expected):
    by_name = {figure["name"]: figure for figure in figures}
    assert len(by_name) == len(figures)
    assert expected <= set(by_name)
    assert all(set(figure) - {"note"} == FIELDS for figure in figures)
    assert all(figure["value"] > 0 and figure["spread"] >= 0 for figure in figures)
    for name in expected:
        assert by_name[name]["baseline"] in by_name
        assert by_name[name]["ratio"] > 0
    return by_name


@needs_compiler
def test_load_in_c_plays_against_hub_and_real_worker():
    heard = []
    figures = bench.run(rounds=2, seconds=0.1, moves=(NOTHING,) * 3, crowd=30, progress=heard.append)
    assert heard == ["round 1 of 2", "round 2 of 2"]
    found = check(figures, ALWAYS | {"hub.batch64.engine", "hub.c5000"})
    assert 0 < found["hub.c5000.memory"]["value"] < 1_000
    assert found["hub.c5000.memory"]["unit"] == "KB"


@needs_compiler
def test_crowd_that_is_not_let_in_is_left_out_and_said_so(monkeypatch):
    heard = []
    monkeypatch.setattr(bench_courses, "_room_for", lambda agents: ("--limit", "agent_frame_bytes=1"))
    figures = bench.run(rounds=1, seconds=0.05, crowd=2, progress=heard.append)
    assert any(line.startswith("hub.c5000 is left out: the hub ended with code 2") for line in heard)
    assert "hub.c64" in {figure["name"] for figure in figures}
    assert not any(figure["name"].startswith("hub.c5000") for figure in figures)


@pytest.mark.soak  # the load waits for half a minute
@needs_compiler
def test_load_with_a_key_that_the_hub_does_not_know_is_not_seated(tmp_path):
    program = build_program(tmp_path)
    secret = bench_courses._new_keys(tmp_path / "keys")
    stranger = KeyPair.new()
    keys = bytes.fromhex(secret["agent"][bench_courses.CURVE])[:32] + stranger.public + stranger.secret
    environment = {bench_courses.CURVE: keys.hex()}
    with bench_courses.start_hub("--workers", "0", "--keys", str(tmp_path / "keys")) as hub:
        course = Course("it", hub, "step", 1, environment=environment)
        with pytest.raises(SiegeError, match="not all were seated"):
            course.measure(program, 0.1)


@pytest.mark.soak
def test_load_in_python_says_that_the_figures_are_its_own():
    figures = check(bench.run(rounds=1, seconds=0.3, use_compiler=False), ALWAYS)
    for name in ("hub.c64", "hub.batch64"):
        assert figures[name]["note"] == "client-bound: the load is in Python"
    assert "hub.c64: client-bound: the load is in Python" in format_table(list(figures.values()))


def test_load_that_is_refused_says_why(tmp_path):
    program = build_program(tmp_path)
    elsewhere = Join("nowhere", bench_courses.ROLE).encode().hex()
    joins_elsewhere = [bench_courses.HELLO.hex(), elsewhere, "00"]
    with bench_courses.start_hub("--workers", "0") as hub:
        command = [*program.argv, "step", hub.address("agents"), "1", "1", "0.1", *joins_elsewhere]
        with Process(command, "the load") as load, pytest.raises(SiegeError, match="no room 'nowhere'"):
            load.line()


def test_kinds_and_lengths_in_c_are_those_of_the_protocol():
    names = dict(re.findall(r"\b([A-Z_]+) = (\d+)\b", SOURCE.with_name("bench_wire.h").read_text()))
    kinds = {name: int(number) for name, number in names.items() if name in Kind.__members__}
    assert len(kinds) > 20
    assert kinds == {name: Kind[name] for name in kinds}
    assert int(names["HEAD"]) == HEAD_BYTES == AGENT_HEAD.size
    assert int(names["EVENT_HEAD"]) == EVENT_HEAD.size == OUT_HEAD.size - 1
    assert (int(names["VERSION"]), int(names["MOVE"]), int(names["OVER"])) == (VERSION, Flag.MOVE, Flag.OVER)


def measured(rate, busy):
    return Measured(rate, 1e6 / rate, busy, 5.0)


def figures_of_rounds(hub, proxy):
    rows = rows_of({"proxy.c64": proxy, "hub.c64": hub}, "", [1.0] * len(hub))
    return {row.name: row.figure({other.name: other for other in rows}) for row in rows if row.values}


def test_rounds_in_which_the_hub_had_time_do_not_count():
    proxy = [measured(100.0, 0.95), measured(100.0, 0.95), measured(100.0, 0.99)]
    hub = [measured(80.0, 0.95), measured(20.0, 0.5), measured(80.0, 0.92)]
    found = figures_of_rounds(hub, proxy)
    assert found["hub.c64"]["value"] == 80.0
    assert found["hub.c64"]["spread"] == 0.0
    assert found["hub.c64"]["ratio"] == pytest.approx(0.8)
    assert found["hub.c64.p50"]["ratio"] == pytest.approx(0.8)
    assert "note" not in found["hub.c64"]


def test_hub_that_mostly_had_time_is_marked_and_every_round_counts():
    proxy = [measured(100.0, 0.95)] * 3
    hub = [measured(80.0, 0.95), measured(40.0, 0.5), measured(20.0, 0.5)]
    found = figures_of_rounds(hub, proxy)
    assert found["hub.c64"]["value"] == 40.0
    assert found["hub.c64"]["note"] == "client-bound: it was busy 50% of the time"
    assert "note" not in found["proxy.c64"]


def test_system_that_tells_no_thread_times_gives_the_rates_alone():
    rounds = [Measured(80.0, 10.0, None, None)] * 2
    rows = rows_of({"proxy.c64": rounds, "hub.c64": rounds}, "", [1.0, 2.0])
    assert {row.name for row in rows if row.values} == {
        "hub.yardstick",
        "proxy.c64",
        "proxy.c64.p50",
        "hub.c64",
        "hub.c64.p50",
    }


def test_crowd_is_compared_with_the_rounds_in_which_it_played():
    hub = [measured(100.0, 0.95), measured(100.0, 0.5), measured(40.0, 0.95), measured(40.0, 0.95)]
    crowd = [measured(80.0, 0.95), measured(1.0, 0.95)]
    rows = rows_of({"proxy.c64": hub, "hub.c64": hub, "hub.c5000": crowd}, "", [1.0] * 4)
    [row] = [row for row in rows if row.name == "hub.c5000"]
    figure = row.figure({row.name: row for row in rows})
    assert figure["value"] == 80.0
    assert figure["ratio"] == pytest.approx(0.8)
    assert "note" not in figure
