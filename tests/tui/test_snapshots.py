"""What a player sees in whole games, compared with screens that were found good, and README's picture."""

import asyncio
import re
from pathlib import Path

import pytest

pytest.importorskip("textual")

from netsiege.game import AgentRole
from netsiege.tui.app import SiegeApp
from tests.tui import snapshot
from tests.tui.engine_game import EngineGame
from tests.tui.games import pick, playing, screen
from tests.tui.snapshot import FOLDER, check_picture, check_text, svg_text

PICTURE = Path(__file__).parents[2] / "src" / "netsiege" / "tui" / "screenshot.svg"
WIDE, NARROW = (132, 34), (80, 24)
OPENING = (
    ("scannetwork", "192.168.2.5", "192.168.2.0"),
    ("scannetwork", "192.168.2.5", "192.168.1.0"),
    ("findservices", "192.168.2.5", "192.168.1.2"),
    ("exploit", "192.168.2.5", "microsoft"),
)
END = (("finddata", "192.168.1.2"), ("exfil", "user1/datafrom", "213.47.23.195"))
BACK = "left_square_bracket"
PLAYS = {
    "attacker": (
        AgentRole.Attacker,
        WIDE,
        (
            ((), "attacker_at_start"),
            (OPENING, "attacker_mid_game"),
            (("4",), "attacker_asked_a_question"),
            (("escape", "h"), "hint"),
            (END, "won"),
            ((BACK, BACK), "stepped_back"),
            (("n",), "new_seed"),
        ),
    ),
    "defender": (
        AgentRole.Defender,
        WIDE,
        (
            ((), "defender_at_start"),
            ((("blockip", "192.168.1.2", "192.168.1.2", "192.168.2.2"),), "blocked_hosts"),
        ),
    ),
    "narrow": (
        AgentRole.Attacker,
        NARROW,
        (
            ((), "narrow_at_start"),
            ((*OPENING, "h"), "narrow_tree"),
            (("m",), "narrow_map"),
            ((BACK, BACK), "narrow_stepped_back"),
        ),
    ),
}
"""Games: the role, the size of the terminal, and what leads from each screen to the next.

That is keys, and moves by the words of their answers: no agent's advice, which may change, but for the hints.
"""
ON_PICTURE = "hint"
"""The screen that README shows."""


@pytest.mark.parametrize("play", PLAYS)
def test_screens_of_a_game_are_those_that_were_found_good(play):
    role, size, scenes = PLAYS[play]

    async def run():
        game = EngineGame("two_networks", role, 7)
        app = SiegeApp(game, "two_networks", new_seed=lambda: 4711, clock=game.clock)
        async with playing(app, size) as pilot:
            for asked, scene in scenes:
                for each in asked:
                    await (pilot.type(each) if isinstance(each, str) else pick(app, pilot, *each))
                svg = app.export_screenshot(title="netsiege tui") if scene == ON_PICTURE else ""
                yield scene, screen(app), svg

    async def compare():
        failures = []
        async for scene, text, svg in run():
            failures += not_the_same(check_text, text, FOLDER / f"{scene}.txt")
            if svg:
                failures += not_the_same(check_picture, svg, PICTURE)
        return failures

    failures = asyncio.run(compare())
    if failures:
        pytest.fail("\n\n".join(failures), pytrace=False)


def not_the_same(check, shown, path):
    """What `check` has against what is shown: the other screens of the game are compared all the same."""
    try:
        check(shown, path)
    except pytest.fail.Exception as failure:
        return [str(failure)]
    return []


def test_every_kept_screen_is_compared():
    compared = {scene for _, _, scenes in PLAYS.values() for _, scene in scenes}
    assert {path.stem for path in FOLDER.iterdir()} == compared
    assert ON_PICTURE in compared


def test_picture_for_the_readme_shows_a_game_with_its_tree_its_map_and_a_hint():
    kept = svg_text(PICTURE.read_text(encoding="utf-8"))
    for words in ("Network", "Map", "+ ◆ 192.168.1.2 controlled", "Hint from the scripted agent"):
        assert words in kept


def test_picture_fetches_nothing():
    addresses = re.findall(r"\w+://[^\s\"')]+", PICTURE.read_text(encoding="utf-8"))
    assert addresses == ["http://www.w3.org/2000/svg"]


class TestComparison:
    def test_screen_that_differs_fails_with_the_lines_and_what_to_do(self, tmp_path, monkeypatch):
        monkeypatch.delenv(snapshot.OPTION, raising=False)
        kept = tmp_path / "kept.txt"
        kept.write_text("same\nold\n", encoding="utf-8")
        check_text("same  \nold", kept)
        with pytest.raises(
            pytest.fail.Exception, match=r"(?s)kept\.txt.*-old\n\+new.*NETSIEGE_SNAPSHOTS=write"
        ):
            check_text("same\nnew", kept)
        with pytest.raises(pytest.fail.Exception, match="there is no missing"):
            check_text("same", tmp_path / "missing.txt")
        assert not (tmp_path / "missing.txt").exists()

    def test_screens_are_written_only_when_asked_to(self, tmp_path, monkeypatch):
        monkeypatch.setenv(snapshot.OPTION, "write")
        check_text("new  ", tmp_path / "kept.txt")
        assert (tmp_path / "kept.txt").read_text(encoding="utf-8") == "new\n"
        monkeypatch.setenv(snapshot.OPTION, "yes")
        with pytest.raises(AssertionError, match="the only value is 'write'"):
            check_text("newer", tmp_path / "kept.txt")

    def test_picture_with_other_words_fails(self, tmp_path, monkeypatch):
        monkeypatch.delenv(snapshot.OPTION, raising=False)
        svg = '<svg xmlns="http://www.w3.org/2000/svg"><text x="0" y="1">{}</text></svg>'
        kept = tmp_path / "kept.svg"
        kept.write_text(svg.format("your move"), encoding="utf-8")
        check_picture(svg.format("your&#160;move"), kept)
        with pytest.raises(pytest.fail.Exception, match=r"(?s)-your move\n\+my move"):
            check_picture(svg.format("my move"), kept)
