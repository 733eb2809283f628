"""Compiled trainings: when there is one, and that its files are as good as any other's."""

from __future__ import annotations

import json

import attrs
import pytest

from netsiege.agents.arrangement import arrange
from netsiege.agents.evaluation import evaluate
from netsiege.agents.learning import quick_training
from netsiege.agents.learning.quick_training import QuickTraining, open_training
from netsiege.agents.learning.table import FILE
from netsiege.agents.learning.training import LOG_FILE, Plan, Training
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError

TINY = "two_networks_tiny"


def plan(algorithm="q-learning", episodes=450, **more):
    return Plan(algorithm, TINY, None, (), episodes, 1, **more)


def files(folder):
    return (folder / FILE).read_text(), (folder / LOG_FILE).read_text()


def test_a_compiled_training_writes_a_model_that_wins_and_a_log(tmp_path):
    training = open_training(plan(episodes=2_000), tmp_path)
    assert isinstance(training, QuickTraining)
    heard = []
    assert training.run(progress=lambda episode, result: heard.append((episode, result)))
    assert [episode for episode, _ in heard] == list(range(1, 2_001))
    lines = [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    assert [line["episode"] for line in lines] == list(range(100, 2_001, 100))
    assert lines[-1]["win_rate"] == 1.0
    assert lines[-1]["values"] == len(training.learner.table)
    last = [result for _, result in heard[-100:]]
    assert lines[-1]["mean_steps"] == sum(result.steps[0] for result in last) / 100
    score = evaluate(arrange(choose_agent("q-learning", model=str(tmp_path)), scenario=TINY), 100, 7)
    assert score.win_rate.value == 1.0


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    open_training(plan(), whole).run()
    asked = iter([False, False, True])
    assert not open_training(plan(), parts).run(stop=lambda: next(asked))
    again = open_training(plan(), parts, resume=True)
    assert isinstance(again, QuickTraining)
    assert again.episode == 200
    assert again.run()
    assert files(whole) == files(parts)


@pytest.mark.parametrize(
    "more",
    [{"algorithm": "conceptual"}, {"opponents": ("random-defender",)}, {"readdressed": True}],
)
def test_what_cannot_be_compiled_is_trained_as_ever(more, tmp_path):
    asked = attrs.evolve(plan(episodes=1), **more)
    assert type(open_training(asked, tmp_path)) is Training


def test_without_numba_everything_is_trained_as_ever(monkeypatch, tmp_path):
    monkeypatch.setattr(quick_training, "is_available", lambda: False)
    training = open_training(plan(episodes=2), tmp_path / "new")
    assert type(training) is Training
    training.run()
    assert type(open_training(plan(episodes=2), tmp_path / "new", resume=True)) is Training


def test_a_compiled_training_does_not_go_on_without_numba(monkeypatch, tmp_path):
    open_training(plan(episodes=2), tmp_path).run()
    monkeypatch.setattr(quick_training, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"pip install 'netsiege\[rl\]'"):
        open_training(plan(episodes=2), tmp_path, resume=True)


def test_a_training_of_another_plan_is_refused(tmp_path):
    open_training(plan(episodes=2), tmp_path).run()
    with pytest.raises(ConfigError, match="begun with another episodes"):
        open_training(plan(episodes=3), tmp_path, resume=True)
