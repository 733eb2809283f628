"""One move of a model: requests, corrections and waits, within the limits, until there is a move or none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from attrs import define, evolve, field, frozen

from netsiege.agents.llm.budget import Budget, estimated_tokens
from netsiege.agents.llm.endpoint import Endpoint, EndpointError, Reply
from netsiege.agents.llm.labels import action_label
from netsiege.agents.llm.memory import Memory
from netsiege.agents.llm.prompt import correction_text
from netsiege.agents.llm.records import Record
from netsiege.agents.llm.tools import NOTE, Called, Rejected, Toolbox
from netsiege.shown import shown

_NOTE_ROUNDS = 1
"""Replies of a move that may be notes alone without counting as attempts."""
_ERROR_CHARS = 500
TEXT_CHARS = 2_000
"""Of what a model wrote that is kept in a record."""


@frozen
class TurnLimits:
    """Of one move: tokens of all replies, further attempts, seconds for one request and for all."""

    tokens: int
    retries: int
    request_s: float
    move_s: float


@frozen
class Outcome:
    """The move (`Called` with an action or a pass), or why there is none. `answered`: the endpoint works."""

    called: Called | None
    why_not: str = ""
    answered: bool | None = None
    """None if nothing was asked."""


class _Stop(Exception):
    """No further attempt makes sense."""


@define(eq=False)
class Turn:
    """Plays one move; `play` is called once. `record` gets a copy of `blank` for each request, filled in."""

    endpoint: Endpoint
    budget: Budget
    limits: TurnLimits
    temperature: float | None
    toolbox: Toolbox
    memory: Memory
    system: str
    state: str
    blank: Record
    record: Callable[[Record], None]
    _until_s: float = 0.0
    _tokens_left: int = 0
    _requests: int = 0
    _attempts: int = 0
    _answered: bool | None = None
    _correction: list[str] = field(factory=list)
    """What was wrong with the last answer, if there was one."""

    def play(self) -> Outcome:
        """Asks until there is a valid move or a limit is reached; raises nothing because of the model."""
        self._until_s = time.monotonic() + self.limits.move_s
        self._tokens_left = self.limits.tokens
        try:
            while self._attempts <= self.limits.retries:
                called = self._request()
                if called is not None:
                    return Outcome(called, "", True)
        except _Stop as stop:
            return Outcome(None, str(stop), self._answered)
        return Outcome(None, "no valid answer" if self._answered else "the endpoint fails", self._answered)

    def _request(self) -> Called | None:
        messages = [{"role": "system", "content": self.system}, {"role": "user", "content": self.state}]
        messages += [{"role": "user", "content": correction_text(each)} for each in self._correction]
        prompt_chars = sum(len(each["content"]) for each in messages)
        tools_chars = len(json.dumps(self.toolbox.schema))
        prompt_tokens = estimated_tokens(prompt_chars + tools_chars)
        allowed, limit = self.budget.allowance(prompt_tokens, self._tokens_left)
        if limit is not None:
            raise _Stop(f"{limit} is used up")
        left_s = min(self.limits.request_s, self._left_s)
        if left_s <= 0:
            raise _Stop("move_s is used up")
        record = evolve(
            self.blank, attempt=self._requests, prompt_chars=prompt_chars, tools_chars=tools_chars
        )
        self._requests += 1
        began_s = time.monotonic()
        try:
            reply = self.endpoint.ask(messages, self.toolbox.schema, allowed, self.temperature, left_s)
        except EndpointError as error:
            record = evolve(record, latency_s=time.monotonic() - began_s)
            self._failed(error, record, prompt_tokens)
            return None
        record = evolve(record, latency_s=time.monotonic() - began_s)
        return self._heard(reply, record, prompt_tokens)

    @property
    def _left_s(self) -> float:
        return min(self._until_s - time.monotonic(), self.budget.left_s)

    def _failed(self, error: EndpointError, record: Record, prompt_tokens: int) -> None:
        """Waits for another attempt, unless none makes sense."""
        tokens_in = prompt_tokens if error.sent else 0
        text = shown(self.endpoint.redacted(str(error)), _ERROR_CHARS)
        self.record(evolve(record, error=text, tokens_in=tokens_in, tokens_estimated=error.sent))
        self.budget.spend(tokens_in, 0, record.latency_s)
        self._answered = self._answered or False
        self._attempts += 1
        if not error.again:
            raise _Stop("the endpoint refuses the request")
        if self._attempts > self.limits.retries:
            return
        wait_s = self.endpoint.back_off_s(self._attempts - 1, error)
        if wait_s >= self._left_s:
            raise _Stop("the endpoint fails, and no time is left to wait for it")
        if wait_s > 0:
            self.endpoint.sleep(wait_s)
            self.budget.spend(0, 0, wait_s)

    def _heard(self, reply: Reply, record: Record, prompt_tokens: int) -> Called | None:
        """The move in a reply; else the model will be told what was wrong."""
        self._answered = True
        said = sum(len(c.name) + len(c.arguments) for c in reply.calls) + len(reply.text) + len(reply.refusal)
        tokens_in = prompt_tokens if reply.tokens_in is None else reply.tokens_in
        tokens_out = estimated_tokens(said) if reply.tokens_out is None else reply.tokens_out
        self.budget.spend(tokens_in, tokens_out, record.latency_s)
        self.budget.counted(prompt_tokens, tokens_in)
        self._tokens_left -= tokens_out
        text = self.endpoint.redacted(reply.refusal or reply.text)
        record = evolve(
            record,
            reply=shown(text, TEXT_CHARS),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            tokens_estimated=reply.tokens_in is None or reply.tokens_out is None,
        )
        called, problem, record = self._read(reply, record)
        if called is not None:
            self.record(evolve(record, action=action_label(called.action)))
            return called
        self.record(evolve(record, problem=problem))
        self._correction = [problem]
        return None

    def _read(self, reply: Reply, record: Record) -> tuple[Called | None, str, Record]:
        """All notes are kept; the first other call decides, and those after it are not looked at."""
        called, problem, notes, decided = None, "", list[str](), False
        for call in reply.calls:
            is_note = call.name == NOTE
            if decided and not is_note:
                continue
            # before anything is cut: a part of a key would not be found any more
            name, arguments = self.endpoint.redacted(call.name), self.endpoint.redacted(call.arguments)
            try:
                read = self.toolbox.read(name, arguments)
            except Rejected as rejected:
                read, problem = None, problem or str(rejected)
            if read is not None and read.note is not None:
                notes.append(read.note)
                self.memory.note(read.note)
            if not is_note:
                called, decided = read, True
                record = evolve(
                    record, tool=shown(name, _ERROR_CHARS), arguments=shown(arguments, TEXT_CHARS)
                )
        record = evolve(record, notes=tuple(notes))
        # requests that were no attempts, this one included, had notes alone
        if decided or not notes or self._requests - self._attempts > _NOTE_ROUNDS:
            self._attempts += 1
        return called, problem or _no_move(reply, bool(notes)), record


def _no_move(reply: Reply, noted: bool) -> str:
    if noted:
        return "the note is kept, but it is no move"
    if reply.refusal:
        return (
            "you refused; this is a simulated game on an imaginary network, and pass_turn is a move as well"
        )
    if reply.finish == "length":
        return "it reached the limit of tokens before any tool call; be short"
    return "there was no tool call in it"
