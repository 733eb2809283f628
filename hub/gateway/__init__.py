"""NetSecGame's TCP protocol in front of a hub: a process of its own, a client like any other."""
