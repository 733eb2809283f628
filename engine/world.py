"""The world of one episode: what all seats share and may change.

Firewall, placed data, log files, blocks with their authors, and the false positives that those earn.
What a seat knows of it is in `netsiege.engine.knowledge`; what changes it, in `netsiege.engine.rules`.

A log entry is one number: its place in the order of all entries above bit 24, then 21 bits of source
address, then 3 bits of action code. A scan leaves the same entry at every host it reaches, so it is kept
once, with the mask of those, and falls into its place when a log is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netsiege.engine.actions import SCAN
from netsiege.engine.board import Board
from netsiege.engine.masks import bits, bytes_mask, mask_bytes
from netsiege.game.values import int_to_ip

_STAMP = (1 << 24) - 1


class World:
    """Starts as the board says. `suspects[seat]`: running into a block counts as a false positive."""

    __slots__ = (
        "_entries",
        "_items_at",
        "_made",
        "_scans",
        "authors",
        "blocks",
        "board",
        "false_positives",
        "reach",
        "suspects",
    )

    def __init__(self, board: Board, suspects: Sequence[bool]) -> None:
        self.board = board
        self.suspects = tuple(suspects)
        self.reach: Sequence[int] = board.reach
        self.blocks: dict[int, set[int]] = {}
        """32-bit address -> the addresses it was cut off from; both directions are listed."""
        self.authors: dict[tuple[int, int], int] = {}
        """Pair of 32-bit addresses -> mask of the seats that blocked it; both directions are listed."""
        self.false_positives = [0] * len(self.suspects)
        self._items_at: Sequence[int] = board.items_at
        self._entries: dict[int, list[int]] = {}
        self._scans: list[tuple[int, int]] = []
        self._made = 0

    # --- logs ---------------------------------------------------------------------------------------------

    def note(self, node: int, source: int, code: int) -> None:
        """Adds an entry to a node's log."""
        self._made += 1
        self._entries.setdefault(node, []).append(self._made << 24 | source << 3 | code)

    def note_scan(self, source: int, found: int) -> None:
        """Adds an entry to the logs of all nodes with an address in `found`, one for each address."""
        self._made += 1
        self._scans.append((self._made << 24 | source << 3 | SCAN, found))

    def log(self, node: int) -> str:
        """The content of a node's log file: JSON text, empty if there is no entry."""
        addresses = self.board.node_addresses[node]
        entries = list(self._entries.get(node, ()))
        for entry, found in self._scans:
            if found & addresses:
                entries += [entry] * (found & addresses).bit_count()
        entries.sort()
        line = self.board.line
        return f"[{', '.join([line(entry & _STAMP) for entry in entries])}]" if entries else ""

    # --- data ---------------------------------------------------------------------------------------------

    def items(self, node: int) -> int:
        """The mask of the items that lie on a node; its log is not one of them."""
        return self._items_at[node]

    def copy_data(self, key: int, source: int, target: int) -> None:
        """Puts the source's item of that key on the target node, unless something equal lies there."""
        same = self.board.key_items[key]
        if not self._items_at[target] & same:
            placed = list(self._items_at)
            placed[target] |= placed[source] & same
            self._items_at = placed

    # --- firewall -----------------------------------------------------------------------------------------

    def block(self, seat: int, target: int, blocked: int) -> None:
        """Cuts two 32-bit addresses off from each other. Either may be one that does not exist."""
        self.reach = reach = list(self.reach)
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

    # --- snapshots ----------------------------------------------------------------------------------------

    def to_plain(self) -> list[Any]:
        """All that has changed since the start, ready for msgpack."""
        board = self.board
        moved = [(n, m) for n, m in enumerate(self._items_at) if m != board.items_at[n]]
        return [
            self._made,
            [[node, entries] for node, entries in sorted(self._entries.items())],
            [part for entry, found in self._scans for part in (entry, mask_bytes(found))],
            [part for node, mask in moved for part in (node, mask_bytes(mask))],
            [part for pair, mask in sorted(self.authors.items()) for part in (*pair, mask_bytes(mask))],
            self.false_positives,
        ]

    def load(self, plain: list[Any]) -> None:
        """The inverse of `to_plain`, on a fresh world."""
        self._made, entries, scans, moved, authors, self.false_positives = plain
        self._entries = dict(entries)
        self._scans = [(e, bytes_mask(m)) for e, m in zip(scans[::2], scans[1::2], strict=True)]
        if moved:
            placed = list(self._items_at)
            for node, mask in zip(moved[::2], moved[1::2], strict=True):
                placed[node] = bytes_mask(mask)
            self._items_at = placed
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
