"""What agents say to a server and what they hear: recorded on one side, said again on the other, compared.

A `Session` is moved by a test, or by a game below that chooses actions from the states it was told. It keeps
the script and the answers; `again` says the same to another server, `differences` compares.
"""

import json
import random

from netsiege.game import ActionType, GameState
from netsiege.game import generate_valid_actions as valid_actions

BAD_REQUEST = "GameStatus.BAD_REQUEST"
OK = "GameStatus.OK"
RUIN = (ActionType.ExfiltrateData, ActionType.FindData, ActionType.ExploitService, ActionType.FindServices)
"""What a greedy attacker tries, the best first; then it scans."""


def join(name, role):
    return {
        "action_type": "ActionType.JoinGame",
        "parameters": {"agent_info": {"name": name, "role": role}},
    }


def reset(seed=None, trajectory=False, topology=False):
    parameters = {"request_trajectory": trajectory, "randomize_topology": topology, "seed": seed}
    return {"action_type": "ActionType.ResetGame", "parameters": parameters}


QUIT = {"action_type": "ActionType.QuitGame", "parameters": {}}


class Session:
    """Talks to one server through the driver."""

    def __init__(self, driver, port):
        self.script, self.answers = [], []
        self._driver, self._port = driver, port
        self._open = []

    def _say(self, what, agent, **more):
        command = {"do": what, "agent": agent, **more}
        (answer,) = self._driver.play(self._port, [command])
        self.script.append(command)
        self.answers.append(answer)
        return answer

    def open(self, agent, role="Attacker"):
        self._open.append(agent)
        self._say("open", agent, role=role)

    def send(self, agent, action):
        self._say("send", agent, action=action)

    def take(self, agent):
        return self._say("take", agent)

    def still(self, agent):
        return self._say("still", agent)

    def ask(self, agent, action):
        self.send(agent, action)
        return self.take(agent)

    def text(self, agent, text):
        self._say("text", agent, text=text)
        return self.take(agent)

    def join(self, *seats):
        """New agents `(name, role)` that join in this order; their replies by name.

        The last one completes the match, and nobody is answered before.
        """
        for name, role in seats:
            self.open(name, role)
            self.send(name, join(name, role))
            if name != seats[-1][0]:
                assert self.still(name)
        return {name: self.take(name) for name, _ in seats}

    def reset(self, *agents, **asked):
        """All agents ask for the same reset; their replies by name."""
        for agent in agents:
            self.send(agent, reset(**asked))
            if agent != agents[-1]:
                assert self.still(agent)
        return {agent: self.take(agent) for agent in agents}

    def close(self, *agents):
        """Those agents, or all of them, hang up."""
        for agent in agents or tuple(self._open):
            self._open.remove(agent)
            self._say("close", agent)

    def replies(self):
        """What came over the wire, without the driver's own answers."""
        return [answer for answer in self.answers if isinstance(answer, dict)]


def again(driver, port, script):
    """The answers of another server to the same script."""
    return driver.play(port, script)


# --- comparing --------------------------------------------------------------------------------------------


def plain(answer):
    """An answer as both sides must give it: without who was asked and where, and without order in lists.

    What a malformed request is told is each side's own, after the same beginning.
    """
    if not isinstance(answer, dict) or "failed" in answer:
        return answer
    answer = json.loads(json.dumps(answer))
    host, port = answer.pop("to_agent")
    assert host == "127.0.0.1", answer
    assert isinstance(port, int), answer
    message = answer.get("message")
    if isinstance(message, dict):
        if "configuration_hash" in message:
            assert len(bytes.fromhex(message.pop("configuration_hash"))) == 32
        if answer["status"] == BAD_REQUEST:
            message["message"] = message["message"].partition(": ")[0]
        trajectory = message.get("last_trajectory", {}).get("trajectory", {})
        trajectory["states"] = [plain_state(state) for state in trajectory.get("states", ())]
        if "all_actions" in message:
            text = message["all_actions"].replace('"blocked_ip"', '"blocked_host"')
            message["all_actions"] = sorted(json.dumps(each, sort_keys=True) for each in json.loads(text))
    if answer.get("observation"):
        answer["observation"]["state"] = plain_state(answer["observation"]["state"])
    return answer


def plain_state(state):
    """A state's JSON with everything sorted."""

    def ordered(items):
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))

    return {
        part: ordered(found) if isinstance(found, list) else {k: ordered(v) for k, v in found.items()}
        for part, found in state.items()
    }


