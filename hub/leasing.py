"""Who runs which match: leases, failover, quarantine, balance. Pure.

A worker is disposable: what it has is made from a match's spec, its last snapshot and the events since. When
a worker goes, its matches are leased to others of the same engine; these play the events again, and what the
agents have been told already is compared and dropped (`broker`). Whatever the old worker still says comes
under a lease that nobody holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from netsiege.errors import ProtocolError
from netsiege.hub.records import Match, Seat, Suspects, Worker
from netsiege.protocol import MAX_REQUEST, Cause, Code, Held, Kind, Open, Ready, Spec, Wait, message

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

PROGRESS_LIMIT_S: Final = 30.0
"""A worker with events to do that finishes none for so long is given up."""
PING_EVERY_S: Final = 1.0
SLEPT_S: Final = 5.0
"""A hub that has not looked at its clocks for so long was stopped itself, and cannot blame a worker."""
DEATHS_ALONE: Final = 2
"""A match that was under way at the death of so many workers in a row gets the next one's attention alone."""
DEATHS_MAX: Final = 3
"""So many, the last one alone, and it is quarantined."""
MAX_KEPT_EVENTS: Final = 1 << 19
"""What one OPEN carries at most; a snapshot comes long before."""
DESERTED_S: Final = 60.0
"""How long a match that all its players have left waits for a worker that tells how it ends."""
SUSPICION_S: Final = 60.0
"""How long a worker that went away can come back to clear the matches that were blamed for it."""

WAIT_WORKER: Final = Wait(Held.WORKER).encode()


def least_loaded(arena: Arena, like: Match | None = None) -> Worker | None:
    """The worker with the most room for one more match; `like`: for this one, of the engine that ran it."""
    free = [worker for worker in arena.workers.values() if len(worker.leases) < worker.slots]
    if like is not None:
        # who has been under way at a death is kept from where another is on trial for that
        free = [w for w in free if w.kin == like.kin and (w.trial is None or not like.deaths)]
    return min(free, key=lambda worker: len(worker.leases) / worker.slots, default=None)


def place(arena: Arena) -> None:
    """Leases the matches without a worker, the oldest first, as far as there are workers for them."""
    for match in sorted(arena.homeless.values(), key=lambda match: match.id):
        if match.deaths >= DEATHS_ALONE:
            _put_on_trial(arena, match)
        elif (worker := least_loaded(arena, match)) is not None:
            lease(arena, match, worker)


def _put_on_trial(arena: Arena, match: Match) -> None:
    """Gives a suspect a worker that has done everything before, so that its death would be this one's."""
    if match.tried_by is not None:
        return
    untried = [w for w in arena.workers.values() if w.trial is None and w.kin == match.kin]
    free = [w for w in untried if len(w.leases) < w.slots]
    if free:
        worker = min(free, key=lambda w: len(w.leases))
        worker.trial, match.tried_by = match, worker
        _ask_trial_pong(arena, worker)


def _ask_trial_pong(arena: Arena, worker: Worker) -> None:
    worker.trial_pong = _ping(arena, worker)


def _ping(arena: Arena, worker: Worker) -> int:
    """Has the worker say a number when it has done everything up to here."""
    arena.pings = arena.pings % MAX_REQUEST + 1
    arena.to_workers.append((worker.peer, message(Kind.W_PING, 0, arena.pings, b"")))
    return arena.pings


def _end_trial(worker: Worker) -> None:
    if worker.trial is not None:
        worker.trial.tried_by = None
        worker.trial = None


def lease(arena: Arena, match: Match, worker: Worker) -> None:
    """Gives a match to a worker, from its last snapshot on."""
    room = match.room
    if len(match.kept) > MAX_KEPT_EVENTS:
        arena.abandon(match, Code.ENGINE_FAULT, Cause.FAULT, "the match is too long to be moved: no snapshot")
        return
    arena.homeless.pop(match.id, None)
    arena.moved += bool(match.lease)
    match.worker, match.lease = worker, arena.draw_u64()
    match.behind, match.check = match.outputs - match.base_outputs, match.base_chain
    match.replied = -1 if match.snapshot is None else match.base
    worker.leases[match.lease] = match
    if room.digest not in worker.specs:
        worker.specs.add(room.digest)
        body = Spec(room.digest, room.spec.spec).encode()
        arena.to_workers.append((worker.peer, message(Kind.SPEC, 0, 0, body)))
    opening = Open(
        match.id,
        room.digest,
        match.seed,
        room.spec.episodes,
        match.specs,
        match.snapshot,
        tuple(match.kept),
    )
    worker.sent += 1 + len(match.kept)
    arena.to_workers.append((worker.peer, message(Kind.OPEN, match.lease, 0, opening.encode())))
    if match.behind:
        worker.checks[_ping(arena, worker)] = match.lease
    for seat in match.seats:
        if seat.view:
            send_view(arena, seat)


