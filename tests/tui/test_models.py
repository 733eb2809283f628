"""What is shown, without a terminal: the menu of moves, the network, the record, the table."""

import pytest

from netsiege.game import (
    IP,
    Action,
    ActionType,
    AgentRole,
    Data,
    GameState,
    Network,
    Service,
    generate_valid_actions,
)
from netsiege.tui.hosts import ELSEWHERE, networks_of
from netsiege.tui.moves import Menu, matching, menu_of
from netsiege.tui.record import Record
from netsiege.tui.table import Table
from tests.tui.games import (
    CLIENTS,
    EXPLOIT,
    HOME,
    SECRET,
    SEEN,
    SERVER,
    SERVERS,
    SSH,
    START,
    TAKEN,
    first,
    told,
)


def every_move(menu):
    """All moves that the menu leads to, by every way through it."""
    for option in menu.options():
        chosen = menu.choose(option)
        if isinstance(chosen, Menu):
            yield from every_move(chosen)
        else:
            yield chosen


def rich_state():
    hosts = [IP(f"10.0.{n}.{m}") for n in range(3) for m in range(1, 5)]
    return GameState(
        controlled_hosts=hosts[::3],
        known_hosts=hosts,
        known_networks=[Network(f"10.0.{n}.0", 24) for n in range(3)],
        known_services={h: {SSH, Service("http", "passive", "1", False)} for h in hosts[1::2]},
        known_data={h: {SECRET, Data("User2", h.ip)} for h in hosts[::3]},
        known_blocks={hosts[0]: {hosts[3], hosts[4]}},
    )


@pytest.mark.parametrize("role", [AgentRole.Attacker, AgentRole.Defender])
@pytest.mark.parametrize("state", [GameState(), START, SEEN, TAKEN, rich_state()])
def test_menu_of_any_state_leads_to_each_valid_action_once_and_a_pass(state, role):
    moves = list(every_move(menu_of(state, role)))
    valid = list(generate_valid_actions(state, include_blocks=role is AgentRole.Defender))
    assert moves == [*valid, None]


@pytest.mark.parametrize("state", [GameState(), START, SEEN, TAKEN, rich_state()])
def test_menu_where_the_match_has_responses_offers_them_to_their_roles_only(state):
    for role in AgentRole:
        moves = list(every_move(menu_of(state, role, True)))
        blocks = role is AgentRole.Defender
        assert moves == [*generate_valid_actions(state, blocks, True, role), None]
        isolations = [move for move in moves if move is not None and move.type is ActionType.IsolateHost]
        assert bool(isolations) == (blocks and bool(state.controlled_hosts))


def test_menu_asks_which_host_to_respond_on():
    menu = menu_of(rich_state(), AgentRole.Defender, has_responses=True)
    [isolate] = matching(menu.options(), "IsolateHost")
    assert isolate.label.endswith(": cut off from all")
    menu = menu.choose(isolate)
    assert menu.question == "from which host?"
    assert menu.choose(menu.options()[0]).question == "on which host?"


def test_menu_of_an_attacker_offers_no_blocks():
    labels = [option.label for option in menu_of(TAKEN, AgentRole.Attacker).options()]
    assert not any(label.startswith("BlockIP") for label in labels)
    assert any(option.label.startswith("BlockIP") for option in menu_of(TAKEN, AgentRole.Defender).options())


def test_menu_asks_type_source_target_and_third_and_skips_what_has_one_answer():
    menu = menu_of(rich_state(), AgentRole.Attacker)
    asked = []
    [exploit] = matching(menu.options(), "exploit")
    while isinstance(menu, Menu):
        asked.append(menu.question)
        menu = menu.choose(exploit if len(asked) == 1 else menu.options()[0])
    assert asked == ["What will you do?", "from which host?", "on which host?", "which service?"]
    assert isinstance(menu, Action)
    [alone] = matching(menu_of(SEEN, AgentRole.Attacker).options(), "Exploit")
    assert menu_of(SEEN, AgentRole.Attacker).choose(alone) == EXPLOIT


def test_menu_of_a_network_of_thousands_reads_few_of_its_actions():
    hosts = [IP(f"10.{a}.{b}.1") for a in range(40) for b in range(50)]
    state = GameState(controlled_hosts=hosts, known_hosts=hosts, known_networks=[Network("10.0.0.0", 8)])
    menu = menu_of(state, AgentRole.Defender)
    assert menu.last > 8_000_000_000
    [block] = matching(menu.options(), "blockip")
    menu = menu.choose(block)
    assert len(menu.options()) == 2_000
    [one] = matching(menu.options(), "10.39.49.1")
    assert menu.choose(one).question == "on which host?"


def test_words_find_labels_that_hold_all_of_them_in_either_case():
    options = menu_of(SEEN, AgentRole.Attacker).options()
    assert [o.label.split()[0] for o in matching(options, "FINDs serv")] == ["FindServices"]
    assert matching(options, "no such thing") == []
    assert matching(options, "") == options


