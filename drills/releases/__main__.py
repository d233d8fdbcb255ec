"""Rolling upgrades and roll-backs of inventory and rentals, one after the other, while a desk works.

    python -m drills.releases [--times 20]

Each time the next release is migrated and started beside the one that runs; for a while both serve. Then the older one
is started again in its place and has to refuse the log that is newer than it: clients get a 503 with Retry-After until
the newer one is back. At the end every acknowledged request has its one effect, here and in rentals, and every view is
the fold of its events.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from drills.releases.drill import Drill


def main() -> int:
    """Run the drill; the exit code is 1 when anything was lost, doubled or failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nanum-releases-") as home:
        Path(home).chmod(0o755)  # Postgres runs as another user when we are root
        drill = Drill(Path(home))
        try:
            wrong = drill.run(asked.times)
        finally:
            drill.close()
    print("\n".join(wrong) or "nothing lost, nothing doubled, nothing failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
