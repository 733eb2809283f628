"""The README's commands for two machines, as printed, on two hosts of their own (network namespaces)."""

import csv
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
HUB, GUEST = "10.77.0.1", "10.77.0.2"


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


class Machine:
    """A host with an address and a home folder, and what runs on it."""

    def __init__(self, space, home):
        self.space, self.home, self.running = space, home, []
        home.mkdir()

    def _arguments(self, command):
        words = [os.path.expanduser(word.replace("~", str(self.home))) for word in shlex.split(command)]
        assert words.pop(0) == "netsiege"
        return ["ip", "netns", "exec", self.space, sys.executable, "-m", "netsiege", *words]

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if name != "NETSIEGE_KEYS"}
        return {**kept, "HOME": str(self.home)}

    def run(self, command, code=0):
        done = subprocess.run(
            self._arguments(command),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def start(self, command, until):
        process = subprocess.Popen(
            self._arguments(command), env=self.environment(), stdout=subprocess.PIPE, text=True
        )
        self.running.append(process)
        for line in process.stdout:
            if line.startswith(until):
                return process
        raise AssertionError(f"{command} ended with {process.wait()}")

    def end(self):
        for process in self.running:
            process.terminate()
            process.wait(20)
            process.stdout.close()


@pytest.fixture
def machines(tmp_path):
    """The hub's machine and a guest's, joined by a cable."""
    if not shutil.which("ip") or os.geteuid():
        pytest.skip("needs root and `ip netns` to make machines")
    name = secrets.token_hex(3)
    spaces = [f"ns-{name}-hub", f"ns-{name}-guest"]
    made = [ip("netns", "add", space) for space in spaces]
    try:
        if any(each.returncode for each in made):
            pytest.skip("no network namespaces here")
        cable = [f"v{name}a", f"v{name}b"]
        assert not ip("link", "add", cable[0], "type", "veth", "peer", "name", cable[1]).returncode
        for space, end, address in zip(spaces, cable, (HUB, GUEST), strict=True):
            ip("link", "set", end, "netns", space)
            ip("-n", space, "addr", "add", f"{address}/24", "dev", end)
            for device in ("lo", end):
                assert not ip("-n", space, "link", "set", device, "up").returncode
        both = [Machine(space, tmp_path / space) for space in spaces]
        yield both
        for machine in both:
            machine.end()
    finally:
        for space in spaces:
            ip("netns", "delete", space)


def printed_commands():
    section = README.partition("## Several machines")[2].partition("\n## ")[0]
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).splitlines()
    return [line.partition("#")[0].strip() for line in lines if line]


def test_five_commands_of_the_readme_let_a_guest_play_from_another_machine(machines):
    host, guest = machines
    new, hub, invite, accept, play = printed_commands()
    host.run(new)
    host.start(hub, "key")
    token = host.run(invite).stdout.strip()
    guest.run(accept.replace("TOKEN", token).replace("HUB", HUB))
    played = guest.run(play.replace("HUB", HUB)).stdout
    assert len(re.findall(r"\d+ │ +\d+ │ +\d+ │", played)) == 10, played

    # what goes wrong is said within three seconds, in a line
    started_s = time.monotonic()
    refused = guest.run(f"netsiege status --hub tcp://{HUB}:9100", code=2).stderr
    assert "asks for a key" in refused
    assert "netsiege keys accept" in refused
    accepts = f"netsiege keys accept {token} --hub tcp://{HUB}:9100"
    guest.run(accepts)  # the same key again: it may not have heard the answer
    assert "has been used" in guest.run(f"{accepts} --keys ~/another", code=2).stderr
    assert time.monotonic() - started_s < 10

    host.run("netsiege keys revoke ann")
    assert "refused this key" in guest.run(play.replace("HUB", HUB), code=2).stderr


def test_worker_of_another_machine_runs_the_matches(machines):
    host, guest = machines
    host.run("netsiege keys new --hub")
    bind = "--bind tcp://0.0.0.0:9100 --workers-bind tcp://0.0.0.0:9101"
    host.start(f"netsiege hub --keys ~/.netsiege {bind} --workers 0", "key")
    for machine, name, right in ((guest, "rack-2", "worker"), (host, "bob", "agent")):
        token = host.run(f"netsiege keys invite {name} --right {right}").stdout.strip()
        machine.run(f"netsiege keys accept {token} --hub tcp://{HUB}:9100")
    worker = f"netsiege worker --hub tcp://{HUB}:9101 --keys ~/.netsiege"
    arguments = guest._arguments(worker)
    guest.running.append(
        subprocess.Popen(arguments, env=guest.environment(), stdout=subprocess.PIPE, text=True)
    )
    host.run(f"netsiege agent run random-attacker --hub tcp://{HUB}:9100 --keys ~/.netsiege --wait 20")

    # an agent's key opens no lease, whatever it says at the workers' port
    refused = host.run(f"netsiege worker --hub tcp://{HUB}:9101 --keys ~/.netsiege", code=2).stderr
    assert "refused this key" in refused


