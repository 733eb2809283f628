"""What each rule of siege-1 does, and that without them it is netsecgame."""

from functools import cache

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.game import Game
from netsiege.engine.playback import verify
from netsiege.engine.selfplay import play_randomly
from netsiege.engine.siege_laws import SEEN
from netsiege.errors import RuleError
from netsiege.game import IP, ActionType
from netsiege.protocol import Code, Kind
from netsiege.protocol.play import Seated, read_observation
from netsiege.scenarios.model import (
    NETSECGAME,
    SIEGE,
    DataItem,
    Host,
    SiegeRules,
    Spec,
    View,
    Vulnerability,
)
from netsiege.scenarios.odds import CHANCES
from tests.engine.test_snapshots import EVENTS, SEATS, feed
from tests.engine.tiny import (
    ATTACKER,
    BENIGN,
    CLIENT,
    DEFENDER,
    OUTSIDE,
    REMOTE,
    SERVER,
    SMB,
    TOPOLOGY,
    WINNING,
    Table,
    block,
    by_seat,
    exploit,
    find_data,
    find_services,
    make_seats,
    make_tables,
    make_task,
    patch,
    respond,
    scan,
)

EASY = Vulnerability("CVE-2017-0144", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
HARD = Vulnerability("CVE-2019-0001", "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:H/I:H/A:H")
KEY = DataItem("User2", "key", opens=("smb_server",))
NONE = SiegeRules(*[False] * 7)
SURE = dict.fromkeys(("ScanNetwork", "FindServices", "FindData", "ExploitService", "ExfiltrateData"), 1.0)
NOTE = "ExploitService"
ATTACK, DEFEND, WORK = range(3)


def network(flaws=(EASY,), key=()):
    """The tiny network, the server's SMB with these flaws, and on the client credentials for it."""
    server, client, *others = TOPOLOGY.hosts
    smb, *rest = server.services
    remote, shell = client.services
    server = Host(server.name, server.addresses, (attrs.evolve(smb, vulnerabilities=tuple(flaws)), *rest))
    client = Host(client.name, client.addresses, (attrs.evolve(remote, data=tuple(key)), shell), start=2)
    return attrs.evolve(TOPOLOGY, hosts=(server, client, *others))


def rules(*names, chances=None, **numbers):
    """Only these rules, with certainty where nothing else is said."""
    given = tuple({**SURE, **(chances or {})}.items())
    return attrs.evolve(NONE, chances=given, **dict.fromkeys(names, True), **numbers)


@cache
def compiled(topology, wanted, roles):
    return make_tables(topology, ruleset=SIEGE, rules=wanted, roles=roles)


def table(
    *names, topology=None, roles=("Attacker", "Defender", "Benign"), seed=7, attacker=ATTACKER, **numbers
):
    made = compiled(topology or network(), rules(*names, **numbers), (attacker, DEFENDER, BENIGN))
    return Table(made, make_seats(*roles), seed=seed)


def teaches(at, seat, action):
    """Whether an action changes what its seat knows."""
    before = at.states[seat]
    at.step(seat, action)
    return at.states[seat] != before


def prepare(at):
    """The attacker knows the server and its services."""
    assert teaches(at, ATTACK, scan(CLIENT, "192.168.1.0/24"))
    assert teaches(at, ATTACK, find_services(CLIENT, SERVER))


def conquer(at):
    prepare(at)
    assert teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))


# --- without rules ----------------------------------------------------------------------------------------


@given(st.sampled_from(["realtime", "rounds"]), st.booleans(), EVENTS)
def test_with_all_rules_off_it_is_netsecgame(pacing, detector, events):
    def outputs(ruleset, off):
        made = make_tables(pacing=pacing, use_global_defender=detector, ruleset=ruleset, rules=off)
        game = Game(made, 1, 99, SEATS, 2)
        game.open()
        told = feed(game, list(enumerate(events, 1)))
        digest = made.digest.encode()
        return [[(*each[:4], each[4].replace(digest, b"")) for each in turn] for turn in told]

    assert outputs(SIEGE, NONE) == outputs(NETSECGAME, None)


@pytest.mark.parametrize(
    "names", [(), ("success", "vulnerabilities", "credentials", "sensor", "users", "scores")]
)
def test_responses_are_refused_where_they_are_off(names):
    at = table(*names)
    for action in (respond(ActionType.IsolateHost, SERVER, SERVER), patch(SERVER, SERVER, SMB)):
        [told] = at.step(DEFEND, action)
        assert told.error == Code.BAD_ACTION


