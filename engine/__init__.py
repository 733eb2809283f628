"""The engine: the rules of the game, matches as pure state machines, and the worker that runs them."""
