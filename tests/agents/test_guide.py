"""Every piece of code in the guide runs as printed, against a hub of this test."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import RunningHub

GUIDE = (Path(__file__).parents[2] / "agents" / "GUIDE.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
SAID = {
    "Careful": r"0\.5 \d+ -?\d+.*\n0\.9 \d+ -?\d+",
    "play_many": r"32 \{0, 1, .*15\}",
    "AsyncAgent": r"(?:EpisodeSummary.*?){4}",
    "session_token": r"nobody there: .+",
    "LocalMatch": r"\[('Attacker'|None)(, ('Attacker'|None)){9}\] \(\d+,\) \(-?\d+,\)",
}
"""A word of each block, in their order, and what the block prints."""
SILENT = "[mypy-netsiege.*]\nfollow_imports = silent\n"
"""For mypy: our own modules are looked at elsewhere, as installed ones are not by those who use them."""


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
    script = tmp_path / "block.py"
    script.write_text(code.replace("9100", str(hub.port)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert re.search(SAID[word], done.stdout), done.stdout


@pytest.mark.soak
def test_guide_code_is_typed(tmp_path):
    pytest.importorskip("mypy")
    names = [f"block_{i}.py" for i in range(len(BLOCKS))]
    for name, code in zip(names, BLOCKS, strict=True):
        (tmp_path / name).write_text(code)
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = True\nmypy_path = {Path(__file__).parents[2] / 'src'}\n{SILENT}"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *names], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
