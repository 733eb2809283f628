"""An attack graph as a document for programs, as a picture's description, and as rows for people.

In a large graph, hosts of one network with the same hops that the same hosts can take share a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from netsiege.game import ActionType
from netsiege.scenarios.attack_graph import AttackGraph, Node, Start, item_name, step_of
from netsiege.scenarios.attack_search import mask_of
from netsiege.scenarios.generate.reach import members

MAX_SINGLE: Final = 40
"""Hosts that have a row each."""
_NAMED: Final = 5
"""Of hosts and services that share a cell."""


@frozen
class Row:
    """Some hosts, and what can be told of all of them."""

    hops: int
    network: str
    hosts: str
    sources: str
    """From where they can be taken; nothing if only a start has them."""
    services: str
    """By exploiting what."""
    goal: str
    """What of it is there."""
    is_on_path: bool
    numbers: tuple[int, ...]
    """Of the nodes."""


def rows_of(graph: AttackGraph) -> tuple[Row, ...]:
    """The nodes, those of the path apart, in the order of their hops and networks."""
    sources = _transposed(graph)
    networks, path, is_small = _networks(graph), set(graph.path), len(graph.nodes) <= MAX_SINGLE
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, node in enumerate(graph.nodes):
        is_alone = is_small or node.address in path or node.data or node.is_wanted
        # those of one network can take each other, and none itself
        alike = sources[number] | (1 << number if sources[number] & networks[node.network] else 0)
        key = (node.hops, node.network, node.address if is_alone else "", alike)
        groups.setdefault(key, []).append(number)
    return tuple(_row(graph, numbers, sources, networks, path) for numbers in groups.values())


def _row(
    graph: AttackGraph,
    numbers: Sequence[int],
    sources: Sequence[int],
    networks: Mapping[str, int],
    path: set[str],
) -> Row:
    nodes = [graph.nodes[number] for number in numbers]
    services = dict.fromkeys(f"{each.name} {each.version}" for node in nodes for each in node.services)
    goal = [f"has {item_name(item)}" for node in nodes for item in node.data]
    goal += ["the goal's place"] if any(node.is_wanted for node in nodes) else []
    names = (
        [f"{node.host} ({node.address})" for node in nodes] if len(nodes) == 1 else [n.host for n in nodes]
    )
    is_taken = bool(sources[numbers[0]])
    return Row(
        nodes[0].hops,
        nodes[0].network,
        _few(names),
        _few(_told(graph, sources[numbers[0]], mask_of(numbers), networks)),
        _few(list(services)) if is_taken else "",
        _few(goal),
        any(node.address in path for node in nodes),
        tuple(numbers),
    )


def _few(words: Sequence[str]) -> str:
    more = [f"{len(words) - _NAMED} more"] if len(words) > _NAMED else []
    return ", ".join([*words[:_NAMED], *more])


def _told(graph: AttackGraph, sources: int, own: int, networks: Mapping[str, int]) -> list[str]:
    """Names of hosts, and networks of which it is all that can be had."""
    told = []
    for network, there in networks.items():
        inside = there & sources
        if inside and (there & ~own & ~sources) == 0 and there.bit_count() > 1:
            told.append(f"all {there.bit_count()} of {network}")
        else:
            told += [graph.nodes[number].host for number in members(inside)]
    return told


def _networks(graph: AttackGraph) -> dict[str, int]:
    """The nodes of each network."""
    found: dict[str, int] = {}
    for number, node in enumerate(graph.nodes):
        found[node.network] = found.get(node.network, 0) | 1 << number
    return found


def _transposed(graph: AttackGraph) -> list[int]:
    """For each node, the nodes from which it can be taken, as a mask."""
    alike: dict[int, int] = {}
    for source, reached in enumerate(graph.reach):
        alike[reached] = alike.get(reached, 0) | 1 << source
    sources = [0] * len(graph.nodes)
    for reached, those in alike.items():
        for number in members(reached):
            sources[number] |= those & ~(1 << number)
    return sources


# --- for programs -----------------------------------------------------------------------------------------


def document(graph: AttackGraph) -> dict[str, Any]:
    """Plain values: `nodes` and `edges` as networkx has them (node-link), and the shortest attack.

    An edge of kind `take` says that its source can take its target; one of kind `bring`, that the shortest
    attack moves data along it. `on_path` marks the shortest attack.
    """
    path = set(graph.path)
    return {
        "directed": True,
        "multigraph": True,
        "scenario": graph.scenario,
        "task": graph.task,
        "role": graph.role,
        "goal": {"description": graph.goal, "parts": list(graph.wanted)},
        "shortest_attack": _attack(graph),
        "starts": [_start(start) for start in graph.starts],
        "notes": list(graph.notes),
        "nodes": [_node(node, node.address in path) for node in graph.nodes],
        "edges": list(_edges(graph)),
    }


def _attack(graph: AttackGraph) -> dict[str, Any] | None:
    if graph.best is None:
        return None
    steps = [step_of(action) for action in graph.best.way.actions or ()]
    return {
        "steps": len(steps),
        "is_proven_shortest": graph.best.way.is_shortest,
        "drawn": list(graph.best.drawn),
        "path": list(graph.path),
        "actions": [
            {"action": step.action, "source": step.source, "target": step.target, "what": step.what}
            for step in steps
        ],
    }


def _start(start: Start) -> dict[str, Any]:
    actions = start.way.actions
    return {
        "drawn": list(start.drawn),
        "steps": None if actions is None else len(actions),
        "missing": start.way.missing,
    }


def _node(node: Node, is_on_path: bool) -> dict[str, Any]:
    return {
        "id": node.address,
        "host": node.host,
        "network": node.network,
        "hops": node.hops,
        "services": [{"name": each.name, "version": each.version} for each in node.services],
        "goal_data": [{"owner": each.owner, "id": each.id, "type": each.type} for each in node.data],
        "is_goal": node.is_wanted,
        "on_path": is_on_path,
    }


def _edges(graph: AttackGraph) -> Iterator[dict[str, Any]]:
    taken = set(_moves(graph, ActionType.ExploitService))
    for source, reached in enumerate(graph.reach):
        here = graph.nodes[source].address
        for number in members(reached & ~(1 << source)):
            there = graph.nodes[number].address
            yield {"source": here, "target": there, "kind": "take", "on_path": (here, there) in taken}
    for here, there in dict.fromkeys(_moves(graph, ActionType.ExfiltrateData)):
        yield {"source": here, "target": there, "kind": "bring", "on_path": True}


def _moves(graph: AttackGraph, kind: ActionType) -> Iterator[tuple[str, str]]:
    """Sources and targets of the shortest attack's actions of a kind."""
    for action in (graph.best.way.actions or ()) if graph.best is not None else ():
        if action.type is kind:
            yield str(action.parameters["source_host"]), str(action.parameters["target_host"])


