"""The reference defenders: what they make of logs, and what that does to attackers and to users."""

import json

import attrs
import pytest

from netsiege.agents.attackers.scripted_attacker import ScriptedAttacker
from netsiege.agents.benign.random_benign import RandomBenign
from netsiege.agents.defenders.logs import entries_of
from netsiege.agents.defenders.random_defender import RandomDefender
from netsiege.agents.defenders.scripted_defender import ScriptedDefender
from netsiege.agents.defenders.stochastic_defender import StochasticDefender
from netsiege.agents.local_match import LocalMatch
from netsiege.engine.tables import compile_spec
from netsiege.errors import ConfigError
from netsiege.game import IP, ActionType, AgentRole, Data, GameState, Network, Observation
from netsiege.options import play_setup
from netsiege.scenarios.bundled import task_names
from netsiege.scenarios.model import Rewards
from netsiege.session import Seat

A, B, C, D, E = (IP(f"10.0.0.{i}") for i in range(1, 6))
SAFE = Data("user", "payroll")


def log(*entries):
    lines = [{"source_host": str(source), "action_type": f"ActionType.{kind}"} for source, kind in entries]
    content = json.dumps(lines) if lines else ""
    return Data("system", "logfile", len(content), "log", content)


def seen(data, blocks=(), controlled=(A, B, C, D, E)):
    state = GameState(
        controlled_hosts=controlled,
        known_hosts=controlled,
        known_data=data,
        known_blocks=dict(blocks),
        known_networks=[Network("10.0.0.0", 24)],
    )
    return Observation(state, 0, False)


def defender(cls, **parameters):
    return cls(role=AgentRole.Defender, **parameters)


def blocked_pair(action):
    if action is None or action.type is not ActionType.BlockIP:
        return None
    assert action.parameters["source_host"] == action.parameters["target_host"]
    return action.parameters["target_host"], action.parameters["blocked_host"]


def all_blocks(agent, data):
    """The pairs that it blocks, in order, if each block works and nothing else happens."""
    blocks, pairs = {}, []
    while pair := blocked_pair(agent.choose_action(seen(data, blocks))):
        assert pair not in pairs
        pairs.append(pair)
        for here, there in (pair, pair[::-1]):
            blocks.setdefault(here, set()).add(there)
    return pairs


def played(agent_class, seeds, task="two_networks", **parameters):
    """Share of won episodes, and false positives per 100 benign moves, against the scripted attacker."""
    named = None if agent_class else "none"
    spec, entrants, _ = play_setup(None, task, None, named, 1)
    # nothing but false positives is rewarded, so that a defender's return is their number
    spec = attrs.evolve(spec, task=attrs.evolve(spec.task, rewards=Rewards(false_positive=1)))
    tables = compile_spec(spec.to_bytes())
    made = {
        AgentRole.Attacker: lambda: ScriptedAttacker(role="Attacker"),
        AgentRole.Defender: lambda: defender(agent_class, **parameters),
        AgentRole.Benign: lambda: RandomBenign(role="Benign"),
    }
    wins = false_positives = moves = 0
    for seed in seeds:
        match = LocalMatch(tables, [made[entrant.role]() for entrant in entrants], seed)
        result = match.play_episode()
        wins += result.winner == "Attacker"
        moves += result.steps[-1]
        false_positives += sum(result.returns)
    return wins / len(seeds), 100 * false_positives / moves


# --- logs -------------------------------------------------------------------------------------------------


def test_log_of_a_host_is_read_in_order():
    data = {A: [log((B, "ScanNetwork"), (C, "FindData")), SAFE]}
    entries = entries_of(seen(data).state, A)
    assert [(e.host, e.source, e.kind) for e in entries] == [
        (A, B, ActionType.ScanNetwork),
        (A, C, ActionType.FindData),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "7",
        "{}",
        "[7, null]",
        '[{"source_host": "10.0.0.2"}]',
        '[{"source_host": 3, "action_type": 4}]',
        "[" * 9999,
    ],
)
def test_log_that_is_none_has_no_entries(content):
    assert entries_of(seen({A: [Data("system", "logfile", 1, "log", content)]}).state, A) == ()


# --- the scripted defender --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ScanNetwork", "ExploitService"])
def test_scripted_defender_who_sees_an_attack_blocks_its_source_where_data_are(kind):
    data = {A: [log((E, kind))], B: [log(), SAFE], C: [log()], D: [log()]}
    assert blocked_pair(defender(ScriptedDefender).choose_action(seen(data)))[0] == B
    pairs = all_blocks(defender(ScriptedDefender), {**data, E: [log()]})
    assert (B, E) in pairs
    assert {host for host, _ in pairs} == {B}


