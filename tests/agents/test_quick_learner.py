"""The compiled learner: it sees what the others see, learns by the same rule, and wins."""

from __future__ import annotations

import random

import numpy as np
import pytest

from netsiege.agents.arrangement import arrange
from netsiege.agents.evaluation import evaluate
from netsiege.agents.learning import quick
from netsiege.agents.learning.campaign import EXFILTRATE, EXPLOIT, SCAN, Campaign, action_of
from netsiege.agents.learning.kinds import SITUATIONS, make_kinds, number_of, situation_of
from netsiege.agents.learning.quick_learner import QuickLearner
from netsiege.agents.learning.table import Table
from netsiege.agents.learning.training import Plan
from netsiege.agents.registry import choose_agent
from netsiege.engine.action_table import ActionTable, offered
from netsiege.engine.batch import End
from netsiege.engine.batch.compiled import entry
from netsiege.engine.batch.episode import play, restart
from netsiege.engine.batch.terrain import make_games, make_setup
from netsiege.engine.batch.valid import parts_of
from netsiege.engine.game import Game
from netsiege.engine.masks import bits
from netsiege.engine.tables import compile_tables
from netsiege.errors import ConfigError
from netsiege.game import IP, Data, GameState, Network, Service
from netsiege.protocol import Kind, SeatSpec
from netsiege.protocol.play import action_body
from netsiege.scenarios import load_spec, scenario_names
from netsiege.scenarios.model import ALL, View
from tests.batch.specs import changed

TINY = "two_networks_tiny"
SEED = 4


@entry
def list_options(t, k, o, memory, m):
    return quick._list_options(t, k, o, memory, m)


@entry
def note_and_play(c, s, memory, action):
    parts = parts_of(c.terrain, action)
    quick._note(c.terrain, memory, parts)
    return play(c, s.masks[0], s.numbers[0], s.repeats[0], parts, s.words)


def learner(name=TINY, algorithm="q-learning", seed=SEED, **settings):
    return QuickLearner(changed(load_spec(None, name), **settings), algorithm, seed, 0.1, 0.95)


class Compared:
    """A compiled game with the memory of a learner, beside a single one with a `Campaign`."""

    def __init__(self, name: str) -> None:
        self.tables = compile_tables(changed(load_spec(None, name), max_steps=10_000, goal=View()))
        self.table = ActionTable(self.tables)
        self.offers = offered(self.tables)
        self.setup = make_setup(self.tables, include_blocks=False)
        self.games = make_games(self.setup, np.array([SEED], np.uint64))
        self.numbers, self.kinds = make_kinds(self.tables)
        self.memory = quick.make_memory(self.setup.terrain)
        self.options = quick.make_options(self.setup.terrain, self.numbers)
        restart(self.setup, self.games, np.ones(1, np.bool_), np.zeros(0, np.uint64), True)
        self.game = Game(self.tables, 1, SEED, (SeatSpec("Attacker", 0, "a", True),), None)
        self.campaign = Campaign()

    def compare(self):
        """The moves, by kind, which both must have."""
        knows = self.game.episode.players[0].knows
        state = GameState.from_wire(knows.full(self.tables.board))
        situation, moves = self.campaign.options(state)
        terrain, masks = self.setup.terrain, self.games.masks[0]
        number = list_options(terrain, self.numbers, self.options, self.memory, masks)
        assert situation_of(number) == situation
        told: dict = {}
        for kind, *parts in self.options.moves[: self.options.totals[0]].tolist():
            told.setdefault(self.kinds[kind], []).append(self.told(*parts))
        assert {kind: sorted(each, key=repr) for kind, each in told.items()} == {
            kind: sorted(map(_bare, each), key=repr) for kind, each in moves.items()
        }
        assert sorted(self.options.kinds[: self.options.totals[1]]) == sorted(map(self.kinds.index, moves))
        return moves

    def told(self, code, source, target, third):
        """A move as a campaign has it."""
        board = self.tables.board
        place = IP(board.texts[source])
        if code == SCAN:
            return place, (code, Network.from_wire(board.networks[target]), None)
        if code == EXPLOIT:
            service = board.services[bits(self.offers[target])[third]]
            return place, (code, IP(board.texts[target]), Service(*service))
        if code == EXFILTRATE:
            owner, name, kind = board.keys[third]
            return place, (code, IP(board.texts[target]), Data(owner, name, 0, kind, ""))
        return place, (code, IP(board.texts[target]), None)

    def move(self, move):
        self.campaign.note(move)
        body = action_body(action_of(move))
        note_and_play(self.setup, self.games, self.memory, self.table.rank(body))
        self.game.handle(0, int(Kind.STEP), 1, body)


