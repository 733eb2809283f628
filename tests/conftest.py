"""What is true of every test: the keys are its own, and drawing text is never the slow first time."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

os.environ.pop("NETSIEGE_KEYS", None)
# how long drawing takes is the machine's affair: another process may have had it just then
settings.register_profile("anywhere", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("anywhere")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Makes Hypothesis's table of Unicode's categories, if none is kept here yet, before any test.

    It is a second's work, done in the first draw of a text, and Hypothesis then finds that test's drawing too
    slow. Here it is done once: last of all that is done before, but before a run's processes start.
    """
    st.text().validate()
