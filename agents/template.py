"""Makes the package of a new agent, which runs and has tests, from the files in `skeleton`.

It knows names and files. What the agent does is in the skeleton; installing it is the user's.
"""

from __future__ import annotations

import keyword
import re
import string
import sys
import tempfile
import unicodedata
from importlib.metadata import distribution, entry_points, packages_distributions
from importlib.resources import files
from pathlib import Path

from attrs import frozen

import netsiege
from netsiege.agents.registry import GROUP
from netsiege.errors import ConfigError
from netsiege.game import AgentRole

MAX_NAME_CHARS = 32
"""With more, lines of the files that are made would be longer than formatters leave them."""

_USED = ("RandomAttacker", "Recording")  # beside the names of `netsiege`
_COMMANDS = {
    AgentRole.Attacker: "netsiege agent run {}  # in another terminal: `netsiege hub`",
    AgentRole.Defender: "netsiege play --defender {}  # with a hub of its own and other agents",
    AgentRole.Benign: "netsiege play --benign {}  # with a hub of its own and other agents",
}
"""How the agent of a role is run. A hub without a task has seats for attackers only."""
_PLAIN = re.compile(r"[a-z](?:[a-z0-9_]*[a-z0-9])?")


@frozen
class NewPackage:
    """A package that has been made. `agent` is its name in `netsiege agent list`.

    `files` are paths below `folder`. `notes` say to the user where the name is not as it was given.
    """

    folder: Path
    package: str
    agent: str
    cls: str
    role: AgentRole
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def make_package(
    name: str, out: Path | None = None, role: AgentRole | str = AgentRole.Attacker
) -> NewPackage:
    """Makes the folder of an agent's package in the folder `out` (here, if it is None).

    Dashes of the name become underscores. Nothing is overwritten: a folder of that name must be empty, if it
    is there. All of the package is made, or nothing. Raises `ConfigError` for a name that cannot be a
    package's, with the nearest that can, for an unknown role, and if the package cannot be written.
    """
    package = check_package_name(name)
    try:
        role = AgentRole.from_string(role)
    except ValueError:
        roles = ", ".join(r.value for r in AgentRole)
        raise ConfigError(f"--role: {role!r} is not a role; roles: {roles}") from None
    agent, cls = package.replace("_", "-"), class_name(package)
    values = {"package": package, "agent": agent, "cls": cls, "role": role.value}
    command = _COMMANDS[role].format(agent)
    texts = _filled({**values, "version": netsiege.__version__, "command": command})
    target = (out or Path()).resolve() / package
    _write_all(target, texts)
    notes = () if name == package else (f"a package's name has no dashes: {name!r} is made as {package!r}",)
    return NewPackage(target, package, agent, cls, role, tuple(sorted(texts)), notes)


# --- names ------------------------------------------------------------------------------------------------


def check_package_name(name: str) -> str:
    """The name of the package to make, with underscores for dashes. Raises `ConfigError` for a bad one."""
    package = name.replace("-", "_")
    problem = _problem(package)
    if problem is None:
        return package
    raise ConfigError(f"{name!r} cannot be the name of an agent's package: {problem}; try {_nearest(name)!r}")


def class_name(package: str) -> str:
    """The class of a package: `my_agent` has `MyAgent`."""
    return "".join(part.capitalize() for part in package.split("_"))


def _problem(package: str) -> str | None:
    """Why there can be no package of this name; None if there can."""
    cls = class_name(package)
    reasons = {
        "it is a path (--out names the folder to make the package in)": re.search(r"[/\\]|^\.\.?$", package),
        "it takes lower-case letters, digits and underscores, a letter first and no underscore last": (
            not _PLAIN.fullmatch(package)
        ),
        f"it has more than {MAX_NAME_CHARS} characters": len(package) > MAX_NAME_CHARS,
        "it is a keyword of Python": keyword.iskeyword(package),
        "it is a module of Python's own": package in sys.stdlib_module_names,
        "pytest would take it for tests": cls.startswith("Test"),
        f"its class would be called {cls}, as one that it uses": cls in _USED or hasattr(netsiege, cls),
    }
    return next((reason for reason, holds in reasons.items() if holds), None) or _taken(package)


def _taken(package: str) -> str | None:
    """Which installed package has the name already. An agent may be made again beside the one installed."""
    for owner in packages_distributions().get(package, ()):
        points = distribution(owner).entry_points.select(group=GROUP)
        if owner == "netsiege" or not points:
            return f"the installed package {owner} has it"
    agent = package.replace("_", "-")
    for point in entry_points(group=GROUP):
        if point.name == agent and point.module.split(".")[0] != package:
            return f"there is an agent {agent!r} already"
    return None


def _nearest(name: str) -> str:
    """The name that is most like it and can be a package's."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", plain).lower()
    found = re.sub(r"[^a-z0-9]+", "_", words).strip("_")[:MAX_NAME_CHARS].rstrip("_")
    if _problem(found) is None:
        return found
    own = f"my_{found or 'agent'}"[:MAX_NAME_CHARS].rstrip("_")
    return own if _problem(own) is None else "my_agent"


# --- files ------------------------------------------------------------------------------------------------


def _filled(values: dict[str, str]) -> dict[Path, str]:
    """The texts of the package's files, by their paths in its folder."""
    skeleton = files("netsiege.agents") / "skeleton"
    kind, package = values["role"].lower(), values["package"]
    sources = {
        Path("pyproject.toml"): "pyproject.toml",
        Path("README.md"): "README.md",
        Path("src", package, "__init__.py"): f"{kind}.py",
        Path("tests", f"test_{package}.py"): f"test_{kind}.py",
    }
    texts = {
        path: string.Template((skeleton / f"{source}.template").read_text("utf-8")).substitute(values)
        for path, source in sources.items()
    }
    texts[Path("src", package, "py.typed")] = ""
    return texts


def _write_all(target: Path, texts: dict[Path, str]) -> None:
    """Makes the folder `target`, with those above it that are missing, whole or not at all."""
    _check_free(target)
    missing = [each for each in (target, *target.parents) if not each.exists()]
    top = missing[-1] if missing else target
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=top.parent) as beside:
            made = Path(beside) / top.name
            for path, text in texts.items():
                file = made / target.relative_to(top) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, "utf-8")
            made.rename(top)  # over an empty folder; fails if somebody has put something there meanwhile
    except OSError as error:
        raise ConfigError(f"{target}: the package cannot be written: {error.strerror or error}") from None


def _check_free(target: Path) -> None:
    """Raises `ConfigError` unless nothing, or an empty folder, is at `target`."""
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise ConfigError(f"{target}: is there already, and is not overwritten")
        if target.is_dir() and any(target.iterdir()):
            raise ConfigError(f"{target}: is there already and not empty; nothing is overwritten")
    except OSError as error:
        raise ConfigError(f"{target}: cannot be looked into: {error.strerror}") from None
