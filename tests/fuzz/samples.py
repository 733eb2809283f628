"""What real matches say: frames and bodies for inputs to begin with, made anew in every process."""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs
from attrs import Factory, define

from netsiege.engine.game import Game
from netsiege.engine.host import GameHost
from netsiege.engine.streams import Stream
from netsiege.engine.tables import Tables, compile_spec
from netsiege.game import GameState, generate_valid_actions
from netsiege.protocol import (
    EVENT_HEAD,
    VERSION,
    WORKER_HEAD,
    Kind,
    Message,
    Open,
    Reset,
    Spec,
    pack,
)
from netsiege.protocol.play import Seated, action_body, read_observation
from netsiege.scenarios.model import REALTIME, ROUNDS
from netsiege.scenarios.model import Spec as WholeSpec
from tests.engine.tiny import TOPOLOGY, WINNING, block, make_seats, make_task
from tests.protocol.test_messages import EXAMPLES

ROLES: Final = ("Attacker", "Defender", "Benign")
MAX_STEPS: Final = 9
LEASE: Final = 77
DIGEST: Final = b"digest"


@cache
def spec_bytes(
    pacing: str = REALTIME, *, max_steps: int | None = MAX_STEPS, save_trajectories: bool = False
) -> bytes:
    """The smallest spec that has everything, with short episodes."""
    task = make_task(
        pacing=pacing,
        save_trajectories=save_trajectories,
        use_global_defender=pacing == ROUNDS,
        use_dynamic_addresses=True,
    )
    roles = tuple(attrs.evolve(role, max_steps=max_steps) for role in task.roles)
    return WholeSpec(TOPOLOGY, attrs.evolve(task, roles=roles)).to_bytes()


@cache
def tables(spec: bytes) -> Tables:
    """A spec compiled once for all inputs: it does not change."""
    return compile_spec(spec)


@define
class Run:
    """What was said while a match was played, in order; `bodies` by the kind of the agent's message."""

    to_host: list[bytes] = Factory(list)
    from_host: list[bytes] = Factory(list)
    bodies: dict[int, list[bytes]] = Factory(dict)
    told: list[tuple[int, int, int, bytes]] = Factory(list)
    """Seat, kind, request and body of each output."""


def frame(kind: int, lease: int = 0, number: int = 0, body: bytes = b"") -> bytes:
    """A frame between the hub and a worker."""
    return WORKER_HEAD.pack(VERSION, kind, lease, number) + body


@cache
def run(pacing: str = REALTIME, seed: int = 1, events: int = 70) -> Run:
    """A match of three seats, one of them without deltas, that plays valid moves and resets."""
    kept = Run()
    host, spec = GameHost(), spec_bytes(pacing, save_trajectories=True)
    seats = (*make_seats("Attacker", "Defender"), *make_seats("Benign", deltas=False))
    opening = Open(1, DIGEST, seed, None, seats).encode()
    kept.to_host += [frame(Kind.SPEC, body=Spec(DIGEST, spec).encode()), frame(Kind.OPEN, LEASE, 0, opening)]
    kept.from_host += [answer for each in kept.to_host for answer in host.receive(each)]
    game = Game(tables(spec), 1, seed, seats, None)
    draws, states, ended, free = Stream(seed, "moves"), dict[int, GameState](), set[int](), {0, 1, 2}
    _hear(kept, game.open(), states, ended, free)
    for number in range(1, events + 1):
        seat = sorted(free)[draws.below(len(free))]
        kind, body = Kind.STEP, b""
        if seat in ended:
            kind, body = Kind.RESET, Reset(True, True, seed).encode()
        else:
            valid = generate_valid_actions(states[seat], include_blocks=True)
            body = action_body(valid[draws.below(len(valid))] if valid else None)
        kept.bodies.setdefault(kind, []).append(body)
        event = EVENT_HEAD.pack(seat, kind, number) + body
        kept.to_host.append(frame(Kind.EVENT, LEASE, number, event))
        kept.from_host += host.receive(kept.to_host[-1])
        free.discard(seat)
        _hear(kept, game.handle(seat, int(kind), number, body), states, ended, free)
    kept.bodies[int(Kind.SNAPSHOT)] = [game.snapshot()]
    return kept


def _hear(
    kept: Run,
    outputs: list[tuple[int, int, int, int, bytes]],
    states: dict[int, GameState],
    ended: set[int],
    free: set[int],
) -> None:
    for seat, kind, _, request, body in outputs:
        kept.bodies.setdefault(int(kind), []).append(body)
        kept.told.append((seat, kind, request, body))
        if kind == Kind.ERROR:
            free.add(seat)
        if kind not in (Kind.OBS, Kind.SEATED):
            continue
        seen = Seated.decode(body).observation if kind == Kind.SEATED else body
        observation, _ = read_observation(seen, states.get(seat))
        states[seat] = observation.state
        (ended.add if observation.end else ended.discard)(seat)
        free.add(seat)


@cache
def bodies(kind: int) -> tuple[bytes, ...]:
    """Bodies of a kind from real matches, in either pacing."""
    said = [body for pacing in (REALTIME, ROUNDS) for body in run(pacing).bodies.get(kind, [])]
    return tuple(dict.fromkeys(said))


@cache
def actions() -> tuple[bytes, ...]:
    """Bodies of STEPs: those that win, those of real matches, a block and a pass."""
    winning = [action_body(action) for action in WINNING]
    cut = action_body(block("192.168.1.2", "192.168.1.2", "10.9.8.7"))
    return (*winning, *bodies(Kind.STEP), cut, pack(None))


@cache
def examples() -> dict[type[Message], bytes]:
    """A body of each class of messages that has one of its own."""
    return {type(each): each.encode() for each in EXAMPLES}
