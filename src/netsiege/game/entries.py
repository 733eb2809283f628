"""What an entry in the table of action types consists of, and the verbs that effects are written in.

The table itself is `netsiege.game.action_types`.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Final, Protocol

from attrs import frozen

from netsiege.game.values import AgentRole

if TYPE_CHECKING:
    from netsiege.game.action_types import ActionType

ON_HOST: Final = ("source_host", "target_host")
ON_SERVICE: Final = ("source_host", "target_host", "target_service")
EVERYBODY: Final = tuple(AgentRole)


class Turn(Protocol):
    """An action of `siege-1` as it takes effect. What a verb does, it does to the action's target.

    What is changed is part of snapshots and replays.
    """

    # --- what only defenders have a use for ---------------------------------------------------------------

    def accuse(self) -> None:
        """Counts as a false positive of the seat, unless an attacker has had the host."""

    def isolate(self) -> None:
        """Cuts the host off from all others."""

    def rejoin(self) -> None:
        """Takes that back."""

    def evict(self) -> None:
        """Takes the host away from all attackers, who find out when they use it."""

    def renew_credentials(self) -> None:
        """No credentials that were found open the host any more."""

    def set_decoy(self) -> None:
        """Exploits may hit a decoy on the host from now on."""

    def harden(self) -> None:
        """Exploits succeed there less often."""

    def patch(self) -> None:
        """The action's service has no vulnerabilities there any more. Unknown services change nothing."""

    # --- what any role has a use for ----------------------------------------------------------------------

    def take_control(self) -> None:
        """The seat controls the host, also one that it had lost, and learns the networks that it is in."""

    def log_as(self, kind: ActionType) -> None:
        """Leaves an entry in the host's log file: one of NetSecGame's types, the only ones that logs know.

        Raises ValueError for any other. Only what leaves an entry is seen by the sensor.
        """

    def mark(self, name: str) -> None:
        """Puts a mark of any name on the host, for this effect or others to ask for."""

    def unmark(self, name: str) -> None:
        """Takes it off; nothing if it is not there."""

    def is_marked(self, name: str) -> bool:
        """Whether it is there."""


Effect = Callable[[Turn], None]


@frozen(kw_only=True)
class Entry:
    """All that there is to say about an action type. Texts may name parameters in braces."""

    parameters: tuple[str, ...] = ON_HOST
    effect: Effect | None = None
    """What it does where nothing stops it. None for NetSecGame's, which `netsiege.engine.rules` has."""
    roles: Collection[AgentRole] = (AgentRole.Defender,)
    """Who is offered it. Under `siege-1` it does nothing for any other role, unless it is NetSecGame's."""
    on_held: bool = True
    """Whether its target is a host that the seat controls, as its source is, and which it reaches over a
    network of its own. Else a host that it knows, past firewalls and hosts that are away."""
    chance: float | None = None
    """How often it succeeds where chance is switched on, unless the task says another; None: always."""
    seen: float = 0.0
    """How often the sensor sees it, if it leaves an entry in a log."""
    away_moves: int = 0
    """For how many moves of all seats its target is away for it."""
    menu: str
    """What it is for, short enough for a narrow menu."""
    explained: str
    """What it does, in a sentence or two, for language models."""
    said: str = "{target_host} from {source_host}"
    """After its name, for people who look at a match."""
    label: str = "{target_host}"
    """After its tool's name, for language models: what their own moves were."""


def faults(entry: Entry) -> Iterator[str]:
    """What is wrong with an entry that `siege-1` adds to NetSecGame's."""
    if entry.effect is None:
        yield "effect is missing"
    if entry.parameters not in (ON_HOST, ON_SERVICE):
        yield f"parameters are {entry.parameters}: give ON_HOST or ON_SERVICE"
    if not entry.roles or not all(isinstance(role, AgentRole) for role in entry.roles):
        yield f"roles are {entry.roles!r}: give one or more of AgentRole in a tuple"
    for name in ("chance", "seen"):
        value = getattr(entry, name)
        if value is not None and not 0 <= value <= 1:
            yield f"{name} is {value}, which is not a probability from 0 to 1"
    if entry.away_moves < 0:
        yield f"away_moves is {entry.away_moves}: give 0 or more"
    for name in ("said", "label"):
        for _, field, _, _ in string.Formatter().parse(getattr(entry, name)):
            if field is not None and field not in entry.parameters:
                yield f"{name} names {{{field}}}, which is none of {', '.join(entry.parameters)}"
