"""`python -m netsiege` is `netsiege`."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from netsiege.collecting import SELDOM


def run() -> NoReturn:
    """The command: interrupted while it is still loading, it ends as it does later on."""
    gc.set_threshold(*SELDOM)
    try:
        from netsiege.cli import main  # noqa: PLC0415  # the loading is what may be interrupted

        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
