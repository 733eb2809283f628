"""Search for the next move in what is believed, with the engine as its model.

Monte Carlo tree search over what the attacker would see. Each simulation takes a hypothesis of the belief and
plays an episode of the engine in it (POMCP, Silver and Veness, NIPS 2010), down the tree by an upper bound
that weighs moves by their promise (PUCT, Rosin, Annals of Mathematics and Artificial Intelligence 61, 2011),
until it sees something new. Then the line of play is worth `DISCOUNT` to the power of its moves and of those
that are left to the goal for somebody who knows the hypothesis (`netsiege.agents.planning.distance`).
"""

from __future__ import annotations

import heapq
import math
import random
from typing import Final

from attrs import define, field

from netsiege.agents.planning.belief import Belief, Hypothesis
from netsiege.agents.planning.chart import Key
from netsiege.agents.planning.distance import distance
from netsiege.agents.planning.moves import Move, moves_of
from netsiege.engine.episode import SUCCESS, Episode, Player
from netsiege.game import AgentRole
from netsiege.protocol import SeatSpec

DISCOUNT: Final = 0.9
HORIZON: Final = 40
"""Moves that are played in one simulation."""
CURIOSITY: Final = 0.3
"""The weight of promise beside what simulations have shown."""
RESERVE: Final = 0.8
"""What a move counts for that was not tried yet, beside the mean of those that were."""
OPTIONS: Final = 64
"""Moves that are looked at in one place, those that promise most."""
HYPOTHESES: Final = 64
"""So many are drawn for a move, and taken in turn: the moves are compared in the same ones."""

_SEATS: Final = (SeatSpec(AgentRole.Attacker.value, 0, "planner", True),)


@define(eq=False)
class _Option:
    """A move in the tree: how often it was played, what that was worth in all, and what was seen next."""

    move: Move
    share: float
    """Of the promise of all moves."""
    tries: int = 0
    worth: float = 0.0
    after: dict[bytes, _Node] = field(factory=dict)


class _Node:
    """What has been seen so far in a line of play."""

    __slots__ = ("options", "visits", "worth")

    def __init__(self, moves: list[Move]) -> None:
        if len(moves) > OPTIONS:
            moves = heapq.nlargest(OPTIONS, moves, key=lambda move: move[2])
        total = sum(promise for _, _, promise in moves)
        self.options = [_Option(move, move[2] / total) for move in moves]
        self.visits = 0
        self.worth = 0.0

    def pick(self) -> _Option:
        """The option of the highest bound. What was not tried counts as a part of the node's mean."""
        mean = RESERVE * self.worth / self.visits if self.visits else 0.0
        scale = CURIOSITY * math.sqrt(self.visits + 1)
        return max(
            self.options,
            key=lambda o: (o.worth / o.tries if o.tries else mean) + scale * o.share / (1 + o.tries),
        )


@define(eq=False)
class Search:
    """One search, from what is known now. `tried` are the keys of what was tried before."""

    belief: Belief
    rng: random.Random
    tried: frozenset[Key]
    steps_left: int
    """Before the episode ends; 0 if it has no limit."""

    def best(self, simulations: int) -> Key | None:
        """The move that was looked at most; None if there is none that may bring something."""
        root = _Node(moves_of(self.belief, self.belief.chart.knows, self.tried))
        if self.belief.wishes.are_spent or not root.options:
            return None
        if len(root.options) > 1:
            hypotheses = [self.belief.draw(self.rng) for _ in range(min(simulations, HYPOTHESES))]
            for number in range(simulations):
                self._simulate(root, hypotheses[number % len(hypotheses)])
        return max(root.options, key=lambda option: (option.tries, option.worth)).move[0]

    def _simulate(self, root: _Node, hypothesis: Hypothesis) -> None:
        """Plays one line, and counts what it was worth in the nodes that it went through."""
        episode, player = self._begin(hypothesis)
        tried, node, path = set(self.tried), root, list[tuple[_Node, _Option]]()
        while not player.ended and node.options and len(path) < HORIZON:
            option = node.pick()
            path.append((node, option))
            key, action, _ = option.move
            seen = bytes(episode.play(player, 0, action, b""))
            tried.add(key)
            after = option.after.get(seen)
            if after is None:
                if option.tries:
                    option.after[seen] = _Node(moves_of(self.belief, player.knows, tried))
                break
            node = after
        left = 0.0 if player.ended else distance(self.belief.chart, player.knows, hypothesis)
        worth = DISCOUNT ** (player.steps + left)
        if (player.ended and player.status != SUCCESS) or 0 < self.steps_left < player.steps + left:
            worth = 0.0
        for node, option in path:
            node.visits += 1
            node.worth += worth
            option.tries += 1
            option.worth += worth

    def _begin(self, hypothesis: Hypothesis) -> tuple[Episode, Player]:
        """An episode that goes on from here, if it is as the hypothesis says."""
        chart = self.belief.chart
        episode = Episode(chart.tables, 0, _SEATS, ())
        [player] = episode.players
        player.knows, player.goal = chart.knows.copy(), hypothesis.goal
        player.watched, player.limit = hypothesis.goal.fields, self.steps_left
        episode.world.reach = hypothesis.reach
        return episode, player
