"""Questions that NetSecGame and ours are to answer alike, asked through the names that agents import.

`answer(package, question, told)` takes `netsecgame` or `netsiege.compat.netsecgame`. Told and answers are
JSON; whatever comes from a set is sorted. As a program, `python questions.py`, this answers for the package
that is installed as `netsecgame`: a line of input is a list of pairs, a line of output the list of answers.
Runs in an environment with `netsecgame` 0.2.0, and imports nothing of ours.
"""

import contextlib
import copy
import importlib
import io
import json
import logging
import operator
import pickle
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

ORDERS = ("lt", "le", "gt", "ge", "eq", "ne")


def answer(package, question, told):
    """The answer; `{"raises": NAME}` if it is an exception."""
    try:
        return QUESTIONS[question](package, told)
    except Exception as error:
        return {"raises": type(error).__name__}


def below(package, name):
    return importlib.import_module(f"{package.__name__}.{name}")


# --- plain forms ------------------------------------------------------------------------------------------


def plain(value):
    """JSON with every list sorted."""
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in value}
    if isinstance(value, list):
        return sorted((plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def plain_actions(actions):
    return sorted(json.dumps(action.as_dict, sort_keys=True) for action in actions)


def plain_graph(state):
    """The graph without its numbers: kinds, labels and edges."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        kinds, controlled, edges, nodes = state.as_graph
    labels = {number: f"{kinds[number]} {node}" for number, node in nodes.items()}
    return {
        "nodes": sorted([labels[n], kinds[n], controlled[n]] for n in range(len(kinds))),
        "edges": sorted([labels[a], labels[b]] for a, b in edges),
    }


def has_plain_graph(told):
    """Whether NetSecGame can number what the state has: nothing twice, and all of it on known hosts."""
    known = {host["ip"] for host in told["known_hosts"]}
    for part, fields in (("known_services", None), ("known_data", ("owner", "id", "type"))):
        items = Counter(
            json.dumps({name: item[name] for name in fields or item}, sort_keys=True)
            for found in told[part].values()
            for item in found
        )
        if not told[part].keys() <= known or any(count > 1 for count in items.values()):
            return False
    return True


# --- questions --------------------------------------------------------------------------------------------


def state(package, told):
    read = package.GameState.from_dict(told)
    again = package.GameState.from_json(read.as_json())
    sets = (read.controlled_hosts, read.known_hosts, read.known_networks)
    maps = (read.known_services, read.known_data, read.known_blocks)
    return {
        "text": package.state_as_ordered_string(read),
        "dict": plain(read.as_dict),
        "json": json.loads(read.as_json()) == read.as_dict,
        "again": again == read,
        "copied": [copy.deepcopy(read) == read, pickle.loads(pickle.dumps(read)) == read],
        "actions": plain_actions(package.generate_valid_actions(read)),
        "with_blocks": plain_actions(package.generate_valid_actions(read, include_blocks=True)),
        "made": type(package.generate_valid_actions(read)).__name__,
        "sets": [type(each).__name__ for each in sets],
        "maps": [type(each).__name__ for each in maps]
        + sorted({type(found).__name__ for each in maps for found in each.values()}),
        "graph": plain_graph(read) if has_plain_graph(told) else None,
        "hashable": answer(package, "hash", read),
    }


def hash_of(_package, value):
    return isinstance(hash(value), int)


def changed(package, told):
    """A state that its agent changes, as those that leave out log files do."""
    read = package.GameState.from_dict(told)
    for host in list(read.known_data):
        read.known_data[host] = [datum for datum in read.known_data[host] if datum.type != "log"]
        if not read.known_data[host]:
            del read.known_data[host]
    read.known_hosts.add(package.IP("10.9.9.9"))
    read.known_networks.discard(min(read.known_networks, default=None))
    return [package.state_as_ordered_string(read), plain_actions(package.generate_valid_actions(read))]


def observation(package, told):
    seen = package.observation_from_dict(told)
    state, reward, end, info = seen
    text = package.observation_to_str(seen)
    other = seen._replace(reward=5)
    return {
        "parts": [plain(state.as_dict), reward, end, info, type(info).__name__],
        "dict": plain(package.observation_as_dict(seen)),
        "again": package.observation_from_str(text) == seen,
        "tuple": isinstance(seen, tuple) and seen[1] == reward and len(seen) == 4,
        "other": [other.reward, other == seen, list(seen._asdict())],
        "text": plain(json.loads(text)),
    }


def action(package, told):
    read = package.Action.from_dict(told)
    turned = package.Action(read.action_type, dict(reversed(read.parameters.items())))
    return {
        "dict": read.as_dict,
        "json": read.to_json(),
        "text": [str(read), repr(read)],
        "same": [read == turned, hash(read) == hash(turned), len({read, turned})],
        "again": package.Action.from_json(read.to_json()) == read,
        "copied": [copy.deepcopy(read) == read, pickle.loads(pickle.dumps(read)) in {read}],
        "type": [str(read.type), read.type == read.action_type, read.type == str(read.type)],
        "parameters": [type(read.parameters).__name__, list(read.parameters)],
        "other": read == "an action",
    }


def values(package, told):
    """Pairs of a class and its fields: how they look, and how each stands to each."""
    made = [getattr(package, name).from_dict(fields) for name, fields in told]
    return {
        "text": [[str(each), repr(each), f"{each}"] for each in made],
        "private": [each.is_private() for each in made if hasattr(each, "is_private")],
        "same_hash": [[hash(a) == hash(b) for b in made] for a in made],
        "compared": [
            [[answer(package, "compared", [order, a, b]) for order in ORDERS] for b in made] for a in made
        ],
    }


def compared(package, told):
    order, a, b = told
    addresses = {package.IP, package.Network}
    if type(a) is not type(b) and not (order in ("lt", "gt", "eq") and {type(a), type(b)} <= addresses):
        return None  # of different things, NetSecGame orders addresses and networks only, by `<` and `>`
    return getattr(operator, order)(a, b)


def bad(package, told):
    """What is refused at all."""
    name, fields = told
    return "raises" in answer(package, "made", [name, fields]) or None


def made(package, told):
    name, fields = told
    return {"text": str(getattr(package, name).from_dict(fields))}


def names(package, _told):
    """All that can be imported from the package itself, and that what agents import elsewhere is the same."""
    elsewhere = {
        "game_components": ("Action", "GameState", "IP", "Observation"),
        "agents.base_agent": ("BaseAgent",),
        "utils.utils": ("generate_valid_actions", "state_as_ordered_string"),
        "utils.trajectory_recorder": ("TrajectoryRecorder",),
    }
    return {
        "all": sorted({*package.__all__} - {"AgentStatus"}),  # later versions than 0.2.0 have it there
        "version": package.__version__,
        "elsewhere": [
            getattr(below(package, module), name) is getattr(package, name)
            for module, found in elsewhere.items()
            for name in found
        ],
    }


def words(package, _told):
    """The enumerations."""
    components = below(package, "game_components")
    found = {}
    for name in ("ActionType", "AgentRole", "AgentStatus", "GameStatus"):
        kind = getattr(components, name)
        found[name] = [
            [
                str(each),
                repr(each),
                f"{each}",
                each.name,
                each.value,
                each == each.name,
                each == f"{name}.{each.name}",
                each == each.name.lower(),
                each == "else",
                each == 5,
                kind.from_string(str(each)) is each,
                hash(each) == hash(each.value) if name != "GameStatus" else None,
                each.to_string() if name != "GameStatus" else None,
                json.dumps(str(each)),
            ]
            for each in kind
        ]
        found[f"{name} else"] = answer(package, "word", [name, "Else"])
    role = components.AgentRole
    found["roles"] = [role.from_string(text) is role.Attacker for text in ("attacker", "Role.ATTACKER")]
    who, other = (components.AgentInfo("me", each) for each in (role.Attacker, "Attacker"))
    found["who"] = [str(who), str(other), who == other, who < other, who <= other]
    config = components.ProtocolConfig
    found["protocol"] = [config.END_OF_MESSAGE.decode(), config.BUFFER_SIZE]
    return found


def word(package, told):
    name, text = told
    return str(getattr(below(package, "game_components"), name).from_string(text))


def concepts(package, _told):
    """Names in the place of addresses, as agents that think in concepts have them."""
    network, kind = package.Network, package.ActionType
    nets = [network("unknown", 24), network("host1net", 24), network("10.0.1.0", 24), network("9.0.0.0", 24)]
    read = package.GameState(
        controlled_hosts={"host0", "external1"},
        known_hosts={"host0", "host1", "external1"},
        known_services={"host1": {package.Service("ssh", "passive", "1", False)}},
        known_data={"host0": {package.Data("User", "Secret", 3, "txt", "abc")}},
        known_networks={nets[0], nets[1]},
        known_blocks={"host0": {"host1"}},
    )
    one = package.GameState({"host0"}, known_hosts={"host1"}, known_networks={nets[0]})
    scan = package.Action(kind.ScanNetwork, parameters={"source_host": "host0", "target_network": nets[0]})
    return {
        "text": package.state_as_ordered_string(read),
        "actions": sorted(map(str, package.generate_valid_actions(read, True)), key=len)[-1].count("host"),
        "count": len(package.generate_valid_actions(read, True)),
        "looks": [str(one), repr(one), repr(package.Observation(one, -1, False, {}))],
        "order": [str(each) for each in sorted(nets[:2])],
        "private": [each.is_private() for each in nets],
        "action": [str(scan), scan.as_dict, scan in {scan}],
    }


def functions(package, told):
    utils = below(package, "utils.utils")
    file = Path(told["folder"], "hashed")
    file.write_bytes(told["text"].encode() * 3)
    return {
        "text": [utils.get_str_hash(told["text"], name) for name in ("sha256", "md5")],
        "file": [
            package.get_file_hash(str(file)),
            package.get_file_hash(str(file), "sha1", chunk_size=3),
        ],
        "levels": [utils.get_logging_level(each) for each in ("debug", "INFO", "Error", "CRITICAL", "loud")],
        "logs": [str(utils.parse_log_content(each)) for each in told["logs"]],
    }


def stored(package, told):
    """What is in the folder after storing, line by line as text."""
    folder = Path(told["folder"], "new", "folder")
    for each in told["trajectories"]:
        package.store_trajectories_to_jsonl(each, str(folder), "trajectories_of_m")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def recorded(package, told):
    """An episode that was taken down; what is taken down after `reset` is not in the file."""
    recorder = below(package, "utils.trajectory_recorder").TrajectoryRecorder("me", told["role"])
    states = [package.GameState.from_dict(each) for each in told["states"]]
    actions = [package.Action.from_dict(each) for each in told["actions"]]
    recorder.add_initial_state(states[0])
    for number, (each, after) in enumerate(zip(actions, states[1:], strict=True), 1):
        recorder.add_step(each, -1, after, "AgentStatus.Success" if number == len(actions) else None)
    recorder.save_to_file(told["folder"])
    kept = recorder.get_trajectory()
    recorder.reset()
    day = f"{datetime.now():%Y-%m-%d}"
    return {
        "kept": plain_trajectory(kept),
        "empty": recorder.get_trajectory(),
        "files": {
            path.name.replace(day, "DAY"): [plain_trajectory(each) for each in lines(package, path)]
            for path in Path(told["folder"]).iterdir()
        },
    }


def read(package, told):
    """Trajectories in a file, with their states and actions as objects and back again."""
    return [
        {
            "who": [line["agent_name"], line["agent_role"], line["end_reason"]],
            "states": [
                package.state_as_ordered_string(package.GameState.from_dict(each))
                for each in line["trajectory"]["states"]
            ],
            "actions": [package.Action.from_dict(each).as_dict for each in line["trajectory"]["actions"]],
            "rewards": line["trajectory"]["rewards"],
        }
        for line in lines(package, told)
    ]


def plain_trajectory(told):
    steps = told["trajectory"]
    return {**told, "trajectory": {**steps, "states": [plain(each) for each in steps["states"]]}}


def lines(package, path):
    """NetSecGame has a name for a function that reads such files, and reads them with jsonlines."""
    try:
        return package.read_trajectories_from_jsonl(str(path))
    except NotImplementedError:
        import jsonlines  # noqa: PLC0415  # only the original has it

        with jsonlines.open(path) as reader:
            return list(reader)


QUESTIONS = {
    "action": action,
    "bad": bad,
    "changed": changed,
    "compared": compared,
    "concepts": concepts,
    "functions": functions,
    "hash": hash_of,
    "made": made,
    "names": names,
    "observation": observation,
    "read": read,
    "recorded": recorded,
    "state": state,
    "stored": stored,
    "values": values,
    "word": word,
    "words": words,
}


def main():
    logging.disable(logging.CRITICAL)
    package = importlib.import_module("netsecgame")
    for line in sys.stdin:
        sys.stdout.write(json.dumps([answer(package, *asked) for asked in json.loads(line)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
