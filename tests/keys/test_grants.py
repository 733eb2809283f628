"""Rights, grants, and the lines of a file of authorised keys."""

import hashlib
import re
import shlex
import time
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.hub import grants
from netsiege.hub.authority import Authorized, Grant, Right
from netsiege.hub.grants import GAME_ROLES, HEADER, Entry, line_of, moment_text, read_moment
from netsiege.keys import KeyPair, invitation_text, public_text
from netsiege.protocol import SessionRole, clean_name

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAIRS = [KeyPair.from_secret(bytes([n]) * 32) for n in range(4)]
KEYS = [public_text(pair.public) for pair in PAIRS]
INVITED = "invitation:sha256:" + hashlib.sha256(PAIRS[3].public).hexdigest()


def read(*lines):
    return Authorized.read("\n".join(lines), "file")


def problems_of(*lines):
    with pytest.raises(ConfigError) as refused:
        read(*lines)
    return refused.value.problems


# --- what grants allow ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "roles"),
    [
        (Right.AGENT, {SessionRole.AGENT}),
        (Right.WORKER, set()),
        (Right.SPECTATOR, {SessionRole.SPECTATOR}),
        (Right.ADMIN, set(SessionRole)),
    ],
)
def test_right_allows_its_session_roles_and_no_others(right, roles):
    assert {role for role in SessionRole if Grant("x", right).may_be(role)} == roles


def test_grant_without_limits_allows_every_role_and_room_for_ever():
    grant = Grant("x", Right.AGENT)
    assert all(grant.may_play(role) for role in GAME_ROLES)
    assert grant.may_enter("default")
    assert grant.valid_at(datetime.max.replace(tzinfo=UTC))


def test_grant_with_roles_allows_only_those():
    grant = Grant("x", Right.AGENT, roles=("Attacker", "Benign"))
    assert [grant.may_play(role) for role in GAME_ROLES] == [True, False, True]
    assert not grant.may_play("attacker")


@pytest.mark.parametrize(
    ("room", "allowed"),
    [("default", True), ("cup-1", True), ("cup-", True), ("Cup-1", False), ("a-cup-1", False), ("", False)],
)
def test_grant_with_rooms_allows_what_a_pattern_matches_in_whole_and_case(room, allowed):
    assert Grant("x", Right.AGENT, rooms=("cup-*", "default")).may_enter(room) is allowed


def test_grant_ends_at_the_moment_it_expires():
    grant = Grant("x", Right.AGENT, expires=NOW)
    assert grant.valid_at(NOW - SECOND)
    assert not grant.valid_at(NOW)


@pytest.mark.parametrize("field", ["expires", "key_expires"])
def test_grant_with_a_time_without_zone_is_refused(field):
    with pytest.raises(ValueError, match=f"{field} needs a time zone"):
        Grant("x", Right.AGENT, **{field: datetime(2026, 1, 1)})


def test_game_roles_are_those_of_the_game():
    assert [role.value for role in AgentRole] == list(GAME_ROLES)


# --- reading ----------------------------------------------------------------------------------------------


def test_file_of_keys_and_invitations_is_read_as_written():
    found = read(
        HEADER,
        f"{KEYS[0]} alice agent",
        "  # a comment, ns-public-nothing",
        f"\t{KEYS[1]}  'Bob the \"worker\"' worker expires=2026-12-31T00:00:00Z\r",
        f'{KEYS[2]} "carl" admin roles=Attacker,Benign rooms="my room,cup-*"',
        f"{INVITED} dora agent key_expires=2027-01-01 expires=2026-12-31T01:00:00+01:00",
    )
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    assert found.keys == {
        PAIRS[0].public: Grant("alice", Right.AGENT),
        PAIRS[1].public: Grant('Bob the "worker"', Right.WORKER, expires=datetime(2026, 12, 31, tzinfo=UTC)),
        PAIRS[2].public: Grant("carl", Right.ADMIN, ("Attacker", "Benign"), ("my room", "cup-*")),
    }
    assert found.invitations == {
        hashlib.sha256(PAIRS[3].public).digest(): Grant(
            "dora", Right.AGENT, expires=datetime(2026, 12, 31, tzinfo=UTC), key_expires=new_year
        )
    }


@pytest.mark.parametrize("text", ["", "\n\n", HEADER, "# only a comment"])
def test_file_without_entries_lets_nobody_in(text):
    assert Authorized.read(text, "file") == Authorized()


def test_expired_entries_grant_nothing():
    found = read(
        f"{KEYS[0]} alice agent expires=2026-07-01T12:00:00Z",
        f"{INVITED} dora agent expires=2026-07-01T12:00:00Z",
    )
    assert found.grant_of(PAIRS[0].public, NOW - SECOND).name == "alice"
    assert found.invitation_of(PAIRS[3].public, NOW - SECOND).name == "dora"
    assert found.grant_of(PAIRS[0].public, NOW) is None
    assert found.invitation_of(PAIRS[3].public, NOW) is None


