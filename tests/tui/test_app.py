"""The app under a person's fingers, with a game that answers what it is told to."""

import asyncio

import pytest

pytest.importorskip("textual")

from netsiege.errors import ProtocolError
from netsiege.game import ActionType, AgentRole, Data, GameState
from netsiege.tui.widgets import MoveMenu
from tests.tui.games import (
    EXPLOIT,
    HOME,
    SEEN,
    START,
    WON,
    first,
    play,
    screen,
    settled,
    told,
)


def test_episode_is_won_by_keys_alone_and_the_end_is_said():
    async def scenario(app, game, pilot):
        await pilot.type("down", "enter", "2")
        assert game.asked[1][1].type is ActionType.FindServices
        await pilot.type("3")
        assert game.asked[2] == ("step", EXPLOIT)
        assert "Won: the goal is reached" in screen(app)
        assert "1 datum on 10.0.1.2: User1/Secret" in screen(app)

    # two hosts are known, so that a scan of services asks which
    both = GameState(
        controlled_hosts={HOME}, known_hosts=SEEN.known_hosts, known_networks=START.known_networks
    )
    play(scenario, first(both), told(SEEN), WON)


def test_menu_is_filtered_by_typing_and_enter_takes_the_first():
    async def scenario(app, game, pilot):
        await pilot.type("slash", *"TAKE", "enter")
        assert game.asked[-1] == ("step", EXPLOIT)

    play(scenario, first(SEEN), WON)


def test_escape_leaves_the_filter_then_the_question():
    async def scenario(app, game, pilot):
        await pilot.type("1")
        assert "which network?" in screen(app)
        await pilot.type("slash", "x")
        assert "192.168" not in screen(app)
        await pilot.type("escape")
        assert "which network?" in screen(app)
        await pilot.type("escape")
        assert "What will you do?" in screen(app)
        assert len(game.asked) == 1

    play(scenario, first())


def test_menu_is_clicked():
    async def scenario(app, game, pilot):
        await pilot.click("#options", offset=(4, 2))
        await settled(app, pilot)
        assert game.asked[-1] == ("step", EXPLOIT)

    play(scenario, first(SEEN), WON)


def test_turn_of_the_history_is_clicked_and_picked_by_keys():
    async def scenario(app, game, pilot):
        await pilot.type("3")
        await pilot.click("#history", offset=(4, 1))
        await settled(app, pilot)
        assert "Looking back: after step 0 of 1" in screen(app)
        await pilot.type("down", "enter")
        assert app.table.record.is_live
        await pilot.type("escape")
        app.screen.focus_next()
        assert app.focused.id == "history"
        await pilot.type("up", "enter")
        assert "Looking back: after step 0 of 1" in screen(app)

    play(scenario, first(SEEN), told(SEEN, -1))


def test_escape_gives_the_keyboard_back_to_the_menu():
    async def scenario(app, game, pilot):
        await pilot.click("#history", offset=(4, 1))
        await settled(app, pilot)
        await pilot.type("3")
        assert len(game.asked) == 1
        await pilot.type("escape", "3")
        assert game.asked[-1] == ("step", EXPLOIT)

    play(scenario, first(SEEN), WON)


def test_keys_of_the_footer_are_clicked():
    async def scenario(app, game, pilot):
        line = screen(app).splitlines()[-1]
        for words in ("Hint", "Play it"):
            await pilot.click(offset=(line.index(words), 23))
            await settled(app, pilot)
        assert game.asked[-1][0] == "step"

    play(scenario, first(SEEN), told(SEEN))


def test_tab_reaches_every_part_of_the_wide_screen():
    async def scenario(app, game, pilot):
        reached = []
        for _ in range(4):
            await pilot.type("tab")
            reached.append(app.focused.id)
        assert sorted(reached) == ["history", "map", "options", "tree"]

    play(scenario, first(SEEN), size=(140, 45))


def test_clock_runs_with_the_time_and_stops_with_the_episode():
    times = [100.0]

    async def scenario(app, game, pilot):
        times[0] += 65.0
        async with asyncio.timeout(20):
            while "move 1:05 of 2:00 · episode 1: 1:05" not in screen(app):
                await pilot.pause(0.05)
        await pilot.type("3")
        times[0] += 60.0
        app._tick()
        await pilot.pause()
        assert "move 0:00 of 2:00 · episode 1: 1:05" in screen(app)

    play(scenario, first(SEEN), WON, clock=lambda: times[0], move_limit_s=120.0)


def test_hint_is_shown_and_played_only_when_taken():
    async def scenario(app, game, pilot):
        await pilot.type("h")
        assert "Hint from the" in screen(app)
        assert len(game.asked) == 1
        await pilot.type("a")
        assert game.asked[-1][0] == "step"
        await pilot.type("a")
        assert len(game.asked) == 2

    play(scenario, first(), told(SEEN))


