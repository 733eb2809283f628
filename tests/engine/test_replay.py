import zlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.doctor import diagnose
from netsiege.engine.playback import Playback, complete, verify
from netsiege.engine.recorder import Recorder
from netsiege.engine.replay import LINK_BYTES, Replay, Told
from netsiege.engine.selfplay import play_randomly
from netsiege.errors import ConfigError, RuleError, SiegeError
from netsiege.protocol import EVENT_HEAD, HUB_SEAT, Cause, Kind, link, pack
from netsiege.protocol.play import PASS
from netsiege.scenarios import load_spec


def record(seed=3, events=120, **overrides):
    seats = {"Attacker": 1, "Defender": 1, "Benign": 1}
    spec = load_spec(scenario="two_networks_small", seats=seats, **overrides)
    return play_randomly(spec, seed, events)


def version_1(replay):
    """The plain list of a file as NetSiege wrote it before it kept results."""
    seats = [[seat.role, seat.index, seat.name, seat.deltas] for seat in replay.seats]
    return [
        1,
        replay.spec,
        replay.engine,
        replay.match,
        replay.seed,
        replay.episodes,
        seats,
        list(replay.events),
        b"".join(replay.links),
    ]


def finished(events=40):
    """A match that everyone has left, and all that it has said."""
    begun = record(events=events)
    recorder = Recorder(begun.spec, begun.match, begun.seed, begun.seats, begun.episodes)
    outputs = list(recorder.opening)
    leaves = [EVENT_HEAD.pack(seat, Kind.LEAVE, 1000 + seat) for seat in range(3)]
    for event in (*begun.events, *leaves):
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        outputs += recorder.handle(seat, kind, request, event[EVENT_HEAD.size :])
    return recorder.replay(), outputs


def told(outputs):
    chain = 0
    for seat, kind, flags, request, body in outputs:
        chain = link(chain, seat, kind, flags, request, body)
    return Told(len(outputs), chain)


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
def test_replay_survives_the_file_and_comes_out_the_same(tmp_path, pacing):
    replay = record(pacing=pacing, events=1200)
    replay.save(tmp_path / "a.siege")
    loaded = Replay.load(tmp_path / "a.siege")
    assert loaded == replay
    verdict = verify(loaded)
    assert (verdict.same, verdict.event, verdict.problems, verdict.note) == (True, None, (), None)
    assert len(loaded.links) == len(loaded.events) + 1
    assert {len(each) for each in loaded.links} == {LINK_BYTES}


def test_replay_recorded_here_says_how_it_went_and_that_no_hub_ran_it():
    replay = record(events=1200)
    assert [result.episode for result in replay.results] == list(range(len(replay.results)))
    assert len(replay.results) >= 2
    assert (replay.ruleset, replay.room, replay.cause, replay.told) == ("netsecgame", "", None, None)
    left, _ = finished()
    assert left.cause == Cause.FINISHED


def test_file_carries_what_a_hub_has_told_of_the_end(tmp_path):
    replay, outputs = finished()
    replay = attrs.evolve(replay, room="duel", cause=Cause.WORKER, text="three died", told=told(outputs))
    replay.save(tmp_path / "a.siege")
    assert Replay.load(tmp_path / "a.siege") == replay


def test_file_of_version_1_loads_and_comes_out_the_same(tmp_path):
    replay = record()
    path = tmp_path / "old.siege"
    path.write_bytes(b"\x01" + zlib.compress(pack(version_1(replay))))
    loaded = Replay.load(path)
    assert (loaded.room, loaded.ruleset, loaded.results) == ("", "", ())
    assert (loaded.cause, loaded.text, loaded.told) == (None, "", None)
    assert (loaded.events, loaded.links, loaded.seats) == (replay.events, replay.links, replay.seats)
    assert verify(loaded).same


def test_replay_of_equal_arguments_is_equal_and_of_another_seed_is_not():
    assert record() == record()
    assert record(seed=4).links != record().links


