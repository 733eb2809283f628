"""Entrants' processes: what limits them, what is left of them, and what is told of how they ended."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netsiege.errors import ConfigError
from netsiege.hub.tournament import captured, keeper, processes
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Entrant, Player
from netsiege.hub.tournament.processes import EntrantProcess, EntrantProcesses, Post, agent_words
from netsiege.keys import HUB_PUBLIC, IDENTITY, KEYS_VARIABLE, save_hub_public, save_pair
from tests.attacks.conftest import rooms, start
from tests.e2e.conftest import household, wait_until

__all__ = ["household", "start"]  # fixtures: pytest looks for them here

END_S = 30.0
HUB = "tcp://127.0.0.1:9"


@pytest.fixture
def run(tmp_path, household):
    """Starts a command line as an entrant; in the end nothing of it is left, neither process nor folder."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    started = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(temporary))
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(processes, "GRACE_S", 0.5)

        def run(*command, **limits):
            player = Player(command=tuple(map(str, command)))
            entrant = Entrant("red one", ((ATTACKER, player),), **limits)
            output = tmp_path / f"{len(started)}.log"
            started.append(EntrantProcess(entrant, ATTACKER, Post(HUB, "hall", tmp_path), output))
            return started[-1]

        yield run
        for process in started:
            process.stop()
            process.wait(END_S)
    assert household.processes() == []
    assert list(temporary.iterdir()) == []


def python(code):
    return sys.executable, "-c", code


def end_of(process):
    return wait_until(process.poll, "the end of the process", END_S)


def said_by(process):
    return process.output.read_text()


# --- what a process is told -------------------------------------------------------------------------------


def test_command_finds_its_facts_in_the_environment_and_works_in_a_folder_of_its_own(run, monkeypatch):
    monkeypatch.setenv(KEYS_VARIABLE, "/the/director's/own")
    code = """
import os, resource, tempfile
for name in ("HUB", "ROOM", "ROLE", "NAME", "SEATS", "KEYS"):
    print(name, os.environ.get("NETSIEGE_" + name))
print("alone", os.getsid(0) == os.getpid(), os.getcwd() == tempfile.gettempdir(), os.listdir())
core, files = (resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE))
print("core", core, files <= 4096)
print(f"stdin {os.read(0, 10)}")
"""
    process = run(*python(code), seats=5)
    ending = end_of(process)
    assert (ending.code, ending.limit, ending.text) == (0, "", "it ended with exit code 0")
    assert process.last_lines() == [
        f"HUB {HUB}",
        "ROOM hall",
        "ROLE Attacker",
        "NAME red one",
        "SEATS 5",
        "KEYS None",
        "alone True True []",
        "core 0 True",
        "stdin b''",
    ]


def test_command_finds_files_and_modules_beside_the_cup(run, tmp_path):
    (tmp_path / "mine.py").write_text("import beside, sys; print(beside.WORD, sys.argv[1:])")
    (tmp_path / "beside.py").write_text("WORD = 'found'")
    (tmp_path / "model").mkdir()
    process = run(sys.executable, "mine.py", "model", "./model", "none.py")
    assert end_of(process).code == 0
    assert process.last_lines() == [f"found ['model', '{tmp_path}/model', 'none.py']"]


def test_command_that_does_not_exist_is_told(run):
    ending = end_of(run("no-such-command", "--fast"))
    assert ending.code is None
    assert ending.text == "'no-such-command' cannot be started: No such file or directory"


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("raise SystemExit(3)", 3, "it ended with exit code 3"),
        ("import os; os.abort()", -signal.SIGABRT, "it was ended by SIGABRT"),
        (
            "import os, signal; os.kill(0, signal.SIGKILL)",
            -signal.SIGKILL,
            "it was ended by SIGKILL, as the system does when memory runs out",
        ),
    ],
)
def test_process_that_ends_at_once_is_told_with_its_last_words(run, code, number, text):
    process = run(*python(f"import sys; print('so long', file=sys.stderr); {code}"))
    ending = end_of(process)
    assert (ending.code, ending.text, ending.asked) == (number, text, False)
    assert process.last_lines() == ["so long"]


