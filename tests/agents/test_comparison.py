"""`netsiege bench agents`: all agents under the same conditions, in tables, in a file between two marks."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs
import pytest
from typer.testing import CliRunner

from netsiege.agents import comparison_run
from netsiege.agents.arrangement import arrange
from netsiege.agents.base import BaseAgent
from netsiege.agents.comparison import (
    NO_ENDPOINT,
    Comparison,
    Conditions,
    Row,
    bundled_agents,
    false_positives_of,
    measure,
    per_hundred,
    plan_comparison,
)
from netsiege.agents.comparison_run import run_comparison
from netsiege.agents.comparison_table import BEGIN, END, NOTHING, markdown, put_between_marks
from netsiege.agents.evaluation import Evaluation, Figure, evaluate
from netsiege.agents.parameters import Parameter
from netsiege.agents.registry import choose_agent, find_agent
from netsiege.cli import app
from netsiege.errors import ConfigError, SiegeError
from netsiege.game import AgentRole
from netsiege.scenarios.model import Rewards, Spec
from tests.agents.llm_server import KEY, ModelServer, calls
from tests.e2e.conftest import Household, household, wait_until  # noqa: F401  # the fixture, by its name

README = Path(__file__).parents[2] / "README.md"
TINY = "two_networks_tiny"
SOME = ("random-attacker", "q-learning", "llm-attacker", "random-defender", "office-benign")
QUICK = ("--quick", "--episodes", "4", "--train-episodes", "20", "--scenario", TINY)
MARKED = f"# Title\n\nBefore {BEGIN} in a line.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n"
FIGURES = ("win_rate", "mean_return", "mean_steps")


class Dying(BaseAgent):
    """Takes its process with it."""

    def choose_action(self, observation):
        os._exit(9)


class Sleeping(BaseAgent):
    """Thinks for a minute."""

    plays = (AgentRole.Attacker,)

    def choose_action(self, observation):
        time.sleep(60)


class Planner(BaseAgent):
    """Seems to think long."""

    plays = (AgentRole.Attacker,)
    parameters = {"simulations": Parameter(9, "a number", 1)}  # noqa: RUF012  # as agents declare them


@pytest.fixture(autouse=True)
def _no_endpoint(monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "NETSIEGE_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)


def bench(*options):
    return CliRunner().invoke(app, ["bench", "agents", *options])


def asked(*agents):
    return [option for agent in agents for option in ("--agent", agent)]


@pytest.fixture(scope="module")
def in_one_process(tmp_path_factory):
    """What `SOME` come to on a tiny network: the document, what was said meanwhile, a file with tables."""
    file = tmp_path_factory.mktemp("some") / "README.md"
    file.write_text(MARKED)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NETSIEGE_LLM_MODEL", raising=False)
        done = bench(*QUICK, *asked(*SOME), "--json", "--processes", "1", "--markdown", str(file))
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr, file.read_text()


# --- what comes of it -------------------------------------------------------------------------------------


def test_document_has_every_agent_with_figures_inside_their_intervals(in_one_process):
    told = json.loads(in_one_process[0])
    rows = told.pop("rows")
    assert told == {"seed": 0, "scenarios": [TINY], "episodes": 4, "train_episodes": 20}
    # by role, then as they were asked for
    assert [row["agent"] for row in rows] == list(SOME)
    assert [row["role"] for row in rows] == ["Attacker"] * 3 + ["Defender", "Benign"]
    assert [row["trained_episodes"] for row in rows] == [0, 20, 0, 0, 0]
    assert rows[3]["opponents"] == ["scripted-attacker", "office-benign"]
    for row in rows:
        if row["agent"] == "llm-attacker":
            assert row["note"] == NO_ENDPOINT
            assert not {*FIGURES, "episodes"} & row.keys()
            continue
        assert (row["note"], row["scenario"], row["episodes"]) == (None, TINY, 4)
        names = FIGURES if row["role"] != "Benign" else ("mean_return", "mean_steps", "actions")
        assert ("win_rate" in row) == ("win_rate" in names)
        for name in names:
            low, high = row[f"{name}_interval"]
            assert low <= row[name] <= high
    assert rows[4]["actions"] < rows[4]["mean_steps"]


def test_equal_seeds_give_equal_tables_whatever_the_number_of_processes(in_one_process, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(MARKED)
    done = bench(*QUICK, *asked(*SOME), "--processes", "2", "--markdown", str(file), "--json")
    assert (done.stdout, file.read_text()) == (in_one_process[0], in_one_process[2])
    alone = (*QUICK, *asked(SOME[0]), "--processes", "1", "--json")
    [one], [other] = (json.loads(bench(*alone, "--seed", seed).stdout)["rows"] for seed in "01")
    assert one == json.loads(in_one_process[0])["rows"][0] != other


def test_tables_are_printed_with_progress_elsewhere():
    done = bench(*QUICK, *asked("q-learning", "llm-attacker"), "--processes", "1")
    assert re.search(r"q-learning +two_networks_tiny +\d+\.\d% \[", done.stdout)
    assert re.search(rf"llm-attacker +{NOTHING} +{NO_ENDPOINT}", done.stdout)
    assert "Attackers, alone; trained before, for 20 episodes: q-learning" in done.stdout
    assert "[1 of 1] q-learning on two_networks_tiny: " in done.stderr
    assert "[1 of 1]" not in done.stdout


def test_markdown_replaces_what_stands_between_the_marks_and_nothing_else(in_one_process, tmp_path):
    text = in_one_process[2]
    before, after = MARKED.split("old\n")
    assert text.startswith(before)
    assert text.endswith(after)
    assert "old" not in text
    assert f"| random-attacker | {TINY} | " in text
    assert f"| llm-attacker | {NOTHING} | {NO_ENDPOINT} | {NOTHING} |" in text
    file = tmp_path / "README.md"
    file.write_text(text)
    file.chmod(0o640)
    put_between_marks(file, text.split(f"\n{BEGIN}\n")[1].split(END)[0])
    assert file.read_text() == text
    assert file.stat().st_mode & 0o777 == 0o640


def test_every_line_of_a_markdown_table_has_as_many_cells_as_its_headings(in_one_process):
    tables = [part.splitlines() for part in in_one_process[2].split("\n\n") if part.startswith("| ")]
    assert len(tables) == 3
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1


def test_agents_are_named_once_and_characters_of_markdown_are_harmless():
    told = Evaluation("", TINY, 1, 1, *[Figure(1.0, 0.5, 1.0)] * 3)
    rows = [Row("a|b`\n<c>", AgentRole.Attacker, name, told=told) for name in (TINY, "two_networks")]
    lines = markdown(Comparison(Conditions(), tuple(rows))).splitlines()
    assert lines[4].startswith(rf"| a\|b\`\\n\<c> | {TINY} | 100.0% [50.0, 100.0] | 1.0 [0.5, 1.0] |")
    assert lines[5].startswith(f"|  | {TINY} |")


# --- who takes part ---------------------------------------------------------------------------------------


def test_all_bundled_agents_take_part_and_learners_are_trained():
    program = plan_comparison(Conditions())
    assert {*program.agents} == {*bundled_agents()} >= {"q-learning", "scripted-defender", "random-benign"}
    for job in program.jobs:
        assert (job.trained > 0) == ("rate" in find_agent(job.said).parameters)
        assert job.episodes == (200 if "simulations" in find_agent(job.said).parameters else 500)
    played = {job.said for job in program.jobs}
    assert (
        {row.agent for row in program.rows}
        == {*bundled_agents()} - played
        == {"llm-attacker", "llm-defender"}
    )


def test_agents_of_a_role_meet_the_same_episodes_that_no_training_has_drawn():
    jobs = plan_comparison(Conditions()).jobs
    groups = {(job.role, job.scenario) for job in jobs}
    assert len({job.seed for job in jobs}) == len(groups)
    assert len({job.train_seed for job in jobs}) == len(jobs)
    assert not {job.seed for job in jobs} & {job.train_seed for job in jobs}


def test_learner_gets_its_own_parameters_and_a_model_of_its_own_is_not_trained(tmp_path):
    conditions = Conditions(scenarios=(TINY,), episodes=2, train_episodes=10)
    [job] = plan_comparison(conditions, ["q-learning,rate=0.5"]).jobs
    assert (job.plan.rate, job.plan.discount, job.plan.episodes) == (0.5, 0.95, 10)
    assert measure(job, tmp_path).trained == 10
    [given] = plan_comparison(conditions, [f"q-learning,model={tmp_path / 'model-0'}"]).jobs
    assert given.trained == 0


def test_agents_play_as_many_episodes_as_is_said_for_their_kind_or_their_name():
    planner = f"{__name__}:Planner"
    conditions = Conditions(scenarios=(TINY,), planner_episodes=7, episodes_of={"random-attacker": 3})
    jobs = plan_comparison(conditions, [planner, f"{planner},simulations=4", "random-attacker", "sarsa"]).jobs
    assert [job.episodes for job in jobs] == [7, 7, 3, 500]


def test_agent_of_another_package_takes_part_only_when_it_is_named():
    named = f"{__name__}:Dying"
    [job] = plan_comparison(Conditions(scenarios=(TINY,)), [named]).jobs
    assert job.said == named
    assert named not in plan_comparison(Conditions()).agents


def test_agent_with_a_language_model_plays_its_own_number_of_episodes(monkeypatch):
    pytest.importorskip("openai", reason="the extra [llm] is not installed")
    monkeypatch.setenv("NETSIEGE_LLM_MODEL", "fake")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ModelServer(lambda _: calls(("pass_turn", {}))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        done = bench(*QUICK, *asked("llm-attacker"), "--llm-episodes", "1", "--json", "--processes", "1")
        [row] = json.loads(done.stdout)["rows"]
        assert (row["episodes"], row["wins"], row["mean_steps"]) == (1, 0, len(server.requests))


# --- figures ----------------------------------------------------------------------------------------------


def test_false_positives_that_were_paid_for_are_those_of_the_engine():
    opponents = ("scripted-attacker", "random-benign")

    def results(rewards):
        arranged = arrange(choose_agent("random-defender"), opponents, scenario="two_networks")
        task = attrs.evolve(arranged.spec.task, rewards=rewards or arranged.spec.task.rewards)
        found = []
        arranged = attrs.evolve(arranged, spec=Spec(arranged.spec.topology, task))
        evaluate(arranged, 12, 4, progress=found.append)
        return [(each, arranged.subject, task.rewards) for each in found]

    counted = [false_positives_of(*each) for each in results(None)]
    # nothing else is rewarded, so that the return is their number
    assert counted == [each.returns[me] for each, me, _ in results(Rewards(false_positive=1))]
    assert sum(counted) > 0
    assert counted == [false_positives_of(*each) for each in results(Rewards(-0.3, 7.7, -2.9, 0.1))]


def test_actions_of_a_user_who_never_passes_are_all_its_steps(tmp_path):
    [job] = plan_comparison(Conditions(scenarios=(TINY,), episodes=5), ["random-benign"]).jobs
    row = measure(job, tmp_path)
    assert row.actions == row.told.mean_steps


def test_share_per_hundred_is_of_all_chances_with_an_interval_that_narrows():
    few, many = per_hundred([1, 0, 2], [10, 5, 35]), per_hundred([1, 0, 2] * 100, [10, 5, 35] * 100)
    assert few.value == many.value == 6
    assert few.low < many.low < 6 < many.high < few.high
    # errors 0.4, -0.3, -0.1 around the ratio, of which the mean square is 0.26 / 6, over 50 / 3 chances
    assert few.high - 6 == pytest.approx(1.96 * 100 * (0.26 / 6) ** 0.5 / (50 / 3), rel=1e-4)
    none = per_hundred([0, 0], [150, 150])
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(3.689 / 3, rel=1e-3)


# --- mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--scenario", "two_networks_tinny"], "two_networks_tiny"),
        (asked("q-lerning"), "the nearest is 'q-learning'"),
        (asked("scripted-defender,epsilon=2"), "epsilon: 2 is not from 0 to 1"),
        (asked("q-learning,model=/nowhere"), "/nowhere"),
        (["--episodes-of", "q-learning"], "write NAME=N"),
        (["--episodes-of", "q-learning=0"], "from 1 to 9999999, not 'q-learning=0'"),
        (["--episodes-of", f"q-learning={'9' * 5000}"], "from 1 to 9999999"),
        (["--episodes-of", "q-lerning=3"], "'q-lerning' is compared; the nearest: q-learning"),
        (["--markdown", "/nowhere/README.md"], "/nowhere/README.md: cannot be read"),
    ],
)
def test_mistake_is_named_before_anything_is_played(options, says):
    done = bench(*options)
    assert isinstance(done.exception, ConfigError)
    assert says in str(done.exception)
    assert done.stdout == done.stderr == ""


@pytest.mark.parametrize(
    "option", ["--episodes", "--train-episodes", "--planner-episodes", "--llm-episodes", "--processes"]
)
def test_none_of_something_is_a_mistake(option):
    done = bench(option, "0")
    assert done.exit_code == 2
    assert option in done.stderr


def test_model_that_is_named_without_an_endpoint_is_a_mistake(monkeypatch):
    monkeypatch.setenv("NETSIEGE_LLM_MODEL", "some-model")
    pytest.importorskip("openai", reason="the extra [llm] is not installed")
    with pytest.raises(ConfigError, match="no key: set OPENAI_API_KEY"):
        plan_comparison(Conditions(), ["llm-attacker"])


def test_defender_on_a_scenario_without_users_meets_the_attacker_alone(tmp_path):
    file = tmp_path / "lone.yaml"
    file.write_text(
        "networks: {in: 10.0.0.0/24, out: 8.8.8.0/24}\n"
        "hosts:\n  a: {ip: 8.8.8.1}\n"
        "  b: {ip: 10.0.0.2, services: {ssh: {version: '1', data: [[Ann, it]]}}}\n"
    )
    conditions = Conditions(scenarios=(str(file), TINY), episodes=2)
    program = plan_comparison(conditions, ["scripted-defender"])
    assert [job.opponents[1:] for job in program.jobs] == [(), ("office-benign",)]
    alone, beside = run_comparison(program, 1).rows
    assert alone.scenario == "lone"
    assert alone.false_positives is None
    assert beside.false_positives is not None


def test_scenario_without_a_role_is_a_mistake(tmp_path):
    (tmp_path / "open.yaml").write_text(
        "networks: {all: 8.8.8.0/24}\n"
        "hosts:\n  a: {ip: 8.8.8.1}\n  b: {ip: 8.8.8.2, services: {ssh: {version: '1', data: [[Ann, it]]}}}\n"
    )
    with pytest.raises(ConfigError, match="no section for the role Defender"):
        plan_comparison(Conditions(scenarios=(str(tmp_path / "open.yaml"),)), ["random-defender"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nothing", f"has no line '{BEGIN}'"),
        (f"{BEGIN}\n", f"has no line '{END}'"),
        (f"in {BEGIN}\n{END}\n", f"has no line '{BEGIN}'"),
        (f"{END}\n{BEGIN}\n", "stands before"),
        (f"{BEGIN}\n{BEGIN}\n{END}\n", f"has 2 times the line '{BEGIN}'"),
        (f"{BEGIN}\n{END}\n\xff", "is no text in UTF-8"),
    ],
)
def test_file_without_both_marks_is_a_mistake_and_stays_as_it_is(tmp_path, text, says):
    file = tmp_path / "README.md"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        put_between_marks(file, "new\n")
    assert str(file) in str(caught.value)
    assert file.read_text(encoding="latin-1") == text
    assert isinstance(bench("--markdown", str(file)).exception, ConfigError)


def test_tables_are_not_lost_when_the_marks_are_gone_in_the_end(tmp_path, monkeypatch):
    file = tmp_path / "README.md"
    file.write_text(MARKED)
    measured = comparison_run.measure

    def measure_and_edit(job, folder):
        file.write_text("rewritten by somebody")
        return measured(job, folder)

    monkeypatch.setattr(comparison_run, "measure", measure_and_edit)
    done = bench(*QUICK, *asked("random-attacker"), "--processes", "1", "--markdown", str(file))
    assert "has no line" in str(done.exception)
    assert re.search(rf"random-attacker +{TINY}", done.stdout)
    assert file.read_text() == "rewritten by somebody"


# --- processes --------------------------------------------------------------------------------------------


def test_process_that_dies_ends_the_comparison():
    program = plan_comparison(Conditions(scenarios=(TINY,)), [f"{__name__}:Dying"])
    with pytest.raises(SiegeError, match="a process that was measuring died"):
        run_comparison(program, 2)


def test_interruption_between_two_results_ends_the_other_processes_too():
    def interrupt(_line):
        raise KeyboardInterrupt

    conditions = Conditions(scenarios=(TINY,), episodes=2)
    program = plan_comparison(conditions, ["scripted-attacker", f"{__name__}:Sleeping"])
    with pytest.raises(KeyboardInterrupt) as caught:
        run_comparison(program, 2, interrupt)
    assert not multiprocessing.active_children()
    assert caught.tb is not None  # its frames, which would keep what is not closed, are there till here


SLEEPER = """
import os, pathlib, time
from netsiege import BaseAgent

