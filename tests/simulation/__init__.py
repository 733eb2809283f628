"""A whole NetSiege in one process, under a virtual clock and a virtual network, from one seed.

What is real: the hub (`HubLoop`'s turn with its drains, see-offs, ticks and commits, `Broker`, `Arena`), its
journal (`SqliteJournal`, in memory, and in a file for one seed in twenty), the workers (`engine.worker` and
its `GameHost`, with the real engine), and the agents' `Session`.

What is simulated: time, sockets (`network`: connections that lose nothing, repeat nothing and keep the order
until they break, as TCP's do), processes that die at any point between two of their operations (`hub_node`,
`worker_node`, `agent_node`), and what players want (`policy`). The clients' loops around a session are played
by `agent_node`: a blocking loop cannot run beside others under one clock.

What is not simulated: ZeroMQ's own code, CURVE and keys, the clients' own loops, the gateway, a disk that
is full or lies about what it has written, a worker that computes falsely what nobody has been told yet, and
two hubs on one journal. Constants are small (`constants`), so that snapshots, filings, give-ups and floods
come in seconds.

In a share of the runs there is a hall as well (`hall_plan`): agents attend it (`attendee`), and a director
arranges matches there, keeps what it hears of them, dies and comes back (`hall_director`). `hall_books` has
who waits, what was arranged and what came of it, from what is said and committed, and holds the hub to that.

`plan` says what a seed means, `faults` what goes wrong. `reference` plays every match a second time, in one
process, from what the journal has committed, and looks at each message on its way to an agent; `registry`
keeps books of its own about who may speak and who holds which lease; `verdict` looks at all that is left at
the end. `mutants` are hubs that are broken on purpose: each must be found out, and the real one must pass
where it was.

    python -m tests.simulation --seeds 1000        look for seeds that fail
    python -m tests.simulation --seed 17 --verbose the history of one
"""
