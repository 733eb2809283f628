"""`python -m deploy.supply`: which licences it lets pass, and what it says of services that do not answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.supply.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_MISTAKE, EXIT_UNCHECKED, main
from deploy.supply.licences import ACCEPTED, NAMES, POLICY, Leave, Policy, is_accepted, licence_of
from deploy.supply.lockfile import Pin, read_locks
from deploy.supply.vulnerabilities import SERVICES, Answer, ask_pip_audit, audit, read_answer

DIGEST = "0123456789abcdef" * 4
NO_POLICY = Policy({}, {})


class Shelf:
    """A folder with locks, and one with installed packages that have nothing but metadata."""

    def __init__(self, folder: Path) -> None:
        self.locks, self.site = folder / "lock", folder / "site"
        self.locks.mkdir()
        self.lock("image")

    def lock(self, name: str, *requirements: str) -> None:
        lines = [f"{text} --hash=sha256:{DIGEST}\n" for text in requirements]
        (self.locks / f"{name}.txt").write_text("".join(lines))

    def install(self, name: str, version: str, *headers: str) -> Distribution:
        folder = self.site / f"{name}.dist-info"
        folder.mkdir(parents=True)
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *headers]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
        return self.find(name)

    def find(self, name: str) -> Distribution:
        folder = self.site / f"{name}.dist-info"
        if not folder.is_dir():
            raise PackageNotFoundError(name)
        return PathDistribution(folder)

    def licences(self, policy: Policy = NO_POLICY) -> int:
        return main(["licences"], self.locks, policy, self.find)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


# -- licences ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (GPL-3.0-only OR BSD-3-Clause)", True),
        ("(MIT AND GPL-3.0-only) OR Apache-2.0", True),
        ("MIT OR GPL-3.0-only AND MPL-2.0", True),
        ("(MIT OR GPL-3.0-only) AND MPL-2.0", False),
        ("GPL-3.0-only OR (MPL-2.0 OR (MIT))", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("LicenseRef-Ours", False),
    ],
)
def test_licence_expression_is_accepted_if_accepted_ones_fulfil_it(expression: str, accepted: bool) -> None:
    assert is_accepted(expression) is accepted


@pytest.mark.parametrize("expression", ["", "MIT OR", "(MIT", "no such licence", "MIT MIT"])
def test_licence_expression_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="nvalid"):
        is_accepted(expression)


@pytest.mark.parametrize("expression", [*sorted(ACCEPTED), *NAMES.values()])
def test_licence_lists_hold_nothing_but_spdx_expressions(expression: str) -> None:
    assert isinstance(is_accepted(expression), bool)


MIT = "Classifier: License :: OSI Approved :: MIT License"
GPL = "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)"


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        (["License-Expression: ISC", MIT], "ISC"),
        ([MIT], "MIT"),
        ([MIT, "License: whatever it says"], "MIT"),
        ([MIT, GPL], "MIT AND GPL-3.0-only"),
        (["Classifier: License :: OSI Approved", "License: Apache 2.0"], "Apache-2.0"),
        (["License: MIT"], "MIT"),
        (["License: see the file LICENSE"], None),
        (["License-Expression: MIT OR"], None),
        ([], None),
    ],
)
def test_licence_is_read_from_the_most_precise_metadata(
    shelf: Shelf, headers: list[str], licence: str | None
) -> None:
    assert licence_of(shelf.install("a", "1.0", *headers)) == licence


def test_supply_with_accepted_licences_passes(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.lock("image", "a==1.0")
    shelf.lock("ci", "a==1.0", "b==2.0", "c==3.0 ; python_version < '3'")
    shelf.install("a", "1.0", "License-Expression: MIT")
    shelf.install("b", "2.0", "License: MIT")
    assert shelf.licences() == EXIT_DONE
    said = capsys.readouterr().out
    assert "licences: 2 packages, all accepted" in said
    assert "not looked at, for other Pythons or systems: c==3.0" in said


@pytest.mark.parametrize("headers", [["License-Expression: GPL-3.0-only"], [], ["License: ask us"]])
def test_supply_with_another_licence_or_none_fails_and_names_the_package(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], headers: list[str]
) -> None:
    shelf.lock("ci", "a==1.0")
    shelf.install("a", "1.0", *headers)
    assert shelf.licences() == EXIT_FAILED
    assert "refused: a==1.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lock", "licence", "code"),
    [
        ("ci", "MPL-2.0", EXIT_DONE),
        ("image", "MPL-2.0", EXIT_FAILED),  # what others get from us is no tool
        ("ci", "GPL-3.0-only", EXIT_FAILED),  # the licence has changed
        ("ci", "MIT", EXIT_FAILED),  # the exception is needed no more
    ],
)
def test_supply_exception_counts_for_a_tool_with_that_licence(
    shelf: Shelf, lock: str, licence: str, code: int
) -> None:
    shelf.lock(lock, "a==1.0")
    shelf.install("a", "1.0", f"License-Expression: {licence}")
    assert shelf.licences(Policy({"a": Leave("MPL-2.0", "a tool")}, {})) == code


def test_supply_policy_for_what_no_lock_names_fails(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        shelf.licences(Policy({"old": Leave("MPL-2.0", "")}, {"older": Leave("MPL-2.0", "")})) == EXIT_FAILED
    )
    assert [line.split(":")[1] for line in capsys.readouterr().out.splitlines()] == [" old", " older"]


@pytest.mark.parametrize("installed", [None, "1.1"])
def test_supply_where_the_lock_is_not_installed_does_not_pass(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], installed: str | None
) -> None:
    shelf.lock("ci", "a==1.0")
    if installed:
        shelf.install("a", installed, "License-Expression: MIT")
    assert shelf.licences() == EXIT_MISTAKE
    assert "could not be checked" in capsys.readouterr().out


def test_supply_without_locks_is_a_mistake(tmp_path: Path) -> None:
    assert main([], tmp_path) == EXIT_MISTAKE


def test_policy_names_only_what_is_locked_and_gives_reasons() -> None:
    locks = read_locks()
    tools = {pin.name for pin in locks["ci"]} - {pin.name for pin in locks["image"]}
    assert set(POLICY.exceptions) <= tools
    assert set(POLICY.carried) <= {pin.name for pin in locks["ci"]}
    assert all(leave.reason for leave in (*POLICY.exceptions.values(), *POLICY.carried.values()))


# -- vulnerabilities --------------------------------------------------------------------------------------


def audited(*dependencies: dict[str, object]) -> str:
    """What pip-audit prints with `--format json`."""
    return json.dumps({"dependencies": dependencies, "fixes": []})


def clean(pin: str) -> dict[str, object]:
    name, _, version = pin.partition("==")
    return {"name": name, "version": version, "vulns": []}


def broken(pin: str) -> dict[str, object]:
    entry = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["9.1"], "description": "bad"}
    return {**clean(pin), "vulns": [entry]}


def skipped(pin: str) -> dict[str, object]:
    return {"name": pin.partition("==")[0], "skip_reason": f"not found: {pin}"}


class Services:
    """Answers in turn for each call; keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers: Iterator[Answer] = iter(answers)
        self.asked: list[tuple[str, list[str]]] = []

    def __call__(self, service: str, pins: Sequence[Pin]) -> Answer:
        self.asked.append((service, [str(pin) for pin in pins]))
        return next(self.answers)


