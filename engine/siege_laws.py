"""The numbers of `siege-1`, and what a task and its topology make of them.

What is published: the chance that an exploit succeeds follows from the exploitability of its vulnerability in
CVSS v3.1 (https://www.first.org/cvss/v3-1/specification-document, section 7.1), as a share of the highest
that there is. All other numbers are chosen for a game that either side can win, not measured: those of one
action type are in its entry (`netsiege.game.action_types`), the others here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from netsiege.engine.actions import EXPLOIT
from netsiege.engine.board import Board, data_key, service_key
from netsiege.errors import RuleError
from netsiege.game.action_types import TABLE
from netsiege.scenarios.model import Host, SiegeRules, Spec
from netsiege.scenarios.odds import CHANCES

HARDENED: Final = 0.5
"""What a hardened host leaves of an exploit's chance."""
DECOYED: Final = 0.5
"""How often an exploit of a host with a decoy hits the decoy."""

SEEN: Final = {code: entry.seen for code, (_, entry) in enumerate(TABLE) if entry.seen}
"""How often the sensor sees an attacker's action: noisy ones more often than those on a host that is held."""
NOISE: Final = 0.5
"""How much more often it sees an exploit that hardly ever succeeds than one that always does: such attempts
look like nothing else."""
LOGIN_SEEN: Final = 0.05
"""How often it sees somebody log in with credentials that are not theirs."""
USERS_SEEN: Final = 0.1
"""What share of that a user's action is taken for an attack with."""


@frozen
class Flaw:
    """What a service's vulnerability does: the chance of an exploit, and of its being seen."""

    chance: float
    seen: float


@frozen(eq=False)
class Laws:
    """One task's rules on one board. `flaws`: node -> service -> its worst vulnerability."""

    rules: SiegeRules
    chances: Mapping[int, float]
    flaws: Mapping[int, Mapping[int, Flaw]]
    opens: Mapping[int, int]
    """Data key -> mask of the nodes that it opens."""

    def is_on(self, name: str) -> bool:
        """Whether a rule is switched on; those without a name always are."""
        return not name or bool(getattr(self.rules, name))


def compile_laws(spec: Spec, board: Board) -> Laws:
    """What the task says, on the board of the topology. Raises RuleError, naming all that makes no sense."""
    rules = spec.task.rules or SiegeRules()
    codes = {kind.value: code for code, (kind, _) in enumerate(TABLE)}
    problems = [
        f"rules.success: there is no action {name!r}" for name, _ in rules.chances if name not in codes
    ]
    nodes = {host.name: node for node, host in enumerate(spec.topology.hosts)}
    flaws = {node: _flaws(board, host) for node, host in enumerate(spec.topology.hosts)}
    opens = _opens(board, spec.topology.hosts, nodes, problems)
    if problems:
        raise RuleError(f"task {spec.task.name!r} by siege-1: {'; '.join(problems)}")
    chances = dict.fromkeys(codes.values(), 1.0)
    chances |= {codes[name]: p for name, p in (*CHANCES.items(), *rules.chances)}
    return Laws(rules, chances, {node: found for node, found in flaws.items() if found}, opens)


def _flaws(board: Board, host: Host) -> dict[int, Flaw]:
    found: dict[int, Flaw] = {}
    for service in host.services:
        for each in service.vulnerabilities:
            chance = each.cvss.success
            number = board.service_index[service_key(service)]
            flaw = Flaw(chance, min(1.0, SEEN[EXPLOIT] + NOISE * (1 - chance)))
            found[number] = max(found.get(number, flaw), flaw, key=lambda known: known.chance)
    return found


def _opens(
    board: Board, hosts: Iterable[Host], nodes: Mapping[str, int], problems: list[str]
) -> dict[int, int]:
    opens: dict[int, int] = {}
    for host in hosts:
        for datum in (datum for service in host.services for datum in service.data):
            for name in datum.opens:
                if name not in nodes:
                    problems.append(f"{host.name}: the datum {datum.id!r} opens {name!r}, which is no host")
                    continue
                key = board.key_index[data_key(datum)]
                opens[key] = opens.get(key, 0) | 1 << nodes[name]
    return opens
