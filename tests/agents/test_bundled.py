"""Every agent that we ship plays by its name: with `netsiege agent run` over a hub, and with `netsiege play`.

Whoever adds an agent adds nothing here, unless it needs more than a model that is learned or asked.
"""

import json
import os
import threading
from importlib.metadata import distribution
from itertools import cycle, islice

import attrs
import pytest

from netsiege import AgentRole
from netsiege.agents.learning.training import Plan, Training
from netsiege.agents.registry import GROUP, find_agent
from netsiege.agents.runner import run_agent
from netsiege.client import Client
from netsiege.play import Entrant, play
from netsiege.protocol import SessionRole
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec
from netsiege.scenarios.model import ROUNDS, Spec
from tests.agents.llm_server import KEY, KillChain, ModelServer, calls
from tests.commands import command
from tests.e2e.conftest import RunningHub, household, netsiege

__all__ = ["household"]  # a fixture: pytest looks for it here

NAMES = sorted(point.name for point in distribution("netsiege").entry_points.select(group=GROUP))
CASES = [(name, role) for name in NAMES for role in find_agent(name).plays]
EPISODES = 2
SCENARIO = "two_networks_tiny"


def named(role):
    """The agents that play a role."""
    return [name for name, plays in CASES if plays == role]


def spec_of(*roles):
    """A match of one seat for each of the roles."""
    spec = load_spec(scenario=SCENARIO, seats=dict.fromkeys((role.value for role in roles), 1))
    return Spec(spec.topology, attrs.evolve(spec.task, pacing=ROUNDS))


@pytest.fixture(scope="module")
def hub():
    """A hub with a room for each role: it has a seat for that, and one for an attacker to meet."""
    running = RunningHub("--workers", "1")
    with Client(running.address, "rooms", SessionRole.DIRECTOR) as director:
        for role in AgentRole:
            roles = dict.fromkeys((AgentRole.Attacker, role))
            director.open_room(room_of(role.value, spec_of(*roles), 5))
    yield running
    assert "Traceback" not in running.stop()


@pytest.fixture(scope="module")
def model_server():
    """A language model for both roles: it attacks in order, and otherwise passes."""
    attacks = KillChain("User1/DataFromServer1", "213.47.23.195")

    def model(request):
        return attacks(request) if "scan_network" in request.tools else calls(("pass_turn", {}))

    with ModelServer(model) as server:
        yield server


