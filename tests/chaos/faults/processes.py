"""Processes that are killed, stopped for a while, or told to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from deploy.local.processes import SERVICES
from tests.chaos.faults.kind import Shot, fault


@fault("kill a service", SERVICES, weight=12)
def kill_service(shot: Shot) -> Iterator[None]:
    """kill -9; the supervisor starts it again."""
    shot.touches = {shot.target}
    shot.centre.signal(shot.target, signal.SIGKILL)
    yield


@fault("kill the gateway", ("gateway",), weight=4)
def kill_gateway(shot: Shot) -> Iterator[None]:
    """kill -9; the supervisor starts it again."""
    yield from kill_service(shot)


@fault("stop and continue a service", SERVICES, weight=12, lasts=(1.0, 5.0))
def pause_service(shot: Shot) -> Iterator[None]:
    """SIGSTOP, as if the machine had frozen; then it goes on as if nothing had been."""
    shot.touches = {shot.target}
    pid = shot.centre.signal(shot.target, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@fault("stop and continue the gateway", ("gateway",), weight=4, lasts=(1.0, 4.0))
def pause_gateway(shot: Shot) -> Iterator[None]:
    """SIGSTOP, SIGCONT."""
    yield from pause_service(shot)


@fault("end a program in order", (*SERVICES, "gateway"), weight=10)
def terminate(shot: Shot) -> Iterator[None]:
    """SIGTERM, as at every upgrade; the supervisor starts it again."""
    shot.touches = {shot.target}
    shot.centre.signal(shot.target, signal.SIGTERM)
    yield
