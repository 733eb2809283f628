"""The app when it waits, when something fails, and when it is left."""

import asyncio

import pytest

pytest.importorskip("textual")

from netsiege.errors import AuthError, Forfeited, HubUnreachable, MatchOver, ProtocolError
from netsiege.tui.app import SiegeApp
from tests.tui.games import (
    SEEN,
    WON,
    FakeGame,
    first,
    play,
    screen,
    settled,
    told,
)


def test_keys_are_no_words_to_find_by_while_the_move_is_awaited():
    async def run():
        gate = asyncio.Event()
        game = FakeGame(first(SEEN), told(SEEN), gate=gate)
        app = SiegeApp(game, "somewhere")
        async with app.run_test() as pilot:
            gate.set()
            await settled(app, pilot)
            gate.clear()
            await pilot.press("slash", *"TAKE", "enter", "q")
            await pilot.pause()
            assert game.asked[-1] == ("leave",)
        assert app.return_code == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    "error",
    [
        HubUnreachable("no hub at tcp://x:1"),
        AuthError("the hub refused the key"),
        MatchOver("the match has played its episodes"),
        Forfeited("3 moves came too late"),
        ProtocolError("BAD_REQUEST", "another seat has asked for another seed"),
    ],
)
def test_error_is_a_plain_line_and_the_screen_stays(error):
    async def scenario(app, game, pilot):
        await pilot.type("3")
        assert f"Error: {error}" in " ".join(screen(app).split())
        assert "Traceback" not in screen(app)
        assert app.table.can_move

    app = play(scenario, first(SEEN), error)
    assert app.failure is None


def test_seat_that_was_lost_is_taken_anew():
    async def scenario(app, game, pilot):
        game.needs_seat = True
        await pilot.type("3")
        assert "r takes a new seat" in app.notice
        await pilot.type("r")
        assert game.asked[-1] == ("register",)
        assert app.table.episode == 2

    play(scenario, first(SEEN), HubUnreachable("gone"), first())


def test_seat_that_never_came_is_the_failure_of_the_app():
    async def scenario(app, game, pilot):
        assert "Error: nothing answers" in screen(app)
        assert "No seat yet" in screen(app)
        await pilot.type("h", "a", "3", "slash", "escape", "left_square_bracket", "m")

    app = play(scenario, HubUnreachable("nothing answers"))
    assert isinstance(app.failure, HubUnreachable)


def test_keys_while_an_answer_is_awaited_ask_for_nothing_and_say_what_is_waited_for():
    async def run():
        gate = asyncio.Event()
        game = FakeGame(first(SEEN), WON, gate=gate)
        app = SiegeApp(game, "somewhere")
        async with app.run_test() as pilot:
            game.waits_for = "for other players"
            async with asyncio.timeout(10):
                while "Waiting for other players" not in screen(app):
                    await pilot.pause(0.01)
            gate.set()
            await settled(app, pilot)
            gate.clear()
            await pilot.press("3", "3", "4", "h", "r", "n")
            assert [asked[0] for asked in game.asked] == ["register", "step"]
            gate.set()
            await settled(app, pilot)
            assert app.table.is_over

    asyncio.run(run())


def test_seat_that_goes_while_the_player_thinks_is_said_once():
    async def scenario(app, game, pilot):
        game.needs_seat = True
        async with asyncio.timeout(20):
            while "the connection to the hub is lost (r takes a new seat" not in app.notice:
                await pilot.pause(0.05)
        await pilot.type("r")
        assert game.asked[-1] == ("register",)

    play(scenario, first(SEEN), first())


@pytest.mark.parametrize("focused", ["list", "filter"])
def test_ctrl_c_gives_the_seat_up_and_ends_with_130(focused):
    async def scenario(app, game, pilot):
        if focused == "filter":
            await pilot.type("slash")
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert game.asked[-1] == ("leave",)

    assert play(scenario, first()).return_code == 130


def test_stop_gives_the_seat_up_and_ends():
    stops = []

    async def scenario(app, game, pilot):
        assert len(game.asked) == 1
        stops.append(True)
        async with asyncio.timeout(20):
            while game.asked[-1] != ("leave",):
                await pilot.pause(0.05)

    assert play(scenario, first(), stop=lambda: bool(stops)).return_code == 0


def test_quit_gives_the_seat_up():
    async def scenario(app, game, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert game.asked[-1] == ("leave",)

    play(scenario, first())