@pytest.mark.parametrize("names", [(), ("responses",)])
def test_seat_is_told_which_actions_there_are(names):
    at = table(*names)
    for text in (at.seated[DEFEND].observation, Seated.decode(at.game.view(DEFEND)).observation):
        observation, _ = read_observation(text, None)
        assert ("actions" in observation.info) == (not names)
        if not names:
            assert "ActionType.BlockIP" in observation.info["actions"]
            assert "ActionType.IsolateHost" not in observation.info["actions"]


def test_rules_need_the_ruleset_to_know_what_they_speak_of():
    with pytest.raises(RuleError, match="there is no action 'ScanNet'"):
        make_tables(ruleset=SIEGE, rules=SiegeRules(chances=(("ScanNet", 0.5),)))
    with pytest.raises(RuleError, match="opens 'nowhere', which is no host"):
        make_tables(network(key=[DataItem("a", "b", opens=("nowhere",))]), ruleset=SIEGE)


# --- success ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(WINNING)))
def test_action_without_a_chance_teaches_nothing_and_one_with_certainty_does(number):
    name = WINNING[number].type.value
    at = table("success", chances={name: 0.0})
    for action in WINNING[:number]:
        assert teaches(at, ATTACK, action)
    assert not teaches(at, ATTACK, WINNING[number])


def test_attempt_that_fails_by_chance_is_in_the_log():
    at = table("success", chances={NOTE: 0.0})
    prepare(at)
    assert not teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))
    at.step(DEFEND, find_data(SERVER, SERVER))
    [log] = [d for d in at.states[DEFEND].known_data[IP(SERVER)] if d.id == "logfile"]
    assert NOTE in log.content


def test_chance_is_as_often_as_it_says():
    lucky = sum(
        teaches(table("success", chances={"ScanNetwork": 0.3}, seed=seed), ATTACK, WINNING[0])
        for seed in range(600)
    )
    assert 130 < lucky < 230  # 180 on average; four standard deviations


def test_chances_that_nobody_mentions_are_the_rulesets():
    made = make_tables(network(), ruleset=SIEGE, rules=SiegeRules())
    lucky = 0
    for seed in range(400):
        lucky += teaches(Table(made, make_seats("Attacker"), seed=seed), ATTACK, WINNING[0])
    assert abs(lucky / 400 - CHANCES["ScanNetwork"]) < 0.06


def test_moves_of_one_seat_do_not_shift_the_luck_of_another():
    def lucks(busy):
        at = table("success", chances={"FindServices": 0.5}, roles=("Attacker", "Attacker"))
        found = []
        for _ in range(40):
            if busy:
                at.step(1, find_services(CLIENT, SERVER))
            before = at.states[0]
            at.step(0, find_services(CLIENT, SERVER))
            found.append(at.states[0] != before)
        return found

    assert lucks(busy=True) == lucks(busy=False)


# --- vulnerabilities and credentials ----------------------------------------------------------------------


def test_exploit_needs_a_vulnerability_that_is_not_patched():
    at = table("vulnerabilities", "responses")
    prepare(at)
    assert not teaches(at, ATTACK, exploit(CLIENT, SERVER, REMOTE))
    at.step(DEFEND, find_services(SERVER, SERVER))
    at.step(DEFEND, patch(SERVER, SERVER, SMB))
    for _ in range(10):
        at.step(DEFEND, None)
    assert not teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))
    other = table("responses")
    prepare(other)
    assert teaches(other, ATTACK, exploit(CLIENT, SERVER, REMOTE))


@pytest.mark.parametrize(("flaws", "share"), [([EASY], 1.0), ([HARD], None), ([HARD, EASY], 1.0)])
def test_chance_of_an_exploit_is_that_of_the_worst_vulnerability(flaws, share):
    won = 0
    for seed in range(300):
        at = table("success", "vulnerabilities", topology=network(flaws), seed=seed)
        prepare(at)
        won += teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))
    expected = HARD.cvss.success if share is None else share
    assert abs(won / 300 - expected) <= 4 * (expected * (1 - expected) / 300) ** 0.5


