"""The Python code in our documents: run as printed against a hub, and looked at by mypy."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SILENT = "[mypy-netsiege.*]\nfollow_imports = silent\n"
"""For mypy: our own modules are looked at elsewhere, as installed ones are not by those who use them."""


def blocks_of(text):
    """The blocks of Python in a text of Markdown."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run_block(code, port, folder):
    """Runs a block as a program of its own, with a hub at `port`; what it prints. It says nothing else."""
    script = folder / "block.py"
    script.write_text(code.replace("9100", str(port)))
    done = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def check_types(blocks, folder):
    """Fails unless mypy, as strict as it can be, finds nothing wrong in any of the blocks."""
    names = [f"block_{i}.py" for i in range(len(blocks))]
    for name, code in zip(names, blocks, strict=True):
        (folder / name).write_text(code)
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = True\nmypy_path = {ROOT / 'src'}\n{SILENT}")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *names], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
