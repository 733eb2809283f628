"""A game without a hub, and a person at its keyboard."""

import asyncio
from contextlib import asynccontextmanager

from netsiege.game import (
    IP,
    Action,
    ActionType,
    AgentRole,
    Data,
    GameState,
    Network,
    Observation,
    Service,
)

HOME = IP("10.0.0.1")
SERVER = IP("10.0.1.2")
CLIENTS = Network("10.0.0.0", 24)
SERVERS = Network("10.0.1.0", 24)
SSH = Service("ssh", "passive", "9.2", False)
SECRET = Data("User1", "Secret")

START = GameState(controlled_hosts={HOME}, known_hosts={HOME}, known_networks={CLIENTS, SERVERS})
SEEN = GameState(
    controlled_hosts={HOME},
    known_hosts={HOME, SERVER},
    known_networks={CLIENTS, SERVERS},
    known_services={SERVER: {SSH}},
)
TAKEN = GameState(
    controlled_hosts={HOME, SERVER},
    known_hosts={HOME, SERVER},
    known_networks={CLIENTS, SERVERS},
    known_services={SERVER: {SSH}},
    known_data={SERVER: {SECRET}},
)
EXPLOIT = Action(
    ActionType.ExploitService, {"source_host": HOME, "target_host": SERVER, "target_service": SSH}
)


class FakeGame:
    """Answers with what it was given, in order; an error among the answers is raised.

    With `gate`, an answer is held until it is set. `asked` lists what was asked of it.
    """

    def __init__(self, *answers, role=AgentRole.Attacker, gate=None):
        self.role = role
        self.seat = None
        self.needs_seat = False
        self.waits_for = ""
        self.asked = []
        self._answers = list(answers)
        self._gate = gate

    async def _answer(self, *asked):
        self.asked.append(asked)
        if self._gate is not None:
            await self._gate.wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def register(self):
        return await self._answer("register")

    async def make_step(self, action):
        return await self._answer("step", action)

    async def request_game_reset(self, request_trajectory=False, randomize_topology=False, seed=None):
        return await self._answer("reset", seed)

    async def terminate_connection(self):
        self.asked.append(("leave",))


def first(state=START, goal="Take the secret", **info):
    return Observation(state, 0, False, {"max_steps": 20, "goal_description": goal, **info})


def told(state, reward=-1, end=None):
    return Observation(state, reward, end is not None, {} if end is None else {"end_reason": end})


WON = told(TAKEN, 99, "AgentStatus.Success")


def play(scenario, *answers, size=(80, 24), role=AgentRole.Attacker, **options):
    """Runs `scenario(app, game, pilot)` against a game with these answers."""

    from netsiege.tui.app import SiegeApp  # noqa: PLC0415  # the tests of what needs no textual come here, too

    async def run():
        game = FakeGame(*answers, role=role)
        app = SiegeApp(game, "somewhere", new_seed=lambda: 4711, **options)
        async with playing(app, size) as pilot:
            await scenario(app, game, pilot)
        return app

    return asyncio.run(run())


async def settled(app, pilot, limit_s=20.0):
    """Until nothing is asked of the game any more and the screen shows it."""
    async with asyncio.timeout(limit_s):
        await pilot.pause()
        while app.is_busy:
            await pilot.pause(0.01)
        await pilot.pause()


@asynccontextmanager
async def playing(app, size=(80, 24)):
    """The app with its first answer on the screen, and `press`, which waits for the answers."""
    async with app.run_test(size=size) as pilot:

        async def press(*keys):
            for key in keys:
                await pilot.press(key)
                await settled(app, pilot)

        pilot.type = press
        await settled(app, pilot)
        yield pilot


async def pick(app, pilot, *answers):
    """Answers question after question by the number of the first answer that has these words."""
    for words in answers:
        labels = [option.label.lower() for option in app.query_one("#menu")._listed[:9]]
        numbers = [n for n, label in enumerate(labels, 1) if words in label]
        assert numbers, f"none of {labels} has {words!r}"
        await pilot.type(str(numbers[0]))


def screen(app):
    """What the screen shows, line by line."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip)[: app.size.width] for strip in strips)
