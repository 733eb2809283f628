"""One request to a chat completions endpoint: bounded in time and size, with every failure as one error.

The `openai` client does the speaking; its own retries are off, since the agent counts and records attempts.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field, frozen

from netsiege.errors import ConfigError

MODEL_VARIABLE = "NETSIEGE_LLM_MODEL"
URL_VARIABLE = "OPENAI_BASE_URL"
KEY_VARIABLE = "OPENAI_API_KEY"
REPLY_BYTES = 1 << 20
CALLS = 8
"""Tool calls of one reply that are looked at."""
_BACK_OFF_S = 0.5
_BACK_OFF_CAP_S = 8.0
_STATUS_TO_RETRY = frozenset({408, 409, 425, 429})
_NO_KEY = "none"
"""For endpoints of one's own, most of which want no key; the client wants one."""


class EndpointError(Exception):
    """A request failed. `again`: it may be tried once more; `wait_s`: as long the endpoint said to wait."""

    def __init__(self, text: str, *, again: bool, wait_s: float | None = None, sent: bool = False) -> None:
        self.again = again
        self.wait_s = wait_s
        self.sent = sent
        """Whether the model may have been at work, so that tokens may be charged."""
        super().__init__(text)


@frozen
class ToolCall:
    """A tool's name and the JSON text of its arguments, unchecked."""

    name: str
    arguments: str


@frozen
class Reply:
    """What a model answered. Token counts are the endpoint's; None where it gives none that make sense."""

    text: str
    refusal: str
    calls: tuple[ToolCall, ...]
    finish: str
    tokens_in: int | None
    tokens_out: int | None


@define(eq=False)
class Endpoint:
    """A model behind a base URL. `secrets` are never to be written anywhere."""

    model: str
    secrets: tuple[str, ...] = field(repr=False)
    _client: Any = field(repr=False)
    _errors: Any = field(repr=False)
    _limit_name: str
    sleep: Callable[[float], None] = field(default=time.sleep)

    @classmethod
    def from_settings(cls, model: str, base_url: str, key_variable: str) -> Endpoint:
        """What the settings and, where they are empty, the environment say.

        Raises `ConfigError` when the `openai` client is not installed, no model is named, or there is neither
        a base URL nor a key.
        """
        try:
            openai = import_module("openai")
        except ImportError:
            raise ConfigError(
                "agents with a language model need the openai client: pip install 'netsiege[llm]'"
            ) from None
        model = model or os.environ.get(MODEL_VARIABLE, "")
        base_url = base_url or os.environ.get(URL_VARIABLE, "")
        key = os.environ.get(key_variable, "")
        problems = []
        if not model:
            problems.append(f"no model: set the parameter `model` or {MODEL_VARIABLE}")
        if base_url and urlsplit(base_url).scheme not in ("http", "https"):
            problems.append("base_url is no http or https URL")
        if not key and not base_url:
            problems.append(f"no key: set {key_variable}, or `base_url` for an endpoint that needs none")
        if problems:
            raise ConfigError(problems)
        client = openai.OpenAI(api_key=key or _NO_KEY, base_url=base_url or None, max_retries=0)
        parts = urlsplit(base_url)
        secrets = tuple(each for each in (key, parts.password or "", parts.query) if each)
        # OpenAI's newer models refuse `max_tokens`, most other endpoints know only that
        theirs = not base_url or parts.hostname == "api.openai.com"
        return cls(model, secrets, client, openai, "max_completion_tokens" if theirs else "max_tokens")

    def ask(
        self,
        messages: Sequence[Mapping[str, str]],
        tools: Sequence[Mapping[str, Any]],
        max_tokens: int,
        temperature: float | None,
        timeout_s: float,
    ) -> Reply:
        """The model's reply within `timeout_s`. Raises `EndpointError` for everything else that happens.

        The time holds whatever the endpoint does: the request runs in a thread of its own, which is given up.
        """
        body: dict[str, Any] = {"model": self.model, "messages": list(messages), "tools": list(tools)}
        body[self._limit_name] = max_tokens
        if temperature is not None:
            body["temperature"] = temperature
        answers: queue.SimpleQueue[bytes | EndpointError] = queue.SimpleQueue()
        deadline_s = time.monotonic() + timeout_s
        threading.Thread(
            target=lambda: answers.put(self._fetch(body, timeout_s, deadline_s)), name="llm", daemon=True
        ).start()
        try:
            answer = answers.get(timeout=timeout_s)
        except queue.Empty:
            answer = _too_slow(timeout_s)
        if isinstance(answer, EndpointError):
            raise answer
        return read_reply(answer)

    def back_off_s(self, attempt: int, error: EndpointError) -> float:
        """How long to wait before the attempt after number `attempt` (from 0)."""
        return min(_BACK_OFF_S * 2**attempt, _BACK_OFF_CAP_S) if error.wait_s is None else error.wait_s

    def redacted(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        return text

    def _fetch(self, body: dict[str, Any], timeout_s: float, deadline_s: float) -> bytes | EndpointError:
        errors = self._errors
        try:
            call = self._client.chat.completions.with_streaming_response.create
            with call(**body, timeout=timeout_s) as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > REPLY_BYTES:
                        return EndpointError(f"a reply of over {REPLY_BYTES} bytes", again=True, sent=True)
                    if time.monotonic() > deadline_s:
                        return _too_slow(timeout_s)
                return bytes(content)
        except errors.APITimeoutError:
            return _too_slow(timeout_s)
        except errors.APIStatusError as error:
            status = error.status_code
            again = status in _STATUS_TO_RETRY or status >= 500
            return EndpointError(f"HTTP {status}: {error.message}", again=again, wait_s=_wait_s(error))
        except Exception as error:  # the edge of the process: a peer may break the connection in any way
            return EndpointError(f"{type(error).__name__}: {error}", again=True)


def read_reply(content: bytes) -> Reply:
    """A chat completion's JSON as a reply. Raises `EndpointError` if it has not that form."""
    try:
        whole = json.loads(content)
        choice = whole["choices"][0]
        message = choice["message"]
        calls = [
            ToolCall(_text(call["function"].get("name")), _text(call["function"].get("arguments")))
            for call in (message.get("tool_calls") or [])[:CALLS]
            if isinstance(call.get("function"), dict)
        ]
        usage = whole.get("usage") or {}
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
        text, refusal = _text(message.get("content")), _text(message.get("refusal"))
        finish = _text(choice.get("finish_reason"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise EndpointError("the reply is no chat completion", again=True, sent=True) from None
    tokens_in, tokens_out = (n if type(n) is int and n >= 0 else None for n in counts)
    return Reply(text, refusal, tuple(calls), finish, tokens_in, tokens_out)


def _text(value: object) -> str:
    # some endpoints send arguments as an object, where the protocol has its text
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _too_slow(timeout_s: float) -> EndpointError:
    return EndpointError(f"no reply within {timeout_s:.3g} s", again=True, sent=True)


def _wait_s(error: Any) -> float | None:
    try:
        wait_s = float(error.response.headers.get("retry-after"))
    except (TypeError, ValueError):
        return None
    return wait_s if 0 <= wait_s < float("inf") else None
