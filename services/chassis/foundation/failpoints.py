"""Named points at which a process can be made to die, for the drills: ``NANUM_FAILPOINT=relay.after_publish:3``.

The number is how often the point is passed before the process exits as if killed. Unset, as always in operation, a
point costs one call of C.
"""

import os
from collections.abc import Callable

_armed, _, _count = os.environ.get("NANUM_FAILPOINT", "").partition(":")
_left = int(_count or "1")


def _die_at(name: str) -> None:
    """Die here when this point is armed and its count is used up."""
    if name != _armed:
        return
    global _left
    _left -= 1
    if _left <= 0:
        os._exit(137)


reach: Callable[[str], object] = _die_at if _armed else bool
