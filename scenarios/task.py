"""Task files: NetSecGame's own format with our keys beside it, read into `Task`.

::

    name: smash_and_grab            # ours; optional: the file's name without its ending
    seats: {Attacker: 1, Defender: 1}   # ours; without it the first `required_players` make a match
    pacing: rounds                  # ours: realtime (default) or rounds
    clock:                          # ours, all optional, in seconds; without it everything may take its time
      move_s: 60                    # a seat that has not moved by then passes
      episode_s: 600                # what all moves of a seat in an episode may take; then it passes
      round_s: 5                    # with pacing: rounds, the length of a round, and of a move unless said
      grace_s: 15                   # how long a seat waits for its agent to reconnect (the default)
    ruleset: netsecgame             # ours; the default; or siege-1
    rules: {sensor: false}          # ours, only for siege-1: see netsiege.scenarios.siege

    coordinator:
      agents:
        Attacker:
          max_steps: 100            # without it, or with 0, there is no limit
          goal:
            description: Bring data to 213.47.23.195
            known_data: {213.47.23.195: [[User1, DataFromServer1]]}
          start_position:
            controlled_hosts: [213.47.23.195, random]
        Defender: ...
        Benign: ...                 # optional: starts on three random hosts, plays for nothing, has no limit

    env:
      scenario: two_networks        # a bundled one, or a file below the folder of this one
      random_seed: random           # or a whole number
      use_firewall: true            # the default; the other switches are off by default
      required_players: 1
      rewards: {success: 100, step: -1, fail: -10, false_positive: -5}

Files of NetSecGame load unchanged. A key of theirs that has no effect there has none here, with a warning,
and so has an unknown key in their sections; in ours, and wherever a value makes no sense, it is a problem.
A file may extend another one and say only what differs: see `netsiege.scenarios.extends`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import attrs

from netsiege.game import AgentRole
from netsiege.protocol import MAX_SEATS, MAX_SEED
from netsiege.scenarios.model import (
    NETSECGAME,
    PACINGS,
    RANDOM,
    ROUNDS,
    RULESETS,
    SIEGE,
    Clock,
    Rewards,
    RoleTask,
    SiegeRules,
    Task,
    Topology,
    View,
)
from netsiege.scenarios.reading import Place, Report, join, shown
from netsiege.scenarios.siege import no_meaning, read_rules, rules_of
from netsiege.scenarios.topology import read_name
from netsiege.scenarios.views import Facts, read_goal, read_start

MAX_STEPS: Final = 1 << 31
MAX_GOAL_CHARS: Final = 4096
"""As many as SEATED carries to an agent."""

BENIGN_STARTS: Final = 3
"""Random hosts on which a benign seat starts if the task does not say otherwise."""
_FIXED_FOR_BENIGN: Final = {"goal": "play for nothing", "start_position": "start on three random hosts"}

ROLES: Final = tuple(role.value for role in AgentRole)

_OWN: Final = ("name", "seats", "pacing", "clock", "ruleset", "rules")
_THEIRS: Final = ("coordinator", "env")
_ROLE_OF: Final = {form: role for role in ROLES for form in (role.lower(), f"{role.lower()}s")}
_INSTEAD: Final = {
    "env.max_steps": "coordinator.agents.<role>.max_steps",
    "env.goal_reward": "env.rewards.success",
    "env.step_reward": "env.rewards.step",
    "env.detection_reward": "env.rewards.fail",
    "env.store_replay_buffer": "env.save_trajectories",
}
"""Keys of earlier versions of NetSecGame, which it no longer reads."""


def read_task(root: Place, default_name: str, topology: Topology | None, ruleset: str | None = None) -> Task:
    """The task, complete if nothing was reported. Without a topology only the form of views is checked.

    `env.scenario` is left to the caller, who has to load it first. With a `ruleset`, one of `RULESETS`, it is
    played by that instead of its own.
    """
    top = _read_top(root)
    facts = Facts.of(topology) if topology is not None else None
    roles = _read_roles(top["coordinator"], facts) if "coordinator" in top else ()
    settings = _read_env(top["env"]) if "env" in top else {}
    for key in _OWN:
        if key in top and key != "rules":
            settings[key] = READERS[key](top[key])
    _drop_unread(settings)
    settings.setdefault("name", default_name)
    if "ruleset" not in top or "ruleset" in settings:
        own = settings.get("ruleset", NETSECGAME)
        settings["ruleset"] = ruleset or own
        settings["rules"] = rules_of(own, settings["ruleset"], top.get("rules"), _actions(top))
    task = Task(scenario=topology.name if topology is not None else "", roles=roles, **settings)
    if "clock" in top and ("pacing" not in top or "pacing" in settings):
        check_clock(top["clock"], task)
    if "seats" in top:
        check_seats(top["seats"], task)
        total = sum(count for _, count in task.seats)
        if settings.get("required_players", total) != total:
            root.report.warn("env.required_players", f"has no effect: seats say that {total} make a match")
    return task


def override(task: Task, changes: Mapping[str, Any], report: Report) -> Task:
    """The task with some settings replaced, each given as a task file would have it; None changes nothing."""
    settings: dict[str, Any] = {}
    for key, value in changes.items():
        place = Place(value, key, report)
        if key not in READERS:
            place.problem(f"unknown setting{place.nearest(key, READERS)}")
        elif value is not None:
            settings[key] = READERS[key](place)
    _drop_unread(settings)
    changed = attrs.evolve(task, **settings)
    if "rules" in settings and changed.ruleset != SIEGE:
        report.problem("rules", no_meaning(changed.ruleset))
    rules = changed.rules or SiegeRules()
    changed = attrs.evolve(changed, rules=rules if changed.ruleset == SIEGE else None)
    if "seats" in settings:
        check_seats(Place(changes["seats"], "seats", report), changed)
    if "clock" in settings or "pacing" in settings:
        check_clock(Place(changes.get("clock"), "clock", report), changed)
    return changed


def check_seats(place: Place, task: Task) -> None:
    """Report seats of roles that the task does not have."""
    for role, _ in task.seats:
        if task.role(role) is None:
            known = ", ".join(each.role for each in task.roles) or "none"
            place.report.problem(join(place.path, role), f"the task has no such role; it has {known}")


def check_clock(place: Place, task: Task) -> None:
    """Report a length of rounds where there are none."""
    round_s = task.clock.round_s
    if round_s is not None and task.pacing != ROUNDS:
        said = f"{shown(round_s)} has no meaning with pacing: {task.pacing}; write pacing: {ROUNDS}"
        place.report.problem(join(place.path, "round_s"), said)


def _drop_unread(settings: dict[str, Any]) -> None:
    # None comes from a reader that reported something; only a seed may be None: a new one at every start
    for key in [key for key, value in settings.items() if value is None and key != "seed"]:
        del settings[key]


def _read_top(root: Place) -> dict[str, Place]:
    found = {}
    for key, place in root.entries():
        if key in _OWN or key in _THEIRS:
            if place.value is not None:
                found[key] = place
        elif "nearest" in (near := place.nearest(key, ("extends", *_OWN))):
            # a slip in one of our keys would change the game silently
            place.problem(f"unknown key{near}")
        else:
            place.warn(f"unknown key, has no effect{place.nearest(key, _THEIRS)}")
    if isinstance(root.value, dict):
        for key in _THEIRS:
            if key not in found:
                root.report.problem(key, "missing")
    return found


def _read_roles(place: Place, facts: Facts | None) -> tuple[RoleTask, ...]:
    fields = place.fields(("agents", "random_seed"), ("agents",), unknown_is_problem=False)
    if "random_seed" in fields:
        fields["random_seed"].warn("has no effect: write env.random_seed")
    found: dict[str, RoleTask] = {}
    sections: dict[str, str] = {}
    for key, entry in fields["agents"].entries() if "agents" in fields else ():
        role = _ROLE_OF.get(key.lower())
        if role is None:
            entry.warn(f"no such role, has no effect{entry.nearest(key, ROLES)}")
        elif role in sections:
            entry.problem(f"{role} has a section already: '{sections[role]}'")
        else:
            sections[role] = key
            task = _read_role(entry, role, facts)
            if task is not None:
                found[role] = task
    if AgentRole.Benign.value not in sections and (facts is None or facts.starts):
        found[AgentRole.Benign.value] = RoleTask(AgentRole.Benign.value, _benign_start())
    return tuple(found[role] for role in ROLES if role in found)


def _benign_start() -> View:
    return View(controlled_hosts=(RANDOM,) * BENIGN_STARTS)


def _read_role(place: Place, role: str, facts: Facts | None) -> RoleTask | None:
    is_benign = role == AgentRole.Benign.value
    if place.value is None:  # NetSecGame's manual: to play without a defender, leave its section empty
        place = Place({}, place.path, place.report)
    fields = place.fields(("max_steps", "goal", "start_position"), unknown_is_problem=False)
    if not is_benign and not {"goal", "start_position"} & fields.keys():
        # the detectors of early NetSecGame were configured where defending agents are now
        if isinstance(place.value, dict):
            place.warn("has neither start_position nor goal: nobody can play this role")
        return None
    description, goal, start = "", View(), _benign_start()
    if "goal" in fields:
        goal = read_goal(fields["goal"], facts)
        description = _read_description(fields["goal"])
    elif not is_benign:
        place.warn("has no goal: nothing that it does wins")
    if "start_position" in fields:
        start = read_start(fields["start_position"], facts)
    elif not is_benign:
        place.report.problem(join(place.path, "start_position"), "missing")
    for key, instead in _FIXED_FOR_BENIGN.items() if is_benign else ():
        if key in fields:
            fields[key].warn(f"counts here; NetSecGame ignores it: there, benign agents {instead}")
    max_steps = _read_max_steps(fields["max_steps"]) if "max_steps" in fields else None
    return RoleTask(role, start, goal, description, max_steps)


def _read_max_steps(place: Place) -> int | None:
    if place.value in (0, "0") and place.value is not False:
        place.warn("0 is no limit, as in NetSecGame: leave it out to say that")
        return None
    return place.whole(1, MAX_STEPS)


def _read_description(goal: Place) -> str:
    value = goal.value.get("description") if isinstance(goal.value, dict) else None
    if value is None:
        return ""
    return Place(value, join(goal.path, "description"), goal.report).any_text(MAX_GOAL_CHARS) or ""


def _actions(top: Mapping[str, Place]) -> Place | None:
    """What NetSecGame's section says about the chances of actions."""
    entries = dict(top["env"].entries()) if "env" in top and isinstance(top["env"].value, dict) else {}
    return entries.get("actions")


