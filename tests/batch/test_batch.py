"""What a batch promises beside the rules: its calls, its arrays, and what it refuses."""

from __future__ import annotations

import sys

import attrs
import numpy as np
import pytest

from netsiege.engine.batch import Batch, End
from netsiege.engine.streams import derive
from netsiege.engine.synthetic import synthetic_spec
from netsiege.errors import ConfigError, RuleError
from tests.batch.specs import bundled, changed

TINY = bundled("two_networks_tiny")
GAMES = 16


def test_random_play_is_what_sampling_and_stepping_gives():
    fast, slow = (Batch(TINY, GAMES, seed=7, include_blocks=False) for _ in range(2))
    told = fast.play_randomly(250)
    ends, rewards = np.zeros(len(End), np.int64), 0.0
    for _ in range(250):
        moved = slow.step(slow.sample())
        ends += np.bincount(moved.ends, minlength=len(End))
        rewards += moved.rewards.sum()
    assert told.moves == 250 * GAMES
    assert (told.goals, told.detections, told.timeouts) == tuple(ends[1:])
    assert told.goals > 0
    assert told.episodes == ends[1:].sum()
    assert told.rewards == rewards
    for one, other in zip(fast.observe(), slow.observe(), strict=True):
        assert np.array_equal(one, other)


def test_equal_seeds_give_equal_samples_and_others_do_not():
    first, second, other = (Batch(TINY, GAMES, seed=seed) for seed in (1, 1, 2))
    drawn = [[batch.sample().copy() for _ in range(5)] for batch in (first, second, other)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_samples_are_uniform_over_the_valid_actions():
    batch = Batch(TINY, 4_000, seed=3)
    masks, drawn = batch.masks().copy(), batch.sample()
    assert masks[np.arange(4_000), drawn].all()
    of_first = (masks == masks[0]).all(axis=1)
    counts = np.bincount(drawn[of_first], minlength=batch.actions)[masks[0]]
    expected = of_first.sum() / masks[0].sum()
    # chi-squared with some 20 degrees of freedom: 70 is beyond one in a million
    assert ((counts - expected) ** 2 / expected).sum() < 70


def test_without_restart_an_ended_game_stands_still_until_it_is_reset():
    batch = Batch(changed(TINY, max_steps=3), GAMES, seed=1, restart=False)
    for _ in range(3):
        moved = batch.step(batch.sample())
    assert (moved.ends == End.STEPS).all()
    assert (moved.rewards == -11).all()
    known = [array.copy() for array in batch.observe()]
    moved = batch.step(batch.sample())
    assert (moved.ends == End.STEPS).all()
    assert (moved.rewards == -11).all()
    assert (moved.steps == 3).all()
    assert (moved.returns == -13).all()
    assert all(np.array_equal(one, other) for one, other in zip(known, batch.observe(), strict=True))
    chosen = np.arange(GAMES) < 5
    batch.reset(chosen)
    moved = batch.step(np.full(GAMES, -1))
    assert np.array_equal(moved.ends == End.NONE, chosen)
    assert np.array_equal(batch.episodes, chosen.astype(int))


def test_a_reset_with_seeds_begins_from_these():
    batch = Batch(TINY, 2, seed=1)
    batch.reset(seeds=np.array([5, (1 << 64) - 1], np.uint64))
    assert batch.episode_seeds.tolist() == [5, (1 << 64) - 1]
    batch.reset()
    assert batch.episode_seeds[0] == derive(derive(1, "batch/0"), "episode/2")


def test_a_pass_costs_a_step_and_changes_nothing():
    batch = Batch(TINY, GAMES, seed=1)
    before = [array.copy() for array in batch.observe()]
    moved = batch.step(np.full(GAMES, -1))
    assert (moved.rewards == -1).all()
    assert (moved.steps == 1).all()
    assert all(np.array_equal(one, other) for one, other in zip(before, batch.observe(), strict=True))


def test_arrays_have_the_promised_shapes():
    batch = Batch(TINY, GAMES)
    board = batch.tables.board
    hosts = len(board.numbers)
    shapes = {name: array.shape for name, array in batch.observe()._asdict().items()}
    assert shapes == {
        "known_networks": (GAMES, len(board.networks)),
        "known_hosts": (GAMES, hosts),
        "controlled_hosts": (GAMES, hosts),
        "known_services": (GAMES, len(batch.offers)),
        "known_data": (GAMES, hosts, len(board.keys)),
        "known_blocks": (GAMES, hosts, hosts),
    }
    assert all(array.dtype == np.bool_ for array in batch.observe())
    assert batch.masks().shape == (GAMES, batch.actions)
    assert np.array_equal(batch.masks().sum(axis=1), batch.valid_counts())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ruleset": "siege-1"}, "ruleset: the batched engine plays 'netsecgame' only, not 'siege-1'"),
        ({"seats": (("Attacker", 1), ("Defender", 1))}, "seats: the batched engine plays one Attacker"),
        ({"required_players": 3}, "env.required_players: the batched engine plays one Attacker a match"),
        ({"save_trajectories": True}, "env.save_trajectories: the batched engine keeps none"),
    ],
)
def test_tasks_of_other_kinds_are_refused_by_key(settings, said):
    with pytest.raises(ConfigError, match=f"two_networks_tiny: {said}"):
        Batch(changed(TINY, **settings), GAMES)


