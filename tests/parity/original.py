"""The real NetSecGame as a process that answers questions: `python original.py`, JSON lines in and out.

Runs in an environment with `netsecgame[server]` 0.2.0 installed, not in ours; imports nothing else. A line of
input is a list of commands, the line of output the list of their answers. An exception ends the process,
with its traceback on stderr. The commands:

    {"do": "open", "scenario", "firewall", "agents": [{"role", "start": VIEW, "goal": VIEW}]}   -> OUTCOME
    {"do": "step", "agent": number, "action": its dict form}                                    -> OUTCOME
    {"do": "reset"}                                                                             -> OUTCOME
    {"do": "watch", "menu": [action], "episodes": [[number of an action]], "seed" or "rolls"}   -> detections

VIEW is controlled_hosts, known_hosts, known_networks, known_services and known_data with services and data as
lists of their fields. OUTCOME is `state` (of who acted; `states` of all after the other commands), `reached`
(the agent's goal), `false_positives`, and `world`, left out when nothing has changed in it. A state is a list
as on our wire; so is everything else sorted, so that equal things are equal JSON.

Two of NetSecGame's habits are mended here, because they make later steps depend on who holds a reference to
what: a state never shares sets with the world (it is copied after each step), and data that an action carries
with other content than what lies at its source is put into the world as it lies there.
"""

import asyncio
import ipaddress
import json
import logging
import random
import sys
import tempfile
from functools import cache
from pathlib import Path

from netsecgame.game import global_defender
from netsecgame.game.worlds.NetSecGame import NetSecGame
from netsecgame.game_components import IP, Action, ActionType, Data, GameState, Network, Service

TASK = """
coordinator:
  agents:
    Attacker: &agent
      max_steps: 100
      goal: {{description: "", known_networks: [], known_hosts: [], controlled_hosts: [],
        known_services: {{}}, known_data: {{}}, known_blocks: {{}}}}
      start_position: {{known_networks: [], known_hosts: [], controlled_hosts: [random], known_services: {{}},
        known_data: {{}}, known_blocks: {{}}}}
    Defender: *agent
    Benign: *agent
env:
  scenario: {scenario}
  use_global_defender: False
  use_dynamic_addresses: False
  use_firewall: {firewall}
  save_trajectories: False
  required_players: 1
  rewards: {{success: 100, step: -1, fail: -10, false_positive: -5}}
"""


@cache
def world_of(scenario, firewall):
    """A world, loaded once for each scenario."""
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task.yaml"
        task.write_text(TASK.format(scenario=scenario, firewall=firewall))
        world = NetSecGame("127.0.0.1", 0, str(task), seed=1)
        asyncio.run(world.config_manager.load())
    world._cyst_objects = world.config_manager.get_cyst_objects()
    world._use_dynamic_addresses = False
    world._initialize()
    return world


# --- NetSecGame's objects from and to plain lists ---------------------------------------------------------


@cache
def number(text):
    return int(ipaddress.IPv4Address(text))


def numbers(ips):
    return sorted(number(ip.ip) for ip in ips)


def by_address(mapping, plain):
    return sorted([number(ip.ip), sorted(map(plain, items))] for ip, items in mapping.items())


def plain_service(service):
    return [service.name, service.type, service.version, service.is_local]


def plain_datum(datum):
    return [datum.owner, datum.id, datum.size, datum.type, datum.content]


def plain_state(state):
    return [
        sorted([number(network.ip), network.mask] for network in state.known_networks),
        numbers(state.known_hosts),
        numbers(state.controlled_hosts),
        by_address(state.known_services, plain_service),
        by_address(state.known_data, plain_datum),
        by_address(state.known_blocks, lambda ip: number(ip.ip)),
    ]


def plain_world(world):
    """`data` hold the log files; an address that was blocked but does not exist is among `blocks`."""
    return {
        "authors": {f"{a}>{b}": sorted(agents) for (a, b), agents in world._agent_fw_rules.items()},
        "blocks": {ip.ip: sorted(b.ip for b in blocked) for ip, blocked in world._fw_blocks.items()},
        "data": {node: sorted(map(plain_datum, data)) for node, data in world._data.items()},
        "firewall": {ip.ip: sorted(t.ip for t in targets) for ip, targets in world._firewall.items()},
    }


