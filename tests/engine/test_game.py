import pytest

from netsiege.engine import episode as episode_module
from netsiege.engine import replies
from netsiege.engine.game import Game
from netsiege.engine.streams import derive
from netsiege.errors import RuleError
from netsiege.game import AgentStatus
from netsiege.protocol import HUB_SEAT, Cause, Code, Flag, Held, Kind, pack
from netsiege.protocol.play import PASS, Seen, read_trajectory
from netsiege.scenarios.model import RoleTask, Spec, View
from tests.engine.tiny import (
    ATTACKER,
    BENIGN,
    CLIENT,
    DEFENDER,
    OUTSIDE,
    SERVER,
    WINNING,
    Table,
    block,
    by_seat,
    find_data,
    find_services,
    make_seats,
    make_tables,
    make_task,
    scan,
)

IDLE = find_data(CLIENT, CLIENT)
GUARD = find_data(SERVER, SERVER)


def role(part, **changes):
    fields = {"start": part.start, "goal": part.goal, "max_steps": part.max_steps}
    return RoleTask(part.role, goal_description=part.goal_description, **{**fields, **changes})


def table(*roles, episodes=None, seed=7, deltas=True, **changes):
    return Table(make_tables(**changes), make_seats(*roles, deltas=deltas), episodes, seed)


def short(max_steps, **changes):
    """A task whose attacker has so many steps."""
    return {"roles": (role(ATTACKER, max_steps=max_steps, **changes), DEFENDER, BENIGN)}


# --- opening ----------------------------------------------------------------------------------------------


def test_opening_seats_everyone_and_lets_them_move():
    tables = make_tables()
    outputs = Game(tables, 42, 7, make_seats("Attacker", "Attacker", "Defender"), 3).open()
    assert [(seat, kind, flags, request) for seat, kind, flags, request, _ in outputs] == [
        (i, Kind.SEATED, Flag.MOVE, 0) for i in range(3)
    ]


def test_seated_tells_the_seat_what_it_needs():
    played = table("Attacker", "Attacker", "Defender", episodes=3)
    attacker, second, defender = played.seated
    assert (attacker.match, attacker.role, attacker.index, second.index) == (1, "Attacker", 0, 1)
    assert attacker.episodes == 3
    assert attacker.max_steps == 20
    assert defender.max_steps is None
    assert attacker.goal_description == "bring the data out"
    assert attacker.ruleset == "netsecgame"
    assert attacker.configuration_hash == Spec(played.tables.spec.topology, make_task()).digest
    assert attacker.seed == derive(7, "seat/Attacker/0")
    assert len({attacker.seed, second.seed, defender.seed}) == 3
    assert {h.ip for h in played.states[0].controlled_hosts} == {CLIENT, OUTSIDE}


@pytest.mark.parametrize("roles", [(), ("Spectator",), ("Attacker", "Judge")])
def test_match_of_roles_that_the_task_does_not_have_is_refused(roles):
    with pytest.raises(RuleError, match="no part"):
        Game(make_tables(), 1, 1, make_seats(*roles), None)


@pytest.mark.parametrize(("seat", "kind"), [(1, Kind.STEP), (-1, Kind.STEP), (0, Kind.OBS), (0, 99)])
def test_event_that_no_match_knows_raises(seat, kind):
    game = Game(make_tables(), 1, 1, make_seats("Attacker"), None)
    with pytest.raises(RuleError):
        game.handle(seat, kind, 1, PASS)


# --- steps and ends ---------------------------------------------------------------------------------------


def test_step_is_answered_at_once_with_its_reward():
    (reply,) = table("Attacker").step(0, IDLE)
    assert (reply.kind, reply.flags, reply.request) == (Kind.OBS, Flag.MOVE, 1)
    assert (reply.obs.reward, reply.obs.end, dict(reply.obs.info)) == (-1, False, {})
    assert reply.seen == Seen.NONE


def test_seat_without_deltas_hears_every_state_in_full():
    played = table("Attacker", deltas=False)
    for action in (IDLE, IDLE, scan(CLIENT, "192.168.1.0/24"), None):
        (reply,) = played.step(0, action)
        assert reply.seen == Seen.FULL
    assert len(played.states[0].known_hosts) == 3