def test_everything_that_is_wrong_is_said_at_once():
    spec = changed(TINY, save_trajectories=True, required_players=2)
    defenders = tuple(role for role in spec.task.roles if role.role == "Defender")
    with pytest.raises(ConfigError) as refused:
        Batch(attrs.evolve(spec, task=attrs.evolve(spec.task, roles=defenders)), GAMES)
    assert len(refused.value.problems) == 3


def test_networks_that_are_too_large_are_refused_with_the_bound():
    with pytest.raises(ConfigError, match="synthetic_80: the batched engine takes up to 64 addresses, not 8"):
        Batch(synthetic_spec(80), GAMES)


@pytest.mark.parametrize("action", [-2, 340])
def test_an_action_that_is_none_is_refused_before_anybody_moves(action):
    batch = Batch(TINY, 2)
    assert batch.actions == 340
    with pytest.raises(RuleError, match="to 339"):
        batch.step([0, action])
    assert batch.step([-1, -1]).steps.tolist() == [1, 1]


def test_values_for_another_number_of_games_are_refused():
    batch = Batch(TINY, 2)
    with pytest.raises(RuleError, match="there are 2 games"):
        batch.step([0, 1, 2])
    with pytest.raises(RuleError, match="a seed for each"):
        Batch(TINY, 2, seeds=[1])
    with pytest.raises(RuleError, match="a seed is"):
        Batch(TINY, 1, seeds=[1 << 64])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.7, 1.2], "not object"),
        (np.array([0.0, 1.0]), "float64"),
        ([True, False], "int"),
        (["1", "2"], "int"),
    ],
)
def test_actions_that_are_no_whole_numbers_are_refused(values, said):
    batch = Batch(TINY, 2)
    with pytest.raises(RuleError, match=said):
        batch.step(values)
    assert batch.step(np.array([-1, -1], np.int8)).steps.tolist() == [1, 1]


@pytest.mark.parametrize("chosen", [[0, 1], np.array([1, 0]), ["a", ""]])
def test_games_are_chosen_by_truths_and_not_by_their_numbers(chosen):
    batch = Batch(TINY, 2)
    batch.step([-1, -1])
    with pytest.raises(RuleError, match="bool"):
        batch.reset(chosen)
    batch.reset([True, False])
    assert batch.step([-1, -1]).steps.tolist() == [1, 2]


@pytest.mark.parametrize("seeds", [[-1, 1], [1, 1 << 64], np.array([-5, 1]), [1.5, 2.0]])
def test_seeds_that_are_none_are_refused(seeds):
    batch = Batch(TINY, 2)
    with pytest.raises(RuleError):
        batch.reset(seeds=seeds)
    batch.reset(seeds=[5, (1 << 64) - 1])
    assert batch.episode_seeds.tolist() == [5, (1 << 64) - 1]


def test_without_numba_the_extra_is_named(monkeypatch):
    package = sys.modules["netsiege.engine.batch"]
    monkeypatch.setattr(package, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'netsiege\[rl\]'"):
        package.Batch  # noqa: B018  # to ask for it is what is refused
