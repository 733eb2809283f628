"""`netsiege keys …`: key pairs, the hub to trust, and who may do what at a hub. As in `cli`, options in,
calls out. Secrets go to files that nobody else can read, never to the screen, but for an invitation's.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from netsiege.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from netsiege.hub.authority import AuthorizedFile, Grant
    from netsiege.keys import KeyPair

keys_app = typer.Typer(
    help="Keys: your own, the hub's to trust, and who may do what at a hub of yours.", no_args_is_help=True
)

Folder = Annotated[
    Optional[Path],  # typer reads Optional
    typer.Option("--keys", metavar="DIR", help="The keys folder. Default: $NETSIEGE_KEYS, else ~/.netsiege."),
]
RightOption = Annotated[str, typer.Option("--right", help="What it may be: agent, worker, spectator, admin.")]
Roles = Annotated[
    Optional[list[str]],
    typer.Option("--role", help="Only in this game role; may be said several times. Default: any."),
]
Rooms = Annotated[
    Optional[list[str]],
    typer.Option("--room", help="Only in rooms of this pattern; may be said several times. Default: any."),
]

_TOKEN_MAX_CHARS = 4_096
_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60}


@keys_app.command("new")
def keys_new(
    hub: Annotated[
        bool, typer.Option("--hub", help="A hub's keys, and its empty list of whom to let in.")
    ] = False,
    keys: Folder = None,
) -> None:
    """Make a key pair; its public key goes to stdout, what to do next to stderr."""
    from netsiege.hub.authority import AuthorizedFile
    from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, IDENTITY, KeyPair, command, public_text

    folder = _folder(keys)
    if hub and (folder / HUB_KEY).exists() and not (folder / AUTHORIZED_KEYS).exists():
        AuthorizedFile(folder / AUTHORIZED_KEYS).create()
        _say(f"The hub's key is kept; {folder / AUTHORIZED_KEYS} is there again, with nobody in it.")
        return
    pair = KeyPair.new() if hub else _new_identity(folder)
    public = public_text(pair.public)
    if hub:
        _save_hub(folder, pair)
        print(public)
        _say(
            f"The hub's keys are in {folder}. Start it:",
            f"    netsiege hub --keys {_quoted(folder)}",
            "Invite somebody, who needs nothing but the token that this prints:",
            f"    {command('invite NAME --right agent', folder)}",
            "Or let in a key that somebody has made (netsiege keys new) and told you:",
            f"    {command('authorize PUBLIC_KEY NAME --right agent', folder)}",
            "Whoever connects with such a key types once:",
            f"    netsiege keys trust {public}",
        )
    else:
        print(public)
        _say(
            f"Your key pair is in {folder / IDENTITY}. Tell the hub's people your public key; they type:",
            f"    netsiege keys authorize {public} NAME --right agent",
            "and tell you the hub's public key; you type:",
            f"    {command('trust HUB_PUBLIC_KEY', folder)}",
        )


def _save_hub(folder: Path, pair: KeyPair) -> None:
    """All of a hub's files or none. A list of whom to let in that is there already stays as it is."""
    from netsiege.hub.authority import AuthorizedFile
    from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, HUB_PUBLIC, save_hub_public, save_pair

    there = [folder / name for name in (HUB_KEY, HUB_PUBLIC) if (folder / name).exists()]
    if there:
        raise ConfigError([f"{path}: is there already, and is not overwritten" for path in there])
    listed = folder / AUTHORIZED_KEYS
    made = [folder / HUB_KEY]
    save_pair(made[0], pair, "the key pair of a hub")
    try:
        made.append(folder / HUB_PUBLIC)
        save_hub_public(made[1], pair.public)
        if not listed.exists():
            AuthorizedFile(listed).create()
    except ConfigError:
        for path in made:
            path.unlink(missing_ok=True)
        raise


@keys_app.command("trust")
def keys_trust(
    hub_public_key: Annotated[str, typer.Argument(help="The public key of the hub to connect to.")],
    replace: Annotated[bool, typer.Option("--replace", help="Even if another hub is trusted now.")] = False,
    keys: Folder = None,
) -> None:
    """Trust a hub: connect to whoever has this key, and to nobody else."""
    from netsiege.keys import HUB_PUBLIC, load_hub_public, public_text, read_public, save_hub_public

    key = read_public(hub_public_key)
    path = _folder(keys) / HUB_PUBLIC
    if path.exists() and not replace:
        trusted = load_hub_public(path)
        if trusted != key:
            raise ConfigError(
                f"{path}: trusts another hub, {public_text(trusted)}; to change that: --replace"
            )
    save_hub_public(path, key, replace=True)
    print(f"{path}: trusts {public_text(key)}")


