"""From a recipe to the plain values of a scenario file, as reading that file gives them.

The order of what is written matters to a scenario without a task (`netsiege.scenarios.fallback`): the
attacker's own machine is the first host, and the data it is after the first that are written after that.

Each part of a network has streams of its own, named after the subnet that it is about: a service that is
added to one role changes no address, and no service of another role.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from attrs import Factory, define, frozen

from netsiege.errors import ConfigError
from netsiege.game.values import int_to_ip
from netsiege.scenarios.generate.draws import Draws
from netsiege.scenarios.generate.recipe import Kind, Recipe, Role, Service

Document = dict[str, Any]

_PRIVATE: Final = 10 << 24
_PRIVATE_NETWORKS: Final = 1 << 16
_PUBLIC: Final = 213 << 24 | 47 << 16
_PUBLIC_NETWORKS: Final = 1 << 8
_NETWORK: Final = 256
"""Addresses of a /24, and how far the networks lie apart that an agent knows of each other."""
_USABLE: Final = range(2, 255)
"""Without the network itself, its router, and the broadcast address."""


@define
class _Host:
    name: str
    address: str
    services: list[tuple[Service, str]]
    data: list[dict[str, Any]] = Factory(list)
    start: bool = False

    def document(self) -> Document:
        """The data lie in the first service that can be seen from outside."""
        services: Document = {}
        holder = next(service for service, _ in self.services if not service.local)
        for service, version in self.services:
            fields: Document = {"version": version}
            if service.type != "passive":
                fields["type"] = service.type
            if service.owner:
                fields["owner"] = service.owner
            if service.local:
                fields["local"] = True
            if service is holder and self.data:
                fields["data"] = self.data
            services[service.name] = fields
        start = {"start": True} if self.start else {}
        return {"ip": self.address, **start, "services": services}


@frozen
class _Subnet:
    name: str
    role: Role
    first: int
    hosts: tuple[_Host, ...]


def network_of(recipe: Recipe, hosts: int, seed: int, name: str) -> Document:
    """A scenario file with so many hosts, routers not counted; its description is the recipe's.

    Raises ConfigError if that are fewer hosts than the recipe has roles, or too many for its subnets.
    """
    if hosts < len(recipe.roles):
        raise ConfigError(
            f"{recipe.name}: {hosts} hosts are too few for {len(recipe.roles)} roles, one each at least"
        )
    subnets = _subnets(recipe, hosts, seed)
    homes = _homes([net.name for net in subnets], recipe, seed)
    start, goal = (next(net for net in subnets if net.name == homes[i]) for i in (0, -1))
    for host in Draws(seed, "start").sample(start.hosts, recipe.start_hosts):
        host.start = True
    outside = next(net.hosts[0] for net in subnets if net.role.public)
    target = Draws(seed, "goal").pick(goal.hosts)
    _place_data(recipe, subnets, target, homes, _users(recipe, hosts), seed)
    rest = [host for net in subnets for host in net.hosts if host is not outside and host is not target]
    return {
        "name": name,
        "description": recipe.description,
        "networks": {net.name: f"{int_to_ip(net.first)}/24" for net in subnets},
        "hosts": {host.name: host.document() for host in (outside, target, *rest)},
        "routers": {"router": {"ip": [int_to_ip(net.first + 1) for net in subnets if not net.role.public]}},
        "firewall": list(_firewall(recipe, subnets, seed)),
    }


# --- subnets and hosts --------------------------------------------------------------------------------------


def _subnets(recipe: Recipe, hosts: int, seed: int) -> list[_Subnet]:
    """All subnets with their hosts, role by role."""
    sizes = {
        f"{role.name}_{i + 1}": (role, size)
        for role, count in zip(recipe.roles, _shared_out(recipe.roles, hosts), strict=True)
        for i, size in enumerate(_split(count, role.size))
    }
    inside = [name for name, (role, _) in sizes.items() if not role.public]
    public = [name for name, (role, _) in sizes.items() if role.public]
    if len(public) > _PUBLIC_NETWORKS:
        raise ConfigError(f"{recipe.name}: {len(public)} public subnets are too many: raise their `size`")
    base = _PRIVATE + _NETWORK * (1 + Draws(seed, "base").below(_PRIVATE_NETWORKS - 1 - len(inside)))
    first = {name: base + _NETWORK * i for i, name in enumerate(_in_a_row(inside, recipe, seed))}
    first |= {name: _PUBLIC + _NETWORK * i for i, name in enumerate(public)}
    return [
        _Subnet(name, role, first[name], tuple(_hosts(recipe, role, name, first[name], size, seed)))
        for name, (role, size) in sizes.items()
    ]


def _shared_out(roles: Sequence[Role], hosts: int) -> list[int]:
    """Hosts by role: one each, the others by share, largest remainders first."""
    total = sum(role.share for role in roles)
    left = hosts - len(roles)
    counts = [1 + left * role.share // total for role in roles]
    order = sorted(range(len(roles)), key=lambda i: (-(left * roles[i].share % total), i))
    for i in order[: hosts - sum(counts)]:
        counts[i] += 1
    return counts


def _split(count: int, most: int) -> list[int]:
    """As few parts as there can be of at most so many, as even as they can be."""
    parts = -(-count // most)
    return [count // parts + (i < count % parts) for i in range(parts)]


def _hosts(recipe: Recipe, role: Role, subnet: str, first: int, size: int, seed: int) -> Iterator[_Host]:
    services = {service.name: service for service in recipe.services}
    offered = [(services[name], weight) for name, weight in role.services]
    draws = Draws(seed, f"services/{subnet}")
    for i, offset in enumerate(sorted(Draws(seed, f"addresses/{subnet}").sample(_USABLE, size))):
        yield _Host(f"{subnet}-{i + 1}", int_to_ip(first + offset), _services(role, offered, draws))


def _services(role: Role, offered: list[tuple[Service, int]], draws: Draws) -> list[tuple[Service, str]]:
    """What a host offers: first something that others can see, so that there is a way into it."""
    found: list[tuple[Service, str]] = []
    left = [(service, weight) for service, weight in offered if not service.local]
    for _ in range(min(draws.between(role.per_host), len(offered))):
        service = draws.weighted(left)
        found.append((service, draws.weighted(service.versions)))
        taken = [each for each, _ in found]
        left = [(each, weight) for each, weight in offered if each not in taken]
    return found


# --- the way of the attack ----------------------------------------------------------------------------------


def _in_a_row(names: list[str], recipe: Recipe, seed: int) -> list[str]:
    """The private subnets in the order of their addresses: those of the way are side by side.

    The start is in the middle: an agent knows the network of its foothold, and one to each side.
    """
    draws = Draws(seed, "order")
    homes = _homes(names, recipe, seed)
    row = [homes[1], homes[0], *homes[2:]]
    if draws.below(2):
        row.reverse()
    others = draws.sample([name for name in names if name not in homes], len(names))
    at = draws.below(len(others) + 1)
    return [*others[:at], *row, *others[at:]]


def _homes(names: Sequence[str], recipe: Recipe, seed: int) -> list[str]:
    """For each role of the way the subnet where the attack passes."""
    of_role = {role: [name for name in names if name.rpartition("_")[0] == role] for role in recipe.way}
    return [Draws(seed, f"way/{role}").pick(of_role[role]) for role in recipe.way]


def _firewall(recipe: Recipe, subnets: Sequence[_Subnet], seed: int) -> Iterator[Document]:
    for i, policy in enumerate(recipe.policies):
        sources = [net for net in subnets if net.role.name in policy.sources]
        targets = [net for net in subnets if net.role.name in policy.targets]
        yield {
            "from": _end(sources, policy.from_percent, seed, f"firewall/{i}/from", may_start=False),
            "to": _end(targets, policy.percent, seed, f"firewall/{i}", may_start=True),
        }


def _end(nets: Sequence[_Subnet], percent: int, seed: int, purpose: str, *, may_start: bool) -> list[str]:
    """One end of a rule: whole subnets, or so many percent of the hosts of each, and at least one.

    Without `may_start` they are none of the start hosts, or all of them where there are no others: from every
    start the way must be as long.
    """
    if percent == 100:
        return [net.name for net in nets]
    named: list[str] = []
    for net in nets:
        others = [host for host in net.hosts if may_start or not host.start]
        count = -(-len(net.hosts) * percent // 100)
        drawn = Draws(seed, f"{purpose}/{net.name}").sample(range(len(others)), count)
        named += [others[i].name for i in sorted(drawn)] or [host.name for host in net.hosts]
    return named


# --- data ---------------------------------------------------------------------------------------------------


def _place_data(
    recipe: Recipe,
    subnets: Sequence[_Subnet],
    target: _Host,
    way: Collection[str],
    users: Sequence[str],
    seed: int,
) -> None:
    """Data everywhere; on the target first those of the kind that the attacker is after, at least one."""
    for kind in recipe.kinds:
        number = 0
        for net in subnets:
            draws, opening = (Draws(seed, f"{what}/{kind.name}/{net.name}") for what in ("data", "opens"))
            opened = _opened(kind, net, subnets, way)
            for host in net.hosts if net.role.name in kind.roles else ():
                is_goal = kind.name == recipe.goal and host is target
                count = draws.between(kind.per_host) if draws.below(100) < kind.percent or is_goal else 0
                found = [_datum(kind, number + 1 + i, users, draws) for i in range(count)]
                number += count
                _add_credentials(
                    found, [name for name in opened if name != host.name] if found else [], opening
                )
                host.data = [*found, *host.data] if is_goal else [*host.data, *found]


def _opened(kind: Kind, net: _Subnet, subnets: Sequence[_Subnet], way: Collection[str]) -> list[str]:
    """The hosts that data of a kind may open in a subnet: on the way of the attack those on it, if there are.

    In a large network hardly any would ever be of use otherwise.
    """
    opened = [each for each in subnets if each.role.name in kind.opens]
    beside = [each for each in opened if each.name in way]
    return [host.name for each in (beside if net.name in way and beside else opened) for host in each.hosts]


def _add_credentials(data: list[dict[str, Any]], hosts: Sequence[str], draws: Draws) -> None:
    """For each datum those for one of these hosts."""
    for datum in data if hosts else ():
        datum["opens"] = [draws.pick(hosts)]


def _datum(kind: Kind, number: int, users: Sequence[str], draws: Draws) -> dict[str, Any]:
    datum: dict[str, Any] = {"owner": draws.pick(users), "id": f"{kind.name}_{number}"}
    if kind.type:
        datum["type"] = kind.type
    datum["size"] = draws.between(kind.size)
    return datum


def _users(recipe: Recipe, hosts: int) -> list[str]:
    names, count = recipe.users, max(1, hosts // recipe.hosts_per_user)
    return [
        names[i % len(names)] + (str(i // len(names) + 1) if i >= len(names) else "") for i in range(count)
    ]
