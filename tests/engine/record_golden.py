"""Records sequences of the real NetSecGame for the parity test: `python record_golden.py FOLDER`.

Runs in an environment with `netsecgame` 0.2.0 installed, not in ours. The format is that of
`netsiege.engine.parity`. Everything is drawn from fixed seeds and every collection is sorted before a draw,
so recording again gives the same bytes. States are copied after each step: what others do later does not
leak into them, and no drift needs to be marked.
"""

import asyncio
import copy
import gzip
import hashlib
import json
import logging
import random
import sys
import tempfile
from pathlib import Path

from netsecgame.game.worlds.NetSecGame import NetSecGame
from netsecgame.game_components import IP, Action, ActionType, Data, Network, Service

SCENARIOS = ("two_networks_tiny", "two_networks_small", "three_net_scenario")
SEQUENCES = 3
STEPS = 60
DRAWN = (
    ActionType.ScanNetwork,
    ActionType.FindServices,
    ActionType.FindServices,
    ActionType.FindData,
    ActionType.ExploitService,
    ActionType.ExploitService,
    ActionType.ExfiltrateData,
    ActionType.BlockIP,
)

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


def make_world(scenario, firewall, folder):
    task = Path(folder) / "task.yaml"
    task.write_text(TASK.format(scenario=scenario, firewall=firewall))
    world = NetSecGame("127.0.0.1", 0, str(task), seed=1)
    asyncio.run(world.config_manager.load())
    world._cyst_objects = world.config_manager.get_cyst_objects()
    world._use_dynamic_addresses = False
    world._initialize()
    return world


def plain_state(state):
    def services(items):
        plain = [
            {"name": s.name, "type": s.type, "version": s.version, "is_local": s.is_local} for s in items
        ]
        return sorted(plain, key=lambda s: json.dumps(s, sort_keys=True))

    return {
        "controlled_hosts": sorted(map(str, state.controlled_hosts)),
        "known_hosts": sorted(map(str, state.known_hosts)),
        "known_networks": sorted(map(str, state.known_networks)),
        "known_services": {str(ip): services(items) for ip, items in state.known_services.items()},
        "known_data": {
            str(ip): sorted([d.owner, d.id, d.type] for d in items) for ip, items in state.known_data.items()
        },
        "known_blocks": {str(ip): sorted(map(str, items)) for ip, items in state.known_blocks.items()},
    }


def known_logs(state):
    return {
        f"{ip}|{d.owner}|{d.id}|{d.type}": {"size": d.size, "content": d.content}
        for ip, items in state.known_data.items()
        for d in items
        if d.type == "log"
    }


def sha(plain):
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain_world(world):
    nodes = {name: sorted(data, key=lambda d: (d.owner, d.id, d.type)) for name, data in world._data.items()}
    return {
        "agent_fw_rules": {f"{a}>{b}": sorted(agents) for (a, b), agents in world._agent_fw_rules.items()},
        "data": {name: [[d.owner, d.id, d.type] for d in data] for name, data in nodes.items()},
        "firewall": {str(ip): sorted(map(str, to)) for ip, to in world._firewall.items()},
        "fw_blocks": {str(ip): sorted(map(str, to)) for ip, to in world._fw_blocks.items()},
        "logs": {
            name: [{"size": d.size, "content": d.content} for d in data if d.type == "log"]
            for name, data in nodes.items()
        },
    }


