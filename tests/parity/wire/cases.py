"""What is compared: tasks, and what agents say there. A case talks to a `Session` that it is given."""

import json
import random

from attrs import frozen

from tests.parity.sequences import SCENARIOS
from tests.parity.wire.sessions import Chooser, join, play_alone, play_together, reset
from tests.parity.wire.tasks import OUTSIDE, task

SEED = 7
MENDED, WHITEBOX = "--mended", "--whitebox"
FIND_DATA = {
    "action_type": "ActionType.FindData",
    "parameters": {"source_host": {"ip": "192.168.2.2"}, "target_host": {"ip": "192.168.2.2"}},
}
BLOCK = {
    "action_type": "ActionType.BlockIP",
    "parameters": {
        "source_host": {"ip": "192.168.2.2"},
        "target_host": {"ip": "192.168.2.2"},
        "blocked_host": {"ip": "192.168.1.2"},
    },
}
FIND_SERVICES = {
    "action_type": "ActionType.FindServices",
    "parameters": {"source_host": {"ip": "192.168.2.2"}, "target_host": {"ip": "192.168.1.2"}},
}


@frozen
class Case:
    """A task and a talk. `kind` is for the original's side: see `serve.py`; `options` are for the gateway."""

    name: str
    task: str
    talk: object
    kind: str = ""
    options: tuple = ()


def state_of(reply):
    return reply["observation"]["state"]


def end_reason(reply):
    return reply["observation"]["info"].get("end_reason")


# --- one attacker -----------------------------------------------------------------------------------------


def alone(seeds):
    """An attacker plays at random until its time is up, asks on, begins again and goes for the data."""

    def talk(session):
        state = state_of(session.join(("a", "Attacker"))["a"])
        for seed in seeds:
            chooser = Chooser(seed, "Attacker")
            last = play_alone(session, "a", chooser.random, state)
            assert end_reason(last) in ("AgentStatus.TimeoutReached", "AgentStatus.Success")
            for _ in range(2):
                assert session.ask("a", FIND_DATA)["status"] == "GameStatus.FORBIDDEN"
            again = session.reset("a", seed=seed, trajectory=True)["a"]
            last = play_alone(session, "a", chooser.greedy, state_of(again))
            assert end_reason(last) == "AgentStatus.Success"
            session.ask("a", chooser.random(state_of(last)))
            state = state_of(session.reset("a", seed=seed + 1)["a"])
            state = state_of(session.ask("a", chooser.random(state)))
            state = state_of(session.reset("a", seed=seed + 2, trajectory=True)["a"])

    return talk


def rivals(session):
    """Two attackers, of whom one is done first, and the reset that both must ask for."""
    states = {
        name: state_of(reply) for name, reply in session.join(("a", "Attacker"), ("b", "Attacker")).items()
    }
    for seed in (SEED, SEED + 1):
        one, other = Chooser(seed, "Attacker"), Chooser(seed + 10, "Attacker")
        play_together(session, {"a": one.greedy, "b": other.random}, states, random.Random(seed))
        for name in ("a", "b"):
            assert session.ask(name, FIND_DATA)["status"] == "GameStatus.FORBIDDEN"
        states = {
            name: state_of(reply)
            for name, reply in session.reset("b", "a", seed=seed, trajectory=True).items()
        }


def action(kind, source, **parameters):
    return {
        "action_type": f"ActionType.{kind}",
        "parameters": {"source_host": {"ip": source}, **parameters},
    }


INSIDE, SERVER = "192.168.2.2", "192.168.1.2"
SMB = {"name": "microsoft-ds", "type": "passive", "version": "10.0.19041", "is_local": False}
PRIZE = {"owner": "User1", "id": "DataFromServer1", "size": 0, "type": "", "content": ""}
WINNING = (
    action("ScanNetwork", INSIDE, target_network={"ip": "192.168.1.0", "mask": 24}),
    action("FindServices", INSIDE, target_host={"ip": SERVER}),
    action("ExploitService", INSIDE, target_host={"ip": SERVER}, target_service=SMB),
    action("FindData", SERVER, target_host={"ip": SERVER}),
    action("ExfiltrateData", SERVER, target_host={"ip": OUTSIDE}, data=PRIZE),
)


