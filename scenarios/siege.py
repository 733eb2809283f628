"""What a task says about the rules of `siege-1`, read into `SiegeRules`.

::

    ruleset: siege-1
    rules:                          # each is on unless it is switched off with `false`
      success: {ExploitService: 0.5, ScanNetwork: 1}    # chances where they are others than the ruleset's
      vulnerabilities: true
      credentials: true
      sensor: {false_alerts: 0.02}  # the chance that it reports what did not happen; 0.01 unless said
      responses: false
      users: {disruption: -2}       # for each thing that a user cannot do; -1 unless said
      scores: true

NetSecGame's `env.actions.<action>.prob_success`, which it reads and never uses, are chances as well; what
`rules.success` says counts before them. Under any other ruleset they have no effect, and `rules` are a
problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from netsiege.game.action_types import TABLE
from netsiege.scenarios.model import SIEGE, SiegeRules
from netsiege.scenarios.reading import Place, shown

ACTIONS: Final = tuple(kind.value for kind, _ in TABLE)
"""The action types that have a chance of success."""

_SWITCHES: Final = tuple(each.name for each in attrs.fields(SiegeRules) if each.default is True)
_PROBABILITY: Final = "prob_success"
_NETSECGAMES: Final = {form: kind.value for kind, _ in TABLE for form in (kind.key, f"{kind.key}s")}
"""Under which keys NetSecGame's configurations have them: `exploit_service` in some, or with an `s`."""


def rules_of(own: str, played: str, rules: Place | None, actions: Place | None) -> SiegeRules | None:
    """The rules of a task of its own ruleset that is played by another, or by its own.

    They come from its sections `rules` and `env.actions`, if it has them.
    """
    read = SiegeRules()
    if rules is not None and own == SIEGE:
        read = read_rules(rules)
    elif rules is not None:
        rules.problem(no_meaning(own))
    if played != SIEGE:
        if actions is not None:
            _warn_of(actions)
        return None
    return _with_chances(read, dict(_chances_of(actions)) if actions is not None else {})


def no_meaning(ruleset: str) -> str:
    """What is wrong with `rules` under any other ruleset."""
    return f"has no meaning with ruleset: {ruleset}; write ruleset: {SIEGE}"


def read_rules(place: Place) -> SiegeRules:
    """The rules that a task lists. After a problem those are as by default that have one."""
    if isinstance(place.value, SiegeRules):
        return place.value
    settings: dict[str, Any] = {}
    for name, entry in place.fields(_SWITCHES).items():
        settings |= _read_switch(entry, name)
    return SiegeRules(**settings)


def _read_switch(place: Place, name: str) -> dict[str, Any]:
    """What one rule says: on, off, or on with a number."""
    if isinstance(place.value, bool):
        return {name: place.value}
    if name not in _NUMBERS:
        place.problem(f"{shown(place.value)} is not true or false")
        return {}
    if not isinstance(place.value, dict):
        place.problem(f"{shown(place.value)} is not true, false or a mapping")
        return {}
    return _NUMBERS[name](place)


def _read_chances(place: Place) -> dict[str, Any]:
    fields = place.fields(ACTIONS)
    read = {action: _chance(fields[action]) for action in ACTIONS if action in fields}
    return {"chances": tuple((action, chance) for action, chance in read.items() if chance is not None)}


def _read_false_alerts(place: Place) -> dict[str, Any]:
    fields = place.fields(("false_alerts",))
    chance = _chance(fields["false_alerts"]) if fields else None
    return {} if chance is None else {"false_alerts": chance}


def _read_disruption(place: Place) -> dict[str, Any]:
    fields = place.fields(("disruption",))
    cost = fields["disruption"].amount() if fields else None
    if cost is not None and cost > 0:
        fields["disruption"].problem(f"{shown(cost)} is more than 0: it is a cost, and would be a reward")
        return {}
    return {} if cost is None else {"disruption": cost}


_NUMBERS: Final[dict[str, Callable[[Place], dict[str, Any]]]] = {
    "success": _read_chances,
    "sensor": _read_false_alerts,
    "users": _read_disruption,
}
"""The rules that may have numbers, and how these are read."""


def _chance(place: Place) -> float | None:
    chance = place.number()
    if chance is None:
        return None
    if not 0 <= chance <= 1:
        place.problem(f"{shown(chance)} is not a probability from 0 to 1")
        return None
    return float(chance)


# --- NetSecGame's probabilities -----------------------------------------------------------------------------


def _chances_of(place: Place) -> Iterator[tuple[str, float]]:
    """The chances in `env.actions`."""
    for action, value in _probabilities(place):
        name = _NETSECGAMES.get(action.lower())
        if name is None:
            value.warn(f"no such action, has no effect{value.nearest(action, _NETSECGAMES)}")
            continue
        chance = _chance(value)
        if chance is not None:
            yield name, chance


def _warn_of(place: Place) -> None:
    """Warn of probabilities other than 1: NetSecGame reads and ignores them."""
    for _, value in _probabilities(place):
        if value.value != 1:
            value.warn(f"{shown(value.value)} has no effect: what the rules allow always succeeds")


def _probabilities(place: Place) -> Iterator[tuple[str, Place]]:
    """Each `prob_success` with its action's key; a warning for whatever else is there."""
    if not isinstance(place.value, dict):
        place.warn("has no effect")
        return
    for action, entry in place.entries():
        if not isinstance(entry.value, dict):
            entry.warn("has no effect")
            continue
        for key, value in entry.entries():
            if key == _PROBABILITY:
                yield action, value
            else:
                value.warn("has no effect")


def _with_chances(rules: SiegeRules, given: dict[str, float]) -> SiegeRules:
    """The rules with these chances where they say none, in the order of the action types."""
    chances = given | dict(rules.chances)
    ordered = tuple((action, chances[action]) for action in ACTIONS if action in chances)
    return attrs.evolve(rules, chances=ordered)
