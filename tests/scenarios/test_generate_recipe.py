"""Mistakes in recipes are named with their places, and what they cannot make is refused."""

from __future__ import annotations

from typing import Any

import pytest

from netsiege.errors import ConfigError
from netsiege.scenarios.generate import generate
from tests.scenarios.recipe_documents import recipe_of, small_document


def broken(path: str, value: Any) -> dict[str, Any]:
    """The small recipe with another value under a key path, or without it if the value is None."""
    document = small_document()
    *parents, last = path.split(".")
    place = document
    for key in parents:
        place = place[key]
    place[last] = value
    return document


MISTAKES = [
    ("rolls", {}, "recipe: rolls: unknown key; nearest: roles"),
    ("users", [], "recipe: users: there are none"),
    ("users", None, "recipe: users: missing"),
    ("hosts_per_user", 0, "recipe: hosts_per_user: 0 is not a whole number from 1 to 1000000"),
    ("services", {}, "recipe: services: there are none"),
    ("services.ssh.versions", {"8": 0}, "recipe: services.ssh.versions.8: 0 is not a whole number"),
    ("services.ssh.typ", "active", "recipe: services.ssh.typ: unknown key; nearest: type"),
    ("roles.office.services", {"shh": 1}, "recipe: roles.office.services.shh: is none of the services; near"),
    ("roles.office.services", {"bash": 1}, "recipe: roles.office.services: all of them are local"),
    ("roles.office.public", True, "recipe: roles: exactly one role must be `public: true`"),
    ("roles.office.size", 251, "recipe: roles.office.size: 251 is not a whole number from 1 to 250"),
    ("roles.office.per_host", [3, 1], "recipe: roles.office.per_host: 3 is more than 1"),
    ("roles.office.per_host", [1], "recipe: roles.office.per_host: expected a number or [from, to], got"),
    ("roles.Office", {"share": 1, "services": {"ssh": 1}}, "recipe: roles.Office: 'Office' is no name of a"),
    (
        "firewall",
        [{"from": "ofice", "to": "servers"}],
        "recipe: firewall[0].from: there is no 'ofice' here; ne",
    ),
    (
        "firewall",
        [{"from": "servers", "to": "office"}],
        "recipe: goal.in: the firewall lets nobody get there",
    ),
    ("data.ledger.size", -1, "recipe: data.ledger.size: -1 is not a whole number"),
    ("data.ledger.in", "office", "recipe: goal.data: ledger does not lie in servers"),
    ("goal.data", "leger", "recipe: goal.data: there is no 'leger' here; nearest: ledger"),
    ("goal.in", "internet", "recipe: goal.in: there is no 'internet' here"),
    ("goal.in", "office", "recipe: goal.in: is where the attacker starts"),
    ("start", {"in": "office", "hosts": 0}, "recipe: start.hosts: 0 is not a whole number"),
]


@pytest.mark.parametrize(("path", "value", "said"), MISTAKES)
def test_mistake_in_a_recipe_is_named_with_its_place(path: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_of(broken(path, value))
    assert caught.value.problems[0].startswith(said)
    assert len(caught.value.problems) <= 2


def test_all_mistakes_are_named_at_once() -> None:
    document = broken("roles.office.size", 0)
    document["data"]["ledger"]["in"] = ["server"]
    document["goal"]["in"] = "srvers"
    with pytest.raises(ConfigError) as caught:
        recipe_of(document)
    assert len(caught.value.problems) == 3


def test_recipe_with_more_roles_than_hosts_is_refused() -> None:
    document = small_document()
    for i in range(4):
        document["roles"][f"more{i}"] = {"share": 1, "services": {"ssh": 1}}
    with pytest.raises(ConfigError, match="6 hosts are too few for 7 roles"):
        generate(recipe_of(document), 6, 1)
    assert generate(recipe_of(document), 7, 1).plans


def test_recipe_that_makes_too_many_networks_is_refused() -> None:
    document = broken("roles.servers.size", 1)
    with pytest.raises(ConfigError, match="more than 2048"):
        generate(recipe_of(broken("roles.office.size", 1)), 5_000, 1)
    document["roles"]["internet"] |= {"size": 1, "share": 20}
    with pytest.raises(ConfigError, match="public subnets are too many"):
        generate(recipe_of(document), 5_000, 1)
