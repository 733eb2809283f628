"""The world of one episode: what all seats share and may change.

Firewall, placed data, log files, blocks with their authors, and the false positives that those earn.
What a seat knows of it is in `netsiege.engine.knowledge`; what changes it, in `netsiege.engine.rules`.

All log entries are kept in one row, as they came: eight bytes each, the node above bit 24, then 21 bits of
source address, then 3 bits of action code. A scan leaves the same entry at every host it reaches, so it is
kept once, under a node of its own, with the mask of those. A node's log is picked out when it is read.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import Any, Final, Protocol

from netsiege.engine.actions import SCAN
from netsiege.engine.board import Board
from netsiege.engine.deltas import NOTHING, Delta
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, bytes_mask, mask_bytes
from netsiege.game.values import int_to_ip
from netsiege.scenarios.model import Rewards

Mark = tuple[int, int]
"""How many entries there are in all log files, and how many scans."""

_STAMP: Final = (1 << 24) - 1
_SCANNED: Final = 1 << 21
"""The node of a scan's entry: above those of all machines."""


class Participant(Protocol):
    """A seat's player, as a world needs to know it when an episode begins."""

    role: str
    index: int
    knows: Knowledge


class World:
    """Starts as the board says. `suspects[seat]`: running into a block counts as a false positive."""

    __slots__ = (
        "_items_at",
        "_scans",
        "authors",
        "blocks",
        "board",
        "entries",
        "false_positives",
        "reach",
        "suspects",
    )

    def __init__(self, board: Board, suspects: Sequence[bool]) -> None:
        self.board = board
        self.suspects = suspects
        self.reach: Sequence[int] = board.reach
        self.blocks: dict[int, set[int]] = {}
        """32-bit address -> the addresses it was cut off from; both directions are listed."""
        self.authors: dict[tuple[int, int], int] = {}
        """Pair of 32-bit addresses -> mask of the seats that blocked it; both directions are listed."""
        self.false_positives = [0] * len(self.suspects)
        self._items_at: Sequence[int] = board.items_at
        self.entries = array("Q")
        """The log entries of all nodes, for `note` and `note_scan` to add to."""
        self._scans: list[int] = []

    # --- logs ---------------------------------------------------------------------------------------------

    def note(self, node: int, source: int, code: int) -> None:
        """Adds an entry to a node's log."""
        self.entries.append(node << 24 | source << 3 | code)

    def note_scan(self, source: int, found: int) -> None:
        """Adds an entry to the logs of all nodes with an address in `found`, one for each address."""
        self.entries.append(_SCANNED << 24 | source << 3 | SCAN)
        self._scans.append(found)

    def log(self, node: int) -> str:
        """The content of a node's log file: JSON text, empty if there is no entry."""
        addresses, line, scans = self.board.node_addresses[node], self.board.line, iter(self._scans)
        lines: list[str] = []
        for entry in self.entries:
            place = entry >> 24
            if place == node:
                lines.append(line(entry & _STAMP))
            elif place == _SCANNED:
                here = next(scans) & addresses
                if here:
                    lines += [line(entry & _STAMP)] * here.bit_count()
        return f"[{', '.join(lines)}]" if lines else ""

    def mark(self) -> Mark:
        """What `forget` goes back to."""
        return len(self.entries), len(self._scans)

    def forget(self, mark: Mark) -> None:
        """Takes back all entries since a mark."""
        del self.entries[mark[0] :], self._scans[mark[1] :]

    # --- data ---------------------------------------------------------------------------------------------

    def items(self, node: int) -> int:
        """The mask of the items that lie on a node; its log is not one of them."""
        return self._items_at[node]

    def copy_data(self, key: int, source: int, target: int) -> None:
        """Puts the source's item of that key on the target node, unless something equal lies there."""
        same = self.board.key_items[key]
        if not self._items_at[target] & same:
            placed = self._own_items()
            placed[target] |= placed[source] & same

    def _own_items(self) -> list[int]:
        """What lies where, to be changed: no longer the board's."""
        if not isinstance(self._items_at, list):
            self._items_at = list(self._items_at)
        return self._items_at

    # --- firewall -----------------------------------------------------------------------------------------

    def block(self, seat: int, target: int, blocked: int) -> None:
        """Cuts two 32-bit addresses off from each other. Either may be one that does not exist."""
        reach = self.reach
        if not isinstance(reach, list):
            self.reach = reach = list(reach)  # no longer the board's
        index = self.board.index
        for here, there in ((target, blocked), (blocked, target)):
            self.blocks.setdefault(here, set()).add(there)
            self.authors[here, there] = self.authors.get((here, there), 0) | 1 << seat
            if here in index and there in index:
                reach[index[here]] &= ~(1 << index[there])

    def blame(self, seat: int, source: int, target: int) -> None:
        """`seat` could not get from one 32-bit address to another: each author of a block there pays."""
        if self.authors and self.suspects[seat]:
            for author in bits(self.authors.get((source, target), 0)):
                self.false_positives[author] += 1

    # --- where rulesets differ ----------------------------------------------------------------------------

    def idle(self, _seat: int) -> Delta:
        """A seat passes."""
        return NOTHING

    def reached_goal(self, _seat: int) -> None:
        """A seat has all that its goal asks for."""

    def holds(self, _seat: int, _addresses: int) -> bool:
        """Whether a seat still has all of these that it knows to control."""
        return True

    def tell(self, _seat: int) -> list[Any]:
        """What a seat's next observation says besides the state: keys and values in turn."""
        return []

    def told(self, _seat: int) -> list[Any]:
        """What its last one said besides."""
        return []

    def tell_end(self, seat: int) -> list[Any]:
        """What the observation says besides that ends an episode."""
        return self.tell(seat)

    def settlement(self, seat: int, rewards: Rewards) -> float:
        """What the end of the episode gives a defender besides the reward of winning or losing."""
        return self.false_positives[seat] * rewards.false_positive

    # --- snapshots ----------------------------------------------------------------------------------------

    def to_plain(self) -> list[Any]:
        """All that has changed since the start, ready for msgpack."""
        items_at, entries = self.board.items_at, self.entries
        moved = (
            []
            if self._items_at is items_at
            else [(n, m) for n, m in enumerate(self._items_at) if m != items_at[n]]
        )
        return [
            _little_endian(entries).tobytes(),
            list(map(mask_bytes, self._scans)),
            [part for node, mask in moved for part in (node, mask_bytes(mask))],
            [part for pair, mask in sorted(self.authors.items()) for part in (*pair, mask_bytes(mask))],
            self.false_positives,
        ]

    def load(self, plain: list[Any]) -> None:
        """The inverse of `to_plain`, on a fresh world."""
        entries, scans, moved, authors, self.false_positives = plain
        self.entries.frombytes(entries)
        self.entries = _little_endian(self.entries)
        self._scans = list(map(bytes_mask, scans))
        if moved:
            placed = self._own_items()
            for node, mask in zip(moved[::2], moved[1::2], strict=True):
                placed[node] = bytes_mask(mask)
        for here, there, mask in zip(authors[::3], authors[1::3], authors[2::3], strict=True):
            for seat in bits(bytes_mask(mask)):
                self.block(seat, here, there)

    # --- for people and for the parity check --------------------------------------------------------------

    def firewall(self) -> dict[str, list[str]]:
        """Which address may reach which, as sorted texts."""
        texts = self.board.texts
        return {texts[i]: sorted(texts[j] for j in bits(mask)) for i, mask in enumerate(self.reach)}

    def blocked(self) -> dict[str, list[str]]:
        """Which address was cut off from which, as sorted texts."""
        return {int_to_ip(n): sorted(map(int_to_ip, b)) for n, b in self.blocks.items()}


def _little_endian(entries: array[int]) -> array[int]:
    """The same entries with their bytes as they travel, or back."""
    if sys.byteorder == "little":
        return entries
    swapped = array("Q", entries)
    swapped.byteswap()
    return swapped
