"""`netsiege replay …`: matches in files. A part of the composition root, like `cli`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from netsiege.cli_types import MAX_SEED
from netsiege.errors import ConfigError, RuleError, SiegeError

if TYPE_CHECKING:
    from netsiege.engine.narrate import Event, Said
    from netsiege.engine.playback import Playback
    from netsiege.engine.replay import Replay
    from netsiege.replays import Extracted
    from netsiege.show_replay import ReplayPrinter

replay_app = typer.Typer(
    help="Matches in files: out of a hub's journal, looked at, played again, compared.", no_args_is_help=True
)

File = Annotated[str, typer.Argument(help="A replay, such as default-7.siege.")]


@replay_app.command("record")
def replay_record(
    out: Annotated[str, typer.Option("--out", help="The file to write, such as run.siege.")],
    scenario: Annotated[Optional[str], typer.Option(help="A bundled scenario, or a YAML file.")] = None,
    task: Annotated[Optional[str], typer.Option(help="A task: a bundled one, or a YAML file.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Equal seeds give equal recordings.")] = 1,
    events: Annotated[int, typer.Option(min=1, help="How many events to play.")] = 1_000,
) -> None:
    """Record a random match played in this process: the same file on every machine."""
    from netsiege.engine.selfplay import play_randomly
    from netsiege.options import play_setup

    spec, _, warnings = play_setup(task, scenario, None, None, None)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    replay = play_randomly(spec, seed, events)
    replay.save(out)
    chain = replay.links[-1].hex()
    print(f"{_label(out)}: {len(replay.events)} events of {spec.topology.name}, chain {chain}")


@replay_app.command("extract")
def replay_extract(
    journal: Annotated[str, typer.Argument(help="A hub's journal; the hub may be running.")],
    match: Annotated[
        Optional[list[int]], typer.Option("--match", help="Only this match; may be said several times.")
    ] = None,
    out: Annotated[str, typer.Option("--out", help="The folder to write into.")] = ".",
) -> None:
    """Write each finished match of a journal into a file of its own, ROOM-MATCH.siege."""
    from netsiege.engine.words import count
    from netsiege.replays import extract, read_journal
    from netsiege.shown import shown

    wanted = frozenset(match or ())
    done: list[Extracted] = []
    with _naming(journal), _flushing():
        for each in extract(read_journal(journal), Path(out), wanted):
            done.append(each)
            if each.is_open:
                print(f"match {each.match} of room {shown(each.room)}: open, left out")
            elif each.path is None:
                print(f"netsiege: {_label(each.failure)}", file=sys.stderr)
            else:
                said = f"{count(each.events, 'event')}, {count(each.episodes, 'episode')}"
                print(f"{_label(str(each.path))}: {said}")
    missing = sorted(wanted - {each.match for each in done})
    if missing:
        raise ConfigError(f"{_label(journal)}: has no match {', '.join(map(str, missing))}")
    if not any(each.path for each in done):
        raise SiegeError(f"{_label(journal)}: {_why_nothing(done)}")
    if any(each.failure for each in done):
        _fail()


def _why_nothing(done: list[Extracted]) -> str:
    from netsiege.engine.words import count

    if not done:
        return "no match has been played"
    refused = sum(bool(each.failure) for each in done)
    if not refused:
        return f"no match has ended yet, nothing to write; open: {len(done)}"
    return (
        f"nothing was written: {count(refused, 'replay')} refused, {count(len(done) - refused, 'match')} open"
    )


@replay_app.command("show")
def replay_show(
    file: File,
    event: Annotated[
        Optional[int], typer.Option("--event", min=0, help="One event, and all that the seats know after it.")
    ] = None,
    first: Annotated[Optional[int], typer.Option("--from", min=0, help="The first event to show.")] = None,
    last: Annotated[Optional[int], typer.Option("--to", min=0, help="The last event to show.")] = None,
    seat: Annotated[
        Optional[int], typer.Option("--seat", min=0, help="Only what this seat did and was told.")
    ] = None,
) -> None:
    """Show who played, how it ended, and event by event who did what and was told what."""
    from netsiege.engine.playback import Playback
    from netsiege.engine.replay import Replay
    from netsiege.show_replay import ReplayPrinter

    replay = Replay.load(file)
    low, high = _range(file, replay, event, first, last)
    if seat is not None and seat >= len(replay.seats):
        raise ConfigError(
            f"{_label(file)}: --seat {seat}: the match has the seats 0 to {len(replay.seats) - 1}"
        )
    with _naming(file), _flushing():
        playback = Playback(replay)
        printer = ReplayPrinter(replay)
        printer.head(playback.recorder.tables.spec)
        _show_events(playback, printer, low, high, seat, in_full=event is not None)
    if playback.differs is not None:
        raise SiegeError(
            f"{_label(file)}: comes out otherwise from {replay.describe_event(playback.differs)}"
        )
    if high == len(replay.events) and (sums := playback.sums_differ()) is not None:
        raise SiegeError(f"{_label(file)}: comes out otherwise than the hub has told it: {sums}")


def _range(
    file: str, replay: Replay, event: int | None, first: int | None, last: int | None
) -> tuple[int, int]:
    """The first and last event to show."""
    count = len(replay.events)
    if event is not None:
        if first is not None or last is not None:
            raise ConfigError("say either --event, or --from and --to")
        first = last = event
    for option, number in (("--event" if event is not None else "--from", first), ("--to", last)):
        if number is not None and number > count:
            raise ConfigError(f"{_label(file)}: {option} {number}: the match has the events 0 to {count}")
    low, high = first or 0, count if last is None else last
    if low > high:
        raise ConfigError(f"--from {low} is after --to {high}")
    return low, high


def _show_events(
    playback: Playback, printer: ReplayPrinter, low: int, high: int, seat: int | None, *, in_full: bool
) -> None:
    from netsiege.engine.narrate import Narrator

    narrator = Narrator(playback.replay)
    for number, outputs in playback.turns():
        if playback.differs == number:
            printer.line("From here on it comes out otherwise than it was played:", "bold red")
        heard = narrator.hear(number, outputs)
        if number >= low:
            told = _told_to(heard, seat)
            if seat in (None, heard.seat) or any(said.seat == seat for said in told):
                printer.event(heard, told)
        if number == high:
            break
    if in_full:
        printer.seats(playback, narrator, seat)


def _told_to(event: Event, seat: int | None) -> list[Said]:
    """What a seat was told, and the results, which concern everyone."""
    return [said for said in event.told if seat is None or said.seat == seat or said.kind == "RESULT"]


@replay_app.command("export")
def replay_export(
    file: File,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            help="NetSecGame's trajectories, a line each: the one form there is.",
            show_default=False,
        ),
    ] = True,
    out: Annotated[
        str,
        typer.Option("--out", help="- for stdout, or a folder: lines are added to NetSecGame's files there."),
    ] = "-",
) -> None:
    """Export the trajectory of every seat in every episode, as `save_trajectories` keeps them."""
    from netsiege.engine.export import trajectories
    from netsiege.engine.playback import Playback
    from netsiege.engine.replay import Replay
    from netsiege.engine.words import count
    from netsiege.protocol import Trajectory
    from netsiege.protocol.play import read_trajectory
    from netsiege.scribe import keep

    del jsonl  # a flag that says what happens anyway
    replay = Replay.load(file)
    lines: dict[Path, int] = {}
    with _naming(file), _flushing():
        playback = Playback(replay)
        for _, body in trajectories(playback):
            if out == "-":
                print(json.dumps(read_trajectory(body)))
                continue
            try:
                path = keep(Path(out), Trajectory(replay.room or "replay", replay.match, body))
            except OSError as error:
                raise ConfigError(f"{_label(out)}: cannot be written: {error.strerror}") from None
            lines[path] = lines.get(path, 0) + 1
        for path, added in lines.items():
            print(f"{_label(str(path))}: {count(added, 'line')} added")
    _say_unsettled(playback)


def _say_unsettled(playback: Playback) -> None:
    game = playback.game
    if not game.episode.settled:
        steps = sum(player.steps for player in game.episode.players)
        print(f"episode {game.number} was never settled: left out, {steps} steps", file=sys.stderr)


@replay_app.command("verify")
def replay_verify(files: Annotated[list[str], typer.Argument(help="Replays to play again.")]) -> None:
    """Play replays again; exit code 1 names the first event that comes out otherwise."""
    from netsiege.engine.playback import verify
    from netsiege.engine.replay import Replay

    failed = False
    with _flushing():
        for file in files:
            replay, label = Replay.load(file), _label(file)
            try:
                verdict = verify(replay)
            except RuleError as error:
                failed = True
                print(f"{label}: cannot be played here: {_label(str(error))}")
                continue
            failed = failed or not verdict.same
            note = f" ({verdict.note})" if verdict.note else ""
            if verdict.event is not None:
                print(f"{label}: comes out otherwise from {replay.describe_event(verdict.event)}{note}")
            else:
                told = ", and are what the hub told" if replay.told and verdict.same else ""
                print(f"{label}: {len(replay.events)} events come out the same{told}{note}")
            for problem in verdict.problems:
                print(f"{label}: but {problem}")
    if failed:
        _fail()


@replay_app.command("doctor")
def replay_doctor(
    a: Annotated[str, typer.Argument(help="A replay.")],
    b: Annotated[str, typer.Argument(help="Another run of the same match.")],
) -> None:
    """Name the first event at which two runs of a match diverge; exit code 1 if they do."""
    from netsiege.engine.doctor import diagnose
    from netsiege.engine.replay import Replay
    from netsiege.shown import shown_lines

    found = diagnose(Replay.load(a), Replay.load(b))
    print("\n".join(shown_lines(found.text)))
    if not found.same:
        _fail()


def _label(text: str) -> str:
    """A file's name, or what was wrong with one, on a line: it may be a stranger's."""
    from netsiege.shown import LINE_CHARS, shown

    return shown(text, LINE_CHARS)


def _fail() -> None:
    from netsiege.cli import EXIT_FAILED

    raise typer.Exit(EXIT_FAILED)


@contextmanager
def _naming(file: str) -> Iterator[None]:
    """Puts the file's name before what is said of a match in it, on one line."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError([_label(problem) for problem in error.problems]) from error
    except SiegeError as error:
        raise SiegeError(f"{_label(file)}: {_label(str(error))}") from error


@contextmanager
def _flushing() -> Iterator[None]:
    """Writes out what was printed while typer can still hear that nobody reads it any more.

    It then ends the command without a word; at the interpreter's end there would be some.
    """
    yield
    sys.stdout.flush()
