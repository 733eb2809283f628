"""Task files in NetSecGame's format, and what both sides make of them as plain values."""

import json
import random

from netsiege.engine.masks import bits
from netsiege.game.values import int_to_ip
from netsiege.scenarios import load_topology, scenario_names
from netsiege.scenarios.model import DataItem, ServiceItem

ROLES = ("Attacker", "Defender", "Benign")
SWITCHES = ("use_firewall", "use_global_defender", "use_dynamic_addresses", "save_trajectories")
REWARDS = ("success", "step", "fail", "false_positive")
HOST_PARTS = ("known_networks", "known_hosts", "controlled_hosts")
ITEM_PARTS = ("known_services", "known_data", "known_blocks")
EMPTY = {**{part: [] for part in HOST_PARTS}, **{part: {} for part in ITEM_PARTS}}
SMB, C2 = "192.168.1.2", "213.47.23.195"

# NetSecGame's manual has one like this
MANUAL = {
    "coordinator": {
        "agents": {
            "Attacker": {
                "max_steps": 25,
                "goal": {
                    **EMPTY,
                    "description": f"Bring it to {C2}.",
                    "known_data": {C2: [["User1", "DataFromServer1"]]},
                },
                "start_position": {**EMPTY, "controlled_hosts": [C2, "random"]},
            },
            "Defender": {
                "goal": {**EMPTY, "description": "Block them.", "known_blocks": {C2: "all_attackers"}},
                "start_position": {**EMPTY, "controlled_hosts": ["all_local"], "blocked_ips": {}},
            },
        }
    },
    "env": {
        "scenario": "two_networks_tiny",
        **dict.fromkeys(SWITCHES, False),
        "required_players": 1,
        "rewards": {"success": 100, "step": -1, "fail": -10, "false_positive": -5},
    },
}


def plain(task):
    return {
        "roles": {role: plain_role(task.role(role)) for role in ROLES},
        "rewards": {name: getattr(task.rewards, name) for name in REWARDS},
        "required_players": task.required_players,
        **{switch: getattr(task, switch) for switch in SWITCHES},
    }


def plain_role(role):
    if role is None:
        return None
    return {
        "start": plain_view(role.start),
        "goal": plain_view(role.goal),
        "description": role.goal_description,
        "max_steps": role.max_steps,
    }


def plain_view(view):
    """Their parts are sets, so a word counts once; data are owner and id there."""
    hosts = {part: sorted(set(getattr(view, part))) for part in HOST_PARTS}
    items = {
        part: sorted([host, plain_items(items)] for host, items in getattr(view, part)) for part in ITEM_PARTS
    }
    return {**hosts, **items}


def plain_items(items):
    if items == ("all_attackers",):
        return "all_attackers"
    return sorted((plain_item(item) for item in items), key=json.dumps)


def plain_item(item):
    if isinstance(item, DataItem):
        return [item.owner, item.id]
    if isinstance(item, ServiceItem):
        return [item.name, item.type, item.version, item.local]
    return item


def alike(answer):
    """What they say, in the words of `plain`: their goal of benign users cannot be reached, ours is empty,
    and three random starts of theirs are one word.
    """
    assert "error" not in answer, answer
    roles = {}
    for name, role in answer["roles"].items():
        blank = role["start"] is None and role["goal"] is None
        views = {part: {"known_blocks": [], **role[part]} for part in ("start", "goal") if role[part]}
        roles[name] = None if blank else {**role, **views}
    benign = roles["Benign"]
    assert benign["goal"]["known_data"] == [["1.1.1.1", [["User1", "DataFromInternet"]]]]
    assert benign["start"]["controlled_hosts"] == ["random"] * 3
    benign["goal"]["known_data"], benign["start"]["controlled_hosts"] = [], ["random"]
    rest = {key: value for key, value in answer.items() if key not in ("roles", "scenario")}
    return {"roles": roles, **rest}


def changed(changes):
    """The manual's file with values set at paths; `...` removes."""
    document = json.loads(json.dumps(MANUAL))
    for path, value in changes.items():
        *parents, last = path.replace("Attacker", "coordinator.agents.Attacker", 1).split(".")
        inner = document
        for key in parents:
            inner = inner.setdefault(key, {})
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
    return document


def outcomes(states):
    """Each once, as text; hosts without any services or data count as not listed."""
    found = (json.loads(state) if isinstance(state, str) else state for state in states)
    return {
        json.dumps({key: [each for each in part if each[1:] != [[]]] for key, part in state.items()})
        for state in found
    }