def test_credentials_open_what_has_no_flaw_until_they_are_reset():
    at = table("vulnerabilities", "credentials", "responses", "success", topology=network([], [KEY]))
    prepare(at)
    assert not teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))
    assert teaches(at, ATTACK, find_data(CLIENT, CLIENT))
    at.step(DEFEND, respond(ActionType.ResetCredentials, SERVER, SERVER))
    at.step(DEFEND, None)
    at.step(DEFEND, None)
    assert not teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))
    other = table("vulnerabilities", "credentials", "success", topology=network([], [KEY]))
    prepare(other)
    assert teaches(other, ATTACK, find_data(CLIENT, CLIENT))
    assert teaches(other, ATTACK, exploit(CLIENT, SERVER, REMOTE))


def test_credentials_are_ordinary_data_where_they_are_off():
    at = table("vulnerabilities", topology=network([], [KEY]))
    prepare(at)
    assert teaches(at, ATTACK, find_data(CLIENT, CLIENT))
    assert not teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))


# --- the sensor -------------------------------------------------------------------------------------------


def alerts_of(told):
    return told.obs.info.get("alerts", [])


def test_defenders_hear_each_alert_once_and_nobody_else_any():
    at = table("sensor", false_alerts=1.0)
    heard = []
    for _ in range(5):
        [told] = at.step(ATTACK, None)
        assert "alerts" not in told.obs.info
        [told] = at.step(DEFEND, None)
        heard += alerts_of(told)
    assert [alert["move"] for alert in heard] == list(range(1, 11))
    assert {alert["action_type"] for alert in heard} <= {f"ActionType.{kind}" for kind in SURE}


def test_logs_have_what_the_sensor_saw_and_nothing_else():
    seen = logged = 0
    for seed in range(200):
        at = table("sensor", seed=seed, false_alerts=0.0)
        prepare(at)
        [told] = at.step(DEFEND, find_data(SERVER, SERVER))
        alerts = [alert for alert in alerts_of(told) if alert["target_host"] == SERVER]
        [log] = [d for d in at.states[DEFEND].known_data[IP(SERVER)] if d.id == "logfile"]
        entries = log.content.count("FindServices")
        assert entries == len(alerts)
        assert ("ScanNetwork" in log.content) == (len(alerts_of(told)) > len(alerts))
        seen += len(alerts)
        logged += entries
    assert abs(seen / 200 - SEEN[1]) < 0.15
    assert logged == seen


def test_work_of_users_is_seldom_taken_for_an_attack():
    def seen(role):
        count = 0
        for seed in range(300):
            at = table("sensor", roles=("Attacker", "Defender", role), seed=seed, false_alerts=0.0)
            at.step(2, find_services(CLIENT, SERVER))
            [told] = at.step(1, None)
            count += len(alerts_of(told))
        return count

    assert 0 < seen("Benign") < seen("Attacker") / 4


def test_last_alerts_are_told_again_to_who_comes_back():
    at = table("sensor", false_alerts=1.0)
    [told] = at.step(DEFEND, None)
    again = Game.restore(at.tables, at.game.snapshot())
    assert at.game.view(DEFEND) == again.view(DEFEND)
    assert b"alerts" in again.view(DEFEND)
    assert alerts_of(told)


# --- responses --------------------------------------------------------------------------------------------


def test_isolated_host_cannot_be_reached_nor_reach_until_it_is_restored():
    at = table("responses")
    prepare(at)
    at.step(DEFEND, respond(ActionType.IsolateHost, CLIENT, SERVER))
    assert not teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))
    assert not teaches(at, WORK, find_services(CLIENT, SERVER))
    at.step(DEFEND, respond(ActionType.RestoreHost, CLIENT, SERVER))
    for _ in range(10):
        at.step(DEFEND, None)
    assert teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))


def test_scan_does_not_find_hosts_that_are_away():
    at = table("responses")
    at.step(DEFEND, respond(ActionType.IsolateHost, CLIENT, SERVER))
    at.step(ATTACK, scan(CLIENT, "192.168.1.0/24"))
    assert IP(SERVER) not in at.states[ATTACK].known_hosts


def test_restored_host_is_lost_to_the_attacker_until_it_breaks_in_again():
    at = table("responses")
    conquer(at)
    at.step(DEFEND, respond(ActionType.RestoreHost, CLIENT, SERVER))
    for _ in range(10):
        at.step(DEFEND, None)
    assert IP(SERVER) in at.states[ATTACK].controlled_hosts  # as far as it knows
    assert not teaches(at, ATTACK, find_data(SERVER, SERVER))
    at.step(ATTACK, exploit(CLIENT, SERVER, SMB))
    assert teaches(at, ATTACK, find_data(SERVER, SERVER))