def send_view(arena: Arena, seat: Seat) -> None:
    """Asks the worker, if there is one, how a seat stands; at the end of the round, if it has news then."""
    match = seat.match
    if match.worker is not None and not any(reply.seat is seat for reply in match.held or ()):
        asked = message(Kind.VIEW, match.lease, seat.index, b"")
        arena.to_workers.append((match.worker.peer, asked))


def release(arena: Arena, match: Match) -> None:
    """Takes a match off its worker, if it has one: from now on that worker's words about it are void."""
    if match.tried_by is not None:
        _end_trial(match.tried_by)
    worker = match.worker
    if worker is None:
        return
    del worker.leases[match.lease]
    match.worker = None
    if worker.peer in arena.workers:
        arena.to_workers.append((worker.peer, message(Kind.CLOSE, match.lease, 0, b"")))


# --- workers come and go ----------------------------------------------------------------------------------


def worker_ready(arena: Arena, peer: bytes, ready: Ready) -> None:
    """Takes a worker in, or anew: whoever says READY holds no leases."""
    who = arena.whose_worker(peer)
    if not arena.gate.may_work(who.key):
        arena.workers_to_cut.append(peer)
        raise ProtocolError(Code.NOT_ALLOWED, "this key may not run engines")
    workers_gone(arena, [peer], blame=False)
    worker = Worker(peer, ready.name, ready.slots, (ready.engine, ready.rulesets), progress_s=arena.now_s)
    worker.instance, worker.key = ready.instance, who.key
    acquitted = arena.suspects.pop(ready.instance, None)
    for match in acquitted.matches if acquitted is not None else ():
        if not match.excused:  # once: what cuts a worker off each time is no accident
            match.deaths, match.excused = max(0, match.deaths - 1), True
    arena.workers[peer] = worker
    place(arena)
    _balance(arena, worker)
    arena.fill_rooms()


