"""Scenario and task files of strangers: bombs, limits, and paths that lead elsewhere."""

from __future__ import annotations

import difflib
import json
import os
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from netsiege.errors import ConfigError
from netsiege.scenarios import (
    Spec,
    contents,
    describe,
    load_spec,
    load_topology,
    model,
    reading,
    topology,
    views,
)
from netsiege.scenarios import limits as of
from netsiege.scenarios.model import DataItem, Host, RoleTask, Rule, ServiceItem, Task, Topology, View
from netsiege.scenarios.source import MAX_DIRECTIVES

CPU_S = 10.0
"""What refusing a file may take: ten times of what it does where nothing else runs."""
MEMORY_BYTES = 256 << 20
"""What a process that refuses every bomb may take, Python and all imports included."""

NETWORK = "networks: {n: 10.0.0.0/8}\n"
TASK = """
coordinator:
  agents:
    Attacker:
      goal: {controlled_hosts: [192.168.1.2]}
      start_position: {controlled_hosts: [random]}
env: {scenario: two_networks_tiny, rewards: {success: 1, step: 0, fail: 0, false_positive: 0}}
"""


def address(i: int) -> str:
    return f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"


def hosts(count: int, more: str = "") -> str:
    return "hosts:\n" + "".join(f"  h{i}: {{ip: {address(i + 1)}{more}}}\n" for i in range(count))


def listed(item: Callable[[int], str], count: int) -> str:
    return f"[{', '.join(map(item, range(count)))}]"


