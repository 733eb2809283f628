"""Every promise is kept, whatever goes wrong: a few seeds always, many more in the soak."""

import os
import subprocess
import sys

import pytest

from tests.lengths import lasting
from tests.simulation.search import main, report
from tests.simulation.world import run_seed

AT_ONCE = 6
ALWAYS = range(0, 60, AT_ONCE)
SOAK = range(60, lasting(360, 660), AT_ONCE)


def _keeps_every_promise(first):
    for seed in range(first, first + AT_ONCE):
        outcome = run_seed(seed)
        assert outcome.violation is None, report(outcome)


@pytest.mark.parametrize("first", ALWAYS)
def test_whole_system_under_faults_keeps_every_promise(first):
    _keeps_every_promise(first)


@pytest.mark.soak
@pytest.mark.parametrize("first", SOAK)
def test_whole_system_under_faults_in_the_soak_keeps_every_promise(first):
    _keeps_every_promise(first)


@pytest.mark.parametrize("seed", [7, 13], ids=["rooms only", "with a hall"])
def test_run_of_a_seed_comes_out_the_same_each_time(seed):
    one, other = run_seed(seed), run_seed(seed)
    assert (one.counts["halls"] == 1) == (seed == 13)
    assert one.counts == other.counts
    assert one.virtual_s == other.virtual_s
    assert one.world.history.last(10_000) == other.world.history.last(10_000)


def test_faults_left_out_leave_the_plan_of_the_others_alone():
    full, less = run_seed(1), run_seed(1, frozenset({"delay"}))
    assert less.faults == full.faults & {"delay"}
    assert [agent.joins for agent in less.world.plan.agents] == [
        agent.joins for agent in full.world.plan.agents
    ]


def test_command_line_over_seeds_says_what_was_injected_and_returns_0(capsys):
    assert main(["--seeds", "3"]) == 0
    told = capsys.readouterr().out
    assert "3 seeds in" in told
    assert "injected:" in told


@pytest.mark.soak
def test_run_of_a_seed_with_another_hash_seed_comes_out_the_same():
    command = [sys.executable, "-m", "tests.simulation", "--seed", "13", "--verbose"]
    told = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
