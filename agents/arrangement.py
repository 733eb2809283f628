"""Who plays whom on what, inside this process: agents in the order of their seats, and their spec."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from netsiege.agents.base import BaseAgent
from netsiege.agents.registry import AgentChoice, choose_agent
from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.scenarios import load_spec_with_warnings, under
from netsiege.scenarios.model import ROUNDS, Spec
from netsiege.scenarios.vulnerabilities import played


@attrs.frozen
class Arrangement:
    """A match to be: the spec, its agents by seat, which of them it is about, and warnings."""

    spec: Spec
    agents: tuple[BaseAgent, ...]
    subject: int
    warnings: tuple[str, ...]

    def on(self, spec: Spec) -> Spec:
        """Another scenario and task for the same agents in the same seats, pacing and ruleset.

        Its task has the roles of these, in the same order.
        """
        mine = self.spec.task
        task = attrs.evolve(
            spec.task,
            seats=mine.seats,
            pacing=mine.pacing,
            ruleset=mine.ruleset,
            rules=mine.rules,
            use_dynamic_addresses=mine.use_dynamic_addresses,
            save_trajectories=False,
        )
        return played(spec.topology, task)


def arrange(
    subject: AgentChoice,
    opponents: Sequence[str] = (),
    *,
    scenario: str | None = None,
    task: str | None = None,
    spec: Spec | None = None,
    role: AgentRole | None = None,
    readdressed: bool = False,
    ruleset: str | None = None,
) -> Arrangement:
    """Seats an agent and its opponents (`NAME,PARAMETER=VALUE`) on a scenario or a task, or on a spec.

    Opponents take the first role they play that is not the subject's. Several seats play in rounds, one
    alone as the task says. `readdressed` lets episodes have other addresses; `ruleset` replaces the task's.
    Raises `ConfigError`.
    """
    warnings: tuple[str, ...] = ()
    if spec is None:
        spec, warnings = load_spec_with_warnings(task, scenario, ruleset=ruleset)
    else:
        spec = under(spec, ruleset)
    agents = [subject.make(role, name=subject.said[:64])]
    for said in opponents:
        choice = choose_agent(said)
        others = [each for each in choice.cls.plays if each != agents[0].role]
        if not others:
            raise ConfigError(f"agent {said!r} plays {agents[0].role.value} only, like the one it is to meet")
        agents.append(choice.make(others[0], name=said[:64]))
    parts = [part.role for part in spec.task.roles]
    for agent in agents:
        if agent.role.value not in parts:
            raise ConfigError(f"the task {spec.task.name!r} has no section for the role {agent.role.value}")
    seated = sorted(agents, key=lambda agent: parts.index(agent.role.value))
    counts = {part: sum(agent.role.value == part for agent in agents) for part in parts}
    changed = attrs.evolve(
        spec.task,
        seats=tuple((part, count) for part, count in counts.items() if count),
        pacing=ROUNDS if len(agents) > 1 else spec.task.pacing,
        use_dynamic_addresses=readdressed or spec.task.use_dynamic_addresses,
        save_trajectories=False,
    )
    return Arrangement(Spec(spec.topology, changed), tuple(seated), seated.index(agents[0]), warnings)
