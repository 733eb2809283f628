import gc

import pytest

from netsiege.hub.tournament.collector import no_collector


@pytest.fixture
def collections():
    """The generations that the collector has gone through since."""
    seen = []

    def note(phase, info):
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_nothing_is_collected_within_and_what_was_made_counts_as_old(collections):
    gc.unfreeze()  # a hub in this process may have frozen what was there
    gc.collect()
    collections.clear()
    with no_collector():
        made = [[number] for number in range(100_000)]
        assert collections == []
    assert gc.isenabled()
    old = {id(each) for each in gc.get_objects(generation=2)}
    assert not {id(each) for each in made} - old
    assert gc.get_freeze_count() == 0


def test_collector_that_was_off_stays_off_and_is_on_again_after_an_error():
    with pytest.raises(KeyError), no_collector():
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
