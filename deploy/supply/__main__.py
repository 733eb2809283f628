"""`python -m deploy.supply [licences|vulnerabilities]`: both, if neither is named.

Exit codes: 0 all is well, 1 a licence or a version may not be used, 2 the locks could not be read or are not
installed here, 3 the licences are fine and the vulnerabilities could not be checked, or not all of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path

from deploy.supply.licences import POLICY, Policy, check_licences
from deploy.supply.lockfile import LOCKS, Pin, read_locks
from deploy.supply.vulnerabilities import Ask, ask_pip_audit, audit
from netsiege.errors import ConfigError

EXIT_DONE, EXIT_FAILED, EXIT_MISTAKE, EXIT_UNCHECKED = 0, 1, 2, 3
SHIPPED = ("image",)

Locks = Mapping[str, Sequence[Pin]]


def main(
    arguments: Sequence[str],
    folder: Path = LOCKS,
    policy: Policy = POLICY,
    find: Callable[[str], Distribution] = distribution,
    ask: Ask = ask_pip_audit,
) -> int:
    """Does what the module's docstring says; returns the exit code. Findings go to stdout."""
    parser = argparse.ArgumentParser(prog="python -m deploy.supply", description="Look at what is locked.")
    parser.add_argument("what", nargs="?", choices=["licences", "vulnerabilities"], help="default: both")
    what = parser.parse_args(arguments).what
    try:
        locks = read_locks(folder)
    except ConfigError as error:
        _say(error.problems)
        return EXIT_MISTAKE
    codes = []
    if what != "vulnerabilities":
        codes.append(_licences(locks, policy, find))
    if what != "licences":
        codes.append(_vulnerabilities(locks, ask))
    return min((code for code in codes if code != EXIT_DONE), default=EXIT_DONE)


def _licences(locks: Locks, policy: Policy, find: Callable[[str], Distribution]) -> int:
    report = check_licences(locks, SHIPPED, policy, find)
    _say(f"licence refused: {line}" for line in report.refused)
    if report.elsewhere:
        _say([f"licences not looked at, for other Pythons or systems: {', '.join(report.elsewhere)}"])
    if report.missing:
        _say(f"not installed here: {name}" for name in report.missing)
        _say(["licences could not be checked: pip install --require-hashes -r deploy/lock/ci.txt"])
        return EXIT_MISTAKE
    if report.refused:
        return EXIT_FAILED
    _say([f"licences: {report.looked_at} packages, all accepted; by exception:"])
    _say(f"  {name}: {leave.licence}, {leave.reason}" for name, leave in sorted(policy.exceptions.items()))
    _say(["and inside wheels:"])
    _say(f"  {name}: {leave.licence}, {leave.reason}" for name, leave in sorted(policy.carried.items()))
    return EXIT_DONE


def _vulnerabilities(locks: Locks, ask: Ask) -> int:
    report = audit({pin for pins in locks.values() for pin in pins}, ask)
    _say(f"vulnerable: {line}" for line in report.found)
    if report.unanswered:
        unknown = len(report.unanswered)
        count = f"no answer for {unknown} of {unknown + report.answered} packages"
        _say([f"vulnerabilities could not be checked: {count}"])
        _say(f"  {line}" for line in report.troubles)
        return EXIT_FAILED if report.found else EXIT_UNCHECKED
    if report.found:
        return EXIT_FAILED
    _say([f"vulnerabilities: none known in {report.answered} packages"])
    return EXIT_DONE


def _say(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