def refusal(folder: Path, text: str | bytes, *, as_task: bool = False) -> list[str]:
    """What is said of a file, soon and in lines that can be shown."""
    path = folder / "f.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    began_s = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load_spec(task=path) if as_task else load_spec(scenario=path)
    assert time.process_time() - began_s < CPU_S
    lines = list(caught.value.problems)
    assert len(lines) <= 101
    assert all(line.startswith(f"{path}: ") and line.isprintable() and len(line) <= 2_000 for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


# --- bombs ------------------------------------------------------------------------------------------------


def laughs(levels: int, seed: str, again: Callable[[list[str]], str]) -> str:
    """Each line nine times the one before."""
    lines = [f"a0: &a0 {seed}"]
    return "\n".join(lines + [f"a{i}: &a{i} {again([f'*a{i - 1}'] * 9)}" for i in range(1, levels)])


BOMBS: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "values": (lambda: "- a\n" * 530_000, "more than 16777216 characters"),
    "maps": (lambda: "a: [" + "{}," * 530_000 + "1]", "more than 16777216 characters"),
    "equal-keys": (lambda: "a: 1\n" * 50_000, "a: written twice, on lines 1 and 2"),
    "directives": (lambda: "%TAG !a! t:x,\n" * 250_000, f"more than {MAX_DIRECTIVES} lines begin with '%'"),
    "directives-after-strange-breaks": (lambda: "\x85%TAG !a! t:x," * 250_000, "lines begin with '%'"),
    "depth": (lambda: "- " * 1_000_000 + "a", "nested more than 32 levels deep"),
    "laughs": (lambda: laughs(12, "[x]", lambda n: f"[{', '.join(n)}]"), "once aliases are written out"),
    "merges": (
        lambda: laughs(9, "{" + ", ".join(f"k{i}: 1" for i in range(999)) + "}", lambda n: f"{{<<: {n[0]}}}")
        + "\nb: {<<: [" + ", ".join(["*a8"] * 999) + "]}",
        "once aliases are written out",
    ),
    "nul": (lambda: "a: 1\0", "not valid YAML: control characters are not allowed"),
    "latin-1": (lambda: b"a: \xe9", "line 1: byte 0xe9 is not UTF-8"),
    "utf-16": (lambda: "a: 1".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    "object": (lambda: "a: !!python/object/apply:os.system [ls]", "a: line 1: tags such as"),
    "size": (lambda: "#" * (5 << 20), "larger than 4194304 bytes"),
    "hosts": (lambda: NETWORK + hosts(33_000), "hosts: 33000 entries are more than 32768"),
}  # fmt: skip  # one bomb a paragraph


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_refused_soon(tmp_path: Path, bomb: str) -> None:
    make, said = BOMBS[bomb]
    assert said in refusal(tmp_path, make())[0]


def test_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    names = ("values", "laughs", "merges", "hosts")
    for name in names:
        text = BOMBS[name][0]()
        assert isinstance(text, str)
        (tmp_path / f"{name}.yaml").write_text(text)
    code = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
from netsiege.scenarios import check_file
print([len(check_file(f"{tmp_path}/{{name}}.yaml")[0]) for name in {names}])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[1, 1, 1, 1]\n", "")


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many characters of words have been compared with those of choices so far."""
    total = 0
    compare = difflib.get_close_matches

    def counted(word: str, choices: list[str], n: int) -> list[str]:
        nonlocal total
        total += sum(len(word) * len(choice) for choice in choices)
        return compare(word, choices, n)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    return lambda: total


def test_whole_file_of_mistakes_is_told_in_a_hundred_lines(
    tmp_path: Path, compared: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SEARCHED", 10**9)
    rules = "".join(f"  - {{from: g{i}, to: h1}}\n" for i in range(5_000))
    lines = refusal(tmp_path, f"{NETWORK}{hosts(3_000)}firewall:\n{rules}")
    assert lines[0].startswith("firewall[0].from: 'g0' is neither an address, a network nor a name")
    assert lines[-1] == "and 4900 problems more"
    assert compared() <= 100 * sum(len("g4999") * len(f"h{i}") for i in range(3_001)), "for 100 lines"


def test_long_words_that_resemble_each_other_are_not_compared_for_ever(
    tmp_path: Path, compared: Callable[[], int]
) -> None:
    data = listed(lambda i: f"[{'a' * 190}, {'b' * 180}{i}]", 1_000)
    text = f"{NETWORK}hosts: {{a: {{ip: 10.0.0.1, services: {{s: {{data: {data}}}}}}}}}"
    (tmp_path / "net.yaml").write_text(text)
    wanted = listed(lambda i: f"[{'a' * 189}, {'b' * 181}{i}]", 1_000)
    goal = f"goal: {{known_data: {{10.0.0.1: {wanted}}}}}"
    task = TASK.replace("goal: {controlled_hosts: [192.168.1.2]}", goal).replace(
        "two_networks_tiny", "net.yaml"
    )
    first, second, *_ = refusal(tmp_path, task.replace("[random]", "[10.0.0.1]"), as_task=True)
    assert "net has no data" in first
    assert "net has no data" in second
    assert compared() <= reading.SEARCHED


def test_mistakes_in_an_ordinary_file_come_with_the_nearest_choice(tmp_path: Path) -> None:
    rules = "".join(f"  - {{from: h_{i}, to: h1}}\n" for i in range(3))
    lines = refusal(tmp_path, f"{NETWORK}{hosts(2_000)}firewall:\n{rules}")
    assert [line.partition("; ")[2] for line in lines] == ["nearest: h0", "nearest: h1", "nearest: h2"]


# --- limits -----------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a short file is over."""
    wanted = {
        "MAX_NETWORKS": 3, "MAX_ADDRESSES": 20, "MAX_OF_A_HOST": 4, "MAX_SERVICES": 10, "MAX_DATA": 10,
        "MAX_RULES": 30, "MAX_KINDS_OF_SERVICES": 6, "MAX_STARTS": 50, "MAX_RULE_SOURCES": 60,
        "MAX_LISTED": 9, "MAX_DRAWS": 3,
    }  # fmt: skip  # no table
    for module in (of, contents, topology, views):
        for name, limit in wanted.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, limit)


def office(*lines: str) -> str:
    return NETWORK + "hosts:\n" + "".join(f"  {line}\n" for line in lines)


