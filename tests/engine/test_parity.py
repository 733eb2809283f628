"""Our rules against sequences recorded from the real NetSecGame (by `record_golden.py`)."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest

from netsiege.engine import parity

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.jsonl.gz"))


def test_there_are_recordings():
    assert len(GOLDEN) == 10
    assert sum(path.stat().st_size for path in GOLDEN) < 150_000


def steps_of(path):
    with gzip.open(path, "rt") as file:
        return [record for record in map(json.loads, file) if record["kind"] in ("step", "reset")]


def copies(step, is_log):
    """Whether the step copied a log (or something else) to another host."""
    if step["kind"] == "reset" or "ExfiltrateData" not in step["action"]["action_type"]:
        return False
    return (
        "known_data" in step["changed"] and (step["action"]["parameters"]["data"]["type"] == "log") is is_log
    )


def reads_double_entry(step):
    """Whether the step read a log in which one scan stands several times: that of a router."""
    texts = [log["content"] for log in step.get("logs", {}).values() if log["content"]]
    return any(a == b and "Scan" in a["action_type"] for t in texts for a, b in pairwise(json.loads(t)))


def sees_blocks(step):
    return "known_blocks" in step.get("changed", ()) and "FindData" in step["action"]["action_type"]


@pytest.mark.parametrize(
    ("wanted", "least"),
    [
        (lambda step: copies(step, True), 20),
        (lambda step: copies(step, False), 5),
        (reads_double_entry, 20),
        (sees_blocks, 20),
        (lambda step: "fp" in step, 50),
        (lambda step: step["kind"] == "reset", 20),
    ],
    ids=["copied logs", "copied data", "router logs", "others' blocks", "false positives", "resets"],
)
def test_recordings_hold_what_is_easily_got_wrong(wanted, least):
    assert sum(wanted(step) for path in GOLDEN for step in steps_of(path)) >= least


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_recorded_sequences_come_out_the_same(path, capsys):
    assert parity.main([str(path)]) == 0
    assert "mismatches 0" in capsys.readouterr().out


def records():
    return [json.loads(line) for line in gzip.open(GOLDEN[-1], "rt")]


def run(changed, tmp_path, capsys):
    path = tmp_path / "changed.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in changed))
    code = parity.main([str(path)])
    return code, capsys.readouterr().out


def first(changed, **wanted):
    return next(r for r in changed if all(r.get(k) == v or (v is ... and k in r) for k, v in wanted.items()))


def drop_host(changed):
    first(changed, kind="step")["state"]["known_hosts"].pop()


def falsify_hash(changed):
    first(changed, kind="step")["sha"] = "0" * 16


def falsify_log(changed):
    logs = first(changed, kind="step", logs=...)["logs"]
    next(iter(logs.values()))["size"] += 1


def falsify_false_positives(changed):
    first(changed, kind="step", fp=...)["fp"]["D0"] += 1


def falsify_world(changed):
    first(changed, kind="final")["world"]["firewall"].popitem()


def falsify_authors(changed):
    first(changed, kind="final")["world"]["agent_fw_rules"]["1.2.3.4>5.6.7.8"] = ["A0"]


def falsify_start(changed):
    first(changed, kind="header")["start_states"]["A0"]["known_networks"].pop()


def falsify_reset(changed):
    first(changed, kind="reset")["states"]["A0"]["known_networks"].pop()


@pytest.mark.parametrize(
    "falsify",
    [
        drop_host,
        falsify_hash,
        falsify_log,
        falsify_false_positives,
        falsify_world,
        falsify_authors,
        falsify_start,
        falsify_reset,
    ],
)
def test_any_difference_is_found_and_shown(falsify, tmp_path, capsys):
    changed = records()
    falsify(changed)
    code, out = run(changed, tmp_path, capsys)
    assert code == 1
    assert "mismatches 0" not in out
    assert "recorded" in out
    assert "changed.jsonl:" in out or "sequence" in out


def test_nothing_is_compared_after_a_marked_drift(tmp_path, capsys):
    changed = records()
    drifted = first(changed, kind="step", t=3)
    drifted["alias_drift"] = ["known_data"]
    drifted["state"]["known_hosts"].pop()
    changed = changed[: changed.index(first(changed, kind="final")) + 1]
    assert run(changed, tmp_path, capsys)[0] == 0


def test_only_logs_are_left_out_after_a_marked_drift_of_logs(tmp_path, capsys):
    changed = records()
    step = first(changed, kind="step", logs=...)
    step["alias_log_drift"] = ["any"]
    next(iter(step["logs"].values()))["size"] += 1
    changed = changed[: changed.index(first(changed, kind="final")) + 1]
    assert run(changed, tmp_path, capsys)[0] == 0
    step["state"]["known_hosts"].pop()
    assert run(changed, tmp_path, capsys)[0] == 1


def test_recording_without_a_header_is_refused(tmp_path, capsys):
    with pytest.raises(ValueError, match="before any header"):
        run([{"kind": "step"}], tmp_path, capsys)
