"""`netsiege replay …` as people use it: files out of journals, looked at, exported, played again."""

import json
import os
import subprocess
import sys
from functools import cache

import attrs
import pytest

from netsiege import cli
from netsiege.engine.playback import verify
from netsiege.engine.recorder import Recorder
from netsiege.engine.replay import LINK_BYTES, Replay, Told
from netsiege.engine.selfplay import play_randomly
from netsiege.errors import SiegeError
from netsiege.hub.archive import MatchRecord
from netsiege.protocol import EVENT_HEAD, HUB_SEAT, Cause, Kind, link
from netsiege.protocol.play import read_trajectory
from netsiege.replays import extract, from_record
from netsiege.scenarios import load_spec


@cache
def match(number=7, room="duel", events=700, **overrides):
    """A match that its seats have left after some random episodes: its record, and all that it has said."""
    spec = load_spec(scenario="two_networks_small", seats={"Attacker": 1, "Defender": 1}, **overrides)
    begun = play_randomly(spec, number, events)
    recorder = Recorder(begun.spec, number, begun.seed, begun.seats, None)
    outputs = list(recorder.opening)
    leaves = [EVENT_HEAD.pack(seat, Kind.LEAVE, 9000 + seat) for seat in range(2)]
    whole = (*begun.events, *leaves)
    for event in whole:
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        outputs += recorder.handle(seat, kind, request, event[EVENT_HEAD.size :])
    chain = 0
    for output in outputs:
        chain = link(chain, *output)
    return MatchRecord(
        id=number,
        room=room,
        spec=begun.spec,
        engine=begun.engine,
        rulesets=("netsecgame",),
        seed=number,
        episodes=None,
        seats=begun.seats,
        events=whole,
        outputs=len(outputs),
        chain=chain,
        cause=Cause.FINISHED,
        text="",
    ), tuple(outputs)


@cache
def finished():
    return from_record(match()[0])


def opened(record):
    return attrs.evolve(record, outputs=None, chain=None, cause=None, events=record.events[:100])


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line in this process: exit code, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netsiege", "replay", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (ended.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def journal(monkeypatch):
    """Puts records where the command finds those of a journal."""

    def journal(*records):
        monkeypatch.setattr("netsiege.replays.read_journal", lambda path: iter(records))

    return journal


@pytest.fixture
def file(tmp_path):
    """A finished match in a file."""
    path = tmp_path / "duel-7.siege"
    finished().save(path)
    return path


# --- records ----------------------------------------------------------------------------------------------


def test_record_of_a_finished_match_becomes_a_replay_that_agrees_with_its_hub():
    record, outputs = match()
    replay = from_record(record)
    assert verify(replay).same
    assert replay.told == Told(len(outputs), record.chain)
    assert (replay.room, replay.match, replay.seed, replay.cause) == ("duel", 7, 7, "finished")
    assert (replay.events, replay.seats, replay.engine) == (record.events, record.seats, record.engine)
    results = [body for seat, kind, _, _, body in outputs if (seat, kind) == (HUB_SEAT, Kind.RESULT)]
    assert [result.encode() for result in replay.results] == results


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outputs": 3}, "match 7 of room duel: played again, "),
        ({"chain": 1}, "the hub's is 00000001"),
        ({"seed": 8}, "match 7 of room duel: played again, the chain"),
        ({"cause": None, "outputs": None, "chain": None}, "match 7 of room duel: it has not ended"),
        ({"spec": b"{}"}, "match 7 of room duel: not a spec"),
        ({"seats": ()}, "match 7 of room duel: the task has no part for a match without seats"),
    ],
    ids=range(6),
)
def test_record_that_does_not_come_out_as_told_is_refused_by_name(changes, said):
    with pytest.raises(SiegeError) as refused:
        from_record(attrs.evolve(match(events=50)[0], **changes))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("room", ["../../etc/passwd", "a/b", ".hidden", "..", "a b\\c"])
def test_record_of_a_room_with_any_name_stays_in_the_folder(tmp_path, room):
    record = attrs.evolve(match(events=20)[0], room=room)
    [done] = extract([record], tmp_path / "out")
    assert done.path.parent == tmp_path / "out"
    assert Replay.load(done.path).room == room
    assert not done.path.name.startswith(".")


# --- extract ----------------------------------------------------------------------------------------------


def test_extract_writes_finished_matches_and_names_open_ones(run, journal, tmp_path):
    journal(match(1, "a")[0], opened(match(2, "a")[0]), match(3, "b")[0])
    code, out, err = run("extract", "hub.journal", "--out", tmp_path / "new" / "folder")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["a-1.siege", "b-3.siege"]
    assert "match 2 of room a: open, left out" in out
    assert run("verify", *(tmp_path / "new" / "folder").iterdir())[0] == 0


