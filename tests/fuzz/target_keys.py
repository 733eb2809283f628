"""Keys, invitations and files of authorised keys: what people paste and edit.

Whatever it is, it is read, or refused with `ConfigError`; a refusal never repeats a secret, and an edit that
is refused leaves the file as it was.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from netsiege.errors import ConfigError
from netsiege.hub.authority import Authorized, AuthorizedFile
from netsiege.hub.gate import KeyGate
from netsiege.hub.grants import HEADER, INVITED, digest_of, line_of, read_entries, read_moment
from netsiege.hub.limits import Limits
from netsiege.keys import (
    HUB_KEY,
    HUB_PUBLIC,
    INVITE_PREFIX,
    SECRET_PREFIX,
    KeyPair,
    invitation_text,
    load_hub_public,
    load_pair,
    public_text,
    read_invitation,
    read_public,
    save_hub_public,
    save_pair,
)
from tests.fuzz import scratch
from tests.fuzz.tape import Tape, written
from tests.fuzz.values import TEXTS, torn

MAX_BYTES: Final = 400
BENT: Final = 0x80
"""Added to the number of a reader: the rest is a tape that bends a sample, not the text itself."""
NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
WHERE: Final = "authorized_keys"
SECRET: Final = re.compile(f"(?:{SECRET_PREFIX}|{INVITE_PREFIX})([A-Za-z0-9_-]{{24,}})")
PAIRS: Final = tuple(KeyPair.from_secret(bytes([number]) * 32) for number in range(1, 5))
WORDS: Final = (
    *TEXTS, "agent", "worker", "spectator", "admin", "roles=Attacker,Benign", "rooms=cup-*,d?", "rooms=[",
    "expires=2030-01-01", "expires=2030-01-01T00:00:00+99:00", "expires=9999-12-31T23:59:59-23:59",
    "expires=0001-01-01T00:00:00+23:59", "key_expires=2030-12-31T00:00:00Z", "'two words'", '"', "\\", "#",
    "roles=", "=", "invitation:sha256:" + "0" * 64, "ns-public-", "ns-public-" + "A" * 43,
    "ns-secret-" + "A" * 43, "ns-invite-" + "B" * 86, "\u2028", "\r", "\t", "\x85",
)  # fmt: skip  # a bag of words, not a table


@cache
def _folder() -> Path:
    return scratch.folder() / "keys"


@cache
def _samples() -> dict[str, bytes]:
    """What each reader accepts."""
    folder, own = _folder(), PAIRS[0]
    save_pair(folder / "sample.key", own, "a sample")
    save_hub_public(folder / "sample.pub", own.public)
    lines = [
        f"{public_text(PAIRS[0].public)} ann agent roles=Attacker,Benign rooms=cup-*,default",
        f"{public_text(PAIRS[1].public)} 'bob b' worker expires=2030-12-31T00:00:00Z",
        f"{INVITED}{digest_of(PAIRS[2].public).hex()} eve spectator key_expires=2030-12-31T00:00:00Z",
    ]
    return {
        "public": public_text(own.public).encode(),
        "invitation": invitation_text(own.public, PAIRS[1].secret).encode(),
        "authorized": (HEADER + "\n".join(lines) + "\n").encode(),
        "pair": (folder / "sample.key").read_bytes(),
        "hub": (folder / "sample.pub").read_bytes(),
        "moment": b"2026-12-31T00:00:00Z",
        "zap": bytes(12),
    }


# --- readers ----------------------------------------------------------------------------------------------


def _public(text: bytes) -> None:
    said = text.decode(errors="replace")
    assert public_text(read_public(said)) == said


def _invitation(text: bytes) -> None:
    keys = read_invitation(text.decode(errors="replace"))
    again = invitation_text(keys.hub, keys.own.secret)
    assert read_invitation(again) == keys


def _authorized(text: bytes) -> None:
    said = text.decode(errors="replace")
    told = Authorized.read(said, WHERE)
    entries = read_entries(said, WHERE)
    assert len(entries) == len(told.keys) + len(told.invitations)
    for entry in entries:
        again = Authorized.read(line_of(entry), WHERE)
        kept = again.invitations if entry.invites else again.keys
        assert kept[entry.key] == entry.grant
        told.grant_of(entry.key, NOW)
        entry.grant.may_enter("default")


def _pair(text: bytes) -> None:
    path = _written(HUB_KEY, text)
    pair = load_pair(path)
    assert KeyPair.from_secret(pair.secret) == pair


def _hub(text: bytes) -> None:
    load_hub_public(_written(HUB_PUBLIC, text))


def _moment(text: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_moment(text.decode(errors="replace"))


def _edited(text: bytes) -> None:
    """Edits of a file with that text: each is made as a whole, or refused and nothing has changed."""
    path = _written(WHERE, text)
    file, new = AuthorizedFile(path), PAIRS[3].public
    said = text.decode(errors="replace")
    edits: tuple[Callable[[], Any], ...] = (
        lambda: file.redeem(PAIRS[2].public, new, NOW),
        lambda: file.revoke(said.split()[-1] if said.split() else said),
        lambda: file.revoke("ann"),
        lambda: file.add(
            new, Authorized.read(_samples()["authorized"].decode(), WHERE).keys[PAIRS[0].public]
        ),
    )
    for edit in edits:
        before = path.read_bytes()
        try:
            edit()
        except ConfigError as error:
            assert path.read_bytes() == before, "a refused edit has changed the file"
            _check_refusal(error, said)
        else:
            assert path.read_bytes() != before
            file.load()


@cache
def _gate() -> KeyGate:
    file = AuthorizedFile(_written("gate_keys", _samples()["authorized"]))
    return KeyGate(PAIRS[3], file, lambda: NOW, Limits(connections_per_key_s=1e9))


def _connection(said: bytes) -> None:
    """What libzmq asks about a connection, as far as a peer can say what is in it."""
    tape = Tape(said)
    port, mechanism = (
        tape.pick((b"agents", b"workers")),
        tape.pick((b"CURVE", b"NULL", b"PLAIN", tape.short())),
    )
    address, routing_id = tape.pick((b"192.0.2.1", b"::1", b"", tape.short())), tape.short()
    known = [pair.public for pair in PAIRS]
    shown = [tape.pick((*known, tape.short(), bytes(32))) for _ in range(1 + tape.below(2))]
    version, number, status, reason, user, rest = _gate().answer(
        [b"1.0", b"7", port, address, routing_id, mechanism, *shown]
    )
    assert (version, number, rest) == (b"1.0", b"7", b"")
    assert status in (b"200", b"300", b"400")
    if status != b"200":
        assert not user
        assert reason.decode().isprintable()
        return
    assert (mechanism, [bytes.fromhex(user.decode())]) == (b"CURVE", shown)
    assert shown[0] == (PAIRS[1].public if port == b"workers" else shown[0])
    assert shown[0] in known[:3], "a stranger is let in"


def _written(name: str, text: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(text)
    path.chmod(0o600)
    return path


READERS: Final[tuple[tuple[str, Callable[[bytes], None]], ...]] = (
    ("public", _public),
    ("invitation", _invitation),
    ("authorized", _authorized),
    ("pair", _pair),
    ("hub", _hub),
    ("moment", _moment),
    ("authorized", _edited),
    ("zap", _connection),
)


# --- inputs -----------------------------------------------------------------------------------------------


def _bent(tape: Tape, sample: bytes) -> bytes:
    """Another word in some line; or bytes changed."""
    if tape.chance(3):
        return torn(tape, sample)
    lines = sample.decode().split("\n")
    for _ in range(1 + tape.below(3)):
        at = tape.below(len(lines))
        words = lines[at].split(" ")
        place, word = tape.below(len(words)), tape.pick(WORDS)
        kind = tape.below(5)
        if kind == 0:
            words[place] = word
        elif kind == 1:
            words.insert(place, word)
        elif kind == 2:
            del words[place]
        elif kind == 3:
            words[place] += word
        else:
            words = [*words, *tape.pick(lines).split(" ")]
        lines[at] = " ".join(words)
    return "\n".join(lines).encode(errors="replace")


def _check_refusal(error: ConfigError, said: str) -> None:
    assert error.problems
    for found in SECRET.finditer(said):
        assert found[1] not in str(error), "a refusal repeats a secret"
    for line in error.problems:
        assert line, "a problem without words"
        assert line.isprintable(), repr(line)


def one_input(data: bytes) -> None:
    """A reader's number, and then a text, or a tape that bends a sample."""
    number = data[0] if data else 0
    name, read = READERS[(number & ~BENT) % len(READERS)]
    sample = _samples()[name]
    text = _bent(Tape(data[1:]), sample) if number & BENT else data[1:]
    try:
        read(text)
    except ConfigError as error:
        _check_refusal(error, text.decode(errors="replace"))


def seeds() -> list[bytes]:
    """What each reader accepts, as it is, and bent."""
    whole = [bytes([i]) + _samples()[name][:MAX_BYTES] for i, (name, _) in enumerate(READERS)]
    entries = _samples()["authorized"][len(HEADER) :]
    whole += [written(i) + entries for i, (name, _) in enumerate(READERS) if name == "authorized"]
    return [
        *whole,
        *(written(BENT | i, 0, 0, 3, 1, word, 0) for i in range(len(READERS)) for word in range(40, 56)),
    ]
