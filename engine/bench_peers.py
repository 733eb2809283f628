"""Other environments in processes of their own, measured in the same rounds as ours.

A peer gets a number of steps on stdin, plays that many random valid actions, and answers with steps per
second of CPU time; choosing the actions is not counted, as little as it is with ours. It runs under an
interpreter that has it installed; nothing of it is imported here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Final, Self

_SERVE: Final = """
import sys, time
for line in sys.stdin:
    print(play(int(line)), flush=True)
"""

_NASIM: Final = """
import random, sys, time, warnings
warnings.simplefilter("ignore")
import nasim
hosts = int(sys.argv[1])
env = nasim.generate(num_hosts=hosts, num_services=5, num_os=2, num_processes=2, seed=1,
                     fully_obs=False, flat_actions=True, flat_obs=True)
rng = random.Random(1)
env.reset(seed=1)
targets = [env.action_space.get_action(i).target for i in range(env.action_space.n)]
def play(steps):
    spent = 0.0
    for _ in range(steps):
        state = env.current_state
        action = rng.randrange(len(targets))
        while not state.host_discovered(targets[action]):
            action = rng.randrange(len(targets))
        start = time.process_time()
        _, _, done, cut, _ = env.step(action)
        if done or cut:
            env.reset()
        spent += time.process_time() - start
    return steps / spent
"""

_CARTPOLE: Final = """
import random, time, warnings
warnings.simplefilter("ignore")
import gymnasium
env = gymnasium.make("CartPole-v1")
rng = random.Random(1)
env.reset(seed=1)
def play(steps):
    actions = [rng.randrange(2) for _ in range(steps)]
    start = time.process_time()
    for action in actions:
        _, _, done, cut, _ = env.step(action)
        if done or cut:
            env.reset()
    return steps / (time.process_time() - start)
"""

_NETSECGAME: Final = '''
import asyncio, copy, logging, pathlib, random, sys, tempfile, time
logging.disable(logging.CRITICAL)
from netsecgame.game.worlds.NetSecGame import NetSecGame
from netsecgame.game_components import IP
from netsecgame.utils.utils import generate_valid_actions
TASK = """
coordinator:
  agents:
    Attacker:
      max_steps: 100
      goal: {description: "", known_networks: [], known_hosts: [], controlled_hosts: [], known_services: {},
        known_data: {}, known_blocks: {}}
      start_position: {known_networks: [], known_hosts: [], controlled_hosts: [random], known_services: {},
        known_data: {}, known_blocks: {}}
env:
  scenario: SCENARIO
  use_global_defender: False
  use_dynamic_addresses: False
  use_firewall: True
  save_trajectories: False
  required_players: 1
  rewards: {success: 100, step: -1, fail: -10, false_positive: -5}
""".replace("SCENARIO", sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    task = pathlib.Path(folder) / "task.yaml"
    task.write_text(TASK)
    world = NetSecGame("127.0.0.1", 0, str(task), seed=1)
    asyncio.run(world.config_manager.load())
    world._cyst_objects = world.config_manager.get_cyst_objects()
    world._use_dynamic_addresses = False
    world._initialize()
world.agents = {"A0": ("A0", "Attacker")}
rng = random.Random(1)
outside = [ip for ip in map(str, world._ip_to_hostname) if not ip.startswith("192.168.")]
view = {"known_hosts": [], "known_networks": [], "known_services": {}, "known_data": {}}
def restart():
    world._data = copy.deepcopy(world._data_original)
    world._firewall = copy.deepcopy(world._firewall_original)
    world._fw_blocks, world._agent_fw_rules = {}, {}
    world._agent_false_positives = {"A0": 0}
    start = rng.choice(sorted({str(ip) for ip in world.hosts_to_start}))
    return world._create_state_from_view({**view, "controlled_hosts": [IP(ip) for ip in [start, *outside]]})
def play(steps):
    spent = 0.0
    for number in range(steps):
        if number % 100 == 0:
            state = restart()
        action = rng.choice(sorted(generate_valid_actions(state), key=str))
        start = time.process_time()
        state = world._execute_action(state, action, "A0")
        spent += time.process_time() - start
    return steps / spent
'''

_PROGRAMS: Final[Mapping[str, str]] = {"nasim": _NASIM, "cartpole": _CARTPOLE, "netsecgame": _NETSECGAME}


class Peer:
    """Another environment, running. Use as a context manager."""

    def __init__(self, name: str, python: str, *arguments: str) -> None:
        self.name = " ".join((name, *arguments))
        self._process = subprocess.Popen(  # noqa: S603  # an interpreter that the user named, and our program
            [python, "-c", _PROGRAMS[name] + _SERVE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def measure(self, steps: int) -> float | None:
        """Steps per second over so many steps; None if it does not run here."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(f"{steps}\n")
            stdin.flush()
            return float(stdout.readline())
        except (OSError, ValueError):
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._process.kill()
        self._process.communicate()


def start_peers(nsg_python: str | None, peers_python: str | None) -> list[Peer]:
    """Those peers that run: NetSecGame under the one interpreter, NASim and CartPole under the other.

    `peers_python` None means the present one; `nsg_python` None leaves NetSecGame out.
    """
    python = peers_python or sys.executable
    wanted = [(python, "nasim", "10"), (python, "nasim", "100"), (python, "cartpole")]
    if nsg_python:
        wanted.append((nsg_python, "netsecgame", "two_networks"))
    running = []
    for interpreter, name, *arguments in wanted:
        try:
            peer = Peer(name, interpreter, *arguments)
        except OSError:
            continue
        if peer.measure(10) is None:
            peer.__exit__()
        else:
            running.append(peer)
    return running
