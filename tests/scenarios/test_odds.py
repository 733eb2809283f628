from math import isclose, prod

import attrs
import pytest

from netsiege.scenarios import load_spec
from netsiege.scenarios.generate import generate, load_recipe
from netsiege.scenarios.odds import CHANCES, chance_of_attack


def without_flaws(topology):
    return attrs.evolve(
        topology,
        hosts=tuple(
            attrs.evolve(
                host,
                services=tuple(attrs.evolve(s, vulnerabilities=(), patched=True) for s in host.services),
            )
            for host in topology.hosts
        ),
    )


@pytest.mark.parametrize("recipe", ["office", "fortress", "plant"])
def test_chance_is_that_of_each_action_and_the_weakest_services(recipe):
    made = generate(load_recipe(recipe), 30, 5)
    plan = made.plans[0]
    chance = chance_of_attack(made.topology, plan.actions)
    most = prod(CHANCES[action.type.value] for action in plan.actions)
    assert 0 < chance <= most
    exploits = sum(action.type.value == "ExploitService" for action in plan.actions)
    assert chance >= most * 0.01**exploits
    assert chance <= made.chance
    assert f"its chance is {made.chance:.2g}" in made.topology.description
    without = [action for action in plan.actions if action.type.value != "ExploitService"]
    assert isclose(chance_of_attack(made.topology, without), most / CHANCES["ExploitService"] ** exploits)


def test_attack_on_what_has_no_flaw_has_no_chance():
    made = generate(load_recipe("office"), 30, 5)
    assert chance_of_attack(without_flaws(made.topology), made.plans[0].actions) == 0
    assert chance_of_attack(load_spec(scenario="two_networks").topology, ()) == 1