def test_scripted_defender_who_sees_an_exploit_blocks_its_target_too_before_it_looks_on():
    exploited = {A: [log((E, "ExploitService"))], B: [log(), SAFE]}
    assert all_blocks(defender(ScriptedDefender), exploited) == [(B, A), (B, E)]


def test_scripted_defender_never_cuts_a_way_in_use_by_a_user():
    data = {
        A: [log((E, "ScanNetwork"))],
        B: [log((C, "ExfiltrateData")), SAFE],
        C: [log()],
        D: [log()],
        E: [log()],
    }
    pairs = all_blocks(defender(ScriptedDefender), data)
    assert pairs[0] == (B, E)
    assert (B, C) not in pairs
    assert (B, D) in pairs


def briefed_defender(goal, **parameters):
    agent = defender(ScriptedDefender, **parameters)
    agent.seated(Seat(1, 1, AgentRole.Defender, 0, 7, 1, 100, goal, seen({})))
    return agent


def test_scripted_defender_cuts_addresses_of_its_goal_off_from_data_first_and_from_intruders_last():
    goal = (
        "Block all machines of the attackers at 203.0.113.9; keep 10.0.0.2 safe. Version 1.2.3.999 is none."
    )
    data = {A: [log((E, "ScanNetwork"))], B: [log(), SAFE], C: [log()], D: [log()], E: [log()]}
    outside = IP("203.0.113.9")
    pairs = all_blocks(briefed_defender(goal), data)
    assert pairs == [(host, outside) for host in (B, A, C, D, E)]
    assert outside not in {other for _, other in all_blocks(briefed_defender(goal, briefed=False), data)}


def test_scripted_defender_who_sees_only_users_blocks_nobody():
    busy = [(C, "FindServices"), (C, "FindData"), (C, "ExfiltrateData")] * 5
    data = {A: [log(*busy), SAFE], B: [log(*busy), SAFE], C: [log(*busy)], D: [log()], E: [log()]}
    assert defender(ScriptedDefender).choose_action(seen(data)) is None


def test_scripted_defender_tells_a_sweep_from_a_user_of_three_hosts():
    asked = log((E, "FindServices"))
    three = {A: [asked, SAFE], B: [asked], C: [asked], D: [log()], E: [log()]}
    assert defender(ScriptedDefender).choose_action(seen(three)) is None
    four = {**three, D: [asked]}
    assert blocked_pair(defender(ScriptedDefender).choose_action(seen(four))) == (A, E)


def test_scripted_defender_looks_once_into_every_host_and_forgets_with_the_state():
    agent, data, looks = defender(ScriptedDefender), {}, []
    while (action := agent.choose_action(seen(data))) is not None:
        assert action.type is ActionType.FindData
        looks.append(action.parameters["target_host"])
        data[looks[-1]] = [log()]
    assert looks == [A, B, C, D, E]
    assert agent.choose_action(seen({})).parameters["target_host"] == A


@pytest.mark.parametrize("cls", [ScriptedDefender, StochasticDefender])
def test_defender_without_hosts_passes(cls):
    for epsilon in (0.0, 1.0):
        assert defender(cls, epsilon=epsilon).choose_action(seen({}, controlled=())) is None


@pytest.mark.parametrize("cls", [ScriptedDefender, StochasticDefender])
def test_defender_with_an_epsilon_that_is_none_is_refused(cls):
    with pytest.raises(ConfigError, match="epsilon"):
        defender(cls, epsilon=1.5)


@pytest.mark.parametrize("cls", [ScriptedDefender, StochasticDefender])
def test_defender_with_an_epsilon_of_one_moves_at_random_and_equally_from_equal_seeds(cls):
    quiet = {host: [log()] for host in (A, B, C, D, E)}  # a reason to pass
    twins = [defender(cls, epsilon=1.0) for _ in range(2)]
    moves = [[agent.choose_action(seen(quiet)) for _ in range(60)] for agent in twins]
    assert moves[0] == moves[1]
    kinds = [move.type for move in moves[0]]
    assert 15 <= kinds.count(ActionType.BlockIP) <= 45
    assert len(kinds) == kinds.count(ActionType.BlockIP) + kinds.count(ActionType.FindData)


def test_random_defender_neither_halves_the_wins_nor_spares_all_users():
    wins, false_positives = played(RandomDefender, range(30))
    assert wins > 0.5
    assert false_positives > 0


def test_scripted_defender_halves_the_wins_at_two_false_positives_in_a_hundred_benign_moves():
    alone, _ = played(None, range(8))
    for briefed in (True, False):
        wins, false_positives = played(ScriptedDefender, range(8), briefed=briefed)
        assert wins <= alone / 2
        assert false_positives <= 2
    assert alone == 1


