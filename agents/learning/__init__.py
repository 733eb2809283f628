"""Learning from play: an abstraction without addresses, tables of values, and the training of both."""