def test_goal_to_control_hosts_counts_those_that_are_held():
    hold = attrs.evolve(ATTACKER, goal=View(controlled_hosts=(SERVER,), known_networks=("10.0.0.0/8",)))
    role = attrs.evolve(hold, start=attrs.evolve(ATTACKER.start, known_networks=("10.0.0.0/8",)))
    at = table("responses", roles=("Attacker", "Defender"), attacker=role)
    prepare(at)
    at.step(DEFEND, respond(ActionType.RestoreHost, CLIENT, SERVER))
    assert at.game.episode.players[ATTACK].end_reason is None
    for _ in range(10):
        at.step(DEFEND, None)
    at.step(ATTACK, exploit(CLIENT, SERVER, SMB))
    assert at.game.episode.players[ATTACK].end_reason == "AgentStatus.Success"


def test_hardened_hosts_and_decoys_make_exploits_fail_more_often():
    def won(*kinds):
        count = alarms = 0
        for seed in range(200):
            at = table("responses", "success", "sensor", seed=seed, false_alerts=0.0)
            prepare(at)
            for kind in kinds:
                at.step(DEFEND, respond(kind, CLIENT, SERVER))
            for _ in range(4):
                at.step(DEFEND, None)
            count += teaches(at, ATTACK, exploit(CLIENT, SERVER, SMB))
            [told] = at.step(DEFEND, None)
            alarms += len(alerts_of(told))
        return count / 200, alarms / 200

    plain, _ = won()
    hardened, quiet = won(ActionType.HardenHost)
    decoyed, loud = won(ActionType.DeployDecoy)
    assert plain == 1.0
    assert abs(hardened - 0.5) < 0.15
    assert abs(decoyed - 0.5) < 0.15
    assert loud > quiet + 0.1


def test_only_defenders_respond():
    at = table("responses")
    conquer(at)
    at.step(ATTACK, respond(ActionType.IsolateHost, SERVER, CLIENT))
    assert teaches(at, ATTACK, find_data(CLIENT, CLIENT))


def test_responses_need_control_of_both_ends():
    at = table("responses")
    at.step(DEFEND, respond(ActionType.IsolateHost, SERVER, OUTSIDE))
    at.step(DEFEND, respond(ActionType.IsolateHost, OUTSIDE, SERVER))
    prepare(at)


# --- users and scores -------------------------------------------------------------------------------------


def outcome(at):
    """Everyone's last observation: the attacker's goal was reached."""
    for action in WINNING[:-1]:
        at.step(ATTACK, action)
    told = at.step(ATTACK, WINNING[-1])
    for seat in range(1, len(at.states)):
        told = at.step(seat, None)
    return {
        seat: each.obs for seat, each in by_seat([each for each in told if each.kind == Kind.OBS]).items()
    }


@pytest.mark.parametrize("counts", [True, False])
def test_failed_work_and_false_positives_cost_the_defender_where_users_count(counts):
    def returns(disturbed):
        at = table("responses", *(["users"] if counts else []), disruption=-3)
        if disturbed:
            at.step(DEFEND, respond(ActionType.IsolateHost, CLIENT, SERVER))
            at.step(WORK, find_services(CLIENT, SERVER))
            at.step(WORK, scan(CLIENT, "192.168.1.0/24"))
            at.step(DEFEND, respond(ActionType.RestoreHost, CLIENT, SERVER))
            for _ in range(10):
                at.step(DEFEND, None)
        outcome(at)
        player = at.game.episode.players[DEFEND]
        return player.returns + player.steps  # each step costs one

    cost = returns(True) - returns(False)
    assert cost == (-3 + 2 * -5 if counts else 0)  # a failure; isolated and restored without a reason


def test_scores_come_with_the_last_observation():
    at = table("responses", "users", "scores")
    at.step(DEFEND, respond(ActionType.IsolateHost, CLIENT, SERVER))
    at.step(DEFEND, respond(ActionType.RestoreHost, CLIENT, SERVER))
    for _ in range(10):
        at.step(DEFEND, None)
    seen = outcome(at)
    scores = seen[ATTACK].info["scores"]
    assert scores == seen[DEFEND].info["scores"] == seen[WORK].info["scores"]
    assert scores["time_to_goal"] == 12 + len(WINNING)
    assert (scores["hosts_lost"], scores["users_failed"], scores["alerts"]) == (1, 0, 0)
    assert 0.5 < scores["availability"] < 1
    assert "scores" not in outcome(table("responses"))[ATTACK].info


