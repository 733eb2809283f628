"""What must hold when a run is over: everything was answered, everything agrees, nothing is left."""

from collections import Counter, deque

from netsiege.engine.recorder import Tally
from netsiege.engine.replay import Told
from netsiege.errors import SiegeError
from netsiege.game import Observation
from netsiege.protocol import EVENT_HEAD, HUB_SEAT, Cause, Kind
from netsiege.protocol.play import Seated, read_observation
from tests.simulation import policy
from tests.simulation.clock import Violation
from tests.simulation.constants import FILE_AFTER_TURNS, FILE_AT_ONCE, FORGET_EVERY_TURNS
from tests.simulation.hall_books import check_hall
from tests.simulation.reference import Second

REMEMBERED = {"rooms", "_sweep"}
"""What of the arena need not be empty when everyone has gone."""

_HARM_WORKERS = {
    "cut",
    "half_open",
    "zombie",
    "partition",
    "worker_crash",
    "worker_stall",
    "clock_jump",
}
"""With these, a worker ends, or seems to, that no match has killed."""
_HARM_MEMORY = {"hub_crash", "hub_pause"}
"""A hub that starts again has forgotten whom it suspects."""


def check_all_done(world):
    """Nobody waits for ever."""
    arena = world.hub.arena
    open_matches = sorted(arena.matches) if world.hub.alive else []
    waiting = [node.plan.name for node in world.nodes if not node.done]
    if open_matches or waiting or not world.hub.alive:
        text = f"matches {open_matches} are open, {', '.join(waiting) or 'nobody'} is not done"
        raise Violation("no seat waits for ever", text, open_matches[0] if open_matches else None)


def check(world):
    """All the rest."""
    _check_memory(world)
    _check_turns(world)
    _check_poisoned(world)
    try:
        records = {record.id: record for record in world.disk.matches()}
    except SiegeError as error:
        raise Violation("the journal can be read", str(error)) from error
    asked = _asked_by_handle(world)
    for match in world.reference.all:
        if match.lost:
            continue
        if match.journaled:
            _check_record(world, match, records.get(match.id))
        _check_requests(world, match, asked)
    _check_knowledge(world)
    _check_rounds(world)
    check_hall(world)


def _check_memory(world):
    """Without agents and workers, the hub remembers none."""
    arena = world.hub.arena
    left = {
        name: len(value)
        for name, value in vars(arena).items()
        if isinstance(value, dict | list | set | deque) and value and name not in REMEMBERED
    }
    for room in arena.rooms.values():
        if any(room.waiting.values()) or room.watchers or room.open or room.lines or room.games:
            left[room.spec.name] = (Counter(len(q) for q in room.waiting.values()), room.watchers, room.open)
    if left:
        raise Violation("the hub forgets who is gone", str(left))


