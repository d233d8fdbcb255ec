"""Failpoints: a service that dies at one exact step of its work."""

import time
from collections.abc import Iterator

from drills.chaos.faults.kind import NotNow, Shot, fault
from services.contracts import SERVICES

COMMANDS = ("execute.before_commit", "execute.after_commit")  # billing is sent none: it decides as a subscriber
POINTS = ("relay.after_publish", "subscriber.before_commit", "subscriber.after_commit", "subscriber.before_ack")
REACHED = (
    *(f"{service}@{point}" for point in COMMANDS for service in SERVICES if service != "billing"),
    *(f"{service}@{point}" for point in POINTS for service in SERVICES),
    *(f"{service}@worker.after_effect" for service in ("billing", "notifications")),
)
PATIENCE = 15.0


@fault("failpoint", REACHED, 14)
def crash(shot: Shot) -> Iterator[None]:
    """Start the service with a point armed, and wait until it has died there; then without."""
    service, _, point = shot.target.partition("@")
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
