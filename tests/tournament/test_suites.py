"""Cups on suites: each slice on another generated network, the same for all who meet in it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.cup_play import Rooms
from netsiege.cups import REPLAYS
from netsiege.errors import ConfigError
from netsiege.hub.tournament.grounds import network_of, spec_of, variant_of
from netsiege.hub.tournament.levels import levels_of
from netsiege.hub.tournament.model import GAUNTLET, ROUND_ROBIN, SWISS, Cup, Ground
from netsiege.hub.tournament.page import page
from netsiege.hub.tournament.plain import dump_cup, load_cup
from netsiege.hub.tournament.results_files import dump_csv, dump_results
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.hub.tournament.slices import row_of
from netsiege.hub.tournament.store import Store
from netsiege.hub.tournament.words import say_ground
from netsiege.scenarios.generate import SUITES, generate_entry
from netsiege.scenarios.model import ROUNDS
from netsiege.show_cup import print_results
from netsiege.show_game import show_game
from tests.commands import command
from tests.tournament.running import run
from tests.tournament.small_cups import cup_of, games_of, played, results_of

SUITE = Ground("small", unseen=True, suite="unseen-100", count=7)
SEEN = Ground("seen", "two_networks_tiny")
NAMES = [entry.name for entry in SUITES["unseen-100"]]


def suite_cup(kinds: str = "ABBD", **more: Any) -> Cup:
    return evolve(cup_of(kinds, games=10, **more), grounds=(SEEN, SUITE))


# --- which network a game is on -----------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([ROUND_ROBIN, SWISS, GAUNTLET]), st.integers(1, 100), st.integers(0, 2**64 - 1))
def test_all_games_of_a_slice_are_on_one_network_and_the_next_slice_on_the_next(
    kind: str, count: int, seed: int
) -> None:
    ground = evolve(SUITE, count=count)
    cup = evolve(cup_of("ABBDBA", games=3, kind=kind, seed=seed), grounds=(SEEN, ground))
    for game in games_of(played(schedule_of(cup))):
        if game.ground == SEEN.label:
            assert network_of(SEEN, game.slice) is None
            continue
        network = network_of(ground, game.slice)
        assert network is not None
        assert network.name == NAMES[game.slice % count]


def test_twins_play_on_the_same_spec() -> None:
    cup = suite_cup("BB")
    rooms = Rooms(cup, "tag")
    pairs: dict[int, set[tuple[str, int]]] = {}
    for game in games_of(played(schedule_of(cup))):
        if game.ground == SUITE.label:
            pairs.setdefault(game.pair, set()).add((rooms(SUITE, game).name, game.seed))
    assert len(pairs) == 10
    assert all(len(specs) == 1 for specs in pairs.values())
    assert len({name for specs in pairs.values() for name, _ in specs}) == SUITE.count


@given(st.integers(0, 300), st.integers(0, 300), st.booleans())
def test_slices_of_one_variant_have_one_network(one: int, other: int, readdressed: bool) -> None:
    ground = evolve(SUITE, readdressed=readdressed)
    if variant_of(ground, one) == variant_of(ground, other):
        assert network_of(ground, one) == network_of(ground, other)
        assert not readdressed or one == other


def test_game_on_a_suite_is_limited_as_its_task_says_unless_the_cup_says_otherwise() -> None:
    cup = suite_cup()
    spec = spec_of(cup, SUITE, 8)
    made = generate_entry(SUITES["unseen-100"][1])
    assert spec.topology == made.topology
    assert spec.task.pacing == ROUNDS
    attacker, usual = spec.task.role("Attacker"), made.spec.task.role("Attacker")
    assert attacker is not None
    assert attacker == usual
    assert attacker.max_steps == max(100, 4 * made.in_sight)
    limited = spec_of(evolve(cup, max_steps=30), SUITE, 8).task.role("Attacker")
    assert limited is not None
    assert limited.max_steps == 30


def test_addresses_of_a_suite_may_be_drawn_anew() -> None:
    ground = evolve(SUITE, readdressed=True)
    cup = evolve(suite_cup(), grounds=(ground,))
    rooms = Rooms(cup, "tag")
    games = [game for game in games_of(played(schedule_of(cup))) if game.slice in (0, SUITE.count)]
    specs = {game.slice: rooms.spec(ground, game) for game in games}
    assert [host.name for host in specs[0].topology.hosts] == [host.name for host in specs[7].topology.hosts]
    assert specs[0].topology.networks != specs[7].topology.networks


# --- what is kept and told ----------------------------------------------------------------------------------


def test_cup_on_a_suite_can_be_kept_and_played_again() -> None:
    cup = suite_cup()
    assert load_cup(dump_cup(cup)) == cup


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("unseen-100", "unseen-10", "scenarios: there is no suite called 'unseen-10'; nearest: unseen-100"),
        ('"count":7', '"count":700', "scenarios: small: count: 700 is not from 1 to 100"),
        ('"count":7', '"count":0', "scenarios: small: count: 0 is not from 1 to 100"),
        ('"count":1', '"count":2', "scenarios: seen: count: 2 networks, and it is no suite"),
    ],
)
def test_kept_cup_whose_suite_makes_no_sense_is_refused(old: str, new: str, said: str) -> None:
    text = dump_cup(suite_cup())
    assert old in text
    with pytest.raises(ConfigError) as caught:
        load_cup(text.replace(old, new), "cup.json")
    assert caught.value.problems == (f"cup.json: {said}",)


def test_levels_count_each_attackers_games_by_difficulty() -> None:
    cup = suite_cup()
    outcomes = played(schedule_of(cup))
    levels = levels_of(cup, list(map(row_of, outcomes)))
    on_suite = [outcome for outcome in outcomes if outcome.game.ground == SUITE.label]
    assert sum(level.games for level in levels) == len(on_suite)
    assert sum(level.score * level.games for level in levels) == pytest.approx(
        sum(outcome.score for outcome in on_suite)
    )
    steps = sorted({entry.steps for entry in SUITES["unseen-100"][:7]})
    assert [level.steps for level in levels if level.attacker == "A0"] == steps
    assert sum(level.networks for level in levels if level.attacker == "A0") == SUITE.count
    assert levels_of(evolve(cup, grounds=(SEEN,)), list(map(row_of, outcomes))) == ()


def test_tables_page_and_files_tell_of_the_networks() -> None:
    cup = suite_cup()
    outcomes = played(schedule_of(cup))
    results = results_of(cup, outcomes)
    rows = list(csv.DictReader(io.StringIO(dump_csv(cup, outcomes))))
    told = {row["network"] for row in rows if row["ground"] == "small"}
    assert told == set(NAMES[:7])
    assert {row["network"] for row in rows if row["ground"] == "seen"} == {""}
    level = json.loads(dump_results(results))["levels"][0]
    assert list(level) == ["ground", "steps", "attacker", "networks", "games", "score"]
    made = page(results)
    assert "Attack by difficulty: <bdi>small</bdi>" in made
    assert "<th>17 steps" in made
    assert {table.grounds for table in results.tables} == {"all", "seen", "unseen"}
    assert "7 generated networks, the next one for each seed" in say_ground(SUITE)
    assert "Attack by difficulty" not in page(results_of(evolve(cup, grounds=(SEEN,)), []))


def test_terminal_has_a_table_of_what_was_won_by_difficulty(capsys: pytest.CaptureFixture[str]) -> None:
    cup = suite_cup("AAD")
    outcomes = played(schedule_of(cup), lambda game: float(game.attacker == "A0"))
    print_results(results_of(cup, outcomes))
    said = capsys.readouterr().out
    table = said.partition("attack by difficulty, small")[2]
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line.strip()}
    steps = sorted({entry.steps for entry in SUITES["unseen-100"][:7]})
    assert rows["entrant"] == [str(each) for each in steps]
    assert rows["A0"][0::3] == ["100%"] * len(steps)
    assert rows["A1"][0::3] == ["0%"] * len(steps)
    assert sum(int(cell) for cell in rows["A0"][2::3]) == 10


def test_show_names_the_network_of_a_game(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cup = suite_cup("AD")
    games = games_of(played(schedule_of(cup)))
    game = next(each for each in games if each.ground == SUITE.label and each.slice == 2)
    with Store.create(tmp_path / "cup", cup, "netsiege 1.2.3") as store:
        store.write(games=games, notes={REPLAYS: "1.0"})
    show_game(tmp_path / "cup", game.id)
    entry = SUITES["unseen-100"][2]
    said = capsys.readouterr().out
    assert f"network  {entry.name}: the shortest attack takes {entry.steps} steps\n" in said
    show_game(tmp_path / "cup", game.id, as_json=True)
    network = json.loads(capsys.readouterr().out)["network"]
    assert (network["name"], network["steps"]) == (entry.name, entry.steps)


# --- with real processes ------------------------------------------------------------------------------------

CUP = """
name: strange
entrants: [scripted-attacker, {name: both, attacker: random-attacker, defender: scripted-defender},
           {name: other, attacker: scripted-attacker, defender: random-defender}]
scenarios: [two_networks_tiny, {suite: unseen-100, count: 3, benign: [office-benign]}]
games: 4
max_steps: 40
"""


@pytest.mark.soak
def test_cup_on_a_suite_is_played_verified_and_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "cup.yaml").write_text(CUP)
    done = run("run", "cup.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "attack, unseen networks" in done.stdout
    assert "attack by difficulty, unseen-100" in done.stdout
    out = tmp_path / "out"
    games = len((out / "results.csv").read_text().splitlines()) - 1
    assert command("tournament", "verify", out).stdout == f"{games} replays come out as the tables say\n"
    again = run("run", out / "cup.json", "--out", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    for name in ("results.csv", "results.json"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    # the networks of another part of the suite are not those of the replays
    store = out / "cup.json"
    store.write_text(store.read_text().replace('"count":3', '"count":2'))
    other = run("run", store, "--out", "other", cwd=tmp_path)
    assert other.returncode == 0, other.stderr
    assert (tmp_path / "other" / "results.csv").read_bytes() != (out / "results.csv").read_bytes()
