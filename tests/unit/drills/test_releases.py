"""The releases of the drill: each is the one before it and what that can't know."""

import json
import subprocess
import sys
from pathlib import Path

from drills.releases.tree import release

TOLD = """
import json
from services.inventory.service import SERVICE as made
from services.rentals.service import SERVICE as taken_in
subscribed = sorted(map(list, taken_in.subscribed))
print(json.dumps([sorted(made.published_types), made.events["repair.sent"].SCHEMA, subscribed]))
"""


def test_a_release_publishes_and_takes_in_what_the_one_before_does_not_know(tmp_path: Path) -> None:
    release(2, tmp_path)
    done = subprocess.run([sys.executable, "-c", TOLD], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    published, schema, subscribed = json.loads(done.stdout)
    assert {"promise.made_1", "promise.made_2"} <= set(published) and schema == 3
    assert ["inventory", "promise.made_2"] in subscribed