def last_step(session):
    """Who reaches the goal with the last step has won, and has not run out of time."""
    session.join(("a", "Attacker"))
    replies = [session.ask("a", each)["observation"] for each in WINNING]
    assert [reply["reward"] for reply in replies] == [-1, -1, -1, -1, 99]
    assert replies[-1]["info"] == {"end_reason": "AgentStatus.Success"}
    told = session.reset("a", seed=1, trajectory=True)["a"]["message"]["last_trajectory"]
    assert len(told["trajectory"]["states"]) == len(WINNING) + 1


def patience(session):
    """A reset that waits for another who plays on meanwhile; and one after a win that waits for the other."""
    session.join(("a", "Attacker"), ("b", "Attacker"))
    session.ask("a", FIND_DATA)
    session.send("a", reset(seed=1))
    assert session.still("a")
    for each in WINNING[:3]:
        assert not session.ask("b", each)["observation"]["end"]
    assert session.still("a")
    assert session.ask("b", reset(seed=1, trajectory=True))["status"] == "GameStatus.RESET_DONE"
    assert session.take("a")["status"] == "GameStatus.RESET_DONE"
    for each in WINNING[:-1]:
        session.ask("a", each)
    session.send("a", WINNING[-1])
    assert session.still("a")
    assert not session.ask("b", FIND_DATA)["observation"]["end"]
    assert session.still("a")


def desertion(session):
    """Who has ended and waits for another gets its end when that one hangs up."""
    session.join(("a", "Attacker"), ("b", "Attacker"))
    session.ask("b", FIND_DATA)
    for _ in range(2):
        session.ask("a", FIND_SERVICES)
    session.send("a", FIND_SERVICES)
    assert session.still("a")
    session.close("b")
    assert end_reason(session.take("a")) == "AgentStatus.TimeoutReached"
    assert session.ask("a", FIND_DATA)["status"] == "GameStatus.FORBIDDEN"


def detection(session):
    """An attacker repeats itself until the global defender has it: each side draws for itself when."""
    session.join(("a", "Attacker"))
    while not session.ask("a", FIND_SERVICES)["observation"]["end"]:
        pass


# --- defenders and benign users ---------------------------------------------------------------------------


def against(*others, seeds, plans):
    """An attacker against others of these roles, who act at random; then all begin again."""

    def talk(session):
        seats = [(role.lower(), role) for role in others] + [("attacker", "Attacker")]
        states = {name: state_of(reply) for name, reply in session.join(*seats).items()}
        for seed in seeds:
            for plan in plans:
                choosers = {name: Chooser(f"{seed}{plan}", role).random for name, role in seats}
                choosers["attacker"] = getattr(Chooser(seed, "Attacker"), plan)
                play_together(session, choosers, states, random.Random(f"{seed}{plan}"))
                for name, _ in seats:
                    assert session.ask(name, FIND_DATA)["status"] == "GameStatus.FORBIDDEN"
                told = session.reset(*[name for name, _ in seats], seed=seed, trajectory=True)
                states = {name: state_of(reply) for name, reply in told.items()}

    return talk


def false_positives(session):
    """A defender blocks, a benign user runs into the block, the attacker runs out of time."""
    session.join(("d", "Defender"), ("u", "Benign"), ("a", "Attacker"))
    session.ask("d", BLOCK)
    for _ in range(3):
        session.ask("u", FIND_SERVICES)
    for _ in range(2):
        session.ask("a", FIND_DATA)
    session.send("a", FIND_DATA)
    assert session.still("a")
    session.send("d", FIND_DATA)
    assert session.still("d")
    assert session.ask("u", FIND_DATA)["observation"]["info"] == {}
    assert session.take("d")["observation"]["reward"] == 84
    assert end_reason(session.take("a")) == "AgentStatus.TimeoutReached"


# --- manners ----------------------------------------------------------------------------------------------

