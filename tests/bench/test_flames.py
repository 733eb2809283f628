"""`netsiege bench --profile OUT.svg BENCHMARK`, with a stand-in for the profiler."""

import os
import stat
import subprocess
import sys

import pytest

from netsiege.bench import flames
from netsiege.bench.flames import without_option

STAND_IN = """#!/bin/sh
echo "$@" > "$(dirname "$0")/asked"
while [ "$1" != -- ]; do [ "$1" = --output ] && out=$2; shift; done
shift
[ "$STAND_IN_WRITES" = no ] || echo '<svg/>' > "$out"
echo "words of the profiler's own"
"$@"
exit 0
"""


def bench(*words, **environment):
    argv = [sys.executable, "-c", _BENCH, "bench", *words]
    environment = {**os.environ, **environment}
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=environment)


_BENCH = """
from netsiege.bench import flames
flames.BESIDE = "/nowhere"
from netsiege.cli import main
main()
"""
"""A command line that finds no profiler beside its Python."""


@pytest.fixture
def profiler(tmp_path):
    """Puts the stand-in on the path."""
    program = tmp_path / "bin" / "py-spy"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def test_benchmark_runs_below_the_profiler_which_is_told_of_its_children(profiler, tmp_path):
    out = tmp_path / "out.svg"
    done = bench(f"--profile={out}", "workers", "--help", **profiler)
    assert done.returncode == 0, done.stderr
    assert "Steps per second with 1, 2 and 4 workers" in " ".join(done.stdout.split())
    assert "words of the profiler" not in done.stdout
    assert f"the flame graph is in {out}" in done.stderr
    asked = (tmp_path / "bin" / "asked").read_text()
    assert "--subprocesses" in asked
    assert asked.strip().endswith(" bench workers --help")


def test_exit_code_is_that_of_the_benchmark(profiler, tmp_path):
    done = bench("--profile", str(tmp_path / "out.svg"), "workers", "--seed", "none", **profiler)
    assert done.returncode == 2
    assert "'none' is not a valid" in done.stderr


def test_profiler_that_writes_nothing_is_no_success(profiler, tmp_path):
    out = tmp_path / "out.svg"
    done = bench("--profile", str(out), "workers", "--help", STAND_IN_WRITES="no", **profiler)
    assert done.returncode == 1
    assert f"py-spy has written no {out}" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_profiler_says_how_it_is_installed(tmp_path):
    done = bench("--profile", str(tmp_path / "out.svg"), "workers", "--help", PATH="/nowhere")
    assert done.returncode == 2
    assert "needs py-spy, which is not installed: pip install 'netsiege[bench]'" in done.stderr


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("out.png", "a flame graph is written as .svg"),
        ("nowhere/out.svg", "cannot be written"),
    ],
)
def test_file_that_cannot_be_written_is_said_first(profiler, tmp_path, out, said):
    done = bench("--profile", str(tmp_path / out), "workers", "--help", **profiler)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "bin" / "asked").exists()


def test_profile_of_nothing_is_a_mistake(tmp_path):
    done = bench("--profile", str(tmp_path / "out.svg"))
    assert done.returncode == 2
    assert "--profile: of which benchmark?" in done.stderr


@pytest.mark.parametrize("said", [["--profile", "x.svg"], ["--profile=x.svg"]])
def test_option_is_taken_out_and_nothing_else(said):
    assert without_option(["bench", *said, "hub", "--quick"]) == ["bench", "hub", "--quick"]
    assert flames.OPTION == "--profile"
