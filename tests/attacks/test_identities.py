"""Stolen names: routing ids, tokens and seats of others."""

import time
from itertools import count

import pytest

from netsiege.errors import AuthError, SiegeError
from netsiege.game import AgentRole
from netsiege.hub.authority import Right
from netsiege.hub.port import CHOSEN_ID
from netsiege.protocol import WORKER_HEAD, Code, Hello, Join, Kind, Ready, Reset, SessionRole, pack
from netsiege.protocol.play import action_body
from tests.attacks.conftest import (
    PATIENCE_S,
    SHORT,
    answer,
    flood_until_silence,
    raw,
    refusal,
    rooms,
    wait_until,
)

PASS = action_body(None)


def peers_of(hub):
    """The routing ids of those who are here, which nobody is told."""
    return list(hub.loop._arena.sessions)


def opened(hub, keys, role="agent", **options):
    dealer = hub.dealer(keys, role=role, **options)
    answer(dealer, Kind.WELCOME)
    return dealer


# --- routing ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("routing_id", [b"mine", b"\x00mine", b"\x00", b"\x00\x00\x00\x00\x01"])
def test_routing_id_of_ones_own_choice_opens_no_session(start, routing_id):
    hub = start()
    dealer = hub.dealer(hub.issue("alice", Right.ADMIN), routing_id=routing_id)
    assert hub.is_refused(CHOSEN_ID)
    wait_until(lambda: hub.connections == 1, "the end of it")
    assert not dealer.poll(0)
    assert hub.status().sessions == 1


def test_routing_id_of_a_live_peer_takes_nothing_from_it(start):
    hub = start(work=True)
    victim = opened(hub, hub.issue("admin", Right.ADMIN), "director")
    [stolen] = [peer for peer in peers_of(hub) if hub.loop._arena.sessions[peer].name == "bare"]
    thief = hub.dealer(hub.issue("alice"), routing_id=stolen, role="director")
    for number in range(2, 30):
        victim.send(raw(Kind.STATUS, 0, number))
        assert answer(victim, Kind.STATE)[2] == number
    assert not thief.poll(0)
    assert hub.status().sessions == 2


def test_routing_id_of_a_peer_that_has_left_brings_none_of_its_rights(start):
    hub = start()
    admin = hub.issue("admin", Right.ADMIN)
    alice = hub.issue("alice")
    victim = opened(hub, admin, "director")
    [stolen] = [peer for peer in peers_of(hub) if hub.loop._arena.sessions[peer].name == "bare"]
    victim.close(0)
    wait_until(lambda: hub.status().sessions == 1, "the end of the victim's session")
    thief = hub.dealer(alice, routing_id=stolen, role="director")
    assert hub.is_refused(CHOSEN_ID)
    assert not thief.poll(100)
    assert hub.status().sessions == 1


def test_routing_ids_to_come_cannot_be_known(start):
    """Who holds the number that libzmq gives to the next peer ends the hub: it aborts (libzmq 4.3.5)."""
    seen = []
    for _ in range(3):
        hub = start(keyed=False)
        hub.status()
        seen += [int.from_bytes(peer[1:], "big") for peer in peers_of(hub)]
    assert min(abs(a - b) for i, a in enumerate(seen) for b in seen[:i]) > 1_000


def test_routing_id_of_a_worker_runs_no_engine_in_its_place(start):
    hub = start()
    ready = WORKER_HEAD.pack(1, Kind.READY, 0, 0) + Ready("engine", 9, b"e", ("netsecgame",)).encode()
    engines, others = hub.issue("engines", Right.WORKER), hub.issue("others", Right.WORKER)
    worker = hub.dealer(engines, endpoint=hub.workers, say_hello=False)
    worker.send(ready)
    wait_until(lambda: hub.status().workers, "the worker")
    [stolen] = list(hub.loop._arena.workers)
    thief = hub.dealer(others, endpoint=hub.workers, routing_id=stolen, say_hello=False)
    thief.send(ready)
    with hub.client(hub.issue("alice")) as client:
        client.send(client.session.join("default", AgentRole.Attacker))
        assert answer(worker, Kind.OPEN)
    assert len(hub.status().workers) == 1
    worker.close(0)
    wait_until(lambda: not hub.status().workers, "the end of the worker")
    late = hub.dealer(others, endpoint=hub.workers, routing_id=stolen, say_hello=False)
    late.send(ready)
    deadline_s = time.monotonic() + 0.3
    while time.monotonic() < deadline_s:
        # whoever it is let in as, it is not the one whose routing id it uses
        assert all(w.key == others.own.public for w in hub.loop._arena.workers.values())


# --- tokens -----------------------------------------------------------------------------------------------


def hello(token, name="bare"):
    return raw(Kind.HELLO, 0, 9, Hello(name, "agent", token).encode())


def test_token_of_another_key_is_as_good_as_none(start):
    hub = start(work=True)
    with hub.client(hub.issue("alice")) as client:
        [seat] = client.join(AgentRole.Attacker)
        thief = hub.dealer(hub.issue("mallory"), say_hello=False)
        told = []
        for token in (client.session.token, bytes(16)):
            thief.send(hello(token))
            told.append(refusal(thief))
        assert told[0] == told[1]  # it does not say that there is such a session
        assert told[0][0] == Code.UNKNOWN_SESSION
        assert client.step(seat, None).reward == -1
    assert hub.status().sessions in (1, 2)


