"""Agents that attend a hall: they have so many JOINs or seats there until the hall is closed."""

from collections import Counter

from netsiege.errors import ProtocolError, SiegeError
from netsiege.game import AgentRole
from netsiege.protocol import Cause, Code, End
from tests.simulation.agent_node import AgentNode, AgentProcess
from tests.simulation.clock import Violation
from tests.simulation.hall_plan import HALL


class AttendeeProcess(AgentProcess):
    """One process of an attendee."""

    def __init__(self, node, token=None):
        self.asked = {}
        """Its JOINs -> their roles."""
        super().__init__(node, token)
        self.joined = True  # it asks for what it has not, whatever an earlier process had

    def _take(self, settled):
        role = self.asked.pop(settled.request, None) if settled.request else None
        if role is not None and isinstance(settled.answer, End | SiegeError):
            self._not_seated(settled.answer)
        super()._take(settled)

    def _not_seated(self, answer):
        """The hall is closed, the JOIN was taken back, or its match is over before it was heard of."""
        if isinstance(answer, End):
            self.node.is_sent_home = self.node.is_sent_home or answer.cause == Cause.FINISHED
        elif isinstance(answer, ProtocolError):
            if answer.code != Code.UNKNOWN_ROOM or not self.world.hall_director.closes_hall:
                raise Violation("joiners wait in their hall", f"{self.plan.name}: {answer}")
            self.node.is_sent_home = True

    def _finish_if_done(self):
        if self.node.is_sent_home:
            super()._finish_if_done()
        elif not self.session.awaited:
            self._ask_for_seats()
            if self.plan.leaves and self.rng.random() < 0.04:
                self._take_one_back()

    def _ask_for_seats(self):
        wanted = Counter(role for _, role in self.plan.joins)
        held = Counter(self.asked.values()) + Counter(s.role.value for s in self.session.seats.values())
        if any(held[role] > wanted[role] for role in held):
            raise Violation("who has joined sits in one match a JOIN", f"{self.plan.name}: {held}")
        for role in (wanted - held).elements():
            number = self._ask(self.session.join(HALL, AgentRole.from_string(role)))
            self.asked[number] = role
            self.node.joins.add(number)

    def _take_one_back(self):
        open_ones = [n for n in self.asked if self.session.is_open(n) and not self.session._open[n].withdrawn]
        if open_ones:
            self.world.count("JOINs taken back")
            self._ask(self.session.withdraw(open_ones[0]))

    def _pause_s(self, seat):
        pause_s = super()._pause_s(seat)
        return pause_s + self.rng.uniform(0.0, 1.0) if self.plan.lingers and seat.observation.end else pause_s

    def take_back_joins(self):
        """It waits until the hall is closed."""

    @property
    def waiting(self):
        """(Connection, request) of its JOINs of which the hub has said that they wait."""
        wire = self.socket.wire
        if wire is None or wire.broken or self.world.clock.now_s < self.reading_from_s:
            return set()  # what it knows may be old
        held = [n for n in self.asked if self.session.held(n) and not self.session._open[n].withdrawn]
        return {(wire.peer, number) for number in held}


class AttendeeNode(AgentNode):
    """Where an attendee's processes run."""

    is_sent_home = False

    def start(self, token=None):
        self.processes.append(AttendeeProcess(self, token))
