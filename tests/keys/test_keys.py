"""Key pairs, their texts, and the files in a keys folder."""

import os
import stat

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from zmq.utils.monitor import parse_monitor_message

from netsiege import keys
from netsiege.errors import ConfigError
from netsiege.keys import (
    HUB_PUBLIC,
    IDENTITY,
    KeyPair,
    Keys,
    check_public,
    default_folder,
    invitation_text,
    keys_from,
    load_hub_public,
    load_pair,
    public_text,
    read_invitation,
    read_public,
    save_hub_public,
    save_pair,
)

key_bytes = st.binary(min_size=32, max_size=32)
PAIR = KeyPair.from_secret(bytes(range(32)))
HUB = KeyPair.from_secret(bytes(range(1, 33)))
PUBLIC = public_text(PAIR.public)


def secret_text(pair):
    return public_text(pair.secret).replace("public", "secret")


@pytest.fixture
def umask():
    """Sets the umask, and puts it back."""
    old = os.umask(0o022)
    yield os.umask
    os.umask(old)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# --- pairs and texts --------------------------------------------------------------------------------------


def test_pair_made_new_belongs_together_and_is_another_each_time():
    pair = KeyPair.new()
    assert KeyPair.from_secret(pair.secret) == pair
    assert KeyPair.new() != pair


def test_pair_of_a_known_secret_has_the_known_public_key():
    """Bob's of RFC 7748, section 6.1."""
    pair = KeyPair.from_secret(
        bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    )
    assert pair.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"


def test_repr_of_keys_and_pairs_shows_no_secret():
    shown = repr(Keys(PAIR, HUB.public))
    assert repr(PAIR.public) in shown
    assert repr(PAIR.secret) not in shown
    assert repr(PAIR.secret)[2:12] not in shown


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33), "x" * 32])
def test_pair_of_anything_but_32_bytes_is_refused_without_showing_it(raw):
    for make in (
        lambda: KeyPair.from_secret(raw),
        lambda: KeyPair(PAIR.public, raw),
        lambda: Keys(PAIR, raw),
    ):
        with pytest.raises((ValueError, TypeError)) as refused:
            make()
        assert "xxx" not in str(refused.value)


def test_pair_without_curve_in_libzmq_says_what_to_install(monkeypatch):
    def unable():
        raise zmq.ZMQError(zmq.ENOTSUP)

    monkeypatch.setattr(zmq, "curve_keypair", unable)
    with pytest.raises(ConfigError, match="this libzmq cannot encrypt"):
        KeyPair.new()


@given(key_bytes)
def test_public_text_reads_back_and_survives_a_shell(key):
    text = public_text(key)
    assert text.startswith("ns-public-")
    assert len(text) == 53
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    try:
        assert read_public(text) == key
    except ConfigError as error:
        assert "small order" in str(error)


@given(key_bytes, key_bytes)
def test_invitation_reads_back_as_the_pair_of_its_seed_and_the_hub(hub, seed):
    token = invitation_text(hub, seed)
    assert token.startswith("ns-invite-")
    try:
        assert read_invitation(f" {token}\n") == Keys(KeyPair.from_secret(seed), hub)
    except ConfigError as error:
        assert "small order" in str(error)


def test_invitation_of_other_lengths_cannot_be_made():
    with pytest.raises(ValueError, match="two times 32 bytes"):
        invitation_text(HUB.public, b"short")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alice", "'alice' is not a public key, which begins with ns-public-"),
        ("", "'' is not a public key"),
        ("ns-public-", "a public key has 43 characters after ns-public-, not 0"),
        (PUBLIC[:-1], "not 42"),
        (PUBLIC + "x", "not 44"),
        (PUBLIC[:-1] + "=", "misspelt"),
        (PUBLIC[:20] + "é" + PUBLIC[21:], "misspelt"),
        (PUBLIC[:20] + " " + PUBLIC[21:], "misspelt"),
        (PUBLIC[:20] + "+" + PUBLIC[21:], "misspelt"),
        (invitation_text(HUB.public, PAIR.secret), "that is an invitation"),
        (public_text(bytes(32)), "small order"),
    ],
)
def test_public_key_that_is_none_says_why(text, said):
    with pytest.raises(ConfigError) as refused:
        read_public(text)
    assert said in str(refused.value)