MALFORMED = (
    '{"action_type": "ActionType.ScanNetwork", ',
    "no JSON at all",
    "[1, 2, 3]",
    '"ActionType.QuitGame"',
    "{}",
    '{"action_type": "ActionType.FindData"}',
    '{"parameters": {}}',
    '{"action_type": "ActionType.Teleport", "parameters": {"source_host": {"ip": "192.168.2.2"}}}',
    '{"action_type": "ActionType.FindData", "parameters": {"source_host": {"ip": "300.1.1.1"}}}',
    '{"action_type": "ActionType.FindData", "parameters": {"colour": "red"}}',
    '{"action_type": "ActionType.ResetGame", "parameters": {"seed": "seven"}}',
)


def manners(session):
    """Unknown roles, malformed requests, a second JoinGame; and everything goes on after each."""
    session.open("a")
    for role in ("Spectator", "", "AgentRole.King"):
        assert session.text("a", json.dumps(join("a", role)))["status"] == "GameStatus.BAD_REQUEST"
    assert (
        session.text("a", json.dumps(join("The agent, no. 1!", "attacker")))["status"] == "GameStatus.CREATED"
    )
    assert session.ask("a", join("b", "Attacker"))["status"] == "GameStatus.BAD_REQUEST"
    for text in MALFORMED:
        assert session.text("a", text)["status"] == "GameStatus.BAD_REQUEST"
        assert session.ask("a", FIND_DATA)["status"] == "GameStatus.OK"
    assert session.text("a", f"  {json.dumps(FIND_DATA)}\n")["status"] == "GameStatus.OK"
    assert session.text("a", json.dumps(reset("3", trajectory=True)))["status"] == "GameStatus.BAD_REQUEST"
    session.reset("a", seed=3, trajectory=True)


def whitebox(session):
    """All actions, told at the start. The original calls a parameter of blocks by a name that it does not
    read; both names are accepted here, and the readable one is told: `sessions.plain`.
    """
    told = session.join(("a", "Attacker"))["a"]["message"]["all_actions"]
    for each in json.loads(told)[::50]:
        if each["action_type"] != "ActionType.BlockIP":
            session.ask("a", each)


# --- all of them ------------------------------------------------------------------------------------------


def _games(seeds, plans, scenarios):
    """One attacker in each of the scenarios `(name, firewall)`; several seats in the smallest."""
    for scenario, firewall in scenarios:
        name = f"{scenario}-{'fw' if firewall else 'nofw'}"
        yield Case(name, task(scenario, "Attacker", firewall=firewall), alone(seeds))
    for others in (("Defender",), ("Benign",), ("Defender", "Benign")):
        text = task("two_networks_tiny", *others, "Attacker", steps=25)
        talk = against(*others, seeds=seeds, plans=plans)
        yield Case("-".join(("attacker", *others)).lower(), text, talk, MENDED)


def _scenes():
    """What takes a few requests."""
    pair = ("Attacker", "Attacker")
    trio = ("Defender", "Benign", "Attacker")
    yield Case("rivals", task("two_networks", *pair, players=2, steps=12), rivals, MENDED)
    yield Case("false-positives", task("two_networks_tiny", *trio, steps=3), false_positives, MENDED)
    yield Case("patience", task("two_networks_tiny", *pair, players=2), patience, MENDED)
    yield Case("desertion", task("two_networks_tiny", *pair, players=2, steps=3), desertion, MENDED)
    yield Case("last-step", task("two_networks_tiny", "Attacker", steps=len(WINNING)), last_step)
    yield Case("manners", task("two_networks_tiny", "Attacker"), manners)
    yield Case("whitebox", task("two_networks_tiny", "Attacker"), whitebox, WHITEBOX, ("--whitebox",))


DETECTION = Case("detection", task("two_networks_tiny", "Attacker", steps=200, detector=True), detection)
EACH_ONCE = [(name, i % 2 == 0) for i, name in enumerate(SCENARIOS)]
EACH_TWICE = [(name, firewall) for name in SCENARIOS for firewall in (True, False)]
SHORT = (*_games((SEED,), ("greedy", "random"), EACH_ONCE), *_scenes())
LONG = tuple(_games((11, 21), ("greedy", "random"), EACH_TWICE))