def test_attacker_that_reaches_its_goal_gets_the_success():
    played = table("Attacker")
    replies = [played.step(0, action) for action in WINNING]
    assert [r[0].obs.reward for r in replies[:-1]] == [-1] * 4
    result, last = replies[-1]
    assert (last.kind, last.request, last.flags) == (Kind.OBS, 5, Flag.MOVE)
    assert (last.obs.reward, last.obs.end) == (99, True)
    assert dict(last.obs.info) == {"end_reason": "AgentStatus.Success"}
    assert (result.seat, result.result.winner, result.result.cause) == (HUB_SEAT, "Attacker", Cause.GOAL)
    assert (result.result.steps, result.result.returns) == ((5,), (95,))


def test_attacker_out_of_steps_gets_the_failure():
    played = table("Attacker", **short(3))
    assert [played.step(0, IDLE)[0].obs.end for _ in range(2)] == [False, False]
    result, last = played.step(0, IDLE)
    assert (last.obs.reward, last.obs.end) == (-11, True)
    assert dict(last.obs.info) == {"end_reason": "AgentStatus.TimeoutReached"}
    assert (result.result.winner, result.result.cause) == (None, Cause.STEPS)
    assert result.result.statuses == ("TimeoutReached",)


def test_goal_on_the_last_step_comes_before_the_step_limit():
    played = table("Attacker", **short(len(WINNING)))
    for action in WINNING:
        replies = played.step(0, action)
    assert replies[-1].obs.info["end_reason"] == "AgentStatus.Success"


def test_goal_comes_before_detection(monkeypatch):
    monkeypatch.setattr("netsiege.engine.detector.Stream.uniform", lambda _: 0.0)
    played = table("Attacker", use_global_defender=True)
    for action in WINNING:
        replies = played.step(0, action)
    assert replies[-1].obs.info["end_reason"] == "AgentStatus.Success"


def test_detection_comes_before_the_step_limit(monkeypatch):
    monkeypatch.setattr("netsiege.engine.detector.Stream.uniform", lambda _: 0.0)
    played = table("Attacker", use_global_defender=True, **short(5))
    for _ in range(5):
        replies = played.step(0, IDLE)
    assert dict(replies[-1].obs.info) == {"end_reason": "AgentStatus.Fail"}
    assert (replies[-1].obs.reward, replies[0].result.cause) == (-11, Cause.DETECTED)


def test_passes_are_not_seen_by_the_detector(monkeypatch):
    monkeypatch.setattr("netsiege.engine.detector.Stream.uniform", lambda _: 0.0)
    played = table("Attacker", use_global_defender=True)
    for _ in range(10):
        assert not played.step(0, None)[0].obs.end
    for _ in range(4):
        assert not played.step(0, IDLE)[0].obs.end
    assert played.step(0, IDLE)[-1].obs.end


def test_step_limit_of_zero_is_no_limit():
    played = table("Attacker", **short(0))
    assert played.seated[0].max_steps is None
    assert not any(played.step(0, IDLE)[0].obs.end for _ in range(50))


def test_goal_that_the_start_contains_is_reached_by_the_first_step():
    goal = View(controlled_hosts=(OUTSIDE,))
    played = table("Attacker", **short(9, goal=goal))
    assert played.step(0, None)[-1].obs.info["end_reason"] == "AgentStatus.Success"


def test_attacker_with_nothing_to_reach_plays_on():
    played = table("Attacker", **short(9, goal=View()))
    assert not played.step(0, IDLE)[0].obs.end


def test_pass_costs_a_step_and_leaves_no_log():
    played = table("Attacker", **short(2))
    (reply,) = played.step(0, None)
    assert reply.obs.reward == -1
    assert all(not played.game.episode.world.log(node) for node in range(4))
    assert played.step(0, None)[-1].obs.end


def test_step_after_the_end_is_forbidden_and_told_the_same_again():
    played = table("Attacker", **short(1))
    last = played.step(0, IDLE)[-1]
    before = played.states[0]
    for _ in range(2):
        (reply,) = played.step(0, scan(CLIENT, "192.168.1.0/24"))
        assert reply.seen == Seen.END | Seen.FORBIDDEN
        assert (reply.obs.state, reply.obs.reward, reply.obs.end) == (before, last.obs.reward, True)
        assert reply.obs.info["end_reason"] == "AgentStatus.TimeoutReached"
        assert set(reply.obs.info) == {"end_reason", "info"}