# --- for pictures -----------------------------------------------------------------------------------------


def dot(graph: AttackGraph) -> str:
    """The graph in Graphviz's language: rows as boxes, and edges to those that are more hops away.

    Dashed edges bring data; the shortest attack is bold and red.
    """
    rows = rows_of(graph)
    sources = _transposed(graph)
    row_at = {graph.nodes[n].address: k for k, row in enumerate(rows) for n in row.numbers}
    lines = [f"digraph {_quoted(graph.scenario)} {{", "  rankdir=LR;", "  node [shape=box];"]
    for k, row in enumerate(rows):
        told = [
            row.hosts,
            row.network,
            row.services and f"by {row.services}",
            row.goal,
        ]
        marks = ", color=red, penwidth=2" if row.is_on_path else ""
        shape = ", style=rounded" if not row.hops else ""
        lines.append(f"  r{k} [label={_quoted(chr(10).join(filter(None, told)))}{marks}{shape}];")
    best = {(row_at[a], row_at[b]) for a, b in _moves(graph, ActionType.ExploitService)}
    for k, row in enumerate(rows):
        before = {row_at[graph.nodes[n].address] for number in row.numbers for n in members(sources[number])}
        for j in sorted(before):
            if rows[j].hops < row.hops:
                lines.append(f"  r{j} -> r{k}{' [color=red, penwidth=2]' if (j, k) in best else ''};")
    for a, b in dict.fromkeys(_moves(graph, ActionType.ExfiltrateData)):
        lines.append(
            f"  r{row_at[a]} -> r{row_at[b]} [style=dashed, color=red, penwidth=2, constraint=false];"
        )
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    """Text in double quotes, as Graphviz reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
