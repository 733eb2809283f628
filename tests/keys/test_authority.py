"""The file of authorised keys: loads, edits, and many processes at once."""

import fcntl
import hashlib
import multiprocessing
import os
import stat
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from netsiege.errors import ConfigError
from netsiege.hub import authority
from netsiege.hub.authority import Authorized, AuthorizedFile, Grant, Right
from netsiege.hub.grants import HEADER, digest_of
from netsiege.keys import KeyPair, invitation_text, public_text

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PAIRS = [KeyPair.from_secret(bytes([n]) * 32) for n in range(8)]
KEYS = [pair.public for pair in PAIRS]
ALICE = Grant("alice", Right.AGENT)
BOB = Grant("Bob B.", Right.ADMIN, ("Attacker",), ("cup-*",), NOW + DAY)
COMMENTED = f"""\
# our people
{public_text(KEYS[0])} alice agent

   # Bob, as long as he is here\r
{public_text(KEYS[1])}  'Bob B.'  admin   roles=Attacker rooms='cup-*' expires=2026-07-02T12:00:00Z
# the end, without a newline"""


@pytest.fixture
def file(tmp_path):
    """A file with nobody in it yet."""
    file = AuthorizedFile(tmp_path / "authorized_keys")
    file.create()
    return file


@pytest.fixture
def commented(tmp_path):
    """A file that people have edited by hand."""
    path = tmp_path / "authorized_keys"
    path.write_bytes(COMMENTED.encode())
    return AuthorizedFile(path)


def text_of(file):
    return file.path.read_bytes().decode()


# --- loading ----------------------------------------------------------------------------------------------


def test_file_created_explains_itself_and_lets_nobody_in(file):
    assert text_of(file) == HEADER
    assert "No secret is ever in this file" in HEADER
    assert file.load() == Authorized()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="is there already"):
        file.create()


def test_file_that_is_missing_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(ConfigError) as refused:
        AuthorizedFile(tmp_path / "authorized_keys").load()
    assert str(refused.value).endswith(f"is not there; type: netsiege keys new --hub --keys {tmp_path}")


def test_file_with_a_mistake_names_file_and_line(file):
    file.path.write_text("alice agent\n")
    with pytest.raises(
        ConfigError, match=f"^{file.path}: line 1: expected a public key, a name and a right$"
    ):
        file.load()


@pytest.mark.parametrize("bit", [0o020, 0o002])
def test_file_that_others_may_write_is_refused_and_not_edited(commented, bit):
    commented.path.chmod(0o600 | bit)
    for use in (
        commented.load,
        lambda: commented.add(KEYS[2], Grant("eve", Right.ADMIN)),
        lambda: commented.revoke("alice"),
    ):
        with pytest.raises(ConfigError, match="others may write it; type: chmod go-w "):
            use()
    assert text_of(commented) == COMMENTED


def test_file_that_others_may_read_is_taken(commented):
    commented.path.chmod(0o644)
    assert commented.load().keys == {KEYS[0]: ALICE, KEYS[1]: BOB}


# --- noticing changes -------------------------------------------------------------------------------------


def test_change_is_noticed_until_the_next_load(file):
    assert file.changed()
    file.load()
    assert not file.changed()
    AuthorizedFile(file.path).add(KEYS[0], ALICE)
    assert file.changed()
    file.load()
    assert not file.changed()


def test_change_in_place_of_the_same_size_is_noticed(commented):
    commented.load()
    commented.path.write_bytes(COMMENTED.replace("alice", "malik").encode())
    os.utime(commented.path, ns=(1, 1))
    assert commented.changed()


def test_file_that_vanishes_and_comes_back_is_noticed(file):
    file.load()
    file.path.rename(file.path.with_name("away"))
    assert file.changed()
    with pytest.raises(ConfigError, match="is not there"):
        file.load()
    assert not file.changed()
    file.path.with_name("away").rename(file.path)
    assert file.changed()


def test_file_that_cannot_be_read_is_not_read_again_until_it_changes(file):
    file.path.write_text("nonsense\n")
    with pytest.raises(ConfigError):
        file.load()
    assert not file.changed()


