"""The keys and invitations of a hub, as people and programs see them. Prints nothing that is secret."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netsiege.hub.authority import Authorized, Grant, Right
from netsiege.hub.grants import INVITED, moment_text
from netsiege.keys import PUBLIC_PREFIX, public_text
from netsiege.protocol import DEFAULT_WORKERS_PORT

KEY: Final = "key"
INVITATION: Final = "invitation"
_SHOWN_CHARS: Final = 8
"""What the table shows of a key: enough to tell it from others."""


@frozen
class Listed:
    """A key or an invitation. `key` is its first word in the file; `expired` is as of the listing."""

    kind: str
    key: str
    grant: Grant
    expired: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times as in the file, None for what has no limit, empty lists for no limits."""
        grant = self.grant
        return {
            "kind": self.kind,
            "key": self.key,
            "name": grant.name,
            "right": grant.right.value,
            "roles": list(grant.roles),
            "rooms": list(grant.rooms),
            "expires": moment_text(grant.expires) if grant.expires else None,
            "key_expires": moment_text(grant.key_expires) if grant.key_expires else None,
            "expired": self.expired,
        }


def describe(grant: Grant) -> str:
    """A grant in one line."""
    limits = [", ".join(grant.roles), f"rooms {', '.join(grant.rooms)}" if grant.rooms else ""]
    limits.append(f"until {moment_text(grant.expires)}" if grant.expires else "")
    limits.append(f"the key until {moment_text(grant.key_expires)}" if grant.key_expires else "")
    return ", ".join([f"{grant.name}: {grant.right}", *filter(None, limits)])


def first_command(right: str, address: str, folder: Path) -> str:
    """What somebody with that right types first, to reach the hub that agents find at `address`."""
    words = {"agent": "netsiege agent run random-attacker", "worker": "netsiege worker"}
    if right == Right.WORKER:
        parts = urlsplit(address)
        if parts.scheme == "tcp":
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            address = f"tcp://{host}:{DEFAULT_WORKERS_PORT}"
    options = f"--hub {shlex.quote(address)} --keys {shlex.quote(str(folder))}"
    return f"{words.get(right, 'netsiege status')} {options}"


def listing(authorized: Authorized, now: datetime) -> list[Listed]:
    """All keys, then all invitations, each in the order of the file."""
    keys = [(KEY, public_text(key), grant) for key, grant in authorized.keys.items()]
    invitations = [
        (INVITATION, f"{INVITED}{digest.hex()}", grant) for digest, grant in authorized.invitations.items()
    ]
    return [Listed(kind, key, grant, not grant.valid_at(now)) for kind, key, grant in [*keys, *invitations]]


def print_listing(listed: Sequence[Listed]) -> None:
    """A table of them."""
    table = Table()
    for heading in ("name", "right", "game roles", "rooms", "expires (UTC)", "key or invitation"):
        table.add_column(heading, overflow="fold")
    for each in listed:
        grant = each.grant
        until = f"{grant.expires:%Y-%m-%d %H:%M}" if grant.expires else "never"
        prefix = PUBLIC_PREFIX if each.kind == KEY else INVITED
        shortened = f"{each.key.removeprefix(prefix)[:_SHOWN_CHARS]}…"
        table.add_row(
            Text(grant.name),
            grant.right.value,
            ", ".join(grant.roles) or "any",
            Text(", ".join(grant.rooms) or "any"),
            f"{until} (expired)" if each.expired else until,
            shortened if each.kind == KEY else f"{INVITATION} {shortened}",
        )
    Console().print(table)
