"""The firewall of a scenario that extends another: which rules of the base are left.

None is about hosts, routers and networks that are gone, and none is one of those to be removed. A rule with
several sources or targets stands for a pair of each with each; `remove` takes the pairs that it speaks of,
by name or by address, whichever way the base wrote them. It cuts nothing out of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, product
from typing import Any, Final

from netsiege.scenarios.limits import MAX_RULES
from netsiege.scenarios.reading import Place, Spliced, join, shown

_ENDS: Final = ("from", "to")
_NAMED: Final = ("networks", "hosts", "routers")

_Rule = Mapping[str, Any]
_Pair = tuple[str, str]


def rules_left(place: Place, base: Mapping[str, Any], document: Mapping[str, Any], label: str) -> Spliced:
    """The rules of `base` that are left in `document`, which is merged but for the firewall.

    `place` holds the change, a mapping; what its `remove` asks for in vain is reported there.
    """
    rules = base["firewall"]
    paths = rules.paths if isinstance(rules, Spliced) else [f"firewall[{i}]" for i in range(len(rules))]
    gone = set(_gone(base, document))
    left = _each(Spliced(rules, paths), lambda rule: _without(rule, gone))
    asked = Place(place.value.get("remove"), join(place.path, "remove"), place.report)
    if asked.value is None:
        return left
    meaning = _Meaning(base)
    written_out = sum(len(meaning.of(rule["from"])) * len(meaning.of(rule["to"])) for rule in left)
    if written_out > MAX_RULES:
        asked.problem(f"the rules of {label}, pair by pair, are {written_out}, more than {MAX_RULES}")
        return left
    wanted = _wanted(asked, meaning)
    found: set[_Pair] = set()
    left = _each(left, lambda rule: _cut(rule, meaning, wanted, found))
    told: set[str] = set()
    for (source, target), entry in wanted.items():
        if (source, target) not in found and entry.path not in told:
            told.add(entry.path)
            entry.problem(f"{label} has no rule from {shown(source)} to {shown(target)}")
    return left


class _Meaning:
    """The addresses and networks that the ends of rules of the base stand for."""

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._known = {
            name: list(_texts(value))
            for section in _NAMED
            for name, value in (base.get(section) or {}).items()
        }

    def of(self, end: Any) -> list[str]:
        """The meaning of a word or of a list of words; of more than `MAX_RULES` only one more."""
        return list(islice((text for word in _listed(end) for text in self._of_word(word)), MAX_RULES + 1))

    def _of_word(self, word: Any) -> list[str]:
        if not isinstance(word, str):
            return [shown(word)]
        return self._known.get(word) or [word.removesuffix("/32")]


def _gone(base: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    """What rules may call that which the base has and the document has not."""
    for section in _NAMED:
        now = document.get(section)
        for name, value in (base.get(section) or {}).items():
            if not isinstance(now, dict) or name not in now:
                yield name
                for text in _texts(value):
                    yield from (text, f"{text}/32")


def _texts(value: Any) -> Iterable[str]:
    """The addresses of a host or router, or a network."""
    texts = _listed(value.get("ip") if isinstance(value, dict) else value)
    return (text for text in texts if isinstance(text, str))


def _wanted(place: Place, meaning: _Meaning) -> dict[_Pair, Place]:
    """The pairs to be removed, and where each is asked for."""
    found: dict[_Pair, Place] = {}
    for entry in place.items("[{from: client_1, to: smb_server}]"):
        fields = entry.fields(_ENDS, _ENDS)
        if len(fields) < len(_ENDS):
            continue
        sources, targets = (meaning.of(fields[end].value) for end in _ENDS)
        if len(found) + len(sources) * len(targets) > MAX_RULES:
            entry.problem(f"more than {MAX_RULES} rules once names and lists are written out")
            break
        found.update((pair, entry) for pair in product(sources, targets))
    return found


def _cut(rule: _Rule, meaning: _Meaning, wanted: Mapping[_Pair, Place], found: set[_Pair]) -> list[_Rule]:
    """What is left of a rule: all of it, or some of its pairs. Those that are not go into `found`."""
    left: list[tuple[Any, Any]] = []
    is_whole = True
    for source, target in product(_listed(rule["from"]), _listed(rule["to"])):
        pairs = list(product(meaning.of(source), meaning.of(target)))
        stay = [pair for pair in pairs if pair not in wanted]
        found.update(pair for pair in pairs if pair in wanted)
        left += [(source, target)] if len(stay) == len(pairs) else stay
        is_whole = is_whole and len(stay) == len(pairs)
    return [rule] if is_whole else [dict(zip(_ENDS, pair, strict=True)) for pair in left]


def _without(rule: _Rule, gone: set[str]) -> list[_Rule]:
    """A rule without what is gone; nothing if one of its ends is empty then."""
    ends = {end: [word for word in _listed(rule[end]) if word not in gone] for end in _ENDS}
    if all(len(ends[end]) == len(_listed(rule[end])) for end in _ENDS):
        return [rule]
    return [ends] if all(ends.values()) else []


def _each(rules: Spliced, change: Callable[[_Rule], list[_Rule]]) -> Spliced:
    """Every rule changed; what comes of one stands where it stood."""
    changed = [(new, path) for rule, path in zip(rules, rules.paths, strict=True) for new in change(rule)]
    return Spliced([rule for rule, _ in changed], [path for _, path in changed])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
