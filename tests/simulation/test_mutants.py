"""Hubs that are broken on purpose are found out."""

import pytest

from tests.simulation.mutants import MUTANTS, NEEDS
from tests.simulation.plan import make_plan
from tests.simulation.search import report
from tests.simulation.world import run_seed

TRIED = 60
"""Seeds that have the faults a mutant needs; most mutants are found out by the first few."""


def _seeds(needs):
    found, seed = 0, 0
    while found < TRIED:
        if needs <= make_plan(seed).features:
            found += 1
            yield seed
        seed += 1


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_broken_hub_is_found_out(name):
    """The real hub must keep every promise on the seed that finds the mutant out: else it proves nothing."""
    for seed in _seeds(NEEDS[name]):
        with MUTANTS[name]():
            outcome = run_seed(seed)
        if outcome.violation is not None:
            real = run_seed(seed)
            assert real.violation is None, report(real)
            return
    pytest.fail(f"{name} was not found out by {TRIED} seeds with {sorted(NEEDS[name])}")


def test_report_of_a_broken_promise_says_how_to_see_it_again():
    with MUTANTS["commits_only_now_and_then"]():
        broken = next(outcome for seed in range(60) if (outcome := run_seed(seed)).violation is not None)
        told = report(broken)
    assert f"seed {broken.seed}: {broken.violation}" in told
    assert f"again: python -m tests.simulation --seed {broken.seed} --faults ''" in told
    assert "hub          takes from agents" in told
