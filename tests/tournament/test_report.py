"""What a cup leaves for people and programs: results.json, results.csv and a page that fetches nothing."""

import csv
import io
import json
import math
import random
import re
from html.parser import HTMLParser

import pytest
from attrs import evolve

from netsiege.errors import ConfigError
from netsiege.hub.tournament.model import (
    ATTACKER,
    DEFENDER,
    GAUNTLET,
    SWISS,
    Cup,
    Entrant,
    Format,
    Game,
    Ground,
    Outcome,
    Player,
)
from netsiege.hub.tournament.page import page, write_page
from netsiege.hub.tournament.records import Bench
from netsiege.hub.tournament.results import (
    checkpoints,
    read_all,
)
from netsiege.hub.tournament.results_files import COLUMNS, dump_csv, dump_results, write_results
from netsiege.hub.tournament.store import Store
from netsiege.hub.tournament.words import say_cup, say_entrant
from tests.tournament.small_cups import results_of

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "evil\u202etxt.exe",
    "שלום עולם",
    "&amp;&lt;b&gt;",
    "=HYPERLINK(1)",
    "w" * 64,
    "日本語の名前",
)


def entrant(name, roles=(ATTACKER, DEFENDER), **more):
    return Entrant(name, tuple((role, Player(agent=f"agent-{role}")) for role in roles), **more)


def cup_of(names, *, grounds=("tiny",), unseen=(), games=10, attackers=(), defenders=()):
    field = [entrant(name) for name in names]
    field += [entrant(name, (ATTACKER,)) for name in attackers]
    field += [entrant(name, (DEFENDER,)) for name in defenders]
    made = tuple(Ground(label, label, unseen=label in unseen) for label in (*grounds, *unseen))
    return Cup("spring cup", tuple(field), made, Format(games=games), seed=7)


def play(cup, seed=1, forfeits=0.0):
    """A round robin with known strengths: the earlier in the cup, the better."""
    draw = random.Random(seed)
    strength = {each.name: 1.5 - 3 * i / len(cup.entrants) for i, each in enumerate(cup.entrants)}
    outcomes, number = [], 0
    for ground in cup.grounds:
        for piece in range(cup.format.games):
            ease = draw.gauss(0, 0.7)
            for i, one in enumerate(cup.entrants):
                for other in cup.entrants[i + 1 :]:
                    sides = [(a, d) for a, d in ((one, other), (other, one)) if a.player(ATTACKER)]
                    sides = [(a, d) for a, d in sides if d.player(DEFENDER)]
                    first = number
                    for attacker, defender in sides:
                        odds = strength[attacker.name] - strength[defender.name] + ease
                        won = draw.random() < 1 / (1 + math.exp(-odds))
                        lost = attacker.name if not won and draw.random() < forfeits else ""
                        game = Game(
                            number, first, ground.label, piece, piece + 50, attacker.name, defender.name
                        )
                        returns = (90.0, -100.0) if won else (-50.0, 25.5)
                        cause = "time" if lost else "goal" if won else "steps"
                        outcomes.append(Outcome(game, float(won), cause, returns, (12, 13), lost))
                        number += 1
    return outcomes


NAMES = ("ada", "bob", "cleo", "dan")
CUP = cup_of(NAMES, unseen=("wide",))
OUTCOMES = play(CUP, forfeits=0.1)
RESULTS = evolve(
    results_of(CUP, OUTCOMES, [Bench("dan", 70, "forfeited 5 in a row")]),
    software="netsiege 1.2.3",
    digest="ab12",
)


class Reading(HTMLParser):
    """Tags and text of a page, and whether every tag that must be closed is."""

    VOID = frozenset(("meta", "circle", "line", "polygon", "polyline"))
    OPTIONAL = frozenset(("tr", "td", "th", "li", "tbody", "thead", "p"))

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.said = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in self.VOID | self.OPTIONAL:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.OPTIONAL:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)

    @property
    def text(self):
        return " ".join(self.said)


# --- results ----------------------------------------------------------------------------------------------


