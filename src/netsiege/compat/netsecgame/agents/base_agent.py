"""NetSecGame's `BaseAgent` over our wire."""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from netsiege import game
from netsiege.client import Client
from netsiege.compat.netsecgame.game_components import Action, ActionType, GameState, Observation
from netsiege.compat.netsecgame.utils.utils import observation_as_dict
from netsiege.errors import Forfeited, MatchOver, ProtocolError, SiegeError, WorkerLost
from netsiege.game import AgentInfo, AgentRole, GameStatus
from netsiege.keys import Keys
from netsiege.protocol import DEFAULT_ROOM, Reset
from netsiege.session import Seat

__all__ = ["BaseAgent"]

ROOM_VARIABLE: Final = "NETSIEGE_ROOM"
NAME_VARIABLE: Final = "NETSIEGE_NAME"

_NOT_JOINED: Final = "join the game first (ActionType.JoinGame)"
_SEAT_IS_OVER: Final = (MatchOver, Forfeited, WorkerLost)


class _Reply(NamedTuple):
    """What NetSecGame's server would have answered. No observation is a refusal."""

    status: GameStatus
    observation: Observation | None
    message: Any = None


class BaseAgent:
    """An agent that plays over a hub, with NetSecGame's methods. To be extended; belongs to one thread.

    Connects when it is made. If there is no hub that is logged, and `register` returns None. An agent that is
    garbage, or whose process ends, takes leave of the hub.
    """

    def __init__(
        self,
        host: str,
        port: int,
        role: AgentRole | str,
        *,
        room: str | None = None,
        name: str | None = None,
        keys: Keys | str | os.PathLike[str] | None = None,
    ) -> None:
        self._connection_details = (host, port)
        self._logger = logging.getLogger(type(self).__name__)
        self._role = role
        self._room = room or os.environ.get(ROOM_VARIABLE) or DEFAULT_ROOM
        self._name = name or os.environ.get(NAME_VARIABLE) or type(self).__name__
        self._seat: Seat | None = None
        self._client: Client | None = None
        try:
            self._client = Client(f"tcp://{host}:{port}", self._name, keys=keys).open()
        except SiegeError as error:
            self._logger.error("no connection: %s", error)
        else:
            weakref.finalize(self, self._client.close)
            self._logger.info("connected to %s:%s", host, port)

    def terminate_connection(self) -> None:
        """Gives the seat up and closes the connection. Harmless when there is none."""
        if self._client is not None:
            self._client.close()
            self._client = self._seat = None
            self._logger.info("connection closed")

    @property
    def socket(self) -> Client | None:
        """What carries the connection; None without one. Of use only to see whether there is one."""
        client = self._client
        return None if client is None or client.failed else client

    @property
    def role(self) -> AgentRole | str:
        """The role that the agent was given."""
        return self._role

    @property
    def logger(self) -> logging.Logger:
        """A logger under the name of the class."""
        return self._logger

    # --- NetSecGame's requests ----------------------------------------------------------------------------

    def register(self) -> Observation | None:
        """Takes a seat and waits until its match is full. None, and logged, if that does not work.

        `info` of the observation is the message: message, max_steps, goal_description, actions and
        configuration_hash.
        """
        try:
            who = AgentInfo(self._name, AgentRole.from_string(self._role))
            reply = self._ask(Action(ActionType.JoinGame, {"agent_info": who}))
        except Exception as error:  # as NetSecGame's: who cannot register is told None, whatever it is
            self._logger.error("not registered: %s", error)
            return None
        if reply.observation is None or reply.status is not GameStatus.CREATED:
            self._logger.error("not registered: %s, %s", reply.status, reply.message)
            return None
        self._logger.info("registered: %s", reply.message["message"])
        return reply.observation._replace(info=reply.message)

    def make_step(self, action: Action) -> Observation | None:
        """Plays an action. None, and logged, if it was refused.

        `info` is empty until the episode has ended, then it has the `end_reason`. Raises `ConnectionError` if
        the hub is lost, ValueError for what is no `Action`.
        """
        reply = self._ask(action)
        if reply.observation is None:
            self._logger.error("refused: %s: %s, %s", action, reply.status, reply.message)
        return reply.observation

    def request_game_reset(
        self, request_trajectory: bool = False, randomize_topology: bool = False, seed: int | None = None
    ) -> Observation | None:
        """Asks for a new episode and waits until every seat has asked. None, and logged, if it was refused.

        `info` of the observation is the message; with `request_trajectory` it has the `last_trajectory`.
        Raises ValueError for another topology without a seed, `ConnectionError` if the hub is lost.
        """
        if seed is None and randomize_topology:
            raise ValueError("another topology needs a seed")
        asked = {"request_trajectory": request_trajectory, "randomize_topology": randomize_topology}
        reply = self._ask(Action(ActionType.ResetGame, {**asked, "seed": seed}))
        if reply.observation is None or reply.status is not GameStatus.RESET_DONE:
            self._logger.error("not reset: %s, %s", reply.status, reply.message)
            return None
        return reply.observation._replace(info=reply.message)

    def communicate(self, data: Action) -> tuple[GameStatus, dict[str, Any], Any]:
        """What NetSecGame's server would answer to an action: status, observation as a dict, message.

        The observation is empty for a refusal, the message None for a step. Raises `ConnectionError` if the
        hub is lost, ValueError for what is no `Action`.
        """
        reply = self._ask(data)
        seen = reply.observation
        return reply.status, {} if seen is None else observation_as_dict(seen), reply.message

    # --- over our wire ------------------------------------------------------------------------------------

    def _ask(self, action: Action) -> _Reply:
        if not isinstance(action, Action):
            raise ValueError(f"{action!r:.40} is no Action")
        if self._client is None:
            host, port = self._connection_details
            raise ConnectionError(f"not connected to {host}:{port}")
        try:
            match action.action_type:
                case ActionType.JoinGame:
                    return self._join(self._client, action.parameters)
                case ActionType.ResetGame:
                    return self._reset(self._client, action.parameters)
                case ActionType.QuitGame:
                    return self._quit(self._client)
                case _:
                    return self._step(self._client, action)
        except ProtocolError as error:
            return _refusal(error.text)
        except _SEAT_IS_OVER as error:
            return _refusal(f"the match is over ({error}); ask for a reset to play another one")
        except SiegeError as error:
            raise ConnectionError(str(error)) from error

    def _join(self, client: Client, given: Mapping[str, Any]) -> _Reply:
        if self._seat is not None:
            return _Reply(GameStatus.BAD_REQUEST, None, "Agent already exists.")
        who = given.get("agent_info")
        if not isinstance(who, AgentInfo):
            return _refusal("JoinGame needs agent_info")
        try:
            role = AgentRole.from_string(who.role)
        except ValueError as error:
            return _refusal(str(error))
        seen = self._take_seat(client, role)
        return _Reply(GameStatus.CREATED, _told(seen), _message(seen))

    def _take_seat(self, client: Client, role: AgentRole) -> game.Observation:
        self._seat = client.join(role, self._room)[0]
        return self._seat.observation

    def _reset(self, client: Client, given: Mapping[str, Any]) -> _Reply:
        if self._seat is None:
            return _refusal(_NOT_JOINED)
        seed = given.get("seed")
        asked = Reset(
            bool(given.get("request_trajectory")),
            bool(given.get("randomize_topology", seed is not None)),
            None if seed is None else int(seed),  # a number of NumPy's, maybe
        )
        try:
            seen = client.reset(self._seat, asked)
        except _SEAT_IS_OVER as error:
            self._logger.info("a new seat is taken: %s", error)
            seen = self._take_seat(client, self._seat.role)
        return _Reply(GameStatus.RESET_DONE, _told(seen), _message(seen))

    def _quit(self, client: Client) -> _Reply:
        seat, self._seat = self._seat, None
        if seat is not None:
            with contextlib.suppress(*_SEAT_IS_OVER):
                client.leave(seat)
        return _Reply(GameStatus.OK, None, {"message": "Bye."})

    def _step(self, client: Client, action: Action) -> _Reply:
        seat = self._seat
        if seat is None:
            return _refusal(_NOT_JOINED)
        try:
            kind = game.ActionType.from_string(str(action.action_type))
        except ValueError as error:
            return _refusal(str(error))
        had_ended = seat.observation.end
        seen = client.step(seat, game.Action(kind, action.parameters))
        told = Observation(GameState.copy_of(seen.state), seen.reward, seen.end, dict(seen.info))
        return _Reply(GameStatus.FORBIDDEN if had_ended else GameStatus.OK, told)


def _refusal(why: str) -> _Reply:
    return _Reply(GameStatus.BAD_REQUEST, None, {"message": why})


def _told(seen: game.Observation) -> Observation:
    """The first observation of an episode: what is said with it goes into the message."""
    return Observation(GameState.copy_of(seen.state), seen.reward, seen.end, {})


def _message(seen: game.Observation) -> dict[str, Any]:
    """What is said with it, as the agent's own."""
    said = {name: value for name, value in seen.info.items() if name != "status"}
    if "actions" in said:
        said["actions"] = [str(kind) for kind in ActionType]
    return said
