"""Everything that comes from outside, in all the forms that nobody would send on purpose.

Each *target* is a module with `one_input(data: bytes)`, which must return, whatever the bytes are, and
`seeds()`, inputs from real runs to start from. What escapes from it is a mistake: an exception that nobody
promised, a message for somebody else, a container that grows, a match that comes out otherwise because of
strangers. `catalogue` lists the targets.

Bytes become frames, files and sequences of deeds by `tape` (choices made out of bytes) and `values` (what
looks like a real body, but for one place), so that two engines can drive the same targets: `guided`, with
atheris, looks for inputs that reach code which none has reached before, and needs a wheel of it; `plain`
mutates without looking, anywhere. `watch` bounds the time and memory that an input may take.

    python -m tests.fuzz --target broker --inputs 1000000 [--seed S] [--seconds N]
    python -m tests.fuzz --all --seconds 600
    python -m tests.fuzz --target broker --again FILE

What was found once stays found: `test_regressions`.
"""
