"""How often the global defender detects, and when: policies, our side, the comparison, and the recording.

`python -m tests.parity.detections` records the frequencies of the real NetSecGame into `detections.json`
beside this file; it needs NETSIEGE_NSG_PYTHON. The dice of both sides are seeded, so a check that holds once
holds always.
"""

import json
import math
import random
from pathlib import Path

from attrs import frozen

from netsiege.engine.actions import ActionReader
from netsiege.engine.board import build_board
from netsiege.engine.detector import Detector
from netsiege.engine.streams import derive
from netsiege.game import IP, Action, ActionType, Data, Network, Service
from netsiege.protocol.play import action_body
from netsiege.scenarios import load_topology

TABLE = Path(__file__).with_name("detections.json")
EPISODES = 10_000
STEPS = 30
SIGMAS = 3
HERE, THERE, OUTSIDE = map(IP, ("192.168.2.2", "192.168.1.2", "213.47.23.195"))


def _menu():
    """Actions of every type, several of each."""
    scans = [
        Action(ActionType.ScanNetwork, {"source_host": HERE, "target_network": Network.from_text(text)})
        for text in ("192.168.1.0/24", "192.168.2.0/24", "213.47.23.192/26")
    ]
    pairs = [(a, b) for a in (HERE, THERE) for b in (HERE, THERE, OUTSIDE)]
    hosts = [{"source_host": a, "target_host": b} for a, b in pairs]
    services = [Service(name, "passive", "10.0.19041", False) for name in ("microsoft-ds", "ms-wbt-server")]
    datum = Data("User1", "DataFromServer1")
    return [
        *scans,
        *(Action(ActionType.FindServices, pair) for pair in hosts[:4]),
        *(Action(ActionType.ExploitService, {**hosts[1], "target_service": s}) for s in services),
        *(Action(ActionType.ExploitService, {**hosts[0], "target_service": s}) for s in services),
        *(Action(ActionType.FindData, pair) for pair in hosts),
        *(Action(ActionType.ExfiltrateData, {**pair, "data": datum}) for pair in hosts[2:5]),
        *(Action(ActionType.BlockIP, {**pair, "blocked_host": OUTSIDE}) for pair in hosts[:2]),
    ]


MENU = _menu()
_OF_TYPE = {kind: [i for i, a in enumerate(MENU) if a.type is kind] for kind in {a.type for a in MENU}}
EXPLOITS = _OF_TYPE[ActionType.ExploitService]
TURNS = tuple(
    _OF_TYPE[kind]
    for kind in (
        ActionType.ScanNetwork,
        ActionType.FindServices,
        ActionType.ExploitService,
        ActionType.FindData,
        ActionType.ExfiltrateData,
        ActionType.FindServices,
        ActionType.BlockIP,
    )
)


def uniform(rng, step):
    """Anything."""
    return rng.randrange(len(MENU))


def repeating_scans(rng, step):
    """A script: three scans of one network, then one search, again and again."""
    return _OF_TYPE[ActionType.FindServices][0] if step % 4 == 3 else 0


def exploit_heavy(rng, step):
    """Seven exploits in ten, the rest anything."""
    return rng.choice(EXPLOITS) if rng.random() < 0.7 else uniform(rng, step)


def alternating(rng, step):
    """All types by turns, with random parameters: hardly any run or share, but repetitions."""
    return rng.choice(TURNS[step % len(TURNS)])


def searching(rng, step):
    """Data searches and exfiltrations in runs."""
    kind = ActionType.FindData if step // 3 % 2 else ActionType.ExfiltrateData
    return rng.choice(_OF_TYPE[kind])


POLICIES = {f.__name__: f for f in (uniform, repeating_scans, exploit_heavy, alternating, searching)}


def episodes_of(policy, count=EPISODES):
    """The same episodes for both sides: numbers of actions in `MENU`."""
    rng = random.Random(f"episodes/{policy}")
    choose = POLICIES[policy]
    return [[choose(rng, step) for step in range(STEPS)] for _ in range(count)]


@frozen
class Frequencies:
    """At which steps episodes were detected: `steps[n]` episodes at step n, from 1; the rest not at all."""

    episodes: int
    steps: tuple

    @classmethod
    def of(cls, detected):
        return cls(len(detected), tuple(detected.count(step) for step in range(STEPS + 1))[1:])

    @property
    def detected(self):
        return sum(self.steps)

    @property
    def rate(self):
        return self.detected / self.episodes

    @property
    def mean(self):
        return sum(n * count for n, count in enumerate(self.steps, 1)) / self.detected

    @property
    def variance(self):
        """Of the step of detection, unbiased."""
        spread = sum(count * (n - self.mean) ** 2 for n, count in enumerate(self.steps, 1))
        return spread / (self.detected - 1)


def rate_distance(one, other):
    """By how many standard errors two rates differ.

    The test of two proportions with the pooled rate p: (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2));
    NIST/SEMATECH e-Handbook of Statistical Methods, section 7.3.3. Both sides play the same episodes, so the
    true error is rather smaller: that some episodes are likelier to be detected counts as chance here.
    """
    pooled = (one.detected + other.detected) / (one.episodes + other.episodes)
    error = math.sqrt(pooled * (1 - pooled) * (1 / one.episodes + 1 / other.episodes))
    return abs(one.rate - other.rate) / error if error else 0.0


def mean_distance(one, other):
    """By how many standard errors two mean steps of detection differ.

    Welch's statistic, (m1 - m2) / sqrt(s1^2/n1 + s2^2/n2); same handbook, section 7.3.1.
    """
    error = math.sqrt(one.variance / one.detected + other.variance / other.detected)
    return abs(one.mean - other.mean) / error if error else 0.0


def reader():
    """Reads actions of the menu for our detector."""
    return ActionReader(build_board(load_topology("two_networks_tiny"), (), True))


def watch(actions, seed, name):
    """Our answer for one episode: the step of detection or 0, and the steps at which the dice rolled."""
    detector, rolled = Detector(seed, name), []
    for step, action in enumerate(actions, 1):
        if detector.watch(action):
            rolled.append(step)
            if detector.detects(action[0]):
                return step, rolled
    return 0, rolled


def ours(policy):
    read = reader().read
    menu = [read(action_body(action)) for action in MENU]
    return Frequencies.of(
        [
            # dice of their own for each policy: else one unlucky draw would show in all of them
            watch([menu[choice] for choice in episode], derive(n, policy), "detector/Attacker/0")[0]
            for n, episode in enumerate(episodes_of(policy))
        ]
    )


def command(policy, **more):
    """For `original.py`."""
    return {
        "do": "watch",
        "menu": [action.as_dict for action in MENU],
        "episodes": episodes_of(policy),
        **more,
    }


def theirs(original, policy, seed):
    [answers] = original.ask(command(policy, seed=seed))
    return Frequencies.of([detected for detected, _ in answers])


def record():
    from tests.parity.real import HOW, Original, interpreter  # noqa: PLC0415  # a recording's need only

    python = interpreter()
    if python is None:
        raise SystemExit(HOW)
    original = Original(python)
    told = {policy: theirs(original, policy, seed=1) for policy in POLICIES}
    original.close()
    table = {policy: {"episodes": f.episodes, "detected_at": f.steps} for policy, f in told.items()}
    lines = [f"  {json.dumps(policy)}: {json.dumps(row)}" for policy, row in table.items()]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def recorded(policy):
    row = json.loads(TABLE.read_text())[policy]
    return Frequencies(row["episodes"], tuple(row["detected_at"]))


if __name__ == "__main__":
    record()
