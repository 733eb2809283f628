"""`python -m netsiege` is `netsiege`."""

from netsiege.cli import main

main()
