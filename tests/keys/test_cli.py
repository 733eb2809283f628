"""`netsiege keys …` as people type it."""

import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from netsiege import cli
from netsiege.errors import AuthError, ConfigError
from netsiege.hub.authority import AuthorizedFile, Grant, Right
from netsiege.hub.grants import HEADER
from netsiege.keys import (
    KeyPair,
    Keys,
    invitation_text,
    load_pair,
    public_text,
    read_invitation,
    read_public,
    save_hub_public,
    save_pair,
)

PAIRS = [KeyPair.from_secret(bytes([n]) * 32) for n in range(4)]
KEYS = [public_text(pair.public) for pair in PAIRS]
SECRET = public_text(PAIRS[0].secret).replace("public", "secret")
HUB = PAIRS[3]


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line in this process: exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NETSIEGE_KEYS", raising=False)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netsiege", "keys", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (ended.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def good(run):
    """The same for what must succeed: stdout."""

    def good(*arguments):
        code, out, err = run(*arguments)
        assert code == 0, err
        return out

    return good


@pytest.fixture
def bad(run):
    """The same for a mistake: what is said, without the program's name before each line."""

    def bad(*arguments):
        code, out, err = run(*arguments)
        assert (code, out) == (cli.EXIT_MISTAKE, "")
        assert "Traceback" not in err
        return err.replace("netsiege: ", "").rstrip("\n")

    return bad


@pytest.fixture
def hub(tmp_path, good):
    """The keys folder of a hub."""
    good("new", "--hub", "--keys", tmp_path / "hub")
    return tmp_path / "hub"


def grants_of(folder):
    return AuthorizedFile(folder / "authorized_keys").load()


def only(mapping):
    ((key, grant),) = mapping.items()
    return key, grant


def in_days(moment):
    return (moment - datetime.now(UTC)) / timedelta(days=1)


# --- new, trust, show -------------------------------------------------------------------------------------


def test_new_makes_a_pair_prints_its_public_key_alone_and_says_what_to_type_next(run, tmp_path):
    folder = tmp_path / "me"
    code, out, err = run("new", "--keys", folder)
    pair = load_pair(folder / "identity.key")
    assert (code, out) == (0, f"{public_text(pair.public)}\n")
    assert f"netsiege keys authorize {public_text(pair.public)} NAME --right agent" in err
    assert f"netsiege keys trust HUB_PUBLIC_KEY --keys {folder}" in err
    assert "ns-secret" not in out + err
    assert os.listdir(folder) == ["identity.key"]


def test_new_does_not_replace_a_pair(good, bad, tmp_path):
    good("new", "--keys", tmp_path)
    pair = load_pair(tmp_path / "identity.key")
    assert (
        bad("new", "--keys", tmp_path) == f"{tmp_path}/identity.key: is there already, and is not overwritten"
    )
    assert load_pair(tmp_path / "identity.key") == pair


def test_new_hub_makes_its_three_files(run, tmp_path):
    code, out, err = run("new", "--hub", "--keys", tmp_path / "hub")
    pair = load_pair(tmp_path / "hub" / "hub.key")
    assert (code, out) == (0, f"{public_text(pair.public)}\n")
    assert f"netsiege keys trust {public_text(pair.public)}" in err
    assert f"netsiege hub --keys {tmp_path / 'hub'}" in err
    assert sorted(os.listdir(tmp_path / "hub")) == ["authorized_keys", "hub.key", "hub.pub"]
    assert (tmp_path / "hub" / "authorized_keys").read_text() == HEADER


def test_new_hub_keeps_whom_an_earlier_hub_let_in(good, bad, hub):
    good("authorize", KEYS[0], "alice", "--keys", hub)
    said = bad("new", "--hub", "--keys", hub)
    assert said.splitlines() == [
        f"{hub / name}: is there already, and is not overwritten" for name in ("hub.key", "hub.pub")
    ]
    (hub / "hub.key").unlink()
    (hub / "hub.pub").unlink()
    good("new", "--hub", "--keys", hub)
    assert only(grants_of(hub).keys)[1].name == "alice"


def test_new_hub_that_fails_half_way_leaves_nothing(bad, tmp_path, monkeypatch):
    def full(_file):
        raise ConfigError("no space")

    monkeypatch.setattr(AuthorizedFile, "create", full)
    assert bad("new", "--hub", "--keys", tmp_path) == "no space"
    assert os.listdir(tmp_path) == []


def test_keys_without_a_folder_use_the_environment_then_home(good, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    good("new")
    assert (tmp_path / ".netsiege" / "identity.key").exists()
    monkeypatch.setenv("NETSIEGE_KEYS", str(tmp_path / "other"))
    good("new")
    assert (tmp_path / "other" / "identity.key").exists()
    good("new", "--keys", "~/third")
    assert (tmp_path / "third" / "identity.key").exists()


def test_trust_writes_the_hubs_key_and_replaces_another_only_when_told(good, bad, tmp_path):
    good("trust", KEYS[1], "--keys", tmp_path)
    good("trust", KEYS[1], "--keys", tmp_path)
    said = bad("trust", KEYS[2], "--keys", tmp_path)
    assert said == f"{tmp_path}/hub.pub: trusts another hub, {KEYS[1]}; to change that: --replace"
    good("trust", KEYS[2], "--replace", "--keys", tmp_path)
    save_pair(tmp_path / "identity.key", PAIRS[0], "a pair")
    assert Keys.load(tmp_path) == Keys(PAIRS[0], PAIRS[2].public)


def test_trust_of_what_is_no_key_changes_nothing(bad, tmp_path):
    assert "'alice' is not a public key" in bad("trust", "alice", "--keys", tmp_path)
    said = bad("trust", SECRET, "--keys", tmp_path)
    assert "that is a secret key" in said
    assert SECRET[12:30] not in said
    assert os.listdir(tmp_path) == []


def test_show_names_public_keys_and_no_secret(good, hub):
    save_pair(hub / "identity.key", PAIRS[0], "a pair")
    good("authorize", KEYS[1], "alice", "--keys", hub)
    out = good("show", "--keys", hub)
    public = public_text(load_pair(hub / "hub.key").public)
    assert re.search(f"identity.key .* {KEYS[0]}\n", out)
    assert len(re.findall(f"hub.(?:pub|key) .* {public}\n", out)) == 2
    assert "keys: 1, invitations: 0\n" in out
    assert "secret" not in out


def test_show_of_a_folder_without_files_says_so(good, bad, tmp_path):
    assert good("show", "--keys", tmp_path).count("not there") == 4
    assert bad("show", "--keys", tmp_path / "no") == (
        f"{tmp_path}/no: is not there; type: netsiege keys new --keys {tmp_path}/no"
    )


def test_show_of_wrong_modes_names_each_remedy_and_fails(run, hub):
    hub.chmod(0o777)
    (hub / "hub.key").chmod(0o640)
    (hub / "authorized_keys").chmod(0o666)
    code, out, err = run("show", "--keys", hub)
    assert code == cli.EXIT_FAILED
    assert out.count("wrong, see below") == 2
    assert re.findall(r"type: (.*)", err) == [
        f"chmod go-w {hub}",
        f"chmod 600 {hub}/hub.key",
        f"chmod go-w {hub}/authorized_keys",
    ]


# --- authorize, list, revoke ------------------------------------------------------------------------------


def test_authorize_without_options_lets_an_agent_in_without_limits(run, hub):
    code, out, err = run("authorize", KEYS[0], "alice", "--keys", hub)
    assert (code, out) == (0, "alice: agent\n")
    assert f"netsiege keys revoke alice --keys {hub}" in err
    assert only(grants_of(hub).keys) == (PAIRS[0].public, Grant("alice", Right.AGENT))


def test_authorize_with_every_option_writes_them_all(good, hub):
    out = good(
        *("authorize", KEYS[0], "Alice A.", "--right", "admin", "--role", "attacker", "--role", "Benign"),
        *("--room", "cup-*", "--room", "default", "--expires", "2999-12-31", "--keys", hub),
    )
    assert out == "Alice A.: admin, Attacker, Benign, rooms cup-*, default, until 2999-12-31T00:00:00Z\n"
    assert only(grants_of(hub).keys)[1] == Grant(
        "Alice A.",
        Right.ADMIN,
        ("Attacker", "Benign"),
        ("cup-*", "default"),
        datetime(2999, 12, 31, tzinfo=UTC),
    )


@pytest.mark.parametrize(("span", "days"), [("30d", 30), ("12h", 0.5), ("90m", 1 / 16)])
def test_authorize_for_a_span_of_time_expires_after_it(good, hub, span, days):
    good("authorize", KEYS[0], "alice", "--expires", span, "--keys", hub)
    assert in_days(only(grants_of(hub).keys)[1].expires) == pytest.approx(days, abs=0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--right", "wrker"], "--right wrker: choose from agent, worker, spectator, admin; nearest: worker"),
        (["--role", "Atacker"], "is no game role: Attacker, Defender, Benign; nearest: Attacker"),
        (["--right", "worker", "--room", "a"], "rooms= says nothing of a worker"),
        (["--room", "a,b"], "a pattern of rooms cannot have a comma"),
        (["--expires", "2020-01-01"], "--expires 2020-01-01: 2020-01-01T00:00:00Z is not in the future"),
        (["--expires", "0d"], "is not in the future"),
        (["--expires", "soon"], "--expires soon: say 30d, 12h, 90m, or a date such as 2026-12-31"),
        (["--expires", "-1d"], "--expires -1d: say 30d"),
        (["--expires", "999999999d"], "--expires 999999999d: is longer than the calendar"),
    ],
)
def test_authorize_with_a_wrong_option_says_so_and_changes_nothing(bad, hub, options, said):
    assert said in bad("authorize", KEYS[0], "alice", *options, "--keys", hub)
    assert not grants_of(hub).keys


@pytest.mark.parametrize(
    ("key", "name", "said"),
    [
        ("alice", KEYS[0], "'alice' is not a public key"),
        (SECRET, "alice", "that is a secret key"),
        (KEYS[0], "", "a name has 1 to 64 characters"),
        (KEYS[0], "a\x1bb", "a name has printable characters only"),
        (KEYS[0], SECRET, "holds a secret key"),
    ],
)
def test_authorize_with_wrong_words_says_so_and_repeats_no_secret(bad, hub, key, name, said):
    told = bad("authorize", key, name, "--keys", hub)
    assert said in told
    assert SECRET[12:30] not in told
    assert not grants_of(hub).keys


@pytest.mark.parametrize(
    "words", [("authorize", KEYS[0], "alice"), ("invite", "alice"), ("list",), ("revoke", "x")]
)
def test_commands_for_a_hub_in_a_folder_without_one_name_the_command_that_makes_it(bad, tmp_path, words):
    assert bad(*words, "--keys", tmp_path) == (
        f"{tmp_path}/authorized_keys: is not there; type: netsiege keys new --hub --keys {tmp_path}"
    )
    assert os.listdir(tmp_path) == []


@pytest.fixture
def listed(hub):
    """A hub with a key that has expired and an invitation."""
    file = AuthorizedFile(hub / "authorized_keys")
    past = datetime(2020, 1, 1, tzinfo=UTC)
    file.add(PAIRS[0].public, Grant("[b]alice[/b]", Right.AGENT, ("Attacker",), ("cup-*",), past))
    file.invite(PAIRS[1].public, Grant("bob", Right.WORKER, key_expires=datetime(2999, 1, 1, tzinfo=UTC)))
    return hub


def test_list_for_people_shortens_keys_and_marks_what_has_expired(good, listed):
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in good("list", "--keys", listed).splitlines()
        if line.startswith("│")
    ]
    digest = next(iter(grants_of(listed).invitations)).hex()
    assert rows == [
        ["[b]alice[/b]", "agent", "Attacker", "cup-*", "2020-01-01 00:00 (expired)", f"{KEYS[0][10:18]}…"],
        ["bob", "worker", "any", "any", "never", f"invitation {digest[:8]}…"],
    ]


