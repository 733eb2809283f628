import random
from itertools import groupby, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.game import IP, Action, ActionType, AgentRole, GameState, Network, generate_valid_actions
from netsiege.game.action import CODE_OF, responses_of
from netsiege.game.action_types import TABLE
from tests import strategies as some


def expected_responses(state: GameState, role: AgentRole) -> set[Action]:
    found = set()
    for kind, entry in TABLE[6:]:
        if role not in entry.roles:
            continue
        has_service = "target_service" in entry.parameters
        known = state.known_services if has_service else state.known_hosts
        for source, target in product(state.controlled_hosts, {*known, *state.controlled_hosts}):
            held = target in state.controlled_hosts
            if target in state.known_blocks.get(source, ()) or not (
                held if entry.on_held else target in known
            ):
                continue
            ends = {"source_host": source, "target_host": target}
            if has_service:
                services = state.known_services.get(target, ())
                found |= {Action(kind, {**ends, "target_service": service}) for service in services}
            else:
                found.add(Action(kind, ends))
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


@given(some.states, st.booleans(), st.sampled_from(AgentRole))
def test_responses_come_after_all_else_and_are_those_of_the_rule(state, include_blocks, role):
    others = generate_valid_actions(state, include_blocks)
    actions = generate_valid_actions(state, include_blocks, True, role)
    assert list(actions[: len(others)]) == list(others)
    responses = actions[len(others) :]
    assert set(responses) == expected_responses(state, role)
    assert len(responses) == len(set(responses))
    kinds = [kind for kind, _ in groupby(responses, key=lambda action: action.type)]
    assert kinds == sorted(kinds, key=CODE_OF.get)


def test_responses_of_always_are_for_defenders_and_on_what_they_control():
    for _, entry in TABLE[6:12]:
        assert (tuple(entry.roles), entry.on_held) == ((AgentRole.Defender,), True)


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
    on_hosts = [kind for kind, entry in responses_of(AgentRole.Defender) if len(entry.parameters) == 2]
    assert len(on_hosts) >= 5
    assert len(defended) == len(actions) + len(on_hosts) * n * n
    assert defended[-1].type == on_hosts[-1]


@pytest.mark.parametrize("index", [4, -5])
def test_valid_actions_beyond_the_last_raise_index_error(index):
    state = GameState({IP("1.1.1.1")}, {IP("1.1.1.1"), IP("1.1.1.2")}, {}, {}, {Network("1.1.1.0", 24)}, {})
    with pytest.raises(IndexError):
        generate_valid_actions(state)[index]
