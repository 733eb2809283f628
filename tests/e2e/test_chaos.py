"""`netsiege bench chaos`: real processes come to harm, and nobody notices more than a pause.

That the bench would notice more is tested here, too. How long a pause is, no test asserts.
"""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice

import attrs
import pytest

from netsiege.chaos import bench, liveness, mixed, pauses, restarts, throughput
from netsiege.chaos.agents import Asked, Played, read_notes
from netsiege.chaos.faults import CRASH, HUB, KILL, NOTHING, STOP, TERM, Done, draw_faults
from netsiege.chaos.mixed import Plan
from netsiege.chaos.nursery import Nursery
from netsiege.chaos.pauses import OVERLAP, Wait
from netsiege.chaos.stage import Stage
from netsiege.chaos.verdict import Kept, compare_notes, compare_runs, read_kept
from netsiege.chaos.workers import Lease, read_leases
from netsiege.errors import ConfigError, SiegeError
from netsiege.protocol import Kind
from tests.e2e.conftest import wait_until
from tests.lengths import lasting

STEP, RESET, LEAVE = int(Kind.STEP), int(Kind.RESET), int(Kind.LEAVE)
DOZEN = Plan(kills=12, matches=8, seed=174, mean_s=0.2, quiet_s=0.3, think_s=0.004, episodes=1)
NEVER = float("inf")


def quiet(_line):
    """Progress that nobody reads."""


# --- whole runs -------------------------------------------------------------------------------------------
@pytest.mark.soak
def test_dozen_faults_of_all_kinds_lose_repeat_and_change_nothing(tmp_path):
    harm = mixed.run(tmp_path, DOZEN, quiet)
    assert harm.problems == []
    assert len(harm.faults) == 12
    assert {fault.kind for fault in harm.faults} == {KILL, CRASH, TERM, STOP, HUB}
    assert harm.matches >= 8
    assert harm.steps > 100
    assert harm.failovers > 0
    assert set(harm.pauses) > {NOTHING, HUB}


@pytest.mark.soak
def test_many_faults_among_longer_matches_lose_nothing(tmp_path):
    faults = lasting(20, 40)
    harm = mixed.run(
        tmp_path, Plan(kills=faults, matches=16, seed=7, mean_s=0.4, quiet_s=1.0, think_s=0.02), quiet
    )
    assert harm.problems == []
    assert harm.failovers > faults


@pytest.mark.soak
def test_hub_killed_with_many_open_matches_steps_every_seat_again(tmp_path):
    found = restarts.run(tmp_path, 1, 200, 3, 1, quiet, between_s=3.0)
    assert found.problems == []
    assert found.matches == 200
    assert 0 < found.resumed_s[0] < restarts.LIMIT_S


@pytest.mark.soak
@pytest.mark.alone
def test_busy_worker_keeps_its_match_and_stopped_one_is_found(tmp_path):
    alive = liveness.run(tmp_path, 4.0, 1, 1, quiet)
    assert alive.problems == []
    assert alive.busy_s >= 4.0
    assert alive.found_s[0] < 4.0


@pytest.mark.soak
@pytest.mark.alone
def test_second_worker_brings_throughput_when_the_engine_is_slow(tmp_path):
    one = throughput.measure(tmp_path / "1", 1, 0.01, 1.5, 1)
    two = throughput.measure(tmp_path / "2", 2, 0.01, 1.5, 1)
    assert 0 < 1.4 * one < two


def command(*options):
    return [sys.executable, "-m", "netsiege", "bench", "chaos", *options]


def test_chaos_command_interrupted_leaves_no_process_behind(household):
    options = ["--kills", "100000", "--hub-kills", "0", "--matches", "16", "--no-busy"]
    running = subprocess.Popen(command(*options), stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        wait_until(lambda: len(household.processes()) > 10, "hub, nursery, workers and agents", 20)
        began_s = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=10)
    finally:
        running.kill()
    assert time.monotonic() - began_s < 3.0
    assert running.returncode == 130
    assert "Traceback" not in errors
    wait_until(lambda: not household.processes(), "the end of every process")


