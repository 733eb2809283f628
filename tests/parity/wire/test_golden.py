"""Our gateway against what the real NetSecGame's server once answered: see `record.py`."""

import gzip
import json

import pytest

from tests.parity.wire.ends import OurServer
from tests.parity.wire.raw import RawDriver
from tests.parity.wire.record import GOLDEN, KEPT
from tests.parity.wire.sessions import differences, plain


def golden():
    return {case["name"]: case for case in json.loads(gzip.decompress(GOLDEN.read_bytes()))}


@pytest.mark.parametrize("value", [None, 1.0, "1", True, 2, {"a": 1}, [1], "absent"])
def test_differences_of_one_value_are_seen_wherever_it_is(value):
    whole, other = {"b": [0, {"a": 1}]}, {"b": [0, {"a": value}]}
    if value == "absent":
        del other["b"][1]["a"]
    assert not differences(whole, json.loads(json.dumps(whole)))
    assert differences(whole, other)
    assert differences(whole, {"b": [0]})


@pytest.mark.parametrize("name", KEPT)
def test_gateway_answers_as_the_original_once_did(tmp_path, name):
    case = golden()[name]
    task = tmp_path / "task.yaml"
    task.write_text(case["task"])
    with OurServer(task, tmp_path) as ours, RawDriver() as driver:
        answers = driver.play(ours.port, case["script"])
    for command, one, other in zip(case["script"], case["answers"], answers, strict=True):
        assert not differences(one, plain(other)), command
