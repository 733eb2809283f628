"""The matches of a hall that wait for their players, by whom they call. Pure.

Matches with equal calls are of a kind: what keeps the first of them waiting keeps all of them. So what a
joiner makes possible is looked for among the kinds that call it, however many matches wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from attrs import Factory, define

if TYPE_CHECKING:
    from netsiege.hub.records import Room

Line = tuple[str, str, str]
"""Role, name and key of who is called; an empty one is anybody's."""
Kind = tuple[Line, ...]


def kind_of(room: Room) -> Kind:
    """Whom an arranged match calls."""
    assert room.arranged is not None
    return tuple((each.role, each.name, each.key) for each in room.arranged.calls)


@define(eq=False)
class Calls:
    """The rooms of matches that are arranged and not made."""

    _kinds: dict[Kind, dict[str, Room]] = Factory(dict)
    _called: dict[Line, dict[Kind, None]] = Factory(dict)

    def __iter__(self) -> Iterator[Room]:
        """All of them, those of a kind in the order in which they were arranged."""
        for alike in self._kinds.values():
            yield from alike.values()

    def add(self, room: Room) -> None:
        """Has a match wait, behind the others of its kind."""
        kind = kind_of(room)
        self._kinds.setdefault(kind, {})[room.spec.name] = room
        for line in kind:
            self._called.setdefault(line, {})[kind] = None

    def remove(self, room: Room) -> None:
        """Lets a match go. Harmless for one that does not wait."""
        kind = kind_of(room)
        alike = self._kinds.get(kind, {})
        alike.pop(room.spec.name, None)
        if alike or kind not in self._kinds:
            return
        del self._kinds[kind]
        for line in dict.fromkeys(kind):
            del self._called[line][kind]
            if not self._called[line]:
                del self._called[line]

    def lines(self) -> Iterator[Line]:
        """All who are called."""
        return iter(self._called)

    def first_of(self, kind: Kind) -> Room | None:
        """The match of that kind that was arranged first."""
        return next(iter(self._kinds.get(kind, {}).values()), None)

    def first_ones(self, lines: Iterable[Line] | None = None) -> list[Room]:
        """The first of each kind that calls somebody of these lines, or of every kind; in their order."""
        if lines is None:
            kinds = dict.fromkeys(self._kinds)
        else:
            kinds = {kind: None for line in lines for kind in self._called.get(line, ())}
        firsts = (next(iter(self._kinds[kind].values())) for kind in kinds)
        return sorted(firsts, key=lambda room: room.number)
