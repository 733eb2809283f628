"""Actions and knowledge in words, for people who look at a match.

What agents and scenarios have put into them is cleaned (`netsiege.shown`), and cut where it is long.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from netsiege.game import Action, GameState
from netsiege.game.values import IP, Data, Service
from netsiege.shown import shown

LISTED: Final = 8
"""So many of a kind are named when they are learned; the rest is counted."""

_PLURALS: Final = {"datum": "data", "match": "matches"}


def say_action(action: Action | None) -> str:
    """What an action that is played does, on one line; None is a pass."""
    if action is None:
        return "pass"
    assert action.type.entry is not None
    parts = {name: _item(value) for name, value in action.parameters.items()}
    return f"{action.type.value} {action.type.entry.said.format(**parts)}"


def say_learned(before: GameState, after: GameState) -> str:
    """What a seat knows more in `after`, on one line; empty if that is nothing."""
    said = [
        _news("network", after.known_networks - before.known_networks),
        _news("host", after.known_hosts - before.known_hosts),
        _news("controlled host", after.controlled_hosts - before.controlled_hosts),
        *_news_of_hosts("service", before.known_services, after.known_services),
        *_news_of_hosts("datum", before.known_data, after.known_data, _whole),
        *_news_of_hosts("block", before.known_blocks, after.known_blocks),
        _news("host", before.known_hosts - after.known_hosts, "forgets"),
        _news("controlled host", before.controlled_hosts - after.controlled_hosts, "loses"),
    ]
    return "; ".join(part for part in said if part)


def say_told(info: Mapping[str, Any]) -> str:
    """What an observation tells besides the state, on one line: alerts and scores; empty without any."""
    said = []
    alerts, scores = info.get("alerts"), info.get("scores")
    if isinstance(alerts, list) and alerts:
        listed = "; ".join(map(_alert, alerts[:LISTED]))
        more = f" and {len(alerts) - LISTED} more" if len(alerts) > LISTED else ""
        said.append(f"{count(len(alerts), 'alert')}: {listed}{more}")
    if isinstance(scores, dict) and scores:
        figures = (
            f"{shown(str(name).replace('_', ' '))} {shown(str(value))}" for name, value in scores.items()
        )
        said.append(", ".join(itertools.islice(figures, LISTED)))
    return "; ".join(said)


def _alert(alert: Any) -> str:
    if not isinstance(alert, dict):
        return shown(str(alert))
    kind = str(alert.get("action_type")).removeprefix("ActionType.")
    target = alert.get("target_host")
    end = "" if target is None else f" to {target}"
    return shown(f"{kind} from {alert.get('source_host')}{end}")


def say_knowledge(state: GameState) -> str:
    """What a seat knows, in numbers."""
    counts = [
        ("network", len(state.known_networks)),
        ("host", len(state.known_hosts)),
        ("controlled host", len(state.controlled_hosts)),
        *(
            (word, sum(map(len, held.values())))
            for word, held in (
                ("service", state.known_services),
                ("datum", state.known_data),
                ("block", state.known_blocks),
            )
        ),
    ]
    return ", ".join(count(number, word) for word, number in counts if number) or "nothing"


def list_knowledge(state: GameState) -> list[tuple[str, str]]:
    """All that a seat knows: headings and what stands under them, a line for each host with any."""
    lines = [
        ("networks", _listed(state.known_networks)),
        ("hosts", _listed(state.known_hosts)),
        ("controls", _listed(state.controlled_hosts)),
    ]
    for heading, held in (
        ("services", state.known_services),
        ("data", state.known_data),
        ("blocks", state.known_blocks),
    ):
        for ip in sorted(held, key=_number):
            lines.append((heading, f"{ip}: {_listed(held[ip])}"))
    return [(heading, text) for heading, text in lines if text]


def count(number: int, word: str) -> str:
    """A number and its word, which is in the plural if it has to be."""
    if number == 1:
        return f"1 {word}"
    return f"{number:,} {_PLURALS.get(word, f'{word}s')}"


def _news(word: str, items: Collection[Any], verb: str = "") -> str:
    if not items:
        return ""
    said = f"{count(len(items), word)}: {_listed(items, LISTED)}"
    return f"{verb} {said}" if verb else said


def _news_of_hosts(
    word: str,
    before: Mapping[IP, Collection[Any]],
    after: Mapping[IP, Collection[Any]],
    key: Callable[[Any], Any] = lambda item: item,
) -> Iterable[str]:
    """For each host: what is new there, and what is gone."""
    for ip in sorted(before.keys() | after.keys(), key=_number):
        old = {key(item): item for item in before.get(ip, ())}
        new = {key(item): item for item in after.get(ip, ())}
        fresh = [item for told, item in new.items() if told not in old]
        # the same datum with other content, such as a log that has grown, is not gone
        lost = [item for told, item in old.items() if told not in new and item not in after.get(ip, ())]
        if fresh:
            yield f"{count(len(fresh), word)} on {ip}: {_listed(fresh, LISTED)}"
        if lost:
            yield f"forgets {count(len(lost), word)} on {ip}: {_listed(lost, LISTED)}"


def _whole(item: Data) -> tuple[Any, ...]:
    return tuple(item.to_wire())


def _number(ip: IP) -> int:
    return ip.to_wire()


def _listed(items: Collection[Any], limit: int | None = None) -> str:
    ordered = sorted(items, key=_order)
    text = ", ".join(_item(item) for item in ordered[:limit])
    return text if limit is None or len(ordered) <= limit else f"{text} and {len(ordered) - limit} more"


def _order(item: Any) -> Any:
    return item.to_wire() if isinstance(item, IP) else item


def _item(item: Any) -> str:
    if isinstance(item, Service):
        return shown(f"{item.name} {item.version}" if item.version else item.name)
    if isinstance(item, Data):
        return shown(f"{item.owner}/{item.id}")
    return str(item)
