"""A defender that answers alerts: it throws intruders out, mends what they got in by, and lets users work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from attrs import define, field

from netsiege.agents.defenders.moves import find_services, patch, random_move, respond
from netsiege.agents.defenders.scripted_defender import ScriptedDefender
from netsiege.agents.parameters import Parameter
from netsiege.game import IP, Action, ActionType, GameState, Observation, Service
from netsiege.session import Seat

WEIGHTS: Final = {
    ActionType.ScanNetwork: 1.0,
    ActionType.ExploitService: 1.0,
    ActionType.FindServices: 0.6,
    ActionType.ExfiltrateData: 0.5,
    ActionType.FindData: 0.4,
}
"""How much an alert says against its source: one of what no user does is enough, of the others it takes two
or three."""
TAKEN: Final = 0.5
"""How much an alert of an exploit says against its target: every other one succeeds, or is about nothing."""
FORGOTTEN: Final = 0.97
"""The share of a suspicion that a move leaves, so that a user's few alerts never add up."""
REST_MOVES: Final = 2
"""Own moves for which nothing is tried on a host that a response has made restart."""


class Responder(ScriptedDefender):
    """Weighs the alerts about each host, restores those that are most likely taken, and mends them.

    An alert counts against its source, one of an exploit also against its target; what counts fades with
    time. Once it is as much as `caution`, a host of its own is restored, which costs users less than leaving
    it isolated; isolated it is only when it has been taken once more, until its services are patched. A
    source that is not its own is cut off from all hosts, like those that its goal names. Hosts that were
    exploited get their services patched and their credentials reset, those with data a decoy and, if they
    were exploited, are hardened.

    When there is nothing to answer it does what the scripted defender does, but cuts no host of its own off;
    where there are no responses it plays exactly like that one. Draws from `rng` only for the random share of
    its moves.
    """

    parameters: ClassVar[Mapping[str, Parameter]] = {
        **ScriptedDefender.parameters,
        "caution": Parameter(1.0, "how much suspicion it takes to restore a host", 0.05),
    }
    caution: float

    _watch: _Alarms | None = None

    def seated(self, seat: Seat) -> None:
        """A new seat begins with a new episode."""
        super().seated(seat)
        self._watch = None

    def episode_started(self, observation: Observation) -> None:
        """Forgets the last episode, which happens without this call at the first observation of another."""
        self._watch = None

    def choose_action(self, observation: Observation) -> Action | None:
        """The most urgent response, block or look; a pass when there is none."""
        if self.seat is None or not self.seat.has_responses:
            return super().choose_action(observation)
        state = observation.state
        if self._watch is None or "max_steps" in observation.info:
            self._watch = _Alarms(self.caution)
        self._watch.hear(observation.info.get("alerts", ()), state)
        if self.epsilon and self.rng.random() < self.epsilon:
            return random_move(state, self.rng)
        action = next(self._watch.moves(state, self._moves(state)), None)
        self._watch.note(action)
        return action

    def _named(self, state: GameState) -> list[IP]:
        """Also strangers that alerts tell of."""
        strangers = self._watch.strangers if self._watch is not None else set()
        return sorted({*super()._named(state), *strangers})