def pin(text: str) -> Pin:
    name, _, version = text.partition("==")
    return Pin(name, version, ())


def test_read_answer_counts_only_what_was_answered() -> None:
    answer = read_answer(audited(clean("a==1"), broken("b==2"), skipped("c==3")), "")
    assert answer.answered == ("a==1", "b==2")
    assert answer.found == ("b==2: PYSEC-1, CVE-1; mended in: 9.1",)
    assert answer.trouble == "1 not answered, such as: not found: c==3"


@pytest.mark.parametrize(
    "stdout", ["", "No known vulnerabilities found", "[]", "{}", '{"dependencies": [{}]}']
)
def test_read_answer_that_is_none_is_trouble(stdout: str) -> None:
    assert read_answer(stdout, "Traceback\nConnectionError: no such host\n") == Answer(
        (), (), "ConnectionError: no such host"
    )
    assert read_answer(stdout, "").trouble


@pytest.mark.skipif(find_spec("pip_audit") is None, reason="the extra [dev] is not installed")
@pytest.mark.parametrize("service", SERVICES)
def test_ask_pip_audit_without_a_network_is_trouble(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pip-audit: it knows the options, and what it ends with is no pass."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the port of discard: nobody listens
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    answer = ask_pip_audit(service, [pin("msgpack==1.1.0")])
    assert (answer.answered, answer.found) == ((), ())
    assert "onnection" in answer.trouble or "proxy" in answer.trouble.lower()


def test_audit_asks_the_next_service_for_what_is_open() -> None:
    services = Services(Answer(("a==1",), (), "b is unknown"), Answer(("b==2",), ("b==2: X",)))
    report = audit([pin("b==2"), pin("a==1")], services, ("one", "two"))
    assert services.asked == [("one", ["a==1", "b==2"]), ("two", ["b==2"])]
    assert (report.answered, report.found, report.unanswered) == (2, ("b==2: X",), ())
    assert report.troubles == ("one: b is unknown",)


def test_audit_with_two_versions_asks_for_each_on_its_own() -> None:
    services = Services(Answer(("a==1", "b==1"), ()), Answer(("a==2",), ()))
    report = audit([pin("a==2"), pin("a==1"), pin("b==1")], services, ("one",))
    assert [pins for _, pins in services.asked] == [["a==1", "b==1"], ["a==2"]]
    assert report.unanswered == ()


@pytest.mark.parametrize(
    ("first", "second", "code", "said"),
    [
        (audited(clean("a==1"), clean("b==2")), "", EXIT_DONE, "none known in 2 packages"),
        (audited(clean("a==1"), broken("b==2")), "", EXIT_FAILED, "vulnerable: b==2: PYSEC-1"),
        (audited(skipped("a==1"), skipped("b==2")), "", EXIT_UNCHECKED, "no answer for 2 of 2"),
        (audited(clean("a==1"), skipped("b==2")), "", EXIT_UNCHECKED, "no answer for 1 of 2"),
        (audited(skipped("a==1"), broken("b==2")), "", EXIT_FAILED, "no answer for 1 of 2"),
        ("", "", EXIT_UNCHECKED, "pip-audit said nothing"),
        ("", audited(clean("a==1"), clean("b==2")), EXIT_DONE, "none known in 2 packages"),
    ],
)
def test_supply_vulnerabilities_pass_only_if_all_were_answered(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], first: str, second: str, code: int, said: str
) -> None:
    shelf.lock("ci", "a==1", "b==2")
    services = Services(read_answer(first, ""), read_answer(second, ""))
    assert main(["vulnerabilities"], shelf.locks, ask=services) == code
    out = capsys.readouterr().out
    assert said in out
    assert ("could not be checked" in out) is ("no answer" in out)
    assert ("none known" in out) is (code == EXIT_DONE)


@pytest.mark.parametrize(
    ("licence", "answer", "code"),
    [
        ("MIT", Answer(("a==1.0",), ()), EXIT_DONE),
        ("MIT", Answer((), (), "no such host"), EXIT_UNCHECKED),
        ("GPL-3.0-only", Answer((), (), "no such host"), EXIT_FAILED),
        ("GPL-3.0-only", Answer(("a==1.0",), ()), EXIT_FAILED),
        ("MIT", Answer(("a==1.0",), ("a==1.0: X",)), EXIT_FAILED),
    ],
)
def test_supply_of_both_fails_if_one_does(shelf: Shelf, licence: str, answer: Answer, code: int) -> None:
    shelf.lock("ci", "a==1.0")
    shelf.install("a", "1.0", f"License-Expression: {licence}")
    assert main([], shelf.locks, NO_POLICY, shelf.find, Services(answer, answer)) == code
