"""Generated scenarios and tasks as text, to the byte the same whatever writes YAML elsewhere.

Texts that could be taken for anything else stand in double quotes, as JSON and YAML both read them.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from netsiege.game import AgentRole
from netsiege.scenarios.model import DataItem, Task

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_/-]*(?: [A-Za-z0-9_/-]+)*")
_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+(?:/\d+)?")
_WORDS: Final = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
_WIDTH: Final = 110


def scenario_text(document: dict[str, Any], comment: str) -> str:
    """A scenario file from its plain values, below a comment."""
    lines = [f"# {comment}"]
    for key in ("name", "description"):
        lines.append(f"{key}: {_flow(document[key])}")
    lines += ["", "networks:"]
    lines += [f"  {name}: {network}" for name, network in document["networks"].items()]
    lines += ["", "hosts:"]
    for name, host in document["hosts"].items():
        lines += [f"  {name}:", f"    ip: {host['ip']}"]
        if "start" in host:
            lines.append("    start: true")
        lines.append("    services:")
        for service, fields in host["services"].items():
            lines += _service(_flow(service), fields)
    lines += ["", "routers:"]
    for name, router in document["routers"].items():
        lines += [f"  {name}:", "    ip:", *(f"      - {address}" for address in router["ip"])]
    lines += ["", "firewall:"] if document["firewall"] else []
    for rule in document["firewall"]:
        for start, key in (("  - from:", "from"), ("    to:", "to")):
            lines += _wrapped(start, rule[key])
    return "\n".join(lines) + "\n"


def _service(name: str, fields: dict[str, Any]) -> list[str]:
    if "data" not in fields:
        return [f"      {name}: {_flow(fields)}"]
    lines = [f"      {name}:"]
    lines += [f"        {key}: {_flow(value)}" for key, value in fields.items() if key != "data"]
    return [*lines, "        data:", *(f"          - {_flow(item)}" for item in fields["data"])]


def _wrapped(start: str, words: list[str]) -> list[str]:
    """A list in brackets, over as many lines as it takes."""
    if len(words) == 1:
        return [f"{start} {words[0]}"]
    lines = [start]
    for i, word in enumerate(words):
        part = f"{'' if i else '['}{word}{',' if i < len(words) - 1 else ']'}"
        if len(lines[-1]) + 1 + len(part) > _WIDTH:
            lines.append(f"      {part}")
        else:
            lines[-1] += f" {part}"
    return lines


def task_text(task: Task, scenario_file: str) -> str:
    """A task file for a scenario in the same folder: all that `default_task` may say, and its limits."""
    lines = [f"name: {_flow(task.name)}", "", "coordinator:", "  agents:"]
    for role in task.roles:
        if role.goal.is_empty and role.max_steps is None and role.role == AgentRole.Benign.value:
            lines.append(f"    {role.role}: {{}}")
            continue
        lines.append(f"    {role.role}:")
        if role.max_steps is not None:
            lines.append(f"      max_steps: {role.max_steps}")
        goal: dict[str, Any] = {}
        if role.goal_description:
            goal["description"] = role.goal_description
        if role.goal.known_data:
            goal["known_data"] = {a: [_datum(each) for each in items] for a, items in role.goal.known_data}
        if role.goal.known_blocks:
            goal["known_blocks"] = {address: blocked[0] for address, blocked in role.goal.known_blocks}
        lines.append(f"      goal: {_flow(goal)}")
        lines.append(f"      start_position: {_flow({'controlled_hosts': [*role.start.controlled_hosts]})}")
    rewards = task.rewards
    told = {name: getattr(rewards, name) for name in ("success", "step", "fail", "false_positive")}
    lines += ["", "env:", f"  scenario: {_flow(scenario_file)}", f"  rewards: {_flow(told)}"]
    return "\n".join(lines) + "\n"


def _datum(item: DataItem | str) -> str | list[str]:
    if isinstance(item, str):
        return item
    return [item.owner, item.id, item.type] if item.type else [item.owner, item.id]


def _flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_flow(key)}: {_flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    is_plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if is_plain or _ADDRESS.fullmatch(value) else json.dumps(value, ensure_ascii=False)
