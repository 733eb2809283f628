"""Whom the gate lets in, and what becomes of sessions whose key may do less than before. No sockets."""

import logging
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from netsiege.errors import AuthError, ConfigError, ProtocolError
from netsiege.game import AgentRole
from netsiege.hub.authority import AuthorizedFile, Grant, Right
from netsiege.hub.gate import RETRY_S, KeyGate, OpenGate, Who
from netsiege.hub.journal import SqliteJournal
from netsiege.hub.limits import DEFAULT_LIMITS
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, KeyPair, save_pair
from netsiege.protocol import Kind, SessionRole
from tests.hub.rig import Rig, room

ANN, BOB, EVE, RACK = (KeyPair.from_secret(bytes([n]) * 32).public for n in range(1, 5))
START = datetime(2030, 1, 1, tzinfo=UTC)
LIMITS = attrs.evolve(DEFAULT_LIMITS, sessions_per_key=3, connections_per_key_s=1, shut_out_s=10)


class Keyed:
    """A gate with a file and a clock of its own."""

    def __init__(self, folder):
        self.now = START
        save_pair(folder / HUB_KEY, KeyPair.new(), "a hub")
        self.file = AuthorizedFile(folder / AUTHORIZED_KEYS)
        self.file.create()
        self.file.add(ANN, Grant("ann", Right.AGENT))
        self.file.add(RACK, Grant("rack", Right.WORKER))
        self.gate = KeyGate.open(folder, LIMITS)
        self.gate._clock = lambda: self.now

    def change(self, who, *entries):
        self.file.revoke(who)
        for key, grant in entries:
            self.file.add(key, grant)
        self.gate.reload()

    def asks(self, key, domain=b"agents", mechanism=b"CURVE"):
        """The status of the answer to a connection, and what User-Id it gets."""
        answer = self.gate.answer([b"1.0", b"7", domain, b"192.0.2.1", b"", mechanism, key])
        assert answer[:2] == [b"1.0", b"7"]
        return answer[2], answer[4]


@pytest.fixture
def keyed(tmp_path):
    return Keyed(tmp_path)


def test_connection_is_let_in_by_the_right_of_its_key(keyed):
    assert keyed.asks(ANN) == (b"200", ANN.hex().encode())
    assert keyed.asks(RACK, b"workers") == (b"200", RACK.hex().encode())
    for key, domain in ((ANN, b"workers"), (EVE, b"agents"), (EVE, b"workers"), (b"short", b"agents")):
        assert keyed.asks(key, domain) == (b"400", b"")
    assert keyed.asks(ANN, mechanism=b"NULL") == (b"400", b"")


@pytest.mark.parametrize("request_", [[], [b"1.0"], [b"2.0", *[b""] * 6], [b"1.0", *[b""] * 5], [b""] * 9])
def test_request_that_makes_no_sense_is_refused(keyed, request_):
    assert keyed.gate.answer(request_)[2] == b"400"


def test_key_that_comes_too_often_is_asked_to_wait_and_then_let_in(keyed):
    assert [keyed.asks(ANN)[0] for _ in range(5)] == [b"200"] * 3 + [b"300"] * 2
    keyed.now += timedelta(seconds=1)
    assert keyed.asks(ANN)[0] == b"200"


def test_key_that_is_shut_out_comes_back_in_time(keyed):
    keyed.gate.shut_out(ANN)
    assert keyed.asks(ANN)[0] == b"400"
    keyed.now += timedelta(seconds=10)
    assert keyed.asks(ANN)[0] == b"200"
    keyed.gate.shut_out(ANN, longer=True)
    keyed.gate.shut_out(ANN)
    keyed.now += timedelta(minutes=59)
    assert keyed.asks(ANN)[0] == b"400"


def test_keys_that_are_lent_are_never_shut_out(keyed):
    lent = keyed.gate.lend("scribe", Right.ADMIN).public
    keyed.gate.shut_out(lent)
    assert [keyed.asks(lent)[0] for _ in range(9)] == [b"200"] * 9


