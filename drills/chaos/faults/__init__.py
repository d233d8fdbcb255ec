"""The faults by kind. Importing this package makes them all known."""

from drills.chaos.faults import (  # noqa: F401
    broker,
    clock,
    failpoints,
    messages,
    network,
    operations,
    postgres,
    processes,
    simulators,
)
from drills.chaos.faults.kind import KINDS, Kind, Shot

__all__ = ["KINDS", "Kind", "Shot"]
