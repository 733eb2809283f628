"""Hypothesis: actions that often make sense on the tiny network, and events that often happen."""

from __future__ import annotations

from hypothesis import strategies as st

from netsiege.game import ActionType, Data
from tests.engine.tiny import (
    BASH,
    CLIENT,
    LISTENER,
    LOGIN,
    LOOT,
    NOWHERE,
    OUTSIDE,
    REMOTE,
    ROUTER_1,
    ROUTER_2,
    SERVER,
    SHELL,
    SMB,
    block,
    exfiltrate,
    exploit,
    find_data,
    find_services,
    patch,
    respond,
    scan,
)

addresses = st.sampled_from([CLIENT, SERVER, OUTSIDE, CLIENT, SERVER, ROUTER_1, ROUTER_2, NOWHERE])
services = st.sampled_from([SMB, SMB, REMOTE, LISTENER, LOGIN, SHELL, BASH])
data = st.one_of(
    st.sampled_from([LOOT, *SMB.data]),
    st.builds(Data, st.just("User1"), st.just("DataFromServer1"), st.integers(0, 9), st.just(""), st.text()),
    st.builds(Data, st.just("system"), st.just("logfile"), st.integers(0, 9), st.just("log"), st.text()),
)
networks = st.sampled_from(
    ["192.168.1.0/24", "192.168.2.0/24", "192.168.0.0/16", "213.47.23.192/26", "192.168.2.7/24", "0.0.0.0/0"]
)
actions = st.one_of(
    st.builds(scan, addresses, networks),
    st.builds(find_services, addresses, addresses),
    st.builds(find_data, addresses, addresses),
    st.builds(exploit, addresses, addresses, services),
    st.builds(exfiltrate, addresses, addresses, data),
    st.builds(block, addresses, addresses, addresses),
)
"""Those of NetSecGame."""
responses = st.one_of(
    st.builds(
        respond,
        st.sampled_from(
            [
                ActionType.IsolateHost,
                ActionType.RestoreHost,
                ActionType.ResetCredentials,
                ActionType.DeployDecoy,
                ActionType.HardenHost,
            ]
        ),
        addresses,
        addresses,
    ),
    st.builds(patch, addresses, addresses, services),
)