def test_public_key_in_another_spelling_of_the_same_bytes_is_refused():
    last = PUBLIC[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[alphabet.index(last) ^ 1]
    with pytest.raises(ConfigError, match="misspelt"):
        read_public(PUBLIC[:-1] + other)


@pytest.mark.parametrize("before", ["", " ", "secret ", "ns-public-"])
def test_secret_pasted_for_a_public_key_is_named_but_not_repeated(before):
    secret = secret_text(PAIR)
    with pytest.raises(ConfigError, match="that is a secret key") as refused:
        read_public(before + secret)
    assert secret[12:20] not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["alice", PUBLIC, "ns-invite-abc", "ns-invite-" + "!" * 86, secret_text(PAIR), "A" * 86]
)
def test_invitation_that_is_none_is_refused_without_repeating_it(text):
    with pytest.raises(ConfigError, match="invitation") as refused:
        read_invitation(text)
    assert text.removeprefix("ns-invite-") not in str(refused.value)


def test_invitation_with_a_hub_of_small_order_is_refused():
    with pytest.raises(ConfigError, match="small order"):
        read_invitation(invitation_text(bytes(32), PAIR.secret))


PRIME = (1 << 255) - 19


def doubled(x):
    """The x of twice the point on Curve25519, by the affine formula; None is the point at infinity."""
    divisor = 4 * x * (x * x + 486662 * x + 1) % PRIME
    return None if divisor == 0 else (x * x - 1) ** 2 * pow(divisor, -1, PRIME) % PRIME


@pytest.mark.parametrize("x", sorted(keys._SMALL_ORDER))
def test_points_of_small_order_vanish_when_multiplied_by_eight_and_are_refused(x):
    multiple = x
    for _ in range(3):
        multiple = None if multiple is None else doubled(multiple)
    assert multiple is None
    for spelling in (x, x + PRIME if x < 19 else x, x | 1 << 255):
        with pytest.raises(ConfigError, match="small order"):
            check_public(spelling.to_bytes(32, "little"))


def test_public_key_of_a_wrong_length_is_refused():
    with pytest.raises(ConfigError, match="32 bytes, not 3"):
        check_public(b"abc")


# --- files ------------------------------------------------------------------------------------------------


def test_pair_saved_loads_again(tmp_path):
    path = tmp_path / "new" / "folder" / IDENTITY
    save_pair(path, PAIR, "the key pair of an agent")
    assert load_pair(path) == PAIR
    first = path.read_text().splitlines()[0]
    assert first.startswith("# NetSiege: the key pair of an agent.")
    assert "nobody else may have it" in first


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_pair_saved_under_any_umask_is_its_owners_alone(tmp_path, umask, mask):
    umask(mask)
    path = tmp_path / IDENTITY
    save_pair(path, PAIR, "a pair")
    assert mode(path) == 0o600


def test_folder_made_for_a_pair_is_its_owners_alone(tmp_path, umask):
    umask(0)
    save_pair(tmp_path / "folder" / IDENTITY, PAIR, "a pair")
    assert mode(tmp_path / "folder") == 0o700


def test_pair_being_saved_is_never_readable_by_others(tmp_path, umask, monkeypatch):
    umask(0)
    seen = []
    monkeypatch.setattr(os, "fchmod", lambda descriptor, _: seen.append(os.fstat(descriptor).st_mode & 0o777))
    save_pair(tmp_path / IDENTITY, PAIR, "a pair")
    assert seen == [0o600]  # before anything is written, and before the mode is set


def test_pair_is_not_saved_over_another(tmp_path):
    path = tmp_path / IDENTITY
    save_pair(path, PAIR, "a pair")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is there already, and is not overwritten"):
        save_pair(path, HUB, "a pair")
    assert path.read_bytes() == before


def test_pair_is_not_saved_through_a_link(tmp_path):
    path = tmp_path / IDENTITY
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is there already"):
        save_pair(path, PAIR, "a pair")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("deep", [False, True])
