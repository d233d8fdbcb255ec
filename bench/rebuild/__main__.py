"""Folds the views of rentals again from many events, beside the live ones, and swaps them in.

    python -m bench.rebuild [--events 100000] [--rounds 3]

The events come from real commands: request, start, return, release. Each round prints events/s of the whole rebuild,
how long writers waited for the swap, and the ratio of its time to that of reading and decoding the events alone. At the
end the views are verified.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bench.rebuild.checkouts import carry_out, checkouts, place_items
from deploy.local import Installation
from services.chassis.eventstore.migrate import migrate
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation import database
from services.chassis.messaging.feed import Page, stored_event
from services.chassis.readmodels.rebuild import rebuild
from services.chassis.readmodels.verify import verify
from services.rentals.service import SERVICE

OWN = ("house_rules", "resident", "rental", "item_allocation", "open_rental_item")
EVENTS_OF_A_RENTAL = 5
out = Console(highlight=False)


def main() -> None:
    """Make the events, rebuild, verify, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nanum-bench-") as home:
        installation = Installation(Path(home), profile="test")
        try:
            installation.up(only={"postgres"})
            measure(installation, asked.events, asked.rounds)
        finally:
            installation.remove()


def measure(installation: Installation, events: int, rounds: int) -> None:
    """Rebuilds of the own views of rentals."""
    owner, app = installation.dsn("rentals", "owner"), installation.dsn("rentals", "app")
    migrate("rentals", owner)
    rentals = events // EVENTS_OF_A_RENTAL
    out.print(f"making {events:,} events by {rentals:,} rentals ...")
    began = time.monotonic()
    place_items(owner, rentals)
    carry_out(PostgresStore(SERVICE, app), checkouts(rentals))
    out.print(f"made in {time.monotonic() - began:.0f} s")
    no_feeds = dict.fromkeys(SERVICE.sources, lambda after: Page("", 0, []))
    for _ in range(rounds):
        bare = _read_alone(app)
        rebuilt = rebuild(SERVICE, owner, no_feeds, OWN)
        out.print(f"{rebuilt}; {rebuilt.seconds / bare:.1f} times as long as reading and decoding alone")
    verdict = verify(SERVICE, app, no_feeds)
    differences = [d for d in verdict.differences if d.view in OWN]
    out.print(f"{verdict.events:,} events, {verdict.rows:,} rows, {len(differences)} differences")


def _read_alone(url: str) -> float:
    """The seconds that it takes to read and decode every event, and to do nothing with it."""
    began = time.monotonic()
    with database.connect(url, patience=None) as conn:
        for type, schema, data in conn.execute("SELECT type, schema, data FROM event ORDER BY position"):
            stored_event(SERVICE, type, schema, data)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