def test_list_for_programs_has_keys_in_full(good, listed):
    digest = next(iter(grants_of(listed).invitations)).hex()
    assert json.loads(good("list", "--json", "--keys", listed)) == [
        {
            "kind": "key",
            "key": KEYS[0],
            "name": "[b]alice[/b]",
            "right": "agent",
            "roles": ["Attacker"],
            "rooms": ["cup-*"],
            "expires": "2020-01-01T00:00:00Z",
            "key_expires": None,
            "expired": True,
        },
        {
            "kind": "invitation",
            "key": f"invitation:sha256:{digest}",
            "name": "bob",
            "right": "worker",
            "roles": [],
            "rooms": [],
            "expires": None,
            "key_expires": "2999-01-01T00:00:00Z",
            "expired": False,
        },
    ]


def test_list_of_a_file_with_mistakes_names_them_all(bad, hub):
    (hub / "authorized_keys").write_text("x\ny\n")
    assert len(bad("list", "--keys", hub).splitlines()) == 2


def test_revoke_takes_back_and_says_what(good, bad, listed):
    assert good("revoke", "[b]alice[/b]", "--keys", listed) == f"revoked the key {KEYS[0]} of [b]alice[/b]\n"
    assert bad("revoke", "bop", "--keys", listed) == f"{listed}/authorized_keys: has no 'bop'; nearest: bob"
    assert [grant.name for grant in grants_of(listed).invitations.values()] == ["bob"]


