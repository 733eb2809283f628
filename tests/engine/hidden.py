"""An office network, and others that differ from it in what a seat need not ever see.

Starts and networks with hosts in them stay as they are: a start position is told to its seat, and so are the
networks that it is in.
"""

from __future__ import annotations

import random
from typing import Any

import attrs

from netsiege.game import IP, Action, ActionType, Data, Network, Service
from netsiege.scenarios.model import DataItem, Host, RoleTask, Rule, ServiceItem, Spec, Topology, View
from tests.engine.tiny import LOOT, NOWHERE, REWARDS, make_task

SMB_SERVER, DATABASE, WEB = "192.168.1.2", "192.168.1.3", "192.168.1.4"
CLIENT_1, CLIENT_2, CLIENT_3 = "192.168.2.2", "192.168.2.3", "192.168.2.9"
WORKSHOP, OUTSIDE = "192.168.7.2", "213.47.23.195"
FREE = ("192.168.1.5", "192.168.2.4", "192.168.2.8", "192.168.7.3", "213.47.23.200")

SMB = ServiceItem("smb", "passive", "1.0", data=(LOOT, DataItem("User2", "Report", size=2, content="ab")))
SQL = ServiceItem("sql", "passive", "8.0", data=(DataItem("User2", "Accounts", size=3, content="xyz"),))
HTTP = ServiceItem("http", "active", "2.4")
REMOTE = ServiceItem("remote", "passive", "10.0")
SHELL = ServiceItem("shell", "passive", "5.0", local=True, data=(DataItem("User3", "Notes", content="n"),))
EXTRA = ServiceItem("backup", "active", "3.1", data=(DataItem("root", "Archive", size=1, content="q"),))
SERVICES = (SMB, SQL, HTTP, REMOTE, SHELL, EXTRA)

OFFICE = Topology(
    name="office",
    networks=("192.168.1.0/24", "192.168.2.0/24", "192.168.7.0/24", "213.47.23.192/26"),
    hosts=(
        Host("smb_server", (SMB_SERVER,), (SMB, REMOTE, SHELL)),
        Host("database", (DATABASE,), (SQL, SHELL)),
        Host("web", (WEB,), (HTTP,)),
        Host("client_1", (CLIENT_1,), (REMOTE, SHELL), start=2),
        Host("client_2", (CLIENT_2,), (REMOTE,), start=1),
        Host("client_3", (CLIENT_3,), (SHELL,)),
        Host("workshop", (WORKSHOP,), (HTTP, REMOTE)),
        Host("outside", (OUTSIDE,), (HTTP, SHELL)),
        Host("router", ("192.168.1.1", "192.168.2.1", "192.168.7.1"), is_router=True),
    ),
    rules=(
        Rule("192.168.2.0/24", "192.168.1.2/32"),
        Rule("192.168.2.2/32", "192.168.1.0/24"),
        Rule("192.168.2.3/32", "192.168.7.0/24"),
        Rule("192.168.1.2/32", "192.168.7.2/32"),
    ),
    description="an office",
)

ATTACK = RoleTask(
    "Attacker",
    View(controlled_hosts=(OUTSIDE, "random")),
    View(known_data=((OUTSIDE, (LOOT,)),)),
    f"take it to {OUTSIDE}",
    40,
)
DEFEND = RoleTask("Defender", View(controlled_hosts=(SMB_SERVER, CLIENT_1)), View(), "defend", 30)
HUNT = RoleTask(
    "Defender",
    View(controlled_hosts=(SMB_SERVER, CLIENT_1, CLIENT_2)),
    View(known_blocks=((SMB_SERVER, ("all_attackers",)),)),
    "cut them off",
)
WORK = RoleTask("Benign", View(controlled_hosts=("random", "random")), View(), "work", 25)
TASKS = (
    ATTACK,
    DEFEND,
    HUNT,
    WORK,
    RoleTask("Attacker", View(controlled_hosts=(OUTSIDE, CLIENT_1)), ATTACK.goal, "bring it out", None),
    RoleTask("Attacker", View(controlled_hosts=("random",)), View(known_hosts=(WEB,)), "look", 60),
    RoleTask("Defender", View(controlled_hosts=(CLIENT_1, DATABASE)), View(), "", None),
    RoleTask("Benign", View(controlled_hosts=(CLIENT_2,)), View(known_data=((CLIENT_2, (LOOT,)),)), "", 9),
)
HOME = {SMB_SERVER, CLIENT_1, CLIENT_2, OUTSIDE, DATABASE, WEB}
"""Where views put somebody or something: these hosts exist in every office."""


