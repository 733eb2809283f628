"""A differ: two matches in lockstep that differ only in what one seat, the watched one, may not know.

Both sides get the same requests from the watched seat; the others do on each side what they like. What
NetSecGame's rules let a seat learn is told by `tests.engine.disclosure`, from the world as it stands and not
from the code of the rules. As long as that is the same on both sides, every message to the watched seat must
be the same to the byte. Where it first differs, messages may differ in the fields that the action is there
for, or because the seat has ended; in nothing else.

Two things are held constant here: `configuration_hash`, which is a hash of the scenario and the task, hidden
parts included, and is meant to tell them apart; and the seat's own seed, which it needs to know.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import attrs

from netsiege.engine.episode import ATTACKER, DEFENDER, HUNTING, RESIGNED, SUCCESS, Episode
from netsiege.engine.game import Game
from netsiege.engine.tables import Tables, compile_spec
from netsiege.game import Action, generate_valid_actions
from netsiege.protocol import HUB_SEAT, Kind, Reset, SeatSpec, unpack
from netsiege.protocol.play import PASS, Seated, Seen, action_body, read_action, read_observation
from netsiege.scenarios.model import PACINGS, Spec
from tests.engine.disclosure import TEACHES, Truth, revealed
from tests.engine.hidden import any_action, office, otherwise, tasks_of

MATCH = 5
ROLES = ("Attacker", "Defender", "Benign")
REFUSED = (b"\x91\x07", b"\x93\x01\xce\x00\x00\x00\x00\x07\x07", b"\xc1")
"""Bodies that are no actions."""
TURNS = 14
REWARD, ATTACKERS_PLAY = "reward", "attackers play"
"""What else the rules reveal: the reward of the end; to those who do not attack, whether any attacker still
plays when they move, and to a seat that hunts attackers, whether they are cut off."""


def tables_of(spec: Spec) -> Tables:
    """A spec compiled, with nothing in its `configuration_hash`."""
    return attrs.evolve(compile_spec(spec.to_bytes()), digest="0" * 64)


class Fact(NamedTuple):
    """Something that the rules reveal to the watched seat, and by what."""

    by: Any
    what: Any


# --- one side ---------------------------------------------------------------------------------------------


class _Episode(Episode):
    """An episode that says what its watched seat is about to learn."""

    __slots__ = ("side",)

    def play(self, player, seat, action, body):
        if seat == self.side.watched:
            self.side.note_move(self, read_action(body))
        learned = super().play(player, seat, action, body)
        if seat == self.side.watched:
            self.side.note_hunt(self)
        return learned

    def resign(self, seat):
        if seat == self.side.watched:
            self.side.note_attackers(self)
        super().resign(seat)

    def settle(self, number, is_last):
        result = super().settle(number, is_last)
        self.side.note_end(self)
        return result


class _Game(Game):
    side: Side | None = None

    def _new_episode(self, seed):
        episode = _Episode(self.tables, seed, self._specs, self._absent)
        episode.side = self.side
        return episode

    def tell(self, side: Side) -> _Game:
        self.side = self.episode.side = side
        return self


class Side:
    """One of the two matches: its game, what the watched seat has heard, and what it was to learn."""

    def __init__(self, tables: Tables, seats: list[SeatSpec], watched: int, seed: int) -> None:
        self.tables = tables
        self.watched = watched
        self.others = [i for i in range(len(seats)) if i != watched]
        self.game = _Game(self.tables, MATCH, seed, seats, None).tell(self)
        self.states: dict[int, Any] = {}
        self.ended = False
        self.heard: list[tuple[int, ...]] = []
        self.facts: list[Fact] = []
        self._requests = 1_000_000
        self._hear(self.game.open())

    def note_move(self, episode: Episode, action: Action | None) -> None:
        if action is not None:
            self.facts.append(Fact(action.action_type, revealed(Truth(episode, self.watched), action)))
        self.note_attackers(episode)

    def note_attackers(self, episode: Episode) -> None:
        player = episode.players[self.watched]
        if player.role != ATTACKER:
            attackers = [p for p in episode.players if p.role == ATTACKER]
            self.facts.append(Fact(ATTACKERS_PLAY, any(p.status == HUNTING for p in attackers)))
            self.facts.append(Fact(ATTACKERS_PLAY, any(p.status in (HUNTING, RESIGNED) for p in attackers)))

    def note_hunt(self, episode: Episode) -> None:
        """To a seat that has to cut all attackers off from a host, it shows whether it has."""
        player, board = episode.players[self.watched], episode.tables.board
        attackers = [p for p in episode.players if p.role == ATTACKER and not (p.absent or p.forfeited)]
        held = {number for p in attackers for number in board.numbers_of(p.knows.controlled)}
        for host in player.goal.hunted:
            wanted = held - {host}
            self.facts.append(
                Fact(ATTACKERS_PLAY, bool(wanted) and wanted <= player.knows.blocks.get(host, set()))
            )

    def note_end(self, episode: Episode) -> None:
        player = episode.players[self.watched]
        if player.role == DEFENDER and not self.game.seats[self.watched].gone:
            present = [p for p in episode.players if not p.absent]
            lost = any(p.role == ATTACKER and p.status == SUCCESS for p in present)
            given_up = all(p.status == RESIGNED for p in present)
            paid = episode.world.false_positives[self.watched]
            self.facts.append(Fact(REWARD, (lost, given_up, paid)))

    # --- events -------------------------------------------------------------------------------------------

    def say(self, seat: int, kind: int, body: bytes, request: int | None = None) -> None:
        """An event of a seat; the requests of others are numbered anew."""
        if request is None:
            self._requests += 1
            request = 0 if kind == Kind.TIMEOUT else self._requests
        self._hear(self.game.handle(seat, kind, request, body))

    def _hear(self, outputs: list[Any]) -> None:
        for seat, kind, flags, request, body in outputs:
            if seat == HUB_SEAT:
                continue
            if kind == Kind.SEATED:
                self.states[seat] = read_observation(Seated.decode(body).observation, None)[0].state
            elif kind == Kind.OBS:
                seen, told = read_observation(body, self.states[seat])
                self.states[seat] = seen.state
                if seat == self.watched:
                    self.ended = bool(told & Seen.END)
            if seat == self.watched:
                said = without_seed(body) if kind == Kind.SEATED else body
                self.heard.append((kind, flags, request, said))

    def due(self) -> list[int]:
        """The others who have a move to make."""
        pairs = zip(self.game.seats, self.game.episode.players, strict=True)
        free = [not (s.gone or s.submitted or s.asked is not None or p.ended) for s, p in pairs]
        return [i for i in self.others if free[i]]

    def whim(self, seat: int, rng: random.Random) -> None:
        """One of the others does something."""
        luck = rng.random()
        if luck < 0.005:
            self.say(seat, Kind.LEAVE, rng.choice((b"", b"\x01", b"\x02")))
        elif luck < 0.01:
            self.say(seat, Kind.RESET, Reset(rng.random() < 0.5, self.tables.is_dynamic).encode())
        elif luck < 0.1:
            self.say(seat, Kind.TIMEOUT, b"")
        elif luck < 0.2:
            self.say(seat, Kind.STEP, rng.choice((PASS, *REFUSED)))
        else:
            self.say(seat, Kind.STEP, some_body(rng, self.states[seat]))

    def turn(self, rng: random.Random, body: bytes | None, request: int) -> None:
        """The watched seat asks for a step (None: it misses its deadline); the others do what they like."""
        in_rounds = self.tables.in_rounds
        others = self.due() if in_rounds else [s for s in self.due() for _ in range(rng.randrange(3))]
        for seat in sorted([*others, self.watched], key=lambda _: rng.random()):
            if seat != self.watched:
                self.whim(seat, rng)
            elif body is None:
                self.say(seat, Kind.TIMEOUT, b"", 0)
            else:
                self.say(seat, Kind.STEP, body, request)
        if in_rounds:
            for seat in self.due():
                self.say(seat, Kind.STEP, PASS)

    def wind_up(self, rng: random.Random) -> None:
        """The others play on for a while, and then leave or ask for a new episode."""
        for _ in range(rng.randrange(4) if self.is_out or not self.tables.in_rounds else 0):
            for seat in self.due():
                self.whim(seat, rng)
        for seat in sorted(self.others, key=lambda _: rng.random()):
            if self.game.seats[seat].submitted or rng.random() < 0.1:
                self.say(seat, Kind.LEAVE, b"")
        self.ask_again(rng)

    def ask_again(self, rng: random.Random) -> None:
        """The others ask for a new episode, as far as they can."""
        for seat in sorted(self.others, key=lambda _: rng.random()):
            asking = self.game.seats[seat]
            if not (asking.gone or asking.is_busy):
                self.say(seat, Kind.RESET, Reset(rng.random() < 0.5, self.tables.is_dynamic).encode())

    @property
    def is_out(self) -> bool:
        """Whether the watched seat plays on no more in this episode."""
        seat = self.game.seats[self.watched]
        return self.ended or seat.owed or seat.gone

    def view(self) -> bytes:
        """What the watched seat would be told if its agent came back."""
        if self.game.seats[self.watched].gone:
            return b""
        return without_seed(self.game.view(self.watched))

    def move_house(self) -> None:
        """Another worker takes the match over."""
        self.game = _Game.restore(self.tables, self.game.snapshot()).tell(self)

    def take(self) -> tuple[list[Any], list[Fact]]:
        """What was heard and revealed since the last call."""
        taken = (self.heard, self.facts)
        self.heard, self.facts = [], []
        return taken


def without_seed(seated: bytes) -> bytes:
    """A SEATED without the seat's own seed."""
    return attrs.evolve(Seated.decode(seated), seed=0).encode()


