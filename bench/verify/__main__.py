"""Verifies, and rebuilds, the own views of rentals with a history of many centres; tells time and memory.

    python -m bench.verify [--rentals 2000000] [--of-a-centre 2000] [--rebuild]

The measured program is a process of its own; its memory is the most that was resident (VmHWM).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.rebuild.checkouts import carry_out, checkouts, place_items
from bench.verify.history import OWN, copied
from deploy.local import Installation
from services.chassis.eventstore.migrate import migrate
from services.chassis.eventstore.store import PostgresStore
from services.chassis.messaging.feed import Page
from services.chassis.readmodels.rebuild import rebuild
from services.chassis.readmodels.verify import verify
from services.rentals.service import SERVICE

BOUND = 512  # MiB
out = Console(highlight=False)


def main() -> None:
    """Make the history, verify it in a process of its own, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rentals", type=int, default=2_000_000)
    parser.add_argument("--of-a-centre", type=int, default=2000)
    parser.add_argument("--rebuild", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("TOOL", "URL"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measured(*asked.measure)))
        return
    with tempfile.TemporaryDirectory(prefix="nanum-bench-") as home:
        installation = Installation(Path(home), profile="test")
        try:
            installation.up(only={"postgres"})
            sys.exit(0 if run(installation, asked.rentals, asked.of_a_centre, asked.rebuild) else 1)
        finally:
            installation.remove()


def run(installation: Installation, rentals: int, of_a_centre: int, rebuilt_too: bool) -> bool:
    """Whether nothing differs and the memory was within its bound."""
    owner, app = installation.dsn("rentals", "owner"), installation.dsn("rentals", "app")
    migrate("rentals", owner)
    place_items(owner, of_a_centre)
    carry_out(PostgresStore(SERVICE, app), checkouts(of_a_centre))
    began, copies = time.monotonic(), rentals // of_a_centre - 1
    for count in copied(installation.postgres.superuser_dsn("nanum_rentals"), copies):
        if count % 100 == 0:
            out.print(f"{(count + 1) * of_a_centre:,} rentals after {time.monotonic() - began:.0f} s")
    fine = True
    for tool, url in (("verify", app), ("rebuild", owner)) if rebuilt_too else (("verify", app),):
        argv = [sys.executable, "-m", "bench.verify", "--measure", tool, url]
        found = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        rate = found["events"] / found["seconds"]
        out.print(
            f"{tool}: {found['events']:,} events, {found['rows']:,} rows in {found['seconds']:.0f} s"
            f" ({rate:,.0f} events/s), {found['differences']} differences, {found['memory']:.0f} MiB; {found['said']}"
        )
        fine = fine and not found["differences"] and found["memory"] <= BOUND
    return fine


def measured(tool: str, url: str) -> dict[str, Any]:
    """What a tool came to, and the most memory of this process in MiB."""
    began, no_feeds = time.monotonic(), dict.fromkeys(SERVICE.sources, lambda after: Page("", 0, []))
    if tool == "verify":
        verdict = verify(SERVICE, url, no_feeds)
        differences = sum(count for view, count in verdict.found.items() if view in OWN)
        found = {"events": verdict.events, "rows": verdict.rows, "differences": differences, "said": ""}
    else:
        done = rebuild(SERVICE, url, no_feeds, OWN)
        found = {
            "events": done.events,
            "rows": done.rows,
            "differences": 0,
            "said": f"{done.locked * 1000:.0f} ms locked",
        }
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "seconds": time.monotonic() - began, "memory": memory}


if __name__ == "__main__":
    main()
