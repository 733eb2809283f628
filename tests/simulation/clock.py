"""Virtual time: what is to happen next, and what has happened. Both belong to one run."""

import heapq
import random
from itertools import count


class Violation(BaseException):
    """A promise is broken. No `except Exception` on the way may swallow it."""

    def __init__(self, rule, text, match=None):
        super().__init__(f"{rule}: {text}")
        self.rule, self.text, self.match = rule, text, match


class Clock:
    """Calls what is due, in the order of time, and of asking among equals."""

    def __init__(self):
        self.now_s = 0.0
        self._due = []
        self._numbers = count()

    def at(self, when_s, act, *arguments):
        heapq.heappush(self._due, (when_s, next(self._numbers), act, arguments))

    def after(self, delay_s, act, *arguments):
        heapq.heappush(self._due, (self.now_s + delay_s, next(self._numbers), act, arguments))

    def run(self, until_s, done=lambda: False):
        """Runs until nothing is due before `until_s`, or `done()`, which is asked before each call."""
        due = self._due
        while due and due[0][0] <= until_s and not done():
            when_s, _, act, arguments = heapq.heappop(due)
            self.now_s = when_s
            act(*arguments)


class Streams:
    """Random streams by name: what one purpose draws shifts no other."""

    def __init__(self, seed):
        self._seed = seed
        self._made = {}

    def __getitem__(self, name):
        if name not in self._made:
            self._made[name] = random.Random(f"{self._seed}/{name}")
        return self._made[name]