def _read_env(place: Place) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    known = ("scenario", "actions", *_ENV)
    for key, entry in place.entries():
        path = f"env.{key}"
        if path in _INSTEAD:
            entry.warn(f"has no effect: write {_INSTEAD[path]}")
        elif key not in known:
            entry.warn(f"unknown key, has no effect{entry.nearest(key, known)}")
        elif key == "use_firewall" and entry.value is None:
            entry.warn("is empty: true is meant here, but false in NetSecGame; write one of them")
        elif key in _ENV and entry.value is not None:
            settings[_ENV[key]] = READERS[_ENV[key]](entry)
    if isinstance(place.value, dict) and place.value.get("rewards") is None:
        place.report.warn("env.rewards", "missing: every reward is 0")
    return settings


def _read_seed(place: Place) -> int | None:
    if isinstance(place.value, str) and place.value.lower() == RANDOM:
        return None
    return place.whole(0, MAX_SEED)


def _read_rewards(place: Place) -> Rewards | None:
    if isinstance(place.value, Rewards):
        return place.value
    names = [field.name for field in attrs.fields(Rewards)]
    fields = place.fields(names, unknown_is_problem=False)
    read: dict[str, float] = {}
    for name in names:
        if name in fields:
            value = fields[name].amount()
            if value is not None:
                read[name] = value
        elif isinstance(place.value, dict):
            place.report.warn(join(place.path, name), "missing: 0 is used")
    for name, sign in (("success", -1), ("fail", 1), ("false_positive", 1)):
        if read.get(name, 0) * sign > 0:
            fields[name].warn(f"{shown(read[name])} rewards the opposite of what it seems to")
    return Rewards(**read)