def _bare(move):
    """The move without what a datum says: two pieces of data are the same by their names."""
    source, (code, target, third) = move
    if isinstance(third, Data):
        third = Data(third.owner, third.id, 0, third.type, "")
    return source, (code, target, third)


@pytest.mark.parametrize("name", scenario_names())
def test_it_sees_the_same_moves_and_situations_as_a_campaign(name):
    compared, draws = Compared(name), random.Random(1)
    seen = set()
    for _ in range(100):
        moves = compared.compare()
        if not moves:
            break
        seen |= {kind[0] for kind in moves}
        compared.move(draws.choice(moves[draws.choice(list(moves))]))
    assert seen == {0, 1, 2, 3, 4}


def test_numbers_of_situations_go_both_ways():
    assert [number_of(situation_of(number)) for number in range(SITUATIONS)] == list(range(SITUATIONS))


@pytest.mark.parametrize("algorithm", ["q-learning", "sarsa"])
def test_what_it_has_learned_wins_for_the_usual_agent(algorithm, tmp_path):
    plan = Plan(algorithm, TINY, None, (), 2_000, SEED)
    quickly = learner(algorithm=algorithm)
    told = quickly.learn(0, [plan.epsilon(number) for number in range(plan.episodes)])
    assert (told.ends == End.GOAL).sum() > plan.episodes / 2
    quickly.table.save(tmp_path, {"algorithm": algorithm})
    score = evaluate(arrange(choose_agent(algorithm, model=str(tmp_path)), scenario=TINY), 100, 7)
    assert score.win_rate.value == 1.0
    assert score.mean_steps.value < 8


def test_equal_plans_give_equal_tables_and_a_later_part_goes_on_from_the_first():
    whole, parts, other = learner(), learner(), learner(seed=SEED + 1)
    shares = np.linspace(1, 0, 60).tolist()
    whole.learn(0, shares)
    other.learn(0, shares)
    parts.learn(0, shares[:25])
    again = learner()
    again.table = parts.table
    again.learn(25, shares[25:])
    assert rows(again.table) == rows(whole.table)
    assert rows(other.table) != rows(whole.table)


def rows(table: Table) -> list:
    return sorted(table.rows(), key=repr)


def test_first_visits_are_learned_in_full_and_the_last_reward_is_all_its_move_is_worth():
    quickly = learner(max_steps=1)
    told = quickly.learn(0, [1.0])
    assert tuple(map(list, told)) == ([End.STEPS], [-11], [1])
    ((_, _, value, visits),) = quickly.table.rows()
    assert (value, visits) == (-11, 1)


@pytest.mark.parametrize(
    ("settings", "algorithm", "said"),
    [
        ({}, "conceptual", "'conceptual' is not compiled; what is: q-learning, sarsa"),
        ({"seats": (("Defender", 1),)}, "sarsa", "seats: the batched engine plays one Attacker"),
        (
            {"start": View(controlled_hosts=("192.168.1.2",), known_services=(("192.168.1.2", (ALL,)),))},
            "q-learning",
            "start_position.known_services: a compiled learner takes starts without any",
        ),
    ],
)
def test_what_it_cannot_learn_is_refused_by_key(settings, algorithm, said):
    with pytest.raises(ConfigError, match=said):
        learner(algorithm=algorithm, **settings)