def test_results_rank_by_strength_in_every_role():
    for role in ("overall", "attack", "defence"):
        table = RESULTS.table(role)
        assert [row.rank for row in table.rows] == [1, 2, 3, 4]
        assert table.rows[0].entrant == "ada"
        assert table.rows[-1].entrant == "dan"
        ratings = [row.rating.value for row in table.rows]
        assert ratings == sorted(ratings, reverse=True)
        assert sum(ratings) == pytest.approx(0, abs=1e-6)
        assert all(row.rating.low < row.rating.value < row.rating.high for row in table.rows)
        assert all(0.5 <= row.over_next <= 1 for row in table.rows[:-1])
        assert table.rows[-1].over_next is None


def test_scores_games_and_duels_are_those_of_the_outcomes():
    for role, side in (("attack", "attacker"), ("defence", "defender")):
        for row in RESULTS.table(role).rows:
            mine = [each for each in OUTCOMES if getattr(each.game, side) == row.entrant]
            won = sum(each.score if role == "attack" else 1 - each.score for each in mine)
            assert row.games == len(mine)
            assert row.score == pytest.approx(won / len(mine))
            returns = [each.returns[role == "defence"] for each in mine]
            assert row.mean_return.value == pytest.approx(sum(returns) / len(mine))
    for duel in RESULTS.duels:
        met = [
            e.score for e in OUTCOMES if (e.game.attacker, e.game.defender) == (duel.attacker, duel.defender)
        ]
        assert (duel.games, duel.attacker_score) == (len(met), pytest.approx(sum(met) / len(met)))
    assert len(RESULTS.duels) == 12


def test_seen_and_unseen_networks_have_tables_of_their_own():
    games = {
        grounds: sum(row.games for row in RESULTS.table("attack", grounds).rows)
        for grounds in ("all", "seen", "unseen")
    }
    assert games == {"all": 240, "seen": 120, "unseen": 120}
    only = cup_of(NAMES)
    assert {table.grounds for table in results_of(only, play(only)).tables} == {"all"}


def test_half_a_pair_is_played_but_not_counted():
    told = results_of(CUP, OUTCOMES[:-1], scheduled=len(OUTCOMES))
    assert (told.scheduled, told.games, told.counted) == (240, 239, 238)


def test_forfeits_are_counted_with_their_causes_the_most_first():
    forfeited = [each for each in OUTCOMES if each.forfeit]
    assert sum(each.forfeits for each in RESULTS.forfeits) == len(forfeited)
    assert [each.forfeits for each in RESULTS.forfeits] == sorted(
        (each.forfeits for each in RESULTS.forfeits), reverse=True
    )
    assert {each.games for each in RESULTS.forfeits} == {120}
    assert {cause for each in RESULTS.forfeits for cause, _ in each.causes} == {"time"}


def test_curves_end_where_the_tables_are_and_get_narrower():
    for curve in RESULTS.curves:
        row = next(r for r in RESULTS.table(curve.role).rows if r.entrant == curve.entrant)
        assert curve.points[-1] == (240, row.rating)
        widths = [f.high - f.low for _, f in curve.points if f.low is not None]
        assert widths[-1] < widths[0]
    assert len(RESULTS.curves) == 12


@pytest.mark.parametrize("games", [0, 1, 11, 12, 13, 500, 100_000, 10_000_000])
def test_checkpoints_rise_to_the_last_game(games):
    told = checkpoints(games)
    assert told == sorted(set(told))
    assert told[-1:] == ([games] if games >= 12 else [])
    assert sum(told) <= 3.6 * games


# --- files ------------------------------------------------------------------------------------------------


def test_equal_outcomes_give_equal_bytes_whatever_the_order_of_arrival(tmp_path):
    texts = []
    for seed in (1, 2):
        arrived = random.Random(seed).sample(OUTCOMES, len(OUTCOMES))
        with Store.create(tmp_path / str(seed), CUP, "netsiege 1.2.3") as store:
            store.write(games=[each.game for each in OUTCOMES])
            for start in range(0, len(arrived), 50):
                store.write(verdicts=[(each, None) for each in arrived[start : start + 50]])
            results, outcomes = read_all(store)
        texts.append((dump_results(results), dump_csv(CUP, outcomes), page(results)))
    assert texts[0] == texts[1]
    assert json.loads(texts[0][0])["games"] == 240


