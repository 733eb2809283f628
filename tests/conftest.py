"""Tests have the keys that they make, not those of whoever runs them."""

import os

os.environ.pop("NETSIEGE_KEYS", None)
