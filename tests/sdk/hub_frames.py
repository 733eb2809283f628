"""Frames as a hub sends them, and sessions that have got that far."""

from netsiege.game import AgentRole, GameState
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    Error,
    HeldSeat,
    Kind,
    LostSeat,
    Resumed,
    Welcome,
    pack,
)
from netsiege.protocol.play import Seated, Seen, observation_body
from netsiege.session import Session

TOKEN = b"secret"


def frame(kind, handle=0, request=0, body=b"", version=VERSION):
    return AGENT_HEAD.pack(version, kind, handle, request) + body


def heads(frames):
    """What frames say, as (kind, handle, request)."""
    return [(Kind(kind), handle, request) for _, kind, handle, request in map(AGENT_HEAD.unpack_from, frames)]


def body_of(sent):
    return sent[HEAD_BYTES:]


def hosts(*addresses):
    """A state in full that knows hosts, by their numbers."""
    return GameState().apply([1, list(addresses)]) if addresses else GameState()


def delta(*addresses, reward=-1, end=False):
    """An observation of one more step: the hosts that have come to be known."""
    wire = [1, list(addresses)] if addresses else []
    return observation_body(Seen.END if end else Seen.NONE, reward, [], wire)


def full(*addresses, reward=-1, end=False, info=()):
    flags = Seen.FULL | (Seen.END if end else Seen.NONE)
    return observation_body(flags, reward, list(info), hosts(*addresses).to_wire())


def seated(observation=None, match=1, role="Attacker"):
    told = observation if observation is not None else full(reward=0)
    return Seated(match, role, 0, 5, None, 100, "goal", "hash", "netsecgame", told).encode()


def welcome(request, seats=(), lost=(), token=TOKEN):
    told = Welcome(token, "a hub", tuple(HeldSeat(*s) for s in seats), tuple(LostSeat(*x) for x in lost))
    return frame(Kind.WELCOME, 0, request, told.encode())


def resumed(handle, answered, observation, refusal=None):
    told = Resumed(answered, refusal, seated(observation))
    return frame(Kind.RESUMED, handle, 0, told.encode())


def refusal(code, text="no"):
    return Error(code, text).encode()


def obs_many(request, *records):
    return frame(Kind.OBS_MANY, 0, request, pack([x for record in records for x in record]))


def welcomed_session(*handles):
    """A session after WELCOME, and the seats that it holds under `handles`."""
    session = Session("me")
    number, _ = session.hello()
    session.receive(welcome(number))
    for handle in handles:
        number, _ = session.join("default", AgentRole.Attacker)
        session.receive(frame(Kind.SEATED, handle, number, seated()))
    return session, [session.seats[handle] for handle in handles]


def come_back(session, seats=(), lost=()):
    """Another connection: returns what WELCOME has settled (without itself), and what is to be sent again."""
    number, _ = session.hello()
    _, *settled = session.receive(welcome(number, seats, lost))
    return settled, take_outbox(session)


def take_outbox(session):
    frames, session.outbox[:] = list(session.outbox), []
    return frames
