"""Keys that try more than their right, their roles or their rooms allow."""

import pytest

from netsiege.errors import AuthError, ProtocolError
from netsiege.game import AgentRole
from netsiege.hub.authority import Right
from netsiege.protocol import WORKER_HEAD, Code, Error, Hello, Join, Kind, Ready, SessionRole, Watch, pack
from tests.attacks.conftest import answer, raw, refusal, rooms

MAY_BE = {
    Right.AGENT: {SessionRole.AGENT},
    Right.WORKER: set(),
    Right.SPECTATOR: {SessionRole.SPECTATOR},
    Right.ADMIN: set(SessionRole),
}


@pytest.mark.parametrize("right", Right)
def test_key_opens_the_sessions_of_its_right_and_no_others(start, right):
    hub = start()
    keys = hub.issue("somebody", right)
    for role in SessionRole:
        if role in MAY_BE[right]:
            with hub.client(keys, role) as client:
                client.status()
            continue
        with pytest.raises(AuthError) as caught:
            hub.client(keys, role).open()
        assert f"with the right {right}: it opens no session as {role}" in str(caught.value)
    assert hub.refusals("not_allowed") == len(SessionRole) - len(MAY_BE[right])


@pytest.mark.parametrize("right", [Right.AGENT, Right.SPECTATOR, Right.ADMIN])
def test_key_that_runs_no_engines_never_gets_a_word_in_at_the_workers_port(start, right):
    hub = start()
    dealer = hub.dealer(hub.issue("somebody", right), endpoint=hub.workers, say_hello=False)
    ready = Ready("engine", 9, b"e", ("netsecgame",)).encode()
    dealer.send(WORKER_HEAD.pack(1, Kind.READY, 0, 0) + ready)
    assert hub.is_refused("key_refused")
    assert not dealer.poll(100)
    assert not hub.status().workers


def test_agents_words_of_a_worker_and_workers_words_of_an_agent_are_refused(start):
    hub = start()
    ready = Ready("engine", 9, b"e", ("netsecgame",)).encode()
    dealer = hub.dealer(hub.issue("alice"))
    answer(dealer, Kind.WELCOME)
    dealer.send(raw(Kind.READY, 0, 2, ready))
    assert refusal(dealer)[0] == Code.NOT_ALLOWED
    worker = hub.dealer(hub.issue("engines", Right.WORKER), endpoint=hub.workers, say_hello=False)
    worker.send(raw(Kind.HELLO, body=Hello("engine").encode()))
    assert answer(worker)[0] == Kind.UNKNOWN
    assert not hub.status().workers
    assert hub.status().sessions == 2


def test_workers_key_does_nothing_at_the_agents_port(start):
    hub = start()
    dealer = hub.dealer(hub.issue("engines", Right.WORKER), say_hello=False)
    dealer.send(raw(Kind.JOIN, 0, 1, Join("default", "Attacker").encode()))
    assert refusal(dealer)[0] == Code.HELLO_FIRST
    dealer.send(raw(Kind.HELLO, 0, 2, Hello("engine").encode()))
    assert refusal(dealer)[0] == Code.NOT_ALLOWED
    dealer.send(raw(Kind.STATUS, 0, 3))
    assert not dealer.poll(100)  # it is not listened to any more


def refused(ask, *arguments):
    """The code that it is refused with; a right that is missing is an `AuthError` and has none."""
    with pytest.raises((AuthError, ProtocolError)) as caught:
        ask(*arguments)
    return Code.NOT_ALLOWED if isinstance(caught.value, AuthError) else caught.value.code


def test_spectator_does_not_play_nor_open_rooms(start):
    hub = start()
    with hub.client(hub.issue("watcher", Right.SPECTATOR), SessionRole.SPECTATOR) as watcher:
        assert refused(watcher.join, AgentRole.Attacker) == Code.NOT_ALLOWED
        assert refused(watcher.open_room, rooms("new")[0]) == Code.NOT_ALLOWED
        watcher.watch("default")
    assert [room.name for room in hub.status().rooms] == ["default"]


