"""Networks out of a recipe, a number of hosts and a seed: always valid, winnable, and always the same bytes.

`netsiege.scenarios.generate.recipe` says what a recipe is.
"""

from netsiege.scenarios.generate.files import (
    GENERATED_HOSTS,
    Generated,
    generate,
    generate_entry,
    suite_table,
    write_suite,
)
from netsiege.scenarios.generate.recipe import DEFAULT_RECIPE, Recipe, load_recipe, recipe_names
from netsiege.scenarios.generate.solver import Plan, shortest_attack
from netsiege.scenarios.generate.suites import SUITES, Entry, suite_networks

__all__ = [
    "DEFAULT_RECIPE",
    "GENERATED_HOSTS",
    "SUITES",
    "Entry",
    "Generated",
    "Plan",
    "Recipe",
    "generate",
    "generate_entry",
    "load_recipe",
    "recipe_names",
    "shortest_attack",
    "suite_networks",
    "suite_table",
    "write_suite",
]
