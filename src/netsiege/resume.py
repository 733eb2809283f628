"""How a session goes on over a new connection: what it held, what it missed, what it must say again. Pure.

Each function brings a `Book` up to date with one message of the hub, and returns what that has settled. What
is to be sent again is in the book's outbox afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from netsiege.book import Book, Open, Seat, Settled, ending, ends_seat, error_of, last_words
from netsiege.errors import HubUnreachable, ProtocolError, SiegeError
from netsiege.game import Observation
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    Cause,
    Code,
    End,
    Error,
    HeldSeat,
    Hello,
    Kind,
    LostSeat,
    Resumed,
    Welcome,
    pack,
    unpack,
)
from netsiege.protocol.play import Seated, read_observation

_FORGOTTEN: Final = (
    "the hub does not know this session any more: it was restarted without its journal, or the connection "
    "was down for longer than the grace period"
)
_NOT_NAMED: Final = (
    "the hub does not know this seat any more, and cannot say how it ended: its match may have been cut short"
)
_NOT_TAKEN: Final = (
    "the hub has not taken what an earlier process of this session asked last: ask for it once more"
)


def take_up(book: Book, told: Welcome) -> list[Settled]:
    """WELCOME to a session that had a connection before, here or in another process."""
    held = {each.handle: each for each in told.seats}
    heard = _numbers(told.seats) | {each.request for each in told.lost}
    book._last_request = max(book._last_request, *heard, 0)
    book.awaited, book.held_seats = dict(held), tuple(held)
    settled = []
    for lost in told.lost:
        settled += _lost(book, lost)
    for seat in [seat for seat in book.seats.values() if seat.handle not in held]:
        asked = book._open.get(seat.request)
        left = asked is not None and asked.kind == Kind.LEAVE
        # whether the match was over nobody can say: it must not look as if it had come to its end
        over = End(Cause.LEFT) if left else HubUnreachable(_NOT_NAMED)
        settled.append(book._end_seat(seat, 0, over))
    return settled + _say_again(book, held)


def _lost(book: Book, lost: LostSeat) -> list[Settled]:
    """A seat's last words. The hub repeats them, also if they were heard before."""
    answer = last_words(lost.kind, lost.body)
    seat = book.seats.get(lost.handle)
    if seat is not None:
        return [book._end_seat(seat, lost.request, answer)]
    asked = book._open.get(lost.request)
    if asked is not None and asked.kind == Kind.JOIN:
        del book._open[lost.request]
        return [Settled(lost.request, None, answer if asked.withdrawn else ending(answer))]
    if asked is not None and lost.handle in asked.seats:
        return [book._end_seat(asked.seats[lost.handle], lost.request, answer)]
    if not book._known:
        book.missed.append(ending(answer))
    return []


def _say_again(book: Book, held: dict[int, HeldSeat]) -> list[Settled]:
    """Puts into the outbox what the hub has not taken in, in the order in which it was asked."""
    granted = _numbers(each for handle, each in held.items() if handle not in book.seats)
    settled = []
    for number, asked in list(book._open.items()):
        if number not in book._open:
            continue
        if asked.kind == Kind.JOIN and asked.withdrawn and number not in granted:
            # the hub took it back itself when the connection went
            del book._open[number]
            settled.append(Settled(number, None, End(Cause.LEFT)))
        elif asked.withdraws and asked.withdraws not in book._open:
            del book._open[number]
            settled.append(Settled(number, None, End(Cause.LEFT)))
        elif asked.seats:
            settled += _say_again_of_seats(book, held, number, asked)
        elif asked.kind != Kind.HELLO and number not in granted:
            book.outbox.append(asked.frame)
    book.outbox += book._watches.values()
    return settled


def _say_again_of_seats(book: Book, held: dict[int, HeldSeat], number: int, asked: Open) -> list[Settled]:
    settled = []
    for seat in list(asked.seats.values()):
        if seat.ended is not None:
            settled.append(book._end_seat(seat, number, seat.ended))
    if number not in book._open or number in _numbers(
        held[handle] for handle in asked.seats if handle in held
    ):
        return settled
    if asked.frame:
        book.outbox.append(_without_the_ended(asked, number))
        return settled
    refused = ProtocolError(Code.BAD_REQUEST, _NOT_TAKEN)
    for seat in list(asked.seats.values()):
        book._close(number, seat)
        settled.append(Settled(number, seat, refused))
    return settled


