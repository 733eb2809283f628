"""An agent as people write them for NetSecGame: random actions, a few episodes. Prints what came of it."""

import json
import random
import sys

from netsecgame import Action, AgentRole, BaseAgent, Observation, generate_valid_actions
from netsecgame.game_components import AgentStatus


class RandomAgent(BaseAgent):
    def __init__(self, host, port, role, seed):
        super().__init__(host, port, role)
        self.random = random.Random(seed)

    def select_action(self, observation: Observation) -> Action:
        return self.random.choice(sorted(generate_valid_actions(observation.state), key=str))

    def play_game(self, observation, episodes):
        returns, ends = [], []
        for episode in range(episodes):
            total = 0
            while observation and not observation.end:
                observation = self.make_step(self.select_action(observation))
                total += observation.reward
                if observation.info and observation.info["end_reason"] == AgentStatus.Success:
                    self._logger.info("won")
            returns.append(total)
            ends.append(observation.info["end_reason"])
            observation = self.request_game_reset(request_trajectory=True, seed=episode)
            last = observation.info["last_trajectory"]
            assert len(last["trajectory"]["states"]) == len(last["trajectory"]["actions"]) + 1
            assert sum(last["trajectory"]["rewards"]) == total
        return returns, ends


agent = RandomAgent(sys.argv[1], int(sys.argv[2]), AgentRole.Attacker, seed=3)
first = agent.register()
played = agent.play_game(first, int(sys.argv[3]))
agent.terminate_connection()
print(json.dumps({"info": sorted(first.info), "returns": played[0], "ends": played[1]}))  # noqa: T201  # for the test
