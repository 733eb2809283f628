"""Goals: what a seat plays for, drawn at the start of an episode, and whether it has got there.

All that a goal lists must be in the seat's knowledge. In a goal, `random` hosts are any addresses, and
`random` and `all` data are those of the whole topology, log files aside. `all_attackers` under a host's
blocks means every host that an attacker in the match controls at the moment of the check, the host itself
aside, and at least one.

A goal that lists nothing is never reached: there is nothing to play for, and the episode ends otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

from netsiege.engine.board import Board, Wire
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import mask_of
from netsiege.engine.streams import Stream
from netsiege.engine.views import Plan, address_of, compile_view, draw_data, draw_hosts, draw_services
from netsiege.errors import RuleError
from netsiege.game.values import ip_to_int
from netsiege.scenarios.model import ALL_ATTACKERS, View


@frozen(eq=False)
class GoalPlan:
    """A goal in the numbers of a board, with its keywords still open. Blocks are 32-bit addresses."""

    view: Plan
    blocks: tuple[tuple[int, frozenset[int]], ...]
    hunted: tuple[int, ...]
    """Hosts that must be cut off from all attackers."""

    @property
    def is_drawn(self) -> bool:
        """Whether goals of this plan differ."""
        view = self.view
        choices = (*view.services, *view.data)
        return bool(view.controlled.drawn or view.hosts.drawn or any(choice.drawn for choice in choices))


@frozen(eq=False)
class Goal:
    """What must be known."""

    networks: int
    hosts: int
    controlled: int
    services: tuple[tuple[int, int], ...]
    data: tuple[tuple[int, frozenset[int]], ...]
    blocks: tuple[tuple[int, frozenset[int]], ...]
    hunted: tuple[int, ...]

    fields: int = field(init=False)
    """The fields of a delta that can bring it nearer, as a mask; every one if other seats count, too."""

    @fields.default
    def _(self) -> int:
        if self.hunted:
            return -1
        wanted = (self.networks, self.hosts, self.controlled, self.services, self.data, self.blocks)
        return mask_of(number for number, value in enumerate(wanted) if value)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is asked for."""
        return not (
            self.controlled
            or self.hosts
            or self.networks
            or any(mask for _, mask in self.services)
            or any(keys for _, keys in self.data)
            or self.blocks
            or self.hunted
        )

    def reached(self, board: Board, knows: Knowledge, attackers: Iterable[Knowledge]) -> bool:
        """Whether `knows` contains all of the goal, and the goal is not empty."""
        if self.controlled & ~knows.controlled or self.hosts & ~knows.hosts:
            return False
        for address, keys in self.data:
            if not keys <= knows.data.get(address, _NO_DATA).keys():
                return False
        if self.networks & ~knows.networks:
            return False
        for address, mask in self.services:
            if mask & ~knows.services.get(address, 0):
                return False
        for number, blocked in self.blocks:
            if not blocked <= knows.blocks.get(number, _NONE):
                return False
        return not (self.is_empty or (self.hunted and not self._cut_off(board, knows, attackers)))

    def _cut_off(self, board: Board, knows: Knowledge, attackers: Iterable[Knowledge]) -> bool:
        theirs = 0
        for attacker in attackers:
            theirs |= attacker.controlled
        if any(host not in knows.blocks for host in self.hunted):
            return False
        numbers = set(board.numbers_of(theirs))
        for host in self.hunted:
            wanted = numbers - {host}
            if not wanted or not wanted <= knows.blocks.get(host, _NONE):
                return False
        return True


_NONE: Final[frozenset[int]] = frozenset()
_NO_DATA: Final[dict[int, Wire]] = {}


def compile_goal(board: Board, view: View, what: str) -> GoalPlan:
    """Compiles a goal. Raises RuleError naming `what`, like `compile_view`.

    Blocked addresses need not exist, as in the game; the host under which they stand must.
    """
    plan = compile_view(board, view, range(len(board.numbers)), what)
    if not board.items and any(choice.drawn for choice in plan.data):
        raise RuleError(f"{what}.known_data: there is no data in the topology to draw")
    blocks: list[tuple[int, frozenset[int]]] = []
    hunted: list[int] = []
    for text, words in view.known_blocks:
        host = board.numbers[address_of(board, text, f"{what}.known_blocks")]
        if ALL_ATTACKERS in words:
            hunted.append(host)
        listed = frozenset(_number(word, what) for word in words if word != ALL_ATTACKERS)
        if listed:
            blocks.append((host, listed))
    return GoalPlan(plan, tuple(blocks), tuple(hunted))


def draw_goal(board: Board, plan: GoalPlan, stream: Stream) -> Goal:
    """A goal for one seat and one episode."""
    view = plan.view
    everywhere, mask = range(len(board.numbers)), (1 << len(board.numbers)) - 1
    return Goal(
        controlled=draw_hosts(view.controlled, everywhere, mask, stream),
        hosts=draw_hosts(view.hosts, everywhere, mask, stream),
        networks=view.networks,
        services=tuple((choice.address, draw_services(board, choice, stream)) for choice in view.services),
        data=tuple(
            (choice.address, frozenset(draw_data(board, choice, range(len(board.items)), stream)))
            for choice in view.data
        ),
        blocks=plan.blocks,
        hunted=plan.hunted,
    )


def _number(word: str, what: str) -> int:
    try:
        return ip_to_int(word)
    except ValueError as error:
        raise RuleError(f"{what}.known_blocks: {error}, nor is it {ALL_ATTACKERS!r}") from None
