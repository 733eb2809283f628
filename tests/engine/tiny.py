"""The smallest network that has everything, and a table at which a match is played by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netsiege.engine.game import Game
from netsiege.engine.replies import Output
from netsiege.engine.tables import Tables, compile_spec
from netsiege.game import IP, Action, ActionType, Data, GameState, Network, Observation, Service
from netsiege.protocol import (
    HUB_SEAT,
    Cause,
    Code,
    End,
    Error,
    Flag,
    Held,
    Kind,
    Reset,
    Result,
    SeatSpec,
    Wait,
)
from netsiege.protocol.play import Seated, Seen, action_body, read_observation
from netsiege.scenarios.model import (
    DataItem,
    Host,
    Rewards,
    RoleTask,
    Rule,
    ServiceItem,
    Spec,
    Task,
    Topology,
    View,
)

SERVER, CLIENT, OUTSIDE = "192.168.1.2", "192.168.2.2", "213.47.23.195"
ROUTER_1, ROUTER_2 = "192.168.1.1", "192.168.2.1"
NOWHERE = "10.9.8.7"

SMB = ServiceItem(
    "microsoft-ds",
    "passive",
    "10.0.19041",
    data=(
        DataItem("User1", "DataFromServer1", size=5, content="five!"),
        DataItem("User2", "Data2FromServer1"),
        DataItem("User1", "Data3FromServer1"),
    ),
)
REMOTE = ServiceItem("ms-wbt-server", "passive", "10.0.19041")
LOGIN = ServiceItem("windows login", "passive", "10.0.19041", local=True)
SHELL = ServiceItem("powershell", "passive", "10.0.19041", local=True)
BASH = ServiceItem("bash", "passive", "5.0.0", local=True)
LISTENER = ServiceItem("listener", "passive", "1.0.0")

TOPOLOGY = Topology(
    name="tiny",
    networks=("192.168.1.0/24", "192.168.2.0/24", "213.47.23.192/26"),
    hosts=(
        Host("smb_server", (SERVER,), (SMB, REMOTE, LOGIN, SHELL)),
        Host("client_1", (CLIENT,), (REMOTE, SHELL), start=2),
        Host("outside_node", (OUTSIDE,), (BASH, LISTENER)),
        Host("router1", (ROUTER_1, ROUTER_2), is_router=True),
    ),
    rules=(
        Rule("192.168.1.0/24", "192.168.1.1/32"),
        Rule("192.168.2.0/24", "192.168.2.1/32"),
        Rule("192.168.2.2/32", "192.168.1.2/32"),
    ),
)

LOOT = DataItem("User1", "DataFromServer1")
ATTACKER = RoleTask(
    "Attacker",
    start=View(controlled_hosts=(OUTSIDE, "random")),
    goal=View(known_data=((OUTSIDE, (LOOT,)),)),
    goal_description="bring the data out",
    max_steps=20,
)
DEFENDER = RoleTask("Defender", start=View(controlled_hosts=("all_local",)))
BENIGN = RoleTask("Benign", start=View(controlled_hosts=("random",)))
REWARDS = Rewards(step=-1, success=100, fail=-10, false_positive=-5)


def make_task(**changes: Any) -> Task:
    """A task for all three roles, with changes."""
    fields: dict[str, Any] = {
        "name": "task",
        "scenario": "tiny",
        "roles": (ATTACKER, DEFENDER, BENIGN),
        "rewards": REWARDS,
    }
    return Task(**{**fields, **changes})


def make_tables(topology: Topology = TOPOLOGY, **changes: Any) -> Tables:
    return compile_spec(Spec(topology, make_task(**changes)).to_bytes())


def make_seats(*roles: str, deltas: bool = True) -> list[SeatSpec]:
    """One seat for each role, indices counted per role."""
    return [
        SeatSpec(role, roles[:i].count(role), f"{role.lower()}-{i}", deltas) for i, role in enumerate(roles)
    ]


# --- actions ----------------------------------------------------------------------------------------------


def scan(source: str, network: str) -> Action:
    return Action(
        ActionType.ScanNetwork, {"source_host": IP(source), "target_network": Network.from_text(network)}
    )


def find_services(source: str, target: str) -> Action:
    return Action(ActionType.FindServices, {"source_host": IP(source), "target_host": IP(target)})


def find_data(source: str, target: str) -> Action:
    return Action(ActionType.FindData, {"source_host": IP(source), "target_host": IP(target)})


def as_service(item: ServiceItem) -> Service:
    return Service(item.name, item.type, item.version, item.local)


def as_data(item: DataItem) -> Data:
    return Data(item.owner, item.id, item.size, item.type, item.content)


def exploit(source: str, target: str, item: ServiceItem) -> Action:
    return Action(
        ActionType.ExploitService,
        {"source_host": IP(source), "target_host": IP(target), "target_service": as_service(item)},
    )


def exfiltrate(source: str, target: str, item: DataItem | Data) -> Action:
    datum = item if isinstance(item, Data) else as_data(item)
    return Action(
        ActionType.ExfiltrateData, {"source_host": IP(source), "target_host": IP(target), "data": datum}
    )


def block(source: str, target: str, blocked: str) -> Action:
    return Action(
        ActionType.BlockIP,
        {"source_host": IP(source), "target_host": IP(target), "blocked_host": IP(blocked)},
    )


def respond(kind: ActionType, source: str, target: str) -> Action:
    return Action(kind, {"source_host": IP(source), "target_host": IP(target)})


def patch(source: str, target: str, item: ServiceItem) -> Action:
    return Action(
        ActionType.PatchService,
        {"source_host": IP(source), "target_host": IP(target), "target_service": as_service(item)},
    )


WINNING = (
    scan(CLIENT, "192.168.1.0/24"),
    find_services(CLIENT, SERVER),
    exploit(CLIENT, SERVER, SMB),
    find_data(SERVER, SERVER),
    exfiltrate(SERVER, OUTSIDE, LOOT),
)


# --- a table to play at -----------------------------------------------------------------------------------


class Told:
    """One output, read as its receiver would."""

    def __init__(self, output: Output, observation: Observation | None, seen: Seen) -> None:
        self.seat, self.kind, flags, self.request, self.body = output
        self.flags = Flag(flags)
        self.observation = observation
        self.seen = seen

    def __repr__(self) -> str:
        return f"{Kind(self.kind).name}({self.seat}, {self.request}, {self.flags!r})"

    @property
    def error(self) -> Code:
        assert self.kind == Kind.ERROR
        return Code(Error.decode(self.body).code)

    @property
    def end(self) -> Cause:
        assert self.kind == Kind.END
        return Cause(End.decode(self.body).cause)

    @property
    def held(self) -> Held:
        assert self.kind == Kind.WAIT
        return Held(Wait.decode(self.body).reason)

    @property
    def result(self) -> Result:
        assert self.kind == Kind.RESULT
        assert self.seat == HUB_SEAT
        return Result.decode(self.body)

    @property
    def obs(self) -> Observation:
        assert self.observation is not None
        return self.observation


class Table:
    """A game with its seats' agents: numbers requests and keeps the states that the replies amount to."""

    def __init__(self, tables: Tables, seats: Sequence[SeatSpec], episodes: int | None = None, seed: int = 7):
        self.tables = tables
        self.game = Game(tables, 1, seed, seats, episodes)
        self.states: dict[int, GameState] = {}
        self.last_request = 0
        self.seated = [Seated.decode(body) for _, _, _, _, body in self.game.open()]
        for i, seated in enumerate(self.seated):
            observation, _ = read_observation(seated.observation, None)
            self.states[i] = observation.state

    def tell(self, seat: int, kind: Kind, body: bytes, request: int | None = None) -> list[Told]:
        if request is None:
            self.last_request += 1
            request = self.last_request
        return self.read(self.game.handle(seat, kind, request, body))

    def read(self, outputs: Sequence[Output]) -> list[Told]:
        told = []
        for output in outputs:
            observation, seen = None, Seen.NONE
            if output[1] == Kind.OBS:
                observation, seen = read_observation(output[4], self.states[output[0]])
                self.states[output[0]] = observation.state
            told.append(Told(output, observation, seen))
        return told

    def step(self, seat: int, action: Action | None) -> list[Told]:
        return self.tell(seat, Kind.STEP, action_body(action))

    def reset(self, seat: int, **fields: Any) -> list[Told]:
        return self.tell(seat, Kind.RESET, Reset(**fields).encode())

    def leave(self, seat: int, lost: bool = False) -> list[Told]:
        return self.tell(seat, Kind.LEAVE, b"\x01" if lost else b"", 0 if lost else None)

    def timeout(self, seat: int) -> list[Told]:
        return self.tell(seat, Kind.TIMEOUT, b"", 0)


def by_seat(told: Sequence[Told]) -> dict[int, Told]:
    """The outputs by seat, when each seat has at most one."""
    found = {each.seat: each for each in told}
    assert len(found) == len(told), told
    return found