# --- editing ----------------------------------------------------------------------------------------------


def test_key_added_is_authorised(file):
    file.add(KEYS[0], ALICE)
    file.add(KEYS[1], BOB)
    assert file.load() == Authorized({KEYS[0]: ALICE, KEYS[1]: BOB})
    assert text_of(file).startswith(HEADER)


def test_key_added_where_there_is_no_file_makes_one(tmp_path):
    file = AuthorizedFile(tmp_path / "new" / "authorized_keys")
    file.add(KEYS[0], ALICE)
    assert file.load().keys == {KEYS[0]: ALICE}
    assert text_of(file).startswith(HEADER)


def test_edits_keep_comments_and_all_other_lines_to_the_byte(commented):
    commented.add(KEYS[2], Grant("carl", Right.WORKER))
    line = f"{public_text(KEYS[2])} carl worker\n"
    assert text_of(commented) == f"{COMMENTED}\n{line}"
    commented.revoke("alice")
    kept = COMMENTED.replace(f"{public_text(KEYS[0])} alice agent\n", "")
    assert text_of(commented) == f"{kept}\n{line}"
    commented.revoke("carl")
    assert text_of(commented) == f"{kept}\n"


def test_edit_leaves_the_file_to_its_owner_alone_and_nothing_beside_it_but_the_lock(commented):
    old = os.umask(0)
    try:
        commented.add(KEYS[2], Grant("carl", Right.WORKER))
    finally:
        os.umask(old)
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in commented.path.parent.iterdir()} == {
        "authorized_keys": 0o600,
        "authorized_keys.lock": 0o600,
    }


@pytest.mark.parametrize(
    ("key", "name", "line"),
    [(0, "new", 2), (2, "alice", 2), (1, "new", 5), (2, "Bob B.", 5)],
)
def test_key_or_name_that_is_there_already_is_not_added(commented, key, name, line):
    with pytest.raises(ConfigError, match=f"line {line} has the key ns-public-.* already"):
        commented.add(KEYS[key], Grant(name, Right.AGENT))
    assert text_of(commented) == COMMENTED


def test_key_of_small_order_is_neither_added_nor_invited_nor_enrolled(file):
    for use in (
        lambda: file.add(bytes(32), ALICE),
        lambda: file.invite(bytes(32), ALICE),
        lambda: file.redeem(KEYS[0], bytes(32), NOW),
    ):
        with pytest.raises(ConfigError, match="small order"):
            use()


def test_edit_of_a_file_with_mistakes_is_refused_with_all_of_them(commented):
    broken = COMMENTED.replace("agent", "agnt").replace("admin", "admn")
    commented.path.write_text(broken)
    with pytest.raises(ConfigError) as refused:
        commented.add(KEYS[2], Grant("carl", Right.WORKER))
    assert len(refused.value.problems) == 2
    assert text_of(commented) == broken


def test_edit_that_makes_the_file_too_large_is_refused(file):
    filled = "#" * ((1 << 20) - 10) + "\n"
    file.path.write_text(filled)
    with pytest.raises(ConfigError, match="is larger than 1,048,576 bytes"):
        file.add(KEYS[0], ALICE)
    assert text_of(file) == filled


def test_edit_on_a_full_disk_leaves_the_old_file(commented, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="authorized_keys: cannot be written: No space left on device"):
        commented.revoke("alice")
    assert text_of(commented) == COMMENTED
    assert len(list(commented.path.parent.iterdir())) == 2  # and the lock


def test_edit_through_a_link_edits_what_it_leads_to(commented, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(commented.path)
    AuthorizedFile(link).revoke("alice")
    assert link.is_symlink()
    assert commented.load().keys == {KEYS[1]: BOB}


def test_edit_without_a_folder_to_write_in_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"authorized_keys\.lock: cannot be written: "):
        AuthorizedFile(tmp_path / "file" / "authorized_keys").add(KEYS[0], ALICE)


