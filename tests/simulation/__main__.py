"""The command line: see the package."""

from tests.simulation.search import main

if __name__ == "__main__":
    raise SystemExit(main())
