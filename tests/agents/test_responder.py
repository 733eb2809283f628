"""The defender that answers alerts: what it makes of them, and what that costs attackers and users."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.agents.attackers import ScriptedAttacker
from netsiege.agents.base import BaseAgent
from netsiege.agents.benign import OfficeBenign
from netsiege.agents.defenders import Responder, ScriptedDefender
from netsiege.agents.defenders.moves import respond
from netsiege.agents.defenders.responder import FORGOTTEN
from netsiege.agents.local_match import LocalMatch
from netsiege.engine.tables import Tables, compile_spec
from netsiege.game import IP, Action, ActionType, AgentRole, Data, GameState, Network, Observation, Service
from netsiege.game.action import RESPONSES, action_types
from netsiege.options import play_setup
from netsiege.scenarios.model import NETSECGAME, SIEGE
from netsiege.session import Seat
from tests.lengths import lasting

A, B, C = HOSTS = tuple(IP(f"10.0.0.{i}") for i in (1, 2, 3))
OUTSIDE = IP("203.0.113.9")
SSH, SHELL = Service("ssh", "passive", "8.1.0", False), Service("bash", "passive", "5.0.0", True)
SAFE = Data("user", "payroll")
LOG = Data("system", "logfile", 0, "log", "")
SOAKED = lasting(40, 80)
"""Episodes."""
KINDS = {kind for kind, _ in RESPONSES}
RESTORE, ISOLATE = ActionType.RestoreHost, ActionType.IsolateHost


def seen(*alerts: tuple[str, IP, IP | None], first: bool = False, **known: Any) -> Observation:
    """What a defender of the three hosts is told that has read all logs."""
    data = known.pop("data", {host: {LOG} for host in HOSTS})
    state = GameState(
        controlled_hosts=HOSTS,
        known_hosts=HOSTS,
        known_networks=[Network("10.0.0.0", 24)],
        known_data=data,
        **known,
    )
    told = [
        {
            "move": 1,
            "source_host": str(source),
            "target_host": target and str(target),
            "action_type": f"ActionType.{kind}",
        }
        for kind, source, target in alerts
    ]
    return Observation(state, -1, False, {"alerts": told} | ({"max_steps": None} if first else {}))


ALLEGED = ["ScanNetwork", "FindServices", "FindData", "ExploitService", "ExfiltrateData"]


def guard(ruleset: str = SIEGE, goal: str = "", **parameters: Any) -> Responder:
    made = Responder(role=AgentRole.Defender, **parameters)
    actions = tuple(map(str, action_types(ruleset)))
    made.seated(
        Seat(1, 1, AgentRole.Defender, 0, 0, None, None, goal, seen(), ruleset=ruleset, actions=actions)
    )
    return made


def moves(agent: Responder, count: int, **known: Any) -> list[tuple[ActionType, IP]]:
    """Its next moves, if nothing happens."""
    made = [agent.choose_action(seen(**known)) for _ in range(count)]
    return [(action.type, action.parameters["target_host"]) for action in made if action is not None]


# --- what it makes of alerts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alerts",
    [
        [("ScanNetwork", A, None)],
        [("ExploitService", A, B)],
        [("FindServices", A, B), ("FindServices", A, C)],
        [("FindData", A, A), ("FindServices", A, C), ("ExfiltrateData", A, OUTSIDE)],
    ],
)
def test_host_is_restored_after_one_alert_that_no_user_raises_or_several_others(alerts: list[Any]) -> None:
    assert guard().choose_action(seen(*alerts)) == respond(RESTORE, A)


@pytest.mark.parametrize("alert", [("FindServices", A, B), ("FindData", A, A), ("ExfiltrateData", A, B)])
def test_single_alert_that_a_user_may_raise_is_let_be(alert: Any) -> None:
    action = guard().choose_action(seen(alert))
    assert action is None or action.type is ActionType.DeployDecoy


def test_alerts_that_lie_far_apart_do_not_add_up() -> None:
    agent = guard()
    apart = 1
    while FORGOTTEN**apart > 0.5:
        apart += 1
    agent.choose_action(seen(("FindServices", A, B)))
    assert all(kind is ActionType.DeployDecoy for kind, _ in moves(agent, apart))
    assert agent.choose_action(seen(("FindServices", A, C))) is None


def test_exploits_alone_never_make_their_target_a_suspect() -> None:
    agent = guard()
    agent.choose_action(seen(*[("ExploitService", OUTSIDE, A)] * 9))
    assert not {(RESTORE, A), (ISOLATE, A)} & {*moves(agent, 20)}


def test_exploited_host_that_is_seen_to_act_is_restored() -> None:
    agent = guard()
    agent.choose_action(seen(("ExploitService", OUTSIDE, A)))
    assert agent.choose_action(seen(("FindServices", A, B))) == respond(RESTORE, A)


def test_stranger_is_cut_off_from_all_hosts_and_nothing_else_is_done_about_it() -> None:
    agent, blocks = guard(), {}
    observation = seen(("ScanNetwork", OUTSIDE, None))
    for _ in HOSTS:
        action = agent.choose_action(observation)
        assert action is not None
        assert (action.type, action.parameters["blocked_host"]) == (ActionType.BlockIP, OUTSIDE)
        blocks[action.parameters["target_host"]] = {OUTSIDE}
        observation = seen(known_blocks=blocks)
    assert blocks.keys() == {*HOSTS}


def test_exploited_host_is_mended_when_nobody_is_left_to_be_thrown_out() -> None:
    agent = guard()
    services = {B: {SSH, SHELL}}
    assert agent.choose_action(seen(("ExploitService", A, B), known_services=services)) == respond(RESTORE, A)
    assert moves(agent, 2, known_services=services) == [
        (ActionType.PatchService, B),
        (ActionType.ResetCredentials, B),
    ]
    # a second time there is nothing left to mend
    agent.choose_action(seen(("ExploitService", OUTSIDE, B), known_services=services))
    assert not [
        kind for kind, _ in moves(agent, 9, known_services=services) if kind is ActionType.PatchService
    ]


def test_services_of_an_exploited_host_are_looked_up_and_one_with_data_is_hardened() -> None:
    agent = guard()
    data = {A: {LOG}, B: {LOG, SAFE}, C: {LOG}}
    agent.choose_action(seen(("ExploitService", A, B), data=data))
    assert moves(agent, 1, data=data) == [(ActionType.HardenHost, B)]
    later = moves(agent, 12, data=data)
    assert (ActionType.FindServices, B) in later
    assert not [kind for kind, _ in later if kind is ActionType.HardenHost]


def test_host_that_is_taken_again_stays_alone_until_it_is_patched() -> None:
    agent, services = guard(), {A: {SSH, SHELL}}
    alert = ("ScanNetwork", A, None)
    assert agent.choose_action(seen(alert, known_services=services)) == respond(RESTORE, A)
    assert agent.choose_action(seen(alert, known_services=services)) == respond(ISOLATE, A)
    assert moves(agent, 2, known_services=services) == [(ActionType.PatchService, A), (RESTORE, A)]
    assert agent.choose_action(seen(alert, known_services=services)) == respond(RESTORE, A)


def test_hosts_with_data_get_decoys_first_and_each_host_one() -> None:
    agent = guard()
    data = {A: {LOG}, B: {LOG, SAFE}, C: {LOG}}
    assert moves(agent, 9, data=data) == [(ActionType.DeployDecoy, host) for host in (B, A, C)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(ALLEGED),
                st.sampled_from([*HOSTS, OUTSIDE]),
                st.sampled_from(HOSTS),
            ),
            max_size=3,
        ),
        max_size=25,
    )
)
def test_whatever_is_alleged_isolated_hosts_come_back(alerts: list[list[Any]]) -> None:
    agent, services = guard(), {host: {SSH} for host in HOSTS}
    away: set[IP] = set()
    quiet: list[list[Any]] = [[]] * 12
    for each in [*alerts, *quiet]:
        action = agent.choose_action(seen(*each, known_services=services))
        if action is not None and action.type in (ISOLATE, RESTORE):
            host = action.parameters["target_host"]
            (away.add if action.type is ISOLATE else away.discard)(host)
            assert host in HOSTS
    assert not away


def test_another_episode_begins_without_suspicion() -> None:
    agent = guard()
    agent.choose_action(seen(("FindServices", A, B)))
    action = agent.choose_action(seen(("FindServices", A, B), first=True))
    assert action is None or action.type is ActionType.DeployDecoy


def test_without_responses_it_plays_like_the_scripted_defender() -> None:
    tables = _tables(NETSECGAME)
    for seed in range(2):
        assert _results(tables, Responder, seed) == _results(tables, ScriptedDefender, seed)


def test_without_responses_it_asks_for_none() -> None:
    action = guard(NETSECGAME).choose_action(seen(("ScanNetwork", A, None)))
    assert action is None or action.type not in KINDS


# --- what that comes to -------------------------------------------------------------------------------------


class Isolator(BaseAgent):
    """Isolates every host at once."""

    plays = (AgentRole.Defender,)

    def episode_started(self, observation: Observation) -> None:
        self.left = sorted(observation.state.controlled_hosts)

    def choose_action(self, observation: Observation) -> Action | None:
        return respond(ISOLATE, self.left.pop()) if self.left else None


@frozen
class Score:
    """Sums over episodes."""

    wins: int
    users_failed: int
    hosts_lost: int


def _tables(ruleset: str) -> Tables:
    spec, _, _ = play_setup(None, "two_networks", None, None, 1, ruleset)
    return compile_spec(spec.to_bytes())


def _players(cls: type[BaseAgent], **parameters: Any) -> list[BaseAgent]:
    users = OfficeBenign(role="Benign", busy=1.0, think_moves=0.0)
    return [ScriptedAttacker(role="Attacker"), cls(role="Defender", **parameters), users]


def _results(tables: Tables, cls: type[BaseAgent], seed: int) -> object:
    return LocalMatch(tables, _players(cls), seed).play_episode()


def score(cls: type[BaseAgent], episodes: int, **parameters: Any) -> Score:
    tables, wins, failed, lost = _tables(SIEGE), 0, 0, 0
    for seed in range(episodes):
        players = _players(cls, **parameters)
        wins += LocalMatch(tables, players, seed).play_episode().winner != "Attacker"
        told = players[1].seat
        assert told is not None
        failed += told.observation.info["scores"]["users_failed"]
        lost += told.observation.info["scores"]["hosts_lost"]
    return Score(wins, failed, lost)


def test_responder_stops_attackers_that_logs_alone_do_not_and_spares_users() -> None:
    mine, scripted = score(Responder, 6, briefed=False), score(ScriptedDefender, 6, briefed=False)
    assert mine.wins > scripted.wins
    assert mine.hosts_lost < scripted.hosts_lost
    assert mine.users_failed < score(Isolator, 6).users_failed / 3


@pytest.mark.soak
@pytest.mark.parametrize("briefed", [True, False])
def test_responder_is_clearly_better_over_many_episodes(briefed: bool) -> None:
    mine, scripted = (score(cls, SOAKED, briefed=briefed) for cls in (Responder, ScriptedDefender))
    assert mine.wins >= (1 if briefed else 0.9) * SOAKED
    assert mine.hosts_lost < scripted.hosts_lost / 4
    assert briefed or mine.wins > scripted.wins + 0.2 * SOAKED
    assert mine.users_failed < score(Isolator, SOAKED).users_failed / 5
