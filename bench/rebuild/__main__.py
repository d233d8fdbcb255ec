"""Folds the views of rentals anew from many facts, beside the live ones, and swaps them in.

    python -m bench.rebuild [--facts 100000] [--rounds 3]

The facts come from real commands: lend, pay, bring back, release. Each round prints facts/s of the whole rebuild, how
long writers waited for the swap, and the ratio of its time to that of reading and decoding the facts alone. At the end
the result is compared with the live views (a verification of its own).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import yaml
from rich.console import Console

from bench.rentals.stock import CATEGORY, CENTRE, barcode, resident_of
from deploy.local import Installation
from services.chassis import database
from services.chassis.execute import Asked, execute
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
    _stock(owner, rentals)
    began = time.monotonic()
    store = PostgresStore(SERVICE, app)
    batch: list[Asked] = []
    for command in _commands(rentals):
        batch.append(command)
        if len(batch) == 64:
            execute(store, SERVICE, batch, datetime.now(UTC))
            batch = []
    execute(store, SERVICE, batch, datetime.now(UTC))
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


def _stock(owner: str, units: int) -> None:
    with psycopg.connect(owner, autocommit=True) as conn:
        terms = (f"{CENTRE}.{CATEGORY}", CATEGORY, "tool", "측정용", "For measuring", 600, 7)
        conn.execute("INSERT INTO lending_category VALUES (%s, %s, %s, %s, %s, %s, %s)", terms)
        with conn.cursor().copy("COPY shelf_item FROM STDIN") as copy:
            for number in range(units):
                copy.write_row((barcode(number), CENTRE, CATEGORY, f"{CENTRE}.{CATEGORY}", "ready"))


def _commands(rentals: int) -> Iterator[Asked]:
    rules = yaml.safe_load((Path(__file__).parents[2] / "deploy/seed/house_rules.yaml").read_text())
    yield _ask("adopt_house_rules", centre=CENTRE, rules=json.loads(json.dumps(rules, default=str)))
    for number in range(rentals):
        resident, unit, rental = resident_of(number), barcode(number), f"{CENTRE}.{uuid.uuid4().hex}"
        if number % 4 == 0:
            yield _ask("join_resident", resident_id=resident, centre=CENTRE)
            yield _ask("verify_resident", resident_id=resident, method="id_card")
        yield _ask(
            "start_rental",
            rental_id=rental,
            resident_id=resident,
            barcodes=[unit],
            nights=2,
            payment={"method": "card_terminal"},
            manual_acknowledged=True,
        )
        yield _ask("confirm_payment", rental_id=rental, payment_id=f"p-{number}")
        yield _ask("return_items", rental_id=rental, items=[{"barcode": unit, "condition": "good"}])
        yield _ask("release_item", barcode=unit, rental_id=rental)


def _ask(name: str, **data: Any) -> Asked:
    return Asked(uuid.uuid4(), name, data, {"actor": {"role": "bench"}})


if __name__ == "__main__":
    main()
