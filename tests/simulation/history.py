"""What has happened in a run, kept as it came and put into words only when somebody reads it."""

from netsiege.protocol import AGENT_HEAD, EVENT_HEAD, HEAD_BYTES, OUT_HEAD, Kind


class History:
    """Notes of (time, node, what, peer, frame)."""

    def __init__(self, clock, listen=None):
        self._clock, self._listen = clock, listen
        self._notes = []

    def note(self, node, what, peer=b"", frame=b""):
        note = (self._clock.now_s, node, what, peer, frame)
        self._notes.append(note)
        if self._listen is not None:
            self._listen(_say(note))

    def last(self, count, about=()):
        """The last notes in words; `about`: only those whose frames name one of these leases or handles."""
        notes = self._notes
        if about:
            notes = [n for n in notes if not n[4] or (len(n[4]) >= HEAD_BYTES and _about(n[4]) & about)]
        return [_say(note) for note in notes[-count:]]


def _about(frame):
    return {AGENT_HEAD.unpack_from(frame)[2]}


def _say(note):
    now_s, node, what, peer, frame = note
    return f"{now_s:9.4f}  {node:12} {what:20} {peer.hex():12} {say_frame(frame)}"


def say_frame(frame):
    """One frame in a few words."""
    if len(frame) < HEAD_BYTES:
        return f"{len(frame)} bytes" if frame else ""
    _, kind, about, number = AGENT_HEAD.unpack_from(frame)
    name = _name(kind)
    rest = frame[HEAD_BYTES:]
    more = ""
    if kind == Kind.EVENT and len(rest) >= EVENT_HEAD.size:
        seat, inner, request = EVENT_HEAD.unpack_from(rest)
        more = f"seat {seat} {_name(inner)} request {request}"
    elif kind == Kind.OUT and len(rest) >= OUT_HEAD.size:
        seat, inner, flags, request = OUT_HEAD.unpack_from(rest)
        more = f"seat {seat} {_name(inner)} flags {flags} request {request}"
    elif kind in (Kind.ERROR, Kind.END, Kind.WAIT, Kind.FAULT):
        more = repr(rest[:60])
    return f"{name:9} {about & 0xFFFFFFFF:08x} #{number} {more}"


def _name(kind):
    return Kind(kind).name if kind in _KINDS else f"kind {kind}"


_KINDS = frozenset(Kind)