def test_file_that_cannot_be_read_keeps_the_keys_and_is_told_of_each_time(keyed, caplog):
    caplog.set_level(logging.WARNING)
    good = keyed.file.path.read_text()
    for _ in range(2):
        keyed.file.path.write_text("nonsense\n")
        keyed.gate.reload()
        keyed.gate.reload()
        assert keyed.asks(ANN)[0] == b"200" or keyed.asks(ANN)[0] == b"300"
        keyed.file.path.write_text(good)
        keyed.gate.reload()
    told = [record.getMessage().split(":")[0] for record in caplog.records]
    assert told == ["keys_unreadable", "keys_read"] * 2


def test_file_that_cannot_be_read_is_tried_again_but_not_all_the_time(keyed, monkeypatch):
    loads = []
    load = keyed.file.load

    def failing():
        loads.append(1)
        raise OSError("no descriptors")

    monkeypatch.setattr(keyed.gate._file, "load", failing)
    keyed.file.add(BOB, Grant("bob", Right.AGENT))
    monkeypatch.setattr(keyed.gate._file, "changed", lambda: not loads)
    for _ in range(20):
        keyed.gate.reload()
    assert len(loads) == 1
    keyed.now += timedelta(seconds=RETRY_S)
    monkeypatch.setattr(keyed.gate._file, "load", load)
    keyed.gate.reload()
    assert keyed.gate.grant_of(BOB) is not None


def test_revision_changes_with_the_file_and_when_a_grant_expires(keyed):
    first = keyed.gate.revision
    keyed.file.add(BOB, Grant("bob", Right.AGENT, expires=START + timedelta(hours=1)))
    keyed.gate.reload()
    second = keyed.gate.revision
    keyed.now += timedelta(hours=2)
    assert len({first, second, keyed.gate.revision}) == 3
    assert keyed.gate.grant_of(BOB) is None


def test_invitation_is_answered_again_for_the_same_key_only_while_that_is_let_in(keyed):
    invitation = KeyPair.new().public
    keyed.file.invite(invitation, Grant("bob", Right.AGENT))
    keyed.gate.reload()
    assert keyed.gate.redeem(invitation, BOB).name == "bob"
    assert keyed.gate.redeem(invitation, BOB).name == "bob"
    with pytest.raises(ConfigError, match="used"):
        keyed.gate.redeem(invitation, EVE)
    keyed.change("bob")
    with pytest.raises(ConfigError, match="used"):
        keyed.gate.redeem(invitation, BOB)


# --- in the arena -----------------------------------------------------------------------------------------


def seated(keyed, **more):
    rig = Rig(
        room(), room("other"), gate=keyed.gate, who={b"w": Who(RACK), b"a": Who(ANN, "192.0.2.1")}, **more
    )
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    [lease] = worker.seat_all()
    agent.answers()
    return rig, worker, agent, lease


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [(ANN, Grant("ann", Right.SPECTATOR))],
        [(ANN, Grant("ann", Right.AGENT, roles=("Defender",)))],
        [(ANN, Grant("ann", Right.AGENT, rooms=("other",)))],
    ],
)
def test_session_that_its_key_does_not_cover_any_more_ends_with_its_seats(keyed, entries):
    rig, worker, agent, _ = seated(keyed)
    worker.take()
    keyed.change("ann", *entries)
    rig.tick(1)
    assert [(event[3], event[5]) for event in worker.events()] == [(Kind.LEAVE, b"\x02")]
    assert isinstance(agent.answers()[-1], AuthError)
    assert (rig.arena.tokens, rig.arena.to_cut) == ({}, [b"a"])
    assert [line for line in rig.arena.tally.lines(0) if "who=ann" in line]


def test_session_that_its_key_still_covers_goes_on(keyed):
    rig, worker, _, _ = seated(keyed)
    worker.take()
    keyed.change("ann", (ANN, Grant("ann", Right.AGENT, roles=("Attacker",), rooms=("def*",))))
    rig.tick(1)
    assert worker.events() == []
    assert len(rig.arena.tokens) == 1


