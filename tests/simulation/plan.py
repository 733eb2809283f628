"""What a seed means: rooms, who plays in them, how many workers there are, and what will go wrong."""

import random

from attrs import Factory, define

from netsiege.protocol import OpenRoom, SeatCount
from tests.simulation.clock import Streams
from tests.simulation.specs import ROLES, spec_of

KINDS = (
    "delay",
    "cut",
    "half_open",
    "zombie",
    "partition",
    "worker_crash",
    "worker_stall",
    "worker_gone",
    "worker_join",
    "worker_anew",
    "hub_crash",
    "hub_pause",
    "hub_stall",
    "clock_jump",
    "agent_crash",
    "agent_quit",
    "takeover",
    "garbage",
    "repeat",
    "mute",
    "deaf",
    "poison",
    "liar",
)
"""What may go wrong; each is drawn from a stream of its own, so that leaving one out changes no other."""
LIKELIHOOD = 0.18

FAULTS_UNTIL_S = 5.0
"""From then on nothing more goes wrong."""

_SEATS = (
    (("Attacker", 1),),
    (("Attacker", 1),),
    (("Attacker", 1), ("Defender", 1)),
    (("Attacker", 2),),
    (("Attacker", 1), ("Defender", 1), ("Benign", 1)),
)


@define
class RoomPlan:
    """A room and how many matches are to be played in it. `joins` are the roles of all its players."""

    opened: OpenRoom
    rounds: bool
    joins: list[str]

    @property
    def clocked(self):
        """Whether its seats must move in time."""
        told = self.opened
        return not (told.move_s is None and told.episode_s is None and told.round_s is None)


@define
class AgentPlan:
    """A session: its joins (room, role), and its habits."""

    name: str
    joins: list[tuple[str, str]]
    deltas: bool = True
    batches: bool = False
    leaves: bool = False
    byes: bool = True
    think_s: float = 0.03
    poisons: bool = False
    mute: bool = False


@define
class Plan:
    """Everything that is drawn before a run."""

    seed: int
    faults: frozenset[str]
    rooms: list[RoomPlan] = Factory(list)
    agents: list[AgentPlan] = Factory(list)
    workers: list[tuple[int, bytes]] = Factory(list)
    """Slots and engine of each."""
    on_file: bool = False
    snapshot_events: int = 8
    drain_max: int = 1_000

    def room(self, name):
        return next(room for room in self.rooms if room.opened.name == name)


def make_plan(seed, faults=None):
    """The plan of a seed; `faults`: only these kinds, of those that it would have."""
    rng = random.Random(f"{seed}/plan")
    drawn = _draw_faults(seed)
    plan = Plan(seed, drawn if faults is None else drawn & frozenset(faults))
    plan.on_file = seed % 20 == 19
    plan.snapshot_events = rng.choice((2, 5, 8, 20, 256))
    plan.drain_max = rng.choice((1, 3, 1_000, 1_000))
    for number in range(rng.choice((1, 1, 2))):
        plan.rooms.append(_make_room(rng, number))
    plan.agents = _make_agents(rng, plan)
    slots = rng.choice((1, 2, 4, 4))
    plan.workers = [(slots, b"engine")] * rng.choice((1, 2, 2, 3))
    return plan


def _draw_faults(seed):
    """Each kind by itself: another kind, one day, will change no seed's others."""
    streams = Streams(seed)
    if streams["calm"].random() < 0.05:
        return frozenset()
    return frozenset(kind for kind in KINDS if streams[f"has/{kind}"].random() < LIKELIHOOD)


def _make_room(rng, number):
    seats = rng.choice(_SEATS)
    rounds = rng.random() < 0.45
    clock = {}
    if rng.random() < 0.35:
        clock["move_s"] = rng.choice((0.2, 0.5, 1.0))
        if rng.random() < 0.3:
            clock["episode_s"] = rng.choice((1.0, 3.0))
        if rounds and rng.random() < 0.4:
            clock["round_s"] = rng.choice((0.05, 0.2))
    spec = spec_of(
        rounds, rng.choice((4, 6, 9)), firewall=rng.random() < 0.7, trajectories=rng.random() < 0.2
    )
    any_role = rng.random() < 0.15
    players = sum(count for _, count in seats)
    matches = rng.choice((1, 2, 2, 3))
    joins = [role for role, count in seats for _ in range(count)] * matches
    opened = OpenRoom(
        name=f"room-{number}",
        roles=ROLES,
        seats=() if any_role else tuple(SeatCount(role, count) for role, count in seats),
        players=players,
        seed=rng.getrandbits(32),
        episodes=rng.randint(2, 4),
        move_s=clock.get("move_s"),
        spec=spec,
        episode_s=clock.get("episode_s"),
        round_s=clock.get("round_s"),
        grace_s=rng.choice((0.0, 1.0, 4.0, 15.0, 15.0)),
        journal=rng.random() < 0.9,
    )
    return RoomPlan(opened, rounds, joins)


def _make_agents(rng, plan):
    joins = [(room.opened.name, role) for room in plan.rooms for role in room.joins]
    rng.shuffle(joins)
    agents = []
    while joins:
        held = [joins.pop() for _ in range(min(len(joins), rng.choice((1, 1, 2, 3, 5))))]
        agent = AgentPlan(f"agent-{len(agents)}", held)
        agent.deltas = rng.random() < 0.8
        agent.batches = len(held) > 1 and rng.random() < 0.6
        agent.leaves = rng.random() < 0.1
        agent.byes = rng.random() < 0.7
        agent.think_s = rng.choice((0.0, 0.03, 0.06, 0.12))
        agents.append(agent)
    return agents
