"""All sessions that a hub knows, those that are away included: by token, by key, and by address. Pure."""

from __future__ import annotations

from collections import Counter

from netsiege.hub.records import Session


class Roll:
    """`of_key` has those whose key is known; `of_address` counts them."""

    def __init__(self) -> None:
        self.by_token: dict[bytes, Session] = {}
        self.of_key: dict[bytes, dict[Session, None]] = {}
        self.of_address: Counter[str] = Counter()

    def add(self, session: Session) -> None:
        """Enters a session."""
        self.by_token[session.token] = session
        if session.who.key:
            self.of_key.setdefault(session.who.key, {})[session] = None
        self.of_address[session.who.address] += 1

    def remove(self, session: Session) -> None:
        """Strikes a session off, if it is there."""
        if self.by_token.pop(session.token, None) is None:
            return
        key, address = session.who.key, session.who.address
        if key:
            del self.of_key[key][session]
            if not self.of_key[key]:
                del self.of_key[key]
        self.of_address[address] -= 1
        if not self.of_address[address]:
            del self.of_address[address]
