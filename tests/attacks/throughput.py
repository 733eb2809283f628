"""What honest agents get while another client floods the hub: `python -m tests.attacks.throughput [KIND …]`.

Fifty honest agents play in one process, as fast as they are answered. In turn, for a while each: nobody else
is there; one client floods, in a process of its own; a process that talks to nobody burns as much processor
time as the flooder had. On a machine of few cores the last is what remains when any local process takes that
time: a flooder on the internet brings its own processor, so it is the flood against the burner that tells
what the hub loses. Where others use the machine too, that is a noisy figure. How many steps a second of
processor time of hub, workers and agents brings is a steadier one, but does not see a hub that keeps
everybody waiting.

What makes keys and shakes hands as fast as it can takes more from a neighbour on the same core than a process
that spins does. There the same flooder runs against a socket that hears nobody, in place of the burner.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attrs import define, field

from netsiege.hub.authority import AuthorizedFile, Grant, Right
from netsiege.hub.sieve import Sieve
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, HUB_PUBLIC, IDENTITY, KeyPair, save_hub_public, save_pair
from tests.attacks.flooder import KINDS
from tests.e2e.conftest import RunningHub

AGENTS = 50
SETTLE_S = 0.2
BURN_SLICE_S = 0.002
AT_NOBODY = ("connects", "strangers")
BURNERS = 4
"""So many, as a flooder has several threads that want their share of the machine."""
COPIES = {"large": 1 << 20, "too_large": 10 << 20}
"""Who moves much memory slows everybody on the same machine, whomever it talks to: so does the burner."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processor_s(pid):
    """The processor time that a process has had."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def burn(share, copies):
    """Takes a share of one core, and talks to nobody. It copies so many bytes again and again."""
    body = bytes(copies)
    since_s, had_s = time.monotonic(), time.process_time()
    while True:
        while time.process_time() - had_s < share * (time.monotonic() - since_s):
            bytearray(body)
        time.sleep(BURN_SLICE_S)


@contextlib.contextmanager
def burning(cores, copies):
    """Processes that burn so many cores together, copying so many bytes."""
    context = multiprocessing.get_context("fork")
    share = cores / BURNERS
    processes = [context.Process(target=burn, args=(share, copies), daemon=True) for _ in range(BURNERS)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


@contextlib.contextmanager
def nobody():
    """The address of a socket that drops whatever comes from this machine."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        contextlib.closing(Sieve(listener.fileno())) as sieve,
    ):
        sieve.drop(["127.0.0.1"])
        yield f"tcp://127.0.0.1:{sieve.port}"


class Child:
    """A module of this package in a process of its own, once it has said `ready`."""

    def __init__(self, module, *arguments):
        command = [sys.executable, "-m", f"tests.attacks.{module}", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().startswith("ready")

    def say(self, line=""):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        self.say(line)
        return json.loads(self.process.stdout.readline())

    def end(self, kill=True):
        if kill:
            self.process.kill()
        else:
            self.say()
        self.process.communicate(timeout=10)


@define
class Figures:
    """Windows: steps per second, and per second of processor time; and the cores that the flooder took."""

    quiet: list = field(factory=list)
    flood: list = field(factory=list)
    burnt: list = field(factory=list)
    cores: list = field(factory=list)

    @property
    def ratio(self):
        """What is left of the throughput, but for the flooder's own processor time."""
        return _median(self.flood, 0) / _median(self.burnt, 0)

    @property
    def dear(self):
        """What is left of the steps that a second of processor time brings."""
        return _median(self.flood, 1) / _median(self.quiet + self.burnt, 1)

    @property
    def line(self):
        quiet, flood, burnt = (_median(each, 0) for each in (self.quiet, self.flood, self.burnt))
        return (
            f"{quiet:8.0f} quiet {flood:8.0f} flood {burnt:8.0f} burnt   {flood / quiet:5.2f} of quiet   "
            f"{self.ratio:5.2f} of burnt   {self.dear:5.2f} per CPU second   "
            f"{statistics.median(self.cores):4.2f} cores"
        )


def _median(windows, column):
    return statistics.median(window[column] for window in windows)


class Theatre:
    """A hub with keys and its worker, and the honest agents that play there."""

    def __init__(self, folder, *options):
        self.folder = Path(folder)
        hub, people = (
            KeyPair.new(),
            {"honest": Right.AGENT, "mallory": Right.AGENT, "watcher": Right.SPECTATOR},
        )
        save_pair(self.folder / HUB_KEY, hub, "a test's hub")
        file = AuthorizedFile(self.folder / AUTHORIZED_KEYS)
        for name, right in people.items():
            pair = KeyPair.new()
            file.add(pair.public, Grant(name, right))
            save_pair(self.folder / name / IDENTITY, pair, f"{name}'s")
            save_hub_public(self.folder / name / HUB_PUBLIC, hub.public)
        # a flooder that is let in again at once floods more
        limits = ("--limit", "shut_out_s=1")
        self.hub = RunningHub("--keys", str(self.folder), "--seed", "5", *limits, *options)
        self.honest = Child("honest", AGENTS, self.hub.address, self.folder / "honest")

    def keys_of(self, name):
        return self.folder / name

    def steps(self):
        """How many steps the honest agents have played."""
        answered, refused, self.marks = self.honest.ask("how many")
        assert refused == 0, "an honest agent was refused something"
        return answered

    def rate(self, window_s):
        """Their steps per second over a window, and per second of processor time that is spent on them."""
        before, since_s, had_s = self.steps(), time.monotonic(), self._processor_s()
        time.sleep(window_s)
        steps = self.steps() - before
        return steps / (time.monotonic() - since_s), steps / (self._processor_s() - had_s)

    def _processor_s(self):
        pids = [self.hub.process.pid, self.honest.process.pid, *self.hub.workers()]
        return sum(map(processor_s, pids))

    def measure(self, figures, kind, window_s):
        """One window of each kind."""
        time.sleep(SETTLE_S)
        figures.quiet.append(self.rate(window_s))
        rate, cores = self._flooded(kind, window_s, self.hub.address)
        figures.flood.append(rate)
        figures.cores.append(cores)
        if kind in AT_NOBODY:
            with nobody() as address:
                rate, _ = self._flooded(kind, window_s, address)
            figures.burnt.append(rate)
            return
        time.sleep(SETTLE_S)
        with burning(cores, COPIES.get(kind, 0)):
            figures.burnt.append(self.rate(window_s))

    def _flooded(self, kind, window_s, address):
        """The rate while an address is flooded, and how many cores that takes."""
        flooder = Child("flooder", kind, address, self.keys_of("mallory"), "default")
        time.sleep(SETTLE_S)
        try:
            had_s, since_s = processor_s(flooder.process.pid), time.monotonic()
            flooder.say()
            rate = self.rate(window_s)
            return rate, (processor_s(flooder.process.pid) - had_s) / (time.monotonic() - since_s)
        finally:
            flooder.end()

    def close(self):
        self.honest.end(kill=False)
        return self.hub.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; default: all")
    parser.add_argument("--window", type=float, default=5.0, help="seconds of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    for kind in asked.kinds or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            theatre, figures = Theatre(folder), Figures()
            try:
                for _ in range(asked.rounds):
                    theatre.measure(figures, kind, asked.window)
            finally:
                theatre.close()
            print(f"{kind:14} {figures.line}", flush=True)  # noqa: T201  # what this program is for


if __name__ == "__main__":
    main()
