"""Pictures of topologies: what is drawn where, and the one module that paints it."""