def test_token_under_the_same_key_takes_the_session_over(start):
    hub = start(work=True)
    alice = hub.issue("alice")
    with hub.client(alice) as first:
        [seat] = first.join(AgentRole.Attacker)
        with hub.client(alice, token=first.session.token) as second:
            [resumed] = second.resumed(PATIENCE_S)
            assert resumed.handle == seat.handle
            with pytest.raises(SiegeError):
                first.step(seat, None)
            assert second.step(resumed, None).reward == -1


def test_guessed_tokens_find_nothing_and_are_a_flood_in_the_end(start):
    hub = start(limits=SHORT, work=True)
    with hub.client(hub.issue("alice")) as client:
        [seat] = client.join(AgentRole.Attacker)
        token = client.session.token
        thief = hub.dealer(hub.issue("mallory"), say_hello=False)
        near = [token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :] for at in range(len(token))]
        for guess in (*near, b"", token[:-1], token + b"\0", token * 60):
            thief.send(hello(guess))
            assert refusal(thief)[0] == Code.UNKNOWN_SESSION
        flood_until_silence(thief, (hello(number.to_bytes(16, "big")) for number in count()))
        assert hub.is_refused("overloaded")
        assert client.step(seat, None).reward == -1


# --- seats ------------------------------------------------------------------------------------------------


def joined(dealer, request=2):
    """The handle of a seat in the room `default`."""
    dealer.send(raw(Kind.JOIN, 0, request, Join("default", "Attacker").encode()))
    return answer(dealer, Kind.SEATED)[1]


def test_seat_of_another_cannot_be_moved_reset_or_left(start):
    hub = start(work=True)
    with hub.client(hub.issue("alice")) as client:
        [seat] = client.join(AgentRole.Attacker)
        before = client.step(seat, None)
        for keys in (hub.issue("mallory"), hub.issue("mallory's admin", Right.ADMIN)):
            thief = opened(hub, keys)
            own = joined(thief)
            bodies = {Kind.STEP: PASS, Kind.RESET: Reset().encode(), Kind.LEAVE: b""}
            for number, (kind, body) in enumerate(bodies.items(), 3):
                thief.send(raw(kind, seat.handle, number, body))
                assert refusal(thief)[0] == Code.UNKNOWN_SEAT
            for moves in (
                [seat.handle, PASS],
                [own, PASS, seat.handle, PASS],
                [seat.handle, PASS, own, PASS],
            ):
                thief.send(raw(Kind.STEP_MANY, 0, 9, pack(moves)))
                assert refusal(thief)[0] == Code.UNKNOWN_SEAT
            thief.send(raw(Kind.STEP, own, 10, PASS))
            assert answer(thief)[0] == Kind.OBS  # its own has not moved meanwhile, and does now
        after = client.step(seat, None)
        assert (after.state, after.end) == (before.state, False)


def test_seat_of_another_session_of_the_same_key_is_another_s_too(start):
    hub = start(work=True)
    alice = hub.issue("alice")
    first, second = opened(hub, alice), opened(hub, alice)
    handle = joined(first)
    second.send(raw(Kind.STEP, handle, 3, PASS))
    assert refusal(second)[0] == Code.UNKNOWN_SEAT


def test_connection_without_a_session_moves_no_seat(start):
    hub = start(work=True)
    alice = hub.issue("alice")
    handle = joined(opened(hub, alice))
    dealer = hub.dealer(alice, say_hello=False)
    for kind in (Kind.STEP, Kind.RESET, Kind.LEAVE, Kind.STEP_MANY):
        dealer.send(raw(kind, handle, 3, PASS))
        assert refusal(dealer)[0] == Code.HELLO_FIRST


def test_spectators_and_directors_move_no_seats(start):
    hub = start(*rooms(), work=True)
    handle = joined(opened(hub, hub.issue("alice")))
    for role in (SessionRole.SPECTATOR, SessionRole.DIRECTOR):
        dealer = opened(hub, hub.issue(f"a {role}", Right.ADMIN), role)
        dealer.send(raw(Kind.STEP, handle, 3, PASS))
        assert refusal(dealer)[0] == Code.UNKNOWN_SEAT


def test_session_that_was_taken_over_moves_its_seats_no_more(start):
    hub = start(work=True)
    alice = hub.issue("alice")
    first = hub.dealer(alice, say_hello=False)
    first.send(raw(Kind.HELLO, body=Hello("bare").encode()))
    welcome = answer(first, Kind.WELCOME)[3]
    handle = joined(first)
    token = welcome[3:19]
    second = hub.dealer(alice, say_hello=False)
    second.send(hello(token))
    answer(second, Kind.RESUMED)
    answer(first, Kind.ERROR)  # SESSION_TAKEN
    first.send(raw(Kind.STEP, handle, 3, PASS))
    assert refusal(first)[0] == Code.SESSION_TAKEN
    with pytest.raises(AuthError):
        hub.client(hub.stranger(), token=token).open()
