"""How the real NetSecGame reads task files: `python original_tasks.py TIMES`, a JSON line in and one out.

Runs in an environment with `netsecgame[server]` 0.2.0 installed, not in ours; imports nothing else. The input
is a list of texts of task files. The output has for each either what its configuration manager says, as plain
sorted values, or `{"error": name of the exception}`; unless TIMES is 0, also `starts` and `goals`: the states
that an attacker gets in so many draws, each once.
"""

import asyncio
import json
import logging
import random
import sys
import tempfile
from pathlib import Path

from netsecgame.game.configuration_manager import ConfigurationManager
from netsecgame.game.scenarios import SCENARIO_REGISTRY
from netsecgame.game.worlds.NetSecGame import NetSecGame
from netsecgame.game_components import AgentRole

VIEW = ("known_networks", "known_hosts", "controlled_hosts", "known_services", "known_data", "known_blocks")


def plain(item):
    """A part of a view as JSON knows it."""
    if isinstance(item, str | int | float | None):
        return item
    if isinstance(item, dict):
        return sorted([str(key), plain(value)] for key, value in item.items())
    kind = type(item).__name__
    if kind == "Data":
        return [item.owner, item.id]
    if kind == "Service":
        return [item.name, item.type, item.version, item.is_local]
    if kind in ("IP", "Network"):
        return str(item)
    return sorted((plain(each) for each in item), key=json.dumps)


def plain_view(view):
    """None for a role that nobody can play."""
    return {part: plain(view[part]) for part in VIEW if part in view} if view else None


def read(path):
    manager = ConfigurationManager(str(path))
    asyncio.run(manager.load())
    starts, goals = manager.get_all_starting_positions(), manager.get_all_win_conditions()
    steps, said = manager.get_all_max_steps(), manager.get_all_goal_descriptions()
    objects = manager.get_cyst_objects()
    return {
        "scenario": [name for name, known in SCENARIO_REGISTRY.items() if known is objects],
        "roles": {
            role.value: {
                "start": plain_view(starts[role]),
                "goal": plain_view(goals[role]),
                "description": said[role],
                "max_steps": steps[role],
            }
            for role in AgentRole
        },
        "rewards": manager.get_rewards(),
        "required_players": manager.get_required_num_players(),
        "use_firewall": bool(manager.get_use_firewall()),
        "use_global_defender": bool(manager.get_use_global_defender()),
        "use_dynamic_addresses": bool(manager.get_use_dynamic_addresses()),
        "save_trajectories": bool(manager.get_store_trajectories()),
    }


def draws(path, times):
    """What an attacker starts with, and plays for, in so many draws; every outcome once."""
    world = NetSecGame("127.0.0.1", 0, str(path), seed=1)
    manager = world.config_manager
    asyncio.run(manager.load())
    world._cyst_objects = manager.get_cyst_objects()
    world._use_dynamic_addresses = False
    world._initialize()
    random.seed(1)
    start, goal = manager.get_starting_position("Attacker"), manager.get_win_conditions("Attacker")
    made = {
        "starts": [world._create_state_from_view(start) for _ in range(times)],
        "goals": [world._create_goal_state_from_view(goal) for _ in range(times)],
    }
    return {key: [*{json.dumps(plain_state(state)) for state in states}] for key, states in made.items()}


def plain_state(state):
    return {part: plain(getattr(state, part)) for part in VIEW[:-1]}


def main():
    times = int(sys.argv[1])
    logging.disable(logging.CRITICAL)
    out, sys.stdout = sys.stdout, sys.stderr  # whatever the game prints must not get into the answer
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "task.yaml")
        for text in json.loads(sys.stdin.read()):
            path.write_text(text)
            try:
                answers.append({**read(path), **(draws(path, times) if times else {})})
            except Exception as error:
                answers.append({"error": type(error).__name__})
    json.dump(answers, out)


if __name__ == "__main__":
    main()
