"""Random games of one world: drawn by Hypothesis, played by our rules, compared with the original's.

A `Setup` says which world, who plays, from where and for what. Moves are drawn as small numbers, without
looking at any state: `resolve` turns one into an action with the help of what our seat knows by then, so that
most of them do something. Smaller numbers make plainer actions, so that a failing sequence shrinks well.
"""

import json

from attrs import frozen
from hypothesis import strategies as st

from netsiege.engine.actions import ActionReader
from netsiege.engine.board import LOG_KEY, build_board
from netsiege.engine.goals import compile_goal, draw_goal
from netsiege.engine.masks import bits
from netsiege.engine.rules import log_datum, play
from netsiege.engine.streams import Stream
from netsiege.engine.views import compile_view, draw_start
from netsiege.engine.world import World
from netsiege.game import Action, GameState
from netsiege.game.values import int_to_ip, ip_to_int
from netsiege.protocol.play import action_body
from netsiege.scenarios import load_topology
from netsiege.scenarios.model import ALL_LOCAL, DataItem, ServiceItem, View

SCENARIOS = (
    "two_networks_tiny",
    "two_networks_small",
    "three_net_scenario",
    "one_network",
    "two_networks",
    "scenario1",
    "scenario1_small",
    "scenario1_tiny",
)
SCAN, FIND_SERVICES, FIND_DATA, EXPLOIT, EXFILTRATE, BLOCK, RESET, NOTHING = range(8)
KINDS = (NOTHING, FIND_SERVICES, FIND_DATA, SCAN, EXPLOIT, EXFILTRATE, BLOCK)
WEIGHTED = (*KINDS, FIND_SERVICES, FIND_SERVICES, FIND_DATA, EXPLOIT, EXPLOIT, EXFILTRATE, EXFILTRATE) * 4
DRAWN = (*WEIGHTED, RESET)
NOWHERE = tuple(map(ip_to_int, ("10.9.8.7", "192.168.1.99", "0.0.0.0", "255.255.255.255")))
GHOST_SERVICE = ["ghost", "passive", "1", False]
GHOST_DATUM = ["ghost", "nothing", 0, "", ""]

VIEW_FIELDS = ("controlled_hosts", "known_hosts", "known_networks", "known_services", "known_data")


@frozen
class Setup:
    """A world and its agents. `agents` are pairs of role, start and goal, both plain views."""

    scenario: str
    firewall: bool
    agents: list

    def command(self):
        agents = [{"role": role, "start": start, "goal": goal} for role, start, goal in self.agents]
        return {"do": "open", "scenario": self.scenario, "firewall": self.firewall, "agents": agents}


# --- drawing ----------------------------------------------------------------------------------------------


def _some(values, most, least=0):
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique_by=repr)


def _under(candidates, most):
    """A few of the addresses, each with some of its candidates."""
    return _some(sorted(candidates), most).flatmap(
        lambda chosen: st.fixed_dictionaries({text: _some(candidates[text], 4, 1) for text in chosen})
    )


def views(scenario, most, least=0):
    """Plain views of a scenario that name at most so many hosts, and control at least so many.

    What they know of services and data is mostly true; some of it is not, or is out of date.
    """
    topology = load_topology(scenario)
    places = {address: host for host in topology.hosts for address in host.addresses}
    everything = [service for host in topology.hosts for service in host.services]
    log = [*LOG_KEY[:2], 2, LOG_KEY[2], "[]"]
    services = {
        text: [[s.name, s.type, s.version, s.local] for s in (*host.services, everything[-1])]
        for text, host in places.items()
    }
    data = {
        text: [[d.owner, d.id, 0, d.type, ""] for s in (*host.services, everything[0]) for d in s.data]
        + [log]
        for text, host in places.items()
    }
    hosts = _some(sorted(places), most, least)
    return st.fixed_dictionaries(
        {
            "controlled_hosts": st.one_of(hosts, hosts, hosts, st.just([ALL_LOCAL])),
            "known_hosts": _some(sorted(places), most),
            "known_networks": _some(list(topology.networks), most),
            "known_services": _under(services, most - 1),
            "known_data": _under(data, most - 1),
        }
    )


