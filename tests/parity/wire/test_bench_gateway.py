"""The benchmark of the gateway runs and says what it promises. How fast anything is, no test asserts."""

import sys

import pytest

from netsiege.errors import ConfigError
from netsiege.hub import bench_gateway
from netsiege.hub.bench_gateway import Measured, rows_of

FIELDS = {"name", "value", "unit", "spread", "baseline", "ratio"}


def check(figures, *names):
    by_name = {figure["name"]: figure for figure in figures}
    ours = {name for name in names if name.startswith("gateway.")}
    wire = {name for name in names if name.startswith("wire.")}
    expected = {f"{name}{part}" for name in names for part in ("", ".p50")} | {"gateway.yardstick"}
    expected |= {f"{name}.p99" for name in set(names) - wire}
    assert set(by_name) - {f"{name}.cpu" for name in ours} == expected
    assert all(set(figure) - {"note"} == FIELDS for figure in figures)
    assert all(figure["value"] > 0 for figure in figures)
    return by_name


def test_gateway_is_measured_without_the_original():
    heard = []
    figures = bench_gateway.run(clients=(1, 2), rounds=2, seconds=0.1, progress=heard.append)
    assert heard == ["round 1 of 2", "round 2 of 2"]
    found = check(figures, "gateway.c1", "gateway.c2", "wire.c1", "wire.c2", "wire.batch64")
    assert found["gateway.c2.p50"]["baseline"] == "wire.c2.p50"
    assert found["wire.c2"]["baseline"] is None


@pytest.mark.soak
def test_gateway_is_measured_beside_the_original(python):
    figures = bench_gateway.run(original=python, clients=(1, 2), rounds=1, seconds=0.2)
    raw = ("original.c1", "gateway.c1", "original.c2", "gateway.c2", "shared.c2")
    agents = [f"agent.{name}" for name in raw[:4]]
    found = check(figures, *raw, *agents, "wire.c1", "wire.c2", "wire.batch64")
    assert found["wire.c1"]["baseline"] == "original.c1"
    assert found["wire.c2"]["baseline"] == found["wire.batch64"]["baseline"] == "shared.c2"
    for name in ("wire.c2", "wire.batch64", "gateway.c2", "gateway.c2.p99", "agent.gateway.c1", "shared.c2"):
        assert found[name]["ratio"] > 0


def test_ratios_are_of_the_same_rounds():
    rounds = {"original.c4": [(100.0, 8.0), (50.0, 6.0)], "gateway.c4": [(200.0, 4.0), (150.0, 2.0)]}
    measured = {name: [Measured(rate, p50, 9.0) for rate, p50 in each] for name, each in rounds.items()}
    rows = {row.name: row for row in rows_of(measured)}
    assert rows["gateway.c4"].figure(rows)["ratio"] == pytest.approx(2.5)
    assert rows["gateway.c4.p50"].figure(rows)["ratio"] == pytest.approx(2.5)
    assert rows["original.c4"].baseline is None


def test_python_without_netsecgame_is_said_so():
    with pytest.raises(ConfigError, match="cannot import NetSecGame's server"):
        bench_gateway.run(original=sys.executable, clients=(1,))
