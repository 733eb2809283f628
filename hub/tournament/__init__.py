"""Tournaments: who plays whom, what came of it, and who is better. A client of the hub like any other."""
