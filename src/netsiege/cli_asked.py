"""Which part of the command line is asked for. Typer prepares the options of all commands before it runs
one, which takes longer than many of them: so it is given that one alone, or, where commands are only listed,
all of them without their options.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Final

import typer
from typer.models import CommandInfo, TyperInfo

HELP: Final = ("-h", "--help")


def asked_for(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """`app` with the one command that `words` begin with. For help, and for a word that is no command, it has
    all of them, to be listed and not to be run; all of `app`, as it is, if another option comes first.
    """
    word = words[0] if words else None
    part = copy.copy(app)
    part.registered_commands = [each for each in app.registered_commands if _name(each) == word]
    part.registered_groups = [_part(each, words[1:]) for each in app.registered_groups if each.name == word]
    if part.registered_commands or part.registered_groups:
        return part
    if word is not None and word.startswith("-") and word not in HELP:
        return app
    part.registered_commands = [_listed(each) for each in app.registered_commands]
    part.registered_groups = [_part(each, ()) for each in app.registered_groups]
    return part


def _name(command: CommandInfo) -> str | None:
    """What a command is called: its function's name if it has none of its own."""
    return command.name or getattr(command.callback, "__name__", None)


def _listed(command: CommandInfo) -> CommandInfo:
    """The command by its name and its help, which are all that a list has of it."""

    def only_listed() -> None:
        raise AssertionError(f"{listed.name} was to be listed, and is run")  # rather than doing nothing

    listed = copy.copy(command)
    listed.name, listed.callback = _name(command), only_listed
    said = inspect.getdoc(command.callback) or ""
    listed.short_help = " ".join(said.split("\n\n")[0].split())
    return listed


def _part(group: TyperInfo, words: Sequence[str]) -> TyperInfo:
    assert group.typer_instance is not None
    part = copy.copy(group)
    part.short_help = group.typer_instance.info.help
    part.typer_instance = asked_for(group.typer_instance, words)
    return part
