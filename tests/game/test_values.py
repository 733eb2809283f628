import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.game import (
    IP,
    Action,
    ActionType,
    AgentInfo,
    AgentRole,
    AgentStatus,
    Data,
    GameStatus,
    Network,
    Service,
)
from netsiege.game.action import CODE_OF, PLAYED, action_types
from tests import strategies as some


@pytest.mark.parametrize(
    "text", ["192.168.1.300", "", "1.2.3", "::1", "host", "1.2.3.4/8", " 1.2.3.4", None, 7]
)
def test_ip_of_anything_but_ipv4_is_refused(text):
    with pytest.raises(ValueError, match="not an IPv4 address"):
        IP(text)


@pytest.mark.parametrize(("ip", "mask"), [("1.2.3.4", 33), ("1.2.3.4", -1), ("1.2.3", 8), ("1.2.3.4", True)])
def test_network_of_a_bad_prefix_is_refused(ip, mask):
    with pytest.raises(ValueError, match=r"not an IPv4 address|not a prefix length"):
        Network(ip, mask)


def test_ip_order_is_that_of_text():
    assert sorted([IP("10.0.0.9"), IP("10.0.0.10")]) == [IP("10.0.0.10"), IP("10.0.0.9")]


def test_network_order_is_by_first_address_then_larger_networks_first():
    networks = [
        Network("10.0.0.0", 24),
        Network("9.0.0.0", 8),
        Network("10.0.0.7", 24),
        Network("10.0.0.0", 8),
    ]
    assert [str(n) for n in sorted(networks)] == ["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.7/24"]


def test_network_contains_its_first_and_last_address_only():
    network = Network("213.47.23.192", 26)
    inside = [n for n in range(256) if IP(f"213.47.23.{n}") in network]
    assert inside == list(range(192, 256))


@pytest.mark.parametrize(
    ("text", "private"),
    [("192.168.1.2", True), ("10.0.0.1", True), ("8.8.8.8", False), ("172.32.0.1", False)],
)
def test_ip_knows_whether_it_is_private(text, private):
    assert IP(text).is_private() is private
    assert Network(text, 32).is_private() is private


def test_data_equality_ignores_size_and_content():
    one, other = Data("u", "d", 1, "t", "x"), Data("u", "d", 2, "t", "y")
    assert one == other
    assert hash(one) == hash(other)
    assert one != Data("u", "d", 1, "other")


def test_words_equal_their_names_with_or_without_the_class():
    assert ActionType.ScanNetwork == "ActionType.ScanNetwork"
    assert ActionType.ScanNetwork == "ScanNetwork"
    assert ActionType.ScanNetwork != "FindData"
    assert AgentStatus.Success == "AgentStatus.Success"
    assert AgentRole.Attacker == "attacker"
    assert AgentRole.Attacker != "Defender"
    assert str(ActionType.BlockIP) == "ActionType.BlockIP"
    assert str(AgentRole.Benign) == "AgentRole.Benign"
    assert {ActionType.BlockIP: 1}[ActionType.from_string("BlockIP")] == 1


NETSECGAME = [
    *("ScanNetwork", "FindServices", "FindData", "ExploitService", "ExfiltrateData", "BlockIP"),
    *("JoinGame", "QuitGame", "ResetGame"),
]
RESPONSES = [
    *("IsolateHost", "RestoreHost", "ResetCredentials", "DeployDecoy", "HardenHost", "PatchService"),
]
ADDED = [kind.value for kind, _ in PLAYED[12:]]
"""What the table has besides."""


@pytest.mark.parametrize(
    ("ruleset", "names"),
    [
        ("netsecgame", NETSECGAME),
        ("siege-1", [*NETSECGAME[:6], *RESPONSES, *ADDED, *NETSECGAME[6:]]),
        ("of tomorrow", [*NETSECGAME[:6], *RESPONSES, *ADDED, *NETSECGAME[6:]]),
    ],
)
def test_ruleset_has_its_action_types_and_those_that_speak_to_the_game(ruleset, names):
    assert [kind.value for kind in action_types(ruleset)] == names


def test_codes_on_the_wire_are_those_of_always():
    assert [kind.value for kind, _ in PLAYED[:12]] == [*NETSECGAME[:6], *RESPONSES]
    assert [CODE_OF[kind] for kind, _ in PLAYED] == list(range(len(PLAYED)))
    assert [kind.value for kind in ActionType][:9] == NETSECGAME


@pytest.mark.parametrize("name", ["Attacker", "attacker", "AgentRole.ATTACKER"])
def test_role_is_read_in_any_case(name):
    assert AgentRole.from_string(name) is AgentRole.Attacker


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (AgentRole.from_string, "Spectator"),
        (ActionType.from_string, "Teleport"),
        (AgentStatus.from_string, "Dead"),
        (GameStatus.from_string, "OK"),
    ],
)
def test_words_that_are_none_are_refused(read, name):
    with pytest.raises(ValueError, match="Invalid"):
        read(name)


