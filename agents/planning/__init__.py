"""Planning: what an attacker believes of a network it has not seen, and how it searches in that."""
