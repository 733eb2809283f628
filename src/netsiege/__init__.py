"""NetSiege: an arena for network-security agents.

The names below are the public API; each is imported when first used, so that `import netsiege` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsiege.agents import AsyncAgent, BaseAgent, EpisodeSummary
    from netsiege.agents.local_match import LocalMatch
    from netsiege.agents.parameters import Parameter
    from netsiege.errors import (
        AuthError,
        ConfigError,
        Forfeited,
        HubUnreachable,
        MatchOver,
        ProtocolError,
        RuleError,
        SiegeError,
        WorkerLost,
    )
    from netsiege.game import (
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
        Service,
        generate_valid_actions,
    )

__version__ = "0.1.0"

_HOMES = {
    "netsiege.agents": "BaseAgent AsyncAgent EpisodeSummary",
    "netsiege.agents.local_match": "LocalMatch",
    "netsiege.agents.parameters": "Parameter",
    "netsiege.errors": "AuthError ConfigError Forfeited HubUnreachable MatchOver ProtocolError RuleError "
    "SiegeError WorkerLost",
    "netsiege.game": "IP Action ActionType AgentInfo AgentRole AgentStatus Data GameState GameStatus Network "
    "Observation Service generate_valid_actions",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "IP",
    "Action",
    "ActionType",
    "AgentInfo",
    "AgentRole",
    "AgentStatus",
    "AsyncAgent",
    "AuthError",
    "BaseAgent",
    "ConfigError",
    "Data",
    "EpisodeSummary",
    "Forfeited",
    "GameState",
    "GameStatus",
    "HubUnreachable",
    "LocalMatch",
    "MatchOver",
    "Network",
    "Observation",
    "Parameter",
    "ProtocolError",
    "RuleError",
    "Service",
    "SiegeError",
    "WorkerLost",
    "__version__",
    "generate_valid_actions",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
