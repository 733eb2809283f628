"""Pairing vertices of a graph so that as many as possible have a partner, by augmenting paths. Pure.

This is Edmonds's algorithm ("Paths, Trees, and Flowers", 1965): cycles of odd length are contracted as they
are found. What the vertices stand for, it does not know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from attrs import define

FREE: Final = -1
"""In the place of a partner: there is none."""


class Matching:
    """A matching of the graph in which `neighbours[v]` are the vertices next to v, in the order to try them.

    `mate[v]` is the partner of v, or FREE.
    """

    def __init__(self, neighbours: Sequence[Sequence[int]]) -> None:
        self._neighbours = neighbours
        self._fixed = [False] * len(neighbours)
        self.mate = [FREE] * len(neighbours)

    @property
    def size(self) -> int:
        """How many pairs there are."""
        return sum(mate != FREE for mate in self.mate) // 2

    def fill(self) -> None:
        """Make the matching as large as the graph allows."""
        for vertex in range(len(self.mate)):
            if self.mate[vertex] == FREE:
                self.mate = self._augmented(self.mate, vertex) or self.mate

    def fix(self, one: int, other: int) -> bool:
        """Pair these two for good, if all others can still have a partner; otherwise nothing changes.

        Every vertex has a partner already. The two are next to each other, and neither is fixed.
        """
        mate, left = self.mate, self.mate[one]
        if left != other:
            mate, right = list(mate), mate[other]
            mate[one], mate[other] = other, one
            mate[left] = mate[right] = FREE
        self._fixed[one] = self._fixed[other] = True
        repaired = mate if left == other else self._augmented(mate, left)
        if repaired is None:
            self._fixed[one] = self._fixed[other] = False
            return False
        self.mate = repaired
        return True

    def _augmented(self, mate: list[int], root: int) -> list[int] | None:
        """A matching with one pair more, in which `root` has a partner; None if there is none."""
        search = _Search(mate, root)
        end = search.run(self._neighbours, self._fixed)
        return None if end == FREE else search.flipped(end)


@define(init=False)
class _Search:
    """A breadth-first search for an alternating path from a free vertex to another one.

    `base` is the vertex for which each contracted cycle stands; `came_from` leads back along the path.
    """

    mate: list[int]
    root: int
    base: list[int]
    came_from: list[int]
    is_outer: list[bool]

    def __init__(self, mate: list[int], root: int) -> None:
        self.mate, self.root = mate, root
        self.base = list(range(len(mate)))
        self.came_from = [FREE] * len(mate)
        self.is_outer = [False] * len(mate)

    def run(self, neighbours: Sequence[Sequence[int]], barred: Sequence[bool]) -> int:
        """The free vertex at the other end, or FREE. No path leads through `barred` vertices."""
        self.is_outer[self.root] = True
        queue = deque([self.root])
        while queue:
            here = queue.popleft()
            for there in neighbours[here]:
                if barred[there] or self.base[here] == self.base[there] or self.mate[here] == there:
                    continue
                partner = self.mate[there]
                if there == self.root or (partner != FREE and self.came_from[partner] != FREE):
                    queue.extend(self._contract(here, there))
                elif self.came_from[there] == FREE:
                    self.came_from[there] = here
                    if partner == FREE:
                        return there
                    self.is_outer[partner] = True
                    queue.append(partner)
        return FREE

    def flipped(self, end: int) -> list[int]:
        """The matching in which the path to `end` has changed sides."""
        mate, there = list(self.mate), end
        while there != FREE:
            here = self.came_from[there]
            before = mate[here]
            mate[there], mate[here] = here, there
            there = before
        return mate

    def _contract(self, one: int, other: int) -> list[int]:
        """Make one vertex of the odd cycle that this edge closes; the vertices that are outer from now on."""
        base = self._meeting(one, other)
        inside: set[int] = set()
        self._walk(one, base, other, inside)
        self._walk(other, base, one, inside)
        fresh = []
        for vertex, its_base in enumerate(self.base):
            if its_base in inside:
                self.base[vertex] = base
                if not self.is_outer[vertex]:
                    self.is_outer[vertex] = True
                    fresh.append(vertex)
        return fresh

    def _meeting(self, one: int, other: int) -> int:
        """Where the ways back from two outer vertices meet."""
        passed = set()
        here = self.base[one]
        while True:
            passed.add(here)
            if self.mate[here] == FREE:
                break
            here = self.base[self.came_from[self.mate[here]]]
        here = self.base[other]
        while here not in passed:
            here = self.base[self.came_from[self.mate[here]]]
        return here

    def _walk(self, here: int, base: int, behind: int, inside: set[int]) -> None:
        while self.base[here] != base:
            partner = self.mate[here]
            inside.update((self.base[here], self.base[partner]))
            self.came_from[here] = behind
            behind, here = partner, self.came_from[partner]