def some_body(rng: random.Random, state: Any) -> bytes:
    """The body of a STEP: what makes sense in a state or, one time in four, whatever there may be."""
    valid = generate_valid_actions(state, include_blocks=rng.random() < 0.3)
    sensible = len(valid) and rng.random() < 0.75
    return action_body(valid[rng.randrange(len(valid))] if sensible else any_action(rng))


# --- both sides -------------------------------------------------------------------------------------------


def draw_pair(rng: random.Random, role: str) -> Pair:
    """Two matches in which a seat of that role can tell no difference until the rules reveal one.

    The offices, the other roles' tasks, the other seats and, where the role draws nothing, the seeds differ.
    """
    own = rng.choice(tasks_of(role))
    spec = office(
        roles=(own, *(rng.choice(tasks_of(other)) for other in ROLES if other != role)),
        pacing=rng.choice(PACINGS),
        use_firewall=rng.random() < 0.8,
        use_global_defender=rng.random() < 0.3,
        use_dynamic_addresses=rng.random() < 0.3,
    )
    deltas = rng.random() < 0.6
    sides = []
    for each in (spec, otherwise(spec, role, rng)):
        tables = tables_of(each)
        draws = tables.has_detector or tables.roles[role].is_drawn
        seats = _draw_others(rng, role)
        watched = rng.randrange(len(seats) + 1)
        seats.insert(watched, SeatSpec(role, 0, "watched", deltas))
        sides.append(Side(tables, seats, watched, 7 if draws else rng.randrange(1 << 64)))
    return Pair(*sides, rng)


