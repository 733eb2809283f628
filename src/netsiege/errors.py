"""Everything that NetSiege raises on purpose.

::

    SiegeError
    ├── ConfigError      a file or option is wrong; carries every problem found, not just the first
    ├── ProtocolError    the other side refused a message, or sent one that makes no sense; carries a code
    ├── RuleError        the engine was asked for something that its rules do not know
    ├── HubUnreachable   nothing (or something that is no hub) answers at the address
    ├── AuthError        the hub, or the client, refused the other's key
    ├── JournalError     the hub's journal cannot be written or read
    ├── WorkerLost       no worker can go on with the match: the engine breaks on it
    ├── Forfeited        the seat was lost: too slow, gone, or misbehaved
    └── MatchOver        the match has played its episodes; there is nothing left to ask of it
"""

from __future__ import annotations

from collections.abc import Sequence


class SiegeError(Exception):
    """The root: catching it at a process edge catches all that is not a bug."""


class ConfigError(SiegeError):
    """A file or an option is wrong. `problems` holds one line for each thing to mend."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class ProtocolError(SiegeError):
    """A message was refused. `code` is one of `netsiege.protocol.Code`; `text` says what to do."""

    def __init__(self, code: str, text: str) -> None:
        self.code = str(code)
        self.text = text
        super().__init__(f"{self.code}: {text}")

    def __reduce__(self) -> tuple[type[ProtocolError], tuple[str, str]]:
        return type(self), (self.code, self.text)


class RuleError(SiegeError):
    """The engine was given a scenario, ruleset or event that its rules do not know."""


class HubUnreachable(SiegeError):
    """No hub answers at the address within the time given."""


class AuthError(SiegeError):
    """The hub refused this key or role, or is not the hub that it should be."""


class JournalError(SiegeError):
    """A journal cannot be written or read: nobody may be told what is not in it."""


class WorkerLost(SiegeError):
    """No worker can go on with the match: the engine broke on it, it ended several workers, or it came out
    otherwise when it was played again. A worker that is merely gone is a pause, not an error.
    """


class Forfeited(SiegeError):
    """The seat was lost: too slow, disconnected, or against the rules of the room."""


class MatchOver(SiegeError):
    """The match has played all its episodes, or was closed: nothing is left to ask of it."""