def test_results_json_has_the_documented_fields_and_nothing_secret():
    secret = Entrant("x", ((ATTACKER, Player(command=("./run", "--token=hunter2"))),))
    told = evolve(RESULTS, cup=evolve(CUP, entrants=(*CUP.entrants, secret)))
    text = dump_results(told)
    assert "hunter2" not in text
    assert "hunter2" not in page(told)
    read = json.loads(text)
    assert list(read) == [
        "format",
        "cup",
        "software",
        "digest",
        "scheduled",
        "games",
        "counted",
        "tables",
        "duels",
        "cycles",
        "curves",
        "forfeits",
        "benched",
        "stopped",
        "comparison",
        "levels",
    ]
    assert read["tables"][0]["rows"][0]["entrant"] == "ada"
    assert list(read["tables"][1]["rows"][0]) == [
        "rank",
        "entrant",
        "rating",
        "games",
        "score",
        "mean_return",
        "over_next",
    ]
    assert list(read["tables"][1]["rows"][0]["rating"]) == ["value", "low", "high"]
    assert read["curves"][0]["points"][-1]["games"] == 240
    assert read["benched"] == [{"entrant": "dan", "game": 70, "reason": "forfeited 5 in a row"}]


def test_results_json_is_json_whatever_the_returns_were():
    odd = [evolve(each, returns=(math.inf, 0.0)) for each in OUTCOMES]
    read = json.loads(
        dump_results(results_of(CUP, odd)), parse_constant=lambda text: pytest.fail(f"{text} is no JSON")
    )
    assert read["tables"][1]["rows"][0]["mean_return"]["value"] is None


def test_csv_has_a_line_a_game_and_no_formulas():
    cup = cup_of(HOSTILE[:6], games=1)
    outcomes = play(cup)
    rows = list(csv.DictReader(io.StringIO(dump_csv(cup, outcomes))))
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["game"]) for row in rows] == [each.game.id for each in outcomes]
    assert [float(row["attacker_score"]) for row in rows] == [each.score for each in outcomes]
    assert [float(row["defender_return"]) for row in rows] == [each.returns[1] for each in outcomes]
    names = {row["attacker"] for row in rows}
    assert "'=HYPERLINK(1)" in names
    assert HOSTILE[0] in names
    assert not any("\u202e" in name or name[0] in "=+-@" for name in names)


def test_files_are_written_and_written_anew(tmp_path):
    for _ in range(2):
        write_results(tmp_path, RESULTS, OUTCOMES, {"started": "2026-01-01T00:00:00Z"})
        write_page(tmp_path, RESULTS)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"results.json", "results.csv", "run.json", "report.html"}
    assert json.loads((tmp_path / "run.json").read_text()) == {"started": "2026-01-01T00:00:00Z"}
    assert (tmp_path / "results.json").read_text() == dump_results(RESULTS)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_page(tmp_path / "file", RESULTS)


# --- the page ---------------------------------------------------------------------------------------------


def test_page_says_all_there_is_to_say():
    said = Reading(page(RESULTS)).text
    for heading in (
        "spring cup",
        "Ranking",
        "Head to head",
        "Rating over games",
        "Seen and unseen networks",
        "Cycles",
        "Forfeits and benched entrants",
        "Check it, run it again",
    ):
        assert heading in said
    assert "was benched from game 70 on: forfeited 5 in a row" in said
    assert "netsiege tournament verify ." in said
    assert "netsiege tournament run cup.json" in said
    assert "ab12" in said
    best = RESULTS.table("overall").rows[0]
    assert f"+{best.rating.value:.0f}" in said
    for duel in RESULTS.duels:
        assert f">{round(100 * duel.attacker_score)}" in page(RESULTS)


def test_page_of_a_cup_that_is_not_finished_says_so():
    said = Reading(page(results_of(CUP, OUTCOMES[:100], scheduled=240))).text
    assert "Not finished: 140 games of the schedule to come." in said
    assert "Not finished" not in Reading(page(RESULTS)).text


def test_page_fetches_and_runs_nothing():
    told = Reading(page(RESULTS))
    assert not {"script", "link", "img", "iframe", "object", "form", "base", "image", "use"} & set(told.tags)
    names = {name for name, _ in told.attributes}
    assert not {"src", "href", "xlink:href", "style"} & names
    assert not any(name.startswith("on") for name in names)
    assert "url(" not in page(RESULTS)
    assert "@import" not in page(RESULTS)
    assert re.search(r'Content-Security-Policy" content="default-src \'none\'', page(RESULTS))