def test_extract_of_one_match_writes_that_one(run, journal, tmp_path):
    journal(match(1)[0], match(2)[0], match(3)[0])
    code, _, _ = run("extract", "hub.journal", "--match", 3, "--match", 1, "--out", tmp_path)
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["duel-1.siege", "duel-3.siege"]
    code, _, err = run("extract", "hub.journal", "--match", 9, "--out", tmp_path)
    assert (code, err) == (2, "netsiege: hub.journal: has no match 9\n")


def test_extract_without_anything_finished_says_so(run, journal, tmp_path):
    journal(opened(match(1)[0]), opened(match(2)[0]))
    code, _, err = run("extract", "hub.journal", "--out", tmp_path)
    assert (code, err) == (1, "netsiege: hub.journal: no match has ended yet, nothing to write; open: 2\n")
    journal()
    code, _, err = run("extract", "hub.journal", "--out", tmp_path)
    assert (code, err) == (1, "netsiege: hub.journal: no match has been played\n")


def test_extract_refuses_what_does_not_come_out_as_told_and_writes_the_rest(run, journal, tmp_path):
    journal(attrs.evolve(match(1)[0], chain=5), match(2)[0])
    code, _, err = run("extract", "hub.journal", "--out", tmp_path)
    assert code == 1
    assert err.startswith("netsiege: match 1 of room duel: played again, the chain over the first ")
    assert [path.name for path in tmp_path.iterdir()] == ["duel-2.siege"]


def test_extract_of_what_is_no_journal_is_a_mistake_in_a_line(run, tmp_path, file):
    for path in (tmp_path / "none", file):
        code, out, err = run("extract", path, "--out", tmp_path)
        assert (code, out) == (2, "")
        assert err.startswith(f"netsiege: {path}: ")
        assert err.count("\n") == 1
    code, _, err = run("extract", file, "--out", file)
    assert code == 2
    assert err.count("\n") == 1


# --- show -------------------------------------------------------------------------------------------------


def test_show_begins_with_whose_match_it_was_and_how_it_ended(run, file):
    code, out, _ = run("show", file)
    assert code == 0
    head = out[: out.index("the match begins")]
    replay = Replay.load(file)
    for said in (
        "match     7 in the room duel",
        "two_networks_small",
        "netsecgame",
        replay.engine.hex(),
        "7",
    ):
        assert said in head
    assert "Attacker 0" in head
    assert head.count("wins, ended by") == len(replay.results)
    assert "ended by  finished" in head
    assert "another" not in head


def test_show_steps_through_every_event_within_110_columns_and_without_colours(run, file):
    _, out, _ = run("show", file)
    events = len(Replay.load(file).events)
    numbers = [int(line[:6]) for line in out.splitlines() if line[:6].strip().isdecimal()]
    assert numbers == list(range(events + 1))
    assert max(map(len, out.splitlines())) <= 110
    assert "\x1b" not in out
    assert not any(line.endswith(" ") for line in out.splitlines())


def test_show_of_a_range_and_of_a_seat_shows_only_that(run, file):
    _, out, _ = run("show", file, "--from", 10, "--to", 12)
    numbers = [int(line[:6]) for line in out.splitlines() if line[:6].strip().isdecimal()]
    assert numbers == [10, 11, 12]
    _, out, _ = run("show", file, "--seat", 1)
    body = out[out.index("the match begins") :]
    assert "        Defender 0  OBS" in body
    assert "        Attacker 0  " not in body
    assert "        hub         RESULT" in body


def test_show_of_an_event_ends_with_all_that_the_seats_know(run, file):
    _, out, _ = run("show", file, "--event", 40)
    after = out[out.index("After this event, in episode 0:") :]
    assert out.count("\n    40  ") == 1
    for line in ("Attacker 0  Attacker 0: PlayingWithTimeout, ", "\n  networks  ", "\n  controls  "):
        assert line in after
    _, only, _ = run("show", file, "--event", 40, "--seat", 1)
    assert "\nAttacker 0  Attacker 0:" not in only
    assert "\nDefender 0  Defender 0:" in only


