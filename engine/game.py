"""A match as a pure state machine: events in, outputs out.

What comes out depends on the spec, the seeds and the events alone: no clock, no environment, no set order.
A `Game` starts full, plays one or more episodes, and is `over` when every seat has left it or has been told
that nothing is left to play.

How requests are answered. A STEP is answered by an observation, at once (*realtime*) or when everyone who
plays has moved (*rounds*). Whoever ends waits for the others, and is told the outcome when all have ended;
a RESET waits until all have asked. Both hear WAIT. A seat that missed its deadline hears of its pass by an
observation to request 0; if it ends by that and then moves, the held outcome becomes the answer to the move.

The last message of an episode carries MOVE like any other after which a seat is to act: a clock makes sure
that nobody keeps the others from the next episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from netsiege.engine import replies
from netsiege.engine.actions import Action
from netsiege.engine.deltas import QUIET
from netsiege.engine.episode import Episode
from netsiege.engine.replies import Output
from netsiege.engine.seats import Seat, all_ended, check_agreement, round_is_complete, turn_order
from netsiege.engine.streams import Named, derive
from netsiege.engine.tables import Tables
from netsiege.errors import ProtocolError, RuleError
from netsiege.protocol import HUB_SEAT, Cause, Flag, Kind, SeatSpec, pack, unpack
from netsiege.protocol.play import PASS, Seen

SNAPSHOT_VERSION: Final = 3
MISSES_ALLOWED: Final = 2
"""The next deadline missed in a row forfeits."""

# plain numbers: an enumeration's own arithmetic costs more than the step
_STEP: Final = int(Kind.STEP)
_RESET: Final = int(Kind.RESET)
_LEAVE: Final = int(Kind.LEAVE)
_TIMEOUT: Final = int(Kind.TIMEOUT)
_SEATED: Final = int(Kind.SEATED)
_OBS: Final = int(Kind.OBS)
_WAIT: Final = int(Kind.WAIT)
_END: Final = int(Kind.END)
_ERROR: Final = int(Kind.ERROR)
_RESULT: Final = int(Kind.RESULT)
_TRAJECTORY: Final = int(Kind.TRAJECTORY)
_NONE: Final = int(Flag.NONE)
_MOVE: Final = int(Flag.MOVE)
_OVER: Final = int(Flag.OVER)
_ENDED: Final = int(Seen.END)
_FORBIDDEN: Final = int(Seen.END | Seen.FORBIDDEN)

_LEAVE_CAUSES: Final = {b"\x01": Cause.DISCONNECT, b"\x02": Cause.PROTOCOL}
"""Why the hub takes a seat out of the match, by the body of its LEAVE; an agent that asks sends none."""


class Game:
    """One match; see the module. `seats` are in the match's order, `episodes` None means without end."""

    def __init__(
        self,
        tables: Tables,
        match: int,
        seed: int,
        seats: Sequence[SeatSpec],
        episodes: int | None,
        episode_seed: int | Named | None = None,
    ) -> None:
        missing = [seat.role for seat in seats if seat.role not in tables.roles]
        if missing or not seats:
            raise RuleError(f"the task has no part for {', '.join(missing) or 'a match without seats'}")
        self.base = tables
        self.addresses: int | None = None
        """The seed of the present addresses, unless they are those of the spec."""
        self.match = match
        self.seed = seed
        self.episodes = episodes
        self._specs = tuple(seats)
        self.seats = [Seat(spec) for spec in seats]
        self._absent: list[int] = []
        """The seats that have no part in episodes to come."""
        self.number = 0
        """Of the episode, from 0."""
        self.rounds = 0
        """Played so far in the match."""
        self.events = 0
        """Handled so far: the sequence number of the last one."""
        self._order = turn_order(seats)
        self._use(tables)
        self.episode = self._new_episode((seed, "episode/0") if episode_seed is None else episode_seed)

    def _use(self, tables: Tables) -> None:
        """Plays under the addresses of these tables from the next episode on."""
        self.tables = tables
        """Those of the present addresses."""
        self._in_rounds = tables.in_rounds
        self._tells = tables.ruling.tells
        self._known = tables.reader.known
        self._step_head = replies.step_head(tables)
        self._quiet = self._step_head + QUIET

    def _new_episode(self, seed: int | Named) -> Episode:
        return Episode(self.tables, seed, self._specs, self._absent)

    @property
    def over(self) -> bool:
        """Whether no seat has a part in the match any more."""
        return all(seat.gone for seat in self.seats)

    @property
    def _is_last_episode(self) -> bool:
        return self.episodes is not None and self.number + 1 >= self.episodes

    def open(self) -> list[Output]:
        """SEATED for every seat, in order. Call it once, before the first event."""
        first = [replies.first_seen(self.tables, player) for player in self.episode.players]
        return [(i, _SEATED, _MOVE, 0, self._seated(i, seen)) for i, seen in enumerate(first)]

    def view(self, seat: int) -> bytes:
        """A SEATED whose observation is, in full, the last one that the seat was told. Changes nothing.

        While the outcome of the seat's last move is held back, the state may already have what it taught.
        Raises RuleError for a seat that does not exist, or has no part in the match any more.
        """
        if not 0 <= seat < len(self.seats) or self.seats[seat].gone:
            raise RuleError(f"nobody plays on seat {seat}")
        asking, player = self.seats[seat], self.episode.players[seat]
        told = [*self.episode.world.told(seat), *replies.offered(self.tables)]
        return self._seated(seat, replies.last_told(self.tables, asking, player, told, self.number == 0))

    def _seated(self, i: int, seen: bytes) -> bytes:
        spec = self._specs[i]
        own_seed = derive(self.seed, f"seat/{spec.role}/{spec.index}")
        return replies.seated(self.tables, self.match, own_seed, self.episodes, spec, seen)

    # --- events -------------------------------------------------------------------------------------------

    def handle(self, seat: int, kind: int, request: int, body: bytes) -> list[Output]:
        """Takes one event of a seat: STEP, RESET, LEAVE (by the agent), or TIMEOUT (by the hub).

        Nothing that an agent can send raises. Raises RuleError for a seat or kind that does not exist.
        """
        if not 0 <= seat < len(self.seats):
            raise RuleError(f"the match has no seat {seat}")
        self.events += 1
        asking = self.seats[seat]
        if kind == _STEP and not asking.gone:
            return self._step(seat, asking, request, body)
        return self._other(seat, asking, kind, request, body)

    def _other(self, seat: int, asking: Seat, kind: int, request: int, body: bytes) -> list[Output]:
        if asking.gone:
            return [(seat, _ERROR, _OVER, request, replies.NOT_PLAYING)]
        if kind == _RESET:
            return self._reset(seat, asking, request, body)
        if kind == _LEAVE:
            return self._leave(seat, request, _LEAVE_CAUSES.get(body, Cause.LEFT), "")
        if kind == _TIMEOUT:
            return self._timeout(seat, asking)
        raise RuleError(f"an event cannot be of kind {kind}")

    def _step(self, i: int, seat: Seat, request: int, body: bytes) -> list[Output]:
        if seat.submitted or seat.owed or seat.asked is not None:
            return self._step_meanwhile(i, seat, request, body)
        try:
            action = self._known[body]
        except ProtocolError as refused:
            return [(i, _ERROR, _MOVE, request, replies.error(refused.code, refused.text))]
        player = self.episode.players[i]
        if player.ended:
            # no move, so the clock of the one that is due, a RESET, runs on: the others wait for it
            seat.told = _FORBIDDEN
            seen = replies.forbidden(self.tables, player, seat.deltas)
            return [(i, _OBS, _NONE, request, seen)]
        seat.misses = 0
        if self._in_rounds or self._tells or not seat.deltas:
            return self._move(i, seat, request, action, body)
        # what is left of `_move` and `_play` for most of all events: a step that ends nothing
        delta = self.episode.play(player, i, action, body)
        if player.ended:
            return self._progress({i: self._ended(i, seat, request)})  # type: ignore[unreachable]  # by `play`
        return [(i, _OBS, _MOVE, request, self._step_head + delta if delta else self._quiet)]

    def _step_meanwhile(self, i: int, seat: Seat, request: int, body: bytes) -> list[Output]:
        """A step of a seat that waits. If nobody asked for what it is owed, this step now does."""
        if seat.is_busy:
            return [(i, _ERROR, _NONE, request, replies.BUSY)]
        try:
            self.tables.reader.known[body]
        except ProtocolError as refused:
            return [(i, _ERROR, _MOVE, request, replies.error(refused.code, refused.text))]
        seat.misses, seat.request = 0, request
        return [(i, _WAIT, _NONE, request, replies.WAIT_PEERS)]

    def _move(self, i: int, seat: Seat, request: int, action: Action | None, body: bytes) -> list[Output]:
        """A seat that waits for nothing moves."""
        player = self.episode.players[i]
        if player.ended:  # a deadline missed after the end: the next may be the last
            seat.told = _FORBIDDEN
            seen = replies.forbidden(self.tables, player, seat.deltas)
            return [(i, _OBS, _MOVE, request, seen)]
        if self._in_rounds:
            seat.submitted, seat.request, seat.action, seat.body = True, request, action, body
            return self._advance()
        reply = self._play(i, seat, request, action, body)
        return self._progress({i: reply}) if reply[1] == _WAIT else [reply]

    def _reset(self, i: int, seat: Seat, request: int, body: bytes) -> list[Output]:
        if seat.is_busy:
            return [(i, _ERROR, _NONE, request, replies.BUSY)]
        try:
            wanted = replies.read_reset(body)
            check_agreement(wanted, self.seats)
        except ProtocolError as refused:
            return [(i, _ERROR, _MOVE, request, replies.error(refused.code, refused.text))]
        seat.misses = 0
        seat.asked, seat.asked_request = wanted, request
        self.episode.resign(i)
        outputs = self._advance()
        if seat.asked is not None:
            outputs.append((i, _WAIT, _NONE, request, replies.WAIT_RESET))
        return outputs

    def _leave(self, i: int, request: int, cause: Cause, text: str) -> list[Output]:
        self.episode.forfeit(i, cause)
        self.seats[i].leave()
        self._absent = [k for k, seat in enumerate(self.seats) if seat.gone]
        outputs = self._advance()
        # results come first: the hub may close the match when it hears that its last seat is over
        after_results = sum(told == HUB_SEAT for told, _, _, _, _ in outputs)
        outputs.insert(after_results, (i, _END, _OVER, request, replies.end(cause, text)))
        return outputs

    def _timeout(self, i: int, seat: Seat) -> list[Output]:
        if seat.is_busy or seat.owed:
            return []  # its request has crossed the deadline
        if self.episode.settled and self._is_last_episode:
            return self._leave(i, 0, Cause.FINISHED, "")
        seat.misses += 1
        if seat.misses > MISSES_ALLOWED:
            return self._leave(i, 0, Cause.TIME, f"{seat.misses} moves in a row came too late")
        return self._move(i, seat, 0, None, PASS)

    # --- moves --------------------------------------------------------------------------------------------

    def _play(self, i: int, seat: Seat, request: int, action: Action | None, body: bytes) -> Output:
        """Plays one move; its observation, or a WAIT if it ended the seat."""
        player = self.episode.players[i]
        delta = self.episode.play(player, i, action, body)
        if player.ended:
            return self._ended(i, seat, request)
        told = self.episode.world.tell(i) if self._tells else None
        if told:
            seen = replies.step_told(self.tables, player, told, seat.deltas)
        elif not seat.deltas:
            seen = replies.step_in_full(self.tables, player)
        else:
            seen = self._step_head + delta if delta else self._quiet
        return (i, _OBS, _MOVE, request, seen)

    @staticmethod
    def _ended(i: int, seat: Seat, request: int) -> Output:
        """The move has ended its seat: the outcome is owed."""
        seat.owed, seat.request = True, request
        return (i, _WAIT, _NONE, request, replies.WAIT_PEERS)

    def _advance(self) -> list[Output]:
        """Whatever is possible now: a round, the end of the episode, the next one."""
        is_complete = self._in_rounds and round_is_complete(self.seats, self.episode.players)
        moved = self._play_round() if is_complete else {}
        outputs = self._progress(moved)
        self.rounds += bool(moved)
        return outputs

    def _play_round(self) -> dict[int, Output]:
        moved: dict[int, Output] = {}
        for i in self._order:
            seat = self.seats[i]
            if seat.submitted:
                seat.submitted = False
                moved[i] = self._play(i, seat, seat.request, seat.action, seat.body)
        return moved

    def _progress(self, moved: dict[int, Output]) -> list[Output]:
        """Settles the episode if all have ended, and starts the next one if all have asked for it.

        `moved` are replies of this turn; a WAIT gives way to the outcome, and is not said to request 0.
        """
        outputs: list[Output] = []
        if not self.episode.settled and all_ended(self.seats, self.episode.players):
            outputs += self._settle()
            for i, seat in enumerate(self.seats):
                if seat.owed:
                    seat.owed, seat.told = False, _ENDED
                    told = self.episode.world.tell_end(i)
                    seen = replies.last_seen(self.tables, self.episode.players[i], told, seat.deltas)
                    moved[i] = (i, _OBS, _MOVE, seat.request, seen)
        if moved:
            turn = self.rounds % len(self._order)
            for i in self._order[turn:] + self._order[:turn]:
                if i in moved and (moved[i][1] != _WAIT or moved[i][3]):
                    outputs.append(moved[i])
        return outputs + self._start_next() if self.episode.settled else outputs

    def _settle(self) -> list[Output]:
        """The result for the hub; before it, every seat's trajectory, if the task wants them kept.

        Whoever has heard the last result has heard everything.
        """
        result = self.episode.settle(self.number, self._is_last_episode or self.over)
        outputs: list[Output] = []
        if self.base.spec.task.save_trajectories:
            for spec, player in zip(self._specs, self.episode.players, strict=True):
                if not player.absent:
                    kept = replies.trajectory(self.episode, player, spec.name)
                    outputs.append((HUB_SEAT, _TRAJECTORY, _NONE, 0, kept))
        outputs.append((HUB_SEAT, _RESULT, _NONE, 0, pack(result)))
        return outputs

    # --- the next episode ---------------------------------------------------------------------------------

    def _start_next(self) -> list[Output]:
        asking = [(i, seat) for i, seat in enumerate(self.seats) if seat.asked is not None]
        if not asking:
            return []
        if self._is_last_episode:
            return [self._finish(i, seat) for i, seat in asking]
        if len(asking) < len([seat for seat in self.seats if not seat.gone]):
            return []
        wishes = [seat.asked for _, seat in asking if seat.asked is not None]
        seed = next((wish.seed for wish in wishes if wish.seed is not None), None)
        if seed is not None and self.base.is_dynamic and all(wish.randomize_topology for wish in wishes):
            self._move_to(seed)
        before = self.episode
        self.number += 1
        self.episode = self._new_episode((self.seed, f"episode/{self.number}") if seed is None else seed)
        return [self._reset_done(i, seat, before) for i, seat in asking]

    def _move_to(self, seed: int | None) -> None:
        if seed is not None:
            self.addresses = seed
            self._use(self.base.readdressed(seed))

    def _finish(self, i: int, seat: Seat) -> Output:
        request = seat.asked_request
        seat.leave()
        return (i, _END, _OVER, request, replies.end(Cause.FINISHED))

    def _reset_done(self, i: int, seat: Seat, before: Episode) -> Output:
        wanted, seat.asked = seat.asked, None
        asks = wanted is not None and wanted.request_trajectory
        trajectory = replies.trajectory(before, before.players[i], seat.spec.name) if asks else None
        seat.told, seat.trajectory = 0, trajectory
        body = replies.reset_done(self.tables, self.episode.players[i], trajectory)
        return (i, _OBS, _MOVE, seat.asked_request, body)

    # --- snapshots ----------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Everything, in one piece: a restored game gives the same outputs to the same events."""
        pairs = zip(self.seats, self.episode.players, strict=True)
        return pack(
            [
                SNAPSHOT_VERSION,
                self.base.digest,
                self.match,
                self.seed,
                self.episodes,
                self.addresses,
                self.number,
                self.rounds,
                self.events,
                self.episode.seed,
                [seat.to_plain(player) for seat, player in pairs],
                self.episode.to_plain(),
            ]
        )

    @classmethod
    def restore(cls, tables: Tables, text: bytes) -> Game:
        """The inverse of `snapshot`. Raises RuleError if it is of another spec, or no snapshot at all."""
        try:
            version, digest, *plain = unpack(text)
            if version != SNAPSHOT_VERSION or digest != tables.digest:
                raise RuleError("the snapshot is of another version or another spec")
            return cls._restore(tables, plain)
        except (ProtocolError, ValueError, TypeError, AttributeError, LookupError) as error:
            raise RuleError(f"not a snapshot: {error}") from error

    @classmethod
    def _restore(cls, tables: Tables, plain: list[Any]) -> Game:
        match, seed, episodes, addresses, number, rounds, events, episode_seed, seats, episode = plain
        specs = [replies.read_seat(*seat[0]) for seat in seats]
        game = cls(tables, match, seed, specs, episodes, episode_seed)
        game._move_to(addresses)
        game.number, game.rounds, game.events = number, rounds, events
        for seat, told in zip(game.seats, seats, strict=True):
            seat.load(told, game.tables.reader)
        game._absent = [k for k, seat in enumerate(game.seats) if seat.gone]
        if addresses is not None:
            game.episode = game._new_episode(episode_seed)
        game.episode.load(episode)
        return game
