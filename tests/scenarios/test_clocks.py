"""How long things may take: from the task's `clock` to the room that a hub opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from netsiege.errors import ConfigError
from netsiege.protocol import DEFAULT_GRACE_S, OpenRoom
from netsiege.rooms import ROUND_MOVE_S, room_of
from netsiege.scenarios import load_spec, load_task_file
from netsiege.scenarios.model import Clock, Spec
from tests.scenarios.task_documents import changed, written


def room(clock: dict[str, Any] | None = None, pacing: str = "realtime") -> OpenRoom:
    return room_of("r", load_spec(clock=clock, pacing=pacing), 1)


def clock_bytes(spec: Spec) -> Any:
    return json.loads(spec.to_bytes())["task"]["clock"]


def test_clock_of_a_task_carries_every_key(tmp_path: Path) -> None:
    keys = {"move_s": 2, "episode_s": 90.5, "round_s": 2, "grace_s": 0}
    task = load_task_file(written(tmp_path, changed(clock=keys, pacing="rounds"))).task
    assert task.clock == Clock(move_s=2, episode_s=90.5, round_s=2, grace_s=0)


def test_clock_without_the_younger_keys_leaves_the_bytes_of_a_spec_as_they_were() -> None:
    assert clock_bytes(load_spec()) == {"move_s": None}
    assert clock_bytes(load_spec(clock={"move_s": 5})) == {"move_s": 5}
    # the bundled task as it was before those keys were there
    assert load_spec().digest == "31957736062bb93a1d7fcb7c2105a8c1604ed0f9b89686b3fa75457cdb16172a"


@pytest.mark.parametrize("key", ["episode_s", "round_s", "grace_s"])
def test_clock_with_a_younger_key_travels_in_the_spec(key: str) -> None:
    spec = load_spec(clock={key: 3}, pacing="rounds")
    assert clock_bytes(spec) == {"move_s": None, key: 3}
    assert Spec.from_bytes(spec.to_bytes()) == spec
    assert spec.digest != load_spec(pacing="rounds").digest


def test_room_of_a_task_without_clock_has_none_but_for_rounds() -> None:
    plain = room()
    assert (plain.move_s, plain.episode_s, plain.round_s) == (None, None, None)
    assert plain.grace_s == DEFAULT_GRACE_S
    assert room(pacing="rounds").move_s == ROUND_MOVE_S


def test_room_takes_its_clocks_from_the_task() -> None:
    told = room({"move_s": 2, "episode_s": 100, "grace_s": 0.5})
    assert (told.move_s, told.episode_s, told.round_s, told.grace_s) == (2, 100, None, 0.5)
    assert room({"grace_s": 0}).grace_s == 0
    assert room({"move_s": 7}, "rounds").move_s == 7


def test_room_with_a_length_of_rounds_has_no_other_default_for_moves() -> None:
    timed = room({"round_s": 4}, "rounds")
    assert (timed.round_s, timed.move_s) == (4, None)
    both = room({"round_s": 4, "move_s": 4}, "rounds")
    assert (both.round_s, both.move_s) == (4, 4)


def test_clock_by_override_is_checked_against_the_pacing_that_results(tmp_path: Path) -> None:
    said = "options: clock.round_s: 4 has no meaning with pacing: realtime; write pacing: rounds"
    with pytest.raises(ConfigError) as caught:
        load_spec(clock={"round_s": 4})
    assert caught.value.problems == (said,)
    with pytest.raises(ConfigError) as caught:
        load_spec(clock=Clock(round_s=4))
    assert caught.value.problems == (said,)
    path = written(tmp_path, changed(clock={"round_s": 4}, pacing="rounds"))
    assert load_spec(path).task.clock.round_s == 4
    with pytest.raises(ConfigError) as caught:
        load_spec(path, pacing="realtime")
    assert caught.value.problems == (said,)
