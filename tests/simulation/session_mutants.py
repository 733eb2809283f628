"""Hubs that fail at sessions, requests and clocks; see `mutants`."""

import attrs

from netsiege.hub import arena, broker, clocks, desk, ledger, resume
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, Kind, Resumed, message
from tests.simulation.mutation import mutant, replaced


@mutant("repeat")
def applies_a_repeat_again():
    """A request that comes twice is a new one."""

    def make(original):
        def seat_request(self, session, handle, kind, request, body):
            seat = session.seats.get(handle)
            if seat is not None and request in (seat.request, seat.answered):
                seat.request = seat.answered = 0
            original(self, session, handle, kind, request, body)

        return seat_request

    with replaced(broker.Broker, "_seat_request", make):
        yield


@mutant("hub_crash")
def forgets_what_was_asked_at_a_restart():
    """After a restart no request has ever come."""

    def make(original):
        def restore(arena_, *arguments, **named):
            original(arena_, *arguments, **named)
            for seat in arena_.seats.values():
                seat.request = seat.answered = 0

        return restore

    with replaced(ledger, "restore", make):
        yield


@mutant("hub_crash")
def restores_nothing_after_the_last_filing():
    """The turns after a match's last chunk are left out."""

    def make(original):
        def restore_match(arena_, told):
            filed = max(told.filed - told.base, 0)
            original(arena_, attrs.evolve(told, events=told.events[:filed]))

        return restore_match

    with replaced(ledger, "_restore_match", make):
        yield


@mutant("cut")
def resumes_with_an_old_observation():
    """A seat that comes back is told what it was told first."""
    first = {}

    def note(original):
        def output(self, match, sequence, index, answer, flags, request, body):
            if answer == Kind.SEATED:
                first[id(self.arena), match.id, index] = body
            return original(self, match, sequence, index, answer, flags, request, body)

        return output

    def make(original):
        def viewed(arena_, match, index, seated):
            before = len(arena_.to_agents)
            original(arena_, match, index, seated)
            for place in range(before, len(arena_.to_agents)):
                peer, frame = arena_.to_agents[place]
                if frame[1] == Kind.RESUMED:
                    told = Resumed.decode(frame[HEAD_BYTES:])
                    old = attrs.evolve(told, seated=first.get((id(arena_), match.id, index), seated))
                    handle = AGENT_HEAD.unpack_from(frame)[2]
                    arena_.to_agents[place] = (peer, message(Kind.RESUMED, handle, 0, old.encode()))

        return viewed

    with replaced(broker.Broker, "_output", note), replaced(resume, "viewed", make):
        yield


@mutant("cut")
def talks_before_a_seat_knows_how_it_stands():
    """A session that comes back is told the news of a seat before the seat's RESUMED."""

    def make(original):
        def come_back(arena_, session, peer):
            held = original(arena_, session, peer)
            for seat in session.seats.values():
                seat.peer = peer
            return held

        return come_back

    with replaced(desk, "come_back", make):
        yield


@mutant("cut")
def forgets_the_grace_period():
    """Who loses its connection loses its seats."""

    def make(original):
        def forfeit(arena_, session):
            away_s, session.away_s = session.away_s, float("-inf")
            original(arena_, session)
            session.away_s = away_s

        return forfeit

    with replaced(resume, "forfeit", make):
        yield


@mutant("agent_quit")
def waits_for_ever():
    """Who has gone for good keeps its seats."""
    with replaced(resume, "forfeit", lambda _original: lambda *_: None):
        yield


@mutant("mute")
def never_times_out():
    """A seat may think for as long as it likes."""
    with replaced(clocks, "tick", lambda _original: lambda _arena: None):
        yield


@mutant()
def remembers_who_has_gone():
    """A session that has said BYE keeps its token."""

    def make(original):
        def end_session(self, session, why):
            original(self, session, why)
            self.tokens[session.token] = session

        return end_session

    with replaced(arena.Arena, "end_session", make):
        yield


@mutant("takeover")
def hears_a_connection_that_was_taken_over():
    """A session that comes back over a new connection is still heard over the old one."""

    def make(original):
        def come_back(arena_, session, peer):
            before = session.peer
            held = original(arena_, session, peer)
            if before:
                arena_.sessions[before] = session
            return held

        return come_back

    with replaced(desk, "come_back", make):
        yield
