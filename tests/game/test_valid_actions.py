import random
from itertools import groupby, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.game import IP, Action, ActionType, GameState, Network, generate_valid_actions
from tests import strategies as some

ON_HOSTS = (
    ActionType.IsolateHost,
    ActionType.RestoreHost,
    ActionType.ResetCredentials,
    ActionType.DeployDecoy,
    ActionType.HardenHost,
)


def expected_responses(state: GameState) -> set[Action]:
    found = set()
    for source, target in product(state.controlled_hosts, state.controlled_hosts):
        if target in state.known_blocks.get(source, ()):
            continue
        ends = {"source_host": source, "target_host": target}
        found |= {Action(kind, ends) for kind in ON_HOSTS}
        for service in state.known_services.get(target, ()):
            found.add(Action(ActionType.PatchService, {**ends, "target_service": service}))
    return found


def expected(state: GameState, include_blocks: bool) -> set[Action]:
    """The rule, said the slow way."""

    def open_way(source, target):
        return target not in state.known_blocks.get(source, ())

    found = set()
    for source in state.controlled_hosts:
        for network in state.known_networks:
            found.add(Action(ActionType.ScanNetwork, {"source_host": source, "target_network": network}))
        for target in state.known_hosts:
            if open_way(source, target):
                found.add(Action(ActionType.FindServices, {"source_host": source, "target_host": target}))
        for target, services in state.known_services.items():
            for service in services:
                if open_way(source, target):
                    found.add(
                        Action(
                            ActionType.ExploitService,
                            {"source_host": source, "target_host": target, "target_service": service},
                        )
                    )
        found.add(Action(ActionType.FindData, {"source_host": source, "target_host": source}))
        for holder, items in state.known_data.items():
            for item in items:
                for target in state.controlled_hosts:
                    if target != holder and open_way(holder, target):
                        found.add(
                            Action(
                                ActionType.ExfiltrateData,
                                {"source_host": holder, "target_host": target, "data": item},
                            )
                        )
        if include_blocks:
            for target in state.controlled_hosts:
                for blocked in state.known_hosts:
                    if open_way(source, target):
                        found.add(
                            Action(
                                ActionType.BlockIP,
                                {"source_host": source, "target_host": target, "blocked_host": blocked},
                            )
                        )
    return found


def no_host_blocks_itself(state: GameState) -> bool:
    return all(host not in blocked for host, blocked in state.known_blocks.items())


@given(some.states.filter(no_host_blocks_itself), st.booleans())
def test_valid_actions_are_those_of_the_rule(state, include_blocks):
    actions = generate_valid_actions(state, include_blocks)
    assert actions == expected(state, include_blocks)
    assert len(actions) == len(set(actions)) == len(expected(state, include_blocks))
    assert [actions[i] for i in range(len(actions))] == list(actions)


@given(some.states, st.booleans())
def test_responses_come_after_all_else_and_are_those_of_the_rule(state, include_blocks):
    others = generate_valid_actions(state, include_blocks)
    actions = generate_valid_actions(state, include_blocks, include_responses=True)
    assert list(actions[: len(others)]) == list(others)
    responses = actions[len(others) :]
    assert set(responses) == expected_responses(state)
    assert len(responses) == len(set(responses))
    kinds = [kind for kind, _ in groupby(responses, key=lambda action: action.type)]
    assert kinds == sorted(kinds, key=[*ON_HOSTS, ActionType.PatchService].index)


def test_valid_actions_of_a_state_that_controls_nothing_are_none():
    actions = generate_valid_actions(GameState(known_hosts={IP("1.1.1.1")}), include_blocks=True)
    assert not actions
    assert list(actions) == []
    with pytest.raises(IndexError):
        actions.choice(random.Random(1))


def test_valid_actions_are_drawn_evenly_and_by_the_given_generator():
    state = GameState({IP("1.1.1.1")}, {IP("1.1.1.1"), IP("1.1.1.2")}, {}, {}, {Network("1.1.1.0", 24)}, {})
    actions = generate_valid_actions(state)
    drawn = [actions.choice(random.Random(seed)) for seed in range(400)]
    assert set(drawn) == set(actions)
    assert max(map(drawn.count, actions)) < 2 * min(map(drawn.count, actions))
    assert actions.choice(random.Random(5)) == actions.choice(random.Random(5))


def test_valid_actions_of_a_large_state_are_counted_without_being_built():
    hosts = [IP(f"10.{a}.{b}.1") for a in range(10) for b in range(250)]
    state = GameState(hosts, hosts, {}, {}, [], {})
    actions = generate_valid_actions(state, include_blocks=True)
    n = len(hosts)
    assert len(actions) == n * n + n + n * n * n
    assert actions[len(actions) - 1].type == ActionType.BlockIP
    assert actions[-1] == actions[len(actions) - 1]
    defended = generate_valid_actions(state, include_blocks=True, include_responses=True)
    assert len(defended) == len(actions) + 5 * n * n
    assert defended[-1].type == ActionType.HardenHost


@pytest.mark.parametrize("index", [4, -5])
def test_valid_actions_beyond_the_last_raise_index_error(index):
    state = GameState({IP("1.1.1.1")}, {IP("1.1.1.1"), IP("1.1.1.2")}, {}, {}, {Network("1.1.1.0", 24)}, {})
    with pytest.raises(IndexError):
        generate_valid_actions(state)[index]
