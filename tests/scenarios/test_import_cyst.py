"""CYST configurations, NetSecGame's format of topologies, as scenario files: real ones, and made-up ones.

CYST itself needs an interpreter of its own; here a stand-in has its place, and the real modules of NetSecGame
are read in a process of that interpreter, which finds NetSiege in ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

import netsiege
from netsiege.agents.attackers import RandomAttacker
from netsiege.agents.local_match import LocalMatch
from netsiege.cli import app
from netsiege.errors import ConfigError
from netsiege.scenarios import load_spec, load_topology
from netsiege.scenarios.cyst import import_cyst
from netsiege.scenarios.model import DataItem, Host, Rule, ServiceItem
from tests.parity.real import HOW, interpreter
from tests.scenarios import cyst_standin

BUNDLED = {
    "one_net": "one_network",
    "scenario_configuration": "scenario1",
    "smaller_scenario_configuration": "scenario1_small",
    "three_net_scenario": "three_net_scenario",
    "tiny_scenario_configuration": "scenario1_tiny",
    "two_nets": "two_networks",
    "two_nets_small": "two_networks_small",
    "two_nets_tiny": "two_networks_tiny",
}
"""NetSecGame's modules, and the names under which it lists them, which are those of ours."""

REAL = """
import sys
sys.path += {paths!r}
from netsiege.scenarios.cyst import import_cyst
import json
print(json.dumps([import_cyst(name).text for name in {names!r}]))
"""
HEAD = "from cyst.api.configuration import *\n"
ATTIC = """
def at(*ends):
    return [InterfaceConfig(ip, net) for ip, net in ends]

office = "10.0.0.0/24"
file_server = NodeConfig("file_server", at(("10.0.0.2", office)), passive_services=[
    PassiveServiceConfig("smb", version="3.1", private_data=[DataConfig("Ann", "Plans", "/srv")]),
    PassiveServiceConfig("bash", local=True),
])
client = NodeConfig("client", at(("10.0.1.2", "10.0.1.0/24")), [
    PassiveServiceConfig("ssh"), PassiveServiceConfig("can_attack_start_here", local=True),
], active_services=[ActiveServiceConfig("attacker")])
outside = NodeConfig("outside", at(("203.0.113.9", "203.0.113.0/24")), [PassiveServiceConfig("listener")])
rules = [
    FirewallRule("10.0.1.0/24", "10.0.0.2/32"),
    FirewallRule("203.0.113.9", "10.0.1.2"),
    FirewallRule("10.0.0.0/24", "10.0.0.1/32"),
    FirewallRule("10.0.1.2/32", "203.0.113.0/24"),
]
wall = FirewallConfig(FirewallPolicy.DENY, [FirewallChainConfig(FirewallPolicy.DENY, rules)])
router = RouterConfig("router", at(("10.0.0.1", office), ("10.0.1.1", "10.0.1.0/24")), [wall])
"""
SMALL = ATTIC + "configuration_objects = [file_server, client, router, outside]\n"
RULES = ("10.0.1.0/24", "10.0.0.2/32"), ("203.0.113.9/32", "10.0.1.2/32")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, where CYST can be imported."""
    for name in ("cyst", "cyst.api"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "cyst.api.configuration", cyst_standin)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "net.py") -> Path:
    path = folder / name
    path.write_text(HEAD + text)
    return path


def problems_of(folder: Path, text: str) -> list[str]:
    write(folder, text)
    with pytest.raises(ConfigError) as caught:
        import_cyst("net.py")
    return [line.removeprefix("net.py: ") for line in caught.value.problems]


def warnings_of(folder: Path, text: str) -> list[str]:
    write(folder, text)
    return [line.removeprefix("net.py: ") for line in import_cyst("net.py").warnings]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["scenario", "import-cyst", *arguments])


@pytest.fixture(scope="module")
def real_texts() -> dict[str, str]:
    """What the importer makes of NetSecGame's own modules, by their names."""
    python = interpreter()
    if python is None:
        pytest.skip(HOW)
    # behind the other interpreter's own: of ours it takes only what it does not have, all of it pure Python
    paths = [str(Path(netsiege.__file__).parents[1]), sysconfig.get_path("purelib")]
    names = [f"netsecgame.game.scenarios.{module}" for module in BUNDLED]
    done = subprocess.run(
        [python, "-I", "-c", REAL.format(paths=paths, names=names)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(zip(BUNDLED, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("module", BUNDLED)
def test_import_of_netsecgames_module_is_our_scenario_of_that_name(
    real_texts: dict[str, str], module: str, tmp_path: Path
) -> None:
    path = tmp_path / "imported.yaml"
    path.write_text(real_texts[module])
    ours, theirs = load_topology(BUNDLED[module]), load_topology(path)
    assert theirs.hosts == ours.hosts
    assert theirs.networks == ours.networks
    assert set(theirs.rules) == set(ours.rules)


def test_import_of_a_file_has_all_that_the_game_knows(folder: Path) -> None:
    (folder / "scenario.yaml").write_text(import_cyst(str(write(folder, SMALL))).text)
    topology = load_topology(folder / "scenario.yaml")
    assert topology.name == "scenario"
    assert topology.networks == ("10.0.0.0/24", "10.0.1.0/24", "203.0.113.0/24")
    smb = ServiceItem("smb", version="3.1", owner="root", data=(DataItem("Ann", "Plans"),))
    plain = {"version": "1.0", "owner": "root"}
    assert topology.hosts == (
        Host("file_server", ("10.0.0.2",), (smb, ServiceItem("bash", local=True, **plain))),
        Host("client", ("10.0.1.2",), (ServiceItem("ssh", **plain),), start=2),
        Host("outside", ("203.0.113.9",), (ServiceItem("listener", **plain),)),
        Host("router", ("10.0.0.1", "10.0.1.1"), is_router=True),
    )
    assert topology.rules == tuple(Rule(*ends) for ends in RULES), "without those for what passes anyway"


def test_import_can_be_played(folder: Path) -> None:
    (folder / "scenario.yaml").write_text(import_cyst(str(write(folder, SMALL))).text)
    spec = load_spec(scenario=folder / "scenario.yaml", seats={"Attacker": 1})
    assert LocalMatch(spec, [RandomAttacker()], seed=3).play_episode().steps[0] > 0


def test_import_finds_a_dotted_name_in_the_working_folder(folder: Path) -> None:
    (folder / "nets_of_ours").mkdir()
    write(folder / "nets_of_ours", SMALL, "attic.py")
    assert "file_server:" in import_cyst("nets_of_ours.attic").text


def test_import_of_a_file_may_use_what_lies_beside_it(folder: Path) -> None:
    (folder / "nets").mkdir()
    write(folder / "nets", ATTIC, "parts_of_ours.py")
    write(folder / "nets", "from parts_of_ours import *\nconfiguration_objects = [file_server]\n")
    before = list(sys.path)
    assert "file_server:" in import_cyst("nets/net.py").text
    assert sys.path == before


def test_import_without_cyst_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyst", None)
    with pytest.raises(ConfigError, match=r"needs CYST.*pip install 'netsecgame\[server\]'"):
        import_cyst("net.py")


def test_import_tells_apart_what_a_module_prints(folder: Path) -> None:
    write(folder, SMALL + "print('hello')\n")
    result = command("net.py")
    assert (result.exit_code, "hello" in result.stdout, "hello" in result.stderr) == (0, False, True)
    assert result.stdout == import_cyst("net.py").text


def test_import_with_out_writes_a_new_file_only(folder: Path) -> None:
    write(folder, SMALL)
    assert command("net.py", "--out", "made.yaml").stdout == "made.yaml\n"
    assert CliRunner().invoke(app, ["scenario", "validate", "made.yaml"]).exit_code == 0
    assert isinstance(command("net.py", "--out", "made.yaml").exception, ConfigError)
    assert load_topology("made.yaml").hosts[0].name == "file_server"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_thing\n", "line 2: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("\ndef broken():\n    return 1 / 0\n\nbroken()\n", "line 6: ZeroDivisionError: division by zero"),
        ("x = [1\n", "line 2: SyntaxError: '[' was never closed"),
        ("raise SystemExit(3)\n", "line 2: SystemExit: 3"),
        ("config_objects = []\n", "has no `configuration_objects`, the list of nodes and routers that"
         " NetSecGame reads; nearest: config_objects"),
        ("configuration_objects = 3\n", "configuration_objects is of type int, not a list"),
        ("configuration_objects = []\n", "configuration_objects: no node with an interface is among them"),
        ("configuration_objects = ['x']\n",
         "configuration_objects[0]: something of type str is neither a NodeConfig nor a RouterConfig"),
        ("configuration_objects = [NodeConfig('', [])]\n", "configuration_objects[0]: NodeConfig has no id"),
        ("configuration_objects = [NodeConfig('a', 7)]\n", "a.interfaces: something of type int is no list"),
        ("configuration_objects = [NodeConfig('a', [None])]\n",
         "a.interfaces[0]: nothing is no InterfaceConfig"),
        ("configuration_objects = [NodeConfig('a', [InterfaceConfig('10.0.0.1', '10.0.1.0/24')])]\n",
         "a.interfaces[0]: the address 10.0.0.1 is not in the network 10.0.1.0/24"),
        ("configuration_objects = [NodeConfig('a', [InterfaceConfig('::1', '10.0.1.0/24')])]\n",
         "a.interfaces[0].ip: '::1' is not an IPv4 address"),
        ("configuration_objects = [NodeConfig('a', [InterfaceConfig('10.0.1.1', '::/64')])]\n",
         "a.interfaces[0].net: '::/64' is not an IPv4 network"),
        (ATTIC + "client.passive_services[0] = 'ssh'\nconfiguration_objects = [client]\n",
         "client.passive_services[0]: refers to 'ssh', which NetSecGame does not follow:"
         " put the object itself here"),
        (ATTIC + "configuration_objects = [client, client]\n",
         "configuration_objects[1]: another node or router has the id 'client' too"),
        (ATTIC + "rules[0].src_net = '::/0'\nconfiguration_objects = [client, router]\n",
         "router.traffic_processors[0].chains[0].rules[0].src_net: '::/0' is no IPv4 network"),
        (ATTIC + "client.passive_services[0].name = ''\nconfiguration_objects = [client]\n",
         "hosts.client.services.'': '' is not one line of printable text"),
    ],
)  # fmt: skip  # one case a row
def test_import_of_a_mistake_names_module_and_place(folder: Path, text: str, said: str) -> None:
    assert problems_of(folder, text) == [said]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.py", "nowhere.py: no such file"),
        ("no_such_module", "no_such_module: there is no module 'no_such_module', here or among what is"),
        ("json.nowhere", "json.nowhere: there is no module 'json.nowhere', here or"),
    ],
)
def test_import_of_nothing_says_so(folder: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        import_cyst(name)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("configuration_objects.append(ConnectionConfig('client', 'router'))",
         "connections: 1 left out: who reaches whom"),
        ("configuration_objects.append(ExploitConfig('smb'))", "exploits: 1 left out: whoever knows"),
        ("configuration_objects.append(NetworkConfig([client]))",
         "configuration_objects[4]: NetworkConfig: left out"),
        ("configuration_objects.append(RouterConfig('Internet', []))",
         "configuration_objects[4]: the router 'Internet' is left out"),
        ("configuration_objects.append(NodeConfig('lonely', []))", "lonely: left out: it has no interface"),
        ("router.routing_table.append(None)", "routes: 1 left out: who reaches"),
        ("client.passive_services[0].public_data.append(DataConfig('a', 'b'))", "public_data: 1 left out"),
        ("file_server.passive_services.append(PassiveServiceConfig('bash', local=True))",
         "file_server.passive_services[2]: this host has the same service 'bash' already"),
        ("file_server.passive_services[1].private_data.append(DataConfig('Ann', 'Plans'))",
         "file_server.passive_services[1].private_data[0]: this host has data [Ann, Plans] already"),
        ("client.traffic_processors.append(wall)", "host_firewalls: 1 left out: NetSecGame reads"),
        ("router.traffic_processors.append(ActiveServiceConfig('ids'))", "traffic_services: 1 left out"),
        ("wall.default_policy = FirewallPolicy.ALLOW", "allow_policies: 1 left out"),
        ("rules[0].policy = FirewallPolicy.DENY", "deny_rules: 1 left out"),
        ("rules[0].service = 'smb'", "rule_services: 1 left out: a rule lets everything through"),
        ("rules[0].dst_net = '10.0.0.77/32'",
         "router.traffic_processors[0].chains[0].rules[0]: left out: nobody has an address in 10.0.0.77/32"),
        ("outside.id = 'out side'",
         "configuration_objects[3]: the id 'out side' is no name here: it becomes out_side"),
        ("outside.id = '203.0.113.9'",
         "configuration_objects[3]: the id '203.0.113.9' is no name here: it becomes host_203.0.113.9"),
        ("outside.interfaces[0].net = '203.0.113.9/24'",
         "outside.interfaces[0].net: '203.0.113.9/24' becomes 203.0.113.0/24"),
        ("client.interfaces += at(('10.0.0.9', office))",
         "client.passive_services[1]: NetSecGame starts at the last address of this host"),
    ],
)  # fmt: skip  # one case a row
def test_import_of_what_has_no_place_here_warns(folder: Path, change: str, said: str) -> None:
    before = warnings_of(folder, SMALL)
    new = [line for line in warnings_of(folder, SMALL + change + "\n") if line not in before]
    assert any(line.startswith(said) for line in new), new


def test_import_of_services_with_one_name_keeps_both(folder: Path) -> None:
    more = "client.passive_services.append(PassiveServiceConfig('ssh', version='2.0'))\n"
    (folder / "scenario.yaml").write_text(import_cyst(str(write(folder, SMALL + more))).text)
    services = load_topology(folder / "scenario.yaml").hosts[1].services
    assert [(each.name, each.version) for each in services] == [("ssh", "1.0"), ("ssh", "2.0")]


def test_import_of_the_same_service_twice_keeps_all_data(folder: Path) -> None:
    more = (
        "file_server.passive_services.append("
        "PassiveServiceConfig('smb', version='3.1', private_data=[DataConfig('Bob', 'Bills')]))\n"
    )
    (folder / "scenario.yaml").write_text(import_cyst(str(write(folder, SMALL + more))).text)
    smb = load_topology(folder / "scenario.yaml").hosts[0].services[0]
    assert [(each.owner, each.id) for each in smb.data] == [("Ann", "Plans"), ("Bob", "Bills")]