def _balance(arena: Arena, worker: Worker) -> None:
    """Moves matches to a worker that has just come, until it has its share of them."""
    equals = [w for w in arena.workers.values() if w.kin == worker.kin]
    matches, slots = sum(len(w.leases) for w in equals), sum(w.slots for w in equals)
    share = matches * worker.slots // slots
    donors = sorted(equals, key=lambda w: len(w.leases) / w.slots, reverse=True)
    for donor in donors:
        surplus = len(donor.leases) - -(-matches * donor.slots // slots)
        movable = [match for match in donor.leases.values() if match.tried_by is None]
        for match in movable[-surplus:] if surplus > 0 else []:
            if len(worker.leases) >= share:
                return
            release(arena, match)
            lease(arena, match, worker)


def workers_gone(arena: Arena, peers: Iterable[bytes], *, blame: bool, stuck: bool = False) -> None:
    """Takes workers out; their matches go elsewhere.

    `blame` says that they did not go by their own will: a match with an event that was left undone may be
    why.
    """
    orphans: list[Match] = []
    for peer in peers:
        arena.told_unknown.discard(peer)
        worker = arena.workers.pop(peer, None)
        if worker is None:
            continue
        matches = list(worker.leases.values())
        tried = worker.trial if worker.trial in matches else None
        worker.leases.clear()
        for match in matches:
            match.worker = None
            arena.homeless[match.id] = match
            match.deserted_s = arena.now_s
            if blame and tried in (None, match):
                _suspect(arena, match, worker, stuck)
        _end_trial(worker)
        orphans += matches
    arena.fill_rooms()
    for match in orphans:
        if match.id in arena.homeless:
            _tell_waiting(arena, match)


def _suspect(arena: Arena, match: Match, worker: Worker, stuck: bool) -> None:
    """Counts the death of its worker against a match that was under way; quarantines it after the last.

    A worker that was out of reach may come back and clear it; one that was `stuck` was there all the time.
    """
    if match.replied >= match.blamed:
        match.deaths, match.excused = 0, False  # what it did at the last death, it has survived since
    if match is worker.trial or match.replied < match.sequence:
        match.deaths, match.blamed = match.deaths + 1, match.sequence
        if not stuck:
            suspects = arena.suspects.setdefault(worker.instance, Suspects(arena.now_s))
            suspects.matches.append(match)
    if match.deaths >= DEATHS_MAX:
        text = f"match {match.id} has ended {match.deaths} workers in a row, and is kept from the others"
        arena.abandon(match, Code.ENGINE_FAULT, Cause.FAULT, text)


def _tell_waiting(arena: Arena, match: Match) -> None:
    """Says to whoever waits for an answer that it takes a worker that is not there."""
    for seat in match.seats:
        if seat.request and seat.peer:
            arena.to_agents.append((seat.peer, message(Kind.WAIT, seat.handle, seat.request, WAIT_WORKER)))


def worker_pong(arena: Arena, worker: Worker, number: int, done: int) -> None:
    """A worker has done so many events, and everything that it was sent before ping `number`."""
    if done > worker.done:
        worker.done, worker.progress_s = done, arena.now_s
    repeated = worker.leases.get(worker.checks.pop(number, 0))
    if repeated is not None and repeated.behind:
        diverged(arena, repeated)
    match = worker.trial
    if match is None or not number or number != worker.trial_pong:
        return
    if match.worker is None:
        lease(arena, match, worker)
        _ask_trial_pong(arena, worker)
    else:
        match.deaths, match.excused = 0, False
        _end_trial(worker)
        place(arena)


def unsound(arena: Arena, match: Match) -> None:
    """A worker said about a seat what no engine says."""
    text = "the worker of this match said what no engine says: it cannot go on"
    arena.abandon(match, Code.ENGINE_FAULT, Cause.FAULT, text)
    arena.fill_rooms()


def _look_after_matches(arena: Arena) -> None:
    """Ends what nobody will go on with: no snapshot comes, or no player and no worker."""
    for match in [match for match in arena.matches.values() if len(match.kept) > MAX_KEPT_EVENTS]:
        text = "the match has gone on for too long without a snapshot"
        arena.abandon(match, Code.ENGINE_FAULT, Cause.FAULT, text)
    for match in list(arena.homeless.values()):
        if any(not (seat.leaving or seat.over) for seat in match.seats):
            match.deserted_s = arena.now_s
        elif arena.now_s - match.deserted_s > DESERTED_S:
            text = "all players are gone, and no worker of its engine has come"
            arena.abandon(match, Code.WORKER_LOST, Cause.WORKER, text)


def diverged(arena: Arena, match: Match) -> None:
    """A match that was played again said something else than before, or less."""
    text = "played again on another worker, the match came out otherwise: it cannot go on"
    arena.abandon(match, Code.ENGINE_FAULT, Cause.FAULT, text)
    arena.fill_rooms()


def tick(arena: Arena) -> None:
    """Asks the workers, once a second, how far they are; gives up who gets nowhere."""
    if arena.now_s < arena.next_ping_s:
        return
    slept = arena.now_s - arena.next_ping_s > SLEPT_S
    arena.next_ping_s = arena.now_s + PING_EVERY_S
    for instance, suspects in list(arena.suspects.items()):
        if arena.now_s - suspects.since_s > SUSPICION_S:
            del arena.suspects[instance]
    stuck = [w.peer for w in arena.workers.values() if not slept and _is_stuck(arena, w)]
    if stuck:
        workers_gone(arena, stuck, blame=True, stuck=True)
        # they may be well after all: then they hear that they have to begin anew
        arena.to_workers += [(peer, message(Kind.UNKNOWN, 0, 0, b"")) for peer in stuck]
    _look_after_matches(arena)
    for worker in arena.workers.values():
        if worker.sent <= worker.done or slept:
            worker.progress_s = arena.now_s
        arena.to_workers.append((worker.peer, message(Kind.W_PING, 0, 0, b"")))


def _is_stuck(arena: Arena, worker: Worker) -> bool:
    return worker.sent > worker.done and arena.now_s - worker.progress_s > PROGRESS_LIMIT_S
