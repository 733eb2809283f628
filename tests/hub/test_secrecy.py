"""What reaches an agent through the hub: its own seats' messages, and nothing that tells of the others."""

import itertools
import random

import pytest

from netsiege.engine.host import GameHost
from netsiege.game import AgentRole
from netsiege.hub.authority import Grant, Right
from netsiege.hub.gate import OpenGate
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    MAX_SEED,
    VERSION,
    WORKER_HEAD,
    Code,
    Error,
    Fault,
    Hello,
    Kind,
    Ready,
    SessionRole,
    Watch,
    pack,
)
from netsiege.protocol.play import PASS, action_body
from netsiege.scenarios.model import RoleTask, View
from tests.engine.hidden import CLIENT_1, CLIENT_2, OUTSIDE, SMB_SERVER, WEB, any_action, office
from tests.engine.tiny import find_services, scan
from tests.hub.rig import Rig, room

ATTACK = RoleTask(
    "Attacker", View(controlled_hosts=(CLIENT_1, OUTSIDE)), View(known_hosts=(WEB,)), "find it", 60
)
DEFEND = RoleTask("Defender", View(controlled_hosts=(CLIENT_2,)), View(), "keep watch", 60)
MOVES = (
    scan(CLIENT_1, "192.168.2.0/24"),
    find_services(CLIENT_1, SMB_SERVER),
    find_services(CLIENT_1, SMB_SERVER),
    find_services(OUTSIDE, SMB_SERVER),
    scan(OUTSIDE, "213.47.23.192/26"),
)
"""What the attacker does; nothing that a defender does on its client shows in it."""


class EngineWorker:
    """A real game host, as a worker of the rig."""

    def __init__(self, rig, peer):
        self.rig, self.peer, self.frames, self.host = rig, peer, [], GameHost()
        rig.workers[peer] = self
        ready = Ready(peer.decode(), 100, b"engine", ("netsecgame",), peer)
        rig.from_worker(peer, WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + ready.encode())

    def work(self):
        """Does all that it was sent."""
        while self.frames:
            taken, self.frames = self.frames, []
            for frame in taken:
                for said in self.host.receive(frame):
                    self.rig.from_worker(self.peer, said)


class Scene:
    """An attacker and a defender at one hub, each with a seat in so many matches."""

    def __init__(self, pacing="rounds", matches=1, rival="rival", **clocks):
        spec = office(roles=(ATTACK, DEFEND), pacing=pacing, seats=(("Attacker", 1), ("Defender", 1)))
        seats = (("Attacker", 1), ("Defender", 1))
        self.rig = Rig(room(seats=seats, spec=spec.to_bytes(), **clocks))
        self.worker = EngineWorker(self.rig, b"w1")
        self.attacker, self.defender = self.rig.agent(b"me"), self.rig.agent(rival.encode())
        for agent, role in ((self.attacker, AgentRole.Attacker), (self.defender, AgentRole.Defender)):
            for _ in range(matches):
                agent.join(role)
        self.worker.work()
        self.requests = {self.attacker: 1_000, self.defender: 1_000}

    def handles(self, agent):
        return list(agent.session.seats)

    def moves(self, agent, body, *, batched=False):
        """The agent makes the same move on all its seats, in one message or in one for each."""
        self.requests[agent] = number = self.requests[agent] + 1
        if batched:
            flat = [part for handle in self.handles(agent) for part in (handle, body)]
            frames = [AGENT_HEAD.pack(VERSION, Kind.STEP_MANY, 0, number) + pack(flat)]
        else:
            frames = [
                AGENT_HEAD.pack(VERSION, Kind.STEP, handle, number) + body for handle in self.handles(agent)
            ]
        for frame in frames:
            self.rig.from_agent(agent.peer, frame)

    def heard(self, agent):
        """The frames since the last call, but for the hub's question whether anybody is there."""
        frames, agent.frames[:] = [frame for frame in agent.frames if frame[1] != Kind.PONG], []
        return frames


def anything(luck):
    """Whatever a defender may do: it has no way to reach what the attacker looks at."""
    return luck.choice(
        (PASS, b"\x91\x07", action_body(any_action(luck)), action_body(scan(CLIENT_2, "10.0.0.0/8")))
    )


