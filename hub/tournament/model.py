"""The words of a tournament: entrants, games, outcomes. No behaviour."""

from __future__ import annotations

from typing import Final

from attrs import Factory, frozen

from netsiege.hub.tournament.hypotheses import Hypotheses

ATTACKER: Final = "Attacker"
DEFENDER: Final = "Defender"
ROLES: Final = (ATTACKER, DEFENDER)
"""The roles that compete. Benign users may be there, but belong to the scenario."""

ROUND_ROBIN: Final = "round-robin"
SWISS: Final = "swiss"
GAUNTLET: Final = "gauntlet"
COMPARE: Final = "compare"
FORMATS: Final = (ROUND_ROBIN, SWISS, GAUNTLET, COMPARE)


@frozen
class Player:
    """Who plays a role for an entrant: exactly one of the three is set.

    `agent` is a bundled agent, `NAME,PARAMETER=VALUE`, or `module:Class`; `command` a command line of one's
    own; `key` the name of the key with which a remote agent comes.
    """

    agent: str = ""
    command: tuple[str, ...] = ()
    key: str = ""


@frozen
class Entrant:
    """Somebody who competes, in one role or in both. `players` has one for each role that it plays.

    `seats` is how many games it plays at once, `cpu_s` and `memory_mb` limit each of its processes (managed
    ones; None: no limit).
    """

    name: str
    players: tuple[tuple[str, Player], ...]
    seats: int = 8
    cpu_s: float | None = None
    memory_mb: int | None = None

    def player(self, role: str) -> Player | None:
        """Who plays that role; None if the entrant does not."""
        return dict(self.players).get(role)

    @property
    def plays_both(self) -> bool:
        """Whether it plays both roles."""
        return len(self.players) == len(ROLES)


@frozen
class Ground:
    """A scenario of the cup, by a label: a bundled one or a file, or a task; with addresses drawn anew from
    the seed of each slice (`readdressed`), or as they are. `unseen` grounds have tables of their own.

    Or a suite of generated networks: a slice is played on the next of the first `count` of them.
    """

    label: str
    scenario: str | None = None
    task: str | None = None
    readdressed: bool = False
    unseen: bool = False
    benign: tuple[str, ...] = ()
    """Agents that are there as users in every game."""
    suite: str = ""
    count: int = 1
    """Networks; more than one in a suite only."""


@frozen
class Format:
    """How pairings are made. `games` is the number of slices a pairing plays on each ground; the most, where
    the cup may stop before.

    `hero` is the gauntlet's new agent; `rounds` are the Swiss system's (0: enough for the field); `a` and `b`
    are compared, until the hypotheses are told apart.
    """

    kind: str = ROUND_ROBIN
    games: int = 10
    hero: str = ""
    rounds: int = 0
    a: str = ""
    b: str = ""
    hypotheses: Hypotheses = Factory(Hypotheses)


@frozen
class Cup:
    """A cup, resolved and checked. `forfeits` bench an entrant: at so many of its games in a row, or at a
    quarter of all and that many; 0: never.
    """

    name: str
    entrants: tuple[Entrant, ...]
    grounds: tuple[Ground, ...]
    format: Format
    seed: int
    max_steps: int | None = None
    """Of each seat and game; None: as the tasks say."""
    move_s: float = 10.0
    episode_s: float | None = None
    forfeits: int = 5
    ruleset: str | None = None
    """That all games are played by; None: as the tasks say."""
    within: float | None = None
    """The cup stops once all ratings are known within so many points of Elo; None: it plays all games."""


@frozen
class Game:
    """One game. `pair` is the id of the first game of its pair: its own, if it has no twin."""

    id: int
    pair: int
    ground: str
    slice: int
    seed: int
    attacker: str
    defender: str
    round: int = 0


@frozen
class Outcome:
    """What came of a game: the attacker's score, 0 or 1, returns and steps of attacker and defender.

    `cause` is the hub's word for the end; `forfeit` is the entrant that forfeited, if one has.
    """

    game: Game
    score: float
    cause: str
    returns: tuple[float, float]
    steps: tuple[int, int]
    forfeit: str = ""