def test_session_from_the_journal_is_held_against_the_keys_of_today(keyed, tmp_path):
    path = tmp_path / "hub.journal"
    journal = SqliteJournal(path)
    seated(keyed, journal=journal)[0].commit()
    journal.close()
    keyed.change("ann", (ANN, Grant("ann", Right.AGENT, roles=("Defender",))))
    journal = SqliteJournal(path)
    rig = Rig(gate=keyed.gate, journal=journal, first_number=5_000)
    assert len(rig.arena.tokens) == 1
    rig.tick(1)
    assert rig.arena.tokens == {}
    journal.close()


def test_journal_of_a_hub_with_keys_is_not_opened_without_them_nor_the_reverse(keyed, tmp_path):
    journals = [SqliteJournal(tmp_path / name) for name in ("keyed", "open")]
    seated(keyed, journal=journals[0])[0].commit()
    rig = Rig(journal=journals[1])
    agent, worker = rig.agent(b"a"), rig.worker(b"w")
    agent.join()
    worker.seat_all()
    rig.commit()
    for journal, gate in zip(journals, (OpenGate(), keyed.gate), strict=True):
        with pytest.raises(ConfigError, match="--keys"):
            Rig(journal=journal, gate=gate)
        journal.close()


def test_worker_whose_key_was_revoked_loses_its_matches(keyed):
    rig, _, _, _ = seated(keyed)
    keyed.change("rack")
    rig.tick(1)
    assert (list(rig.arena.workers), rig.arena.workers_to_cut) == ([], [b"w"])
    assert len(rig.arena.homeless) == 1


def test_limits_of_a_key_and_of_an_address_are_kept(keyed):
    rig, _, _, _ = seated(keyed, limits=attrs.evolve(LIMITS, seats_per_key=2, sessions_per_address=4))
    for peer in (b"b", b"c", b"d"):
        rig.who[peer] = Who(ANN, "192.0.2.1")
    second = rig.agent(b"b")
    second.join()
    second.join()
    rig.agent(b"c")
    refused = rig.agent(b"d")
    assert [a.code for a in second.answers() if isinstance(a, ProtocolError)] == ["OVERLOADED"]
    assert [a.code for a in refused.answers()] == ["OVERLOADED"]
    keyed.file.add(BOB, Grant("bob", Right.ADMIN))
    keyed.gate.reload()
    rig.who |= {b"e": Who(BOB, "192.0.2.1"), b"f": Who(BOB, "192.0.2.1"), b"g": Who(BOB, "192.0.2.2")}
    assert not any(isinstance(a, ProtocolError) for a in rig.agent(b"e").answers())
    assert [a.code for a in rig.agent(b"f").answers()] == ["OVERLOADED"], "a fifth of this address"
    assert not any(isinstance(a, ProtocolError) for a in rig.agent(b"g").answers())


def test_rooms_are_limited_and_a_director_opens_those_that_its_key_may_know(keyed):
    keyed.file.add(BOB, Grant("bob", Right.ADMIN, rooms=("cup-*",)))
    keyed.gate.reload()
    rig = Rig(gate=keyed.gate, who={b"d": Who(BOB)}, limits=attrs.evolve(LIMITS, rooms=2))
    director = rig.agent(b"d", SessionRole.DIRECTOR)
    director.answers()
    for name in ("default", "secret", "cup-1", "cup-2"):
        director.ask(director.session.open_room(room(name)))
    told = director.answers()
    assert [type(each).__name__ for each in told] == ["AuthError", "AuthError", "Room", "ProtocolError"]


def test_agent_of_a_role_or_room_that_its_key_does_not_name_gets_no_seat(keyed):
    keyed.change("ann", (ANN, Grant("ann", Right.AGENT, roles=("Attacker",), rooms=("other",))))
    seats = (("Attacker", 1), ("Defender", 1))
    rig = Rig(room(seats=seats), room("other", seats=seats), gate=keyed.gate, who={b"a": Who(ANN)})
    agent = rig.agent(b"a")
    agent.answers()
    agent.join(AgentRole.Attacker)
    agent.join(AgentRole.Defender, "other")
    unknown, forbidden = agent.answers()
    assert (unknown.code, unknown.text) == ("UNKNOWN_ROOM", "there is no room 'default'; open rooms: other")
    assert isinstance(forbidden, AuthError)
