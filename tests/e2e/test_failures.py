"""Workers and hubs that are killed under agents that play: a pause, and the same game."""

import os
import signal
import statistics
import threading
import time

import pytest

from netsiege import AsyncAgent
from netsiege.agents.attackers import RandomAttacker
from netsiege.engine.playback import verify
from netsiege.engine.replay import Replay
from netsiege.errors import HubUnreachable
from netsiege.replays import extract, read_journal
from tests.commands import command
from tests.e2e.conftest import wait_until
from tests.e2e.test_hub import look, status

EPISODES = 4


def undisturbed(start_hub):
    """What an agent plays when nothing fails."""
    agent = RandomAttacker(address=start_hub("--seed", "5").address)
    played = agent.play(EPISODES)
    agent.terminate_connection()
    return [(each.steps, each.total_reward, each.end_reason) for each in played]


class Player:
    """An agent that plays in a thread, and how it went."""

    def __init__(self, address):
        self.agent = RandomAttacker(address=address)
        self.played, self.failure = None, None
        self.steps = 0
        self._choose = self.agent.choose_action
        self.agent.choose_action = self.choose_action
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def choose_action(self, observation):
        self.steps += 1
        time.sleep(0.005)  # the game is to last as long as what is done to it
        return self._choose(observation)

    def run(self):
        try:
            self.played = [
                (each.steps, each.total_reward, each.end_reason) for each in self.agent.play(EPISODES)
            ]
            self.agent.terminate_connection()
        except Exception as error:
            self.failure = error

    def result(self):
        self.thread.join(60)
        assert self.failure is None, repr(self.failure)
        return self.played


def test_worker_that_is_killed_again_and_again_changes_nothing(start_hub):
    expected = undisturbed(start_hub)
    hub = start_hub("--seed", "5", "--workers", "2")
    wait_until(lambda: len(status(hub).workers) == 2, "two workers")
    player = Player(hub.address)
    killed = 0
    while player.thread.is_alive() and killed < 6:
        steps = player.steps
        wait_until(lambda seen=steps: player.steps > seen + 5 or not player.thread.is_alive(), "steps")
        busy = wait_until(hub.workers, "a worker")
        os.kill(busy[killed % len(busy)], signal.SIGKILL)
        killed += 1
    assert player.result() == expected
    assert killed >= 3


def test_hub_that_is_killed_again_and_again_changes_nothing(start_hub, tmp_path):
    expected = undisturbed(start_hub)
    journal = tmp_path / "hub.journal"
    options = ["--seed", "5", "--journal", str(journal)]
    hub = start_hub(*options)
    options += ["--bind", hub.address, "--workers-bind", hub.workers_address]
    player = Player(hub.address)
    for _ in range(3):
        steps = player.steps
        wait_until(lambda seen=steps: player.steps > seen + 30 or not player.thread.is_alive(), "steps", 30)
        hub.stop(signal.SIGKILL)
        hub = start_hub(*options)
    assert player.result() == expected
    wait_until(lambda: not status(hub).rooms[0].open_matches, "the end of the match")
    hub.stop()
    [written] = extract(read_journal(journal), tmp_path / "out")
    replay = Replay.load(written.path)
    assert verify(replay).same
    assert [result.steps[0] for result in replay.results] == [steps for steps, _, _ in expected]


def test_hub_that_is_stopped_with_a_journal_is_waited_for(start_hub, tmp_path):
    options = ["--journal", str(tmp_path / "hub.journal")]
    hub = start_hub(*options)
    agent = RandomAttacker(address=hub.address)
    observation = agent.register()
    hub.stop()
    start_hub(*options, "--bind", hub.address)
    assert agent.make_step(look(observation)).reward == -1
    agent.terminate_connection()


def test_session_goes_on_in_another_agent_with_its_token(hub):
    first = RandomAttacker(address=hub.address)
    observation = first.make_step(look(first.register()))
    first._client._connection.close()
    second = RandomAttacker(address=hub.address, session_token=first.session_token)
    resumed = second.register()
    assert (resumed.state, resumed.reward, resumed.end) == (observation.state, observation.reward, False)
    assert second.make_step(look(observation)).reward == -1
    second.terminate_connection()


def test_token_that_the_hub_does_not_know_is_said_at_once(hub):
    agent = RandomAttacker(address=hub.address, session_token=b"0123456789abcdef")
    with pytest.raises(HubUnreachable):
        agent.register()


def test_asynchronous_agents_have_a_token_too():
    assert AsyncAgent(address="tcp://127.0.0.1:1").session_token is None


def test_second_hub_on_a_journal_is_a_mistake_of_one_line(start_hub, tmp_path):
    journal = str(tmp_path / "hub.journal")
    start_hub("--journal", journal)
    done = command(
        "hub", "--bind", "tcp://127.0.0.1:0", "--workers-bind", "tcp://127.0.0.1:0", "--journal", journal
    )
    assert done.returncode == 2
    assert "another hub" in done.stderr
    assert done.stderr.count("\n") == 1


def test_journal_of_another_task_is_a_mistake_and_stays_as_it_is(start_hub, tmp_path):
    journal = str(tmp_path / "hub.journal")
    hub = start_hub("--journal", journal)
    wait_until(lambda: status(hub).workers, "a worker")
    hub.stop()
    ports = ["--bind", "tcp://127.0.0.1:0", "--workers-bind", "tcp://127.0.0.1:0"]
    done = command("hub", *ports, "--journal", journal, "--task", "two_networks")
    assert done.returncode == 2
    assert "another task" in done.stderr
    assert start_hub("--journal", journal).address


@pytest.mark.soak
@pytest.mark.alone
def test_killed_worker_is_a_pause_of_less_than_a_second(start_hub):
    hub = start_hub("--workers", "2")
    wait_until(lambda: len(status(hub).workers) == 2, "two workers")
    agent = RandomAttacker(address=hub.address)
    observation, pauses_s = agent.register(), []
    for kill in range(5):
        pauses_s.append(0.0)
        running = wait_until(lambda: len(hub.workers()) == 2 and hub.workers(), "two workers")
        wait_until(lambda: len(status(hub).workers) == 2, "two workers")
        os.kill(running[kill % 2], signal.SIGKILL)
        for _ in range(5):
            if observation.end:
                observation = agent.request_game_reset()
            started_s = time.monotonic()
            observation = agent.make_step(look(observation))
            pauses_s[-1] = max(pauses_s[-1], time.monotonic() - started_s)
    agent.terminate_connection()
    assert statistics.median(pauses_s) < 1.0, pauses_s  # the machine itself may pause for longer now and then