def _read_seats(place: Place) -> tuple[tuple[str, int], ...] | None:
    """Of each role with any, in the order of the roles."""
    if isinstance(place.value, tuple):
        place = Place(dict(place.value), place.path, place.report)
    seats: dict[str, int] = {}
    for key, entry in place.entries():
        role = _ROLE_OF.get(key.lower())
        count = entry.whole(0, MAX_SEATS)
        if role is None:
            entry.problem(f"there is no role {shown(key)}{entry.nearest(key, ROLES)}")
        elif role in seats:
            entry.problem(f"{role} is there already")
        elif count is not None:
            seats[role] = count
    if not isinstance(place.value, dict) or len(seats) < len(place.value):
        return None
    total = sum(seats.values())
    if not 1 <= total <= MAX_SEATS:
        place.problem(f"a match has 1 to {MAX_SEATS} seats, not {total}")
        return None
    return tuple((role, seats[role]) for role in ROLES if seats.get(role))


def _read_clock(place: Place) -> Clock | None:
    if isinstance(place.value, Clock):
        return place.value
    names = [field.name for field in attrs.fields(Clock)]
    fields = place.fields(names)
    clock = Clock(**{name: _read_seconds(fields[name], name) for name in names if name in fields})
    if clock.move_s is not None and clock.round_s is not None and clock.move_s > clock.round_s:
        said = (
            f"{shown(clock.move_s)} is more than round_s, {shown(clock.round_s)}: the round is over by then"
        )
        fields["move_s"].problem(said)
    return clock