@pytest.mark.parametrize("task", task_names())
def test_scripted_defender_that_is_briefed_keeps_the_scripted_attacker_from_every_bundled_goal(task):
    assert played(None, range(4), task)[0] == 1
    assert played(ScriptedDefender, range(12), task) == (0, 0)


# --- the stochastic defender ------------------------------------------------------------------------------


def convicts(entries, **parameters):
    """Whether C is blocked for these kinds of action at A."""
    data = {A: [log(*((C, kind) for kind in entries))], B: [log()], C: [log()], D: [log()], E: [log()]}
    agent = defender(StochasticDefender, **{"severity": 1000, **parameters})
    pair = blocked_pair(agent.choose_action(seen(data)))
    assert pair in (None, (A, C))
    return pair is not None


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # a share: two of five reach every threshold but that of searches for data
        ("BlockIP BlockIP BlockIP ScanNetwork ScanNetwork", True),
        ("BlockIP BlockIP BlockIP BlockIP ScanNetwork", False),
        ("BlockIP ScanNetwork BlockIP BlockIP ScanNetwork", True),
        ("BlockIP FindServices BlockIP BlockIP FindServices", True),
        ("BlockIP BlockIP BlockIP BlockIP FindServices", False),
        ("BlockIP BlockIP BlockIP BlockIP ExploitService", False),
        ("BlockIP BlockIP BlockIP BlockIP ExfiltrateData", False),
        ("BlockIP BlockIP BlockIP BlockIP FindData", False),
        # the same, twice ever: the first is out of the window
        ("FindData BlockIP BlockIP BlockIP BlockIP BlockIP FindData", True),
        ("ExploitService BlockIP BlockIP BlockIP BlockIP BlockIP ExploitService", True),
        ("ScanNetwork BlockIP BlockIP BlockIP BlockIP BlockIP ScanNetwork", False),
        # not before the fifth entry; blocks never
        ("ScanNetwork ScanNetwork ScanNetwork ScanNetwork", False),
        ("BlockIP BlockIP BlockIP BlockIP BlockIP", False),
    ],
)
def test_stochastic_defender_suspects_by_the_figures_of_netsecgame(entries, expected):
    assert convicts(entries.split()) is expected


def test_stochastic_defender_suspects_by_runs_where_shares_are_small():
    entries = ["BlockIP"] * 8 + ["ScanNetwork"] * 2
    assert convicts(entries, window=10)
    assert not convicts([*entries[:8], "ScanNetwork", "BlockIP", "ScanNetwork"], window=11)


def test_stochastic_defender_with_more_tolerance_suspects_less():
    entries = ["BlockIP", "ScanNetwork", "BlockIP", "BlockIP", "ScanNetwork"]
    assert convicts(entries)
    assert not convicts(entries, tolerance=2)


@pytest.mark.parametrize(("kind", "probability"), [("ExploitService", 0.1), ("ExfiltrateData", 0.025)])
def test_stochastic_defender_convicts_as_often_as_netsecgame_detects(kind, probability):
    agent, convictions = defender(StochasticDefender), 0
    data = {
        A: [log(*([(C, "BlockIP")] * 3 + [(C, kind)] * 2))],
        B: [log()],
        C: [log()],
        D: [log()],
        E: [log()],
    }
    for _ in range(4000):
        agent.choose_action(seen({}))  # less is known than before: another episode
        convictions += agent.choose_action(seen(data)) is not None
    assert convictions / 4000 == pytest.approx(probability, abs=4 * (probability / 4000) ** 0.5)


def test_stochastic_defender_rolls_its_dice_once_an_entry():
    data = {A: [log(*[(C, "ScanNetwork")] * 5)], B: [log()], C: [log()], D: [log()], E: [log()]}
    agent = defender(StochasticDefender)
    agent.choose_action(seen(data))
    before = agent.rng.getstate()
    assert all(agent.choose_action(seen(data)) is None for _ in range(50))
    assert agent.rng.getstate() == before


def test_stochastic_defender_reads_every_log_once_in_a_random_order():
    orders = set()
    agent = defender(StochasticDefender)
    for _ in range(10):
        data, looks = {}, []
        while (action := agent.choose_action(seen(data))) is not None:
            looks.append(action.parameters["target_host"])
            data[looks[-1]] = [log()]
        assert sorted(looks) == [A, B, C, D, E]
        orders.add(tuple(looks))
    assert len(orders) > 1


def test_stochastic_defender_does_not_blame_a_host_for_what_it_does_to_itself():
    data = {A: [log(*[(A, "ScanNetwork")] * 9)], B: [log()], C: [log()], D: [log()], E: [log()]}
    assert defender(StochasticDefender, severity=1000).choose_action(seen(data)) is None
