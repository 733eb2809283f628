"""A match that moves to another host goes on as if nothing had happened."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.engine import host as host_module
from netsiege.engine.game import Game
from netsiege.engine.host import GameHost
from netsiege.engine.tables import compile_spec
from netsiege.protocol import EVENT_HEAD, HEAD_BYTES, MAX_REQUEST, WORKER_HEAD, Cause, End, Kind, Open, pack
from netsiege.protocol import Spec as SpecMessage
from netsiege.protocol.play import PASS, Seated
from netsiege.scenarios.model import RoleTask, Spec
from tests.engine.test_host import IDLE, LEASE, OTHER, event, faults, frame, make_host, opening, read
from tests.engine.test_snapshots import KINDS, SEATS
from tests.engine.tiny import ATTACKER, BENIGN, DEFENDER, TOPOLOGY, make_task

SHORT = RoleTask("Attacker", ATTACKER.start, ATTACKER.goal, "", 4)
TASKS = {
    pacing: make_task(pacing=pacing, roles=(SHORT, DEFENDER, BENIGN), use_firewall=False)
    for pacing in ("realtime", "rounds")
}
SPECS = {pacing: Spec(TOPOLOGY, task).to_bytes() for pacing, task in TASKS.items()}
TABLES = {pacing: compile_spec(text) for pacing, text in SPECS.items()}
LEASES = (3, 4)
SAVED_AFTER = 5
"""Events between snapshots, here."""


def heads(frames):
    """Kind, lease and number of each."""
    return [WORKER_HEAD.unpack_from(each)[1:] for each in frames]


def saved(frames):
    """The snapshots in the frames, as (lease, sequence, snapshot)."""
    return [
        (lease, sequence, each[HEAD_BYTES:])
        for each, (kind, lease, sequence) in zip(frames, heads(frames), strict=True)
        if kind == Kind.SNAPSHOT
    ]


def outputs(frames):
    return read([each for each in frames if each[1] in (Kind.OUT, Kind.OUT_MANY)])


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(host_module, "SNAPSHOT_EVENTS", SAVED_AFTER)
    monkeypatch.setattr(host_module, "SNAPSHOT_BYTES_PER_EVENT", 1 << 20)


# --- what another host says -------------------------------------------------------------------------------


class Journal:
    """The events of two matches, and what must be said about them: what games without a host say."""

    def __init__(self, pacing, events):
        self.games = {lease: Game(TABLES[pacing], lease, 70 + lease, tuple(SEATS), None) for lease in LEASES}
        self.said = {
            lease: [(lease, 0, *output) for output in game.open()] for lease, game in self.games.items()
        }
        self.events = {lease: [] for lease in LEASES}
        self.order = []
        for request, (lease, seat, (kind, body)) in enumerate(events, 1):
            asked = 0 if kind == Kind.TIMEOUT else request
            told = self.games[lease].handle(seat, kind, asked, body)
            sequence = self.games[lease].events
            self.said[lease] += [(lease, sequence, *output) for output in told]
            self.events[lease].append(EVENT_HEAD.pack(seat, kind, asked) + body)
            self.order.append((lease, sequence, seat, int(kind), asked, body))

    def open_frame(self, lease, snapshot=None, events=()):
        game = self.games[lease]
        told = Open(game.match, b"d", game.seed, None, tuple(SEATS), snapshot, tuple(events))
        return frame(Kind.OPEN, lease, 0, told.encode())

    def frames(self, sizes):
        """All events, in frames of so many; single ones of size 0."""
        left, turn = list(self.order), 0
        while left:
            size = sizes[turn % len(sizes)]
            turn += 1
            if size:
                flat = [field for each in left[:size] for field in each]
                yield frame(Kind.EVENT_MANY, 0, len(flat) // 6, pack(flat))
            else:
                yield event(*left[0][:2], *left[0][2:])
            left = left[max(size, 1) :]


@settings(deadline=None)  # each plays two matches three times over
@given(
    st.sampled_from(sorted(SPECS)),
    st.lists(st.tuples(st.sampled_from(LEASES), st.integers(0, 3), KINDS), max_size=70),
    st.lists(st.integers(0, 30), min_size=1, max_size=5),
    st.floats(0, 1),
    st.integers(0, 20),
)
def test_host_that_takes_over_says_exactly_what_came_after_the_last_snapshot(
    pacing, events, sizes, dies_at, later
):
    """`dies_at`: what share of its words reached the hub; `later`: events that come after the opening."""
    journal = Journal(pacing, events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_module, "SNAPSHOT_EVENTS", SAVED_AFTER)
        patch.setattr(host_module, "SNAPSHOT_BYTES_PER_EVENT", 100)
        first, second = make_host(SPECS[pacing]), make_host(SPECS[pacing])
        sent = [each for lease in LEASES for each in first.receive(journal.open_frame(lease))]
        for each in journal.frames(sizes):
            sent += first.receive(each)
        arrived = sent[: round(dies_at * len(sent))]
        for lease in LEASES:
            _, since, snapshot = max(
                (each for each in saved(arrived) if each[0] == lease), default=(lease, -1, None)
            )
            heard = [each for each in outputs(arrived) if each[0] == lease]
            assert heard == journal.said[lease][: len(heard)]
            assert [each for each in heard if each[1] <= since] == [
                each for each in journal.said[lease] if each[1] <= since
            ], "a snapshot comes after the outputs that are in it"
            rest = journal.events[lease][max(since, 0) :]
            split = max(len(rest) - later, 0)
            again = second.receive(journal.open_frame(lease, snapshot, rest[:split]))
            for sequence, each in enumerate(rest[split:], max(since, 0) + split + 1):
                again += second.receive(frame(Kind.EVENT, lease, sequence, each))
            assert outputs(again) == [each for each in journal.said[lease] if each[1] > since]
            _check_views(second, lease, journal.games[lease])


def _check_views(host, lease, game):
    for i, seat in enumerate(game.seats):
        told = host.receive(frame(Kind.VIEW, lease, i))
        if seat.gone:
            assert told == []
        else:
            assert told == [frame(Kind.VIEWED, lease, i, game.view(i))]


# --- when a match is saved --------------------------------------------------------------------------------


def feed(host, lease, first, count):
    """So many idle steps of seat 0, singly."""
    return [
        each
        for sequence in range(first, first + count)
        for each in host.receive(event(lease, sequence, 0, Kind.STEP, sequence, IDLE))
    ]


def test_match_is_saved_after_so_many_events_and_its_outputs(often):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    told = heads(feed(host, LEASE, 1, 12))
    assert [(kind, number) for kind, _, number in told] == [
        *((Kind.OUT, n) for n in range(1, 6)),
        (Kind.SNAPSHOT, 5),
        *((Kind.OUT, n) for n in range(6, 11)),
        (Kind.SNAPSHOT, 10),
        *((Kind.OUT, n) for n in (11, 12)),
    ]


def test_matches_of_a_batch_are_saved_once_after_all_its_outputs(often):
    host = make_host()
    for lease in (LEASE, OTHER):
        host.receive(frame(Kind.OPEN, lease, 0, opening("Attacker")))
    flat = [f for n in range(1, 13) for lease in (LEASE, OTHER) for f in (lease, n, 0, Kind.STEP, n, IDLE)]
    told = host.receive(frame(Kind.EVENT_MANY, 0, 24, pack(flat)))
    assert heads(told) == [(Kind.OUT_MANY, 0, 24), (Kind.SNAPSHOT, LEASE, 12), (Kind.SNAPSHOT, OTHER, 12)]
    assert saved(feed(host, LEASE, 13, 4)) == []
    assert len(saved(feed(host, LEASE, 17, 1))) == 1


def test_large_match_is_saved_less_often(monkeypatch):
    monkeypatch.setattr(host_module, "SNAPSHOT_EVENTS", 2)
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    snapshots = saved(feed(host, LEASE, 1, 400))
    assert snapshots[0][1] == 2
    for (_, before, snapshot), (_, after, _) in itertools.pairwise(snapshots):
        assert after - before == max(2, len(snapshot) // host_module.SNAPSHOT_BYTES_PER_EVENT)
    assert sum(len(snapshot) for _, _, snapshot in snapshots) < 400 * 2 * host_module.SNAPSHOT_BYTES_PER_EVENT


def test_opened_match_goes_on_counting_from_its_snapshot(often):
    first, second = make_host(), make_host()
    first.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    ((_, _, snapshot),) = saved(feed(first, LEASE, 1, 5))
    idle = EVENT_HEAD.pack(0, Kind.STEP, 9) + IDLE
    body = opening("Attacker", snapshot=snapshot, events=(idle,) * 3)
    assert saved(second.receive(frame(Kind.OPEN, LEASE, 0, body))) == []
    assert saved(feed(second, LEASE, 9, 1)) == []
    assert [each[1] for each in saved(feed(second, LEASE, 10, 1))] == [10]


def test_opened_match_is_saved_as_often_as_its_snapshot_allows(often, monkeypatch):
    first, second = make_host(), make_host()
    first.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    ((_, _, snapshot),) = saved(feed(first, LEASE, 1, 5))
    monkeypatch.setattr(host_module, "SNAPSHOT_BYTES_PER_EVENT", len(snapshot) // 20)
    second.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", snapshot=snapshot)))
    due = 5 + len(snapshot) // (len(snapshot) // 20)
    assert [each[1] for each in saved(feed(second, LEASE, 6, 20))] == [due]


def test_match_opened_with_many_events_is_saved_after_their_outputs(often):
    host = make_host()
    body = opening("Attacker", events=(EVENT_HEAD.pack(0, Kind.STEP, 9) + IDLE,) * 7)
    assert heads(host.receive(frame(Kind.OPEN, LEASE, 0, body))) == [
        (Kind.OUT_MANY, 0, 8),
        (Kind.SNAPSHOT, LEASE, 7),
    ]


def test_match_that_is_over_is_not_saved_any_more(often):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    feed(host, LEASE, 1, 4)
    (told,) = host.receive(event(LEASE, 5, 0, Kind.LEAVE, 5, b""))
    assert told[1] == Kind.OUT_MANY
    assert saved(feed(host, LEASE, 6, 10)) == []


def test_match_that_breaks_in_a_batch_is_not_saved(often, monkeypatch):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    flat = [f for n in range(1, 7) for f in (LEASE, n, 0, Kind.STEP, n, IDLE)]
    flat += [LEASE, 7, 9, Kind.STEP, 7, IDLE]
    told = host.receive(frame(Kind.EVENT_MANY, 0, 7, pack(flat)))
    assert heads(told) == [(Kind.OUT_MANY, 0, 6), (Kind.FAULT, LEASE, 7)]


def test_match_that_cannot_be_saved_is_dropped_after_its_outputs(often, monkeypatch):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    monkeypatch.setattr(host._matches[LEASE].game, "snapshot", lambda: 1 // 0)
    assert heads(feed(host, LEASE, 1, 5))[-2:] == [(Kind.OUT, LEASE, 5), (Kind.FAULT, LEASE, 5)]
    assert host.leases == []


def test_snapshot_that_might_fit_no_frame_is_not_sent(often, monkeypatch, caplog):
    monkeypatch.setattr(host_module, "MAX_SNAPSHOT_BYTES", 10)
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    assert saved(feed(host, LEASE, 1, 9)) == []
    assert caplog.text.count("snapshot_too_large") == 1


# --- openings and views -----------------------------------------------------------------------------------


def test_event_that_breaks_an_opening_is_named_after_the_outputs_before_it():
    host = make_host()
    good, bad = EVENT_HEAD.pack(0, Kind.STEP, 9) + IDLE, EVENT_HEAD.pack(9, Kind.STEP, 9) + IDLE
    told = host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", events=(good, good, bad, good))))
    assert [each[1] for each in read(told[:-1])] == [0, 1, 2]
    assert faults(told)[0][:2] == (LEASE, 3)
    assert host.leases == []
    assert host.events_done == 5


def test_event_that_breaks_an_opening_is_counted_from_the_snapshot(often):
    first, second = make_host(), make_host()
    first.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    ((_, _, snapshot),) = saved(feed(first, LEASE, 1, 5))
    body = opening("Attacker", snapshot=snapshot, events=(b"\0",))
    assert faults(second.receive(frame(Kind.OPEN, LEASE, 0, body)))[0][:2] == (LEASE, 6)


def test_opening_that_fails_is_counted_with_its_events():
    host = make_host()
    idle = EVENT_HEAD.pack(0, Kind.STEP, 9) + IDLE
    told = host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", digest=b"other", events=(idle,) * 4)))
    assert faults(told)[0][:2] == (LEASE, 0)
    assert host.events_done == 5


def test_view_changes_nothing_and_is_no_event():
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker", "Defender")))
    for _ in range(2):
        (told,) = host.receive(frame(Kind.VIEW, LEASE, 1))
        assert heads([told]) == [(Kind.VIEWED, LEASE, 1)]
        assert Seated.decode(told[HEAD_BYTES:]).role == "Defender"
    assert host.events_done == 1
    assert read(host.receive(event(LEASE, 1, 1, Kind.STEP, 1, PASS)))


@pytest.mark.parametrize(("lease", "seat"), [(OTHER, 0), (LEASE, 1), (LEASE, MAX_REQUEST)])
def test_view_of_what_is_not_there_is_not_answered_and_breaks_nothing(lease, seat):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    assert host.receive(frame(Kind.VIEW, lease, seat)) == []
    assert read(host.receive(event(LEASE, 1, 0, Kind.STEP, 1, IDLE)))


def test_view_that_breaks_names_the_last_event(monkeypatch):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    feed(host, LEASE, 1, 3)
    monkeypatch.setattr(host._matches[LEASE].game, "view", lambda _: 1 // 0)
    assert faults(host.receive(frame(Kind.VIEW, LEASE, 0)))[0][:2] == (LEASE, 3)


@pytest.mark.parametrize(
    ("body", "cause"), [(b"", Cause.LEFT), (b"\x01", Cause.DISCONNECT), (b"\x02", Cause.PROTOCOL)]
)
def test_seat_that_is_taken_out_hears_why(body, cause):
    host = make_host()
    host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker")))
    *_, over = read(host.receive(event(LEASE, 1, 0, Kind.LEAVE, 0, body)))
    assert End.decode(over[-1]).cause == cause


def test_spec_needs_to_be_sent_to_every_host():
    assert faults(GameHost().receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker"))))
    host = GameHost()
    host.receive(frame(Kind.SPEC, body=SpecMessage(b"d", SPECS["rounds"]).encode()))
    assert outputs(host.receive(frame(Kind.OPEN, LEASE, 0, opening("Attacker"))))