def plain_start(tables, knows):
    networks, hosts, controlled, services, data, _ = knows.full(tables.board)
    return {
        "known_networks": sorted(f"{int_to_ip(number)}/{mask}" for number, mask in networks),
        "known_hosts": sorted(map(int_to_ip, hosts)),
        "controlled_hosts": sorted(map(int_to_ip, controlled)),
        "known_services": sorted([int_to_ip(at), sorted(map(list, known))] for at, known in services),
        "known_data": sorted([int_to_ip(at), sorted(datum[:2] for datum in known)] for at, known in data),
    }


def plain_goal(tables, goal):
    board = tables.board
    return {
        "known_networks": sorted(
            f"{int_to_ip(number)}/{mask}" for number, mask in (board.networks[i] for i in bits(goal.networks))
        ),
        "known_hosts": sorted(board.texts[i] for i in bits(goal.hosts)),
        "controlled_hosts": sorted(board.texts[i] for i in bits(goal.controlled)),
        "known_services": sorted(
            [board.texts[at], sorted(list(board.services[i]) for i in bits(mask))]
            for at, mask in goal.services
        ),
        "known_data": sorted(
            [board.texts[at], sorted(list(board.keys[key][:2]) for key in keys)] for at, keys in goal.data
        ),
    }


class Author:
    """Writes task files at random: every key of NetSecGame's format, each form that it understands."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        scenario = self.dice.choice(scenario_names())
        self.scenario, self.topology = scenario, load_topology(scenario)
        self.addresses = [address for host in self.topology.hosts for address in host.addresses]

    def some(self, values, most=3):
        values = list(values)
        return self.dice.sample(values, self.dice.randint(0, min(most, len(values))))

    def case(self, word):
        return self.dice.choice([word, word.upper(), word.title()])

    def services(self, *, everywhere):
        """Of hosts with any; `everywhere` an empty list is as good."""
        found = {}
        for host in self.some([host for host in self.topology.hosts if host.services], 2):
            items = [[s.name, s.type, s.version, s.local] for s in self.some(host.services, 2)]
            words = [self.case("random")] if self.dice.random() < 0.4 else []
            if items or words or everywhere:
                found[host.addresses[0]] = items + words
        return found

    def data(self, *, is_goal):
        found = {}
        holders = [host for host in self.topology.hosts if any(s.data for s in host.services)]
        every = [[d.owner, d.id] for host in holders for s in host.services for d in s.data]
        for address in self.some(self.addresses if is_goal else [h.addresses[0] for h in holders], 2):
            words = [self.case("random")] if self.dice.random() < 0.4 else []
            found[address] = self.some(every, 2) + words
        return found

    def view(self, *, is_goal):
        words = ["random", "all_local"]
        return {
            "known_networks": self.some(self.topology.networks),
            "known_hosts": self.some([*self.addresses, *words]),
            "controlled_hosts": self.some([*self.addresses, *words]),
            "known_services": self.services(everywhere=True),
            "known_data": self.data(is_goal=is_goal),
            "known_blocks": self.blocks() if is_goal else {},
        }

    def blocks(self):
        return {
            address: self.dice.choice(["all_attackers", self.some(self.addresses)])
            for address in self.some(self.addresses, 2)
        }

    def role(self):
        role = {"goal": self.view(is_goal=True), "start_position": self.view(is_goal=False)}
        if self.dice.random() < 0.7:
            role["goal"]["description"] = self.dice.choice(["", "Win.", "Two\nlines.", "Überall: 'x'"])
        if self.dice.random() < 0.7:
            role["max_steps"] = self.dice.choice([1, 25, "100", None])
        if self.dice.random() < 0.3:
            role["goal"]["is_any_part_of_goal_random"] = True
            role["start_position"]["blocked_ips"] = {}
        return role

    def document(self):
        agents = {name: self.role() for name in ("Attacker", "Defender") if self.dice.random() < 0.8}
        if self.dice.random() < 0.3:
            agents["Benign"] = {"max_steps": self.dice.choice([5, "50", None])}
        env = {"scenario": self.scenario}
        for switch in SWITCHES:
            if self.dice.random() < 0.8:
                env[switch] = self.dice.choice([True, False, 1, 0])
        if self.dice.random() < 0.8:
            env["required_players"] = self.dice.choice([1, 2, "3"])
        if self.dice.random() < 0.9:
            names = self.some(REWARDS, 4)
            env["rewards"] = {name: self.dice.choice([0, 1, -1, 100, -2.5]) for name in names}
        if self.dice.random() < 0.5:
            env["random_seed"] = self.dice.choice(["random", 42])
        if self.dice.random() < 0.3:
            env["actions"] = {"scan_network": {"prob_success": 1.0}}
        return {"coordinator": {"agents": agents}, "env": env}
