"""Real processes that are killed, stopped and started again, and what their agents notice of it.

`netsiege bench chaos` plays matches over a hub with a journal while workers and the hub itself come to harm,
and again without any. It measures how long agents had to wait, and checks that nothing was lost, repeated or
changed. `netsiege bench workers` measures what more workers bring.

A `stage` has the processes: a hub as users start it, and workers and agents forked by a `nursery`, which has
imported everything, so that a new worker is there in a few hundredths of a second. `agents` and `workers` are
what runs in them: the ordinary ones, which also write down what they do, and when. `faults` draws the harm,
`mixed`, `restarts` and `liveness` do it, `pauses` and `verdict` judge what was written down. All times are
those of the system's monotonic clock, which is the same in all processes of a machine.
"""
