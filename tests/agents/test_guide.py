"""Every piece of code in the guide, and in the README, runs as printed against a hub, and is typed."""

import re

import pytest

from tests.agents.blocks import ROOT, blocks_of, check_types, run_block
from tests.e2e.conftest import RunningHub

BLOCKS = blocks_of((ROOT / "agents" / "GUIDE.md").read_text())
README = [code for code in blocks_of((ROOT / "README.md").read_text()) if "my_agents" not in code]
"""But for what needs a cup, or a machine of its own: `tests/e2e/test_two_machines.py` runs that."""
SAID = {
    "Careful": r"0\.5 \d+ -?\d+.*\n0\.9 \d+ -?\d+",
    "play_many": r"32 \{0, 1, .*15\}",
    "AsyncAgent": r"(?:EpisodeSummary.*?){4}",
    "session_token": r"nobody there: .+",
    "LocalMatch": r"\[('Attacker'|None)(, ('Attacker'|None)){9}\] \(\d+,\) \(-?\d+,\)",
}
"""A word of each block, in their order, and what the block prints."""


@pytest.fixture(scope="module")
def hub():
    running = RunningHub("--workers", "1")
    yield running
    assert "Traceback" not in running.stop()


def test_guide_has_the_blocks_that_are_tested():
    assert len(BLOCKS) == len(SAID)


@pytest.mark.parametrize(("code", "word"), list(zip(BLOCKS, SAID, strict=False)), ids=SAID)
def test_guide_code_runs_as_printed_and_says_what_it_should(code, word, hub, tmp_path):
    assert word in code
    said = run_block(code, hub.port, tmp_path)
    assert re.search(SAID[word], said), said


@pytest.mark.parametrize("code", README)
def test_readme_code_runs_as_printed_and_says_something(code, hub, tmp_path):
    assert "9100" in code
    assert run_block(code, hub.port, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("blocks", [BLOCKS, README], ids=["guide", "readme"])
def test_code_in_documents_is_typed(blocks, tmp_path):
    pytest.importorskip("mypy")
    check_types(blocks, tmp_path)