def play(seed, *, pacing, matches, batched, attacker_first):
    """All frames to the attacker, round by round, while its rival does this or that."""
    luck = random.Random(seed)
    scene = Scene(pacing, matches)
    told = [scene.heard(scene.attacker)]
    for move in MOVES:
        first = attacker_first if attacker_first is not None else luck.random() < 0.5
        movers = [(scene.attacker, action_body(move)), (scene.defender, anything(luck))]
        for agent, body in movers if first else reversed(movers):
            scene.moves(agent, body, batched=batched)
            scene.worker.work()
        if any(b"BAD_ACTION" in frame for frame in scene.heard(scene.defender)):
            scene.moves(scene.defender, PASS, batched=batched)
            scene.worker.work()
        told.append(scene.heard(scene.attacker))
    return told


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
@pytest.mark.parametrize(("matches", "batched"), [(1, False), (3, False), (3, True)])
def test_frames_to_an_agent_are_the_same_whatever_its_rival_does_elsewhere(pacing, matches, batched):
    """Number, order, size and bytes, batches included; who of the two moves first does not matter either."""
    usual = play(0, pacing=pacing, matches=matches, batched=batched, attacker_first=True)
    assert sum(map(len, usual)) >= len(MOVES)
    for seed in range(1, 12):
        assert usual == play(seed, pacing=pacing, matches=matches, batched=batched, attacker_first=None)


# --- rounds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["me", "rival"])
def test_nothing_is_heard_of_a_round_before_all_have_moved(first):
    scene = Scene("rounds")
    agents = [scene.attacker, scene.defender]
    early, late = agents if first == "me" else agents[::-1]
    for agent in agents:
        scene.heard(agent)
    scene.moves(early, PASS)
    scene.worker.work()
    assert [scene.heard(agent) for agent in agents] == [[], []]
    scene.moves(late, PASS)
    scene.worker.work()
    assert [[frame[1] for frame in scene.heard(agent)] for agent in agents] == [[Kind.OBS], [Kind.OBS]]


def times_heard(moved_at, batched):
    """When each agent hears of the first three rounds of two seconds, if it moves that late in each round."""
    scene = Scene("rounds", round_s=2.0)
    agents = [scene.attacker, scene.defender]
    heard = {agent.peer: [] for agent in agents}
    for agent in agents:
        scene.heard(agent)
    for tick in range(60):
        for agent, late_s in zip(agents, moved_at, strict=True):
            if abs(tick / 10 % 2 - late_s) < 0.01:
                scene.moves(agent, PASS, batched=batched)
        scene.worker.work()
        scene.rig.tick(0.1)
        scene.worker.work()
        for agent in agents:
            heard[agent.peer] += [(tick, frame[1], frame[HEAD_BYTES:]) for frame in scene.heard(agent)]
    return heard


@pytest.mark.parametrize("batched", [False, True])
def test_replies_of_a_timed_round_leave_together_whoever_moved_when(batched):
    usual = times_heard((0.1, 0.1), batched)
    assert len(usual[b"me"]) == 2
    assert [tick for tick, *_ in usual[b"me"]] == [tick for tick, *_ in usual[b"rival"]]
    for moved_at in itertools.product((0.1, 1.0, 1.8), repeat=2):
        assert times_heard(moved_at, batched) == usual


def timed_round():
    """A timed round in which the rival has moved, and nobody has heard anything yet."""
    scene = Scene("rounds", round_s=2.0)
    for agent in (scene.attacker, scene.defender):
        scene.heard(agent)
    scene.moves(scene.defender, PASS)
    scene.worker.work()
    return scene


def test_agent_that_comes_back_hears_of_a_timed_round_no_sooner_than_the_others():
    scene = timed_round()
    scene.moves(scene.attacker, action_body(MOVES[0]))
    token = scene.attacker.session.token
    scene.rig.lose_agent(b"me")
    back = scene.rig.mute(b"me again")
    hello = Hello("me", SessionRole.AGENT, token).encode()
    scene.rig.from_agent(b"me again", AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 1) + hello)
    scene.worker.work()
    assert [frame[1] for frame in back.frames] == [Kind.WELCOME]
    scene.rig.tick(2.1)
    scene.worker.work()
    assert [frame[1] for frame in back.frames if frame[1] != Kind.PONG] == [Kind.WELCOME, Kind.RESUMED]


