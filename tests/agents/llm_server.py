"""A small local server that speaks the chat completions protocol, with a model that a test scripts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from attrs import define, frozen

KEY = "sk-test-0123456789"


@frozen
class Answer:
    """One HTTP answer. `stall` keeps the connection open and silent, `drip` sends bytes without an end."""

    body: bytes = b""
    status: int = 200
    retry_after: str | None = None
    stall: bool = False
    drip: bool = False


@define
class Request:
    """What the client asked: the JSON body and the authorization header."""

    body: dict[str, Any]
    authorization: str | None

    @property
    def text(self) -> str:
        """All messages as one text."""
        return "\n".join(each["content"] for each in self.body["messages"])

    def enum(self, tool: str, parameter: str) -> list[str]:
        """The values that a tool offers for a parameter; none if it is not offered."""
        for each in self.body["tools"]:
            if each["function"]["name"] == tool:
                return list(each["function"]["parameters"]["properties"][parameter]["enum"])
        return []

    @property
    def tools(self) -> list[str]:
        """The names of the tools."""
        return [each["function"]["name"] for each in self.body["tools"]]


def calls(*wanted: tuple[str, dict[str, Any] | str], **more: Any) -> Answer:
    """A reply with tool calls; arguments that are a text are sent as they are."""
    made = [
        {
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for i, (name, given) in enumerate(wanted)
    ]
    return says(None, tool_calls=made, **more)


def says(
    content: str | None,
    *,
    usage: dict[str, Any] | None = None,
    finish: str = "stop",
    **message: Any,
) -> Answer:
    """A reply with a text, and whatever else its message has."""
    return Answer(
        json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 0,
                "model": "fake",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": finish,
                        "message": {"role": "assistant", "content": content, **message},
                    }
                ],
                "usage": usage or {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
            }
        ).encode()
    )


def failure(status: int, text: str = "broken", retry_after: str | None = None) -> Answer:
    """An error in the protocol's form."""
    return Answer(json.dumps({"error": {"message": text}}).encode(), status, retry_after)


def one_by_one(answers: Iterable[Answer]) -> Callable[[Request], Answer]:
    """A model with these answers; the last one is given again and again."""
    rest = list(answers)
    return lambda _: rest.pop(0) if len(rest) > 1 else rest[0]


class ModelServer:
    """Serves on a free port of this machine while it is entered. `requests` has all that was asked."""

    def __init__(self, model: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        closing = self._closing = threading.Event()
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                request = Request(json.loads(self.rfile.read(length)), self.headers["Authorization"])
                requests.append(request)
                answer = model(request)
                try:
                    self._send(answer)
                except OSError:
                    self.close_connection = True  # the client has given up, as some tests want

            def _send(self, answer: Answer) -> None:
                if answer.stall:
                    closing.wait(30)
                    return
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                if answer.retry_after is not None:
                    self.send_header("Retry-After", answer.retry_after)
                if not answer.drip:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                while answer.drip and not closing.wait(0.02):
                    self.wfile.write(b" ")

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class KillChain:
    """A model that wins as an attacker from the enums of the tools: each choice once, the best first."""

    def __init__(self, wanted: str, home: str) -> None:
        self._wanted = wanted
        self._home = home
        self._tried: set[str] = set()

    def __call__(self, request: Request) -> Answer:
        """The next call that was not made yet."""
        sources = request.enum("scan_network", "source_host")
        for name, given in self._options(request, sources):
            said = f"{name} {json.dumps(given)}"
            if said not in self._tried:
                self._tried.add(said)
                return calls((name, given))
        return calls(("pass_turn", {}))

    def _options(self, request: Request, sources: list[str]) -> Iterable[tuple[str, dict[str, str]]]:
        for data in request.enum("exfiltrate_data", "data"):
            if data.endswith(f" | {self._wanted}") and not data.startswith(self._home):
                yield "exfiltrate_data", {"data": data, "target_host": self._home}
        for host in request.enum("find_data", "host"):
            yield "find_data", {"host": host}
        for service in request.enum("exploit_service", "service"):
            if service.split(" | ")[0] not in sources:
                yield from (("exploit_service", {"source_host": s, "service": service}) for s in sources)
        for host in request.enum("find_services", "target_host"):
            if host not in sources:
                yield from (("find_services", {"source_host": s, "target_host": host}) for s in sources)
        for network in request.enum("scan_network", "target_network"):
            yield from (("scan_network", {"source_host": s, "target_network": network}) for s in sources)
