"""Generated networks as files: one of them with its difficulty, or a whole suite.

The difficulty is the number of steps of the shortest attack (see `netsiege.scenarios.generate.solver`), and
under `siege-1` also how likely it succeeds. Both are in the scenario's description.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import attrs
from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.files import write_new
from netsiege.game import AgentRole
from netsiege.scenarios.fallback import MAX_STEPS, default_task
from netsiege.scenarios.generate.network import network_of
from netsiege.scenarios.generate.reach import ground_of
from netsiege.scenarios.generate.recipe import Recipe, load_recipe
from netsiege.scenarios.generate.solver import Attack, Plan
from netsiege.scenarios.generate.suites import Entry, suite_networks
from netsiege.scenarios.generate.text import scenario_text, task_text
from netsiege.scenarios.model import RANDOM, Spec, Task, Topology
from netsiege.scenarios.odds import chance_of_attack
from netsiege.scenarios.reading import Place, Report
from netsiege.scenarios.source import parse
from netsiege.scenarios.topology import MAX_DESCRIPTION_CHARS, read_topology

GENERATED_HOSTS: Final = (5, 5_000)
"""The fewest and the most, routers not counted."""
MAX_SEED: Final = (1 << 64) - 1
STEPS_PER_HOST: Final = 4
"""In a task: to look at, take and search a host, and to go wrong as often."""

_TABLE: Final = "difficulty.csv"
_NAME_CHARS: Final = 32
_DESCRIPTION_CHARS: Final = MAX_DESCRIPTION_CHARS - 200
_MODE: Final = 0o644


@frozen
class Generated:
    """A network, its file, and its default task; `plans` are the shortest attacks, one for each start."""

    topology: Topology
    text: str
    task: Task
    plans: tuple[Plan, ...]
    in_sight: int
    """Hosts and routers in the networks that the attacker knows of at first."""
    chance: float
    """How likely the shortest attack succeeds under `siege-1` if each step is tried once; of all starts, the
    best.
    """

    @property
    def difficulty(self) -> int:
        """Steps of the shortest attack, the same from every start: these are in one subnet."""
        return len(self.plans[0])

    @property
    def spec(self) -> Spec:
        """The network with its default task, and steps enough for what is in sight.

        These are 100, as without a file, or 4 for each of the hosts in sight if that is more.
        """
        steps = max(MAX_STEPS, STEPS_PER_HOST * self.in_sight)
        roles = tuple(
            attrs.evolve(role, max_steps=steps) if role.role == AgentRole.Attacker.value else role
            for role in self.task.roles
        )
        return Spec(self.topology, attrs.evolve(self.task, roles=roles))

    def task_file(self, scenario_file: str) -> str:
        """The task of `spec` as a file beside the scenario's."""
        return task_text(self.spec.task, scenario_file)


def generate(recipe: Recipe, hosts: int, seed: int) -> Generated:
    """The network of that recipe, size and seed. Raises ConfigError if the recipe makes none so large."""
    for what, value, (least, most) in (("hosts", hosts, GENERATED_HOSTS), ("seed", seed, (0, MAX_SEED))):
        if not least <= value <= most:
            raise ConfigError(f"{what}: {value} is not a whole number from {least} to {most}")
    name = f"{recipe.name[:_NAME_CHARS]}-{hosts}-{seed}"
    document = network_of(recipe, hosts, seed, name)
    report = Report(name)
    topology = read_topology(Place(document, "", report), name)
    report.check()
    assert topology is not None, "a topology that cannot be read is reported"
    task = default_task(topology)
    attack = Attack(ground_of(topology))
    starts = _starts(topology, task)
    plans = [attack.shortest(start, task.roles[0].goal) for start in starts]
    found = tuple(plan for plan in plans if plan is not None)
    assert len(found) == len(plans) > 0, f"{name}: the attacker cannot win from every start"
    chance = max(chance_of_attack(topology, plan.actions) for plan in found)
    made = (
        f"{hosts} hosts, seed {seed}. The shortest attack takes {len(found[0])} steps; under siege-1 its "
        f"chance is {chance:.2g}."
    )
    document["description"] = f"{recipe.description[:_DESCRIPTION_CHARS]} {made}".strip()
    comment = (
        f"Made by `netsiege scenario generate` from the recipe {recipe.name}: --hosts {hosts} --seed {seed}"
    )
    text = scenario_text(document, comment)
    topology = attrs.evolve(topology, description=document["description"])
    parse(text.encode(), report)  # what is too large for a file is said now
    return Generated(topology, text, task, found, attack.in_sight(starts[0]), chance)


def _starts(topology: Topology, task: Task) -> list[tuple[str, ...]]:
    """What the attacker may control at first, one for each outcome of the draw."""
    listed = tuple(each for each in task.roles[0].start.controlled_hosts if each != RANDOM)
    return [(*listed, address) for host in topology.hosts if host.start for address in host.addresses]


def generate_entry(entry: Entry) -> Generated:
    """That network of a suite."""
    return generate(_bundled(entry.recipe), entry.hosts, entry.seed)


@lru_cache(maxsize=16)
def _bundled(recipe: str) -> Recipe:
    return load_recipe(recipe)


def suite_table(name: str) -> str:
    """The networks of a suite and their difficulty, as CSV. Raises ConfigError if there is no such suite."""
    rows = [
        f"{entry.name},{entry.recipe},{entry.hosts},{entry.seed},{entry.steps}"
        for entry in suite_networks(name)
    ]
    return "\n".join(["scenario,recipe,hosts,seed,steps", *rows]) + "\n"


def write_suite(name: str, folder: Path) -> Path:
    """Writes all scenarios of a suite, a task beside each, and a table of their difficulty; returns that.

    Raises ConfigError if there is no such suite, or one of the files is there already.
    """
    for entry in suite_networks(name):
        made = generate_entry(entry)
        file = f"{entry.name}.yaml"
        write_new(folder / file, made.text, _MODE)
        write_new(folder / f"{entry.name}-task.yaml", made.task_file(file), _MODE)
    write_new(folder / _TABLE, suite_table(name), _MODE)
    return folder / _TABLE
