import asyncio
import os
import signal
import socket
import threading
import time

import pytest
import zmq

from netsiege import (
    IP,
    Action,
    ActionType,
    AgentRole,
    AsyncAgent,
    HubUnreachable,
    MatchOver,
    Observation,
    ProtocolError,
    generate_valid_actions,
)
from netsiege.agents.attackers import RandomAttacker
from netsiege.client import Client
from netsiege.protocol import AGENT_HEAD, DEFAULT_GRACE_S, VERSION, Code, Error, Kind, SessionRole, pack
from tests.commands import command
from tests.e2e.conftest import wait_until


def look(observation):
    host = min(observation.state.controlled_hosts)
    return Action(ActionType.FindData, {"source_host": host, "target_host": host})


def status(hub):
    with Client(hub.address, "status", SessionRole.SPECTATOR) as client:
        return client.status()


def test_sixty_four_agents_play_sixty_four_matches_at_once(start_hub):
    hub = start_hub("--workers", "2")
    wait_until(lambda: len(status(hub).workers) == 2, "two workers")
    everyone = threading.Barrier(64)
    played = []

    def run():
        agent = RandomAttacker("127.0.0.1", hub.port)
        agent.register()
        everyone.wait(30)
        if everyone.n_waiting == 0 and not played:
            played.append(status(hub).rooms[0].open_matches)
        everyone.wait(30)
        played.extend(agent.play(1))
        agent.terminate_connection()

    threads = [threading.Thread(target=run) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    matches = [p for p in played if isinstance(p, int)]
    summaries = [p for p in played if not isinstance(p, int)]
    assert set(matches) == {64}
    assert len(summaries) == 64
    assert all(1 <= s.steps <= 100 and s.end_reason for s in summaries)
    # whose farewell was lost in the crowd is given up after its time of grace
    closed_s = DEFAULT_GRACE_S + 10
    wait_until(lambda: status(hub).rooms[0].ended_matches == 64, "all matches closed", closed_s)


def test_one_session_holds_sixty_four_seats(start_hub):
    hub = start_hub("--workers", "2")
    wait_until(lambda: len(status(hub).workers) == 2, "two workers")
    agent = RandomAttacker(address=hub.address)
    summaries = agent.play_many(64, episodes=2)
    assert sorted((s.seat, s.episode) for s in summaries) == [(n, e) for n in range(64) for e in range(2)]
    wait_until(lambda: min(w.events for w in status(hub).workers) > 0, "a share for each worker")
    agent.terminate_connection()
    wait_until(lambda: status(hub).rooms[0].ended_matches == 64, "all matches closed")


def test_asynchronous_agents_play_side_by_side(hub):
    class Looker(AsyncAgent):
        async def choose_action(self, observation):
            return generate_valid_actions(observation.state).choice(self.rng)

    async def play_all():
        agents = [Looker(address=hub.address) for _ in range(8)]
        summaries = await asyncio.gather(*(agent.play(2) for agent in agents))
        await asyncio.gather(*(agent.terminate_connection() for agent in agents))
        return summaries

    assert [len(s) for s in asyncio.run(play_all())] == [2] * 8


def test_reset_hands_over_the_trajectory_and_starts_anew(hub):
    agent = RandomAttacker(address=hub.address)
    first = agent.register()
    after = agent.make_step(look(first))
    reset = agent.request_game_reset(request_trajectory=True, seed=5)
    told = reset.info["last_trajectory"]
    assert told["trajectory"]["rewards"] == [-1]
    assert told["trajectory"]["states"] == [first.state.as_dict, after.state.as_dict]
    assert told["trajectory"]["actions"] == [look(first).as_dict]
    assert reset.reward == 0
    assert not reset.end
    agent.terminate_connection()


def test_bad_actions_get_a_typed_error_each_and_the_match_goes_on(hub):
    agent = RandomAttacker(address=hub.address)
    observation = agent.register()
    with pytest.raises(ProtocolError, match="source_host is missing"):
        agent.make_step(Action(ActionType.ScanNetwork, {}))
    client, seat = agent._client, agent.seat
    for body in (pack([0, None, [1, 24]]), pack([77, 1, 2]), pack("scan"), b"\xc1", b""):
        number = client.session._ask_seat(Kind.STEP, seat, body)
        with pytest.raises(ProtocolError) as caught:
            client._one(number, Observation)
        assert caught.value.code == Code.BAD_ACTION
    observation = agent.make_step(look(observation))
    assert observation.reward == -1
    assert agent.make_step(look(observation)).reward == -1
    agent.terminate_connection()


def test_malformed_frames_get_a_typed_error_each_and_others_play_on(hub):
    context = zmq.Context()
    agent = RandomAttacker(address=hub.address)
    observation = agent.register()
    frames = [
        ([b""], Code.MALFORMED),
        ([b"GET / HTTP/1.1"], Code.VERSION),
        ([AGENT_HEAD.pack(VERSION, Kind.STEP, agent.seat.handle, 1) + pack(None)], Code.HELLO_FIRST),
        ([AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 1) + b"junk"], Code.MALFORMED),
        ([b"one", b"two"], Code.MALFORMED),
        ([AGENT_HEAD.pack(VERSION, Kind.PING, 0, 1), b"", b"x"], Code.MALFORMED),
    ]
    for parts, code in frames:
        # each over a connection of its own: after a message of many frames the hub hangs up
        with context.socket(zmq.DEALER) as stranger:
            stranger.linger = 0
            stranger.connect(hub.address)
            stranger.send_multipart(parts)
            assert stranger.poll(3_000)
            assert Error.decode(stranger.recv()[14:]).code == code
        observation = agent.make_step(look(observation))
    agent.terminate_connection()
    context.term()


