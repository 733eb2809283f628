"""Finds and runs a Python module that describes a network for CYST, the simulator below NetSecGame.

This is the one place that runs code which a user names, and the only one that imports CYST; the module's own
output goes to stderr. What the objects mean, `netsiege.scenarios.cyst` knows.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from netsiege.errors import ConfigError
from netsiege.scenarios.reading import nearest
from netsiege.scenarios.source import file_label

CONFIGURATION: Final = "cyst.api.configuration"
OBJECTS: Final = "configuration_objects"
"""The name under which NetSecGame's scenarios keep their list."""


def load_objects(module: str) -> tuple[list[Any], ModuleType]:
    """The `configuration_objects` of a module, and the CYST module whose classes they are of.

    `module` is a dotted name, searched for in the working folder as well, or the path of a `.py` file. Raises
    ConfigError if CYST is not here, and for whatever is wrong with the module, with the line if it has one.
    """
    cyst = _cyst()
    label = file_label(module)
    is_file = module.endswith(".py") or "/" in module
    if is_file and not Path(module).is_file():
        raise ConfigError(f"{label}: no such file")
    folder = str(Path(module).resolve().parent) if is_file else os.getcwd()
    try:
        with _found_from(folder), contextlib.redirect_stdout(sys.stderr):
            names = runpy.run_path(module) if is_file else vars(import_module(module))
    except (Exception, SystemExit) as error:  # their code runs here, which may raise anything
        raise ConfigError(f"{label}: {_explained(error, module)}") from error
    found = names.get(OBJECTS)
    if found is None:
        lists = [name for name, value in names.items() if isinstance(value, list) and name[0] != "_"]
        wanted = f"has no `{OBJECTS}`, the list of nodes and routers that NetSecGame reads"
        raise ConfigError(f"{label}: {wanted}{nearest(OBJECTS, lists)}")
    if not isinstance(found, list | tuple):
        raise ConfigError(f"{label}: {OBJECTS} is of type {type(found).__name__}, not a list")
    return list(found), cyst


def _cyst() -> ModuleType:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return import_module(CONFIGURATION)
    except ImportError as error:
        why = "" if getattr(error, "name", None) == "cyst" else f" ({error})"
        advice = "pip install 'netsecgame[server]' beside netsiege, in a Python 3.12"
        raise ConfigError(f"import-cyst needs CYST, which cannot be imported here{why}: {advice}") from None


@contextlib.contextmanager
def _found_from(folder: str) -> Iterator[None]:
    """Modules in a folder can be imported, as `python` has it for the folder of a script."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # their code may have taken it out
            sys.path.remove(folder)


def _explained(error: BaseException, module: str) -> str:
    """What went wrong, and at which statement of which file: the last one of a module itself."""
    if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
        return f"there is no module {error.name!r}, here or among what is installed"
    if isinstance(error, SyntaxError):
        return f"{_at(error.filename, error.lineno, module)}{type(error).__name__}: {error.msg}"
    said = f"{type(error).__name__}: {error}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.name == "<module>" and not frame.filename.startswith("<")
    ]
    return f"{_at(frames[-1].filename, frames[-1].lineno, module)}{said}" if frames else said


def _at(file: str | None, line: int | None, module: str) -> str:
    """A line of a file at the beginning of a message; the module itself is named there already."""
    return f"line {line}: " if file == module else f"{file_label(file or '?')}, line {line}: "