def test_forbidden_step_of_a_seat_without_deltas_tells_the_state_in_full():
    played = table("Attacker", deltas=False, **short(1))
    played.step(0, IDLE)
    (reply,) = played.step(0, IDLE)
    assert reply.seen == Seen.END | Seen.FORBIDDEN | Seen.FULL


# --- several seats ----------------------------------------------------------------------------------------


def test_winner_waits_for_the_others_and_is_told_when_they_end():
    played = table("Attacker", "Defender")
    assert played.step(1, GUARD)[0].obs.end is False
    for action in WINNING:
        replies = played.step(0, action)
    (held,) = replies
    assert (held.kind, held.held, held.request, held.flags) == (Kind.WAIT, Held.PEERS, 6, Flag.NONE)
    result, *others = played.step(1, GUARD)
    assert result.result.winner == "Attacker"
    seats = by_seat(others)
    assert (seats[0].request, seats[0].obs.reward, seats[0].obs.end) == (6, 99, True)
    assert (seats[1].request, seats[1].obs.reward) == (7, -11)
    assert seats[1].obs.info["end_reason"] == "AgentStatus.Fail"
    assert len(seats[0].obs.state.known_data) == 2, "the held state is told with the outcome"


def test_held_seat_that_steps_again_is_busy():
    played = table("Attacker", "Defender")
    for action in WINNING:
        played.step(0, action)
    for again in (played.step(0, IDLE), played.reset(0)):
        assert again[0].error == Code.BUSY
        assert again[0].flags == Flag.NONE


def test_defender_succeeds_when_no_attacker_does():
    played = table("Defender", "Attacker", **short(2))
    played.step(0, block(SERVER, SERVER, CLIENT))
    assert [r.kind for _ in range(2) for r in played.step(1, IDLE)] == [Kind.OBS, Kind.WAIT]
    result, *others = played.step(0, GUARD)
    seats = by_seat(others)
    assert (seats[0].obs.reward, seats[1].obs.reward) == (99, -11)
    assert seats[0].obs.info["end_reason"] == "AgentStatus.Success"
    assert (result.result.winner, result.result.cause) == ("Defender", Cause.STEPS)
    assert result.result.statuses == ("Success", "TimeoutReached")
    assert result.result.returns == (98, -12)


def test_false_positives_cost_the_defender_and_benign_just_ends():
    played = table("Defender", "Benign", "Attacker", **short(3))
    played.step(0, block(CLIENT, CLIENT, SERVER))
    for _ in range(3):
        assert played.step(1, find_services(CLIENT, SERVER))[0].obs.reward == -1
    for _ in range(3):
        played.step(2, IDLE)
    assert played.step(0, GUARD)[0].held == Held.PEERS
    _, *others = played.step(1, IDLE)
    seats = by_seat(others)
    assert {i: reply.obs.reward for i, reply in seats.items()} == {0: 84, 1: -1, 2: -11}
    assert dict(seats[1].obs.info) == {}
    assert all(reply.obs.end for reply in seats.values())


def test_episode_goes_on_while_any_attacker_plays():
    played = table("Attacker", "Attacker", "Defender")
    for action in WINNING:
        played.step(0, action)
    assert not played.step(2, GUARD)[0].obs.end
    assert not played.step(1, IDLE)[0].obs.end
    for _ in range(19):
        replies = played.step(1, IDLE)
    assert replies[-1].held == Held.PEERS
    result, *others = played.step(2, GUARD)
    assert {i: r.obs.reward for i, r in by_seat(others).items()} == {0: 99, 1: -11, 2: -11}
    assert (result.result.winner, result.result.cause) == ("Attacker", Cause.GOAL)


def test_match_without_attackers_ends_each_seat_at_its_first_move():
    played = table("Defender", "Benign")
    assert played.step(0, GUARD)[0].held == Held.PEERS
    result, *others = played.step(1, IDLE)
    assert {i: r.obs.reward for i, r in by_seat(others).items()} == {0: 99, 1: -1}
    assert (result.result.winner, result.result.cause) == ("Defender", Cause.FINISHED)


