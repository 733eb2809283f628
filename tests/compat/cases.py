"""The questions whose answers by the real NetSecGame are kept in `golden.json`.

`recorded.jsonl` is a game that its server told, as its own function has stored it.
"""

import json
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded.jsonl")
GOLDEN = Path(__file__).with_name("golden.json")
FOLDER = "FOLDER"
"""Stands for a folder of its own, wherever it is a value in what is told."""

_GAME = json.loads(RECORDED.read_text())
_IP, _OTHER, _NET = {"ip": "192.168.1.2"}, {"ip": "10.0.0.9"}, {"ip": "192.168.1.0", "mask": 24}
_SERVICE = {"name": "ssh", "type": "passive", "version": "8", "is_local": True}
_LOG = {"owner": "system", "id": "logfile", "size": 70, "type": "log", "content": "[]"}
_BLOCKING = {
    "known_networks": [_NET, {"ip": "10.0.0.0", "mask": 8}, {"ip": "192.168.1.64", "mask": 26}],
    "known_hosts": [_IP, _OTHER, {"ip": "192.168.1.65"}],
    "controlled_hosts": [_IP, _OTHER],
    "known_services": {"10.0.0.9": [_SERVICE, {**_SERVICE, "is_local": False}], "192.168.1.65": [_SERVICE]},
    "known_data": {"192.168.1.2": [_LOG, {"owner": "U", "id": "D", "size": 3, "type": "", "content": "x"}]},
    "known_blocks": {"192.168.1.2": [_OTHER, _IP], "10.0.0.9": [{"ip": "192.168.1.65"}]},
}
_OLD = {name: found for name, found in _BLOCKING.items() if name != "known_blocks"}
_ACTIONS = [
    *_GAME["trajectory"]["actions"],
    {"action_type": "BlockIP", "parameters": {"source_host": _IP, "target_host": _IP, "blocked_ip": _OTHER}},
    {"action_type": "ActionType.JoinGame", "parameters": {"agent_info": {"name": "me", "role": "attacker"}}},
    {"action_type": "ActionType.ResetGame", "parameters": {"request_trajectory": "True", "seed": "None"}},
    {"action_type": "ActionType.ResetGame", "parameters": {"randomize_topology": False, "seed": 42}},
    {"action_type": "ActionType.QuitGame", "parameters": {}},
]
_VALUES = [
    ("Network", {"ip": ip, "mask": mask})
    for ip, mask in (
        ("192.168.1.0", 24),
        ("192.168.1.0", 16),
        ("192.168.1.77", 24),
        ("9.0.0.0", 8),
        ("n1", 24),
    )
]
_VALUES += [("IP", {"ip": ip}) for ip in ("9.1.1.1", "10.0.0.1", "192.168.1.0", "192.168.1.10", "8.8.8.8")]
_VALUES += [
    ("Service", _SERVICE),
    ("Service", {"name": "ssh"}),
    ("Data", _LOG),
    ("Data", {**_LOG, "size": 1}),
]
_BAD = [
    ("IP", {"ip": "300.1.1.1"}),
    ("IP", {"ip": "external"}),
    ("IP", {}),
    ("Network", {"ip": "10.0.0.0"}),
    ("Service", {"type": "passive"}),
    ("Data", {"owner": "U"}),
    ("AgentInfo", {"name": "me", "role": "Spectator"}),
    ("Action", {"action_type": "ActionType.Teleport", "parameters": {}}),
    ("Action", {"action_type": "ActionType.FindData", "parameters": {"host": _IP}}),
    ("Action", {"action_type": "ActionType.FindData", "parameters": {"source_host": {"ip": "x"}}}),
    ("Action", {"action_type": "ActionType.ResetGame", "parameters": {"seed": "seven"}}),
    ("Action", {"action_type": "ActionType.FindData"}),
    ("GameState", {"known_networks": []}),
]
_LOGS = ['[{"source_host": "10.0.0.1", "action_type": "ActionType.FindData"}]', "[]", "no log", "[1]"]

CASES = [
    *(("state", each) for each in [_GAME["trajectory"]["states"][-1], _BLOCKING, _OLD]),
    ("changed", _BLOCKING),
    ("observation", {"state": _BLOCKING, "reward": -1, "end": False, "info": {}}),
    (
        "observation",
        {"state": _OLD, "reward": 99, "end": True, "info": {"end_reason": "AgentStatus.Success"}},
    ),
    ("observation", {"state": _OLD}),
    ("observation", {"state": json.dumps(_OLD)}),
    *(("action", each) for each in _ACTIONS),
    ("values", _VALUES),
    *(("bad", each) for each in _BAD),
    ("names", None),
    ("words", None),
    ("concepts", None),
    ("functions", {"folder": FOLDER, "text": "some text, änd more", "logs": _LOGS}),
    ("stored", {"folder": FOLDER, "trajectories": [{"a": "ä\n"}, [1, None], "text"]}),
    (
        "recorded",
        {"folder": FOLDER, "role": "Attacker", **{k: _GAME["trajectory"][k] for k in ("states", "actions")}},
    ),
    ("read", str(RECORDED)),
]


def settle(told, folder):
    """What is told, with a folder where one is to be, and the file where it is here."""
    if isinstance(told, dict) and told.get("folder") == FOLDER:
        return {**told, "folder": str(folder)}
    return told
