"""The attack that the benchmark plays is one: every move of it is allowed, and teaches something."""

from netsiege.engine.game import Game
from netsiege.engine.tables import compile_spec
from netsiege.game import IP
from netsiege.hub.bench_gateway import task_text
from netsiege.hub.bench_gateway_load import MOVES, SERVERS, STEPS
from netsiege.hub.gateway.requests import Step, read_request
from netsiege.protocol import Kind, SeatSpec
from netsiege.protocol.play import Seated, read_observation
from netsiege.scenarios import load_spec


def test_every_move_of_the_benchmark_teaches_something_the_first_time(tmp_path):
    path = tmp_path / "task.yaml"
    path.write_text(task_text(1))
    tables = compile_spec(load_spec(str(path)).to_bytes())
    game = Game(tables, 1, 1, [SeatSpec("Attacker", 0, "a", True)], None)
    [(_, _, _, _, body)] = game.open()
    state = read_observation(Seated.decode(body).observation, None)[0].state
    for number in range(STEPS - 1):
        step = read_request(MOVES[number % len(MOVES)])
        assert type(step) is Step
        [(_, kind, _, _, body)] = game.handle(0, Kind.STEP, number + 1, step.body)
        assert kind == Kind.OBS
        seen, _ = read_observation(body, state)
        assert seen.state != state or number >= len(MOVES)
        assert not seen.end
        state = seen.state
    assert {IP(host) for host in SERVERS} < state.controlled_hosts
