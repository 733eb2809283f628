"""What a host of a topology file holds: its services, with their vulnerabilities and data.

The form is in `netsiege.scenarios.topology`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from attrs import Factory, define

from netsiege.scenarios.limits import (
    MAX_DATA,
    MAX_OF_A_HOST,
    MAX_OPENED,
    MAX_SERVICES,
    MAX_VULNERABILITIES,
)
from netsiege.scenarios.model import CVE_ID, DataItem, ServiceItem, Vulnerability
from netsiege.scenarios.reading import Place, shown
from netsiege.scenarios.vulnerabilities import known

MAX_CONTENT_CHARS: Final = 1 << 16
MAX_DATA_SIZE: Final = (1 << 63) - 1

SERVICE_TYPES: Final = ("passive", "active", "unknown")

_SERVICE: Final = ("version", "type", "local", "owner", "data", "vulnerabilities")
_DATA: Final = ("owner", "id", "type", "size", "content", "opens")
_START_MARKER: Final = "can_attack_start_here"
_LOG: Final = ("system", "logfile", "log")


@define
class Contents:
    """What has been read so far, of all hosts."""

    services: int = 0
    data: int = 0
    opened: list[Place] = Factory(list)
    """The names of hosts that data open, which may come later in the file."""

    def check_opened(self, hosts: Collection[str]) -> None:
        """Report what data open that is none of these hosts."""
        for place in self.opened:
            if place.value not in hosts:
                place.problem(f"there is no host {shown(place.value)}{place.nearest(place.value, hosts)}")


def read_services(place: Place, contents: Contents) -> tuple[ServiceItem, ...]:
    """The services of one more host."""
    if place.is_too_long(MAX_OF_A_HOST) or place.is_too_long(MAX_SERVICES, contents.services):
        return ()
    entries: list[tuple[str | None, Place]] = (
        [(None, entry) for entry in place.items()] if isinstance(place.value, list) else [*place.entries()]
    )
    services: list[ServiceItem] = []
    data: set[tuple[str, str, str]] = set()
    identities: set[tuple[str, str, str, bool]] = set()
    contents.services += len(entries)
    for key, entry in entries:
        service = _read_service(entry, key, data, contents)
        identity = (service.name, service.type, service.version, service.local)
        if identity in identities:
            entry.problem("the same name, type, version and local as another service of this host")
        identities.add(identity)
        services.append(service)
    return tuple(services)


def _read_service(
    place: Place, key: str | None, data: set[tuple[str, str, str]], contents: Contents
) -> ServiceItem:
    """A service of a mapping under its name, `key`, or of a list."""
    if key is None:
        fields = place.fields(("name", *_SERVICE), ("name",))
    else:
        given = Place({}, place.path, place.report) if place.value is None else place
        fields = given.fields(_SERVICE)
        fields["name"] = Place(key, place.path, place.report)
    name = (fields["name"].text() if "name" in fields else None) or ""
    if name == _START_MARKER:
        place.problem("NetSecGame's marker is no service here: write `start: true` at the host")
    return ServiceItem(
        name=name,
        type=(fields["type"].choice(SERVICE_TYPES) if "type" in fields else None) or "passive",
        version=(fields["version"].text() if "version" in fields else None) or "unknown",
        local=(fields["local"].flag() if "local" in fields else None) or False,
        owner=(fields["owner"].text() if "owner" in fields else None) or "",
        data=tuple(_read_data(fields["data"], data, contents)) if "data" in fields else (),
        vulnerabilities=_read_vulnerabilities(fields["vulnerabilities"])
        if "vulnerabilities" in fields
        else (),
        patched="vulnerabilities" in fields and fields["vulnerabilities"].value == [],
    )


# --- vulnerabilities ----------------------------------------------------------------------------------------


def _read_vulnerabilities(place: Place) -> tuple[Vulnerability, ...]:
    if place.is_too_long(MAX_VULNERABILITIES):
        return ()
    found: dict[str, Vulnerability] = {}
    for entry in place.items("[CVE-2021-34527]"):
        read = _read_vulnerability(entry)
        if read is not None and read.cve in found:
            entry.problem(f"{read.cve} is there already")
        elif read is not None:
            found[read.cve] = read
    return tuple(found.values())


def _read_vulnerability(place: Place) -> Vulnerability | None:
    """One of the catalogue, by its id, or one that is written out."""
    if not isinstance(place.value, dict):
        name = place.text()
        if name is None or name in known():
            return known().get(name or "")
        near = place.nearest(name, known())
        place.problem(f"{shown(name)} is not in the catalogue: write its vector as well{near}")
        return None
    fields = place.fields(("cve", "vector"), ("cve", "vector"))
    cve, vector = (fields[key].text() if key in fields else None for key in ("cve", "vector"))
    if cve is not None and not CVE_ID.fullmatch(cve):
        fields["cve"].problem(f"{shown(cve)} is no CVE id such as CVE-2021-34527")
    elif cve is not None and vector is not None:
        try:
            return Vulnerability(cve, vector)
        except ValueError as error:
            fields["vector"].problem(f"no CVSS v3.1 base vector: {error}")
    return None


# --- data ---------------------------------------------------------------------------------------------------


def _read_data(place: Place, taken: set[tuple[str, str, str]], contents: Contents) -> Iterator[DataItem]:
    if place.is_too_long(MAX_OF_A_HOST) or place.is_too_long(MAX_DATA, contents.data):
        return
    contents.data += len(place.value) if isinstance(place.value, list) else 0
    for entry in place.items("[[User1, DataFromServer1]]"):
        item = _read_datum(entry, contents)
        if item is None:
            continue
        identity = (item.owner, item.id, item.type)
        if identity == _LOG:
            entry.problem("log files are not written down: every host has one")
        elif identity in taken:
            entry.problem("the same owner, id and type as other data of this host")
        taken.add(identity)
        yield item


def _read_datum(place: Place, contents: Contents) -> DataItem | None:
    if isinstance(place.value, list):
        parts = list(place.items())
        if len(parts) != 2:
            place.problem(f"expected [owner, id], got a list of {len(parts)}")
            return None
        owner, name = parts[0].text(), parts[1].text()
        return None if owner is None or name is None else DataItem(owner, name)
    if not isinstance(place.value, dict):
        place.problem(f"expected [owner, id] or a mapping, got {shown(place.value)}")
        return None
    fields = place.fields(_DATA, ("owner", "id"))
    if not {"owner", "id"} <= fields.keys():
        return None
    owner, name = fields["owner"].text(), fields["id"].text()
    kind = fields["type"].text() if "type" in fields else ""
    content = fields["content"].any_text(MAX_CONTENT_CHARS) if "content" in fields else ""
    size = fields["size"].whole(0, MAX_DATA_SIZE) if "size" in fields else len(content or "")
    opens = _read_opens(fields["opens"], contents) if "opens" in fields else ()
    if owner is None or name is None or kind is None or content is None or size is None:
        return None
    return DataItem(owner, name, kind, size, content, opens)


def _read_opens(place: Place, contents: Contents) -> tuple[str, ...]:
    """The hosts that a datum opens, each once."""
    if place.is_too_long(MAX_OPENED, len(contents.opened)):
        return ()
    places = [entry for entry in place.items("[client_1]") if entry.text() is not None]
    contents.opened += places
    return tuple(dict.fromkeys(entry.value for entry in places))
