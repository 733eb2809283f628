"""One run: everything that a seed makes, from the first HELLO to an empty hub."""

from collections import Counter

from attrs import define

from tests.simulation import faults, verdict
from tests.simulation.agent_node import AgentNode
from tests.simulation.attendee import AttendeeNode, AttendeeProcess
from tests.simulation.clock import Clock, Streams, Violation
from tests.simulation.constants import small
from tests.simulation.director import DirectorNode
from tests.simulation.disk import FileDisk, MemoryDisk, clock_of
from tests.simulation.hall_books import HallBooks
from tests.simulation.hall_director import HallDirectorNode
from tests.simulation.hall_plan import HALL
from tests.simulation.history import History
from tests.simulation.hub_node import HubNode
from tests.simulation.network import Network
from tests.simulation.plan import FAULTS_UNTIL_S, AgentPlan, make_plan
from tests.simulation.reference import Reference
from tests.simulation.registry import Registry
from tests.simulation.worker_node import WorkerNode

PLAY_MAX_S = 120.0
"""How long matches may still take once nothing goes wrong any more."""
COOL_DOWN_S = 20.0
"""After so long without agents the hub remembers nothing of them."""


@define
class Outcome:
    """What came of a run. `violation` is None if every promise was kept."""

    seed: int
    faults: frozenset
    violation: Violation | None
    counts: Counter
    matches: int
    events: int
    virtual_s: float
    world: object


