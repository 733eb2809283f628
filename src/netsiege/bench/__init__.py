"""Benchmarks of the whole: start-up, cups, endurance, everything at once, and what becomes of the figures.

Those of the engine and of the hub are beside what they measure, in `netsiege.engine` and `netsiege.hub`.
"""
