"""Rooms that a plan has, and the habits of those who play there."""

from attrs import define

from netsiege.protocol import OpenRoom, SeatCount
from tests.simulation.specs import ROLES, spec_of

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
    lingers: bool = False
    """It takes its time to ask for more once an episode is over."""


def make_room(rng, number):
    """A room as the stream draws it."""
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