def differences(one, other, path=""):
    """Where two plain values differ, as lines of text: 1 and 1.0 do, and absent and null."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = [f"{path}.{key}: only on one side" for key in sorted(one.keys() ^ other.keys())]
        for key in one.keys() & other.keys():
            found += differences(one[key], other[key], f"{path}.{key}")
        return found
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            left, right = ([each for each in a if each not in b] for a, b in ((one, other), (other, one)))
            return [f"{path}: {len(one)} and {len(other)}, only on one side: {left} and {right}"]
        return [
            each
            for i, (a, b) in enumerate(zip(one, other, strict=True))
            for each in differences(a, b, f"{path}[{i}]")
        ]
    return [] if json.dumps(one) == json.dumps(other) else [f"{path}: {one!r} and {other!r}"]


def check_alike(script, answers, others):
    """Fails at the first command whose answers differ."""
    for number, (command, one, other) in enumerate(zip(script, answers, others, strict=True)):
        found = differences(plain(one), plain(other))
        if found:
            before = [each for each in script[:number] if each["agent"] == command["agent"]][-1:]
            raise AssertionError("\n".join([f"command {number}, {command} after {before}:", *found]))


# --- choosing ---------------------------------------------------------------------------------------------


class Chooser:
    """Chooses actions from the states that it is told, equal seeds equally."""

    def __init__(self, seed, role):
        self._rng = random.Random(f"{seed} {role}")
        self._blocks = role != "Attacker"
        self._tried = set()

    def random(self, state):
        """A random action: mostly a valid one, sometimes one that cannot work."""
        valid = self._valid(state)
        kinds = sorted({action.action_type for action in valid}, key=str)
        kind = self._rng.choice(kinds)
        chosen = self._rng.choice([action for action in valid if action.action_type is kind]).as_dict
        if self._rng.random() < 0.15:
            self._spoil(chosen["parameters"])
        return chosen

    def _spoil(self, parameters):
        name = self._rng.choice(sorted(parameters))
        what = parameters[name]
        if name == "target_network":
            what["ip"], what["mask"] = self._rng.choice(
                (("10.0.0.0", 8), ("192.168.1.0", 28), ("0.0.0.0", 0))
            )
        elif name == "target_service":
            what["version"] = "0.0"
        elif name == "data":
            what["id"] = "NoSuchData"
        else:
            what["ip"] = self._rng.choice(
                ("10.9.8.7", "192.168.1.2", "192.168.2.2", "213.47.23.195", "1.1.1.1")
            )

    def greedy(self, state):
        """The best action that was not tried yet: what a scripted attacker does."""
        for kind in (*RUIN, ActionType.ScanNetwork):
            for action in self._valid(state):
                text = str(action)
                if action.action_type is kind and text not in self._tried and self._is_of_use(action):
                    self._tried.add(text)
                    return action.as_dict
        self._tried.clear()
        return self.greedy(state)

    @staticmethod
    def _is_of_use(action):
        if action.action_type is not ActionType.ExfiltrateData:
            return True
        return str(action.parameters["target_host"]).startswith("213.") and (
            action.parameters["data"].type != "log"
        )

    def _valid(self, state):
        return sorted(valid_actions(GameState.from_dict(state), include_blocks=self._blocks), key=str)


def play_alone(session, agent, choose, state, limit=400):
    """Plays until the end of the episode; returns the last reply."""
    for _ in range(limit):
        reply = session.ask(agent, choose(state))
        assert reply["status"] == OK, reply
        state = reply["observation"]["state"]
        if reply["observation"]["end"]:
            return reply
    raise AssertionError(f"no end after {limit} steps")


def play_together(session, choosers, states, rng):
    """Plays in random turns until everyone's end; who has ended waits. Returns the last replies by agent."""
    playing, waiting, last = sorted(choosers), [], {}
    while playing:
        agent = rng.choice(playing)
        session.send(agent, choosers[agent](states[agent]))
        if session.still(agent):
            playing.remove(agent)
            waiting.append(agent)
            continue
        last[agent] = session.take(agent)
        assert last[agent]["status"] == OK, last[agent]
        states[agent] = last[agent]["observation"]["state"]
        if last[agent]["observation"]["end"]:
            playing.remove(agent)
            break
    assert not playing, f"{playing} play on after the end of the others"
    return last | {each: session.take(each) for each in waiting}
