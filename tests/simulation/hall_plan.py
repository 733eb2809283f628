"""Halls: who attends one, and which matches its director will arrange there."""

from collections import Counter

import attrs
from attrs import define

from netsiege.protocol import Call, OpenRoom
from tests.simulation.rooms import AgentPlan, RoomPlan, make_room
from tests.simulation.specs import ROLES

HALL = "hall"
LIKELIHOOD = 0.25
NOBODY = "nobody"
"""Is called now and then, and never comes."""


@define
class GamePlan:
    """A match that is to be arranged, `times` one after another, each once the one before is closed.

    With `called_off_after_s` it is called off so long after it has begun, unless it has ended by then, or
    after it was arranged, if it never will.
    """

    name: str
    like: str
    seed: int
    calls: tuple[Call, ...]
    times: int = 1
    called_off_after_s: float | None = None

    @property
    def is_vain(self):
        """Whether it calls somebody who never comes."""
        return any(call.name == NOBODY for call in self.calls)


@define
class HallPlan:
    """A hall, what matches there are like, who attends, and what the director does.

    It has `window` matches arranged at once. After its own death it goes on with those that it had arranged,
    or, if it begins `anew`, calls them off and arranges them under other names. `closes` says that it closes
    a room as soon as no further match will be like it, and `slams` that it calls matches off by closing the
    hall, when all others are over. It is `crowded` with one worker, which has one match at a time.
    """

    room: RoomPlan
    likes: list[RoomPlan]
    attendees: list[AgentPlan]
    games: list[GamePlan]
    window: int
    anew: bool
    closes: bool
    slams: bool
    crowded: bool

    @property
    def features(self):
        """What some mistakes of a hub need to show."""
        kinds = {"hall": True, "crowded": self.crowded}
        kinds["closes what has a clock"] = self.closes and any(like.clocked for like in self.likes)
        return {kind for kind, has in kinds.items() if has}


def make_hall(rng):
    """What the stream draws: None for most plans."""
    if rng.random() > LIKELIHOOD:
        return None
    hall = OpenRoom(HALL, ROLES, (), 1, 0, None, None, b"", arranged=True)
    likes = [_make_like(rng, number) for number in range(rng.choice((1, 1, 2)))]
    room = RoomPlan(hall, likes[0].rounds, [])
    if rng.random() < 0.2:  # the hall itself is what its matches are like
        room.opened = attrs.evolve(likes[0].opened, name=HALL)
        likes = []
    anew = rng.random() < 0.3
    attendees = [_make_attendee(rng, number) for number in range(rng.choice((1, 2, 2, 3, 4)))]
    names = [like.opened.name for like in likes] or [HALL]
    games = [_make_game(rng, number, names, attendees) for number in range(rng.choice((1, 2, 4, 6, 9)))]
    window, closes, slams = rng.choice((1, 2, 4, 12)), rng.random() < 0.6, rng.random() < 0.3
    return HallPlan(
        room, likes, attendees, games, window, anew, closes and not anew, slams, rng.random() < 0.4
    )


def _make_like(rng, number):
    """A room that makes no matches, with a journal: a hub that dies forgets no match of it."""
    made = make_room(rng, number)
    opened = attrs.evolve(made.opened, name=f"like-{number}", seats=(), arranged=True, journal=True)
    return RoomPlan(opened, made.rounds, [])


def _make_attendee(rng, number):
    """Somebody with a few seats; the first can attack, as every match has an attacker."""
    roles = ["Attacker"] if not number else []
    roles += [rng.choice(("Attacker", *ROLES)) for _ in range(rng.choice((1, 1, 2, 3)) - len(roles))]
    agent = AgentPlan(f"attendee-{number}", [(HALL, role) for role in roles])
    agent.deltas = rng.random() < 0.8
    agent.batches = rng.random() < 0.4
    agent.leaves = rng.random() < 0.2
    agent.byes = rng.random() < 0.7
    agent.think_s = rng.choice((0.0, 0.03, 0.06))
    agent.lingers = rng.random() < 0.4
    return agent


def _make_game(rng, number, likes, attendees):
    """Who is called could come all at once: no more seats are called than are joined for."""
    free = [(role, agent.name) for agent in attendees for _, role in agent.joins]
    rng.shuffle(free)
    first = next(seat for seat in free if seat[0] == "Attacker")
    free.remove(first)
    called = [first, *free[: rng.choice((0, 1, 1, 2, 3))]]
    calls = [Call(role, name if rng.random() < 0.6 else "") for role, name in called]
    if rng.random() < 0.5:
        calls.sort(key=lambda call: call.name)  # whoever may be anybody is called first
    game = GamePlan(f"game-{number}", rng.choice(likes), rng.getrandbits(63), tuple(calls))
    luck = rng.random()
    if luck < 0.12:
        game.calls = (*calls, Call(rng.choice(ROLES), NOBODY))
        game.called_off_after_s = rng.uniform(0.1, 3.0)
    elif luck < 0.3:
        game.called_off_after_s = rng.uniform(0.0, 0.6)
    elif luck < 0.45:
        game.times = 2
    return game


def can_come(calls, waiting):
    """Whether those who wait, (role, name) of each, can answer all calls; keys there are none."""
    of_role = Counter(role for role, _ in waiting)
    named = Counter((call.role, call.name) for call in calls if call.name)
    there = Counter(waiting)
    if any(there[who] < count for who, count in named.items()):
        return False
    return all(of_role[role] >= count for role, count in Counter(call.role for call in calls).items())
