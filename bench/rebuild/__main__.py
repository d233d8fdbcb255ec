"""Folds the views of rentals anew from many facts, beside the live ones, and swaps them in.

    python -m bench.rebuild [--facts 100000] [--rounds 3]

The facts come from real commands: lend, pay, bring back, release. Each round prints facts/s of the whole rebuild, how
long writers waited for the swap, and the ratio of its time to that of reading and decoding the facts alone. At the end
the result is compared with the live views (a verification of its own).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bench.rebuild.checkouts import carry_out, checkouts, shelve
from deploy.local import Installation
from services.chassis import database
from services.chassis.feed import Page, read_fact
from services.chassis.migrate import migrate
from services.chassis.rebuild import rebuild
from services.chassis.store import PostgresStore
from services.chassis.verify import verify
from services.rentals.service import SERVICE

OWN = ("house_rules", "resident", "rental", "hold", "open_unit")
FACTS_OF_A_RENTAL = 5
out = Console(highlight=False)


def main() -> None:
    """Make the facts, rebuild, verify, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nanum-bench-") as home:
        installation = Installation(Path(home), profile="test", environ={})
        try:
            installation.up(only={"postgres"})
            measure(installation, asked.facts, asked.rounds)
        finally:
            installation.remove()


def measure(installation: Installation, facts: int, rounds: int) -> None:
    """Rebuilds of the own views of rentals."""
    owner, app = installation.dsn("rentals", "owner"), installation.dsn("rentals", "app")
    migrate("rentals", owner)
    rentals = facts // FACTS_OF_A_RENTAL
    out.print(f"making {facts:,} facts by {rentals:,} rentals ...")
    began = time.monotonic()
    shelve(owner, rentals)
    carry_out(PostgresStore(SERVICE, app), checkouts(rentals))
    out.print(f"made in {time.monotonic() - began:.0f} s")
    no_feeds = dict.fromkeys(SERVICE.sources, lambda after: Page("", 0, []))
    for _ in range(rounds):
        bare = _read_alone(app)
        rebuilt = rebuild(SERVICE, owner, no_feeds, OWN)
        out.print(f"{rebuilt}; {rebuilt.seconds / bare:.1f} times as long as reading and decoding alone")
    verdict = verify(SERVICE, app, no_feeds)
    differences = [d for d in verdict.differences if d.view in OWN]
    out.print(f"{verdict.facts:,} facts, {verdict.rows:,} rows, {len(differences)} differences")


def _read_alone(url: str) -> float:
    """The seconds that it takes to read and decode every fact, and to do nothing with it."""
    began = time.monotonic()
    with database.connect(url, patience=None) as conn:
        for type, schema, data in conn.execute("SELECT type, schema, data FROM event ORDER BY pos"):
            read_fact(SERVICE, type, schema, data)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
