"""Programs that are broken on purpose: targets that do not find them out prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgpack
import pytest

from netsiege import session
from netsiege.engine.game import Game
from netsiege.engine.host import GameHost
from netsiege.errors import ProtocolError
from netsiege.hub import arena, broker, door, leasing, ledger, pending, records, resume, seating
from netsiege.hub.broker import Broker
from netsiege.hub.records import Seat
from netsiege.protocol import Code, Kind, play
from tests.fuzz import catalogue, plain

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]
TRIED: Final = 3_000
"""Inputs that each target has, seeds included; most need a few dozen."""


def nothing(*_arguments: Any) -> None:
    """Takes the place of what is left out."""


# --- the broker, from agents ------------------------------------------------------------------------------


def moves_any_seat_for_anyone(patch: Patch) -> None:
    def seat_of(self: Broker, _session: Any, handle: int) -> Seat:
        seat = self.arena.seats.get(handle)
        if seat is None:
            raise ProtocolError(Code.UNKNOWN_SEAT, "no such seat")
        return seat

    patch.setattr(Broker, "_seat_of", seat_of)


def tells_who_asked_about_any_seat(patch: Patch) -> None:
    def ask_view(arena_: Any, seat: Seat) -> None:
        others = [other for other in arena_.sessions if seat.session and other != seat.session.peer]
        for peer in others[:1]:
            arena_.tell(seat, peer, Kind.WAIT, 0, b"")

    patch.setattr(resume, "ask_view", ask_view)


def lets_two_connections_speak_for_a_session(patch: Patch) -> None:
    def detach(_arena: Any, _session: Any) -> None:
        return

    patch.setattr(arena.Arena, "detach", detach)


def never_lets_in_again_who_was_shown_out(patch: Patch) -> None:
    patch.setattr(door, "REMEMBER_S", 1e9)


def keeps_the_joins_of_who_has_gone(patch: Patch) -> None:
    patch.setattr(seating, "withdraw", nothing)


def weighs_what_it_refuses(patch: Patch) -> None:
    def weigh(moves: list[tuple[Seat, int]]) -> None:
        for seat, n_bytes in moves:
            if n_bytes > pending.SMALL_EVENT_BYTES:
                if seat.match.heavy + n_bytes > pending.MAX_HEAVY_BYTES:
                    raise ProtocolError(Code.OVERLOADED, "too many large requests")
                seat.match.heavy += n_bytes

    patch.setattr(pending, "weigh", weigh)


def lets_a_key_that_was_revoked_play_on(patch: Patch) -> None:
    patch.setattr(door, "_review", nothing)


# --- the broker, from workers -----------------------------------------------------------------------------


def passes_on_whatever_a_worker_says(patch: Patch) -> None:
    patch.setattr(broker, "is_sound", lambda *_: True)


def believes_in_leases_that_have_moved(patch: Patch) -> None:
    ever: dict[int, Any] = {}

    class Unforgetting(dict[int, Any]):
        def __setitem__(self, lease: int, match: Any) -> None:
            ever[lease] = match
            super().__setitem__(lease, match)

        def get(self, lease: int, default: Any = None) -> Any:
            return ever.get(lease, default)

    made = records.Worker

    def worker(*arguments: Any, **named: Any) -> Any:
        new = made(*arguments, **named)
        new.leases = Unforgetting()
        return new

    patch.setattr(leasing, "Worker", worker)


def keeps_matches_that_nobody_will_go_on_with(patch: Patch) -> None:
    patch.setattr(leasing, "_look_after_matches", nothing)


# --- the others -------------------------------------------------------------------------------------------


def lets_a_match_break_the_worker(patch: Patch) -> None:
    def fault(_self: GameHost, _lease: int, _sequence: int, error: Exception) -> bytes:
        raise error

    patch.setattr(GameHost, "_fault", fault)


def breaks_a_match_on_a_step_that_comes_too_early(patch: Patch) -> None:
    def meanwhile(*_arguments: Any) -> Any:
        raise ValueError("not now")

    patch.setattr(Game, "_step_meanwhile", meanwhile)


def takes_any_seat_that_it_is_given(patch: Patch) -> None:
    def seated(self: Any, _kind: int, handle: int, request: int, body: bytes) -> Any:
        told = play.Seated.decode(body)
        first, _ = play.read_observation(told.observation, None)
        return [self._take_seat(handle, request, told, first)]

    patch.setitem(session._TAKE, Kind.SEATED, seated)


def lets_msgpack_speak_for_itself(patch: Patch) -> None:
    patch.setattr(play, "unpack", msgpack.unpackb)


def starts_on_a_journal_without_looking(patch: Patch) -> None:
    patch.setattr(ledger, "JournalError", TypeError)


MUTANTS: Final[tuple[tuple[str, Mutant], ...]] = (
    ("broker", moves_any_seat_for_anyone),
    ("broker", tells_who_asked_about_any_seat),
    ("broker", lets_two_connections_speak_for_a_session),
    ("broker", never_lets_in_again_who_was_shown_out),
    ("broker", keeps_the_joins_of_who_has_gone),
    ("broker", weighs_what_it_refuses),
    ("broker", lets_a_key_that_was_revoked_play_on),
    ("workers", passes_on_whatever_a_worker_says),
    ("workers", believes_in_leases_that_have_moved),
    ("workers", keeps_matches_that_nobody_will_go_on_with),
    ("host", lets_a_match_break_the_worker),
    ("host", breaks_a_match_on_a_step_that_comes_too_early),
    ("session", takes_any_seat_that_it_is_given),
    ("protocol", lets_msgpack_speak_for_itself),
    ("journal", starts_on_a_journal_without_looking),
)


@pytest.mark.parametrize(("target", "mutant"), MUTANTS, ids=[mutant.__name__ for _, mutant in MUTANTS])
def test_program_that_is_broken_on_purpose_is_found_out(
    target: str, mutant: Mutant, monkeypatch: Patch
) -> None:
    """The real one lets nothing out of the same input: else that would prove nothing."""
    with monkeypatch.context() as patch:
        mutant(patch)
        outcome = plain.run(target, TRIED, None, seed=0)
    assert outcome.failure is not None, f"{mutant.__name__} was not found out by {outcome.inputs} inputs"
    again = plain.Outcome(target)
    plain.take(catalogue.load(target).one_input, outcome.failure.data, again)
    assert again.failure is None, again.failure
