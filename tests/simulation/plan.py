"""What a seed means: rooms, who plays in them, how many workers there are, and what will go wrong."""

import random

from attrs import Factory, define

from tests.simulation.clock import Streams
from tests.simulation.hall_plan import HallPlan, make_hall
from tests.simulation.rooms import AgentPlan, RoomPlan, make_room

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
    "director_crash",
    "director_cut",
)
"""What may go wrong; each is drawn from a stream of its own, so that leaving one out changes no other."""
LIKELIHOOD = 0.18
OF_DIRECTORS = {"director_crash": 0.4, "director_cut": 0.4}
"""Likelier, as only plans with a hall have a director that anything happens to."""

FAULTS_UNTIL_S = 5.0
"""From then on nothing more goes wrong."""


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
    hall: HallPlan | None = None

    @property
    def features(self):
        """What may go wrong, and what kind of a hall there is."""
        return self.faults if self.hall is None else self.faults | self.hall.features

    def room(self, name):
        there = self.rooms if self.hall is None else [*self.rooms, self.hall.room, *self.hall.likes]
        return next(room for room in there if room.opened.name == name)


def make_plan(seed, faults=None):
    """The plan of a seed; `faults`: only these kinds, of those that it would have."""
    rng = random.Random(f"{seed}/plan")
    hall = make_hall(Streams(seed)["hall"])
    drawn = _draw_faults(seed) if hall is not None else _draw_faults(seed) - OF_DIRECTORS.keys()
    plan = Plan(seed, drawn if faults is None else drawn & frozenset(faults))
    plan.hall = hall
    if hall is not None and "director_crash" in drawn:
        # what a director has said before it died may come when the next one uses the name again
        for game in hall.games:
            game.times = 1
    plan.on_file = seed % 20 == 19
    plan.snapshot_events = rng.choice((2, 5, 8, 20, 256))
    plan.drain_max = rng.choice((1, 3, 1_000, 1_000))
    for number in range(rng.choice((1, 1, 2))):
        plan.rooms.append(make_room(rng, number))
    plan.agents = _make_agents(rng, plan)
    slots = rng.choice((1, 2, 4, 4))
    plan.workers = [(slots, b"engine")] * rng.choice((1, 2, 2, 3))
    if hall is not None and hall.crowded:
        plan.workers = [(1, b"engine")]
    return plan


def _draw_faults(seed):
    """Each kind by itself: another kind, one day, will change no seed's others."""
    streams = Streams(seed)
    if streams["calm"].random() < 0.05:
        return frozenset()
    return frozenset(
        kind for kind in KINDS if streams[f"has/{kind}"].random() < OF_DIRECTORS.get(kind, LIKELIHOOD)
    )


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
