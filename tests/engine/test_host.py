import pytest

from netsiege.engine import host as host_module
from netsiege.engine.game import Game
from netsiege.engine.host import GameHost
from netsiege.engine.tables import compile_spec
from netsiege.protocol import (
    EVENT_HEAD,
    HEAD_BYTES,
    OUT_BODY_AT,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Fault,
    Kind,
    Open,
    WorkerPong,
    pack,
    unpack,
)
from netsiege.protocol import Spec as SpecMessage
from netsiege.protocol.play import PASS, action_body
from netsiege.scenarios.model import RoleTask, Spec
from tests.engine.tiny import (
    ATTACKER,
    CLIENT,
    DEFENDER,
    SERVER,
    TOPOLOGY,
    WINNING,
    block,
    find_data,
    make_seats,
    make_task,
    scan,
)

SHORT = RoleTask("Attacker", ATTACKER.start, ATTACKER.goal, "", 2)
SPEC = Spec(TOPOLOGY, make_task()).to_bytes()
SHORT_SPEC = Spec(TOPOLOGY, make_task(roles=(SHORT, DEFENDER))).to_bytes()
IDLE = action_body(find_data(CLIENT, CLIENT))
LEASE, OTHER = (1 << 64) - 1, 17


def frame(kind, lease=0, number=0, body=b""):
    return WORKER_HEAD.pack(VERSION, kind, lease, number) + body


def event(lease, sequence, seat, kind, request, body):
    return frame(Kind.EVENT, lease, sequence, EVENT_HEAD.pack(seat, kind, request) + body)


def opening(*roles, seed=7, digest=b"d", **more):
    return Open(1, digest, seed, None, tuple(make_seats(*roles)), **more).encode()


def make_host(spec=SPEC):
    host = GameHost()
    assert host.receive(frame(Kind.SPEC, body=SpecMessage(b"d", spec).encode())) == []
    return host


def read(frames):
    """All outputs in the frames, as (lease, sequence, seat, kind, flags, request, body)."""
    records = []
    for each in frames:
        version, kind, lease, number = WORKER_HEAD.unpack_from(each)
        assert version == VERSION
        if kind == Kind.OUT:
            records.append((lease, number, *OUT_HEAD.unpack_from(each, HEAD_BYTES), each[OUT_BODY_AT:]))
        else:
            assert (kind, lease) == (Kind.OUT_MANY, 0)
            flat = unpack(each[HEAD_BYTES:])
            assert number == len(flat) // 7 > 1
            records += [tuple(flat[i : i + 7]) for i in range(0, len(flat), 7)]
    return records


def faults(frames):
    found = []
    for each in frames:
        _, kind, lease, number = WORKER_HEAD.unpack_from(each)
        if kind == Kind.FAULT:
            found.append((lease, number, Fault.decode(each[HEAD_BYTES:]).text))
    return found