def test_replay_that_was_tampered_with_is_found_at_the_event():
    replay = record()
    changed = EVENT_HEAD.pack(1, Kind.STEP, 51) + PASS
    events = (*replay.events[:50], changed, *replay.events[51:])
    assert verify(attrs.evolve(replay, events=events)).event == 51
    links = (*replay.links[:7], b"x" * LINK_BYTES, *replay.links[8:])
    assert verify(attrs.evolve(replay, links=links)).event == 7
    assert verify(attrs.evolve(replay, links=(b"x" * LINK_BYTES, *replay.links[1:]))).event == 0


def test_replay_whose_results_or_ruleset_were_changed_is_found():
    replay = record(events=1200)
    better = attrs.evolve(replay.results[0], winner="Benign")
    [problem] = verify(attrs.evolve(replay, results=(better, *replay.results[1:]))).problems
    assert "results" in problem
    assert not verify(attrs.evolve(replay, results=replay.results[:-1])).same
    [problem] = verify(attrs.evolve(replay, ruleset="siege-1")).problems
    assert "'siege-1'" in problem


def test_replay_of_another_engine_is_played_and_the_difference_is_said():
    verdict = verify(attrs.evolve(record(), engine=b"\xab" * 32))
    assert verdict.same
    assert "abababababab" in verdict.note


def test_replay_that_cannot_be_played_says_which_event_is_to_blame(monkeypatch):
    replay = record()
    events = (*replay.events[:9], EVENT_HEAD.pack(0, Kind.PONG, 1), *replay.events[10:])
    with pytest.raises(RuleError, match="event 10, Attacker 0: PONG: an event cannot be of kind 23"):
        verify(attrs.evolve(replay, events=events))

    def broken(self, seat, kind, request, body):
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr("netsiege.engine.game.Game.handle", broken)
    with pytest.raises(RuleError, match=r"event 1, .* breaks this engine: ZeroDivisionError: no such luck"):
        verify(replay)


def test_outputs_that_the_hub_has_told_are_those_of_the_match():
    replay, outputs = finished()
    assert any(seat == HUB_SEAT for seat, *_ in outputs), "the hub's own count too"
    assert verify(attrs.evolve(replay, told=told(outputs))).same
    assert Recorder(replay.spec, 1, replay.seed, replay.seats, None).tally.outputs == 3, "so does the opening"


def test_outputs_that_the_hub_has_told_otherwise_are_found_although_the_file_agrees_with_itself():
    replay, outputs = finished()
    right = told(outputs)
    for wrong, said in (
        (Told(right.outputs, right.chain ^ 1), f"is {right.chain:08x}, the hub's is {right.chain ^ 1:08x}"),
        (Told(right.outputs + 1, right.chain), f"there are {right.outputs} outputs, the hub took"),
        (told(outputs[:-4]), f"the hub took {right.outputs - 4}"),
        (told(outputs[1:]), "the chain over the first"),
        (Told(0, 1), "the chain over the first 0 outputs is 00000000"),
    ):
        verdict = verify(attrs.evolve(replay, told=wrong))
        assert (verdict.event, verdict.same) == (None, False)
        assert said in verdict.problems[0]


@pytest.mark.parametrize("cause", [Cause.WORKER, Cause.HUB, Cause.FAULT])
def test_outputs_that_the_hub_never_took_are_missed_only_if_it_ended_the_match_itself(cause):
    replay, outputs = finished()
    for heard in (0, 3, len(outputs) - 4):
        ended = attrs.evolve(replay, told=told(outputs[:heard]), cause=cause)
        assert verify(ended).same
        assert not verify(attrs.evolve(ended, cause=Cause.FINISHED)).same
    wrong = attrs.evolve(replay, told=told(outputs[1:-4]), cause=cause)
    assert not verify(wrong).same


def test_outputs_after_the_last_seat_was_over_need_not_have_been_taken():
    replay, outputs = finished()
    late = EVENT_HEAD.pack(0, Kind.STEP, 2000) + PASS
    whole = complete(attrs.evolve(replay, events=(*replay.events, late), links=(), told=told(outputs)))
    assert len(whole.links) == len(replay.links) + 1
    assert verify(whole).same
    assert not verify(attrs.evolve(whole, told=told(outputs[:-1]))).same


