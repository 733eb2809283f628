"""The gateway's loop between real clients and a real hub, which are threads of this process."""

import json
import os
import socket
from contextlib import suppress

import pytest
from attrs import evolve

from netsiege.hub.gateway import framing, guest, link, server
from netsiege.hub.gateway.guest import NONSENSE_MAX, Guest
from netsiege.hub.gateway.requests import CACHED_BYTES, read_whole
from netsiege.hub.limits import DEFAULT_LIMITS
from tests.attacks.conftest import rooms
from tests.gateway.house import (
    JOIN,
    QUIT,
    RESET,
    STEP,
    House,
    Player,
    exfiltrate,
    join_as,
    open_matches,
    wait_until,
    waiting,
)

# --- clients that vanish ----------------------------------------------------------------------------------


@pytest.mark.parametrize("leave", [Player.close, Player.crash])
def test_client_that_vanishes_mid_episode_gives_its_seat_up_at_once(house, hub, leave):
    player = house.player().join()
    assert player.status(STEP) == "OK"
    assert open_matches(hub) == 1
    leave(player)
    wait_until(lambda: open_matches(hub) == 0, "the end of the match")
    assert house.player().join().status(STEP) == "OK"
    wait_until(lambda: house.inside == 1, "the end of the first connection")


@pytest.mark.parametrize("asked", [STEP, RESET, STEP * 10 + RESET])
def test_client_that_vanishes_with_a_request_in_flight_disturbs_nobody(house, hub, asked):
    other = house.player().join()
    for _ in range(20):
        house.player().join().write(asked).crash()
        assert other.status(STEP) == "OK"
    wait_until(lambda: open_matches(hub) == 1, "the end of the others' matches")
    assert len(house.links) == 1


def test_client_that_vanishes_while_it_waits_for_players_is_not_waited_for(duplex, duo):
    lost = duplex.player().write(JOIN)
    wait_until(lambda: waiting(duo) == 1, "one who waits")
    lost.close()
    wait_until(lambda: waiting(duo) == 0, "nobody who waits")
    first = duplex.player().write(JOIN)
    assert first.is_silent()
    second = duplex.player().join()
    assert first.read()["status"] == "GameStatus.CREATED"
    assert (first.status(STEP), second.status(STEP)) == ("OK", "OK")


def test_client_that_vanishes_while_it_waits_for_a_reset_leaves_the_others_their_game(duplex, duo):
    first, second = duplex.player().write(JOIN), duplex.player().join()
    assert first.read()["status"] == "GameStatus.CREATED"
    first.write(RESET)
    assert first.is_silent()
    first.close()
    assert second.status(STEP) == "OK"
    assert second.status(RESET) == "RESET_DONE"
    assert second.status(STEP) == "OK"
    second.close()
    wait_until(lambda: open_matches(duo) == 0, "the end of the match")


def test_more_clients_than_players_get_the_next_match(duplex, duo):
    players = [duplex.player().write(JOIN) for _ in range(5)]
    statuses = []
    wait_until(lambda: waiting(duo) == 1 and open_matches(duo) == 2, "two matches and one who waits")
    last = next(player for player in players if player.is_silent(0.1))
    for player in players:
        if player is not last:
            statuses.append(player.read()["status"])
    assert statuses == ["GameStatus.CREATED"] * 4
    sixth = duplex.player().join()
    assert last.read()["status"] == "GameStatus.CREATED"
    assert sixth.status(STEP) == "OK"


def test_client_that_quits_may_join_again_and_others_get_the_seat(house, hub):
    player = house.player().join()
    assert player.status(QUIT) == "OK"
    wait_until(lambda: open_matches(hub) == 0, "the end of the match")
    assert player.status(STEP) == "BAD_REQUEST"
    assert player.join().status(STEP) == "OK"


def test_half_closed_connection_has_left(house, hub):
    player = house.player().join()
    player.socket.shutdown(1)
    assert player.is_cut_off()
    wait_until(lambda: open_matches(hub) == 0, "the end of the match")