def test_defender_that_plays_for_blocks_succeeds_when_it_has_made_them():
    goal = View(known_blocks=((OUTSIDE, ("all_attackers",)),))
    start = View(controlled_hosts=("all_local", OUTSIDE))
    played = table("Attacker", "Defender", roles=(ATTACKER, role(DEFENDER, goal=goal, start=start)))
    assert not played.step(1, GUARD)[0].obs.end, "an unreached goal is no success"
    assert played.step(1, block(OUTSIDE, OUTSIDE, CLIENT))[0].held == Held.PEERS
    for _ in range(20):
        replies = played.step(0, IDLE)
    assert by_seat(replies)[1].obs.info["end_reason"] == "AgentStatus.Success"


def test_one_seats_play_never_shows_in_anothers_state():
    played = table("Attacker", "Defender")
    before = played.states[0]
    played.step(1, block(CLIENT, CLIENT, OUTSIDE))
    (reply,) = played.step(0, None)
    assert reply.obs.state == before


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93\x01", b"\x90", b"\x93\x09\x01\x02", b"\xff" * 40])
def test_bad_action_is_refused_and_costs_nothing(body):
    played = table("Attacker", **short(2))
    (reply,) = played.tell(0, Kind.STEP, body)
    assert (reply.error, reply.flags, reply.request) == (Code.BAD_ACTION, Flag.MOVE, 1)
    assert played.game.episode.players[0].steps == 0
    assert not played.step(0, IDLE)[0].obs.end


@pytest.mark.parametrize("body", [b"", b"\x90", b"\x93\x01\x02\x03", b"\xc0"])
def test_bad_reset_is_refused_and_the_episode_goes_on(body):
    played = table("Attacker")
    (reply,) = played.tell(0, Kind.RESET, body)
    assert (reply.error, reply.flags) == (Code.MALFORMED, Flag.MOVE)
    assert not played.step(0, IDLE)[0].obs.end


def test_very_long_refusal_fits_the_wire():
    (reply,) = table("Attacker").tell(0, Kind.STEP, pack([1, "x" * 10_000, 1]))
    assert reply.error == Code.BAD_ACTION
    assert len(reply.body) < 600


# --- resets -----------------------------------------------------------------------------------------------


def test_reset_starts_a_new_episode_when_all_have_asked():
    played = table("Attacker", "Defender", **short(1))
    played.step(0, IDLE)
    played.step(1, GUARD)
    (held,) = played.reset(0)
    assert (held.held, held.request) == (Held.RESET, 3)
    granted = by_seat(played.reset(1))
    assert {i: r.request for i, r in granted.items()} == {0: 3, 1: 4}
    for reply in granted.values():
        assert (reply.seen, reply.flags) == (Seen.FULL, Flag.MOVE)
        assert (reply.obs.reward, reply.obs.end) == (0, False)
        assert reply.obs.info["status"] == "GameStatus.RESET_DONE"
        assert "last_trajectory" not in reply.obs.info
        assert not reply.obs.state.known_data
    assert granted[0].obs.info["max_steps"] == 1
    assert granted[0].obs.info["goal_description"] == "bring the data out"
    assert granted[0].obs.info["configuration_hash"] == played.tables.digest
    assert played.step(0, IDLE)[0].held == Held.PEERS


def test_reset_in_mid_episode_by_all_abandons_it():
    played = table("Attacker", "Defender")
    played.step(0, IDLE)
    assert played.reset(0)[0].held == Held.RESET
    result, *granted = played.reset(1)
    assert (result.result.winner, result.result.cause) == (None, Cause.LEFT)
    assert result.result.statuses == ("ResetRequested", "ResetRequested")
    assert result.result.returns == (-1, 0)
    assert sorted(by_seat(granted)) == [0, 1]


def test_other_attacker_plays_on_after_a_reset_was_asked_for():
    played = table("Attacker", "Attacker")
    played.reset(0)
    assert not played.step(1, IDLE)[0].obs.end
    assert played.step(0, IDLE)[0].error == Code.BUSY


def test_ended_seat_is_told_when_the_others_give_up_for_a_reset():
    played = table("Attacker", "Attacker")
    for action in WINNING:
        played.step(0, action)
    result, last, held = played.reset(1)
    assert (result.result.winner, result.result.statuses) == ("Attacker", ("Success", "ResetRequested"))
    assert (last.seat, last.obs.reward) == (0, 99)
    assert (held.seat, held.held) == (1, Held.RESET)
    assert len(played.reset(0)) == 2


