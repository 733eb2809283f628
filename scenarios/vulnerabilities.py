"""The bundled catalogue of vulnerabilities: which versions of which services have them.

An entry of `data/vulnerabilities.yaml`, under its CVE id::

    CVE-2024-6387:
      service: ssh                  # a name, or a list of names
      versions: [{from: 8.5.0, before: 9.8.0}]      # either end may be missing
      vector: CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H
      score: 8.1                    # the base score as it is published
      published: https://nvd.nist.gov/vuln/detail/CVE-2024-6387

A service counts by the last part of its name: `22/tcp, ssh` is `ssh`. Versions are compared number by number,
and what follows the numbers is left out of account; a version without any, such as `unknown`, has none of
these vulnerabilities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from netsiege.scenarios.model import SIEGE, Host, ServiceItem, Spec, Task, Topology, Vulnerability

_FILE: Final = Path(__file__).resolve().parent / "data" / "vulnerabilities.yaml"
_NUMBERS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")
_SEPARATOR: Final = ", "

_Version = tuple[int, ...]


@frozen
class Entry:
    """A vulnerability of the catalogue, and what has it."""

    vulnerability: Vulnerability
    services: tuple[str, ...]
    versions: tuple[tuple[_Version | None, _Version | None], ...]
    """The first that has it, and the first after it that has not; None where there is no such end."""
    score: float
    """The base score as it is published."""
    published: str
    """Where: an address."""

    def fits(self, service: str, version: _Version) -> bool:
        """Whether that version of a service has it."""
        return service in self.services and any(
            (first is None or version >= first) and (mended is None or version < mended)
            for first, mended in self.versions
        )


@lru_cache(maxsize=1)
def catalogue() -> tuple[Entry, ...]:
    """All entries, in their order in the file."""
    from netsiege.scenarios.source import read_mapping  # noqa: PLC0415  # slow, and few need it

    return tuple(_entry(cve, fields) for cve, fields in read_mapping(_FILE).items())


@lru_cache(maxsize=1)
def known() -> Mapping[str, Vulnerability]:
    """The vulnerabilities of the catalogue, by their CVE ids."""
    return {entry.vulnerability.cve: entry.vulnerability for entry in catalogue()}


def _entry(cve: str, fields: Any) -> Entry:
    named = fields["service"]
    return Entry(
        Vulnerability(cve, fields["vector"]),
        tuple(named) if isinstance(named, list) else (named,),
        tuple((_end(each, "from"), _end(each, "before")) for each in fields["versions"]),
        fields["score"],
        fields["published"],
    )


def _end(span: Mapping[str, str], key: str) -> _Version | None:
    return version_of(span[key]) if key in span else None


def version_of(text: str) -> _Version | None:
    """The numbers that a version begins with, without zeros at the end; None if it begins with none."""
    found = _NUMBERS.match(text)
    if found is None:
        return None
    numbers = [int(part) for part in found[0].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


@lru_cache(maxsize=4096)
def vulnerabilities_of(service: str, version: str) -> tuple[Vulnerability, ...]:
    """Those that the catalogue has of that version of a service, in its order."""
    numbers = version_of(version)
    if numbers is None:
        return ()
    name = service.rpartition(_SEPARATOR)[2]
    return tuple(entry.vulnerability for entry in catalogue() if entry.fits(name, numbers))


def with_known(topology: Topology) -> Topology:
    """The topology with those of the catalogue for every service that says nothing about its own."""
    return attrs.evolve(topology, hosts=tuple(map(_host, topology.hosts)))


def played(topology: Topology, task: Task) -> Spec:
    """The spec of a task on a topology: under `siege-1` with what is known of its services."""
    return Spec(with_known(topology) if task.ruleset == SIEGE else topology, task)


def _host(host: Host) -> Host:
    return attrs.evolve(host, services=tuple(map(_service, host.services)))


def _service(service: ServiceItem) -> ServiceItem:
    if service.patched or service.vulnerabilities:
        return service
    found = vulnerabilities_of(service.name, service.version)
    return attrs.evolve(service, vulnerabilities=found) if found else service
