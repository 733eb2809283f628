"""Budgets for moves and episodes, rounds of a fixed length."""

import pytest

from netsiege.game import IP, Action, ActionType, AgentRole
from netsiege.hub.clocks import COMPENSATION_MAX_S
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    Cause,
    End,
    Error,
    Flag,
    Hello,
    Kind,
    Reset,
    Resumed,
    SessionRole,
)
from tests.hub.rig import STEP_REPLY, Rig, room

LOOK = Action(ActionType.FindServices, {"source_host": IP("10.0.0.1"), "target_host": IP("10.0.0.2")})


class Scene:
    """A match of some attackers, each with an agent."""

    def __init__(self, seats=1, **clocks):
        self.rig = Rig(room(seats=(("Attacker", seats),), **clocks))
        self.worker = self.rig.worker(b"w")
        self.agents = [self.rig.agent(b"%d" % i) for i in range(seats)]
        for agent in self.agents:
            agent.join(AgentRole.Attacker)
        [self.lease] = self.worker.seat_all()
        for agent in self.agents:
            agent.answers()

    def step(self, i=0):
        return self.agents[i].ask(self.agents[i].session.step(self.agents[i].seat, LOOK))

    def reply(self, *requests, kind=Kind.OBS, body=STEP_REPLY, flags=Flag.MOVE):
        """Outputs for the seats in order, in one frame."""
        self.worker.out_many(
            *[(self.lease, 1, i, int(kind), int(flags), request, body) for i, request in enumerate(requests)]
        )

    def timeouts(self):
        return [seat for _, _, seat, kind, _, _ in self.worker.events() if kind == Kind.TIMEOUT]

    def heard(self):
        return [len(agent.answers()) for agent in self.agents]


def test_episode_budget_is_what_all_moves_may_take_together():
    scene = Scene(episode_s=10.0)
    for _ in range(3):
        scene.rig.tick(3)
        assert scene.timeouts() == []
        scene.reply(scene.step())
    scene.rig.tick(0.9)
    assert scene.timeouts() == []
    scene.rig.tick(0.2)
    assert scene.timeouts() == [0]
    scene.reply(0)
    scene.rig.tick(0.05)
    assert scene.timeouts() == [0]


def test_time_in_which_others_or_the_engine_think_costs_nothing():
    scene = Scene(episode_s=10.0)
    for _ in range(3):
        asked = scene.step()
        scene.rig.tick(9)
        scene.reply(asked)
    scene.worker.take()
    scene.rig.tick(9)
    assert scene.timeouts() == []


def test_new_episode_has_a_new_budget():
    scene = Scene(episode_s=10.0)
    scene.rig.tick(9)
    agent = scene.agents[0]
    scene.reply(agent.ask(agent.session.reset(agent.seat, Reset())))
    scene.worker.take()
    scene.rig.tick(9)
    assert scene.timeouts() == []
    scene.rig.tick(2)
    assert scene.timeouts() == [0]


def test_move_budget_and_episode_budget_hold_together():
    scene = Scene(move_s=4.0, episode_s=10.0)
    scene.rig.tick(4.1)
    assert scene.timeouts() == [0]


@pytest.mark.parametrize(("round_trip_s", "added_s"), [(0.1, 0.1), (3.0, COMPENSATION_MAX_S)])
def test_round_trip_of_a_connection_is_added_up_to_a_limit(round_trip_s, added_s):
    rig = Rig(room(move_s=1.0))
    rig.arena.round_trip_s = lambda _peer: round_trip_s
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    worker.seat_all()
    rig.tick(1.0 + added_s - 0.01)
    assert worker.events() == []
    rig.tick(0.02)
    assert [event[3] for event in worker.events()] == [Kind.TIMEOUT]


def test_round_lasts_as_long_as_it_should_when_all_have_moved_early():
    scene = Scene(seats=2, round_s=2.0)
    requests = [scene.step(0), scene.step(1)]
    scene.reply(*requests)
    assert scene.heard() == [0, 0]
    scene.rig.tick(1.9)
    assert scene.heard() == [0, 0]
    scene.rig.tick(0.2)
    assert scene.heard() == [1, 1]
    assert not any(scene.agents[i].session.is_open(requests[i]) for i in range(2))


def test_seat_that_has_not_moved_at_the_end_of_the_round_passes_and_all_hear_at_once():
    scene = Scene(seats=2, round_s=2.0)
    asked = scene.step(0)
    scene.worker.take()
    scene.rig.tick(2.1)
    assert scene.timeouts() == [1]
    scene.reply(asked, 0)
    assert scene.heard() == [1, 1]