def test_edit_while_another_program_keeps_the_lock_gives_up_with_a_reason(commented, monkeypatch):
    monkeypatch.setattr(authority, "LOCK_WAIT_S", 0.05)
    with open(f"{commented.path}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another program keeps it locked"):
            commented.revoke("alice")
    commented.revoke("alice")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_edit_by_root_keeps_file_and_lock_with_their_owner(commented):
    os.chown(commented.path, 12_345, 12_345)
    commented.revoke("alice")
    for each in commented.path.parent.iterdir():
        assert each.stat().st_uid == 12_345


# --- revoking ---------------------------------------------------------------------------------------------

TOKEN = invitation_text(KEYS[0], PAIRS[3].secret)
DIGEST = hashlib.sha256(KEYS[3]).hexdigest()


@pytest.mark.parametrize("who", ["dora", f"sha256:{DIGEST}", f"invitation:sha256:{DIGEST}", TOKEN])
def test_invitation_is_revoked_by_name_digest_or_itself(file, who):
    file.add(KEYS[0], ALICE)
    file.invite(KEYS[3], Grant("dora", Right.AGENT))
    assert file.revoke(who) == [f"the invitation sha256:{DIGEST} of dora"]
    assert file.load() == Authorized({KEYS[0]: ALICE})


@pytest.mark.parametrize("who", ["Bob B.", public_text(KEYS[1])])
def test_key_is_revoked_by_name_or_itself(commented, who):
    assert commented.revoke(who) == [f"the key {public_text(KEYS[1])} of Bob B."]
    assert commented.load() == Authorized({KEYS[0]: ALICE})


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("Alise", "has no 'Alise'; nearest: alice"),
        ("x", "has no 'x'"),
        ("", "has no ''"),
        ("#", "has no '#'"),
    ],
)
def test_nobody_of_that_name_is_an_error_with_the_nearest(commented, who, said):
    with pytest.raises(ConfigError) as refused:
        commented.revoke(who)
    assert str(refused.value) == f"{commented.path}: {said}"
    assert text_of(commented) == COMMENTED


def test_secret_said_to_revoke_is_not_repeated(commented):
    secret = public_text(PAIRS[0].secret).replace("public", "secret")
    with pytest.raises(ConfigError, match="that is a secret key; say its name") as refused:
        commented.revoke(secret)
    assert secret[12:30] not in str(refused.value)


def test_revoking_where_there_is_no_file_makes_nothing(tmp_path):
    with pytest.raises(ConfigError, match="is not there; type: netsiege keys new --hub"):
        AuthorizedFile(tmp_path / "a" / "authorized_keys").revoke("alice")
    assert list(tmp_path.iterdir()) == []


# --- invitations ------------------------------------------------------------------------------------------

DORA = Grant("dora", Right.AGENT, ("Attacker", "Benign"), ("cup-*",), NOW + DAY, NOW + 30 * DAY)


def test_file_holds_only_a_digest_of_an_invitation(file):
    file.invite(KEYS[3], DORA)
    text = text_of(file)
    assert public_text(KEYS[3]) not in text
    assert TOKEN not in text
    assert DIGEST in text
    assert file.load() == Authorized(invitations={digest_of(KEYS[3]): DORA})


