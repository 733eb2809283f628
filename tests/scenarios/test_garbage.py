"""Whatever is in a file, loading it gives a scenario or a ConfigError: never another exception."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netsiege.errors import ConfigError
from netsiege.scenarios import Spec, bundled, describe, load_spec

TOPOLOGIES = [(bundled.topology_file(name) or Path()).read_text() for name in bundled.topology_names()]
TASKS = [(bundled.task_file(name) or Path()).read_text() for name in bundled.task_names()]
WORDS = [
    "random", "all", "all_local", "all_attackers", "192.168.1.2", "192.168.1.0/24", "192.168.1.300",
    "0.0.0.0/0", "two_networks", "Attacker", "servers", "client_1", "<<", "", "\x00", "\ud7ff", "x" * 300,
    "[", "1e400", "0x1f",
]  # fmt: skip  # a bag of words, not a table

words = st.sampled_from(WORDS) | st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("garbage")


def load(folder: Path, data: bytes, *, as_task: bool) -> Spec | None:
    """Load it as a user would; checks what is promised either way."""
    path = folder / "file.yaml"
    path.write_bytes(data)
    try:
        spec = load_spec(task=path) if as_task else load_spec(scenario=path)
    except ConfigError as error:
        assert error.problems
        for line in error.problems:
            assert line.isprintable(), line
            assert line.startswith(f"{path}: "), line
        return None
    assert Spec.from_bytes(spec.to_bytes()) == spec
    assert describe(spec.topology).replace("\n", "").isprintable()
    return spec


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        found += places(each, (*path, key))
    return found


def replaced(document: Any, path: tuple[Any, ...], change: Any) -> Any:
    *parents, last = path
    inner = document
    for key in parents:
        inner = inner[key]
    inner[last] = change
    return document


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), as_task=st.booleans())
def test_load_random_bytes_gives_only_config_errors(folder: Path, data: bytes, as_task: bool) -> None:
    load(folder, data, as_task=as_task)


@settings(deadline=None)
@given(text=st.text(alphabet=" \n-:{}[]&*!|>'\"#%@`,?<ab01.~/\\", max_size=60), as_task=st.booleans())
def test_load_random_syntax_gives_only_config_errors(folder: Path, text: str, as_task: bool) -> None:
    load(folder, text.encode(), as_task=as_task)


@settings(deadline=None)
@given(value=values, as_task=st.booleans())
def test_load_random_values_gives_only_config_errors(folder: Path, value: Any, as_task: bool) -> None:
    load(folder, yaml.safe_dump(value).encode(), as_task=as_task)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), change=values)
def test_load_bundled_topology_with_one_value_replaced_gives_only_config_errors(
    folder: Path, data: st.DataObject, change: Any
) -> None:
    document = yaml.safe_load(data.draw(st.sampled_from(TOPOLOGIES)))
    path = data.draw(st.sampled_from(places(document)))
    load(folder, yaml.safe_dump(replaced(document, path, change), sort_keys=False).encode(), as_task=False)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), change=values)
def test_load_bundled_task_with_one_value_replaced_gives_only_config_errors(
    folder: Path, data: st.DataObject, change: Any
) -> None:
    document = yaml.safe_load(data.draw(st.sampled_from(TASKS)))
    path = data.draw(st.sampled_from(places(document)))
    load(folder, yaml.safe_dump(replaced(document, path, change), sort_keys=False).encode(), as_task=True)


@settings(deadline=None)
@given(seed=st.integers(0, 1 << 32), as_task=st.booleans())
def test_load_bundled_text_with_lines_torn_gives_only_config_errors(
    folder: Path, seed: int, as_task: bool
) -> None:
    rng = random.Random(seed)
    lines = rng.choice(TASKS if as_task else TOPOLOGIES).splitlines()
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        lines[at] = rng.choice(
            [
                lines[at] * 2,
                lines[at][: rng.randrange(40)],
                lines[at][2:],
                f"  {lines[at]}",
                rng.choice(lines),
            ]
        )
    load(folder, "\n".join(lines).encode(), as_task=as_task)


@pytest.mark.parametrize("as_task", [False, True])
def test_load_bundled_text_as_it_is_gives_a_spec(folder: Path, as_task: bool) -> None:
    for text in TASKS if as_task else TOPOLOGIES:
        assert load(folder, text.encode(), as_task=as_task) is not None
