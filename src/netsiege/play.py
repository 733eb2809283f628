"""One match of some episodes on this machine: a hub, its workers and a process for each agent.

What happens in the match comes from the engine, by way of the hub: nothing is taken from the agents' word.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen

from netsiege.agents.registry import choose_agent
from netsiege.client import Client
from netsiege.errors import ConfigError, SiegeError, WorkerLost
from netsiege.game import AgentRole, AgentStatus
from netsiege.keys import NO_KEYS
from netsiege.local import Child, Children, LocalHub
from netsiege.protocol import Cause, Episode, Match, Result, SessionRole, Trajectory
from netsiege.rooms import room_of
from netsiege.scenarios.model import Spec
from netsiege.scribe import FOLDER, keep
from netsiege.shown import LINE_CHARS, shown

ROOM: Final = "play"
START_LIMIT_S: Final = 20.0
"""How long all agents together may take until their match begins."""
DESERTED: Final = (Cause.LEFT, Cause.DISCONNECT, Cause.PROTOCOL)
"""Ends of an episode that no bundled agent brings about: somebody's process is gone, or misbehaves."""
SAYS: Final = "netsiege: "
"""Begins each line in which a command tells what is wrong."""
FAREWELL_S: Final = 10.0
"""How long an agent may take to end after its last episode: it may have something to save."""


@frozen
class Entrant:
    """An agent, by name, and the seat it takes."""

    role: AgentRole
    agent: str


@frozen
class SeatRecord:
    """What a seat has achieved over all episodes."""

    role: str
    agent: str
    wins: int
    mean_return: float
    mean_steps: float


@frozen
class EpisodeRecord:
    """How an episode ended. `steps` is the longest seat's; `returns` has one number a seat."""

    episode: int
    winner: str | None
    reason: str
    steps: int
    returns: tuple[float, ...]