def test_join_without_a_worker_waits_and_says_for_what(start_hub):
    hub = start_hub("--workers", "0")
    agent = RandomAttacker(address=hub.address)
    with pytest.raises(TimeoutError, match="netsiege worker"):
        agent.register(timeout_s=0.3)
    agent.terminate_connection()


def test_worker_of_its_own_serves_a_hub_and_takes_its_leave(start_hub, start_worker):
    hub = start_hub("--workers", "0")
    agent = RandomAttacker(address=hub.address)
    worker = start_worker(hub.workers_address, "--name", "by hand", "--slots", "3")
    observation = agent.register(timeout_s=10)
    [known] = status(hub).workers
    assert (known.name, known.slots, known.matches) == ("by hand", 3, 1)
    worker.terminate()
    assert worker.wait(5) == 0
    assert status(hub).workers == ()
    start_worker(hub.workers_address, "--name", "another")
    assert agent.make_step(look(observation)).reward == -1
    assert [known.name for known in status(hub).workers] == ["another"]
    agent.terminate_connection()


def test_worker_finds_a_hub_that_comes_later_and_one_that_comes_back(start_hub, start_worker):
    with socket.create_server(("127.0.0.1", 0)) as server:
        workers_bind = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    worker = start_worker(workers_bind)
    for _ in range(2):
        hub = start_hub("--workers", "0", "--workers-bind", workers_bind)
        agent = RandomAttacker(address=hub.address)
        assert len(agent.play(1)) == 1
        agent.terminate_connection()
        hub.stop(signal.SIGKILL)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(5) == 130