def test_defender_ends_once_the_only_attacker_has_given_up():
    played = table("Attacker", "Defender")
    played.reset(0)
    result, last = played.step(1, GUARD)
    assert (last.obs.reward, last.obs.end) == (99, True)
    assert (result.result.winner, result.result.cause) == ("Defender", Cause.LEFT)
    assert result.result.returns == (-10, 99)
    assert len(by_seat(played.reset(1))) == 2


def test_reset_may_come_before_the_others_have_ended():
    played = table("Attacker", "Defender", **short(1))
    played.reset(1)
    result, last = played.step(0, IDLE)
    assert (result.result.winner, last.obs.reward) == (None, -11), "a defender that gave up does not win"
    assert sorted(by_seat(played.reset(0))) == [0, 1]


def test_reset_with_another_seed_is_refused_and_the_first_stands():
    played = table("Attacker", "Attacker")
    played.reset(0, seed=5)
    (refused,) = played.reset(1, seed=6)
    assert (refused.error, refused.flags) == (Code.BAD_REQUEST, Flag.MOVE)
    assert not played.step(1, IDLE)[0].obs.end, "it may still play"
    assert len(played.reset(1, seed=5)) == 3


def test_reset_with_another_wish_for_the_topology_is_refused():
    played = table("Attacker", "Attacker")
    played.reset(0, randomize_topology=True)
    assert played.reset(1)[0].error == Code.BAD_REQUEST
    assert len(played.reset(1, randomize_topology=True, seed=5)) == 3


def test_seat_without_a_seed_agrees_with_any():
    played = table("Attacker", "Attacker", "Attacker")
    played.reset(0)
    played.reset(1, seed=5)
    assert played.reset(2, seed=6)[0].error == Code.BAD_REQUEST
    played.reset(2)
    assert played.game.episode.seed == 5


def test_episodes_without_an_agreed_seed_have_their_own():
    played = table("Attacker", seed=9)
    seeds = [played.game.episode.seed]
    for _ in range(2):
        played.reset(0)
        seeds.append(played.game.episode.seed)
    assert seeds == [derive(9, f"episode/{n}") for n in range(3)]


def test_reset_hands_over_the_last_trajectory_to_those_who_ask():
    played = table("Attacker", "Defender")
    start = played.states[0]
    for action in (*WINNING[:3], None, *WINNING[3:]):
        played.step(0, action)
    played.step(1, GUARD)
    end = played.states[0]
    played.reset(0, request_trajectory=True)
    granted = by_seat(played.reset(1))
    told = granted[0].obs.info["last_trajectory"]
    assert (told["agent_role"], told["agent_name"]) == ("Attacker", "attacker-0")
    assert told["end_reason"] == "AgentStatus.Success"
    states, actions, rewards = (told["trajectory"][k] for k in ("states", "actions", "rewards"))
    assert (len(states), len(actions)) == (7, 6)
    assert rewards == [-1, -1, -1, -1, -1, 99]
    assert (states[0], states[-1]) == (start.as_dict, end.as_dict)
    assert actions[3] is None
    assert actions[-1] == WINNING[-1].as_dict
    assert "last_trajectory" not in granted[1].obs.info


def test_trajectory_of_an_abandoned_episode_has_no_end():
    played = table("Attacker")
    played.step(0, IDLE)
    reply = played.reset(0, request_trajectory=True)[-1]
    told = reply.obs.info["last_trajectory"]
    assert told["end_reason"] in (None, "AgentStatus.ResetRequested")
    assert told["trajectory"]["rewards"] == [-1]


def test_trajectory_ends_where_it_would_fill_the_worker_and_the_episode_goes_on(monkeypatch):
    monkeypatch.setattr(episode_module, "TRACE_MAX_BYTES", 100)
    monkeypatch.setattr(replies, "TRACE_MAX_BYTES", 100)
    played = table("Attacker")
    for _ in range(3):
        for action in WINNING[:3]:
            played.step(0, action)
    again = Game.restore(played.game.tables, played.game.snapshot())
    assert again.snapshot() == played.game.snapshot()
    reply = played.reset(0, request_trajectory=True)[-1]
    told = reply.obs.info["last_trajectory"]["trajectory"]
    kept = len(told["actions"])
    assert 0 < kept < 9
    assert told["rewards"] == [-1] * kept
    assert told["actions"][:3] == [action.as_dict for action in WINNING[:3]][:kept]


