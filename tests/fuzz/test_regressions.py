"""What fuzzing, or looking for what to fuzz, has found: each stays found."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netsiege.engine.game import Game
from netsiege.engine.host import GameHost
from netsiege.errors import HubUnreachable, JournalError, ProtocolError
from netsiege.game import IP, Action, ActionType, AgentRole, Data, GameState
from netsiege.hub import pending
from netsiege.hub.archive import read_matches
from netsiege.hub.journal import SqliteJournal
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Code,
    Error,
    Fault,
    HeldSeat,
    Hello,
    Join,
    Kind,
    Open,
    OpenRoom,
    Ready,
    SeatCount,
    SeatSpec,
    Spec,
    Welcome,
    pack,
    unpack,
)
from netsiege.protocol.play import Seated, action_body, read_action, read_observation
from netsiege.session import Session
from tests.fuzz import samples, target_journal
from tests.fuzz.hall import Hall
from tests.fuzz.samples import frame
from tests.fuzz.seasoned import REAL_TIME, SeasonedHost
from tests.fuzz.watch import watched

ATTACKER = (SeatSpec("Attacker", 0, "me", True),)
DUEL = OpenRoom("duel", samples.ROLES, (SeatCount("Attacker", 1),), 1, 3, None, None, samples.spec_bytes())
MANY = [7] * 100_000


# --- the protocol -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "wire"),
    [
        (read_action, [0, 1, [1, MANY]]),
        (lambda said: read_observation(said, GameState()), [0, -1, [], [MANY, []]]),
        (lambda said: read_observation(said, GameState()), [0, -1, [], [0, [[1, MANY]]]]),
    ],
)
def test_refusal_of_a_large_value_does_not_repeat_it(read: Callable[[bytes], Any], wire: list[Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(pack(wire))
    assert len(caught.value.text) < 200


# --- sessions ---------------------------------------------------------------------------------------------


def hub_says(kind: int, handle: int, request: int, body: bytes) -> bytes:
    return AGENT_HEAD.pack(VERSION, kind, handle, request) + body


def seated(role: str = "Attacker") -> bytes:
    observation = Seated.decode(samples.bodies(Kind.SEATED)[0]).observation
    return pack([1, role, 0, 5, None, 9, "goal", "hash", "netsecgame", observation])


def test_session_given_a_seat_of_a_role_that_is_none_raises_a_protocol_error() -> None:
    session = Session("me")
    number, _ = session.join("default", AgentRole.Attacker)
    with pytest.raises(ProtocolError, match="role"):
        session.receive(hub_says(Kind.SEATED, 7, number, seated("Atta#ker")))


def test_session_given_seats_that_nobody_asked_for_does_not_keep_them() -> None:
    session = Session("me")
    ping, _ = session.ping()
    for handle in range(100, 200):
        try:
            session.receive(hub_says(Kind.SEATED, handle, ping, seated()))
        except ProtocolError:
            continue
    assert not session.seats


def test_session_of_a_hub_that_uses_a_handle_twice_goes_on() -> None:
    session = Session("me")

    def welcome(*held: int) -> None:
        number, _ = session.hello()
        told = Welcome(b"token", "hub", tuple(HeldSeat(handle, number, number) for handle in held), ())
        session.receive(hub_says(Kind.WELCOME, 0, number, told.encode()))

    def sit() -> int:
        number, _ = session.join("default", AgentRole.Attacker)
        session.receive(hub_says(Kind.SEATED, 101, number, seated()))
        return session.step(session.seats[101], None)[0]

    sit()
    welcome(101)
    session.receive(hub_says(Kind.ERROR, 101, 99, Error(Code.MATCH_OVER, "over").encode()))
    sit()
    welcome(101)
    welcome()
    assert not session.seats


# --- game hosts -------------------------------------------------------------------------------------------


def changed_spec(change: Callable[[Any], None]) -> bytes:
    document = json.loads(samples.spec_bytes())
    change(document)
    return json.dumps(document).encode()


def opened(spec: bytes, snapshot: bytes | None = None) -> list[bytes]:
    """What a host says to a spec and a match of it."""
    host = GameHost()
    host.receive(frame(Kind.SPEC, body=Spec(b"d", spec).encode()))
    return host.receive(frame(Kind.OPEN, 5, 0, Open(1, b"d", 7, None, ATTACKER, snapshot).encode()))


def two_roles_of_half_a_character(document: Any) -> None:
    for role in document["task"]["roles"][1:]:
        role["role"] = "\ud800"


def host_of_half_a_character(document: Any) -> None:
    document["topology"]["hosts"][0].update(name="\ud800", addresses=[])


def datum_of_half_a_character(document: Any) -> None:
    document["topology"]["hosts"][0]["services"][0]["data"][0]["content"] = "\ud800"


def start_of_a_weight_that_fills_the_memory(document: Any) -> None:
    document["topology"]["hosts"][0]["start"] = 30_000_000


def steps_below_zero(document: Any) -> None:
    document["task"]["roles"][0]["max_steps"] = -1


def steps_that_seated_cannot_say(document: Any) -> None:
    document["task"]["roles"][0]["max_steps"] = 1 << 40


def reward_that_msgpack_cannot_say(document: Any) -> None:
    document["task"]["rewards"]["step"] = 10**30


@pytest.mark.parametrize(
    "change",
    [
        two_roles_of_half_a_character,
        host_of_half_a_character,
        datum_of_half_a_character,
        start_of_a_weight_that_fills_the_memory,
        steps_below_zero,
        steps_that_seated_cannot_say,
        reward_that_msgpack_cannot_say,
    ],
)
def test_spec_that_makes_no_sense_is_a_fault_of_its_match(change: Callable[[Any], None]) -> None:
    said: list[bytes] = []
    watched(lambda _data: said.extend(opened(changed_spec(change))), 5.0)(b"")
    [fault] = said
    assert fault[1] == Kind.FAULT
    assert "the match cannot be opened" in Fault.decode(fault[HEAD_BYTES:]).text


def test_snapshot_with_a_negative_mask_is_a_fault_and_no_endless_loop() -> None:
    game = Game(samples.tables(samples.spec_bytes()), 1, 7, ATTACKER, None)
    game.open()
    plain = unpack(game.snapshot())
    knows = plain[-1][2][0][0]
    knows[3:5] = [0], [-1]
    said: list[bytes] = []

    def view(_data: bytes) -> None:
        host = SeasonedHost()
        opening = Open(1, REAL_TIME, 7, None, ATTACKER, pack(plain))
        said.extend(host.receive(frame(Kind.OPEN, 5, 0, opening.encode())))
        said.extend(host.receive(frame(Kind.VIEW, 5, 0)))

    watched(view, 5.0)(b"")
    assert [answer[1] for answer in said] == [Kind.FAULT]


# --- hubs -------------------------------------------------------------------------------------------------


class Peer:
    """An agent whose frames are kept."""

    def __init__(self, hall: Hall, name: str) -> None:
        self.hall, self.peer, self.request = hall, hall.new_peer(), 0
        self.heard: list[bytes] = []
        hall.agents[self.peer] = self.heard.append
        self.ask(Kind.HELLO, 0, Hello(name).encode())

    def ask(self, kind: int, handle: int, body: bytes) -> None:
        self.request += 1
        self.hall.from_agent(self.peer, AGENT_HEAD.pack(VERSION, kind, handle, self.request) + body)

    def join(self, room: str = "duel") -> None:
        self.ask(Kind.JOIN, 0, Join(room, "Attacker").encode())

    @property
    def handles(self) -> list[int]:
        return list(self.hall.arena.sessions[self.peer].seats)


def worker(hall: Hall, engine: bytes = b"engine") -> bytes:
    """A worker that says nothing of its own accord."""
    peer = hall.new_peer()
    hall.workers[peer] = lambda _frame: None
    hall.books.strangers.add(peer)
    ready = Ready("w", 100, engine, ("netsecgame",), peer)
    hall.from_worker(peer, WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + ready.encode())
    return peer


def test_batch_that_is_refused_leaves_no_weight_on_its_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "MAX_HEAVY_BYTES", 9_000)
    hall = Hall([DUEL])
    hall.add_host(GameHost(), Ready("w", 9, b"engine", ("netsecgame",), b"w"))
    agent = Peer(hall, "me")
    for _ in range(2):
        agent.join()
    light, heavy = agent.handles
    match = hall.arena.seats[heavy].match
    match.heavy = 8_000
    agent.ask(Kind.STEP_MANY, 0, pack([light, bytes(8_000), heavy, bytes(8_000)]))
    assert Error.decode(agent.heard[-1][HEAD_BYTES:]).code == Code.OVERLOADED
    assert hall.arena.seats[light].match.heavy == 0
    assert match.heavy == 8_000


@pytest.mark.parametrize(
    ("answer", "flags", "body"),
    [
        (Kind.ERROR, 0, Error(Code.SESSION_TAKEN, "x").encode()),
        (Kind.ERROR, 0, Error(Code.HUB_CLOSING, "x").encode()),
        (Kind.ERROR, 0, Error(Code.HELLO_FIRST, "x").encode()),
        (Kind.WELCOME, 0, Welcome(b"t", "x", (), ()).encode()),
        (Kind.OBS, 2, b""),
        (Kind.END, 2, b"no end"),
        (255, 0, b""),
    ],
)
def test_worker_that_speaks_of_a_whole_session_ends_its_own_match_only(
    answer: int, flags: int, body: bytes
) -> None:
    hall = Hall([DUEL])
    peer = worker(hall)
    session = Session("me")
    agent = Peer(hall, "me")
    agent.join()
    agent.join()
    taken, kept = agent.handles
    lease = hall.arena.seats[taken].match.lease
    head = WORKER_HEAD.pack(VERSION, Kind.OUT, lease, 1) + OUT_HEAD.pack(0, answer, flags, 0)
    hall.from_worker(peer, head + body)
    assert agent.handles == [kept]
    session.receive(agent.heard[0])
    assert Error.decode(agent.heard[-1][HEAD_BYTES:]).code == Code.ENGINE_FAULT


def test_match_without_players_and_without_a_worker_of_its_engine_is_ended() -> None:
    hall = Hall([DUEL])
    peer = worker(hall, b"an engine that nobody else has")
    agent = Peer(hall, "me")
    agent.join()
    hall.lose_worker(peer)
    hall.lose_agent(agent.peer)
    for _ in range(100):
        hall.tick(2.0)
    assert not hall.arena.matches
    assert not hall.arena.tokens


def test_agent_with_steps_without_end_does_not_fill_hub_and_worker() -> None:
    endless = samples.spec_bytes(max_steps=None)
    hall = Hall([OpenRoom("endless", samples.ROLES, (SeatCount("Attacker", 1),), 1, 3, None, None, endless)])
    host = GameHost()
    hall.add_host(host, Ready("w", 9, b"engine", ("netsecgame",), b"w"))
    agent = Peer(hall, "me")
    agent.join("endless")
    [handle] = agent.handles
    hosts = {"source_host": IP("192.168.2.2"), "target_host": IP("192.168.1.2")}
    loot = Data("nobody", "nothing", 0, "none", "x" * 4_000)
    step = action_body(Action(ActionType.ExfiltrateData, {**hosts, "data": loot}))
    match = hall.arena.seats[handle].match
    most = 0
    for _ in range(2_000):
        agent.ask(Kind.STEP, handle, step)
        agent.heard.clear()
        most = max(most, sum(map(len, match.kept)))
    assert most < 4 << 20
    assert match.snapshot is not None
    assert len(match.snapshot) < 4 << 20


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chunks SET seats = x'90'",
        "UPDATE matches SET lost = x'9191a161'",
        "UPDATE chunks SET events = x'91c0'",
    ],
)
def test_journal_that_is_damaged_is_told_of_as_such(damage: str) -> None:
    whole, _, turns = target_journal.real()
    target_journal.hub_starts(whole, list(turns))
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.deserialize(whole)
        database.execute(damage)
        damaged = database.serialize()
    with pytest.raises(JournalError):
        target_journal.hub_starts(damaged, list(turns))


def test_journal_with_a_stray_file_beside_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hub.journal"
    journal = SqliteJournal(path)
    journal.commit(1, [], [], 0)
    journal.close()
    [log] = tmp_path.glob("*-turns-*")
    log.with_name(f"{log.name}~").write_bytes(b"an editor's copy")
    with contextlib.closing(SqliteJournal(path)) as again:
        assert again.load().turns == 1
    assert list(read_matches(path)) == []


def test_error_of_the_hub_that_closes_is_still_believed() -> None:
    """The other side of what workers may not say: the hub itself may."""
    session = Session("me")
    session.hello()
    [settled] = session.receive(hub_says(Kind.ERROR, 0, 0, Error(Code.HUB_CLOSING, "bye").encode()))
    assert isinstance(settled.answer, HubUnreachable)