def test_thousands_who_come_and_go_leave_nothing_behind(house, hub):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    steady = house.player().join()
    house.player().join().close()
    wait_until(lambda: house.inside == 1, "one connection")
    before = descriptors()
    for number in range(300):
        player = Player(house.port)
        if number % 3:
            player.write(JOIN)
            if number % 10 == 1:
                player.read()
        (player.close if number % 2 else player.crash)()
    assert steady.status(STEP) == "OK"
    wait_until(lambda: house.inside == 1, "the end of all connections")
    wait_until(lambda: open_matches(hub) == 1 and waiting(hub) == 0, "the end of all matches")
    made = house.links[0]
    wait_until(lambda: len(made._seats) == 1, "the end of the gateway's seats")
    assert [*made._joins, *made._wishes, *made._unwished, *made._leaving] == []
    # a connection is counted out before its descriptor is closed
    wait_until(lambda: descriptors() <= before, "the end of all descriptors")
    assert len(house.links) == 1


# --- clients that are slow, or deaf -----------------------------------------------------------------------


def test_request_that_comes_a_byte_at_a_time_is_one_request(house):
    player = house.player()
    for byte in JOIN:
        player.write(bytes([byte]))
    assert player.read()["status"] == "GameStatus.CREATED"


def test_half_a_request_is_answered_when_it_does_not_go_on(house, monkeypatch):
    monkeypatch.setattr(server, "STALLED_S", 0.2)
    player = house.player().join().write(STEP[:-7])
    assert "does not end" in player.read()["message"]["message"]
    assert player.status(STEP) == "OK"


def test_half_a_request_of_a_client_that_is_not_read_is_not_stalled(duplex, monkeypatch):
    monkeypatch.setattr(server, "STALLED_S", 0.2)
    steps = guest.QUEUE_MAX + 10
    wishes = JOIN + STEP * steps + STEP[:-7]
    first = duplex.player().write(wishes)
    assert first.is_silent(1.0)
    duplex.player().join()
    assert first.read()["status"] == "GameStatus.CREATED"
    first.write(STEP[-7:])
    told = [first.read()["status"] for _ in range(steps + 1)]
    assert told == ["GameStatus.OK"] * len(told)


def test_client_that_never_reads_is_not_served_for_ever_and_holds_up_nobody(house, monkeypatch):
    monkeypatch.setattr(server, "BUFFERED_BYTES", 10_000)
    deaf = house.player(receive_bytes=4_096).join()
    deaf.socket.setblocking(False)
    other = house.player().join()
    door = house.door(deaf)
    door._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    sent = 0

    def is_stuck():
        nonlocal sent
        with suppress(BlockingIOError):
            sent += deaf.socket.send(STEP * 50)
        assert other.status(STEP) in ("OK", "FORBIDDEN")
        return door._stuck

    wait_until(is_stuck, "too many answers that nobody reads")
    answer_bytes = len(json.dumps(other.ask(STEP)))
    for _ in range(50):
        other.ask(STEP)
    assert door._transport.get_write_buffer_size() < 10_000 + 2 * answer_bytes
    deaf.socket.setblocking(True)
    deaf.socket.settimeout(20)
    whole = sent // len(STEP)
    told = [deaf.read()["status"] for _ in range(whole)]
    assert set(told) <= {"GameStatus.OK", "GameStatus.FORBIDDEN"}


def test_client_that_holds_the_most_is_cut_off_when_all_hold_too_much(house, monkeypatch):
    monkeypatch.setattr(server, "ALL_HELD_BYTES", 1_000_000)
    modest = house.player().write(b'{"a": "' + b"x" * 300_000)
    greedy = house.player().write(b'{"a": "' + b"x" * 900_000)
    assert greedy.is_cut_off()
    assert "Malformed" in modest.ask(b'"}')["message"]["message"]


# --- clients that write what makes no sense ---------------------------------------------------------------


@pytest.mark.parametrize(
    "flood",
    [b"x", b'{"a": 1}', b"\xff\xfe{\xff}", b'{"action_type": "ActionType.ScanNetwork", "parameters": {}}'],
)
def test_flood_of_nonsense_is_cut_off_and_others_play_on(house, flood):
    other = house.player().join()
    vandal = house.player().join()
    with pytest.raises(ConnectionError):
        again_and_again(lambda: vandal.ask(flood))
    assert other.status(STEP) == "OK"


