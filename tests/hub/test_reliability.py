"""hub/RELIABILITY.md and hub/SECURITY.md name tests and files that exist, and limits as they are."""

import re
from pathlib import Path

import pytest

from netsiege.hub.limits import DEFAULT_LIMITS

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "hub" / name for name in ("RELIABILITY.md", "SECURITY.md")]
texts = pytest.mark.parametrize("text", [file.read_text() for file in TEXTS], ids=[t.stem for t in TEXTS])


@texts
def test_tests_that_hold_a_promise_exist(text):
    defined = {
        name
        for file in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > 5
    assert named <= defined


@texts
def test_files_that_are_named_exist(text):
    named = re.findall(r"`((?:tests|hub|engine|scenarios|src)/[\w/]+\.\w+)`", text)
    named += [f"src/netsiege/{name}" for name in re.findall(r"`((?:protocol/)?[a-z]+\.py)`", text)]
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_limits_are_those_of_the_code():
    rows = re.findall(r"^\| `(\w+)` \| ([\d,.]+) \| (.*) \|$", TEXTS[1].read_text(), re.MULTILINE)
    assert rows == DEFAULT_LIMITS.listed()
