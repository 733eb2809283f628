"""The director: opens rooms, watches all of them, and begins anew whenever the hub has forgotten it."""

from netsiege.errors import SiegeError
from netsiege.protocol import Room, SessionRole
from netsiege.session import Interrupted
from tests.simulation.agent_node import AgentNode, AgentProcess
from tests.simulation.clock import Violation


class DirectorProcess(AgentProcess):
    """One process of the director."""

    ROLE = SessionRole.DIRECTOR

    def _join(self):
        if not self.joined:
            self.joined = True
            for opened in self.node.to_open:
                self._ask(self.session.open_room(opened))
            for room in self.node.to_watch:
                self._ask(self.session.watch(room))

    def _take(self, settled):
        if isinstance(settled.answer, Interrupted):
            self._interrupted()
        elif isinstance(settled.answer, Room):
            self.node.opened(settled.answer.name)
        elif isinstance(settled.answer, SiegeError):
            raise Violation("nothing raises", f"the director: {settled.answer}")
        else:
            self.world.count("news")

    def _finish_if_done(self):
        pass

    def ask_status(self):
        if self.session.welcomed:
            self._ask(self.session.status())


class DirectorNode(AgentNode):
    """A director, who stays until all is over. `to_open` are rooms that the hub was not started with."""

    def __init__(self, world, plan, to_open, to_watch, opened):
        super().__init__(world, plan)
        self.to_open, self.to_watch, self.opened = to_open, to_watch, opened

    def start(self, token=None):
        self.processes.append(DirectorProcess(self, token))
