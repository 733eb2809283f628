import pytest

from netsiege.engine.game import Game
from netsiege.protocol import Cause, Code, Flag, Held, Kind
from netsiege.protocol.play import Seen, action_body
from netsiege.scenarios.model import RoleTask
from tests.engine.tiny import (
    ATTACKER,
    BENIGN,
    CLIENT,
    DEFENDER,
    OUTSIDE,
    SERVER,
    WINNING,
    Table,
    block,
    by_seat,
    find_data,
    find_services,
    make_seats,
    make_tables,
    scan,
)

IDLE = find_data(CLIENT, CLIENT)
GUARD = find_data(SERVER, SERVER)


def table(*roles, episodes=None, max_steps=20, **changes):
    attacker = RoleTask("Attacker", ATTACKER.start, ATTACKER.goal, "", max_steps)
    tables = make_tables(pacing="rounds", roles=(attacker, DEFENDER, BENIGN), **changes)
    return Table(tables, make_seats(*roles), episodes)


def test_round_is_played_when_everyone_has_moved():
    played = table("Attacker", "Defender")
    assert played.step(0, IDLE) == []
    replies = by_seat(played.step(1, GUARD))
    assert {i: (r.request, r.obs.reward, r.flags) for i, r in replies.items()} == {
        0: (1, -1, Flag.MOVE),
        1: (2, -1, Flag.MOVE),
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_actions_of_a_round_apply_attacker_benign_defender_whoever_came_first(order):
    """The defender cuts the way that the two others want to go: in this round they still get through."""
    played = table("Defender", "Benign", "Attacker")
    moves = {
        0: block(CLIENT, CLIENT, SERVER),
        1: find_services(CLIENT, SERVER),
        2: scan(CLIENT, "192.168.1.0/24"),
    }
    for seat in order:
        replies = played.step(seat, moves[seat])
    seen = by_seat(replies)
    assert len(seen[2].obs.state.known_hosts) == 3
    assert len(seen[1].obs.state.known_services) == 1
    world = played.game.episode.world
    assert [line.split('"')[7] for line in world.log(0).split("}")[:-1]] == [
        "ActionType.ScanNetwork",
        "ActionType.FindServices",
    ]
    for seat in order:
        replies = played.step(seat, moves[seat])
    assert played.game.episode.world.false_positives == [1, 0, 0]


def test_attackers_move_by_index_whatever_their_seats():
    tables = make_tables(pacing="rounds")
    seats = make_seats("Attacker", "Attacker")[::-1]
    played = Table(tables, seats)
    played.step(0, find_data(CLIENT, CLIENT))
    replies = by_seat(played.step(1, find_data(OUTSIDE, OUTSIDE)))
    assert played.game._order == [1, 0]
    assert len(replies) == 2


def test_replies_of_a_round_leave_in_rotating_order():
    played = table("Defender", "Benign", "Attacker")
    orders = []
    for _ in range(4):
        played.step(0, GUARD)
        played.step(1, IDLE)
        orders.append([reply.seat for reply in played.step(2, IDLE)])
    assert orders == [[2, 1, 0], [1, 0, 2], [0, 2, 1], [2, 1, 0]]


def test_seat_that_has_moved_is_busy_until_the_round_is_played():
    played = table("Attacker", "Defender")
    played.step(0, IDLE)
    for again in (played.step(0, IDLE), played.reset(0)):
        assert (again[0].error, again[0].flags) == (Code.BUSY, Flag.NONE)
    assert played.timeout(0) == []
    assert len(played.step(1, GUARD)) == 2


def test_bad_action_is_no_move():
    played = table("Attacker", "Defender")
    assert played.tell(0, Kind.STEP, b"\x90")[0].error == Code.BAD_ACTION
    assert played.step(1, GUARD) == []
    assert len(played.step(0, IDLE)) == 2


def test_missed_deadline_is_a_pass_in_the_round():
    played = table("Attacker", "Defender")
    assert played.step(0, IDLE) == []
    replies = by_seat(played.timeout(1))
    assert {i: r.request for i, r in replies.items()} == {0: 1, 1: 0}
    assert played.game.episode.players[1].steps == 1


def test_winner_waits_until_the_others_end_in_the_next_round():
    played = table("Attacker", "Defender")
    for action in WINNING:
        played.step(0, action)
        replies = by_seat(played.step(1, GUARD))
    # the attacker moves first: by the time of the defender's own move nobody hunts any more
    assert replies[0].obs.reward == 99
    assert replies[1].obs.end
    played = table("Attacker", "Attacker")
    for action in WINNING:
        played.step(0, action)
        replies = by_seat(played.step(1, IDLE))
    assert replies[0].held == Held.PEERS
    assert not replies[1].obs.end
    for _ in range(14):
        (reply,) = played.step(1, IDLE)
        assert not reply.obs.end, "an ended seat does not hold the rounds up"
    result, *last = played.step(1, IDLE)
    assert result.kind == Kind.RESULT
    assert {i: r.obs.reward for i, r in by_seat(last).items()} == {0: 99, 1: -11}


def test_result_comes_first_then_all_outcomes_together():
    played = table("Attacker", "Defender", "Benign", max_steps=1)
    played.step(0, IDLE)
    played.step(1, GUARD)
    result, *last = played.step(2, IDLE)
    assert result.result.cause == Cause.STEPS
    assert [reply.seat for reply in last] == [0, 2, 1]
    assert all(reply.obs.end for reply in last)


def test_round_goes_on_without_a_seat_that_leaves():
    played = table("Attacker", "Attacker", "Defender")
    played.step(0, IDLE)
    played.step(2, GUARD)
    over, *replies = played.leave(1)
    assert over.end == Cause.LEFT
    assert sorted(by_seat(replies)) == [0, 2]


def test_move_of_a_seat_that_leaves_before_the_round_is_not_played():
    played = table("Attacker", "Attacker")
    played.step(0, scan(CLIENT, "192.168.1.0/24"))
    played.leave(0)
    played.step(1, IDLE)
    assert not played.game.episode.world.log(0)


def test_round_goes_on_without_a_seat_that_asked_for_a_reset():
    played = table("Attacker", "Attacker")
    played.step(0, IDLE)
    reply, held = played.reset(1)
    assert (reply.seat, reply.request, reply.obs.end) == (0, 1, False)
    assert (held.seat, held.held) == (1, Held.RESET)
    assert played.step(0, IDLE)[0].kind == Kind.OBS


def test_third_missed_deadline_forfeits_and_the_round_goes_on():
    played = table("Attacker", "Attacker")
    for _ in range(2):
        played.step(0, IDLE)
        assert len(played.timeout(1)) == 2
    played.step(0, IDLE)
    over, reply = played.timeout(1)
    assert (over.end, over.seat) == (Cause.TIME, 1)
    assert (reply.seat, reply.kind) == (0, Kind.OBS)


def test_second_episode_is_played_in_rounds_too():
    played = table("Attacker", "Defender", max_steps=1)
    for seat in (0, 1):
        played.step(seat, IDLE)
    for seat in (0, 1):
        replies = played.reset(seat)
    assert all(reply.seen == Seen.FULL for reply in replies)
    assert played.step(1, GUARD) == []
    assert len(played.step(0, IDLE)) == 3


def test_outcome_does_not_depend_on_the_order_of_arrival():
    def bodies(order):
        game = Game(make_tables(pacing="rounds"), 1, 7, make_seats("Attacker", "Defender", "Benign"), None)
        told = []
        moves = {0: WINNING[0], 1: block(CLIENT, CLIENT, SERVER), 2: find_services(CLIENT, SERVER)}
        for _ in range(3):
            for seat in order:
                told += [
                    (s, k, f, b)
                    for s, k, f, _, b in game.handle(seat, Kind.STEP, 1, action_body(moves[seat]))
                ]
        return told, game.snapshot()

    assert bodies((0, 1, 2)) == bodies((2, 0, 1)) == bodies((1, 2, 0))
