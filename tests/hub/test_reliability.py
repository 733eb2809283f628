"""hub/RELIABILITY.md names tests: they exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "hub" / "RELIABILITY.md").read_text()


def test_tests_that_hold_a_promise_exist():
    defined = {
        name
        for file in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 8
    assert named <= defined


def test_files_that_are_named_exist():
    named = re.findall(r"`((?:tests|hub|engine|src)/[\w/]+\.\w+)`", TEXT)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []
