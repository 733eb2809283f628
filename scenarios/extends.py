"""What `extends:` makes of a file and its base: one plain document, as if it had been written out.

::

    extends: two_networks            # a bundled one, or a file below the folder of this one

    hosts:
      client_5: null                 # away with it, and out of the base's firewall rules
      smb_server:                    # what is not said stays as it is in the base
        services:
          ssh: {version: 9.6.0}      # changed, or added
          microsoft-ds:
            data: {add: [[User3, Plans]], remove: [[User1, DataFromServer1]]}
      printer: {ip: 192.168.2.20}    # added, behind those of the base
    firewall:
      add: [{from: printer, to: smb_server}]
      remove: [{from: client_1, to: db_server}]

Mappings are merged key by key, to any depth. `null` removes what the base has under that key, and it has to
be there. Anything else replaces it, lists as well; but where the base has a list under `firewall`, `data`,
`ip` or `vulnerabilities`, a mapping with `add`, `remove` or both changes it. Services may be given by name,
however the base lists them. In a task, a `goal` or a `start_position` replaces that of the base as a whole.
Everything is inherited but the name: a file without one is called after itself.

A base is complete: it can be played as it is. It may extend another one, up to `MAX_BASES` in a row.

This module knows neither files nor which bases there are: see `netsiege.scenarios.load`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import frozen

from netsiege.scenarios.extends_firewall import rules_left
from netsiege.scenarios.reading import Place, Report, Spliced, join

EXTENDS: Final = "extends"
MAX_BASES: Final = 8

_NOT_INHERITED: Final = (EXTENDS, "name")
_WHOLE: Final = ("goal", "start_position")
"""Of which no part makes sense without the others."""
_FIREWALL: Final = "firewall"
_LISTS: Final = ("data", "ip", "vulnerabilities")
_CHANGES: Final = ("add", "remove")


class DerivedReport(Report):
    """A report about a file with a base: says so where something is wrong with what only the base has."""

    def __init__(self, file: str, written: Any, base: Any, label: str) -> None:
        super().__init__(file)
        self._written = written
        self._base = base
        self._label = label

    def _line(self, path: str, text: str) -> str:
        is_inherited = path and not _has(self._written, "", path) and _has(self._base, "", path)
        return super()._line(path, f"{text} (from {self._label})" if is_inherited else text)


def _has(value: Any, at: str, path: str) -> bool:
    """Whether a document that stands at one key path has anything at another."""
    steps: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        steps = ((join(at, key), each) for key, each in value.items())
    elif isinstance(value, list):
        steps = ((f"{at}[{i}]", each) for i, each in enumerate(value))
    return any(
        path == place or (path.startswith((f"{place}.", f"{place}[")) and _has(each, place, path))
        for place, each in steps
    )


def derived(root: Place, base: dict[str, Any], label: str) -> dict[str, Any]:
    """The whole document of a file, a mapping, that extends `base`, which messages call `label`.

    Both stay as they are. `base` must be one that can be read without a problem. What cannot be done goes
    into the report of `root`; the rest is merged all the same.
    """
    inherited = {key: value for key, value in base.items() if key not in _NOT_INHERITED}
    said = {key: value for key, value in root.value.items() if key != EXTENDS}
    merge = _Merge(label)
    changes = isinstance(inherited.get(_FIREWALL), list) and isinstance(said.get(_FIREWALL, {}), dict)
    rules = Place(said.pop(_FIREWALL, {}) if changes else None, _FIREWALL, root.report)
    document = merge.mappings(Place(said, "", root.report), inherited)
    for section in ("hosts", "routers"):
        _check_new(Place(said.get(section), section, root.report), inherited.get(section), label)
    if changes:
        document[_FIREWALL] = merge.added(rules, rules_left(rules, inherited, document, label))
    return document


def _check_new(place: Place, base: Any, label: str) -> None:
    """Report a new host or router without an address: most likely an old one is meant."""
    known = base if isinstance(base, dict) else {}
    for name, entry in place.entries() if isinstance(place.value, dict) else ():
        if name not in known and isinstance(entry.value, dict) and "ip" not in entry.value:
            near = entry.nearest(name, known)
            entry.problem(f"{label} has no such entry, and a new one needs an ip{near}")


@frozen
class _Merge:
    """Merges what a file says into what its base, called `label`, says."""

    label: str

    def mappings(self, place: Place, base: dict[str, Any]) -> dict[str, Any]:
        """Two mappings, key by key: those of the base first, in its order."""
        merged = dict(base)
        for key, entry in place.entries():
            if entry.value is not None:
                merged[key] = self._value(entry, key, base.get(key))
            elif key in base:
                del merged[key]
            else:
                entry.problem(f"{self.label} has nothing here to remove{entry.nearest(key, base)}")
        return merged

    def _value(self, place: Place, key: str, base: Any) -> Any:
        if not isinstance(place.value, dict) or base is None or key in _WHOLE:
            return place.value
        if isinstance(base, dict):
            return self.mappings(place, base)
        if key == "services":
            return self._services(place, base)
        if key in _LISTS:
            return self.added(place, self._left(place, base if isinstance(base, list) else [base]))
        return place.value

    def _services(self, place: Place, base: list[dict[str, Any]]) -> Any:
        """Services that the base lists, as a mapping by name."""
        by_name = {each["name"]: {k: v for k, v in each.items() if k != "name"} for each in base}
        if len(by_name) < len(base):
            place.problem(f"{self.label} has several services of one name here: write them all as a list")
            return base
        return self.mappings(place, by_name)

    def _left(self, place: Place, base: list[Any]) -> Spliced:
        """What is left of a list that is none of rules."""
        paths = base.paths if isinstance(base, Spliced) else [f"{place.path}[{i}]" for i in range(len(base))]
        at: dict[tuple[str, ...], set[int]] = {}
        for i, value in enumerate(base):
            parts = _parts(value)
            for known in {parts, parts[:2]}:
                at.setdefault(known, set()).add(i)
        gone: set[int] = set()
        removed = Place(place.value.get("remove"), join(place.path, "remove"), place.report)
        for entry in removed.items() if removed.value is not None else ():
            found = at.pop(_parts(entry.value), None)
            if found is None:
                entry.problem(f"{self.label} has nothing like it here to remove")
            else:
                gone |= found
        left = [i for i in range(len(base)) if i not in gone]
        return Spliced([base[i] for i in left], [paths[i] for i in left])

    def added(self, place: Place, left: Spliced) -> Spliced:
        """What is left of a list, and what is added to it."""
        fields = place.fields(_CHANGES)
        new = list(fields["add"].items()) if "add" in fields else []
        values = [*left, *(entry.value for entry in new)]
        return Spliced(values, [*left.paths, *(entry.path for entry in new)])


def _parts(value: Any) -> tuple[str, ...]:
    """What tells an entry of a list: an address, a CVE, or owner, id and, if it is said, type of a datum."""
    parts = [value.get(key) for key in ("cve", "owner", "id", "type")] if isinstance(value, dict) else value
    listed = parts if isinstance(parts, list) else [parts]
    return tuple(part for part in listed if isinstance(part, str) and part)
