"""Our NetSecGame names against the real ones: the same questions to both, about drawn states and actions."""

import json
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsiege.compat import netsecgame
from netsiege.game import Action, ActionType
from tests import strategies
from tests.compat.questions import answer

LAX = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "max_examples": 100,
    "suppress_health_check": list(HealthCheck),
}

NEWER = re.compile("[^\x00-\u036f]")


def settled(told):
    """The same without characters that one Python knows and another one does not: `repr` tells them apart."""
    text = json.dumps(told, ensure_ascii=False)
    return json.loads(NEWER.sub(lambda found: chr(0x100 + ord(found[0]) % 0x270), text))


def dicts(strategy):
    return strategy.map(lambda value: settled(value.as_dict))


states = dicts(strategies.states)
actions = st.one_of(
    dicts(strategies.actions),
    strategies.speaking.map(lambda kind: Action(kind).as_dict),
    st.builds(
        lambda trajectory, topology, seed: (
            Action(
                ActionType.ResetGame,
                {"request_trajectory": trajectory, "randomize_topology": topology, "seed": seed},
            ).as_dict
        ),
        st.booleans(),
        st.booleans(),
        st.none() | st.integers(0, 2**32),
    ),
)
infos = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.booleans(), max_size=2)
observations = st.fixed_dictionaries(
    {"state": states},
    optional={
        "reward": st.integers(-100, 100) | st.floats(allow_nan=False, allow_infinity=False),
        "end": st.booleans(),
        "info": infos,
    },
)
values = st.one_of(
    strategies.ips.map(lambda ip: ("IP", settled(ip.as_dict))),
    (strategies.networks | strategies.few_networks).map(
        lambda network: ("Network", settled(network.as_dict))
    ),
    strategies.services.map(lambda service: ("Service", settled(service.as_dict))),
    strategies.data.map(lambda datum: ("Data", settled(datum.as_dict))),
)
episodes = st.integers(1, 3).flatmap(
    lambda steps: st.fixed_dictionaries(
        {
            "role": st.sampled_from(["Attacker", "AgentRole.Defender"]),
            "states": st.lists(states, min_size=steps + 1, max_size=steps + 1),
            "actions": st.lists(dicts(strategies.actions), min_size=steps, max_size=steps),
        }
    )
)


def alike(original, question, told):
    # ours goes through JSON as the original's does, and gets a copy: it may change what it is told
    ours = json.loads(json.dumps(answer(netsecgame, question, json.loads(json.dumps(told)))))
    assert [ours] == original.ask((question, told))


def test_drawn_states_look_and_act_as_in_the_original(original):
    @settings(**LAX)
    @given(states)
    def each(state):
        alike(original, "state", state)
        alike(original, "changed", state)

    each()


def test_drawn_observations_are_written_and_read_as_in_the_original(original):
    @settings(**LAX)
    @given(observations)
    def each(observation):
        alike(original, "observation", observation)

    each()


def test_drawn_actions_are_the_same_as_in_the_original(original):
    @settings(**LAX)
    @given(actions)
    def each(action):
        alike(original, "action", action)

    each()


def test_drawn_values_look_and_compare_as_in_the_original(original):
    @settings(**LAX)
    @given(st.lists(values, min_size=2, max_size=5))
    def each(drawn):
        alike(original, "values", [*drawn, drawn[0]])

    each()


def test_drawn_episodes_are_recorded_as_by_the_original(original, tmp_path_factory):
    @settings(**{**LAX, "max_examples": 15})
    @given(episodes)
    def each(episode):
        ours, theirs = ({**episode, "folder": str(tmp_path_factory.mktemp(name))} for name in ("a", "b"))
        assert [json.loads(json.dumps(answer(netsecgame, "recorded", ours)))] == original.ask(
            ("recorded", theirs)
        )

    each()


def test_drawn_documents_are_stored_in_the_same_bytes(original, tmp_path_factory):
    @settings(**{**LAX, "max_examples": 15})
    @given(st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.lists(st.none()))))
    def each(documents):
        told = {"trajectories": [{}, *documents]}
        ours, theirs = ({**told, "folder": str(tmp_path_factory.mktemp(name))} for name in ("a", "b"))
        # the name ends in a letter of `jsonl` in neither
        assert [answer(netsecgame, "stored", ours)] == original.ask(("stored", theirs))

    each()
