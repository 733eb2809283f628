"""The command line is prepared for the one command that is asked for, and is the same to whoever asks."""

import pytest
from typer.main import get_command

from netsiege.cli import app
from netsiege.cli_asked import asked_for
from tests.commands import command


@pytest.fixture(scope="module")
def whole():
    return get_command(app)


def paths(group, so_far=()):
    """The words of every command, of groups of commands too."""
    for name, each in group.commands.items():
        yield (*so_far, name)
        yield from paths(each, (*so_far, name)) if hasattr(each, "commands") else ()


def found(group, words):
    for word in words:
        group = group.commands[word]
    return group


def test_command_that_is_asked_for_is_prepared_alone_and_with_all_its_options(whole):
    every = list(paths(whole))
    assert {("play",), ("keys",), ("keys", "new"), ("replay", "show")} < set(every)
    for words in every:
        part = get_command(asked_for(app, words))
        for i in range(len(words)):
            assert list(found(part, words[:i]).commands) == [words[i]]
        mine, theirs = found(part, words), found(whole, words)
        assert (mine.name, mine.help) == (theirs.name, theirs.help)
        assert [each.opts for each in mine.params] == [each.opts for each in theirs.params]
        assert list(getattr(mine, "commands", ())) == list(getattr(theirs, "commands", ()))


@pytest.mark.parametrize("words", [(), ("--help",), ("--version", "play"), ("plya",), ("new",)])
def test_words_that_name_no_command_list_them_all(whole, words):
    part = get_command(asked_for(app, words))
    assert list(paths(part)) == list(paths(whole))


@pytest.mark.parametrize("words", [("--version", "play"), ("bench", "--profile", "out.svg", "hub")])
def test_command_after_an_option_can_be_run(whole, words):
    for part in (get_command(asked_for(app, words)), whole):
        command = found(part, [word for word in words if word in ("play", "bench", "hub")])
        assert command.params


def test_option_before_a_command_is_read(tmp_path):
    done = command("bench", "--profile", tmp_path / "missing" / "out.svg", "hub")
    assert done.returncode == 2
    assert done.stderr.startswith("netsiege: --profile: ")  # heard, whatever keeps it from being done


def test_list_has_the_first_words_about_each_command_whole():
    shown = " ".join(command("--help").stdout.split())
    assert "tui Play by hand, as attacker or defender. Needs the extra [tui]. hub" in shown
    assert "keys Keys: your own, the hub's to trust, and who may do what at a hub of yours." in shown
    assert "... " not in shown.replace("COMMAND [ARGS]...", "")


def test_word_that_is_no_command_is_told_the_nearest_there_is():
    for words, near in ((("stats",), "status"), (("keys", "lst"), "list")):
        done = command(*words)
        assert done.returncode == 2
        assert f"Did you mean '{near}'?" in done.stderr


def test_command_leaves_the_command_line_whole_for_the_next():
    assert command("keys", "--help").stdout.count("  new  ") == 1
    assert command("scenario", "list").returncode == 0
    assert command("keys", "--help").stdout.count("  new  ") == 1
    assert command().stdout.count("  scenario  ") == 1
