"""The rules of `siege-1`: those of `netsecgame`, behind gates, and what the table of action types adds.

`LAWS` has for each action type, by code, its effect and the gates that stand before it: for NetSecGame's
they are listed here, for all others they follow from their entries in `netsiege.game.action_types`. A gate
lets an action pass, changes it, or stops it: what is stopped teaches nothing, but leaves traces where it
arrives. Each gate belongs to a rule that a task may switch off (`netsiege.scenarios.model.SiegeRules`), and
is not even there then. The numbers are in `netsiege.engine.siege_laws`.

How an action type is added is told in the README beside this file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from attrs import frozen

from netsiege.engine import rules
from netsiege.engine.actions import (
    BLOCK,
    EXFILTRATE,
    EXPLOIT,
    FIND_DATA,
    FIND_SERVICES,
    RESPONSES,
    SCAN,
    Action,
)
from netsiege.engine.deltas import NOTHING, Delta, joined
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.rules import Rule
from netsiege.engine.siege_laws import DECOYED, HARDENED, LOGIN_SEEN, SEEN, Flaw, Laws
from netsiege.engine.siege_world import DEFENDER, SiegeWorld
from netsiege.engine.turn import take_effect
from netsiege.game.action_types import TABLE
from netsiege.game.entries import Entry

Gate = Callable[[SiegeWorld, Knowledge, int, Action], Action | None]
"""World, what the seat knows, the seat, the action: the action that goes on, or None."""
Effect = Callable[[SiegeWorld, Knowledge, int, Action], Delta]

_SURE: Final = Flaw(1.0, LOGIN_SEEN)
"""A way in for whoever has the credentials."""
_ANY: Final = Flaw(1.0, SEEN[EXPLOIT])
"""Where every service can be exploited, as in `netsecgame`."""


@frozen
class Law:
    """What an action type does. `gates` are pairs: the rule that a gate belongs to, and the gate."""

    effect: Effect
    gates: tuple[tuple[str, Gate], ...]


# --- gates ------------------------------------------------------------------------------------------------


def _from_what_is_held(world: SiegeWorld, _knows: Knowledge, seat: int, action: Action) -> Action | None:
    return action if action[1] < 0 or world.holds(seat, 1 << action[1]) else None


def _on_what_is_held(world: SiegeWorld, _knows: Knowledge, seat: int, action: Action) -> Action | None:
    return action if action[2] < 0 or world.holds(seat, 1 << action[2]) else None


def _among_those_that_are_there(
    world: SiegeWorld, knows: Knowledge, seat: int, action: Action
) -> Action | None:
    """Of a scan, from a source that is not away: hosts that are do not answer."""
    code, source, members = action
    away = world.away
    if not away or source < 0:
        return action
    here = 1 << world.board.node_of[source]
    if here & away:
        if knows.controlled >> source & 1:
            world.miss(seat, here)
        return None
    return (code, source, members & ~world.addresses(away))


def _between_hosts_that_are_there(
    world: SiegeWorld, knows: Knowledge, seat: int, action: Action
) -> Action | None:
    away = world.away
    if not away:
        return action
    nodes = _nodes_of(world, action) & away
    if not nodes:
        return action
    if _arrives(world, knows, action):  # what could not have been done anyway has failed for no response
        world.miss(seat, nodes)
    return None


def _past_the_decoy(world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Action | None:
    """An attack on a host with a decoy may hit that, which nobody else has a reason to touch."""
    _, source, target, _ = action
    if target < 0 or not world.decoys >> world.board.node_of[target] & 1:
        return action
    if world.roles[seat] == DEFENDER or not _gets_in(world, knows, action):
        return action
    if not world.is_lucky(seat, DECOYED):
        return action
    world.alert(EXPLOIT, source, target)
    return None


def _through_a_flaw(world: SiegeWorld, knows: Knowledge, _seat: int, action: Action) -> Action | None:
    return action if _way_in(world, knows, action) is not None else None


def _with_luck(world: SiegeWorld, _knows: Knowledge, seat: int, action: Action) -> Action | None:
    return action if world.is_lucky(seat, world.laws.chances[action[0]]) else None


def _with_luck_and_a_flaw(world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Action | None:
    """An exploit: as likely as its flaw is easy, on a hardened host less. Credentials need no luck."""
    flaw = _way_in(world, knows, action)
    if flaw is _SURE:
        return action
    chance = world.laws.chances[EXPLOIT] * (1.0 if flaw is None else flaw.chance)
    if action[2] >= 0 and world.hardened >> world.board.node_of[action[2]] & 1:
        chance *= HARDENED
    return action if world.is_lucky(seat, chance) else None


def _by_its_roles(entry: Entry) -> Gate:
    roles = frozenset(role.value for role in entry.roles)

    def gate(world: SiegeWorld, _knows: Knowledge, seat: int, action: Action) -> Action | None:
        return action if world.roles[seat] in roles else None

    return gate


def _where_both_ends_are_held(
    _world: SiegeWorld, knows: Knowledge, _seat: int, action: Action
) -> Action | None:
    """Responses go over a network of their own: that of whoever controls both ends."""
    _, source, target = action[:3]
    controlled = knows.controlled
    if source < 0 or target < 0:
        return None
    return action if controlled >> source & 1 and controlled >> target & 1 else None


def _where_it_gets_to(world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Action | None:
    """To a known host, or to a known service there, past the firewall."""
    _, source, target, *third = action
    if min(source, target) < 0 or not knows.controlled >> source & knows.hosts >> target & 1:
        return None
    if not rules.is_open(world, seat, source, target):
        return None
    known = knows.services.get(target, 0)
    return action if all(type(service) is int and known >> service & 1 for service in third) else None


def _nodes_of(world: SiegeWorld, action: Action) -> int:
    """The mask of the nodes that an action goes from and to, as far as they exist."""
    nodes = 0
    for address in action[1:3]:
        if address >= 0:
            nodes |= 1 << world.board.node_of[address]
    return nodes


def _way_in(world: SiegeWorld, knows: Knowledge, action: Action) -> Flaw | None:
    """What an exploit of a service can go by: credentials, or its worst flaw that nobody has patched."""
    _, _, target, service = action
    if target < 0 or type(service) is not int:
        return None
    node = world.board.node_of[target]
    if world.laws.is_on("credentials") and _has_credentials(world, knows, node, service):
        return _SURE
    if not world.laws.is_on("vulnerabilities"):
        return _ANY
    if world.patched.get(node, 0) >> service & 1:
        return None
    return world.laws.flaws.get(node, {}).get(service)


def _has_credentials(world: SiegeWorld, knows: Knowledge, node: int, service: int) -> bool:
    opens = world.laws.opens
    if not opens or world.reset >> node & 1 or not world.board.open_services_at[node] >> service & 1:
        return False
    return any(opens.get(key, 0) >> node & 1 for held in knows.data.values() for key in held)


# --- effects ----------------------------------------------------------------------------------------------


def _find_services(world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Delta:
    """A host that was lost shows what it shows to others, whatever its seat believes."""
    controlled = knows.controlled
    knows.controlled &= ~world.lost[seat]
    try:
        return rules.RULES[FIND_SERVICES](world, knows, seat, action)
    finally:
        knows.controlled = controlled


def _exploit(world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Delta:
    """Also gets back into a host that was lost: the delta teaches what the seat has believed all the time."""
    gets_in = _gets_in(world, knows, action)
    delta = rules.RULES[EXPLOIT](world, knows, seat, action)
    target = action[2]
    if gets_in and world.conquer(seat, target):
        delta = joined(delta, world.board.deltas.controlled[target])
    return delta


def _gets_in(world: SiegeWorld, knows: Knowledge, action: Action) -> bool:
    """Whether the exploit succeeds that nothing has stopped so far."""
    _, source, target, service = action
    if min(source, target) < 0 or type(service) is not int:
        return False
    known = knows.services.get(target, 0) & world.board.services_at[world.board.node_of[target]]
    return bool(known >> service & 1) and _arrives(world, knows, action)


def _arrives(world: SiegeWorld, knows: Knowledge, action: Action) -> bool:
    """Whether an action goes from a host that its seat controls to one that this reaches."""
    _, source, target = action[:3]
    return bool(min(source, target) >= 0 and knows.controlled >> source & world.reach[source] >> target & 1)


# --- the table --------------------------------------------------------------------------------------------

_HELD: Final = ("responses", _from_what_is_held)
_HELD_THERE: Final = ("responses", _on_what_is_held)
_THERE: Final = ("responses", _between_hosts_that_are_there)
_LUCK: Final = ("success", _with_luck)


def _law_of(entry: Entry) -> Law:
    """What the entry of a response says."""
    assert entry.effect is not None
    gates: tuple[tuple[str, Gate], ...] = (("", _by_its_roles(entry)),)
    if entry.on_held:
        gates += (("", _where_both_ends_are_held),)
    else:
        gates += (_HELD, _THERE, ("", _where_it_gets_to))
    return Law(partial(take_effect, entry.effect), (*gates, _LUCK))


LAWS: Final[tuple[Law, ...]] = (
    Law(rules.RULES[SCAN], (_HELD, ("responses", _among_those_that_are_there), _LUCK)),
    Law(_find_services, (_HELD, _THERE, _LUCK)),
    Law(rules.RULES[FIND_DATA], (_HELD, _HELD_THERE, _THERE, _LUCK)),
    Law(
        _exploit,
        (
            *(_HELD, _THERE, ("responses", _past_the_decoy)),
            *(("vulnerabilities", _through_a_flaw), ("success", _with_luck_and_a_flaw)),
        ),
    ),
    Law(rules.RULES[EXFILTRATE], (_HELD, _HELD_THERE, _THERE, _LUCK)),
    Law(rules.RULES[BLOCK], (_HELD, _HELD_THERE, _THERE, _LUCK)),
    *(_law_of(entry) for _, entry in TABLE[RESPONSES.start :]),
)
"""By code."""


def rules_of(laws: Laws) -> tuple[Rule, ...]:
    """The rule of each action type under a task's laws. Without responses their codes are not there."""
    codes = len(LAWS) if laws.is_on("responses") else RESPONSES.start
    return tuple(_rule(law, code, laws) for code, law in enumerate(LAWS[:codes]))


