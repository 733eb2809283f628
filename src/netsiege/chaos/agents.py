"""A bundled agent that also writes down what it asks, and when it hears what.

Its file has one line for each thing, in order: `A time match seat body` before an action is sent, with the
action's bytes in hex, `E time match seat` before another episode is asked for, `R time match seat request
what` when an answer is there, and `G time number` when it begins its number-th matches, from 1 on. What is
open at the end was never answered.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import IO, Final

from attrs import define, field, frozen

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.agents.registry import find_agent
from netsiege.client import Client
from netsiege.errors import SiegeError
from netsiege.game import Action, AgentRole, Observation
from netsiege.keys import NO_KEYS
from netsiege.local import Stop
from netsiege.protocol import End
from netsiege.protocol.play import action_body
from netsiege.session import Seat, Settled
from netsiege.wire import shared_context

PATIENCE_S: Final = 60.0
"""How long an agent waits for its hub to be there at first, and for it to come back."""
OBSERVATION: Final = "obs"
SEATED: Final = "seat"
END: Final = "end"


class _Enough(Exception):
    """The agent is to stop where it is."""


class _NotedClient(Client):
    """A client that writes down what it hears, when it does, and returns it after it has thought."""

    notes: IO[str]
    think_s = 0.0

    def pump(self, timeout_s: float) -> list[Settled]:
        settled = self._note(super().pump(timeout_s))
        if any(each.request and each.seat is not None for each in settled):
            until_s = time.monotonic() + self.think_s
            while (left_s := until_s - time.monotonic()) > 0:
                settled += self._note(super().pump(left_s))
        return settled

    def _note(self, settled: list[Settled]) -> list[Settled]:
        now_s = time.monotonic()
        for each in settled:
            if each.request and each.seat is not None:
                what = _name(each.answer)
                self.notes.write(f"R {now_s!r} {each.seat.match} {_seat(each.seat)} {each.request} {what}\n")
        return settled


def _name(answer: object) -> str:
    if isinstance(answer, Observation):
        return OBSERVATION
    if isinstance(answer, Seat):
        return SEATED
    return END if isinstance(answer, End) else f"{type(answer).__name__}: {answer}".replace("\n", " ")


def _seat(seat: Seat) -> str:
    return f"{seat.role.value}-{seat.index}"


def noted(cls: type[BaseAgent], notes: IO[str], think_s: float, stop: Stop) -> type[BaseAgent]:
    """The agent's class, with notes. It stops at once, in the middle of whatever it plays, at SIGTERM."""

    class Noted(cls):  # type: ignore[misc, valid-type]  # a class of whichever agent is asked for
        _client: Client | None

        def choose_action(self, observation: Observation) -> Action | None:
            if stop.signal is not None:
                raise _Enough
            action: Action | None = super().choose_action(observation)
            body, seat = action_body(action).hex(), self.seat
            notes.write(f"A {time.monotonic()!r} {seat.match} {_seat(seat)} {body}\n")
            return action

        def episode_ended(self, summary: EpisodeSummary) -> None:
            super().episode_ended(summary)
            notes.write(f"E {time.monotonic()!r} {self.seat.match} {_seat(self.seat)}\n")

        def connect(self) -> Client:
            opened: Client | None = self._client
            if opened is None:
                client = _NotedClient(self.address, self.name, reconnect_s=PATIENCE_S, keys=NO_KEYS)
                client.notes, client.think_s = notes, think_s
                opened = self._client = client.open(PATIENCE_S)
            return opened

    return Noted


def run(
    hub: str, name: str, role: str, room: str, seats: int, think_s: float, notes: str, limit: str, agent: str
) -> int:
    """The child's job: plays `seats` matches at once, to their end, over and over.

    The file `limit`, which may come later, says how many times. `think_s` is how long it thinks each time it
    has heard something. Returns 0, or 1 after an error, which is in its log.
    """
    with open(notes, "w", buffering=1 << 16) as file, Stop() as stop:
        cls = noted(find_agent(agent, AgentRole(role)), file, think_s, stop)
        player = cls(role=role, address=hub, room=room, name=name, reconnect_s=PATIENCE_S)
        generation = 0
        try:
            while generation < _limit(Path(limit)):
                generation += 1
                file.write(f"G {time.monotonic()!r} {generation}\n")
                file.flush()
                if seats == 1:
                    player.play(None)
                else:
                    player.play_many(seats, None)
        except _Enough:
            pass
        except SiegeError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  # the child's log
            return 1
        player.terminate_connection()
        shared_context().term()  # its last words have left before the process does
    return 0


def _limit(path: Path) -> float:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return float("inf")


# --- notes ------------------------------------------------------------------------------------------------


@frozen
class Asked:
    """What a seat has asked for. `body` is None for a reset; so are `heard_s` and `request` if unanswered."""

    asked_s: float
    body: bytes | None
    heard_s: float | None
    request: int | None


@define
class Played:
    """What one seat of a match did, in order, by the notes of its agent."""

    match: int
    seat: str
    asked: list[Asked] = field(factory=list)
    errors: list[str] = field(factory=list)


def generations(path: Path) -> int:
    """How many times the agent has begun its matches so far."""
    if not path.exists():
        return 0
    return sum(line.startswith("G") for line in path.read_text().splitlines())


def read_notes(path: Path) -> dict[tuple[int, str], Played]:
    """What the agent's seats did, by match and seat."""
    played: dict[tuple[int, str], Played] = {}
    sent: dict[tuple[int, str], tuple[float, bytes | None]] = {}
    for line in path.read_text().splitlines():
        what, at, *rest = line.split(" ", 5)
        if what == "G":
            continue
        key = int(rest[0]), rest[1]
        seat = played.setdefault(key, Played(*key))
        if what in ("A", "E"):
            sent[key] = float(at), bytes.fromhex(rest[2]) if what == "A" else None
            continue
        number, answer = int(rest[2]), rest[3]
        asked_s, body = sent.pop(key, (float(at), None))
        if answer not in (OBSERVATION, SEATED, END):
            seat.errors.append(answer)
        elif answer != SEATED:
            seat.asked.append(Asked(asked_s, body, float(at), number))
    for key, (asked_s, body) in sent.items():
        played[key].asked.append(Asked(asked_s, body, None, None))
    return played