class World:
    """All nodes of a run, and what they share."""

    def __init__(self, plan, listen=None):
        self.plan = plan
        self.clock = Clock()
        self.streams = Streams(plan.seed)
        self.history = History(self.clock, listen)
        self.counts = Counter()
        self.events = 0
        self.tick_scale = 1
        self.poisoned = Counter()
        """Match -> how many workers have died of it."""
        self.lied_about = set()
        self.agents, self.workers = [], []
        self.calm = False
        self.network = Network(self.clock, self.streams["network"], 0.0)
        self.books = HallBooks(self)
        self.registry = Registry(self)
        self.reference = Reference(self)
        self.disk = FileDisk() if plan.on_file else MemoryDisk()
        rng = self.streams["world"]
        later = [room.opened for room in plan.rooms[1:] if room.opened.journal and rng.random() < 0.5]
        at_once = [room.opened for room in plan.rooms if room.opened not in later]
        self.hub = self.network.hub = HubNode(self, self.disk, tuple(at_once))
        names = [opened.name for opened in (*at_once, *later)]
        director = AgentPlan("director", [])
        self.director = DirectorNode(self, director, later, names, self._room_opened)
        self._unopened = {opened.name for opened in later}
        self.hall_director = None
        if plan.hall is not None:
            self._unopened.add(HALL)
            self.hall_director = HallDirectorNode(self, plan.hall, self._room_opened)
        self._quiet_s = 0

    def room(self, name):
        """What is planned for a room, also if it is that of an arranged match."""
        arranged = None if self.hall_director is None else self.hall_director.room(name)
        return self.plan.room(name) if arranged is None else arranged

    def count(self, what):
        self.counts[what] += 1

    # --- the run ------------------------------------------------------------------------------------------

    def run(self):
        """Plays everything. Raises `Violation`."""
        clock, rng = self.clock, self.streams["world"]
        self.hub.start()
        for slots, engine in self.plan.workers:
            clock.after(rng.uniform(0.0, 0.2), self.add_worker, slots, engine)
        faults.schedule(self)
        attendees = [] if self.plan.hall is None else self.plan.hall.attendees
        self.agents += [AgentNode(self, plan) for plan in self.plan.agents]
        self.agents += [AttendeeNode(self, plan) for plan in attendees]
        for node in self.agents:
            plan = node.plan
            if not any(room in self._unopened for room, _ in plan.joins):
                clock.after(rng.uniform(0.0, 1.0), self._start, node)
        clock.after(rng.uniform(0.0, 0.2), self.director.start)
        if self.hall_director is not None:
            self.count("halls")
            clock.after(self.streams["hall director"].uniform(0.0, 0.5), self.hall_director.start)
        clock.after(rng.uniform(0.5, 1.5), self._ask_status)
        clock.run(FAULTS_UNTIL_S)
        self._be_calm()
        until_s = clock.now_s + PLAY_MAX_S
        clock.run(until_s, self._all_is_over)
        verdict.check_all_done(self)
        self._cool_down()
        verdict.check(self)

    def _ask_status(self):
        if not self.calm:
            self.director.process.ask_status()
            self.clock.after(self.streams["world"].uniform(0.5, 1.5), self._ask_status)

    def _start(self, node):
        if not node.processes and not node.done:
            node.start()

    def _room_opened(self, name):
        self._unopened.discard(name)
        for node in self.agents:
            if not any(room in self._unopened for room, _ in node.plan.joins):
                self._start(node)

    def add_worker(self, slots, engine):
        self.workers.append(WorkerNode(self, f"worker-{len(self.workers)}", slots, engine))

    def worker_ended(self, node):
        """Another one comes, sooner or later, if there are too few of its kind."""
        self.clock.after(self.streams["world"].uniform(0.05, 1.5), self._replace_worker, node.engine)

    def _replace_worker(self, engine):
        wanted = max(1, sum(kind == engine for _, kind in self.plan.workers))
        alive = sum(node.alive and node.engine == engine for node in self.workers)
        if not self.closing and alive < wanted:
            self.add_worker(self.plan.workers[0][0], engine)

    closing = False

    def _be_calm(self):
        """From here on nothing goes wrong any more; poison goes on to do its work."""
        self.calm = True
        now_s = self.clock.now_s
        self.network.delays = 0.0
        self.hub.fuse = -1
        self.hub.stalled_until_s = min(self.hub.stalled_until_s, now_s)
        self.hub.wake()
        if self.hall_director is not None:
            self.hall_director.be_calm()
        for worker in self.workers:
            worker.fuse = -1
            worker.stalled_until_s = min(worker.stalled_until_s, now_s)
            if worker.alive:
                worker.wake()
        for engine in sorted({worker.engine for worker in self.workers}):
            self._replace_worker(engine)
        self.clock.after(1.0, self._look)

    def poisoned_a_worker(self, lease):
        """A worker dies of what comes under this lease."""
        self.count("poison")
        self.poisoned[self.registry.lease_of[lease][1]] += 1

    def _look(self):
        """Once a second: who waits for players that will not come takes it back."""
        arena = self.hub.arena
        undone = [node.process for node in self.agents if not node.done and node.process is not None]
        sits = any(p.session.seats or p.session.awaited or not p.session.welcomed for p in undone)
        is_quiet = self.hub.alive and not arena.matches and not sits
        if is_quiet:
            for process in undone:
                process.take_back_joins()
        director = self.hall_director
        if director is not None:
            self._quiet_s = self._quiet_s + 1 if is_quiet and director.is_heard else 0
            if self._quiet_s > 2:
                self.books.check_told([p for p in undone if isinstance(p, AttendeeProcess)])
                director.give_up_the_rest()
        if not self.closing:
            self.clock.after(1.0, self._look)

    def _all_is_over(self):
        is_over = self.hub.alive and not self.hub.arena.matches and all(node.done for node in self.nodes)
        return is_over and self.hub.has_heard_all_agents

    @property
    def nodes(self):
        """Whoever has something to do that comes to an end."""
        return self.agents if self.hall_director is None else [*self.agents, self.hall_director]

    def _cool_down(self):
        self.closing = True
        for worker in self.workers:
            if worker.alive:
                worker.leave()
        if self.director.process is not None:
            self.director.process.say_bye_and_close()
        self.tick_scale = 10
        self.clock.run(self.clock.now_s + COOL_DOWN_S)


def run_seed(seed, faults_only=None, *, listen=None):
    """One run of a seed; `faults_only`: with these kinds of faults at most.

    `listen` is called with a line of text for everything that happens.
    """
    plan = make_plan(seed, faults_only)
    with small(plan):
        world = World(plan, listen)
        violation = None
        with clock_of(world.clock):
            try:
                world.run()
            except Violation as found:
                violation = found
            finally:
                world.disk.close()
    return Outcome(
        seed,
        plan.faults,
        violation,
        world.counts,
        len(world.reference.all),
        world.events,
        world.clock.now_s,
        world,
    )
