"""A service's clock that jumps, forward or back."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.local.processes import SERVICES
from tests.chaos.faults.kind import Shot, fault


@fault("clock jump", SERVICES, weight=7, lasts=(1.0, 4.0))
def jump(shot: Shot) -> Iterator[None]:
    """Up to an hour back or a minute forward, and right again.

    No further forward: what a wrong clock says is due in an hour is then due in an hour, and the drill does not wait.
    """
    shot.touches = {shot.target}
    seconds = shot.dice.choice((-3600, -300, -60, 10, 30, 60))
    shot.note = f"{seconds:+} s"
    shot.centre.jump(shot.target, seconds)
    try:
        yield
    finally:
        shot.centre.jump(shot.target, 0)
