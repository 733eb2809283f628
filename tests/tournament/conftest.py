"""A cup that has been played, for those who only look at it, or bend a copy."""

import shutil
from pathlib import Path

import pytest

from tests.tournament.running import CUP, run


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A cup that was played, in a folder to be copied, not changed."""
    folder = tmp_path_factory.mktemp("cups")
    (folder / "cup.yaml").write_text(CUP)
    done = run("run", "cup.yaml", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done


@pytest.fixture
def copied(played, tmp_path):
    return Path(shutil.copytree(played[0], tmp_path / "copy"))
