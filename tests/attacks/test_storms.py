"""Storms of connections: what the kernel drops before the hub hears of it, and whom it names."""

import contextlib
import socket
import struct
import sys
import time
from collections import Counter
from itertools import count

import pytest

from netsiege.game import AgentRole
from netsiege.hub.closings import Closings
from netsiege.hub.limits import Limits
from netsiege.hub.sieve import ADDRESSES_MAX, Sieve
from netsiege.hub.storms import STORM
from tests.attacks.conftest import PATIENCE_S, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part is Linux's")

NOISY, CALM, EARLY, ELSEWHERE = "127.0.0.7", "127.0.0.8", "127.0.0.9", "127.0.0.10"
CROWD = 500
RESET = struct.pack("ii", 1, 0)
DROPPED_S = 0.3
"""Whose first packet is dropped repeats it after a second only."""


def is_heard(port, source, host="127.0.0.1"):
    """Whether a connection comes about before its first packet has to be repeated."""
    with contextlib.suppress(TimeoutError):
        socket.create_connection((host, port), DROPPED_S, (source, 0)).close()
        return True
    return False


def port_of(hub):
    return int(hub.agents.rpartition(":")[2])


@contextlib.contextmanager
def storm(hub, source, times=None):
    """Opens so many connections, or until they are not heard any more; closes them in the end."""
    crowd, deadline_s = [], time.monotonic() + PATIENCE_S
    with contextlib.ExitStack() as ends:
        ends.callback(lambda: [connection.close() for connection in crowd])
        try:
            for _ in range(times) if times is not None else count():
                assert time.monotonic() < deadline_s, "never dropped"
                crowd.append(socket.create_connection(("127.0.0.1", port_of(hub)), DROPPED_S, (source, 0)))
                if len(crowd) > CROWD:
                    crowd.pop(0).close()
        except TimeoutError:
            assert times is None, "dropped"
        yield


def test_storm_is_not_heard_for_a_while_and_disturbs_nobody_else(start):
    hub = start(limits=Limits(connections_burst=20, connections_per_s=1, storm_s=5), work=True)
    ann = hub.issue("ann")
    with hub.client(ann) as client:
        [seat] = client.join(AgentRole.Attacker)
        with storm(hub, NOISY):
            pass
        assert hub.is_refused("storm")
        assert not is_heard(port_of(hub), NOISY)
        assert is_heard(port_of(hub), CALM)
        client.step(seat, None)
        wait_until(lambda: is_heard(port_of(hub), NOISY), "the end of the storm")


def test_those_who_are_connected_go_on_when_their_address_is_outside(start):
    hub = start(limits=Limits(connections_burst=20, connections_per_s=1, storm_s=30))
    ann = hub.issue("ann")
    hub.status()
    with hub.client(ann) as client:  # from 127.0.0.1
        with storm(hub, "127.0.0.1"):
            pass
        assert hub.is_refused("storm")
        assert not is_heard(port_of(hub), "127.0.0.1")
        for _ in range(20):
            client.status()


def hang_up(connection):
    """Resets a connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


def test_who_hangs_up_before_anybody_can_look_is_named_and_dropped(start):
    hub = start(limits=Limits(connections_burst=100_000, storm_s=30))
    hub.status()
    deadline_s = time.monotonic() + PATIENCE_S
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < deadline_s:
            hang_up(socket.create_connection(("127.0.0.1", port_of(hub)), DROPPED_S, (NOISY, 0)))
    assert hub.is_refused("storm")
    assert not is_heard(port_of(hub), NOISY)
    assert is_heard(port_of(hub), CALM)


def test_hub_can_be_told_to_hear_everybody(start):
    hub = start(limits=Limits(connections_burst=20, connections_per_s=1, storm_s=0))
    hub.status()
    with storm(hub, NOISY, 20 + 3 * STORM):
        assert hub.is_refused("connections_per_s", 2 * STORM)
    assert is_heard(port_of(hub), NOISY)
    assert hub.refusals("storm") == 0


# --- the parts --------------------------------------------------------------------------------------------


def has_ipv6():
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def test_sieve_drops_the_addresses_that_it_is_told_until_it_is_told_others():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        contextlib.closing(Sieve(listener.fileno())) as sieve,
    ):
        port = sieve.port
        for dropped in ([], [NOISY], [CALM, NOISY], [CALM], []):
            sieve.drop(dropped)
            assert is_heard(port, NOISY) == (NOISY not in dropped)
            assert is_heard(port, CALM) == (CALM not in dropped)


def test_sieve_holds_as_many_as_it_says_and_forgets_the_first_of_more():
    many = [f"10.0.{n // 256}.{n % 256}" for n in range(ADDRESSES_MAX - 1)]
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        contextlib.closing(Sieve(listener.fileno())) as sieve,
    ):
        for dropped in ([NOISY, *many], [*many, NOISY], [NOISY, CALM, *many]):
            sieve.drop(dropped)
            assert is_heard(sieve.port, NOISY) == (dropped.index(NOISY) < len(dropped) - ADDRESSES_MAX)


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_sieve_of_an_ipv6_socket_drops_networks_and_addresses_of_ipv4():
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener,
        contextlib.closing(Sieve(listener.fileno())) as sieve,
    ):
        sieve.drop([f"2001:db8:{n:x}::/64" for n in range(ADDRESSES_MAX - 2)] + ["::/64", NOISY])
        assert not is_heard(sieve.port, "::1", "::1")
        assert not is_heard(sieve.port, NOISY)
        assert is_heard(sieve.port, CALM)
        sieve.drop(["2001:db8::/64", "::1/128"])
        assert not is_heard(sieve.port, "::1", "::1"), "one of loopback counts by itself"
        sieve.drop(["0:0:0:1::/64"])
        assert is_heard(sieve.port, "::1", "::1")


def test_sieve_of_a_socket_that_is_no_tcp_lets_everything_through(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        with contextlib.closing(Sieve(listener.fileno())) as sieve:
            sieve.drop([NOISY])
            assert sieve.port == 0
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(tmp_path / "socket"))


def test_closings_name_where_connections_to_the_port_came_from_while_they_are_open():
    """The kernel may tell late, in another order, or not at all when the whole host hangs up at once."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as other,
        contextlib.closing(Closings(listener.getsockname()[1])) as closings,
    ):

        def come_and_go(source, to=listener):
            hang_up(socket.create_connection(to.getsockname(), 1, (source, 0)))
            to.accept()[0].close()

        come_and_go(EARLY)
        assert closings.hosts() == []
        closings.open()
        found = Counter()

        def both_are_told():
            come_and_go(ELSEWHERE, other)
            come_and_go(NOISY)
            come_and_go(CALM)
            found.update(closings.hosts())
            return found[NOISY] and found[CALM]

        wait_until(both_are_told, "two ends")
        assert ELSEWHERE not in found
        assert found[EARLY] <= 1, "one that was about to end"
        closings.close()
        come_and_go(NOISY)
        assert closings.hosts() == []
