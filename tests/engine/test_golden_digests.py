"""What the bundled scenarios' matches say, pinned to the byte, under every interpreter that is at hand.

A digest changes when the rules, the wire, a bundled scenario or task, or the order of any draw does: each
of those breaks replays that exist. If that is meant, say so in the changelog, run
`python -m tests.engine.golden_matches`, put what it prints in place of `DIGESTS`, and let the message of the
commit say why they had to change.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.golden_matches import all_digests

DIGESTS = {
    "one_network": "a5e19ea9e73bb1947cff1ba2ce82bcbca7b4421d48513729a37f1d9e630e847d",
    "scenario1": "8ffbb91c98aa10f91017edb475307153a35bc4daba27bcf5e1d8fdcfda8fabbe",
    "scenario1_small": "2decc325a0f225f2e92908ab3fbc337b9db710cc576eee8fad30163bd88537ec",
    "scenario1_tiny": "593c3045cb8cd3fee1b27e8ba3729bf7c3367129da1c85e4b055d6f850584e99",
    "three_net_scenario": "b2cd05348a8e650d2305cad6c3bc7a154fc6c74e362c926443c4d5c13430aa35",
    "two_networks": "8dfb4ce6f7bd572cbcdcef9b46a93efb66ed0f4796dec0926b8a61e9830b3d9d",
    "two_networks_small": "2decc325a0f225f2e92908ab3fbc337b9db710cc576eee8fad30163bd88537ec",
    "two_networks_tiny": "593c3045cb8cd3fee1b27e8ba3729bf7c3367129da1c85e4b055d6f850584e99",
}

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
NEEDS = "import msgpack, attrs, cattrs, yaml, sys; print('%d.%d' % sys.version_info[:2])"


def environment(hash_seed):
    paths = [str(ROOT / "src"), str(ROOT)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": hash_seed}


def interpreter(version):
    """An interpreter of that version that has the dependencies; `NETSIEGE_PYTHONS` names more of them."""
    named = os.environ.get("NETSIEGE_PYTHONS", "").split(os.pathsep)
    for python in filter(None, [*named, shutil.which(f"python{version}")]):
        tried = subprocess.run([python, "-c", NEEDS], capture_output=True, text=True, timeout=30, check=False)
        if tried.returncode == 0 and tried.stdout.strip() == version:
            return python
    return None


def test_outputs_of_every_bundled_scenario_are_those_pinned():
    assert all_digests() == DIGESTS


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != OURS])
def test_outputs_under_another_python_are_the_same(version):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no python{version} with msgpack, attrs, cattrs and yaml; NETSIEGE_PYTHONS may name one")
    told = subprocess.run(
        [python, "-m", "tests.engine.golden_matches"],
        cwd=ROOT,
        env=environment(version[-1]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(told.stdout) == DIGESTS
