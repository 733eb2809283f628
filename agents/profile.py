"""Who an agent is and where it plays: what the blocking and the asynchronous agent have in common."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import frozen

from netsiege.agents.parameters import Parameter, settle
from netsiege.errors import ConfigError, HubUnreachable
from netsiege.game import AgentRole, Observation
from netsiege.keys import Keys
from netsiege.outage import RECONNECT_S
from netsiege.protocol import DEFAULT_PORT, DEFAULT_ROOM, clean_name
from netsiege.session import Seat
from netsiege.wire import CONNECT_TIMEOUT_S


def _checked_name(name: str) -> str:
    try:
        return clean_name(name)
    except ValueError as error:
        raise ConfigError(str(error)) from None


@frozen
class EpisodeSummary:
    """One episode as its player saw it. `seat` counts the seats of `play_many`.

    `end_reason` is None for a seat that has no goal of its own: a benign user's.
    """

    seat: int
    episode: int
    steps: int
    total_reward: float
    end_reason: str | None


class AgentProfile:
    """The role, name and address of an agent, the seat it holds, and what it draws from."""

    plays: ClassVar[tuple[AgentRole, ...]] = tuple(AgentRole)
    """The roles that the agent can take."""
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    """What can be set on the agent; each becomes an attribute of its name."""

    def __init__(
        self,
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        role: AgentRole | str | None = None,
        *,
        room: str = DEFAULT_ROOM,
        name: str | None = None,
        address: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        reconnect_s: float = RECONNECT_S,
        session_token: bytes | None = None,
        keys: Keys | str | os.PathLike[str] | None = None,
        **parameters: object,
    ) -> None:
        """`address` (`tcp://HOST:PORT`) stands in for `host` and `port`. Connects when it registers.

        Without a `role` it is the first that the class `plays`: `Attacker`, if the class does not say.

        A connection that is lost is tried again for `reconnect_s`. With the `session_token` of an agent that
        is gone, the first `register` continues its seat, whatever role and room are given here.

        `keys` is what a hub with keys asks for: a folder that `netsiege keys` has made, or `Keys`. Without,
        it is the folder in the environment variable NETSIEGE_KEYS, if that is set.

        `parameters` are those that the class declares. Raises `ConfigError` for others.
        """
        for parameter, value in settle(type(self).__name__, self.parameters, parameters).items():
            setattr(self, parameter, value)
        self.address = address or f"tcp://{host}:{port}"
        self.room = room
        self.name = _checked_name(name or type(self).__name__)
        self.connect_timeout_s = connect_timeout_s
        self.reconnect_s = reconnect_s
        self.keys = keys
        self._token = session_token
        self._role = AgentRole.from_string(self.plays[0] if role is None else role)
        self._logger = logging.getLogger(type(self).__name__)
        self._seat: Seat | None = None
        self.rng = random.Random(0)  # noqa: S311  # play, not secrets; re-seeded in `seated`
        """What the agent draws from. Seeded anew with the seat's seed whenever it is seated."""

    def episode_started(self, observation: Observation) -> None:
        """Called with the first observation of every episode that is played as a whole (`play`, `play_many`).

        For an agent that continues a seat, that is the observation with which it goes on.
        """

    def episode_ended(self, summary: EpisodeSummary) -> None:
        """Called at the end of every episode that is played as a whole."""

    def seated(self, seat: Seat) -> None:
        """Called when the agent has been given a seat. Call the parent's when you override it."""
        self._seat = seat
        self._role = seat.role
        self.rng = random.Random(seat.seed)  # noqa: S311  # play, not secrets

    def _continued(self, seats: Sequence[Seat]) -> Seat:
        """The seat that a resumed session has for the agent. Raises `HubUnreachable` if it has none."""
        if not seats:
            raise HubUnreachable(
                "the hub does not know the session of this token any more, or it holds no seat: register "
                "without a token for another one"
            )
        return seats[0]

    @property
    def role(self) -> AgentRole:
        """The role that the agent plays."""
        return self._role

    @property
    def logger(self) -> logging.Logger:
        """A logger under the name of the class."""
        return self._logger

    @property
    def seat(self) -> Seat | None:
        """The seat that the agent holds, with its seed, step limit and last observation."""
        return self._seat
