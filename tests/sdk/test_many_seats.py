"""`play_many` by each agent that we ship, against others that do the same: as in a `LocalMatch`."""

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from itertools import cycle, islice

import attrs
import pytest

from netsiege import AgentRole, LocalMatch
from netsiege.agents.registry import GROUP, choose_agent, find_agent
from netsiege.hub.seating import derive_seed
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec
from netsiege.scenarios.model import ROUNDS, Spec
from tests.attacks.conftest import start

__all__ = ["start"]  # a fixture: pytest looks for it here

SEED = 11
ROLES = [role.value for role in AgentRole]
NAMES = sorted(point.name for point in distribution("netsiege").entry_points.select(group=GROUP))
PLAYED = [name for name in NAMES if "base_url" not in find_agent(name).parameters]
"""All but those that ask a model: what that says depends on when it is asked."""


def teams():
    """Names in the order of `ROLES`, each agent at least once."""
    by_role = [[n for n in PLAYED if AgentRole(role) in find_agent(n).plays] for role in ROLES]
    count = max(map(len, by_role))
    return list(zip(*(islice(cycle(names), count) for names in by_role), strict=True))


def chosen(name):
    """An agent that does not think for long: what it plays is to be the same, not to be good."""
    return choose_agent(f"{name},simulations=5" if "simulations" in find_agent(name).parameters else name)


def spec_of(scenario):
    spec = load_spec(scenario=scenario, seats=dict.fromkeys(ROLES, 1))
    return Spec(spec.topology, attrs.evolve(spec.task, pacing=ROUNDS))


def played_over_a_hub(spec, team, seats, episodes, start):
    """For each role, what each of its seats has played, in order."""
    hub = start(room_of("default", spec, SEED), keyed=False, work=True)

    def play(name, role):
        agent = chosen(name).make(AgentRole(role), address=hub.agents)
        summaries = agent.play_many(seats, episodes)
        agent.terminate_connection()
        return sorted(summaries, key=lambda each: (each.seat, each.episode))

    with ThreadPoolExecutor(len(ROLES)) as threads:
        running = [threads.submit(play, *each) for each in zip(team, ROLES, strict=True)]
        return [each.result(300) for each in running]


def played_here(spec, team, seats, episodes):
    """The same, in matches of this process: seat n plays in match n."""
    told = [[] for _ in ROLES]
    for number in range(seats):
        agents = [chosen(name).make(AgentRole(r)) for name, r in zip(team, ROLES, strict=True)]
        for agent, summaries in zip(agents, told, strict=True):
            tell(agent, number, summaries)
        match = LocalMatch(spec, agents, derive_seed(SEED, number))
        for _ in range(episodes):
            match.play_episode()
    return told


def tell(agent, number, summaries):
    """Has the agent's episodes kept as those of seat `number`."""
    ended = agent.episode_ended

    def hear(summary):
        ended(summary)
        summaries.append(attrs.evolve(summary, seat=number))

    agent.episode_ended = hear


def check(scenario, team, seats, episodes, start):
    spec = spec_of(scenario)
    over_a_hub = played_over_a_hub(spec, team, seats, episodes, start)
    assert [len(each) for each in over_a_hub] == [seats * episodes] * len(ROLES)
    here = played_here(spec, team, seats, episodes)
    for role, theirs, ours in zip(ROLES, over_a_hub, here, strict=True):
        assert theirs == ours, role


def test_agents_of_many_seats_play_over_a_hub_what_they_play_here(start):
    check("two_networks_tiny", ("scripted-attacker", "scripted-defender", "office-benign"), 3, 3, start)


@pytest.mark.soak
@pytest.mark.parametrize("team", teams(), ids="-".join)
def test_bundled_agents_of_many_seats_play_hundreds_of_episodes_as_they_do_here(team, start):
    check("two_networks_tiny", team, 8, 8, start)
