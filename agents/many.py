"""Many seats over one session: each turn moves all seats that can move, in one STEP_MANY."""

from __future__ import annotations

from typing import Any

from attrs import define

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.client import Client
from netsiege.errors import Forfeited, MatchOver, SiegeError
from netsiege.game import Observation
from netsiege.protocol import End, Reset
from netsiege.session import Seat, Settled


@define(eq=False)
class _Player:
    """One seat, the copy of the agent that plays it, and its running episode."""

    number: int
    agent: BaseAgent
    seat: Seat
    episode: int = 0
    steps: int = 0
    total: float = 0.0
    resetting: bool = False


def play_many(agent: BaseAgent, seats: int, episodes: int | None) -> list[EpisodeSummary]:
    """See `BaseAgent.play_many`. Raises the first error that is not the end of a match."""
    client = agent.connect()
    taken = client.join(agent.role, agent.room, seats)
    players = {s.handle: _Player(n, agent.copy_for(client, s), s) for n, s in enumerate(taken)}
    for each in players.values():
        each.agent.episode_started(each.seat.observation)
    played: list[EpisodeSummary] = []
    to_move = list(players.values())
    while players:
        to_move = [player for player in to_move if player.seat.ended is None]
        if to_move:
            moves = [(p.seat, p.agent.choose_action(p.seat.observation)) for p in to_move]
            client.send(client.session.step_many(moves))
        to_move = []
        for settled in client.pump(5.0):
            player = players.get(settled.seat.handle) if settled.seat is not None else None
            if player is None:
                continue
            if not settled.request:
                # what nobody asked for (a pass after a missed deadline) is known to the session already
                if isinstance(player.seat.ended, MatchOver):
                    del players[player.seat.handle]
                elif player.seat.ended is not None:
                    raise player.seat.ended
                continue
            if _goes_on(client, player, settled, episodes, played):
                to_move.append(player)
            elif player.seat.ended is not None:
                del players[player.seat.handle]
            elif player.episode == episodes:
                del players[player.seat.handle]
                client.send(client.session.leave(player.seat))
    return played


def _goes_on(
    client: Client, player: _Player, settled: Settled, episodes: int | None, played: list[EpisodeSummary]
) -> bool:
    """Takes in one answer; True if the player is to move."""
    answer: Any = settled.answer
    if isinstance(answer, End) and isinstance(player.seat.ended, Forfeited):
        raise player.seat.ended
    if isinstance(answer, End | MatchOver):
        return False
    if isinstance(answer, SiegeError):
        raise answer
    assert isinstance(answer, Observation)
    if player.resetting:
        player.steps, player.total, player.resetting = 0, 0.0, False
        player.agent.episode_started(answer)
        return True
    player.steps += 1
    player.total += answer.reward
    if not answer.end:
        return True
    reason = answer.info.get("end_reason")
    summary = EpisodeSummary(player.number, player.episode, player.steps, player.total, reason)
    played.append(summary)
    player.agent.episode_ended(summary)
    player.episode += 1
    if player.episode != episodes:
        player.resetting = True
        client.send(client.session.reset(player.seat, Reset()))
    return False
