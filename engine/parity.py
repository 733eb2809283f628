"""Replays recordings of NetSecGame through our rules: `python -m netsiege.engine.parity FILE...`.

A file (gzipped or not) holds sequences, one JSON object a line: a `header` with the agents and their start
views, then `step`s (an action and the state after it), sometimes a world `reset`, and a `final` with all
states and the world. Known data and log files are compared as well as states; each state once more by its
hash. NetSecGame shares sets between the world and a state; where that showed, the recording says so:
`alias_drift` ends the comparison of a sequence, `alias_log_drift` that of its logs.

Prints `sequences N steps N mismatches N` and what differed first; exits with 1 if anything did.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define

from netsiege.engine.actions import ActionReader
from netsiege.engine.board import LOG_KEY, Board, build_board
from netsiege.engine.deltas import read_delta
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits
from netsiege.engine.rules import log_datum, play
from netsiege.engine.streams import Stream
from netsiege.engine.views import compile_view, draw_start
from netsiege.engine.world import World
from netsiege.game import Action, GameState
from netsiege.game.values import int_to_ip
from netsiege.protocol.play import action_body
from netsiege.scenarios.model import DataItem, ServiceItem, Topology, View

SHOWN: Final = 10
"""Differences that are printed in full."""

TopologyOf = Callable[[str], Topology]


@define
class Report:
    """What a check has found. `differences` are lines for people."""

    sequences: int = 0
    steps: int = 0
    mismatches: int = 0
    differences: list[str] = Factory(list)

    def differ(self, where: str, what: str, recorded: Any, ours: Any) -> None:
        """Counts a difference; remembers the first ones."""
        self.mismatches += 1
        if len(self.differences) < SHOWN:
            self.differences.append(f"{where}: {what}\n  recorded {recorded}\n  ours     {ours}")


def check(lines: Iterable[str], topology_of: TopologyOf, where: str, report: Report) -> None:
    """Replays all sequences of one file."""
    sequence: _Sequence | None = None
    for number, line in enumerate(lines, 1):
        record = json.loads(line)
        if record["kind"] == "header":
            sequence = _Sequence(record, topology_of(record["scenario"]), report)
            report.sequences += 1
        elif sequence is None:
            raise ValueError(f"{where}:{number}: a {record['kind']} before any header")
        else:
            sequence.take(record, f"{where}:{number}")


class _Sequence:
    """One world with its agents, and how far the recording can be compared."""

    def __init__(self, header: dict[str, Any], topology: Topology, report: Report) -> None:
        self.report = report
        self.agents = [agent["id"] for agent in header["agents"]]
        self.views = [_view(agent["start_view"]) for agent in header["agents"]]
        self.suspects = [agent["role"] != "Attacker" for agent in header["agents"]]
        self.board = build_board(topology, self.views, header["use_firewall"])
        self.reader = ActionReader(self.board)
        self.logs = dict(header["start_logs"])
        self.compares_states = self.compares_logs = True
        self.restart()
        where = f"{header['scenario']} sequence {header['sequence']}"
        self.compare_states(header["start_states"], where)

    def restart(self) -> None:
        self.world = World(self.board, self.suspects)
        self.knows = [self._start(view) for view in self.views]
        self.false_positives = dict.fromkeys(self.agents, 0)

    def _start(self, view: View) -> Knowledge:
        plan = compile_view(self.board, view, self.board.starts, "start")
        return draw_start(self.board, plan, Stream(0, "start"))

    def take(self, record: dict[str, Any], where: str) -> None:
        if record["kind"] == "step":
            self.step(record, f"{where} t={record['t']} {record['agent']}")
        elif record["kind"] == "reset":
            self.restart()
            self.logs = {agent: {} for agent in self.agents}
            self.compare_states(record["states"], where)
        elif record["kind"] == "final":
            self.compare_states(record["states"], where)
            self.compare_world(record["world"], record["fp"], where)
        else:
            raise ValueError(f"{where}: unknown kind {record['kind']!r}")

    def step(self, record: dict[str, Any], where: str) -> None:
        if "alias_drift" in record:
            self.compares_states = False
        if "alias_log_drift" in record:
            self.compares_logs = False
        self.report.steps += 1
        seat = self.agents.index(record["agent"])
        action = self.reader.read(action_body(Action.from_dict(record["action"])))
        assert action is not None
        knows = self.knows[seat]
        before = GameState.from_wire(knows.full(self.board))
        delta = play(self.world, knows, seat, action)
        ours = _plain_state(self.board, knows)
        self.logs[record["agent"]] = record.get("logs", self.logs[record["agent"]])
        self.false_positives.update(record.get("fp", {}))
        if self.compares_states:
            self._compare_step(record, seat, ours, where)
        if before.apply(read_delta(delta)).to_wire() != knows.full(self.board):
            self.report.differ(where, "the delta does not lead to the state", record["action"], delta.hex())

    def _compare_step(self, record: dict[str, Any], seat: int, ours: Any, where: str) -> None:
        report = self.report
        if ours != record["state"]:
            report.differ(where, f"state after {record['action']}", record["state"], ours)
        elif _sha(ours) != record["sha"]:
            report.differ(where, "hash of the state", record["sha"], _sha(ours))
        logs = _known_logs(self.board, self.knows[seat])
        if self.compares_logs and logs != self.logs[record["agent"]]:
            report.differ(where, "known logs", self.logs[record["agent"]], logs)
        false_positives = dict(zip(self.agents, self.world.false_positives, strict=True))
        if false_positives != self.false_positives:
            report.differ(where, "false positives", self.false_positives, false_positives)

    def compare_states(self, states: dict[str, Any], where: str) -> None:
        for agent, knows in zip(self.agents, self.knows, strict=True):
            ours = _plain_state(self.board, knows)
            if self.compares_states and ours != states[agent]:
                self.report.differ(where, f"state of {agent}", states[agent], ours)

    def compare_world(self, recorded: dict[str, Any], false_positives: dict[str, int], where: str) -> None:
        if not self.compares_states:
            return
        world, board = self.world, self.board
        ours = {
            "agent_fw_rules": _authors(self.agents, world),
            "data": {n: _node_data(world, i) for i, n in enumerate(board.node_names)},
            "firewall": world.firewall(),
            "fw_blocks": world.blocked(),
            "logs": {n: _node_log(world, i) for i, n in enumerate(board.node_names)},
        }
        for what, told in recorded.items():
            mine = ours[what]
            # the recording also lists the router that the game leaves out
            theirs = {k: v for k, v in told.items() if what not in ("data", "logs") or k in mine}
            if theirs != mine:
                self.report.differ(where, f"world: {what}", theirs, mine)
        earned = dict(zip(self.agents, world.false_positives, strict=True))
        if earned != false_positives:
            self.report.differ(where, "false positives", false_positives, earned)


def _view(plain: dict[str, Any]) -> View:
    return View(
        known_networks=tuple(plain["known_networks"]),
        known_hosts=tuple(plain["known_hosts"]),
        controlled_hosts=tuple(plain["controlled_hosts"]),
        known_services=tuple(
            (ip, tuple(ServiceItem(*service) for service in items))
            for ip, items in plain["known_services"].items()
        ),
        known_data=tuple(
            (ip, tuple(DataItem(*datum) for datum in items)) for ip, items in plain["known_data"].items()
        ),
    )


def _plain_state(board: Board, knows: Knowledge) -> dict[str, Any]:
    """The state in the form of the recording."""
    networks, hosts, controlled, services, data, blocks = knows.full(board)
    return {
        "controlled_hosts": sorted(map(int_to_ip, controlled)),
        "known_hosts": sorted(map(int_to_ip, hosts)),
        "known_networks": sorted(f"{int_to_ip(number)}/{mask}" for number, mask in networks),
        "known_services": {int_to_ip(number): _services(items) for number, items in services},
        "known_data": {
            int_to_ip(number): sorted([owner, name, kind] for owner, name, _, kind, _ in items)
            for number, items in data
        },
        "known_blocks": {int_to_ip(number): sorted(map(int_to_ip, items)) for number, items in blocks},
    }


def _services(items: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    named = [
        {"name": name, "type": kind, "version": version, "is_local": local}
        for name, kind, version, local in items
    ]
    return sorted(named, key=lambda service: json.dumps(service, sort_keys=True))


def _sha(state: dict[str, Any]) -> str:
    text = json.dumps(state, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _known_logs(board: Board, knows: Knowledge) -> dict[str, Any]:
    return {
        "|".join((board.texts[address], owner, name, kind)): {"size": size, "content": content}
        for address, held in knows.data.items()
        for owner, name, size, kind, content in held.values()
        if kind == LOG_KEY[2]
    }


def _authors(agents: Sequence[str], world: World) -> dict[str, list[str]]:
    return {
        f"{int_to_ip(here)}>{int_to_ip(there)}": sorted(agents[seat] for seat in bits(mask))
        for (here, there), mask in sorted(world.authors.items())
    }


def _node_data(world: World, node: int) -> list[Any]:
    board = world.board
    keys = [board.keys[board.item_key[item]] for item in bits(world.items(node))]
    return [list(key) for key in sorted([LOG_KEY, *keys])]


def _node_log(world: World, node: int) -> list[Any]:
    _, _, size, _, content = log_datum(world, node)
    return [{"size": size, "content": content}]


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from file


def main(paths: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    from netsiege.scenarios import load_topology  # noqa: PLC0415  # a tool's need, not the engine's

    report = Report()
    for path in paths:
        check(_lines(Path(path)), load_topology, Path(path).name, report)
    for line in report.differences:
        print(line)  # noqa: T201  # the tool's output
    print(f"sequences {report.sequences} steps {report.steps} mismatches {report.mismatches}")  # noqa: T201  # the same
    return 1 if report.mismatches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