DATA = "{data: [[u, a], [u, b], [u, c], [u, d]]}"
LIMITS: list[tuple[str, str]] = [
    ("networks: {a: 10.0.0.0/24, b: 10.0.1.0/24, c: 10.0.2.0/24, d: 10.0.3.0/24}\nhosts: {a: {ip: 10.0.0.1}}",
     "networks: 4 entries are more than 3"),
    (NETWORK + hosts(21), "hosts: 21 entries are more than 20"),
    (NETWORK + hosts(1) + "routers:\n" + "".join(f"  r{i}: {{ip: 10.1.0.{i + 1}}}\n" for i in range(20)),
     "hosts: 21 hosts are more than 20"),
    (office(f"a: {{ip: {listed(lambda i: address(i + 1), 21)}}}"), "hosts.a.ip: 21 entries are more than 20"),
    (office(f"a: {{ip: {listed(lambda i: address(i + 1), 15)}}}",
            f"b: {{ip: {listed(lambda i: address(i + 99), 6)}}}"),
     "hosts.b.ip: 6 entries, after 15 before them, are more than 20"),
    (office("a: {ip: 10.0.0.1, services: {a: , b: , c: , d: , e: }}"),
     "hosts.a.services: 5 entries are more than 4"),
    (office("a: {ip: 10.0.0.1, services: &s {a: , b: , c: , d: }}", "b: {ip: 10.0.0.2, services: *s}",
            "c: {ip: 10.0.0.3, services: *s}"),
     "hosts.c.services: 4 entries, after 8 before them, are more than 10"),
    (office("a: {ip: 10.0.0.1, services: {a: , b: , c: , d: }}",
            "b: {ip: 10.0.0.2, services: {e: , f: , g: }}"),
     "hosts: 7 different services are more than 6"),
    (office("a: {ip: 10.0.0.1, services: {s: {data: [[u, a], [u, b], [u, c], [u, d], [u, e]]}}}"),
     "hosts.a.services.s.data: 5 entries are more than 4"),
    (office("a: {ip: 10.0.0.1, services: {s: {data: [[u, a], [u, b], [u, c]]}, t: {data: [[u, d], [u, e]]}}}")
     + "\n",
     "hosts.a.services: 5 data are more than 4"),
    (office(f"a: {{ip: 10.0.0.1, services: {{s: &s {DATA}}}}}", "b: {ip: 10.0.0.2, services: {s: *s}}",
            "c: {ip: 10.0.0.3, services: {s: *s}}"),
     "hosts.c.services.s.data: 4 entries, after 8 before them, are more than 10"),
    (office("a: {ip: 10.0.0.1, start: 51}"), "hosts: 51 starts, by their weight are more than 50"),
    (NETWORK + hosts(6) + f"firewall:\n  - {{from: {listed(lambda i: f'h{i}', 6)}, to: "
     f"{listed(lambda i: f'h{i}', 6)}}}", "firewall[0]: more than 30 rules"),
    (NETWORK + hosts(1) + f"firewall:\n  - {{from: {listed(lambda i: 'h0', 31)}, to: h0}}",
     "firewall[0].from: 31 entries are more than 30"),
    (NETWORK + hosts(1) + "firewall:\n" + f"  - {{from: {listed(lambda i: 'h0', 29)}, to: h0}}\n" * 3,
     "firewall[2]: more than 30 rules"),
    (NETWORK + hosts(1) + "firewall:\n" + "  - {from: h0, to: h0}\n" * 31, "firewall: 31 entries are"),
    (NETWORK + hosts(20) + "firewall:\n" + "".join(f"  - {{from: 0.0.0.0/0, to: h{i}}}\n" for i in range(4)),
     "firewall: 80 source addresses are more than 60"),
    ("networks: {n: 0.0.0.0/1}\nhosts: {a: {ip: 10.0.0.1}}", "networks.n: '0.0.0.0/1' is larger than a /8"),
    ("networks: {n: 0.0.0.0/0}\nhosts: {a: {ip: 10.0.0.1}}", "networks.n: '0.0.0.0/0' is larger than a /8"),
    ("networks: {n: 10.0.0.0/1}\nhosts: {a: {ip: 10.0.0.1}}",
     "networks.n: '10.0.0.0/1' has host bits set; nearest: 0.0.0.0/1"),
]  # fmt: skip  # a table


