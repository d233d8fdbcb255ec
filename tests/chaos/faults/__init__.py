"""The faults by kind. Importing this package makes them all known."""

from tests.chaos.faults import broker, clock, crashes, messages, network, outside, postgres, processes  # noqa: F401
from tests.chaos.faults.kind import KINDS, Kind, Shot

__all__ = ["KINDS", "Kind", "Shot"]
