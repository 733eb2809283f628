"""Trajectories out of a match that is played again: what its seats would have been given."""

from __future__ import annotations

from collections.abc import Iterator

from netsiege.engine import replies
from netsiege.engine.playback import Playback
from netsiege.errors import SiegeError


def trajectories(playback: Playback) -> Iterator[tuple[int, bytes]]:
    """The episode's number and the `trajectory_body` of each seat in it, for each episode that was settled.

    Those of an episode come in the order of the seats, without the ones that had left before it, as the task
    setting `save_trajectories` has them; each is what a RESET that asks for it is given.
    Afterwards `Playback.game` tells whether the last episode was settled. Raises `SiegeError` at the first
    event that comes out otherwise than in the replay: what follows would be of another match; and at the end
    if the hub has told something else.
    """
    game, replay = playback.game, playback.replay
    number, episode = game.number, game.episode
    told = False
    for event, _ in playback.turns():
        if playback.differs is not None:
            raise SiegeError(f"played again, it comes out otherwise from {replay.describe_event(event)}")
        if episode.settled and not told:
            # it may have given way to the next one in the same event
            for spec, player in zip(replay.seats, episode.players, strict=True):
                if not player.absent:
                    yield number, replies.trajectory(episode, player, spec.name)
            told = True
        if game.episode is not episode:
            number, episode, told = game.number, game.episode, False
    sums = playback.sums_differ()
    if sums is not None:
        raise SiegeError(f"played again, it comes out otherwise than the hub has told it: {sums}")
