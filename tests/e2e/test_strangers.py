"""Files of strangers on the command line: what is printed neither acts on a terminal nor forges a line."""

import sys

import attrs
import pytest

from netsiege import cli
from netsiege.engine.recorder import Recorder
from netsiege.engine.replay import Replay
from netsiege.engine.selfplay import play_randomly
from netsiege.errors import SiegeError
from netsiege.hub.archive import MatchRecord
from netsiege.protocol import EVENT_HEAD, Cause, Kind, SeatSpec, pack
from netsiege.replays import from_record
from netsiege.scenarios import load_spec
from netsiege.scenarios.model import Host, ServiceItem, Spec

EVIL = "\x1b]0;t\x07[red]a[/red]\u202e\nnetsiege: all is well"
TAMED = r"\x1b]0;t\x07[red]a[/red]\u202e\nnetsiege: all is well"


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line in this process: exit code, stdout, stderr. Whatever is printed must be tame."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["netsiege", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert (out + err).replace("\n", "").isprintable()
        assert not [line for line in (out + err).splitlines() if line == "netsiege: all is well"]
        assert "Traceback" not in err
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def hostile():
    """A replay whose every name and text is a trap, and which this engine plays all the same."""
    spec = load_spec(scenario="two_networks_tiny", seats={"Attacker": 1, "Defender": 1})
    hosts = tuple(
        attrs.evolve(host, name=EVIL, services=(*host.services, ServiceItem(EVIL, version=EVIL)))
        for host in spec.topology.hosts
        if isinstance(host, Host)
    )
    roles = tuple(attrs.evolve(role, goal_description=EVIL) for role in spec.task.roles)
    spec = Spec(
        attrs.evolve(spec.topology, name=EVIL, hosts=hosts), attrs.evolve(spec.task, name=EVIL, roles=roles)
    )
    begun = play_randomly(spec, 3, 60)
    seats = (SeatSpec("Attacker", 0, "[red]x[/red]", True), SeatSpec("Defender", 0, "a/../b", True))
    recorder = Recorder(begun.spec, 1, 3, seats, None)
    events = [*begun.events, EVENT_HEAD.pack(0, Kind.STEP, 900) + pack([0, 1, [2, EVIL]])]
    steal = pack([4, 3232235779, 3232235778, [EVIL, "id", 1, "t", "x"]])
    events += [EVENT_HEAD.pack(seat, Kind.STEP, 901 + seat) + steal for seat in range(2)]
    for event in events:
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        recorder.handle(seat, kind, request, event[EVENT_HEAD.size :])
    return attrs.evolve(recorder.replay(), room="[bold]room", text=EVIL, cause=Cause.FINISHED)


@pytest.fixture
def file(tmp_path, hostile):
    path = tmp_path / f"{EVIL.replace('/', '-')}.siege"
    hostile.save(path)
    return path


def test_show_of_a_hostile_replay_tells_every_trap_as_text(run, file):
    code, out, _ = run("replay", "show", file)
    assert code == 0
    flat = " ".join(out.split())
    assert f"scenario {TAMED}, task {TAMED}" in flat
    assert "in the room [bold]room" in flat
    assert f"ended by finished: {TAMED}" in flat
    assert "Attacker 0 [red]x[/red]" in flat
    assert f"ExfiltrateData {TAMED}/id from" in flat
    assert "makes no sense" in flat
    code, out, _ = run("replay", "show", file, "--event", "50")
    assert code == 0
    assert "[red]x[/red]" in out


def test_show_of_a_hostile_replay_on_a_terminal_has_our_colours_only(run, file, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "argv", ["netsiege", "replay", "show", str(file)])
    with pytest.raises(SystemExit):
        cli.main()
    out = capsys.readouterr().out
    assert "\x1b[" in out, "it is in colour"
    for code in {part.partition("m")[0] for part in out.split("\x1b")[1:]}:
        assert code.removeprefix("[").replace(";", "").isdecimal(), "only colours"
    assert "\x07" not in out
    assert "\u202e" not in out


