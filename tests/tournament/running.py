"""Cups in processes of their own, for tests that kill them."""

from __future__ import annotations

import glob
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.commands import command

CUP = """
name: tiny
entrants: [scripted-attacker, random-attacker, scripted-defender, random-defender]
scenarios: [two_networks_tiny, {scenario: two_networks_tiny, readdressed: true, unseen: true}]
games: 3
"""


def netsiege(*words, cwd):
    """The command line of `netsiege tournament WORDS`, and where it runs."""
    return [sys.executable, "-m", "netsiege", "tournament", *map(str, words)], cwd


def run(*words, cwd, timeout=240):
    """Runs `netsiege tournament WORDS` to its end."""
    argv, folder = netsiege(*words, cwd=cwd)
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)


def verdicts(folder):
    """How many games of the cup there have one."""
    return _count(folder, "SELECT COUNT(*) FROM verdicts")


def in_flight(folder):
    """How many games of the cup there are being played."""
    return _count(folder, "SELECT COUNT(*) FROM attempts WHERE state = 'open'")


def _count(folder, query):
    try:
        with sqlite3.connect(f"file:{folder}/cup.sqlite?mode=ro", uri=True) as database:
            count = database.execute(query).fetchone()[0]
        database.close()
    except sqlite3.Error:
        return 0
    return count


def hub_of(folder):
    """The process of the hub of the cup there; None if there is none."""
    return next(iter(processes(folder / "hub.journal")), None)


def processes(*words):
    """The processes with all of these words in their command line, by number."""
    wanted = {str(word).encode() for word in words}
    return sorted(pid for pid, said in _command_lines() if wanted <= set(said))


def children(parent, word):
    """The processes that this one has started, with that word in their command line."""
    return [pid for pid, said in _command_lines() if word in said and _parent(pid) == parent]


def _command_lines():
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            yield int(path.split("/")[2]), Path(path).read_bytes().split(b"\0")
        except OSError:
            continue


def _parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def verdict(folder):
    """What `netsiege tournament verify` says of a folder, and its exit code."""
    told = command("tournament", "verify", folder)
    return told.returncode, told.stdout
