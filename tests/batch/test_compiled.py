"""Compiled pieces by themselves: masks, hashes, and where the machine code is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netsiege.engine.batch import compiled, hashing
from netsiege.engine.streams import Stream, derive

NAMES = ("/episode/", "/detector/Attacker/0/", "/sample/")


@compiled.entry
def hashes(seed, name, number, words):
    draw = hashing.derive(seed, name, number, words)
    return draw, hashing.below(draw, 7), hashing.uniform(draw)


@pytest.mark.parametrize("seed", [0, 9, 10, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("name", NAMES)
def test_streams_draw_what_those_of_the_engine_draw(name, seed):
    words = np.zeros(hashing.WORDS, np.uint32)
    for number in (0, 1, 10, 12_345_678):
        told, below, uniform = hashes(np.uint64(seed), np.frombuffer(name.encode(), np.uint8), number, words)
        assert int(told) == derive(seed, f"{name[1:]}{number}")
        if number:
            assert below == Stream(seed, name[1:-1], number - 1).below(7)
            assert uniform == Stream(seed, name[1:-1], number - 1).uniform()


SCRIPT = """
from netsiege.engine.batch import Batch
from netsiege.engine.batch.episode import choose
from netsiege.scenarios import load_spec
Batch(load_spec(None, "two_networks_tiny"), 2).sample()
print(sum(choose.stats.cache_hits.values()), sum(choose.stats.cache_misses.values()))
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.soak
def test_machine_code_is_kept_for_the_next_process(tmp_path: Path):
    assert run(NUMBA_CACHE_DIR=str(tmp_path)).stdout.split() == ["0", "1"]
    assert run(NUMBA_CACHE_DIR=str(tmp_path)).stdout.split() == ["1", "0"]
    assert [path.name.startswith("batch-") for path in (tmp_path / "netsiege").iterdir()] == [True]


@pytest.mark.soak
def test_where_nothing_can_be_kept_it_is_said_and_played_all_the_same(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    told = run(NUMBA_CACHE_DIR=str(blocked))
    assert told.stdout.split() == ["0", "1"], told.stderr
    assert "compiled_code_not_kept" in told.stderr
