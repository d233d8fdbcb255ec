"""A service's clock that jumps, forward or back."""

from collections.abc import Iterator

from drills.chaos.faults.kind import Shot, fault
from services.contracts import SERVICES


@fault("clock jump", SERVICES, 7, (1.0, 4.0))
def jump(shot: Shot) -> Iterator[None]:
    """Up to an hour back or a minute forward, and right again: the drill does not wait for jobs put off further."""
    seconds = shot.dice.choice((-3600, -300, -60, 10, 30, 60))
    shot.note = f"{seconds:+} s"
    shot.centre.jump(shot.target, seconds)
    try:
        yield
    finally:
        shot.centre.jump(shot.target, 0)
