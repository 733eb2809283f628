"""Reading the body of a STEP straight into the numbers of a board.

An action becomes a tuple that begins with its code and its source; equal actions give equal tuples::

    (SCAN, source, members)             members: mask of the addresses in the network
    (FIND_SERVICES, source, target)
    (FIND_DATA, source, target)
    (EXPLOIT, source, target, service)  service: its number, or its wire form if the board has no such
    (EXFILTRATE, source, target, key, datum)  key: the datum's number or -1; datum: as the action carried it
    (BLOCK, source, target, blocked)    blocked: the 32-bit address itself; it need not exist
    (code, source, target)              a response to a host
    (code, source, target, service)     a response to a service, which is as in EXPLOIT

What follows the source is an action's shape, which its parameters in `netsiege.game.action_types` say.

An address that the board does not have is the complement of its 32-bit value: always negative.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from netsiege.engine.board import Board
from netsiege.errors import ProtocolError
from netsiege.game.action import CODES, PLAYED
from netsiege.protocol import MAX_ACTION_LISTS, Code, pack, unpack
from netsiege.protocol.play import PASS, read_action

Action = tuple[Any, ...]

SCAN: Final = 0
FIND_SERVICES: Final = 1
FIND_DATA: Final = 2
EXPLOIT: Final = 3
EXFILTRATE: Final = 4
BLOCK: Final = 5

RESPONSES: Final = range(CODES["netsecgame"], len(PLAYED))
"""The codes of `netsiege.game.action.RESPONSES`, which some rulesets have."""


class Shape(enum.Enum):
    """What follows the source of an action: the names of its parameters."""

    NETWORK = ("target_network",)
    HOST = ("target_host",)
    SERVICE = ("target_host", "target_service")
    DATUM = ("target_host", "data")
    BLOCKED = ("target_host", "blocked_host")


SHAPES: Final = tuple(Shape(names[1:]) for _, names in PLAYED)
"""By code."""
_NETWORK, _HOST, _SERVICE = Shape.NETWORK, Shape.HOST, Shape.SERVICE  # members of a class are slow to look up

_LIST_3: Final = 0x93
_UINT_32: Final = 0xCE
"""What msgpack puts before a list of three, and before most addresses."""

_MEMO_LIMIT: Final = 1 << 15
_MEMO_BODY_BYTES: Final = 256
"""Agents say the same things again and again, but what carries content would fill the memory."""


class _Known(dict[bytes, Action | None]):
    """Bodies with their actions; reads those that it does not have."""

    __slots__ = ("_read_new",)

    def __init__(self, read_new: Callable[[bytes], Action | None]) -> None:
        super().__init__({PASS: None})
        self._read_new = read_new

    def __missing__(self, body: bytes) -> Action | None:
        action = self._read_new(body)
        if len(body) <= _MEMO_BODY_BYTES:
            if len(self) >= _MEMO_LIMIT:
                self.clear()
            self[body] = action
        return action


class ActionReader:
    """Reads actions for one board, and remembers the short ones. A ruleset has the first `codes` types."""

    __slots__ = ("_addresses", "_board", "_networks", "_services", "_shapes", "known")

    def __init__(self, board: Board, codes: int = CODES["netsecgame"]) -> None:
        self._board = board
        self._shapes = SHAPES[:codes]
        self._addresses = {number.to_bytes(4, "big"): i for i, number in enumerate(board.numbers)}
        self._networks = {pack(network): board.members(*network) for network in board.networks}
        self._services = {pack(service): i for i, service in enumerate(board.services)}
        self.known = _Known(self._read_new)
        """`known[body]` is `read(body)`, where time counts. Always the same dict."""

    def read(self, body: bytes) -> Action | None:
        """The action in a body; None is a pass.

        Accepts what `netsiege.protocol.play.read_action` does, but for types that the ruleset does not have,
        and raises its `ProtocolError(BAD_ACTION)`.
        """
        return self.known[body]

    def _read_new(self, body: bytes) -> Action | None:
        return self._read_usual(body) or self._read(body)

    def _read_usual(self, body: bytes) -> Action | None:
        """An action on what the board has, byte for byte as we pack it ourselves; None for any other.

        A large network has so many actions that most come for the first time: this is ten times as fast.
        """
        try:
            length, code, source = body[0], body[1], self._addresses[body[3:7]]
            shape = self._shapes[code]
            if shape is _NETWORK:
                usual: Action = (code, source, self._networks[body[7:]])
                return usual if length == _LIST_3 and body[2] == _UINT_32 else None
            target = self._addresses[body[8:12]]
            usual = (code, source, target)
            if shape is _SERVICE:
                usual = (code, source, target, self._services[body[12:]])
            elif len(body) != 12 or shape is not _HOST:
                return None
        except LookupError:
            return None
        as_packed = length == 0x90 + len(usual) and body[2] == body[7] == _UINT_32
        return usual if as_packed else None

    def _read(self, body: bytes) -> Action | None:
        try:
            wire = unpack(body, MAX_ACTION_LISTS)
            if wire is None:
                return None
            if type(wire) is list and len(wire) > 2 and type(wire[0]) is int:
                code = wire[0]
                if 0 <= code < len(self._shapes):
                    return (code, *_READERS[self._shapes[code]](self._board, *wire[1:]))
        except (ProtocolError, TypeError, ValueError):
            pass  # said better below
        else:
            self._refuse_code(wire, body)
        with suppress(TypeError):  # some values of a wrong type get past the checks of the slow way, too
            read_action(body)
        raise ProtocolError(Code.BAD_ACTION, "the action's parameters are not of the declared types")

    def _refuse_code(self, wire: Any, body: bytes) -> None:
        """Raises `ProtocolError(BAD_ACTION)` for a type that the ruleset does not have."""
        codes = len(self._shapes)
        if type(wire) is not list or not wire or type(wire[0]) is not int or 0 <= wire[0] < codes:
            return
        said = f"codes go from 0 to {codes - 1}"
        try:
            action = read_action(body)
        except (ProtocolError, TypeError):
            raise ProtocolError(Code.BAD_ACTION, f"unknown action code {wire[0]}: {said}") from None
        named = action.type.value if action is not None else ""
        raise ProtocolError(Code.BAD_ACTION, f"{named}: this ruleset has no such action: {said}")


def _address(board: Board, number: Any) -> int:
    if type(number) is not int or not 0 <= number < 1 << 32:
        raise ValueError
    index = board.index.get(number)
    return ~number if index is None else index


def _read_network(board: Board, source: Any, network: Any) -> Action:
    number, prefix = _listed(network, 2)
    _address(board, number)
    if type(prefix) is not int or not 0 <= prefix <= 32:
        raise ValueError
    return (_address(board, source), board.members(number, prefix))


def _read_host(board: Board, source: Any, target: Any) -> Action:
    return (_address(board, source), _address(board, target))


def _read_service(board: Board, source: Any, target: Any, service: Any) -> Action:
    key = tuple(_typed(_listed(service, 4), (str, str, str, bool)))
    return (_address(board, source), _address(board, target), board.service_index.get(key, key))


def _read_datum(board: Board, source: Any, target: Any, datum: Any) -> Action:
    owner, name, _, kind, _ = _typed(_listed(datum, 5), (str, str, int, str, str))
    key = board.key_index.get((owner, name, kind), -1)
    return (_address(board, source), _address(board, target), key, datum)


def _read_blocked(board: Board, source: Any, target: Any, blocked: Any) -> Action:
    _address(board, blocked)
    return (_address(board, source), _address(board, target), blocked)


def _listed(value: Any, length: int) -> list[Any]:
    if type(value) is not list or len(value) != length:
        raise ValueError
    return value


def _typed(values: list[Any], kinds: tuple[type, ...]) -> list[Any]:
    if tuple(map(type, values)) != kinds:
        raise ValueError
    return values


_READERS: Final[dict[Shape, Callable[..., Action]]] = {
    Shape.NETWORK: _read_network,
    Shape.HOST: _read_host,
    Shape.SERVICE: _read_service,
    Shape.DATUM: _read_datum,
    Shape.BLOCKED: _read_blocked,
}
"""What follows the code, from what follows it on the wire."""
