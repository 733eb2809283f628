"""The batched engine against the single-game engine: the same seeds and actions, the same everything."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsiege.engine.batch import End
from netsiege.engine.synthetic import OUTSIDE, synthetic_spec
from netsiege.game import IP, Action, ActionType
from netsiege.protocol.play import action_body
from netsiege.scenarios.generate import generate, load_recipe
from netsiege.scenarios.model import ALL_ATTACKERS, DataItem, Spec, View
from tests.batch.specs import NAMES, bundled, changed, specs
from tests.batch.twins import Twins

SEEDS = (3, (1 << 64) - 1)


def play(twins: Twins, moves: int, seed: int) -> None:
    """Valid moves, each kind equally often if it is there, any others, and passes."""
    draws = np.random.default_rng(seed)
    hosts, board = len(twins.tables.board.numbers), twins.tables.board
    widths = (len(board.networks), hosts, hosts, len(twins.batch.offers), hosts * len(board.keys))
    ends = np.cumsum(widths) * hosts
    for _ in range(moves):
        sampled = twins.batch.sample().copy()
        for game, mask in enumerate(twins.batch.masks()):
            chance = draws.random()
            if chance < 0.1:
                sampled[game] = draws.integers(-1, twins.table.size)
            elif chance < 0.8:
                kinds = [each for each in np.split(np.arange(len(mask)), ends) if mask[each].any()]
                kind = kinds[draws.integers(len(kinds))]
                sampled[game] = draws.choice(kind[mask[kind]])
        twins.step(sampled)


@pytest.mark.parametrize("has_detector", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_bundled_scenarios_go_as_in_single_games_across_episodes(name, has_detector):
    twins = Twins(changed(bundled(name), max_steps=40, use_global_defender=has_detector), SEEDS)
    play(twins, 90, 1)
    assert len(twins.ends) >= 4
    assert (End.DETECTED in twins.ends) is has_detector


@pytest.mark.parametrize("include_blocks", [False, True])
@pytest.mark.parametrize("name", ["two_networks_tiny", "three_net_scenario"])
def test_masks_and_numbers_of_valid_actions_are_those_of_the_action_table(name, include_blocks):
    twins = Twins(bundled(name), SEEDS[:1], include_blocks)
    twins.compare_masks()
    for seed in range(2):
        play(twins, 30, seed)
        twins.compare_masks()


def test_scripted_attack_reaches_the_goal_in_both():
    twins = Twins(changed(bundled("two_networks_tiny"), max_steps=2_000), SEEDS, include_blocks=False)
    for _ in range(400):
        twins.step(twins.batch.sample())
    assert End.GOAL in twins.ends


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs(), st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=3), st.integers(0, 1 << 32))
def test_any_task_goes_as_in_single_games(spec, seeds, moves):
    play(Twins(spec, seeds), 25, moves)


@pytest.mark.soak
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(specs(), st.booleans(), st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 32))
def test_any_task_goes_as_in_single_games_for_long(spec, include_blocks, seed, moves):
    twins = Twins(spec, (seed, seed ^ 1), include_blocks)
    play(twins, 120, moves)
    twins.compare_numbers()


def test_more_data_than_one_mask_holds_are_told_apart():
    spec = synthetic_spec(60)
    rich = tuple(DataItem("User", f"Data{number}") for number in range(70))
    first, *others = spec.topology.hosts
    told = attrs.evolve(first, services=(attrs.evolve(first.services[0], data=rich), *first.services[1:]))
    spec = attrs.evolve(spec, topology=attrs.evolve(spec.topology, hosts=(told, *others)))
    start = View(controlled_hosts=(OUTSIDE, first.addresses[0], others[0].addresses[0]))
    goal = View(known_data=((OUTSIDE, (rich[3], rich[-1])),))
    twins = Twins(changed(spec, start, goal, max_steps=200, use_firewall=False), SEEDS, include_blocks=False)
    assert len(twins.tables.board.keys) > 64
    play(twins, 100, 2)
    assert twins.batch.observe().known_data[:, :, 65:].any()


@pytest.mark.soak
@pytest.mark.parametrize("entry", range(0, 100, 9))
def test_generated_networks_go_as_in_single_games(entry):
    from netsiege.scenarios.generate import SUITES  # noqa: PLC0415  # long to make, and only here

    said = SUITES["unseen-100"][entry]
    made = generate(load_recipe(said.recipe), said.hosts, said.seed)
    twins = Twins(Spec(made.topology, made.task), SEEDS)
    play(twins, 150, entry)


@pytest.mark.parametrize(("others", "is_reached"), [((), False), (("192.168.1.2",), True)])
def test_a_hunted_host_must_be_cut_off_from_some_other_that_is_controlled(others, is_reached):
    start = View(controlled_hosts=(OUTSIDE, *others))
    goal = View(known_blocks=((OUTSIDE, (ALL_ATTACKERS,)),))
    twins = Twins(changed(bundled("two_networks_tiny"), start, goal, max_steps=4), SEEDS)
    place, server = IP(OUTSIDE), IP("192.168.1.2")
    block = {"source_host": place, "target_host": place, "blocked_host": server}
    for action in (-1, twins.table.rank(action_body(Action(ActionType.BlockIP, block))), -1, -1):
        twins.step([action] * len(SEEDS))
    assert twins.ends == [End.GOAL if is_reached else End.STEPS] * len(SEEDS)
    assert twins.batch.episodes.tolist() == [1] * len(SEEDS)
