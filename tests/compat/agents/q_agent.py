"""Tabular Q-learning as people write it for NetSecGame; the table goes to a file. Prints all returns."""

import json
import pickle
import random
import sys

from netsecgame import AgentRole, BaseAgent, GameState, generate_valid_actions, state_as_ordered_string
from netsecgame.game_components import Action, AgentStatus, Observation


class QAgent(BaseAgent):
    def __init__(self, host, port, role=AgentRole.Attacker, alpha=0.3, gamma=0.9):
        super().__init__(host, port, role)
        self.alpha, self.gamma = alpha, gamma
        self.q_values = {}
        self.random = random.Random(11)

    def without_logs(self, state: GameState) -> GameState:
        for host in list(state.known_data):
            state.known_data[host] = {data for data in state.known_data[host] if data.id != "logfile"}
            if not state.known_data[host]:
                del state.known_data[host]
        return state

    def best(self, state: GameState) -> tuple[float, Action]:
        key = state_as_ordered_string(state)
        actions = sorted(generate_valid_actions(state), key=str)
        return max(((self.q_values.get((key, a), 0.0), a) for a in actions), key=lambda pair: pair[0])

    def rated(self, observation: Observation) -> Observation:
        state, reward, end, info = observation
        if info and info["end_reason"] == AgentStatus.Success:
            reward = 100
        return Observation(self.without_logs(state), reward, end, info)

    def play(self, observation: Observation, epsilon: float) -> float:
        total = 0.0
        while not observation.end:
            state = observation.state
            action = self.best(state)[1]
            if self.random.random() < epsilon:
                action = self.random.choice(sorted(generate_valid_actions(state), key=str))
            observation = self.rated(self.make_step(action))
            key = state_as_ordered_string(state), action
            after = 0.0 if observation.end else self.best(observation.state)[0]
            old = self.q_values.get(key, 0.0)
            self.q_values[key] = old + self.alpha * (observation.reward + self.gamma * after - old)
            total += observation.reward
        return total


host, port, episodes, file = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
agent = QAgent(host, port)
observation = agent.register()
returns = []
for episode in range(episodes):
    returns.append(agent.play(observation, epsilon=max(0.0, 0.3 - episode / episodes)))
    observation = agent.request_game_reset(seed=episode)
agent.terminate_connection()
with open(file, "wb") as table:
    pickle.dump(agent.q_values, table)
with open(file, "rb") as table:
    assert pickle.load(table) == agent.q_values
print(json.dumps(returns))  # noqa: T201  # for the test
