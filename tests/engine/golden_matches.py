"""Matches that are the same for ever: what they say is pinned, scenario by scenario, as digests.

`python -m tests.engine.golden_matches` prints the constants of `test_golden_digests.py`. Runs under every
supported interpreter and needs nothing but the core dependencies. All draws come from our own streams, so
no version of Python can shift them.
"""

import hashlib
import json
import struct
import sys

import attrs

from netsiege.engine.game import Game
from netsiege.engine.streams import Stream
from netsiege.engine.tables import compile_spec
from netsiege.game import generate_valid_actions
from netsiege.protocol import HUB_SEAT, Kind, Reset, SeatSpec
from netsiege.protocol.play import PASS, Seated, action_body, read_observation
from netsiege.scenarios import load_spec, scenario_names
from netsiege.scenarios.model import PACINGS, REALTIME

EVENTS = 400
SEEDS = (1, 2)
_HEAD = struct.Struct(">HBBII")


def all_digests():
    """Digest by bundled scenario, aliases included."""
    return {name: digest_of(name) for name in scenario_names()}


def digest_of(name):
    """A SHA-256 over all outputs of the scenario's matches: both pacings, all seats, full and delta."""
    digest = hashlib.sha256()
    for pacing in PACINGS:
        free = pacing != REALTIME
        spec = load_spec(
            None,
            name,
            pacing=pacing,
            use_global_defender=free,
            use_firewall=not free,
            use_dynamic_addresses=free,
        )
        # a short limit: episodes must end for their ends to be pinned
        roles = tuple(attrs.evolve(role, max_steps=role.max_steps and 25) for role in spec.task.roles)
        spec = attrs.evolve(spec, task=attrs.evolve(spec.task, roles=roles))
        for seed in SEEDS:
            _play(compile_spec(spec.to_bytes()), seed, digest)
    return digest.hexdigest()


def _play(tables, seed, digest):
    roles = [*tables.roles, next(iter(tables.roles))]
    seats = [
        SeatSpec(role, roles[:i].count(role), f"{role}-{i}", i + 1 < len(roles))
        for i, role in enumerate(roles)
    ]
    game = Game(tables, 5, seed, seats, None)
    draws = Stream(seed, "golden")
    states, ended = {}, set()

    def hear(outputs):
        for seat, kind, flags, request, body in outputs:
            digest.update(_HEAD.pack(seat, kind, flags, request, len(body)) + body)
            if seat == HUB_SEAT:
                continue
            if kind == Kind.SEATED:
                states[seat] = read_observation(Seated.decode(body).observation, None)[0].state
            elif kind == Kind.OBS:
                observation, _ = read_observation(body, states[seat])
                states[seat] = observation.state
                (ended.add if observation.end else ended.discard)(seat)

    hear(game.open())
    for number in range(1, EVENTS + 1):
        seat = (number - 1) % len(seats)
        kind, body = _event(states[seat], seat in ended, tables.is_dynamic, draws)
        hear(game.handle(seat, kind, 0 if kind == Kind.TIMEOUT else number, body))
    hear(game.handle(0, Kind.LEAVE, EVENTS + 1, b""))


def _event(state, ended, is_dynamic, draws):
    luck = draws.below(60)
    if ended or luck == 0:
        again = draws.below(8)
        reset = Reset(again % 2 == 0, is_dynamic, again if again > 5 else None)
        return Kind.RESET, reset.encode()
    if luck == 1:
        return Kind.TIMEOUT, b""
    if luck == 2:
        return Kind.STEP, PASS
    if luck == 3:
        return Kind.STEP, b"\x91\x07"
    valid = generate_valid_actions(state, include_blocks=luck < 20)
    return Kind.STEP, action_body(valid[draws.below(len(valid))] if valid else None)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(all_digests(), indent=4) + "\n")
