"""NetSecGame's Python interface over our wire: change `netsecgame` to `netsiege.compat.netsecgame`, no more.

All names of NetSecGame 0.2.0's own `__all__` are here (and AgentStatus, which later versions have there), and
where its agents look for them: `game_components`, `agents.base_agent`, `utils.utils` and
`utils.trajectory_recorder` below this package. What comes back has its
shapes: observations are named tuples with a dict as `info`, states have sets and dicts that an agent may
change (its own copies: nobody else sees it), `generate_valid_actions` makes a set.

`BaseAgent(host, port, role)` connects to a hub, `tcp://host:port`. It takes the room from the environment
variable NETSIEGE_ROOM, its name from NETSIEGE_NAME and its keys from NETSIEGE_KEYS, unless it is given them.

What differs on purpose:

- **No raw socket.** `agent.socket` only tells whether there is a connection; an agent that writes JSON to it
  needs the gateway (`netsiege gateway`) and NetSecGame's own class. So does one that wants `all_actions`.
  Methods do not call `communicate`, which answers as NetSecGame's does.
- **Nothing hangs.** An action before joining, a missing parameter, an address that is none: each is answered
  with BAD_REQUEST, so that `make_step` logs why and returns None. QuitGame is answered with OK.
- **Matches end.** After the last episode of a match, or when the seat was lost, actions are BAD_REQUEST, and
  the next reset takes a new seat of the same role: the agent plays on. A hub that is lost is a
  `ConnectionError`, after the client has tried to reach it again; a seat goes on where it was until then.
- **Order.** Lists in `as_dict` and nodes in `as_graph` are sorted; NetSecGame's come as its sets iterate.
- **Graphs.** A service or datum found on two hosts is two nodes of `as_graph`; NetSecGame numbers it again,
  and the next node gets the same number. What lies on unknown hosts has no edge; NetSecGame stops there.
- **Files.** `NAME.jsonl` is written as `NAME.jsonl`: NetSecGame cuts all letters of `jsonl` off the end of
  the name, so that its Benign files end in `Benig`. `read_trajectories_from_jsonl` reads; its raises.
- **Words.** IPs are IPv4 only. Values are attrs classes, for `attrs.asdict`, not `dataclasses.asdict`. What
  was pickled with NetSecGame's classes asks for them; JSON goes both ways.
  The two functions for replay buffers in CSV, which only raise DeprecationWarning, are left out.
"""

from __future__ import annotations

from netsiege.compat.netsecgame.agents.base_agent import BaseAgent
from netsiege.compat.netsecgame.game_components import (
    IP,
    Action,
    ActionType,
    AgentInfo,
    AgentRole,
    AgentStatus,
    Data,
    GameState,
    GameStatus,
    Network,
    Observation,
    ProtocolConfig,
    Service,
)
from netsiege.compat.netsecgame.utils.trajectory_recorder import TrajectoryRecorder
from netsiege.compat.netsecgame.utils.utils import (
    generate_valid_actions,
    get_file_hash,
    observation_as_dict,
    observation_from_dict,
    observation_from_str,
    observation_to_str,
    read_trajectories_from_jsonl,
    state_as_ordered_string,
    store_trajectories_to_jsonl,
)

__version__ = "0.2.0"

__all__ = [
    "IP",
    "Action",
    "ActionType",
    "AgentInfo",
    "AgentRole",
    "AgentStatus",
    "BaseAgent",
    "Data",
    "GameState",
    "GameStatus",
    "Network",
    "Observation",
    "ProtocolConfig",
    "Service",
    "TrajectoryRecorder",
    "__version__",
    "generate_valid_actions",
    "get_file_hash",
    "observation_as_dict",
    "observation_from_dict",
    "observation_from_str",
    "observation_to_str",
    "read_trajectories_from_jsonl",
    "state_as_ordered_string",
    "store_trajectories_to_jsonl",
]
