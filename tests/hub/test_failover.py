"""Matches that move from worker to worker."""

import pytest

from netsiege.errors import WorkerLost
from netsiege.game import IP, Action, ActionType, Observation
from netsiege.hub import leasing
from netsiege.protocol import (
    AGENT_HEAD,
    EVENT_HEAD,
    HEAD_BYTES,
    MAX_WORKER_FRAME_BYTES,
    VERSION,
    WORKER_HEAD,
    Code,
    Error,
    Fault,
    Flag,
    Kind,
    Open,
    Ready,
    WorkerPong,
)
from netsiege.protocol.play import action_body
from tests.hub.rig import STEP_REPLY, Rig, room

LOOK = Action(ActionType.FindServices, {"source_host": IP("10.0.0.1"), "target_host": IP("10.0.0.2")})


@pytest.fixture
def rig():
    return Rig()


def seated(rig, worker, agent, count=1):
    """The leases of `count` matches of one seat each, all of the agent's."""
    for _ in range(count):
        agent.join()
    leases = worker.seat_all()
    agent.answers()
    return leases


def step(agent, seat=None):
    return agent.ask(agent.session.step(seat or agent.seat, LOOK))


def reply(worker, lease, request, sequence, body=STEP_REPLY):
    worker.out(lease, 0, Kind.OBS, request, body, Flag.MOVE, sequence)


