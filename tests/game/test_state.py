import pickle
import subprocess
import sys

import pytest
from hypothesis import given

from netsiege.game import IP, Data, FrozenMap, GameState, Network, Observation, Service
from netsiege.protocol import pack, unpack
from tests import strategies as some

SMALL = GameState(
    controlled_hosts={IP("192.168.2.2")},
    known_hosts=[IP("192.168.2.2"), IP("192.168.1.2")],
    known_services={IP("192.168.1.2"): {Service("microsoft-ds", "passive", "10", False)}},
    known_data={IP("192.168.2.2"): {Data("User1", "D", 3, "txt", "abc")}},
    known_networks={Network("192.168.1.0", 24)},
    known_blocks={IP("192.168.2.2"): {IP("1.1.1.1")}},
)


def test_state_dict_form_is_netsecgames():
    assert SMALL.as_dict == {
        "known_networks": [{"ip": "192.168.1.0", "mask": 24}],
        "known_hosts": [{"ip": "192.168.1.2"}, {"ip": "192.168.2.2"}],
        "controlled_hosts": [{"ip": "192.168.2.2"}],
        "known_services": {
            "192.168.1.2": [{"name": "microsoft-ds", "type": "passive", "version": "10", "is_local": False}]
        },
        "known_data": {
            "192.168.2.2": [{"owner": "User1", "id": "D", "size": 3, "type": "txt", "content": "abc"}]
        },
        "known_blocks": {"192.168.2.2": [{"ip": "1.1.1.1"}]},
    }


def test_state_takes_any_collections_and_cannot_be_changed_afterwards():
    hosts = {IP("1.1.1.1")}
    services = {IP("1.1.1.1"): {Service("a")}}
    state = GameState(known_hosts=hosts, known_services=services)
    hosts.add(IP("2.2.2.2"))
    services[IP("1.1.1.1")].add(Service("b"))
    assert state.known_hosts == {IP("1.1.1.1")}
    assert state.known_services == {IP("1.1.1.1"): {Service("a")}}
    with pytest.raises(TypeError):
        state.known_services[IP("3.3.3.3")] = set()


@given(some.states)
def test_state_survives_dict_json_wire_and_pickle(state):
    for back in (
        GameState.from_dict(state.as_dict),
        GameState.from_json(state.as_json()),
        GameState.from_wire(unpack(pack(state.to_wire()))),
        pickle.loads(pickle.dumps(state)),
    ):
        assert back == state
        assert hash(back) == hash(state)
        assert back.to_wire() == state.to_wire()


@given(some.states, some.states)
def test_state_delta_rebuilds_the_later_state_to_the_byte(earlier, later):
    rebuilt = earlier.apply(unpack(pack(later.delta_from(earlier))))
    assert pack(rebuilt.to_wire()) == pack(later.to_wire())
    assert later.delta_from(later) == []


@given(some.states, some.states)
def test_state_order_is_total_and_agrees_with_equality(one, other):
    assert (one < other) + (one > other) + (one == other) >= 1
    assert (one <= other) == (not one > other)


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        ([1], "flat list"),
        ({}, "flat list"),
        ([6, []], "unknown delta field 6"),
        ([True, []], "unknown delta field True"),
        ([0, 3], "expected a list"),
        ([1, ["1.2.3.4"]], "not an IPv4 address"),
        ([3, [[1, []], [1, []]]], "listed twice"),
        ([3, [[1]]], "list of 2"),
    ],
)
def test_state_delta_that_is_malformed_is_refused(delta, said):
    with pytest.raises(ValueError, match=said):
        SMALL.apply(delta)


def test_state_wire_form_does_not_depend_on_the_hash_seed():
    code = (
        "from tests.game.test_state import SMALL; from netsiege.protocol import pack;"
        "print(pack(SMALL.to_wire()).hex(), SMALL.as_json())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


def test_frozen_map_equals_dicts_and_keeps_no_hash_when_pickled():
    frozen = FrozenMap({"a": 1})
    assert frozen == {"a": 1}
    assert frozen == {"a": 1}
    assert frozen != {"a": 2}
    assert frozen != 1
    hash(frozen)
    assert pickle.loads(pickle.dumps(frozen))._hash is None


def test_observation_unpacks_as_four():
    state, reward, end, info = Observation(SMALL, -1, True, {"end_reason": "AgentStatus.Success"})
    assert (state, reward, end, info) == (SMALL, -1, True, {"end_reason": "AgentStatus.Success"})
    observation = Observation(SMALL, -1, True, {"a": 1})
    assert Observation.from_dict(observation.as_dict) == observation
