"""Whether anything was lost, repeated or changed: journals, replays and agents' notes, compared.

A `Kept` is a match of a journal, played again: its hub told what comes out of its events, or it would not be
one. In a room the matches are alike, numbered by their seeds: what their seats send depends on those alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from netsiege.chaos.agents import Asked, Played
from netsiege.engine.playback import verify
from netsiege.engine.replay import Replay
from netsiege.protocol import EVENT_HEAD, Cause, Kind
from netsiege.replays import extract, read_journal

Step = tuple[int, int, bytes]
"""Kind, request and body of an event; the body of a reset is left out, agents do not note it."""


@frozen
class Kept:
    """A finished match, as its replay has it. `order` is who sent the events, seat by seat."""

    match: int
    room: str
    seed: int
    steps: Mapping[str, tuple[Step, ...]]
    order: tuple[int, ...]
    results: tuple[bytes, ...]


def read_kept(journal: Path, folder: Path, problems: list[str]) -> list[Kept]:
    """Every match of a journal: extracted into a file of the folder, loaded from it, played again."""
    kept = []
    for done in extract(read_journal(journal), folder):
        name = f"match {done.match} of room {done.room}"
        if done.path is None:
            problems.append(f"{name}: it is still open" if done.is_open else done.failure)
            continue
        replay = Replay.load(done.path)
        verdict = verify(replay)
        if not verdict.same:
            said = "; ".join(verdict.problems) or replay.describe_event(verdict.event or 0)
            problems.append(f"{name}: played again it differs: {said}")
        if replay.cause != Cause.FINISHED:
            problems.append(f"{name}: it ended by {replay.cause}: {replay.text}")
        kept.append(_kept(replay))
    return kept


def _kept(replay: Replay) -> Kept:
    steps: dict[str, list[Step]] = {f"{seat.role}-{seat.index}": [] for seat in replay.seats}
    names, order = list(steps), []
    for event in replay.events:
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        body = event[EVENT_HEAD.size :] if kind != Kind.RESET else b""
        steps[names[seat]].append((kind, request, body))
        order.append(seat)
    return Kept(
        replay.match,
        replay.room,
        replay.seed,
        {name: tuple(taken) for name, taken in steps.items()},
        tuple(order),
        tuple(result.encode() for result in replay.results),
    )


# --- the agents' word -------------------------------------------------------------------------------------


def compare_notes(kept: Iterable[Kept], played: Mapping[tuple[int, str], Played]) -> Iterator[str]:
    """Where what agents sent, and had accepted, is not what the journal has: each once, and in order.

    What an agent had no answer to when it was stopped may be in the journal or not. So may the seat's LEAVE.
    """
    missing = set(played)
    for match in kept:
        for seat, steps in match.steps.items():
            missing.discard((match.match, seat))
            name = f"match {match.match} of room {match.room}, {seat}"
            noted = played.get((match.match, seat))
            if noted is None:
                yield f"{name}: no agent knows of it"
            else:
                yield from (f"{name}: the agent was told {error}" for error in noted.errors)
                difference = _difference(steps, noted.asked)
                if difference:
                    yield f"{name}: {difference}"
    yield from (f"match {match}, {seat}: it is not in the journal" for match, seat in sorted(missing))


def _difference(steps: tuple[Step, ...], asked: list[Asked]) -> str | None:
    taken = [step for step in steps if step[0] != Kind.LEAVE]
    said = [_step(one) for one in asked if one.request is not None]
    unheard = [_step(one) for one in asked if one.request is None]
    if len(taken) == len(said) + 1 and unheard and _content(taken[-1:]) == _content(unheard):
        taken.pop()
    if taken == said:
        return None
    pairs = enumerate(zip(taken, said, strict=False))
    where = next((i for i, (there, here) in pairs if there != here), min(len(taken), len(said)))
    return (
        f"the journal has {len(taken)} events, the agent was answered {len(said)} times; the first "
        f"difference is number {where + 1}: {taken[where : where + 1]} there, {said[where : where + 1]} here"
    )


def _step(asked: Asked) -> Step:
    kind = Kind.RESET if asked.body is None else Kind.STEP
    return int(kind), asked.request or 0, asked.body or b""


# --- two runs ---------------------------------------------------------------------------------------------


def compare_runs(harmed: Iterable[Kept], calm: Iterable[Kept]) -> Iterator[str]:
    """Where matches that came to harm differ from those of equal rooms and seeds that did not.

    In rounds it is open who of a match sends first: there each seat's events are compared, not their order.
    """
    by_seed: dict[tuple[str, int], Kept] = {(match.room, match.seed): match for match in calm}
    for match in harmed:
        name = f"match {match.match} of room {match.room}"
        other = by_seed.pop((match.room, match.seed), None)
        if other is None:
            yield f"{name}: the undisturbed run has none like it"
            continue
        for seat, steps in match.steps.items():
            if _content(steps) != _content(other.steps.get(seat, ())):
                yield f"{name}, {seat}: its events differ from those of the undisturbed run"
        if len(match.order) != len(other.order):
            yield f"{name}: {len(match.order)} events, undisturbed {len(other.order)}"
        if match.results != other.results:
            yield f"{name}: its results differ from those of the undisturbed run"
    yield from (f"room {room}: a match of the undisturbed run was not played" for room, _ in sorted(by_seed))


def _content(steps: Sequence[Step]) -> list[tuple[int, bytes]]:
    """Without the requests' numbers: a session that is resumed has said HELLO more often."""
    return [(kind, body) for kind, _, body in steps]
