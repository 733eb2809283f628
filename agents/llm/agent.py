"""Agents whose moves a language model chooses."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

from netsiege.agents.attackers.random_attacker import RandomAttacker
from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.agents.defenders.random_defender import RandomDefender
from netsiege.agents.llm.budget import Budget
from netsiege.agents.llm.endpoint import KEY_VARIABLE, Endpoint
from netsiege.agents.llm.labels import action_label
from netsiege.agents.llm.memory import Memory
from netsiege.agents.llm.prompt import state_text, system_text
from netsiege.agents.llm.records import Record, RecordLog, redacted_record
from netsiege.agents.llm.tools import Toolbox
from netsiege.agents.llm.turn import Outcome, Turn, TurnLimits
from netsiege.agents.parameters import Parameter
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError
from netsiege.game import Action, AgentRole, Observation
from netsiege.session import Seat

FAILED_MOVES = 3
"""In a row without an answer of the endpoint; then it is asked no more in the episode."""
RANDOM = "random"

_PARAMETERS = {
    "model": Parameter("", "the model's name; empty: NETSIEGE_LLM_MODEL"),
    "base_url": Parameter("", "the endpoint, such as http://localhost:8000/v1; empty: OPENAI_BASE_URL"),
    "key_variable": Parameter(KEY_VARIABLE, "the environment variable that holds the key"),
    "temperature": Parameter(-1.0, "of the model's draws; below 0: the model's own", low=-1, high=2),
    "max_tokens_per_move": Parameter(1024, "tokens of all replies of one move together", low=16),
    "budget_tokens": Parameter(0, "tokens of all prompts and replies of the agent; 0: no limit", low=0),
    "budget_usd": Parameter(0.0, "cost of all of them in US dollars; 0: no limit", low=0),
    "usd_per_million_in": Parameter(0.0, "price of a million tokens of prompts", low=0),
    "usd_per_million_out": Parameter(0.0, "price of a million tokens of replies", low=0),
    "budget_s": Parameter(0.0, "seconds of waiting for the model in all; 0: no limit", low=0),
    "retries": Parameter(2, "further attempts in a move after a bad answer or a failure", low=0, high=20),
    "timeout_s": Parameter(20.0, "seconds for one request", low=0.01, high=3600),
    "move_s": Parameter(
        45.0, "seconds for all requests of a move; hubs allow 60 by default", low=0.01, high=86400
    ),
    "fallback": Parameter(RANDOM, "who plays when the model does not: random, or the name of an agent"),
    "log": Parameter("", "a file that gets a line of JSON for each request"),
}


class LLMAgent(BaseAgent):
    """Asks a language model for each move, by tool calls; a fallback policy plays when there is no answer.

    Budgets hold for the agent in all its episodes and seats together. `records` has what was said in the
    running episode; with `log` it is written as well, without keys. Making one raises `ConfigError` when the
    `openai` client, the model's name, the endpoint or the prices for `budget_usd` are missing, or `log`
    cannot be written. Playing raises nothing because of the model, and a move takes `move_s` at most.
    """

    parameters: ClassVar[Mapping[str, Parameter]] = _PARAMETERS

    model: str
    base_url: str
    key_variable: str
    temperature: float
    max_tokens_per_move: int
    budget_tokens: int
    budget_usd: float
    usd_per_million_in: float
    usd_per_million_out: float
    budget_s: float
    retries: int
    timeout_s: float
    move_s: float
    fallback: str
    log: str

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if self.budget_usd and not (self.usd_per_million_in or self.usd_per_million_out):
            raise ConfigError("budget_usd needs prices: usd_per_million_in, usd_per_million_out")
        self.endpoint = Endpoint.from_settings(self.model, self.base_url, self.key_variable)
        self.budget = Budget(
            self.budget_tokens,
            self.budget_usd,
            self.budget_s,
            self.usd_per_million_in,
            self.usd_per_million_out,
        )
        self._record_log = RecordLog(self.log)
        self._fallback_agent = self._make_fallback()
        self._max_steps: int | None = None
        self._episode = -1
        self.memory = Memory()
        self.records: list[Record] = []
        self._failed_moves = 0

    # --- the agent's life ---------------------------------------------------------------------------------

    def seated(self, seat: Seat) -> None:
        """Begins anew with what the seat says; the budget and the log go on."""
        super().seated(seat)
        self._max_steps = seat.max_steps
        self._fallback_agent = copy.copy(self._fallback_agent)  # copies of this agent hold seats of their own
        self._fallback_agent.seated(seat)
        self._episode = -1
        self._forget()

    def episode_started(self, observation: Observation) -> None:
        """Forgets the last episode's moves, notes and records."""
        self._episode += 1
        self._forget()
        self._fallback_agent.episode_started(observation)

    def episode_ended(self, summary: EpisodeSummary) -> None:
        """Tells the fallback as well."""
        self._fallback_agent.episode_ended(summary)

    def choose_action(self, observation: Observation) -> Action | None:
        """The model's move, or the fallback's."""
        self.memory.see(observation)
        outcome = self._ask(observation)
        if outcome.called is not None:
            action = outcome.called.action
        else:
            action = self._fallback_agent.choose_action(observation)
            self._keep(self._blank(fallback=outcome.why_not, action=action_label(action)))
        self.memory.did(action)
        return action

    # --- inside -------------------------------------------------------------------------------------------

    def _ask(self, observation: Observation) -> Outcome:
        if self._failed_moves >= FAILED_MOVES:
            return Outcome(None, f"the endpoint failed in {FAILED_MOVES} moves in a row")
        goal = self.seat.goal_description if self.seat is not None else ""
        has_responses = self.seat is not None and self.seat.has_responses
        turn = Turn(
            self.endpoint,
            self.budget,
            TurnLimits(self.max_tokens_per_move, self.retries, self.timeout_s, self.move_s),
            self.temperature if self.temperature >= 0 else None,
            Toolbox(observation.state, self.role, goal, self.rng, has_responses),
            self.memory,
            system_text(self.role, has_responses),
            state_text(observation, self.memory, goal, self._max_steps),
            self._blank(),
            self._keep,
        )
        outcome = turn.play()
        if outcome.answered is not None:
            self._failed_moves = 0 if outcome.answered else self._failed_moves + 1
        return outcome

    def _blank(self, **fields: Any) -> Record:
        return Record(
            episode=max(self._episode, 0), move=self.memory.moves + 1, model=self.endpoint.model, **fields
        )

    def _keep(self, record: Record) -> None:
        record = redacted_record(record, self.endpoint.redacted)
        self.records.append(record)
        self._record_log.append(record)

    def _forget(self) -> None:
        self.memory = Memory()
        self.records = []
        self._failed_moves = 0

    def _make_fallback(self) -> BaseAgent:
        role = self.plays[0]
        if self.fallback == RANDOM:
            return RandomDefender(role=role) if role is AgentRole.Defender else RandomAttacker(role=role)
        agent = choose_agent(self.fallback, role).make(role)
        if isinstance(agent, LLMAgent):
            raise ConfigError("fallback: an agent with a language model cannot stand in for another")
        return agent


class LLMAttacker(LLMAgent):
    """An attacker whose moves a language model chooses."""

    plays = (AgentRole.Attacker,)


class LLMDefender(LLMAgent):
    """A defender whose moves a language model chooses."""

    plays = (AgentRole.Defender,)