def _without_the_ended(asked: Open, number: int) -> bytes:
    """The frame of a request, without those seats of a STEP_MANY for which it would be refused."""
    if asked.kind != Kind.STEP_MANY:
        return asked.frame
    flat = unpack(asked.frame[HEAD_BYTES:])
    if len(flat) == 2 * len(asked.seats):
        return asked.frame
    left = [x for i in range(0, len(flat), 2) if flat[i] in asked.seats for x in flat[i : i + 2]]
    return AGENT_HEAD.pack(VERSION, asked.kind, 0, number) + pack(left)


def _numbers(seats: Iterable[HeldSeat]) -> set[int]:
    """The requests that the hub has taken in, answered or not."""
    return {number for each in seats for number in (each.answered, each.pending)} - {0}


def resumed(book: Book, handle: int, body: bytes) -> list[Settled]:
    """RESUMED: how a seat stands, after WELCOME or when it was asked once more what it has answered.

    One about a seat that is new to this process, and that WELCOME has not named, is passed over.
    """
    held, seat = book.awaited.get(handle), book.seats.get(handle)
    if held is None and seat is None:
        return []
    told = Resumed.decode(body)
    seated = Seated.decode(told.seated)
    observation, _ = read_observation(seated.observation, None)
    book.awaited.pop(handle, None)
    if seat is None:
        assert held is not None
        return [_found(book, held, told, seated, observation)]
    news = _update(seat, observation)
    number = seat.request
    if not number or number != told.answered:
        return [Settled(0, seat, seat.observation)] if news else []
    if told.refusal is None:
        book._close(number, seat)
        return [Settled(number, seat, seat.observation)]
    refused = error_of(Error.decode(told.refusal))
    if ends_seat(refused):
        return [book._end_seat(seat, number, refused)]
    book._close(number, seat)
    return [Settled(number, seat, refused)]


def _update(seat: Seat, told: Observation) -> bool:
    """Takes a seat's last observation in full; whether it is another one than before."""
    before = seat.observation
    same = (before.reward, before.end, before.state) == (told.reward, told.end, told.state)
    if same and not told.info:
        # the info about a new seat is told only once; states are equal whose data differ in their content
        told = Observation(told.state, told.reward, told.end, before.info)
    seat.hear(told)
    return not same or told.info != before.info


def _found(book: Book, held: HeldSeat, told: Resumed, seated: Seated, observation: Observation) -> Settled:
    """A seat that is new to this process: its JOIN was granted meanwhile, or another process made it."""
    join = _granted(book, held, told.answered)
    settled = book._take_seat(held.handle, join, seated, observation)
    seat = settled.seat
    assert seat is not None
    if not join and held.pending and held.pending != told.answered:
        # the seats of a STEP_MANY share one request
        asked = book._open.setdefault(held.pending, Open(Kind.STEP, b"", {}))
        asked.seats[held.handle] = seat
        seat.request = held.pending
    return settled


def _granted(book: Book, held: HeldSeat, answered: int = 0) -> int:
    """The open JOIN that a held seat answers; 0 if there is none."""
    for number in (answered, held.answered, held.pending):
        asked = book._open.get(number)
        if asked is not None and asked.kind == Kind.JOIN:
            return number
    return 0


def ended_unseen(book: Book, handle: int, request: int, answer: End | SiegeError) -> list[Settled]:
    """An END or ERROR about a held seat before its RESUMED, if it is new to this process."""
    held = book.awaited.pop(handle)
    join = _granted(book, held, request)
    asked = book._open.pop(join, None)
    if asked is None:
        book.missed.append(ending(answer))
        return []
    return [Settled(join, None, answer if asked.withdrawn else ending(answer))]


def forgotten(book: Book, hello: int) -> list[Settled]:
    """UNKNOWN_SESSION: the seats are gone; what concerns none of them goes on in a session begun anew."""
    book.token = None
    error = HubUnreachable(_FORGOTTEN)
    settled = [book._end_seat(seat, 0, error) for seat in list(book.seats.values())]
    said = Hello(book.name, book.role, None, book.deltas, "netsiege-python")
    asked = book._open[hello]
    asked.frame = AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, hello) + said.encode()
    book.outbox.append(asked.frame)
    return settled


def taken_over(book: Book, error: SiegeError) -> list[Settled]:
    """SESSION_TAKEN: another connection goes on with the session, and with its seats. This one must not."""
    settled = [book._end_seat(seat, 0, error) for seat in list(book.seats.values())]
    book.awaited.clear()
    return [*settled, Settled(0, None, error)]
