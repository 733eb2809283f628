"""Networks of any size, drawn from a seed: what the benchmark plays on.

Private /24 networks of up to 50 machines behind one router, every fifth of them (at least one) of servers
that keep data; a machine of the attacker's outside. Each client network may use two server networks, server
networks are chained, and some machines may use one more server each, so that the firewall has rules of all
kinds: network to network, host to host, network to router.
"""

from __future__ import annotations

from typing import Final

from netsiege.engine.streams import Stream
from netsiege.scenarios.model import (
    RANDOM,
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

OUTSIDE: Final = "213.47.23.195"
PER_NETWORK: Final = 50
MAX_STEPS: Final = 100

_SERVING: Final = ("microsoft-ds", "http", "https", "postgresql", "mysql", "ssh", "lanman server", "ftp")
_CLIENT: Final = ("ms-wbt-server", "ssh", "can not connect")
_LOCAL: Final = ("bash", "powershell", "windows login")
_VERSIONS: Final = ("10.0.19041", "8.1.0", "14.3.0")


def synthetic_spec(hosts: int, seed: int = 1) -> Spec:
    """A spec with `hosts` machines beside the router. Raises ValueError for fewer than 3, or over 1,000,000.

    Equal arguments give equal specs, on every machine.
    """
    if not 3 <= hosts <= 1_000_000:
        raise ValueError(f"a synthetic network has 3 to 1,000,000 hosts, not {hosts}")
    draws = Stream(seed, f"synthetic/{hosts}")
    inside = hosts - 1
    count = max(2, -(-inside // PER_NETWORK))
    servers = max(1, count // 5)
    networks = [f"10.{i >> 8}.{i & 255}" for i in range(count)]
    machines = [
        _machine(networks[i % count], i // count, i % count < servers, i, draws) for i in range(inside)
    ]
    topology = Topology(
        name=f"synthetic_{hosts}",
        networks=(*(f"{network}.0/24" for network in networks), "213.47.23.192/26"),
        hosts=(
            *machines,
            Host("outside", (OUTSIDE,), (ServiceItem("bash", "passive", "5.0.0", local=True),)),
            Host("router", tuple(f"{network}.1" for network in networks), is_router=True),
        ),
        rules=tuple(_rules(networks, servers, machines, draws)),
    )
    return Spec(topology, _task(machines, count))


def _machine(network: str, place: int, is_server: bool, number: int, draws: Stream) -> Host:
    names = _SERVING if is_server else _CLIENT
    services: dict[str, ServiceItem] = {}
    for _ in range(1 + draws.below(3 if is_server else 2)):
        name = names[draws.below(len(names))]
        data = tuple(
            DataItem(f"User{draws.below(5)}", f"Data{number}.{n}") for n in range(draws.below(3) * is_server)
        )
        services[name] = ServiceItem(name, "passive", _VERSIONS[draws.below(3)], data=data)
    local = _LOCAL[draws.below(len(_LOCAL))]
    services[local] = ServiceItem(local, "passive", "5.0.0", local=True)
    if is_server and place == 0:
        first = ServiceItem("http", "passive", "1.0.0", data=(DataItem("User1", f"Secret{number}"),))
        services[first.name] = first
    return Host(
        f"{'server' if is_server else 'client'}_{number}",
        (f"{network}.{place + 2}",),
        tuple(services.values()),
        start=0 if is_server else 1,
    )


def _rules(networks: list[str], servers: int, machines: list[Host], draws: Stream) -> list[Rule]:
    rules = [Rule(f"{network}.0/24", f"{network}.1/32") for network in networks]
    for network in networks[servers:]:
        for _ in range(2):
            rules.append(Rule(f"{network}.0/24", f"{networks[draws.below(servers)]}.0/24"))
    rules += [Rule(f"{networks[i]}.0/24", f"{networks[i + 1]}.0/24") for i in range(servers - 1)]
    serving = [host for host in machines if not host.start]
    for host in machines:
        if draws.below(10) == 0:
            target = serving[draws.below(len(serving))]
            rules.append(Rule(f"{host.addresses[0]}/32", f"{target.addresses[0]}/32"))
    return rules


def _task(machines: list[Host], networks: int) -> Task:
    secret = DataItem("User1", "Secret0")
    attacker = RoleTask(
        "Attacker",
        start=View(controlled_hosts=(OUTSIDE, RANDOM)),
        goal=View(known_data=((OUTSIDE, (secret,)),)),
        goal_description=f"Find Secret0 of User1 in one of {networks} networks and bring it to {OUTSIDE}.",
        max_steps=MAX_STEPS,
    )
    defender = RoleTask("Defender", start=View(controlled_hosts=(machines[0].addresses[0],)))
    return Task(
        name=f"synthetic_{len(machines) + 1}",
        scenario=f"synthetic_{len(machines) + 1}",
        roles=(attacker, defender),
        rewards=Rewards(step=-1, success=100, fail=-10, false_positive=-5),
    )