def test_show_of_a_replay_that_comes_out_otherwise_says_where(run, file):
    replay = Replay.load(file)
    attrs.evolve(replay, links=(*replay.links[:5], b"x" * LINK_BYTES, *replay.links[6:])).save(file)
    code, out, err = run("show", file)
    assert code == 1
    before, after = out.split("From here on it comes out otherwise than it was played:\n")
    assert "\n     4  " in before
    assert after.startswith("     5  ")
    assert f"{file}: comes out otherwise from event 5, " in err
    assert run("show", file, "--to", 4)[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--event", 100_000), "--event 100000: the match has the events 0 to "),
        (("--from", 100_000), "--from 100000: the match has"),
        (("--to", 100_000), "--to 100000: the match has"),
        (("--from", 9, "--to", 3), "--from 9 is after --to 3"),
        (("--event", 3, "--to", 3), "say either --event, or --from and --to"),
        (("--seat", 2), "--seat 2: the match has the seats 0 to 1"),
    ],
)
def test_show_with_options_that_cannot_be_is_a_mistake_in_a_line(run, file, options, said):
    code, out, err = run("show", file, *options)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


# --- export, verify, record, doctor -----------------------------------------------------------------------


def test_export_gives_the_lines_that_save_trajectories_keeps(run, tmp_path, monkeypatch):
    record, outputs = match(save_trajectories=True)
    path = tmp_path / "a.siege"
    from_record(record).save(path)
    kept = [body for seat, kind, _, _, body in outputs if (seat, kind) == (HUB_SEAT, Kind.TRAJECTORY)]
    lines = [json.dumps(read_trajectory(body)) for body in kept]
    code, out, err = run("export", "--jsonl", path)
    assert (code, err) == (0, "")
    assert len(lines) >= 4
    assert out.splitlines() == lines
    code, out, _ = run("export", path, "--out", tmp_path / "kept")
    assert code == 0
    found = [line for file in (tmp_path / "kept").iterdir() for line in file.read_text().splitlines()]
    assert sorted(found) == sorted(lines)
    assert {file.name.split("_", 1)[1] for file in (tmp_path / "kept").iterdir()} == {
        "Attacker_0_AgentRole.Attacker.jsonl",
        "Defender_0_AgentRole.Defender.jsonl",
    }
    code, out, err = run("export", path, "--out", path)
    assert code == 2
    assert err.count("\n") == 1


def test_export_says_which_episode_was_never_settled(run, tmp_path):
    path = tmp_path / "a.siege"
    begun = play_randomly(load_spec(seats={"Attacker": 1, "Defender": 1}), 1, 10)
    begun.save(path)
    code, out, err = run("export", path)
    assert (code, out, err) == (0, "", "episode 0 was never settled: left out, 10 steps\n")


def test_verify_names_what_the_hub_told_otherwise_and_other_engines(run, file):
    code, out, _ = run("verify", file)
    assert code == 0
    assert "events come out the same, and are what the hub told\n" in out
    replay = Replay.load(file)
    attrs.evolve(replay, told=attrs.evolve(replay.told, chain=1), engine=b"\xab" * 32).save(file)
    code, out, _ = run("verify", file)
    assert code == 1
    assert "come out the same (played by the engine abababababab, again by " in out
    assert "but the hub told its agents otherwise than this file does: the chain over " in out


def test_verify_goes_on_after_a_replay_that_cannot_be_played(run, file, tmp_path):
    bad = tmp_path / "bad.siege"
    attrs.evolve(Replay.load(file), spec=b"{}").save(bad)
    code, out, _ = run("verify", bad, file)
    assert code == 1
    assert f"{bad}: cannot be played here: not a spec" in out
    assert f"{file}: " in out.splitlines()[-1]
    for command in ("show", "export"):
        code, _, err = run(command, bad)
        assert code == 1
        assert err.startswith(f"netsiege: {bad}: not a spec")
        assert err.count("\n") == 1


def test_record_and_doctor_compare_runs(run, tmp_path):
    one, other = tmp_path / "one.siege", tmp_path / "other.siege"
    assert run("record", "--events", 200, "--out", one)[0] == 0
    assert run("record", "--events", 200, "--seed", 2, "--out", other)[0] == 0
    assert run("verify", one, other)[0] == 0
    assert run("doctor", one, one)[0] == 0
    code, out, _ = run("doctor", one, other)
    assert code == 1
    assert "seed differs" in out
    for command in (("doctor", one), ("show",), ("export",), ("verify",)):
        code, _, err = run(*command, tmp_path / "none")
        assert code == 2
        assert err == f"netsiege: {tmp_path / 'none'}: cannot be read: No such file or directory\n"


@pytest.mark.parametrize("command", [("show",), ("export",), ("verify",)])
def test_command_whose_output_nobody_reads_ends_without_a_word(file, command):
    arguments = [sys.executable, "-m", "netsiege", "replay", *command, str(file)]
    # with a buffer, a short output is written only when the interpreter ends
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        process.stdout.close()
        process.stdout = None
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode in (0, 1)
