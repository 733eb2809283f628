"""A whole game with the engine in this process: as quick as the engine, and the same at every run."""

from netsiege.agents.registry import choose_agent
from netsiege.book import seat_of
from netsiege.engine.game import Game
from netsiege.engine.tables import compile_spec
from netsiege.protocol import HUB_SEAT, Kind, Reset, SeatSpec
from netsiege.protocol.play import Seated, action_body, read_observation
from netsiege.tui.local_game import local_spec

MOVE_S = 7.0
"""How long every answer takes, by the game's own clock."""


class EngineGame:
    """A match of a bundled scenario as `netsiege tui` would open it, against scripted agents.

    `clock` stands still between the answers. The first seat of the role is the person's.
    """

    def __init__(self, scenario, role, seed):
        spec, others, _ = local_spec(scenario, None, role)
        roles = [each for each, count in spec.task.seats for _ in range(count)]
        self.role = role
        self.needs_seat = False
        self.waits_for = ""
        self.seat = None
        self._mine = roles.index(role.value)
        self._game = Game(
            compile_spec(spec.to_bytes()), 1, seed, [SeatSpec(each, 0, each, True) for each in roles], None
        )
        agents = {other.value: choose_agent("scripted", other).make(other) for other in others}
        self._agents = [None if i == self._mine else agents[each] for i, each in enumerate(roles)]
        self._seats = []
        self._requests = 0
        self._now_s = 0.0

    def clock(self):
        return self._now_s

    async def register(self):
        for i, (_, _, _, _, body) in enumerate(self._game.open()):
            told = Seated.decode(body)
            self._seats.append(seat_of(i + 1, told, read_observation(told.observation, None)[0], "person"))
        self.seat = self._seats[self._mine]
        for agent, seat in zip(self._agents, self._seats, strict=True):
            if agent is not None:
                agent.seated(seat)
        return self._begun()

    async def make_step(self, action):
        self._ask(self._mine, Kind.STEP, action_body(action))
        for i, agent in enumerate(self._agents):
            if agent is not None and not self._seats[i].observation.end:
                self._ask(i, Kind.STEP, action_body(agent.choose_action(self._seats[i].observation)))
        self._now_s += MOVE_S
        return self.seat.observation

    async def request_game_reset(self, request_trajectory=False, randomize_topology=False, seed=None):
        for i in range(len(self._seats)):
            self._ask(i, Kind.RESET, Reset(request_trajectory, randomize_topology, seed).encode())
        return self._begun()

    async def terminate_connection(self):
        pass

    def _begun(self):
        for agent, seat in zip(self._agents, self._seats, strict=True):
            if agent is not None:
                agent.episode_started(seat.observation)
        return self.seat.observation

    def _ask(self, i, kind, body):
        self._requests += 1
        for index, said, _, _, told in self._game.handle(i, int(kind), self._requests, body):
            assert said != Kind.ERROR
            if index != HUB_SEAT and said == Kind.OBS:
                seat = self._seats[index]
                seat.observation, _ = read_observation(told, seat.observation.state)