@pytest.mark.parametrize(("text", "said"), LIMITS, ids=[said for _, said in LIMITS])
@pytest.mark.usefixtures("small")
def test_scenario_over_a_limit_is_refused_with_the_limit(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text)[0].startswith(said)


ATTACKER = "coordinator.agents.Attacker"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[random]", listed(lambda i: "random", 4), f"{ATTACKER}.start_position: 4 times `random` are"),
        ("[random]", listed(lambda i: "192.168.1.77", 9), f"{ATTACKER}.start_position: lists 10 entries"),
        ("{controlled_hosts: [192.168.1.2]}",
         "{known_data: {192.168.1.2: " + listed(lambda i: "all", 8) + "}}",
         f"{ATTACKER}.goal: lists 10 entries, more than 9"),
        ("env: {", f"env: {{random_seed: {'9' * 100_000}, ", "env.random_seed: '99999"),
        ("env: {", f"env: {{required_players: {'9' * 30}, ", "env.required_players: 99999"),
        ("success: 1,", "success: 1e999,", "env.rewards.success: inf is not a number"),
    ],
    ids=["draws", "entries", "entries-by-host", "seed", "players", "reward"],
)  # fmt: skip  # a table
@pytest.mark.usefixtures("small")
def test_task_over_a_limit_is_refused_with_the_limit(tmp_path: Path, old: str, new: str, said: str) -> None:
    [line] = refusal(tmp_path, TASK.replace(old, new, 1), as_task=True)
    assert line.startswith(said)


def test_spec_that_is_too_large_to_travel_is_refused(tmp_path: Path) -> None:
    content = f"{{owner: u, id: d, content: {'é' * 60_000}}}"
    text = f"{NETWORK}hosts:\n  a: {{ip: 10.0.0.1, services: {{s: &s {{data: [{content}]}}}}}}\n"
    more = "".join(f"  b{i}: {{ip: {address(i + 2)}, services: {{s: *s}}}}\n" for i in range(50))
    assert "bytes as they travel, more than 16777216" in refusal(tmp_path, text + more)[0]