def test_last_episode_says_so_and_a_reset_after_it_ends_the_match():
    played = table("Attacker", "Defender", episodes=2, **short(1))
    played.step(0, IDLE)
    result, *_ = played.step(1, GUARD)
    assert (result.result.episode, result.result.last) == (0, False)
    played.reset(0)
    played.reset(1)
    played.step(0, IDLE)
    result, *_ = played.step(1, GUARD)
    assert (result.result.episode, result.result.last) == (1, True)
    (over,) = played.reset(0)
    assert (over.end, over.flags) == (Cause.FINISHED, Flag.OVER)
    assert not played.game.over
    assert played.reset(1)[0].end == Cause.FINISHED
    assert played.game.over


def test_last_episode_abandoned_ends_the_match():
    played = table("Attacker", "Attacker", episodes=1)
    played.reset(0)
    result, *others = played.reset(1)
    assert result.result.last
    assert {i: r.end for i, r in by_seat(others).items()} == {0: Cause.FINISHED, 1: Cause.FINISHED}
    assert played.game.over


def test_step_in_the_next_episode_starts_from_a_clean_world():
    played = table("Attacker", "Defender")
    played.step(1, block(CLIENT, CLIENT, SERVER))
    for action in WINNING[:3]:
        played.step(0, action)
    played.reset(0)
    played.reset(1)
    world = played.game.episode.world
    assert not world.blocks
    assert all(not world.log(node) for node in range(4))
    for action in WINNING:
        replies = played.step(0, action)
    assert replies[0].held == Held.PEERS


# --- leaving ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lost", "cause"), [(False, Cause.LEFT), (True, Cause.DISCONNECT)])
def test_last_seat_to_leave_ends_the_match_with_a_result(lost, cause):
    played = table("Attacker")
    played.step(0, IDLE)
    result, over = played.leave(0, lost)
    assert (over.end, over.flags) == (cause, Flag.OVER)
    assert (result.result.cause, result.result.statuses, result.result.last) == (cause, ("Fail",), True)
    assert (result.result.winner, result.result.returns) == (None, (-11,))
    assert played.game.over


def test_seat_that_leaves_after_the_end_changes_no_result():
    played = table("Attacker", **short(1))
    played.step(0, IDLE)
    (over,) = played.leave(0)
    assert over.end == Cause.LEFT
    assert played.game.over


def test_others_play_on_when_one_leaves():
    played = table("Attacker", "Attacker", "Defender")
    assert [r.kind for r in played.leave(0)] == [Kind.END]
    assert not played.step(1, IDLE)[0].obs.end
    assert not played.step(2, GUARD)[0].obs.end
    for _ in range(19):
        played.step(1, IDLE)
    result, *others = played.step(2, GUARD)
    assert sorted(by_seat(others)) == [1, 2]
    assert (result.result.winner, result.result.cause) == ("Defender", Cause.LEFT)
    assert result.result.statuses == ("Fail", "TimeoutReached", "Success")


def test_attacker_that_leaves_leaves_the_defender_the_victory():
    played = table("Attacker", "Defender")
    played.leave(0, lost=True)
    result, last = played.step(1, GUARD)
    assert (result.result.winner, result.result.cause) == ("Defender", Cause.DISCONNECT)
    assert (last.obs.reward, last.obs.end) == (99, True)


def test_seat_that_leaves_releases_those_who_waited_for_it():
    played = table("Attacker", "Defender")
    for action in WINNING:
        played.step(0, action)
    result, over, last = played.leave(1)
    assert result.result.winner == "Attacker"
    assert (over.seat, over.end) == (1, Cause.LEFT)
    assert (last.seat, last.request, last.obs.reward) == (0, 5, 99)


def test_winner_that_leaves_before_the_others_end_has_still_won():
    played = table("Attacker", "Defender")
    for action in WINNING:
        played.step(0, action)
    played.leave(0, lost=True)
    result, last = played.step(1, GUARD)
    assert (result.result.winner, result.result.statuses) == ("Attacker", ("Success", "Fail"))
    assert last.obs.reward == -11


