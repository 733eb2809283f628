"""Replays of strangers: whatever is in the file, it is a replay or a line of error, in bounded memory."""

import json
import random
import resource
import zlib

import attrs
import pytest

from netsiege.engine import replay as format_of
from netsiege.engine.doctor import diagnose
from netsiege.engine.narrate import Narrator
from netsiege.engine.playback import Playback, verify
from netsiege.engine.replay import LINK_BYTES, Replay
from netsiege.engine.selfplay import play_randomly
from netsiege.errors import ConfigError, ProtocolError, RuleError, SiegeError
from netsiege.protocol import EVENT_HEAD, MAX_AGENT_FRAME_BYTES, Cause, Kind, SeatSpec, pack, unpack
from netsiege.scenarios import load_spec

ODD = [
    None, True, 0, -1, 2**31, 2**64 - 1, 1.5, float("nan"), "", "a\nb", "\x1b[31m", "\u202e", "x" * 5_000,
    b"", b"\0" * 7, b"\xff" * 9, [], [[]], [[[[[[[[[[]]]]]]]]]], ["a"] * 70_000, "random", "all_local",
    "Attacker",
]  # fmt: skip  # a bag, no table
ODD_JSON = [
    None, True, 0, -1, 10**9, 10**30, 1.5, "", "a\nb", "\x1b[31m", "x" * 5_000, [], {}, [[]], {"a": 1},
    ["random"] * 2_000, "random", "all", "all_local", "all_attackers", "10.0.0.0/1", "192.168.1.2", "\ud800",
]  # fmt: skip  # a bag, no table


@pytest.fixture(scope="module")
def replay():
    seats = {"Attacker": 1, "Defender": 1}
    return play_randomly(load_spec(scenario="two_networks_small", seats=seats), 3, 40)


def written(path, plain):
    path.write_bytes(b"\x01" + zlib.compress(plain))
    return path


def fields(replay):
    return unpack(replay.encode())


def is_a_line(text):
    return bool(text) and len(text) < 3_000 and text.isprintable()


def seen(path):
    """All that can be asked of a file; errors must be ours, and of one line."""
    try:
        loaded = Replay.load(path)
        verdict = verify(loaded)
        assert all(map(is_a_line, verdict.problems))
        narrator = Narrator(loaded)
        for number, outputs in Playback(loaded).turns():
            event = narrator.hear(number, outputs)
            assert is_a_line(event.text)
            assert all(is_a_line(said.text) for said in event.told)
        assert diagnose(loaded, loaded).same
    except SiegeError as error:
        assert isinstance(error, ConfigError | RuleError) or "MALFORMED" in str(error)
        assert is_a_line(str(error))


def replaced(tree, rng, odd):
    """A tree of lists and dicts with something odd in some place of it."""
    node = tree
    while True:
        keys = sorted(node) if isinstance(node, dict) else range(len(node))
        key = rng.choice(keys)
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.3:
            node[key] = rng.choice(odd)
            return tree
        node = inner


@pytest.mark.parametrize("seed", range(60))
def test_replay_with_an_odd_value_somewhere_is_played_or_refused_in_a_line(tmp_path, replay, seed):
    rng = random.Random(seed)
    plain = fields(replay)
    if seed % 2:
        plain[0] = json.dumps(replaced(json.loads(replay.spec), rng, ODD_JSON)).encode()
    else:
        plain = replaced(plain, rng, ODD)
    seen(written(tmp_path / "odd.siege", pack([2, pack(plain)])))


@pytest.mark.parametrize("seed", range(30))
def test_replay_with_torn_bytes_is_played_or_refused_in_a_line(tmp_path, replay, seed):
    rng = random.Random(seed)
    inner = bytearray(replay.encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(inner))
        inner[at : at + rng.randint(0, 3)] = bytes(
            rng.choice((0, 0x90, 0x80, 0xC0, 0xDD, 0xFF)) for _ in range(2)
        )
    seen(written(tmp_path / "torn.siege", pack([2, bytes(inner)])))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (pack([3, 1, 2, ["\x1b]0;t\x07", "[bold]", "8\n9", True]]), r"\x1b]0;t\x07 8\n9 on 0.0.0.2"),
        (pack([4, 1, 2, ["o\u202e", "x" * 9_000, 1, "t", ""]]), r"ExfiltrateData o\u202e/xxx"),
        (pack([0, 1, [1, ["\x1b"]]]), "makes no sense: ScanNetwork: target_network: "),
        (pack([0, 1, [1, "\x1b" * 9_000]]), "makes no sense: ScanNetwork: target_network: "),
    ],
)
def test_action_of_a_hostile_agent_is_told_on_a_short_line_without_what_acts(replay, body, said):
    event = EVENT_HEAD.pack(0, Kind.STEP, 99) + body
    changed = attrs.evolve(replay, events=(event,), links=(), results=(), ruleset="")
    narrator = Narrator(changed)
    [_, told] = [narrator.hear(number, outputs) for number, outputs in Playback(changed).turns()]
    assert said in told.text
    assert is_a_line(told.text)
    assert len(told.text) < 400
    assert is_a_line(changed.describe_event(1))


