"""The faults by kind. Importing this package knows them all."""

from tests.chaos.faults import broker, clock, crashes, messages, network, outside, postgres, processes  # noqa: F401
from tests.chaos.faults.kind import KINDS, Kind, Shot

__all__ = ["KINDS", "Kind", "Shot"]
