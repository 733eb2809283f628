"""From the command's options to a game, and a whole game on a real hub."""

import asyncio
import sys

import attrs
import pytest

pytest.importorskip("textual")

from netsiege.errors import ConfigError, HubUnreachable
from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS
from netsiege.scenarios import load_spec_with_warnings
from netsiege.scenarios.model import REALTIME, ROUNDS, Spec
from netsiege.tui import local_game as local_module
from netsiege.tui import run_tui
from netsiege.tui.app import SiegeApp
from netsiege.tui.game import HumanAgent
from netsiege.tui.local_game import ROOM, local_game, local_spec
from tests.tui.games import pick, playing, screen

NOTHING = dict.fromkeys(("hub", "role", "room", "scenario", "task", "seed", "keys"))


def test_tui_without_textual_names_the_extra(monkeypatch):
    missing = sys.modules["netsiege.tui"]
    monkeypatch.setattr(missing, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'netsiege\[tui\]'"):
        run_tui(**NOTHING)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"role": "Judge"}, "'Judge' is not a role; roles: Attacker, Defender, Benign"),
        ({"room": "cup"}, "--room is a room of a hub"),
        (
            {"hub": "tcp://127.0.0.1:9", "scenario": "scenario1", "seed": 0},
            "--scenario, --seed: the hub's room",
        ),
        ({"hub": "nonsense"}, "no address of a hub"),
        ({"scenario": "no_such"}, "no_such"),
    ],
)
def test_tui_with_wrong_options_says_which_before_it_starts(options, said, monkeypatch):
    monkeypatch.setattr(SiegeApp, "run", lambda _app: pytest.fail("it has started"))
    with pytest.raises(ConfigError, match=said):
        run_tui(**{**NOTHING, **options})


def test_role_that_the_task_has_no_section_for_is_refused(monkeypatch):
    spec, warnings = load_spec_with_warnings(None)
    roles = tuple(role for role in spec.task.roles if role.role != "Benign")
    spec = Spec(spec.topology, attrs.evolve(spec.task, roles=roles))
    monkeypatch.setattr(local_module, "load_spec_with_warnings", lambda _task, _scenario: (spec, warnings))
    with pytest.raises(ConfigError, match="no section for the role Benign, only Attacker, Defender"):
        local_spec(None, None, AgentRole.Benign)


def test_lone_attacker_plays_alone_and_a_defender_against_an_attacker():
    spec, others, _ = local_spec(None, None, AgentRole.Attacker)
    assert (others, spec.task.seats, spec.task.pacing) == ([], (("Attacker", 1),), REALTIME)
    spec, others, _ = local_spec(None, None, AgentRole.Defender)
    assert others == [AgentRole.Attacker]
    assert (dict(spec.task.seats), spec.task.pacing) == ({"Attacker": 1, "Defender": 1}, ROUNDS)


def test_hub_elsewhere_is_joined_as_the_options_say(monkeypatch):
    shown = []

    def run(app):
        shown.append(app)

    monkeypatch.setattr(SiegeApp, "run", run)
    run_tui(**{**NOTHING, "hub": "tcp://127.0.0.1:9", "room": "cup", "role": "defender", "keys": "/my/keys"})
    [app] = shown
    agent = app._game
    assert (agent.address, agent.room, agent.role) == ("tcp://127.0.0.1:9", "cup", AgentRole.Defender)
    assert agent.keys == "/my/keys"
    assert app.table.headline == "No episode yet · cup at 127.0.0.1:9"


class TestRealHub:
    def test_person_wins_two_networks_tiny_by_keys_resets_and_steps_back(self):
        with local_game("two_networks_tiny", None, AgentRole.Attacker, 7) as game:
            asyncio.run(_win(game))

    def test_defender_plays_in_rounds_against_an_attacker(self):
        with local_game("two_networks_tiny", None, AgentRole.Defender, 7) as game:
            asyncio.run(_defend(game))

    def test_hub_that_is_not_there_is_a_plain_message(self):
        asyncio.run(_find_nobody())

    def test_seat_that_waits_for_other_players_says_so(self, monkeypatch):
        # a room for two, and nobody else comes
        monkeypatch.setattr(local_module.Children, "start", _only_the_hub(local_module.Children.start))
        with local_game("two_networks_tiny", None, AgentRole.Defender, 7) as game:
            asyncio.run(_wait_for_others(game))


def _only_the_hub(start):
    def started(children, *arguments, **options):
        return start(children, *arguments, **options) if arguments[0] == "hub" else None

    return started


def _app(address, role, **options):
    agent = HumanAgent(address=address, role=role, room=ROOM, name="person", keys=NO_KEYS, **options)
    return SiegeApp(agent, "two_networks_tiny", new_seed=lambda: 99)


async def _win(game):
    app = _app(game.address, AgentRole.Attacker)
    async with playing(app) as pilot:
        assert "Goal: Find the data DataFromServer1" in screen(app)
        await pilot.type("h")
        assert "Hint from the scripted agent" in screen(app)
        await pick(app, pilot, "scan", "192.168.2.2", "192.168.1.0")
        assert "+ ○ 192.168.1.2 known" in screen(app)
        await pick(app, pilot, "findserv", "192.168.2.2", "192.168.1.2")
        await pick(app, pilot, "exploit", "192.168.2.2", "microsoft")
        assert "+ ◆ 192.168.1.2 controlled" in screen(app)
        await pick(app, pilot, "finddata", "192.168.1.2")
        await pick(app, pilot, "exfil", "user1/datafrom", "213.47.23.195")
        assert "Won: the goal is reached (+" in screen(app)
        assert app.table.status(0.0).startswith("Attacker · steps 5/100 · reward +")
        await pilot.type(*["left_square_bracket"] * 4)
        assert "Looking back: after step 1 of 5" in screen(app)
        await pilot.type("n")
        assert "Your move" in screen(app)
        assert "seed 99" in app.table.history[0]
        await pilot.type("r", "r")
        assert (app.table.episode, app.table.wins) == (3, 1)
        await pilot.press("q")


async def _defend(game):
    assert game.opponents == ("scripted",)
    app = _app(game.address, AgentRole.Defender)
    async with playing(app, (140, 45)) as pilot:
        assert "BlockIP" in screen(app)
        await pilot.type("h")
        assert "Hint from the scripted agent" in screen(app)
        await pilot.type("a")
        assert app.table.record.turns
        await pilot.type("n", "n")
        assert app.table.episode == 2
        # who only looks on sees the opponent win
        for _ in range(20):
            if not app.table.is_over:
                await pick(app, pilot, "pass")
        assert "Lost: the episode has ended without your goal" in screen(app)
        await pilot.press("q")


async def _wait_for_others(game):
    app = _app(game.address, AgentRole.Defender)
    async with app.run_test() as pilot, asyncio.timeout(20):
        while "Waiting for other players" not in screen(app):
            await pilot.pause(0.05)
        await pilot.press("q")
        while app.return_code is None:
            await asyncio.sleep(0.01)


async def _find_nobody():
    app = _app("tcp://127.0.0.1:9", AgentRole.Attacker, connect_timeout_s=0.5)
    async with playing(app) as pilot:
        assert "Error: " in screen(app)
        assert "Traceback" not in screen(app)
        await pilot.press("q")
    assert isinstance(app.failure, HubUnreachable)