@frozen
class Report:
    """A match in numbers. Only `steps_per_s` differs between equal runs."""

    episodes: int
    seed: int
    scenario: str
    seats: tuple[SeatRecord, ...]
    results: tuple[EpisodeRecord, ...]
    steps_per_s: float

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and dicts for JSON."""
        return {
            "episodes": self.episodes,
            "seed": self.seed,
            "scenario": self.scenario,
            "seats": [
                {
                    "role": s.role,
                    "agent": s.agent,
                    "wins": s.wins,
                    "mean_return": s.mean_return,
                    "mean_steps": s.mean_steps,
                }
                for s in self.seats
            ],
            "results": [
                {
                    "episode": r.episode,
                    "winner": r.winner,
                    "reason": r.reason,
                    "steps": r.steps,
                    "returns": list(r.returns),
                }
                for r in self.results
            ],
            "steps_per_s": self.steps_per_s,
        }


def play(
    spec: Spec,
    entrants: Sequence[Entrant],
    episodes: int,
    seed: int,
    *,
    workers: int = 1,
    progress: Callable[[Result], None] = lambda _result: None,
) -> Report:
    """Plays the match to its end. `progress` hears of every episode.

    A worker that dies is replaced, and the match goes on. Raises `ConfigError` if an agent does not exist,
    before anything is started, and if one cannot be made; `SiegeError` if an agent dies, with its last words;
    `WorkerLost` if the engine breaks.
    """
    for entrant in entrants:
        choose_agent(entrant.agent, entrant.role)
    with Children() as children:
        hub = LocalHub(children, workers)
        with Client(hub.address, "play", SessionRole.DIRECTOR, keys=NO_KEYS) as director:
            director.open_room(room_of(ROOM, spec, seed, episodes))
            director.watch(ROOM)
            agents = [_start_agent(children, hub.address, entrant, episodes) for entrant in entrants]
            results, times_s = _follow(director, agents, progress)
            _see_off(agents, results)
    return _report(spec, entrants, seed, results, times_s)


def _start_agent(children: Children, address: str, entrant: Entrant, episodes: int) -> Child:
    arguments = ["agent", "run", entrant.agent, "--hub", address, "--role", entrant.role.value]
    arguments += ["--room", ROOM, "--episodes", str(episodes), "--parent", str(os.getpid())]
    return children.start(*arguments)


def _follow(
    director: Client, agents: list[Child], progress: Callable[[Result], None]
) -> tuple[list[Result], list[float]]:
    """Listens until the last episode has ended."""
    results: list[Result] = []
    times_s = [time.monotonic()]
    while not results or not results[-1].last:
        for news in director.news(0.25):
            if isinstance(news, Trajectory):
                keep(FOLDER, news)
            elif isinstance(news, Episode):
                results.append(Result.decode(news.result))
                if results[-1].cause in DESERTED:
                    raise _failure(agents, results, "has ended before the match did")
                times_s.append(time.monotonic())
                progress(results[-1])
            elif isinstance(news, Match) and not (results and results[-1].last):
                _match_ended(news, agents, results)
        if not (results and results[-1].last):
            _check_alive(agents, results)
            if not results and time.monotonic() - times_s[0] > START_LIMIT_S:
                _check_started(director, agents)
    return results, times_s


def _check_alive(agents: list[Child], results: list[Result]) -> None:
    """An agent that ends before the match does has failed, whatever its exit code."""
    if any(agent.code is not None for agent in agents):
        raise _failure(agents, results, "has ended before the match did")


def _failure(agents: list[Child], results: list[Result], what: str) -> SiegeError:
    """Whom to blame: who ended with an error, else whoever, having ended, has played least.

    The others may end at the same moment, because nobody is left to play with.
    """
    deadline_s = time.monotonic() + 1.0
    while not any(agent.code for agent in agents) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    for agent in agents:
        if agent.code == os.EX_CONFIG:
            return _mistake(agent)
    played = [sum(result.steps[i] for result in results) for i in range(len(agents))]
    ended = [(not agent.code, played[i], i) for i, agent in enumerate(agents) if agent.code is not None]
    if not ended:
        return SiegeError(f"a seat was given up in episode {results[-1].episode}: {results[-1].cause}")
    agent = agents[min(ended)[2]]
    return SiegeError(f"the agent {agent.arguments[2]} {what}:\n{agent.last_words()}")


def _mistake(agent: Child) -> ConfigError:
    """What an agent that could not be made has said, in its words."""
    words = agent.last_words()
    told = [line.removeprefix(SAYS) for line in words.splitlines() if line.startswith(SAYS)]
    return ConfigError([f"the agent {agent.arguments[2]}: {line}" for line in told or [words]])


def _check_started(director: Client, agents: list[Child]) -> None:
    [room] = [room for room in director.status().rooms if room.name == ROOM]
    if not room.open_matches:
        raise SiegeError(
            f"no match has begun within {START_LIMIT_S:g} s: of {len(agents)} agents, "
            f"{room.waiting} have asked for a seat"
        )


def _see_off(agents: list[Child], results: list[Result]) -> None:
    """Lets the agents finish what they do after their last episode, and looks how they ended."""
    deadline_s = time.monotonic() + FAREWELL_S
    for agent in agents:
        while agent.code is None and time.monotonic() < deadline_s:
            time.sleep(0.01)
    if any(agent.code for agent in agents):
        raise _failure(agents, results, "has failed")


def _match_ended(news: Match, agents: list[Child], results: list[Result]) -> None:
    """A match that ends before its last episode has failed; says why."""
    if news.cause in (Cause.WORKER, Cause.HUB, Cause.FAULT):
        raise WorkerLost(shown(news.text, LINE_CHARS))
    _check_alive(agents, results)
    raise SiegeError(f"the match ended early: {news.cause} {shown(news.text, LINE_CHARS)}".strip())


def _report(
    spec: Spec, entrants: Sequence[Entrant], seed: int, results: list[Result], times_s: list[float]
) -> Report:
    count = len(results)
    seats = tuple(
        SeatRecord(
            entrant.role.value,
            entrant.agent,
            sum(r.statuses[i] == AgentStatus.Success.value for r in results),
            sum(r.returns[i] for r in results) / count,
            sum(r.steps[i] for r in results) / count,
        )
        for i, entrant in enumerate(entrants)
    )
    records = tuple(EpisodeRecord(r.episode, r.winner, r.cause, max(r.steps), r.returns) for r in results)
    # the first episode is timed only if it is alone: before it, the agents' processes were starting
    first = 1 if count > 1 else 0
    played = sum(sum(r.steps) for r in results[first:])
    return Report(
        count, seed, spec.topology.name, seats, records, played / max(times_s[-1] - times_s[first], 1e-9)
    )
