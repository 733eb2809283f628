"""The image's files and the compose file, as the tests here read them."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer.main
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def with_defaults(value: Any) -> Any:
    """Compose's `${NAME:-default}`, as it reads in an environment without NAME."""
    if isinstance(value, str):
        return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
    if isinstance(value, list):
        return [with_defaults(item) for item in value]
    if isinstance(value, dict):
        return {key: with_defaults(item) for key, item in value.items()}
    return value


COMPOSE: dict[str, Any] = with_defaults(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))
SERVICES: dict[str, Any] = COMPOSE["services"]


def option(service: str, name: str) -> str:
    words: list[str] = SERVICES[service]["command"]
    return words[words.index(name) + 1]


def joined_lines(text: str) -> list[str]:
    """Lines without comments and with those that end in a backslash made one."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line.strip() for line in kept.replace("\\\n", " ").splitlines() if line.strip()]


def instructions(name: str) -> list[str]:
    """The rest of each line of the Dockerfile that starts with the instruction `name`."""
    lines = joined_lines((DEPLOY / "Dockerfile").read_text())
    return [line.split(maxsplit=1)[1] for line in lines if line.split()[0] == name]


def copied_sources() -> list[str]:
    """What the Dockerfile copies from the build context, relative to its root."""
    found = []
    for words in map(str.split, instructions("COPY")):
        if not any(word.startswith("--from=") for word in words):
            found += [word for word in words if not word.startswith("--")][:-1]
    return found


def setup_cfg() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser()
    parsed.read(ROOT / "setup.cfg")
    return parsed


def pairs(text: str) -> dict[str, str]:
    """The `key = value` lines of one option of setup.cfg."""
    split = (line.partition("=") for line in text.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, _, value in split}


def readme_blocks() -> str:
    """All shell examples of the README."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", (DEPLOY / "README.md").read_text(), flags=re.DOTALL))


def readme_container_arguments() -> list[list[str]]:
    """What the README's lines that start or enter a container hand to `netsiege`."""
    starts = ("docker run ", "docker exec ", "docker compose -f deploy/compose.yaml exec ")
    runs = [shlex.split(line) for line in joined_lines(readme_blocks()) if line.startswith(starts)]
    return [words[words.index("netsiege") + 1 :] for words in runs]


def parse(arguments: Sequence[str]) -> None:
    """Let the real command line parse these arguments of `netsiege`; it raises for what it does not know."""
    from netsiege import cli  # noqa: PLC0415 - the other tests here need no command line

    command: Any = typer.main.get_command(cli.app)
    words, name = list(arguments), "netsiege"
    while hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"no command {name!r} among {sorted(command.commands)}"
        command = command.commands[name]
    command.make_context(name, words)