def _rule(law: Law, code: int, laws: Laws) -> Rule:
    gates = tuple(gate for name, gate in law.gates if laws.is_on(name))
    senses = laws.is_on("sensor") and code in SEEN
    away_moves = TABLE[code][1].away_moves

    def play(world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Delta:
        world.tick()
        mark = world.mark()
        chance = _seen(world, knows, action) if senses else 0.0
        alarms = world.alarms
        passed: Action | None = action
        for gate in gates:
            if passed is not None:
                passed = gate(world, knows, seat, passed)
        if passed is not None:
            delta = law.effect(world, knows, seat, passed)
            if away_moves:
                world.restart(seat, world.board.node_of[passed[2]], away_moves)
        else:
            delta = _attempt(world, knows, seat, action)
        if senses and world.alarms == alarms:  # a decoy has seen it already
            world.sense(seat, code, action[1], action[2] if code != SCAN else -1, mark, chance)
        return delta

    return play  # type: ignore[return-value]  # its worlds are those of this ruleset


def _seen(world: SiegeWorld, knows: Knowledge, action: Action) -> float:
    """The chance that the sensor sees an attacker's action."""
    if action[0] != EXPLOIT:
        return SEEN[action[0]]
    flaw = _way_in(world, knows, action)
    return SEEN[EXPLOIT] if flaw is None else flaw.seen


def _attempt(world: SiegeWorld, knows: Knowledge, seat: int, action: Action) -> Delta:
    """What an action leaves behind that a gate has stopped: entries in the logs of hosts that it reached."""
    code, source, target = action[:3]
    if code in RESPONSES or source < 0 or not (knows.controlled & ~world.lost[seat]) >> source & 1:
        return NOTHING
    away = world.addresses(world.away)
    if away >> source & 1:
        return NOTHING
    if code == SCAN:
        found = target & world.reach[source] & ~away
        if found:
            world.note_scan(source, found)
    elif rules.is_open(world, seat, source, target) and not away >> target & 1:
        world.note(world.board.node_of[target], source, code)
    return NOTHING
