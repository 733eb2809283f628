"""Specs of all kinds for the batched engine: bundled networks with other starts, goals and settings."""

from __future__ import annotations

from functools import cache

import attrs
from hypothesis import strategies as st

from netsiege.scenarios import load_spec, scenario_names
from netsiege.scenarios.model import ALL, ALL_ATTACKERS, ALL_LOCAL, RANDOM, DataItem, ServiceItem, Spec, View

GHOST = ServiceItem("ghost", "passive", "0.0")
"""What runs nowhere."""
RUMOUR = DataItem("Nobody", "Rumour")
"""What lies nowhere."""

NAMES = tuple(scenario_names())


@cache
def bundled(name: str) -> Spec:
    return load_spec(None, name)


def changed(spec: Spec, start: View | None = None, goal: View | None = None, max_steps=0, **settings) -> Spec:
    """The spec with another attacker, and other settings of the task."""
    roles = [
        attrs.evolve(
            role,
            start=role.start if start is None else start,
            goal=role.goal if goal is None else goal,
            max_steps=max_steps or role.max_steps,
        )
        if role.role == "Attacker"
        else role
        for role in spec.task.roles
    ]
    return attrs.evolve(spec, task=attrs.evolve(spec.task, roles=tuple(roles), **settings))


def few(strategy, most=2):
    return st.lists(strategy, max_size=most, unique=True).map(tuple)


@st.composite
def views(draw, spec: Spec, is_goal: bool) -> View:
    topology = spec.topology
    addresses = st.sampled_from([text for host in topology.hosts for text in host.addresses])
    at = {text: host for host in topology.hosts for text in host.addresses}
    hosts = st.lists(st.one_of(st.sampled_from([RANDOM, ALL_LOCAL]), addresses), max_size=3).map(tuple)
    controlled = draw(hosts) if is_goal else draw(hosts) or (RANDOM,)
    services = []
    for text in draw(few(addresses)):
        there = at[text].services
        words = [GHOST, ALL, *there, *([RANDOM] if there else [])]
        services.append((text, draw(few(st.sampled_from(words)))))
    everything = [item for host in topology.hosts for service in host.services for item in service.data]
    words = [RUMOUR, DataItem("system", "logfile", "log"), RANDOM, ALL, *everything]
    data = [(text, draw(few(st.sampled_from(words)))) for text in draw(few(addresses))]
    blocks = ()
    if is_goal:
        blocked = st.one_of(st.just((ALL_ATTACKERS,)), few(addresses))
        blocks = tuple((text, draw(blocked)) for text in draw(few(addresses, 1)))
    return View(
        known_networks=draw(few(st.sampled_from(topology.networks))),
        known_hosts=draw(hosts),
        controlled_hosts=controlled,
        known_services=tuple(services),
        known_data=tuple(data),
        known_blocks=blocks,
    )


@st.composite
def specs(draw) -> Spec:
    """Any bundled network; half of the goals are of one part only, so that some are reached."""
    spec = bundled(draw(st.sampled_from(NAMES)))
    goal = draw(st.one_of(st.none(), views(spec, True)))
    if goal is not None and draw(st.booleans()):
        kept = draw(st.sampled_from([each.name for each in attrs.fields(View)]))
        goal = attrs.evolve(View(), **{kept: getattr(goal, kept)})
    return changed(
        spec,
        start=draw(st.one_of(st.none(), views(spec, False))),
        goal=goal,
        max_steps=draw(st.sampled_from([0, 1, 6, 40])),
        use_firewall=draw(st.booleans()),
        use_global_defender=draw(st.booleans()),
        pacing=draw(st.sampled_from(["realtime", "rounds"])),
    )
