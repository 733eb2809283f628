"""Two agents that know NetSecGame alone: `python players.py PORT random|q-learning EPISODES SEED`.

Runs in an environment with `netsecgame` 0.2.0 installed, not in ours. Plays against whatever serves the port,
and prints `{"wins": N, "returns": [one an episode]}`. All that is drawn comes from SEED.
"""

import json
import random
import sys
from collections import defaultdict

from netsecgame import AgentRole, BaseAgent, generate_valid_actions, state_as_ordered_string

STEP_SIZE, DISCOUNT, EXPLORING = 0.3, 0.95, 0.15


class RandomAgent(BaseAgent):
    """Any valid action."""

    def __init__(self, port, seed):
        super().__init__("127.0.0.1", port, AgentRole.Attacker)
        self.rng = random.Random(seed)

    def choose(self, state):
        return self.rng.choice(sorted(generate_valid_actions(state), key=str))

    def learn(self, state, action, seen):
        pass

    def episode(self, seen):
        total = 0
        while not seen.end:
            state, action = seen.state, self.choose(seen.state)
            seen = self.make_step(action)
            self.learn(state, action, seen)
            total += seen.reward
        return total, "Success" in str(seen.info.get("end_reason"))


class QLearningAgent(RandomAgent):
    """A table of values by state and action; mostly the best one."""

    def __init__(self, port, seed):
        super().__init__(port, seed)
        self.values = defaultdict(lambda: defaultdict(float))

    def choose(self, state):
        if self.rng.random() < EXPLORING:
            return super().choose(state)
        values = self.values[key_of(state)]
        actions = sorted(generate_valid_actions(state), key=str)
        best = max(values[action] for action in actions)
        return self.rng.choice([action for action in actions if values[action] == best])

    def learn(self, state, action, seen):
        ahead = self.values[key_of(seen.state)].values()
        target = seen.reward + (0 if seen.end else DISCOUNT * max(ahead, default=0.0))
        values = self.values[key_of(state)]
        values[action] += STEP_SIZE * (target - values[action])


def key_of(state):
    """A state without the logs, whose content tells every episode from the others."""
    data = {ip: {datum for datum in found if datum.type != "log"} for ip, found in state.known_data.items()}
    return state_as_ordered_string(type(state)(**{**fields_of(state), "known_data": data}))


def fields_of(state):
    return {name: getattr(state, name) for name in type(state).__dataclass_fields__}


def main(port, kind, episodes, seed):
    agent = {"random": RandomAgent, "q-learning": QLearningAgent}[kind](int(port), int(seed))
    wins, returns = 0, []
    seen = agent.register()
    for number in range(int(episodes)):
        if number:
            seen = agent.request_game_reset(seed=int(seed) * 1_000_003 + number)
        total, won = agent.episode(seen)
        returns.append(total)
        wins += won
    agent.terminate_connection()
    sys.stdout.write(json.dumps({"wins": wins, "returns": returns}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
