"""Random matches inside one process, from a seed: for recordings and comparisons of machines."""

from __future__ import annotations

from collections.abc import Iterable

from netsiege.engine.recorder import Recorder
from netsiege.engine.replay import Replay
from netsiege.engine.replies import Output
from netsiege.engine.streams import Stream
from netsiege.game import GameState, generate_valid_actions
from netsiege.protocol import HUB_SEAT, Kind, Reset, SeatSpec
from netsiege.protocol.play import Seated, action_body, read_observation
from netsiege.scenarios.model import Spec


def play_randomly(spec: Spec, seed: int, events: int) -> Replay:
    """Plays `events` events: valid random moves, seat after seat, and resets when an episode has ended.

    Equal arguments give equal replays, on every machine that plays by the same engine.
    """
    counts = spec.task.seats or ((spec.task.roles[0].role, 1),)
    seats = [SeatSpec(role, i, f"{role} {i}", True) for role, count in counts for i in range(count)]
    recorder = Recorder(spec.to_bytes(), 1, seed, seats, None)
    players = _Players(recorder.opening)
    draws = Stream(seed, "selfplay")
    seat = -1
    for number in range(1, events + 1):
        seat = next(
            s for i in range(1, len(seats) + 1) if (s := (seat + i) % len(seats)) not in players.waiting
        )
        if seat in players.ended:
            kind, body = Kind.RESET, Reset().encode()
        else:
            actions = generate_valid_actions(players.states[seat], include_blocks=True)
            kind = Kind.STEP
            body = action_body(actions[draws.below(len(actions))] if actions else None)
        players.waiting.add(seat)
        players.hear(recorder.handle(seat, int(kind), number, body))
    return recorder.replay()


class _Players:
    """What each seat knows, whether its episode has ended, and whether it waits for an answer."""

    def __init__(self, opening: Iterable[Output]) -> None:
        self.states: dict[int, GameState] = {}
        self.ended: set[int] = set()
        self.waiting: set[int] = set()
        for seat, _, _, _, body in opening:
            self.states[seat] = read_observation(Seated.decode(body).observation, None)[0].state

    def hear(self, outputs: Iterable[Output]) -> None:
        for seat, kind, _, _, body in outputs:
            if seat != HUB_SEAT and kind == Kind.OBS:
                observation, _ = read_observation(body, self.states[seat])
                self.states[seat] = observation.state
                self.waiting.discard(seat)
                (self.ended.add if observation.end else self.ended.discard)(seat)
