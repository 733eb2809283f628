"""Which part of the command line is asked for. Typer prepares the options of all commands before it runs
one, which takes longer than many of them: so it is given that one alone.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import typer
from typer.models import CommandInfo, TyperInfo


def asked_for(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """`app` with the one command that `words` begin with; all of it where they begin with none, as for help
    and for a word that is no command. `app` itself stays as it is.
    """
    word = words[0] if words else None
    commands = [command for command in app.registered_commands if _name(command) == word]
    groups = [_part(group, words[1:]) for group in app.registered_groups if group.name == word]
    if not commands and not groups:
        return app
    part = copy.copy(app)
    part.registered_commands, part.registered_groups = commands, groups
    return part


def _name(command: CommandInfo) -> str | None:
    """What a command is called: its function's name if it has none of its own."""
    return command.name or getattr(command.callback, "__name__", None)


def _part(group: TyperInfo, words: Sequence[str]) -> TyperInfo:
    assert group.typer_instance is not None
    part = copy.copy(group)
    part.typer_instance = asked_for(group.typer_instance, words)
    return part