def test_hub_that_stops_is_told_to_its_agents(start_hub):
    hub = start_hub()
    agent = RandomAttacker(address=hub.address)
    observation = agent.register()
    hub.stop()
    with pytest.raises(HubUnreachable):
        agent.make_step(look(observation))
    agent.terminate_connection()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_hub_that_ends_or_freezes_is_noticed_by_an_agent_that_waits(start_hub, number):
    hub = start_hub("--workers", "0")
    agent = RandomAttacker(address=hub.address, reconnect_s=0.5)
    failed = []

    def wait():
        try:
            agent.register()
        except HubUnreachable as error:
            failed.append(error)
        finally:
            agent.terminate_connection()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    wait_until(lambda: status(hub).rooms[0].waiting == 1, "a joiner")
    hub.process.send_signal(number)
    try:
        thread.join(10)
        assert failed
    finally:
        hub.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    "bind", ["tcp://0.0.0.0:0", "tcp://*:0", "tcp://192.168.255.254:9100", "tcp://[::]:0"]
)
@pytest.mark.parametrize("options", [["--bind"], ["--workers-bind"], ["--insecure", "--workers-bind"]])
def test_hub_without_keys_that_others_could_reach_is_refused_with_the_commands_that_help(options, bind):
    done = command("hub", *options, bind)
    assert done.returncode == 2
    assert "netsiege keys new --hub" in done.stderr
    assert ("say --insecure" in done.stderr) == (options == ["--bind"])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hub", "--bind", "9100"), "tcp://HOST:PORT"),
        (("hub", "--task", "two_networks_tinny"), "two_networks_tiny"),
        (("worker", "--hub", "localhost"), "tcp://HOST:PORT"),
        (("agent", "run", "randon-attacker"), "random-attacker"),
        (("agent", "run", "random-attacker", "--role", "King"), "Attacker, Defender, Benign"),
        (("agent", "run", "random-attacker", "--hub", "tcp://127.0.0.1:1"), "netsiege hub"),
        (("status", "--hub", "tcp://127.0.0.1:1"), "netsiege hub"),
        (("scenario", "show", "two_nets"), "two_networks"),
    ],
)
def test_command_of_a_mistake_says_what_is_wrong_and_exits_2(arguments, said):
    started_s = time.monotonic()
    done = command(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started_s < 20, "no hang, however busy the machine"


def test_port_that_is_taken_is_a_mistake_of_one_line(hub):
    done = command("hub", "--bind", hub.address)
    assert done.returncode == 2
    assert "cannot listen for agents" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_hub_that_is_asked_to_end_takes_its_workers_along(start_hub, number, code):
    hub = start_hub("--workers", "2")
    workers = wait_until(lambda: len(hub.workers()) == 2 and hub.workers(), "two workers")
    assert hub.stop(number) == ""
    assert hub.process.returncode == code
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)


def test_agent_that_vanishes_does_not_hold_up_the_others(start_hub, tmp_path):
    task = tmp_path / "two.yaml"
    task.write_text("name: two\nseats: {Attacker: 2}\npacing: rounds\nclock: {grace_s: 0.2}\n" + _tiny_task())
    hub = start_hub("--task", str(task))
    agents = [RandomAttacker(address=hub.address) for _ in range(2)]
    firsts = {}
    threads = [threading.Thread(target=lambda a=a: firsts.__setitem__(a, a.register())) for a in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    stayer, leaver = agents
    # the one that leaves says no goodbye: its connection just ends
    leaver._client._connection.close()
    assert stayer.make_step(look(firsts[stayer])).reward == -1
    assert len(stayer.play(1)) == 1
    stayer.terminate_connection()


def test_episodes_of_a_match_are_all_that_it_plays(hub):
    with Client(hub.address, "director", SessionRole.DIRECTOR) as director:
        from netsiege.options import hub_spec  # noqa: PLC0415
        from netsiege.rooms import room_of  # noqa: PLC0415

        director.open_room(room_of("short", hub_spec(None)[0], 1, episodes=3))
        agent = RandomAttacker(address=hub.address, room="short")
        assert len(agent.play(None)) == 3
        with pytest.raises(MatchOver):
            agent.request_game_reset()
        agent.terminate_connection()
        assert agent.role is AgentRole.Attacker
        assert IP("213.47.23.195")


def _tiny_task():
    from netsiege.scenarios import bundled  # noqa: PLC0415

    text = bundled.task_file("two_networks_tiny").read_text()
    return "\n".join(
        line for line in text.splitlines() if not line.startswith(("name:", "seats:", "pacing:"))
    )
