"""What NetSiege is built from: do the locks of `deploy/lock` hold only what we may use and hand on?

A developer's command, no part of the product: `python -m deploy.supply`, from the root of a checkout, in an
environment installed from `deploy/lock/ci.txt`. `lockfile` reads a lock, `licences` holds what is installed
against the licences that we accept, `vulnerabilities` asks whether anything known to be broken is in it.
"""