def test_request_that_is_repeated_tells_of_a_timed_round_no_sooner():
    scene = timed_round()
    scene.moves(scene.attacker, PASS)
    scene.worker.work()
    scene.rig.tick(2.1)
    scene.heard(scene.attacker)
    scene.moves(scene.defender, PASS)
    scene.worker.work()
    [handle] = scene.handles(scene.attacker)
    answered = scene.requests[scene.attacker]
    scene.moves(scene.attacker, action_body(MOVES[0]))
    scene.rig.from_agent(b"me", AGENT_HEAD.pack(VERSION, Kind.STEP, handle, answered) + PASS)
    scene.worker.work()
    assert scene.heard(scene.attacker) == []
    scene.rig.tick(2.1)
    scene.worker.work()
    assert [frame[1] for frame in scene.heard(scene.attacker)] == [Kind.RESUMED]


def test_timed_round_goes_on_for_the_others_when_one_of_them_leaves():
    scene = timed_round()
    scene.moves(scene.attacker, PASS)
    scene.worker.work()
    [handle] = scene.handles(scene.defender)
    scene.rig.from_agent(scene.defender.peer, AGENT_HEAD.pack(VERSION, Kind.LEAVE, handle, 5_000))
    scene.worker.work()
    assert [frame[1] for frame in scene.heard(scene.defender)] == [Kind.OBS, Kind.END]
    assert scene.heard(scene.attacker) == []
    scene.rig.tick(2.1)
    assert [frame[1] for frame in scene.heard(scene.attacker)] == [Kind.OBS]


# --- what belongs to others -------------------------------------------------------------------------------


def test_nothing_of_another_session_is_in_what_an_agent_is_told():
    """Names, connections, tokens, seats, leases and seeds; nor does it hear of results."""
    scene = Scene("realtime", matches=2, rival="a rival of note")
    luck, heard = random.Random(4), scene.heard(scene.attacker)
    watcher = scene.rig.agent(b"watcher", SessionRole.SPECTATOR)
    watcher.ask(watcher.session.watch("default"))
    director = scene.rig.agent(b"director", SessionRole.DIRECTOR)
    director.ask(director.session.watch("default"))
    for _ in range(40):
        for agent in (scene.attacker, scene.defender):
            scene.moves(agent, anything(luck))
            scene.worker.work()
    for agent in (scene.attacker, scene.defender):
        for handle in scene.handles(agent):
            scene.rig.from_agent(
                agent.peer, AGENT_HEAD.pack(VERSION, Kind.RESET, handle, 7_000) + pack([True, False, None])
            )
            scene.worker.work()
    scene.rig.from_agent(b"me", AGENT_HEAD.pack(VERSION, Kind.WATCH, 0, 8_000) + Watch("default").encode())
    heard += scene.heard(scene.attacker)
    arena = scene.rig.arena
    matches = list(arena.matches.values())
    assert Kind.EPISODE in {frame[1] for frame in watcher.frames}
    assert {frame[1] for frame in heard} <= {Kind.WELCOME, Kind.SEATED, Kind.OBS, Kind.WAIT, Kind.ERROR}
    assert Error.decode(heard[-1][HEAD_BYTES:]).code == Code.NOT_ALLOWED
    numbers = [match.lease for match in matches] + [match.seed for match in matches]
    secrets = [number.to_bytes(8, "big") for number in (*numbers, *scene.handles(scene.defender))]
    secrets += [scene.defender.session.token, watcher.session.token, b"a rival of note", b"watcher"]
    told = b"".join(heard)
    assert [secret for secret in secrets if secret in told] == []
    assert scene.attacker.session.token in told


@pytest.mark.parametrize("kind", [Kind.STEP, Kind.STEP_MANY, Kind.RESET, Kind.LEAVE])
def test_seat_of_another_session_is_refused_like_one_that_does_not_exist(kind):
    scene = Scene("realtime")
    [theirs] = scene.handles(scene.defender)
    answers = []
    for handle in (theirs, MAX_SEED, theirs + 17):
        about, body = (0, pack([handle, PASS])) if kind == Kind.STEP_MANY else (handle, PASS)
        scene.heard(scene.attacker)
        scene.rig.from_agent(b"me", AGENT_HEAD.pack(VERSION, kind, about, 77) + body)
        scene.worker.work()
        answers.append([(frame[1], frame[HEAD_BYTES:]) for frame in scene.heard(scene.attacker)])
    assert answers[0] == answers[1] == answers[2]
    assert Error.decode(answers[0][0][1]).code == Code.UNKNOWN_SEAT
    assert scene.heard(scene.defender)[2:] == [], "nor does the other hear of it"