@given(st.one_of(some.ips, some.networks, some.services, some.data))
def test_value_survives_dict_wire_and_pickle(value):
    assert type(value).from_dict(value.as_dict) == value
    assert type(value).from_wire(value.to_wire()) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert json.loads(json.dumps(value.as_dict)) == value.as_dict
    with pytest.raises(AttributeError):
        value.__setattr__(next(iter(value.as_dict)), None)


@given(some.data)
def test_data_keeps_size_and_content_on_the_wire(data):
    back = Data.from_wire(data.to_wire())
    assert (back.size, back.content) == (data.size, data.content)


@pytest.mark.parametrize("cls", [IP, Network, Service, Data, AgentInfo])
@pytest.mark.parametrize("wrong", [{}, {"ip": "1.2.3.4", "mask": 8, "colour": 1}, [], "1.2.3.4"])
def test_value_of_a_wrong_dict_is_refused(cls, wrong):
    with pytest.raises(ValueError, match=cls.__name__):
        cls.from_dict(wrong)


@given(some.all_actions)
def test_action_survives_dict_json_and_wire(action):
    assert Action.from_dict(action.as_dict) == action
    assert Action.from_json(action.to_json()) == action
    assert Action.from_wire(action.to_wire()) == action
    assert hash(Action.from_dict(action.as_dict)) == hash(action)


def test_action_dict_form_is_netsecgames():
    action = Action(
        ActionType.ExploitService,
        {
            "source_host": IP("192.168.2.2"),
            "target_host": IP("192.168.1.2"),
            "target_service": Service("microsoft-ds", "passive", "10.0.19041", False),
        },
    )
    assert action.as_dict == {
        "action_type": "ActionType.ExploitService",
        "parameters": {
            "source_host": {"ip": "192.168.2.2"},
            "target_host": {"ip": "192.168.1.2"},
            "target_service": {
                "name": "microsoft-ds",
                "type": "passive",
                "version": "10.0.19041",
                "is_local": False,
            },
        },
    }
    join = Action(ActionType.JoinGame, {"agent_info": AgentInfo("me", AgentRole.Attacker)})
    assert join.as_dict["parameters"] == {"agent_info": {"name": "me", "role": "Attacker"}}
    assert Action.from_dict(join.as_dict) == join


def test_action_takes_blocked_ip_for_blocked_host():
    parameters = {
        "source_host": {"ip": "1.1.1.1"},
        "target_host": {"ip": "1.1.1.1"},
        "blocked_ip": {"ip": "2.2.2.2"},
    }
    action = Action.from_dict({"action_type": "BlockIP", "parameters": parameters})
    assert action.parameters["blocked_host"] == IP("2.2.2.2")


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ([], "begins with its code"),
        ("x", "begins with its code"),
        ([True, 1, 1], "begins with its code"),
        (
            [len(PLAYED), 1, 1],
            f"unknown action code {len(PLAYED)}: codes go from 0 to {len(PLAYED) - 1}",
        ),
        ([-1, 1, 1], "unknown action code -1"),
        ([1, 1], "FindServices takes source_host, target_host"),
        ([1, None, 2], "source_host is missing"),
        ([1, "1.2.3.4", 2], "source_host: .*not an IPv4 address"),
        ([0, 1, [1, 33]], "target_network: 33 is not a prefix length"),
        ([3, 1, 2, ["s", "t", "v", 1]], "target_service: service is_local"),
        ([4, 1, 2, ["o", "i", -0.5, "", ""]], "data: data size"),
        ([6, 1], "IsolateHost takes source_host, target_host"),
        ([11, 1, 2], "PatchService takes source_host, target_host, target_service"),
    ],
)
def test_action_of_a_wrong_wire_form_says_what_is_wrong(wire, said):
    with pytest.raises(ValueError, match=said):
        Action.from_wire(wire)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"target_host": IP("1.1.1.1")}, "source_host is missing"),
        (
            {"source_host": IP("1.1.1.1"), "target_host": "1.1.1.1"},
            "target_host is '1.1.1.1', which is no IP",
        ),
        ({"source_host": IP("1.1.1.1"), "target_host": IP("1.1.1.1"), "x": 1}, "x is unknown"),
    ],
)
def test_action_that_cannot_be_sent_says_what_is_wrong(parameters, said):
    with pytest.raises(ValueError, match=said):
        Action(ActionType.FindServices, parameters).to_wire()


@given(some.speaking)
def test_action_that_is_not_played_has_no_wire_form(kind):
    with pytest.raises(ValueError, match="not an action that can be played"):
        Action(kind, {}).to_wire()


@pytest.mark.parametrize("number", [True, 1.0, -1, 2**32, "1", None, [1]])
def test_ip_on_the_wire_is_a_whole_number_also_when_an_equal_one_was_seen_before(number):
    assert IP.from_wire(1) == IP("0.0.0.1")
    with pytest.raises(ValueError, match="not an IPv4 address"):
        IP.from_wire(number)
