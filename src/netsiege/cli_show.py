"""`netsiege scenario show`: what is in a scenario, or what an attacker can do there."""

from __future__ import annotations

import sys
from typing import Annotated, Optional

import typer

from netsiege.errors import ConfigError


def scenario_show(
    name: Annotated[str, typer.Argument(help="A bundled scenario, or a YAML file.")],
    attack_graph: Annotated[
        bool, typer.Option("--attack-graph", help="What an attacker can do, and the shortest attack.")
    ] = False,
    task: Annotated[
        Optional[str],  # typer reads Optional
        typer.Option(help="The attack graph for the goal of this task. Default: the scenario's own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The attack graph as one JSON document.")] = False,
    as_dot: Annotated[bool, typer.Option("--dot", help="The attack graph for Graphviz.")] = False,
) -> None:
    """Show the networks, hosts, services, data and firewall of a scenario, or how it can be attacked."""
    given = {"--task": task is not None, "--json": as_json, "--dot": as_dot}
    if not attack_graph:
        alone = [option for option, is_given in given.items() if is_given]
        if alone:
            raise ConfigError(f"{alone[0]}: says something about the attack graph: add --attack-graph")
        _describe(name)
        return
    if as_json and as_dot:
        raise ConfigError("--dot: cannot be given together with --json")
    from netsiege.scenarios import load_spec_with_warnings
    from netsiege.scenarios.attack_graph import attack_graph as graph_of
    from netsiege.show_attack import show_attack_graph

    spec, warnings = load_spec_with_warnings(task, name)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    show_attack_graph(graph_of(spec), as_json=as_json, as_dot=as_dot)


def _describe(name: str) -> None:
    from netsiege.scenarios import describe, load_topology

    print(describe(load_topology(name)))
