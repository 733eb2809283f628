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
from netsiege.engine.knowledge import BLOCKS, NOTHING, Delta, Knowledge
from netsiege.engine.masks import bits
from netsiege.engine.world import World

RULESET: Final = "netsecgame"


def play(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    """Plays one action of a seat."""
    return _RULES[action[0]](world, knows, seat, action)


def _number(world: World, address: int) -> int:
    return world.board.numbers[address] if address >= 0 else ~address


def _admitted(world: World, knows: Knowledge, seat: int, action: Action) -> bool:
    """The source is controlled and the firewall lets it reach the target; else whoever blocked it pays."""
    source, target = action[1], action[2]
    if source < 0 or not knows.controlled >> source & 1:
        return False
    if target >= 0 and world.reach[source] >> target & 1:
        return True
    world.blame(seat, world.board.numbers[source], _number(world, target))
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
    if not _admitted(world, knows, seat, action):
        return NOTHING
    _, source, target = action
    board = world.board
    node = board.node_of[target]
    world.note(node, source, FIND_SERVICES)
    seen_from_inside = knows.controlled >> target & 1
    found = board.services_at[node] if seen_from_inside else board.open_services_at[node]
    if not found:
        return NOTHING
    delta: Delta = NOTHING
    if not knows.hosts >> target & 1:
        networks = knows.see_networks(board, board.networks_at[target])
        delta = [*networks, *knows.see_hosts(board, 1 << target)]
    services = knows.see_services(board, target, found)
    return [*delta, *services] if delta else services


def _find_data(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    if not _admitted(world, knows, seat, action):
        return NOTHING
    _, source, target = action
    board = world.board
    node = board.node_of[target]
    world.note(node, source, FIND_DATA)
    if not knows.controlled >> target & 1:
        return NOTHING
    found: dict[int, Wire] = {board.item_key[i]: board.items[i] for i in bits(world.items(node))}
    held = knows.data.get(target)
    if held is None or LOG not in held:
        found[LOG] = log_datum(world, node)
    delta = knows.see_data(board, target, found)
    number = board.numbers[target]
    if number in world.blocks:
        delta = [*delta, *knows.see_blocks(number, world.blocks[number])]
    return delta


def _exploit(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    _, source, target, service = action
    if target < 0 or not _admitted(world, knows, seat, action):
        return NOTHING
    board = world.board
    node = board.node_of[target]
    world.note(node, source, EXPLOIT)
    known = knows.services.get(target, 0) & board.services_at[node]
    if type(service) is not int or not known >> service & 1:
        return NOTHING
    networks = knows.see_networks(board, board.networks_at[target])
    control = knows.take_control(board, target)
    return [*networks, *control] if networks else control


def _exfiltrate(world: World, knows: Knowledge, seat: int, action: Action) -> Delta:
    _, source, target, key, datum = action
    if target < 0 or not knows.controlled >> target & 1 or not _admitted(world, knows, seat, action):
        return NOTHING
    if key not in knows.data.get(source, ()):
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
    if target < 0 or not knows.controlled >> target & 1 or not _admitted(world, knows, seat, action):
        return NOTHING
    board = world.board
    number = board.numbers[target]
    delta: Delta = NOTHING
    if number != blocked:
        world.block(seat, number, blocked)
        one, other = knows.see_blocks(number, {blocked}), knows.see_blocks(blocked, {number})
        changed = sorted([*(one[1] if one else ()), *(other[1] if other else ())])
        delta = [BLOCKS, changed] if changed else NOTHING
    world.note(board.node_of[target], source, BLOCK)
    return delta


def log_datum(world: World, node: int) -> Wire:
    """A node's log file as a datum, with all that is in it now."""
    owner, name, kind = LOG_KEY
    content = world.log(node)
    return [owner, name, len(content), kind, content]


_RULES: Final[tuple[Callable[[World, Knowledge, int, Action], Delta], ...]] = (
    _scan,
    _find_services,
    _find_data,
    _exploit,
    _exfiltrate,
    _block,
)
