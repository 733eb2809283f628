"""What an attacker remembers of an episode, and what its failures say about the firewall."""

from __future__ import annotations

from collections import Counter

from attrs import define, field

from netsiege.game import IP, Action, ActionType, GameState, Network


@define(eq=False)
class Trail:
    """What has been seen and tried in one episode. An action that fails looks like a pass.

    Where actions fail by chance, `patience` is above 1: so often an action may teach nothing until it counts
    as tried, and as one that cannot succeed.
    """

    state: GameState
    home: frozenset[IP]
    """The hosts controlled from the start."""
    tried: set[Action] = field(factory=set)
    scans: set[tuple[IP, Network]] = field(factory=set)
    open: set[tuple[IP, IP]] = field(factory=set)
    """(source, target) of which an action has shown that the firewall lets it pass, …"""
    shut: set[tuple[IP, IP]] = field(factory=set)
    """… and those of which one has shown the opposite. Of the others nothing is known."""
    last: Action | None = None
    moves: int = 0
    """Made so far."""
    patience: int = 1
    vain: Counter[Action] = field(factory=Counter)
    """How often an action has taught nothing."""

    def is_of_another_episode(self, state: GameState) -> bool:
        """Whether less is known than before: within an episode, nothing is forgotten."""
        before = self.state
        return not (
            before.controlled_hosts <= state.controlled_hosts
            and before.known_hosts <= state.known_hosts
            and before.known_networks <= state.known_networks
            and before.known_services.keys() <= state.known_services.keys()
            and all(data <= state.known_data.get(host, set()) for host, data in before.known_data.items())
        )

    def note(self, action: Action | None) -> None:
        """Remembers the action that is about to be played."""
        self.last = action
        self.moves += 1
        if action is not None:
            self.tried.add(action)
            if action.type is ActionType.ScanNetwork:
                self.scans.add((action.parameters["source_host"], action.parameters["target_network"]))

    def observe(self, state: GameState) -> None:
        """Learns who can reach whom from the difference that the last action has made."""
        before, action, self.state = self.state, self.last, state
        if action is None:
            return
        if state == before and self._may_succeed_yet(action):
            return
        source, target = action.parameters["source_host"], action.parameters.get("target_host")
        if target is None:
            found = state.known_hosts - before.known_hosts
            self.open |= {(source, host) for host in found}
            # who has scanned there before, and did not find it, cannot reach it
            self.shut |= {(s, host) for s, net in self.scans if s != source for host in found if host in net}
        elif state != before:
            self.open.add((source, target))
        elif "data" in action.parameters and action.parameters["data"] not in before.known_data.get(
            target, ()
        ):
            self.shut.add((source, target))
            self.open.discard((source, target))

    def _may_succeed_yet(self, action: Action) -> bool:
        """Whether an action that has taught nothing is worth another try; it counts as untried then."""
        self.vain[action] += 1
        if self.vain[action] >= self.patience:
            return False
        self.tried.discard(action)
        if action.type is ActionType.ScanNetwork:
            self.scans.discard((action.parameters["source_host"], action.parameters["target_network"]))
        return True

    def forget_attempts(self) -> None:
        """Begins to try again: others may have changed something."""
        self.tried, self.scans, self.shut = set(), set(), set()
        self.vain.clear()
