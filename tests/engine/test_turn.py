"""The verbs in which effects of action types are written, where the bundled effects do not use them."""

import pytest

from netsiege.engine.game import Game
from netsiege.engine.turn import take_effect
from netsiege.game import ActionType
from netsiege.game.values import ip_to_int
from tests.engine.test_siege import ATTACK, DEFEND, table, teaches
from tests.engine.tiny import CLIENT, SERVER, find_data, respond

CODE = 12
"""Of nobody: an effect does not ask which type it belongs to."""


def do(game, effect, seat=ATTACK, target=SERVER):
    """The effect of an action from the client to a host."""
    source, at = (list(game.tables.board.numbers).index(ip_to_int(host)) for host in (CLIENT, target))
    player = game.episode.players[seat]
    return take_effect(effect, game.episode.world, player.knows, seat, (CODE, source, at))


def is_marked(game, name, target=SERVER):
    found = []
    do(game, lambda turn: found.append(turn.is_marked(name)), target=target)
    return found[0]


def test_mark_stays_on_its_host_through_a_snapshot_until_it_is_taken_off():
    at = table("responses")
    assert not is_marked(at.game, "door")
    do(at.game, lambda turn: turn.mark("door"))
    moved = Game.restore(at.tables, at.game.snapshot())
    for game in (at.game, moved):
        assert is_marked(game, "door")
        assert not is_marked(game, "door", CLIENT)
        assert not is_marked(game, "window")
    do(moved, lambda turn: turn.unmark("window"))
    do(moved, lambda turn: turn.unmark("door"))
    assert not is_marked(moved, "door")
    assert not is_marked(Game.restore(at.tables, moved.snapshot()), "door")


def test_host_that_was_lost_is_taken_again():
    at = table("responses")
    do(at.game, lambda turn: turn.take_control())
    assert teaches(at, ATTACK, find_data(SERVER, SERVER))
    at = table("responses")
    do(at.game, lambda turn: turn.take_control())
    at.step(DEFEND, respond(ActionType.RestoreHost, CLIENT, SERVER))
    for _ in range(10):
        at.step(DEFEND, None)
    assert not teaches(at, ATTACK, find_data(SERVER, SERVER))
    do(at.game, lambda turn: turn.take_control())
    assert teaches(at, ATTACK, find_data(SERVER, SERVER))


def test_log_gets_an_entry_of_the_source_and_of_netsecgames_types_only():
    at = table("responses")
    before = at.game.episode.world.to_plain()
    do(at.game, lambda turn: turn.log_as(ActionType.ExploitService))
    assert at.game.episode.world.to_plain() != before
    for kind in (ActionType.PatchService, ActionType.JoinGame):
        with pytest.raises(ValueError, match=f"{kind.value} is not one of NetSecGame's types"):
            do(at.game, lambda turn, kind=kind: turn.log_as(kind))
