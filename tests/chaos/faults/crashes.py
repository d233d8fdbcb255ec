"""Crash points: a service that dies at one exact step of its work."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.chaos.faults.kind import NotNow, Shot, fault

POINTS = (
    "execute.before_commit",
    "execute.after_commit",
    "relay.after_publish",
    "follow.before_commit",
    "follow.after_commit",
    "follow.before_ack",
)
TARGETS = (
    *(f"{service}@{point}" for point in POINTS for service in ("inventory", "rentals", "billing", "notifications")),
    "billing@jobs.after_errand",
    "notifications@jobs.after_errand",
)
# Billing is sent no commands: what it executes, it executes as a follower.
REACHED = tuple(target for target in TARGETS if not target.startswith("billing@execute"))
PATIENCE = 15.0


@fault("crash point", REACHED, weight=14)
def crash(shot: Shot) -> Iterator[None]:
    """Start the service with a point armed, and wait until it has died there; then without."""
    service, _, point = shot.target.partition("@")
    shot.touches = {service}
    shot.centre.rearm(service, f"{point}:{shot.dice.randint(1, 6)}")
    try:
        deadline = time.monotonic() + PATIENCE
        while not (armed := _pid(shot, service)) and time.monotonic() < deadline:
            time.sleep(0.05)
        while _pid(shot, service) == armed:
            if time.monotonic() > deadline:
                raise NotNow(f"{service} did not pass {point} in {PATIENCE:.0f} s")
            time.sleep(0.05)
        shot.over = shot.centre.now()
    finally:
        shot.centre.rearm(service, None)
    yield


def _pid(shot: Shot, service: str) -> int:
    state = shot.centre.state(service)
    return state.pid if state else 0