@pytest.mark.parametrize("kind", [Kind.STEP, Kind.RESET])
def test_refusal_that_quotes_a_hostile_agent_is_told_without_what_acts(replay, monkeypatch, kind):
    def refuse(_body):
        raise ProtocolError("BAD_ACTION", "\x1b]0;t\x07\n" * 99)

    changed = attrs.evolve(replay, events=(EVENT_HEAD.pack(0, kind, 99) + pack(7),), links=(), ruleset="")
    turns = list(Playback(changed).turns())
    monkeypatch.setattr("netsiege.engine.narrate.read_action", refuse)
    monkeypatch.setattr("netsiege.engine.narrate.Reset.decode", refuse)
    monkeypatch.setattr("netsiege.engine.replay.read_action", refuse)
    narrator = Narrator(changed)
    for number, outputs in turns:
        assert is_a_line(narrator.hear(number, outputs).text)
    assert is_a_line(changed.describe_event(1))


def test_seat_of_a_hostile_role_is_named_without_what_acts(replay):
    hostile = attrs.evolve(replay, seats=(SeatSpec("\x1b[31m\nX", 0, "a", True),))
    assert hostile.seat_name(0) == r"\x1b[31m\nX 0"
    other = attrs.evolve(hostile, events=(EVENT_HEAD.pack(0, Kind.LEAVE, 1), *replay.events[1:]))
    assert r"\x1b[31m\nX 0" in diagnose(hostile, other).text
    assert "\x1b" not in diagnose(hostile, other).text


def test_spec_that_breaks_the_engine_before_the_first_event_is_refused_in_a_line(replay, monkeypatch):
    def broken(*_arguments):
        raise OverflowError("\x1b too\nlarge")

    monkeypatch.setattr("netsiege.engine.recorder._compiled", broken)
    with pytest.raises(RuleError) as refused:
        verify(replay)
    assert str(refused.value) == r"the opening: breaks this engine: OverflowError: \x1b too\nlarge"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda plain: [2, b"\xdd\x0f\xff\xff\xff" + b"\x90" * (64 << 20)], "too many values"),
        (lambda plain: [2, pack([*plain[:6], [[]] * 1_000, *plain[7:]])], "Replay.events: expected bytes"),
        (
            lambda plain: [2, pack([*plain[:6], [b"\0" * (MAX_AGENT_FRAME_BYTES + 8)], *plain[7:]])],
            "event is",
        ),
        (lambda plain: [2, pack([*plain[:8], "\x1b", *plain[9:]])], "Replay.room: '\\x1b' is no name"),
        (lambda plain: [2, pack([*plain[:5], [["Attacker", 0, "a\x1b", True]], *plain[6:]])], "is no name"),
        (lambda plain: [[[]], b""], "it is of version a list of 1"),
    ],
    ids=range(6),
)
def test_file_that_is_a_bomb_or_a_trap_is_refused_and_takes_no_memory(tmp_path, replay, make, said):
    path = written(tmp_path / "bomb.siege", pack(make(fields(replay))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ConfigError) as refused:
        Replay.load(path)
    assert said in str(refused.value)
    assert is_a_line(str(refused.value))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000, "kilobytes"


def test_file_that_is_larger_than_any_replay_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(format_of, "MAX_BYTES", 1_000)
    path = tmp_path / "large.siege"
    path.write_bytes(b"\x01" + zlib.compress(bytes(random.Random(1).randbytes(5_000))))
    with pytest.raises(ConfigError, match="cut off, or unpacks to too much"):
        Replay.load(path)


def test_path_that_is_none_is_refused_in_a_line(tmp_path, replay):
    for path in ("a\0b", tmp_path / "\x1b[31m\n" / "a.siege", tmp_path):
        for attempt in (Replay.load, replay.save):
            with pytest.raises(ConfigError) as refused:
                attempt(path)
            assert is_a_line(str(refused.value))


def test_replay_that_could_not_be_read_again_is_not_written(tmp_path, replay, monkeypatch):
    monkeypatch.setattr(format_of, "MAX_EVENTS", 39)
    with pytest.raises(ConfigError, match="its 40 events are more than a file holds: 39"):
        replay.save(tmp_path / "a.siege")
    monkeypatch.undo()
    monkeypatch.setattr(format_of, "MAX_BYTES", 5_000)
    with pytest.raises(ConfigError, match="more than a file holds"):
        replay.save(tmp_path / "a.siege")
    large = attrs.evolve(replay, events=(bytes(9_000),) * 2, links=(bytes(LINK_BYTES),) * 3)
    with pytest.raises(ConfigError, match="its events take 18000 bytes: more than a file holds, 5000"):
        large.save(tmp_path / "a.siege")
    assert list(tmp_path.iterdir()) == []


def test_replay_of_hostile_words_of_a_hub_is_verified_in_clean_lines(replay):
    hostile = attrs.evolve(replay, ruleset="\x1b[2J\nx", text="\x1b\n", cause=Cause.GOAL)
    [problem, *_] = verify(hostile).problems
    assert is_a_line(problem)
    assert "\\x1b[2J\\nx" in problem.replace("\\\\", "\\")