def _read_seconds(place: Place, name: str) -> float | None:
    seconds = place.number()
    if seconds is None:
        return None
    if name == "grace_s":
        if seconds < 0:
            place.problem(f"{shown(seconds)} is less than 0 seconds")
    elif seconds <= 0:
        place.problem(f"{shown(seconds)} is not more than 0 seconds")
    return seconds


def _one_of(choices: Collection[str]) -> Callable[[Place], str | None]:
    return lambda place: place.choice(choices)


def _read_switch(place: Place) -> bool | None:
    """True or false; 1 and 0 are as good, as they are for NetSecGame."""
    return bool(place.value) if type(place.value) is int and place.value in (0, 1) else place.flag()


def _read_required_players(place: Place) -> int | None:
    return place.whole(1, MAX_SEATS)


_ENV: Final = {
    "random_seed": "seed",
    "use_firewall": "use_firewall",
    "use_global_defender": "use_global_defender",
    "use_dynamic_addresses": "use_dynamic_addresses",
    "save_trajectories": "save_trajectories",
    "required_players": "required_players",
    "rewards": "rewards",
}
"""The settings that NetSecGame keeps under `env`, and what they are called in `Task`."""

READERS: Final[dict[str, Callable[[Place], Any]]] = {
    "name": read_name,
    "seats": _read_seats,
    "pacing": _one_of(PACINGS),
    "clock": _read_clock,
    "ruleset": _one_of(RULESETS),
    "rules": read_rules,
    "seed": _read_seed,
    "use_firewall": _read_switch,
    "use_global_defender": _read_switch,
    "use_dynamic_addresses": _read_switch,
    "save_trajectories": _read_switch,
    "required_players": _read_required_players,
    "rewards": _read_rewards,
}
"""How each setting of `Task` is read; None after a problem."""
