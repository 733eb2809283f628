"""Records what the real NetSecGame answers: `python -m tests.compat.record_golden`, in a checkout.

Needs NETSIEGE_NSG_PYTHON, as `tests/parity/real.py` says. Recording again gives the same file.
"""

import json
import sys
import tempfile

from tests.compat.cases import CASES, GOLDEN, settle
from tests.compat.original import Original
from tests.parity.real import HOW, interpreter


def main():
    python = interpreter()
    if python is None:
        sys.exit(HOW)
    real = Original(python)
    lines = []
    for question, told in CASES:
        with tempfile.TemporaryDirectory() as folder:
            [answer] = real.ask((question, settle(told, folder)))
        lines.append(json.dumps([question, answer]))
    real.close()
    GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
