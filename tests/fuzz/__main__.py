"""The command line: see the package."""

from tests.fuzz.command import main

if __name__ == "__main__":
    raise SystemExit(main())
