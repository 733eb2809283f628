"""One client of the gateway: whatever it writes, and whatever becomes of its seat, it is answered."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import MatchOver
from netsiege.game import IP, ActionType, AgentRole, GameState, Network, Observation, Service
from netsiege.game.action import Action
from netsiege.hub.gateway.guest import NONSENSE_MAX, QUEUE_MAX, Guest
from netsiege.hub.gateway.replies import StateTexts
from netsiege.session import Seat

STATE = GameState(
    controlled_hosts=[IP("10.0.0.1")],
    known_hosts=[IP("10.0.0.1"), IP("10.0.0.2")],
    known_networks=[Network("10.0.0.0", 24)],
    known_services={IP("10.0.0.2"): [Service("ssh", "passive", "1", False)]},
)
INFO = {"max_steps": 100, "goal_description": "goal", "configuration_hash": "abc"}


class Behind:
    """What is asked of the hub, in order; the test answers."""

    def __init__(self, more=None):
        self.asked = []
        self._more = more or {}

    def join(self, guest, name, role):
        self.asked.append(("join", name, role))

    def step(self, guest, seat, body):
        self.asked.append(("step", seat, body))

    def reset(self, guest, seat, asked):
        self.asked.append(("reset", seat, asked))

    def leave(self, guest, seat):
        self.asked.append(("leave", seat))

    def extra(self):
        return self._more


def seat(state=STATE, **info):
    seen = Observation(state, 0, False, {**INFO, **info})
    return Seat(1, 7, AgentRole.Attacker, 0, 5, None, 100, "goal", seen)


def written(kind, **parameters):
    return json.dumps({"action_type": f"ActionType.{kind}", "parameters": parameters}).encode()


JOIN = written("JoinGame", agent_info={"name": "a b", "role": "Attacker"})
SCAN = Action(
    ActionType.ScanNetwork, {"source_host": IP("10.0.0.1"), "target_network": Network("10.0.0.0", 24)}
)
STEP = SCAN.to_json().encode()
RESET = written("ResetGame", request_trajectory=True, randomize_topology=False, seed=7)


def replies(guest):
    texts = guest.take_out()
    assert all(text.endswith(b"EOF") for text in texts)
    return [json.loads(text[:-3]) for text in texts]


def reply(guest):
    (told,) = replies(guest)
    return told


@pytest.fixture
def behind():
    return Behind()


@pytest.fixture
def guest(behind):
    return Guest(behind, ("127.0.0.1", 4321))


@pytest.fixture
def playing(guest):
    guest.hear(JOIN)
    guest.seated(seat())
    reply(guest)
    return guest


NETSECGAME = [
    *("ScanNetwork", "FindServices", "FindData", "ExploitService", "ExfiltrateData", "BlockIP"),
    *("JoinGame", "QuitGame", "ResetGame"),
]
"""Whatever the ruleset has besides."""


def test_join_is_answered_with_the_first_observation(guest, behind):
    guest.hear(JOIN)
    assert behind.asked == [("join", "a_b", AgentRole.Attacker)]
    assert replies(guest) == []
    guest.seated(seat())
    assert reply(guest) == {
        "to_agent": ["127.0.0.1", 4321],
        "status": "GameStatus.CREATED",
        "observation": {"state": STATE.as_dict, "reward": 0, "end": False, "info": {}},
        "message": {
            "message": "Welcome a_b, registred as AgentRole.Attacker",
            **INFO,
            "actions": [f"ActionType.{name}" for name in NETSECGAME],
        },
    }


def test_whitebox_tells_more_at_the_start():
    guest = Guest(Behind({"all_actions": "[]"}), ("::1", 1))
    guest.hear(JOIN)
    guest.seated(seat())
    assert reply(guest)["message"]["all_actions"] == "[]"


def test_step_is_answered_with_what_was_seen(playing):
    playing.hear(STEP)
    playing.observed(Observation(STATE, -1, False, {}))
    assert reply(playing) == {
        "to_agent": ["127.0.0.1", 4321],
        "observation": {"state": STATE.as_dict, "reward": -1, "end": False, "info": {}},
        "status": "GameStatus.OK",
    }


def test_step_after_the_end_is_forbidden(playing):
    playing.hear(STEP)
    info = {
        "end_reason": "AgentStatus.Success",
        "info": "Episode ended. Request reset for starting new episode.",
    }
    playing.observed(Observation(STATE, 99, True, info))
    told = reply(playing)
    assert (told["status"], told["observation"]["info"]) == ("GameStatus.FORBIDDEN", info)


def test_reset_is_answered_with_the_new_episode_and_the_last_one(playing, behind):
    playing.hear(RESET)
    kind, _, asked = behind.asked[-1]
    assert (kind, asked.request_trajectory, asked.seed) == ("reset", True, 7)
    last = {
        "trajectory": {"states": [], "actions": [], "rewards": []},
        "end_reason": None,
        "agent_role": "Attacker",
    }
    playing.observed(Observation(STATE, 0, False, {**INFO, "status": "x", "last_trajectory": last}))
    told = reply(playing)
    assert told["status"] == "GameStatus.RESET_DONE"
    assert told["observation"]["info"] == {}
    assert told["message"] == {
        "message": "Resetting Game and starting again.",
        **INFO,
        "last_trajectory": last,
    }


@pytest.mark.parametrize("text", [STEP, RESET])
def test_who_has_not_joined_is_told_so(guest, behind, text):
    guest.hear(text)
    assert "join the game first" in reply(guest)["message"]["message"]
    assert behind.asked == []
    guest.hear(JOIN)
    assert behind.asked


def test_second_join_is_refused_as_the_original_does(playing):
    playing.hear(JOIN)
    told = reply(playing)
    assert told == {
        "to_agent": ["127.0.0.1", 4321],
        "status": "GameStatus.BAD_REQUEST",
        "message": "Agent already exists.",
    }


def test_join_that_the_hub_refuses_may_be_tried_again(guest, behind):
    guest.hear(JOIN)
    guest.refused("no seat for 'Attacker'")
    assert reply(guest)["message"]["message"] == "Bad request received: no seat for 'Attacker'"
    guest.hear(JOIN)
    assert len(behind.asked) == 2


def test_quit_gives_the_seat_up_and_is_answered(playing, behind):
    mine = playing.seat
    playing.hear(written("QuitGame"))
    assert reply(playing)["status"] == "GameStatus.OK"
    assert behind.asked[-1] == ("leave", mine)
    playing.hear(JOIN)
    assert behind.asked[-1][0] == "join"


def test_requests_wait_for_the_answer_to_the_one_before(guest, behind):
    guest.hear(JOIN + STEP + STEP + b"nonsense" + STEP)
    assert [asked[0] for asked in behind.asked] == ["join"]
    guest.seated(seat())
    assert [told["status"] for told in replies(guest)] == ["GameStatus.CREATED"]
    for number in (1, 2):
        assert len(behind.asked) == 1 + number
        guest.observed(Observation(STATE, -number, False, {}))
    told = replies(guest)
    assert [each["status"] for each in told] == ["GameStatus.OK", "GameStatus.OK", "GameStatus.BAD_REQUEST"]
    assert len(behind.asked) == 4
    guest.observed(Observation(STATE, -3, False, {}))
    assert reply(guest)["observation"]["reward"] == -3


def test_client_that_asks_too_much_ahead_is_read_no_further(guest):
    guest.hear(JOIN + STEP * QUEUE_MAX)
    assert guest.is_full
    guest.seated(seat())
    assert not guest.is_full


def test_nonsense_is_answered_and_at_last_turned_out(guest):
    for number in range(NONSENSE_MAX):
        assert not guest.turned_out
        guest.hear(b"x")
        told = reply(guest)
        assert told["status"] == "GameStatus.BAD_REQUEST"
        assert told["message"]["message"].startswith("Bad request received: Malformed Action: ")
        assert (told["observation"], number) == (None, number)
    assert guest.turned_out


def test_half_a_request_is_answered_in_the_end(playing):
    playing.hear(STEP[:-5])
    assert playing.is_speaking
    assert replies(playing) == []
    playing.give_up_waiting()
    assert "it does not end" in reply(playing)["message"]["message"]
    assert not playing.is_speaking
    playing.hear(STEP)
    playing.observed(Observation(STATE, -1, False, {}))
    assert reply(playing)["status"] == "GameStatus.OK"


def test_seat_that_is_lost_is_told_at_the_next_step_and_taken_anew_by_a_reset(playing, behind):
    playing.ended(MatchOver("finished", ""))
    assert replies(playing) == []
    playing.hear(STEP)
    assert "ask for a reset to play another one" in reply(playing)["message"]["message"]
    playing.hear(RESET)
    assert behind.asked[-1] == ("join", "a_b", AgentRole.Attacker)
    playing.seated(seat())
    told = reply(playing)
    assert (told["status"], told["message"]["max_steps"]) == ("GameStatus.RESET_DONE", 100)
    playing.hear(STEP)
    assert behind.asked[-1][0] == "step"


def test_seat_that_is_lost_during_a_step_answers_it(playing):
    playing.hear(STEP)
    playing.ended("the worker has died")
    assert "the worker has died" in reply(playing)["message"]["message"]


def test_seat_that_is_lost_during_a_reset_is_taken_anew(playing, behind):
    playing.hear(RESET)
    playing.ended(MatchOver("finished", ""))
    assert replies(playing) == []
    assert behind.asked[-1][0] == "join"
    playing.refused("the room is closed")
    assert reply(playing)["status"] == "GameStatus.BAD_REQUEST"
    playing.hear(RESET)
    assert behind.asked[-1][0] == "join"


def test_client_that_hangs_up_leaves_its_seat(playing, behind):
    mine = playing.seat
    playing.hear(STEP + STEP)
    playing.gone()
    assert behind.asked[-1] == ("leave", mine)


def test_observation_that_nobody_asked_for_shows_in_the_next_one(playing):
    playing.observed(Observation(STATE, -1, False, {}))
    assert replies(playing) == []


@given(st.lists(st.integers(0, 10_000)), st.randoms(use_true_random=False))
def test_answers_do_not_depend_on_how_the_network_cuts_what_is_written(places, rng):
    asked = rng.choices([JOIN, STEP, RESET, b'{"a": 1}', b'{"x": [}', b"\n", written("QuitGame")], k=12)
    stream = b"".join(asked)
    ends = [0, *sorted({place % len(stream) for place in places}), len(stream)]
    assert conversation(stream[a:b] for a, b in pairwise(ends)) == conversation([stream])


def conversation(chunks):
    """All answers of a hub that answers at once."""
    guest, told = Guest(Answering(), ("h", 1)), []
    for chunk in chunks:
        guest.hear(chunk)
        told += replies(guest)
    return told


class Answering(Behind):
    def join(self, guest, name, role):
        guest.seated(seat())

    def step(self, guest, seat, body):
        guest.observed(Observation(STATE, -1, False, {}))

    def reset(self, guest, seat, asked):
        guest.observed(Observation(STATE, 0, False, INFO))


def test_states_are_written_as_json_would_whatever_changes():
    rng, texts, state = random.Random(1), StateTexts(), GameState()
    for _ in range(200):
        host = IP(f"10.0.0.{rng.randint(1, 20)}")
        change = rng.randint(0, 3)
        if change == 0:
            state = state.apply([1, [(10 << 24) + rng.randint(1, 50)]])
        elif change == 1:
            state = state.apply([3, [[(10 << 24) + 1, [Service(f"s{rng.randint(1, 9)}").to_wire()]]]])
        elif change == 2:
            state = state.apply([5, [[(10 << 24) + rng.randint(1, 5), [(10 << 24) + 9]]]])
        else:
            data = [["User", "d", rng.randint(0, 9), "t", 'say "x"\n']]
            state = state.apply([4, [[(10 << 24) + int(host.ip.split(".")[-1]), data]]])
        told = json.loads(texts.of(state))
        assert {part: sorted_deep(value) for part, value in told.items()} == {
            part: sorted_deep(value) for part, value in state.as_dict.items()
        }


def sorted_deep(value):
    if isinstance(value, list):
        return sorted((sorted_deep(each) for each in value), key=repr)
    return (
        {key: sorted_deep(each) for key, each in sorted(value.items())} if isinstance(value, dict) else value
    )