def test_next_round_begins_when_the_last_one_ends():
    scene = Scene(seats=1, round_s=2.0)
    for _ in range(3):
        scene.reply(scene.step())
        scene.rig.tick(1.9)
        assert scene.heard() == [0]
        scene.rig.tick(0.15)
        assert scene.heard() == [1]
    scene.worker.take()
    scene.rig.tick(2.1)
    assert scene.timeouts() == [0]


def test_second_move_in_a_round_is_refused_and_never_played():
    scene = Scene(seats=1, round_s=2.0)
    scene.reply(scene.step())
    agent = scene.agents[0]
    seat = agent.seat
    scene.worker.take()
    seat.request = 0
    agent.ask(agent.session.step(seat, LOOK))
    assert scene.worker.events() == []


def test_refusal_and_wait_do_not_wait_for_the_end_of_the_round():
    scene = Scene(seats=2, round_s=2.0)
    requests = [scene.step(0), scene.step(1)]
    scene.reply(requests[0], kind=Kind.ERROR, body=Error("BAD_ACTION", "no").encode())
    assert scene.heard() == [1, 0]


def test_reset_starts_a_round_at_once():
    scene = Scene(seats=1, round_s=2.0)
    agent = scene.agents[0]
    scene.rig.tick(1)
    scene.reply(agent.ask(agent.session.reset(agent.seat, Reset())))
    assert scene.heard() == [1]
    scene.worker.take()
    scene.rig.tick(1.9)
    assert scene.timeouts() == []
    scene.rig.tick(0.2)
    assert scene.timeouts() == [0]


def test_what_is_held_for_a_round_is_said_before_the_seats_last_word():
    scene = Scene(seats=1, round_s=2.0)
    asked = scene.step()
    scene.reply(asked)
    scene.worker.out(scene.lease, 0, Kind.END, 0, End(Cause.TIME).encode(), Flag.OVER, 2)
    kinds = [frame[1] for frame in scene.agents[0].frames[-2:]]
    assert kinds == [Kind.OBS, Kind.END]
    assert scene.rig.arena.holding == {}


def test_batch_is_answered_together_at_the_end_of_the_round():
    rig = Rig(room(seats=(("Attacker", 1),), round_s=2.0))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join(), agent.join()
    leases = worker.seat_all()
    agent.answers()
    asked = agent.ask(agent.session.step_many([(s, LOOK) for s in agent.session.seats.values()]))
    worker.out_many(*[(lease, 1, 0, int(Kind.OBS), int(Flag.MOVE), asked, STEP_REPLY) for lease in leases])
    assert agent.answers() == []
    rig.tick(2.1)
    assert len(agent.answers()) == 2
    assert not agent.session.is_open(asked)


def test_session_that_comes_back_within_a_round_is_told_once():
    scene = Scene(seats=2, round_s=2.0)
    requests = [scene.step(0), scene.step(1)]
    scene.reply(*requests)
    agent = scene.agents[0]
    back = scene.rig.mute(b"back")
    hello = Hello("0", SessionRole.AGENT, agent.session.token).encode()
    scene.rig.from_agent(b"back", AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 900) + hello)
    assert Kind.VIEW not in [kind for kind, *_ in scene.worker.take()]
    scene.rig.tick(2.1)
    assert Kind.VIEW in [kind for kind, *_ in scene.worker.take()]
    scene.worker.viewed(scene.lease, 0, b"as it stands")
    assert [frame[1] for frame in back.frames] == [Kind.WELCOME, Kind.PONG, Kind.RESUMED]
    told = Resumed.decode(back.frames[-1][HEAD_BYTES:])
    assert told.answered == requests[0]
    assert scene.heard()[1] == 1


def test_seat_that_is_away_does_not_lengthen_the_round_of_the_others():
    scene = Scene(seats=2, round_s=2.0)
    scene.rig.lose_agent(b"1")
    asked = scene.step(0)
    scene.rig.tick(2.1)
    scene.reply(asked, 0)
    assert scene.heard() == [1, 0]


def test_refused_reset_gives_no_new_budget():
    scene = Scene(episode_s=10.0)
    agent = scene.agents[0]
    for _ in range(2):
        scene.rig.tick(4)
        asked = agent.ask(agent.session.reset(agent.seat, Reset()))
        scene.reply(asked, kind=Kind.ERROR, body=Error("BAD_REQUEST", "no").encode())
    scene.worker.take()
    scene.rig.tick(2.1)
    assert scene.timeouts() == [0]