class Recorder:
    """One sequence: a world, three agents, and the lines that they make."""

    def __init__(self, world, rng, scenario, firewall, sequence):
        self.world, self.rng = world, rng
        self.lines = []
        self.addresses = sorted(map(str, world._ip_to_hostname))
        starts = sorted({str(ip) for ip in world.hosts_to_start})
        outside = [a for a in self.addresses if not a.startswith("192.168.")]
        views = {
            "A0": [rng.choice(starts), *outside],
            "D0": [a for a in self.addresses if a not in outside],
            "B0": sorted(rng.sample(self.addresses, 2)),
        }
        self.roles = {"A0": "Attacker", "D0": "Defender", "B0": "Benign"}
        world.agents = {agent: (agent, role) for agent, role in self.roles.items()}
        self.views = {agent: sorted(set(hosts)) for agent, hosts in views.items()}
        self.restart()
        self.put(
            kind="header",
            half="open",
            scenario=scenario,
            use_firewall=firewall,
            sequence=sequence,
            agents=[
                {"id": agent, "role": role, "start_view": self.view(agent)}
                for agent, role in self.roles.items()
            ],
            start_states={a: plain_state(s) for a, s in self.states.items()},
            start_logs={a: known_logs(s) for a, s in self.states.items()},
        )

    def view(self, agent):
        return {
            "controlled_hosts": self.views[agent],
            "known_hosts": [],
            "known_networks": [],
            "known_services": {},
            "known_data": {},
        }

    def restart(self):
        world = self.world
        world._data = copy.deepcopy(world._data_original)
        world._firewall = copy.deepcopy(world._firewall_original)
        world._fw_blocks, world._agent_fw_rules = {}, {}
        world._agent_false_positives = dict.fromkeys(self.roles, 0)
        self.states = {}
        for agent in self.roles:
            view = self.view(agent)
            view["controlled_hosts"] = [IP(text) for text in view["controlled_hosts"]]
            self.states[agent] = world._create_state_from_view(view)
        self.logs = {agent: {} for agent in self.roles}

    def put(self, **record):
        self.lines.append(json.dumps(record, sort_keys=True))

    def draw(self, agent):
        """An action that makes sense about two times in three."""
        rng, state = self.rng, self.states[agent]
        everywhere = [*self.addresses, "10.9.8.7"]
        controlled = sorted(map(str, state.controlled_hosts)) or everywhere
        source = IP(rng.choice(controlled if rng.random() < 0.85 else everywhere))
        target = IP(rng.choice(controlled if rng.random() < 0.4 else everywhere))
        kind = rng.choice(DRAWN)
        hosts = {"source_host": source, "target_host": target}
        if kind == ActionType.ScanNetwork:
            nets = [*sorted(map(str, self.world._networks)), "192.168.0.0/16", "0.0.0.0/0"]
            address, mask = rng.choice(nets).split("/")
            hosts = {"source_host": source, "target_network": Network(address, int(mask))}
        elif kind == ActionType.FindData:
            hosts["target_host"] = rng.choice([source, target])
        elif kind == ActionType.ExploitService:
            known = sorted(state.known_services, key=str)
            hosts["target_service"] = Service("ghost", "passive", "1", False)
            if known and rng.random() < 0.8:
                hosts["target_host"] = host = rng.choice(known)
                services = sorted(state.known_services[host], key=lambda s: (s.name, s.version))
                hosts["target_service"] = rng.choice(services)
        elif kind == ActionType.ExfiltrateData:
            known = sorted(state.known_data, key=str)
            hosts["data"] = Data("ghost", "nothing")
            if known and rng.random() < 0.8:
                hosts["source_host"] = host = rng.choice(known)
                data = sorted(state.known_data[host], key=lambda d: (d.owner, d.id, d.type))
                hosts["data"] = rng.choice(data)
        elif kind == ActionType.BlockIP:
            hosts["blocked_host"] = IP(rng.choice(everywhere))
        return Action(kind, hosts)

    def step(self, t):
        agent = self.rng.choice(sorted(self.roles))
        action = self.draw(agent)
        before = plain_state(self.states[agent])
        paid = dict(self.world._agent_false_positives)
        self.states[agent] = copy.deepcopy(self.world._execute_action(self.states[agent], action, agent))
        after = plain_state(self.states[agent])
        more = {}
        if self.world._agent_false_positives != paid:
            more["fp"] = dict(self.world._agent_false_positives)
        logs = known_logs(self.states[agent])
        if logs != self.logs[agent]:
            self.logs[agent] = more["logs"] = logs
        self.put(
            kind="step",
            t=t,
            agent=agent,
            action=action.as_dict,
            state=after,
            changed=sorted(k for k in after if after[k] != before[k]),
            sha=sha(after),
            **more,
        )

    def run(self, reset_at):
        for t in range(STEPS):
            if t == reset_at:
                self.restart()
                self.put(kind="reset", t=t, states={a: plain_state(s) for a, s in self.states.items()})
            self.step(t)
        self.put(
            kind="final",
            states={a: plain_state(s) for a, s in self.states.items()},
            fp=dict(self.world._agent_false_positives),
            world=plain_world(self.world),
        )
        return self.lines


def record(scenario, firewall, folder):
    world = make_world(scenario, firewall, folder)
    lines = []
    for sequence in range(SEQUENCES):
        rng = random.Random(f"{scenario}/{firewall}/{sequence}")
        recorder = Recorder(world, rng, scenario, firewall, sequence)
        lines += recorder.run(reset_at=STEPS // 2 if sequence % 3 == 1 else None)
    return "".join(line + "\n" for line in lines)


def main(folder):
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as scratch:
        for scenario in SCENARIOS:
            for firewall in (True, False):
                text = record(scenario, firewall, scratch)
                name = f"{scenario}.{'fw' if firewall else 'nofw'}.jsonl.gz"
                (Path(folder) / name).write_bytes(gzip.compress(text.encode(), mtime=0))
                print(name, text.count("\n"))  # noqa: T201  # the tool's output


if __name__ == "__main__":
    main(sys.argv[1])
