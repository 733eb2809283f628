"""CVSS v3.1 vectors: the scores that were published for them, and what is no vector."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.scenarios.cvss import MAX_EXPLOITABILITY, Vector

METRICS = {
    "AV": "NALP", "AC": "LH", "PR": "NLH", "UI": "NR", "S": "UC", "C": "HLN", "I": "HLN", "A": "HLN",
}  # fmt: skip
EVERY = [
    "CVSS:3.1/" + "/".join(f"{metric}:{value}" for metric, value in zip(METRICS, values, strict=True))
    for values in itertools.product(*METRICS.values())
]

# NVD's base score, exploitability and impact, each to one decimal; the id says of what
PUBLISHED = [
    ("CVE-2023-38408", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, 3.9, 5.9),
    ("CVE-2024-6387", "AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H", 8.1, 2.2, 5.9),
    ("CVE-2022-22707", "AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", 5.9, 2.2, 3.6),
    ("CVE-2021-23017", "AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:L", 7.7, 2.2, 5.5),
    ("CVE-2023-51764", "AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:N", 5.3, 3.9, 1.4),
    ("CVE-2021-34527", "AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 8.8, 2.8, 5.9),
    ("CVE-2020-0796", "AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, 3.9, 6.0),
    ("CVE-2020-16896", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, 3.9, 3.6),
    ("CVE-2020-1472, as Microsoft has it", "AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N", 5.5, 1.8, 3.6),
    ("CVE-2022-44792", "AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", 6.5, 2.8, 3.6),
    ("CVE-2023-21980", "AV:N/AC:H/PR:L/UI:R/S:U/C:H/I:H/A:H", 7.1, 1.2, 5.9),
    ("CVE-2019-14462", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H", 9.1, 3.9, 5.2),
    ("CVE-2020-36519", "AV:N/AC:L/PR:H/UI:N/S:U/C:N/I:H/A:N", 4.9, 1.2, 3.6),
    # FIRST's own examples, whose document gives base scores only
    ("CVE-2013-1937", "AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, None, None),
    ("CVE-2013-0375", "AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4, None, None),
    ("CVE-2014-3566", "AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1, None, None),
    ("CVE-2012-1516", "AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9, None, None),
    ("CVE-2009-0783", "AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.2, None, None),
    ("CVE-2012-0384", "AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 8.8, None, None),
    ("CVE-2015-1098", "AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 7.8, None, None),
    ("CVE-2014-0160", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, None, None),
    ("CVE-2014-6271", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, None, None),
    ("CVE-2008-1447", "AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", 6.8, None, None),
    ("CVE-2014-2005", "AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 6.8, None, None),
    ("CVE-2010-0467", "AV:N/AC:L/PR:N/UI:N/S:C/C:L/I:N/A:N", 5.8, None, None),
    ("CVE-2013-6014", "AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H", 9.3, None, None),
    ("CVE-2014-9253", "AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", 5.4, None, None),
    ("CVE-2011-1265", "AV:A/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 8.8, None, None),
    ("CVE-2014-2019", "AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 4.6, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("cve", "metrics", "score", "exploitability", "impact"), PUBLISHED)
def test_vector_scores_what_was_published(
    cve: str, metrics: str, score: float, exploitability: float | None, impact: float | None
) -> None:
    vector = Vector.from_text(f"CVSS:3.1/{metrics}")
    assert vector.base_score == score, cve
    if exploitability is not None:
        assert (round(vector.exploitability, 1), round(vector.impact, 1)) == (exploitability, impact), cve


def test_every_vector_is_in_range_and_reads_back() -> None:
    for text in EVERY:
        vector = Vector.from_text(text)
        assert str(vector) == text
        assert 0 <= vector.base_score <= 10
        assert vector.base_score == round(vector.base_score, 1)
        assert (vector.base_score == 0) == (vector.impact <= 0)
        assert 0 < vector.exploitability <= MAX_EXPLOITABILITY
        assert 0 < vector.success <= 1
    assert max(Vector.from_text(text).success for text in EVERY) == 1
    assert pytest.approx(3.887, abs=0.001) == MAX_EXPLOITABILITY


@given(st.sampled_from(EVERY), st.permutations(range(8)))
def test_metrics_may_come_in_any_order(text: str, order: list[int]) -> None:
    head, *parts = text.split("/")
    assert str(Vector.from_text("/".join([head, *(parts[i] for i in order)]))) == text


GOOD = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not CVSS:3.1, with which a vector begins"),
        (GOOD.replace("3.1", "3.0"), "'CVSS:3.0' is not CVSS:3.1"),
        (GOOD.removeprefix("CVSS:3.1/"), "'AV:N' is not CVSS:3.1"),
        (GOOD.replace("AV:N", "AV:Q"), "'AV:Q': AV is one of N, A, L, P"),
        (GOOD.replace("UI:N", "UI:"), "'UI:': UI is one of N, R"),
        (GOOD + "/E:P", "'E:P' is none of the base metrics AV, AC, PR, UI, S, C, I, A"),
        (GOOD + "/A:H", "'A:H': A is there already"),
        (GOOD + "/", "'' is none of the base metrics"),
        (GOOD.replace("/S:U", "").replace("/A:H", ""), "S, A missing"),
        (GOOD.lower(), "'cvss:3.1' is not CVSS:3.1"),
    ],
)
def test_what_is_no_base_vector_is_refused_with_the_wrong_part(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        Vector.from_text(text)


@given(st.text(max_size=80))
def test_any_other_text_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Vector.from_text(text)
    assert len(str(caught.value)) < 200
