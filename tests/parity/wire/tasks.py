"""Task files that both sides read, with starts and goals that nothing is drawn for."""

import yaml

OUTSIDE = "213.47.23.195"
CLIENTS = {"one_network": "192.168.1.7"}
"""Where an attacker and a benign user start; everywhere else on 192.168.2.2."""
NOTHING = {
    "known_networks": [],
    "known_hosts": [],
    "controlled_hosts": [],
    "known_services": {},
    "known_data": {},
    "known_blocks": {},
}
THE_DATA = {"known_data": {OUTSIDE: [["User1", "DataFromServer1"]]}}
OUT_OF_REACH = {"controlled_hosts": [OUTSIDE], "known_data": {"192.168.1.2": [["User1", "DataFromServer1"]]}}
"""For a defender inside, who never has the attacker's machine."""
REWARDS = {"success": 100, "step": -1, "fail": -10, "false_positive": -5}


def task(scenario, *roles, firewall=True, steps=40, players=1, goals=None, detector=False, dynamic=False):
    """The text of a task for seats of these roles. `steps` are an attacker's, `goals` by role."""
    goals = {"Attacker": THE_DATA, "Defender": OUT_OF_REACH, **(goals or {})}
    client = CLIENTS.get(scenario, "192.168.2.2")
    starts = {"Attacker": [OUTSIDE, client], "Defender": ["all_local"], "Benign": [client]}
    agents = {
        role: {
            "goal": {"description": f"What {role} wants", **NOTHING, **goals.get(role, {})},
            "start_position": {**NOTHING, "controlled_hosts": starts[role]},
        }
        for role in starts
    }
    del agents["Benign"]["goal"]
    agents["Attacker"]["max_steps"] = steps
    env = {
        "scenario": scenario,
        "random_seed": 42,
        "use_global_defender": detector,
        "use_dynamic_addresses": dynamic,
        "use_firewall": firewall,
        "save_trajectories": False,
        "required_players": players,
        "rewards": REWARDS,
    }
    seats = {role: roles.count(role) for role in sorted(set(roles))}
    return yaml.safe_dump({"seats": seats, "coordinator": {"agents": agents}, "env": env}, sort_keys=False)
