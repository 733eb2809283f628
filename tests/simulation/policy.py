"""What players do: a pure function of a seat's own seed, how many moves it has made, and what it knows.

So a room that plays in rounds has one outcome, whatever is slow, lost or restarted on the way, and
`undisturbed` tells it: the match in one process, without a hub.
"""

from functools import lru_cache

from netsiege.engine.game import Game
from netsiege.game import generate_valid_actions
from netsiege.protocol import HUB_SEAT, Kind, Reset
from netsiege.protocol.play import Seated, action_body, read_observation
from tests.simulation.specs import compiled

_MASK = (1 << 64) - 1

RESET = Reset().encode()
RESET_WITH_TRAJECTORY = Reset(request_trajectory=True).encode()
STRANGE_BODY = b"\x91\x07"
"""A STEP that no engine plays: answered by an ERROR, whatever the match."""


def mix(a, b):
    """64 bits of two numbers (the finalizer of SplitMix64)."""
    x = (a * 0x9E3779B97F4A7C15 + b * 0xD1B54A32D192ED03 + 0x2545F4914F6CDD1D) & _MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & _MASK
    return x ^ x >> 31


@lru_cache(maxsize=1 << 12)
def _valid(state, blocks):
    return generate_valid_actions(state, include_blocks=blocks)


def decide(seed, moves, observation):
    """What the seat asks next: its kind, and an action or the body of the request.

    Valid moves mostly; now and then a pass, nonsense, and a move after the end of the episode.
    """
    luck = mix(seed, moves)
    if observation.end and luck % 8:
        return Kind.RESET, RESET_WITH_TRAJECTORY if luck >> 8 & 1 else RESET
    if luck % 41 == 1:
        return Kind.STEP, None
    if luck % 43 == 2:
        return Kind.STEP, STRANGE_BODY
    valid = _valid(observation.state, luck >> 16 & 3 == 0)
    return Kind.STEP, valid[(luck >> 20) % len(valid)] if valid else None


def body_of(kind, what):
    """The body of the request."""
    if kind == Kind.STEP:
        return what if isinstance(what, bytes) else action_body(what)
    return what


def undisturbed(spec, match, seed, seats, episodes):
    """The results of a match that nothing disturbs, each as a RESULT's body, if it plays in rounds."""
    players = _Players(Game(compiled(spec), match, seed, seats, episodes))
    waiting = list(range(len(seats)))
    while waiting:
        players.ask(waiting.pop(0), waiting)
    return players.results


class _Players:
    """Plays a match: each seat asks as soon as it has been answered."""

    def __init__(self, game):
        self.game, self.results = game, []
        self.seeds, self.seen, self.moves = {}, {}, {}
        for seat, _, _, _, body in game.open():
            told = Seated.decode(body)
            self.seeds[seat], self.moves[seat] = told.seed, 0
            self.seen[seat] = read_observation(told.observation, None)[0]

    def ask(self, seat, waiting):
        """Plays the seat's next move; who has been answered is added to `waiting`."""
        kind, what = decide(self.seeds[seat], self.moves[seat], self.seen[seat])
        self.moves[seat] += kind == Kind.STEP
        for told, answer, _, _, body in self.game.handle(seat, kind, 1, body_of(kind, what)):
            if told == HUB_SEAT:
                if answer == Kind.RESULT:
                    self.results.append(body)
            elif answer == Kind.OBS:
                self.seen[told] = read_observation(body, self.seen[told].state)[0]
                waiting.append(told)
            elif answer == Kind.ERROR:
                waiting.append(told)