def test_scenario_of_ten_thousand_hosts_is_no_bomb(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text(NETWORK + hosts(10_000, ", services: {ssh: {version: 8.1.0}}"))
    large = load_topology(tmp_path / "large.yaml")
    assert len(large.hosts) == 10_000
    assert len(describe(large)) < 2 << 20


def test_limits_of_a_replay_and_of_a_scenario_leave_room_for_what_people_write() -> None:
    assert of.MAX_ADDRESSES >= 30_000
    assert of.MAX_NETWORKS >= 600
    assert of.MAX_MOVES >= 600 * (30_000 + 2 * 5_000)


# --- specs ------------------------------------------------------------------------------------------------


def spec_of(topology: Topology, **task: Any) -> Spec:
    role = RoleTask("Attacker", View(controlled_hosts=("10.0.0.1",)))
    return Spec(topology, Task("t", topology.name, (role,), **task))


def lan(*added: Host, networks: tuple[str, ...] = ("10.0.0.0/8",), rules: tuple[Rule, ...] = ()) -> Topology:
    return Topology("lan", networks, (Host("a", ("10.0.0.1",)), *added), rules)


def goal(**view: Any) -> Spec:
    spec = spec_of(lan(Host("b", ("10.0.0.2",), tuple(
        ServiceItem(f"s{i}", data=tuple(DataItem("u", f"d{i}.{j}") for j in range(1_000))) for i in range(1)
    ))))  # fmt: skip  # one expression
    role = attrs.evolve(spec.task.roles[0], goal=View(**view))
    return Spec(spec.topology, attrs.evolve(spec.task, roles=(role,)))


EXCESSIVE: list[tuple[str, Callable[[], Spec], str]] = [
    ("start", lambda: spec_of(lan(Host("b", ("10.0.0.2",), start=10**12))), "hosts: 1000000000000 starts"),
    ("networks", lambda: spec_of(lan(networks=tuple(f"{address(i << 8)}/24" for i in range(3_000)))),
     "networks: 3000 networks are more than 2048"),
    ("hosts", lambda: spec_of(lan(*(Host("h", (address(i),)) for i in range(40_000)))),
     "hosts: 40001 hosts are more than 32768"),
    ("services", lambda: spec_of(lan(Host("\x1bb", ("10.0.0.2",), (ServiceItem("s"),) * 1_025))),
     "hosts.\\x1bb.services: 1025 services are more than 1024"),
    ("rules", lambda: spec_of(lan(*(Host("h", (address(i + 2),)) for i in range(3_000)),
                                  rules=tuple(Rule("0.0.0.0/0", f"{address(i)}/32") for i in range(1_000)))),
     "firewall: 3001000 source addresses"),
    ("moved-rules", lambda: spec_of(lan(networks=tuple(f"{address(i << 8)}/24" for i in range(400)),
                                        rules=(Rule("0.0.0.0/0", "0.0.0.0/0"),)), use_dynamic_addresses=True),
     "env.use_dynamic_addresses: the firewall's rules, network by network, are 160000"),
    ("moves", lambda: spec_of(lan(*(Host("h", (address(i + 2),)) for i in range(20_000)),
                                  networks=tuple(f"{address(i << 8)}/24" for i in range(2_000))),
                              use_dynamic_addresses=True),
     "env.use_dynamic_addresses: 2000 networks times 20001 addresses"),
    ("draws", lambda: goal(controlled_hosts=("random",) * 1_001),
     "coordinator.agents.Attacker.goal: 1001 times `random`"),
    ("all", lambda: goal(known_data=(("10.0.0.1", ("all",) * 100),)),
     "coordinator.agents.Attacker.goal.known_data: `all` of 1000 data, 100 times"),
]  # fmt: skip  # a table


@pytest.mark.parametrize(("make", "said"), [each[1:] for each in EXCESSIVE], ids=[e[0] for e in EXCESSIVE])
def test_spec_over_a_limit_is_refused_before_anything_is_made_of_it(
    make: Callable[[], Spec], said: str
) -> None:
    text = make().to_bytes()
    began_s = time.process_time()
    with pytest.raises(ValueError, match=r"^not a spec that can be played: ") as caught:
        Spec.from_bytes(text)
    assert said in str(caught.value)
    assert time.process_time() - began_s < CPU_S


def changed(key: str, value: str) -> bytes:
    """A spec with one value of its task written otherwise."""
    plain = json.loads(load_spec().to_bytes())
    plain["task"][key] = "HERE"
    return json.dumps(plain).replace('"HERE"', value).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lambda: changed("seed", "1" + "0" * 5_000), "takes more than 64 bits"),
        (lambda: changed("seed", "18446744073709551616"), "takes more than 64 bits"),
        (lambda: changed("rewards", '{"step": NaN}'), "NaN is no finite number"),
        (lambda: changed("rewards", '{"step": 1e999}'), "1e999 is no finite number"),
        (lambda: changed("name", '"\\ud800"'), "$.task.name"),
        (lambda: changed("name", '"X"').replace(b"X", b"\xed\xa0\x80"), "can't decode byte 0xed"),
        (lambda: changed("name", '"X"').decode().encode("utf-16"), "can't decode byte 0xff"),
        (lambda: b"[" + b"[]," * (1 << 20) + b"1]", "larger than"),
        (lambda: b" " * (model.MAX_SPEC_BYTES + 1), "larger than"),
        (lambda: zlib.compress(b" " * (1 << 30)), "larger than"),
        (lambda: zlib.compress(changed("seed", "1"))[:-9], "not whole"),
        (lambda: zlib.compress(changed("seed", "1")) + b"x", "not whole"),
        (lambda: b"x" * 99, "Error -3 while decompressing"),
        (lambda: changed("roles", f"[{'1,' * (1 << 20)}1]"), "not a spec: "),
        (lambda: changed("roles", '[{"' + "x" * 10_000 + '": 1}]'), "not a spec: "),
        (lambda: changed("seats", "[" + "1," * 2_000 + "1]"), "and 1993 more"),
    ],
    ids=["digits", "65-bits", "nan", "inf", "surrogate", "raw-surrogate", "utf-16", "lists", "size", "bomb",
         "cut-off", "more-behind", "no-zlib", "wrong", "long-key", "many-mistakes"],
)  # fmt: skip  # a table
def test_spec_that_is_no_data_is_refused_in_a_short_line_and_little_memory(
    text: Callable[[], bytes], said: str
) -> None:
    data = text()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"^not a spec: ") as caught:
        Spec.from_bytes(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kilobytes"
    assert said in str(caught.value)
    assert len(str(caught.value)) < 2_000
    assert str(caught.value).isprintable()


# --- paths ------------------------------------------------------------------------------------------------


def told(folder: Path, scenario: str) -> str:
    """What is said of a task in the folder that names that scenario; empty if nothing is."""
    (folder / "t.yaml").write_text(TASK.replace("two_networks_tiny", scenario))
    try:
        load_spec(task=folder / "t.yaml")
    except ConfigError as error:
        return str(error).removeprefix(f"{folder / 't.yaml'}: ")
    return ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a scenario in a folder below, beside one with a scenario that is nobody's business."""
    for place in (tmp_path / "tasks" / "nets", tmp_path / "elsewhere"):
        place.mkdir(parents=True)
        text = (
            "networks: {n: 192.168.1.0/24}\nhosts: {a: {ip: 192.168.1.2}, b: {ip: 192.168.1.3, start: true}}"
        )
        (place / "lab.yaml").write_text(text)
    return tmp_path / "tasks"


def test_scenario_below_the_folder_of_its_task_is_taken(folder: Path) -> None:
    assert told(folder, "nets/lab.yaml") == ""
    (folder / "link.yaml").symlink_to(folder / "nets" / "lab.yaml")
    assert told(folder, "link.yaml") == ""
    (folder / "here").symlink_to("nets", target_is_directory=True)
    assert told(folder, "here/lab.yaml") == ""


@pytest.mark.parametrize(
    "scenario",
    ["../elsewhere/lab.yaml", "nets/../../elsewhere/lab.yaml", "/etc/passwd.yaml", "nets/../nets/lab.yaml"],
)
def test_scenario_outside_of_the_folder_of_its_task_is_refused(folder: Path, scenario: str) -> None:
    assert told(folder, scenario) == f"env.scenario: '{scenario}' lies outside of the folder of the task"


@pytest.mark.parametrize("scenario", ["link.yaml", "out/lab.yaml", "circle.yaml", "nets/up.yaml"])
def test_scenario_to_which_a_link_leads_out_of_the_folder_is_refused(folder: Path, scenario: str) -> None:
    elsewhere = folder.parent / "elsewhere"
    (folder / "link.yaml").symlink_to(elsewhere / "lab.yaml")
    (folder / "out").symlink_to(elsewhere, target_is_directory=True)
    (folder / "circle.yaml").symlink_to("circle.yaml")
    (folder / "nets" / "up.yaml").symlink_to("../../elsewhere/lab.yaml")
    said = told(folder, scenario)
    assert "lies outside of the folder of the task" in said or scenario == "circle.yaml"
    assert said.count("\n") == 0
    assert said


def test_scenario_that_is_a_pipe_is_refused_unread(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    assert told(folder, "pipe.yaml") == "env.scenario: 'pipe.yaml' is no file"


def test_path_on_the_command_line_may_lead_anywhere(folder: Path) -> None:
    (folder / "link.yaml").symlink_to(folder.parent / "elsewhere" / "lab.yaml")
    assert load_topology(folder / "link.yaml") == load_topology(
        folder / ".." / "elsewhere" / "lab.yaml"
    ).__class__(
        **{**attrs.asdict(load_topology(folder / "nets" / "lab.yaml"), recurse=False), "name": "link"}
    )