# --- invite, accept ---------------------------------------------------------------------------------------


def test_invite_prints_a_token_alone_that_reads_back(run, hub):
    code, out, err = run("invite", "dora", "--role", "attacker", "--expires", "30d", "--keys", hub)
    assert (code, out.count("\n")) == (0, 1)
    token = read_invitation(out)
    assert token.hub == load_pair(hub / "hub.key").public
    grant = grants_of(hub).invitation_of(token.own.public, datetime.now(UTC))
    assert attrs_of(grant) == ("dora", Right.AGENT, ("Attacker",), ())
    assert in_days(grant.expires) == pytest.approx(7, abs=0.01)
    assert in_days(grant.key_expires) == pytest.approx(30, abs=0.01)
    assert "netsiege keys accept TOKEN --hub tcp://HOST:9100" in err
    assert out.strip() not in err + (hub / "authorized_keys").read_text()


def attrs_of(grant):
    return grant.name, grant.right, grant.roles, grant.rooms


def test_invite_leads_to_the_folders_own_hub_even_if_it_trusts_another(good, hub):
    save_hub_public(hub / "hub.pub", HUB.public, replace=True)
    assert read_invitation(good("invite", "dora", "--keys", hub)).hub == load_pair(hub / "hub.key").public
    (hub / "hub.key").unlink()
    assert read_invitation(good("invite", "carl", "--keys", hub)).hub == HUB.public


