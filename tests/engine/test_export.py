"""Trajectories out of replays: exactly what the seats and the hub were given while the match was played."""

import attrs
import pytest

from netsiege.engine.export import trajectories
from netsiege.engine.playback import Playback
from netsiege.engine.recorder import Recorder
from netsiege.engine.replay import LINK_BYTES
from netsiege.engine.selfplay import play_randomly
from netsiege.errors import SiegeError
from netsiege.game import GameState
from netsiege.protocol import EVENT_HEAD, HUB_SEAT, Kind, Reset
from netsiege.protocol.play import read_observation, read_trajectory
from netsiege.scenarios import load_spec


def played(pacing, leaver=None, events=1500, **overrides):
    """A random match whose seats ask for their trajectories: the replay, and all that it has said."""
    seats = {"Attacker": 2, "Defender": 1, "Benign": 1}
    spec = load_spec(scenario="two_networks_small", seats=seats, pacing=pacing, **overrides)
    random = play_randomly(spec, 5, events)
    recorder = Recorder(random.spec, 1, 5, random.seats, None)
    outputs = list(recorder.opening)
    for event in random.events:
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        body = event[EVENT_HEAD.size :]
        if kind == Kind.RESET:
            body = Reset(request_trajectory=True).encode()
            if seat == leaver:
                kind, body = Kind.LEAVE, b""
        outputs += recorder.handle(seat, kind, request, body)
    return recorder.replay(), outputs


def handed_over(outputs):
    """The trajectories that resets were answered with."""
    found = []
    for seat, kind, _, _, body in outputs:
        if seat != HUB_SEAT and kind == Kind.OBS:
            info = read_observation(body, GameState())[0].info
            found += [info["last_trajectory"]] if "last_trajectory" in info else []
    return found


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
def test_trajectories_are_those_that_save_trajectories_keeps(pacing):
    replay, outputs = played(pacing, save_trajectories=True)
    kept = [body for seat, kind, _, _, body in outputs if (seat, kind) == (HUB_SEAT, Kind.TRAJECTORY)]
    assert len(kept) >= 8
    assert [body for _, body in trajectories(Playback(replay))] == kept


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
def test_trajectories_are_those_that_resets_hand_over(pacing):
    replay, outputs = played(pacing)
    told = handed_over(outputs)
    assert len(told) >= 8
    exported = [read_trajectory(body) for _, body in trajectories(Playback(replay))]
    assert sorted(exported[: len(told)], key=repr) == sorted(told, key=repr)
    assert len(exported) - len(told) in (0, 4), "the last episode may be settled, and not yet left"


def test_trajectories_come_episode_by_episode_and_the_unsettled_one_is_left_out():
    replay, _ = played("rounds", events=900)
    playback = Playback(replay)
    numbers = [number for number, _ in trajectories(playback)]
    settled = len(replay.results)
    assert numbers == [number for number in range(settled) for _ in range(4)]
    assert not playback.game.episode.settled
    assert playback.game.number == settled


def test_trajectories_of_a_seat_that_has_left_end_with_the_episode_it_left_in():
    replay, _ = played("realtime", leaver=1, save_trajectories=True)
    numbers = [number for number, _ in trajectories(Playback(replay))]
    assert numbers.count(0) == 4
    assert numbers.count(1) == 3


def test_trajectories_of_a_replay_that_comes_out_otherwise_end_there():
    replay, _ = played("rounds")
    links = (*replay.links[:-1], b"x" * LINK_BYTES)
    with pytest.raises(SiegeError, match=f"otherwise from event {len(replay.events)}, "):
        list(trajectories(Playback(attrs.evolve(replay, links=links))))
    links = (b"x" * LINK_BYTES, *replay.links[1:])
    with pytest.raises(SiegeError, match="from the opening"):
        next(trajectories(Playback(attrs.evolve(replay, links=links))))