def test_verify_doctor_and_export_of_a_hostile_replay_print_tame_lines(run, file, hostile, tmp_path):
    code, out, _ = run("replay", "verify", file)
    assert (code, out.count("\n")) == (0, 1)
    assert f"{TAMED.replace('/', '-')}.siege: 63 events come out the same" in out
    other = tmp_path / "other.siege"
    attrs.evolve(hostile, events=(hostile.events[-2], *hostile.events[1:])).save(other)
    code, out, _ = run("replay", "doctor", file, other)
    assert code == 1
    assert TAMED in out
    code, out, _ = run("replay", "export", file)
    assert code == 0
    code, out, _ = run("replay", "export", file, "--out", tmp_path / EVIL.replace("/", "-"))
    assert code == 0


@pytest.mark.parametrize("change", [{"spec": EVIL.encode()}, {"ruleset": EVIL}, {"events": ()}])
def test_hostile_replay_that_is_refused_is_refused_in_a_line(run, tmp_path, hostile, change):
    path = tmp_path / "bad.siege"
    links = hostile.links[:1] if "events" in change else hostile.links
    attrs.evolve(hostile, links=links, **change).save(path)
    for command in ("verify", "show", "export"):
        code, out, err = run("replay", command, path)
        assert code in (0, 1)
        assert command == "show" or (out + err).count("\n") <= 2


def test_extract_of_a_hostile_journal_prints_tame_lines_and_writes_into_the_folder(
    run, tmp_path, hostile, monkeypatch
):
    rooms = ["../../evil", EVIL, "--help", "CON", "a b", "a_b"]
    records = [
        MatchRecord(
            id=number,
            room=name,
            spec=hostile.spec,
            engine=hostile.engine,
            rulesets=("netsecgame",),
            seed=3,
            episodes=None,
            seats=hostile.seats,
            events=hostile.events,
            outputs=0,
            chain=0,
            cause=Cause.WORKER,
            text=EVIL,
        )
        for number, name in enumerate(rooms, 1)
    ]
    bad = attrs.evolve(records[1], id=90, problem=EVIL)
    wrong = attrs.evolve(records[1], id=91, chain=1, outputs=3)
    left = attrs.evolve(records[1], id=92, cause=None, outputs=None, chain=None)
    # a room's name in a file is any: what a replay may carry is checked when it is read
    monkeypatch.setattr("netsiege.replays.read_journal", lambda path: iter([*records, bad, wrong, left]))
    code, out, err = run("replay", "extract", EVIL, "--out", tmp_path / "out")
    assert code == 1
    assert out.count("\n") == len(rooms) + 1
    assert f"match 92 of room {TAMED}: open, left out" in out
    assert err.count("\n") == 2
    assert f"match 90 of room {TAMED}: {TAMED}" in err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(names) == len(rooms)
    assert not [name for name in names if name.startswith((".", "-")) or not name.isprintable()]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert Replay.load(tmp_path / "out" / "a_b-6.siege").room == "a_b"


def test_match_of_a_hostile_room_is_refused_by_its_name_without_what_acts(hostile):
    record = MatchRecord(
        1, EVIL, hostile.spec, b"", (), 3, None, hostile.seats, (), None, None, None, "", problem=EVIL
    )
    with pytest.raises(SiegeError) as refused:
        from_record(record)
    assert str(refused.value) == f"match 1 of room {TAMED}: {TAMED}"


def test_scenario_of_a_hostile_file_is_refused_in_tame_lines(run, tmp_path):
    path = tmp_path / f"{EVIL.replace('/', '-')}.yaml"
    path.write_text(f'"{EVIL.encode("unicode_escape").decode()}": 1\nnetworks: {{"[red]": 1}}\nhosts: 1')
    for command in ("validate", "show"):
        code, _, err = run("scenario", command, path)
        assert code in (1, 2)
        assert "[red]" in err
