"""Which names are taken, where they enter and where they are passed on."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege import protocol
from netsiege.protocol import MAX_NAME_CHARS, Player, SeatSpec, WorkerState, clean_name
from netsiege.protocol.declare import MARKS_IN_A_ROW, told_name

ACUTE = "\u0301"
NAMED = [
    lambda name: Player("Attacker", 0, name),
    lambda name: Player("Attacker", 0, "a", name),
    lambda name: SeatSpec("Attacker", 0, name, True),
    lambda name: WorkerState(name, 1, 1, 1),
]


@pytest.mark.parametrize("name", [f"e\u0302{ACUTE}x", "नमस्ते", "⚔ sword", "🤖", f"a{ACUTE * MARKS_IN_A_ROW}b"])
def test_name_with_the_marks_of_a_language_is_taken(name):
    assert clean_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        f"a{ACUTE * (MARKS_IN_A_ROW + 1)}",
        f"{ACUTE}a",
        f"a {ACUTE}b",
        "a\u20dd\u20dd\u20dd\u20dd\u20dd",
    ],
    ids=["pile", "first", "after-space", "enclosing"],
)
def test_name_whose_marks_pile_up_or_stand_on_nothing_is_refused(name):
    with pytest.raises(ValueError, match="marks in a row"):
        clean_name(name)


@pytest.mark.parametrize(
    "character",
    [
        "\x1b", "\x7f", "\x85", "\n", "\u2028", "\u2029",
        "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069",
        "\u200e", "\u200f", "\u061c", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad",
        "\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u2800", "\u3164", "\uffa0", "\ufe0f",
        "\U000e0041", "\U000e0100", "\U0001d159", "\u00a0", "\u2003", "\u3000", "\ue000", "\ufffe",
        "\ud800", "\u0378",
    ],
)  # fmt: skip  # one group a line
def test_name_with_what_acts_hides_or_is_blank_is_refused_anywhere(character):
    for name in (character, f"{character}a", f"a{character}", f"a{character}b"):
        with pytest.raises(ValueError, match="a name has printable characters only"):
            clean_name(name)


@given(st.text(alphabet=st.characters(), max_size=MAX_NAME_CHARS + 2))
def test_name_that_is_clean_may_be_passed_on_under_any_python(name):
    try:
        clean_name(name)
    except ValueError:
        return
    assert told_name(name) == name


def test_name_of_any_single_character_that_is_clean_may_be_passed_on():
    refused = []
    for character in map(chr, range(sys.maxunicode + 1)):
        try:
            clean_name(f"a{character}a")
        except ValueError:
            continue
        try:
            told_name(f"a{character}a")
        except ValueError:
            refused.append(character)
    assert refused == []


def test_name_with_a_character_that_only_a_newer_python_knows_may_be_passed_on():
    assert told_name("a\u0378b") == "a\u0378b"


@pytest.mark.parametrize("make", NAMED)
@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb", "a\u202eb", "a\u200bb", "x" * (MAX_NAME_CHARS + 1)])
def test_message_with_a_name_that_acts_on_a_terminal_is_malformed(make, name):
    message = make(name)
    with pytest.raises(protocol.declare.ProtocolError, match="is no name"):
        type(message).decode(message.encode())


@pytest.mark.parametrize("make", [NAMED[0], *NAMED[2:]])
def test_message_with_an_empty_name_is_malformed(make):
    with pytest.raises(protocol.declare.ProtocolError, match="is no name"):
        type(make("")).decode(make("").encode())


def test_player_without_a_key_has_none():
    assert Player.decode(Player("Attacker", 0, "a").encode()).key == ""