def again_and_again(do):
    for _ in range(NONSENSE_MAX + 1):
        do()


def test_flood_in_one_piece_is_answered_no_more_often(house):
    vandal = house.player()
    vandal.write(b'{"a": 1}' * 20_000)
    with pytest.raises(ConnectionError):
        again_and_again(vandal.read)


def test_object_without_end_is_cut_off(house, monkeypatch):
    monkeypatch.setattr(framing, "ENDLESS_BYTES", 2 * framing.MAX_BYTES)
    vandal = house.player().write(b'{"a": "')
    with pytest.raises(ConnectionError):
        again_and_again(lambda: vandal.write(b"x" * 100_000))


def test_client_that_is_shown_out_has_no_seat_any_more(house, hub):
    vandal = house.player().join()
    vandal.write(b'{"a": 1}' * NONSENSE_MAX)
    wait_until(lambda: open_matches(hub) == 0, "the end of the match")
    assert vandal.is_cut_off()


def test_garbage_that_is_read_is_not_kept():
    before = read_whole.cache_info()
    Guest(None, ("h", 1)).hear(b"x" * (CACHED_BYTES + 1))
    assert read_whole.cache_info() == before


# --- what one client must not do to the others ------------------------------------------------------------


def test_large_moves_of_one_client_do_not_reach_the_others(house, hub):
    other = house.player().join()
    big = house.player().join()
    for _ in range(3):
        big.write(exfiltrate("x" * 1_000_000))
        assert other.status(STEP) == "OK"
        assert big.read()["status"] == "GameStatus.OK"
    assert big.status(exfiltrate("x" * (1 << 20))) == "BAD_REQUEST"
    assert big.status(STEP) == "OK"
    assert len(house.links) == 1


def test_large_moves_of_many_clients_at_once_are_all_played(house):
    players = [house.player().join() for _ in range(6)]
    for player in players:
        player.write(exfiltrate("x" * 400_000))
    assert [player.read()["status"] for player in players] == ["GameStatus.OK"] * 6
    assert len(house.links) == 1


def test_joins_that_are_refused_again_and_again_do_not_cost_the_others_the_hub(start, mistakes, monkeypatch):
    monkeypatch.setattr(link, "TALK_PER_S", 220)
    hub = start(*rooms(), keyed=False, work=True, limits=evolve(DEFAULT_LIMITS, idle_talk_per_s=500))
    with House(hub.agents) as house:
        other = house.player().join()
        vandals = [house.player() for _ in range(14)]
        for vandal in vandals:
            vandal.write(join_as("Defender") * 40)
        for _ in range(40):
            for vandal in vandals:
                assert vandal.read()["status"] == "GameStatus.BAD_REQUEST"
        assert other.status(STEP) == "OK"
        assert len(house.links) == 1
        assert hub.refusals("overloaded") == 0


def test_mistake_of_ours_in_an_answer_cuts_its_client_off_and_no_other(house, mistakes, monkeypatch):
    other = house.player().join()
    victim = house.player().join()
    monkeypatch.setattr(house.door(victim).guest, "observed", lambda seen: 1 / 0)
    victim.write(STEP)
    assert victim.is_cut_off()
    assert other.status(STEP) == "OK"
    wait_until(lambda: mistakes, "the traceback")
    assert "ZeroDivisionError" in mistakes.pop()


def test_mistake_of_ours_in_a_question_cuts_its_client_off_and_no_other(house, hub, mistakes, monkeypatch):
    other = house.player().join()
    victim = house.player().join()
    monkeypatch.setattr(house.door(victim).guest, "hear", lambda data: 1 / 0)
    victim.write(STEP)
    assert victim.is_cut_off()
    assert other.status(STEP) == "OK"
    wait_until(lambda: open_matches(hub) == 1, "the end of the match")
    assert "ZeroDivisionError" in mistakes.pop()


def test_client_too_many_is_turned_away(hub, mistakes):
    with House(hub.agents, clients=1) as house:
        first = house.player().join()
        assert house.player().is_cut_off()
        assert first.status(STEP) == "OK"
        first.close()
        wait_until(lambda: house.inside == 0, "room")
        house.player().join()
