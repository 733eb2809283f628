"""Seeds, hashes and names: what is in no message to a seat, and what a seat could make of what is."""

import hashlib
import random
from collections import Counter, defaultdict

import attrs
import pytest

from netsiege.engine import streams
from netsiege.engine.game import Game
from netsiege.engine.streams import derive
from netsiege.engine.tables import compile_spec
from netsiege.protocol import HUB_SEAT, Error, Kind, Reset, SeatSpec
from netsiege.protocol.play import Seated, read_observation
from netsiege.scenarios.model import DataItem, Host, RoleTask, ServiceItem, View
from tests.engine.hidden import ATTACK, DEFEND, OFFICE, OUTSIDE, SHELL, WORK, office
from tests.engine.secrecy import ROLES, some_body
from tests.engine.tiny import Table, make_seats

CANARY = "canary"
FULL_OF_CANARIES = attrs.evolve(
    OFFICE,
    name=f"{CANARY}-topology",
    description=f"{CANARY} description",
    hosts=(
        *(attrs.evolve(host, name=f"{CANARY}-{host.name}") for host in OFFICE.hosts),
        Host(f"{CANARY}-vault", ("213.47.23.250",), (ServiceItem(f"{CANARY}-vault", local=True),)),
        Host(
            "shelf",
            ("213.47.23.251",),
            (ServiceItem("shelf", data=(DataItem(CANARY, CANARY, content=CANARY),)),),
        ),
    ),
)
"""Names that no rule reveals to anybody, and a host that shows but is never controlled."""


MATCH_SEED = 0xC0FFEE0DDBA115ED
SEATS = [
    SeatSpec("Attacker", 0, "one", True),
    SeatSpec("Attacker", 1, "two", False),
    SeatSpec("Defender", 0, "three", True),
    SeatSpec("Benign", 0, "four", False),
]
EXPLORE = RoleTask(
    "Attacker", ATTACK.start, View(known_data=((OUTSIDE, ("random",)),)), "explore as an attacker", 9
)


def hidden_numbers(game, seat):
    """The numbers from which something is drawn that the seat may not know."""
    seeds = [derive(MATCH_SEED, f"seat/{other.role}/{other.index}") for other in SEATS if other is not seat]
    return [MATCH_SEED, *(derive(MATCH_SEED, f"episode/{n}") for n in range(game.number + 2)), *seeds]


EPISODES = 3


def play_episodes(pacing="realtime"):
    """A match in which everything is drawn that can be; what each seat is told, and the game."""
    tasks = ((DEFEND, "watch as a defender"), (WORK, "toil as a benign user"))
    roles = (EXPLORE, *(attrs.evolve(task, goal_description=text) for task, text in tasks))
    spec = office(
        roles=roles, pacing=pacing, use_global_defender=True, save_trajectories=True, name=f"{CANARY}-task"
    )
    spec = attrs.evolve(spec, topology=FULL_OF_CANARIES)
    game = Game(compile_spec(spec.to_bytes()), 1, MATCH_SEED, SEATS, None)
    luck, told, states = random.Random(1), defaultdict(list), {}

    def hear(outputs):
        for seat, kind, _, _, body in outputs:
            told[seat].append((kind, body))
            if kind == Kind.SEATED:
                states[seat] = read_observation(Seated.decode(body).observation, None)[0].state
            elif kind == Kind.OBS and seat != HUB_SEAT:
                states[seat] = read_observation(body, states[seat])[0].state

    hear(game.open())
    for _ in range(EPISODES):
        for turn in range(12):
            for seat in range(len(SEATS)):
                hear(game.handle(seat, Kind.STEP, turn + 1, some_body(luck, states[seat])))
        for seat in range(len(SEATS)):
            hear(game.handle(seat, Kind.RESET, 99, Reset(True).encode()))
            told[seat].append((Kind.RESUMED, game.view(seat)))
    for seat in range(len(SEATS)):
        hear(game.handle(seat, Kind.LEAVE, 100, b""))
    return game, told


@pytest.mark.parametrize("pacing", ["realtime", "rounds"])
def test_what_no_rule_reveals_is_in_no_message_to_a_seat(pacing):
    game, told = play_episodes(pacing)
    assert CANARY.encode() in game.base.spec.to_bytes()
    for i, seat in enumerate(SEATS):
        kinds = {kind for kind, _ in told[i]}
        assert kinds <= {Kind.SEATED, Kind.OBS, Kind.WAIT, Kind.END, Kind.ERROR, Kind.RESUMED}
        everything = b"".join(body for _, body in told[i])
        forms = [form for n in hidden_numbers(game, seat) for form in (str(n).encode(), n.to_bytes(8, "big"))]
        names = [f"\xa3{other.name}".encode("latin1") for other in SEATS if other is not seat]
        tasks = [role.goal_description for role in game.base.spec.task.roles if role.role != seat.role]
        for secret in (*forms, *names, *(task.encode() for task in tasks), CANARY.encode()):
            assert secret not in everything, (seat, secret)
        assert seat.name.encode() in everything, "its own trajectory has its own name"