class OneRoom(OpenGate):
    """Everybody may enter the room `default`, as an agent, and no other."""

    grant = Grant("somebody", Right.AGENT, rooms=("default",))

    def grant_of(self, key):
        return self.grant


def test_room_that_a_key_may_not_enter_is_refused_like_one_that_does_not_exist():
    answers = []
    for others in ((), (room(name="finals"),)):
        rig = Rig(room(), *others)
        rig.arena.gate = OneRoom()
        agent = rig.agent(b"me")
        agent.join(room="finals")
        agent.ask(agent.session.status())
        answers.append(agent.frames)
    assert answers[0] == answers[1]
    assert Error.decode(answers[0][1][HEAD_BYTES:]).code == Code.UNKNOWN_ROOM


def test_status_does_not_tell_an_agent_that_its_rival_has_moved():
    """Whoever may ask a thousand times a second would see each move of the others in a count of events."""
    scene = Scene("rounds")
    scene.rig.arena.gate = OneRoom()
    for session in scene.rig.arena.sessions.values():
        session.grant = OneRoom.grant
    states = []
    for request in (600, 601):
        scene.heard(scene.attacker)
        scene.rig.from_agent(b"me", AGENT_HEAD.pack(VERSION, Kind.STATUS, 0, request))
        states.append([frame[HEAD_BYTES:] for frame in scene.heard(scene.attacker)])
        scene.moves(scene.defender, PASS)
    assert states[0] == states[1]


def test_match_that_breaks_tells_its_seats_nothing_of_what_the_engine_said():
    """An exception may quote what a seat may not know: it is for whoever runs the hub, and for directors."""
    scene = Scene("rounds")
    scene.heard(scene.attacker)
    [match] = scene.rig.arena.matches.values()
    fault = Fault("KeyError: a host that nobody has found").encode()
    scene.rig.from_worker(b"w1", WORKER_HEAD.pack(VERSION, Kind.FAULT, match.lease, 1) + fault)
    [told] = scene.heard(scene.attacker)
    assert Error.decode(told[HEAD_BYTES:]).code == Code.ENGINE_FAULT
    assert b"found" not in told


def test_resumed_seat_is_told_the_same_whatever_its_rival_has_done():
    told = set()
    for seed in range(8):
        luck, scene = random.Random(seed), Scene("realtime")
        token = scene.attacker.session.token
        for move in MOVES[:3]:
            scene.moves(scene.defender, anything(luck))
            scene.moves(scene.attacker, action_body(move))
            scene.worker.work()
        scene.rig.lose_agent(b"me")
        scene.moves(scene.defender, anything(luck))
        scene.worker.work()
        back = scene.rig.mute(b"me again")
        hello = Hello("me", SessionRole.AGENT, token).encode()
        scene.rig.from_agent(b"me again", AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 1) + hello)
        scene.moves(scene.defender, anything(luck))
        scene.worker.work()
        told.add(tuple(back.frames))
    assert len(told) == 1
    assert [frame[1] for frame in told.pop()] == [Kind.WELCOME, Kind.RESUMED]


def test_match_that_moves_to_another_worker_tells_no_more_of_the_rival():
    told = set()
    for seed in range(8):
        luck, scene = random.Random(seed), Scene("rounds")
        for number, move in enumerate(MOVES[:4]):
            scene.moves(scene.defender, luck.choice((PASS, action_body(scan(CLIENT_2, "10.0.0.0/8")))))
            scene.worker.work()
            if number == 2:
                scene.rig.lose_worker(b"w1")
                scene.worker = EngineWorker(scene.rig, b"w2")
                scene.worker.work()
            scene.moves(scene.attacker, action_body(move))
            scene.worker.work()
        told.add(tuple(scene.heard(scene.attacker)))
    assert len(told) == 1