@pytest.mark.soak
def test_chaos_command_killed_leaves_no_process_behind(household, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # nobody is left to remove its folder
    options = ["--kills", "100000", "--hub-kills", "0", "--matches", "16", "--no-busy"]
    running = subprocess.Popen(command(*options), stderr=subprocess.DEVNULL, start_new_session=True)
    wait_until(lambda: len(household.processes()) > 10, "hub, nursery, workers and agents", 20)
    running.kill()
    running.wait()
    wait_until(lambda: not household.processes(), "the end of every process")


@pytest.mark.soak
def test_chaos_command_prints_figures_as_json_and_leaves_no_folder(tmp_path):
    done = subprocess.run(
        command("--kills", "0", "--hub-kills", "1", "--open-matches", "8", "--no-busy", "--json"),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = {figure["name"]: figure for figure in json.loads(done.stdout)}
    assert figures["restarts.matches"]["value"] == 8
    assert figures["problems"]["value"] == 0
    assert figures["restarts.resumed"]["unit"] == "s"
    assert {"name", "value", "unit", "spread", "baseline", "ratio"} <= set(figures["restarts.steps"])
    assert not list(tmp_path.iterdir())


# --- processes --------------------------------------------------------------------------------------------


def test_nursery_whose_order_fails_tells_how_the_child_ended(tmp_path):
    with Nursery(tmp_path / "nursery") as nursery:
        pid = nursery.start("worker", tmp_path / "log", nonsense=1)
        wait_until(lambda: pid in nursery.ended, "the child's end")
        assert nursery.ended[pid] == 70
        assert not nursery.signal(pid, signal.SIGKILL)
    assert "nonsense" in (tmp_path / "log").read_text()


def test_nursery_at_its_end_has_ended_stopped_children_too(tmp_path, household):
    with Nursery(tmp_path / "nursery") as nursery:
        leases = str(tmp_path / "leases")
        pid = nursery.start("worker", tmp_path / "log", hub="tcp://127.0.0.1:9", name="w", leases=leases)
        assert nursery.signal(pid, signal.SIGSTOP)
        assert pid in household.processes()
    assert not household.processes()


def test_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "something").touch()
    with pytest.raises(ConfigError, match="not empty"):
        bench.run_chaos(DOZEN, 0, 0, False, tmp_path, quiet)


def test_run_that_fails_keeps_its_folder_and_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def fail(folder, _plan, _progress):
        folder.mkdir()
        raise SiegeError("the agent has failed")

    monkeypatch.setattr(mixed, "run", fail)
    with pytest.raises(SiegeError, match="the agent has failed\nwhat was written down is in ") as raised:
        bench.run_chaos(DOZEN, 0, 0, False, None, quiet)
    [kept] = tmp_path.iterdir()
    assert str(raised.value).endswith(str(kept))


def test_problems_are_kept_counted_and_the_folder_with_them(tmp_path, monkeypatch):
    harm = mixed.Harm([Done(KILL, 1.0, "w")], 2.0, 3, 4, 5, {KILL: [0.1, 0.4]}, ["it is lost"] * 30)
    monkeypatch.setattr(mixed, "run", lambda _folder, _plan, _progress: harm)
    report = bench.run_chaos(DOZEN, 0, 0, False, tmp_path, quiet)
    figures = {figure["name"]: figure for figure in report.figures}
    assert figures["problems"]["value"] == 30
    assert len(report.problems) == bench.SHOWN_MAX + 1
    assert report.kept == tmp_path
    assert figures["pause.kill.max"]["value"] == pytest.approx(400)
    assert "300 ms" in figures["pause.kill.max"]["note"]
    assert "note" not in figures["pause.kill.median"]


# --- faults and pauses ------------------------------------------------------------------------------------


def test_faults_of_equal_seeds_are_equal_and_of_all_kinds():
    first, second, other = (list(islice(draw_faults(seed, 0.7), 300)) for seed in (1, 1, 2))
    assert first == second
    assert first != other
    assert {fault.kind for fault in first} == {KILL, CRASH, TERM, STOP, HUB}
    assert all(2.5 <= fault.stopped_s <= 5.0 and 0 <= fault.victim < 1 for fault in first)


LEASES = [
    Lease("one", 1, 0.0, NEVER),  # killed with it at 10
    Lease("two", 1, 10.1, NEVER),
    Lease("two", 2, 0.0, NEVER),
]


@pytest.mark.parametrize(
    ("wait", "faults", "expected"),
    [
        (Wait(1, 9.9, 10.2), [Done(KILL, 10.0, "one")], {KILL: 0.3}),
        (Wait(1, 10.05, 10.2), [Done(KILL, 10.0, "one")], {KILL: 0.15}),
        (Wait(1, 9.0, 9.9), [Done(KILL, 10.0, "one")], {}),
        # another worker's match that waited meanwhile counts, one that was asked much later does not
        (Wait(2, 9.9, 10.1), [Done(KILL, 10.0, "one")], {KILL: 0.2}),
        (Wait(2, 10.3, 10.5), [Done(KILL, 10.0, "one")], {}),
        # what hits everybody, and two at once
        (Wait(2, 9.9, 10.9), [Done(HUB, 10.0)], {HUB: 1.0}),
        (Wait(1, 9.9, 10.9), [Done(KILL, 10.0, "one"), Done(KILL, 10.5, "two")], {OVERLAP: 1.0}),
        (Wait(2, 9.9, 10.9), [Done(KILL, 10.0, "one"), Done(TERM, 10.5, "two")], {TERM: 1.0}),
        (Wait(3, 9.9, 10.9), [Done(KILL, 10.0, "one"), Done(TERM, 10.5, "two")], {OVERLAP: 1.0}),
        # a moment without harm looks at the second after it
        (Wait(2, 10.1, 10.3), [Done(NOTHING, 10.0)], {NOTHING: 0.2}),
    ],
)
def test_wait_counts_for_the_fault_that_has_hit_its_match(wait, faults, expected):
    found = pauses.pauses([wait], faults, LEASES)
    assert {kind: max(seconds) for kind, seconds in found.items()} == {
        kind: pytest.approx(seconds) for kind, seconds in expected.items()
    }


def test_match_leased_to_a_worker_that_is_stopped_unseen_is_hit_by_both():
    leases = [Lease("one", 1, 0.0, NEVER), Lease("two", 2, 0.0, NEVER), Lease("three", 1, 11.5, NEVER)]
    faults = [Done(STOP, 9.8, "two"), Done(KILL, 10.0, "one")]
    assert pauses.pauses([Wait(1, 9.9, 11.6)], faults, leases) == {OVERLAP: [pytest.approx(1.7)]}


def test_lease_that_was_taken_back_at_once_leaves_the_match_where_it_was():
    leases = [Lease("one", 1, 0.0, NEVER), Lease("two", 1, 0.1, 0.12)]
    faults = [Done(TERM, 5.0, "one")]
    assert pauses.pauses([Wait(1, 4.9, 5.2)], faults, leases) == {TERM: [pytest.approx(0.3)]}


# --- what was written down --------------------------------------------------------------------------------


def test_leases_are_read_with_their_ends(tmp_path):
    (tmp_path / "w.leases").write_text("1.5 77 4\n2.5 78 5\n3.0 77 0\n3.5 99 0\n")
    assert read_leases(tmp_path / "w.leases") == [Lease("w", 4, 1.5, 3.0), Lease("w", 5, 2.5, NEVER)]
    assert read_leases(tmp_path / "none") == []


def test_notes_are_read_as_what_was_asked_and_heard(tmp_path):
    lines = [
        "G 0.5 1",
        "R 1.0 9 Attacker-0 2 seat",
        "A 1.5 9 Attacker-0 c0",
        "R 2.0 9 Attacker-0 3 obs",
        "E 2.1 9 Attacker-0",
        "R 2.5 9 Attacker-0 4 obs",
        "A 3.0 9 Attacker-0 c0",
        "R 3.5 9 Attacker-0 5 WorkerLost: it is gone",
        "A 4.0 9 Attacker-0 c3",
    ]
    (tmp_path / "notes").write_text("\n".join(lines))
    played = read_notes(tmp_path / "notes")[9, "Attacker-0"]
    assert played.asked == [
        Asked(1.5, b"\xc0", 2.0, 3),
        Asked(2.1, None, 2.5, 4),
        Asked(4.0, b"\xc3", None, None),
    ]
    assert played.errors == ["WorkerLost: it is gone"]


MATCH = Kept(
    9, "r", 5, {"Attacker-0": ((STEP, 3, b"a"), (STEP, 4, b"b"), (RESET, 5, b""))}, (0, 0, 0), (b"won",)
)
NOTED = [Asked(1, b"a", 2, 3), Asked(2, b"b", 3, 4), Asked(3, None, 4, 5)]


def noted(asked, errors=()):
    return {(9, "Attacker-0"): Played(9, "Attacker-0", list(asked), list(errors))}


def steps(*taken):
    return attrs.evolve(MATCH, steps={"Attacker-0": taken})


@pytest.mark.parametrize(
    ("match", "played", "said"),
    [
        (MATCH, noted(NOTED), None),
        (MATCH, noted(NOTED, ["BUSY"]), "was told BUSY"),
        (MATCH, noted(NOTED[:2]), "3 events, the agent was answered 2 times"),
        (steps(*MATCH.steps["Attacker-0"][:2]), noted(NOTED), "2 events, the agent was answered 3 times"),
        (steps((STEP, 3, b"a"), (STEP, 3, b"a"), *MATCH.steps["Attacker-0"][1:]), noted(NOTED), "number 2"),
        (steps((STEP, 3, b"x"), *MATCH.steps["Attacker-0"][1:]), noted(NOTED), "number 1"),
        (MATCH, {}, "no agent knows of it"),
        (
            MATCH,
            noted(NOTED) | {(8, "Attacker-0"): Played(8, "Attacker-0")},
            "match 8, Attacker-0: it is not",
        ),
        # the last request of an agent that has stopped may have been taken, and so may its leave
        (MATCH, noted([*NOTED[:2], Asked(3, None, None, None)]), None),
        (steps(*MATCH.steps["Attacker-0"][:2]), noted([*NOTED[:2], Asked(3, None, None, None)]), None),
        (MATCH, noted([*NOTED[:2], Asked(3, b"z", None, None)]), "3 events"),
        (steps(*MATCH.steps["Attacker-0"], (LEAVE, 0, b"\x01")), noted(NOTED), None),
    ],
)
def test_notes_and_journal_agree_or_the_difference_is_said(match, played, said):
    problems = list(compare_notes([match], played))
    assert bool(problems) == (said is not None)
    assert said is None or said in problems[0]


def test_runs_are_compared_by_room_and_seed_whatever_their_request_numbers():
    other = attrs.evolve(
        MATCH, match=2, steps={"Attacker-0": ((STEP, 7, b"a"), (STEP, 9, b"b"), (RESET, 11, b""))}
    )
    assert list(compare_runs([MATCH], [other])) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (attrs.evolve(MATCH, results=(b"lost",)), "its results differ"),
        (
            attrs.evolve(MATCH, steps={"Attacker-0": ((STEP, 3, b"a"), (STEP, 4, b"x"), (RESET, 5, b""))}),
            "its events differ",
        ),
        (attrs.evolve(MATCH, order=(0, 0)), "3 events, undisturbed 2"),
        (attrs.evolve(MATCH, seed=6), "has none like it"),
    ],
)
def test_run_that_differs_from_the_undisturbed_one_is_said_to(other, said):
    assert any(said in problem for problem in compare_runs([MATCH], [other]))


def test_journal_with_an_open_match_is_a_problem(tmp_path, monkeypatch):
    record = attrs.make_class("Record", ["id", "room", "cause"], frozen=True)(3, "r", None)
    monkeypatch.setattr("netsiege.chaos.verdict.read_journal", lambda _path: iter([record]))
    problems = []
    assert read_kept(tmp_path / "journal", tmp_path / "replays", problems) == []
    assert problems == ["match 3 of room r: it is still open"]


def test_worker_that_dies_of_itself_fails_the_run(tmp_path):
    with Stage(tmp_path) as stage:
        worker = stage.start_worker()
        wait_until(lambda: worker.pid in stage.nursery.living, "the worker")
        stage.check()
        stage.nursery.signal(worker.pid, signal.SIGKILL)
        wait_until(lambda: worker.pid in stage.nursery.ended, "its end")
        with pytest.raises(SiegeError, match="worker-1 ended with code -9"):
            stage.check()