@pytest.fixture
def words(model_server, tmp_path, monkeypatch):
    """How an agent is named, with what it needs."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def words(name):
        cls = find_agent(name)
        if "base_url" in cls.parameters:
            pytest.importorskip("openai", reason="the extra [llm] is not installed")
            return f"{name},model=fake,base_url={model_server.url}"
        if "rate" in cls.parameters:
            folder = tmp_path / name
            opponents = () if AgentRole.Attacker in cls.plays else ("random-attacker",)
            assert Training.start(Plan(name, SCENARIO, None, opponents, 20, 1), folder).run()
            return f"{name},model={folder}"
        if "simulations" in cls.parameters:
            return f"{name},simulations=10"  # it is to play, not to play well
        return name

    return words


def test_agent_without_a_role_takes_the_first_that_its_class_plays():
    for role in AgentRole:
        cls = find_agent(f"random-{role.value.lower()}")
        assert (cls().role, cls(role=AgentRole.Defender).role) == (role, AgentRole.Defender)


def test_every_role_has_agents():
    assert all(named(role) for role in AgentRole)


@pytest.mark.parametrize(("name", "role"), CASES, ids=[f"{name}-{role.value}" for name, role in CASES])
def test_bundled_agent_plays_by_name_over_a_hub(name, role, hub, words, model_server):
    said, asked = words(name), len(model_server.requests)
    where = ("--hub", hub.address, "--room", role.value, "--episodes", EPISODES, "--wait", 10)
    other = threading.Thread(
        target=run_agent,
        args=("random-attacker", hub.address, "Attacker"),
        kwargs={"room": role.value, "episodes": EPISODES, "seats": 1, "wait_s": 10},
    )
    if role != AgentRole.Attacker:
        other.start()
    done = command("agent", "run", said, "--role", role.value, *where, "--json")
    if role != AgentRole.Attacker:
        other.join(30)
        assert not other.is_alive()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert [each["episode"] for each in told] == list(range(EPISODES))
    assert all(each["steps"] > 0 for each in told)
    assert all((each["end_reason"] is None) == (role == AgentRole.Benign) for each in told)
    assert (len(model_server.requests) > asked) == said.startswith("llm-")


def teams():
    """Each attacker and each defender at least once, with somebody to play against."""
    attackers, defenders = named(AgentRole.Attacker), named(AgentRole.Defender)
    count = max(len(attackers), len(defenders))
    return list(zip(islice(cycle(attackers), count), islice(cycle(defenders), count), strict=True))


@pytest.mark.soak
@pytest.mark.parametrize(("attacker", "defender"), teams())
def test_bundled_agents_play_by_name_with_netsiege_play(attacker, defender, words, household):
    options = ("--attacker", words(attacker), "--defender", words(defender), "--benign", "1")
    done = netsiege("play", "--scenario", SCENARIO, *options, "--episodes", "3", "--seed", "7", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["results"]) == 3
    assert [each["agent"].split(",")[0] for each in told["seats"]] == [attacker, defender, "random"]
    assert all(each["mean_steps"] > 0 for each in told["seats"])
    assert not household.processes()


@pytest.mark.soak
@pytest.mark.parametrize("name", named(AgentRole.Benign))
def test_bundled_office_users_play_by_name_in_a_match_of_processes(name, words):
    entrants = [Entrant(AgentRole.Attacker, "random"), Entrant(AgentRole.Benign, words(name))]
    report = play(spec_of(*(each.role for each in entrants)), entrants, 3, 7)
    assert report.episodes == 3
    assert report.seats[1].mean_steps > 0


# --- agents that cannot be made ---------------------------------------------------------------------------

CANNOT_BE_MADE = [
    ("llm-attacker", "the agent llm-attacker: no model: set the parameter"),
    ("picky:Picky", "the agent picky:Picky: it wants to be asked nicely"),
]
PICKY = """
from netsiege import ConfigError
from netsiege.agents.attackers import RandomAttacker

class Picky(RandomAttacker):
    def __init__(self, *arguments, **options):
        raise ConfigError(["it wants to be asked nicely", "and twice"])
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        CANNOT_BE_MADE[-1],
        *(pytest.param(*each, marks=pytest.mark.soak) for each in CANNOT_BE_MADE[:-1]),
    ],
)
def test_play_with_an_agent_that_cannot_be_made_tells_its_words_and_exits_2(name, said, tmp_path, household):
    (tmp_path / "picky.py").write_text(PICKY)
    if name.startswith("llm-"):
        pytest.importorskip("openai", reason="the extra [llm] is not installed")
    environment = {each: value for each, value in os.environ.items() if not each.startswith("OPENAI_")}
    done = netsiege("play", "--attacker", name, "--episodes", "1", cwd=tmp_path, env=environment)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("netsiege: ") == done.stderr.count("netsiege: the agent ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not household.processes()


@pytest.mark.parametrize(("parent", "code"), [((), 2), (("--parent", str(os.getpid())), os.EX_CONFIG)])
def test_agent_that_cannot_be_made_ends_with_a_code_that_says_so(parent, code):
    done = netsiege("agent", "run", "q-learning,model=/nowhere", *parent)
    assert done.returncode == code
    assert done.stderr == "netsiege: /nowhere/model.json: there is no model: `netsiege train` makes one\n"


def test_one_agent_is_described_with_all_that_can_be_set_on_it():
    told = command("agent", "list", "scripted-defender")
    assert told.returncode == 0
    assert "epsilon" in told.stdout
    assert "from 0 to 1" in told.stdout
    told = command("agent", "list", "netsiege.agents.attackers:ScriptedAttacker", "--json")
    assert json.loads(told.stdout)[0]["parameters"]["epsilon"]["default"] == 0.0
    told = command("agent", "list", "scripted-defende")
    assert told.returncode == 2
    assert "the nearest is 'scripted-defender'" in told.stderr