@keys_app.command("show")
def keys_show(keys: Folder = None) -> None:
    """Show what is in the keys folder: public keys, never a secret. Exit code 1 if anything is wrong."""
    from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, HUB_PUBLIC, IDENTITY, OTHERS_WRITE, command

    folder = _folder(keys)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is not there; type: {command('new', folder)}")
    problems: list[str] = []
    if folder.stat().st_mode & OTHERS_WRITE:
        problems.append(f"{folder}: others may write it; type: chmod go-w {_quoted(folder)}")
    print(folder)
    for name, what in (
        (IDENTITY, "your key"),
        (HUB_PUBLIC, "the hub you trust"),
        (HUB_KEY, "your hub's key"),
        (AUTHORIZED_KEYS, "whom your hub lets in"),
    ):
        shown = "not there"
        if (folder / name).exists():
            try:
                shown = _content(folder / name)
            except ConfigError as error:
                shown = "wrong, see below"
                problems.extend(error.problems)
        print(f"  {name:<16} {what:<22} {shown}")
    sys.stdout.flush()
    for problem in problems:
        print(f"netsiege: {problem}", file=sys.stderr)
    if problems:
        _fail()


def _content(path: Path) -> str:
    """What everybody may know of a file in a keys folder."""
    from netsiege.hub.authority import AuthorizedFile
    from netsiege.keys import AUTHORIZED_KEYS, HUB_PUBLIC, load_hub_public, load_pair, public_text

    if path.name == AUTHORIZED_KEYS:
        authorized = AuthorizedFile(path).load()
        return f"keys: {len(authorized.keys)}, invitations: {len(authorized.invitations)}"
    return public_text(load_hub_public(path) if path.name == HUB_PUBLIC else load_pair(path).public)


@keys_app.command("authorize")
def keys_authorize(
    public_key: Annotated[str, typer.Argument(help="The public key to let in.")],
    name: Annotated[str, typer.Argument(help="Whose it is; under this name it is revoked.")],
    right: RightOption = "agent",
    role: Roles = None,
    room: Rooms = None,
    expires: Annotated[
        Optional[str], typer.Option(help="After 30d, 12h, 90m, or on 2026-12-31 (UTC).")
    ] = None,
    keys: Folder = None,
) -> None:
    """Let a public key in at your hub."""
    from netsiege.keys import command, read_public
    from netsiege.show_keys import describe

    folder = _folder(keys)
    key = read_public(public_key)
    grant = _grant(name, right, role, room, _until("--expires", expires))
    file = _authorized(folder)
    file.load()  # says what to do if there is none
    file.add(key, grant)
    print(describe(grant))
    _say(f"To take it back: {command(f'revoke {_quoted(name)}', folder)}")


@keys_app.command("invite")
def keys_invite(
    name: Annotated[str, typer.Argument(help="Whom; under this name the key is revoked later.")],
    right: RightOption = "agent",
    lasts: Annotated[
        str, typer.Option("--for", help="How long the invitation is good: 7d, 12h, 90m, a date.")
    ] = "7d",
    role: Roles = None,
    room: Rooms = None,
    expires: Annotated[
        Optional[str], typer.Option(help="When the key expires that is enrolled with it. Default: never.")
    ] = None,
    keys: Folder = None,
) -> None:
    """Invite somebody: prints a token that enrols one new key, once. Whoever has the token is invited."""
    import secrets

    from netsiege.keys import KEY_BYTES, KeyPair, command, invitation_text
    from netsiege.show_keys import describe

    folder = _folder(keys)
    grant = _grant(name, right, role, room, _until("--for", lasts), _until("--expires", expires))
    file = _authorized(folder)
    file.load()  # says what to do if there is none
    hub = _hub_public(folder)
    seed = secrets.token_bytes(KEY_BYTES)
    file.invite(KeyPair.from_secret(seed).public, grant)
    print(invitation_text(hub, seed))
    _say(
        describe(grant),
        "Send the token by a way that only they can read. On their machine, with your hub's address:",
        "    netsiege keys accept TOKEN --hub tcp://HOST:9100",
        f"To take it back: {command(f'revoke {_quoted(name)}', folder)}",
    )


@keys_app.command("accept")
def keys_accept(
    token: Annotated[str, typer.Argument(help="The invitation, or - to read it from stdin.")],
    hub: Annotated[str, typer.Option("--hub", help="Where the hub listens for agents: tcp://HOST:9100.")],
    keys: Folder = None,
) -> None:
    """Accept an invitation: makes a key pair if there is none, enrols it at the hub, and trusts the hub."""
    from netsiege.enrol import enrol
    from netsiege.keys import HUB_PUBLIC, IDENTITY, load_hub_public, load_pair, read_invitation
    from netsiege.show_keys import first_command
    from netsiege.shown import shown
    from netsiege.wire import check_address

    folder = _folder(keys)
    address = check_address(hub)
    invitation = read_invitation(sys.stdin.readline(_TOKEN_MAX_CHARS) if token == "-" else token)  # noqa: S105  # the word for stdin
    identity, trusted = folder / IDENTITY, folder / HUB_PUBLIC
    if trusted.exists() and load_hub_public(trusted) != invitation.hub:
        raise ConfigError(f"{trusted}: trusts another hub; keep the keys for this one elsewhere: --keys DIR")
    own = load_pair(identity) if identity.exists() else _new_identity(folder)
    enrolled = enrol(address, invitation, own.public)
    _trust_enrolled(trusted, invitation.hub)
    print(f"You are {shown(enrolled.name)} at {address}, with the right {shown(enrolled.right)}.")
    _say(f"Now type: {first_command(str(enrolled.right), address, folder)}")