def goals(scenario):
    """Mostly goals of one kind: what asks for little of everything is hardly ever reached."""
    nothing = {field: {} if field in ("known_services", "known_data") else [] for field in VIEW_FIELDS}
    fields = st.lists(st.sampled_from(VIEW_FIELDS), max_size=2)
    return st.builds(
        lambda view, fields: {**nothing, **{field: view[field] for field in fields}},
        views(scenario, 2),
        fields,
    )


def setups(scenario, firewall):
    """Setups of a scenario: one to three agents of any roles, anywhere."""
    roles = st.sampled_from(("Attacker", "Defender", "Benign"))
    agent = st.tuples(roles, views(scenario, 3, 1), goals(scenario))
    return st.builds(Setup, st.just(scenario), st.just(firewall), st.lists(agent, min_size=1, max_size=3))


small = st.integers(0, 31)
moves = st.tuples(st.integers(0, 2), st.sampled_from(DRAWN), small, small, small, st.integers(0, 63))


def games(scenario, firewall, least, most):
    """Setups with moves. Their number is bounded below, as few are drawn otherwise; shrinking voids them."""
    return st.tuples(setups(scenario, firewall), st.lists(moves, min_size=least, max_size=most))


# --- our side ---------------------------------------------------------------------------------------------


class Ours:
    """A setup played by our rules; what it tells has the form of `original.py`'s outcomes."""

    def __init__(self, setup):
        self.topology = load_topology(setup.scenario)
        starts = [_view(start) for _, start, _ in setup.agents]
        goals = [_view(goal) for _, _, goal in setup.agents]
        self.board = board = build_board(self.topology, [*starts, *goals], setup.firewall)
        self.reader = ActionReader(board)
        self.suspects = [role != "Attacker" for role, _, _ in setup.agents]
        self.starts = [compile_view(board, view, board.starts, "start") for view in starts]
        plans = [compile_goal(board, view, "goal") for view in goals]
        self.goals = [draw_goal(board, plan, Stream(0, "goal")) for plan in plans]
        self.everywhere = [*board.numbers, *NOWHERE]
        self.restart()

    def restart(self):
        self.world = World(self.board, self.suspects)
        self.knows = [draw_start(self.board, plan, Stream(0, "start")) for plan in self.starts]
        return {"states": [knows.full(self.board) for knows in self.knows], **self.rest()}

    def step(self, seat, action):
        knows = self.knows[seat]
        play(self.world, knows, seat, self.reader.read(action_body(action)))
        goal = self.goals[seat]
        return {
            "state": knows.full(self.board),
            # a goal that asks for nothing is never reached here, and always there
            "reached": goal.is_empty or goal.reached(self.board, knows, ()),
            **self.rest(),
        }

    def rest(self):
        return {"false_positives": list(self.world.false_positives), "world": self.plain_world()}

    def plain_world(self):
        world, board = self.world, self.board
        return {
            "authors": {
                f"{int_to_ip(here)}>{int_to_ip(there)}": bits(mask)
                for (here, there), mask in world.authors.items()
            },
            "blocks": world.blocked(),
            "data": {
                name: sorted([log_datum(world, node), *(board.items[i] for i in bits(world.items(node)))])
                for node, name in enumerate(board.node_names)
            },
            "firewall": world.firewall(),
        }

    # --- moves into actions -------------------------------------------------------------------------------

    def resolve(self, seat, move):
        """The action that a move means to a seat by now."""
        kind, a, b, c, twist = move
        knows, board = self.knows[seat], self.board
        controlled = board.numbers_of(knows.controlled) or self.everywhere
        known = board.numbers_of(knows.hosts) or self.everywhere
        if kind == SCAN:
            source = _pick(controlled if twist % 8 != 7 else self.everywhere, a)
            return Action.from_wire([kind, source, self._network(b, c, twist)])
        pairs = sorted(self.world.authors)
        if pairs and twist >= 44:  # runs into a block, or makes it once more
            source, target = _pick(pairs, a)
        else:
            target = _pick((controlled, self.everywhere, known, controlled)[twist // 8 % 4], b)
            source = None
        rest = []
        if kind == EXPLOIT:
            target, service = self._service(knows, target, b, c, twist if source is None else None)
            rest = [service]
        elif kind == EXFILTRATE:
            source, datum = self._datum(knows, source, a, c, twist)
            rest = [datum]
        elif kind == BLOCK and source is not None:
            target, source, rest = source, None, [target]
        elif kind == BLOCK:
            rest = [_pick(self.everywhere if twist // 32 else known, c)]
        if source is None:
            source = self._source(controlled, target, a, twist)
        return Action.from_wire([kind, source, target, *rest])

    def _source(self, controlled, target, a, twist):
        """Most often one from which the target can be reached."""
        if twist % 8 == 7:
            return _pick(self.everywhere, a)
        index, reach = self.board.index, self.world.reach
        if target in index and twist % 2:
            to = index[target]
            reaching = [number for number in controlled if number in index and reach[index[number]] >> to & 1]
            return _pick(reaching or controlled, a)
        return _pick(controlled, a)

    def _network(self, b, c, twist):
        if twist // 8 % 2:
            return [_pick(self.everywhere, b), c + 1]
        known = list(self.board.networks)
        return list(_pick([*known, [ip_to_int("192.168.0.0"), 16], [0, 0]], c))

    def _service(self, knows, target, b, c, twist):
        """A host and a service; the host is `target` if `twist` is None."""
        board = self.board
        if twist is None or not knows.services or twist // 8 % 4 == 3:
            # one that exists somewhere, perhaps there, but need not be known
            return target, list(_pick([*board.services, GHOST_SERVICE], c))
        new = [address for address in sorted(knows.services) if not knows.controlled >> address & 1]
        address = _pick(new or sorted(knows.services), b)
        service = list(board.services[_pick(bits(knows.services[address]), c)])
        if twist % 8 == 6:
            service[c % 2 * 3] = not service[3] if c % 2 else "other"
        return board.numbers[address], service

    def _datum(self, knows, source, a, c, twist):
        """A source and a datum; the source is the given one, unless that is None."""
        board = self.board
        if knows.data and twist // 8 % 4 != 3:
            held = {address: sorted(data.values()) for address, data in sorted(knows.data.items())}
            if twist % 4 != 1:  # most hosts are known for their log alone
                loot = {address: [d for d in data if d[3] != LOG_KEY[2]] for address, data in held.items()}
                held = {address: data for address, data in loot.items() if data} or held
            address = _pick(list(held), a)
            source = board.numbers[address] if source is None else source
            datum = list(_pick(held[address], c))
        else:
            datum = list(_pick([*board.items, GHOST_DATUM], c))
        if twist % 8 == 6:  # the same to whoever compares, but with other content
            datum[2], datum[4] = 5, "forged"
        elif twist % 8 == 5:
            datum[3] = "other"
        return source, datum


def _pick(values, n):
    return values[n % len(values)] if values else NOWHERE[0]


def _view(plain):
    return View(
        known_networks=tuple(plain["known_networks"]),
        known_hosts=tuple(plain["known_hosts"]),
        controlled_hosts=tuple(plain["controlled_hosts"]),
        known_services=tuple(
            (text, tuple(ServiceItem(*service) for service in services))
            for text, services in plain["known_services"].items()
        ),
        known_data=tuple(
            (
                text,
                tuple(
                    DataItem(owner, name, kind, size, content) for owner, name, size, kind, content in data
                ),
            )
            for text, data in plain["known_data"].items()
        ),
    )


# --- both sides -------------------------------------------------------------------------------------------


def compare(original, setup, drawn):
    """Plays a game on both sides; the number of steps. Fails at the first difference, telling the game."""
    ours = Ours(setup)
    commands = [setup.command()]
    outcomes = [(ours.restart(), _states(ours))]
    told = ["start"]
    for number, kind, *rest in drawn:
        seat = number % len(setup.agents)
        if kind == NOTHING:
            continue
        if kind == RESET:
            commands.append({"do": "reset"})
            outcomes.append((ours.restart(), _states(ours)))
            told.append("reset")
            continue
        action = ours.resolve(seat, (kind, *rest))
        commands.append({"do": "step", "agent": seat, "action": action.as_dict})
        outcomes.append((ours.step(seat, action), _states(ours)))
        told.append(f"agent {seat}: {_words(action)}")
    _match(setup, told, commands, outcomes, original.ask(*commands))
    return sum(command["do"] == "step" for command in commands)


def shortened(original, setup, drawn):
    """The moves of a game that comes out differently, without those that do not matter.

    Hypothesis gives up on games this long before they are short.
    """
    size = len(drawn) // 2
    while size:
        i = 0
        while i < len(drawn):
            fewer = drawn[:i] + drawn[i + size :]
            if differs(original, setup, fewer):
                drawn = fewer
            else:
                i += size
        size //= 2
    return drawn


def differs(original, setup, drawn):
    """Whether a game comes out differently."""
    try:
        compare(original, setup, drawn)
    except AssertionError:
        return True
    return False


def _states(ours):
    """Everyone's state, as numbers that stay as they are."""
    return [knows.full(ours.board) for knows in ours.knows]


def _match(setup, told, commands, outcomes, answers):
    world, states = None, []
    for i, (command, (mine, all_mine), theirs) in enumerate(zip(commands, outcomes, answers, strict=True)):
        world = theirs.setdefault("world", world)
        # the router that the game leaves out has no place on our board
        world["data"].pop("internet", None)
        if command["do"] == "step":
            states[command["agent"]] = theirs["state"]
            seat = command["agent"]
            if not _asks(setup.agents[seat][2]):
                theirs["reached"] = True
        else:
            states = list(theirs["states"])
        if mine != theirs or all_mine != states:
            raise AssertionError(
                _tell(setup, told[: i + 1], {**mine, "all": all_mine}, {**theirs, "all": states})
            )


def _asks(goal):
    return any(goal[field] for field in VIEW_FIELDS)


def _words(action):
    parameters = ", ".join(f"{name} {value!r}" for name, value in action.parameters.items())
    return f"{action.type.value}({parameters})"


def _tell(setup, told, mine, theirs):
    lines = [f"{setup.scenario}, firewall {'on' if setup.firewall else 'off'}"]
    for number, (role, start, goal) in enumerate(setup.agents):
        lines.append(f"agent {number}: {role}, start {json.dumps(start)}, goal {json.dumps(goal)}")
    lines += [f"{n:4} {text}" for n, text in enumerate(told)]
    for what in ("reached", "false_positives"):
        lines += _differing(what, mine.get(what), theirs.get(what))
    for seat, sides in enumerate(zip(mine["all"], theirs["all"], strict=True)):
        ours, original = (GameState.from_wire(state).as_dict for state in sides)
        for field in ours:
            lines += _differing(f"agent {seat}: {field}", ours[field], original[field])
    for what, part in mine["world"].items():
        other = theirs["world"][what]
        for key in sorted(part.keys() | other.keys()):
            lines += _differing(f"world: {what} of {key}", part.get(key), other.get(key))
    return "\n".join(lines)


def _differing(what, ours, original):
    return [f"{what}:\n  original {original}\n  ours     {ours}"] if ours != original else []
