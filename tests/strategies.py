"""Hypothesis strategies for the words of the game."""

from hypothesis import strategies as st

from netsiege.game import IP, Action, ActionType, Data, GameState, Network, Service
from netsiege.game.action import PLAYED
from netsiege.game.values import int_to_ip

ips = st.integers(0, 2**32 - 1).map(lambda n: IP(int_to_ip(n)))
few_ips = st.integers(1, 6).map(lambda n: IP(f"10.0.0.{n}"))
networks = st.builds(lambda ip, mask: Network(ip.ip, mask), ips, st.integers(0, 32))
few_networks = st.integers(0, 3).map(lambda n: Network(f"10.0.{n}.0", 24))
words = st.text(max_size=8)
services = st.builds(Service, words, words, words, st.booleans())
data = st.builds(Data, words, words, st.integers(0, 2**32), words, st.text(max_size=20))


def _unique(items: list[Data]) -> list[Data]:
    return list({(d.owner, d.id, d.type): d for d in items}.values())


data_lists = st.lists(data, max_size=3).map(_unique)
states = st.builds(
    GameState,
    st.lists(few_ips, max_size=4),
    st.lists(few_ips, max_size=6),
    st.dictionaries(few_ips, st.lists(services, min_size=1, max_size=3), max_size=3),
    st.dictionaries(few_ips, data_lists.filter(bool), max_size=3),
    st.lists(few_networks, max_size=4),
    st.dictionaries(few_ips, st.lists(few_ips, min_size=1, max_size=3), max_size=3),
)

_VALUES = {
    "source_host": ips,
    "target_host": ips,
    "blocked_host": ips,
    "target_network": networks,
    "target_service": services,
    "data": data,
}


def _action(code: int) -> st.SearchStrategy[Action]:
    kind, names = PLAYED[code]
    return st.fixed_dictionaries({n: _VALUES[n] for n in names}).map(lambda p: Action(kind, p))


actions = st.integers(0, 5).flatmap(_action)
"""Those of NetSecGame."""
all_actions = st.integers(0, len(PLAYED) - 1).flatmap(_action)
speaking = st.sampled_from([ActionType.JoinGame, ActionType.QuitGame, ActionType.ResetGame])