def test_networks_show_what_is_new_and_how_each_host_stands():
    clients, servers = networks_of(TAKEN, SEEN)
    [home], [server] = clients.hosts, servers.hosts
    assert (home.marks, home.words, home.is_new, home.has_news) == ("◆", "controlled", False, False)
    assert (server.marks, server.is_new, server.has_news) == ("◆", True, True)
    assert [(line.text, line.is_new) for line in server.lines] == [
        ("service ssh 9.2", False),
        ("data User1/Secret", True),
    ]
    assert not any(host.has_news for network in networks_of(TAKEN, None) for host in network.hosts)


def test_blocked_hosts_are_marked_beside_what_they_are():
    state = GameState(
        controlled_hosts={HOME}, known_hosts={HOME, SERVER}, known_blocks={HOME: {SERVER, IP("9.9.9.9")}}
    )
    [network] = networks_of(state, None)
    assert network.name == ELSEWHERE
    marks = {host.address: (host.marks, host.words) for host in network.hosts}
    assert marks == {
        "9.9.9.9": ("○✖", "known, blocked"),
        "10.0.0.1": ("◆", "controlled"),
        "10.0.1.2": ("○✖", "known, blocked"),
    }


def test_host_of_nested_networks_is_shown_in_the_smallest():
    outer, inner = Network("10.0.0.0", 8), Network("10.0.1.0", 28)
    state = GameState(known_hosts={SERVER, IP("10.0.1.200")}, known_networks={outer, inner})
    assert {n.name: [h.address for h in n.hosts] for n in networks_of(state, None)} == {
        "10.0.0.0/8": ["10.0.1.200"],
        "10.0.1.0/28": ["10.0.1.2"],
    }


def test_log_that_has_grown_is_news():
    states = [GameState(known_data={HOME: [Data("system", "log", content=text)]}) for text in ("a", "ab")]
    [network] = networks_of(states[1], states[0])
    assert [line.is_new for line in network.hosts[0].lines] == [True]


def test_names_of_others_cannot_act_on_the_terminal():
    evil = GameState(
        known_services={HOME: {Service("\x1b[2J", "x", "\u202e1")}},
        known_data={HOME: {Data("a\nb", "[red]")}},
    )
    [network] = networks_of(evil, None)
    assert all(line.text.isprintable() for line in network.hosts[0].lines)
    table = Table(AgentRole.Attacker, "a\x1b]0;b")
    table.begin(first(), AgentRole.Attacker, None, "goal\x07", None, 0.0)
    assert (table.headline + table.goal + table.status(0.0)).isprintable()


def test_record_is_stepped_through_between_its_start_and_its_last_turn():
    record = Record(first())
    record.note(None, told(SEEN, -1))
    record.note(EXPLOIT, told(TAKEN, 99, "AgentStatus.Success"))
    assert (record.place, record.total, record.is_live) == (2, 98, True)
    record.look(-3)
    assert (record.place, record.total, record.before) == (0, 0, None)
    assert record.looked_at.state == START
    record.look(1)
    assert (record.looked_at.state, record.before, record.total) == (SEEN, START, -1)
    record.look(9)
    assert record.is_live


def test_table_tells_steps_reward_clock_changes_and_the_end():
    table = Table(AgentRole.Attacker, "somewhere", move_limit_s=60.0)
    table.begin(first(), AgentRole.Attacker, 20, "Take it", 7, 100.0)
    assert table.can_move
    assert table.history == ["0. start (seed 7)"]
    table.moved(None, told(SEEN), 130.0)
    assert "1 host: 10.0.1.2" in table.changes
    assert table.status(165.0) == ("Attacker · steps 1/20 · reward -1 · move 0:35 of 1:00 · episode 1: 1:05")
    table.moved(EXPLOIT, told(TAKEN, 99, "AgentStatus.Success"), 170.0)
    assert not table.can_move
    assert (table.menu, table.wins) == (None, 1)
    assert table.headline == "Won: the goal is reached (+98 in 2 steps) · somewhere"
    assert table.status(999.0).endswith("episode 1: 1:10")
    assert table.history[2].startswith("2. ExploitService ssh 9.2 on 10.0.1.2 from 10.0.0.1 (+99): ")
    table.look(1)
    assert table.headline.startswith("Looking back: after step 1 of 2")
    assert [n.name for n in table.networks] == [str(CLIENTS), str(SERVERS)]


@pytest.mark.parametrize(
    ("reason", "said"),
    [("AgentStatus.Fail", "Lost"), ("AgentStatus.TimeoutReached", "no steps are left"), (None, "Over")],
)
def test_table_says_how_an_episode_ended(reason, said):
    table = Table(AgentRole.Attacker, "x")
    table.begin(first(), AgentRole.Attacker, 20, "", None, 0.0)
    observation = told(SEEN, -10, "x") if reason is None else told(SEEN, -10, reason)
    table.moved(None, observation, 1.0)
    assert said in table.headline