def office(**changes: Any) -> Spec:
    """A task for all three roles in the office, with changes to it."""
    fields: dict[str, Any] = {"roles": (ATTACK, DEFEND, WORK), "rewards": REWARDS, "scenario": "office"}
    return Spec(OFFICE, make_task(**{**fields, **changes}))


def tasks_of(role: str) -> list[RoleTask]:
    """What a role may have to do."""
    return [task for task in TASKS if task.role == role]


def any_action(rng: random.Random) -> Action:
    """Any action on any of the offices; most of them cannot work."""
    hosts = [*HOME, CLIENT_3, WORKSHOP, *FREE, "192.168.1.1", NOWHERE]
    here, there, third = (IP(rng.choice(sorted(hosts))) for _ in range(3))
    kind = rng.choice(list(TARGETS))
    asked: dict[str, Any] = {"source_host": here, "target_host": there}
    if kind == ActionType.ScanNetwork:
        del asked["target_host"]
    if TARGETS[kind]:
        asked[TARGETS[kind]] = third if TARGETS[kind] == "blocked_host" else _any(rng, kind)
    return Action(kind, asked)


TARGETS = {
    ActionType.ScanNetwork: "target_network",
    ActionType.FindServices: "",
    ActionType.FindData: "",
    ActionType.ExploitService: "target_service",
    ActionType.ExfiltrateData: "data",
    ActionType.BlockIP: "blocked_host",
}
"""The actions of the game, and the parameter of each that is not a source or target host."""


def _any(rng: random.Random, kind: ActionType) -> Network | Service | Data:
    if kind == ActionType.ScanNetwork:
        return Network.from_text(rng.choice((*OFFICE.networks, "192.168.0.0/16", "10.0.0.0/8", "0.0.0.0/0")))
    item = rng.choice(SERVICES)
    if kind == ActionType.ExploitService:
        return Service(item.name, item.type, rng.choice((item.version, "0")), item.local)
    datum = rng.choice([datum for each in SERVICES for datum in each.data])
    log = Data("system", "logfile", 2, "log", "[]")
    return rng.choice(
        (log, Data(datum.owner, datum.id, datum.size, datum.type, rng.choice((datum.content, "f"))))
    )


# --- what may be otherwise --------------------------------------------------------------------------------


