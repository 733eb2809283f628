"""Our NetSecGame names against answers of the real one that were recorded: see `record_golden.py`."""

import json

import pytest

from netsiege.compat import netsecgame
from tests.compat.cases import CASES, GOLDEN, settle
from tests.compat.questions import answer

RECORDED = json.loads(GOLDEN.read_text())


def test_every_case_is_recorded():
    assert [question for question, _ in RECORDED] == [question for question, _ in CASES]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{n}-{q}" for n, (q, _) in enumerate(CASES)])
def test_answer_is_the_recorded_one(number, tmp_path):
    question, told = CASES[number]
    ours = answer(netsecgame, question, settle(told, tmp_path))
    assert json.loads(json.dumps(ours)) == RECORDED[number][1]


def test_no_recorded_answer_is_a_mistake_in_the_question():
    """What both refuse is asked for by the question `bad`, and one observation is none."""
    raised = [n for n, (question, told) in enumerate(RECORDED) if isinstance(told, dict) and "raises" in told]
    assert [CASES[n] for n in raised] == [
        case
        for case in CASES
        if isinstance((case[1] or {}), dict) and isinstance((case[1] or {}).get("state"), str)
    ]
    assert all(told for question, told in RECORDED if question == "bad")
