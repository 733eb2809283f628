"""The rules of `netsecgame`: what each of the six actions does to the world and to its seat's knowledge.

Every rule takes the world, what the seat knows, the seat's number and the action as the reader made it; it
returns the delta of the knowledge. The order of the checks matters: it decides what is logged and who is
blamed. An action that fails changes nothing the seat knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from netsiege.engine.actions import BLOCK, EXFILTRATE, EXPLOIT, FIND_DATA, FIND_SERVICES, Action
from netsiege.engine.board import LOG, LOG_KEY, Wire
from netsiege.engine.deltas import NOTHING, Delta, joined
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits
from netsiege.engine.world import World

RULESET: Final = "netsecgame"

Rule = Callable[[World, Knowledge, int, Action], Delta]
"""World, what the seat knows, the seat, the action: what the seat learns."""


def play(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    """Plays one action of a seat."""
    return RULES[action[0]](world, knows, seat, action)


def is_open(world: World, seat: int, source: int, target: int) -> bool:
    """Whether the firewall lets a source reach a target; else whoever blocked it pays."""
    if target >= 0 and world.reach[source] >> target & 1:
        return True
    if world.authors:
        numbers = world.board.numbers
        world.blame(seat, numbers[source], numbers[target] if target >= 0 else ~target)
    return False


def _scan(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    _, source, members = action
    if source < 0 or not knows.controlled >> source & 1:
        return NOTHING
    found = members & world.reach[source]
    if world.authors:
        numbers = world.board.numbers
        for address in bits(members & ~found):
            world.blame(seat, numbers[source], numbers[address])
    if not found:
        return NOTHING
    world.note_scan(source, found)
    return knows.see_hosts(world.board, found)


def _find_services(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    # the most frequent of all: `is_open` and `World.note` are written out
    _, source, target = action
    controlled = knows.controlled
    if source < 0 or not controlled >> source & 1:
        return NOTHING
    if target < 0 or not world.reach[source] >> target & 1:
        is_open(world, seat, source, target)
        return NOTHING
    board = world.board
    node = board.node_of[target]
    world.entries.append(node << 24 | source << 3 | FIND_SERVICES)
    found = board.services_at[node] if controlled >> target & 1 else board.open_services_at[node]
    if not found:
        return NOTHING
    if knows.hosts >> target & 1:
        return knows.see_services(board, target, found)
    networks = knows.see_networks(board, board.networks_at[target])
    hosts = knows.see_hosts(board, 1 << target)
    return joined(joined(networks, hosts), knows.see_services(board, target, found))


def _find_data(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    _, source, target = action
    controlled = knows.controlled
    if source < 0 or not controlled >> source & 1 or not is_open(world, seat, source, target):
        return NOTHING
    board = world.board
    node = board.node_of[target]
    world.note(node, source, FIND_DATA)
    if not controlled >> target & 1:
        return NOTHING
    found: dict[int, Wire] = {board.item_key[i]: board.items[i] for i in bits(world.items(node))}
    held = knows.data.get(target)
    if held is None or LOG not in held:
        found[LOG] = log_datum(world, node)
    delta = knows.see_data(board, target, found)
    number = board.numbers[target]
    if number in world.blocks:
        delta = joined(delta, knows.see_blocks({number: world.blocks[number]}))
    return delta


def _exploit(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    _, source, target, service = action
    if target < 0 or source < 0 or not knows.controlled >> source & 1:
        return NOTHING
    if not is_open(world, seat, source, target):
        return NOTHING
    board = world.board
    node = board.node_of[target]
    world.note(node, source, EXPLOIT)
    known = knows.services.get(target, 0) & board.services_at[node]
    if type(service) is not int or not known >> service & 1:
        return NOTHING
    networks = knows.see_networks(board, board.networks_at[target])
    return joined(networks, knows.take_control(board, target))


def _exfiltrate(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    _, source, target, key, datum = action
    controlled = knows.controlled
    if target < 0 or not controlled >> target & 1 or source < 0 or not controlled >> source & 1:
        return NOTHING
    if not is_open(world, seat, source, target) or key not in knows.data.get(source, ()):
        return NOTHING
    board = world.board
    here, there = board.node_of[source], board.node_of[target]
    world.note(there, source, EXFILTRATE)
    if key != LOG:
        if not world.items(here) & board.key_items[key]:
            return NOTHING
        world.copy_data(key, here, there)
    return knows.see_data(board, target, {key: datum})


def _block(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    _, source, target, blocked = action
    controlled = knows.controlled
    if target < 0 or not controlled >> target & 1 or source < 0 or not controlled >> source & 1:
        return NOTHING
    if not is_open(world, seat, source, target):
        return NOTHING
    board = world.board
    number = board.numbers[target]
    delta: Delta = NOTHING
    if number != blocked:
        world.block(seat, number, blocked)
        delta = knows.see_blocks({number: {blocked}, blocked: {number}})
    world.note(board.node_of[target], source, BLOCK)
    return delta


def log_datum(world: World, node: int) -> Wire:
    """A node's log file as a datum, with all that is in it now."""
    owner, name, kind = LOG_KEY
    content = world.log(node)
    return [owner, name, len(content), kind, content]


RULES: Final[tuple[Rule, ...]] = (
    _scan,
    _find_services,
    _find_data,
    _exploit,
    _exfiltrate,
    _block,
)
"""By code."""
