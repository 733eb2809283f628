"""The hub: a ROUTER that seats agents in matches and passes their moves to engine workers.

To it a payload is opaque bytes. `broker` decides and is pure; `loop` owns the sockets and decides nothing.
"""
