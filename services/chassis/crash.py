"""Named points at which a process can be made to die, for the drills: ``NANUM_CRASH_AT=relay.after_publish:3``.

The number is how often the point is passed before the process exits as if killed. Unset, as always in operation, a
point costs one comparison.
"""

from __future__ import annotations

import os

_armed, _, _count = os.environ.get("NANUM_CRASH_AT", "").partition(":")
_left = int(_count or "1")


def point(name: str) -> None:
    """Die here when this point is armed and its count is used up."""
    if not _armed or name != _armed:
        return
    global _left
    _left -= 1
    if _left <= 0:
        os._exit(137)
