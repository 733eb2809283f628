"""Recipes for the tests: a small one, and strategies for all sorts of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from netsiege.scenarios.generate import Recipe
from netsiege.scenarios.generate.recipe import read_recipe
from netsiege.scenarios.reading import Place, Report


def recipe_of(document: dict[str, Any]) -> Recipe:
    report = Report("recipe")
    recipe = read_recipe(Place(document, "", report), "made")
    report.check()
    assert recipe is not None
    return recipe


def small_document() -> dict[str, Any]:
    """A recipe with three roles, as a file of it is read."""
    return {
        "users": ["ann", "ben"],
        "services": {
            "ssh": {"versions": {"8.1.0": 3, "9.6.1": 1}, "owner": "root"},
            "http": {"versions": {"2.4.0": 1}, "type": "active"},
            "bash": {"versions": {"5.0.0": 1}, "local": True},
        },
        "roles": {
            "internet": {"public": True, "share": 1, "services": {"http": 1}},
            "office": {"share": 3, "size": 4, "services": {"ssh": 1, "bash": 1}, "per_host": [1, 2]},
            "servers": {"share": 2, "size": 3, "services": {"ssh": 2, "http": 1, "bash": 1}, "per_host": 2},
        },
        "firewall": [{"from": "office", "to": "servers", "percent": 50}],
        "data": {"ledger": {"in": ["servers"], "percent": 50, "size": [10, 20]}},
        "start": {"in": "office", "hosts": 2},
        "goal": {"in": "servers", "data": "ledger"},
    }


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Recipes with a way from start to goal, and with all sorts of things beside it."""
    document = small_document()
    words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=8)
    document["users"] = draw(st.lists(words, min_size=1, max_size=3))
    document["services"]["ssh"] = {"versions": {draw(words): 1, "10": 2}, "owner": draw(words)}
    roles, small = document["roles"], st.integers(1, 5)
    for extra in draw(st.lists(st.sampled_from(["dmz", "lab", "lab_2"]), unique=True)):
        roles[extra] = {"share": draw(small), "services": {"ssh": 1, "http": 2}}
    for role in roles.values():
        role |= {"share": draw(small), "size": draw(small), "per_host": [1, draw(st.integers(1, 3))]}
    inside = sorted(roles.keys() - {"internet"})
    middle = draw(st.sampled_from([each for each in inside if each != "servers"]))
    percent = st.integers(1, 100)
    document["firewall"] = [
        {
            "from": "office",
            "from_percent": draw(percent),
            "to": middle if middle != "office" else "servers",
            "percent": draw(percent),
        },
        {"from": middle, "from_percent": draw(percent), "to": ["servers"], "percent": draw(percent)},
        *draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "from": st.sampled_from(inside),
                        "from_percent": percent,
                        "to": st.sampled_from(sorted(roles)),
                        "percent": percent,
                    }
                ),
                max_size=3,
            )
        ),
    ]
    document["data"]["ledger"] = {"in": inside, "percent": draw(percent), "per_host": [1, draw(small)]}
    document["start"]["hosts"] = draw(small)
    return document