def test_role_without_a_process_is_a_mistake(tmp_path):
    entrant = Entrant("far", ((ATTACKER, Player(key="theirs")),))
    for role in (ATTACKER, DEFENDER):
        with pytest.raises(ConfigError, match=r"entrants\.far"):
            EntrantProcess(entrant, role, Post(HUB, "hall", tmp_path), tmp_path / "out")


# --- limits -----------------------------------------------------------------------------------------------


def test_limits_hold_for_each_process_also_where_nobody_looks(run):
    code = "import resource as r; print(r.getrlimit(r.RLIMIT_CPU), r.getrlimit(r.RLIMIT_DATA))"
    process = run(*python(code), cpu_s=6.5, memory_mb=300)
    end_of(process)
    assert process.last_lines() == [f"(7, 8) ({300 << 20}, {300 << 20})"]


def test_process_that_burns_cpu_time_is_ended(run):
    ending = end_of(run(*python("while True: pass"), cpu_s=1))
    assert (ending.limit, ending.text) == (keeper.CPU, "it used up its 1 s of CPU time")
    assert 0.5 <= ending.cpu_s <= 2


@pytest.mark.soak
def test_process_that_ignores_the_signal_of_its_cpu_limit_is_ended(run):
    code = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert end_of(run(*python(code), cpu_s=1)).limit == keeper.CPU


@pytest.mark.soak
def test_processes_that_burn_cpu_time_together_are_ended(run):
    code = """
import subprocess, sys
burn = "import time\\nwhile time.process_time() < 0.3: pass"
while True:
    subprocess.run([sys.executable, "-c", burn])
"""
    ending = end_of(run(*python(code), cpu_s=1.5))
    assert ending.limit == keeper.CPU
    assert ending.cpu_s < 4


def test_process_that_takes_too_much_memory_is_told_no(run):
    process = run(*python("x = bytearray(400 << 20)"), memory_mb=200)
    ending = end_of(process)
    assert (ending.limit, ending.code) == (keeper.MEMORY, 1)
    assert ending.text == "it took more than its 200 MB of memory"
    assert process.last_lines()[-1] == "MemoryError"


def test_processes_that_take_too_much_memory_together_are_ended(run):
    code = """
import subprocess, sys
eat = "import time; x = bytearray(b'x') * (70 << 20); time.sleep(60)"
for each in [subprocess.Popen([sys.executable, "-c", eat]) for _ in range(4)]: each.wait()
"""
    ending = end_of(run(*python(code), memory_mb=200))
    assert (ending.limit, ending.asked) == (keeper.MEMORY, False)
    assert ending.peak_bytes > 200 << 20


@pytest.mark.soak
def test_processes_that_share_memory_are_counted_once(run):
    code = """
import os, time
x = bytearray(b'x') * (70 << 20)
pids = [os.fork() for _ in range(1)]
pids += [os.fork()]
time.sleep(1.5)
"""
    ending = end_of(run(*python(code), memory_mb=200))
    assert (ending.limit, ending.code) == ("", 0)


def test_memory_that_is_only_reserved_costs_nothing(run):
    code = "import mmap; m = mmap.mmap(-1, 4 << 30, prot=mmap.PROT_READ); print('reserved')"
    process = run(*python(code), memory_mb=200)
    assert end_of(process).code == 0
    assert process.last_lines() == ["reserved"]


