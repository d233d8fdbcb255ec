"""A failpoint: the process dies at the point that is armed, at the time that is named, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PASSES = """
from services.chassis.foundation import failpoints
for point in ("relay.after_publish", "subscriber.before_ack", "relay.after_publish"):
    failpoints.reach(point)
    print(point, flush=True)
"""


@pytest.mark.parametrize(
    ("armed", "passed", "code"),
    [
        ("", 3, 0),
        ("relay.after_publish", 0, 137),
        ("relay.after_publish:1", 0, 137),
        ("relay.after_publish:2", 2, 137),
        ("relay.after_publish:3", 3, 0),
        ("subscriber.before_ack", 1, 137),
        ("relay", 3, 0),
    ],
)
def test_the_process_dies_at_the_armed_point_when_its_turn_has_come(armed: str, passed: int, code: int) -> None:
    env = {**os.environ, "NANUM_FAILPOINT": armed}
    done = subprocess.run([sys.executable, "-c", PASSES], cwd=ROOT, env=env, capture_output=True, text=True)
    assert (len(done.stdout.splitlines()), done.returncode) == (passed, code), done.stderr