def _draw_others(rng: random.Random, role: str) -> list[SeatSpec]:
    """Up to three others: nearly always an attacker among them for those who do not attack themselves."""
    roles = [rng.choice(ROLES) for _ in range(rng.randrange(3))]
    if role != ATTACKER and rng.random() < 0.9:
        roles.append(ATTACKER)
    return [
        SeatSpec(each, i + 1, f"other-{rng.randrange(1 << 30)}", rng.random() < 0.5)
        for i, each in enumerate(roles)
    ]


class Pair:
    """Both matches. `luck` decides what the watched seat does, and on each side what the others do."""

    def __init__(self, left: Side, right: Side, luck: random.Random) -> None:
        self.sides = (left, right)
        self._luck = luck
        self._request = 0
        self.revealed: set[Any] = set()
        """By what the rules have revealed a difference."""
        self.compared = 0
        """Messages that were the same on both sides."""

    def play(self, episodes: int = 2) -> Pair:
        """Plays until the rules reveal a difference. Raises AssertionError if anything else does."""
        self._check()
        for _ in range(episodes):
            turns = 0
            while not (self.revealed or turns == TURNS or any(side.is_out for side in self.sides)):
                self._turn()
                turns += 1
            if not self.revealed:
                self._next_episode()
        if not self.revealed:
            for side in self.sides:
                side.say(side.watched, Kind.LEAVE, b"", self._request + 2)
            self._check(held=False)
        return self

    def _turn(self) -> None:
        left = self.sides[0]
        self._request += 2
        body: bytes | None = some_body(self._luck, left.states[left.watched])
        if self._luck.random() < 0.15:
            body = self._luck.choice((None, PASS, *REFUSED))
        for side in self.sides:
            side.turn(self._luck, body, self._request)
            if body in REFUSED and side.tables.in_rounds:
                side.say(side.watched, Kind.STEP, PASS, self._request + 1)
        if self._luck.random() < 0.2:
            self._luck.choice(self.sides).move_house()
        if not all(side.is_out for side in self.sides):
            self._check()  # else once the outcome is there, on both sides

    def _next_episode(self) -> None:
        """The episode ends; the watched seat moves once more, and asks for a trajectory and the next one."""
        self._request += 2
        seed = self._luck.choice((None, 3))
        asked = Reset(True, self.sides[0].tables.is_dynamic, seed).encode()
        for side in self.sides:
            side.wind_up(self._luck)
            if side.ended:
                side.say(side.watched, Kind.STEP, PASS, self._request)
            side.say(side.watched, Kind.RESET, asked, self._request + 1)
            side.ask_again(self._luck)
        self._check(held=False)

    def _check(self, held: bool = True) -> None:
        """Compares what is new; `held`: WAITs too, which say how far the others are."""
        (heard, facts), (also_heard, also_facts) = [side.take() for side in self.sides]
        pairs = zip(facts, also_facts, strict=False)
        self.revealed = {each.by for fact, also in pairs if fact != also for each in (fact, also)}
        if self.revealed:
            heard, also_heard = _final(heard), _final(also_heard)
            assert _ends(heard) != _ends(also_heard) or (
                _rest(heard, self.revealed) == _rest(also_heard, self.revealed)
            )
            return
        if not held:
            heard, also_heard = _final(heard), _final(also_heard)
        assert len(facts) == len(also_facts)
        assert heard == also_heard
        assert self.sides[0].view() == self.sides[1].view()
        self.compared += len(heard)


def _final(heard: list[Any]) -> list[Any]:
    return [told for told in heard if told[0] != Kind.WAIT]


def _ends(heard: list[Any]) -> list[int]:
    """Which of the observations say that the seat has ended."""
    return [unpack(body)[0] & Seen.END for kind, *_, body in heard if kind == Kind.OBS]


def _rest(heard: list[Any], revealed_by: set[Any]) -> list[Any]:
    """The messages without what may differ when these things have revealed a difference."""
    return [(*head, _without(head[0], body, revealed_by)) for *head, body in heard]


def _without(kind: int, body: bytes, revealed_by: set[Any]) -> Any:
    if kind != Kind.OBS:
        return body
    flags, reward, info, state = unpack(body)
    taught = {field for by in revealed_by for field in TEACHES.get(by, ())}
    if flags & Seen.FULL:
        rest = [value for field, value in enumerate(state) if field not in taught]
    else:
        rest = [pair for pair in zip(state[::2], state[1::2], strict=True) if pair[0] not in taught]
    if revealed_by & {REWARD, ATTACKERS_PLAY}:
        reward = info = None
    elif "last_trajectory" in info:
        info[info.index("last_trajectory") + 1] = None  # it tells the same once more
    return flags, reward, info, rest
