"""Invitations that are stretched: said something else with, used twice, by several at once, or too late."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from netsiege.enrol import enrol
from netsiege.errors import AuthError, SiegeError
from netsiege.game import AgentRole
from netsiege.hub.authority import Right
from netsiege.keys import KeyPair, Keys
from netsiege.protocol import Code, Enrol, Hello, Join, Kind, OpenRoom, SessionRole
from tests.attacks.conftest import answer, raw, refusal, rooms

RIVALS = 6


def test_invitation_may_say_nothing_but_enrol(start):
    hub = start()
    invitation = hub.invite("carol", Right.ADMIN)
    for role in SessionRole:
        with pytest.raises(AuthError):
            hub.client(invitation, role).open()
    dealer = hub.dealer(invitation, say_hello=False)
    words = {Kind.JOIN: Join("default", "Attacker").encode(), Kind.OPEN_ROOM: rooms("new")[0].encode()}
    for kind in (Kind.JOIN, Kind.STEP, Kind.STEP_MANY, Kind.RESET, Kind.LEAVE, Kind.PING, Kind.BYE):
        dealer.send(raw(kind, 1, 2, words.get(kind, b"")))
        assert refusal(dealer)[0] == Code.HELLO_FIRST
    for kind in (Kind.OPEN_ROOM, Kind.WATCH, Kind.STATUS):
        dealer.send(raw(kind, 0, 3, words.get(kind, b"")))
        assert refusal(dealer)[0] == Code.HELLO_FIRST
    assert isinstance(OpenRoom.decode(words[Kind.OPEN_ROOM]), OpenRoom)
    assert [room.name for room in hub.status().rooms] == ["default"]
    dealer.send(raw(Kind.HELLO, 0, 4, Hello("carol", "director").encode()))
    assert refusal(dealer)[0] == Code.NOT_ALLOWED


def test_invitation_for_a_worker_opens_the_agents_port_only(start):
    hub = start()
    invitation = hub.invite("engines", Right.WORKER)
    dealer = hub.dealer(invitation, endpoint=hub.workers, say_hello=False)
    dealer.send(raw(Kind.ENROL, 0, 1, Enrol(KeyPair.new().public).encode()))
    assert hub.is_refused("key_refused")
    assert not dealer.poll(100)
    own = KeyPair.new()
    assert enrol(hub.agents, invitation, own.public).right == Right.WORKER
    hub.work(Keys(own, hub.pair.public))


def test_enrolled_key_may_do_what_the_invitation_says_and_no_more(start):
    hub = start(*rooms("cup-1", "secret"), work=True)
    invitation = hub.invite("carol", rooms=("cup-*",), roles=("Attacker",))
    own = KeyPair.new()
    enrol(hub.agents, invitation, own.public)
    keys = Keys(own, hub.pair.public)
    with hub.client(keys) as client:
        assert client.join(AgentRole.Attacker, "cup-1")
        with pytest.raises(SiegeError, match=Code.UNKNOWN_ROOM):
            client.join(AgentRole.Attacker, "secret")
    with pytest.raises(AuthError):
        hub.client(keys, SessionRole.DIRECTOR).open()


def test_invitation_that_was_used_enrols_nobody_else(start):
    hub = start()
    invitation = hub.invite("carol")
    enrol(hub.agents, invitation, KeyPair.new().public)
    thief = KeyPair.new()
    with pytest.raises(AuthError):
        enrol(hub.agents, invitation, thief.public)
    with pytest.raises(AuthError):
        hub.client(Keys(thief, hub.pair.public)).open()


def test_of_many_who_bring_the_same_invitation_one_is_let_in(start):
    hub = start()
    invitation = hub.invite("carol")
    pairs = [KeyPair.new() for _ in range(RIVALS)]
    together = threading.Barrier(RIVALS)
    told = {}

    def try_it(pair):
        together.wait()
        try:
            told[pair] = enrol(hub.agents, invitation, pair.public)
        except AuthError as error:
            told[pair] = error

    threads = [threading.Thread(target=try_it, args=(pair,)) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    let_in = [pair for pair in pairs if not isinstance(told[pair], AuthError)]
    assert len(let_in) == 1
    for pair in pairs:
        if pair in let_in:
            with hub.client(Keys(pair, hub.pair.public)) as client:
                client.status()
        else:
            with pytest.raises(AuthError):
                hub.client(Keys(pair, hub.pair.public)).open()


def test_invitation_that_has_expired_is_refused_before_and_after_the_handshake(start):
    hub = start()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    invitation = hub.invite("carol", expires=tomorrow)
    early = hub.dealer(invitation, say_hello=False)
    early.send(raw(Kind.PING))
    answer(early, Kind.ERROR)
    hub.now = lambda: tomorrow
    early.send(raw(Kind.ENROL, 0, 1, Enrol(KeyPair.new().public).encode()))
    assert refusal(early)[0] == Code.NOT_ALLOWED
    with pytest.raises(AuthError):
        enrol(hub.agents, invitation, KeyPair.new().public)


def test_invitation_enrols_no_key_that_is_none_or_is_known(start):
    hub = start()
    known = hub.issue("alice")
    invitation = hub.invite("carol")
    for key in (b"", b"short", bytes(32), known.own.public, invitation.own.public, bytes(1_000)):
        with pytest.raises(SiegeError):
            enrol(hub.agents, invitation, key)
    own = KeyPair.new()
    assert enrol(hub.agents, invitation, own.public).name == "carol"
    assert hub.status().sessions == 1


def test_key_that_is_no_invitation_enrols_nobody(start):
    hub = start()
    with pytest.raises(AuthError):
        enrol(hub.agents, hub.issue("alice", Right.ADMIN), KeyPair.new().public)


def test_invitation_that_was_taken_back_is_refused(start):
    hub = start()
    invitation = hub.invite("carol")
    hub.file.revoke("carol")
    hub.learn()
    with pytest.raises(AuthError):
        enrol(hub.agents, invitation, KeyPair.new().public)
