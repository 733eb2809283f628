"""Task files in NetSecGame's format, read by its own configuration manager and by us.

Files that both read alike, written at random over all keys and forms; what `random` and the other words may
mean; oddities that come out alike, with our warnings; where we differ on purpose; and what NetSecGame takes
in silence, or breaks on, and we refuse.
"""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from netsiege.engine.tables import compile_spec
from netsiege.errors import ConfigError
from netsiege.scenarios import load_task_file, scenario_names
from netsiege.scenarios.model import Spec
from tests.parity.real import HOW, PATIENCE_S, interpreter
from tests.parity.task_files import (
    C2,
    EMPTY,
    ITEM_PARTS,
    MANUAL,
    SMB,
    Author,
    alike,
    changed,
    outcomes,
    plain,
    plain_goal,
    plain_start,
)


@pytest.fixture(scope="module")
def theirs():
    """Reads task files with the real NetSecGame: one process, however many there are."""
    python = interpreter()
    if python is None:
        pytest.skip(HOW)
    script = Path(__file__).with_name("original_tasks.py")

    def read(documents, draws=0):
        asked = json.dumps([yaml.safe_dump(document, sort_keys=False) for document in documents])
        done = subprocess.run(
            [python, "-I", str(script), str(draws)],
            input=asked,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return read


@pytest.fixture
def ours(tmp_path):
    """Reads a task file as we do."""

    def read(document):
        path = tmp_path / "task.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return load_task_file(path)

    return read


# --- files that both read alike ----------------------------------------------------------------------------


def test_files_in_their_format_are_read_alike(theirs, ours):
    documents = [MANUAL, *(Author(seed).document() for seed in range(150))]
    for document, answer in zip(documents, theirs(documents), strict=True):
        assert plain(ours(document).task) == alike(answer), yaml.safe_dump(document)


def test_all_scenarios_of_ours_are_theirs_by_the_same_name(theirs):
    documents = [{**MANUAL, "env": {**MANUAL["env"], "scenario": name}} for name in scenario_names()]
    for document, answer in zip(documents, theirs(documents), strict=True):
        assert answer["scenario"] == [document["env"]["scenario"]]


# --- what the words of a view may mean --------------------------------------------------------------------

DRAWS = 400
WORDS = [
    {"controlled_hosts": ["random"]},
    {"controlled_hosts": ["all_local"]},
    {"controlled_hosts": ["random"], "known_hosts": ["all_local"]},
    {"known_hosts": ["random"]},
    {"known_hosts": [SMB], "known_networks": ["192.168.1.0/24"]},
    {"known_services": {SMB: ["random"]}},
    {"known_services": {SMB: [["powershell", "passive", "10.0.19041", True], "random"]}},
    {"known_data": {SMB: ["random"]}},
]


@pytest.mark.parametrize("scenario", ["two_networks", "two_networks_tiny"])
def test_words_of_starts_and_goals_may_mean_the_same(theirs, ours, scenario):
    documents = [in_both(parts, scenario) for parts in WORDS]
    for parts, document, answer in zip(WORDS, documents, theirs(documents, DRAWS), strict=True):
        starts, goals = drawn(document, ours)
        assert outcomes(answer["starts"]) == starts, parts
        # theirs may ask for a log file, ours never does
        assert {goal for goal in outcomes(answer["goals"]) if "logfile" not in goal} == goals, parts


@pytest.mark.parametrize(
    "parts",
    [
        {"controlled_hosts": ["192.168.2.2", "random"]},
        {"known_data": {SMB: [["User1", "DataFromServer1"], "random"]}},
    ],
)
def test_random_beside_what_is_listed_is_another_where_theirs_may_be_the_same(theirs, ours, parts):
    document = in_both(parts, "two_networks")
    (answer,) = theirs([document], DRAWS)
    for they, we in zip((answer["starts"], answer["goals"]), drawn(document, ours), strict=True):
        apart = {each for each in outcomes(they) if "logfile" not in each and found(each) == 2}
        assert apart == we, "there, one outcome more has the listed one alone"


def found(outcome):
    """How many hosts are controlled, and data known, in an outcome."""
    state = json.loads(outcome)
    return len(state["controlled_hosts"]) + sum(len(data) for _, data in state["known_data"])


def in_both(parts, scenario):
    """A file with these parts in the attacker's start and goal."""
    views = {"Attacker.goal": {**EMPTY, **parts}, "Attacker.start_position": {**EMPTY, **parts}}
    return changed(views | {"env.scenario": scenario})


def drawn(document, ours):
    """The starts and the goals of an attacker, each once."""
    loaded = ours(document)
    tables = compile_spec(Spec(loaded.topology, loaded.task).to_bytes())
    return (
        outcomes(plain_start(tables, tables.start_of(seed, "Attacker", 0)) for seed in range(DRAWS)),
        outcomes(plain_goal(tables, tables.goal_of(seed, "Attacker", 0)) for seed in range(DRAWS)),
    )


# --- what comes out alike although it is odd, with what we say about it ------------------------------------

ODD_ALIKE = [
    ({"env.use_global_defender": None}, None),
    ({"env.rewards": {"win": 1, "loss": 2}}, "env.rewards.win: unknown key, has no effect"),
    ({"env.rewards": ...}, "env.rewards: missing: every reward is 0"),
    ({"env.max_steps": 3}, "env.max_steps: has no effect"),
    ({"env.goal_reward": 3}, "env.goal_reward: has no effect"),
    ({"env.actions": {"capture_traffic": {"discovery_probability": 0.1}}},
     "env.actions.capture_traffic.discovery_probability: has no effect"),
    ({"env.actions": {"scan_network": {"prob_success": 0.5}}},
     "env.actions.scan_network.prob_success: 0.5 has no effect"),
    ({"coordinator.random_seed": 3}, "coordinator.random_seed: has no effect"),
    ({"coordinator.agents.Human": {"max_steps": 3}}, "coordinator.agents.Human: no such role, has no effect"),
    ({"coordinator.agents.Defender": {}},
     "coordinator.agents.Defender: has neither start_position nor goal: nobody can play this role"),
    ({"Attacker.goal.randomize_goal_every_episode": True},
     "coordinator.agents.Attacker.goal.randomize_goal_every_episode: unknown key, has no effect"),
    ({"Attacker.goal.blocked_ips": {}},
     "coordinator.agents.Attacker.goal.blocked_ips: unknown key, has no effect"),
    ({"Attacker.start_position.known_blocks": {SMB: {C2: None}}},
     "coordinator.agents.Attacker.start_position.known_blocks: has no effect"),
    ({"Attacker.start_position.known_networks": ["random", "192.168.1.0/24", "all_local"]},
     "coordinator.agents.Attacker.start_position.known_networks[0]: 'random' has no effect"),
    ({"Attacker.goal.is_any_part_of_goal_random": True},
     "coordinator.agents.Attacker.goal.is_any_part_of_goal_random: has no effect"),
]  # fmt: skip  # one case a row


def test_oddities_of_theirs_come_out_alike_with_a_warning(theirs, ours):
    documents = [changed(changes) for changes, _ in ODD_ALIKE]
    for document, answer, (changes, line) in zip(documents, theirs(documents), ODD_ALIKE, strict=True):
        loaded = ours(document)
        assert plain(loaded.task) == alike(answer), changes
        said = [warning.partition("task.yaml: ")[2] for warning in loaded.warnings]
        assert line is None or any(each.startswith(line) for each in said), (changes, said)


# --- where we differ on purpose ----------------------------------------------------------------------------

ATTACKER = ("roles", "Attacker")
DIFFERENT = [
    # change, where to look, what they read there, what we do
    ({"env.use_firewall": None}, ("use_firewall",), False, True),
    ({"Attacker.max_steps": 0}, (*ATTACKER, "max_steps"), 0, None),
    ({"Attacker.goal.description": None}, (*ATTACKER, "description"), None, ""),
    ({"Attacker.goal.known_hosts": ["Random"]}, (*ATTACKER, "goal", "known_hosts"), [], ["random"]),
    ({"Attacker.goal.known_services": {SMB: ["all"]}}, (*ATTACKER, "goal", "known_services"),
     [[SMB, []]], [[SMB, ["all"]]]),
    ({"Attacker.goal.known_data": {SMB: ["all"]}}, (*ATTACKER, "goal", "known_data"),
     [[SMB, [["a", "l"]]]], [[SMB, ["all"]]]),
    ({"Attacker.goal.known_hosts": ...}, (*ATTACKER, "goal"), None,
     {**EMPTY, **{part: [] for part in ITEM_PARTS}, "known_data": [[C2, [["User1", "DataFromServer1"]]]]}),
    ({"coordinator.agents.Benign": MANUAL["coordinator"]["agents"]["Attacker"]},
     ("roles", "Benign", "start", "controlled_hosts"), ["random"] * 3, [C2, "random"]),
]  # fmt: skip  # one case a row


def at(answer, path):
    for key in path:
        answer = answer[key]
    return answer


def test_differences_on_purpose_are_as_told_here(theirs, ours):
    documents = [changed(changes) for changes, *_ in DIFFERENT]
    for document, answer, (changes, path, they, we) in zip(
        documents, theirs(documents), DIFFERENT, strict=True
    ):
        assert at(answer, path) == they, changes
        assert at(plain(ours(document).task), path) == we, changes


REFUSED = [
    # change, what NetSecGame raises, or None where it goes on without what it does not understand
    ({"Attacker.goal.known_networks": ["random"]}, None),
    ({"Attacker.goal.known_networks": ["192.168.1.2/24"]}, None),
    ({"Attacker.goal.known_hosts": "random"}, None),
    ({"Attacker.goal.known_hosts": ["all"]}, None),
    ({"Attacker.goal.controlled_hosts": ["10.9.9.9"]}, None),
    ({"Attacker.goal.known_services": {SMB: ["microsoft-ds", "passive", "10.0.19041", False]}}, None),
    ({"Attacker.goal.known_services": {SMB: [["microsoft-ds", "passive"]]}}, "IndexError"),
    ({"Attacker.goal.known_services": {"random": ["random"]}}, None),
    ({"Attacker.goal.known_data": {SMB: ["User1", "DataFromServer1"]}}, None),
    ({"Attacker.goal.known_data": {SMB: [["nobody", "nothing"]]}}, None),
    ({"Attacker.goal.known_data": {"random": ["random"]}}, None),
    ({"Attacker.goal.known_blocks": {"all_routers": "all_attackers"}}, None),
    ({"Attacker.goal.known_blocks": {SMB: {C2: None}}}, "ValueError"),
    ({"Attacker.goal.known_blocks": {SMB: C2}}, "ValueError"),
    ({"Attacker.goal.description": 5}, "AttributeError"),
    ({"Attacker.max_steps": -1}, None),
    ({"Attacker.max_steps": 10.7}, None),
    ({"Attacker.max_steps": "x"}, "ValueError"),
    ({"Attacker.start_position": ...}, None),
    ({"env.required_players": 0}, None),
    ({"env.required_players": "x"}, None),
    ({"env.use_firewall": "False"}, None),
    ({"env.rewards": {"success": "100", "step": 0, "fail": 0, "false_positive": 0}}, "TypeError"),
    ({"env.rewards": [100]}, "TypeError"),
    ({"env.scenario": "two_nets_tiny"}, "ValueError"),
    ({"env.scenario": ...}, "KeyError"),
    ({"coordinator": ...}, None),
]  # fmt: skip  # one case a row


def test_what_theirs_takes_in_silence_or_breaks_on_is_refused(theirs, ours):
    documents = [changed(changes) for changes, _ in REFUSED]
    for document, answer, (changes, error) in zip(documents, theirs(documents), REFUSED, strict=True):
        assert answer.get("error") == error, changes
        assert is_refused(ours, document), changes


def is_refused(ours, document):
    try:
        ours(document)
    except ConfigError:
        return True
    return False
