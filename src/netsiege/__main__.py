"""`python -m netsiege` is `netsiege`."""

from __future__ import annotations

import gc
import sys
from typing import Final, NoReturn

COLLECT: Final = (50_000, 20, 50)
"""Loading makes ten thousands of objects that stay, matches make next to no cycles: the collector, which by
default looks through the young after every 700, takes a sixth of each start, and 4% of a step.
"""


def run() -> NoReturn:
    """The command: interrupted while it is still loading, it ends as it does later on."""
    gc.set_threshold(*COLLECT)
    try:
        from netsiege.cli import main  # noqa: PLC0415  # the loading is what may be interrupted

        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
