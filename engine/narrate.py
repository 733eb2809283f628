"""What happened in a match, event by event, in words: who did what, and what everyone was told of it.

What agents, scenarios and hubs have put into it is cleaned (`netsiege.shown`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from netsiege.engine.game import Game
from netsiege.engine.replay import Replay
from netsiege.engine.replies import Output
from netsiege.engine.words import count, list_knowledge, say_action, say_knowledge, say_learned, say_told
from netsiege.errors import ProtocolError
from netsiege.game import GameState, GameStatus, Observation
from netsiege.protocol import EVENT_HEAD, HUB_SEAT, End, Error, Kind, Reset, Result, Wait
from netsiege.protocol.play import Seated, Seen, read_action, read_observation, read_trajectory
from netsiege.shown import shown

_LEAVES: Final = {b"\x01": "has lost its connection", b"\x02": "has broken the protocol"}
_RESET_DONE: Final = str(GameStatus.RESET_DONE)
_NOBODY: Final = GameState()


@frozen
class Said:
    """One output: to which seat (`HUB_SEAT`: the hub), of which kind, and what it says."""

    seat: int
    kind: str
    text: str


@frozen
class Event:
    """One event in words. `number` 0 is the opening, which is of no seat: `seat` is `HUB_SEAT`."""

    number: int
    seat: int
    text: str
    told: tuple[Said, ...]


class Narrator:
    """Hears the events of a replay in order, and keeps what each seat has been told so far."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._states: dict[int, GameState] = {}

    def told_state(self, seat: int) -> GameState:
        """What the seat knows by what it was told."""
        return self._states.get(seat, _NOBODY)

    def hear(self, number: int, outputs: Iterable[Output]) -> Event:
        """Takes the event of that number and its outputs."""
        seat, text = HUB_SEAT, "the match begins"
        if number:
            event = self._replay.events[number - 1]
            seat, kind, _ = EVENT_HEAD.unpack_from(event)
            text = _deed(kind, event[EVENT_HEAD.size :])
        return Event(number, seat, text, tuple(self._said(output) for output in outputs))

    def _said(self, output: Output) -> Said:
        seat, kind, _, request, body = output
        name = Kind(kind).name
        if kind == Kind.SEATED:
            state = read_observation(Seated.decode(body).observation, None)[0].state
            self._states[seat] = state
            return Said(seat, name, f"knows {say_knowledge(state)}")
        if kind == Kind.OBS:
            before = self.told_state(seat)
            seen, flags = read_observation(body, before)
            self._states[seat] = seen.state
            return Said(seat, name, _observed(before, seen, flags, unasked=not request))
        if kind == Kind.RESULT:
            return Said(seat, name, say_result(Result.decode(body), self._names()))
        return Said(seat, name, _other(kind, body))

    def _names(self) -> list[str]:
        return [self._replay.seat_name(seat) for seat in range(len(self._replay.seats))]


def say_result(result: Result, names: Sequence[str]) -> str:
    """How an episode ended, on one line. `names` are those of the seats, fit to be shown."""
    seats = "; ".join(
        f"{name} {shown(status)}, {count(steps, 'step')}, return {total:g}"
        for name, status, steps, total in zip(
            names, result.statuses, result.steps, result.returns, strict=False
        )
    )
    winner = shown(result.winner or "nobody")
    return f"episode {result.episode}: {winner} wins, ended by {result.cause}; {seats}"


def describe_seat(game: Game, seat: int) -> tuple[str, GameState]:
    """How a seat stands in its episode, on one line, and what it knows."""
    player = game.episode.players[seat]
    state = GameState.from_wire(player.knows.full(game.episode.tables.board))
    line = f"{player.status}, {count(player.steps, 'step')}, return {player.returns:g}"
    if game.seats[seat].gone:
        line += ", has left the match"
    elif game.seats[seat].is_busy or game.seats[seat].owed:
        line += ", waits for an answer"
    return line, state


def describe_knowledge(state: GameState) -> list[tuple[str, str]]:
    """All of it, as `list_knowledge`; one line says so if there is nothing."""
    return list_knowledge(state) or [("knows", "nothing")]


def _deed(kind: int, body: bytes) -> str:
    if kind == Kind.STEP:
        try:
            return say_action(read_action(body))
        except ProtocolError as error:
            return f"an action that makes no sense: {shown(error.text)}"
    if kind == Kind.RESET:
        return _reset(body)
    if kind == Kind.LEAVE:
        return _LEAVES.get(body, "leaves")
    return "misses its deadline" if kind == Kind.TIMEOUT else f"an event of kind {kind}"


def _reset(body: bytes) -> str:
    try:
        wish = Reset.decode(body)
    except ProtocolError as error:
        return f"asks for an episode in a way that makes no sense: {shown(error.text)}"
    wishes = [
        "" if wish.seed is None else f"seed {wish.seed}",
        "other addresses" if wish.randomize_topology else "",
        "the trajectory of the last" if wish.request_trajectory else "",
    ]
    said = ", ".join(filter(None, wishes))
    return f"asks for a new episode ({said})" if said else "asks for a new episode"


def _observed(before: GameState, seen: Observation, flags: Seen, unasked: bool) -> str:
    if seen.info.get("status") == _RESET_DONE:
        return f"a new episode: knows {say_knowledge(seen.state)}"
    parts = [f"reward {seen.reward:g}"]
    if unasked:
        parts.append("after its deadline")
    if seen.end:
        reason = str(seen.info.get("end_reason", "")).removeprefix("AgentStatus.")
        parts.append(f"end ({shown(reason)})" if reason else "end")
    if flags & Seen.FORBIDDEN:
        parts.append("not played: its episode had ended")
    learned, told = say_learned(before, seen.state), say_told(seen.info)
    said = ", ".join(parts) + (f"; learns {learned}" if learned else "; learns nothing")
    return f"{said}; {told}" if told else said


def _other(kind: int, body: bytes) -> str:
    if kind == Kind.WAIT:
        return f"waits: {Wait.decode(body).reason}"
    if kind == Kind.END:
        end = End.decode(body)
        return f"its part in the match is over: {end.cause}" + (f" ({shown(end.text)})" if end.text else "")
    if kind == Kind.ERROR:
        error = Error.decode(body)
        return f"refused, {shown(error.code)}: {shown(error.text)}"
    if kind == Kind.TRAJECTORY:
        kept = read_trajectory(body)
        steps = count(len(kept["trajectory"]["actions"]), "step")
        return f"the trajectory of {shown(kept['agent_name'])} ({shown(kept['agent_role'])}), {steps}"
    return f"{len(body)} bytes"