def _trust_enrolled(path: Path, hub: bytes) -> None:
    """Writes down the hub to trust when nothing can be taken back any more."""
    from netsiege.keys import command, public_text, save_hub_public

    try:
        save_hub_public(path, hub, replace=True)
    except ConfigError as error:
        mend = command(f"trust {public_text(hub)}", path.parent)
        raise ConfigError([*error.problems, f"the key is enrolled; what is missing: {mend}"]) from None


@keys_app.command("list")
def keys_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, keys in full.")] = False,
    keys: Folder = None,
) -> None:
    """List the keys and invitations of your hub."""
    from netsiege.show_keys import listing, print_listing

    listed = listing(_authorized(_folder(keys)).load(), _now())
    if as_json:
        print(json.dumps([each.as_dict() for each in listed], indent=2))
    else:
        print_listing(listed)


@keys_app.command("revoke")
def keys_revoke(
    who: Annotated[str, typer.Argument(help="A name, a public key, or an invitation (sha256:… or itself).")],
    keys: Folder = None,
) -> None:
    """Take back a key or an invitation. A hub that runs ends its sessions at once."""
    for gone in _authorized(_folder(keys)).revoke(who):
        print(f"revoked {gone}")


# --- what the commands share ------------------------------------------------------------------------------


def _folder(keys: Path | None) -> Path:
    from netsiege.keys import default_folder

    return keys.expanduser() if keys is not None else default_folder()


def _new_identity(folder: Path) -> KeyPair:
    from netsiege.keys import IDENTITY, KeyPair, save_pair

    pair = KeyPair.new()
    save_pair(folder / IDENTITY, pair, "the key pair of an agent, a worker or a person")
    return pair


def _authorized(folder: Path) -> AuthorizedFile:
    from netsiege.hub.authority import AuthorizedFile
    from netsiege.keys import AUTHORIZED_KEYS

    return AuthorizedFile(folder / AUTHORIZED_KEYS)


def _hub_public(folder: Path) -> bytes:
    """The public key of the hub whose list is in the folder."""
    from netsiege.keys import HUB_KEY, HUB_PUBLIC, load_hub_public, load_pair

    own = folder / HUB_KEY
    return load_pair(own).public if own.exists() else load_hub_public(folder / HUB_PUBLIC)


def _grant(
    name: str,
    right: str,
    roles: Sequence[str] | None,
    rooms: Sequence[str] | None,
    expires: datetime | None,
    key_expires: datetime | None = None,
) -> Grant:
    """What the options of a command ask for; the file checks names, roles and rooms."""
    from netsiege.hub.authority import Grant, Right
    from netsiege.hub.grants import GAME_ROLES, nearest

    if right not in tuple(Right):
        raise ConfigError(f"--right {right}: choose from {', '.join(Right)}{nearest(right, Right)}")
    known = {role.lower(): role for role in GAME_ROLES}
    spelled = tuple(known.get(role.lower(), role) for role in roles or ())
    return Grant(name, Right(right), spelled, tuple(rooms or ()), expires, key_expires)


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC).replace(microsecond=0)


def _until(option: str, text: str | None) -> datetime | None:
    """The moment that a span of time from now, or a date, means. Raises `ConfigError`, for the past too."""
    from datetime import timedelta

    from netsiege.hub.grants import moment_text, read_moment

    if text is None:
        return None
    now = _now()
    span = re.fullmatch(r"(\d{1,9})([dhm])", text, re.ASCII)
    try:
        moment = now + timedelta(seconds=int(span[1]) * _UNITS_S[span[2]]) if span else read_moment(text)
    except OverflowError:
        raise ConfigError(f"{option} {text}: is longer than the calendar") from None
    except ValueError:
        raise ConfigError(f"{option} {text}: say 30d, 12h, 90m, or a date such as 2026-12-31") from None
    if moment <= now:
        raise ConfigError(f"{option} {text}: {moment_text(moment)} is not in the future")
    return moment


def _quoted(text: str | Path) -> str:
    return shlex.quote(str(text))


def _say(*lines: str) -> None:
    """What people may want to know; stdout is for what they may want to keep."""
    for line in lines:
        print(line, file=sys.stderr)


def _fail() -> None:
    from netsiege.cli import EXIT_FAILED

    raise typer.Exit(EXIT_FAILED)