def test_invitation_redeemed_becomes_the_grant_of_the_key_in_the_same_place(file):
    file.invite(KEYS[3], DORA)
    file.add(KEYS[0], ALICE)
    before = text_of(file).split("\n")
    granted = file.redeem(KEYS[3], KEYS[4], NOW)
    assert granted == attrs.evolve(DORA, expires=DORA.key_expires, key_expires=None)
    assert file.load() == Authorized({KEYS[4]: granted, KEYS[0]: ALICE})
    after = text_of(file).split("\n")
    assert [n for n, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [
        len(HEADER.split("\n")) - 1
    ]


def test_invitation_without_a_limit_for_the_key_gives_a_key_without_one(file):
    file.invite(KEYS[3], attrs.evolve(DORA, key_expires=None))
    assert file.redeem(KEYS[3], KEYS[4], NOW).expires is None


def test_invitation_used_twice_is_refused(file):
    file.invite(KEYS[3], DORA)
    file.redeem(KEYS[3], KEYS[4], NOW)
    with pytest.raises(ConfigError, match="the invitation is unknown, or has been used"):
        file.redeem(KEYS[3], KEYS[5], NOW)
    assert list(file.load().keys) == [KEYS[4]]


@pytest.mark.parametrize(
    ("grant", "key", "said"),
    [
        (attrs.evolve(DORA, expires=NOW), 4, "the invitation has expired: 2026-07-01T12:00:00Z"),
        (attrs.evolve(DORA, key_expires=NOW - DAY), 4, "the invitation has expired: 2026-06-30T12:00:00Z"),
        (DORA, 0, "the key is authorised already"),
        (DORA, 3, "an invitation's own key cannot be enrolled"),
    ],
)
def test_invitation_that_cannot_be_redeemed_stays(file, grant, key, said):
    file.add(KEYS[0], ALICE)
    file.invite(KEYS[3], grant)
    before = text_of(file)
    with pytest.raises(ConfigError, match=said):
        file.redeem(KEYS[3], KEYS[key], NOW)
    assert text_of(file) == before


def test_public_key_is_no_invitation_and_a_digest_is_no_key(file):
    file.add(KEYS[0], ALICE)
    file.invite(KEYS[3], DORA)
    for key in (KEYS[0], digest_of(KEYS[3]), b""):
        with pytest.raises(ConfigError, match="unknown"):
            file.redeem(key, KEYS[5], NOW)


def test_name_of_an_invitation_is_taken_until_it_is_revoked(file):
    file.invite(KEYS[3], DORA)
    with pytest.raises(ConfigError, match=r"has the invitation sha256:.* of dora already"):
        file.add(KEYS[4], Grant("dora", Right.AGENT))
    file.revoke("dora")
    file.add(KEYS[4], Grant("dora", Right.AGENT))


# --- many processes ---------------------------------------------------------------------------------------

PROCESSES = 6
EACH = 5


def _redeem(path, number, barrier, results):
    barrier.wait()
    try:
        granted = AuthorizedFile(path).redeem(
            KEYS[3], KeyPair.from_secret(bytes([100 + number]) * 32).public, NOW
        )
    except ConfigError as error:
        results.put((number, str(error)))
    else:
        results.put((number, granted))


def _add(path, number, barrier, results):
    barrier.wait()
    for n in range(EACH):
        pair = KeyPair.from_secret(bytes([100 + number, n]) * 16)
        AuthorizedFile(path).add(pair.public, Grant(f"{number}-{n}", Right.AGENT))
    AuthorizedFile(path).revoke(f"{number}-0")
    results.put((number, None))


def _at_once(work, path, meanwhile=lambda: None):
    """What each of some processes that begin together has put out; calls `meanwhile` until all have ended."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.SimpleQueue()
    running = [
        context.Process(target=work, args=(path, number, barrier, results)) for number in range(PROCESSES)
    ]
    for process in running:
        process.start()
    try:
        while any(process.is_alive() for process in running):
            meanwhile()
            running[0].join(0.002)
    finally:
        for process in running:
            process.kill()
            process.join()
    assert [process.exitcode for process in running] == [0] * PROCESSES
    return dict(results.get() for _ in running)


def test_invitation_redeemed_by_many_processes_at_once_enrols_exactly_one(file):
    file.invite(KEYS[3], DORA)
    results = _at_once(_redeem, file.path)
    (winner,) = [number for number, result in results.items() if isinstance(result, Grant)]
    assert set(results.values()) - {results[winner]} == {"the invitation is unknown, or has been used"}
    assert list(file.load().keys) == [KeyPair.from_secret(bytes([100 + winner]) * 32).public]
    assert not file.load().invitations


def test_file_edited_by_many_processes_at_once_loses_no_edit_and_reads_well_all_the_time(file):
    _at_once(_add, file.path, meanwhile=file.load)
    assert {grant.name for grant in file.load().keys.values()} == {
        f"{number}-{n}" for number in range(PROCESSES) for n in range(1, EACH)
    }
    assert text_of(file).startswith(HEADER)
    assert len(list(file.path.parent.iterdir())) == 2