# --- replays ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
def test_replay_under_siege_verifies(pacing):
    seats = (("Attacker", 1), ("Defender", 1), ("Benign", 1))
    task = make_task(ruleset=SIEGE, rules=SiegeRules(), pacing=pacing, seats=seats, use_global_defender=True)
    replay = play_randomly(Spec(network(key=[KEY]), task), seed=3, events=400)
    assert verify(replay).same
    assert not verify(attrs.evolve(replay, seed=4)).same


def test_decoy_tells_of_attacks_that_arrive_and_of_nothing_else():
    at = table("responses")
    prepare(at)
    at.step(DEFEND, respond(ActionType.DeployDecoy, CLIENT, SERVER))
    at.step(DEFEND, None)
    at.step(DEFEND, None)
    world = at.game.episode.world
    for _ in range(4):
        at.step(ATTACK, exploit(SERVER, SERVER, SMB))  # from a host that it does not control
        at.step(ATTACK, exploit(CLIENT, SERVER, attrs.evolve(SMB, version="0")))  # which is not there
        at.step(WORK, exploit(OUTSIDE, SERVER, SMB))
    assert world.alarms == 0
    for _ in range(4):
        at.step(ATTACK, exploit(CLIENT, SERVER, SMB))
    assert world.alarms > 0


@pytest.mark.parametrize("seed", range(12))
def test_attack_on_a_decoy_is_told_once(seed):
    at = table("responses", "sensor", seed=seed, false_alerts=0.0)
    prepare(at)
    for _ in range(2):
        at.step(DEFEND, respond(ActionType.DeployDecoy, CLIENT, SERVER))
    at.step(DEFEND, None)
    world = at.game.episode.world
    for _ in range(10):
        before = world.alarms
        at.step(ATTACK, exploit(CLIENT, SERVER, SMB))
        assert world.alarms - before <= 1


def test_any_action_type_fails_as_often_as_the_task_says():
    at = table("success", "responses", chances={"BlockIP": 0.0, "IsolateHost": 0.0})
    at.step(DEFEND, respond(ActionType.IsolateHost, CLIENT, SERVER))
    assert not at.game.episode.world.away
    assert not teaches(at, DEFEND, block(CLIENT, CLIENT, SERVER))


def test_work_that_could_not_have_been_done_anyway_costs_nobody():
    at = table("responses", "users", disruption=-2.0)
    at.step(DEFEND, respond(ActionType.IsolateHost, CLIENT, SERVER))
    at.step(WORK, find_services(SERVER, CLIENT))  # from a host that is not the user's
    assert at.game.episode.world.failures == 0


def test_lost_host_is_no_place_to_block_at_and_shows_what_it_shows_to_others():
    at = table("responses")
    conquer(at)
    at.step(DEFEND, respond(ActionType.RestoreHost, CLIENT, SERVER))
    for _ in range(10):
        at.step(DEFEND, None)
    assert not teaches(at, ATTACK, block(CLIENT, SERVER, OUTSIDE))
    local = {each for each in at.states[ATTACK].known_services.get(IP(SERVER), ()) if each.is_local}
    at.step(ATTACK, find_services(CLIENT, SERVER))
    assert {s for s in at.states[ATTACK].known_services[IP(SERVER)] if s.is_local} == local


def test_host_is_away_for_as_many_moves_as_it_says_and_so_it_is_counted():
    at = table("responses", "scores")
    at.step(DEFEND, respond(ActionType.HardenHost, CLIENT, SERVER))
    world = at.game.episode.world
    for _ in range(6):
        at.step(DEFEND, None)
    hosts = len(world.board.node_of)
    assert world.scores()["availability"] == round(1 - 2 / (world.moves * hosts), 6)


def test_host_that_an_attack_begins_from_is_not_lost_by_being_taken():
    at = table("responses", "scores")
    world = at.game.episode.world
    client = at.tables.board.node_of[[*at.tables.board.texts].index(CLIENT)]
    assert world._infested >> client & 1
    world.conquer(ATTACK, [*at.tables.board.texts].index(CLIENT))
    assert world.scores()["hosts_lost"] == 0
    conquer(at)
    assert world.scores()["hosts_lost"] == 1


def test_false_alerts_could_be_true():
    at = table("sensor", false_alerts=1.0)
    world = at.game.episode.world
    for _ in range(60):
        at.step(DEFEND, None)
    told = [alert for alert in world._alerts if alert[2] >= 0]
    assert told
    assert all(world.reach[source] >> target & 1 for _, source, target, _ in told)
