"""The faults by kind. Importing this package makes them all known."""

from drills.chaos.faults import broker, clock, failpoints, messages, network, postgres, processes, simulators  # noqa: F401
from drills.chaos.faults.kind import KINDS, Kind, Shot

__all__ = ["KINDS", "Kind", "Shot"]
