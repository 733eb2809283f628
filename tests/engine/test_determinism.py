"""The same match in other processes, with other hash seeds, must come out the same to the byte."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from netsiege.engine.detector import Detector
from netsiege.engine.tables import compile_spec
from netsiege.game import generate_valid_actions
from netsiege.protocol import Kind
from netsiege.protocol.play import PASS, action_body
from netsiege.scenarios import load_spec
from tests.engine.tiny import OUTSIDE, Table, find_data, make_seats, make_tables

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from tests.engine.test_determinism import play_out
print(play_out())
"""


def play_out() -> str:
    """A digest of everything that some matches say and are."""
    digest = hashlib.sha256()
    for pacing in ("realtime", "rounds"):
        tables = make_tables(pacing=pacing, use_global_defender=True, use_firewall=False)
        for seed in range(3):
            table = Table(tables, make_seats("Attacker", "Defender", "Benign"), None, seed)
            rng = random.Random(seed)
            for number in range(1, 150):
                seat = number % 3
                valid = generate_valid_actions(table.states[seat], include_blocks=True)
                body = action_body(valid.choice(rng))
                outputs = table.game.handle(seat, Kind.STEP if number % 40 else Kind.LEAVE, number, body)
                table.read(outputs)
                digest.update(repr(outputs).encode())
            digest.update(table.game.snapshot())
    return digest.hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "1", "77777"])
def test_match_in_another_process_comes_out_the_same_to_the_byte(hash_seed):
    program = PROGRAM.format(folder=str(Path(__file__).parents[2]))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == play_out()


def test_more_draws_in_one_stream_shift_no_other(monkeypatch):
    """A detector that rolls its dice once more at every step: starts, goals and everything else stay."""

    def first_states():
        spec = load_spec(scenario="two_networks", use_global_defender=True)
        table = Table(compile_spec(spec.to_bytes()), make_seats("Attacker", "Defender", "Benign"), None, 11)
        seen = [dict(table.states)]
        for episode in range(1, 6):
            for seat in range(3):
                for number in range(6):
                    table.read(table.game.handle(seat, Kind.STEP, 100 * episode + number + 1, PASS))
                    table.step(seat, find_data(OUTSIDE, OUTSIDE))
            for seat in range(3):
                table.reset(seat)
            seen.append(dict(table.states))
        return seen, table.game.snapshot()

    monkeypatch.setattr(Detector, "detects", lambda self, code: bool(self._stream.uniform() > 2))
    usual, usual_snapshot = first_states()
    monkeypatch.setattr(
        Detector, "detects", lambda self, code: bool(self._stream.uniform() + self._stream.uniform() > 9)
    )
    more, more_snapshot = first_states()
    assert more == usual
    assert len({str(states) for states in usual}) > 1
    assert more_snapshot == usual_snapshot
