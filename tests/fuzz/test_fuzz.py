"""A little of each target always, more in the soak; and what the engines do with an input that escapes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.protocol import Reset
from tests.fuzz import catalogue, guided, plain
from tests.fuzz.command import main
from tests.fuzz.shrink import shrunk
from tests.fuzz.watch import TooSlow, watched

SOAK_S = 60
PLANTED = Reset(randomize_topology=True, seed=0).encode()
needs_atheris = pytest.mark.skipif(not guided.is_there(), reason="atheris is not installed")


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Any bytes, real inputs, and real inputs that were changed."""
    target = catalogue.load(name)
    seeds = target.seeds()

    def changed(number: int) -> bytes:
        return plain.mutated(random.Random(number), seeds, target.MAX_BYTES)

    numbers = st.integers(0, 1 << 64)
    return st.one_of(numbers.map(changed), st.sampled_from(seeds), st.binary(max_size=80))


@pytest.mark.parametrize("name", catalogue.TARGETS)
def test_target_given_any_input_lets_nothing_out(name: str) -> None:
    one_input = watched(catalogue.load(name).one_input)

    @settings(max_examples=catalogue.TARGETS[name].examples, derandomize=True, deadline=None, database=None)
    @given(inputs(name))
    def lets_nothing_out(data: bytes) -> None:
        one_input(data)

    lets_nothing_out()


@pytest.mark.parametrize("name", catalogue.TARGETS)
def test_target_given_its_seeds_lets_nothing_out(name: str) -> None:
    target = catalogue.load(name)
    for seed in (b"", *target.seeds()):
        target.one_input(seed)


@pytest.mark.soak
@pytest.mark.alone
@pytest.mark.skipif("NETSIEGE_QUIET" not in os.environ, reason="set NETSIEGE_QUIET on a quiet machine")
def test_all_targets_for_a_minute_let_nothing_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--all", "--seconds", str(SOAK_S), "--out", str(tmp_path)]) == 0, capsys.readouterr().out


# --- the engines ------------------------------------------------------------------------------------------


def test_shares_of_the_targets_make_a_whole() -> None:
    assert sum(entry.share for entry in catalogue.TARGETS.values()) == pytest.approx(1.0)


def test_plain_run_without_findings_returns_0_and_says_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "protocol", "--plain", "--inputs", "400"]) == 0
    told = capsys.readouterr().out
    assert "plain mutation" in told
    assert "protocol: 400 inputs in" in told


def test_run_without_atheris_says_that_it_is_plain(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guided, "is_there", lambda: False)
    assert main(["--target", "protocol", "--inputs", "20"]) == 0
    assert "atheris is not installed" in capsys.readouterr().out


def test_plain_run_over_all_targets_gives_each_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--all", "--plain", "--inputs", "100"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name}: " in told for name in catalogue.TARGETS)


def test_plain_run_ends_when_its_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "protocol", "--plain", "--seconds", "0.01"]) == 0
    assert "protocol: " in capsys.readouterr().out


def test_escape_is_saved_said_and_seen_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue.TARGETS, "planted", catalogue.Entry(1.0, 1))
    monkeypatch.setattr(catalogue.load("planted"), "seeds", lambda: [PLANTED])
    assert main(["--target", "planted", "--plain", "--inputs", "9", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "AssertionError: planted" in told
    assert "base64: k8LDAA==" in told
    [kept] = tmp_path.iterdir()
    assert kept.read_bytes() == PLANTED
    for again in (str(kept), "k8LDAA=="):
        assert main(["--target", "planted", "--again", again]) == 1
        assert "AssertionError: planted" in capsys.readouterr().out


def test_input_that_lets_nothing_out_any_more_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "protocol", "--again", "AAAA"]) == 0
    assert "nothing gets out" in capsys.readouterr().out
    assert main(["--target", "protocol", "--again", "no base64!"]) == 2


@needs_atheris
def test_guided_run_finds_what_was_planted() -> None:
    outcome = guided.run("planted", 200_000, None, seed=1)
    assert outcome.failure is not None
    told = Reset.decode(outcome.failure.data)
    assert told.randomize_topology
    assert told.seed is not None
    assert "AssertionError: planted" in outcome.failure.text


@needs_atheris
def test_guided_run_without_findings_says_its_figures(tmp_path: Path) -> None:
    outcome = guided.run("protocol", 500, None, seed=1, corpus=tmp_path)
    assert outcome.failure is None
    assert outcome.inputs == 500
    assert outcome.features is not None
    assert outcome.features > 100
    assert any((tmp_path / "protocol").iterdir())


def test_input_that_takes_for_ever_is_stopped() -> None:
    def never_ends(_data: bytes) -> None:
        while True:
            try:
                sum(range(100))
            except Exception:  # what catches everything must not catch this
                continue

    with pytest.raises(TooSlow):
        watched(never_ends, 0.05)(b"")


def test_input_is_shrunk_to_what_lets_the_same_thing_out() -> None:
    def breaks(data: bytes) -> None:
        assert b"x" not in data

    assert shrunk(breaks, b"some long text with an x somewhere in it") == b"x"
    assert shrunk(breaks, b"nothing") == b"nothing"