def test_names_of_strangers_are_text_everywhere_in_the_page():
    cup = evolve(cup_of(HOSTILE, unseen=("<b>wide</b>",), games=3), name="<i>cup</i>\u202e")
    outcomes = play(cup, forfeits=0.5)
    outcomes = [evolve(each, cause="<u>why</u>") if each.forfeit else each for each in outcomes]
    told = results_of(cup, outcomes, [Bench(HOSTILE[0], 3, "<s>because</s>\u2066")])
    text = page(evolve(told, software="<em>x</em>", digest="<em>y</em>"))
    read = Reading(text)
    plain = Reading(page(results_of(cup_of([f"n{i}" for i in range(8)], unseen=("w",), games=3), play(cup))))
    assert set(read.tags) - {"ul", "li", "b"} <= set(plain.tags)
    for tag in ("script", "img", "i", "u", "s", "em"):
        assert tag not in read.tags
    assert not any("\u202e" in part or "\u2066" in part for part in (text,))
    for name in HOSTILE:
        assert name.replace("\u202e", "\\u202e") in read.said


def test_page_of_one_role_each_has_no_overall_ranking():
    cup = cup_of((), attackers=("a", "b"), defenders=("x", "y", "z"))
    told = results_of(cup, play(cup))
    assert told.table("overall") is None
    said = Reading(page(told)).text
    assert "Overall" not in said
    assert "Attack" in said
    assert [row.entrant for row in told.table("defence").rows].count("x") == 1


def test_page_of_a_single_seed_has_ratings_without_intervals():
    cup = cup_of(NAMES, games=1)
    told = results_of(cup, play(cup))
    said = Reading(page(told)).text
    assert said.count("too few seeds") == sum(len(table.rows) for table in told.tables)
    assert json.loads(dump_results(told))["tables"][0]["rows"][0]["rating"]["low"] is None


def test_page_without_a_single_game_is_a_page():
    told = results_of(CUP, [], scheduled=240)
    said = Reading(page(told)).text
    assert "Not finished: 240 games" in said
    assert json.loads(dump_results(told))["tables"] == []


def test_cycles_are_told_with_their_margin():
    cup = cup_of(("ada", "bob", "cleo"))
    outcomes = play(cup)
    beats = {("ada", "bob"), ("bob", "cleo"), ("cleo", "ada")}
    outcomes = [
        evolve(each, score=float((each.game.attacker, each.game.defender) in beats)) for each in outcomes
    ]
    told = results_of(cup, outcomes)
    assert [cycle.entrants for cycle in told.cycles] == [("ada", "bob", "cleo")]
    assert "ada → bob → cleo → ada" in re.sub(r"<[^>]*>", "", page(told))
    assert "(each with 100% or more)" in re.sub(r"<[^>]*>", "", page(told))


# --- words ------------------------------------------------------------------------------------------------


def test_cup_in_words_says_format_clocks_and_bench():
    said = " ".join(say_cup(evolve(CUP, episode_s=60.0, max_steps=30, move_s=2.5)))
    assert "A round robin of 4 entrants" in said
    assert "10 seeds for each pairing on each ground, from seed 7" in said
    assert "roles swapped" in said
    assert "A move may take 2.5 s, a game 60 s, and each side 30 steps." in said
    assert "Who forfeits 5 games in a row, or 5 and a quarter of all, is benched." in said
    gauntlet = evolve(CUP, format=Format(GAUNTLET, 1, hero="ada"), forfeits=0)
    assert "ada against the other 3; 1 seed for each" in say_cup(gauntlet)[0]
    assert say_cup(gauntlet)[-1] == "Nobody is benched for forfeits."
    assert "A Swiss system of 4 entrants, 5 rounds" in say_cup(evolve(CUP, format=Format(SWISS, rounds=5)))[0]


def test_entrants_in_words_say_limits_and_no_arguments():
    players = ((ATTACKER, Player(command=("./a", "--key=hunter2"))), (DEFENDER, Player(key="bob")))
    said = say_entrant(Entrant("x", players, 1, 2.0, 256))
    assert said == "attack: command ./a …; defence: remote, key bob (1 game at once, 2 s of CPU, 256 MB)"
