"""The parts of the screen: the network as a tree and as a map, the menu, the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input, OptionList, Static, Tree
from textual.widgets.option_list import Option as ListOption
from textual.widgets.tree import TreeNode

from netsiege.tui.hosts import NEW, HostView, NetworkView
from netsiege.tui.moves import Menu, Option, matching

NEWS_STYLE: Final = "bold reverse"
LISTED: Final = 400
"""So many options are listed at once; typing finds the others."""
CELL: Final = 19
"""How wide a host is on the map: three signs and the longest address."""


class NetworkTree(Tree[str]):
    """Networks, their hosts and what is known of each. What has been folded stays folded."""

    def __init__(self) -> None:
        super().__init__(Text("network"), id="tree")
        self.border_title = "Network"
        self.show_root = False
        self.guide_depth = 2
        self._folded: set[str] = set()

    def show(self, networks: Sequence[NetworkView]) -> None:
        """Shows these instead of what was there, from the first thing that is new."""
        nodes = [node for branch in self.root.children for node in (branch, *branch.children)]
        self._folded = {n.data for n in nodes if n.data and n.allow_expand and not n.is_expanded}
        self.clear()
        self.root.expand()
        for network in networks:
            label = _news(f"{NEW} " if network.is_new else "", network.is_new)
            label.append(f"{network.name} ({len(network.hosts)})", NEWS_STYLE if network.is_new else "bold")
            branch = self.root.add(label, network.name, expand=network.name not in self._folded)
            for host in network.hosts:
                self._add_host(branch, host)

    def _add_host(self, branch: TreeNode[str], host: HostView) -> None:
        label = _news(f"{NEW} " if host.is_new else "", host.is_new)
        label.append(f"{host.marks} {host.address} {host.words}", NEWS_STYLE if host.is_new else "")
        if not host.lines:
            branch.add_leaf(label, host.address)
            return
        open_ = host.address not in self._folded or host.has_news
        node = branch.add(label, host.address, expand=open_)
        for line in host.lines:
            node.add_leaf(_news(f"{NEW} {line.text}" if line.is_new else line.text, line.is_new))


class NetworkMap(VerticalScroll):
    """Networks as boxes with their hosts as cells."""

    can_focus = True

    def __init__(self) -> None:
        super().__init__(id="map")
        self.border_title = "Map"
        self._networks: Sequence[NetworkView] = ()
        self._picture = Static(markup=False)

    def compose(self) -> ComposeResult:
        """The picture, which may be higher than the screen."""
        yield self._picture

    def show(self, networks: Sequence[NetworkView]) -> None:
        """Draws these instead of what was there."""
        self._networks = networks
        self._draw()

    def on_resize(self) -> None:
        """A wider screen has more hosts in a row."""
        self._draw()

    def _draw(self) -> None:
        width = self.size.width - self.styles.scrollbar_size_vertical
        self._picture.update(draw_map(self._networks, max(CELL + 2, width)))


def draw_map(networks: Sequence[NetworkView], width: int) -> Text:
    """The networks as boxes of `width` columns, each host as a cell with its marks and what is known."""
    picture = Text(no_wrap=True)
    per_row = max(1, (width - 1) // (CELL + 1))
    for network in networks:
        title = f" {f'{NEW} ' if network.is_new else ''}{network.name} "
        picture.append("┌─")
        picture.append(title, NEWS_STYLE if network.is_new else "bold")
        picture.append("─" * (width - 3 - cell_len(title)) + "┐\n")
        for i in range(0, len(network.hosts), per_row):
            row = network.hosts[i : i + per_row]
            for lines in ([_cell_name(h) for h in row], [_cell_facts(h) for h in row]):
                _draw_row(picture, lines, width)
        if not network.hosts:
            _draw_row(picture, [(" no host is known", "")], width)
        picture.append("└" + "─" * (width - 2) + "┘\n")
    return picture


def _draw_row(picture: Text, cells: Sequence[tuple[str, str]], width: int) -> None:
    picture.append("│")
    left = width - 2
    for text, style in cells:
        picture.append(text, style)
        pad = min(CELL + 1, left) - cell_len(text)
        picture.append(" " * pad)
        left -= cell_len(text) + pad
    picture.append(" " * left + "│\n")


def _cell_name(host: HostView) -> tuple[str, str]:
    text = f"{NEW if host.is_new else ' '}{host.marks} {host.address}"
    return text, NEWS_STYLE if host.is_new else ("bold" if host.is_controlled else "")


def _cell_facts(host: HostView) -> tuple[str, str]:
    counts = [(kind, sum(line.text.startswith(f"{kind} ") for line in host.lines)) for kind in _SHORT]
    facts = " ".join(f"{number}{_SHORT[kind]}" for kind, number in counts if number)
    is_new = any(line.is_new for line in host.lines)
    text = f"{NEW if is_new else ' '}  {facts or host.words}"
    return text[:CELL], NEWS_STYLE if is_new else "dim"


_SHORT: Final = {"service": " svc", "data": " data", "blocks": " blk"}


def _news(text: str, is_new: bool) -> Text:
    return Text(text, NEWS_STYLE if is_new else "")


class MoveMenu(Vertical):
    """The menu of moves, by keyboard or mouse: arrows and Enter, digits, or typing after `/` to find."""

    class Chosen(Message):
        """The player has answered a question."""

        def __init__(self, option: Option) -> None:
            self.option = option
            super().__init__()

    BINDINGS: ClassVar = [
        *((str(n), f"nth({n})", "") for n in range(1, 10)),
    ]

    def __init__(self) -> None:
        super().__init__(id="menu")
        self.border_title = "Moves"
        self._options: list[Option] = []
        self._listed: list[Option] = []
        self._question = Static(markup=False, id="question")
        self._filter = Input(placeholder="type to find, Enter takes the first", id="filter", compact=True)
        self._list = OptionList(id="options", markup=False, compact=True)

    def compose(self) -> ComposeResult:
        """The question, the words to find by, the answers."""
        yield self._question
        yield self._filter
        yield self._list

    def on_mount(self) -> None:
        """Words to find by are asked for when they are needed."""
        self._filter.display = False

    def show(self, menu: Menu | None, said: str = "") -> None:
        """Asks the question of a menu; None: says why there is none."""
        self._options = menu.options() if menu is not None else []
        chosen = " · ".join(menu.chosen) if menu is not None else ""
        question = menu.question if menu is not None else said
        self._question.update(Text(f"{chosen}\n{question}" if chosen else question))
        self._filter.value = ""
        self._close_filter()
        self._list_options(self._options)

    def find(self) -> None:
        """Lets the player type."""
        if self._options:
            self._filter.display = True
            self._filter.focus()

    def stop_finding(self) -> bool:
        """Back to all answers; whether there was anything to go back from."""
        if not self._filter.display:
            return False
        self._filter.value = ""
        self._close_filter()
        return True

    def focus_list(self) -> None:
        """The keyboard is for the answers."""
        self._list.focus()

    def action_nth(self, number: int) -> None:
        """Takes the n-th of the listed answers. Keys are keys again, however long the move then takes."""
        if number <= len(self._listed):
            self.post_message(self.Chosen(self._listed[number - 1]))
            self.stop_finding()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Lists what matches the words."""
        event.stop()
        self._list_options(matching(self._options, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the first that matches."""
        event.stop()
        self.action_nth(1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Takes the one that was picked."""
        event.stop()
        self.action_nth(event.option_index + 1)

    def _close_filter(self) -> None:
        had_focus = self._filter.has_focus
        self._filter.display = False
        if had_focus:
            self._list.focus()

    def _list_options(self, options: list[Option]) -> None:
        self._listed = options[:LISTED]
        shown = [
            ListOption(Text(f"{n}. {option.label}" if n < 10 else f"   {option.label}"))
            for n, option in enumerate(self._listed, 1)
        ]
        if len(options) > LISTED:
            shown.append(ListOption(Text(f"and {len(options) - LISTED:,} more: / finds"), disabled=True))
        self._list.set_options(shown)
        self._list.highlighted = 0 if self._listed else None


class History(OptionList):
    """The turns of the episode; picking one looks at it."""

    class Picked(Message):
        """The player wants to look at a turn."""

        def __init__(self, place: int) -> None:
            self.place = place
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="history", markup=False, compact=True)
        self.border_title = "History"

    def show(self, lines: Sequence[str], place: int) -> None:
        """Shows these turns, the one that is looked at among them."""
        self.set_options(
            ListOption(Text(f"{'▶' if n == place else ' '} {line}", no_wrap=True, overflow="ellipsis"))
            for n, line in enumerate(lines)
        )
        if lines:
            self.highlighted = place
            # new lines have no place to scroll to before they are laid out
            self.call_after_refresh(self.scroll_to_highlight)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Looks at it."""
        event.stop()
        self.post_message(self.Picked(event.option_index))