class _Draft:
    """A spec that is being changed."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.hosts = list(spec.topology.hosts)
        self.rules = list(spec.topology.rules)
        self.networks = list(spec.topology.networks)

    def replace(self, rng: random.Random, **changes: Any) -> None:
        i = rng.randrange(len(self.hosts))
        self.hosts[i] = attrs.evolve(self.hosts[i], **changes)

    def services(self, rng: random.Random, change: Any) -> None:
        i = rng.randrange(len(self.hosts))
        self.hosts[i] = attrs.evolve(self.hosts[i], services=tuple(change(list(self.hosts[i].services))))

    def done(self, role: RoleTask, others: tuple[RoleTask, ...], name: str) -> Spec:
        hosts, rules = tuple(self.hosts), tuple(self.rules)
        topology = attrs.evolve(
            self.spec.topology,
            hosts=hosts,
            rules=rules,
            networks=tuple(self.networks),
            name=name,
            description=name,
        )
        return Spec(topology, attrs.evolve(self.spec.task, name=name, scenario=name, roles=(role, *others)))


def _add_service(draft: _Draft, rng: random.Random) -> None:
    draft.services(rng, lambda services: [*services, rng.choice(SERVICES)] if services else [EXTRA])


def _drop_service(draft: _Draft, rng: random.Random) -> None:
    draft.services(rng, lambda services: services[1:])


def _change_service(draft: _Draft, rng: random.Random) -> None:
    changes = rng.choice(
        ({"version": "9.9"}, {"local": True}, {"local": False}, {"type": "active"}, {"name": "a"})
    )
    draft.services(rng, lambda services: [attrs.evolve(s, **changes) for s in services])


def _add_data(draft: _Draft, rng: random.Random) -> None:
    datum = DataItem(
        "root", f"Secret{rng.randrange(9)}", size=rng.randrange(1000), content="s" * rng.randrange(300)
    )
    draft.services(rng, lambda services: [attrs.evolve(s, data=(*s.data, datum)) for s in services])


def _drop_data(draft: _Draft, rng: random.Random) -> None:
    draft.services(rng, lambda services: [attrs.evolve(s, data=s.data[1:]) for s in services])


def _fill_data(draft: _Draft, rng: random.Random) -> None:
    size = rng.randrange(1 << 20)

    def filled(service: ServiceItem) -> ServiceItem:
        data = tuple(attrs.evolve(datum, content="z" * (size % 999), size=size) for datum in service.data)
        return attrs.evolve(service, data=data)

    draft.services(rng, lambda services: list(map(filled, services)))


def _add_host(draft: _Draft, rng: random.Random) -> None:
    taken = {address for host in draft.hosts for address in host.addresses}
    free = [address for address in FREE if address not in taken]
    if free:
        services = tuple(rng.sample(SERVICES, rng.randrange(3)))
        draft.hosts.append(Host(f"new-{len(draft.hosts)}", (rng.choice(free),), services))


def _drop_host(draft: _Draft, rng: random.Random) -> None:
    going = [host for host in draft.hosts if not HOME.intersection(host.addresses)]
    if going:
        draft.hosts.remove(rng.choice(going))


def _rename_host(draft: _Draft, rng: random.Random) -> None:
    draft.replace(rng, name="honeypot-" + "x" * rng.randrange(40))


def _mix_hosts(draft: _Draft, rng: random.Random) -> None:
    rng.shuffle(draft.hosts)


def _add_rule(draft: _Draft, rng: random.Random) -> None:
    places = sorted([*HOME, CLIENT_3, WORKSHOP, *FREE])
    draft.rules.append(Rule(f"{rng.choice(places)}/{rng.choice((24, 32))}", f"{rng.choice(places)}/32"))


def _drop_rule(draft: _Draft, rng: random.Random) -> None:
    if draft.rules:
        draft.rules.pop(rng.randrange(len(draft.rules)))


def _add_network(draft: _Draft, rng: random.Random) -> None:
    network = rng.choice(("10.1.0.0/16", "192.168.4.0/24", "192.168.9.0/28", "8.8.8.0/24"))
    if network not in draft.networks:
        draft.networks.insert(rng.randrange(len(draft.networks)), network)


CHANGES = (
    _add_service,
    _drop_service,
    _change_service,
    _add_data,
    _drop_data,
    _fill_data,
    _add_host,
    _drop_host,
    _rename_host,
    _mix_hosts,
    _add_rule,
    _drop_rule,
)


def otherwise(spec: Spec, role: str, rng: random.Random) -> Spec:
    """The office of a spec, otherwise in some ways; of the task, what is not the role's or everyone's."""
    draft = _Draft(spec)
    # new addresses depend on all networks that there are
    changes = CHANGES if spec.task.use_dynamic_addresses else (*CHANGES, _add_network)
    for _ in range(rng.randrange(1, 5)):
        rng.choice(changes)(draft, rng)
    own = spec.task.role(role)
    assert own is not None
    names = [task.role for task in spec.task.roles if task.role != role]
    others = tuple(rng.choice(tasks_of(name)) for name in names)
    return draft.done(own, others, f"office {rng.randrange(100)}")