@define(eq=False)
class _Alarms:
    """What alerts have told in one episode, and what was done about it."""

    caution: float
    suspicion: dict[IP, float] = field(factory=lambda: defaultdict(float))
    strangers: set[IP] = field(factory=set)
    """Sources outside that are suspected."""
    exploited: dict[IP, None] = field(factory=dict)
    """Hosts that alerts of exploits tell of, in their order."""
    attacked: set[IP] = field(factory=set)
    """Hosts whose suspicion has an exploit in it: however many there were, one alone says little."""
    restored: set[IP] = field(factory=set)
    isolated: set[IP] = field(factory=set)
    done: set[Action] = field(factory=set)
    """Responses that need not be made again."""
    resting: dict[IP, int] = field(factory=dict)
    """Hosts that restart -> the move from which on they are there again."""
    made: int = 0

    def hear(self, alerts: Iterable[Mapping[str, Any]], state: GameState) -> None:
        """Weighs new alerts, and forgets a bit of the old ones."""
        for host in self.suspicion:
            self.suspicion[host] *= FORGOTTEN
        for alert in alerts:
            kind, source = ActionType.from_string(alert["action_type"]), IP(alert["source_host"])
            self.suspicion[source] += WEIGHTS.get(kind, 0.0)
            if source not in state.controlled_hosts and self.suspicion[source] >= self.caution:
                self.strangers.add(source)
            if kind is ActionType.ExploitService:
                target = IP(alert["target_host"])
                if target not in self.attacked:
                    self.suspicion[target] += TAKEN
                self.attacked.add(target)
                self.exploited[target] = None

    def moves(self, state: GameState, otherwise: Iterator[Action]) -> Iterator[Action]:
        """Responses, the most urgent first, and what else is to be done, if nothing else can be.

        Data come first, then looks for them. Blocks on the other hosts wait, because they are often what the
        goal asks for, and who has reached the goal answers no more alerts.
        """
        held = [host for host, data in state.known_data.items() if any(d.type != "log" for d in data)]
        treasuries = sorted(state.controlled_hosts.intersection(held))
        yield from self._evict(state)
        yield from self._mend(state, treasuries)
        yield from self._once(ActionType.DeployDecoy, treasuries)
        later = []
        for action in otherwise:
            host, cut_off = action.parameters["target_host"], action.parameters.get("blocked_host")
            if not self._is_there(host) or cut_off in state.controlled_hosts:
                continue  # a host of its own is restored, which users feel less than to be cut off from it
            if cut_off is None or host in treasuries:
                yield action
            else:
                later.append(action)
        yield from later
        yield from self._once(ActionType.DeployDecoy, sorted(state.controlled_hosts))

    def note(self, action: Action | None) -> None:
        """The action is made now."""
        self.made += 1
        if action is None or action.type not in _NOTED:
            return
        host = action.parameters["target_host"]
        _NOTED[action.type](self, host)
        self.done.add(action)

    # --- what to do ---------------------------------------------------------------------------------------

    def _evict(self, state: GameState) -> Iterator[Action]:
        """Out of hosts that are most likely taken. One that was taken again first stays alone."""
        for host in sorted(self.isolated):
            yield from self._patches(state, host)
            yield respond(ActionType.RestoreHost, host)
        suspects = [host for host in state.controlled_hosts if self.suspicion[host] >= self.caution]
        for host in sorted(suspects, key=lambda host: (-self.suspicion[host], host)):
            again = host in self.restored and any(self._patches(state, host))
            yield respond(ActionType.IsolateHost if again else ActionType.RestoreHost, host)

    def _mend(self, state: GameState, treasuries: list[IP]) -> Iterator[Action]:
        """What was exploited is not to be exploited again."""
        yield from self._once(ActionType.HardenHost, [host for host in treasuries if host in self.exploited])
        for host in self.exploited:
            if host not in state.controlled_hosts:
                continue
            if host not in state.known_services and self._is_there(host):
                yield find_services(host)
            yield from self._patches(state, host)
            yield from self._once(ActionType.ResetCredentials, [host])

    def _patches(self, state: GameState, host: IP) -> Iterator[Action]:
        services: Iterable[Service] = state.known_services.get(host, ())
        actions = (patch(host, service) for service in sorted(services) if not service.is_local)
        return (action for action in actions if action not in self.done)

    def _once(self, kind: ActionType, hosts: Iterable[IP]) -> Iterator[Action]:
        actions = (respond(kind, host) for host in hosts)
        return (action for action in actions if action not in self.done)

    def _is_there(self, host: IP) -> bool:
        return host not in self.isolated and self.resting.get(host, 0) <= self.made

    # --- what was done ------------------------------------------------------------------------------------

    def _restart(self, host: IP) -> None:
        self.resting[host] = self.made + REST_MOVES

    def _restore(self, host: IP) -> None:
        self.suspicion[host] = 0.0
        self.attacked.discard(host)
        self.isolated.discard(host)
        self.restored.add(host)
        self._restart(host)

    def _isolate(self, host: IP) -> None:
        self.suspicion[host] = 0.0
        self.isolated.add(host)

    def _leave(self, _host: IP) -> None:
        """Nothing else follows from it."""


_NOTED: Final = {
    ActionType.IsolateHost: _Alarms._isolate,
    ActionType.RestoreHost: _Alarms._restore,
    ActionType.ResetCredentials: _Alarms._restart,
    ActionType.DeployDecoy: _Alarms._leave,
    ActionType.HardenHost: _Alarms._restart,
    ActionType.PatchService: _Alarms._restart,
}
"""What is remembered of a response, by its type."""