def test_replay_is_completed_from_its_events_or_refused():
    replay, outputs = finished()
    bare = attrs.evolve(replay, links=(), results=(), ruleset="", told=told(outputs))
    assert complete(bare) == attrs.evolve(replay, told=told(outputs))
    with pytest.raises(SiegeError, match="played again, there are"):
        complete(attrs.evolve(bare, told=told(outputs[:-3])))
    with pytest.raises(SiegeError, match="played by the engine abababababab"):
        complete(attrs.evolve(bare, told=told(outputs[:-3]), engine=b"\xab" * 32))


def test_file_without_links_is_held_to_what_the_hub_has_told(tmp_path):
    replay, outputs = finished()
    bare = attrs.evolve(replay, links=(), results=(), ruleset="", told=told(outputs))
    bare.save(tmp_path / "a.siege")
    assert Replay.load(tmp_path / "a.siege") == bare
    assert verify(bare).same
    assert verify(bare).results == replay.results
    changed = EVENT_HEAD.pack(1, Kind.STEP, 51) + PASS
    verdict = verify(attrs.evolve(bare, events=(*bare.events[:30], changed, *bare.events[31:])))
    assert (verdict.event, verdict.same) == (None, False)
    assert "the chain over the first" in verdict.problems[0]


def test_file_without_links_and_without_the_hubs_word_is_refused(tmp_path):
    attrs.evolve(record(), links=()).save(tmp_path / "a.siege")
    with pytest.raises(ConfigError, match="the chain does not fit the events"):
        Replay.load(tmp_path / "a.siege")


def test_playback_goes_on_after_the_first_event_that_differs_and_keeps_its_number():
    replay = record()
    links = [b"x" * LINK_BYTES if number in (5, 9) else each for number, each in enumerate(replay.links)]
    playback = Playback(attrs.evolve(replay, links=tuple(links)))
    assert [number for number, _ in playback.turns()] == list(range(121))
    assert playback.differs == 5


def test_playback_without_links_compares_nothing():
    playback = Playback(attrs.evolve(record(), links=()))
    assert [number for number, _ in playback.turns()] == list(range(121))
    assert playback.differs is None


def test_doctor_finds_equal_runs_equal():
    found = diagnose(record(), record())
    assert found.same
    assert "120 events" in found.text


def test_doctor_compares_a_file_without_links_by_playing_it_again():
    replay, outputs = finished()
    whole = attrs.evolve(replay, told=told(outputs))
    assert diagnose(whole, attrs.evolve(whole, links=())).same
    other = attrs.evolve(whole, links=(*whole.links[:30], *(b"x" * LINK_BYTES for _ in whole.links[30:])))
    assert diagnose(other, attrs.evolve(whole, links=())).event == 30
    with pytest.raises(SiegeError, match="played again"):
        diagnose(whole, attrs.evolve(whole, links=(), told=told(outputs[:-3])))


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
        (b"\x01" + zlib.compress(pack([1, 2])), "version 1 has 8 fields"),
        (b"\x01" + zlib.compress(pack([2])), "no list of a version"),
        (b"\x01" + zlib.compress(pack([2, pack([b"", b"", 1])])), "is a list of 14: spec, engine"),
        (b"\x01" + zlib.compress(pack([2, pack(7)])), "is a list of 14"),
        (b"\x01" + zlib.compress(pack(7)), "no list of a version"),
        (b"\x01" + zlib.compress(pack([2, 7])), "expected bytes"),
        (b"\x01" + zlib.compress(pack([9, b"", b"", 1, 1, None, [], [], b"12345678"])), "version 9"),
        (b"\x01" + zlib.compress(pack([1, b"", b"", 1, 1, None, [], [], b""])), "does not fit"),
        (
            b"\x01" + zlib.compress(pack([1, b"", b"", 1, 1, None, [], [b"x"], b"1" * 16])),
            "event is malformed",
        ),
        (b"\x01" + zlib.compress(pack([1, b"", b"", -1, 1, None, [], [], b"12345678"])), "Replay.match"),
    ],
    ids=range(14),
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
