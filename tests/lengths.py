"""How long the long runs are: as long as the checks can wait for, or, where NETSIEGE_LONG is set, longer.

Both prove the same; the longer ones have a better chance to meet what is rare.
"""

import os
from typing import TypeVar

VARIABLE = "NETSIEGE_LONG"
_T = TypeVar("_T")


def lasting(usual: _T, long: _T) -> _T:
    """One of the two: the second if the variable is set in the environment, whatever it says."""
    return long if VARIABLE in os.environ else usual
