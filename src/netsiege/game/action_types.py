"""The action types: an entry for each. Adding one takes nothing else; the README of the engine shows how.

From an entry follow the code on the wire, reading and checking, valid actions, numbering and masks, the law
of `siege-1`, the menu, the words of replays, and the tools of language models. Codes are given in the order
of the entries and never change: a new type is the last.

NetSecGame's six have their effects in `netsiege.engine.rules` and their gates in `netsiege.engine.siege`. The
effects of all others are here, each a function in the verbs of `netsiege.game.entries.Turn`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from typing import Final

from netsiege.game.entries import EVERYBODY, ON_HOST, ON_SERVICE, Entry, Turn, faults
from netsiege.game.values import AgentRole, Word

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


# --- effects ----------------------------------------------------------------------------------------------


def _isolate(turn: Turn) -> None:
    turn.accuse()
    turn.isolate()


def _restore(turn: Turn) -> None:
    """Sets a host up anew: whoever had broken in is out; it is not isolated any more."""
    turn.accuse()
    turn.rejoin()
    turn.evict()


# --- the table --------------------------------------------------------------------------------------------


@enum.unique
class ActionType(Word):
    """What an agent can do: NetSecGame's types, the last three of which speak to the game rather than play
    it, and those of other rulesets. `entry` is None for those that speak.
    """

    _value_: str
    entry: Entry | None

    def __new__(cls, name: str, _entry: Entry | None = None) -> ActionType:
        """Its value is its name."""
        member = object.__new__(cls)
        member._value_ = name
        return member

    def __init__(self, _name: str, entry: Entry | None = None) -> None:
        self.entry = entry

    ScanNetwork = (
        "ScanNetwork",
        Entry(
            parameters=("source_host", "target_network"),
            roles=EVERYBODY,
            chance=0.9,
            seen=0.7,
            menu="hosts",
            explained="Find the hosts of a network that the source host can reach.",
            said="{target_network} from {source_host}",
            label="{target_network} from {source_host}",
        ),
    )
    FindServices = (
        "FindServices",
        Entry(
            parameters=ON_HOST,
            roles=EVERYBODY,
            chance=0.9,
            seen=0.5,
            menu="services",
            explained="Find the services of a known host.",
            said="on {target_host} from {source_host}",
            label="of {target_host} from {source_host}",
        ),
    )
    FindData = (
        "FindData",
        Entry(
            parameters=ON_HOST,
            roles=EVERYBODY,
            chance=0.9,
            seen=0.1,
            menu="look for data",
            explained="Find the data and the log on a host that you control.",
            said="on {target_host} from {source_host}",
            label="on {target_host}",
        ),
    )
    ExploitService = (
        "ExploitService",
        Entry(
            parameters=ON_SERVICE,
            roles=EVERYBODY,
            chance=0.9,  # times that of the vulnerability
            seen=0.4,
            menu="take over",
            explained="Attack a service to take control of its host.",
            said="{target_service} on {target_host} from {source_host}",
            label="{target_service} of {target_host} from {source_host}",
        ),
    )
    ExfiltrateData = (
        "ExfiltrateData",
        Entry(
            parameters=("source_host", "target_host", "data"),
            roles=EVERYBODY,
            chance=0.9,
            seen=0.3,
            menu="bring out",
            explained="Copy data from a host that you control to another that you control.",
            said="{data} from {source_host} to {target_host}",
            label="{data} from {source_host} to {target_host}",
        ),
    )
    BlockIP = (
        "BlockIP",
        Entry(
            parameters=("source_host", "target_host", "blocked_host"),
            roles=(AgentRole.Defender,),
            menu="cut off a host",
            explained="At a host that you control, block all traffic from and to another host.",
            said="{blocked_host} on {target_host} from {source_host}",
            label="{blocked_host} at {target_host}",
        ),
    )
    JoinGame = "JoinGame"
    QuitGame = "QuitGame"
    ResetGame = "ResetGame"
    IsolateHost = (
        "IsolateHost",
        Entry(
            effect=_isolate,
            menu="cut off from all",
            explained="Cut a host off from all others until it is restored. Its users cannot work meanwhile.",
        ),
    )
    RestoreHost = (
        "RestoreHost",
        Entry(
            effect=_restore,
            away_moves=6,
            menu="set up anew",
            explained="Set a host up anew: intruders lose it, and it is isolated no more. "
            "It is away for some moves.",
        ),
    )
    ResetCredentials = (
        "ResetCredentials",
        Entry(
            effect=lambda turn: turn.renew_credentials(),
            away_moves=1,
            menu="new passwords",
            explained="Give a host new passwords: those that were found open it no more. "
            "It is away for a moment.",
            label="of {target_host}",
        ),
    )
    DeployDecoy = (
        "DeployDecoy",
        Entry(
            effect=lambda turn: turn.set_decoy(),
            away_moves=1,
            menu="bait beside it",
            explained="Put bait on a host: an attack may hit that instead, and is then noticed for certain. "
            "It is away for a moment.",
            label="on {target_host}",
        ),
    )
    HardenHost = (
        "HardenHost",
        Entry(
            effect=lambda turn: turn.harden(),
            away_moves=2,
            menu="fewer ways in",
            explained="Make attacks on a host succeed less often. It is away for some moves.",
        ),
    )
    PatchService = (
        "PatchService",
        Entry(
            parameters=ON_SERVICE,
            effect=lambda turn: turn.patch(),
            away_moves=3,
            menu="mend a service",
            explained="Mend the vulnerabilities of a service on a host that you control. "
            "It is away for some moves.",
            said="{target_service} on {target_host} from {source_host}",
            label="{target_service} of {target_host}",
        ),
    )

    __hash__ = Word.__hash__

    @property
    def key(self) -> str:
        """The name as tools and configurations have it: `harden_host`."""
        return _CAPITAL.sub("_", self.value).lower()


# --- what follows -----------------------------------------------------------------------------------------

TABLE: Final = tuple((kind, kind.entry) for kind in ActionType if kind.entry is not None)
"""The types that are played with their entries, in the order of their codes."""
NETSECGAMES: Final = 6
"""So many of them are NetSecGame's, from the first."""


def _faults(table: Iterable[tuple[ActionType, Entry]]) -> Iterator[str]:
    for code, (kind, entry) in enumerate(table):
        if kind.name != kind.value:
            yield f"{kind.name}: its entry calls it {kind.value!r}"
        if code >= NETSECGAMES:
            yield from (f"{kind.name}: {fault}" for fault in faults(entry))


if _wrong := list(_faults(TABLE)):
    raise ValueError(f"netsiege/game/action_types.py: {'; '.join(_wrong)}")