def test_agent_does_not_watch_nor_open_rooms(start):
    hub = start()
    with hub.client(hub.issue("alice")) as client:
        assert refused(client.watch, "default") == Code.NOT_ALLOWED
        assert refused(client.open_room, rooms("new")[0]) == Code.NOT_ALLOWED
        assert refused(client.open_room, rooms()[0]) == Code.NOT_ALLOWED
    assert [room.name for room in hub.status().rooms] == ["default"]


def test_room_that_a_key_may_not_know_looks_like_one_that_does_not_exist(start):
    hub = start(*rooms("cup-1", "secret"))
    agent = hub.dealer(hub.issue("alice", rooms=("cup-*",)))
    watcher = hub.dealer(hub.issue("watcher", Right.SPECTATOR, rooms=("cup-*",)), role="spectator")
    for dealer, kind in ((agent, Kind.JOIN), (watcher, Kind.WATCH)):
        answer(dealer, Kind.WELCOME)
        told = []
        for name in ("secret", "absent"):
            body = Join(name, "Attacker").encode() if kind == Kind.JOIN else Watch(name).encode()
            dealer.send(raw(kind, 0, 2, body))
            code, text = refusal(dealer)
            assert code == Code.UNKNOWN_ROOM
            told.append(text.replace(name, "?"))
        assert told[0] == told[1]
        assert "secret" not in told[0]


def test_agent_is_told_of_the_rooms_only_that_it_may_enter(start):
    hub = start(*rooms("cup-1", "secret"), work=True)
    with pytest.raises(AuthError):
        hub.client(hub.stranger()).open()
    with hub.client(hub.issue("alice", rooms=("cup-*",))) as client:
        told = client.status()
    assert [room.name for room in told.rooms] == ["cup-1"]
    assert told.workers == told.refusals == ()
    everything = hub.status()
    assert len(everything.rooms) == 2
    assert everything.workers
    assert everything.refusals


def test_role_that_a_key_may_not_play_is_refused(start):
    hub = start(work=True)
    with hub.client(hub.issue("alice", roles=("Defender",))) as client:
        assert refused(client.join, AgentRole.Attacker) == Code.NOT_ALLOWED
    with hub.client(hub.issue("bob", roles=("Attacker",))) as client:
        assert client.join(AgentRole.Attacker)


def test_director_opens_the_rooms_only_that_its_key_may_know(start):
    hub = start(*rooms("secret"))
    with hub.client(hub.issue("cups", Right.ADMIN, rooms=("cup-*",)), SessionRole.DIRECTOR) as director:
        assert director.open_room(rooms("cup-1")[0]).name == "cup-1"
        codes = [refused(director.open_room, rooms(name, seed=6)[0]) for name in ("secret", "absent")]
        assert codes == [Code.NOT_ALLOWED, Code.NOT_ALLOWED]
        same_as_there = refused(director.open_room, rooms("secret")[0])
        assert same_as_there == Code.NOT_ALLOWED


def test_claims_in_a_message_change_nothing_about_whose_connection_it_is(start):
    hub = start(work=True)
    hub.issue("admin", Right.ADMIN)
    dealer = hub.dealer(hub.issue("alice"), say_hello=False)
    dealer.send(raw(Kind.HELLO, 0, 1, Hello("admin", "director").encode()))
    code, text = refusal(dealer)
    assert code == Code.NOT_ALLOWED
    assert "alice" in text


def test_what_a_peer_calls_itself_writes_no_lines_of_its_own_into_the_log(start, caplog):
    hub = start()
    dealer = hub.dealer(hub.issue("alice"), say_hello=False)
    forged = "x\nWARNING netsiege.hub.loop everything is fine"
    for body in ([forged, "agent", None, True, ""], ["x", forged, None, True, ""], [forged] * 3):
        dealer.send(raw(Kind.HELLO, 0, 1, pack(body)))
        error = Error.decode(answer(dealer, Kind.ERROR)[3])
        assert "\n" not in error.text
    hub.is_refused("malformed")
    assert not [record for record in caplog.records if "\n" in record.getMessage()]