def test_reset_in_mid_episode_is_asked_twice_and_a_new_seed_is_named():
    async def scenario(app, game, pilot):
        await pilot.type("n")
        assert len(game.asked) == 1
        assert "press n again" in app.notice
        await pilot.type("n")
        assert game.asked[-1] == ("reset", 4711)
        assert "seed 4711" in screen(app)
        await pilot.type("r", "r")
        assert game.asked[-1] == ("reset", None)
        assert app.table.episode == 3

    play(scenario, first(), first(), first())


def test_finished_episode_is_stepped_through_and_back():
    async def scenario(app, game, pilot):
        await pilot.type("3")
        await pilot.type("left_square_bracket")
        assert "Looking back: after step 0 of 1" in screen(app)
        assert "data User1" not in screen(app)
        await pilot.type("3")
        assert len(game.asked) == 2
        await pilot.type("right_square_bracket")
        assert "Won" in screen(app)
        await pilot.type("left_square_bracket", "escape")
        assert "Won" in screen(app)

    play(scenario, first(SEEN), WON)


def test_new_things_are_marked_and_named():
    async def scenario(app, game, pilot):
        await pilot.type("3")
        said = screen(app)
        assert "+ ◆ 10.0.1.2 controlled" in said
        assert "+ data User1/Secret" in said
        assert "Changed: 1 controlled host: 10.0.1.2" in said
        assert "+ ◆ 10.0.0.1" not in said
        await pilot.type("m")
        assert "┌─ 10.0.1.0/24" in screen(app)
        assert "+◆ 10.0.1.2" in screen(app)

    play(scenario, first(SEEN), WON)


def test_defender_is_offered_blocks_and_sees_them_told_apart():
    blocked = GameState(
        controlled_hosts={HOME},
        known_hosts=SEEN.known_hosts,
        known_networks=START.known_networks,
        known_blocks={HOME: SEEN.known_hosts - {HOME}},
    )

    async def scenario(app, game, pilot):
        await pilot.type("slash", *"block", "enter", "2")
        assert game.asked[-1][1].type is ActionType.BlockIP
        assert "○✖ 10.0.1.2 known, blocked" in screen(app)

    state = GameState(
        controlled_hosts={HOME}, known_hosts=SEEN.known_hosts, known_networks=START.known_networks
    )
    play(scenario, first(state), told(blocked), role=AgentRole.Defender)


def test_markup_and_control_characters_of_others_are_shown_as_text():
    state = GameState(
        controlled_hosts={HOME},
        known_hosts={HOME},
        known_data={HOME: {Data("[red]me[/red]", "\x1b[31m[/]")}},
    )

    async def scenario(app, game, pilot):
        await pilot.type("3")
        said = screen(app)
        assert "[b]goal[/b]" in said
        assert "[red]me[/red]" in said
        assert "\x1b" not in said
        assert "[@click=quit]no[/]" in " ".join(said.split())

    play(scenario, first(state, "[b]goal[/b]"), ProtocolError("X", "[@click=quit]no[/]"), size=(140, 45))


@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
def test_all_that_matters_fits_the_terminal(size):
    async def scenario(app, game, pilot):
        await pilot.type("3")
        said = screen(app)
        for word in ("steps 1/20", "reward +99", "move 0:", "episode 1: 0:", "Goal: Take the secret"):
            assert word in said
        for word in ("Hint", "Play it", "Reset", "New seed", "Back", "On", "Find", "Map", "q Quit"):
            assert word in said
        for word in (
            "◆ controlled",
            "○ known",
            "✖ blocked",
            "+ new",
            "10.0.1.2 controlled",
            "1. ExploitServ",
        ):
            assert word in said
        assert ("┌─" in said) == (size[0] > 100)
        await pilot.type("left_square_bracket")
        for word in ("What will", "Pass"):
            assert word not in screen(app)

    play(scenario, first(SEEN), WON, size=size)


def test_first_menu_fits_a_line_each_in_the_narrow_terminal():
    async def scenario(app, game, pilot):
        said = screen(app)
        for word in ("FindServices (2): services", "ExploitService (1): take over", "Pass: do nothing"):
            assert word in said
        assert app.query_one(MoveMenu).query_one("#options").virtual_size.height == 5

    play(scenario, first(SEEN))


def test_no_colour_leaves_the_signs_and_words(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    async def scenario(app, game, pilot):
        await pilot.type("3")
        assert app.no_color
        assert "+ ◆ 10.0.1.2 controlled" in screen(app)
        strips = app.screen._compositor.render_strips(app.size)
        ground = app.screen.styles.background
        grey = [segment for strip in strips for segment in strip.apply_filter(app._filters[-1], ground)]
        styles = [segment.style for segment in grey if segment.style]
        colours = {c.triplet for style in styles for c in (style.color, style.bgcolor) if c and c.triplet}
        assert all(c.red == c.green == c.blue for c in colours)

    play(scenario, first(SEEN), WON)


def test_history_of_many_turns_shows_the_one_that_is_looked_at():
    async def scenario(app, game, pilot):
        for number in range(1, 13):
            await pilot.type("5")
            assert f"▶ {number}. pass" in screen(app)
        await pilot.type(*["left_square_bracket"] * 11)
        assert "▶ 1. pass" in screen(app)

    play(scenario, first(SEEN), *[told(SEEN)] * 12)
