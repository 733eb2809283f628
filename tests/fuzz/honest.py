"""Two honest agents who play a match of their own, by what they know alone; and what they hear meanwhile.

What they hear must not depend on anything that strangers do. So it is written down without the numbers that
do: seat handles and the match's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import attrs

from netsiege.errors import ProtocolError
from netsiege.game import Action, AgentRole, GameState, generate_valid_actions
from netsiege.hub.gate import NOBODY, Who
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, Kind, OpenRoom, Reset, SeatCount, pack, unpack
from netsiege.protocol.play import Seated
from netsiege.session import Session
from tests.fuzz import samples
from tests.fuzz.hall import Hall

ROOM: Final = "honest"
MAX_STEPS: Final = 2
MOVES: Final = 5
"""Two steps, a RESET, and two steps more."""
PLAYERS: Final = (AgentRole.Attacker, AgentRole.Defender)
KEYS: Final = (b"honest attacker", b"honest defender")

Heard = tuple[int, int, bytes]
"""The kind, the request and the body of a message."""


def spec(pacing: str) -> bytes:
    """What they play."""
    return samples.spec_bytes(pacing, max_steps=MAX_STEPS)


def room(pacing: str) -> OpenRoom:
    """Where they play."""
    seats = tuple(SeatCount(role.value, 1) for role in PLAYERS)
    roles = tuple(role.value for role in PLAYERS)
    return OpenRoom(ROOM, roles, seats, 1, 7, None, None, spec(pacing))


@lru_cache(maxsize=1 << 10)
def _valid(state: GameState) -> list[Action]:
    return list(generate_valid_actions(state, include_blocks=True))


class Agent:
    """One of them. `batches`: it sends its steps as batches of one."""

    def __init__(self, hall: Hall, role: AgentRole, who: Who, *, batches: bool) -> None:
        self.hall, self.role, self.batches = hall, role, batches
        self.peer = hall.new_peer()
        self.session = Session(f"honest {role.value}")
        self.heard: list[Heard] = []
        self.moves = 0
        hall.who[self.peer] = who
        hall.agents[self.peer] = self._hear
        self._ask(self.session.hello())

    def join(self) -> None:
        """Asks for its seat."""
        self._ask(self.session.join(ROOM, self.role))

    def _ask(self, request: tuple[int, bytes]) -> None:
        self.hall.from_agent(self.peer, request[1])

    def _hear(self, frame: bytes) -> None:
        _, kind, _, request = AGENT_HEAD.unpack_from(frame)
        if kind == Kind.PONG and not request:
            return  # the hub looks whether it is still there: when, depends on how many others are
        self.heard.append((kind, request, _plain(kind, frame[HEAD_BYTES:])))
        self.session.receive(frame)

    def is_free(self) -> bool:
        """Whether it has a move to make, and nothing to wait for."""
        seats = self.session.seats
        return self.moves < MOVES and bool(seats) and not next(iter(seats.values())).request

    def move(self) -> None:
        """Its next move: a valid action, by its number; a RESET after the end of an episode."""
        seat = next(iter(self.session.seats.values()))
        self.moves += 1
        if seat.observation.end:
            self._ask(self.session.reset(seat, Reset(request_trajectory=True)))
            return
        valid = _valid(seat.state)
        action = valid[self.moves * 7 % len(valid)] if valid else None
        asked = self.session.step_many([(seat, action)]) if self.batches else self.session.step(seat, action)
        self._ask(asked)


def _plain(kind: int, body: bytes) -> bytes:
    """A body without the numbers that depend on others."""
    if kind == Kind.SEATED:
        return attrs.evolve(Seated.decode(body), match=0).encode()
    if kind == Kind.WELCOME:
        return b""  # tokens and nothing else
    if kind == Kind.OBS_MANY:
        flat = unpack(body)
        return pack([x for i in range(0, len(flat), 3) for x in (0, *flat[i + 1 : i + 3])])
    return body


class Pair:
    """Both of them. `broken`: a worker has told one of them what makes no sense."""

    def __init__(self, hall: Hall, *, keyed: bool) -> None:
        self.hall = hall
        self.broken = False
        whose = [Who(key) if keyed else NOBODY for key in KEYS]
        self.agents = [
            Agent(hall, role, who, batches=role == AgentRole.Defender)
            for role, who in zip(PLAYERS, whose, strict=True)
        ]
        for agent in self.agents:
            agent.join()
        seated = all(agent.session.seats for agent in self.agents)
        self.is_seated = seated and hall.arena.rooms[ROOM].made == 1
        """Whether the two of them have the room's first match to themselves, as they should."""

    def matches(self) -> set[int]:
        """The numbers of their match, as the arena has it: one, once they are seated."""
        seats = self.hall.arena.seats
        handles = [handle for agent in self.agents for handle in agent.session.seats]
        return {seats[handle].match.id for handle in handles if handle in seats}

    def move(self) -> bool:
        """The next move of whoever is free; False if nobody is."""
        free = [agent for agent in self.agents if agent.is_free()]
        if not free or self.broken:
            return False
        try:
            min(free, key=lambda agent: agent.moves).move()
        except ProtocolError:
            self.broken = True
        return True

    def finish(self) -> list[list[Heard]]:
        """All moves that are left; what each has heard."""
        while self.move():
            pass
        return [agent.heard for agent in self.agents]

    def leave(self) -> None:
        """Their connections end."""
        for agent in self.agents:
            self.hall.lose_agent(agent.peer)
