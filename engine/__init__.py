"""The engine: the rules of the game, matches as pure state machines, and the worker that runs them.

From the bottom up: `board` numbers everything in a topology, `actions` reads moves into those numbers;
`forms`, `valid` and `action_table` number them; `world` and `knowledge` are what changes, `rules` says how,
or another of the `rulesets`; `views`, `goals` and `tables` compile tasks; `episode` and `game` are a match;
`host` runs many, and `worker` is the loop around that. `batch` plays many games at once over arrays. All
but `worker`, `identity` and `parity` are pure: no socket, clock, environment or random source of their own.
`PARITY.md` says where the rules differ from NetSecGame's.
"""
