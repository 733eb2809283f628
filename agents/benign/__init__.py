"""Reference benign users."""

from __future__ import annotations

from netsiege.agents.benign.office_benign import OfficeBenign
from netsiege.agents.benign.random_benign import RandomBenign

__all__ = ["OfficeBenign", "RandomBenign"]
