"""Matches in words: what people are shown of every kind of event and output."""

import pytest

from netsiege.engine.narrate import Narrator, describe_seat
from netsiege.engine.playback import Playback
from netsiege.engine.recorder import Recorder
from netsiege.engine.selfplay import play_randomly
from netsiege.engine.words import LISTED, list_knowledge, say_action, say_knowledge, say_learned, say_told
from netsiege.game import IP, Action, ActionType, Data, GameState, Network, Service
from netsiege.game.action import RESPONSES
from netsiege.protocol import HUB_SEAT, Kind, Reset, SeatSpec
from netsiege.protocol.play import action_body
from netsiege.scenarios import load_spec

A, B, C = IP("10.0.0.1"), IP("10.0.0.2"), IP("10.0.0.10")
SSH = Service("ssh", "passive", "8.1", False)
PLANS = Data("ann", "plans")
NET = Network("10.0.0.0", 24)


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        (ActionType.ScanNetwork, {"source_host": A, "target_network": NET}, "10.0.0.0/24 from 10.0.0.1"),
        (ActionType.FindServices, {"source_host": A, "target_host": B}, "on 10.0.0.2 from 10.0.0.1"),
        (ActionType.FindData, {"source_host": A, "target_host": B}, "on 10.0.0.2 from 10.0.0.1"),
        (
            ActionType.ExploitService,
            {"source_host": A, "target_host": B, "target_service": SSH},
            "ssh 8.1 on 10.0.0.2 from 10.0.0.1",
        ),
        (
            ActionType.ExfiltrateData,
            {"source_host": A, "target_host": B, "data": PLANS},
            "ann/plans from 10.0.0.1 to 10.0.0.2",
        ),
        (
            ActionType.BlockIP,
            {"source_host": A, "target_host": B, "blocked_host": C},
            "10.0.0.10 on 10.0.0.2 from 10.0.0.1",
        ),
        *(
            (kind, {"source_host": A, "target_host": B}, "10.0.0.2 from 10.0.0.1")
            for kind, _ in RESPONSES[:5]
        ),
        (
            ActionType.PatchService,
            {"source_host": A, "target_host": B, "target_service": SSH},
            "ssh 8.1 on 10.0.0.2 from 10.0.0.1",
        ),
    ],
)
def test_action_in_words_says_what_where_and_from_where(kind, parameters, said):
    assert say_action(Action(kind, parameters)) == f"{kind.value} {said}"


def test_action_that_passes_is_a_pass():
    assert say_action(None) == "pass"


def test_learning_names_everything_that_is_new_and_only_that():
    before = GameState([A], [A], {A: [SSH]}, {}, [NET], {})
    after = GameState([A, B], [A, B, C], {A: [SSH], B: [SSH]}, {B: [PLANS]}, [NET], {B: [A]})
    assert say_learned(before, after) == (
        "2 hosts: 10.0.0.2, 10.0.0.10; 1 controlled host: 10.0.0.2; 1 service on 10.0.0.2: ssh 8.1; "
        "1 datum on 10.0.0.2: ann/plans; 1 block on 10.0.0.2: 10.0.0.1"
    )
    assert say_learned(after, after) == ""
    assert say_learned(after, before).endswith("loses 1 controlled host: 10.0.0.2")
    assert "forgets 1 datum on 10.0.0.2: ann/plans" in say_learned(after, before)


def test_learning_of_a_datum_that_changed_is_news_and_no_loss():
    old, new = Data("system", "logfile", content="a"), Data("system", "logfile", content="b")
    said = say_learned(GameState(known_data={A: [old]}), GameState(known_data={A: [new]}))
    assert said == "1 datum on 10.0.0.1: system/logfile"


def test_learning_of_many_things_names_some_and_counts_the_rest():
    hosts = [IP(f"10.0.1.{i}") for i in range(1, LISTED + 4)]
    said = say_learned(GameState(), GameState(known_hosts=hosts))
    assert said.startswith(f"{len(hosts)} hosts: 10.0.1.1, 10.0.1.2, ")
    assert said.endswith(f"10.0.1.{LISTED} and 3 more")


def test_alerts_and_scores_in_words():
    alert = {
        "move": 3,
        "source_host": "10.0.0.1",
        "target_host": "10.0.0.2",
        "action_type": "ActionType.FindData",
    }
    scan = {**alert, "target_host": None, "action_type": "ActionType.ScanNetwork"}
    assert say_told({"alerts": [alert, scan]}) == (
        "2 alerts: FindData from 10.0.0.1 to 10.0.0.2; ScanNetwork from 10.0.0.1"
    )
    assert say_told({"alerts": [scan] * 10}).endswith(" and 2 more")
    assert say_told({"scores": {"time_to_goal": None, "hosts_lost": 2}}) == "time to goal None, hosts lost 2"
    assert say_told({"end_reason": "x"}) == say_told({"alerts": [], "scores": {}}) == ""


@pytest.mark.parametrize(
    "what", ["\x1b[31m", ["\x1b[31m", 3], [{"source_host": "\x1b]0;x\x07"}], {"\x1b": "\n"}]
)
def test_what_hostile_files_have_for_alerts_and_scores_is_shown_without_what_acts(what):
    assert say_told({"alerts": what, "scores": what}).isprintable()


