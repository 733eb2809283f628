"""NetSecGame's own agents, moved from outside: `python driver.py`, JSON lines in and out.

Runs in an environment with `netsecgame` 0.2.0 installed, not in ours. A line of input is
`{"port": N, "script": [COMMAND]}`, the line of output the list of their answers: a reply as it came over the
wire, true or false, or null for a command that has none. Agents stay until they are closed. The commands:

    {"do": "open", "agent": name, "role": role}      connects a `BaseAgent`
    {"do": "send", "agent": name, "action": {...}}   starts its `communicate` with an action
    {"do": "text", "agent": name, "text": "..."}     the same with any text instead of an action
    {"do": "take", "agent": name}                    waits for the reply
    {"do": "still", "agent": name}                   whether no reply comes for a while
    {"do": "close", "agent": name}                   its `terminate_connection`

A reply that the agent itself could not make sense of is `{"failed": why}`.
"""

import json
import logging
import sys
import threading

from netsecgame import AgentRole, BaseAgent
from netsecgame.game_components import Action, ActionType, GameState

PATIENCE_S = 30.0
"""For one reply."""
STILL_S = 0.4
END = b"EOF"


class Text(Action):
    """Any text in the place of an action."""

    def to_json(self):
        return self.parameters["text"]


class Ear:
    """A socket that remembers what came since it last sent something."""

    def __init__(self, socket):
        self._socket = socket
        socket.settimeout(PATIENCE_S)
        self.heard = b""

    def sendall(self, data):
        self.heard = b""
        self._socket.sendall(data)

    def recv(self, size):
        data = self._socket.recv(size)
        self.heard += data
        return data

    def close(self):
        self._socket.close()


class Player:
    """An agent with a thread for each request that it makes."""

    def __init__(self, port, role):
        self._agent = BaseAgent("127.0.0.1", port, AgentRole.from_string(role))
        self._agent._socket = Ear(self._agent._socket)
        self._reply = None
        self._thread = None

    def send(self, action):
        self._reply = None
        self._thread = threading.Thread(target=self._communicate, args=(action,), daemon=True)
        self._thread.start()

    def _communicate(self, action):
        try:
            status, observation, message = self._agent.communicate(action)
            if observation:
                GameState.from_dict(observation["state"])
            heard = json.loads(self._agent._socket.heard.removesuffix(END))
            assert str(status) == heard["status"], (status, heard)
            assert observation == heard.get("observation", {}), (observation, heard)
            assert message == heard.get("message"), (message, heard)
            self._reply = heard
        except Exception as error:
            self._reply = {"failed": f"{type(error).__name__}: {error}"}

    def take(self):
        self._thread.join(PATIENCE_S + 1)
        return self._reply

    def still(self):
        self._thread.join(STILL_S)
        return self._thread.is_alive()

    def close(self):
        self._agent.terminate_connection()


def play(players, port, command):
    """The answer to one command."""
    what, name = command["do"], command["agent"]
    if what == "open":
        players[name] = Player(port, command["role"])
    elif what == "send":
        players[name].send(Action.from_dict(command["action"]))
    elif what == "text":
        players[name].send(Text(ActionType.QuitGame, {"text": command["text"]}))
    elif what == "take":
        return players[name].take()
    elif what == "still":
        return players[name].still()
    elif what == "close":
        players.pop(name).close()
    else:
        raise ValueError(f"unknown command {what!r}")
    return None


def main():
    logging.disable(logging.CRITICAL)
    out, sys.stdout = sys.stdout, sys.stderr  # whatever is printed must not get between the answers
    players = {}
    for line in sys.stdin:
        asked = json.loads(line)
        answers = [play(players, asked["port"], command) for command in asked["script"]]
        out.write(json.dumps(answers) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
