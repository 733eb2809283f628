"""Scenarios: topologies and tasks in YAML, checked when loaded, and the bundled ones."""