def real_view(view):
    """A view as the configuration of a task would have it."""
    return {
        "known_networks": [
            Network(address, int(mask)) for address, mask in (n.split("/") for n in view["known_networks"])
        ],
        "known_hosts": [real_host(word) for word in view["known_hosts"]],
        "controlled_hosts": [real_host(word) for word in view["controlled_hosts"]],
        "known_services": {
            IP(text): [Service(*service) for service in services]
            for text, services in view["known_services"].items()
        },
        "known_data": {
            IP(text): [Data(*datum) for datum in data] for text, data in view["known_data"].items()
        },
        "known_blocks": {},
    }


def real_host(word):
    return word if word == "all_local" else IP(word)


def separate(state):
    """The same state, sharing no set with anything."""
    return GameState(
        set(state.controlled_hosts),
        set(state.known_hosts),
        {ip: set(items) for ip, items in state.known_services.items()},
        {ip: set(items) for ip, items in state.known_data.items()},
        set(state.known_networks),
        {ip: set(items) for ip, items in state.known_blocks.items()},
    )


# --- the commands -----------------------------------------------------------------------------------------


class Table:
    """A world with its agents; an agent is its number everywhere."""

    def __init__(self, scenario, firewall, agents):
        self.world = world_of(scenario, firewall)
        self.world.agents = {i: (f"agent {i}", agent["role"]) for i, agent in enumerate(agents)}
        self.starts = [real_view(agent["start"]) for agent in agents]
        self.goals = [real_view(agent["goal"]) for agent in agents]
        self.told = None

    def restart(self):
        world = self.world
        asyncio.run(world.reset())
        world._agent_false_positives = dict.fromkeys(world.agents, 0)
        for agent in world.agents:
            world._agent_states[agent] = separate(world._create_state_from_view(self.starts[agent]))
            world._agent_goal_states[agent] = world._create_goal_state_from_view(self.goals[agent])
        return {"states": [plain_state(world._agent_states[agent]) for agent in world.agents], **self.rest()}

    def step(self, agent, action):
        world = self.world
        action = Action.from_dict(action)
        source = self.source_of_forgery(action)
        state = separate(world._execute_action(world._agent_states[agent], action, agent))
        if source is not None:
            self.put_true_copy(action, source)
        world._agent_states[agent] = state
        return {"state": plain_state(state), "reached": world.goal_check(agent), **self.rest()}

    def data_at(self, ip):
        return self.world._data.get(self.world._ip_to_hostname.get(ip), set())

    def source_of_forgery(self, action):
        """What lies at the source, if the action may put something that looks like it at the target."""
        if action.type != ActionType.ExfiltrateData:
            return None
        datum, target = action.parameters["data"], action.parameters["target_host"]
        if datum in self.data_at(target):
            return None
        return next((d for d in self.data_at(action.parameters["source_host"]) if d == datum), None)

    def put_true_copy(self, action, source):
        there = self.data_at(action.parameters["target_host"])
        if source in there:
            there.discard(source)
            there.add(source)

    def rest(self):
        world = plain_world(self.world)
        changed = {} if world == self.told else {"world": world}
        self.told = world
        return {"false_positives": list(self.world._agent_false_positives.values()), **changed}


def watch(menu, episodes, seed=None, rolls=None):
    """For each episode the step at which the global defender detects, or 0, and which steps it rolled for.

    The dice are Python's, from `seed`, or `rolls`: for each episode the numbers that its rolls give.
    """
    defender = global_defender.GlobalDefender()
    actions = [Action.from_dict(action) for action in menu]
    plain = [action.as_dict for action in actions]
    dice = random.Random(seed)
    answers = []
    for n, episode in enumerate(episodes):
        rolled, ahead = [], iter(rolls[n] if rolls else ())
        step = 0

        def roll():
            rolled.append(step)  # noqa: B023  # called in this turn of the loop only
            return next(ahead) if rolls else dice.random()  # noqa: B023  # the same

        global_defender.random = roll
        history = []
        detected = 0
        for step, choice in enumerate(episode, 1):
            if defender.stochastic_with_threshold(actions[choice], history):
                detected = step
                break
            history.append(plain[choice])
        answers.append([detected, rolled])
    return answers


def main():
    logging.disable(logging.CRITICAL)
    out, sys.stdout = sys.stdout, sys.stderr  # whatever the game prints must not get between the answers
    table = None
    for line in sys.stdin:
        answers = []
        for command in json.loads(line):
            what = command.pop("do")
            if what == "open":
                table = Table(**command)
                answers.append(table.restart())
            elif what == "step":
                answers.append(table.step(**command))
            elif what == "reset":
                answers.append(table.restart())
            elif what == "watch":
                answers.append(watch(**command))
            else:
                raise ValueError(f"unknown command {what!r}")
        out.write(json.dumps(answers) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