class Sleeper(BaseAgent):
    def choose_action(self, observation):
        pathlib.Path(f"began-{os.getpid()}").touch()
        time.sleep(60)
"""


def test_interrupted_comparison_ends_with_all_its_processes_and_leaves_nothing(household, tmp_path):  # noqa: F811  # the fixture
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "made").mkdir()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "netsiege",
            "bench",
            "agents",
            "--agent",
            "sleeper:Sleeper",
            "--processes",
            "2",
        ],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "made")},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: len([*tmp_path.glob("began-*")]) == 2, "two processes that think")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, errors = process.communicate(timeout=5)
    finally:
        process.kill()
    assert (process.returncode, out, errors) == (130, "", "")
    wait_until(lambda: not household.processes(), "the end of all that was started")
    assert not [*(tmp_path / "made").iterdir()]


# --- the README -------------------------------------------------------------------------------------------


def test_readme_has_a_row_for_every_bundled_agent():
    text = README.read_text(encoding="utf-8")
    assert text.count(f"\n{BEGIN}\n") == text.count(f"\n{END}\n") == 1
    table = text.split(f"\n{BEGIN}\n")[1].split(f"\n{END}\n")[0]
    named = [name for name in re.findall(r"^\| ([^|]*?) \|", table, re.MULTILINE) if name]
    missing = [name for name in bundled_agents() if named.count(name) != 1]
    assert not missing, "run: netsiege bench agents --markdown README.md"
