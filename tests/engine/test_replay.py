import subprocess
import sys
import zlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.replay import LINK_BYTES, Replay, diagnose, verify
from netsiege.engine.selfplay import play_randomly
from netsiege.errors import ConfigError
from netsiege.protocol import EVENT_HEAD, Kind, pack
from netsiege.protocol.play import PASS
from netsiege.scenarios import load_spec


def record(seed=3, events=120, **overrides):
    seats = {"Attacker": 1, "Defender": 1, "Benign": 1}
    spec = load_spec(scenario="two_networks_small", seats=seats, **overrides)
    return play_randomly(spec, seed, events)


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
def test_replay_survives_the_file_and_comes_out_the_same(tmp_path, pacing):
    replay = record(pacing=pacing)
    replay.save(tmp_path / "a.siege")
    loaded = Replay.load(tmp_path / "a.siege")
    assert loaded == replay
    assert verify(loaded) is None
    assert len(loaded.links) == len(loaded.events) + 1
    assert {len(link) for link in loaded.links} == {LINK_BYTES}


def test_replay_of_equal_arguments_is_equal_and_of_another_seed_is_not():
    assert record() == record()
    assert record(seed=4).links != record().links


def test_replay_that_was_tampered_with_is_found_at_the_event():
    replay = record()
    changed = EVENT_HEAD.pack(1, Kind.STEP, 51) + PASS
    events = (*replay.events[:50], changed, *replay.events[51:])
    assert verify(attrs.evolve(replay, events=events)) == 51
    links = (*replay.links[:7], b"x" * LINK_BYTES, *replay.links[8:])
    assert verify(attrs.evolve(replay, links=links)) == 7
    assert verify(attrs.evolve(replay, links=(b"x" * LINK_BYTES, *replay.links[1:]))) == 0


def test_doctor_finds_equal_runs_equal():
    found = diagnose(record(), record())
    assert found.same
    assert "120 events" in found.text


def test_doctor_names_the_event_at_which_outputs_diverge_and_who_is_right():
    good = record()
    bad = attrs.evolve(
        good, links=(*good.links[:30], *(b"x" * LINK_BYTES for _ in good.links[30:])), engine=b"y"
    )
    found = diagnose(good, bad)
    assert (found.same, found.event) == (False, 30)
    assert good.describe_event(30) in found.text
    assert "different digests" in found.text
    assert "A, played again here, comes out the same" in found.text
    assert "B, played again here, comes out otherwise from event 30 on" in found.text


def test_doctor_names_the_event_at_which_inputs_diverge():
    good = record()
    events = (*good.events[:9], EVENT_HEAD.pack(0, Kind.LEAVE, 10), *good.events[10:])
    found = diagnose(good, attrs.evolve(good, events=events))
    assert (found.same, found.event) == (False, 10)
    assert "LEAVE" in found.text


def test_doctor_tells_a_shorter_run_and_another_match():
    found = diagnose(record(), record(events=100))
    assert (found.same, found.event) == (False, 101)
    assert "seed differs" in diagnose(record(), record(seed=9)).text
    assert "spec differs" in diagnose(record(), record(use_firewall=False)).text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no codec"),
        (b"\x02abc", "no codec"),
        (b"\x01abc", "incorrect header"),
        (b"\x01" + zlib.compress(pack([1, 2]))[:-4], "cut off"),
        (b"\x01" + zlib.compress(pack([1, 2])), "not enough values"),
        (b"\x01" + zlib.compress(pack([9, b"", b"", 1, 1, None, [], [], b"12345678"])), "version 9"),
        (b"\x01" + zlib.compress(pack([1, b"", b"", 1, 1, None, [], [], b""])), "does not fit"),
        (
            b"\x01" + zlib.compress(pack([1, b"", b"", 1, 1, None, [], [b"x"], b"1" * 16])),
            "event is malformed",
        ),
    ],
    ids=range(8),
)
def test_file_that_is_no_replay_is_refused_in_a_line(tmp_path, text, said):
    path = tmp_path / "bad.siege"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=said) as caught:
        Replay.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "large.siege"
    record(events=50).save(path)
    monkeypatch.setattr("netsiege.engine.replay.MAX_BYTES", 1_000)
    with pytest.raises(ConfigError, match="unpacks to too much"):
        Replay.load(path)


def test_file_that_is_not_there_is_refused_in_a_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Replay.load(tmp_path / "none.siege")
    with pytest.raises(ConfigError, match="cannot be written"):
        record(events=1).save(tmp_path)


@given(st.binary(max_size=80))
def test_file_of_any_bytes_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "any.siege"
    path.write_bytes(b"\x01" + zlib.compress(text))
    with pytest.raises(ConfigError):
        Replay.load(path)


def test_replay_commands_record_verify_and_compare(tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "netsiege", "replay", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    one, other = tmp_path / "one.siege", tmp_path / "other.siege"
    assert run("record", "--events", 200, "--out", one).returncode == 0
    assert run("record", "--events", 200, "--seed", 2, "--out", other).returncode == 0
    assert run("verify", one, other).returncode == 0
    assert run("doctor", one, one).returncode == 0
    differ = run("doctor", one, other)
    assert differ.returncode == 1
    assert "seed differs" in differ.stdout
    missing = run("doctor", one, tmp_path / "none")
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr
