"""The locks in deploy/lock: they hold what setup.cfg and pyproject.toml ask for, exactly and with hashes."""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.supply.lockfile import Pin, read_lock, read_locks
from netsiege.errors import ConfigError

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "deploy" / "lock"
CI_EXTRAS = ("test", "dev")

LOCKS = read_locks(LOCK)


# -- what must be in them ---------------------------------------------------------------------------------


def asked_for(*extras: str) -> list[Requirement]:
    """What setup.cfg requires with these extras, and with those that they name in turn."""
    parsed = configparser.ConfigParser()
    parsed.read(ROOT / "setup.cfg")
    options = parsed["options.extras_require"]
    waiting, seen = (
        [parsed["options"]["install_requires"], *(options[extra] for extra in extras)],
        set(extras),
    )
    found = []
    while waiting:
        for requirement in map(Requirement, filter(None, waiting.pop().splitlines())):
            if requirement.name != "netsiege":
                found.append(requirement)
                continue
            waiting += [options[extra] for extra in sorted(requirement.extras - seen)]
            seen |= requirement.extras
    return found


def to_build() -> list[Requirement]:
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    return [Requirement(text) for text in requires]


def unmet(requirements: list[Requirement], pins: tuple[Pin, ...]) -> list[str]:
    """The requirements that no pin of that name fulfils, or not every one of them."""
    missing = []
    for requirement in requirements:
        versions = [pin.version for pin in pins if pin.name == canonicalize_name(requirement.name)]
        if not versions or not all(requirement.specifier.contains(version) for version in versions):
            missing.append(f"{requirement}: {versions}")
    return missing


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("image", asked_for()),
        ("build", to_build()),
        ("ci", [*asked_for(*CI_EXTRAS), *to_build()]),
    ],
)
def test_lock_has_a_fitting_version_of_all_that_is_asked_for(
    lock: str, requirements: list[Requirement]
) -> None:
    assert requirements
    assert unmet(requirements, LOCKS[lock]) == []


def test_asked_for_with_an_extra_that_names_another_has_both() -> None:
    names = {requirement.name for requirement in asked_for("dev")}
    assert {"pyzmq", "mypy", "pytest", "matplotlib"} <= names


def test_unmet_with_an_older_lock_names_what_is_missing() -> None:
    pins = (Pin("a", "1.0", ()), Pin("b", "1.0", ()), Pin("b", "2.0", ()))
    wanted = [Requirement("a>=1"), Requirement("b>=2"), Requirement("c")]
    assert [line.partition(":")[0] for line in unmet(wanted, pins)] == ["b>=2", "c"]


def test_image_lock_has_what_the_checks_ran_with_and_no_tools() -> None:
    ci, image = ({(pin.name, pin.version) for pin in LOCKS[name]} for name in ("ci", "image"))
    assert image < ci
    assert {(pin.name, pin.version) for pin in LOCKS["build"]} < ci
    assert {name for name, _ in image}.isdisjoint({"pytest", "setuptools", "mypy", "matplotlib", "pip-audit"})


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("lock", LOCKS)
def test_lock_on_every_python_and_system_has_one_version_of_a_package(lock: str, version: str) -> None:
    for system in ("linux", "darwin"):
        here = {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": system}
        names = [pin.name for pin in LOCKS[lock] if not pin.marker or Marker(pin.marker).evaluate(here)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_host_no_path_of_a_machine_and_no_option(lock: str) -> None:
    text = (LOCK / f"{lock}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"(^|[\s=\"'])(/|~|[A-Za-z]:\\)", text)
    assert not re.search(r"^-", text, flags=re.MULTILINE)


def test_renewal_script_is_one_that_a_shell_can_read() -> None:
    subprocess.run(["sh", "-n", LOCK / "renew"], check=True)
    assert (LOCK / "renew").stat().st_mode & 0o111


# -- reading them -----------------------------------------------------------------------------------------

DIGEST = "0123456789abcdef" * 4


def read(folder: Path, text: str) -> tuple[Pin, ...]:
    (folder / "x.txt").write_text(text)
    return read_lock(folder / "x.txt")


def test_read_lock_with_markers_and_comments_gives_the_pins_in_order(tmp_path: Path) -> None:
    text = (
        "# written by a tool\n"
        f"Ruamel_Yaml==1.0 ; python_version < '3' \\\n    --hash=sha256:{DIGEST} \\\n"
        f"    --hash=sha256:{DIGEST}\n"
        f"    # via somebody\nb==2.0 \\\n    --hash=sha256:{DIGEST}\n"
    )
    one, other = read(tmp_path, text)
    assert (str(one), len(one.hashes), one.applies_here) == ("ruamel-yaml==1.0", 2, False)
    assert (str(other), len(other.hashes), other.applies_here) == ("b==2.0", 1, True)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a>=1 --hash=sha256:" + DIGEST, "one exact version"),
        ("a==1.* --hash=sha256:" + DIGEST, "one exact version"),
        ("a==1,<2 --hash=sha256:" + DIGEST, "one exact version"),
        ("a --hash=sha256:" + DIGEST, "one exact version"),
        ("a @ file:///x.whl --hash=sha256:" + DIGEST, "one exact version"),
        ("a==1", "needs SHA-256"),
        ("a==1 --hash=md5:" + DIGEST[:32], "needs SHA-256"),
        ("a==1 --hash=sha256:" + DIGEST[1:], "needs SHA-256"),
        ("--index-url x --hash=sha256:" + DIGEST, "no requirement"),
    ],
)
def test_read_lock_with_a_loose_line_names_it(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read(tmp_path, f"b==1 --hash=sha256:{DIGEST}\n{line}\nc==1 --hash=sha256:{DIGEST}\n")
    assert len(caught.value.problems) == 1
    assert "x.txt" in caught.value.problems[0]


def test_read_locks_without_any_says_where(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path))):
        read_locks(tmp_path)
    with pytest.raises(ConfigError, match=r"none\.txt"):
        read_lock(tmp_path / "none.txt")
