"""The real NetSecGame as a server: `python serve.py TASK [--mended | --whitebox]`, on a port that it prints.

Runs in an environment with `netsecgame[server]` 0.2.0 installed, not in ours. The first line of output is
`{"port": N}`. Everything is the original's, but that it lets `CONNECTIONS` in, where the original closes the
door on all beyond `required_players`, and so on every defender.

`--mended` is for matches of several seats, where three habits of the original would hide others: states share
no set with the world, a forged content stays with its forger (both as in `tests/parity/original.py`), and a
benign user starts where the task says.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from netsecgame.game.agent_server import AgentServer
from netsecgame.game.worlds.NetSecGame import NetSecGame
from netsecgame.game.worlds.WhiteBoxNetSecGame import WhiteBoxNetSecGame
from netsecgame.game_components import AgentRole
from original import Table, separate

CONNECTIONS = 64
SEED = 42


class Wide:
    """The original behind a wider door."""

    async def start_tcp_server(self):
        door = AgentServer(self._agent_action_queue, self._agent_response_queues, CONNECTIONS)
        server = await asyncio.start_server(door, self.host, self.port)
        sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
        sys.stdout.flush()
        async with server:
            await server.serve_forever()


class Served(Wide, NetSecGame):
    """As it is."""


class Whitebox(Wide, WhiteBoxNetSecGame):
    """The one that tells all actions."""


class Mended(Served):
    """The same without the habits that make seats of one match depend on references."""

    def _initialize(self):
        super()._initialize()
        if AgentRole.Benign.value in self.config_manager._parser.config["coordinator"]["agents"]:
            start = self.config_manager._parser.get_player_start_position(AgentRole.Benign.value)
            self._starting_positions_per_role[AgentRole.Benign] = start

    async def step(self, agent_id, agent_state, action):
        table = Table.__new__(Table)
        table.world = self
        source = table.source_of_forgery(action)
        state = separate(await super().step(agent_id, agent_state, action))
        if source is not None:
            table.put_true_copy(action, source)
        return state


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    kind = {"": Served, "--mended": Mended, "--whitebox": Whitebox}["".join(sys.argv[2:])]
    kind("127.0.0.1", 0, sys.argv[1], seed=SEED).run()