def test_opened_match_seats_everyone_in_output_zero():
    records = read(make_host().receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", "Defender"))))
    assert [(r[0], r[1], r[2], r[3]) for r in records] == [(LEASE, 0, i, Kind.SEATED) for i in (0, 1)]


def test_single_output_travels_as_out():
    host = make_host()
    (out,) = host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    assert out[1] == Kind.OUT
    (out,) = host.receive(event(LEASE, 1, 0, Kind.STEP, 5, IDLE))
    ((lease, sequence, seat, kind, _, request, _),) = read([out])
    assert (lease, sequence, seat, kind, request) == (LEASE, 1, 0, Kind.OBS, 5)


def test_outputs_are_those_of_the_game_itself():
    game = Game(compile_spec(SPEC), 1, 7, make_seats("Attacker", "Defender"), None)
    host = make_host()
    said = read(host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", "Defender"))))
    expected = [(LEASE, 0, *output) for output in game.open()]
    for sequence, action in enumerate(WINNING, 1):
        body = action_body(action)
        said += read(host.receive(event(LEASE, sequence, 0, Kind.STEP, sequence, body)))
        expected += [(LEASE, sequence, *output) for output in game.handle(0, Kind.STEP, sequence, body)]
    said += read(host.receive(event(LEASE, 6, 1, Kind.STEP, 6, PASS)))
    expected += [(LEASE, 6, *output) for output in game.handle(1, Kind.STEP, 6, PASS)]
    assert said == expected
    assert len(said) == 2 + 5 + 3


def test_outputs_of_one_event_many_leave_in_one_frame():
    host = make_host()
    for lease in (LEASE, OTHER):
        host.receive(frame(Kind.OPEN, lease, 0, opening("Attacker")))
    flat = []
    for sequence in (1, 2):
        for lease in (LEASE, OTHER):
            flat += [lease, sequence, 0, Kind.STEP, sequence, IDLE]
    frames = host.receive(frame(Kind.EVENT_MANY, 0, 4, pack(flat)))
    assert len(frames) == 1
    assert [(r[0], r[1]) for r in read(frames)] == [(LEASE, 1), (OTHER, 1), (LEASE, 2), (OTHER, 2)]


def test_event_many_with_one_output_answers_with_out():
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    (out,) = host.receive(frame(Kind.EVENT_MANY, 0, 1, pack([LEASE, 1, 0, Kind.STEP, 3, IDLE])))
    assert out[1] == Kind.OUT


def test_large_batches_leave_in_several_frames(monkeypatch):
    monkeypatch.setattr(host_module, "MAX_OUT_BYTES", 2_000)
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    flat = []
    for sequence in range(1, 801):
        flat += [LEASE, sequence, 0, Kind.STEP, sequence, b"\x90"]
    *frames, saved = host.receive(frame(Kind.EVENT_MANY, 0, 800, pack(flat)))
    assert saved[1] == Kind.SNAPSHOT
    assert len(frames) > 10
    assert max(map(len, frames)) < 8_000
    assert [r[1] for r in read(frames)] == list(range(1, 801))


def test_events_of_unknown_leases_are_ignored_but_counted():
    host = make_host()
    assert host.receive(event(LEASE, 1, 0, Kind.STEP, 1, IDLE)) == []
    assert host.receive(frame(Kind.EVENT_MANY, 0, 1, pack([OTHER, 1, 0, Kind.STEP, 1, IDLE]))) == []
    assert host.receive(frame(Kind.CLOSE, LEASE)) == []
    assert host.events_done == 2


def test_closed_match_hears_nothing_more():
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    host.receive(frame(Kind.CLOSE, LEASE))
    assert host.receive(event(LEASE, 1, 0, Kind.STEP, 1, IDLE)) == []
    assert host.leases == []


def test_repeated_event_is_ignored():
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    assert host.receive(event(LEASE, 1, 0, Kind.STEP, 1, IDLE))
    assert host.receive(event(LEASE, 1, 0, Kind.STEP, 1, IDLE)) == []
    assert host.receive(event(LEASE, 2, 0, Kind.STEP, 2, IDLE))


def test_gap_in_the_events_breaks_the_match():
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    ((lease, sequence, text),) = faults(host.receive(event(LEASE, 3, 0, Kind.STEP, 1, IDLE)))
    assert (lease, sequence) == (LEASE, 3)
    assert "event 3 came after event 0" in text
    assert host.leases == []


def test_ping_is_answered_with_the_events_done():
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    for sequence in (1, 2, 3):
        host.receive(event(LEASE, sequence, 0, Kind.STEP, sequence, IDLE))
    (pong,) = host.receive(frame(Kind.W_PING, 0, 9))
    assert WORKER_HEAD.unpack_from(pong) == (VERSION, Kind.W_PONG, 0, 9)
    assert WorkerPong.decode(pong[HEAD_BYTES:]).events_done == 4


# --- matches that break -----------------------------------------------------------------------------------


def test_match_that_breaks_is_dropped_and_the_others_play_on(monkeypatch, caplog):
    host = make_host()
    for lease in (LEASE, OTHER):
        host.receive(frame(Kind.OPEN, lease, 0, opening("Attacker")))
    broken = host._matches[LEASE]
    monkeypatch.setattr(broken, "handle", lambda *_: 1 // 0)
    flat = [LEASE, 1, 0, Kind.STEP, 1, IDLE, OTHER, 1, 0, Kind.STEP, 1, IDLE, LEASE, 2, 0, Kind.STEP, 1, IDLE]
    out, fault = host.receive(frame(Kind.EVENT_MANY, 0, 3, pack(flat)))
    assert [r[0] for r in read([out])] == [OTHER]
    assert faults([fault])[0][:2] == (LEASE, 1)
    assert "ZeroDivisionError" in faults([fault])[0][2]
    assert "ZeroDivisionError" in caplog.text
    assert host.leases == [OTHER]
    assert host.events_done == 5


def test_event_that_no_match_knows_is_a_fault_of_that_match_only():
    host = make_host()
    for lease in (LEASE, OTHER):
        host.receive(frame(Kind.OPEN, lease, 0, opening("Attacker")))
    assert faults(host.receive(event(LEASE, 1, 9, Kind.STEP, 1, IDLE)))[0][0] == LEASE
    assert read(host.receive(event(OTHER, 1, 0, Kind.STEP, 1, IDLE)))


@pytest.mark.parametrize(
    ("spec", "digest", "said"),
    [
        (SPEC, b"other", "never sent"),
        (b"{}", b"d", "not a spec"),
        (SPEC.replace(b"netsecgame", b"chess"), b"d", "chess"),
    ],
)
def test_match_that_cannot_be_opened_is_a_fault(spec, digest, said):
    host = make_host(spec)
    ((lease, _, text),) = faults(host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", digest=digest))))
    assert lease == LEASE
    assert said in text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        *((kind, body) for kind in (Kind.OPEN, Kind.SPEC) for body in (b"", b"\x90", b"\xc1", pack([1, 2]))),
        (Kind.EVENT_MANY, b""),
        (Kind.EVENT_MANY, pack(6)),
        (Kind.EVENT_MANY, pack([1, 2, 3, 4, 5, 6])),
        (Kind.EVENT_MANY, pack([1, 2, 3, 4, b"", 6])),
        (Kind.EVENT_MANY, pack([1, 2, 3, 4, 5])),
    ],
)
def test_malformed_body_is_a_fault(kind, body):
    assert len(faults(make_host().receive(frame(kind, LEASE, 0, body)))) == 1


def test_event_cut_short_is_a_fault_of_its_match():
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    assert faults(host.receive(frame(Kind.EVENT, LEASE, 1, b"\0\0")))[0][0] == LEASE


@pytest.mark.parametrize(
    "junk", [b"", b"\x01", b"x" * 13, WORKER_HEAD.pack(9, Kind.EVENT, 1, 1), WORKER_HEAD.pack(1, 99, 1, 1)]
)
def test_frame_that_makes_no_sense_is_ignored(junk):
    assert make_host().receive(junk) == []


# --- matches that move ------------------------------------------------------------------------------------


def journal(actions):
    """The events of an attacker's moves, as OPEN carries them, and as EVENT frames."""
    records = [(0, Kind.STEP, i, action_body(action)) for i, action in enumerate(actions, 1)]
    return [EVENT_HEAD.pack(*record[:3]) + record[3] for record in records]


def test_match_opened_from_its_journal_says_everything_again_under_the_same_numbers():
    events = journal([scan(CLIENT, "192.168.1.0/24"), block(CLIENT, CLIENT, SERVER), *WINNING])
    first, second = make_host(), make_host()
    said = read(first.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker"))))
    for sequence, each in enumerate(events, 1):
        said += read(first.receive(frame(Kind.EVENT, LEASE, sequence, each)))
    again = read(second.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", events=tuple(events)))))
    assert again == said
    assert {r[1] for r in again} == set(range(len(events) + 1))
    assert second.events_done == 1 + len(events)
    assert read(second.receive(event(LEASE, len(events) + 1, 0, Kind.STEP, 99, IDLE)))


def test_match_opened_from_a_snapshot_counts_its_events_on(monkeypatch):
    monkeypatch.setattr(host_module, "SNAPSHOT_EVENTS", 1)
    first, second = make_host(SHORT_SPEC), make_host(SHORT_SPEC)
    first.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", "Defender")))
    _, snapshot = first.receive(event(LEASE, 1, 0, Kind.STEP, 11, IDLE))
    version, kind, lease, sequence = WORKER_HEAD.unpack_from(snapshot)
    assert (version, kind, lease, sequence) == (VERSION, Kind.SNAPSHOT, LEASE, 1)
    body = opening(
        "Attacker",
        "Defender",
        snapshot=snapshot[HEAD_BYTES:],
        events=(EVENT_HEAD.pack(0, Kind.STEP, 12) + IDLE,),
    )
    monkeypatch.setattr(host_module, "SNAPSHOT_EVENTS", 100)
    records = read(second.receive(frame(Kind.OPEN, OTHER, 0, body)))
    assert [(r[0], r[1], r[3]) for r in records] == [(OTHER, 2, Kind.WAIT)], "no second SEATED"
    assert len(read(second.receive(event(OTHER, 3, 1, Kind.STEP, 13, PASS)))) == 3


def test_specs_are_compiled_once(monkeypatch):
    compiled = []
    monkeypatch.setattr(host_module, "compile_spec", lambda text: compiled.append(text) or compile_spec(text))
    host = make_host()
    for _ in range(3):
        host.receive(frame(Kind.SPEC, body=SpecMessage(b"d", SPEC).encode()))
    assert compiled == [SPEC]


@pytest.mark.parametrize("many", [False, True])
def test_match_of_large_events_is_saved_before_they_fill_a_frame(many):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    nonsense, sent, saved = pack("x" * (1 << 20)), 0, False
    while not saved:
        sent += 1
        assert sent < 8
        told = event(LEASE, sent, 0, Kind.STEP, sent, nonsense)
        if many:
            told = frame(Kind.EVENT_MANY, 0, 1, pack([LEASE, sent, 0, int(Kind.STEP), sent, nonsense]))
        saved = Kind.SNAPSHOT in [answer[1] for answer in host.receive(told)]
    assert sent == 1