def test_seat_that_leaves_releases_a_reset_that_waited_for_it():
    played = table("Attacker", "Attacker")
    played.reset(0, seed=3)
    result, over, granted = played.leave(1)
    assert result.result.statuses == ("ResetRequested", "Fail")
    assert over.end == Cause.LEFT
    assert (granted.seat, granted.seen) == (0, Seen.FULL)
    assert played.game.episode.seed == 3


def test_seat_that_left_has_no_part_in_later_episodes():
    played = table("Attacker", "Attacker", "Defender", **short(1))
    played.leave(0)
    played.step(1, IDLE)
    played.step(2, GUARD)
    played.reset(1)
    played.reset(2)
    assert played.step(1, IDLE)[0].held == Held.PEERS
    result, *_ = played.step(2, GUARD)
    assert (result.result.cause, result.result.winner) == (Cause.STEPS, "Defender")
    assert result.result.statuses == ("Fail", "TimeoutReached", "Success")
    assert result.result.steps == (0, 1, 1)
    assert result.result.returns == (0, -11, 99)


def test_asking_seats_wish_no_longer_counts_once_it_has_left():
    played = table("Attacker", "Attacker", "Attacker")
    played.reset(0, seed=5)
    played.leave(0)
    assert played.reset(1, seed=6)[0].held == Held.RESET
    assert len(played.reset(2, seed=6)) == 3
    assert played.game.episode.seed == 6


@pytest.mark.parametrize("kind", [Kind.STEP, Kind.RESET, Kind.LEAVE, Kind.TIMEOUT])
def test_seat_that_left_is_told_that_it_has_no_part_any_more(kind):
    played = table("Attacker", "Defender")
    played.leave(0)
    (reply,) = played.tell(0, kind, PASS)
    assert (reply.error, reply.flags) == (Code.MATCH_OVER, Flag.OVER)


# --- deadlines --------------------------------------------------------------------------------------------


def test_missed_deadline_is_a_pass_told_to_request_zero():
    played = table("Attacker", **short(4))
    (reply,) = played.timeout(0)
    assert (reply.kind, reply.request, reply.flags) == (Kind.OBS, 0, Flag.MOVE)
    assert (reply.obs.reward, reply.obs.end) == (-1, False)
    assert played.game.episode.players[0].steps == 1


def test_third_missed_deadline_in_a_row_forfeits():
    played = table("Attacker", "Defender")
    played.timeout(0)
    played.timeout(0)
    (over,) = played.timeout(0)
    assert (over.end, over.flags, over.request) == (Cause.TIME, Flag.OVER, 0)
    result, _ = played.step(1, GUARD)
    assert (result.result.winner, result.result.cause) == ("Defender", Cause.TIME)
    assert result.result.statuses == ("Fail", "Success")


@pytest.mark.parametrize("move", [IDLE, None])
def test_move_in_time_forgives_the_missed_ones(move):
    played = table("Attacker")
    for _ in range(3):
        assert [played.timeout(0)[0].kind for _ in range(2)] == [Kind.OBS, Kind.OBS]
        played.step(0, move)
    assert not played.game.over


def test_bad_action_does_not_forgive_the_missed_ones():
    played = table("Attacker")
    played.timeout(0)
    played.timeout(0)
    played.tell(0, Kind.STEP, b"")
    assert played.timeout(0)[-1].end == Cause.TIME


def test_deadline_of_a_seat_that_waits_is_not_missed():
    played = table("Attacker", "Defender")
    for action in WINNING:
        played.step(0, action)
    assert [played.timeout(0) for _ in range(4)] == [[]] * 4
    played.reset(1)
    assert [played.timeout(1) for _ in range(4)] == [[]] * 4


def test_move_after_a_pass_that_ended_the_seat_gets_the_outcome():
    played = table("Attacker", "Defender", **short(1))
    assert played.timeout(0) == []
    (held,) = played.step(0, IDLE)
    assert (held.held, held.request) == (Held.PEERS, 1)
    _, *others = played.step(1, GUARD)
    last = by_seat(others)[0]
    assert (last.request, last.obs.end, last.obs.reward) == (1, True, -11)
    assert played.game.episode.players[0].steps == 1