def test_invite_that_would_be_over_at_once_is_refused(bad, hub):
    assert "--for 0m: " in bad("invite", "dora", "--for", "0m", "--keys", hub)
    assert not grants_of(hub).invitations


@pytest.fixture
def enrolling(monkeypatch):
    """A hub that answers as told, and what it was asked."""
    asked = []
    answer = SimpleNamespace(name="dora", right="agent")

    def enrol(address, invitation, new_key):
        asked.append((address, invitation, new_key))
        if isinstance(answer.right, Exception):
            raise answer.right
        return answer

    monkeypatch.setattr("netsiege.enrol.enrol", enrol)
    return SimpleNamespace(asked=asked, answer=answer)


SEED = bytes(range(32))
TOKEN = invitation_text(HUB.public, SEED)
ADDRESS = "tcp://hub.example:9100"


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ("agent", f"netsiege agent run random-attacker --hub {ADDRESS}"),
        ("worker", "netsiege worker --hub tcp://hub.example:9101"),
        ("admin", f"netsiege status --hub {ADDRESS}"),
    ],
)
def test_accept_enrols_a_new_key_and_trusts_the_hub(run, tmp_path, enrolling, right, words):
    enrolling.answer.right = right
    folder = tmp_path / "me"
    code, out, err = run("accept", TOKEN, "--hub", ADDRESS, "--keys", folder)
    keys = Keys.load(folder)
    assert enrolling.asked == [(ADDRESS, Keys(KeyPair.from_secret(SEED), HUB.public), keys.own.public)]
    assert keys.hub == HUB.public
    assert (code, out) == (0, f"You are dora at {ADDRESS}, with the right {right}.\n")
    assert err == f"Now type: {words} --keys {folder}\n"


