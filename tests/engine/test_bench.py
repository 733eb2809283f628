"""The benchmark runs and says what it promises. How fast anything is, no test asserts."""

import sys
from importlib.util import find_spec

import pytest

from netsiege.engine import bench
from netsiege.engine.bench_load import record
from netsiege.engine.bench_peers import Peer, start_peers
from netsiege.engine.synthetic import OUTSIDE, synthetic_spec
from netsiege.engine.tables import compile_spec
from netsiege.figures import Row, format_table
from netsiege.protocol import HEAD_BYTES, Kind, unpack

FIELDS = {"name", "value", "unit", "spread", "baseline", "ratio"}


@pytest.fixture(scope="module")
def figures():
    heard = []
    found = bench.run(quick=True, peers=False, sizes=(10, 20), rounds=2, steps=4, progress=heard.append)
    assert [line for line in heard if line.startswith("round")] == ["round 1 of 2", "round 2 of 2"]
    return found


def test_figures_have_the_promised_names_and_fields(figures):
    assert all(set(figure) == FIELDS for figure in figures)
    by_name = {figure["name"]: figure for figure in figures}
    names = [figure["name"] for figure in figures]
    assert len(set(names)) == len(names)
    parts = (
        "reset",
        "reset.event",
        "snapshot",
        "restore",
        "compile",
        "match.memory",
        *(["batch"] if find_spec("numba") else []),
    )
    expected = {"yardstick", "yardstick.time", *(f"engine.{what}" for what in parts)}
    for network in ("h10", "h20", "two_networks"):
        expected |= {f"engine.{network}{part}" for part in ("", ".single", ".handle", ".sample")}
    assert set(names) == expected
    assert all(figure["value"] > 0 and figure["spread"] >= 0 for figure in figures)
    alone = {"yardstick", "yardstick.time", "engine.match.memory"}
    assert {figure["name"] for figure in figures if figure["baseline"] is None} == alone
    assert by_name["engine.h10"]["baseline"] == "yardstick"
    assert by_name["engine.reset"]["baseline"] == "yardstick.time"
    assert all(figure["ratio"] > 0 for figure in figures if figure["baseline"])
    assert 1 < by_name["engine.match.memory"]["value"] < 1_000


def test_table_has_a_line_for_every_figure(figures):
    lines = format_table(figures).splitlines()
    assert len(lines) == len(figures) + 1
    assert lines[0].split() == ["FIGURE", "MEDIAN", "UNIT", "SPREAD", "RATIO", "TO"]
    assert all(figure["name"] in line for figure, line in zip(figures, lines[1:], strict=True))


def test_ratio_is_the_median_of_the_rounds_own_and_more_is_better():
    rate = Row("ours", "steps/s", True, "theirs", [10.0, 30.0, 20.0])
    time = Row("ours", "us", False, "theirs", [10.0, 30.0, 20.0])
    theirs = Row("theirs", "steps/s", True, None, [5.0, 5.0, 20.0])
    assert rate.figure({"theirs": theirs})["ratio"] == 2.0
    assert time.figure({"theirs": theirs})["ratio"] == 0.5
    assert rate.figure({})["ratio"] is None
    assert rate.figure({"theirs": theirs})["spread"] == 1.0


def test_load_is_played_without_faults_and_the_same_both_ways():
    spec = synthetic_spec(12).to_bytes()
    load = record(compile_spec(spec), 3, 130, 1)
    assert len(load.events) == len(load.frames) == 3 * 130
    assert {event[3] for event in load.events} == {Kind.STEP, Kind.RESET}
    said = {}
    for frames in (load.batches, load.frames):
        host = load.host(spec)
        out = [answer for frame in frames for answer in host.receive(frame)]
        kinds = {answer[1] for answer in out}
        assert Kind.FAULT not in kinds
        said[len(frames)] = out
    flat = [part for answer in said[130] for part in unpack(answer[HEAD_BYTES:])]
    assert len(flat) // 7 >= 3 * 130


def test_peer_that_is_not_installed_is_left_out():
    assert start_peers(None, sys.executable + "-that-is-not-there") == []


def test_peer_that_does_not_run_is_named_with_its_python():
    heard = []
    bench._tell_missing(["peer.cartpole"], "/nowhere", None, heard.append)
    assert heard == [
        "peer.nasim.10 is left out: it does not run under this Python",
        "peer.nasim.100 is left out: it does not run under this Python",
        "peer.netsecgame.two_networks is left out: it does not run under /nowhere",
    ]


def test_peer_answers_with_a_number(monkeypatch):
    monkeypatch.setitem(
        sys.modules["netsiege.engine.bench_peers"].__dict__, "_PROGRAMS", {"echo": "play = float"}
    )
    with Peer("echo", sys.executable) as peer:
        assert peer.measure(7) == 7.0
    monkeypatch.setitem(
        sys.modules["netsiege.engine.bench_peers"].__dict__, "_PROGRAMS", {"none": "import no"}
    )
    with Peer("none", sys.executable) as peer:
        assert peer.measure(7) is None


# --- synthetic networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("hosts", [20, 100, 700])
def test_synthetic_network_compiles_with_so_many_hosts(hosts):
    spec = synthetic_spec(hosts)
    board = compile_spec(spec.to_bytes()).board
    assert len(spec.topology.hosts) == hosts + 1
    assert len(board.starts) > 0
    assert len(board.items) > 0
    assert OUTSIDE in board.texts
    assert len(set(board.reach)) >= 3, "the firewall tells hosts apart"


def test_synthetic_network_is_the_same_for_the_same_seed_only():
    assert synthetic_spec(40, 1).to_bytes() == synthetic_spec(40, 1).to_bytes()
    assert synthetic_spec(40, 1).to_bytes() != synthetic_spec(40, 2).to_bytes()


@pytest.mark.parametrize("hosts", [0, 2, 1_000_001])
def test_synthetic_network_of_impossible_size_is_refused(hosts):
    with pytest.raises(ValueError, match="hosts"):
        synthetic_spec(hosts)
