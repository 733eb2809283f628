"""A batch beside as many single games, which are told to do the same: they must agree in everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netsiege.engine.action_table import ActionTable
from netsiege.engine.batch import Batch, End
from netsiege.engine.game import Game
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits
from netsiege.engine.tables import compile_tables
from netsiege.protocol import HUB_SEAT, Kind, Reset, Result, SeatSpec
from netsiege.protocol.play import PASS
from netsiege.scenarios.model import Spec

SEAT = (SeatSpec("Attacker", 0, "a", True),)
CAUSES = {"goal": End.GOAL, "detected": End.DETECTED, "steps": End.STEPS}


class Twins:
    """`step` plays a move of every game on both sides, and then compares them."""

    def __init__(self, spec: Spec, seeds: Sequence[int], include_blocks: bool = True) -> None:
        self.batch = Batch(spec, len(seeds), seeds=seeds, include_blocks=include_blocks)
        self.tables = compile_tables(spec)
        self.table = ActionTable(self.tables)
        self.blocks = include_blocks
        self.games = [Game(self.tables, i, seed, SEAT, None) for i, seed in enumerate(seeds)]
        self.ends: list[End] = []
        """Of all episodes, as they came."""
        self.compare()

    def step(self, actions: Sequence[int]) -> None:
        told = self.batch.step(actions)
        for i, (game, action) in enumerate(zip(self.games, actions, strict=True)):
            player, seed = game.episode.players[0], game.episode.seed
            body = PASS if action < 0 else self.table.action(int(action))
            outputs = game.handle(0, int(Kind.STEP), 1, body)
            results = [Result.decode(out[4]) for out in outputs if out[0] == HUB_SEAT]
            end = CAUSES[str(results[0].cause)] if results else End.NONE
            assert told.rewards[i] == player.reward, (i, action)
            assert told.ends[i] == end, (i, action)
            assert told.steps[i] == player.steps
            assert told.returns[i] == player.returns
            if results:
                self.ends.append(end)
                game.handle(0, int(Kind.RESET), 2, Reset().encode())
                assert game.episode.seed != seed
        self.compare()

    def compare(self) -> None:
        """Episodes, knowledge, counts of valid actions."""
        seen, counts = self.batch.observe(), self.batch.valid_counts()
        for i, game in enumerate(self.games):
            knows = game.episode.players[0].knows
            assert int(self.batch.episode_seeds[i]) == game.episode.seed
            assert self.batch.episodes[i] == game.number
            for name, value in self.expected(knows).items():
                assert np.array_equal(getattr(seen, name)[i], value), (i, name)
            assert counts[i] == self.table.count(knows, self.blocks)

    def expected(self, knows: Knowledge) -> dict[str, np.ndarray]:
        """What `Seen` should be of one game."""
        board = self.tables.board
        hosts, offers = len(board.numbers), self.batch.offers
        data = np.zeros((hosts, len(board.keys)), np.bool_)
        for address, held in knows.data.items():
            data[address, list(held)] = True
        blocks = np.zeros((hosts, hosts), np.bool_)
        for number, cut in knows.blocks.items():
            blocks[board.index[number], [board.index[other] for other in cut]] = True
        services = {
            (board.texts[a], str(board.services[i])) for a, m in knows.services.items() for i in bits(m)
        }
        return {
            "known_networks": _row(knows.networks, len(board.networks)),
            "known_hosts": _row(knows.hosts, hosts),
            "controlled_hosts": _row(knows.controlled, hosts),
            "known_services": np.array([(text, str(service)) in services for text, service in offers]),
            "known_data": data,
            "known_blocks": blocks,
        }

    def compare_masks(self) -> None:
        """Masks, and the numbers of the valid actions."""
        masks = self.batch.masks()
        for i, game in enumerate(self.games):
            knows = game.episode.players[0].knows
            valid = [
                self.table.is_valid_index(knows, action, self.blocks) for action in range(self.table.size)
            ]
            assert np.array_equal(masks[i], valid), i
        self.compare_numbers()

    def compare_numbers(self) -> None:
        counts = self.batch.valid_counts()
        for number in range(int(counts.max()) + 1):
            for i, action in enumerate(self.batch.nth(np.full(len(self.games), number))):
                if number >= counts[i]:
                    assert action == -1
                    continue
                knows = self.games[i].episode.players[0].knows
                body = self.table.nth(knows, number, self.blocks)
                assert self.table.rank(body) == action, (i, number)


def _row(mask: int, length: int) -> np.ndarray:
    return np.array([mask >> i & 1 for i in range(length)], np.bool_)
