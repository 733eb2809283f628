"""A hub's gate without files: keys of every right, one that may do little, and an invitation's."""

from __future__ import annotations

from typing import Final

from netsiege.errors import ConfigError
from netsiege.hub.authority import Grant, Right
from netsiege.hub.gate import OpenGate
from tests.fuzz import honest

WORKER_KEY: Final = b"worker"
INVITATION: Final = b"invitation"
GRANTS: Final = {
    b"agent": Grant("agent", Right.AGENT),
    b"few": Grant("few", Right.AGENT, roles=("Attacker",), rooms=("du*",)),
    b"spectator": Grant("spectator", Right.SPECTATOR),
    b"admin": Grant("admin", Right.ADMIN),
    honest.KEYS[0]: Grant("honest attacker", Right.AGENT, roles=("Attacker",), rooms=("honest",)),
    honest.KEYS[1]: Grant("honest defender", Right.AGENT),
    WORKER_KEY: Grant("worker", Right.WORKER),
}
HOSTILE: Final = (b"agent", b"few", b"spectator", b"admin", WORKER_KEY, INVITATION, b"unknown")
"""The keys of strangers."""


class ListGate(OpenGate):
    """A gate whose keys are in a list."""

    keyed = True

    def __init__(self) -> None:
        super().__init__()
        self.grants = dict(GRANTS)
        self._changes = 0
        self.invitations = {INVITATION: Grant("invited", Right.AGENT)}

    @property
    def revision(self) -> tuple[int, int]:
        return self._changes, 0

    def change(self, key: bytes, grant: Grant | None) -> None:
        """A key may do something else, or nothing any more."""
        self._changes += 1
        self.grants.pop(key, None)
        if grant is not None:
            self.grants[key] = grant

    def grant_of(self, key: bytes) -> Grant | None:
        return self.grants.get(key)

    def is_invited(self, key: bytes) -> bool:
        return key in self.invitations

    def redeem(self, invitation: bytes, key: bytes) -> Grant:
        if key in self.grants:
            raise ConfigError("this key is there already")
        self.change(key, self.invitations.pop(invitation))
        return self.grants[key]

    def may_work(self, key: bytes) -> bool:
        grant = self.grants.get(key)
        return grant is not None and grant.right == Right.WORKER

    def counts(self, address: str) -> bool:
        return bool(address)
