"""What the figures were measured on, in one line."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import zmq

from netsiege import __version__


def describe_machine() -> str:
    """Processor, cores, memory, how busy it is, system, Python, libzmq and netsiege, as far as is told."""
    system = f"{platform.system()} {platform.release()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    parts = [
        _processor(),
        f"{_cores()} of {os.cpu_count()} cores",
        *_memory(),
        *_load(),
        system,
        python,
        f"libzmq {zmq.zmq_version()}",
        f"netsiege {__version__}",
    ]
    return ", ".join(parts)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return " ".join((found[1] if found else platform.processor() or platform.machine()).split())


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _memory() -> list[str]:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return []
    return [f"{size / (1 << 30):.1f} GB"]


def _load() -> list[str]:
    try:
        return [f"load {os.getloadavg()[0]:.1f} before"]
    except OSError:
        return []