def test_match_of_a_dead_worker_goes_on_at_another(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    first = step(agent)
    reply(worker, lease, first, 1)
    assert len(agent.answers()) == 1
    second = step(agent)
    rig.lose_worker(b"w")
    other = rig.worker(b"v")
    [(moved, opening)] = other.opened()
    assert moved != lease
    assert [event[7:] for event in opening.events] == [action_body(LOOK)] * 2
    other.seat(moved, opening)
    reply(other, moved, first, 1)
    assert agent.answers() == []
    reply(other, moved, second, 2)
    [answer] = agent.answers()
    assert isinstance(answer, Observation)
    third = step(agent)
    assert other.events() == [(moved, 3, 0, Kind.STEP, third, action_body(LOOK))]


def test_requests_are_taken_while_no_worker_is_there(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    rig.lose_worker(b"w")
    asked = step(agent)
    other = rig.worker(b"v")
    [(lease, opening)] = other.opened()
    assert len(opening.events) == 1
    other.seat(lease, opening)
    reply(other, lease, asked, 1)
    assert len(agent.answers()) == 1


def test_snapshot_stands_for_the_events_before_it(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    for sequence in (1, 2, 3):
        reply(worker, lease, step(agent), sequence)
    worker.say(WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, 2) + b"state after 2")
    rig.lose_worker(b"w")
    [(_, opening)] = rig.worker(b"v").opened()
    assert opening.snapshot == b"state after 2"
    assert len(opening.events) == 1


@pytest.mark.parametrize("sequence", [0, 9])
def test_snapshot_of_a_place_where_the_match_is_not_changes_nothing(rig, sequence):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    reply(worker, lease, step(agent), 1)
    worker.say(WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, sequence) + b"nonsense")
    rig.lose_worker(b"w")
    [(_, opening)] = rig.worker(b"v").opened()
    assert opening.snapshot is None
    assert len(opening.events) == 1


def test_late_words_of_a_lost_lease_are_dropped(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    asked = step(agent)
    other = rig.worker(b"v")
    heard = len(agent.frames)
    reply(other, lease, asked, 1)
    rig.lose_worker(b"w")
    [(moved, _)] = other.opened()
    reply(worker, lease, asked, 1)
    reply(worker, moved, asked, 1)
    assert len(agent.frames) == heard
    assert [kind for kind, *_ in worker.take()][-1] == Kind.UNKNOWN


def test_match_that_comes_out_otherwise_at_another_worker_ends(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    asked = step(agent)
    reply(worker, lease, asked, 1)
    agent.answers()
    rig.lose_worker(b"w")
    other = rig.worker(b"v")
    [(moved, opening)] = other.opened()
    other.seat(moved, opening)
    reply(other, moved, asked, 1, STEP_REPLY + b"\x00")
    [answer] = agent.answers()
    assert isinstance(answer, WorkerLost)
    assert "otherwise" in str(answer)
    assert rig.arena.matches == {}


def test_leases_move_only_to_the_same_engine(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    rig.lose_worker(b"w")
    stranger = rig.worker(b"x", engine=b"another")
    assert stranger.opened() == []
    assert len(rig.worker(b"v").opened()) == 1


def test_who_waits_for_an_answer_hears_that_a_worker_is_missing(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    asked = step(agent)
    rig.lose_worker(b"w")
    assert agent.session.held(asked) == "worker"


def test_worker_that_takes_its_leave_hands_over_without_blame(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    step(agent)
    other = rig.worker(b"v")
    worker.say(WORKER_HEAD.pack(VERSION, Kind.GONE, 0, 0))
    assert len(other.opened()) == 1
    assert [match.deaths for match in rig.arena.matches.values()] == [0]
    assert agent.answers() == []


def test_worker_that_joins_gets_its_share(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent, 9)
    others = [rig.worker(b"v"), rig.worker(b"x")]
    assert [len(w.leases) for w in rig.arena.workers.values()] == [3, 3, 3]
    assert sum(kind == Kind.CLOSE for kind, *_ in worker.take()) == 6
    assert len(others[1].opened()) == 3


def test_worker_of_another_engine_that_joins_gets_nothing(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent, 4)
    assert rig.worker(b"x", engine=b"another").opened() == []
    assert len(rig.arena.workers[b"w"].leases) == 4


def do(worker, frames, poisoned=None):
    """Does what a worker is asked for, until it comes to the match that kills it; whether it did."""
    for kind, lease, number, body in frames:
        if kind == Kind.OPEN:
            opening = Open.decode(body)
            if opening.match == poisoned:
                return True
            worker.seat(lease, opening)
            for sequence, event in enumerate(opening.events, 1):
                reply(worker, lease, EVENT_HEAD.unpack_from(event)[2], sequence)
        elif kind == Kind.W_PING and number:
            pong(worker, number)
    return False


def serve_until(worker, poisoned):
    """Does all that a worker is asked for; whether it came to the match that kills it."""
    while frames := worker.take():
        if do(worker, frames, poisoned):
            return True
    return False


def test_match_that_ends_three_workers_is_quarantined_and_the_others_live_on(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent, 5)
    seats = sorted(agent.session.seats.values(), key=lambda seat: seat.match)
    for seat in seats:
        step(agent, seat)
    poisoned = seats[2].match
    rig.lose_worker(b"w")
    for name in (b"v", b"x"):
        assert serve_until(rig.worker(name), poisoned)
        rig.lose_worker(name)
    assert not serve_until(rig.worker(b"y"), poisoned)
    assert sorted(rig.arena.matches) == [seat.match for seat in seats if seat.match != poisoned]
    answers = agent.answers()
    assert sum(isinstance(answer, Observation) for answer in answers) == 4
    [lost] = [answer for answer in answers if isinstance(answer, WorkerLost)]
    assert "3 workers" in str(lost)


def test_match_that_got_on_between_deaths_is_never_blamed(rig):
    worker, agent = rig.worker(b"w0"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    requests = []
    for death in range(1, 8):
        requests.append(step(agent))
        rig.lose_worker(b"w%d" % (death - 1))
        worker = rig.worker(b"w%d" % death)
        [(lease, opening)] = worker.opened()
        worker.seat(lease, opening)
        for sequence, request in enumerate(requests, 1):
            reply(worker, lease, request, sequence)
    assert [match.deaths for match in rig.arena.matches.values()] == [1]
    assert len(agent.answers()) == 7


def test_worker_that_was_out_of_reach_casts_no_blame_but_only_once(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    step(agent)
    for after in (0, 1):
        rig.lose_worker(b"w")
        rig.worker(b"w")
        assert [match.deaths for match in rig.arena.matches.values()] == [after]


def test_worker_that_was_stuck_and_comes_back_clears_nothing(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    step(agent)
    rig.pass_time(leasing.PROGRESS_LIMIT_S + 3)
    rig.worker(b"w")
    assert [match.deaths for match in rig.arena.matches.values()] == [1]


def pong(worker, number):
    worker.say(WORKER_HEAD.pack(VERSION, Kind.W_PONG, 0, number) + WorkerPong(0).encode())


def test_suspect_is_not_blamed_for_the_end_of_a_worker_that_had_not_come_to_it(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    step(agent)
    for name in (b"w", b"v", b"x", b"y", b"z"):
        if name != b"w":
            rig.worker(name)
        rig.lose_worker(name)
    assert [match.deaths for match in rig.arena.matches.values()] == [2]
    last = rig.worker(b"last")
    [number] = [number for kind, _, number, _ in last.take() if kind == Kind.W_PING]
    pong(last, number)
    assert len(last.opened()) == 1
    rig.lose_worker(b"last")
    assert rig.arena.matches == {}


def test_worker_is_given_one_suspect_at_a_time(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent, 3)
    for seat in list(agent.session.seats.values()):
        step(agent, seat)
    rig.lose_worker(b"w")
    rig.worker(b"v")
    rig.lose_worker(b"v")
    last, opened = rig.worker(b"x"), []
    while frames := last.take():
        assert sum(kind == Kind.OPEN for kind, *_ in frames) <= 1
        opened += [Open.decode(body) for kind, _, _, body in frames if kind == Kind.OPEN]
        do(last, frames)
    assert len(opened) == 3
    assert rig.arena.workers[b"x"].trial is None
    assert leasing.DEATHS_ALONE == 2


def test_worker_that_says_ready_again_has_lost_its_matches(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    asked = step(agent)
    worker.say(
        WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + Ready("w", 9, b"engine", ("netsecgame",)).encode()
    )
    [(moved, opening)] = worker.opened()
    assert moved != lease
    reply(worker, lease, asked, 1)
    assert agent.answers() == []
    assert len(opening.events) == 1


def test_batch_goes_on_at_another_worker(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent, 2)
    asked = agent.ask(agent.session.step_many([(s, LOOK) for s in agent.session.seats.values()]))
    rig.lose_worker(b"w")
    other = rig.worker(b"v")
    for lease, opening in other.opened():
        other.seat(lease, opening)
        reply(other, lease, asked, 1)
    assert [type(answer) for answer in agent.answers()] == [Observation] * 2
    assert not agent.session.is_open(asked)


def test_engine_that_faults_while_it_plays_a_match_again_ends_it(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    step(agent)
    rig.lose_worker(b"w")
    other = rig.worker(b"v")
    [(lease, _)] = other.opened()
    other.say(WORKER_HEAD.pack(VERSION, Kind.FAULT, lease, 1) + Fault("boom").encode())
    assert isinstance(agent.answers()[0], WorkerLost)
    assert rig.arena.matches == {}


def test_clock_runs_on_while_no_worker_is_there():
    rig = Rig(room(move_s=10.0))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    rig.lose_worker(b"w")
    rig.tick(11)
    [(_, opening)] = rig.worker(b"v").opened()
    assert [event[2] for event in opening.events] == [Kind.TIMEOUT]


def test_workers_that_are_given_up_together_are_not_given_each_others_matches(rig):
    workers, agent = [rig.worker(b"%d" % i) for i in range(3)], rig.agent(b"a")
    for worker in workers:
        seated(rig, worker, agent)
    for seat in list(agent.session.seats.values()):
        step(agent, seat)
    rig.pass_time(leasing.PROGRESS_LIMIT_S + 3)
    assert rig.arena.workers == {}
    assert [match.deaths for match in rig.arena.matches.values()] == [1, 1, 1]


def test_killer_is_found_also_while_another_waits_for_its_trial(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent, 2)
    killer, innocent = sorted(agent.session.seats.values(), key=lambda seat: seat.match)
    step(agent, killer)
    step(agent, innocent)
    rig.lose_worker(b"w")
    rig.arena.matches[innocent.match].deaths = leasing.DEATHS_ALONE
    deaths = 1
    while serve_until(rig.worker(b"%d" % deaths), killer.match):
        rig.lose_worker(b"%d" % deaths)
        deaths += 1
    assert list(rig.arena.matches) == [innocent.match]
    assert deaths <= leasing.DEATHS_MAX + 1


def test_match_that_says_less_than_before_at_another_worker_ends(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    reply(worker, lease, step(agent), 1)
    agent.answers()
    rig.lose_worker(b"w")
    other = rig.worker(b"v")
    frames = other.take()
    [(moved, opening)] = [(f[1], Open.decode(f[3])) for f in frames if f[0] == Kind.OPEN]
    other.seat(moved, opening)
    [number] = [f[2] for f in frames if f[0] == Kind.W_PING]
    pong(other, number)
    assert isinstance(agent.answers()[0], WorkerLost)
    assert rig.arena.matches == {}


def test_match_with_more_than_a_worker_takes_at_once_is_slowed_down(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    seat, large = agent.seat, bytes(1 << 19)
    for sequence in range(1, 100):
        request = sequence + 1_000
        head = AGENT_HEAD.pack(VERSION, Kind.STEP, seat.handle, request)
        rig.from_agent(b"a", head + large)
        if not worker.events():
            break
        worker.out(lease, 0, Kind.ERROR, request, Error(Code.BAD_ACTION, "no").encode(), Flag.MOVE, sequence)
    assert Error.decode(agent.frames[-1][HEAD_BYTES:]).code == Code.OVERLOADED
    assert sum(map(len, rig.arena.matches[1].kept)) < MAX_WORKER_FRAME_BYTES // 2
    worker.say(WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, sequence - 1) + b"state")
    rig.from_agent(b"a", AGENT_HEAD.pack(VERSION, Kind.STEP, seat.handle, 5_000) + large)
    assert len(worker.events()) == 1
