"""Is anything known to be broken in what the locks name?

The answer comes from services that this machine may not reach, or that may not know a package. pip-audit then
ends as if nothing had been found, so its exit code decides nothing here: a pin is clean only if a service has
answered for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from deploy.supply.lockfile import Pin

SERVICES = ("pypi", "osv")  # pip-audit's names; the second is asked what the first did not answer
TIMEOUT_S = 300


@frozen
class Answer:
    """What one service said: `found` has lines for `answered` pins with known vulnerabilities; `trouble`
    says why others are not among those answered, empty if all are.
    """

    answered: tuple[str, ...]
    found: tuple[str, ...]
    trouble: str = ""


@frozen
class Audit:
    """What all services together said: a line for each vulnerability, one for each service that failed us,
    and the pins that none has answered for.
    """

    answered: int
    found: tuple[str, ...]
    troubles: tuple[str, ...]
    unanswered: tuple[str, ...]


Ask = Callable[[str, Sequence[Pin]], Answer]


def audit(pins: Iterable[Pin], ask: Ask, services: Sequence[str] = SERVICES) -> Audit:
    """Asks each service in turn for the pins that no earlier one has answered for."""
    open_pins = {str(pin): pin for pin in sorted(pins, key=str)}
    asked = len(open_pins)
    found: list[str] = []
    troubles: list[str] = []
    for service in services:
        if not open_pins:
            break
        for batch in _single_versions(open_pins.values()):
            answer = ask(service, batch)
            found += answer.found
            if answer.trouble:
                troubles.append(f"{service}: {answer.trouble}")
            for name in answer.answered:
                open_pins.pop(name, None)
    unique = tuple(dict.fromkeys(troubles))
    return Audit(asked - len(open_pins), tuple(found), unique, tuple(open_pins))


def ask_pip_audit(service: str, pins: Sequence[Pin]) -> Answer:
    """Lets pip-audit ask a service. `pins` hold each package once. Fetches and installs nothing.

    Whatever goes wrong is the answer's trouble: it raises nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "pins.txt"
        listed.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--disable-pip",
            "--no-deps",
            "--requirement",
            str(listed),
        ]
        command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
        command += ["--cache-dir", str(Path(folder) / "cache")]
        try:
            run = subprocess.run(  # noqa: S603  # no shell; the words are ours and the lock's
                command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return Answer((), (), f"no answer within {TIMEOUT_S} s")
    return read_answer(run.stdout, run.stderr)


def read_answer(stdout: str, stderr: str) -> Answer:
    """Understands pip-audit's JSON. Anything else on stdout means that it broke off: the last line on stderr
    is then the trouble.
    """
    try:
        dependencies = json.loads(stdout)["dependencies"]
        skipped = [item for item in dependencies if "skip_reason" in item]
        asked = [item for item in dependencies if "skip_reason" not in item]
        found = [line for item in asked for line in _lines(item)]
        answered = tuple(f"{item['name']}=={item['version']}" for item in asked)
    except (ValueError, KeyError, TypeError):
        lines = stderr.strip().splitlines() or ["pip-audit said nothing"]
        return Answer((), (), lines[-1])
    trouble = f"{len(skipped)} not answered, such as: {skipped[0]['skip_reason']}" if skipped else ""
    return Answer(answered, tuple(found), trouble)


def _lines(item: dict[str, Any]) -> list[str]:
    """One line for each vulnerability of a dependency in pip-audit's JSON."""
    lines = []
    for entry in item["vulns"]:
        names = ", ".join([entry["id"], *entry.get("aliases", [])])
        mended = ", ".join(entry.get("fix_versions", [])) or "no version"
        lines.append(f"{item['name']}=={item['version']}: {names}; mended in: {mended}")
    return lines


def _single_versions(pins: Iterable[Pin]) -> list[list[Pin]]:
    """The pins in as few batches as can be that name each package once, which pip-audit insists on."""
    batches: list[dict[str, Pin]] = []
    for pin in pins:
        free = next((batch for batch in batches if pin.name not in batch), None)
        if free is None:
            free = {}
            batches.append(free)
        free[pin.name] = pin
    return [list(batch.values()) for batch in batches]