def test_process_that_has_too_many_children_is_ended(run):
    code = """
import os, time
for _ in range(300):
    if not os.fork():
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
    assert end_of(run(*python(code))).limit == keeper.CROWD


# --- what it says -----------------------------------------------------------------------------------------


def test_process_that_says_too_much_leaves_the_first_and_the_last_of_it(run):
    code = "for n in range(60_000): print(f'this is line {n:06}, and the one after it says more of the same')"
    process = run(*python(code))
    assert end_of(process).code == 0
    parts = [process.output, captured.later_of(process.output), captured.last_of(process.output)]
    assert all(part.stat().st_size < captured.LAST_BYTES + 3 * keeper.READ_BYTES for part in parts)
    assert "this is line 000000" in said_by(process)
    assert process.last_lines(2)[-1].startswith("this is line 059999")
    assert len(process.last_lines(4_000)) == 4_000


def test_process_says_at_what_time_it_has_said_what(run):
    process = run(*python("import time; print('one'); time.sleep(0.5); print('two', end='')"))
    end_of(process)
    (first, one), (second, two) = (line.split(" ") for line in said_by(process).splitlines())
    assert (one, two) == ("one", "two")
    assert first.endswith("Z")
    assert second > first
    assert second[:13] == time.strftime("%Y-%m-%dT%H", time.gmtime())


def test_line_without_end_is_broken_and_takes_no_memory(run):
    process = run(*python("import os\nfor _ in range(3_000): os.write(1, b'x' * 1_000)"))
    ending = end_of(process)
    assert ending.code == 0
    lines = captured.last_lines(process.output, 100)
    assert len(lines) == 100
    assert {len(line) for line in lines[:-1]} == {captured.LINE_BYTES}


def test_escapes_in_what_a_process_says_do_nothing_when_they_are_shown(run):
    process = run(*python(r"print('\x1b[2Jred')"))
    end_of(process)
    assert process.last_lines() == [r"\x1b[2Jred"]


# --- the end ----------------------------------------------------------------------------------------------

ESCAPES = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if not os.fork():
        os.setsid()
        sleep = "import time; print('escaped', flush=True); time.sleep(600)"
        os.execve(sys.executable, [sys.executable, "-c", sleep], KEPT)
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(REST)
"""


def escaping(household, rest):
    """A process whose grandchild is in another session, and is an orphan at once. It heeds no SIGTERM."""
    name, _, mark = household._entry.decode().partition("=")
    return python(ESCAPES.replace("KEPT", repr({name: mark})).replace("REST", str(rest)))


def is_out(process):
    return process.output.exists() and {"ready", "escaped"} <= set(process.last_lines())


def test_process_that_ends_leaves_no_orphan_in_another_session(run, household):
    process = run(*escaping(household, 0.5))
    assert end_of(process).code == 0
    assert household.processes() == []


@pytest.mark.parametrize("by", ["stop", "keeper told", "keeper killed"])
def test_process_that_is_stopped_is_gone_with_its_orphans(run, household, by):
    process = run(*escaping(household, 600))
    wait_until(lambda: is_out(process), "the orphan", END_S)
    if by == "stop":
        process.stop()
    else:
        process._keeper.send_signal(signal.SIGTERM if by == "keeper told" else signal.SIGKILL)
    ending = end_of(process)
    expected = "its keeper is gone" if by == "keeper killed" else "it was told to end"
    assert (ending.text, ending.asked) == (expected, by != "keeper killed")
    if by != "keeper killed":  # else the orphan, whose environment says nothing of us, is the system's
        assert household.processes() == []
    for pid in household.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not household.processes(), "nobody left")


def test_process_whose_keeper_is_killed_is_gone_with_what_it_has_started(run, household):
    code = """
import os, time
if not os.fork():
    os.setsid()
print("ready", flush=True)
time.sleep(600)
"""
    process = run(*python(code))
    wait_until(lambda: process.output.exists() and len(process.last_lines()) == 2, "both", END_S)
    process._keeper.kill()
    assert end_of(process).text == "its keeper is gone"
    assert household.processes() == []


def test_process_that_has_taken_all_marks_off_is_gone_with_its_keeper(run, household):
    name, _, mark = household._entry.decode().partition("=")
    code = f"""
import os, sys
sleep = "import time; print('ready', flush=True); time.sleep(600)"
os.execve(sys.executable, [sys.executable, "-c", sleep], {{"{name}": "{mark}"}})
"""
    process = run(*python(code))
    wait_until(lambda: process.output.exists() and process.last_lines() == ["ready"], "it is ready", END_S)
    process._keeper.kill()
    assert end_of(process).text == "its keeper is gone"
    wait_until(lambda: not household.processes(), "nobody left")


def test_process_has_time_to_end_in_order(run):
    code = """
import signal, sys, time
def leave(*_):
    time.sleep(0.3)
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(600)
"""
    process = run(*python(code))
    wait_until(lambda: process.output.exists() and process.last_lines() == ["ready"], "it is ready", END_S)
    process.stop()
    assert end_of(process).asked
    assert process.last_lines() == ["ready", "saved"]