def invite_to_a_cup(host, guest):
    """A hub on the host, which has an admin's key for it, and ann's key on the guest."""
    host.run("netsiege keys new --hub")
    host.start("netsiege hub --keys ~/.netsiege --bind tcp://0.0.0.0:9100 --journal ~/hub.journal", "key")
    for machine, name in ((guest, "ann"), (host, "me --right admin")):
        token = host.run(f"netsiege keys invite {name}").stdout.strip()
        machine.run(f"netsiege keys accept {token} --hub tcp://{HUB}:9100")


def attending(machine, module, agent):
    """The README's script of a remote entrant on a machine, with one of our agents for the user's."""
    [script] = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "attend" in code]
    assert len(script.split("while True")[0].strip().splitlines()) <= 5
    (machine.home / "remote.py").write_text(script.replace("HUB", HUB))
    (machine.home / "my_agents.py").write_text(
        f"from netsiege.agents.{module} import {agent}\n\nclass MyAgent({agent}):\n    pass\n"
    )
    words = ["ip", "netns", "exec", machine.space, sys.executable, "remote.py"]
    remote = subprocess.Popen(
        words, cwd=machine.home, env=machine.environment(), stdout=subprocess.PIPE, text=True
    )
    machine.running.append(remote)
    return remote


def test_remote_entrant_takes_part_in_a_cup_by_the_script_of_the_readme(machines):
    host, guest = machines
    invite_to_a_cup(host, guest)
    remote = attending(guest, "attackers", "ScriptedAttacker")

    (host.home / "cup.yaml").write_text(
        "entrants: [{name: ann, key: ann, role: Attacker}, random-attacker, random-defender]\n"
        "scenarios: [two_networks_tiny]\ngames: 12\n"
    )
    cup = f"--hub tcp://{HUB}:9100 --keys ~/.netsiege --journal {host.home}/hub.journal"
    out = host.home / "out"
    told = host.run(f"netsiege tournament run {host.home}/cup.yaml --out {out} {cup}").stdout
    assert "ann" in told
    assert "24 games played, 24 counted" in told
    rows = (out / "results.csv").read_text().splitlines()
    assert sum(",ann," in row for row in rows) == 12
    assert "24 replays come out as the tables say" in host.run(f"netsiege tournament verify {out}").stdout
    assert remote.wait(20) == 0  # the cup is over, and it has gone home


def test_remote_entrant_that_never_comes_forfeits_and_the_cup_goes_on(machines):
    host, _ = machines
    host.run("netsiege keys new --hub")
    host.start("netsiege hub --keys ~/.netsiege --bind tcp://0.0.0.0:9100", "key")
    token = host.run("netsiege keys invite me --right admin").stdout.strip()
    host.run(f"netsiege keys accept {token} --hub tcp://{HUB}:9100")
    (host.home / "cup.yaml").write_text(
        "entrants: [{name: ann, key: ann, role: Attacker}, random-attacker, random-defender]\n"
        "scenarios: [two_networks_tiny]\ngames: 2\n"
    )
    cup = f"--hub tcp://{HUB}:9100 --keys ~/.netsiege --absent 2"
    told = host.run(f"netsiege tournament run {host.home}/cup.yaml --out {host.home}/out {cup}").stdout
    assert "4 games played, 4 counted" in told
    assert "absent" in (host.home / "out" / "results.csv").read_text()


def test_remote_entrant_that_waits_for_one_that_never_comes_is_not_the_one_to_forfeit(machines):
    host, guest = machines
    invite_to_a_cup(host, guest)
    (host.home / "cup.yaml").write_text(
        "entrants: [{name: ann, key: ann, role: Defender}, {name: bob, key: bob, role: Attacker}]\n"
        "scenarios: [two_networks_tiny]\ngames: 6\n"
    )
    attending(guest, "defenders", "RandomDefender")
    cup = f"--hub tcp://{HUB}:9100 --keys ~/.netsiege --absent 8"
    host.run(f"netsiege tournament run {host.home}/cup.yaml --out {host.home}/out {cup}")
    with (host.home / "out" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["forfeit"], row["cause"]) for row in rows} == {("bob", "absent")}
    assert len(rows) == 6