def test_knowledge_in_numbers_and_in_full():
    state = GameState([A], [A, B], {B: [SSH]}, {A: [PLANS, Data("b", "c")]}, [NET], {})
    assert say_knowledge(state) == "1 network, 2 hosts, 1 controlled host, 1 service, 2 data"
    assert say_knowledge(GameState()) == "nothing"
    assert list_knowledge(state) == [
        ("networks", "10.0.0.0/24"),
        ("hosts", "10.0.0.1, 10.0.0.2"),
        ("controls", "10.0.0.1"),
        ("services", "10.0.0.2: ssh 8.1"),
        ("data", "10.0.0.1: ann/plans, b/c"),
    ]


def script(*moves, episodes=None, **overrides):
    """What a match of an attacker and a defender says in words, event by event: `[(deed, [told])]`."""
    spec = load_spec(seats={"Attacker": 1, "Defender": 1}, **overrides)
    seats = [SeatSpec("Attacker", 0, "eve", True), SeatSpec("Defender", 0, "bob", False)]
    recorder = Recorder(spec.to_bytes(), 1, 3, seats, episodes)
    for request, (seat, kind, body) in enumerate(moves, 1):
        recorder.handle(seat, kind, 0 if kind == Kind.TIMEOUT else request, body)
    replay = recorder.replay()
    narrator = Narrator(replay)
    heard = [narrator.hear(number, outputs) for number, outputs in Playback(replay).turns()]
    return [(each.text, [(said.seat, said.kind, said.text) for said in each.told]) for each in heard]


def test_opening_says_what_everyone_knows():
    [(deed, told)] = script()
    assert deed == "the match begins"
    assert [(seat, kind) for seat, kind, _ in told] == [(0, "SEATED"), (1, "SEATED")]
    assert told[0][2].startswith("knows ")


def test_step_says_its_reward_and_what_was_learned():
    home = IP("213.47.23.195")
    look = Action(ActionType.FindServices, {"source_host": home, "target_host": home})
    [_, (deed, told), (_, passed)] = script(
        (0, Kind.STEP, action_body(look)), (1, Kind.STEP, action_body(None))
    )
    assert deed == "FindServices on 213.47.23.195 from 213.47.23.195"
    assert told == [(0, "OBS", "reward -1; learns 2 services on 213.47.23.195: bash 5.0.0, listener 1.0.0")]
    assert passed == [(1, "OBS", "reward -1; learns nothing")]


def test_requests_that_make_no_sense_are_shown_as_such():
    [_, (deed, told), (asked, refused)] = script((0, Kind.STEP, b"\xc1"), (0, Kind.RESET, b"\xc1"))
    assert deed.startswith("an action that makes no sense: ")
    assert told[0][1:2] == ("ERROR",)
    assert told[0][2].startswith("refused, BAD_ACTION: ")
    assert asked.startswith("asks for an episode in a way that makes no sense: ")
    assert refused[0][2].startswith("refused, MALFORMED: ")


def test_reset_and_leave_say_who_waits_how_it_ended_and_why():
    wish = Reset(request_trajectory=True, seed=9).encode()
    [_, (asks, waits), (leaves, told), *_] = script((0, Kind.RESET, wish), (1, Kind.LEAVE, b"\x01"))
    assert asks == "asks for a new episode (seed 9, the trajectory of the last)"
    assert waits == [(0, "WAIT", "waits: reset")]
    assert leaves == "has lost its connection"
    result, *others = told
    assert result[:2] == (HUB_SEAT, "RESULT")
    assert result[2].startswith("episode 0: nobody wins, ended by left; Attacker 0 ResetRequested, 0 steps,")
    assert (1, "END", "its part in the match is over: disconnect") in others
    assert any(seat == 0 and said.startswith("a new episode: knows ") for seat, _, said in others)


def test_deadline_that_was_missed_is_said_by_everyone_concerned():
    late = (0, Kind.TIMEOUT, b"")
    *_, (deed, told) = script(late, late, late)
    assert deed == "misses its deadline"
    assert (0, "END", "its part in the match is over: time (3 moves in a row came too late)") in told
    [_, (_, once)] = script(late)
    assert once == [(0, "OBS", "reward -1, after its deadline; learns nothing")]


def test_every_output_of_a_random_match_has_words():
    seats = {"Attacker": 1, "Defender": 1, "Benign": 2}
    spec = load_spec(scenario="two_networks", seats=seats, save_trajectories=True, use_global_defender=True)
    replay = play_randomly(spec, 2, 1500)
    narrator, playback = Narrator(replay), Playback(replay)
    kinds = set()
    for number, outputs in playback.turns():
        event = narrator.hear(number, outputs)
        assert event.text
        assert "\n" not in event.text
        assert len(event.told) == len(outputs)
        kinds |= {said.kind for said in event.told}
        assert all(said.text and "\n" not in said.text for said in event.told)
        for seat in range(len(seats)):
            stands, state = describe_seat(playback.game, seat)
            if "waits" not in stands:
                assert narrator.told_state(seat) == state
    assert kinds == {"SEATED", "OBS", "WAIT", "RESULT", "TRAJECTORY"}