def test_pair_saved_where_a_file_is_in_the_way_says_so(tmp_path, deep):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match=r"is not a folder|cannot be written"):
        save_pair(blocked / "deep" / IDENTITY if deep else blocked / IDENTITY, PAIR, "a pair")


def test_pair_that_cannot_be_written_leaves_no_file(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        save_pair(tmp_path / IDENTITY, PAIR, "a pair")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bit", [0o040, 0o020, 0o004, 0o002])
def test_pair_that_others_may_use_is_refused_with_the_remedy(tmp_path, bit):
    path = tmp_path / "with space.key"
    save_pair(path, PAIR, "a pair")
    path.chmod(0o600 | bit)
    with pytest.raises(ConfigError) as refused:
        load_pair(path)
    assert f"others may read or write it; type: chmod 600 '{path}'" in str(refused.value)


def test_pair_that_its_owner_only_may_read_loads(tmp_path):
    save_pair(tmp_path / IDENTITY, PAIR, "a pair")
    (tmp_path / IDENTITY).chmod(0o400)
    assert load_pair(tmp_path / IDENTITY) == PAIR


S = secret_text(PAIR)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no line `public …`"),
        (f"public {PUBLIC}\n", "has no line `secret …`"),
        (f"public {PUBLIC}\nsecret {S}\nsecret {S}\n", "line 3: expected one line `public"),
        (f"# x\n\nprivate {S}\n", "line 3: expected one line `public"),
        (f"public {S}\nsecret {S}\n", "line 1: that is not a public key, which begins with ns-public-"),
        (
            f"public {PUBLIC}\nsecret {PUBLIC}\n",
            "line 2: that is not a secret key, which begins with ns-secret-",
        ),
        (f"public {PUBLIC}\nsecret {S[:-2]}\n", "line 2: a secret key has 43 characters after ns-secret-"),
        (f"public {public_text(HUB.public)}\nsecret {S}\n", "the public key is not that of the secret key"),
        ("x" * 5_000, "is larger than 4,096 bytes"),
    ],
)
def test_pair_file_that_is_wrong_names_file_and_fault_but_no_secret(tmp_path, text, said):
    path = tmp_path / IDENTITY
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as refused:
        load_pair(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value)
    assert S[12:30] not in str(refused.value)


def test_pair_file_that_is_no_text_or_no_file_is_refused(tmp_path):
    (tmp_path / "raw").write_bytes(b"\xff\xfe")
    (tmp_path / "raw").chmod(0o600)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, said in (
        ("raw", "is not text in UTF-8"),
        ("pipe", "is not a file"),
        (".", "is not a file|a directory"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_pair(tmp_path / name)


@pytest.mark.parametrize(("name", "words"), [(IDENTITY, "new"), ("hub.key", "new --hub")])
def test_pair_that_is_missing_names_the_command_that_makes_it(tmp_path, name, words):
    with pytest.raises(ConfigError) as refused:
        load_pair(tmp_path / name)
    assert (
        str(refused.value)
        == f"{tmp_path / name}: is not there; type: netsiege keys {words} --keys {tmp_path}"
    )


def test_hub_key_saved_loads_and_is_replaced_only_when_told(tmp_path):
    path = tmp_path / HUB_PUBLIC
    save_hub_public(path, HUB.public)
    assert load_hub_public(path) == HUB.public
    with pytest.raises(ConfigError, match="is there already"):
        save_hub_public(path, PAIR.public)
    save_hub_public(path, PAIR.public, replace=True)
    assert load_hub_public(path) == PAIR.public
    assert [each.name for each in tmp_path.iterdir()] == [HUB_PUBLIC]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# nothing\n", "expected one public key on a line of its own, found 0 lines"),
        (f"{PUBLIC}\n{PUBLIC}\n", "found 2 lines"),
        (f"{S}\n", "that is a secret key"),
    ],
)
def test_hub_key_file_that_is_wrong_says_so(tmp_path, text, said):
    path = tmp_path / HUB_PUBLIC
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as refused:
        load_hub_public(path)
    assert S not in str(refused.value)


