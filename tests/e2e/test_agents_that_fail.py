"""`netsiege play` with agents that misbehave: it says so, soon, and leaves nobody behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netsiege import HubUnreachable
from netsiege.agents.attackers import RandomAttacker
from tests.e2e.conftest import children_of, wait_until

AGENTS = """
import sys, time
from pathlib import Path
from netsiege.agents.attackers import RandomAttacker

class Raises(RandomAttacker):
    def choose_action(self, observation):
        raise RuntimeError("no idea")

class Garbage(RandomAttacker):
    def choose_action(self, observation):
        return "garbage"

class Leaves(RandomAttacker):
    def choose_action(self, observation):
        sys.exit(0)

class NeverJoins(RandomAttacker):
    def register(self, timeout_s=None):
        sys.exit(0)

class Saves(RandomAttacker):
    def episode_ended(self, summary):
        time.sleep(0.3)
        Path(f"saved-{summary.episode}").touch()

class Sleeps(RandomAttacker):
    def choose_action(self, observation):
        Path("asleep").touch()
        time.sleep(1000)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(AGENTS)
    (tmp_path / "broken.py").write_text("1 / 0")
    return tmp_path


def command(name, *arguments):
    netsiege = Path(sys.executable).with_name("netsiege")
    return [netsiege, "play", "--seed", "1", "--benign", "0", "--attacker", name, *arguments]


def play(folder, name, *arguments):
    return subprocess.run(
        command(name, *arguments), cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("episodes", "name", "said"),
    [
        ("1", "mine:Raises", "RuntimeError: no idea"),
        pytest.param("50", "mine:Raises", "RuntimeError: no idea", marks=pytest.mark.soak),
        pytest.param("50", "mine:Garbage", "'garbage' is no Action", marks=pytest.mark.soak),
        pytest.param("50", "mine:Leaves", "has ended before the match did", marks=pytest.mark.soak),
        pytest.param("1", "mine:NeverJoins", "has ended before the match did", marks=pytest.mark.soak),
    ],
)
def test_play_with_an_agent_that_fails_says_so_and_exits_1(folder, name, said, episodes, household):
    done = play(folder, name, "--episodes", episodes)
    assert done.returncode == 1, done.stdout
    assert said in done.stderr
    assert name in done.stderr
    assert "please report" not in done.stderr
    assert not household.processes()


def test_play_lets_agents_finish_what_they_do_after_the_last_episode(folder):
    done = play(folder, "mine:Saves", "--episodes", "2")
    assert done.returncode == 0, done.stderr
    assert (folder / "saved-0").exists()
    assert (folder / "saved-1").exists()


def test_play_with_a_module_that_cannot_be_imported_is_a_mistake(folder):
    done = play(folder, "broken:Agent")
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_play_that_is_ended_takes_even_sleeping_agents_along(folder, number, code, household):
    with subprocess.Popen(
        command("mine:Sleeps"), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until((folder / "asleep").exists, "an agent asleep")
        assert len(children_of(process.pid, "agent")) == 2
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == code
        assert "Traceback" not in errors
    wait_until(lambda: not household.processes(), "all processes gone")


def test_agent_whose_hub_was_restarted_without_a_journal_registers_anew(start_hub):
    hub = start_hub()
    agent = RandomAttacker(address=hub.address, reconnect_s=0.5)
    assert len(agent.play(1)) == 1
    hub.stop(signal.SIGKILL)
    with pytest.raises(HubUnreachable):
        agent.play(1)
    again = start_hub("--bind", hub.address)
    assert again.address == hub.address
    assert len(agent.play(1)) == 1
    agent.terminate_connection()


def test_agent_that_plays_twice_plays_another_episode(hub):
    agent = RandomAttacker(address=hub.address)
    first, second = agent.play(1), agent.play(2)
    assert [s.steps > 0 for s in first + second] == [True] * 3
    agent.terminate_connection()


def test_agent_that_gave_up_waiting_is_not_seated_twice(start_hub, tmp_path):
    from tests.e2e.test_hub import _tiny_task, status  # noqa: PLC0415

    task = tmp_path / "two.yaml"
    task.write_text("name: two\nseats: {Attacker: 2}\n" + _tiny_task())
    hub = start_hub("--task", str(task))
    agent = RandomAttacker(address=hub.address)
    with pytest.raises(TimeoutError):
        agent.register(timeout_s=0.3)
    with pytest.raises(TimeoutError):
        agent.register(timeout_s=0.3)
    assert status(hub).rooms[0].waiting == 0
    assert status(hub).rooms[0].open_matches == 0
    agent.terminate_connection()


def test_clients_that_come_and_go_leave_nothing_in_the_hub(start_hub, tmp_path):
    import zmq  # noqa: PLC0415

    from netsiege.game import AgentRole  # noqa: PLC0415
    from netsiege.session import Session  # noqa: PLC0415
    from tests.e2e.test_hub import _tiny_task, status  # noqa: PLC0415

    task = tmp_path / "hasty.yaml"
    task.write_text("name: hasty\nclock: {grace_s: 0}\n" + _tiny_task())
    hub = start_hub("--task", str(task))
    context = zmq.Context()
    for i in range(600):
        session = Session(f"guest {i}")
        socket = context.socket(zmq.DEALER)
        socket.linger = 50
        socket.connect(hub.address)
        for _, frame in (session.hello(), session.join("default", AgentRole.Attacker)):
            socket.send(frame)
        if i % 3:
            socket.poll(20)
        socket.close()
    context.term()

    def is_empty():
        state = status(hub)
        return state.sessions == 1 and (state.rooms[0].waiting, state.rooms[0].open_matches) == (0, 0)

    wait_until(is_empty, "an empty hub", 20)