def test_accept_reads_the_token_from_stdin_and_keeps_a_pair_that_is_there(
    good, tmp_path, enrolling, monkeypatch
):
    save_pair(tmp_path / "identity.key", PAIRS[0], "a pair")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
    good("accept", "-", "--hub", ADDRESS, "--keys", tmp_path)
    assert Keys.load(tmp_path) == Keys(PAIRS[0], HUB.public)
    assert enrolling.asked[0][2] == PAIRS[0].public


def test_accept_that_the_hub_refuses_leaves_at_most_the_pair(bad, tmp_path, enrolling):
    enrolling.answer.right = AuthError("the invitation is unknown")
    assert bad("accept", TOKEN, "--hub", ADDRESS, "--keys", tmp_path) == "the invitation is unknown"
    assert os.listdir(tmp_path) == ["identity.key"]


def test_accept_where_another_hub_is_trusted_asks_nobody(bad, tmp_path, enrolling):
    save_hub_public(tmp_path / "hub.pub", PAIRS[1].public)
    said = bad("accept", TOKEN, "--hub", ADDRESS, "--keys", tmp_path)
    assert said == f"{tmp_path}/hub.pub: trusts another hub; keep the keys for this one elsewhere: --keys DIR"
    assert enrolling.asked == []
    assert os.listdir(tmp_path) == ["hub.pub"]


@pytest.mark.parametrize(
    ("token", "address", "said"),
    [
        ("nonsense", ADDRESS, "that is not an invitation, which begins with ns-invite-"),
        (TOKEN[:-4], ADDRESS, "an invitation has 86 characters after ns-invite-, not 82"),
        (TOKEN, "hub.example", "hub.example"),
    ],
)
def test_accept_of_wrong_words_asks_nobody_and_makes_nothing(bad, tmp_path, enrolling, token, address, said):
    told = bad("accept", token, "--hub", address, "--keys", tmp_path)
    assert said in told
    assert token not in told
    assert enrolling.asked == []
    assert os.listdir(tmp_path) == []


def test_accept_that_cannot_write_the_hubs_key_says_how_to_mend_that(bad, tmp_path, enrolling, monkeypatch):
    def full(*_arguments, **_options):
        raise ConfigError("no space")

    monkeypatch.setattr("netsiege.keys.save_hub_public", full)
    assert bad("accept", TOKEN, "--hub", ADDRESS, "--keys", tmp_path) == (
        "no space\nthe key is enrolled; what is missing: "
        f"netsiege keys trust {public_text(HUB.public)} --keys {tmp_path}"
    )


def test_keys_as_a_program_pipes_what_it_prints_and_ends_with_2_for_a_mistake(tmp_path):
    def netsiege(*words):
        command = [sys.executable, "-m", "netsiege", "keys", *words, "--keys", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    made = netsiege("new")
    assert read_public(made.stdout.rstrip("\n")) == load_pair(tmp_path / "identity.key").public
    assert netsiege("new").returncode == cli.EXIT_MISTAKE