def test_outcome_for_a_seat_that_ended_by_a_pass_comes_unasked():
    played = table("Attacker", "Defender", **short(1))
    played.timeout(0)
    _, *others = played.step(1, GUARD)
    assert (by_seat(others)[0].request, by_seat(others)[0].obs.end) == (0, True)


def test_reset_after_a_pass_that_ended_the_seat_waits_for_the_others():
    played = table("Attacker", "Defender", **short(1))
    played.timeout(0)
    assert played.reset(0)[0].held == Held.RESET
    result, *others = played.step(1, GUARD)
    assert result.result.statuses == ("TimeoutReached", "Success")
    assert result.result.cause == Cause.STEPS
    assert by_seat(others)[0].request == 0
    assert len(played.reset(1)) == 2


def test_seat_that_does_not_ask_for_the_next_episode_in_time_forfeits_in_the_end():
    played = table("Attacker", "Defender", **short(1))
    played.step(0, IDLE)
    played.step(1, GUARD)
    played.reset(1)
    for _ in range(2):
        (reply,) = played.timeout(0)
        assert reply.seen & Seen.FORBIDDEN
        assert (reply.flags, reply.request) == (Flag.MOVE, 0)
    over, granted = played.timeout(0)
    assert (over.seat, over.end) == (0, Cause.TIME)
    assert (granted.seat, granted.seen) == (1, Seen.FULL)


def test_deadline_after_the_last_episode_ends_the_seats_part_without_blame():
    played = table("Attacker", episodes=1, **short(1))
    played.step(0, IDLE)
    (over,) = played.timeout(0)
    assert (over.end, over.flags) == (Cause.FINISHED, Flag.OVER)
    assert played.game.over


# --- results ----------------------------------------------------------------------------------------------


def test_worst_of_the_attackers_causes_is_the_episodes():
    played = table("Attacker", "Attacker", "Attacker", **short(4))
    played.leave(0)
    played.leave(1, lost=True)
    for _ in range(4):
        replies = played.step(2, IDLE)
    assert replies[0].result.cause == Cause.DISCONNECT


def test_forfeit_of_the_defender_makes_no_winner():
    played = table("Attacker", "Defender", **short(1))
    played.leave(1)
    result, _ = played.step(0, IDLE)
    assert (result.result.winner, result.result.cause) == (None, Cause.STEPS)
    assert result.result.statuses == ("TimeoutReached", "Fail")


def test_statuses_of_a_result_are_agent_statuses():
    played = table("Attacker", "Defender", "Benign", **short(1))
    played.step(0, IDLE)
    played.step(1, GUARD)
    result = played.step(2, IDLE)[0].result
    assert [AgentStatus[name] for name in result.statuses] == [
        AgentStatus.TimeoutReached,
        AgentStatus.Success,
        AgentStatus.Playing,
    ]


def test_stepping_on_after_the_end_buys_no_time():
    """Others wait for its RESET: a seat whose steps are forbidden still has to ask for it in time."""
    played = table("Attacker", "Defender", **short(1))
    played.step(0, IDLE)
    played.step(1, GUARD)
    played.reset(1)
    for _ in range(2):
        (reply,) = played.step(0, IDLE)
        assert reply.seen & Seen.FORBIDDEN
        assert reply.flags == Flag.NONE
        played.timeout(0)
    played.step(0, IDLE)
    over, granted = played.timeout(0)
    assert (over.seat, over.end) == (0, Cause.TIME)
    assert (granted.seat, granted.seen) == (1, Seen.FULL)


def test_trajectories_are_handed_to_the_hub_before_the_result_if_the_task_wants_them():
    played = table("Attacker", "Defender", save_trajectories=True, **short(1))
    played.step(0, IDLE)
    told = [each for each in played.step(1, GUARD) if each.seat == HUB_SEAT]
    assert [each.kind for each in told] == [Kind.TRAJECTORY, Kind.TRAJECTORY, Kind.RESULT]
    attacker, defender = (read_trajectory(each.body) for each in told[:2])
    assert attacker["trajectory"]["rewards"] == [-11]
    assert attacker["trajectory"]["actions"] == [IDLE.as_dict]
    assert defender["trajectory"]["actions"] == [GUARD.as_dict]
    assert (attacker["agent_role"], defender["agent_role"]) == ("Attacker", "Defender")
