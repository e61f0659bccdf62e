"""What the system tests share with those that run commands as processes."""

from tests.end_to_end.conftest import _kept_molecules, at_once, cryoasync, simulators

__all__ = ["_kept_molecules", "at_once", "cryoasync", "simulators"]