def test_results_and_kept_trajectories_go_to_the_hub_alone():
    _, told = play_episodes()
    kinds = Counter(kind for kind, _ in told[HUB_SEAT])
    played = EPISODES + 1
    assert kinds == {Kind.RESULT: played, Kind.TRAJECTORY: played * len(SEATS)}


def test_no_hidden_draw_has_the_seed_that_a_seat_is_told_for_its_key(monkeypatch):
    """All that is drawn is `SHA-256(key/name)`; what a seat is told is one such value, and the key of none.

    To know a draw that is not its own, a seat would have to find the key, the match's seed, from this value.
    """
    asked = defaultdict(set)

    def sha256(text):
        key, _, name = text.decode().partition("/")
        asked[int(key)].add(name)
        return hashlib.sha256(text)

    monkeypatch.setattr(streams, "_SHA256", sha256)
    _, told = play_episodes()
    assert derive(1, "a") == int.from_bytes(hashlib.sha256(b"1/a").digest()[:8], "big")
    del asked[1]
    own = [Seated.decode(told[i][0][1]).seed for i in range(len(SEATS))]
    episodes = {f"episode/{n}" for n in range(EPISODES + 1)}
    seats = {f"seat/{seat.role}/{seat.index}" for seat in SEATS}
    assert asked[MATCH_SEED] == episodes | seats
    assert own == [derive(MATCH_SEED, f"seat/{seat.role}/{seat.index}") for seat in SEATS]
    assert asked.keys() == {MATCH_SEED, *(derive(MATCH_SEED, name) for name in episodes)}
    assert not asked.keys() & set(own)
    drawn = {name.rpartition("/")[0] for key, names in asked.items() if key != MATCH_SEED for name in names}
    whose = Counter(name.partition("/")[2] for name in drawn)
    assert whose.keys() <= {f"{seat.role}/{seat.index}" for seat in SEATS}, "a stream belongs to one seat"
    assert {name.partition("/")[0] for name in drawn} == {"start", "goal", "detector"}


def test_configuration_hash_is_of_the_scenario_and_the_task_and_of_nothing_else():
    spec = office(use_dynamic_addresses=True)
    expected = hashlib.sha256(spec.to_bytes()).hexdigest()
    hashes = set()
    for seed in range(5):
        table = Table(compile_spec(spec.to_bytes()), make_seats(*ROLES), seed=seed)
        hashes |= {seated.configuration_hash for seated in table.seated}
        for seat in range(3):
            replies = table.reset(seat, randomize_topology=True, seed=seed)
        hashes |= {told.obs.info["configuration_hash"] for told in replies if told.observation}
        assert table.game.addresses == seed
    assert hashes == {expected}, "the addresses that were drawn do not show in it"


def test_hidden_part_of_a_configuration_shows_in_seated_by_its_hash_alone():
    """Which is a way to confirm a guess at everything that is in a scenario: see SECURITY.md."""
    seated = []
    for content in ("one", "two"):
        shell = attrs.evolve(SHELL, data=(DataItem("User3", "Notes", content=content),))
        hosts = (*OFFICE.hosts, Host("vault", ("213.47.23.250",), (shell,)))
        spec = attrs.evolve(office(), topology=attrs.evolve(OFFICE, hosts=hosts))
        table = Table(compile_spec(spec.to_bytes()), make_seats(*ROLES))
        seated.append([attrs.evolve(told, configuration_hash="") for told in table.seated])
        seated.append({told.configuration_hash for told in table.seated})
    assert seated[0] == seated[2]
    assert len(seated[1] | seated[3]) == 2


def test_refused_reset_tells_what_was_asked_for_first_and_not_by_whom():
    """All seats have to agree, so whoever disagrees is told on what."""
    said = []
    for first in (0, 1):
        table = Table(compile_spec(office().to_bytes()), make_seats("Attacker", "Attacker", "Defender"))
        table.reset(first, seed=5)
        (refused,) = table.reset(2, seed=6)
        said.append(refused.body)
        (refused,) = table.reset(2, randomize_topology=True)
        said.append(refused.body)
    assert said[:2] == said[2:]
    assert Error.decode(said[0]).text == "another seat has asked for seed 5, not 6"
    assert Error.decode(said[1]).text == "another seat has asked with randomize_topology False"
