"""What NetSecGame's agents write, and what it asks for."""

import json

import pytest

from netsiege.game import IP, Action, ActionType, AgentRole, Network
from netsiege.hub.gateway.requests import (
    JoinGame,
    Malformed,
    QuitGame,
    ResetGame,
    Step,
    clean_agent_name,
    read_request,
    read_whole,
)
from netsiege.protocol import Reset
from netsiege.protocol.play import read_action

SCAN = Action(
    ActionType.ScanNetwork, {"source_host": IP("10.0.0.1"), "target_network": Network("10.0.0.0", 24)}
)


def written(kind, **parameters):
    return json.dumps({"action_type": f"ActionType.{kind}", "parameters": parameters}).encode()


HOST = {"ip": "1.1.1.1"}


def join(**info):
    return written("JoinGame", agent_info=info)


def test_action_is_the_body_of_a_step():
    asked = read_request(SCAN.to_json().encode())
    assert isinstance(asked, Step)
    assert read_action(asked.body) == SCAN


def test_block_may_name_the_blocked_host_as_the_whitebox_announces_it():
    host = {"ip": "10.0.0.1"}
    told = [
        read_request(written("BlockIP", source_host=host, target_host=host, **{name: {"ip": "10.0.0.9"}}))
        for name in ("blocked_host", "blocked_ip")
    ]
    assert isinstance(told[0], Step)
    assert told[0] == told[1]


@pytest.mark.parametrize("role", ["Attacker", "attacker", "ATTACKER"])
def test_roles_are_read_in_any_case(role):
    assert read_request(join(name="fox", role=role)) == JoinGame("fox", AgentRole.Attacker)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Random Attacker!", "Random_Attacker"),
        ("__a___b__", "a_b"),
        ("näme", "n_me"),
        ("x" * 100, "x" * 64),
        ("x" * 63 + "__yy", "x" * 63),
        ("", "agent"),
        ("!?", "agent"),
    ],
)
def test_names_are_those_that_the_original_would_use(name, clean):
    assert clean_agent_name(name) == clean
    assert read_request(join(name=name, role="Defender")) == JoinGame(clean, AgentRole.Defender)


@pytest.mark.parametrize(
    ("parameters", "asked"),
    [
        ({}, Reset()),
        ({"request_trajectory": True}, Reset(True, False, None)),
        ({"request_trajectory": "True", "randomize_topology": "False", "seed": None}, Reset(True)),
        ({"seed": 7}, Reset(False, True, 7)),
        ({"seed": 7, "randomize_topology": False}, Reset(False, False, 7)),
    ],
)
def test_resets_have_the_originals_defaults(parameters, asked):
    assert read_request(written("ResetGame", **parameters)) == ResetGame(asked)


def test_quit_needs_nothing():
    assert read_request(written("QuitGame")) == QuitGame()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"action_type": "ActionType.ScanNetwork"}', "'parameters' is missing"),
        (b'{"parameters": {}}', "'action_type' is missing"),
        (b'{"action_type": "ActionType.Fly", "parameters": {}}', "Fly"),
        (b'{"action_type": 7, "parameters": {}}', ""),
        (written("IsolateHost", source_host=HOST, target_host=HOST), "Invalid ActionType: IsolateHost"),
        (written("PatchService", source_host=HOST, target_host=HOST), "Invalid ActionType: PatchService"),
        (b'{"action_type": "ActionType.FindData", "parameters": 7}', ""),
        (b'{"action_type": "ActionType.FindData", "parameters": {}}', "source_host is missing"),
        (written("FindData", source_host={"ip": "10.0.0.1"}), "target_host is missing"),
        (
            written("ScanNetwork", source_host=HOST, target_network={"ip": "999.1.1.1", "mask": 24}),
            "999.1.1.1",
        ),
        (written("FindData", source_host="1.1.1.1", target_host={"ip": "1.1.1.1"}), ""),
        (written("JoinGame"), "agent_info"),
        (join(name="x", role="Spectator"), "Spectator"),
        (join(name="x"), "role"),
        (written("ResetGame", seed=-1), "seed: -1"),
        (written("ResetGame", seed=2**70), "seed: "),
        (written("ResetGame", seed=1.5), "seed"),
        (written("ResetGame", source_host={"ip": "1.1.1.1"}), "source_host is no"),
        (b'{"action_type": "ActionType.ResetGame", "parameters": {"seed": NaN}}', "NaN"),
        (b'{"a": }', ""),
        (b'{"a": "\xff"}', ""),
        (b"{" * 3 + b'"a"' + b"}" * 3, ""),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(text, why):
    told = read_request(text)
    assert isinstance(told, Malformed)
    assert why in told.why
    assert 0 < len(told.why) <= 300


@pytest.mark.parametrize(
    "text", [b"", b"{", b"{}{}", b'{"a": 1} {"b": 2}', b"[]", b"7", b"hello", b'{"a": 1}x', b"\xff"]
)
def test_bytes_that_are_not_exactly_one_object_are_cut_first(text):
    assert read_whole(text) is None


def test_whole_object_is_read_at_once():
    assert read_whole(SCAN.to_json().encode()) == read_request(SCAN.to_json().encode())
    assert isinstance(read_whole(b"{}"), Malformed)