def test_key_of_an_invitation_is_no_authorised_key_and_a_key_is_no_invitation():
    found = read(f"{KEYS[0]} alice agent", f"{INVITED} dora agent")
    assert found.grant_of(PAIRS[3].public, NOW) is None
    assert found.grant_of(hashlib.sha256(PAIRS[3].public).digest(), NOW) is None
    assert found.invitation_of(PAIRS[0].public, NOW) is None
    assert found.grant_of(PAIRS[1].public, NOW) is None


def test_what_was_read_cannot_be_changed():
    found = read(f"{KEYS[0]} alice agent")
    with pytest.raises(TypeError):
        found.keys[PAIRS[1].public] = Grant("eve", Right.ADMIN)


TOKEN = invitation_text(PAIRS[0].public, PAIRS[1].secret)
SECRET = KEYS[0].replace("ns-public-", "ns-secret-")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{KEYS[0]} alice", "expected a public key, a name and a right"),
        (f"{KEYS[0]} 'alice agent", "a quotation does not end"),
        (f"{KEYS[0]} alice agent \\", "a quotation does not end"),
        ("alice agent agent", "'alice' is not a public key, which begins with ns-public-"),
        (f"{KEYS[0][:-3]} alice agent", "a public key has 43 characters after ns-public-, not 40"),
        (
            f"{public_text(bytes(32))} alice agent",
            "that public key protects nothing: it is a point of small order",
        ),
        (
            "invitation:sha256:AB alice agent",
            "an invitation is invitation:sha256: and 64 lower-case hexadecimal digits",
        ),
        (f"{KEYS[0]} '' agent", "a name has 1 to 64 characters, not ''"),
        (f"{KEYS[0]} {'x' * 65} agent", f"a name has 1 to 64 characters, not '{'x' * 65}'"),
        (f"{KEYS[0]} a\u200bb agent", "a name has printable characters only, not 'a\\u200bb'"),
        (f"{KEYS[0]} {KEYS[1]} agent", f"the name '{KEYS[1][:39]} looks like a key"),
        (f"{KEYS[0]} sha256:x agent", "the name 'sha256:x' looks like a key"),
        (
            f"{KEYS[0]} alice wrker",
            "'wrker' is no right: agent, worker, spectator, admin; nearest: worker",
        ),
        (f"{KEYS[0]} alice xyz", "'xyz' is no right: agent, worker, spectator, admin"),
        (
            f"{KEYS[0]} alice agent role=Attacker",
            "'role=Attacker' is no option: roles, rooms, expires; nearest: roles",
        ),
        (f"{KEYS[0]} alice agent roles", "'roles' is no option: roles, rooms, expires; nearest: roles"),
        (f"{KEYS[0]} alice agent # hi, there", "a comment stands on a line of its own"),
        (
            f"{KEYS[0]} alice agent key_expires=2027-01-01",
            "'key_expires=2027-01-01' is no option: roles, rooms, expires; nearest: expires",
        ),
        (f"{KEYS[0]} alice agent rooms=a rooms=b", "rooms= stands there twice"),
        (
            f"{KEYS[0]} alice agent roles=attacker",
            "roles=: 'attacker' is no game role: Attacker, Defender, Benign; nearest: Attacker",
        ),
        (f"{KEYS[0]} alice agent roles=", "roles=: '' is no game role: Attacker, Defender, Benign"),
        (f"{KEYS[0]} alice agent rooms=a,,b", "rooms=: a name has 1 to 64 characters, not ''"),
        (
            f"{KEYS[0]} alice agent expires=never",
            "expires=: 'never' is no moment such as 2026-12-31T00:00:00Z",
        ),
        (
            f"{KEYS[0]} alice agent expires=2026-12-31T00:00:00",
            "expires=: '2026-12-31T00:00:00' is no moment such as 2026-12-31T00:00:00Z",
        ),
        (
            f"{KEYS[0]} alice agent expires=0001-01-01T00:00:00+01:00",
            "expires=: '0001-01-01T00:00:00+01:00' is no moment such as 2026-12-31T00:00:00Z",
        ),
        (f"{KEYS[0]} alice worker roles=Attacker", "roles= says nothing of a worker"),
        (f"{KEYS[0]} alice worker rooms=a", "rooms= says nothing of a worker"),
        (f"{KEYS[0]} alice spectator roles=Attacker", "roles= says nothing of a spectator"),
        (
            f"{SECRET} alice agent",
            "holds a secret key: take it out and make a new one, others may have read it",
        ),
        (
            f"# {TOKEN}",
            "holds an invitation's secret: take it out and make a new one, others may have read it",
        ),
        (f"{KEYS[0]} alice agent rooms={'x' * 5_000}", "is longer than 4096 characters"),
    ],
)
def test_line_that_is_wrong_says_why_and_where(line, said):
    assert problems_of("# first", line) == (f"file: line 2: {said}",)


