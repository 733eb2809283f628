"""Records sequences of the real NetSecGame for the parity test: `python record_golden.py FOLDER`.

Runs in an environment with `netsecgame[server]` 0.2.0 installed, not in ours, and takes the world from
`tests/parity/original.py`. The format is that of `netsiege.engine.parity`. Everything is drawn from fixed
seeds and every collection is sorted before a draw, so recording again gives the same bytes. States are copied
after each step: what others do later does not leak into them, and no drift needs to be marked.
"""

import asyncio
import gzip
import hashlib
import json
import logging
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "parity"))

from netsecgame.game_components import IP, Action, ActionType, Data, Network, Service
from original import separate, world_of

SCENARIOS = ("two_networks_tiny", "two_networks_small", "three_net_scenario", "one_network", "two_networks")
SEQUENCES = 5
STEPS = 60
STRAYING = ((0.85, 0.4, 0.8),) * 3 + ((0.97, 0.85, 0.97),) * 2
"""For each sequence how often a source, and a target, is a host that the agent controls, and how often
services and data are ones that it knows. The last sequences keep to what works: more copied data and logs,
more blocks that others run into.
"""
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
        self.own_source, self.own_target, self.known_thing = STRAYING[sequence]
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
        asyncio.run(world.reset())
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
        """An action that makes sense about two times in three, or more often."""
        rng, state = self.rng, self.states[agent]
        everywhere = [*self.addresses, "10.9.8.7"]
        controlled = sorted(map(str, state.controlled_hosts)) or everywhere
        source = IP(rng.choice(controlled if rng.random() < self.own_source else everywhere))
        target = IP(rng.choice(controlled if rng.random() < self.own_target else everywhere))
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
            if known and rng.random() < self.known_thing:
                hosts["target_host"] = host = rng.choice(known)
                services = sorted(state.known_services[host], key=lambda s: (s.name, s.version))
                hosts["target_service"] = rng.choice(services)
        elif kind == ActionType.ExfiltrateData:
            known = sorted(state.known_data, key=str)
            hosts["data"] = Data("ghost", "nothing")
            if known and rng.random() < self.known_thing:
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
        self.states[agent] = separate(self.world._execute_action(self.states[agent], action, agent))
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


def record(scenario, firewall):
    world = world_of(scenario, firewall)
    lines = []
    for sequence in range(SEQUENCES):
        rng = random.Random(f"{scenario}/{firewall}/{sequence}")
        recorder = Recorder(world, rng, scenario, firewall, sequence)
        lines += recorder.run(reset_at=STEPS // 2 if sequence % 3 == 1 else None)
    return "".join(line + "\n" for line in lines)


def main(folder):
    logging.disable(logging.CRITICAL)
    for scenario in SCENARIOS:
        for firewall in (True, False):
            text = record(scenario, firewall)
            name = f"{scenario}.{'fw' if firewall else 'nofw'}.jsonl.gz"
            (Path(folder) / name).write_bytes(gzip.compress(text.encode(), mtime=0))
            print(name, text.count("\n"))  # noqa: T201  # the tool's output


if __name__ == "__main__":
    main(sys.argv[1])
