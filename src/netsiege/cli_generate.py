"""`netsiege scenario generate`: networks out of a recipe, one or a whole suite."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from netsiege.cli_types import MAX_SEED
from netsiege.errors import ConfigError

if TYPE_CHECKING:
    from netsiege.scenarios.generate import Generated

DEFAULT_HOSTS = 50


def scenario_generate(
    recipe: Annotated[
        Optional[str], typer.Argument(help="A bundled recipe (office, fortress, plant), or a YAML file.")
    ] = None,
    hosts: Annotated[
        Optional[int], typer.Option(min=5, max=5_000, help=f"How many hosts. Default: {DEFAULT_HOSTS}.")
    ] = None,
    seed: Annotated[
        Optional[int],
        typer.Option(min=0, max=MAX_SEED, help="Equal seeds give equal networks. Default: a new one."),
    ] = None,
    out: Annotated[
        Optional[str],
        typer.Option("--out", metavar="FILE", help="Where it goes; a suite's folder. Default: the terminal."),
    ] = None,
    task_out: Annotated[
        Optional[str],
        typer.Option(
            "--task-out", metavar="FILE", help="A task as well, with more steps for more hosts; beside --out."
        ),
    ] = None,
    suite: Annotated[
        Optional[str], typer.Option(help="All networks of a suite: unseen-100 (small), unseen-30 (large).")
    ] = None,
    listed: Annotated[
        bool,
        typer.Option("--list", help="Make nothing; say how hard all suites are, or each network of one."),
    ] = False,
) -> None:
    """Make a network that can be won, and say in how many steps at least."""
    import secrets

    from netsiege.scenarios.generate import DEFAULT_RECIPE, generate, load_recipe

    if listed or suite is not None:
        _of_suites(suite, out, listed=listed, alone=(recipe, hosts, seed, task_out) == (None,) * 4)
        return
    _check_places(out, task_out)
    made = generate(
        load_recipe(recipe or DEFAULT_RECIPE),
        hosts if hosts is not None else DEFAULT_HOSTS,
        seed if seed is not None else secrets.randbits(64),
    )
    _write(made, out, task_out)
    said = f"the shortest attack takes {made.difficulty} steps; under siege-1 its chance is {made.chance:.2g}"
    print(f"{made.topology.name}: {said}", file=sys.stderr)


def _of_suites(suite: str | None, out: str | None, *, listed: bool, alone: bool) -> None:
    """What is asked of a suite, or of all."""
    from pathlib import Path

    from netsiege.scenarios.generate import suite_table, write_suite
    from netsiege.show_generate import print_suites

    if not alone or (listed and out is not None):
        said = "lists suites" if listed else "says what to generate"
        flag, other = ("--list", "--suite") if listed else ("--suite", "--out")
        raise ConfigError(f"{flag}: {said}, so that of all else only {other} can be given")
    if suite is None:
        print_suites()
    elif listed:
        print(suite_table(suite), end="")
    elif out is None:
        raise ConfigError("--suite: needs a folder to write to: --out DIR")
    else:
        print(write_suite(suite, Path(out)))


def _check_places(out: str | None, task_out: str | None) -> None:
    """A task finds its scenario only beside it."""
    from pathlib import Path

    if task_out is None:
        return
    if out is None:
        raise ConfigError("--task-out: needs the scenario in a file: --out FILE")
    if Path(out).absolute().parent != Path(task_out).absolute().parent or Path(out) == Path(task_out):
        raise ConfigError(f"--task-out: must be another file in the folder of {out}")
    if not out.endswith((".yaml", ".yml")):
        raise ConfigError("--task-out: the scenario's file must end in .yaml for the task to name it")


def _write(made: Generated, out: str | None, task_out: str | None) -> None:
    from pathlib import Path

    from netsiege.files import write_new

    if out is None:
        print(made.text, end="")
        return
    write_new(Path(out), made.text, 0o644)
    print(out)
    if task_out is not None:
        write_new(Path(task_out), made.task_file(Path(out).name), 0o644)
        print(task_out)