def test_file_with_many_mistakes_names_them_all():
    assert problems_of(
        f"{KEYS[0]} alice agnt roles=Atacker expires=soon",
        f"{KEYS[0]} bob agent",
        "",
        f"{KEYS[1]} bob worker",
        f"{KEYS[0]} carl worker",
        f"{INVITED} carl agent",
        f"{INVITED} dora agent",
    ) == (
        "file: line 1: 'agnt' is no right: agent, worker, spectator, admin; nearest: agent",
        "file: line 1: roles=: 'Atacker' is no game role: Attacker, Defender, Benign; nearest: Attacker",
        "file: line 1: expires=: 'soon' is no moment such as 2026-12-31T00:00:00Z",
        "file: line 4: the name 'bob' is that of line 2 too",
        "file: line 5: the key is that of line 2 too",
        "file: line 6: the name 'carl' is that of line 5 too",
        "file: line 7: the key is that of line 6 too",
    )


def test_message_about_a_secret_does_not_repeat_it():
    said = str(problems_of(f"{KEYS[0]} alice agent {SECRET}", f"x {TOKEN}"))
    assert SECRET[10:30] not in said
    assert TOKEN[60:] not in said


def test_file_of_more_than_a_mebibyte_is_refused():
    assert problems_of("# " + "x" * (1 << 20)) == ("file: is larger than 1,048,576 bytes",)


def test_file_full_of_nonsense_is_refused_in_seconds():
    """As long as a file may be, each line wrong: a hub that reads it goes on soon."""
    line = f"{KEYS[0]} 'x y' {'a' * 1_900} {'b' * 1_900}=1\n"
    began_s = time.monotonic()
    assert len(problems_of(line * ((1 << 20) // len(line)))) > 500
    assert time.monotonic() - began_s < 20


# --- writing ----------------------------------------------------------------------------------------------


def is_clean(text):
    """Whether `text` is a name that nobody can take for a key."""
    try:
        return clean_name(text) == text and not re.search("ns-|invitation:|sha256:", text)
    except ValueError:
        return False


characters = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
names = st.text(characters, min_size=1, max_size=64).map(str.strip).filter(is_clean)
patterns = names.map(lambda text: text.replace(",", "?")).filter(is_clean)
moments = st.none() | st.datetimes(
    datetime(1000, 1, 1),
    datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))]),
)


@st.composite
def entries(draw):
    invites = draw(st.booleans())
    right = draw(st.sampled_from(Right))
    plays = right in (Right.AGENT, Right.ADMIN)
    roles = draw(st.lists(st.sampled_from(GAME_ROLES), unique=True)) if plays else ()
    rooms = draw(st.lists(patterns, max_size=4)) if right != Right.WORKER else ()
    key_expires = draw(moments) if invites else None
    grant = Grant(draw(names), right, tuple(roles), tuple(rooms), draw(moments), key_expires)
    return Entry(draw(st.sampled_from(PAIRS)).public, invites, grant)


@given(entries())
def test_line_of_any_grant_reads_back_as_the_same(entry):
    line = line_of(entry)
    assert "\n" not in line
    found = Authorized.read(f"# above\n{line}\n# below", "file")
    assert (found.invitations if entry.invites else found.keys) == {entry.key: entry.grant}


@given(entries())
def test_line_of_any_grant_is_split_as_a_shell_splits_it(entry):
    line = line_of(entry)
    assert grants._split(line) == shlex.split(line)


@given(st.text(st.characters(exclude_characters="\n'\"\\", codec="utf-8")))
def test_line_without_quotes_is_split_as_a_shell_splits_it(line):
    assert grants._split(line) == shlex.split(line)


@given(st.lists(st.text() | entries().map(line_of), max_size=4), st.data())
def test_text_of_any_kind_is_read_or_refused_with_its_lines(lines, data):
    text = "\n".join(lines)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(st.text(max_size=3)) + text[at + 1 :]
    try:
        found = Authorized.read(text, "file")
    except ConfigError as error:
        assert all(problem.startswith("file: line ") for problem in error.problems)
    else:
        for grant in [*found.keys.values(), *found.invitations.values()]:
            assert clean_name(grant.name) == grant.name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "two\nlines"}, "a name has printable characters only"),
        ({"name": TOKEN[:60]}, "holds an invitation's secret"),
        ({"rooms": ("a,b",)}, "a pattern of rooms cannot have a comma: a ? stands for any character"),
        ({"rooms": ("a\nns",)}, "a name has printable characters only"),
        ({"roles": ("Hacker",)}, "'Hacker' is no game role"),
        ({"right": Right.WORKER, "rooms": ("a",)}, "rooms= says nothing of a worker"),
        ({"key_expires": NOW}, "is no option: roles, rooms, expires"),
    ],
)
def test_grant_that_no_line_can_say_is_refused(change, said):
    grant = attrs.evolve(Grant("alice", Right.AGENT), **change)
    with pytest.raises(ConfigError) as refused:
        line_of(Entry(PAIRS[0].public, False, grant))
    assert said in str(refused.value)


def test_moment_is_written_in_utc_and_read_in_any_zone():
    moment = datetime(2026, 12, 31, 1, tzinfo=timezone(timedelta(hours=1)))
    assert moment_text(moment) == "2026-12-31T00:00:00Z"
    for text in ("2026-12-31T00:00:00Z", "2026-12-31", "2026-12-31T01:00+01:00"):
        assert read_moment(text) == moment
        assert read_moment(text).tzinfo is UTC
