"""Where two runs of what should be the same match part."""

from __future__ import annotations

from attrs import frozen

from netsiege.engine.playback import complete, verify
from netsiege.engine.replay import Replay
from netsiege.errors import RuleError
from netsiege.shown import LINE_CHARS, shown


@frozen
class Diagnosis:
    """What the doctor found: `text` for people; `event` is the first that differs, None if none does."""

    same: bool
    event: int | None
    text: str


def diagnose(one: Replay, other: Replay) -> Diagnosis:
    """Where two runs of what should be the same match diverge, and which of them this engine agrees with.

    Raises `SiegeError` for one without links that does not come out here as its hub has told it.
    """
    for name in ("spec", "seed", "match", "episodes", "seats"):
        if getattr(one, name) != getattr(other, name):
            return Diagnosis(False, None, f"these are not runs of the same match: their {name} differs")
    one, other = (each if each.links else complete(each) for each in (one, other))
    for number, (left, right) in enumerate(zip(one.links, other.links, strict=False)):
        if number and one.events[number - 1] != other.events[number - 1]:
            mine, theirs = one.describe_event(number), other.describe_event(number)
            return Diagnosis(False, number, f"the inputs differ first.\n  A: {mine}\n  B: {theirs}")
        if left != right:
            return Diagnosis(False, number, _difference(one, other, number))
    if len(one.events) != len(other.events):
        shorter = min(len(one.events), len(other.events))
        return Diagnosis(
            False, shorter + 1, f"one run ends after event {shorter}; up to there they are the same"
        )
    return Diagnosis(True, None, f"the runs are the same: {len(one.events)} events, equal outputs")


def _difference(one: Replay, other: Replay, number: int) -> str:
    lines = [f"the outputs differ first at {one.describe_event(number)}"]
    if one.engine != other.engine:
        lines.append("they were made by engines of different digests")
    for name, run in (("A", one), ("B", other)):
        try:
            found = verify(run)
        except RuleError as error:
            lines.append(f"{name} cannot be played here: {shown(str(error), LINE_CHARS)}")
            continue
        if found.event is None:
            lines.append(f"{name}, played again here, comes out the same")
        else:
            lines.append(f"{name}, played again here, comes out otherwise from event {found.event} on")
    return "\n  ".join(lines)
