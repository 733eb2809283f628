"""The screen and its keys: what the player asks for goes to the game, what comes back to the table."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Static

from netsiege.engine.words import say_action
from netsiege.errors import HubUnreachable, SiegeError
from netsiege.game import Action, Observation
from netsiege.shown import shown_lines
from netsiege.tui.game import Game
from netsiege.tui.hints import Adviser
from netsiege.tui.hosts import LEGEND
from netsiege.tui.moves import Menu
from netsiege.tui.table import Table
from netsiege.tui.widgets import History, MoveMenu, NetworkMap, NetworkTree

TICK_S: Final = 0.5
"""How often the clock is shown anew."""
STOP_S: Final = 0.1
"""How often it is looked whether to stop."""
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as of any other command."""
SEED_BITS: Final = 32
"""Of a new seed: enough for a person, and short enough to write down."""


class SiegeApp(App[None]):
    """A game for a person. Only new seeds are drawn at random, by `new_seed`; the time comes from `clock`.

    `place` says where is played. What the hub, the scenario and others have named is shown as plain text.
    It leaves as by `q` once `stop` says so; a signal handler that raised would break into the drawing.
    """

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (116, "-wide")]  # noqa: RUF012  # declared by textual, without ClassVar as mypy reads it
    BINDINGS: ClassVar = [
        Binding("h", "hint", "Hint"),
        Binding("a", "take_hint", "Play it"),
        Binding("r", "reset", "Reset"),
        Binding("n", "new_seed", "New seed"),
        Binding("[", "look(-1)", "Back", key_display="["),
        Binding("]", "look(1)", "On", key_display="]"),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("m", "map", "Map"),
        Binding("q", "quit", "Quit"),
        Binding("escape,backspace", "up", "Menu up", show=False),
        Binding("ctrl+c", "interrupt", "Interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        game: Game,
        place: str,
        *,
        move_limit_s: float | None = None,
        warnings: Sequence[str] = (),
        new_seed: Callable[[], int] = lambda: secrets.randbits(SEED_BITS),
        clock: Callable[[], float] = time.monotonic,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self.title = "NetSiege"
        self.table = Table(game.role, place, move_limit_s)
        self.is_busy = False
        self._game = game
        self._new_seed = new_seed
        self._clock = clock
        self._stop = stop
        self._menu: Menu | None = None
        self._adviser: Adviser | None = None
        self._hint: tuple[str, Action | None] | None = None
        self._asked_to_reset = False
        self._leaving = False
        self._failure: SiegeError | None = None
        self._notice = "; ".join(warnings)
        # held here, because the clock ticks on while the screen is taken down
        self._status_bar = Static(id="status", markup=False)
        self._notice_bar = Static(id="notice", markup=False)

    @property
    def failure(self) -> SiegeError | None:
        """Why there has never been a seat; None if there has."""
        return self._failure if self.table.record is None else None

    @property
    def notice(self) -> str:
        """What the player was told last: a hint, an error, what is waited for."""
        return self._notice

    def compose(self) -> ComposeResult:
        """The parts of the screen."""
        yield self._status_bar
        yield Static(id="goal", markup=False)
        with Horizontal(id="board"):
            with Vertical(id="network"):
                yield Static(LEGEND, id="legend", markup=False)
                with Vertical(id="pictures"):
                    yield NetworkTree()
                    yield NetworkMap()
            with Vertical(id="side"):
                yield MoveMenu()
                yield History()
        yield Static(id="headline", markup=False)
        yield Static(id="changes", markup=False)
        yield self._notice_bar
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Takes a seat."""
        self.set_interval(TICK_S, self._tick)
        self.set_interval(STOP_S, self._look_for_stop)
        self.query_one(MoveMenu).focus_list()
        self._ask("taking a seat", self._sit_down())

    # --- what is asked of the game ------------------------------------------------------------------------

    def _ask(self, what: str, asking: Awaitable[None]) -> None:
        """Does one thing at a time with the game; the screen goes on meanwhile."""
        self.is_busy = True
        self._hint, self._asked_to_reset = None, False
        self._say(f"{what} …")
        self.run_worker(self._carry(asking))

    async def _carry(self, asking: Awaitable[None]) -> None:
        try:
            await asking
        except SiegeError as error:
            self._failure = error
            if not self._leaving:
                self._say(self._said_of(error))
        finally:
            self.is_busy = False
        if not self._leaving:
            self._show()

    def _said_of(self, error: SiegeError) -> str:
        advice = "r takes a new seat, q leaves" if self._game.needs_seat else "the game goes on"
        return f"Error: {' '.join(shown_lines(str(error)))} ({advice})"

    async def _sit_down(self) -> None:
        self._begin(await self._game.register(), None)

    async def _start_again(self, seed: int | None) -> None:
        self._begin(await self._game.request_game_reset(seed=seed), seed)

    async def _play(self, action: Action | None) -> None:
        observation = await self._game.make_step(action)
        self.table.moved(action, observation, self._clock())
        self._menu = self.table.menu
        self._say("" if not observation.end else "[ and ] step through the episode, r plays another")

    def _begin(self, observation: Observation, seed: int | None) -> None:
        seat = self._game.seat
        max_steps = seat.max_steps if seat is not None else None
        goal = seat.goal_description if seat is not None else ""
        told = observation.info
        self.table.begin(
            observation,
            self._game.role,
            told.get("max_steps", max_steps),
            str(told.get("goal_description", goal)),
            seed,
            self._clock(),
            seat is not None and seat.has_responses,
        )
        self._menu, self._adviser = self.table.menu, None
        self._say("a new episode" if self.table.episode > 1 else self._notice.removesuffix("taking a seat …"))

    async def _advise(self) -> None:
        record = self.table.record
        assert record is not None
        observation = record.latest
        if self._adviser is None:
            self._adviser = Adviser(self._game.role, self._game.seat, record.start)
        action = await asyncio.to_thread(self._adviser.advise, observation)
        self._hint = (self._adviser.name, action)
        self._say(f"Hint from the {self._adviser.name} agent: {say_action(action)} (a plays it)")

    # --- keys and clicks ----------------------------------------------------------------------------------

    def on_move_menu_chosen(self, event: MoveMenu.Chosen) -> None:
        """The next question, or the move."""
        if self.is_busy or self._menu is None or not self.table.can_move:
            return
        chosen = self._menu.choose(event.option)
        if isinstance(chosen, Menu):
            self._menu = chosen
            self._show_menu()
            return
        self._ask(f"playing {say_action(chosen)}", self._play(chosen))

    def on_history_picked(self, event: History.Picked) -> None:
        """Looks at a turn."""
        self._look(event.place)

    def action_look(self, steps: int) -> None:
        """Looks a step back, or on."""
        if self.table.record is not None:
            self._look(self.table.record.place + steps)

    def _look(self, place: int) -> None:
        self.table.look(place)
        self._show()

    def action_hint(self) -> None:
        """Asks a reference agent; it is asked once a move."""
        if self.is_busy or not self.table.can_move:
            return
        if self._hint is None:
            self._ask("asking for a hint", self._advise())

    def action_take_hint(self) -> None:
        """Plays what was advised."""
        if self.is_busy or self._hint is None or not self.table.can_move:
            return
        action = self._hint[1]
        self._ask(f"playing {say_action(action)}", self._play(action))

    def action_reset(self) -> None:
        """A new episode; in the middle of one only when asked twice."""
        self._reset("r", None)

    def action_new_seed(self) -> None:
        """A new episode of a seed that the player is told."""
        self._reset("n", self._new_seed())

    def _reset(self, key: str, seed: int | None) -> None:
        if self.is_busy:
            return
        if self._game.needs_seat:
            self._ask("taking a seat", self._sit_down())
        elif self.table.is_over or self._asked_to_reset:
            named = "" if seed is None else f" of seed {seed}"
            self._ask(f"asking for a new episode{named}", self._start_again(seed))
        else:
            self._asked_to_reset = True
            self._say(f"The episode is not over: press {key} again to give it up, or make a move")

    def action_find(self) -> None:
        """Finds an answer by typing."""
        if self.table.can_move:
            self.query_one(MoveMenu).find()

    def action_up(self) -> None:
        """Leaves the words to find by, else a question for the first one, else the past for the present.

        The keyboard is for the menu again.
        """
        record = self.table.record
        if record is None or self.query_one(MoveMenu).stop_finding():
            return
        self.query_one(MoveMenu).focus_list()
        if not record.is_live:
            self._look(len(record.turns))
        elif self._menu is not None and self._menu.depth and not self.is_busy:
            self._menu = self.table.first_question(record.latest.state)
            self._show_menu()

    def action_map(self) -> None:
        """The map in place of the tree, or the other way round, where there is no room for both."""
        self.screen.toggle_class("-map")

    async def action_quit(self) -> None:
        """Gives the seat up and ends."""
        await self._leave(0)

    async def action_interrupt(self) -> None:
        """The same by Ctrl-C."""
        await self._leave(INTERRUPTED)

    async def _look_for_stop(self) -> None:
        if self._stop():
            await self._leave(0)

    async def _leave(self, code: int) -> None:
        if self._leaving:
            return
        self._leaving = True
        await self._game.terminate_connection()
        self.exit(return_code=code)

    # --- the screen ---------------------------------------------------------------------------------------

    def _tick(self) -> None:
        self._status_bar.update(Text(self.table.status(self._clock()), no_wrap=True))
        if self.is_busy and self._game.waits_for:
            self._say(f"Waiting {self._game.waits_for} …")
        elif not self.is_busy and self._game.needs_seat:
            self._say_lost()

    def _say_lost(self) -> None:
        """A seat may go while the player thinks: that is said when it is noticed, and once."""
        if self.table.record is None or self._notice.startswith("Error"):
            return
        seat = self._game.seat
        gone = seat.ended if seat is not None else None
        self._say(self._said_of(gone or HubUnreachable("the connection to the hub is lost")))

    def _say(self, text: str) -> None:
        self._notice = text
        bar = self._notice_bar
        bar.update(Text(text))
        bar.set_class(text.startswith("Error"), "error")
        bar.display = bool(text)

    def _show(self) -> None:
        table = self.table
        networks = table.networks
        self.query_one(NetworkTree).show(networks)
        self.query_one(NetworkMap).show(networks)
        place = table.record.place if table.record is not None else 0
        self.query_one(History).show(table.history, place)
        self.query_one("#goal", Static).update(Text(f"Goal: {table.goal}" if table.goal else ""))
        self.query_one("#headline", Static).update(Text(table.headline, no_wrap=True))
        self.query_one("#changes", Static).update(Text(f"Changed: {table.changes}"))
        self._show_menu()
        self._tick()

    def _show_menu(self) -> None:
        menu = self.query_one(MoveMenu)
        if self.table.can_move:
            menu.show(self._menu)
        elif self.table.is_over and self.table.record is not None and self.table.record.is_live:
            menu.show(None, f"{self.table.standing}. r: another episode, [ and ]: step through this one.")
        elif self.table.record is None:
            menu.show(None, "No seat yet.")
        else:
            menu.show(None, "This is the past: Escape comes back.")