def test_folder_that_cannot_be_entered_is_removed_all_the_same(run):
    code = "import os; os.makedirs('a/b'); open('a/b/c', 'w').close(); os.chmod('a/b', 0); os.chmod('a', 0)"
    assert end_of(run(*python(code))).code == 0


DIRECTOR = """
import sys, time
from pathlib import Path
from netsiege.hub.tournament import processes
from netsiege.hub.tournament.model import ATTACKER, Entrant, Player
from netsiege.hub.tournament.processes import EntrantProcesses, Post

processes.GRACE_S = 0.5
folder, command = Path(sys.argv[1]), tuple(sys.argv[2:])
entrant = Entrant("red", ((ATTACKER, Player(command=command)),))
kept = EntrantProcesses(folder)
for _ in range(3):
    kept.start(entrant, ATTACKER, Post("tcp://127.0.0.1:9", "hall", folder))
while True:
    time.sleep(1)
"""


def test_director_that_is_killed_leaves_nothing(tmp_path, household, monkeypatch, request):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    director = subprocess.Popen([sys.executable, "-c", DIRECTOR, tmp_path, *escaping(household, 600)])
    request.addfinalizer(director.kill)
    outputs = [tmp_path / f"red-attacker-{n}.log" for n in (1, 2, 3)]
    wait_until(
        lambda: all(o.exists() and {"ready", "escaped"} <= set(captured.last_lines(o, 5)) for o in outputs),
        "three processes with their orphans",
        END_S,
    )
    assert len(household.processes()) == 1 + 3 * 3
    director.kill()
    director.wait()
    wait_until(lambda: not household.processes(), "nobody left", processes.GRACE_S + 10)
    assert list(temporary.iterdir()) == []


# --- agents -----------------------------------------------------------------------------------------------


def test_agent_of_a_hub_with_keys_attends_with_its_own_and_with_files_of_the_cup(tmp_path, start):
    hub = start(*rooms("hall"), work=True)
    keys = hub.issue("red's key")
    save_hub_public(tmp_path / "keys" / HUB_PUBLIC, keys.hub)
    save_pair(tmp_path / "keys" / IDENTITY, keys.own, "a test")
    post = Post(hub.agents, "hall", tmp_path, str(tmp_path / "keys"))
    with EntrantProcesses(tmp_path / "out") as kept:
        kept.start(Entrant("red", ((ATTACKER, Player("random-attacker")),)), ATTACKER, post)
        wait_until(lambda: hub.status().rooms[0].ended_matches > 2, "matches", END_S)
    (tmp_path / "q").mkdir()
    words = agent_words("q-learning,model=./q,epsilon=0.1", post, {"KEYS": "k", "NAME": "-x"})
    assert words[5:] == [f"q-learning,model={tmp_path}/q,epsilon=0.1", "--keys=k", "--name=-x", *words[-2:]]


def test_agents_are_run_by_name_and_the_files_of_each_start_are_kept(tmp_path, start):
    hub = start(*rooms("hall"), keyed=False, work=True)
    (tmp_path / "mine.py").write_text(
        "from netsiege.agents.attackers import RandomAttacker\nclass Mine(RandomAttacker):\n    pass\n"
    )
    agents = {"red": "random-attacker", "mine": "mine:Mine", "none": "no-agent"}
    post = Post(hub.agents, "hall", tmp_path)
    with EntrantProcesses(tmp_path / "out") as kept:
        for name, agent in agents.items():
            kept.start(Entrant(name, ((ATTACKER, Player(agent)),), seats=3), ATTACKER, post)
        failed = wait_until(kept.ended, "the end of the one that is no agent", END_S)
        assert [(each.entrant.name, each.ending.text) for each in failed] == [
            ("none", "the agent cannot be made")
        ]
        assert "there is no agent 'no-agent'" in failed[0].last_lines()[-1]
        wait_until(lambda: hub.status().rooms[0].ended_matches > 12, "matches of both", END_S)
        assert len(kept.running) == 2
        again = kept.start(failed[0].entrant, ATTACKER, post)
        assert again.output != failed[0].output
    assert kept.running == []
    assert sorted(each.name for each in Path(tmp_path / "out").iterdir()) == [
        "mine-attacker-1.log",
        "none-attacker-1.log",
        "none-attacker-2.log",
        "red-attacker-1.log",
    ]
