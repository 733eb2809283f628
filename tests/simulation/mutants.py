"""Hubs that are broken on purpose, one promise each. A simulation that does not find them out proves nothing.

Here are those that fail at leases, the journal and failover; see also `session_mutants` and `hall_mutants`.
"""

from netsiege.hub import broker, journal, leasing, ledger, loop
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, Kind
from tests.simulation import hall_mutants, session_mutants  # noqa: F401  # their mutants are in MUTANTS by this
from tests.simulation.mutation import MUTANTS, NEEDS, mutant, replaced

__all__ = ["MUTANTS", "NEEDS"]

# --- fencing ----------------------------------------------------------------------------------------------


@mutant("worker_join")
def routes_outputs_of_leases_that_have_moved():
    """Whoever has held a lease may go on talking under it."""

    class Unforgetting(dict):
        ever = {}  # noqa: RUF012  # shared on purpose: that is the mistake

        def __setitem__(self, lease, match):
            self.ever[lease] = match
            super().__setitem__(lease, match)

        def get(self, lease, default=None):
            return self.ever.get(lease, default)

    def make(original):
        def worker(*arguments, **named):
            made = original(*arguments, **named)
            made.leases = Unforgetting()
            return made

        return worker

    with replaced(leasing, "Worker", make):
        yield


@mutant("worker_anew")
def keeps_the_leases_of_a_worker_that_says_ready_anew():
    """READY makes a new worker, and what the old one held is not taken off it."""

    def make(original):
        def gone(arena_, peers, *, blame):
            if blame or not any(peer in arena_.workers for peer in peers):
                original(arena_, peers, blame=blame)

        return gone

    with replaced(leasing, "workers_gone", make):
        yield


# --- output commit ----------------------------------------------------------------------------------------


@mutant()
def commits_only_now_and_then():
    """Agents hear before the journal does."""

    def make(original):
        late = {}

        def commit(self):
            events = late.pop(id(self), []) + self._arena.turn
            if self._arena.records or len(events) > 9:
                self._arena.turn[:] = events
                original(self)
            else:
                late[id(self)] = events
                self._arena.turn.clear()

        return commit

    with replaced(loop.HubLoop, "_commit", make):
        yield


@mutant("hub_crash")
def writes_a_commit_with_the_next_one():
    """The journal says that it has kept a turn, and keeps it in memory."""

    def make(original):
        late = {}

        def commit(self, turn, events, records, oldest):
            if id(self) in late:
                original(self, *late.pop(id(self)))
            if records or oldest:
                original(self, turn, events, records, oldest)
            else:
                late[id(self)] = (turn, list(events), [], 0)

        return commit

    with replaced(journal.SqliteJournal, "commit", make):
        yield


@mutant("hub_crash")
def forgets_turns_that_matches_need():
    """Every turn may go once it is old."""

    def make(_original):
        return lambda arena_: arena_.turns

    with replaced(ledger, "oldest_turn", make):
        yield


# --- failover ---------------------------------------------------------------------------------------------


def _with_lease(before, after):
    def make(original):
        def lease(arena_, match, worker):
            undo = before(match)
            original(arena_, match, worker)
            after(match, undo)

        return lease

    return replaced(leasing, "lease", make)


@mutant("worker_crash")
def does_not_suppress_what_was_told():
    """A match that is played again tells everything again."""

    def after(match, _undo):
        match.behind = 0

    with _with_lease(lambda match: None, after):
        yield


@mutant("worker_crash")
def forgets_the_last_event_at_failover():
    """A worker gets all events but the last."""

    def before(match):
        kept = match.kept
        match.kept = kept[:-1]
        return kept

    def after(match, kept):
        match.kept = kept

    with _with_lease(before, after):
        yield


@mutant("worker_crash")
def trims_an_event_too_many_at_a_snapshot():
    """A snapshot takes the first event after it along."""

    def make(original):
        def snapshot(self, match, sequence, body):
            base = match.base
            original(self, match, sequence, body)
            if match.base != base:
                del match.kept[:1]

        return snapshot

    with replaced(broker.Broker, "_snapshot", make):
        yield


@mutant("liar")
def does_not_compare():
    """What a match that is played again says is dropped unseen."""

    def make(_original):
        def repeated(_self, match, *_output):
            match.behind -= 1

        return repeated

    with replaced(broker.Broker, "_repeated", make):
        yield


@mutant("worker_crash")
def drops_what_is_asked_while_there_is_no_worker():
    """A STEP for a match without a worker is lost."""

    def make(original):
        def from_agent(self, peer, frame, now_s):
            if len(frame) >= HEAD_BYTES and frame[1] == Kind.STEP:
                seat = self.arena.seats.get(AGENT_HEAD.unpack_from(frame)[2])
                if seat is not None and seat.match.worker is None:
                    return None
            return original(self, peer, frame, now_s)

        return from_agent

    with replaced(broker.Broker, "from_agent", make):
        yield


@mutant("poison")
def blames_nobody():
    """A match may kill as many workers as it likes."""
    with replaced(leasing, "_suspect", lambda _original: lambda *_: None):
        yield


@mutant("worker_join")
def balances_without_closing():
    """A match that moves to a new worker stays with the old one as well."""

    def make(original):
        def release(arena_, match):
            sent = len(arena_.to_workers)
            original(arena_, match)
            if match.id in arena_.matches:
                del arena_.to_workers[sent:]

        return release

    with replaced(leasing, "release", make):
        yield