def test_hub_key_file_that_others_may_write_is_refused_with_the_remedy(tmp_path):
    save_hub_public(tmp_path / HUB_PUBLIC, HUB.public)
    (tmp_path / HUB_PUBLIC).chmod(0o664)
    with pytest.raises(ConfigError, match="others may write it; type: chmod go-w "):
        load_hub_public(tmp_path / HUB_PUBLIC)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_that_root_replaces_keeps_its_owner(tmp_path):
    path = tmp_path / HUB_PUBLIC
    save_hub_public(path, HUB.public)
    os.chown(path, 12_345, 12_345)
    save_hub_public(path, PAIR.public, replace=True)
    assert (path.stat().st_uid, path.stat().st_gid) == (12_345, 12_345)


# --- Keys -------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    save_pair(tmp_path / "k" / IDENTITY, PAIR, "a pair")
    save_hub_public(tmp_path / "k" / HUB_PUBLIC, HUB.public)
    return tmp_path / "k"


def test_keys_of_a_folder_are_its_pair_and_its_hub(folder):
    assert Keys.load(folder) == Keys.load(str(folder)) == Keys(PAIR, HUB.public)


def test_keys_of_an_empty_folder_name_both_commands(tmp_path):
    with pytest.raises(ConfigError) as refused:
        Keys.load(tmp_path)
    assert refused.value.problems == (
        f"{tmp_path / IDENTITY}: is not there; type: netsiege keys new --keys {tmp_path}",
        f"{tmp_path / HUB_PUBLIC}: is not there; type: netsiege keys trust HUB_PUBLIC_KEY --keys {tmp_path}",
    )


def test_keys_of_the_default_folder_name_a_short_command(tmp_path, monkeypatch):
    monkeypatch.setenv("NETSIEGE_KEYS", str(tmp_path))
    with pytest.raises(ConfigError) as refused:
        Keys.load(tmp_path)
    assert refused.value.problems[0].endswith("type: netsiege keys new")


def test_keys_from_keys_a_folder_and_the_environment(folder, monkeypatch):
    expected = Keys(PAIR, HUB.public)
    monkeypatch.delenv("NETSIEGE_KEYS", raising=False)
    assert keys_from(None) is None
    assert keys_from(expected) is expected
    assert keys_from(folder) == keys_from(str(folder)) == expected
    monkeypatch.setenv("NETSIEGE_KEYS", "")
    assert keys_from(None) is None
    monkeypatch.setenv("NETSIEGE_KEYS", str(folder))
    assert keys_from(None) == expected


def test_default_folder_follows_the_environment_then_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETSIEGE_KEYS", "")
    assert default_folder() == tmp_path / ".netsiege"
    monkeypatch.setenv("NETSIEGE_KEYS", "~/other")
    assert default_folder() == tmp_path / "other"


def test_folder_with_a_tilde_is_under_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert Keys.load("~/k") == keys_from("~/k") == Keys(PAIR, HUB.public)


def outcome(client_keys):
    """Whether a server with the hub's pair takes a client in, and what it hears then."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server, context.socket(zmq.DEALER) as client:
        client.linger = server.linger = 0
        server.curve_server = True
        server.setsockopt(zmq.CURVE_SECRETKEY, HUB.secret)
        ended = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        with server.get_monitor_socket(ended) as monitor:
            port = server.bind_to_random_port("tcp://127.0.0.1")
            client_keys.secure(client)
            client.connect(f"tcp://127.0.0.1:{port}")
            client.send(b"hello")
            assert monitor.poll(10_000)
            event = parse_monitor_message(monitor.recv_multipart())["event"]
            server.disable_monitor()
        taken_in = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        assert not taken_in or server.poll(10_000)
        return server.recv_multipart()[-1] if taken_in else None


def test_secured_socket_reaches_the_hub_it_trusts():
    assert outcome(Keys(PAIR, HUB.public)) == b"hello"


def test_secured_socket_that_trusts_another_hub_says_nothing_to_this_one():
    assert outcome(Keys(PAIR, PAIR.public)) is None