def _check_turns(world):
    kept = world.disk.turns_kept()
    matches = len(world.reference.all)
    most = FILE_AFTER_TURNS + FORGET_EVERY_TURNS * (2 + matches // FILE_AT_ONCE)
    if kept > most:
        raise Violation("the journal is bounded", f"{kept} turns are kept, {most} at most")


def _check_record(world, match, record):
    """The journal's file has what was committed, and the sums of it are the hub's."""
    if record is None:
        raise Violation("the journal has every match", f"match {match.id} is not there", match.id)
    same = (record.room, record.seed, record.episodes, record.seats) == (
        match.room,
        match.seed,
        match.episodes,
        match.seats,
    )
    if not same or list(record.events) != match.events:
        raise Violation("the journal has every event once", f"match {match.id} is read otherwise", match.id)
    if record.cause is None or record.outputs is None or record.chain is None:
        raise Violation("the journal has every match", f"match {match.id} is not ended", match.id)
    tally = Tally(len(match.seats), Told(record.outputs, record.chain))
    replayed = Second(
        match.id,
        match.room,
        match.ordinal,
        type(match.game)(match.tables, match.id, match.seed, match.seats, match.episodes),
        match.tables,
        match.seats,
        match.seed,
        match.episodes,
        True,
    )
    tally.add(replayed.game.open())
    for event in record.events:
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        tally.add(replayed.game.handle(seat, kind, request, event[EVENT_HEAD.size :]))
    called_off = world.books.is_called_off(match.id) and record.cause == Cause.LEFT
    # what ends from outside may have said more than the hub took
    difference = tally.difference(Cause.HUB if called_off else record.cause)
    if difference is not None:
        raise Violation("what was told is what the journal says", f"match {match.id}: {difference}", match.id)
    if record.cause == Cause.FAULT:
        _check_quarantine(world, match, record.text)
    elif not called_off and (record.cause != Cause.FINISHED or not match.is_over):
        raise Violation("matches finish", f"match {match.id}: {record.cause} {record.text}", match.id)


def _check_quarantine(world, match, text):
    """Only what has killed three workers is kept from the others, and only lies come out otherwise."""
    if "in a row" not in text:
        if match.id not in world.lied_about:
            raise Violation("matches finish", f"match {match.id}: {text}", match.id)
        return
    deaths = world.registry.deaths_of.get(match.id, 0)
    innocent = match.id not in world.poisoned and not world.plan.faults & _HARM_WORKERS
    if deaths < 3 or innocent:
        raise Violation("only what kills workers is quarantined", f"match {match.id}: {deaths}", match.id)


def _check_poisoned(world):
    """What kills workers kills three at most, if nothing else happens to workers or the hub.

    That of a worker from which the match was moved away before the hub could know is no matter.
    """
    if world.plan.faults & (_HARM_WORKERS | _HARM_MEMORY):
        return
    for match, deaths in world.poisoned.items():
        if min(deaths, world.registry.deaths_of.get(match, 0)) > 3:
            text = f"match {match} has killed {deaths} workers"
            raise Violation("what kills workers is quarantined", text, match)


def _asked_by_handle(world):
    asked = {}
    for node in world.agents:
        for (handle, number), what in node.asked_of.items():
            asked.setdefault(handle, {})[number] = what
    return asked


def _check_requests(world, match, asked):
    """Each action is in the journal at most once, as it was asked, and once if it was answered."""
    handles = {line.index: handle for handle, line in world.reference.lines.items() if line.match is match}
    taken = set()
    for event in match.events:
        index, kind, request = EVENT_HEAD.unpack_from(event)
        if not request:
            continue
        handle = handles[index]
        if (handle, request) in taken:
            text = f"request {request} of seat {index} of match {match.id}"
            raise Violation("each request is applied once", text, match.id)
        taken.add((handle, request))
        if (kind, event[EVENT_HEAD.size :]) not in asked.get(handle, {}).get(request, ()):
            text = f"request {request} of seat {index} of match {match.id} was not asked like that"
            raise Violation("what was asked is what is applied", text, match.id)
    for node in world.agents:
        for handle, request in node.answered:
            line = world.reference.lines.get(handle)
            if line is not None and line.match is match and (handle, request) not in taken:
                known = request in node.joins
                if not known:
                    text = f"request {request} of seat {line.index} of match {match.id} was answered"
                    raise Violation("what is answered is in the journal", text, match.id)


def _check_knowledge(world):
    """What agents knew, at some moments and at the end, is what the engine says they were told."""
    moments = {}
    for node in world.agents:
        known = list(node.known)
        known += [(handle, request, seen) for handle, (request, seen) in node.last_known.items()]
        for handle, request, seen in known:
            line = world.reference.lines[handle]
            if not request or line.match.lost:
                continue
            for number, kind, _, asked, _ in line.match.outputs[line.index]:
                if asked == request and kind == Kind.OBS:
                    moments.setdefault(line.match.id, []).append((number, line.index, seen))
    for match in world.reference.all:
        if not match.lost and (match.id in moments or match.views):
            _check_moments(match, moments.get(match.id, []))


def _check_moments(match, moments):
    """Plays the match a third time, looking at what each seat was told last at these moments."""
    due = {}
    for number, seat, what in [*moments, *match.views]:
        due.setdefault(number, []).append((seat, what))
    game = type(match.game)(match.tables, match.id, match.seed, match.seats, match.episodes)
    game.open()
    for number in range(len(match.events) + 1):
        if number:
            event = match.events[number - 1]
            seat, kind, request = EVENT_HEAD.unpack_from(event)
            game.handle(seat, kind, request, event[EVENT_HEAD.size :])
        for seat, what in due.get(number, ()):
            _check_moment(match, game, number, seat, what)


def _check_moment(match, game, number, seat, what):
    where = f"seat {seat} of match {match.id} after event {number}"
    if game.seats[seat].gone:
        raise Violation("what agents know is what the engine says", f"{where} is gone", match.id)
    view = game.view(seat)
    if isinstance(what, Observation):
        told = read_observation(Seated.decode(view).observation, None)[0]
        if (told.state, told.reward, told.end) != (what.state, what.reward, what.end):
            raise Violation("what agents know is what the engine says", where, match.id)
    elif view != what:
        raise Violation("RESUMED says how the seat stands", where, match.id)


def _check_rounds(world):
    """What plays in rounds, without a clock, ends as if nothing had happened."""
    for match in world.reference.all:
        room = world.room(match.room)
        if match.lost or not room.rounds or room.clocked or match.id in world.poisoned:
            continue
        if not match.is_over:
            continue  # it was kept from killing more workers
        left = [e for e in match.events if EVENT_HEAD.unpack_from(e)[1] == Kind.LEAVE]
        if left:
            continue
        results = [o[4] for o in match.outputs[HUB_SEAT] if o[1] == Kind.RESULT]
        calm = policy.undisturbed(room.opened.spec, match.id, match.seed, match.seats, match.episodes)
        world.count("rounds compared")
        if results != calm:
            raise Violation("a result depends on nobody's latency", f"match {match.id}", match.id)
