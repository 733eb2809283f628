import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.deltas import read_delta
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.rules import play
from netsiege.engine.world import World
from netsiege.game import GameState
from netsiege.protocol import pack, unpack
from netsiege.protocol.play import action_body
from netsiege.scenarios.model import RoleTask, ServiceItem, View
from tests.engine.moves import actions
from tests.engine.tiny import ATTACKER, DEFENDER, OUTSIDE, make_tables

TABLES = make_tables(use_firewall=False)
moves = st.lists(st.tuples(st.integers(0, 1), actions), max_size=40)


def start():
    board = TABLES.board
    knows = [TABLES.start_of(1, role.role, 0) for role in (ATTACKER, DEFENDER)]
    return board, World(board, (False, True)), knows


def move(world, knows, seat, action):
    return play(world, knows[seat], seat, TABLES.reader.read(action_body(action)))


@given(moves)
def test_full_state_travels_as_the_equal_game_state_does(played):
    board, world, knows = start()
    for seat, action in played:
        move(world, knows, seat, action)
    for each in knows:
        wire = each.full(board)
        assert pack(GameState.from_wire(unpack(pack(wire))).to_wire()) == pack(wire)


@given(moves)
def test_deltas_rebuild_the_state_exactly(played):
    board, world, knows = start()
    states = [GameState.from_wire(each.full(board)) for each in knows]
    for seat, action in played:
        delta = read_delta(move(world, knows, seat, action))
        before = states[seat]
        states[seat] = before.apply(delta)
        assert states[seat].to_wire() == knows[seat].full(board)
        assert delta == states[seat].delta_from(before), "and nothing is said in vain"


@given(moves, moves)
def test_restored_world_and_knowledge_go_on_as_the_originals(played, later):
    board, world, knows = start()
    for seat, action in played:
        move(world, knows, seat, action)
    again = World(board, (False, True))
    again.load(unpack(pack(world.to_plain())))
    knows_again = [Knowledge.from_plain(unpack(pack(each.to_plain()))) for each in knows]
    for seat, action in later:
        assert move(world, knows, seat, action) == move(again, knows_again, seat, action)
    assert pack(again.to_plain()) == pack(world.to_plain())
    assert [pack(k.to_plain()) for k in knows_again] == [pack(k.to_plain()) for k in knows]
    assert [again.log(node) for node in range(4)] == [world.log(node) for node in range(4)]
    assert again.firewall() == world.firewall()


@given(moves)
def test_what_one_seat_does_never_changes_what_another_knows(played):
    board, world, knows = start()
    for seat, action in played:
        before = pack(knows[1 - seat].full(board))
        move(world, knows, seat, action)
        assert pack(knows[1 - seat].full(board)) == before


def test_start_with_nothing_under_a_host_knows_nothing_of_it():
    view = View(controlled_hosts=(OUTSIDE,), known_services=((OUTSIDE, ()),), known_data=((OUTSIDE, ()),))
    tables = make_tables(roles=(RoleTask("Attacker", start=view),))
    full = tables.start_of(1, "Attacker", 0).full(tables.board)
    assert full[3:] == [[], [], []]


def test_known_service_of_a_start_may_be_one_that_is_not_there():
    view = View(controlled_hosts=(OUTSIDE,), known_services=((OUTSIDE, (ServiceItem("ghost"),)),))
    tables = make_tables(roles=(RoleTask("Attacker", start=view),))
    full = tables.start_of(1, "Attacker", 0).full(tables.board)
    assert full[3][0][1] == [["ghost", "passive", "unknown", False]]


def test_negative_mask_is_refused_at_once():
    with pytest.raises(ValueError, match="no mask is negative"):
        Knowledge.from_plain([b"", b"", b"", [0], [-1], [], []])
